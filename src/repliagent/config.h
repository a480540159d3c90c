#ifndef REPLIAGENT_CONFIG_H
#define REPLIAGENT_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <replicante/agent.h>
#include <replicante/http.h>

#include "pool.h"
#include "problems.h"
#include "tree.h"

/* Where a value comes from. */
enum {
    CONFIG_UNSET = 0, /* and there is no default */
    CONFIG_DEFAULT,
    CONFIG_FILE,
    CONFIG_SECRET_FILE, /* the file that KEY_file names */
    CONFIG_ENVIRONMENT,
    CONFIG_OPTION /* the command line */
};

/* Whom a key belongs to. */
enum { CONFIG_PROGRAM = 1, CONFIG_LIBRARY, CONFIG_DRIVER, CONFIG_EXTERNAL };

struct config_setting {
    const repli_config_key *key;
    const char *name; /* in full, such as "http.bind" or "postgresql.host" */
    int owner;
    int origin;
    struct mark at;           /* of an external action that lacks it, the action's */
    const char *source;       /* name of the variable, or path of the secret's file */
    const char *text;         /* of all types but lists; NULL if unset */
    const char *const *items; /* of a list */
    size_t item_count;
    int64_t number; /* of an integer; 0 or 1 for a boolean */
};

/* A configuration that was read and checked. */
struct config {
    struct pool pool;
    const char *path;
    struct config_setting *settings; /* in the order of their names, the driver's last */
    size_t count;
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

/* The setting of a full name; NULL if there is no such key. */
const struct config_setting *config_find(const struct config *config, const char *name);
/* Its text, or NULL. */
const char *config_text(const struct config *config, const char *name);

/* The driver's own settings as JSON, without defaults; to be freed. NULL: out of memory. */
char *config_driver_json(const struct config *config);

/* As YAML that could be used again, with the origin of each value and without secrets. */
void config_print(const struct config *config, FILE *to);

/* Steps of config_load(); each adds to problems what it finds. */

/* Settings of these keys, with their defaults; prefix: "" or the driver's name and a dot. */
int config_declare(struct config *config, int owner, const repli_config_key *const *keys,
                   const char *prefix, struct problems *problems);
/* The sections of external actions and of hooks, which are called as people like. */
#define CONFIG_EXTERNALS "actions.external"
#define CONFIG_HOOKS "hooks"
/* Settings of each of them that the file has. */
void config_declare_externals(struct config *config, const struct tree_node *root,
                              struct problems *problems);
void config_apply_externals(struct config *config, struct problems *problems);
void config_check_service(const struct config *config, struct problems *problems);
/* Assign what stands in the section at path ("" for the root). What is not known is a problem,
 * unless it is the root entry called skip (may be NULL). */
void config_assign(struct config *config, const struct tree_node *section, const char *path,
                   const char *skip, struct problems *problems);
void config_assign_entry(struct config *config, const struct tree_entry *entry, const char *path,
                         struct problems *problems);
/* A value for a setting, checked against its key. */
void config_set(struct config *config, struct config_setting *setting,
                const struct tree_node *value, struct problems *problems);
void config_set_text(struct config *config, struct config_setting *setting, int origin,
                     const char *source, const char *text, struct problems *problems);
/* Hand everything to the library. */
void config_apply(struct config *config, struct problems *problems);
void config_apply_http(struct config *config, struct problems *problems);

#endif
