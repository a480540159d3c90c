#include "store/sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Nobody else should hold a lock; a person with a database shell may. */
enum { BUSY_TIMEOUT_MS = 2000 };

int32_t repli__sql_check_threads(repli_error *err) {
    if (!sqlite3_threadsafe())
        return repli__error(err, REPLI_ENOTSUP, "store",
                            "this build of SQLite cannot be used by threads "
                            "(SQLITE_THREADSAFE=0); install another one");
    sqlite3 *db = NULL;
    const int code = sqlite3_open_v2(
        ":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_PRIVATECACHE,
        NULL);
    const int locks = code != SQLITE_OK || sqlite3_db_mutex(db) != NULL;
    sqlite3_close(db);
    if (code == SQLITE_NOMEM)
        return repli__error_nomem(err, "store", "opening the database");
    if (!locks)
        return repli__error(err, REPLI_ENOTSUP, "store",
                            "this process has set SQLite up for a single thread "
                            "(SQLITE_CONFIG_SINGLETHREAD), but an agent has several");
    return REPLI_OK;
}

int32_t repli__sql_open(repli__sql *sql, const char *path, repli_error *err) {
    sql->path = path;
    /* The host may have made shared caches the rule, in which readers wait for writers. */
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    const int code = sqlite3_open_v2(path, &sql->db, flags, NULL);
    if (code != SQLITE_OK) {
        const int32_t failed = repli__sql_error(sql, code, "cannot open the database", err);
        repli__sql_close(sql);
        return failed;
    }
    sqlite3_extended_result_codes(sql->db, 1);
    sqlite3_busy_timeout(sql->db, BUSY_TIMEOUT_MS);
    return REPLI_OK;
}

void repli__sql_close(repli__sql *sql) {
    sqlite3_close(sql->db);
    sql->db = NULL;
}

static int last_errno(sqlite3_file *file) {
    int last = 0;
    if (file != NULL && file->pMethods != NULL)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &last);
    return last;
}

/* Of a commit that fails SQLite keeps no errno with the connection, but its files know. */
static int system_errno(sqlite3 *db, int code) {
    int found = sqlite3_system_errno(db);
    static const int which[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
    for (size_t i = 0; i < 2 && found == 0 && (code & 0xff) == SQLITE_IOERR; i++) {
        sqlite3_file *file = NULL;
        sqlite3_file_control(db, "main", which[i], &file);
        found = last_errno(file);
    }
    return found;
}

static int disk_is_full(int code, int system_error) {
    return (code & 0xff) == SQLITE_FULL ||
           ((code & 0xff) == SQLITE_IOERR &&
            (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG));
}

int32_t repli__sql_error(const repli__sql *sql, int code, const char *tried, repli_error *err) {
    const int system_error = sql->db != NULL ? system_errno(sql->db, code) : 0;
    const char *path = sql->path;
    int32_t result;
    if (disk_is_full(code, system_error))
        result = repli__error(err, REPLI_EFULL, "store",
                              "%s %s: no space is left for it on its disk; nothing was changed, "
                              "and it works again as soon as there is some",
                              tried, path);
    else
        switch (code & 0xff) {
        case SQLITE_NOMEM: result = repli__error_nomem(err, "store", "using the database"); break;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            result = repli__error(err, REPLI_ECORRUPT, "store",
                                  "%s %s: it is damaged, or no database; it was left as it is: put "
                                  "a backup in its place, or move it away to begin with an empty "
                                  "one (store_damaged: set_aside does that)",
                                  tried, path);
            break;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL: /* tried often, and found it locked each time */
            result = repli__error(err, REPLI_EBUSY, "store",
                                  "%s %s: another program holds a lock on it; only the agent may "
                                  "have it open",
                                  tried, path);
            break;
        case SQLITE_READONLY:
            result = repli__error(err, REPLI_EIO, "store",
                                  "%s %s: it, or its directory, is not writable", tried, path);
            break;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
            result =
                repli__error(err, REPLI_EIO, "store", "%s %s: %s", tried, path,
                             system_error != 0 ? strerror(system_error) : sqlite3_errstr(code));
            break;
        default:
            result = repli__error(err, REPLI_EINTERNAL, "store", "%s %s: %s", tried, path,
                                  sqlite3_errstr(code));
        }
    char native[32];
    snprintf(native, sizeof(native), "sqlite %d", code);
    repli__error_native(err, native);
    if (sql->db != NULL && sqlite3_extended_errcode(sql->db) == code)
        repli__error_cause(err, sqlite3_errmsg(sql->db));
    return result;
}

int32_t repli__sql_use_wal(repli__sql *sql, repli_error *err) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(sql->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot set up the database", err);
    code = sqlite3_step(statement);
    const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    const int is_wal = mode != NULL && strcmp(mode, "wal") == 0;
    const int finished = sqlite3_finalize(statement);
    if (finished != SQLITE_OK)
        return repli__sql_error(sql, finished, "cannot set up the database", err);
    if (!is_wal)
        return repli__error(err, REPLI_EIO, "store",
                            "cannot keep a write-ahead log for the database %s: the file system "
                            "lacks shared memory or locks; put it on a local disk",
                            sql->path);
    return REPLI_OK;
}

void repli__sql_keep_log(repli__sql *sql, int keep) {
    if (sql->db != NULL)
        sqlite3_db_config(sql->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, NULL);
}

int repli__sql_run(repli__sql *sql, const char *text) {
    return sqlite3_exec(sql->db, text, NULL, NULL, NULL);
}

int repli__sql_integer(repli__sql *sql, const char *text, int64_t *ret_value) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(sql->db, text, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        *ret_value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    const int finished = sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : finished;
}

int32_t repli__sql_prepare(repli__sql *sql, const char *const *texts, size_t count,
                           sqlite3_stmt **ret_statements, repli_error *err) {
    for (size_t i = 0; i < count; i++) {
        const int code = sqlite3_prepare_v3(sql->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                            &ret_statements[i], NULL);
        if (code != SQLITE_OK) {
            /* All of them fit the schema, if that is what it was made. */
            const int32_t failed = repli__sql_error(
                sql, code == SQLITE_ERROR ? SQLITE_CORRUPT : code, "cannot use the database", err);
            repli__sql_finalize(ret_statements, i);
            return failed;
        }
    }
    return REPLI_OK;
}

void repli__sql_finalize(sqlite3_stmt **statements, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}

int repli__sql_execute(sqlite3_stmt *statement) {
    const int code = sqlite3_step(statement);
    const int reset = sqlite3_reset(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW ? reset : code;
}

int repli__sql_bind_text(sqlite3_stmt *statement, int index, const char *text) {
    return text != NULL ? sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC)
                        : sqlite3_bind_null(statement, index);
}
