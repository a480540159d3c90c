#ifndef REPLI_REDIS_CONFIG_H
#define REPLI_REDIS_CONFIG_H

#include <replicante/driver.h>

typedef struct repli__redis repli__redis;

/* Empty: that of the default user; without a password no log-in is tried. */
typedef struct repli__redis_account {
    char user[128];
    char password[512];
} repli__redis_account;

typedef struct repli__redis_config {
    char host[256];
    char port[8];
    char unix_socket[108]; /* instead of host and port; empty: none */
    char cluster_id[256];
    char member[160];             /* address for other nodes; empty: host and port */
    repli__redis_account monitor; /* observes */
    repli__redis_account admin;   /* acts, here and on other nodes */
    int lone_primary_is_in_cluster;
} repli__redis_config;

extern const repli_config_key *const repli__redis_config_keys[];

int32_t repli__redis_config_load(repli__redis *redis, const char *json, size_t size,
                                 repli_error *err);

#endif
