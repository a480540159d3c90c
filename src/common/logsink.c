#include "logsink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <replicante/log.h>

#include "clock.h"
#include "name.h"
#include "terminal.h"

/* In JSON each byte of a message may become six. The library cuts its own at 1 KiB. */
enum { MESSAGE_SIZE = 2048, LINE_SIZE = 6 * MESSAGE_SIZE + 512 };

struct line {
    char text[LINE_SIZE];
    size_t size;
};

static const struct level {
    const char *word, *padded, *colour;
    int priority; /* as syslog counts */
} levels[] = {
    [REPLI_LOG_ERROR] = {"error", "ERROR  ", TERMINAL_RED, 3},
    [REPLI_LOG_WARNING] = {"warning", "WARNING", TERMINAL_YELLOW, 4},
    [REPLI_LOG_INFO] = {"info", "INFO   ", TERMINAL_GREEN, 6},
    [REPLI_LOG_DEBUG] = {"debug", "DEBUG  ", TERMINAL_DIM, 7},
};

static const struct level *level_at(int32_t level) {
    return &levels[level < REPLI_LOG_ERROR   ? REPLI_LOG_ERROR
                   : level > REPLI_LOG_DEBUG ? REPLI_LOG_DEBUG
                                             : level];
}

/* systemd names the device and inode of the stream that goes to its journal. */
static int is_journal(int fd) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat info;
    if (stream == NULL || fstat(fd, &info) != 0)
        return 0;
    char *end;
    const uintmax_t device = strtoumax(stream, &end, 10);
    if (*end != ':')
        return 0;
    const uintmax_t inode = strtoumax(end + 1, &end, 10);
    return *end == '\0' && device == info.st_dev && inode == info.st_ino;
}

int32_t logsink_level(const char *word) {
    if (strcmp(word, "critical") == 0 || strcmp(word, "error") == 0)
        return REPLI_LOG_ERROR;
    if (strcmp(word, "warning") == 0)
        return REPLI_LOG_WARNING;
    return strcmp(word, "info") == 0 ? REPLI_LOG_INFO : REPLI_LOG_DEBUG;
}

void logsink_init(struct logsink *sink, int fd) {
    pthread_mutex_init(&sink->mutex, NULL);
    sink->fd = fd;
    logsink_set(sink, REPLI_LOG_INFO, "auto");
}

void logsink_dispose(struct logsink *sink) {
    pthread_mutex_destroy(&sink->mutex);
}

void logsink_set(struct logsink *sink, int32_t level, const char *mode) {
    const int journal = is_journal(sink->fd), terminal = isatty(sink->fd);
    const int text = strcmp(mode, "terminal") == 0 || (strcmp(mode, "auto") == 0 && terminal);
    const int json = strcmp(mode, "json") == 0 || (!text && !journal);
    pthread_mutex_lock(&sink->mutex);
    sink->level = level;
    sink->format = json ? LOGSINK_JSON : journal ? LOGSINK_JOURNAL : LOGSINK_TEXT;
    sink->colour = terminal_colour(sink->fd);
    pthread_mutex_unlock(&sink->mutex);
}

static void append(struct line *line, const char *text, size_t size) {
    if (line->size + size >= LINE_SIZE)
        return;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void append_text(struct line *line, const char *text) {
    append(line, text, strlen(text));
}

static void append_json(struct line *line, const char *text) {
    append(line, "\"", 1);
    while (*text != '\0') {
        const size_t size = terminal_character(text);
        const unsigned char c = (unsigned char)*text;
        char escape[8];
        if (size == 0)
            append_text(line, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\' || c < 0x20 || c == 0x7F) {
            const int n = c == '"' || c == '\\' ? snprintf(escape, sizeof(escape), "\\%c", c)
                                                : snprintf(escape, sizeof(escape), "\\u%04x", c);
            append(line, escape, (size_t)n);
        } else
            append(line, text, size);
        text += size > 0 ? size : 1;
    }
    append(line, "\"", 1);
}

/* A control character in a message must not reach a terminal. */
static void append_clean(struct line *line, const char *text) {
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        append(line, c < 0x20 || c == 0x7F ? "?" : text, 1);
    }
}

static void now(char ret_text[CLOCK_TEXT_SIZE]) {
    const int64_t ns = clock_wall_ns();
    clock_text(ns - ns % 1000000, ret_text);
}

static void format_json(struct line *line, int32_t level, const char *origin, const char *message) {
    char time[CLOCK_TEXT_SIZE];
    now(time);
    append_text(line, "{\"time\":");
    append_json(line, time);
    append_text(line, ",\"level\":");
    append_json(line, level_at(level)->word);
    append_text(line, ",\"origin\":");
    append_json(line, origin);
    append_text(line, ",\"message\":");
    append_json(line, message);
    append_text(line, "}");
}

static void format_text(struct line *line, int colour, int32_t level, const char *origin,
                        const char *message) {
    char time[CLOCK_TEXT_SIZE];
    now(time);
    append_text(line, time);
    append_text(line, " ");
    append_text(line, colour ? level_at(level)->colour : "");
    append_text(line, level_at(level)->padded);
    append_text(line, colour ? TERMINAL_PLAIN " " : " ");
    append_clean(line, origin);
    append_text(line, ": ");
    append_clean(line, message);
}

static void format_journal(struct line *line, int32_t level, const char *origin,
                           const char *message) {
    const char priority[] = {'<', (char)('0' + level_at(level)->priority), '>', '\0'};
    append_text(line, priority);
    append_clean(line, origin);
    append_text(line, ": ");
    append_clean(line, message);
}

static void put(int fd, const char *text, size_t size) {
    while (size > 0) {
        const ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* there is nowhere left to complain */
        text += written;
        size -= (size_t)written;
    }
}

void logsink_write(int32_t level, const char *origin, const char *message, void *user_data) {
    struct logsink *sink = user_data;
    struct line line;
    line.size = 0;
    pthread_mutex_lock(&sink->mutex);
    if (sink->format == LOGSINK_JSON)
        format_json(&line, level, origin, message);
    else if (sink->format == LOGSINK_JOURNAL)
        format_journal(&line, level, origin, message);
    else
        format_text(&line, sink->colour, level, origin, message);
    line.text[line.size++] = '\n';
    put(sink->fd, line.text, line.size);
    pthread_mutex_unlock(&sink->mutex);
}

int logsink_wants(struct logsink *sink, int32_t level) {
    pthread_mutex_lock(&sink->mutex);
    const int wants = level <= sink->level;
    pthread_mutex_unlock(&sink->mutex);
    return wants;
}

void logsink_printf(struct logsink *sink, int32_t level, const char *format, ...) {
    if (!logsink_wants(sink, level))
        return;
    char message[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof(message), format, args) < 0)
        message[0] = '\0';
    va_end(args);
    logsink_write(level, program_name, message, sink);
}

void logsink_problem(void *sink, int is_error, const char *line) {
    logsink_printf(sink, is_error ? REPLI_LOG_ERROR : REPLI_LOG_WARNING, "%s", line);
}
