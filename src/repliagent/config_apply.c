#include "config.h"

#include <string.h>

#include <jansson.h>

#include "logsink.h"
#include "sink.h"

static void refused(const struct setting *setting, const repli_error *err,
                    struct problems *problems) {
    problems_error(problems, setting->at, "%s: %s%s%s", setting->name, err->message,
                   err->cause[0] != '\0' ? ": " : "", err->cause);
}

static void apply_library(struct config *config, const struct setting *setting,
                          struct problems *problems) {
    const char *name = setting->key->name;
    repli_error err = REPLI_ERROR_INIT;
    int32_t code;
    switch (setting->key->type) {
    case REPLI_CONFIG_INTEGER:
        code = repli_config_set_int(config->agent, name, setting->number, &err);
        break;
    case REPLI_CONFIG_BOOLEAN:
        code = repli_config_set_bool(config->agent, name, (int32_t)setting->number, &err);
        break;
    case REPLI_CONFIG_STRINGS:
        code =
            repli_config_set_strs(config->agent, name, setting->items, setting->item_count, &err);
        break;
    default: code = repli_config_set_str(config->agent, name, setting->text, &err); break;
    }
    if (code != REPLI_OK)
        refused(setting, &err, problems);
}

static json_t *value_to_json(const struct setting *setting) {
    switch (setting->key->type) {
    case REPLI_CONFIG_INTEGER: return json_integer((json_int_t)setting->number);
    case REPLI_CONFIG_BOOLEAN: return json_boolean(setting->number);
    case REPLI_CONFIG_STRINGS: {
        json_t *list = json_array();
        for (size_t i = 0; i < setting->item_count; i++) {
            if (json_array_append_new(list, json_string(setting->items[i])) != 0) {
                json_decref(list);
                return NULL;
            }
        }
        return list;
    }
    default: return json_string(setting->text);
    }
}

/* Put value at a dotted name, making the objects on the way. Takes value over. */
static int put(json_t *object, const char *name, json_t *value) {
    for (const char *dot; (dot = strchr(name, '.')) != NULL; name = dot + 1) {
        json_t *inner = json_object_getn(object, name, (size_t)(dot - name));
        if (inner == NULL) {
            inner = json_object();
            if (json_object_setn_new(object, name, (size_t)(dot - name), inner) != 0) {
                json_decref(value);
                return -1;
            }
        }
        object = inner;
    }
    return json_object_set_new(object, name, value);
}

char *config_driver_json(const struct config *config) {
    json_t *object = json_object();
    int bad = object == NULL;
    for (size_t i = 0; !bad && i < config->all.count; i++) {
        const struct setting *setting = &config->all.list[i];
        /* Defaults are the driver's own business. */
        if (setting->owner == CONFIG_DRIVER && setting->origin > SETTING_DEFAULT)
            bad = put(object, setting->key->name, value_to_json(setting)) != 0;
    }
    char *text = bad ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static void apply_driver(struct config *config, struct problems *problems) {
    char *text = config_driver_json(config);
    repli_error err = REPLI_ERROR_INIT;
    if (text == NULL)
        problems_nomem(problems);
    else if (repli_config_set_driver_config(config->agent, text, strlen(text), &err) != REPLI_OK)
        refused(settings_find(&config->all, "driver"), &err, problems);
    free(text);
}

void config_apply(struct config *config, struct problems *problems) {
    for (size_t i = 0; i < config->all.count; i++) {
        const struct setting *setting = &config->all.list[i];
        if (setting->owner == CONFIG_LIBRARY && setting->origin > SETTING_DEFAULT)
            apply_library(config, setting, problems);
    }
    apply_driver(config, problems);
    config_apply_externals(config, problems);
    config_check_service(config, problems);
    sink_check(config, problems);
    config->stop_timeout_ms = settings_find(&config->all, "stop_timeout")->number * 1000;
    config->log_level = logsink_level(settings_text(&config->all, "telemetry.logs.level"));
    config->log_mode = settings_text(&config->all, "telemetry.logs.mode");
}
