#ifndef ALLDATA_CONFIG_H
#define ALLDATA_CONFIG_H

#include <alldata/http.h>
#include <alldata/node.h>

#include "settings.h"

/* Whom a key belongs to. */
enum { CONFIG_PROGRAM = 1, CONFIG_MODULE };

/* The section of the storage module's settings, which are called as it likes. */
#define CONFIG_MODULE_SETTINGS "storage.settings"

/* A configuration that was read and checked. Everything points into its settings. */
struct config {
    struct settings all;
    alldata_node_options node; /* but for log and transport */
    int has_peers;
    alldata_http_security client_security, peer_security;
    uint32_t unix_mode;
    int64_t stop_timeout_ms;
    int32_t log_level; /* REPLI_LOG_* */
    const char *log_mode;
};

/* Read a file and check everything. NULL with the reasons in problems, which may hold warnings on
 * success, too. Opens and starts nothing. */
struct config *config_load(const char *path, struct problems *problems);
void config_free(struct config *config);

/* Not 0 if a change of this key only takes effect with the next start. */
int config_needs_restart(const char *name);

/* Steps of config_load(). */

const repli_config_key *const *config_keys(void);
/* Fill in what is handed to the library. */
void config_apply(struct config *config, struct problems *problems);
void config_apply_security(struct config *config, struct problems *problems);

#endif
