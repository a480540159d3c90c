#include "certificates.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "program.h"

enum { DAY_S = 86400 };

static void write_file(const char *directory, const char *name, const char *kind,
                       gnutls_datum_t *pem) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s.%s.pem", directory, name, kind);
    program_write_file(path, (const char *)pem->data);
    ck_assert_int_eq(chmod(path, 0600), 0);
    gnutls_free(pem->data);
}

static gnutls_x509_privkey_t make_key(void) {
    gnutls_x509_privkey_t key;
    ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(
                         key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    return key;
}

static gnutls_x509_crt_t make_certificate(const char *name, unsigned char serial,
                                          gnutls_x509_privkey_t key) {
    gnutls_x509_crt_t certificate;
    ck_assert_int_eq(gnutls_x509_crt_init(&certificate), 0);
    gnutls_x509_crt_set_version(certificate, 3);
    gnutls_x509_crt_set_serial(certificate, &serial, 1);
    gnutls_x509_crt_set_activation_time(certificate, time(NULL) - DAY_S);
    gnutls_x509_crt_set_expiration_time(certificate, time(NULL) + DAY_S);
    gnutls_x509_crt_set_dn(certificate, name, NULL);
    gnutls_x509_crt_set_key(certificate, key);
    return certificate;
}

static void export_certificate(gnutls_x509_crt_t certificate, const char *directory,
                               const char *name, const char *kind) {
    gnutls_datum_t pem;
    ck_assert_int_eq(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(directory, name, kind, &pem);
}

void certificates_make(const char *directory, const char *name) {
    char subject[64];
    gnutls_x509_privkey_t ca_key = make_key(), key = make_key();
    snprintf(subject, sizeof(subject), "CN=authority of %s", name);
    gnutls_x509_crt_t ca = make_certificate(subject, 1, ca_key);
    gnutls_x509_crt_set_ca_status(ca, 1);
    gnutls_x509_crt_set_key_usage(ca, GNUTLS_KEY_KEY_CERT_SIGN);
    ck_assert_int_eq(gnutls_x509_crt_sign2(ca, ca, ca_key, GNUTLS_DIG_SHA256, 0), 0);
    snprintf(subject, sizeof(subject), "CN=%s", name);
    gnutls_x509_crt_t certificate = make_certificate(subject, 2, key);
    gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                         GNUTLS_FSAN_SET);
    ck_assert_int_eq(gnutls_x509_crt_sign2(certificate, ca, ca_key, GNUTLS_DIG_SHA256, 0), 0);

    export_certificate(ca, directory, name, "ca");
    export_certificate(certificate, directory, name, "cert");
    gnutls_datum_t pem;
    ck_assert_int_eq(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(directory, name, "key", &pem);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_privkey_deinit(ca_key);
}
