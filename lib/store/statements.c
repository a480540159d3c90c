#include "store/internal.h"

#include "store/row.h"

/* Steps of one action of which the payload is kept. */
#define HISTORY_LIMIT "1000"
/* Events that are looked at, or deleted, in one transaction. */
#define PURGE_EVENTS "1000" /* REPLI__EVENTS_MAX */
/* What repli__store_events() makes events of. */
#define TRANSITIONS                                                                                \
    "SELECT seq, id, kind, phase, scheduled_ns, started_ns, finished_ns, new_event, run_event,"    \
    " end_event, outcome FROM actions "

const char *const repli__sql_writes[REPLI__SQL_WRITES] = {
    [REPLI__SQL_BEGIN] = "BEGIN IMMEDIATE",
    [REPLI__SQL_COMMIT] = "COMMIT",
    [REPLI__SQL_ROLLBACK] = "ROLLBACK",
    [REPLI__SQL_INSERT] =
        "INSERT INTO actions (seq, id, phase, created_ns, scheduled_ns, started_ns, kind,"
        " requester, headers, args, deadline_ns, not_before_ns, held_ns, new_event,"
        " run_event)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
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
    [REPLI__SQL_CLAIM] = "UPDATE actions SET phase = ?2, started_ns = coalesce(started_ns, ?3),"
                         " run_event = ?4 WHERE seq = ?1",
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
        " error = ?5, finished_ns = ?6, outcome = ?7, end_event = ?8 WHERE seq = ?1",
    [REPLI__SQL_FIND] = "SELECT seq, phase, kind FROM actions WHERE id = ?1",
    [REPLI__SQL_EXPIRED] = "SELECT seq, finished_ns, end_event"
                           " FROM actions INDEXED BY actions_finished"
                           " WHERE finished_ns IS NOT NULL AND end_event >= 0"
                           " ORDER BY end_event, run_event LIMIT 1",
    [REPLI__SQL_DELETE_HISTORY] =
        "DELETE FROM history WHERE seq = ?1"
        " AND n IN (SELECT n FROM history WHERE seq = ?1 ORDER BY n LIMIT ?2)",
    [REPLI__SQL_DELETE] = "DELETE FROM actions WHERE seq = ?1",
    [REPLI__SQL_REMEMBER] = "INSERT INTO facts (name, value) VALUES (?1, ?2)"
                            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [REPLI__SQL_SAID] = "SELECT value FROM said WHERE type = ?1 AND subject = ?2",
    [REPLI__SQL_SAY] = "INSERT INTO said (type, subject, value) VALUES (?1, ?2, ?3)"
                       " ON CONFLICT (type, subject) DO UPDATE SET value = excluded.value",
    [REPLI__SQL_UNSAY] = "DELETE FROM said WHERE type = ?1 AND subject = ?2",
    [REPLI__SQL_NOTE] = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    /* The oldest events: rows of their own, and ends of actions. */
    [REPLI__SQL_OLD_NOTES] = "SELECT number, time_ns FROM events WHERE number >= ?1"
                             " ORDER BY number LIMIT " PURGE_EVENTS,
    [REPLI__SQL_OLD_ENDS] =
        "SELECT end_event, finished_ns FROM actions INDEXED BY actions_finished"
        " WHERE finished_ns IS NOT NULL AND end_event >= ?1 ORDER BY end_event LIMIT " PURGE_EVENTS,
    [REPLI__SQL_DELETE_NOTES] = "DELETE FROM events WHERE number IN (SELECT number FROM events"
                                " WHERE number < ?1 ORDER BY number LIMIT " PURGE_EVENTS ")",
};

const char *const repli__sql_reads[REPLI__SQL_READS] = {
    [REPLI__SQL_BY_ID] = "SELECT " REPLI__ROW_COLUMNS " FROM actions WHERE id = ?1",
    [REPLI__SQL_BY_SEQ] = "SELECT " REPLI__ROW_COLUMNS " FROM actions WHERE seq = ?1",
    [REPLI__SQL_HISTORY] =
        "SELECT time_ns, payload, mark FROM history WHERE seq = ?1 ORDER BY n DESC",
    [REPLI__SQL_QUEUE] = "SELECT id, phase, kind, 0 FROM actions INDEXED BY actions_queue"
                         " WHERE finished_ns IS NULL ORDER BY held_ns, seq",
    [REPLI__SQL_FINISHED_PLACE] = "SELECT end_event, run_event, seq FROM actions WHERE id = ?1"
                                  " AND finished_ns IS NOT NULL",
    [REPLI__SQL_FINISHED] =
        "SELECT id, phase, kind, finished_ns FROM actions INDEXED BY actions_finished"
        " WHERE finished_ns IS NOT NULL AND (end_event, run_event, seq) < (?1, ?2, ?3)"
        " ORDER BY end_event DESC, run_event DESC, seq DESC",
    [REPLI__SQL_RECALL] = "SELECT value FROM facts WHERE name = ?1",
    [REPLI__SQL_FIRST_EVENT] = "SELECT value FROM facts WHERE name = 'events.first'",
    [REPLI__SQL_NOTES] = "SELECT * FROM events WHERE number > ?1 AND number <= ?2 ORDER BY number",
    [REPLI__SQL_ENDS] = TRANSITIONS "INDEXED BY actions_finished WHERE finished_ns IS NOT NULL"
                                    " AND end_event > ?1 AND end_event <= ?2",
    [REPLI__SQL_NEXT_END] =
        TRANSITIONS "INDEXED BY actions_finished WHERE finished_ns IS NOT NULL"
                    " AND end_event > ?1 AND run_event > 0 ORDER BY end_event LIMIT 1",
    [REPLI__SQL_RUN] = TRANSITIONS "WHERE seq = ?1",
    [REPLI__SQL_PROBE_NEW] =
        "SELECT seq, new_event FROM actions WHERE seq >= ?1 ORDER BY seq LIMIT 1",
    [REPLI__SQL_NEWS] = TRANSITIONS "WHERE seq >= ?1 ORDER BY seq",
    [REPLI__SQL_SUBJECTS] = "SELECT subject FROM said WHERE type = ?1 AND subject > ?2"
                            " ORDER BY subject LIMIT ?3",
};
