#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exits.h"
#include "name.h"

static void nomem(void) {
    fprintf(stderr, "%s: out of memory\n", program_name);
    exit(EXITS_NEGATIVE);
}

void *text_realloc(void *ptr, size_t size) {
    void *memory = realloc(ptr, size > 0 ? size : 1);
    if (memory == NULL)
        nomem();
    return memory;
}

void *text_alloc(size_t size) {
    return memset(text_realloc(NULL, size), 0, size);
}

char *text_printf(const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        nomem();
    va_end(args);
    return text;
}

char *text_duration(int64_t ms) {
    const int64_t s = ms / 1000, min = s / 60, h = min / 60;
    if (ms < 1000)
        return text_printf("%" PRId64 " ms", ms);
    if (s < 60)
        return text_printf("%" PRId64 ".%" PRId64 " s", s, ms % 1000 / 100);
    if (min < 60)
        return text_printf("%" PRId64 " min %" PRId64 " s", min, s % 60);
    if (h < 48)
        return text_printf("%" PRId64 " h %" PRId64 " min", h, min % 60);
    return text_printf("%" PRId64 " d %" PRId64 " h", h / 24, h % 24);
}

char *text_time(int64_t time_ns) {
    char text[CLOCK_TEXT_SIZE] = "";
    /* Towards the past, also before 1970. */
    const int64_t in_ms = (time_ns % 1000000 + 1000000) % 1000000;
    if (time_ns != INT64_MIN)
        clock_text(time_ns - in_ms, text);
    return text_printf("%s", text[0] != '\0' ? text : "-");
}
