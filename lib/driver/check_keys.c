#include "driver/check.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "base/json_check.h"
#include "base/json_span.h"

#define ORIGIN "driver"
#define V1_SIZE REPLI__SIZE_TO(repli_config_key, summary)

enum { KEYS_MAX = 256, NAME_MAX_BYTES = 64 };

/* Words of [a-z][a-z0-9_]* with dots between them. */
static int is_name(const char *text) {
    int starts = 1;
    size_t size = 0;
    for (; text[size] != '\0'; size++) {
        const char c = text[size];
        const int letter = c >= 'a' && c <= 'z';
        if (size >= NAME_MAX_BYTES)
            return 0;
        if (starts ? !letter : !letter && !(c >= '0' && c <= '9') && c != '_' && c != '.')
            return 0;
        starts = c == '.';
    }
    return size > 0 && !starts;
}

int repli__driver_is_choice(const char *choices, const char *text, size_t size) {
    for (;;) {
        const size_t length = strcspn(choices, "|");
        if (length == size && memcmp(choices, text, size) == 0)
            return 1;
        if (choices[length] == '\0')
            return 0;
        choices += length + 1;
    }
}

static int has_empty_choice(const char *choices) {
    return choices == NULL || repli__driver_is_choice(choices, "", 0);
}

static int is_list_of_strings(const char *json) {
    if (repli__json_check(json, strlen(json), REPLI__VALUE_DEPTH, "a default", NULL) != REPLI_OK)
        return 0;
    const repli__json_span list = repli__json_root(json, strlen(json));
    int good = repli__json_type(list) == REPLI__JSON_ARRAY;
    repli__json_span item;
    for (size_t at = 0; good && repli__json_next_item(list, &at, &item);)
        good = repli__json_type(item) == REPLI__JSON_STRING;
    return good;
}

/* What is wrong with a default, or NULL. */
static const char *default_problem(const repli_config_key *key) {
    const char *text = key->default_text;
    char *end;
    long long number;
    switch (key->type) {
    case REPLI_CONFIG_INTEGER:
        errno = 0;
        number = strtoll(text, &end, 10);
        if (end == text || *end != '\0' || errno != 0)
            return "has a default that is no integer";
        return number < key->min || number > key->max ? "has a default that is out of bounds"
                                                      : NULL;
    case REPLI_CONFIG_BOOLEAN:
        return strcmp(text, "true") != 0 && strcmp(text, "false") != 0
                   ? "has a default that is not true or false"
                   : NULL;
    case REPLI_CONFIG_CHOICE:
        return !repli__driver_is_choice(key->choices, text, strlen(text))
                   ? "has a default that is none of the choices"
                   : NULL;
    case REPLI_CONFIG_STRINGS:
        return !is_list_of_strings(text) ? "has a default that is no JSON list of strings" : NULL;
    default: return NULL;
    }
}

/* What is wrong with a key that has a good name, or NULL. */
static const char *problem_of(const repli_config_key *key) {
    if (key->type < REPLI_CONFIG_STRING || key->type > REPLI_CONFIG_CHOICE)
        return "has a type that this library does not know";
    if (key->summary == NULL || key->summary[0] == '\0')
        return "has no summary";
    if (key->type == REPLI_CONFIG_INTEGER && key->min == 0 && key->max == 0)
        return "is an integer without bounds: set min and max";
    if (key->type == REPLI_CONFIG_INTEGER && key->min > key->max)
        return "has a min above its max";
    if (key->type == REPLI_CONFIG_CHOICE && has_empty_choice(key->choices))
        return "needs choices, as in \"one|two\"";
    if (key->type != REPLI_CONFIG_CHOICE && key->choices != NULL)
        return "has choices but is not of type choice";
    if ((key->flags & REPLI_CONFIG_SECRET) != 0 && key->type != REPLI_CONFIG_STRING)
        return "is secret but not a string";
    if (key->default_text == NULL)
        return NULL;
    if ((key->flags & REPLI_CONFIG_REQUIRED) != 0)
        return "is required and yet has a default";
    if ((key->flags & REPLI_CONFIG_SECRET) != 0)
        return "is secret and yet has a default";
    return default_problem(key);
}

/* What is wrong between two keys, or NULL. */
static const char *clash_of(const repli_config_key *one, const repli_config_key *other) {
    const size_t size = strlen(one->name);
    if (strncmp(one->name, other->name, size) != 0)
        return NULL;
    const char *rest = other->name + size;
    if (rest[0] == '\0')
        return "is declared twice";
    if (rest[0] == '.')
        return "is a value and also a section of other keys";
    if ((one->flags & REPLI_CONFIG_SECRET) != 0 && strcmp(rest, "_file") == 0)
        return "is secret, so that its name with _file at the end is taken, and cannot be another";
    return NULL;
}

static int32_t reject(const char *driver, const repli_config_key *key, const char *problem,
                      repli_error *err) {
    return repli__error(err, REPLI_EINVALID, ORIGIN, "driver %s: configuration key \"%s\" %s",
                        driver, key->name, problem);
}

static int32_t check_key(const repli_config_key *key, size_t number, const char *driver,
                         repli_error *err) {
    if (key->struct_size < V1_SIZE)
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "driver %s: configuration key number %zu has struct_size %u, but at "
                            "least %zu is needed: set it to sizeof(repli_config_key)",
                            driver, number, (unsigned)key->struct_size, V1_SIZE);
    if (key->name == NULL || !is_name(key->name)) {
        char quote[REPLI__QUOTE_SIZE];
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "driver %s: %s cannot be the name of a configuration key: it must "
                            "be words of [a-z][a-z0-9_]* with dots between them, %d bytes at most",
                            driver, repli__utf8_quote(quote, key->name), NAME_MAX_BYTES);
    }
    const char *problem = problem_of(key);
    return problem == NULL ? REPLI_OK : reject(driver, key, problem, err);
}

int32_t repli__driver_check_keys(const repli_config_key *const *keys, const char *name,
                                 repli_error *err) {
    for (size_t i = 0; keys != NULL && keys[i] != NULL; i++) {
        if (i >= KEYS_MAX)
            return repli__error(err, REPLI_EINVALID, ORIGIN,
                                "driver %s has more than %d configuration keys: is the NULL at the "
                                "end of the list missing?",
                                name, KEYS_MAX);
        const int32_t code = check_key(keys[i], i + 1, name, err);
        if (code != REPLI_OK)
            return code;
        for (size_t j = 0; j < i; j++) {
            const char *problem = clash_of(keys[i], keys[j]);
            if (problem != NULL)
                return reject(name, keys[i], problem, err);
            problem = clash_of(keys[j], keys[i]);
            if (problem != NULL)
                return reject(name, keys[j], problem, err);
        }
    }
    return REPLI_OK;
}
