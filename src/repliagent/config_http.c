#include "config.h"

#include <string.h>

#include "secrets.h"

enum { PEM_MAX = 1024 * 1024 };

static uint32_t number_of(const struct config *config, const char *name) {
    return (uint32_t)config_find(config, name)->number;
}

/* NULL for a text that is unset or empty: that is how a listener is turned off. */
static const char *text_or_null(const struct config *config, const char *name) {
    const char *text = config_text(config, name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static const char *read_pem(struct config *config, const char *name, int private,
                            struct problems *problems) {
    const struct config_setting *setting = config_find(config, name);
    if (setting->text == NULL)
        return NULL;
    char why[SECRETS_WHY_SIZE];
    const char *pem = private ? secrets_read_private(&config->pool, setting->text, PEM_MAX, why)
                              : secrets_read_public(&config->pool, setting->text, PEM_MAX, why);
    if (pem == NULL)
        problems_error(problems, setting->at, "%s: cannot use \"%s\": %s", name, setting->text,
                       why);
    return pem;
}

/* The server knows what it can use. It is asked about each part alone, so that the part's place in
 * the file is known. */
static void check_part(const struct config *config, const char *name,
                       const repli_http_options *part, struct problems *problems) {
    repli_error err = REPLI_ERROR_INIT;
    if (repli_http_options_check(part, &err) != REPLI_OK)
        problems_error(problems, config_find(config, name)->at, "%s: %s", name, err.message);
}

static void check_addresses(const struct config *config, struct problems *problems) {
    repli_http_options part = REPLI_HTTP_OPTIONS_INIT;
    part.bind = config->http.bind;
    check_part(config, "http.bind", &part, problems);
    part.bind = NULL;
    part.health_bind = config->http.health_bind;
    check_part(config, "http.health_bind", &part, problems);
    part.health_bind = NULL;
    part.unix_path = config->http.unix_path;
    check_part(config, "http.unix_socket", &part, problems);
}

static void check_tls(const struct config *config, struct problems *problems) {
    repli_http_options part = REPLI_HTTP_OPTIONS_INIT;
    const size_t errors = problems->errors;
    part.tls_cert_pem = config->http.tls_cert_pem;
    part.tls_key_pem = config->http.tls_key_pem;
    check_part(config, "http.tls.server_private_cert", &part, problems);
    part.tls_client_ca_pem = config->http.tls_client_ca_pem;
    if (part.tls_client_ca_pem != NULL && problems->errors == errors)
        check_part(config, "http.tls.client_ca_bundle", &part, problems);
}

static void apply_tls(struct config *config, struct problems *problems) {
    const struct config_setting *cert = config_find(config, "http.tls.server_private_cert");
    const struct config_setting *key = config_find(config, "http.tls.server_private_key");
    const struct config_setting *ca = config_find(config, "http.tls.client_ca_bundle");
    if (!config_find(config, "http.tls.enabled")->number)
        return;
    if ((cert->text == NULL) != (key->text == NULL)) {
        const struct config_setting *given = cert->text != NULL ? cert : key;
        problems_error(problems, given->at, "%s needs %s", given->name,
                       given == cert ? key->name : cert->name);
        return;
    }
    if (ca->text != NULL && cert->text == NULL) {
        problems_error(problems, ca->at, "%s needs %s and %s: without them there is no TLS",
                       ca->name, cert->name, key->name);
        return;
    }
    const size_t errors = problems->errors;
    config->http.tls_cert_pem = read_pem(config, cert->name, 0, problems);
    config->http.tls_key_pem = read_pem(config, key->name, 1, problems);
    config->http.tls_client_ca_pem = read_pem(config, ca->name, 0, problems);
    if (problems->errors == errors)
        check_tls(config, problems);
}

static void apply_unix_mode(struct config *config, struct problems *problems) {
    const struct config_setting *setting = config_find(config, "http.unix_mode");
    uint32_t mode = 0;
    const char *digit = setting->text;
    for (; *digit >= '0' && *digit <= '7' && mode <= 0777; digit++)
        mode = mode * 8 + (uint32_t)(*digit - '0');
    if (digit == setting->text || *digit != '\0' || mode == 0 || mode > 0777)
        problems_error(problems, setting->at,
                       "http.unix_mode: found \"%s\", expected permissions in octal, such as 0660",
                       setting->text);
    config->http.unix_mode = mode;
}

static int32_t writes_of(const char *word) {
    if (strcmp(word, "always") == 0)
        return REPLI_HTTP_WRITES_ALWAYS;
    return strcmp(word, "never") == 0 ? REPLI_HTTP_WRITES_NEVER : REPLI_HTTP_WRITES_AUTO;
}

void config_apply_http(struct config *config, struct problems *problems) {
    config->http = (repli_http_options)REPLI_HTTP_OPTIONS_INIT;
    config->http.writes = writes_of(config_text(config, "http.writes"));
    config->http.bind = text_or_null(config, "http.bind");
    config->http.unix_path = text_or_null(config, "http.unix_socket");
    config->http.health_bind = text_or_null(config, "http.health_bind");
    config->http.max_connections = number_of(config, "http.max_connections");
    config->http.request_timeout_ms = number_of(config, "http.client_request_timeout");
    config->http.keep_alive_ms = number_of(config, "http.keep_alive");
    config->http.max_body = (uint64_t)config_find(config, "http.max_body")->number;
    if (config->http.bind == NULL && config->http.unix_path == NULL)
        problems_error(problems, config_find(config, "http.bind")->at,
                       "http.bind is empty and http.unix_socket is not set: nobody could reach the "
                       "agent");
    check_addresses(config, problems);
    apply_unix_mode(config, problems);
    apply_tls(config, problems);
}
