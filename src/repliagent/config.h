#ifndef REPLIAGENT_CONFIG_H
#define REPLIAGENT_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <replicante/agent.h>
#include <replicante/http.h>

#include "settings.h"

/* Whom a key belongs to. */
enum { CONFIG_PROGRAM = 1, CONFIG_LIBRARY, CONFIG_DRIVER, CONFIG_EXTERNAL };

/* A configuration that was read and checked. */
struct config {
    struct settings all;    /* the driver's last */
    const char **externals; /* names of external actions */
    size_t external_count;
    const char **hooks; /* names of hooks */
    size_t hook_count;
    repli_config *agent;     /* for repli_agent_new() */
    repli_http_options http; /* for repli_http_server_new() */
    int64_t stop_timeout_ms;
    int32_t log_level; /* REPLI_LOG_* */
    const char *log_mode;
};

/* Read a file and check everything. NULL with the reasons in problems, which may hold warnings on
 * success, too. Opens and starts nothing, but loads the driver's file. */
struct config *config_load(const char *path, struct problems *problems);
/* The same for another driver than the file names, or for the one of a file that names none. */
struct config *config_load_for(const char *path, const char *driver, struct problems *problems);
/* Read what a client needs to know of an agent on this machine: driver, driver_dir and http.
 * The rest is not even looked at. */
struct config *config_load_part(const char *path, struct problems *problems);
void config_free(struct config *config);

/* The driver's own settings as JSON, without defaults; to be freed. NULL: out of memory. */
char *config_driver_json(const struct config *config);

/* Steps of config_load(); each adds to problems what it finds. */

/* The sections of external actions and of hooks, which are called as people like. */
#define CONFIG_EXTERNALS "actions.external"
#define CONFIG_HOOKS "hooks"
/* Settings of each of them that the file has. */
void config_declare_externals(struct config *config, const struct tree_node *root,
                              struct problems *problems);
void config_apply_externals(struct config *config, struct problems *problems);
void config_check_service(const struct config *config, struct problems *problems);
/* Hand everything to the library. */
void config_apply(struct config *config, struct problems *problems);
void config_apply_http(struct config *config, struct problems *problems);

#endif
