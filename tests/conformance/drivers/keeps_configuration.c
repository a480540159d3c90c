/* Keeps a pointer into its configuration, which is gone when open() returns: status.running. */
#include <stdio.h>
#include <string.h>

#include "base/sound.h"

static int32_t open_store(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    const int32_t code = sound_open(host, config_json, config_size, ret_self, err);
    if (code == REPLI_OK)
        ((sound *)*ret_self)->pointer = (void *)(uintptr_t)config_json;
    return code;
}

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    sound again = *(sound *)opened;
    const int32_t code =
        again.host->json_string(again.host, again.pointer, strlen(again.pointer), "password",
                                again.password, sizeof(again.password), err);
    return code == REPLI_OK ? sound_node_info(&again, op, sink, err) : code;
}

DRIVER(keeps_configuration, .open = open_store, .node_info = node_info)
