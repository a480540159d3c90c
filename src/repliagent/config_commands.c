#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY(kind, key_flags, key_name, key_default, key_max, key_summary)                          \
    &(const repli_config_key) {                                                                    \
        .struct_size = (uint32_t)sizeof(repli_config_key), .type = REPLI_CONFIG_##kind,            \
        .flags = (key_flags), .name = (key_name), .default_text = (key_default), .max = (key_max), \
        .summary = (key_summary)                                                                   \
    }

static const repli_config_key *const external_keys[] = {
    KEY(STRINGS, REPLI_CONFIG_REQUIRED, "action", NULL, 0,
        "command that does the work, or starts it"),
    KEY(STRINGS, 0, "check", NULL, 0, "command that tells what became of the work"),
    KEY(STRING, 0, "summary", NULL, 0, "what the action does, in one line"),
    KEY(INTEGER, 0, "timeout_ms", "0", INT32_MAX,
        "milliseconds after which the action is ended; 0: never"),
    NULL};

/* A dot would be read as the begin of another section. */
static int is_name(const char *name) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

static void declare(struct config *config, const struct tree_entry *entry,
                    struct problems *problems) {
    const size_t before = config->count;
    const char *prefix = pool_printf(&config->pool, CONFIG_EXTERNALS ".%s.", entry->name);
    const char **names =
        pool_grow(&config->pool, config->externals, config->external_count, sizeof(*names));
    if (!is_name(entry->name)) {
        problems_error(problems, entry->at,
                       "\"%s\" cannot name an external action: letters, digits, '-' and '_' can",
                       entry->name);
        return;
    }
    if (prefix == NULL || names == NULL) {
        problems_nomem(problems);
        return;
    }
    if (config_declare(config, CONFIG_EXTERNAL, external_keys, prefix, problems) != 0)
        return;
    for (size_t i = before; i < config->count; i++)
        config->settings[i].at = entry->at;
    config->externals = names;
    names[config->external_count++] = entry->name;
}

void config_declare_externals(struct config *config, const struct tree_node *root,
                              struct problems *problems) {
    const struct tree_entry *actions = tree_find(root, "actions");
    const struct tree_entry *externals =
        actions != NULL ? tree_find(actions->value, "external") : NULL;
    if (externals == NULL || externals->value->type != TREE_SECTION)
        return;
    for (size_t i = 0; i < externals->value->count; i++)
        declare(config, &externals->value->entries[i], problems);
}

static int can_run(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static int is_program(const char *name) {
    if (strchr(name, '/') != NULL)
        return can_run(name);
    const char *directory = getenv("PATH");
    for (; directory != NULL; directory = strchr(directory, ':')) {
        directory += *directory == ':';
        char path[4096];
        snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(directory, ":"), directory, name);
        if (can_run(path))
            return 1;
    }
    return 0;
}

static const struct config_setting *setting_of(const struct config *config, const char *name,
                                               const char *key) {
    for (size_t i = 0; i < config->count; i++) {
        const struct config_setting *setting = &config->settings[i];
        const size_t size = sizeof(CONFIG_EXTERNALS); /* with its dot */
        if (setting->owner == CONFIG_EXTERNAL && strcmp(setting->key->name, key) == 0 &&
            strncmp(setting->name + size, name, strlen(name)) == 0 &&
            setting->name[size + strlen(name)] == '.')
            return setting;
    }
    return NULL;
}

/* It may be installed later, so that is only warned of. */
static void look_for_program(const struct config_setting *setting, struct problems *problems) {
    if (setting->item_count > 0 && !is_program(setting->items[0]))
        problems_warning(problems, setting->at, "%s: there is no program \"%.200s\" at present",
                         setting->name, setting->items[0]);
}

/* A command as the library takes it. */
static const char *const *command_of(struct config *config, const struct config_setting *setting,
                                     struct problems *problems) {
    if (setting->origin <= CONFIG_DEFAULT)
        return NULL;
    const char **argv = pool_alloc(&config->pool, (setting->item_count + 1) * sizeof(*argv));
    if (argv == NULL) {
        problems_nomem(problems);
        return NULL;
    }
    for (size_t i = 0; i < setting->item_count; i++)
        argv[i] = setting->items[i];
    look_for_program(setting, problems);
    return argv;
}

void config_apply_externals(struct config *config, struct problems *problems) {
    for (size_t i = 0; i < config->external_count; i++) {
        const char *name = config->externals[i];
        const struct config_setting *action = setting_of(config, name, "action");
        repli_external_action external = REPLI_EXTERNAL_ACTION_INIT;
        repli_error err = REPLI_ERROR_INIT;
        external.name = name;
        external.summary = setting_of(config, name, "summary")->text;
        external.action = command_of(config, action, problems);
        external.check = command_of(config, setting_of(config, name, "check"), problems);
        external.timeout_ms = setting_of(config, name, "timeout_ms")->number;
        if (repli_config_add_external_action(config->agent, &external, &err) != REPLI_OK)
            problems_error(problems, action->at, CONFIG_EXTERNALS ".%s: %s", name, err.message);
    }
}

void config_check_service(const struct config *config, struct problems *problems) {
    static const char *const names[] = {"service.unit", "service.pid", "service.start",
                                        "service.stop"};
    const struct config_setting *last = NULL;
    int set[4];
    for (size_t i = 0; i < 4; i++) {
        const struct config_setting *setting = config_find(config, names[i]);
        set[i] = setting->origin > CONFIG_DEFAULT;
        if (set[i])
            last = setting;
        look_for_program(setting, problems);
    }
    const int commands = set[1] + set[2] + set[3];
    if (set[0] ? commands > 0 : commands % 3 != 0)
        problems_error(problems, last->at,
                       "a service is either service.unit, or all of service.pid, service.start and "
                       "service.stop");
}
