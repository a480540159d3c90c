#ifndef COMMON_TABLE_H
#define COMMON_TABLE_H

#include <stdint.h>
#include <stdio.h>

/* Columns as wide as what stands in them. Control characters become '?': what an agent says must
 * not take over somebody's terminal. */
struct table;

enum { TABLE_PLAIN = 0, TABLE_BOLD, TABLE_DIM, TABLE_GOOD, TABLE_WARN, TABLE_BAD };

/* columns: one letter for each, l or r for where its cells are aligned. */
struct table *table_new(const char *columns);
/* The next cell, row by row. */
void table_add(struct table *table, int style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Cells of a heading, ended by NULL. */
void table_head(struct table *table, const char *const *names);
/* Print and free. */
void table_print(struct table *table, FILE *to, int colour);

#endif
