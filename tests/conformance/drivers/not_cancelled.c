/* Claims that its calls can be cancelled, and sleeps until the deadline all the same: calls.cancel.
 */
#include <poll.h>

#include "base/sound.h"

/* The question is asked once, where it should be asked at every turn. */
static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    const repli_host *host = ((sound *)opened)->host;
    const int32_t code = sound_node_info(opened, op, sink, err);
    while (code != REPLI_OK && code != REPLI_EREFUSED && host->now_ns(host) < host->deadline_ns(op))
        poll(NULL, 0, 1); /* the store does not answer yet: perhaps it comes back */
    return code;
}

DRIVER(not_cancelled, .node_info = node_info)
