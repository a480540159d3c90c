#ifndef REPLI_ACTION_REPORT_H
#define REPLI_ACTION_REPORT_H

#include <stddef.h>

/* What a command says of its work: {"status": "running" | "finished" | "failed", "error"?, …}. */
enum {
    REPLI__REPORT_NONE = 0, /* not one */
    REPLI__REPORT_RUNNING,
    REPLI__REPORT_FINISHED,
    REPLI__REPORT_FAILED
};

/* Make sense of a text. On success it is cut down to the JSON without white space. */
int repli__report_read(char *text);
/* The error of a report, as text; empty if there is none. */
void repli__report_error(const char *report, char *ret_text, size_t size);
/* Where the last line of an output begins, whose newline is cut off. */
char *repli__report_last_line(char *output);

#endif
