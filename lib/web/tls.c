#include "web/tls.h"

#include <gnutls/x509.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { LONGEST_SUBJECT = 255 }; /* what a requester's name may have */

static gnutls_datum_t datum_of(const char *text) {
    return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

static int32_t bad(repli_error *err, const char *what, int failed) {
    const int32_t code = failed == GNUTLS_E_MEMORY_ERROR ? REPLI_ENOMEM : REPLI_EINVALID;
    repli__error(err, code, "http", "%s: %s", what, gnutls_strerror(failed));
    repli__error_native(err, gnutls_strerror_name(failed));
    return code;
}

static int32_t check_certificate(const char *pem, repli_error *err) {
    const gnutls_datum_t data = datum_of(pem);
    gnutls_x509_crt_t *chain;
    unsigned count;
    const int failed = gnutls_x509_crt_list_import2(&chain, &count, &data, GNUTLS_X509_FMT_PEM, 0);
    if (failed < 0)
        return bad(err, "the TLS certificate cannot be read as PEM", failed);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
    return REPLI_OK;
}

static int32_t check_key(const char *pem, repli_error *err) {
    const gnutls_datum_t data = datum_of(pem);
    gnutls_x509_privkey_t key;
    int failed = gnutls_x509_privkey_init(&key);
    if (failed < 0)
        return bad(err, "the TLS key cannot be read", failed);
    failed = gnutls_x509_privkey_import2(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_x509_privkey_deinit(key);
    return failed < 0 ? bad(err, "the TLS key cannot be read as PEM without a password", failed)
                      : REPLI_OK;
}

static int32_t check_together(gnutls_certificate_credentials_t credentials,
                              const repli__web_tls *tls, repli_error *err) {
    const gnutls_datum_t certificate = datum_of(tls->certificate);
    const gnutls_datum_t key = datum_of(tls->key);
    const int failed =
        gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
    if (failed < 0)
        return bad(err, "the TLS key does not belong to its certificate", failed);
    return REPLI_OK;
}

static int32_t check_trust(gnutls_certificate_credentials_t credentials, const char *pem,
                           repli_error *err) {
    const gnutls_datum_t bundle = datum_of(pem);
    const int found =
        gnutls_certificate_set_x509_trust_mem(credentials, &bundle, GNUTLS_X509_FMT_PEM);
    if (found < 0)
        return bad(err, "the bundle of CAs cannot be read as PEM", found);
    if (found == 0)
        return repli__error(err, REPLI_EINVALID, "http", "the bundle of CAs is empty");
    return REPLI_OK;
}

int32_t repli__web_check_pem(const repli__web_tls *tls, repli_error *err) {
    int32_t code = REPLI_OK;
    if (tls->certificate != NULL)
        code = check_certificate(tls->certificate, err);
    if (code == REPLI_OK && tls->key != NULL)
        code = check_key(tls->key, err);
    if (code != REPLI_OK || (tls->certificate == NULL && tls->client_ca == NULL))
        return code;
    gnutls_certificate_credentials_t credentials;
    const int failed = gnutls_certificate_allocate_credentials(&credentials);
    if (failed < 0)
        return bad(err, "cannot check the TLS certificate", failed);
    if (tls->certificate != NULL && tls->key != NULL)
        code = check_together(credentials, tls, err);
    if (code == REPLI_OK && tls->client_ca != NULL)
        code = check_trust(credentials, tls->client_ca, err);
    gnutls_certificate_free_credentials(credentials);
    return code;
}

int32_t repli__web_check_tls(const repli__web_tls *tls, repli_error *err) {
    if (tls->certificate == NULL && tls->key == NULL && tls->client_ca == NULL)
        return REPLI_OK;
    if (tls->certificate == NULL || tls->key == NULL)
        return repli__error(err, REPLI_EINVALID, "http",
                            "TLS needs both a certificate and its private key");
    return repli__web_check_pem(tls, err);
}

static int verify_client(gnutls_session_t session) {
    /* A certificate that is only for servers is none for clients. */
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
                                     .size = 0};
    unsigned status = 0;
    const int failed = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
    return failed == 0 && status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

void repli__web_tls_require_client(gnutls_session_t session) {
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_function(session, verify_client);
}

static char *fingerprint_of(const repli__mem *mem, const gnutls_datum_t *der) {
    unsigned char digest[32];
    size_t size = sizeof(digest);
    if (gnutls_fingerprint(GNUTLS_DIG_SHA256, der, digest, &size) < 0)
        return NULL;
    static const char prefix[] = "sha256:";
    static const char hex[] = "0123456789abcdef";
    char text[sizeof(prefix) + 2 * sizeof(digest)];
    char *end = stpcpy(text, prefix);
    for (size_t i = 0; i < size; i++) {
        *end++ = hex[digest[i] >> 4];
        *end++ = hex[digest[i] & 15];
    }
    *end = '\0';
    return repli__strdup(mem, text);
}

/* The subject, or NULL if it would be no name for a requester: it is empty, for example, where only
 * alternative names are used. */
static char *usable_subject(const repli__mem *mem, gnutls_x509_crt_t certificate) {
    gnutls_datum_t name = {NULL, 0};
    if (gnutls_x509_crt_get_dn3(certificate, &name, 0) < 0)
        return NULL;
    char *subject = NULL;
    if (name.size > 0 && name.size <= LONGEST_SUBJECT)
        subject = repli__strdup(mem, (const char *)name.data);
    if (subject != NULL)
        repli__utf8_clean(subject);
    gnutls_free(name.data);
    return subject;
}

static char *identity_of(const repli__mem *mem, const gnutls_datum_t *der) {
    gnutls_x509_crt_t certificate;
    if (gnutls_x509_crt_init(&certificate) < 0)
        return NULL;
    char *identity = NULL;
    if (gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) >= 0)
        identity = usable_subject(mem, certificate);
    gnutls_x509_crt_deinit(certificate);
    return identity != NULL ? identity : fingerprint_of(mem, der);
}

char *repli__web_tls_subject(const repli__mem *mem, gnutls_session_t session) {
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    return chain != NULL && count > 0 ? identity_of(mem, &chain[0]) : NULL;
}
