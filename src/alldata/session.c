#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exits.h"
#include "name.h"
#include "pool.h"
#include "secrets.h"
#include "text.h"

#define DEFAULT_ADDRESS "http://localhost:8080"

enum { PEM_MAX = 1024 * 1024 };

/* Opening. */

static int unreadable(const char *path, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", program_name, path, why);
    return EXITS_USAGE;
}

static int read_security(const struct options *options, struct pool *pool,
                         alldata_http_security *security) {
    char why[SECRETS_WHY_SIZE];
    if (options->ca != NULL) {
        security->ca_pem = secrets_read_public(pool, options->ca, PEM_MAX, why);
        if (security->ca_pem == NULL)
            return unreadable(options->ca, why);
    }
    if (options->cert != NULL) {
        security->cert_pem = secrets_read_public(pool, options->cert, PEM_MAX, why);
        if (security->cert_pem == NULL)
            return unreadable(options->cert, why);
        security->key_pem = secrets_read_private(pool, options->cert_key, PEM_MAX, why);
        if (security->key_pem == NULL)
            return unreadable(options->cert_key, why);
    }
    if (options->secret_file != NULL) {
        security->secret = secrets_read(pool, options->secret_file, why);
        if (security->secret == NULL)
            return unreadable(options->secret_file, why);
    }
    return EXITS_OK;
}

/* One without a scheme is that of HTTP. */
static char *complete(struct pool *pool, const char *address) {
    const int is_whole = strncmp(address, "unix:", 5) == 0 || strstr(address, "://") != NULL;
    return pool_printf(pool, "%s%s", is_whole ? "" : "http://", address);
}

static size_t find_addresses(const struct options *options, struct pool *pool,
                             const char *urls[OPTIONS_ADDRESSES]) {
    size_t count = 0;
    for (; count < options->address_count; count++)
        urls[count] = complete(pool, options->addresses[count]);
    const char *url = getenv("ALLDATA_URL");
    if (count > 0)
        return count;
    char *rest = pool_printf(pool, "%s", url != NULL ? url : "");
    for (char *one; rest != NULL && (one = strtok_r(rest, ",", &rest)) != NULL;)
        if (count < OPTIONS_ADDRESSES)
            urls[count++] = complete(pool, one);
    if (count == 0)
        urls[count++] = DEFAULT_ADDRESS;
    return count;
}

int session_open(const struct options *options, uint64_t timeout_ms, alldata_client **ret_client) {
    const char *urls[OPTIONS_ADDRESSES];
    struct pool pool = {NULL};
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    alldata_client_options settings = ALLDATA_CLIENT_OPTIONS_INIT;
    repli_error err = REPLI_ERROR_INIT;
    int status = read_security(options, &pool, &security);
    settings.urls = urls;
    settings.url_count = find_addresses(options, &pool, urls);
    settings.security = &security;
    settings.timeout_ms = timeout_ms;
    if (status == EXITS_OK && alldata_client_new(&settings, NULL, ret_client, &err) != REPLI_OK)
        status =
            err.code == REPLI_EINVALID ? cli_misused("%s", err.message) : session_complain(&err);
    pool_dispose(&pool);
    return status;
}

/* Failures. */

int session_exit(int32_t code) {
    switch (code) {
    case REPLI_OK:
    case REPLI_EDONE: return EXITS_OK;
    case REPLI_EREFUSED:
    case REPLI_ELOST: return EXITS_UNREACHABLE;
    case REPLI_ETIMEOUT: return EXITS_TIMEOUT;
    case REPLI_EINVALID:
    case REPLI_ECONFLICT:
    case REPLI_EAUTH:
    case REPLI_EPERMISSION:
    case REPLI_ENOTFOUND: return EXITS_REFUSED;
    case REPLI_ENOTSUP:
    case REPLI_ENOMEM: return EXITS_NEGATIVE;
    default: return EXITS_AGENT;
    }
}

int session_complain(const repli_error *err) {
    fprintf(stderr, "%s: %s\n", program_name, err->message);
    return session_exit(err->code);
}

/* Documents. */

/* What a node says is wrong, out of the body that it sends with every error. */
static int refused(int32_t http, const repli_buf *body) {
    json_t *document =
        body->size > 0 ? json_loadb(body->data, body->size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *why = json_string_value(json_object_get(document, "error_msg"));
    if (why == NULL && http == 405) {
        json_decref(document);
        fprintf(stderr, "%s: the node, one of the reference, takes puts and nothing else\n",
                program_name);
        return EXITS_NEGATIVE;
    }
    fprintf(stderr, "%s: the node %s (%d)%s%s\n", program_name, http < 500 ? "refused" : "failed",
            (int)http, why != NULL ? ": " : "", why != NULL ? why : "");
    json_decref(document);
    return http < 500 ? EXITS_REFUSED : EXITS_AGENT;
}

static int ask(alldata_client *client, const char *path, int post, repli_buf *ret_body) {
    int32_t http = 0;
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code =
        post ? alldata_client_post(client, path, NULL, NULL, 0, 0, &http, ret_body, &err)
             : alldata_client_get(client, path, 0, &http, ret_body, &err);
    if (code != REPLI_OK)
        return session_complain(&err);
    return http >= 200 && http < 300 ? EXITS_OK : refused(http, ret_body);
}

int session_get(alldata_client *client, const char *path, repli_buf *ret_body) {
    return ask(client, path, 0, ret_body);
}

int session_post(alldata_client *client, const char *path, repli_buf *ret_body) {
    return ask(client, path, 1, ret_body);
}

json_t *session_document(const repli_buf *body) {
    json_error_t why = {.text = "it is empty"};
    json_t *document = body->size > 0 ? json_loadb(body->data, body->size, 0, &why) : NULL;
    if (document == NULL)
        fprintf(stderr, "%s: the node's answer makes no sense: %s\n", program_name, why.text);
    return document;
}

char *session_path(const char *path, const char *name, const char *value) {
    if (value == NULL)
        return text_printf("%s", path);
    char *encoded = text_alloc(3 * strlen(value) + 1);
    char *to = encoded;
    for (const char *from = value; *from != '\0'; from++) {
        const int plain = strchr("-._~", *from) != NULL || (*from >= '0' && *from <= '9') ||
                          (*from >= 'A' && *from <= 'Z') || (*from >= 'a' && *from <= 'z');
        to += plain ? snprintf(to, 2, "%c", *from)
                    : snprintf(to, 4, "%%%02X", (unsigned)(unsigned char)*from);
    }
    char *whole = text_printf("%s?%s=%s", path, name, encoded);
    free(encoded);
    return whole;
}
