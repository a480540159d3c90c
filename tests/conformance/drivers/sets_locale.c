/* Sets the locale of the whole process, and with it how others print numbers: process.settings. */
#include <locale.h>

#include "base/sound.h"

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    setlocale(LC_ALL, "C.UTF-8");
    return sound_node_info(opened, op, sink, err);
}

DRIVER(sets_locale, .node_info = node_info)
