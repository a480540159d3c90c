#ifndef TESTS_CERTS_H
#define TESTS_CERTS_H

/* Certificates made on the spot. */

/* CERTS_NODE: both server and client. */
enum { CERTS_CA = 1, CERTS_SERVER, CERTS_CLIENT, CERTS_NODE };

typedef struct certs {
    char *cert_pem;
    char *key_pem;
    char cert_path[128]; /* the same in files */
    char key_path[128];
} certs;

/* For name (the common name; "" for an empty subject), signed by issuer, or by itself if that is
 * NULL. Servers are 127.0.0.1 and localhost. days: until it expires; negative: it has. */
void certs_make(certs *made, const char *directory, const char *name, int use, int days,
                const certs *issuer);
void certs_free(certs *made);

/* One TLS handshake with a port of 127.0.0.1, and the common name of the server's certificate.
 * priorities NULL: the usual ones. Returns not 0 if it succeeded. */
int certs_ask_name(int port, const char *priorities, char *ret_name, unsigned long size);

#endif
