#include "settings.h"

#include <stdlib.h>
#include <string.h>

/* Sections as deep as names have dots. */
enum { DEPTH_MAX = 8, ORIGIN_COLUMN = 44 };

static int is_secret(const struct setting *setting) {
    return (setting->key->flags & REPLI_CONFIG_SECRET) != 0;
}

static int by_name(const void *left, const void *right, void *last_owner) {
    const struct setting *a = left, *b = right;
    const int last = *(const int *)last_owner;
    if ((a->owner == last) != (b->owner == last))
        return a->owner == last ? 1 : -1;
    return strcmp(a->name, b->name);
}

/* A double-quoted YAML scalar. */
static void write_quoted(const char *text, FILE *to) {
    fputc('"', to);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(to, "\\%c", *c);
        else if (*c == '\n')
            fputs("\\n", to);
        else if (*c < 0x20 || *c == 0x7F)
            fprintf(to, "\\x%02x", *c);
        else
            fputc(*c, to);
    }
    fputc('"', to);
}

static void write_value(const struct setting *setting, FILE *to) {
    if (setting->origin == SETTING_SECRET_FILE)
        write_quoted(setting->source, to);
    else if (setting->origin == SETTING_UNSET || is_secret(setting))
        fputc('~', to);
    else if (setting->key->type == REPLI_CONFIG_STRINGS) {
        fputc('[', to);
        for (size_t i = 0; i < setting->item_count; i++) {
            fputs(i > 0 ? ", " : "", to);
            write_quoted(setting->items[i], to);
        }
        fputc(']', to);
    } else if (setting->key->type == REPLI_CONFIG_INTEGER ||
               setting->key->type == REPLI_CONFIG_BOOLEAN)
        fputs(setting->text, to);
    else
        write_quoted(setting->text, to);
}

static void write_origin(const struct setting *setting, FILE *to) {
    switch (setting->origin) {
    case SETTING_UNSET: fputs("not set", to); break;
    case SETTING_DEFAULT: fputs("default", to); break;
    case SETTING_OPTION:
    case SETTING_ENVIRONMENT: fputs(setting->source, to); break;
    case SETTING_SECRET_FILE: fprintf(to, "line %zu, secret in that file", setting->at.line); break;
    default:
        fprintf(to, "line %zu%s", setting->at.line,
                is_secret(setting) ? ", secret, not shown" : "");
        break;
    }
}

/* The headings of sections that name is in and last was not; returns how deep name is. */
static int write_sections(const char *name, const char *last, FILE *to) {
    int depth = 0;
    size_t begin = 0;
    for (const char *dot; (dot = strchr(name + begin, '.')) != NULL && depth < DEPTH_MAX; depth++) {
        const size_t end = (size_t)(dot - name);
        if (strncmp(name, last, end + 1) != 0) {
            if (depth == 0)
                fputc('\n', to);
            fprintf(to, "%*s%.*s:\n", depth * 2, "", (int)(end - begin), name + begin);
        }
        begin = end + 1;
    }
    return depth;
}

static void write_setting(const struct setting *setting, const char *last, FILE *to) {
    const int depth = write_sections(setting->name, last, to);
    const char *dot = strrchr(setting->name, '.');
    char *line;
    size_t size;
    FILE *text = open_memstream(&line, &size);
    if (text == NULL)
        return;
    fprintf(text, "%*s%s%s: ", depth * 2, "", dot != NULL ? dot + 1 : setting->name,
            setting->origin == SETTING_SECRET_FILE ? "_file" : "");
    write_value(setting, text);
    if (fclose(text) == 0) {
        fprintf(to, "%-*s # ", (int)ORIGIN_COLUMN, line);
        write_origin(setting, to);
        fputc('\n', to);
    }
    free(line);
}

/* Plain keys of the root stand before its sections. */
static int in_section(const struct setting *setting) {
    return strchr(setting->name, '.') != NULL;
}

void settings_print(const struct settings *settings, FILE *to) {
    struct setting *sorted = calloc(settings->count, sizeof(*sorted));
    if (sorted == NULL)
        return;
    memcpy(sorted, settings->list, settings->count * sizeof(*sorted));
    int last_owner = settings->last_owner;
    qsort_r(sorted, settings->count, sizeof(*sorted), by_name, &last_owner);
    fprintf(to, "# As of %s\n", settings->path);
    for (int sections = 0; sections <= 1; sections++) {
        const char *last = "";
        for (size_t i = 0; i < settings->count; i++) {
            if (in_section(&sorted[i]) != sections)
                continue;
            write_setting(&sorted[i], last, to);
            last = sorted[i].name;
        }
    }
    free(sorted);
}
