#include "settings.h"

#include <string.h>

#include "secrets.h"

static int is_section(const struct settings *settings, const char *path) {
    const size_t size = strlen(path);
    for (size_t i = 0; i < settings->count; i++)
        if (strncmp(settings->list[i].name, path, size) == 0 && settings->list[i].name[size] == '.')
            return 1;
    return settings->section != NULL && strcmp(path, settings->section) == 0;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t settings_distance(const char *a, const char *b) {
    enum { LENGTH_MAX = 63 };
    const size_t m = strlen(a), n = strlen(b);
    if (m > LENGTH_MAX || n > LENGTH_MAX)
        return strcmp(a, b) == 0 ? 0 : LENGTH_MAX;
    size_t rows[3][LENGTH_MAX + 1]; /* the last two rows, and the one in the making */
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= n; j++)
        above[j] = j;
    for (size_t i = 1; i <= m; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            const size_t differs = a[i - 1] != b[j - 1];
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + differs);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *const spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[n];
}

static const char *last_part(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

/* The key that was probably meant: the same word elsewhere, or a similar one. */
static const char *nearest(const struct settings *settings, const char *path) {
    const char *best = NULL;
    size_t best_distance = strlen(path) / 3 + 1;
    for (size_t i = 0; i < settings->count; i++) {
        const char *name = settings->list[i].name;
        if (strcmp(last_part(name), last_part(path)) == 0)
            return name;
        const size_t mistakes = settings_distance(name, path);
        if (mistakes < best_distance) {
            best = name;
            best_distance = mistakes;
        }
    }
    return best;
}

static void unknown(const struct settings *settings, const struct tree_entry *entry,
                    const char *path, struct problems *problems) {
    if (settings_find(settings, path) != NULL) {
        problems_error(problems, entry->at,
                       "\"%s\" is written as sections: each part on a line of its own, indented",
                       entry->name);
        return;
    }
    const char *meant = nearest(settings, path);
    if (meant != NULL)
        problems_error(problems, entry->at, "unknown key \"%s\"; did you mean \"%s\"?", path,
                       meant);
    else
        problems_error(problems, entry->at, "unknown key \"%s\"; %s names all that there are", path,
                       settings->manual);
}

/* The secret whose KEY_file this is, or NULL. */
static struct setting *secret_of(const struct settings *settings, const char *path,
                                 struct pool *pool) {
    static const char suffix[] = "_file";
    const size_t size = strlen(path), suffix_size = sizeof(suffix) - 1;
    if (size <= suffix_size || strcmp(path + size - suffix_size, suffix) != 0)
        return NULL;
    const char *name = pool_text(pool, path, size - suffix_size);
    const struct setting *setting = name != NULL ? settings_find(settings, name) : NULL;
    if (setting == NULL || !(setting->key->flags & REPLI_CONFIG_SECRET))
        return NULL;
    return (struct setting *)setting;
}

static int given_twice(const struct setting *setting, const struct tree_entry *entry,
                       struct problems *problems) {
    if (setting->origin <= SETTING_DEFAULT)
        return 0;
    problems_error(problems, entry->at,
                   "%s is given both here and in line %zu: the value itself and its file exclude "
                   "each other",
                   setting->name, setting->at.line);
    return 1;
}

static void assign_secret_file(struct settings *settings, struct setting *setting,
                               const struct tree_entry *entry, struct problems *problems) {
    const struct tree_node *value = entry->value;
    if (tree_is_null(value) || given_twice(setting, entry, problems))
        return;
    if (value->type != TREE_SCALAR) {
        problems_error(problems, value->at, "%s_file: expected the path of a file", setting->name);
        return;
    }
    char why[SECRETS_WHY_SIZE];
    const char *secret = secrets_read(&settings->pool, value->text, why);
    if (secret == NULL) {
        problems_error(problems, value->at, "%s_file: cannot use \"%s\": %s", setting->name,
                       value->text, why);
        return;
    }
    setting->at = value->at;
    settings_set_text(settings, setting, SETTING_SECRET_FILE, value->text, secret, problems);
}

void settings_assign_entry(struct settings *settings, const struct tree_entry *entry,
                           const char *path, struct problems *problems) {
    /* A dot within a key is no way into a section. */
    if (strchr(entry->name, '.') != NULL) {
        unknown(settings, entry, path, problems);
        return;
    }
    struct setting *setting = (struct setting *)settings_find(settings, path);
    if (setting != NULL) {
        if (!tree_is_null(entry->value) && !given_twice(setting, entry, problems))
            settings_set(settings, setting, entry->value, problems);
        return;
    }
    if (is_section(settings, path)) {
        settings_assign(settings, entry->value, path, NULL, problems);
        return;
    }
    setting = secret_of(settings, path, &settings->pool);
    if (setting != NULL)
        assign_secret_file(settings, setting, entry, problems);
    else
        unknown(settings, entry, path, problems);
}

void settings_assign(struct settings *settings, const struct tree_node *section, const char *path,
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
        const char *full = path[0] == '\0'
                               ? entry->name
                               : pool_printf(&settings->pool, "%s.%s", path, entry->name);
        if (full == NULL) {
            problems_nomem(problems);
            return;
        }
        settings_assign_entry(settings, entry, full, problems);
    }
}
