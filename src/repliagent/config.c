#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config_keys.h"

/* Variables that win over the file. */
static const struct {
    const char *variable;
    const char *name;
} environment[] = {
    {"RA_NODE_ID", "node_id"},
    {"RA_NODE_ADDR_CLIENT", "address.client"},
    {"RA_NODE_ADDR_MEMBER", "address.member"},
};

static struct config *new_config(const char *path, struct problems *problems) {
    struct config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        problems_nomem(problems);
        return NULL;
    }
    if (settings_init(&config->all, path, "repliagent.yaml(5)", problems) == 0) {
        config->all.section = CONFIG_EXTERNALS;
        config->all.last_owner = CONFIG_DRIVER;
        return config;
    }
    config_free(config);
    return NULL;
}

void config_free(struct config *config) {
    if (config == NULL)
        return;
    repli_config_free(config->agent);
    settings_dispose(&config->all);
    free(config);
}

/* Which keys there are depends on the driver, so it comes first. */
static void load_driver(struct config *config, const struct tree_node *root, const char *name,
                        struct problems *problems) {
    if (name == NULL)
        return; /* config_assign() or the check for required keys will say so */
    const char *directory =
        settings_peek(root, "driver_dir", settings_text(&config->all, "driver_dir"));
    repli_error err = REPLI_ERROR_INIT;
    if (repli_config_load_driver(config->agent, name, directory, &err) != REPLI_OK) {
        const struct tree_entry *entry = tree_find(root, "driver");
        problems_error(problems, entry != NULL ? entry->value->at : (struct mark){0, 0},
                       "driver: %s", err.message);
        return;
    }
    const repli_driver *driver = repli_config_driver(config->agent);
    const char *prefix = pool_printf(&config->all.pool, "%s.", driver->name);
    const size_t before = config->all.count;
    if (prefix == NULL)
        problems_nomem(problems);
    else
        settings_declare(&config->all, CONFIG_DRIVER, driver->config_keys, prefix, problems);
    /* What is missing is missing in the driver's section, if there is one. */
    const struct tree_entry *section = tree_find(root, driver->name);
    for (size_t i = before; section != NULL && i < config->all.count; i++)
        config->all.list[i].at = section->at;
}

/* A driver that could not be loaded leaves its section unjudged. That is called like the driver,
 * whose file is driver_NAME.so. */
static const char *unjudged_section(struct config *config, const char *name) {
    static const char prefix[] = "driver_", suffix[] = ".so";
    if (name == NULL || repli_config_driver(config->agent) != NULL)
        return NULL;
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : "";
    const size_t size = strlen(file), around = sizeof(prefix) + sizeof(suffix) - 2;
    if (size <= around || strncmp(file, prefix, sizeof(prefix) - 1) != 0)
        return name;
    return pool_text(&config->all.pool, file + sizeof(prefix) - 1, size - around);
}

/* driver: NULL for the one that the file names. */
static void read_settings(struct config *config, const char *driver, struct problems *problems) {
    struct tree_node *root;
    if (settings_read(&config->all, &root, problems) != 0)
        return;
    repli_error err = REPLI_ERROR_INIT;
    if (repli_config_new(NULL, &config->agent, &err) != REPLI_OK) {
        problems_error(problems, (struct mark){0, 0}, "%s", err.message);
        return;
    }
    if (settings_declare(&config->all, CONFIG_PROGRAM, config_keys_program(), "", problems) != 0 ||
        settings_declare(&config->all, CONFIG_LIBRARY, repli_config_keys(), "", problems) != 0)
        return;
    config_declare_externals(config, root, problems);
    const char *name = driver != NULL ? driver : settings_peek(root, "driver", NULL);
    load_driver(config, root, name, problems);
    settings_assign(&config->all, root, "", unjudged_section(config, name), problems);
    if (driver != NULL)
        settings_set_text(&config->all, (struct setting *)settings_find(&config->all, "driver"),
                          SETTING_OPTION, "--driver", driver, problems);
    for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
        settings_take_variable(&config->all, environment[i].variable, environment[i].name,
                               problems);
    settings_check(&config->all, problems);
    if (problems->errors == 0) {
        config_apply(config, problems);
        config_apply_http(config, problems);
    }
}

static struct config *finish(struct config *config, const struct problems *problems) {
    if (problems->errors == 0)
        return config;
    config_free(config);
    return NULL;
}

struct config *config_load_for(const char *path, const char *driver, struct problems *problems) {
    struct config *config = new_config(path, problems);
    if (config != NULL)
        read_settings(config, driver, problems);
    return finish(config, problems);
}

struct config *config_load(const char *path, struct problems *problems) {
    return config_load_for(path, NULL, problems);
}

struct config *config_load_part(const char *path, struct problems *problems) {
    static const char *const names[] = {"driver", "driver_dir", "http"};
    struct config *config = new_config(path, problems);
    struct tree_node *root;
    if (config == NULL || settings_read(&config->all, &root, problems) != 0 ||
        settings_declare(&config->all, CONFIG_PROGRAM, config_keys_program(), "", problems) != 0)
        return finish(config, problems);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct tree_entry *entry = tree_find(root, names[i]);
        if (entry != NULL)
            settings_assign_entry(&config->all, entry, names[i], problems);
    }
    return finish(config, problems);
}
