#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/machine.h"
#include "store/row.h"

/* Find an action by its id; *ret_seq is 0 if there is none. Returns a code of SQLite. */
static int find(repli__store *store, const unsigned char id[REPLI__ID_SIZE], int64_t *ret_seq,
                int32_t *ret_phase) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_FIND];
    *ret_seq = 0;
    int code = sqlite3_bind_blob(statement, 1, id, REPLI__ID_SIZE, SQLITE_STATIC);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_seq = sqlite3_column_int64(statement, 0);
        *ret_phase = sqlite3_column_int(statement, 1);
    }
    return sqlite3_reset(statement);
}

/* Insert. */

typedef struct insert_change {
    repli__change change;
    const repli_request *request;
    const char *headers;
    unsigned char id[REPLI__ID_SIZE];
} insert_change;

static int refuse_taken(insert_change *insert) {
    return repli__refuse(&insert->change, REPLI_ECONFLICT,
                         "an action with the id %s exists already; every action needs an id of its "
                         "own",
                         insert->request->id);
}

/* A repeated request is told that its action exists, even if there is no room for another. */
static int refuse_full(repli__store *store, insert_change *insert) {
    int64_t seq;
    int32_t phase;
    const int code = find(store, insert->id, &seq, &phase);
    if (code != SQLITE_OK)
        return code;
    if (seq != 0)
        return refuse_taken(insert);
    store->draft.refused++;
    return repli__refuse(&insert->change, REPLI_EFULL,
                         "the queue holds %" PRIu64 " actions, which is its limit "
                         "(actions.queue_limit); try again when some of them are done",
                         store->draft.unfinished);
}

static int bind_time(sqlite3_stmt *statement, int index, int64_t time_ns) {
    return time_ns == REPLI_TIME_NONE ? sqlite3_bind_null(statement, index)
                                      : sqlite3_bind_int64(statement, index, time_ns);
}

static int write_insert(repli__store *store, const insert_change *insert, int32_t phase,
                        int64_t held_ns) {
    const repli_request *request = insert->request;
    sqlite3_stmt *statement = store->writes[REPLI__SQL_INSERT];
    int code = sqlite3_bind_int64(statement, 1, store->draft.next_seq);
    code |= sqlite3_bind_blob(statement, 2, insert->id, REPLI__ID_SIZE, SQLITE_STATIC);
    code |= sqlite3_bind_int(statement, 3, phase);
    code |= sqlite3_bind_int64(statement, 4, request->created_ns);
    code |= sqlite3_bind_int64(statement, 5, store->now_ns);
    code |= bind_time(statement, 6, phase == REPLI_PHASE_RUNNING ? store->now_ns : REPLI_TIME_NONE);
    code |= repli__sql_bind_text(statement, 7, request->kind);
    code |= repli__sql_bind_text(statement, 8, request->requester);
    code |= repli__sql_bind_text(statement, 9, insert->headers);
    code |= repli__sql_bind_text(statement, 10, request->args_json);
    code |= bind_time(statement, 11, request->deadline_ns);
    code |= bind_time(statement, 12, request->not_before_ns);
    code |= bind_time(statement, 13, held_ns);
    code |= sqlite3_bind_int64(statement, 14, store->draft.next_event);
    code |= sqlite3_bind_int64(statement, 15,
                               phase == REPLI_PHASE_RUNNING ? store->draft.next_event + 1 : 0);
    return code == SQLITE_OK ? repli__sql_execute(statement) : code;
}

static int apply_insert(repli__store *store, repli__change *change) {
    insert_change *insert = (insert_change *)change;
    repli__state *draft = &store->draft;
    if (draft->unfinished >= atomic_load(&store->queue_limit))
        return refuse_full(store, insert);
    const repli_request *request = insert->request;
    const int64_t held_ns =
        request->not_before_ns > store->now_ns ? request->not_before_ns : REPLI_TIME_NONE;
    const int timed = held_ns != REPLI_TIME_NONE || request->deadline_ns != REPLI_TIME_NONE;
    int32_t phase = repli__machine_next(0, REPLI__EVENT_SCHEDULE);
    if (store->claims && draft->unfinished == 0 && !timed &&
        repli__claim_passes(store, request->kind))
        phase = repli__machine_next(phase, REPLI__EVENT_CLAIM);
    const int code = write_insert(store, insert, phase, held_ns);
    if (code != SQLITE_OK)
        return code;
    if (sqlite3_changes(store->writer.db) == 0)
        return refuse_taken(insert);
    repli__event_number(store, REPLI_EVENT_ACTION);
    if (phase == REPLI_PHASE_RUNNING) {
        repli__event_number(store, REPLI_EVENT_ACTION);
        draft->running = draft->next_seq;
    }
    if (timed)
        repli__timed_note(draft, held_ns, request->deadline_ns);
    draft->next_seq++;
    draft->unfinished++;
    draft->scheduled++;
    return SQLITE_OK;
}

static int32_t init_insert(insert_change *insert, const repli_request *request, repli_error *err) {
    insert->change.apply = apply_insert;
    insert->request = request;
    if (!repli__id_parse(request->id, insert->id))
        return repli__error(err, REPLI_EINVALID, "store", "the id %.60s is not a UUID",
                            request->id);
    return REPLI_OK;
}

int32_t repli__store_insert(repli__store *store, const repli_request *request, repli_error *err) {
    insert_change insert = {0};
    int32_t code = init_insert(&insert, request, err);
    if (code != REPLI_OK)
        return code;
    char *headers;
    if (repli__headers_encode(request->headers, request->header_count, &headers) != REPLI_OK)
        return repli__error_nomem(err, "store", "scheduling an action");
    insert.headers = headers;
    code = repli__commit(store, &insert.change, err);
    free(headers);
    return code;
}

/* Everything a change on the heap needs, in an arena that the change itself holds. */
static insert_change *copy_insert(repli__store *store, const repli_request *request) {
    repli__arena arena;
    repli__arena_init(&arena, &store->mem);
    insert_change *insert = repli__arena_calloc(&arena, 1, sizeof(*insert));
    repli_request *copy = repli__arena_calloc(&arena, 1, sizeof(*copy));
    char *headers = NULL;
    if (insert == NULL || copy == NULL || repli__request_copy(&arena, copy, request) != REPLI_OK ||
        repli__headers_encode(request->headers, request->header_count, &headers) != REPLI_OK)
        goto failed;
    insert->request = copy;
    insert->headers = repli__arena_strdup(&arena, headers);
    if (headers != NULL && insert->headers == NULL)
        goto failed;
    free(headers);
    insert->change.arena = arena;
    return insert;

failed:
    free(headers);
    repli__arena_dispose(&arena);
    return NULL;
}

int32_t repli__store_insert_async(repli__store *store, const repli_request *request,
                                  repli__store_done_fn done, void *user_data, repli_error *err) {
    insert_change *insert = copy_insert(store, request);
    if (insert == NULL)
        return repli__error_nomem(err, "store", "scheduling an action");
    const int32_t code = init_insert(insert, insert->request, err);
    if (code != REPLI_OK) {
        repli__arena arena = insert->change.arena;
        repli__arena_dispose(&arena);
        return code;
    }
    insert->change.finished = done;
    insert->change.user_data = user_data;
    repli__commit_later(store, &insert->change);
    return REPLI_OK;
}

/* End of an action, by its outcome or by being cancelled. */

int repli__change_finish(repli__store *store, int64_t seq, int32_t phase, int32_t outcome,
                         int steps, const char *payload, const char *error) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_FINISH];
    int code = sqlite3_bind_int64(statement, 1, seq);
    code |= sqlite3_bind_int(statement, 2, phase);
    code |= sqlite3_bind_int(statement, 3, steps);
    code |= repli__sql_bind_text(statement, 4, payload);
    code |= repli__sql_bind_text(statement, 5, error);
    code |= sqlite3_bind_int64(statement, 6, store->now_ns);
    code |= sqlite3_bind_int(statement, 7, outcome);
    code |= sqlite3_bind_int64(statement, 8, repli__event_number(store, REPLI_EVENT_ACTION));
    if (code == SQLITE_OK)
        code = repli__sql_execute(statement);
    if (code == SQLITE_OK) {
        store->draft.unfinished--;
        store->draft.ended[outcome]++;
    }
    return code;
}

/* Advance. */

typedef struct advance_change {
    repli__change change;
    int64_t seq;
    int32_t event;
    int32_t outcome; /* of an end */
    const char *payload;
    const char *error;
} advance_change;

static int forget_steps(repli__store *store, int64_t seq) {
    sqlite3_stmt *forget = store->writes[REPLI__SQL_FORGET_STEPS];
    const int code = sqlite3_bind_int64(forget, 1, seq);
    return code == SQLITE_OK ? repli__sql_execute(forget) : code;
}

int repli__change_mark(repli__store *store, int64_t seq, int mark) {
    sqlite3_stmt *note = store->writes[REPLI__SQL_NOTE_MARK];
    int code = sqlite3_bind_int64(note, 1, seq);
    code |= sqlite3_bind_int64(note, 2, store->now_ns);
    code |= sqlite3_bind_int(note, 3, mark);
    if (code == SQLITE_OK)
        code = repli__sql_execute(note);
    return code == SQLITE_OK ? forget_steps(store, seq) : code;
}

/* A payload that stays the same is no news for the history. */
static int write_history(repli__store *store, const advance_change *advance) {
    if (advance->payload == NULL)
        return SQLITE_OK;
    sqlite3_stmt *note = store->writes[REPLI__SQL_NOTE_STEP];
    int code = sqlite3_bind_int64(note, 1, advance->seq);
    code |= sqlite3_bind_int64(note, 2, store->now_ns);
    code |= repli__sql_bind_text(note, 3, advance->payload);
    if (code == SQLITE_OK)
        code = repli__sql_execute(note);
    if (code != SQLITE_OK || sqlite3_changes(store->writer.db) == 0)
        return code;
    return forget_steps(store, advance->seq);
}

static int write_step(repli__store *store, const advance_change *advance, int32_t phase) {
    int code = write_history(store, advance);
    if (code != SQLITE_OK)
        return code;
    sqlite3_stmt *step = store->writes[REPLI__SQL_STEP];
    code = sqlite3_bind_int64(step, 1, advance->seq);
    code |= sqlite3_bind_int(step, 2, phase);
    code |= repli__sql_bind_text(step, 3, advance->payload);
    return code == SQLITE_OK ? repli__sql_execute(step) : code;
}

static int apply_advance(repli__store *store, repli__change *change) {
    const advance_change *advance = (const advance_change *)change;
    repli__state *draft = &store->draft;
    if (advance->seq == 0 || draft->running != advance->seq)
        return repli__refuse(change, REPLI_EINTERNAL,
                             "the outcome of a step came for action number %" PRId64
                             ", but number %" PRId64 " is running",
                             advance->seq, draft->running);
    const int32_t next = repli__machine_next(REPLI_PHASE_RUNNING, advance->event);
    if (next == 0)
        return repli__refuse(change, REPLI_EINTERNAL, "a running action cannot %s",
                             repli__machine_event_name(advance->event));
    if (next == REPLI_PHASE_RUNNING)
        return write_step(store, advance, next);
    const int code = repli__change_finish(store, advance->seq, next, advance->outcome, 1,
                                          advance->payload, advance->error);
    if (code == SQLITE_OK)
        draft->running = draft->asked = 0;
    return code;
}

static int32_t event_of(int32_t phase) {
    switch (phase) {
    case REPLI_PHASE_RUNNING: return REPLI__EVENT_STEP;
    case REPLI_PHASE_DONE: return REPLI__EVENT_SUCCEED;
    case REPLI_PHASE_FAILED: return REPLI__EVENT_FAIL;
    default: return 0;
    }
}

int32_t repli__store_advance(repli__store *store, int64_t sequence, int32_t phase, int32_t ended,
                             const char *payload_json, const char *error_json, repli_error *err) {
    advance_change advance = {.change = {.apply = apply_advance},
                              .seq = sequence,
                              .event = event_of(phase),
                              .outcome = ended != 0                  ? ended
                                         : phase == REPLI_PHASE_DONE ? REPLI_ENDED_DONE
                                                                     : REPLI_ENDED_FAILED,
                              .payload = payload_json,
                              .error = error_json};
    return repli__commit(store, &advance.change, err);
}

/* Cancel. */

typedef struct cancel_change {
    repli__change change;
    const char *id_text;
    const char *error;
    repli__may_ask_fn may_ask;
    const void *user_data;
    unsigned char id[REPLI__ID_SIZE];
} cancel_change;

/* Find an action with the id, and whether its kind can be asked to end while it runs. */
static int find_to_cancel(repli__store *store, const cancel_change *cancel, int64_t *ret_seq,
                          int32_t *ret_phase, int *ret_may_ask) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_FIND];
    *ret_seq = 0;
    const int code = sqlite3_bind_blob(statement, 1, cancel->id, REPLI__ID_SIZE, SQLITE_STATIC);
    if (code != SQLITE_OK)
        return code;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *ret_seq = sqlite3_column_int64(statement, 0);
        *ret_phase = sqlite3_column_int(statement, 1);
        const char *kind = (const char *)sqlite3_column_text(statement, 2);
        *ret_may_ask =
            kind != NULL && cancel->may_ask != NULL && cancel->may_ask(cancel->user_data, kind);
    }
    return sqlite3_reset(statement);
}

/* That it was asked is known also after a restart. To ask again changes nothing. */
static int ask(repli__store *store, int64_t seq) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_ASK];
    int code = sqlite3_bind_int64(statement, 1, seq);
    code |= sqlite3_bind_int64(statement, 2, store->now_ns);
    if (code == SQLITE_OK)
        code = repli__sql_execute(statement);
    if (code != SQLITE_OK || sqlite3_changes(store->writer.db) == 0)
        return code;
    store->draft.asked = seq;
    return repli__change_mark(store, seq, REPLI__MARK_ASKED);
}

static int apply_cancel(repli__store *store, repli__change *change) {
    const cancel_change *cancel = (const cancel_change *)change;
    int64_t seq;
    int32_t phase;
    int may_ask;
    const int code = find_to_cancel(store, cancel, &seq, &phase, &may_ask);
    if (code != SQLITE_OK)
        return code;
    if (seq == 0)
        return repli__refuse(change, REPLI_ENOTFOUND, "there is no action with the id %s",
                             cancel->id_text);
    const int32_t next = repli__machine_next(phase, REPLI__EVENT_CANCEL);
    const char *name = repli_phase_name(phase);
    if (next == REPLI_PHASE_RUNNING && may_ask)
        return ask(store, seq);
    if (next == REPLI_PHASE_RUNNING)
        return repli__refuse(change, REPLI_ECONFLICT,
                             "the action %s is RUNNING, and actions of its kind cannot be "
                             "cancelled then: it goes on to its end, or to its deadline",
                             cancel->id_text);
    if (next == 0)
        return repli__refuse(change, REPLI_ECONFLICT, "the action %s is %s already",
                             cancel->id_text, name != NULL ? name : "damaged");
    return repli__change_finish(store, seq, next, REPLI_ENDED_CANCELLED, 0, NULL, cancel->error);
}

int32_t repli__store_cancel(repli__store *store, const char *id, const char *error_json,
                            repli__may_ask_fn may_ask, const void *user_data, repli_error *err) {
    cancel_change cancel = {.change = {.apply = apply_cancel},
                            .id_text = id,
                            .error = error_json,
                            .may_ask = may_ask,
                            .user_data = user_data};
    if (!repli__id_parse(id, cancel.id))
        return repli__error(err, REPLI_ENOTFOUND, "store",
                            "there is no action with the id %.60s, which is not a UUID", id);
    return repli__commit(store, &cancel.change, err);
}

int repli__store_is_asked(repli__store *store, int64_t sequence) {
    pthread_mutex_lock(&store->mutex);
    const int asked = store->state.asked == sequence;
    pthread_mutex_unlock(&store->mutex);
    return asked;
}

/* Purge. */

/* Others wait for the transaction of a purge, so each is short. */
enum { PURGE_NS = 500000, PURGE_ACTIONS = 256, PURGE_HISTORY = 64 };

typedef struct purge_change {
    repli__change change;
    int64_t before_ns;
    uint32_t limit;
    uint32_t deleted;
    int exhausted;
} purge_change;

/* In the order in which they ended, so that the log of events loses its beginning and no more. */
static int find_expired(repli__store *store, const purge_change *purge, int64_t *ret_seq,
                        int64_t *ret_event) {
    sqlite3_stmt *oldest = store->writes[REPLI__SQL_EXPIRED];
    *ret_seq = 0;
    if (sqlite3_step(oldest) == SQLITE_ROW && sqlite3_column_int64(oldest, 1) < purge->before_ns) {
        *ret_seq = sqlite3_column_int64(oldest, 0);
        *ret_event = sqlite3_column_int64(oldest, 2);
    }
    return sqlite3_reset(oldest);
}

/* Delete one action, or a part of its history if that is long. */
static int delete_some(repli__store *store, purge_change *purge, int64_t seq, int64_t event) {
    sqlite3_stmt *history = store->writes[REPLI__SQL_DELETE_HISTORY];
    int code = sqlite3_bind_int64(history, 1, seq);
    code |= sqlite3_bind_int(history, 2, PURGE_HISTORY);
    if (code == SQLITE_OK)
        code = repli__sql_execute(history);
    if (code != SQLITE_OK || sqlite3_changes(store->writer.db) == PURGE_HISTORY)
        return code;
    sqlite3_stmt *action = store->writes[REPLI__SQL_DELETE];
    code = sqlite3_bind_int64(action, 1, seq);
    if (code == SQLITE_OK)
        code = repli__sql_execute(action);
    if (code == SQLITE_OK && event >= store->draft.first_event)
        code = repli__event_forget(store, event + 1);
    if (code == SQLITE_OK)
        purge->deleted++;
    return code;
}

static int apply_purge(repli__store *store, repli__change *change) {
    purge_change *purge = (purge_change *)change;
    const uint64_t until = repli__mono_ns() + PURGE_NS;
    while (purge->deleted < purge->limit && repli__mono_ns() < until) {
        int64_t seq;
        int64_t event = 0;
        int code = find_expired(store, purge, &seq, &event);
        if (code == SQLITE_OK && seq == 0) {
            purge->exhausted = 1;
            return SQLITE_OK;
        }
        if (code == SQLITE_OK)
            code = delete_some(store, purge, seq, event);
        if (code != SQLITE_OK)
            return code;
    }
    return SQLITE_OK;
}

int32_t repli__store_purge(repli__store *store, int64_t before_ns, uint32_t limit,
                           uint32_t *ret_deleted, repli_error *err) {
    uint32_t deleted = 0;
    int exhausted = 0;
    while (deleted < limit && !exhausted) {
        purge_change purge = {.change = {.apply = apply_purge}, .before_ns = before_ns};
        purge.limit = limit - deleted < PURGE_ACTIONS ? limit - deleted : PURGE_ACTIONS;
        const int32_t code = repli__commit(store, &purge.change, err);
        if (code != REPLI_OK)
            return code;
        deleted += purge.deleted;
        exhausted = purge.exhausted;
    }
    *ret_deleted = deleted;
    return REPLI_OK;
}

/* Remember. */

typedef struct remember_change {
    repli__change change;
    const char *name;
    const char *value;
} remember_change;

int repli__change_remember(repli__store *store, const char *name, const char *value) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_REMEMBER];
    int code = repli__sql_bind_text(statement, 1, name);
    code |= repli__sql_bind_text(statement, 2, value);
    return code == SQLITE_OK ? repli__sql_execute(statement) : code;
}

static int apply_remember(repli__store *store, repli__change *change) {
    const remember_change *remember = (const remember_change *)change;
    return repli__change_remember(store, remember->name, remember->value);
}

int32_t repli__store_remember(repli__store *store, const char *name, const char *value,
                              repli_error *err) {
    remember_change remember = {.change = {.apply = apply_remember}, .name = name, .value = value};
    return repli__commit(store, &remember.change, err);
}

int32_t repli__change_probe(repli__store *store) {
    /* SQLite writes nothing if nothing changes. */
    char now[24];
    snprintf(now, sizeof(now), "%" PRId64, repli__wall_ns());
    return repli__store_remember(store, "store.probe", now, NULL);
}
