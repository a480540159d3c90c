#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

enum { LINE_SIZE = 1024 };

void repli__log_init(repli__log *log) {
    pthread_mutex_init(&log->mutex, NULL);
    log->write = NULL;
    log->user_data = NULL;
    atomic_init(&log->level, 0);
}

void repli__log_dispose(repli__log *log) {
    pthread_mutex_destroy(&log->mutex);
}

void repli__log_set(repli__log *log, int32_t level, repli_log_fn write, void *user_data) {
    pthread_mutex_lock(&log->mutex);
    log->write = write;
    log->user_data = user_data;
    atomic_store(&log->level, write != NULL ? level : 0);
    pthread_mutex_unlock(&log->mutex);
}

int repli__log_on(repli__log *log, int32_t level) {
    return log != NULL && level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void repli__log_printf(repli__log *log, int32_t level, const char *origin, const char *format,
                       ...) {
    if (!repli__log_on(log, level))
        return;
    char line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (size < 0)
        return;
    if ((size_t)size >= sizeof(line))
        line[repli__utf8_cut(line, sizeof(line) - 1)] = '\0';
    for (char *c = line; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    pthread_mutex_lock(&log->mutex);
    if (log->write != NULL)
        log->write(level, origin, line, log->user_data);
    pthread_mutex_unlock(&log->mutex);
}
