#include "action/report.h"

#include <string.h>

#include "base/error.h"
#include "base/json_check.h"
#include "base/json_span.h"

enum { REPORT_DEPTH = 90 }; /* it becomes part of a payload */

static repli__json_span member(const char *json, const char *name) {
    const repli__json_span root = repli__json_root(json, strlen(json));
    repli__json_span key;
    repli__json_span value;
    size_t at = 0;
    while (repli__json_next_member(root, &at, &key, &value))
        if (repli__json_string_is(key, name, strlen(name)) &&
            repli__json_type(value) == REPLI__JSON_STRING)
            return value;
    return (repli__json_span){NULL, 0};
}

int repli__report_read(char *text) {
    static const char *const words[] = {"", "running", "finished", "failed"};
    const size_t size = strlen(text);
    if (repli__json_check(text, size, REPORT_DEPTH, "the report", NULL) != REPLI_OK ||
        repli__json_type(repli__json_root(text, size)) != REPLI__JSON_OBJECT)
        return REPLI__REPORT_NONE;
    text[repli__json_compact(text, repli__json_root(text, size))] = '\0';
    const repli__json_span status = member(text, "status");
    for (int i = REPLI__REPORT_RUNNING; status.text != NULL && i <= REPLI__REPORT_FAILED; i++)
        if (repli__json_string_is(status, words[i], strlen(words[i])))
            return i;
    return REPLI__REPORT_NONE;
}

void repli__report_error(const char *report, char *ret_text, size_t size) {
    const repli__json_span error = member(report, "error");
    ret_text[0] = '\0';
    if (error.text != NULL)
        repli__json_decode(error, ret_text, size);
}

char *repli__report_last_line(char *output) {
    const size_t size = strlen(output);
    if (size > 0 && output[size - 1] == '\n')
        output[size - 1] = '\0';
    char *before = strrchr(output, '\n');
    return before != NULL ? before + 1 : output;
}
