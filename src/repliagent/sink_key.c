#include "sink_key.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { AGENTS = 100000, NUMBERS = 10000 };
#define MS_NS INT64_C(1000000)

/* FNV-1a of the id and the attempt. */
static unsigned agent_digits(const char *node_id, unsigned attempt) {
    uint64_t digest = UINT64_C(14695981039346656037);
    for (const char *at = node_id; *at != '\0'; at++)
        digest = (digest ^ (unsigned char)*at) * UINT64_C(1099511628211);
    digest = (digest ^ attempt) * UINT64_C(1099511628211);
    return (unsigned)((digest ^ digest >> 32) % AGENTS);
}

void sink_key(char ret_key[SINK_KEY_SIZE], int64_t time_ns, int64_t number, const char *node_id,
              unsigned attempt) {
    int64_t ms = time_ns / MS_NS - (time_ns % MS_NS < 0);
    int64_t second = ms / 1000 - (ms % 1000 < 0);
    ms -= second * 1000;
    const time_t seconds = (time_t)second;
    struct tm utc;
    /* Times of the model lie between the years 1678 and 2261, so all of them have four digits. */
    memset(&utc, 0, sizeof(utc));
    gmtime_r(&seconds, &utc);
    snprintf(ret_key, SINK_KEY_SIZE, "%04u%02u%02uT%02u%02u%02u%03u%04u%05u",
             (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)(utc.tm_mon + 1) % 100,
             (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100, (unsigned)utc.tm_min % 100,
             (unsigned)utc.tm_sec % 100, (unsigned)ms % 1000, (unsigned)(number % NUMBERS),
             agent_digits(node_id, attempt));
}
