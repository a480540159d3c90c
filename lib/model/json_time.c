#include "model/json_time.h"

#include <replicante/model.h>

void repli__json_time(repli__json_out *out, int64_t time_ns) {
    char text[REPLI_TIME_SIZE];
    if (time_ns == REPLI_TIME_NONE ||
        repli_time_format(time_ns, text, sizeof(text), NULL) != REPLI_OK) {
        repli__json_null(out);
        return;
    }
    repli__json_string(out, text);
}
