#include "settings.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { EXPECTED_SIZE = 256 };

static void describe_expected(const repli_config_key *key, char text[EXPECTED_SIZE]) {
    switch (key->type) {
    case REPLI_CONFIG_INTEGER:
        snprintf(text, EXPECTED_SIZE, "a whole number from %" PRId64 " to %" PRId64, key->min,
                 key->max);
        break;
    case REPLI_CONFIG_BOOLEAN: snprintf(text, EXPECTED_SIZE, "true or false"); break;
    case REPLI_CONFIG_STRINGS:
        snprintf(text, EXPECTED_SIZE, "a list of texts, such as [one, \"and two\"]");
        break;
    case REPLI_CONFIG_CHOICE: {
        int size = snprintf(text, EXPECTED_SIZE, "one of ");
        for (const char *c = key->choices; *c != '\0' && size < EXPECTED_SIZE - 3; c++) {
            if (*c == '|')
                text[size++] = ',';
            text[size++] = *c == '|' ? ' ' : *c;
        }
        text[size] = '\0';
        break;
    }
    default: snprintf(text, EXPECTED_SIZE, "a text"); break;
    }
}

/* A secret that is wrong is still a secret. */
static void mismatch(const struct setting *setting, struct mark at, const char *found, int quote,
                     struct problems *problems) {
    char expected[EXPECTED_SIZE];
    describe_expected(setting->key, expected);
    if (setting->key->flags & REPLI_CONFIG_SECRET) {
        found = "something else";
        quote = 0;
    }
    const char *mark = quote ? "\"" : "";
    problems_error(problems, at, "%s: found %s%.200s%s, expected %s (%s)", setting->name, mark,
                   found, mark, expected, setting->key->summary);
}

static int parse_integer(const char *text, int64_t *ret_number) {
    const int negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    if (*text == '\0')
        return -1;
    int64_t number = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, *text - '0', &number))
            return -1;
    }
    /* Gathered below zero, where there is room for one more. */
    if (!negative && number == INT64_MIN)
        return -1;
    *ret_number = negative ? number : -number;
    return 0;
}

/* The word of the key's own spelling; existing configurations also use capitals. */
static const char *find_choice(struct settings *settings, const char *choices, const char *text) {
    const size_t size = strlen(text);
    while (size > 0) {
        const char *end = strchrnul(choices, '|');
        if ((size_t)(end - choices) == size && strncasecmp(choices, text, size) == 0)
            return pool_text(&settings->pool, choices, size);
        if (*end == '\0')
            break;
        choices = end + 1;
    }
    return NULL;
}

static int convert(struct settings *settings, struct setting *setting, const char *text) {
    const repli_config_key *key = setting->key;
    switch (key->type) {
    case REPLI_CONFIG_INTEGER:
        if (parse_integer(text, &setting->number) != 0 || setting->number < key->min ||
            setting->number > key->max)
            return -1;
        setting->text = text;
        return 0;
    case REPLI_CONFIG_BOOLEAN:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return -1;
        setting->number = text[0] == 't';
        setting->text = text;
        return 0;
    case REPLI_CONFIG_CHOICE:
        setting->text = find_choice(settings, key->choices, text);
        return setting->text != NULL ? 0 : -1;
    default: setting->text = text; return 0;
    }
}

/* A list's default is written with blanks between its elements. */
static int convert_list_default(struct settings *settings, struct setting *setting,
                                const char *text) {
    const char **items = NULL;
    size_t count = 0;
    for (const char *word = text + strspn(text, " "); *word != '\0';) {
        const size_t size = strcspn(word, " ");
        items = pool_grow(&settings->pool, items, count, sizeof(*items));
        if (items == NULL || (items[count] = pool_text(&settings->pool, word, size)) == NULL)
            return -1;
        count++;
        word += size + strspn(word + size, " ");
    }
    setting->items = items;
    setting->item_count = count;
    return 0;
}

void settings_set_text(struct settings *settings, struct setting *setting, int origin,
                       const char *source, const char *text, struct problems *problems) {
    const char *copy = pool_text(&settings->pool, text, strlen(text));
    if (copy == NULL) {
        problems_nomem(problems);
        return;
    }
    const int bad = setting->key->type == REPLI_CONFIG_STRINGS
                        ? convert_list_default(settings, setting, copy)
                        : convert(settings, setting, copy);
    if (bad && source != NULL && origin == SETTING_ENVIRONMENT)
        problems_error(problems, (struct mark){0, 0}, "%s in the environment: not good as %s: %s",
                       source, setting->name, setting->key->summary);
    else if (bad)
        mismatch(setting, setting->at, copy, 1, problems);
    setting->origin = origin;
    setting->source = source;
}

static void set_list(struct settings *settings, struct setting *setting,
                     const struct tree_node *value, struct problems *problems) {
    const char **items = NULL;
    for (size_t i = 0; i < value->count; i++) {
        const struct tree_node *item = value->entries[i].value;
        if (item->type != TREE_SCALAR || tree_is_null(item)) {
            mismatch(setting, item->at, "an element that is not a text", 0, problems);
            return;
        }
        items = pool_grow(&settings->pool, items, i, sizeof(*items));
        if (items == NULL) {
            problems_nomem(problems);
            return;
        }
        items[i] = item->text;
    }
    setting->items = items;
    setting->item_count = value->count;
}

void settings_set(struct settings *settings, struct setting *setting, const struct tree_node *value,
                  struct problems *problems) {
    const int is_list = setting->key->type == REPLI_CONFIG_STRINGS;
    setting->origin = SETTING_FILE;
    setting->at = value->at;
    if (value->type == TREE_SECTION)
        mismatch(setting, value->at, "a section", 0, problems);
    else if (value->type == TREE_LIST && !is_list)
        mismatch(setting, value->at, "a list", 0, problems);
    else if (value->type == TREE_LIST)
        set_list(settings, setting, value, problems);
    else if (is_list || convert(settings, setting, value->text) != 0)
        mismatch(setting, value->at, value->text, 1, problems);
}
