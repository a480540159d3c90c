#ifndef COMMON_PROBLEMS_H
#define COMMON_PROBLEMS_H

#include <stddef.h>
#include <stdio.h>

/* What is wrong with a configuration: all of it, not only the first mistake. */

/* A place in the file, counted from 1; line 0 means the file as a whole. */
struct mark {
    size_t line, column;
};

struct problem {
    int is_error; /* else a warning */
    struct mark at;
    char *text;
};

struct problems {
    const char *file; /* borrowed */
    struct problem *list;
    size_t count;
    size_t errors;
};

void problems_init(struct problems *problems, const char *file);
void problems_dispose(struct problems *problems);

void problems_error(struct problems *problems, struct mark at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problems_warning(struct problems *problems, struct mark at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problems_nomem(struct problems *problems);

/* Each as "FILE:LINE:COLUMN: TEXT", in the order of the file. */
void problems_each(struct problems *problems,
                   void (*visit)(void *user_data, int is_error, const char *), void *user_data);
void problems_print(struct problems *problems, FILE *to);

#endif
