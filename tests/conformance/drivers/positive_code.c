/* Returns the errno of a connection that failed as if it was one of the interface's codes:
 * calls.codes. */
#include <errno.h>

#include "base/sound.h"

static int32_t shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    const int32_t code = sound_shards(self, op, sink, err);
    return code == REPLI_EREFUSED ? ECONNREFUSED : code;
}

DRIVER(positive_code, .shards = shards)
