#include "base/prometheus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <replicante/error.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/locale.h"

static void put(repli__prometheus *out, const char *text) {
    if (out->code == REPLI_OK)
        out->code = repli__buf_text(out->text, text);
}

static void put_escaped(repli__prometheus *out, const char *text) {
    while (out->code == REPLI_OK && *text != '\0') {
        const size_t plain = strcspn(text, "\\\"\n");
        out->code = repli__buf_append(out->text, text, plain);
        text += plain;
        switch (*text) {
        case '\\': put(out, "\\\\"); break;
        case '"': put(out, "\\\""); break;
        case '\n': put(out, "\\n"); break;
        default: continue;
        }
        text++;
    }
}

static void put_labels(repli__prometheus *out, const repli__label *labels) {
    if (labels == NULL || labels[0].name == NULL)
        return;
    for (const repli__label *label = labels; label->name != NULL; label++) {
        put(out, label == labels ? "{" : ",");
        put(out, label->name);
        put(out, "=\"");
        put_escaped(out, label->value);
        put(out, "\"");
    }
    put(out, "}");
}

static void put_sample(repli__prometheus *out, const char *name, const repli__label *labels,
                       const char *value) {
    put(out, name);
    put_labels(out, labels);
    put(out, " ");
    put(out, value);
    put(out, "\n");
}

void repli__prometheus_metric(repli__prometheus *out, const char *name, const char *type,
                              const char *help) {
    const char *const words[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        put(out, words[i]);
}

void repli__prometheus_count(repli__prometheus *out, const char *name, const repli__label *labels,
                             uint64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    put_sample(out, name, labels, text);
}

void repli__prometheus_integer(repli__prometheus *out, const char *name, const repli__label *labels,
                               int64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    put_sample(out, name, labels, text);
}

void repli__prometheus_real(repli__prometheus *out, const char *name, const repli__label *labels,
                            double value) {
    char text[40];
    repli__locale locale;
    repli__locale_enter(&locale);
    snprintf(text, sizeof(text), "%.17g", value);
    repli__locale_leave(&locale);
    put_sample(out, name, labels, text);
}

/* Without floating point, whose decimal mark is a matter of locale. */
void repli__prometheus_format_seconds(char *text, size_t size, uint64_t ns) {
    const uint64_t second = (uint64_t)REPLI__NS_PER_S;
    snprintf(text, size, "%" PRIu64 ".%09" PRIu64, ns / second, ns % second);
    char *end = text + strlen(text);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        end[-1] = '\0';
}

void repli__prometheus_seconds(repli__prometheus *out, const char *name, const repli__label *labels,
                               uint64_t value_ns) {
    char text[40];
    repli__prometheus_format_seconds(text, sizeof(text), value_ns);
    put_sample(out, name, labels, text);
}
