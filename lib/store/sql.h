#ifndef REPLI_STORE_SQL_H
#define REPLI_STORE_SQL_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"

/* A connection and what its messages call the database. One thread at a time. */
typedef struct repli__sql {
    sqlite3 *db;
    const char *path; /* outlives the connection */
} repli__sql;

/* REPLI_ENOTSUP if SQLite was built, or set up by the host, for a single thread. */
int32_t repli__sql_check_threads(repli_error *err);
/* The file must exist. */
int32_t repli__sql_open(repli__sql *sql, const char *path, repli_error *err);
/* Statements must have been finalized. An unopened connection is fine. */
void repli__sql_close(repli__sql *sql);

/* Keep a write-ahead log, which the file system may not allow. */
int32_t repli__sql_use_wal(repli__sql *sql, repli_error *err);
/* Whether the last connection that is closed leaves the log as it is, instead of copying it to the
 * database. */
void repli__sql_keep_log(repli__sql *sql, int keep);

/* Turn the SQLite result code of what was tried ("cannot write …") into an error. */
int32_t repli__sql_error(const repli__sql *sql, int code, const char *tried, repli_error *err);

/* Statements without results. Returns a code of SQLite. */
int repli__sql_run(repli__sql *sql, const char *text);
/* The one integer that a statement yields; 0 if it yields none. Returns a code of SQLite. */
int repli__sql_integer(repli__sql *sql, const char *text, int64_t *ret_value);

/* Prepare statements[i] from texts[i]; on failure none is left. */
int32_t repli__sql_prepare(repli__sql *sql, const char *const *texts, size_t count,
                           sqlite3_stmt **ret_statements, repli_error *err);
void repli__sql_finalize(sqlite3_stmt **statements, size_t count);

/* Run a statement that yields no row, and reset it. Returns a code of SQLite. */
int repli__sql_execute(sqlite3_stmt *statement);
/* Bind text that outlives the execution; NULL for NULL. Returns a code of SQLite. */
int repli__sql_bind_text(sqlite3_stmt *statement, int index, const char *text);

#endif
