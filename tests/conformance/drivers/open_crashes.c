/* Crashes in open(): process.survives. */
#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    const int32_t code = sound_open(host, config_json, config_size, ret_self, err);
    const char *volatile missing = NULL;
    return code + missing[0];
}

DRIVER(open_crashes, .open = open_store)
