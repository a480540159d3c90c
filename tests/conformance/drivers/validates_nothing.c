/* Accepts whatever arguments it is given: actions.validate. */
#include "base/sound.h"

static int32_t validate(void *self, const char *kind, const char *args_json, size_t args_size,
                        repli_error *err) {
    (void)self;
    (void)kind;
    (void)args_json;
    (void)args_size;
    (void)err;
    return REPLI_OK;
}

DRIVER(validates_nothing, .action_validate = validate)
