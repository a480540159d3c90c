/* Changes its table when it is opened, under the eyes of those who have it: driver.constant, and
 * driver.globals, as every instance sees that. */
#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err);

static repli_driver driver = {SOUND_TABLE("changes_table"), .open = open_store};

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    driver.summary = "A driver that is open";
    return sound_open(host, config_json, config_size, ret_self, err);
}

ENTRY(changes_table) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
