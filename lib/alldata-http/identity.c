#include "alldata-http/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sized.h"
#include "web/web.h"

#define ORIGIN "alldata.http"
#define BEARER "Authorization: Bearer "

static int write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        const ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return 0;
        text += written;
        size -= (size_t)written;
    }
    return 1;
}

static int32_t keep(int *ret_fd, const char *what, const char *text, repli_error *err) {
    if (text == NULL)
        return REPLI_OK;
    *ret_fd = memfd_create("alldata", MFD_CLOEXEC);
    if (*ret_fd >= 0 && write_all(*ret_fd, text, strlen(text)))
        return REPLI_OK;
    return repli__error(err, REPLI_EFULL, ORIGIN, "cannot keep the %s in memory: %s", what,
                        strerror(errno));
}

static int32_t keep_secret(alldata__identity *identity, const char *secret, repli_error *err) {
    if (secret == NULL)
        return REPLI_OK;
    for (const char *c = secret; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return repli__error(err, REPLI_EINVALID, ORIGIN,
                                "the secret has a character that no header can carry: use letters, "
                                "digits and signs of ASCII, without blanks");
    const size_t size = sizeof(BEARER) + strlen(secret);
    identity->authorization = repli__alloc(identity->mem, size);
    if (identity->authorization == NULL)
        return repli__error_nomem(err, ORIGIN, "keeping a secret");
    snprintf(identity->authorization, size, BEARER "%s", secret);
    return REPLI_OK;
}

static int32_t check(const alldata_http_security *security, repli_error *err) {
    const repli__web_tls tls = {security->cert_pem, security->key_pem, security->ca_pem};
    if ((security->cert_pem != NULL) != (security->key_pem != NULL))
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "a certificate and its private key come together: %s is missing",
                            security->cert_pem == NULL ? "the certificate" : "the key");
    return repli__web_check_pem(&tls, err);
}

int32_t alldata__identity_init(alldata__identity *identity, const repli__mem *mem,
                               const alldata_http_security *security, repli_error *err) {
    *identity = (alldata__identity){.mem = mem, .cert_fd = -1, .key_fd = -1, .ca_fd = -1};
    if (security == NULL)
        return REPLI_OK;
    alldata_http_security own;
    repli__sized_copy(&own, sizeof(own), security);
    int32_t code = check(&own, err);
    if (code == REPLI_OK)
        code = keep(&identity->cert_fd, "certificate", own.cert_pem, err);
    if (code == REPLI_OK)
        code = keep(&identity->key_fd, "private key", own.key_pem, err);
    if (code == REPLI_OK)
        code = keep(&identity->ca_fd, "CA's certificates", own.ca_pem, err);
    if (code == REPLI_OK)
        code = keep_secret(identity, own.secret, err);
    if (code != REPLI_OK)
        alldata__identity_dispose(identity);
    return code;
}

void alldata__identity_dispose(alldata__identity *identity) {
    const int fds[] = {identity->cert_fd, identity->key_fd, identity->ca_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    /* The key goes with its file; the secret must not be found in memory that was given back. */
    if (identity->authorization != NULL)
        explicit_bzero(identity->authorization, strlen(identity->authorization));
    repli__free(identity->mem, identity->authorization);
    *identity = (alldata__identity){identity->mem, -1, -1, -1, NULL};
}

int alldata__identity_has_tls(const alldata__identity *identity) {
    return identity->cert_fd >= 0 || identity->ca_fd >= 0;
}

void alldata__identity_path(int fd, char ret_path[ALLDATA__IDENTITY_PATH]) {
    snprintf(ret_path, ALLDATA__IDENTITY_PATH, "/proc/self/fd/%d", fd);
}
