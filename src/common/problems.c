#include "problems.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

enum { LINE_SIZE = 2048 };

void problems_init(struct problems *problems, const char *file) {
    memset(problems, 0, sizeof(*problems));
    problems->file = file;
}

void problems_dispose(struct problems *problems) {
    for (size_t i = 0; i < problems->count; i++)
        free(problems->list[i].text);
    free(problems->list);
    problems_init(problems, problems->file);
}

static void add(struct problems *problems, int is_error, struct mark at, const char *format,
                va_list args) {
    if (is_error)
        problems->errors++;
    struct problem *list = realloc(problems->list, (problems->count + 1) * sizeof(*list));
    if (list == NULL)
        return; /* counted, and so not overlooked */
    problems->list = list;
    char *text;
    if (vasprintf(&text, format, args) < 0)
        return;
    terminal_clean(text); /* it quotes the file */
    list[problems->count++] = (struct problem){is_error, at, text};
}

void problems_error(struct problems *problems, struct mark at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(problems, 1, at, format, args);
    va_end(args);
}

void problems_warning(struct problems *problems, struct mark at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(problems, 0, at, format, args);
    va_end(args);
}

void problems_nomem(struct problems *problems) {
    problems_error(problems, (struct mark){0, 0}, "out of memory while reading the configuration");
}

static int by_place(const void *left, const void *right) {
    const struct problem *a = left, *b = right;
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    if (a->at.column != b->at.column)
        return a->at.column < b->at.column ? -1 : 1;
    return strcmp(a->text, b->text);
}

void problems_each(struct problems *problems,
                   void (*visit)(void *user_data, int is_error, const char *), void *user_data) {
    if (problems->count > 0)
        qsort(problems->list, problems->count, sizeof(struct problem), by_place);
    size_t errors = 0;
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *p = &problems->list[i];
        char line[LINE_SIZE];
        if (p->at.line > 0)
            snprintf(line, sizeof(line), "%s:%zu:%zu: %s", problems->file, p->at.line, p->at.column,
                     p->text);
        else
            snprintf(line, sizeof(line), "%s: %s", problems->file, p->text);
        errors += p->is_error != 0;
        visit(user_data, p->is_error, line);
    }
    if (errors < problems->errors)
        visit(user_data, 1, "out of memory: not every mistake in the configuration is listed");
}

static void print(void *user_data, int is_error, const char *line) {
    fprintf(user_data, "%s%s\n", is_error ? "" : "warning: ", line);
}

void problems_print(struct problems *problems, FILE *to) {
    problems_each(problems, print, to);
}
