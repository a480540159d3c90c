#include "report.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "table.h"
#include "terminal.h"
#include "text.h"

static const char *level_name(int level) {
    static const char *const names[] = {
        [CONFORMANCE_MUST] = "MUST", [CONFORMANCE_SHOULD] = "SHOULD", [CONFORMANCE_MAY] = "MAY"};
    return names[level];
}

struct report_sum report_sum(const struct conformance *conformance) {
    struct report_sum sum = {0};
    for (size_t i = 0; i < conformance_count(); i++) {
        const struct conformance_result result = conformance_result(conformance, i);
        sum.passed += result.verdict == CONFORMANCE_PASS;
        sum.not_applicable += result.verdict == CONFORMANCE_NOT_APPLICABLE;
        if (result.verdict != CONFORMANCE_FAIL)
            continue;
        sum.failed++;
        sum.failed_musts += result.level == CONFORMANCE_MUST;
        sum.failed_shoulds += result.level == CONFORMANCE_SHOULD;
    }
    return sum;
}

/* What is left of a line for the last column. */
static size_t evidence_width(const struct conformance *conformance, size_t width) {
    enum { SHORTEST = 20, LEVEL = 6, RESULT = 6, GAPS = 6 };
    size_t longest = 0;
    for (size_t i = 0; i < conformance_count(); i++) {
        const size_t size = strlen(conformance_result(conformance, i).id);
        longest = size > longest ? size : longest;
    }
    const size_t before = longest + LEVEL + RESULT + GAPS;
    return width > before + SHORTEST ? width - before : SHORTEST;
}

static void cut(char *text, size_t width) {
    terminal_cut(text, width);
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == ' ')
        text[--size] = '\0';
}

/* width: of the evidence; 0: as wide as it is. */
static void add_row(struct table *table, const struct conformance_result *result, size_t width) {
    static const char *const words[] = {[CONFORMANCE_NOT_APPLICABLE] = "n/a",
                                        [CONFORMANCE_PASS] = "pass",
                                        [CONFORMANCE_FAIL] = "FAIL"};
    const int bad = result->level == CONFORMANCE_MUST ? TABLE_BAD : TABLE_WARN;
    const int style = result->verdict == CONFORMANCE_PASS   ? TABLE_GOOD
                      : result->verdict == CONFORMANCE_FAIL ? bad
                                                            : TABLE_DIM;
    table_add(table, TABLE_PLAIN, "%s", result->id);
    table_add(table, TABLE_PLAIN, "%s", level_name(result->level));
    table_add(table, style, "%s", words[result->verdict]);
    char *evidence = text_printf("%s", result->evidence);
    if (width > 0)
        cut(evidence, width);
    table_add(table, result->verdict == CONFORMANCE_NOT_APPLICABLE ? TABLE_DIM : TABLE_PLAIN, "%s",
              evidence);
    free(evidence);
}

void report_table(const struct conformance *conformance, size_t width, FILE *to, int colour) {
    static const char *const head[] = {"RULE", "LEVEL", "RESULT", "EVIDENCE", NULL};
    const size_t left = width > 0 ? evidence_width(conformance, width) : 0;
    struct table *table = table_new("llll");
    table_head(table, head);
    for (size_t i = 0; i < conformance_count(); i++) {
        const struct conformance_result result = conformance_result(conformance, i);
        add_row(table, &result, left);
    }
    table_print(table, to, colour);
    const struct report_sum sum = report_sum(conformance);
    fprintf(to, "\n%zu passed, %zu failed, %zu not applicable\n", sum.passed, sum.failed,
            sum.not_applicable);
    for (size_t i = 0; i < conformance_count(); i++) {
        const struct conformance_result result = conformance_result(conformance, i);
        if (result.verdict == CONFORMANCE_FAIL)
            fprintf(to, "\n%s %s: %s.\n    %s\n", result.id, level_name(result.level), result.title,
                    result.evidence);
    }
}

static json_t *row_to_json(const struct conformance_result *result) {
    static const char *const words[] = {[CONFORMANCE_NOT_APPLICABLE] = "not_applicable",
                                        [CONFORMANCE_PASS] = "pass",
                                        [CONFORMANCE_FAIL] = "fail"};
    return json_pack("{ssssssssss}", "id", result->id, "level", level_name(result->level), "title",
                     result->title, "result", words[result->verdict], "evidence", result->evidence);
}

void report_json(const struct conformance *conformance, const char *driver, FILE *to) {
    const struct report_sum sum = report_sum(conformance);
    json_t *list = json_array();
    for (size_t i = 0; i < conformance_count(); i++) {
        const struct conformance_result result = conformance_result(conformance, i);
        json_array_append_new(list, row_to_json(&result));
    }
    json_t *object =
        json_pack("{sssbsIsIsIso}", "driver", driver, "conforms", sum.failed_musts == 0, "passed",
                  (json_int_t)sum.passed, "failed", (json_int_t)sum.failed, "not_applicable",
                  (json_int_t)sum.not_applicable, "rules", list);
    char *text = json_dumps(object, JSON_INDENT(2));
    if (text != NULL)
        fprintf(to, "%s\n", text);
    free(text);
    json_decref(object);
}

/* '#' would begin a directive. */
static void print_evidence(const char *text, FILE *to) {
    for (; *text != '\0'; text++)
        fprintf(to, "%s%c", *text == '#' || *text == '\\' ? "\\" : "", *text);
}

void report_tap(const struct conformance *conformance, int strict, FILE *to) {
    fprintf(to, "TAP version 13\n1..%zu\n", conformance_count());
    for (size_t i = 0; i < conformance_count(); i++) {
        const struct conformance_result result = conformance_result(conformance, i);
        const int tolerated = result.verdict == CONFORMANCE_FAIL &&
                              result.level != CONFORMANCE_MUST &&
                              !(strict && result.level == CONFORMANCE_SHOULD);
        fprintf(to, "%sok %zu - %s %s: ", result.verdict == CONFORMANCE_FAIL ? "not " : "", i + 1,
                result.id, level_name(result.level));
        if (result.verdict == CONFORMANCE_NOT_APPLICABLE) {
            fprintf(to, "%s # SKIP %s\n", result.title, result.evidence);
            continue;
        }
        print_evidence(result.evidence, to);
        fprintf(to, "%s\n", tolerated ? " # TODO" : "");
    }
}
