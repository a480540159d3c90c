#include "store/health.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A page that could not be read is no damage that was seen: "... error code=266". */
static int code_of(const char *found) {
    static const char mark[] = "error code=";
    const char *at = strstr(found, mark);
    const long code = at != NULL ? strtol(at + sizeof(mark) - 1, NULL, 10) : 0;
    return code > 0 && code <= INT_MAX ? (int)code : SQLITE_CORRUPT;
}

static int32_t report(const repli__sql *sql, const char *found, repli_error *err) {
    const int32_t code = repli__sql_error(sql, code_of(found), "cannot use the database", err);
    char first[REPLI_ERROR_MESSAGE_SIZE];
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(found, "\n"), found);
    repli__error_cause(err, first);
    return code;
}

int32_t repli__health_check(repli__sql *sql, int64_t size, int *ret_whole, repli_error *err) {
    *ret_whole = size <= (int64_t)REPLI__HEALTH_WHOLE_MB * 1024 * 1024;
    if (!*ret_whole)
        return REPLI_OK;
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(sql->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot read the database", err);
    int32_t result = REPLI_OK;
    code = sqlite3_step(statement);
    const char *found = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (found != NULL && strcmp(found, "ok") != 0)
        result = report(sql, found, err);
    const int finished = sqlite3_finalize(statement);
    if (result == REPLI_OK && code != SQLITE_ROW)
        result = repli__sql_error(sql, finished, "cannot read the database", err);
    return result;
}
