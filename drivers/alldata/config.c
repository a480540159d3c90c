#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "alldata.h"

#define KEY(id, type_, flags_, name_, default_, choices_, min_, max_, summary_)                    \
    static const repli_config_key id = {(uint32_t)sizeof(repli_config_key),                        \
                                        type_,                                                     \
                                        flags_,                                                    \
                                        0,                                                         \
                                        name_,                                                     \
                                        default_,                                                  \
                                        choices_,                                                  \
                                        min_,                                                      \
                                        max_,                                                      \
                                        summary_}
#define TEXT(id, flags, name, text, summary)                                                       \
    KEY(id, REPLI_CONFIG_STRING, flags, name, text, NULL, 0, 0, summary)
#define CHOICE(id, name, text, words, summary)                                                     \
    KEY(id, REPLI_CONFIG_CHOICE, 0, name, text, words, 0, 0, summary)
#define NUMBER(id, name, text, min, max, summary)                                                  \
    KEY(id, REPLI_CONFIG_INTEGER, 0, name, text, NULL, min, max, summary)

TEXT(url, 0, "url", NULL,
     "the node's port for clients, if it runs elsewhere: http://host:port, "
     "https://host:port or "
     "unix:/path");
TEXT(secret, REPLI_CONFIG_SECRET, "secret", NULL, "secret of the port for clients");
TEXT(tls_ca, REPLI_CONFIG_SECRET, "tls.ca", NULL,
     "PEM text of the authorities that others must have a certificate of");
TEXT(tls_cert, REPLI_CONFIG_SECRET, "tls.cert", NULL, "PEM text of the certificate to show");
TEXT(tls_key, REPLI_CONFIG_SECRET, "tls.key", NULL, "PEM text of its private key");
TEXT(location, 0, "location", NULL, "directory of a node in this process");
TEXT(node_id, 0, "id", NULL, "its id (one is made, and kept in the directory)");
TEXT(cluster, 0, "cluster", "alldata", "name of its cluster");
TEXT(zone, 0, "zone", NULL, "zone that it is in");
TEXT(region, 0, "region", NULL, "region that it is in");
CHOICE(interval, "interval", "P1D", "P1D|PT3H|PT1H|PT15M|PT5M", "length of its intervals");
CHOICE(commit, "commit", "quorum", "one|quorum|all",
       "how many replicas acknowledge a put, if that does not say");
TEXT(clients_bind, 0, "clients.bind", NULL, "host:port for clients (none)");
TEXT(clients_socket, 0, "clients.unix_socket", NULL,
     "path of its socket for clients (clients.sock in the directory)");
TEXT(peers_bind, 0, "peers.bind", NULL, "host:port for peers (a node without peers)");
TEXT(peers_secret, REPLI_CONFIG_SECRET, "peers.secret", NULL, "secret that all peers share");
TEXT(gossip_bind, 0, "gossip.bind", NULL, "host:port for gossip (a node without peers)");
TEXT(gossip_advertise, 0, "gossip.advertise", NULL,
     "host, or host:port, where peers reach that (as it is bound)");
KEY(seeds, REPLI_CONFIG_STRINGS, 0, "gossip.seeds", NULL, NULL, 0, 0,
    "host:port for gossip of nodes to begin with");
NUMBER(factor, "replication.factor", "1", 1, 15, "how many nodes are to have an event");
NUMBER(other_zones, "replication.other_zones", "0", 0, 14, "of them, in other zones");
NUMBER(other_regions, "replication.other_regions", "0", 0, 14, "of them, in other regions");
KEY(sync, REPLI_CONFIG_BOOLEAN, 0, "sync", "true", NULL, 0, 0,
    "whether an event is on disk before it is acknowledged");

const repli_config_key *const repli__alldata_config_keys[] = {
    &url,          &secret,         &tls_ca,      &tls_cert,      &tls_key,     &location,
    &node_id,      &cluster,        &zone,        &region,        &interval,    &commit,
    &clients_bind, &clients_socket, &peers_bind,  &peers_secret,  &gossip_bind, &gossip_advertise,
    &seeds,        &factor,         &other_zones, &other_regions, &sync,        NULL};

/* Where the value of each text goes. */
static const struct {
    const repli_config_key *key;
    size_t offset;
} texts[] = {
#define MEMBER(id, name)                                                                           \
    { &id, offsetof(repli__alldata_config, name) }
    MEMBER(url, url),
    MEMBER(secret, secret),
    MEMBER(tls_ca, tls_ca),
    MEMBER(tls_cert, tls_cert),
    MEMBER(tls_key, tls_key),
    MEMBER(location, location),
    MEMBER(node_id, node_id),
    MEMBER(cluster, cluster),
    MEMBER(zone, zone),
    MEMBER(region, region),
    MEMBER(interval, interval),
    MEMBER(commit, commit),
    MEMBER(clients_bind, clients_bind),
    MEMBER(clients_socket, clients_socket),
    MEMBER(peers_bind, peers_bind),
    MEMBER(peers_secret, peers_secret),
    MEMBER(gossip_bind, gossip_bind),
    MEMBER(gossip_advertise, gossip_advertise),
};

enum { TEXT_COUNT = sizeof(texts) / sizeof(*texts) };

static char **text_at(repli__alldata *alldata, size_t index) {
    return (char **)((char *)&alldata->config + texts[index].offset);
}

/* Reads one text at its path, or none. */
static int32_t read_text(repli__alldata *alldata, const char *json, size_t size, const char *path,
                         char **ret_text, repli_error *err) {
    const repli_host *host = alldata->host;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__alldata_json_text(alldata, json, size, path, ret_text, &error);
    if (code == REPLI_ENOTFOUND)
        return REPLI_OK;
    if (code != REPLI_OK)
        return repli__alldata_pass(alldata, err, &error, "configuration");
    if (**ret_text == '\0') {
        host->release(host, *ret_text);
        *ret_text = NULL;
    }
    return REPLI_OK;
}

static int32_t read_seeds(repli__alldata *alldata, const char *json, size_t size,
                          repli_error *err) {
    repli__alldata_config *config = &alldata->config;
    for (size_t i = 0;; i++) {
        char path[32];
        char *text = NULL;
        snprintf(path, sizeof(path), "gossip.seeds.%zu", i);
        const int32_t code = read_text(alldata, json, size, path, &text, err);
        if (code != REPLI_OK || text == NULL)
            return code;
        if (i == REPLI__ALLDATA_SEEDS_MAX) {
            alldata->host->release(alldata->host, text);
            return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                       "configuration: gossip.seeds has more than %d seeds",
                                       REPLI__ALLDATA_SEEDS_MAX);
        }
        config->seeds[config->seed_count++] = text;
    }
}

static int32_t read_number(repli__alldata *alldata, const char *json, size_t size, const char *path,
                           int64_t *ret_number, repli_error *err) {
    const repli_host *host = alldata->host;
    const int32_t code = host->json_integer(host, json, size, path, ret_number, err);
    return code == REPLI_ENOTFOUND ? REPLI_OK : code;
}

/* What belongs to the other way of having a node is a mistake, as it would do
 * nothing. */
static int32_t check_remote(const repli__alldata *alldata, repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    static const char *const begins[] = {"http://", "https://", "unix:/"};
    int known = 0;
    for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
        known |= strncmp(config->url, begins[i], strlen(begins[i])) == 0 &&
                 strlen(config->url) > strlen(begins[i]);
    if (!known)
        return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                   "configuration: url must be http://host:port, "
                                   "https://host:port or unix:/path, not \"%s\"",
                                   config->url);
    if (config->location || config->clients_bind || config->clients_socket || config->peers_bind ||
        config->gossip_bind || config->seed_count > 0)
        return repli__alldata_fail(
            alldata, err, REPLI_EINVALID, NULL,
            "configuration: url is for a node that runs elsewhere, location "
            "and all that listens for one in this process: give one of them");
    return REPLI_OK;
}

static int32_t check_embedded(const repli__alldata *alldata, repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    if (!config->location || config->location[0] != '/')
        return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                   "configuration: give url, for a node that runs elsewhere, or "
                                   "location, an absolute path, for one in this process");
    if (!config->peers_bind != !config->gossip_bind)
        return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                   "configuration: a node with peers needs both peers.bind and "
                                   "gossip.bind");
    if (!config->gossip_bind && (config->seed_count > 0 || config->factor > 1))
        return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                   "configuration: gossip.seeds and replication.factor are for a "
                                   "node with peers, which has peers.bind and gossip.bind");
    if (config->other_zones + config->other_regions >= config->factor)
        if (config->other_zones + config->other_regions > 0)
            return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                       "configuration: replication.other_zones and "
                                       "replication.other_regions are to be "
                                       "less than replication.factor, together");
    return REPLI_OK;
}

static int32_t check(const repli__alldata *alldata, repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    if (!config->tls_cert != !config->tls_key)
        return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                   "configuration: tls.cert and tls.key come together");
    return config->url ? check_remote(alldata, err) : check_embedded(alldata, err);
}

int32_t repli__alldata_config_load(repli__alldata *alldata, const char *json, size_t size,
                                   repli_error *err) {
    const repli_host *host = alldata->host;
    repli__alldata_config *config = &alldata->config;
    *config = (repli__alldata_config){.factor = 1, .sync = 1};
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < TEXT_COUNT; i++)
        code = read_text(alldata, json, size, texts[i].key->name, text_at(alldata, i), err);
    if (code == REPLI_OK)
        code = read_seeds(alldata, json, size, err);
    if (code == REPLI_OK)
        code = read_number(alldata, json, size, factor.name, &config->factor, err);
    if (code == REPLI_OK)
        code = read_number(alldata, json, size, other_zones.name, &config->other_zones, err);
    if (code == REPLI_OK)
        code = read_number(alldata, json, size, other_regions.name, &config->other_regions, err);
    if (code == REPLI_OK)
        code = host->json_boolean(host, json, size, sync.name, &config->sync, err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return code;
    return check(alldata, err);
}

void repli__alldata_config_free(repli__alldata *alldata) {
    const repli_host *host = alldata->host;
    for (size_t i = 0; i < TEXT_COUNT; i++)
        host->release(host, *text_at(alldata, i));
    for (size_t i = 0; i < alldata->config.seed_count; i++)
        host->release(host, alldata->config.seeds[i]);
}
