#include "drivers.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "table.h"
#include "text.h"

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

void drivers_show_all(const struct driver_file *files, size_t count, int colour) {
    struct table *table = table_new("llll");
    table_head(table, (const char *const[]){"NAME", "VERSION", "STORE", "SETTINGS", NULL});
    for (size_t i = 0; i < count; i++) {
        const repli_driver *driver = files[i].driver;
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

void drivers_show_one(const struct driver_file *file, int colour) {
    const repli_driver *driver = file->driver;
    struct table *facts = table_new("ll");
    const char *const rows[][2] = {{"driver", driver->name},
                                   {"version", driver->version},
                                   {"store", driver->store_id},
                                   {"summary", driver->summary},
                                   {"file", file->path}};
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

static json_t *file_to_json(const struct driver_file *file) {
    const repli_driver *driver = file->driver;
    if (driver == NULL)
        return json_pack("{s:s, s:s, s:s}", "name", file->name, "file", file->path, "error",
                         file->error.message);
    json_t *settings = json_array();
    for (const repli_config_key *const *key = driver->config_keys; key != NULL && *key != NULL;
         key++)
        json_array_append_new(settings, key_to_json(*key));
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o}", "name", driver->name, "file", file->path,
                     "version", driver->version, "store_id", driver->store_id, "summary",
                     driver->summary, "settings", settings);
}

void drivers_print_json(const struct driver_file *files, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, file_to_json(&files[i]));
    json_t *document = json_pack("{s:o}", "drivers", list);
    char *text = json_dumps(document, JSON_COMPACT);
    printf("%s\n", text != NULL ? text : "");
    free(text);
    json_decref(document);
}
