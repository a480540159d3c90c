#include <sqlite3.h>
#include <string.h>

#include "trap.h"

#pragma GCC visibility push(default) /* to stand before the libraries' own */

/* SQLite as the library calls it. */

#define CALL(name, parameters, arguments)                                                          \
    int name parameters {                                                                          \
        TRAP_FIND(int, name, parameters)                                                           \
        const int failed = trap_hit(TRAP_SQLITE, TRAP_CALLER, SQLITE_IOERR);                       \
        return failed != 0 ? failed : next arguments;                                              \
    }

CALL(sqlite3_exec,
     (sqlite3 * db, const char *text, int (*row)(void *, int, char **, char **), void *data,
      char **message),
     (db, text, row, data, message))
CALL(sqlite3_bind_blob,
     (sqlite3_stmt * statement, int index, const void *value, int size, void (*drop)(void *)),
     (statement, index, value, size, drop))
CALL(sqlite3_bind_text,
     (sqlite3_stmt * statement, int index, const char *value, int size, void (*drop)(void *)),
     (statement, index, value, size, drop))
CALL(sqlite3_bind_int, (sqlite3_stmt * statement, int index, int value), (statement, index, value))
CALL(sqlite3_bind_int64, (sqlite3_stmt * statement, int index, sqlite3_int64 value),
     (statement, index, value))
CALL(sqlite3_bind_null, (sqlite3_stmt * statement, int index), (statement, index))
CALL(sqlite3_wal_checkpoint_v2,
     (sqlite3 * db, const char *name, int mode, int *ret_frames, int *ret_done),
     (db, name, mode, ret_frames, ret_done))

int sqlite3_open_v2(const char *path, sqlite3 **ret_db, int flags, const char *vfs) {
    TRAP_FIND(int, sqlite3_open_v2, (const char *, sqlite3 **, int, const char *))
    *ret_db = NULL;
    const int failed = trap_hit(TRAP_SQLITE, TRAP_CALLER, SQLITE_CANTOPEN);
    return failed != 0 ? failed : next(path, ret_db, flags, vfs);
}

int sqlite3_prepare_v2(sqlite3 *db, const char *text, int size, sqlite3_stmt **ret_statement,
                       const char **ret_rest) {
    TRAP_FIND(int, sqlite3_prepare_v2,
              (sqlite3 *, const char *, int, sqlite3_stmt **, const char **))
    *ret_statement = NULL;
    const int failed = trap_hit(TRAP_SQLITE, TRAP_CALLER, SQLITE_IOERR);
    return failed != 0 ? failed : next(db, text, size, ret_statement, ret_rest);
}

int sqlite3_prepare_v3(sqlite3 *db, const char *text, int size, unsigned flags,
                       sqlite3_stmt **ret_statement, const char **ret_rest) {
    TRAP_FIND(int, sqlite3_prepare_v3,
              (sqlite3 *, const char *, int, unsigned, sqlite3_stmt **, const char **))
    *ret_statement = NULL;
    const int failed = trap_hit(TRAP_SQLITE, TRAP_CALLER, SQLITE_IOERR);
    return failed != 0 ? failed : next(db, text, size, flags, ret_statement, ret_rest);
}

/* What a step returned is returned once more by what ends it. */
static _Thread_local sqlite3_stmt *failed_statement;
static _Thread_local int failed_code;

int sqlite3_step(sqlite3_stmt *statement) {
    TRAP_FIND(int, sqlite3_step, (sqlite3_stmt *))
    const int failed = trap_hit(TRAP_SQLITE, TRAP_CALLER, SQLITE_IOERR);
    if (failed == 0)
        return next(statement);
    failed_statement = statement;
    failed_code = failed;
    return failed;
}

static int ended(sqlite3_stmt *statement, int code) {
    if (statement == NULL || statement != failed_statement)
        return code;
    failed_statement = NULL;
    return failed_code;
}

int sqlite3_reset(sqlite3_stmt *statement) {
    TRAP_FIND(int, sqlite3_reset, (sqlite3_stmt *))
    return ended(statement, next(statement));
}

int sqlite3_finalize(sqlite3_stmt *statement) {
    TRAP_FIND(int, sqlite3_finalize, (sqlite3_stmt *))
    return ended(statement, next(statement));
}
