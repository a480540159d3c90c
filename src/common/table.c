#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/types.h>

#include "terminal.h"
#include "text.h"

struct cell {
    char *text;
    int style;
};

struct table {
    const char *columns;
    size_t column_count;
    struct cell *cells;
    size_t count, capacity;
};

static const char *const colours[] = {
    [TABLE_PLAIN] = "",
    [TABLE_BOLD] = TERMINAL_BOLD,
    [TABLE_DIM] = TERMINAL_DIM,
    [TABLE_GOOD] = TERMINAL_GREEN,
    [TABLE_WARN] = TERMINAL_YELLOW,
    [TABLE_BAD] = TERMINAL_RED,
};

struct table *table_new(const char *columns) {
    struct table *table = text_alloc(sizeof(*table));
    table->columns = columns;
    table->column_count = strlen(columns);
    return table;
}

void table_add(struct table *table, int style, const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    const int size = vasprintf(&text, format, args);
    va_end(args);
    if (size < 0)
        text = text_printf("?");
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    if (table->count == table->capacity) {
        table->capacity = table->capacity > 0 ? 2 * table->capacity : 32;
        table->cells = text_realloc(table->cells, table->capacity * sizeof(struct cell));
    }
    table->cells[table->count++] = (struct cell){text, style};
}

void table_head(struct table *table, const char *const *names) {
    for (; *names != NULL; names++)
        table_add(table, TABLE_BOLD, "%s", *names);
}

static size_t column_width(const struct table *table, size_t column) {
    size_t width = 0;
    for (size_t i = column; i < table->count; i += table->column_count) {
        const size_t cell = terminal_width(table->cells[i].text);
        width = cell > width ? cell : width;
    }
    return width;
}

static void print_cell(const struct table *table, size_t index, size_t width, FILE *to,
                       int colour) {
    const struct cell *cell = &table->cells[index];
    const size_t column = index % table->column_count;
    const int last = column + 1 == table->column_count;
    const int padding = (int)(width - terminal_width(cell->text));
    const int styled = colour && cell->style != TABLE_PLAIN;
    if (table->columns[column] == 'r')
        fprintf(to, "%*s", padding, "");
    fprintf(to, "%s%s%s", styled ? colours[cell->style] : "", cell->text,
            styled ? TERMINAL_PLAIN : "");
    if (table->columns[column] == 'l' && !last)
        fprintf(to, "%*s", padding, "");
    fputs(last ? "\n" : "  ", to);
}

void table_print(struct table *table, FILE *to, int colour) {
    size_t *widths = text_alloc(table->column_count * sizeof(*widths));
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = column_width(table, i);
    for (size_t i = 0; i < table->count; i++) {
        print_cell(table, i, widths[i % table->column_count], to, colour);
        free(table->cells[i].text);
    }
    free(widths);
    free(table->cells);
    free(table);
}
