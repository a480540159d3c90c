#include "config.h"

#include <stdlib.h>
#include <string.h>

static struct config *new_config(const char *path, struct problems *problems) {
    struct config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        problems_nomem(problems);
        return NULL;
    }
    if (settings_init(&config->all, path, "alldata.yaml(5)", problems) == 0) {
        config->all.section = CONFIG_MODULE_SETTINGS;
        return config;
    }
    config_free(config);
    return NULL;
}

void config_free(struct config *config) {
    if (config == NULL)
        return;
    settings_dispose(&config->all);
    free(config);
}

/* A setting of the module is whatever the file says: the module judges it. */
static int declare_setting(struct config *config, const char *name, struct problems *problems) {
    repli_config_key *key = pool_alloc(&config->all.pool, sizeof(*key));
    const repli_config_key **keys = pool_alloc(&config->all.pool, 2 * sizeof(*keys));
    if (key == NULL || keys == NULL) {
        problems_nomem(problems);
        return -1;
    }
    key->struct_size = (uint32_t)sizeof(*key);
    key->type = REPLI_CONFIG_STRING;
    key->name = name;
    key->summary = "setting of the module";
    keys[0] = key;
    return settings_declare(&config->all, CONFIG_MODULE, keys, CONFIG_MODULE_SETTINGS ".",
                            problems);
}

static void declare_module(struct config *config, const struct tree_node *root,
                           struct problems *problems) {
    const struct tree_entry *storage = tree_find(root, "storage");
    const struct tree_entry *entry = storage != NULL ? tree_find(storage->value, "settings") : NULL;
    if (entry == NULL || entry->value->type != TREE_SECTION)
        return;
    for (size_t i = 0; i < entry->value->count; i++)
        if (declare_setting(config, entry->value->entries[i].name, problems) != 0)
            return;
}

static void read_settings(struct config *config, struct problems *problems) {
    struct tree_node *root;
    if (settings_read(&config->all, &root, problems) != 0 ||
        settings_declare(&config->all, CONFIG_PROGRAM, config_keys(), "", problems) != 0)
        return;
    declare_module(config, root, problems);
    settings_assign(&config->all, root, "", NULL, problems);
    settings_take_variable(&config->all, "ALLDATA_NODE_ID", "node_id", problems);
    settings_check(&config->all, problems);
    if (problems->errors > 0)
        return;
    config_apply(config, problems);
    config_apply_security(config, problems);
}

struct config *config_load(const char *path, struct problems *problems) {
    struct config *config = new_config(path, problems);
    if (config != NULL)
        read_settings(config, problems);
    if (problems->errors == 0)
        return config;
    config_free(config);
    return NULL;
}
