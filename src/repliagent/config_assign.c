#include "config.h"

#include <string.h>

#include "config_keys.h"
#include "secrets.h"

static int is_section(const struct config *config, const char *path) {
    const size_t size = strlen(path);
    for (size_t i = 0; i < config->count; i++)
        if (strncmp(config->settings[i].name, path, size) == 0 &&
            config->settings[i].name[size] == '.')
            return 1;
    return strcmp(path, CONFIG_EXTERNALS) == 0;
}

static const char *last_part(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

/* The key that was probably meant: the same word elsewhere, or a similar one. */
static const char *nearest(const struct config *config, const char *path) {
    const char *best = NULL;
    size_t best_distance = strlen(path) / 3 + 1;
    for (size_t i = 0; i < config->count; i++) {
        const char *name = config->settings[i].name;
        if (strcmp(last_part(name), last_part(path)) == 0)
            return name;
        const size_t distance = config_keys_distance(name, path);
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

static void unknown(const struct config *config, const struct tree_entry *entry, const char *path,
                    struct problems *problems) {
    if (config_find(config, path) != NULL) {
        problems_error(problems, entry->at,
                       "\"%s\" is written as sections: each part on a line of its own, indented",
                       entry->name);
        return;
    }
    const char *meant = nearest(config, path);
    if (meant != NULL)
        problems_error(problems, entry->at, "unknown key \"%s\"; did you mean \"%s\"?", path,
                       meant);
    else
        problems_error(problems, entry->at,
                       "unknown key \"%s\"; repliagent.yaml(5) names all that there are", path);
}

/* The secret whose KEY_file this is, or NULL. */
static struct config_setting *secret_of(const struct config *config, const char *path,
                                        struct pool *pool) {
    static const char suffix[] = "_file";
    const size_t size = strlen(path), suffix_size = sizeof(suffix) - 1;
    if (size <= suffix_size || strcmp(path + size - suffix_size, suffix) != 0)
        return NULL;
    const char *name = pool_text(pool, path, size - suffix_size);
    const struct config_setting *setting = name != NULL ? config_find(config, name) : NULL;
    if (setting == NULL || !(setting->key->flags & REPLI_CONFIG_SECRET))
        return NULL;
    return (struct config_setting *)setting;
}

static int given_twice(const struct config_setting *setting, const struct tree_entry *entry,
                       struct problems *problems) {
    if (setting->origin <= CONFIG_DEFAULT)
        return 0;
    problems_error(problems, entry->at,
                   "%s is given both here and in line %zu: the value itself and its file exclude "
                   "each other",
                   setting->name, setting->at.line);
    return 1;
}

static void assign_secret_file(struct config *config, struct config_setting *setting,
                               const struct tree_entry *entry, struct problems *problems) {
    const struct tree_node *value = entry->value;
    if (tree_is_null(value) || given_twice(setting, entry, problems))
        return;
    if (value->type != TREE_SCALAR) {
        problems_error(problems, value->at, "%s_file: expected the path of a file", setting->name);
        return;
    }
    char why[SECRETS_WHY_SIZE];
    const char *secret = secrets_read(&config->pool, value->text, why);
    if (secret == NULL) {
        problems_error(problems, value->at, "%s_file: cannot use \"%s\": %s", setting->name,
                       value->text, why);
        return;
    }
    setting->at = value->at;
    config_set_text(config, setting, CONFIG_SECRET_FILE, value->text, secret, problems);
}

void config_assign_entry(struct config *config, const struct tree_entry *entry, const char *path,
                         struct problems *problems) {
    /* A dot within a key is no way into a section. */
    if (strchr(entry->name, '.') != NULL) {
        unknown(config, entry, path, problems);
        return;
    }
    struct config_setting *setting = (struct config_setting *)config_find(config, path);
    if (setting != NULL) {
        if (!tree_is_null(entry->value) && !given_twice(setting, entry, problems))
            config_set(config, setting, entry->value, problems);
        return;
    }
    if (is_section(config, path)) {
        config_assign(config, entry->value, path, NULL, problems);
        return;
    }
    setting = secret_of(config, path, &config->pool);
    if (setting != NULL)
        assign_secret_file(config, setting, entry, problems);
    else
        unknown(config, entry, path, problems);
}

void config_assign(struct config *config, const struct tree_node *section, const char *path,
                   const char *skip, struct problems *problems) {
    if (tree_is_null(section))
        return;
    if (section->type != TREE_SECTION) {
        problems_error(problems, section->at,
                       "%s: found %s, expected a section: its keys below it, indented", path,
                       section->type == TREE_LIST ? "a list" : "a value");
        return;
    }
    for (size_t i = 0; i < section->count; i++) {
        const struct tree_entry *entry = &section->entries[i];
        if (skip != NULL && strcmp(entry->name, skip) == 0)
            continue;
        const char *full =
            path[0] == '\0' ? entry->name : pool_printf(&config->pool, "%s.%s", path, entry->name);
        if (full == NULL) {
            problems_nomem(problems);
            return;
        }
        config_assign_entry(config, entry, full, problems);
    }
}
