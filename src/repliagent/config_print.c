#include "config.h"

#include <stdlib.h>
#include <string.h>

/* Sections as deep as names have dots. */
enum { DEPTH_MAX = 8, ORIGIN_COLUMN = 44 };

static int is_secret(const struct config_setting *setting) {
    return (setting->key->flags & REPLI_CONFIG_SECRET) != 0;
}

static int by_name(const void *left, const void *right) {
    const struct config_setting *a = left, *b = right;
    if ((a->owner == CONFIG_DRIVER) != (b->owner == CONFIG_DRIVER))
        return a->owner == CONFIG_DRIVER ? 1 : -1;
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

static void write_value(const struct config_setting *setting, FILE *to) {
    if (setting->origin == CONFIG_SECRET_FILE)
        write_quoted(setting->source, to);
    else if (setting->origin == CONFIG_UNSET || is_secret(setting))
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

static void write_origin(const struct config_setting *setting, FILE *to) {
    switch (setting->origin) {
    case CONFIG_UNSET: fputs("not set", to); break;
    case CONFIG_DEFAULT: fputs("default", to); break;
    case CONFIG_OPTION:
    case CONFIG_ENVIRONMENT: fputs(setting->source, to); break;
    case CONFIG_SECRET_FILE: fprintf(to, "line %zu, secret in that file", setting->at.line); break;
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

static void write_setting(const struct config_setting *setting, const char *last, FILE *to) {
    const int depth = write_sections(setting->name, last, to);
    const char *dot = strrchr(setting->name, '.');
    char *line;
    size_t size;
    FILE *text = open_memstream(&line, &size);
    if (text == NULL)
        return;
    fprintf(text, "%*s%s%s: ", depth * 2, "", dot != NULL ? dot + 1 : setting->name,
            setting->origin == CONFIG_SECRET_FILE ? "_file" : "");
    write_value(setting, text);
    if (fclose(text) == 0) {
        fprintf(to, "%-*s # ", (int)ORIGIN_COLUMN, line);
        write_origin(setting, to);
        fputc('\n', to);
    }
    free(line);
}

/* Plain keys of the root stand before its sections. */
static int in_section(const struct config_setting *setting) {
    return strchr(setting->name, '.') != NULL;
}

void config_print(const struct config *config, FILE *to) {
    struct config_setting *sorted = calloc(config->count, sizeof(*sorted));
    if (sorted == NULL)
        return;
    memcpy(sorted, config->settings, config->count * sizeof(*sorted));
    qsort(sorted, config->count, sizeof(*sorted), by_name);
    fprintf(to, "# As of %s\n", config->path);
    for (int sections = 0; sections <= 1; sections++) {
        const char *last = "";
        for (size_t i = 0; i < config->count; i++) {
            if (in_section(&sorted[i]) != sections)
                continue;
            write_setting(&sorted[i], last, to);
            last = sorted[i].name;
        }
    }
    free(sorted);
}
