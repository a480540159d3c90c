#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY(kind, flags, name, value, max, summary)                                                \
    SETTINGS_KEY(kind, flags, name, value, NULL, 0, max, summary)

static const repli_config_key *const external_keys[] = {
    KEY(STRINGS, REPLI_CONFIG_REQUIRED, "action", NULL, 0,
        "command that does the work, or starts it"),
    KEY(STRINGS, 0, "check", NULL, 0, "command that tells what became of the work"),
    KEY(STRING, 0, "summary", NULL, 0, "what the action does, in one line"),
    KEY(INTEGER, 0, "timeout_ms", "0", INT32_MAX,
        "milliseconds after which the action is ended; 0: never"),
    NULL};

static const repli_config_key *const hook_keys[] = {
    KEY(STRINGS, REPLI_CONFIG_REQUIRED, "command", NULL, 0,
        "command that is run for an event, which it gets as JSON on standard input"),
    KEY(STRINGS, 0, "events", NULL, 0, "types of events; all, if not given"),
    KEY(INTEGER, 0, "timeout_ms", "30000", INT32_MAX,
        "milliseconds after which the command is killed"),
    NULL};

/* A dot would be read as the begin of another section. */
static int is_name(const char *name) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

/* A section whose entries are called as people like, and have the same keys. */
struct named {
    const char *section;
    const char *what; /* an entry is */
    const repli_config_key *const *keys;
    const char ***names;
    size_t *count;
};

static void declare(struct config *config, const struct named *named,
                    const struct tree_entry *entry, struct problems *problems) {
    const size_t before = config->all.count;
    const char *prefix = pool_printf(&config->all.pool, "%s.%s.", named->section, entry->name);
    const char **names = pool_grow(&config->all.pool, *named->names, *named->count, sizeof(*names));
    if (!is_name(entry->name)) {
        problems_error(problems, entry->at,
                       "\"%s\" cannot name %s: letters, digits, '-' and '_' can", entry->name,
                       named->what);
        return;
    }
    if (prefix == NULL || names == NULL) {
        problems_nomem(problems);
        return;
    }
    if (settings_declare(&config->all, CONFIG_EXTERNAL, named->keys, prefix, problems) != 0)
        return;
    for (size_t i = before; i < config->all.count; i++)
        config->all.list[i].at = entry->at;
    *named->names = names;
    names[(*named->count)++] = entry->name;
}

static void declare_all(struct config *config, const struct named *named,
                        const struct tree_entry *section, struct problems *problems) {
    if (section == NULL || section->value->type != TREE_SECTION)
        return;
    for (size_t i = 0; i < section->value->count; i++)
        declare(config, named, &section->value->entries[i], problems);
}

void config_declare_externals(struct config *config, const struct tree_node *root,
                              struct problems *problems) {
    const struct tree_entry *actions = tree_find(root, "actions");
    const struct named externals = {CONFIG_EXTERNALS, "an external action", external_keys,
                                    &config->externals, &config->external_count};
    const struct named hooks = {CONFIG_HOOKS, "a hook", hook_keys, &config->hooks,
                                &config->hook_count};
    declare_all(config, &externals, actions != NULL ? tree_find(actions->value, "external") : NULL,
                problems);
    declare_all(config, &hooks, tree_find(root, CONFIG_HOOKS), problems);
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

static const struct setting *setting_of(const struct config *config, const char *section,
                                        const char *name, const char *key) {
    const size_t size = strlen(section) + 1; /* with its dot */
    for (size_t i = 0; i < config->all.count; i++) {
        const struct setting *setting = &config->all.list[i];
        if (setting->owner == CONFIG_EXTERNAL && strcmp(setting->key->name, key) == 0 &&
            strncmp(setting->name, section, size - 1) == 0 && setting->name[size - 1] == '.' &&
            strncmp(setting->name + size, name, strlen(name)) == 0 &&
            setting->name[size + strlen(name)] == '.')
            return setting;
    }
    return NULL;
}

/* It may be installed later, so that is only warned of. */
static void look_for_program(const struct setting *setting, struct problems *problems) {
    if (setting->item_count > 0 && !is_program(setting->items[0]))
        problems_warning(problems, setting->at, "%s: there is no program \"%.200s\" at present",
                         setting->name, setting->items[0]);
}

/* A list as the library takes it. */
static const char *const *list_of(struct config *config, const struct setting *setting,
                                  struct problems *problems) {
    if (setting->origin <= SETTING_DEFAULT)
        return NULL;
    const char **argv = pool_alloc(&config->all.pool, (setting->item_count + 1) * sizeof(*argv));
    if (argv == NULL) {
        problems_nomem(problems);
        return NULL;
    }
    for (size_t i = 0; i < setting->item_count; i++)
        argv[i] = setting->items[i];
    return argv;
}

static const char *const *command_of(struct config *config, const struct setting *setting,
                                     struct problems *problems) {
    look_for_program(setting, problems);
    return list_of(config, setting, problems);
}

static void apply_hooks(struct config *config, struct problems *problems) {
    for (size_t i = 0; i < config->hook_count; i++) {
        const char *name = config->hooks[i];
        const struct setting *command = setting_of(config, CONFIG_HOOKS, name, "command");
        repli_hook hook = REPLI_HOOK_INIT;
        repli_error err = REPLI_ERROR_INIT;
        hook.name = name;
        hook.command = command_of(config, command, problems);
        hook.events = list_of(config, setting_of(config, CONFIG_HOOKS, name, "events"), problems);
        hook.timeout_ms = (uint32_t)setting_of(config, CONFIG_HOOKS, name, "timeout_ms")->number;
        if (repli_config_add_hook(config->agent, &hook, &err) != REPLI_OK)
            problems_error(problems, command->at, CONFIG_HOOKS ".%s: %s", name, err.message);
    }
}

void config_apply_externals(struct config *config, struct problems *problems) {
    apply_hooks(config, problems);
    for (size_t i = 0; i < config->external_count; i++) {
        const char *name = config->externals[i];
        const struct setting *action = setting_of(config, CONFIG_EXTERNALS, name, "action");
        repli_external_action external = REPLI_EXTERNAL_ACTION_INIT;
        repli_error err = REPLI_ERROR_INIT;
        external.name = name;
        external.summary = setting_of(config, CONFIG_EXTERNALS, name, "summary")->text;
        external.action = command_of(config, action, problems);
        external.check =
            command_of(config, setting_of(config, CONFIG_EXTERNALS, name, "check"), problems);
        external.timeout_ms = setting_of(config, CONFIG_EXTERNALS, name, "timeout_ms")->number;
        if (repli_config_add_external_action(config->agent, &external, &err) != REPLI_OK)
            problems_error(problems, action->at, CONFIG_EXTERNALS ".%s: %s", name, err.message);
    }
}

void config_check_service(const struct config *config, struct problems *problems) {
    static const char *const names[] = {"service.unit", "service.pid", "service.start",
                                        "service.stop"};
    const struct setting *last = NULL;
    int set[4];
    for (size_t i = 0; i < 4; i++) {
        const struct setting *setting = settings_find(&config->all, names[i]);
        set[i] = setting->origin > SETTING_DEFAULT;
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
