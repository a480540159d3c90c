#ifndef REPLI_PG_TEXT_H
#define REPLI_PG_TEXT_H

#include <stddef.h>

#include <replicante/driver.h>

/*
 * Text that grows. Running out of memory is remembered, so that a row of additions needs one check
 * at its end: repli__pg_text_get() then returns NULL.
 */
typedef struct repli__pg_text {
    const repli_host *host;
    char *data;
    size_t size, capacity;
    int failed;
} repli__pg_text;

void repli__pg_text_init(repli__pg_text *text, const repli_host *host);
void repli__pg_text_free(repli__pg_text *text);
/* The text, or NULL if memory ran out on the way. Belongs to text. */
const char *repli__pg_text_get(const repli__pg_text *text);

void repli__pg_text_add(repli__pg_text *text, const char *more);
void repli__pg_text_add_bytes(repli__pg_text *text, const char *more, size_t size);
void repli__pg_text_printf(repli__pg_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Quoted for the language it goes into. */
void repli__pg_text_json(repli__pg_text *text, const char *value);
void repli__pg_text_literal(repli__pg_text *text, const char *value);    /* SQL 'value' */
void repli__pg_text_identifier(repli__pg_text *text, const char *value); /* SQL "value" */
void repli__pg_text_setting(repli__pg_text *text, const char *value);    /* postgresql.conf */
/* " key='value'" for a connection string; nothing for a NULL or empty value. */
void repli__pg_text_conninfo(repli__pg_text *text, const char *key, const char *value);

/* Make what another program wrote fit for one line of UTF-8: control characters become blanks,
 * bytes that are no UTF-8 question marks. */
void repli__pg_clean(char *line);

#endif
