#ifndef REPLI_MODEL_JSON_TIME_H
#define REPLI_MODEL_JSON_TIME_H

#include "base/json_out.h"

/* A time as a value; null is written for REPLI_TIME_NONE. */
void repli__json_time(repli__json_out *out, int64_t time_ns);

#endif
