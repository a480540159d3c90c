#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/utf8.h"
#include "config.h"
#include "driver/check.h"
#include "driver/instance.h"
#include "fuzz.h"

/* The configuration file of the program, with the keys of every driver of this build; and the JSON
 * that a driver gets. Every mistake is told with its place, in a line that can be read; and what is
 * shown of a good configuration could be used in its place. */

static char drivers[512];
static repli_config *fake; /* only to have a driver's keys */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    const char *build = getenv("BUILD");
    snprintf(drivers, sizeof(drivers), "%s/drivers", build != NULL ? build : "build");
    unsetenv("RA_NODE_ID");
    unsetenv("RA_NODE_ADDR_CLIENT");
    unsetenv("RA_NODE_ADDR_MEMBER");
    repli_error error = REPLI_ERROR_INIT;
    HOLDS(repli_config_new(NULL, &fake, NULL) == REPLI_OK);
    HOLDS_FOR(repli_config_load_driver(fake, "fake", drivers, &error) == REPLI_OK, error.message);
    return 0;
}

/* The file: what cannot be part of the input, and the input. */
static void write_file(const char *path, const char *text, size_t size) {
    FILE *file = fopen(path, "we");
    HOLDS(file != NULL);
    fprintf(file, "driver_dir: \"%s\"\n", drivers);
    HOLDS(size == 0 || fwrite(text, 1, size, file) == size);
    HOLDS(fclose(file) == 0);
    HOLDS(chmod(path, 0600) == 0);
}

static void expect_line(void *user_data, int is_error, const char *line) {
    size_t *errors = user_data;
    const size_t size = strlen(line);
    *errors += is_error != 0;
    HOLDS(size > 0);
    HOLDS_FOR(repli__utf8_check(line, size) == size, line);
    for (size_t at = 0; at < size;) {
        uint32_t c;
        at += repli__utf8_next(line + at, size - at, &c);
        HOLDS_FOR(!repli__utf8_is_control(c), line);
    }
}

static struct config *load(const char *path) {
    struct problems problems;
    problems_init(&problems, path);
    struct config *config = config_load(path, &problems);
    HOLDS((config == NULL) == (problems.errors > 0));
    size_t errors = 0;
    problems_each(&problems, expect_line, &errors);
    HOLDS(errors == problems.errors);
    problems_dispose(&problems);
    return config;
}

static int same_text(const char *one, const char *other) {
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static void expect_same(const struct setting *one, const struct setting *other) {
    HOLDS(strcmp(one->name, other->name) == 0);
    HOLDS_FOR(one->item_count == other->item_count, one->name);
    for (size_t i = 0; i < one->item_count; i++)
        HOLDS_FOR(same_text(one->items[i], other->items[i]), one->name);
    HOLDS_FOR(one->number == other->number, one->name);
    if (one->key->type != REPLI_CONFIG_STRINGS)
        HOLDS_FOR(same_text(one->text, other->text), one->name);
}

/* Secrets are not shown. */
static int shows_all(const struct config *config) {
    for (size_t i = 0; i < config->all.count; i++)
        if ((config->all.list[i].key->flags & REPLI_CONFIG_SECRET) != 0 &&
            config->all.list[i].origin != SETTING_UNSET)
            return 0;
    return 1;
}

static void show_and_load(const struct config *config) {
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    HOLDS(to != NULL);
    settings_print(&config->all, to);
    HOLDS(fclose(to) == 0);
    const char *path = fuzz_path("shown.yaml");
    fuzz_write_file(path, text, size);
    HOLDS(chmod(path, 0600) == 0);
    struct config *again = load(path);
    HOLDS_FOR(again != NULL, text);
    HOLDS(again->all.count == config->all.count);
    for (size_t i = 0; i < config->all.count; i++)
        expect_same(&config->all.list[i], &again->all.list[i]);
    config_free(again);
    free(text);
}

static void load_file(const char *text, size_t size) {
    const char *path = fuzz_path("agent.yaml");
    write_file(path, text, size);
    struct config *config = load(path);
    if (config != NULL && shows_all(config))
        show_and_load(config);
    config_free(config);

    struct problems problems;
    problems_init(&problems, path);
    struct config *part = config_load_part(path, &problems);
    HOLDS((part == NULL) == (problems.errors > 0));
    problems_dispose(&problems);
    config_free(part);
}

static void driver_json(const char *json, size_t size) {
    const repli_driver *driver = repli_config_driver(fake);
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__driver_config_check(driver, json, size, &error);
    fuzz_outcome(code, &error);
    char *whole = NULL;
    HOLDS(repli__driver_config_complete(driver, json, size, &whole, NULL) == code);
    if (code != REPLI_OK)
        return;
    char *again = NULL;
    HOLDS_FOR(repli__driver_config_complete(driver, whole, strlen(whole), &again, NULL) == REPLI_OK,
              whole);
    HOLDS_FOR(strcmp(whole, again) == 0, whole);
    free(again);
    free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    load_file((const char *)data, size);
    driver_json((const char *)data, size);
    return 0;
}
