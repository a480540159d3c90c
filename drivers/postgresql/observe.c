#include "observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgresql.h"

/* How long an observation may answer the questions that come right after it. */
#define REUSE_NS UINT64_C(1000000000)

#define UTC(expression)                                                                            \
    "to_char((" expression ") AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define MILLISECONDS(interval) "(extract(epoch FROM (" interval ")) * 1000)::bigint"

/*
 * All there is to know, in one round trip; the same text for a primary and a standby of every
 * version since 13. $1 is the replication account.
 *
 * The functions of the other role are errors, hence the CASEs. If the server is promoted while the
 * statement runs, one of them fails all the same.
 */
static const char statement[] = "SELECT s.recovery AS in_recovery,"
                                " (SELECT system_identifier FROM pg_control_system())::text AS "
                                "system_identifier,"
                                " current_setting('server_version_num') AS version_number,"
                                " current_setting('server_version') AS version_text,"
                                " pg_has_role('pg_read_all_stats', 'USAGE') AS privileged,"
                                " EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND "
                                "rolreplication) AS "
                                "replication_role,"
                                " (CASE WHEN s.recovery THEN coalesce(pg_last_wal_replay_lsn(), "
                                "'0/0'::pg_lsn)"
                                "   ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::bigint "
                                "AS position,"
                                " CASE WHEN s.recovery AND pg_last_wal_replay_lsn() IS NOT NULL "
                                "THEN"
                                "   greatest(0, greatest(pg_last_wal_receive_lsn(), "
                                "r.latest_end_lsn)"
                                "   - pg_last_wal_replay_lsn())::bigint END AS lag,"
                                " CASE WHEN s.recovery THEN r.received_tli"
                                "   ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, "
                                "8))::bit(32)::int END"
                                "   AS timeline,"
                                " CASE WHEN s.recovery THEN pg_is_wal_replay_paused() END AS "
                                "\"replay.paused\","
                                " CASE WHEN s.recovery AND r.status = 'streaming' THEN"
                                "   CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() "
                                "THEN 0"
                                "   ELSE " MILLISECONDS(
                                    "clock_timestamp() - pg_last_xact_replay_timestamp()") " END "
                                                                                           "END"
                                                                                           "   AS "
                                                                                           "\"repla"
                                                                                           "y."
                                                                                           "delay_"
                                                                                           "ms\","
                                                                                           " r."
                                                                                           "status "
                                                                                           "AS "
                                                                                           "\"recei"
                                                                                           "ver."
                                                                                           "status"
                                                                                           "\","
                                                                                           " r."
                                                                                           "sender_"
                                                                                           "host "
                                                                                           "|| ':' "
                                                                                           "|| "
                                                                                           "r."
                                                                                           "sender_"
                                                                                           "port "
                                                                                           "AS "
                                                                                           "\"recei"
                                                                                           "ver."
                                                                                           "sender"
                                                                                           "\","
                                                                                           " r."
                                                                                           "sender_"
                                                                                           "host "
                                                                                           "AS "
                                                                                           "sender_"
                                                                                           "host, "
                                                                                           "r."
                                                                                           "sender_"
                                                                                           "port "
                                                                                           "AS "
                                                                                           "sender_"
                                                                                           "port,"
                                                                                           " r."
                                                                                           "slot_"
                                                                                           "name "
                                                                                           "AS "
                                                                                           "\"recei"
                                                                                           "ver."
                                                                                           "slot\","
                                                                                           " " MILLISECONDS(
                                                                                               "clo"
                                                                                               "ck_"
                                                                                               "tim"
                                                                                               "est"
                                                                                               "amp"
                                                                                               "()"
                                                                                               " - "
                                                                                               "r."
                                                                                               "las"
                                                                                               "t_"
                                                                                               "msg"
                                                                                               "_"
                                                                                               "rec"
                                                                                               "eip"
                                                                                               "t_"
                                                                                               "tim"
                                                                                               "e") " AS"
                                                                                                    " \""
                                                                                                    "rec"
                                                                                                    "eiv"
                                                                                                    "er."
                                                                                                    "sil"
                                                                                                    "ent"
                                                                                                    "_ms"
                                                                                                    "\","
                                                                                                    " gr"
                                                                                                    "eat"
                                                                                                    "est"
                                                                                                    "(" MILLISECONDS("current_setting('wal_sender_timeout')::interval") ","
                                                                                                                                                                        "   " MILLISECONDS(
                                                                                                                                                                            "current_setting('wal_receiver_timeout')::interval") ") / 2 AS patience_ms,"
                                                                                                                                                                                                                                 " " UTC("CASE WHEN s.recovery THEN pg_last_xact_replay_timestamp()"
                                                                                                                                                                                                                                         "   WHEN current_setting('track_commit_timestamp') = 'on'"
                                                                                                                                                                                                                                         "   THEN (SELECT \"timestamp\" FROM pg_last_committed_xact()) END") " AS last_operation,"
                                                                                                                                                                                                                                                                                                             " " UTC("pg_postmaster_start_time()") " AS started,"
                                                                                                                                                                                                                                                                                                                                                   " current_setting('cluster_name') AS cluster_name,"
                                                                                                                                                                                                                                                                                                                                                   " (SELECT bool_or(pending_restart) FROM pg_settings) AS pending_restart,"
                                                                                                                                                                                                                                                                                                                                                   " f.count AS followers, f.streaming AS \"followers.streaming\", f.names AS \"followers.names\","
                                                                                                                                                                                                                                                                                                                                                   " l.count AS slots, l.inactive AS \"slots.inactive\", l.names AS \"slots.names\","
                                                                                                                                                                                                                                                                                                                                                   " (CASE WHEN s.recovery THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END"
                                                                                                                                                                                                                                                                                                                                                   "   - l.oldest)::bigint AS \"slots.retained_bytes\","
                                                                                                                                                                                                                                                                                                                                                   " d.clients AS clients_connected, d.reads AS reads, d.writes AS writes,"
                                                                                                                                                                                                                                                                                                                                                   " d.commits AS commits, d.rollbacks AS rollbacks"
                                                                                                                                                                                                                                                                                                                                                   " FROM (SELECT pg_is_in_recovery() AS recovery) s"
                                                                                                                                                                                                                                                                                                                                                   " LEFT JOIN pg_stat_wal_receiver r ON true,"
                                                                                                                                                                                                                                                                                                                                                   " (SELECT count(*) AS count, count(*) FILTER (WHERE state = 'streaming') AS streaming,"
                                                                                                                                                                                                                                                                                                                                                   "   string_agg(application_name || ' ' || coalesce(state, '?'), ', '"
                                                                                                                                                                                                                                                                                                                                                   "     ORDER BY application_name) AS names"
                                                                                                                                                                                                                                                                                                                                                   "   FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup') f,"
                                                                                                                                                                                                                                                                                                                                                   " (SELECT count(*) AS count, count(*) FILTER (WHERE NOT active) AS inactive,"
                                                                                                                                                                                                                                                                                                                                                   "   min(restart_lsn) AS oldest, string_agg(slot_name, ', ' ORDER BY slot_name) AS names"
                                                                                                                                                                                                                                                                                                                                                   "   FROM pg_replication_slots WHERE NOT temporary) l,"
                                                                                                                                                                                                                                                                                                                                                   " (SELECT sum(numbackends) AS clients, sum(tup_returned)::bigint AS reads,"
                                                                                                                                                                                                                                                                                                                                                   "   sum(tup_inserted + tup_updated + tup_deleted)::bigint AS writes,"
                                                                                                                                                                                                                                                                                                                                                   "   sum(xact_commit)::bigint AS commits, sum(xact_rollback)::bigint AS rollbacks"
                                                                                                                                                                                                                                                                                                                                                   "   FROM pg_stat_database) d";

/* Columns that are passed on, as postgresql.org/COLUMN. */
static const struct {
    const char *column;
    int32_t type;
} attributes[] = {
    {"in_recovery", REPLI_VALUE_BOOLEAN},
    {"timeline", REPLI_VALUE_INTEGER},
    {"cluster_name", REPLI_VALUE_STRING},
    {"started", REPLI_VALUE_STRING},
    {"last_operation", REPLI_VALUE_STRING},
    {"pending_restart", REPLI_VALUE_BOOLEAN},
    {"replay.paused", REPLI_VALUE_BOOLEAN},
    {"replay.delay_ms", REPLI_VALUE_INTEGER},
    {"receiver.status", REPLI_VALUE_STRING},
    {"receiver.sender", REPLI_VALUE_STRING},
    {"receiver.slot", REPLI_VALUE_STRING},
    {"receiver.silent_ms", REPLI_VALUE_INTEGER},
    {"followers", REPLI_VALUE_INTEGER},
    {"followers.streaming", REPLI_VALUE_INTEGER},
    {"followers.names", REPLI_VALUE_STRING},
    {"slots", REPLI_VALUE_INTEGER},
    {"slots.inactive", REPLI_VALUE_INTEGER},
    {"slots.names", REPLI_VALUE_STRING},
    {"slots.retained_bytes", REPLI_VALUE_INTEGER},
    {"clients_connected", REPLI_VALUE_INTEGER},
    {"reads", REPLI_VALUE_INTEGER},
    {"writes", REPLI_VALUE_INTEGER},
    {"commits", REPLI_VALUE_INTEGER},
    {"rollbacks", REPLI_VALUE_INTEGER},
};

/* The value of a column, or NULL. */
static const char *value_of(const PGresult *result, const char *column) {
    const int index = PQfnumber(result, column);
    return index < 0 || PQgetisnull(result, 0, index) ? NULL : PQgetvalue(result, 0, index);
}

static int64_t integer_or(const PGresult *result, const char *column, int64_t otherwise) {
    const char *text = value_of(result, column);
    return text ? (int64_t)strtoll(text, NULL, 10) : otherwise;
}

static int is_true(const PGresult *result, const char *column) {
    const char *text = value_of(result, column);
    return text && *text == 't';
}

int32_t repli__pg_emit_attributes(const repli__pg *pg, repli_sink *sink) {
    const PGresult *result = pg->last.result;
    for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
        const char *text = value_of(result, attributes[i].column);
        if (!text || !*text)
            continue;
        char name[64];
        snprintf(name, sizeof(name), "postgresql.org/%s", attributes[i].column);
        repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
        attribute.name = name;
        attribute.type = attributes[i].type;
        attribute.string = text;
        attribute.integer =
            attributes[i].type == REPLI_VALUE_BOOLEAN ? *text == 't' : strtoll(text, NULL, 10);
        const int32_t code = pg->host->emit_attribute(sink, &attribute);
        if (code != REPLI_OK)
            return code;
    }
    return REPLI_OK;
}

/* Keep what tells this server from others; it must not change while the agent runs. */
static void remember(repli__pg *pg) {
    const repli__pg_observation *seen = &pg->last;
    const int number = (int)integer_or(seen->result, "version_number", 0);
    const char *text = value_of(seen->result, "version_text");
    if (*pg->system_identifier && strcmp(pg->system_identifier, seen->system_identifier) != 0)
        repli__pg_log(pg, REPLI_LOG_ERROR,
                      "the server at %s:%s is another one: its system identifier was %s and is %s",
                      PQhost(pg->watch.conn), PQport(pg->watch.conn), pg->system_identifier,
                      seen->system_identifier);
    snprintf(pg->system_identifier, sizeof(pg->system_identifier), "%s", seen->system_identifier);
    snprintf(pg->version_number, sizeof(pg->version_number), "%d.%d.0", number / 10000,
             number % 10000);
    snprintf(pg->version_text, sizeof(pg->version_text), "%s", text ? text : "");
}

static int32_t interpret(repli__pg *pg, repli_error *err) {
    repli__pg_observation *seen = &pg->last;
    const PGresult *row = seen->result;
    seen->system_identifier = PQntuples(row) == 1 ? value_of(row, "system_identifier") : NULL;
    if (!seen->system_identifier)
        return repli__pg_fail(pg, err, REPLI_EPROTOCOL, NULL,
                              "the server at %s:%s does not answer like PostgreSQL: it names no "
                              "system identifier",
                              PQhost(pg->watch.conn), PQport(pg->watch.conn));
    remember(pg);
    if (!is_true(row, "privileged"))
        return repli__pg_fail(pg, err, REPLI_EPERMISSION, NULL,
                              "missing privilege: the account \"%s\" cannot see replication; "
                              "GRANT pg_monitor TO \"%s\"",
                              PQuser(pg->watch.conn), PQuser(pg->watch.conn));
    seen->in_recovery = is_true(row, "in_recovery");
    seen->replay_paused = is_true(row, "replay.paused");
    seen->replication_role = is_true(row, "replication_role");
    seen->offset = integer_or(row, "position", 0);
    seen->lag = integer_or(row, "lag", -1);
    seen->silent_ms = integer_or(row, "receiver.silent_ms", -1);
    seen->silence_limit_ms = integer_or(row, "patience_ms", 0);
    seen->followers = integer_or(row, "followers", 0);
    seen->slots = integer_or(row, "slots", 0);
    seen->started = value_of(row, "started");
    seen->receiver = value_of(row, "receiver.status");
    seen->receiver_host = value_of(row, "sender_host");
    seen->receiver_port = value_of(row, "sender_port");
    seen->timeline = value_of(row, "timeline");
    /* Time for the answer to a question asked at half of the time-out. */
    if (seen->silence_limit_ms > 0)
        seen->silence_limit_ms += 5000;
    if (pg->config.silence_limit_ms > 0)
        seen->silence_limit_ms = pg->config.silence_limit_ms;
    return REPLI_OK;
}

/* 55000 is what functions of the other role say when the server was promoted under the statement;
 * 40001 is a conflict with replay. Both are gone at the second try. */
static int worth_repeating(const repli__pg *pg, int32_t code, int was_connected) {
    if (pg->watch.conn)
        return strcmp(pg->watch.sqlstate, "55000") == 0 || strcmp(pg->watch.sqlstate, "40001") == 0;
    return was_connected && (code == REPLI_ELOST || code == REPLI_EPROTOCOL);
}

static int32_t look(repli__pg *pg, const repli_op *op, repli_error *err) {
    const char *const parameters[] = {pg->config.replication.user ? pg->config.replication.user
                                                                  : ""};
    const repli__pg_target target = repli__pg_here(pg, &pg->config.monitor);
    int32_t code = REPLI_OK;
    for (int tries = 0; tries < 2; tries++) {
        const int was_connected = pg->watch.conn != NULL;
        if (!was_connected && (code = repli__pg_connect(pg, op, &target, &pg->watch, err)))
            return code;
        code = repli__pg_query(pg, op, &pg->watch, statement, 1, parameters, &pg->last.result, err);
        if (code == REPLI_OK || !worth_repeating(pg, code, was_connected))
            break;
    }
    return code == REPLI_OK ? interpret(pg, err) : code;
}

void repli__pg_observation_clear(repli__pg *pg) {
    PQclear(pg->last.result);
    pg->last = (repli__pg_observation){.lag = -1, .silent_ms = -1};
}

int32_t repli__pg_observe(repli__pg *pg, const repli_op *op, uint32_t question, repli_error *err) {
    repli__pg_observation *seen = &pg->last;
    const uint64_t now = pg->host->now_ns(pg->host);
    if ((seen->unread & question) && now - seen->time_ns < REUSE_NS) {
        seen->unread &= ~question;
        return seen->code ? repli__pg_pass(pg, err, &seen->error, NULL) : REPLI_OK;
    }
    repli__pg_observation_clear(pg);
    repli_error error = REPLI_ERROR_INIT;
    seen->code = look(pg, op, &error);
    seen->error = error;
    seen->time_ns = pg->host->now_ns(pg->host);
    /* Node comes first when the library looks, so it always gets a fresh answer. */
    seen->unread = (REPLI__PG_ASK_STORE | REPLI__PG_ASK_SHARDS) & ~question;
    return seen->code ? repli__pg_pass(pg, err, &error, NULL) : REPLI_OK;
}
