#include <string.h>

#include "config.h"

/* Names of one listener's settings. */
struct side {
    const char *bind, *cert, *key, *ca, *secret;
};

static const struct side clients = {"clients.bind", "clients.tls.cert", "clients.tls.key",
                                    "clients.tls.ca", "clients.secret"};
static const struct side peers = {"peers.bind", "peers.tls.cert", "peers.tls.key", "peers.tls.ca",
                                  "peers.secret"};

static void apply(struct config *config, const struct side *side, alldata_http_security *ret,
                  struct problems *problems) {
    struct settings *all = &config->all;
    const struct setting *cert = settings_find(all, side->cert);
    const struct setting *key = settings_find(all, side->key);
    const struct setting *ca = settings_find(all, side->ca);
    *ret = (alldata_http_security)ALLDATA_HTTP_SECURITY_INIT;
    ret->secret = settings_some(all, side->secret);
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

void config_apply_security(struct config *config, struct problems *problems) {
    config->unix_mode = settings_mode(&config->all, "clients.unix_mode", problems);
    apply(config, &clients, &config->client_security, problems);
    apply(config, &peers, &config->peer_security, problems);
    warn_of_openness(config, &clients, "clients", problems);
    if (config->has_peers)
        warn_of_openness(config, &peers, "nodes", problems);
}
