#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* For the commands that ask an agent. They have nothing to clean up, so running out of memory ends
 * them; the agent itself never calls these. */

void *text_alloc(size_t size);
void *text_realloc(void *ptr, size_t size);
char *text_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A span of time for people: "350 ms", "1.2 s", "3 min 5 s", "2 h 10 min", "5 d 3 h". */
char *text_duration(int64_t ms);
/* RFC 3339 to milliseconds; "-" if it is not set. */
char *text_time(int64_t time_ns);

#endif
