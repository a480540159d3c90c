#include "driver/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/text.h"
#include "driver/instance.h"
#include "driver/nearest.h"
#include "base/json_check.h"

#define ORIGIN "driver"

enum { CONFIG_MAX = 1 << 20, PATH_SIZE = 160, SHOWN_SIZE = 64 };

/*
 * json-c has functions json_object_get and json_object_iter_next, too. A host that uses it, links
 * us statically and has jansson as a shared library gets one of either for both of us, so that
 * these names must not be used here, nor json_object_foreach, which uses the second.
 */
static json_t *member(json_t *object, const char *name) {
    return json_object_iter_value(json_object_iter_at(object, name));
}

/* Where the members under inspection hang, and whose they are. */
typedef struct walk {
    const repli_driver *driver;
    char path[PATH_SIZE]; /* of the section, with a dot at its end; "" at the top */
} walk;

static int32_t reject(const walk *w, const char *key, const char *problem, repli_error *err) {
    return repli__error(err, REPLI_EINVALID, ORIGIN, "configuration of driver %s: \"%s%s\" %s",
                        w->driver->name, w->path, key, problem);
}

static const repli_config_key *find_key(const repli_driver *driver, const char *name) {
    const repli_config_key *const *keys = driver->config_keys;
    for (; keys != NULL && *keys != NULL; keys++)
        if (strcmp((*keys)->name, name) == 0)
            return *keys;
    return NULL;
}

/* Are there keys below name? */
static int is_section(const repli_driver *driver, const char *name) {
    const size_t size = strlen(name);
    const repli_config_key *const *keys = driver->config_keys;
    for (; keys != NULL && *keys != NULL; keys++)
        if (strncmp((*keys)->name, name, size) == 0 && (*keys)->name[size] == '.')
            return 1;
    return 0;
}

/* Values. Secrets are never shown, so what was found is only named for other keys. */

static int32_t check_strings(const walk *w, const char *key, const json_t *value,
                             repli_error *err) {
    int good = json_is_array(value);
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item) {
        good = good && json_is_string(item);
    }
    return good ? REPLI_OK : reject(w, key, "must be a list of strings", err);
}

static int32_t check_integer(const walk *w, const char *name, const repli_config_key *key,
                             const json_t *value, repli_error *err) {
    char problem[160];
    const long long min = key->min;
    const long long max = key->max;
    if (!json_is_integer(value))
        snprintf(problem, sizeof(problem), "must be an integer from %lld to %lld", min, max);
    else if (json_integer_value(value) < min || json_integer_value(value) > max)
        snprintf(problem, sizeof(problem), "is %lld, but must be from %lld to %lld",
                 (long long)json_integer_value(value), min, max);
    else
        return REPLI_OK;
    return reject(w, name, problem, err);
}

static int32_t check_choice(const walk *w, const char *name, const repli_config_key *key,
                            const json_t *value, repli_error *err) {
    char problem[300];
    if (!json_is_string(value)) {
        snprintf(problem, sizeof(problem), "must be one of %.200s", key->choices);
    } else if (!repli__driver_is_choice(key->choices, json_string_value(value),
                                        json_string_length(value))) {
        char shown[SHOWN_SIZE];
        repli__text_clean(shown, sizeof(shown), json_string_value(value));
        snprintf(problem, sizeof(problem), "is \"%s\", but must be one of %.200s", shown,
                 key->choices);
    } else {
        return REPLI_OK;
    }
    return reject(w, name, problem, err);
}

static int32_t check_value(const walk *w, const char *name, const repli_config_key *key,
                           const json_t *value, repli_error *err) {
    switch (key->type) {
    case REPLI_CONFIG_INTEGER: return check_integer(w, name, key, value, err);
    case REPLI_CONFIG_BOOLEAN:
        return json_is_boolean(value) ? REPLI_OK : reject(w, name, "must be true or false", err);
    case REPLI_CONFIG_STRINGS: return check_strings(w, name, value, err);
    case REPLI_CONFIG_CHOICE: return check_choice(w, name, key, value, err);
    default: return json_is_string(value) ? REPLI_OK : reject(w, name, "must be a string", err);
    }
}

/* Members. */

static int32_t reject_unknown(const walk *w, const char *key, const char *name, repli_error *err) {
    char shown[SHOWN_SIZE];
    repli__text_clean(shown, sizeof(shown), key);
    if (w->driver->config_keys == NULL || w->driver->config_keys[0] == NULL)
        return reject(w, shown, "is not known: this driver takes no configuration", err);
    char problem[200];
    const repli_config_key *nearest = repli__nearest_key(w->driver->config_keys, name);
    if (strchr(key, '.') != NULL && find_key(w->driver, name) != NULL)
        snprintf(problem, sizeof(problem), "must be written as a section with a key in it");
    else if (nearest != NULL)
        snprintf(problem, sizeof(problem), "is not known: did you mean \"%s\"?", nearest->name);
    else
        snprintf(problem, sizeof(problem), "is not known");
    return reject(w, shown, problem, err);
}

static int32_t check_members(walk *w, json_t *object, repli_error *err);

static int32_t check_section(walk *w, const char *key, json_t *value, repli_error *err) {
    if (!json_is_object(value))
        return reject(w, key, "is a section: it must hold keys of its own", err);
    const size_t size = strlen(w->path);
    snprintf(w->path + size, sizeof(w->path) - size, "%s.", key);
    const int32_t code = check_members(w, value, err);
    w->path[size] = '\0';
    return code;
}

static int32_t check_member(walk *w, const char *key, json_t *value, repli_error *err) {
    char name[PATH_SIZE];
    const int size = snprintf(name, sizeof(name), "%s%s", w->path, key);
    if (size < 0 || (size_t)size >= sizeof(name) - 1)
        return reject_unknown(w, key, "", err);
    /* A dot in the text itself is no way into a section. */
    if (strchr(key, '.') == NULL) {
        const repli_config_key *known = find_key(w->driver, name);
        if (known != NULL)
            return check_value(w, key, known, value, err);
        if (is_section(w->driver, name))
            return check_section(w, key, value, err);
    }
    return reject_unknown(w, key, name, err);
}

static int32_t check_members(walk *w, json_t *object, repli_error *err) {
    /* What was checked is taken out, so that the next is always the first. */
    json_t *left = json_copy(object);
    int32_t code = left != NULL ? REPLI_OK : repli__error_nomem(err, ORIGIN, "checking a section");
    void *first;
    while (code == REPLI_OK && (first = json_object_iter(left)) != NULL) {
        const char *key = json_object_iter_key(first);
        code = check_member(w, key, json_object_iter_value(first), err);
        json_object_del(left, key);
    }
    json_decref(left);
    return code;
}

/* Keys that were left out. */

static json_t *default_value(const repli_config_key *key) {
    switch (key->type) {
    case REPLI_CONFIG_INTEGER: return json_integer(strtoll(key->default_text, NULL, 10));
    case REPLI_CONFIG_BOOLEAN: return json_boolean(strcmp(key->default_text, "true") == 0);
    case REPLI_CONFIG_STRINGS: return json_loads(key->default_text, 0, NULL);
    default: return json_string(key->default_text);
    }
}

/* The object that holds the last word of name, and that word. With make, sections that are missing
 * on the way are made; NULL if one is missing or memory is. */
static json_t *holder_of(json_t *object, const char *name, int make, const char **ret_word) {
    for (const char *dot; object != NULL && (dot = strchr(name, '.')) != NULL; name = dot + 1) {
        char word[PATH_SIZE];
        snprintf(word, sizeof(word), "%.*s", (int)(dot - name), name);
        json_t *section = member(object, word);
        if (section == NULL && make && json_object_set_new(object, word, json_object()) == 0)
            section = member(object, word);
        object = section;
    }
    *ret_word = name;
    return object;
}

static int32_t fill_key(const walk *w, json_t *root, const repli_config_key *key,
                        repli_error *err) {
    const char *word;
    json_t *there = holder_of(root, key->name, 0, &word);
    if (member(there, word) != NULL)
        return REPLI_OK;
    if ((key->flags & REPLI_CONFIG_REQUIRED) != 0)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "configuration of driver %s: \"%s\" is missing (%.200s)",
                            w->driver->name, key->name, key->summary);
    if (key->default_text == NULL)
        return REPLI_OK;
    json_t *holder = holder_of(root, key->name, 1, &word);
    if (holder == NULL || json_object_set_new(holder, word, default_value(key)) != 0)
        return repli__error_nomem(err, ORIGIN, "filling in defaults");
    return REPLI_OK;
}

/* jansson takes what it has no memory for as often as not for bad syntax. */
static int32_t no_json(const repli_driver *driver, const char *json, size_t size,
                       const json_error_t *problem, repli_error *err) {
    const enum json_error_code why = json_error_code(problem);
    const int semantic = why == json_error_duplicate_key || why == json_error_numeric_overflow;
    if (!semantic && repli__json_check(json, size, REPLI__DOCUMENT_DEPTH, "it", NULL) == REPLI_OK)
        return repli__error_nomem(err, ORIGIN, "reading the driver's configuration");
    return repli__error(err, REPLI_EINVALID, ORIGIN,
                        "configuration of driver %s: %s at line %d, column %d", driver->name,
                        why == json_error_duplicate_key ? "a key is there twice" : "not valid JSON",
                        problem->line, problem->column);
}

static int32_t parse(const repli_driver *driver, const char *json, size_t size, json_t **ret_root,
                     repli_error *err) {
    if (json == NULL) {
        json = "{}";
        size = 2;
    }
    if (size > CONFIG_MAX)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "configuration of driver %s: %zu bytes are more than %d", driver->name,
                            size, CONFIG_MAX);
    json_error_t problem = {0}; /* its text quotes the source, which may hold secrets */
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (root == NULL)
        return no_json(driver, json, size, &problem, err);
    if (!json_is_object(root)) {
        json_decref(root);
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "configuration of driver %s: it must be an object", driver->name);
    }
    *ret_root = root;
    return REPLI_OK;
}

/* Parse, check, and fill in defaults. */
static int32_t load(const repli_driver *driver, const char *json, size_t size, json_t **ret_root,
                    repli_error *err) {
    json_t *root = NULL;
    int32_t code = parse(driver, json, size, &root, err);
    if (code != REPLI_OK)
        return code;
    walk w = {.driver = driver};
    code = check_members(&w, root, err);
    const repli_config_key *const *keys = driver->config_keys;
    for (; code == REPLI_OK && keys != NULL && *keys != NULL; keys++)
        code = fill_key(&w, root, *keys, err);
    if (code != REPLI_OK) {
        json_decref(root);
        return code;
    }
    *ret_root = root;
    return REPLI_OK;
}

int32_t repli__driver_config_check(const repli_driver *driver, const char *json, size_t size,
                                   repli_error *err) {
    json_t *root = NULL;
    const int32_t code = load(driver, json, size, &root, err);
    if (code == REPLI_OK)
        json_decref(root);
    return code;
}

int32_t repli__driver_config_complete(const repli_driver *driver, const char *json, size_t size,
                                      char **ret_json, repli_error *err) {
    json_t *root = NULL;
    const int32_t code = load(driver, json, size, &root, err);
    if (code != REPLI_OK)
        return code;
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (text == NULL)
        return repli__error_nomem(err, ORIGIN, "filling in defaults");
    *ret_json = text;
    return REPLI_OK;
}
