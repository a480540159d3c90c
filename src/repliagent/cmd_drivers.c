#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <replicante/agent.h>

#include "commands.h"
#include "config.h"
#include "config_keys.h"
#include "exits.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

static const char prefix[] = "driver_", suffix[] = ".so";

/* A file of the driver directory; driver is NULL if it cannot be used. */
struct found {
    char *name, *path;
    repli_config *config; /* owner of driver */
    const repli_driver *driver;
    repli_error error;
};

static int is_driver(const struct dirent *entry) {
    const size_t size = strlen(entry->d_name), least = strlen(prefix) + strlen(suffix);
    return size > least && strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
           strcmp(entry->d_name + size - strlen(suffix), suffix) == 0;
}

static void load(const char *directory, const char *file, struct found *found) {
    *found = (struct found){.error = REPLI_ERROR_INIT};
    const size_t size = strlen(file) - strlen(prefix) - strlen(suffix);
    found->name = text_printf("%.*s", (int)size, file + strlen(prefix));
    found->path = text_printf("%s/%s", directory, file);
    if (repli_config_new(NULL, &found->config, &found->error) == REPLI_OK &&
        repli_config_load_driver(found->config, found->name, directory, &found->error) == REPLI_OK)
        found->driver = repli_config_driver(found->config);
}

static void dispose(struct found *found) {
    repli_config_free(found->config);
    free(found->name);
    free(found->path);
}

/* As a table. */

static void add_settings(struct table *table, const repli_driver *driver) {
    char *list = text_printf("%s", "");
    for (const repli_config_key *const *key = driver->config_keys; key != NULL && *key != NULL;
         key++) {
        char *longer = text_printf("%s%s%s", list, list[0] != '\0' ? ", " : "", (*key)->name);
        free(list);
        list = longer;
    }
    table_add(table, TABLE_PLAIN, "%s", list[0] != '\0' ? list : "-");
    free(list);
}

static void show_all(const struct found *found, size_t count, int colour) {
    struct table *table = table_new("llll");
    table_head(table, (const char *const[]){"NAME", "VERSION", "STORE", "SETTINGS", NULL});
    for (size_t i = 0; i < count; i++) {
        const repli_driver *driver = found[i].driver;
        if (driver == NULL)
            continue;
        table_add(table, TABLE_PLAIN, "%s", driver->name);
        table_add(table, TABLE_PLAIN, "%s", driver->version);
        table_add(table, TABLE_PLAIN, "%s", driver->store_id);
        add_settings(table, driver);
    }
    table_print(table, stdout, colour);
}

static const char *type_name(int32_t type) {
    switch (type) {
    case REPLI_CONFIG_INTEGER: return "number";
    case REPLI_CONFIG_BOOLEAN: return "boolean";
    case REPLI_CONFIG_STRINGS: return "list";
    case REPLI_CONFIG_CHOICE: return "choice";
    default: return "text";
    }
}

static void add_setting(struct table *table, const repli_config_key *key) {
    table_add(table, TABLE_PLAIN, "%s", key->name);
    if (key->type == REPLI_CONFIG_CHOICE)
        table_add(table, TABLE_PLAIN, "%s", key->choices);
    else
        table_add(table, TABLE_PLAIN, "%s", type_name(key->type));
    if (key->flags & REPLI_CONFIG_REQUIRED)
        table_add(table, TABLE_WARN, "required");
    else
        table_add(table, TABLE_PLAIN, "%s", key->default_text != NULL ? key->default_text : "-");
    table_add(table, TABLE_PLAIN, "%s%s", key->summary != NULL ? key->summary : "",
              key->flags & REPLI_CONFIG_SECRET ? " (secret)" : "");
}

static void show_one(const struct found *found, int colour) {
    const repli_driver *driver = found->driver;
    struct table *facts = table_new("ll");
    const char *const rows[][2] = {{"driver", driver->name},
                                   {"version", driver->version},
                                   {"store", driver->store_id},
                                   {"summary", driver->summary},
                                   {"file", found->path}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        table_add(facts, TABLE_DIM, "%s", rows[i][0]);
        table_add(facts, TABLE_PLAIN, "%s", rows[i][1] != NULL ? rows[i][1] : "-");
    }
    table_print(facts, stdout, colour);
    if (driver->config_keys == NULL || driver->config_keys[0] == NULL)
        return;
    struct table *table = table_new("llll");
    table_head(table, (const char *const[]){"SETTING", "TYPE", "DEFAULT", "MEANING", NULL});
    for (const repli_config_key *const *key = driver->config_keys; *key != NULL; key++)
        add_setting(table, *key);
    putchar('\n');
    table_print(table, stdout, colour);
}

/* As JSON. */

static json_t *key_to_json(const repli_config_key *key) {
    json_t *object =
        json_pack("{s:s, s:s, s:b, s:b, s:s?, s:s?}", "name", key->name, "type",
                  type_name(key->type), "required", (key->flags & REPLI_CONFIG_REQUIRED) != 0,
                  "secret", (key->flags & REPLI_CONFIG_SECRET) != 0, "default", key->default_text,
                  "summary", key->summary);
    if (key->type == REPLI_CONFIG_CHOICE)
        json_object_set_new(object, "choices", json_string(key->choices));
    if (key->type == REPLI_CONFIG_INTEGER) {
        json_object_set_new(object, "min", json_integer((json_int_t)key->min));
        json_object_set_new(object, "max", json_integer((json_int_t)key->max));
    }
    return object;
}

static json_t *found_to_json(const struct found *found) {
    const repli_driver *driver = found->driver;
    if (driver == NULL)
        return json_pack("{s:s, s:s, s:s}", "name", found->name, "file", found->path, "error",
                         found->error.message);
    json_t *settings = json_array();
    for (const repli_config_key *const *key = driver->config_keys; key != NULL && *key != NULL;
         key++)
        json_array_append_new(settings, key_to_json(*key));
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o}", "name", driver->name, "file", found->path,
                     "version", driver->version, "store_id", driver->store_id, "summary",
                     driver->summary, "settings", settings);
}

static void print_json(const struct found *found, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, found_to_json(&found[i]));
    json_t *document = json_pack("{s:o}", "drivers", list);
    char *text = json_dumps(document, JSON_COMPACT);
    printf("%s\n", text != NULL ? text : "");
    free(text);
    json_decref(document);
}

static int report(const struct options *options, const struct found *found, size_t count) {
    const int colour = terminal_colour(STDOUT_FILENO);
    if (options->json)
        print_json(found, count);
    else if (options->argument_count == 0)
        show_all(found, count, colour);
    else if (found[0].driver != NULL)
        show_one(&found[0], colour);
    int status = EXITS_OK;
    for (size_t i = 0; i < count; i++) {
        if (found[i].driver != NULL)
            continue;
        fflush(stdout);
        fprintf(stderr, "repliagent: %s cannot be used: %s\n", found[i].path,
                found[i].error.message);
        status = EXITS_NEGATIVE;
    }
    return status;
}

static int cannot_look(const char *directory) {
    fprintf(stderr, "repliagent: cannot look into %s: %s\n", directory, strerror(errno));
    return EXITS_NEGATIVE;
}

static int list_in(const struct options *options, const char *directory) {
    struct dirent **entries;
    const int entry_count = scandir(directory, &entries, is_driver, alphasort);
    if (entry_count < 0)
        return cannot_look(directory);
    const char *wanted = options->argument_count > 0 ? options->arguments[0] : NULL;
    struct found *found = text_alloc(((size_t)entry_count + 1) * sizeof(*found));
    size_t count = 0;
    for (int i = 0; i < entry_count; i++) {
        load(directory, entries[i]->d_name, &found[count]);
        if (wanted == NULL || strcmp(found[count].name, wanted) == 0)
            count++;
        else
            dispose(&found[count]);
        free(entries[i]);
    }
    free(entries);
    int status;
    if (wanted != NULL && count == 0) {
        fprintf(stderr, "repliagent: there is no driver \"%s\" in %s\n", wanted, directory);
        status = EXITS_NEGATIVE;
    } else {
        status = report(options, found, count);
    }
    for (size_t i = 0; i < count; i++)
        dispose(&found[i]);
    free(found);
    return status;
}

/* Drivers are loaded by absolute paths only. */
static int list(const struct options *options, const char *directory) {
    char *absolute = realpath(directory, NULL);
    if (absolute == NULL)
        return cannot_look(directory);
    const int status = list_in(options, absolute);
    free(absolute);
    return status;
}

int cmd_drivers(const struct options *options) {
    if (options->driver_dir != NULL)
        return list(options, options->driver_dir);
    if (options->config == NULL)
        return list(options, config_keys_driver_dir());
    struct problems problems;
    problems_init(&problems, options->config);
    struct config *config = config_load_part(options->config, &problems);
    problems_print(&problems, stderr);
    problems_dispose(&problems);
    const int status =
        config != NULL ? list(options, config_text(config, "driver_dir")) : EXITS_CONFIG;
    config_free(config);
    return status;
}
