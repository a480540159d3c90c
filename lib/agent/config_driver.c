#include "agent/config.h"

#include <string.h>

#include "base/error.h"

/* A configuration that was checked against another driver says nothing about this one. */
static void use_table(repli_config *config, const repli__driver_table *table) {
    repli__free(&config->mem, config->driver_config);
    config->driver_config = NULL;
    config->driver_config_size = 0;
    config->driver = *table;
    config->has_driver = 1;
}

int32_t repli_config_set_driver(repli_config *config, repli_driver_entry_fn entry,
                                repli_error *err) {
    if (entry == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "the driver's entry function is NULL");
    repli__driver_table table;
    const int32_t code = repli__driver_from_entry(entry, NULL, &table, err);
    if (code == REPLI_OK)
        use_table(config, &table);
    return code;
}

int32_t repli_config_load_driver(repli_config *config, const char *name_or_path,
                                 const char *directory, repli_error *err) {
    if (name_or_path == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "the driver must be named");
    repli__driver_table table;
    const int32_t code = repli__driver_load(
        name_or_path, directory != NULL ? directory : REPLI_DRIVERDIR, &table, err);
    if (code == REPLI_OK)
        use_table(config, &table);
    return code;
}

const repli_driver *repli_config_driver(const repli_config *config) {
    return config->has_driver ? &config->driver.driver : NULL;
}

int32_t repli_config_set_driver_config(repli_config *config, const char *json, size_t size,
                                       repli_error *err) {
    if (!config->has_driver)
        return repli__error(err, REPLI_ESTATE, "agent",
                            "set the driver before its configuration, which is checked by it");
    if (json == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "the driver's configuration is NULL");
    const int32_t code = repli__driver_config_check(&config->driver.driver, json, size, err);
    if (code != REPLI_OK)
        return code;
    char *copy = repli__alloc(&config->mem, size + 1);
    if (copy == NULL)
        return repli__error_nomem(err, "agent", "copying the driver's configuration");
    memcpy(copy, json, size);
    copy[size] = '\0';
    repli__free(&config->mem, config->driver_config);
    config->driver_config = copy;
    config->driver_config_size = size;
    return REPLI_OK;
}

const char *repli__config_driver_json(const repli_config *config, size_t *ret_size) {
    if (config->driver_config == NULL) {
        *ret_size = 2;
        return "{}";
    }
    *ret_size = config->driver_config_size;
    return config->driver_config;
}
