#ifndef REPLI_PG_CONFIG_H
#define REPLI_PG_CONFIG_H

#include <replicante/driver.h>

typedef struct repli__pg repli__pg;

/* An account, and where to use it if that is not the node itself. */
typedef struct repli__pg_account {
    char *user;
    char *password;
} repli__pg_account;

/* Texts that were not configured are NULL. Lists are NULL-terminated, or NULL. */
typedef struct repli__pg_config {
    char *conninfo;
    char *host;
    char *port;
    char *dbname;
    char *application_name;
    char *sslmode, *sslrootcert, *sslcert, *sslkey;
    repli__pg_account monitor;     /* observes */
    repli__pg_account admin;       /* acts on this node; without a user: as monitor */
    repli__pg_account replication; /* copies and follows another node */
    repli__pg_account rewind;      /* pg_rewind's, on another node */

    char *lone_primary;
    int64_t silence_limit_ms; /* 0: not configured */

    char *bin_directory;
    char *data_directory;
    char *config_file;
    char *work_directory;
    char *slot_name;
    char **settings; /* "name=value": this node's own, written after a copy */

    char *service_unit;
    char **service_start, **service_stop, **service_restart, **service_status;
} repli__pg_config;

extern const repli_config_key *const repli__pg_config_keys[];

int32_t repli__pg_config_load(repli__pg *pg, const char *json, size_t size, repli_error *err);
void repli__pg_config_free(repli__pg *pg);

/* A primary that nobody follows or may follow counts as a cluster of one. */
int repli__pg_config_lone_is_member(const repli__pg_config *config);
/* With their defaults; NULL if they are left to conninfo. */
const char *repli__pg_config_host(const repli__pg_config *config);
const char *repli__pg_config_port(const repli__pg_config *config);

#endif
