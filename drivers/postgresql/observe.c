#include "observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgresql.h"

/* How long an observation may answer the questions that come right after it. */
#define REUSE_NS UINT64_C(1000000000)

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
        code = repli__pg_query(pg, op, &pg->watch, repli__pg_statement, 1, parameters,
                               &pg->last.result, err);
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
