#include "store/schema.h"

#include <stdio.h>

/*
 * seq is the order of acceptance. What changes with every step stands before what may be long. Of
 * the history only the steps in between are kept apart: the record itself knows when the action
 * became NEW, RUNNING and final.
 */
const char *const repli__schema_steps[] = {
    "CREATE TABLE actions ("
    " seq INTEGER PRIMARY KEY,"
    " id BLOB NOT NULL,"
    " phase INTEGER NOT NULL,"
    " steps INTEGER NOT NULL DEFAULT 0,"
    " created_ns INTEGER NOT NULL,"
    " scheduled_ns INTEGER NOT NULL,"
    " started_ns INTEGER,"
    " finished_ns INTEGER,"
    " kind TEXT NOT NULL,"
    " requester TEXT NOT NULL,"
    " headers TEXT,"
    " payload TEXT,"
    " error TEXT,"
    " args TEXT NOT NULL);"
    "CREATE UNIQUE INDEX actions_id ON actions (id);"
    "CREATE INDEX actions_unfinished ON actions (seq) WHERE finished_ns IS NULL;"
    "CREATE INDEX actions_finished ON actions (finished_ns) WHERE finished_ns IS NOT NULL;"
    "CREATE TABLE history ("
    " seq INTEGER NOT NULL,"
    " n INTEGER NOT NULL,"
    " time_ns INTEGER NOT NULL,"
    " payload TEXT,"
    " PRIMARY KEY (seq, n)) WITHOUT ROWID;"
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",

    /*
     * held_ns is not_before_ns until that time has come, then NULL. So the index has first, by
     * their numbers, those that run and may run, and then those to come, by their times. An
     * outcome that is NULL is of an action that was finished before there was one. A mark says of
     * a step in the history why it stands there.
     */
    "ALTER TABLE actions ADD COLUMN deadline_ns INTEGER;"
    "ALTER TABLE actions ADD COLUMN not_before_ns INTEGER;"
    "ALTER TABLE actions ADD COLUMN held_ns INTEGER;"
    "ALTER TABLE actions ADD COLUMN cancel_ns INTEGER;"
    "ALTER TABLE actions ADD COLUMN outcome INTEGER;"
    "ALTER TABLE history ADD COLUMN mark INTEGER;"
    "DROP INDEX actions_unfinished;"
    "CREATE INDEX actions_queue ON actions (held_ns, seq) WHERE finished_ns IS NULL;"
    "CREATE INDEX actions_deadline ON actions (deadline_ns)"
    " WHERE finished_ns IS NULL AND deadline_ns IS NOT NULL;",
    /* The numbers of an action's transitions stand in its record; see note.c and log.c. Actions
     * from before there were numbers have 0, and stand first in the list of the finished. */
    "ALTER TABLE actions ADD COLUMN new_event INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE actions ADD COLUMN run_event INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE actions ADD COLUMN end_event INTEGER NOT NULL DEFAULT 0;"
    "DROP INDEX actions_finished;"
    "CREATE INDEX actions_finished ON actions (end_event, run_event)"
    " WHERE finished_ns IS NOT NULL;"
    "INSERT INTO facts VALUES ('events.first', '1');"
    "CREATE TABLE events ("
    " number INTEGER PRIMARY KEY,"
    " time_ns INTEGER NOT NULL,"
    " type INTEGER NOT NULL,"
    " flags INTEGER NOT NULL,"
    " subject TEXT,"
    " old TEXT,"
    " new TEXT,"
    " reason TEXT,"
    " count INTEGER NOT NULL,"
    " action_id TEXT,"
    " action_kind TEXT);"
    "CREATE TABLE said ("
    " type INTEGER NOT NULL,"
    " subject TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (type, subject)) WITHOUT ROWID;",
};

const size_t repli__schema_step_count =
    sizeof(repli__schema_steps) / sizeof(repli__schema_steps[0]);

int32_t repli__schema_check(repli__sql *sql, size_t newest, repli_error *err) {
    int64_t version = 0;
    int64_t application = 0;
    int64_t tables = 0;
    int code = repli__sql_integer(sql, "PRAGMA user_version", &version);
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql, "PRAGMA application_id", &application);
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql, "SELECT count(*) FROM sqlite_master", &tables);
    /* A format that SQLite does not know, while it knows all that were ever written here. */
    if (code == SQLITE_ERROR)
        code = SQLITE_CORRUPT;
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot read the database", err);
    const int empty = version == 0 && application == 0 && tables == 0;
    if (!empty && application != REPLI__SCHEMA_APPLICATION_ID)
        return repli__error(err, REPLI_EINVALID, "store",
                            "%s is a database of another program; name another file", sql->path);
    if (version < 0 || (uint64_t)version > newest)
        return repli__error(err, REPLI_EINVALID, "store",
                            "%s was made by a newer release (its schema is version %lld, this "
                            "release knows %zu); use that release, or name another file",
                            sql->path, (long long)version, newest);
    return REPLI_OK;
}

static int run_step(repli__sql *sql, const char *step, size_t version) {
    char pragmas[96];
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %zu",
             REPLI__SCHEMA_APPLICATION_ID, version);
    int code = repli__sql_run(sql, "BEGIN IMMEDIATE");
    if (code == SQLITE_OK)
        code = repli__sql_run(sql, step);
    if (code == SQLITE_OK)
        code = repli__sql_run(sql, pragmas);
    if (code == SQLITE_OK)
        code = repli__sql_run(sql, "COMMIT");
    return code;
}

int32_t repli__schema_migrate(repli__sql *sql, const char *const *steps, size_t count,
                              repli_error *err) {
    int64_t version = 0;
    int code = repli__sql_integer(sql, "PRAGMA user_version", &version);
    for (size_t i = (size_t)version; i < count && code == SQLITE_OK; i++)
        code = run_step(sql, steps[i], i + 1);
    if (code == SQLITE_OK)
        return REPLI_OK;
    const int32_t failed = repli__sql_error(sql, code, "cannot bring the database up to date", err);
    if (!sqlite3_get_autocommit(sql->db))
        repli__sql_run(sql, "ROLLBACK");
    return failed;
}
