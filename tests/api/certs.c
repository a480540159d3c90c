#include "certs.h"

#include <check.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http_fixture.h"

#define GOOD(call) ck_assert_msg((call) >= 0, "%s failed", #call)

enum { DAY_S = 24 * 60 * 60 };

static gnutls_x509_privkey_t key_new(void) {
    gnutls_x509_privkey_t key;
    GOOD(gnutls_x509_privkey_init(&key));
    GOOD(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    return key;
}

static gnutls_datum_t datum_of(char *pem) {
    return (gnutls_datum_t){.data = (unsigned char *)pem, .size = (unsigned)strlen(pem)};
}

static void describe(gnutls_x509_crt_t cert, const char *name, int use, int days) {
    static const unsigned char localhost[] = {127, 0, 0, 1};
    const time_t now = time(NULL);
    unsigned char serial[8];
    GOOD(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)));
    serial[0] &= 0x7f;
    GOOD(gnutls_x509_crt_set_version(cert, 3));
    GOOD(gnutls_x509_crt_set_serial(cert, serial, sizeof(serial)));
    GOOD(gnutls_x509_crt_set_activation_time(cert, now - 30 * DAY_S));
    GOOD(gnutls_x509_crt_set_expiration_time(cert, now + (time_t)days * DAY_S));
    if (*name != '\0')
        GOOD(gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                           (unsigned)strlen(name)));
    GOOD(gnutls_x509_crt_set_ca_status(cert, use == CERTS_CA));
    if (use == CERTS_CA) {
        GOOD(gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_KEY_CERT_SIGN));
        return;
    }
    GOOD(gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE));
    if (use != CERTS_CLIENT)
        GOOD(gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_SERVER, 0));
    if (use != CERTS_SERVER)
        GOOD(gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_CLIENT, 0));
    if (use != CERTS_CLIENT) {
        GOOD(gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_IPADDRESS, localhost,
                                                  sizeof(localhost), GNUTLS_FSAN_SET));
        GOOD(gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                                  GNUTLS_FSAN_APPEND));
    } else if (*name == '\0') {
        GOOD(gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, "nobody.example", 14,
                                                  GNUTLS_FSAN_SET));
    }
}

static void sign(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key, const certs *issuer) {
    if (issuer == NULL) {
        GOOD(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0));
        return;
    }
    gnutls_x509_crt_t by;
    gnutls_x509_privkey_t by_key;
    const gnutls_datum_t by_pem = datum_of(issuer->cert_pem);
    const gnutls_datum_t by_key_pem = datum_of(issuer->key_pem);
    GOOD(gnutls_x509_crt_init(&by));
    GOOD(gnutls_x509_privkey_init(&by_key));
    GOOD(gnutls_x509_crt_import(by, &by_pem, GNUTLS_X509_FMT_PEM));
    GOOD(gnutls_x509_privkey_import(by_key, &by_key_pem, GNUTLS_X509_FMT_PEM));
    GOOD(gnutls_x509_crt_sign2(cert, by, by_key, GNUTLS_DIG_SHA256, 0));
    gnutls_x509_crt_deinit(by);
    gnutls_x509_privkey_deinit(by_key);
}

static char *save(const char *directory, const char *name, const char *suffix, gnutls_datum_t *pem,
                  char path[128]) {
    static int number;
    snprintf(path, 128, "%s/%d-%.20s.%s", directory, number++, name, suffix);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(pem->data, 1, pem->size, file), pem->size);
    ck_assert_int_eq(fclose(file), 0);
    char *text = strndup((const char *)pem->data, pem->size);
    gnutls_free(pem->data);
    return text;
}

void certs_make(certs *made, const char *directory, const char *name, int use, int days,
                const certs *issuer) {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key = key_new();
    GOOD(gnutls_x509_crt_init(&cert));
    describe(cert, name, use, days);
    GOOD(gnutls_x509_crt_set_key(cert, key));
    sign(cert, key, issuer);
    gnutls_datum_t pem;
    GOOD(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem));
    made->cert_pem = save(directory, name, "crt", &pem, made->cert_path);
    GOOD(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
    made->key_pem = save(directory, name, "key", &pem, made->key_path);
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(key);
}

void certs_free(certs *made) {
    free(made->cert_pem);
    free(made->key_pem);
    *made = (certs){0};
}

static void name_of_peer(gnutls_session_t session, char *ret_name, unsigned long size) {
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    ck_assert_uint_gt(count, 0);
    gnutls_x509_crt_t cert;
    size_t room = size;
    GOOD(gnutls_x509_crt_init(&cert));
    GOOD(gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER));
    GOOD(gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, ret_name, &room));
    gnutls_x509_crt_deinit(cert);
}

int certs_ask_name(int port, const char *priorities, char *ret_name, unsigned long size) {
    const int fd = raw_connect(port);
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    GOOD(gnutls_certificate_allocate_credentials(&credentials));
    GOOD(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL));
    GOOD(gnutls_priority_set_direct(session, priorities != NULL ? priorities : "NORMAL", NULL));
    GOOD(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials));
    gnutls_transport_set_int(session, fd);
    gnutls_handshake_set_timeout(session, 10000);
    int failed;
    do
        failed = gnutls_handshake(session);
    while (failed < 0 && gnutls_error_is_fatal(failed) == 0);
    if (failed == 0)
        name_of_peer(session, ret_name, size);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(fd);
    return failed == 0;
}
