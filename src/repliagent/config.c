#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config_keys.h"
#include "secrets.h"

enum { FILE_MAX = 256 * 1024 };

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
    if (config != NULL)
        config->path = pool_text(&config->pool, path, strlen(path));
    if (config != NULL && config->path != NULL)
        return config;
    problems_nomem(problems);
    config_free(config);
    return NULL;
}

void config_free(struct config *config) {
    if (config == NULL)
        return;
    repli_config_free(config->agent);
    pool_dispose(&config->pool);
    free(config);
}

const struct config_setting *config_find(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->settings[i].name, name) == 0)
            return &config->settings[i];
    return NULL;
}

const char *config_text(const struct config *config, const char *name) {
    const struct config_setting *setting = config_find(config, name);
    return setting != NULL ? setting->text : NULL;
}

static int read_tree(struct config *config, struct tree_node **ret_root,
                     struct problems *problems) {
    char why[SECRETS_WHY_SIZE];
    const char *text = secrets_read_public(&config->pool, config->path, FILE_MAX, why);
    if (text == NULL) {
        problems_error(problems, (struct mark){0, 0}, "cannot read the configuration: %s", why);
        return -1;
    }
    if (tree_parse(text, strlen(text), &config->pool, ret_root, problems) != 0)
        return -1;
    const struct tree_node *root = *ret_root;
    if (root == NULL || tree_is_null(root)) {
        *ret_root = NULL;
        return 0;
    }
    if (root->type == TREE_SECTION)
        return 0;
    problems_error(problems, root->at, "found a %s where keys with values were expected",
                   root->type == TREE_LIST ? "list" : "single value");
    return -1;
}

int config_declare(struct config *config, int owner, const repli_config_key *const *keys,
                   const char *prefix, struct problems *problems) {
    for (; keys != NULL && *keys != NULL; keys++) {
        struct config_setting setting = {
            .key = *keys,
            .name = pool_printf(&config->pool, "%s%s", prefix, (*keys)->name),
            .owner = owner,
        };
        struct config_setting *settings =
            pool_grow(&config->pool, config->settings, config->count, sizeof(setting));
        if (setting.name == NULL || settings == NULL) {
            problems_nomem(problems);
            return -1;
        }
        config->settings = settings;
        settings[config->count++] = setting;
        if (setting.key->default_text != NULL)
            config_set_text(config, &settings[config->count - 1], CONFIG_DEFAULT, NULL,
                            setting.key->default_text, problems);
    }
    return 0;
}

/* The text of an entry that is needed before anything else can be checked. */
static const char *peek(const struct tree_node *root, const char *name, const char *otherwise) {
    const struct tree_entry *entry = tree_find(root, name);
    if (entry == NULL || tree_is_null(entry->value) || entry->value->type != TREE_SCALAR)
        return otherwise;
    return entry->value->text;
}

/* Which keys there are depends on the driver, so it comes first. */
static void load_driver(struct config *config, const struct tree_node *root, const char *name,
                        struct problems *problems) {
    if (name == NULL)
        return; /* config_assign() or the check for required keys will say so */
    const char *directory = peek(root, "driver_dir", config_text(config, "driver_dir"));
    repli_error err = REPLI_ERROR_INIT;
    if (repli_config_load_driver(config->agent, name, directory, &err) != REPLI_OK) {
        const struct tree_entry *entry = tree_find(root, "driver");
        problems_error(problems, entry != NULL ? entry->value->at : (struct mark){0, 0},
                       "driver: %s", err.message);
        return;
    }
    const repli_driver *driver = repli_config_driver(config->agent);
    const char *prefix = pool_printf(&config->pool, "%s.", driver->name);
    if (prefix == NULL)
        problems_nomem(problems);
    else
        config_declare(config, CONFIG_DRIVER, driver->config_keys, prefix, problems);
}

static void assign_environment(struct config *config, struct problems *problems) {
    for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++) {
        const char *text = getenv(environment[i].variable);
        struct config_setting *setting =
            (struct config_setting *)config_find(config, environment[i].name);
        if (text != NULL && text[0] != '\0' && setting != NULL)
            config_set_text(config, setting, CONFIG_ENVIRONMENT, environment[i].variable, text,
                            problems);
    }
}

static void check_required(const struct config *config, const struct tree_node *root,
                           struct problems *problems) {
    for (size_t i = 0; i < config->count; i++) {
        const struct config_setting *setting = &config->settings[i];
        if (setting->origin != CONFIG_UNSET || !(setting->key->flags & REPLI_CONFIG_REQUIRED))
            continue;
        /* A key of the driver is missing in the driver's section, if there is one. */
        struct mark at = setting->at;
        if (setting->owner == CONFIG_DRIVER) {
            const struct tree_entry *section =
                tree_find(root, repli_config_driver(config->agent)->name);
            if (section != NULL)
                at = section->at;
        }
        problems_error(problems, at, "%s is missing: %s", setting->name, setting->key->summary);
    }
}

static void warn_of_exposed_secrets(const struct config *config, struct problems *problems) {
    if (!secrets_exposed(config->path))
        return;
    for (size_t i = 0; i < config->count; i++) {
        const struct config_setting *setting = &config->settings[i];
        if ((setting->key->flags & REPLI_CONFIG_SECRET) && setting->origin == CONFIG_FILE)
            problems_warning(problems, setting->at,
                             "%s is a secret, and every user of this machine can read this file: "
                             "run chmod o-r on it, or use %s_file",
                             setting->name, setting->name);
    }
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
    return pool_text(&config->pool, file + sizeof(prefix) - 1, size - around);
}

/* driver: NULL for the one that the file names. */
static void read_settings(struct config *config, const char *driver, struct problems *problems) {
    struct tree_node *root;
    if (read_tree(config, &root, problems) != 0)
        return;
    repli_error err = REPLI_ERROR_INIT;
    if (repli_config_new(NULL, &config->agent, &err) != REPLI_OK) {
        problems_error(problems, (struct mark){0, 0}, "%s", err.message);
        return;
    }
    if (config_declare(config, CONFIG_PROGRAM, config_keys_program(), "", problems) != 0 ||
        config_declare(config, CONFIG_LIBRARY, repli_config_keys(), "", problems) != 0)
        return;
    config_declare_externals(config, root, problems);
    const char *name = driver != NULL ? driver : peek(root, "driver", NULL);
    load_driver(config, root, name, problems);
    config_assign(config, root, "", unjudged_section(config, name), problems);
    if (driver != NULL)
        config_set_text(config, (struct config_setting *)config_find(config, "driver"),
                        CONFIG_OPTION, "--driver", driver, problems);
    assign_environment(config, problems);
    check_required(config, root, problems);
    warn_of_exposed_secrets(config, problems);
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
    if (config == NULL || read_tree(config, &root, problems) != 0 ||
        config_declare(config, CONFIG_PROGRAM, config_keys_program(), "", problems) != 0)
        return finish(config, problems);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct tree_entry *entry = tree_find(root, names[i]);
        if (entry != NULL)
            config_assign_entry(config, entry, names[i], problems);
    }
    return finish(config, problems);
}
