#ifndef COMMON_LOGSINK_H
#define COMMON_LOGSINK_H

#include <pthread.h>
#include <stdint.h>

/* Log lines on a file descriptor, whole ones, from any thread. */

enum {
    LOGSINK_TEXT = 1, /* "TIME LEVEL origin: message", coloured on a terminal */
    LOGSINK_JOURNAL,  /* "<PRIORITY>origin: message": the journal has a clock of its own */
    LOGSINK_JSON      /* {"time", "level", "origin", "message"} */
};

struct logsink {
    pthread_mutex_t mutex;
    int fd;
    int format; /* LOGSINK_* */
    int colour;
    int32_t level; /* least important REPLI_LOG_* that logsink_printf() writes */
};

void logsink_init(struct logsink *sink, int fd);
void logsink_dispose(struct logsink *sink);
/* mode: "auto", "json" or "terminal", as telemetry.logs.mode. */
void logsink_set(struct logsink *sink, int32_t level, const char *mode);

/* REPLI_LOG_* for "critical", "error", "warning", "info", "debug" or "trace". */
int32_t logsink_level(const char *word);

/* Not 0 if the program wants to know of that level. */
int logsink_wants(struct logsink *sink, int32_t level);
/* A repli_log_fn: the user data is the sink. */
void logsink_write(int32_t level, const char *origin, const char *message, void *user_data);
/* Takes problems; the user data is the sink. */
void logsink_problem(void *sink, int is_error, const char *line);
/* What the program itself has to say. */
void logsink_printf(struct logsink *sink, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
