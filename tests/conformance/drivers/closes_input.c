/* Closes standard input, which is not its own, and where its next connection lands: process.closed.
 */
#include <unistd.h>

#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    close(STDIN_FILENO);
    return sound_open(host, config_json, config_size, ret_self, err);
}

DRIVER(closes_input, .open = open_store)
