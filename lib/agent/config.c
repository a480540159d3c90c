#include "agent/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "model/doc.h"
#include "model/validate.h"

enum { PATH_BYTES_MAX = 4096, STRINGS_MAX = 1024 };

static const repli_config_key *key_at(int index) {
    return repli_config_keys()[index];
}

void repli__config_strings_free(const repli__mem *mem, char **strings) {
    for (size_t i = 0; strings != NULL && strings[i] != NULL; i++)
        repli__free(mem, strings[i]);
    repli__free(mem, strings);
}

static void value_clear(const repli__mem *mem, repli__config_value *value) {
    repli__free(mem, value->text);
    repli__config_strings_free(mem, value->strings);
    *value = (repli__config_value){0};
}

/* Replace a value, which takes over what is in fresh. */
static void value_replace(repli_config *config, int index, const repli__config_value *fresh) {
    value_clear(&config->mem, &config->values[index]);
    config->values[index] = *fresh;
}

static int32_t strings_copy(const repli__mem *mem, const char *const *strings, size_t count,
                            char ***ret_copy) {
    repli__config_value list = {.strings = repli__calloc(mem, count + 1, sizeof(char *))};
    if (list.strings == NULL)
        return REPLI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        list.strings[i] = repli__strdup(mem, strings[i]);
        if (list.strings[i] == NULL) {
            value_clear(mem, &list);
            return REPLI_ENOMEM;
        }
    }
    *ret_copy = list.strings;
    return REPLI_OK;
}

char **repli__config_strings_copy(const repli__mem *mem, const char *const *strings) {
    char **copy = NULL;
    size_t count = 0;
    while (strings != NULL && strings[count] != NULL)
        count++;
    if (strings != NULL)
        strings_copy(mem, strings, count, &copy);
    return copy;
}

int repli__config_strings_same(const char *const *a, const char *const *b) {
    if (a == NULL || b == NULL)
        return a == b;
    for (; *a != NULL && *b != NULL; a++, b++)
        if (strcmp(*a, *b) != 0)
            return 0;
    return *a == *b;
}

static int32_t value_copy(const repli__mem *mem, repli__config_value *to,
                          const repli__config_value *from) {
    repli__config_value copy = {.integer = from->integer};
    if (from->text != NULL) {
        copy.text = repli__strdup(mem, from->text);
        if (copy.text == NULL)
            return REPLI_ENOMEM;
    }
    copy.strings = repli__config_strings_copy(mem, (const char *const *)from->strings);
    if (from->strings != NULL && copy.strings == NULL) {
        value_clear(mem, &copy);
        return REPLI_ENOMEM;
    }
    *to = copy;
    return REPLI_OK;
}

/* Whether the length bytes at word are one of the words in choices. */
static int is_choice(const char *choices, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = choices; *at != '\0';) {
        const size_t size = strcspn(at, "|");
        if (size == length && strncmp(at, word, size) == 0)
            return 1;
        at += size;
        at += *at == '|';
    }
    return 0;
}

static int32_t nomem(repli_error *err) {
    return repli__error_nomem(err, "agent", "copying a configuration");
}

static const char *type_name(int32_t type) {
    switch (type) {
    case REPLI_CONFIG_INTEGER: return "an integer";
    case REPLI_CONFIG_BOOLEAN: return "true or false";
    case REPLI_CONFIG_STRINGS: return "a list of strings";
    default: return "a string";
    }
}

/* Find the key and see whether values of type fit it; its index, or an error. */
static int32_t find(const char *name, int32_t type, int *ret_index, repli_error *err) {
    if (name == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "a configuration key must be named");
    const int index = repli__config_find(name);
    char quote[REPLI__QUOTE_SIZE];
    if (index < 0)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "unknown configuration key %s; see repli_config_keys()",
                            repli__utf8_quote(quote, name));
    const int32_t wanted = key_at(index)->type;
    const int fits = wanted == REPLI_CONFIG_CHOICE ? type == REPLI_CONFIG_STRING : wanted == type;
    if (!fits)
        return repli__error(err, REPLI_EINVALID, "agent", "\"%s\" must be %s, not %s", name,
                            type_name(wanted), type_name(type));
    *ret_index = index;
    return REPLI_OK;
}

static int32_t check_text(int index, const char *value, repli_error *err) {
    const repli_config_key *key = key_at(index);
    const int is_path = index == REPLI__KEY_STORE_PATH || index == REPLI__KEY_VERSION_FILE;
    const size_t max = is_path ? PATH_BYTES_MAX : REPLI__ID_MAX;
    if (repli__text_validate(value, max, key->name, err) != REPLI_OK)
        return REPLI_EINVALID;
    char quote[REPLI__QUOTE_SIZE];
    if (key->type == REPLI_CONFIG_CHOICE && !is_choice(key->choices, value))
        return repli__error(err, REPLI_EINVALID, "agent", "\"%s\" must be one of %s, not %s",
                            key->name, key->choices, repli__utf8_quote(quote, value));
    char version[128];
    if (index == REPLI__KEY_VERSION_FIXED &&
        repli__semver_find(value, version, sizeof(version), NULL) != REPLI_OK)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "\"%s\" must be a version such as \"15.3.0\", not %s", key->name,
                            repli__utf8_quote(quote, value));
    return REPLI_OK;
}

int32_t repli_config_set_str(repli_config *config, const char *key, const char *value,
                             repli_error *err) {
    int index = 0;
    int32_t code = find(key, REPLI_CONFIG_STRING, &index, err);
    if (code == REPLI_OK)
        code = check_text(index, value, err);
    if (code != REPLI_OK)
        return code;
    const repli__config_value fresh = {.text = repli__strdup(&config->mem, value)};
    if (fresh.text == NULL)
        return nomem(err);
    value_replace(config, index, &fresh);
    return REPLI_OK;
}

int32_t repli_config_set_int(repli_config *config, const char *key, int64_t value,
                             repli_error *err) {
    int index = 0;
    const int32_t code = find(key, REPLI_CONFIG_INTEGER, &index, err);
    if (code != REPLI_OK)
        return code;
    const repli_config_key *found = key_at(index);
    if (value < found->min || value > found->max)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "\"%s\" must be within %" PRId64 " and %" PRId64 ", not %" PRId64, key,
                            found->min, found->max, value);
    config->values[index].integer = value;
    return REPLI_OK;
}

int32_t repli_config_set_bool(repli_config *config, const char *key, int32_t value,
                              repli_error *err) {
    int index = 0;
    const int32_t code = find(key, REPLI_CONFIG_BOOLEAN, &index, err);
    if (code == REPLI_OK)
        config->values[index].integer = value != 0;
    return code;
}

/* A kind, or the beginning of several. */
static int32_t check_pattern(const char *pattern, repli_error *err) {
    const char *star = strchr(pattern, '*');
    char quote[REPLI__QUOTE_SIZE];
    if (star == NULL)
        return repli_scoped_name_validate(pattern, err);
    if (star[1] == '\0')
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, "agent", "%s has a * that is not its end",
                        repli__utf8_quote(quote, pattern));
}

int32_t repli_config_set_strs(repli_config *config, const char *key, const char *const *values,
                              size_t count, repli_error *err) {
    int index = 0;
    const int32_t code = find(key, REPLI_CONFIG_STRINGS, &index, err);
    if (code != REPLI_OK)
        return code;
    if (count == 0 || count > STRINGS_MAX)
        return repli__error(err, REPLI_EINVALID, "agent", "\"%s\" must have 1 to %d strings", key,
                            STRINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        int32_t fault = repli__prose_validate(values[i], PATH_BYTES_MAX, key, err);
        if (fault == REPLI_OK && index == REPLI__KEY_MAINTENANCE_ALLOWED)
            fault = check_pattern(values[i], err);
        if (fault != REPLI_OK)
            return repli__error_within(err, fault, "string %zu", i);
    }
    repli__config_value fresh = {0};
    if (strings_copy(&config->mem, values, count, &fresh.strings) != REPLI_OK)
        return nomem(err);
    value_replace(config, index, &fresh);
    return REPLI_OK;
}

static int32_t set_default(repli_config *config, int index) {
    const repli_config_key *key = key_at(index);
    if (key->default_text == NULL)
        return REPLI_OK;
    repli__config_value *value = &config->values[index];
    switch (key->type) {
    case REPLI_CONFIG_INTEGER: value->integer = strtoll(key->default_text, NULL, 10); break;
    case REPLI_CONFIG_BOOLEAN: value->integer = strcmp(key->default_text, "true") == 0; break;
    default:
        value->text = repli__strdup(&config->mem, key->default_text);
        return value->text != NULL ? REPLI_OK : REPLI_ENOMEM;
    }
    return REPLI_OK;
}

static repli_config *config_alloc(const repli__mem *mem) {
    repli_config *config = repli__calloc(mem, 1, sizeof(*config));
    if (config != NULL) {
        atomic_init(&config->references, 1);
        config->mem = *mem;
    }
    return config;
}

int32_t repli_config_new(const repli_allocator *allocator, repli_config **ret_config,
                         repli_error *err) {
    if (allocator != NULL && (allocator->struct_size < REPLI__SIZE_TO(repli_allocator, user_data) ||
                              allocator->malloc_fn == NULL || allocator->realloc_fn == NULL ||
                              allocator->free_fn == NULL))
        return repli__error(err, REPLI_EINVALID, "agent",
                            "an allocator needs its struct_size and all three functions");
    repli__mem mem;
    repli__mem_init(&mem, allocator);
    repli_config *config = config_alloc(&mem);
    for (int i = 0; config != NULL && i < REPLI__KEY_COUNT; i++)
        if (set_default(config, i) != REPLI_OK) {
            repli_config_free(config);
            config = NULL;
        }
    if (config == NULL)
        return nomem(err);
    *ret_config = config;
    return REPLI_OK;
}

static void action_clear(const repli__mem *mem, repli__config_action *action) {
    repli__free(mem, (char *)action->kind.kind);
    repli__free(mem, (char *)action->kind.summary);
    repli__free(mem, (char *)action->kind.arguments);
}

void repli__config_unref(repli_config *config) {
    if (config == NULL || atomic_fetch_sub(&config->references, 1) > 1)
        return;
    const repli__mem mem = config->mem;
    for (int i = 0; i < REPLI__KEY_COUNT; i++)
        value_clear(&mem, &config->values[i]);
    for (size_t i = 0; i < config->action_count; i++)
        action_clear(&mem, &config->actions[i]);
    repli__free(&mem, config->actions);
    repli__config_externals_free(config);
    repli__config_hooks_free(config);
    repli__free(&mem, config->driver_config);
    repli__free(&mem, config);
}

repli_config *repli__config_ref(repli_config *config) {
    atomic_fetch_add(&config->references, 1);
    return config;
}

void repli_config_free(repli_config *config) {
    repli__config_unref(config);
}

static int32_t add_action(repli_config *config, const repli__config_action *from) {
    if (repli__grow(&config->mem, (void **)&config->actions, &config->action_capacity,
                    config->action_count, sizeof(*config->actions)) != REPLI_OK)
        return REPLI_ENOMEM;
    repli__config_action copy = *from;
    copy.kind.kind = repli__strdup(&config->mem, from->kind.kind);
    copy.kind.summary = repli__strdup(&config->mem, from->kind.summary);
    copy.kind.arguments = repli__strdup(&config->mem, from->kind.arguments);
    if (copy.kind.kind == NULL || (copy.kind.summary == NULL && from->kind.summary != NULL) ||
        (copy.kind.arguments == NULL && from->kind.arguments != NULL)) {
        action_clear(&config->mem, &copy);
        return REPLI_ENOMEM;
    }
    config->actions[config->action_count++] = copy;
    return REPLI_OK;
}

int32_t repli_config_add_action(repli_config *config, const repli_action_kind *kind,
                                repli_action_validate_fn validate, repli_action_step_fn step,
                                void *user_data, repli_error *err) {
    if (kind == NULL || kind->struct_size < REPLI__SIZE_TO(repli_action_kind, arguments) ||
        kind->kind == NULL || step == NULL)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "an action needs a kind with its struct_size, and a step function");
    int32_t code = repli_scoped_name_validate(kind->kind, err);
    if (code != REPLI_OK)
        return code;
    if (kind->summary == NULL || kind->summary[0] == '\0')
        return repli__error(err, REPLI_EINVALID, "agent", "the action \"%s\" has no summary",
                            kind->kind);
    if (repli_scoped_name_reserved(kind->kind))
        return repli__error(err, REPLI_EINVALID, "agent",
                            "\"%s\" is in a domain reserved for the library; use one of your own",
                            kind->kind);
    for (size_t i = 0; i < config->action_count; i++)
        if (strcmp(config->actions[i].kind.kind, kind->kind) == 0)
            return repli__error(err, REPLI_ECONFLICT, "agent", "the action \"%s\" was added before",
                                kind->kind);
    repli__config_action action = {.validate = validate, .step = step, .user_data = user_data};
    repli__sized_copy(&action.kind, sizeof(action.kind), kind);
    code = add_action(config, &action);
    return code != REPLI_OK ? nomem(err) : REPLI_OK;
}

int32_t repli_config_set_log(repli_config *config, int32_t level, repli_log_fn log, void *user_data,
                             repli_error *err) {
    if (level < REPLI_LOG_ERROR || level > REPLI_LOG_DEBUG)
        return repli__error(err, REPLI_EINVALID, "agent", "%" PRId32 " is no REPLI_LOG_* level",
                            level);
    config->log_level = level;
    config->log = log;
    config->log_data = user_data;
    return REPLI_OK;
}

int32_t repli_config_set_run_mode(repli_config *config, int32_t mode, repli_error *err) {
    if (mode < REPLI_RUN_THREADS || mode > REPLI_RUN_LENT)
        return repli__error(err, REPLI_EINVALID, "agent", "%" PRId32 " is no REPLI_RUN_* mode",
                            mode);
    config->run_mode = mode;
    return REPLI_OK;
}

static int32_t copy_into(repli_config *copy, const repli_config *from) {
    for (int i = 0; i < REPLI__KEY_COUNT; i++)
        if (value_copy(&copy->mem, &copy->values[i], &from->values[i]) != REPLI_OK)
            return REPLI_ENOMEM;
    for (size_t i = 0; i < from->action_count; i++)
        if (add_action(copy, &from->actions[i]) != REPLI_OK)
            return REPLI_ENOMEM;
    if (repli__config_externals_copy(copy, from) != REPLI_OK)
        return REPLI_ENOMEM;
    if (repli__config_hooks_copy(copy, from) != REPLI_OK)
        return REPLI_ENOMEM;
    if (from->driver_config != NULL) {
        copy->driver_config = repli__alloc(&copy->mem, from->driver_config_size + 1);
        if (copy->driver_config == NULL)
            return REPLI_ENOMEM;
        memcpy(copy->driver_config, from->driver_config, from->driver_config_size + 1);
        copy->driver_config_size = from->driver_config_size;
    }
    copy->has_driver = from->has_driver;
    copy->driver = from->driver;
    copy->run_mode = from->run_mode;
    copy->log_level = from->log_level;
    copy->log = from->log;
    copy->log_data = from->log_data;
    return REPLI_OK;
}

int32_t repli__config_copy(const repli_config *config, repli_config **ret_copy, repli_error *err) {
    repli_config *copy = config_alloc(&config->mem);
    if (copy == NULL || copy_into(copy, config) != REPLI_OK) {
        repli__config_unref(copy);
        return nomem(err);
    }
    *ret_copy = copy;
    return REPLI_OK;
}

int64_t repli__config_integer(const repli_config *config, int key) {
    return config->values[key].integer;
}

const char *repli__config_text(const repli_config *config, int key) {
    return config->values[key].text;
}

const char *const *repli__config_strings(const repli_config *config, int key) {
    return (const char *const *)config->values[key].strings;
}
