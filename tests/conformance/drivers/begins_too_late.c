/* Gives each call a second at least, even if its time is over: calls.expired. */
#include <poll.h>

#include "base/sound.h"

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const repli_host *host = ((sound *)opened)->host;
    if (host->now_ns(host) >= host->deadline_ns(op))
        poll(NULL, 0, 1000);
    return sound_store_info(opened, op, sink, err);
}

DRIVER(begins_too_late, .store_info = store_info)
