#include "store/internal.h"

#include "store/row.h"

/* Steps of one action of which the payload is kept. */
#define HISTORY_LIMIT "1000"

const char *const repli__sql_writes[REPLI__SQL_WRITES] = {
    [REPLI__SQL_BEGIN] = "BEGIN IMMEDIATE",
    [REPLI__SQL_COMMIT] = "COMMIT",
    [REPLI__SQL_ROLLBACK] = "ROLLBACK",
    [REPLI__SQL_INSERT] =
        "INSERT INTO actions (seq, id, phase, created_ns, scheduled_ns, started_ns, kind,"
        " requester, headers, args, deadline_ns, not_before_ns, held_ns)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        " ON CONFLICT (id) DO NOTHING",
    [REPLI__SQL_OLDEST] = "SELECT " REPLI__ROW_COLUMNS " FROM actions INDEXED BY actions_queue"
                          " WHERE finished_ns IS NULL AND held_ns IS NULL AND seq > ?1"
                          " ORDER BY seq",
    [REPLI__SQL_RELEASE] = "UPDATE actions INDEXED BY actions_queue SET held_ns = NULL"
                           " WHERE finished_ns IS NULL AND held_ns <= ?1",
    [REPLI__SQL_NEXT_HELD] = "SELECT held_ns FROM actions INDEXED BY actions_queue"
                             " WHERE finished_ns IS NULL AND held_ns IS NOT NULL"
                             " ORDER BY held_ns LIMIT 1",
    [REPLI__SQL_NEXT_DEADLINE] = "SELECT deadline_ns, seq FROM actions INDEXED BY actions_deadline"
                                 " WHERE finished_ns IS NULL AND deadline_ns IS NOT NULL"
                                 " AND phase = 1 ORDER BY deadline_ns LIMIT 1",
    [REPLI__SQL_CLAIM] = "UPDATE actions SET phase = ?2, started_ns = coalesce(started_ns, ?3)"
                         " WHERE seq = ?1",
    [REPLI__SQL_ASK] = "UPDATE actions SET cancel_ns = ?2 WHERE seq = ?1 AND cancel_ns IS NULL",
    [REPLI__SQL_NOTE_STEP] =
        "INSERT INTO history (seq, n, time_ns, payload)"
        " SELECT ?1, coalesce((SELECT max(n) FROM history WHERE seq = ?1), 0) + 1, ?2, ?3"
        " FROM actions WHERE seq = ?1 AND payload IS NOT ?3",
    [REPLI__SQL_NOTE_MARK] =
        "INSERT INTO history (seq, n, time_ns, payload, mark)"
        " SELECT ?1, coalesce((SELECT max(n) FROM history WHERE seq = ?1), 0) + 1, ?2, payload, ?3"
        " FROM actions WHERE seq = ?1",
    [REPLI__SQL_FORGET_STEPS] =
        "DELETE FROM history WHERE seq = ?1"
        " AND n <= (SELECT max(n) FROM history WHERE seq = ?1) - " HISTORY_LIMIT,
    [REPLI__SQL_STEP] = "UPDATE actions SET phase = ?2, steps = steps + 1,"
                        " payload = coalesce(?3, payload) WHERE seq = ?1",
    [REPLI__SQL_FINISH] =
        "UPDATE actions SET phase = ?2, steps = steps + ?3, payload = coalesce(?4, payload),"
        " error = ?5, finished_ns = ?6, outcome = ?7 WHERE seq = ?1",
    [REPLI__SQL_FIND] = "SELECT seq, phase, kind FROM actions WHERE id = ?1",
    [REPLI__SQL_EXPIRED] = "SELECT seq FROM actions INDEXED BY actions_finished"
                           " WHERE finished_ns < ?1 ORDER BY finished_ns LIMIT 1",
    [REPLI__SQL_DELETE_HISTORY] =
        "DELETE FROM history WHERE seq = ?1"
        " AND n IN (SELECT n FROM history WHERE seq = ?1 ORDER BY n LIMIT ?2)",
    [REPLI__SQL_DELETE] = "DELETE FROM actions WHERE seq = ?1",
    [REPLI__SQL_REMEMBER] = "INSERT INTO facts (name, value) VALUES (?1, ?2)"
                            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
};

const char *const repli__sql_reads[REPLI__SQL_READS] = {
    [REPLI__SQL_BY_ID] = "SELECT " REPLI__ROW_COLUMNS " FROM actions WHERE id = ?1",
    [REPLI__SQL_BY_SEQ] = "SELECT " REPLI__ROW_COLUMNS " FROM actions WHERE seq = ?1",
    [REPLI__SQL_HISTORY] =
        "SELECT time_ns, payload, mark FROM history WHERE seq = ?1 ORDER BY n DESC",
    [REPLI__SQL_QUEUE] = "SELECT id, phase, kind, 0 FROM actions INDEXED BY actions_queue"
                         " WHERE finished_ns IS NULL ORDER BY held_ns, seq",
    [REPLI__SQL_FINISHED_PLACE] = "SELECT finished_ns, seq FROM actions WHERE id = ?1"
                                  " AND finished_ns IS NOT NULL",
    [REPLI__SQL_FINISHED] =
        "SELECT id, phase, kind, finished_ns FROM actions INDEXED BY actions_finished"
        " WHERE finished_ns IS NOT NULL AND (finished_ns, seq) < (?1, ?2)"
        " ORDER BY finished_ns DESC, seq DESC",
    [REPLI__SQL_RECALL] = "SELECT value FROM facts WHERE name = ?1",
};
