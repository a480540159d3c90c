#include "config.h"

#include <string.h>

/* The server knows what it can use. It is asked about each part alone, so that the part's place in
 * the file is known. */
static void check_part(const struct config *config, const char *name,
                       const repli_http_options *part, struct problems *problems) {
    repli_error err = REPLI_ERROR_INIT;
    if (repli_http_options_check(part, &err) != REPLI_OK)
        problems_error(problems, settings_find(&config->all, name)->at, "%s: %s", name,
                       err.message);
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
    const struct setting *cert = settings_find(&config->all, "http.tls.server_private_cert");
    const struct setting *key = settings_find(&config->all, "http.tls.server_private_key");
    const struct setting *ca = settings_find(&config->all, "http.tls.client_ca_bundle");
    if (!settings_find(&config->all, "http.tls.enabled")->number)
        return;
    if ((cert->text == NULL) != (key->text == NULL)) {
        const struct setting *given = cert->text != NULL ? cert : key;
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
    config->http.tls_cert_pem = settings_pem(&config->all, cert->name, 0, problems);
    config->http.tls_key_pem = settings_pem(&config->all, key->name, 1, problems);
    config->http.tls_client_ca_pem = settings_pem(&config->all, ca->name, 0, problems);
    if (problems->errors == errors)
        check_tls(config, problems);
}

static int32_t writes_of(const char *word) {
    if (strcmp(word, "always") == 0)
        return REPLI_HTTP_WRITES_ALWAYS;
    return strcmp(word, "never") == 0 ? REPLI_HTTP_WRITES_NEVER : REPLI_HTTP_WRITES_AUTO;
}

void config_apply_http(struct config *config, struct problems *problems) {
    config->http = (repli_http_options)REPLI_HTTP_OPTIONS_INIT;
    config->http.writes = writes_of(settings_text(&config->all, "http.writes"));
    config->http.bind = settings_some(&config->all, "http.bind");
    config->http.unix_path = settings_some(&config->all, "http.unix_socket");
    config->http.health_bind = settings_some(&config->all, "http.health_bind");
    config->http.max_connections = (uint32_t)settings_number(&config->all, "http.max_connections");
    config->http.request_timeout_ms =
        (uint32_t)settings_number(&config->all, "http.client_request_timeout");
    config->http.keep_alive_ms = (uint32_t)settings_number(&config->all, "http.keep_alive");
    config->http.max_body = (uint64_t)settings_find(&config->all, "http.max_body")->number;
    if (config->http.bind == NULL && config->http.unix_path == NULL)
        problems_error(problems, settings_find(&config->all, "http.bind")->at,
                       "http.bind is empty and http.unix_socket is not set: nobody could reach the "
                       "agent");
    check_addresses(config, problems);
    config->http.unix_mode = settings_mode(&config->all, "http.unix_mode", problems);
    apply_tls(config, problems);
}
