#include <string.h>

#include "config.h"

/* Names of one listener's settings. */
struct side {
    const char *bind, *cert, *key, *ca, *secret, *other;
};

static const struct side clients = {"clients.bind",   "clients.tls.cert", "clients.tls.key",
                                    "clients.tls.ca", "clients.secret",   "clients.other_secret"};
static const struct side peers = {"peers.bind",   "peers.tls.cert", "peers.tls.key",
                                  "peers.tls.ca", "peers.secret",   "peers.other_secret"};

static void apply(struct config *config, const struct side *side, alldata_http_security *ret,
                  struct problems *problems) {
    struct settings *all = &config->all;
    const struct setting *cert = settings_find(all, side->cert);
    const struct setting *key = settings_find(all, side->key);
    const struct setting *ca = settings_find(all, side->ca);
    *ret = (alldata_http_security)ALLDATA_HTTP_SECURITY_INIT;
    ret->secret = settings_some(all, side->secret);
    ret->other_secret = settings_some(all, side->other);
    if (ret->other_secret != NULL && ret->secret == NULL)
        problems_error(problems, settings_find(all, side->other)->at,
                       "%s needs %s, instead of which it may be used", side->other, side->secret);
    if ((cert->text == NULL) != (key->text == NULL)) {
        const struct setting *given = cert->text != NULL ? cert : key;
        problems_error(problems, given->at, "%s needs %s", given->name,
                       given == cert ? key->name : cert->name);
    } else if (ca->text != NULL && cert->text == NULL) {
        problems_error(problems, ca->at, "%s needs %s and %s: without them there is no TLS",
                       ca->name, cert->name, key->name);
    } else {
        ret->cert_pem = settings_pem(all, side->cert, 0, problems);
        ret->key_pem = settings_pem(all, side->key, 1, problems);
        ret->ca_pem = settings_pem(all, side->ca, 0, problems);
    }
}

static int is_loopback(const char *bind) {
    return strncmp(bind, "127.", 4) == 0 || strncmp(bind, "localhost:", 10) == 0 ||
           strncmp(bind, "[::1]:", 6) == 0;
}

/* Nothing else keeps anybody out. */
static void warn_of_openness(const struct config *config, const struct side *side, const char *who,
                             struct problems *problems) {
    const struct setting *bind = settings_find(&config->all, side->bind);
    if (bind->text[0] != '\0' && !is_loopback(bind->text) &&
        settings_some(&config->all, side->secret) == NULL &&
        settings_text(&config->all, side->ca) == NULL)
        problems_warning(problems, bind->at,
                         "%s: whoever can connect to %s may put events and read them, as %s do: "
                         "set %s or %s, or keep others out of that network",
                         bind->name, bind->text, who, side->secret, side->ca);
}

/* The server knows what it can use. It is asked about each part alone, so that the part's place in
 * the file is known. */
static void check_part(const struct config *config, const char *name,
                       const alldata_http_server_options *part, struct problems *problems) {
    repli_error err = REPLI_ERROR_INIT;
    if (alldata_http_server_check(part, &err) != REPLI_OK)
        problems_error(problems, settings_find(&config->all, name)->at, "%s: %s", name,
                       err.message);
}

static void check_listeners(const struct config *config, struct problems *problems) {
    alldata_http_server_options part = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    part.clients = settings_some(&config->all, "clients.bind");
    part.client_security = &config->client_security;
    if (part.clients != NULL)
        check_part(config, "clients.bind", &part, problems);
    part = (alldata_http_server_options)ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    part.unix_path = settings_some(&config->all, "clients.unix_socket");
    if (part.unix_path != NULL)
        check_part(config, "clients.unix_socket", &part, problems);
    part = (alldata_http_server_options)ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    part.peers = settings_some(&config->all, "peers.bind");
    part.peer_security = &config->peer_security;
    if (part.peers != NULL)
        check_part(config, "peers.bind", &part, problems);
    else if (config->has_peers)
        problems_error(problems, settings_find(&config->all, "peers.bind")->at,
                       "peers.bind is empty: other nodes could not reach this one");
}

void config_apply_security(struct config *config, struct problems *problems) {
    config->unix_mode = settings_mode(&config->all, "clients.unix_mode", problems);
    apply(config, &clients, &config->client_security, problems);
    apply(config, &peers, &config->peer_security, problems);
    warn_of_openness(config, &clients, "clients", problems);
    if (config->has_peers)
        warn_of_openness(config, &peers, "nodes", problems);
    if (problems->errors == 0)
        check_listeners(config, problems);
}
