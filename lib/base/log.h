#ifndef REPLI_BASE_LOG_H
#define REPLI_BASE_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <replicante/log.h>

/* One agent's log. Silent until a function is set. Safe from any thread. */
typedef struct repli__log {
    pthread_mutex_t mutex; /* one message at a time, and guards the two below */
    repli_log_fn write;
    void *user_data;
    atomic_int level; /* least important level that is written; 0: silent */
} repli__log;

void repli__log_init(repli__log *log);
void repli__log_dispose(repli__log *log);
void repli__log_set(repli__log *log, int32_t level, repli_log_fn write, void *user_data);
/* Not 0 if a message of that level would be written. */
int repli__log_on(repli__log *log, int32_t level);
/* The message is one line; what is longer than 1 KiB is cut. log may be NULL. */
void repli__log_printf(repli__log *log, int32_t level, const char *origin, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
