#ifndef REPLI_DRIVER_CHECK_H
#define REPLI_DRIVER_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/driver.h>

/* Longest name of a driver: "driver.NAME" must fit into the origin of an error. */
#define REPLI__DRIVER_NAME_MAX 24u

/* Not 0 if size bytes of text are a driver's name: [a-z][a-z0-9_]*. */
int repli__driver_name_ok(const char *text, size_t size);

/* Check the keys that a driver declares; name is the driver's. */
int32_t repli__driver_check_keys(const repli_config_key *const *keys, const char *name,
                                 repli_error *err);

/* The configuration as a driver gets it: checked, and with defaults for keys that were left out.
 * The JSON text in *ret_json is freed with free(). */
int32_t repli__driver_config_complete(const repli_driver *driver, const char *json, size_t size,
                                      char **ret_json, repli_error *err);

/* Not 0 if one of the words separated by '|' in choices is exactly size bytes of text. */
int repli__driver_is_choice(const char *choices, const char *text, size_t size);

#endif
