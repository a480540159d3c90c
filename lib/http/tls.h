#ifndef REPLI_HTTP_TLS_H
#define REPLI_HTTP_TLS_H

#include <gnutls/gnutls.h>

#include <replicante/http.h>

/* No TLS before 1.2. */
#define REPLI__HTTP_TLS_PRIORITIES "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"

/* Whether the options' certificates, key and CA bundle make sense, with a message for each way in
 * which they do not: libmicrohttpd only says no. */
int32_t repli__http_tls_check(const repli_http_options *options, repli_error *err);

/* Before the handshake: without a client certificate that the CA bundle vouches for, it fails. */
void repli__http_tls_require_client(gnutls_session_t session);

/* After it: the subject of the client's certificate (RFC 4514), or its SHA-256 digest if that
 * would be no name for a requester, to be freed with repli__free(). NULL if there is no
 * certificate, or no memory. */
char *repli__http_tls_subject(gnutls_session_t session);

#endif
