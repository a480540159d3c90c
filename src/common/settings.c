#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "secrets.h"

enum { FILE_MAX = 256 * 1024 };

int settings_init(struct settings *settings, const char *path, const char *manual,
                  struct problems *problems) {
    *settings = (struct settings){.manual = manual};
    settings->path = pool_text(&settings->pool, path, strlen(path));
    if (settings->path != NULL)
        return 0;
    problems_nomem(problems);
    return -1;
}

void settings_dispose(struct settings *settings) {
    pool_dispose(&settings->pool);
}

const struct setting *settings_find(const struct settings *settings, const char *name) {
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->list[i].name, name) == 0)
            return &settings->list[i];
    return NULL;
}

const char *settings_text(const struct settings *settings, const char *name) {
    const struct setting *setting = settings_find(settings, name);
    return setting != NULL ? setting->text : NULL;
}

const char *settings_some(const struct settings *settings, const char *name) {
    const char *text = settings_text(settings, name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

int64_t settings_number(const struct settings *settings, const char *name) {
    return settings_find(settings, name)->number;
}

int settings_read(struct settings *settings, struct tree_node **ret_root,
                  struct problems *problems) {
    char why[SECRETS_WHY_SIZE];
    const char *text = secrets_read_public(&settings->pool, settings->path, FILE_MAX, why);
    if (text == NULL) {
        problems_error(problems, (struct mark){0, 0}, "cannot read the configuration: %s", why);
        return -1;
    }
    if (tree_parse(text, strlen(text), &settings->pool, ret_root, problems) != 0)
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

int settings_declare(struct settings *settings, int owner, const repli_config_key *const *keys,
                     const char *prefix, struct problems *problems) {
    for (; keys != NULL && *keys != NULL; keys++) {
        struct setting setting = {
            .key = *keys,
            .name = pool_printf(&settings->pool, "%s%s", prefix, (*keys)->name),
            .owner = owner,
        };
        struct setting *list =
            pool_grow(&settings->pool, settings->list, settings->count, sizeof(setting));
        if (setting.name == NULL || list == NULL) {
            problems_nomem(problems);
            return -1;
        }
        settings->list = list;
        list[settings->count++] = setting;
        if (setting.key->default_text != NULL)
            settings_set_text(settings, &list[settings->count - 1], SETTING_DEFAULT, NULL,
                              setting.key->default_text, problems);
    }
    return 0;
}

const char *settings_peek(const struct tree_node *root, const char *name, const char *otherwise) {
    const struct tree_entry *entry = tree_find(root, name);
    if (entry == NULL || tree_is_null(entry->value) || entry->value->type != TREE_SCALAR)
        return otherwise;
    return entry->value->text;
}

void settings_take_variable(struct settings *settings, const char *variable, const char *name,
                            struct problems *problems) {
    const char *text = getenv(variable);
    struct setting *setting = (struct setting *)settings_find(settings, name);
    if (text != NULL && text[0] != '\0' && setting != NULL)
        settings_set_text(settings, setting, SETTING_ENVIRONMENT, variable, text, problems);
}

static void check_required(const struct settings *settings, struct problems *problems) {
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->list[i];
        if (setting->origin == SETTING_UNSET && (setting->key->flags & REPLI_CONFIG_REQUIRED))
            problems_error(problems, setting->at, "%s is missing: %s", setting->name,
                           setting->key->summary);
    }
}

static void warn_of_exposed_secrets(const struct settings *settings, struct problems *problems) {
    if (!secrets_exposed(settings->path))
        return;
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->list[i];
        if ((setting->key->flags & REPLI_CONFIG_SECRET) && setting->origin == SETTING_FILE)
            problems_warning(problems, setting->at,
                             "%s is a secret, and every user of this machine can read this file: "
                             "run chmod o-r on it, or use %s_file",
                             setting->name, setting->name);
    }
}

void settings_check(const struct settings *settings, struct problems *problems) {
    check_required(settings, problems);
    warn_of_exposed_secrets(settings, problems);
}

static int same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int same_value(const struct setting *a, const struct setting *b) {
    if (b == NULL || a->item_count != b->item_count || !same_text(a->text, b->text))
        return 0;
    for (size_t i = 0; i < a->item_count; i++)
        if (!same_text(a->items[i], b->items[i]))
            return 0;
    return 1;
}

void settings_check_fixed(const struct settings *old, const struct settings *fresh,
                          int (*is_fixed)(const struct setting *setting),
                          struct problems *problems) {
    for (size_t i = 0; i < fresh->count; i++) {
        const struct setting *setting = &fresh->list[i];
        if (is_fixed(setting) && !same_value(setting, settings_find(old, setting->name)))
            problems_error(problems, setting->at, "%s was changed, which needs a restart",
                           setting->name);
    }
}
