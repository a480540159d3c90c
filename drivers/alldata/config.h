#ifndef REPLI_ALLDATA_CONFIG_H
#define REPLI_ALLDATA_CONFIG_H

#include <replicante/driver.h>

typedef struct repli__alldata repli__alldata;

enum { REPLI__ALLDATA_SEEDS_MAX = 64 };

/* Texts are owned; NULL if they are not given. */
typedef struct repli__alldata_config {
    /* Of a node that runs elsewhere; without it the node is in this process. */
    char *url;
    /* Of the clients' port, there and here; PEM texts. */
    char *secret;
    char *tls_ca;
    char *tls_cert;
    char *tls_key;

    char *location;
    char *node_id;
    char *cluster;
    char *zone;
    char *region;
    char *interval;
    char *commit;
    char *clients_bind;
    char *clients_socket;
    char *peers_bind;
    char *peers_secret;
    char *gossip_bind;
    char *gossip_advertise;
    char *seeds[REPLI__ALLDATA_SEEDS_MAX];
    size_t seed_count;
    int64_t factor;
    int64_t other_zones;
    int64_t other_regions;
    int32_t sync;
} repli__alldata_config;

extern const repli_config_key *const repli__alldata_config_keys[];

int32_t repli__alldata_config_load(repli__alldata *alldata, const char *json, size_t size,
                                   repli_error *err);
void repli__alldata_config_free(repli__alldata *alldata);

#endif
