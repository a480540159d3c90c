#include "store/internal.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/machine.h"
#include "store/row.h"

/* Read the record while it is at hand. For want of memory whoever takes the claim tries again. */
static int32_t keep_record(repli__store *store, sqlite3_stmt *row, repli_error *err) {
    repli__claim_drop(&store->ahead);
    repli_doc *doc = repli__doc_new(&store->mem);
    if (doc == NULL)
        return REPLI_ENOMEM;
    store->ahead.doc = doc;
    store->ahead.row = repli__arena_calloc(&doc->arena, 1, sizeof(repli__row));
    const int32_t code = store->ahead.row != NULL
                             ? repli__row_read(row, &doc->arena, store->ahead.row, err)
                             : REPLI_ENOMEM;
    if (code != REPLI_OK)
        repli__claim_drop(&store->ahead);
    else
        store->ahead.row->action.phase = REPLI_PHASE_RUNNING;
    return code;
}

/* Most that one transaction passes over in search of one that may start. */
enum { LOOK_LIMIT = 1000 };

/* What runs, or else the oldest that waits and may start. */
typedef struct oldest {
    int64_t seq;   /* 0: none does */
    int32_t phase; /* to be in; 0 if it cannot run */
    repli_error damage;
} oldest;

static void look_at(repli__store *store, sqlite3_stmt *row, oldest *found) {
    found->seq = sqlite3_column_int64(row, 0);
    const int32_t phase = sqlite3_column_int(row, 2);
    if (keep_record(store, row, &found->damage) == REPLI_ECORRUPT)
        return;
    found->phase = repli__machine_next(phase, REPLI__EVENT_CLAIM);
    if (found->phase == 0)
        repli__error(&found->damage, REPLI_ECORRUPT, "store",
                     "the record of action number %" PRId64
                     " in the database is damaged: it is %s and has no end",
                     found->seq, repli_phase_name(phase));
}

int repli__claim_passes(const repli__store *store, const char *kind) {
    return !store->draft.shut || store->passes(store->passes_data, kind);
}

/* A record whose kind is none is damaged, which is looked into later. */
static int row_passes(const repli__store *store, sqlite3_stmt *row) {
    return !store->draft.shut || sqlite3_column_type(row, 8) != SQLITE_TEXT ||
           repli__claim_passes(store, (const char *)sqlite3_column_text(row, 8));
}

/* Pass over those that may not start. Returns what sqlite3_step() does. */
static int find_one_to_start(repli__store *store, sqlite3_stmt *statement) {
    repli__state *draft = &store->draft;
    int passed_over = 0;
    int code = sqlite3_step(statement);
    while (code == SQLITE_ROW && draft->running == 0 && !row_passes(store, statement)) {
        draft->looked = sqlite3_column_int64(statement, 0);
        draft->looks_on = ++passed_over == LOOK_LIMIT;
        code = draft->looks_on ? SQLITE_DONE : sqlite3_step(statement);
    }
    return code;
}

static int find_oldest(repli__store *store, oldest *found) {
    const repli__state *draft = &store->draft;
    sqlite3_stmt *statement = store->writes[REPLI__SQL_OLDEST];
    *found = (oldest){.damage = REPLI_ERROR_INIT};
    int code =
        sqlite3_bind_int64(statement, 1, draft->running != 0 ? draft->running - 1 : draft->looked);
    if (code != SQLITE_OK)
        return code;
    code = find_one_to_start(store, statement);
    if (code == SQLITE_ROW)
        look_at(store, statement, found);
    const int reset = sqlite3_reset(statement);
    /* The count of the unfinished says there is one, unless all of them wait for their time. */
    const int expected =
        draft->running != 0 || (draft->looked == 0 && draft->release_ns == INT64_MAX);
    return code == SQLITE_DONE && expected ? SQLITE_CORRUPT : reset;
}

/* An action whose record is damaged must not hold up those behind it. */
static int give_up(repli__store *store, const oldest *found) {
    repli__claim_drop(&store->ahead);
    repli_buf error = {.allocator = &store->mem};
    if (repli__failure_to_json(found->damage.message, NULL, &error, NULL) != REPLI_OK)
        return SQLITE_NOMEM;
    const int code = repli__change_finish(store, found->seq, REPLI_PHASE_FAILED, REPLI_ENDED_FAILED,
                                          0, NULL, error.data);
    repli_buf_dispose(&error);
    if (code != SQLITE_OK)
        return code;
    if (store->draft.running == found->seq)
        store->draft.running = store->draft.asked = 0;
    repli__log_printf(store->log, REPLI_LOG_ERROR, "store",
                      "an action is given up, and the next one begins: %s", found->damage.message);
    return SQLITE_OK;
}

static int write_claim(repli__store *store, const oldest *found) {
    sqlite3_stmt *claim = store->writes[REPLI__SQL_CLAIM];
    int code = sqlite3_bind_int64(claim, 1, found->seq);
    code |= sqlite3_bind_int(claim, 2, found->phase);
    code |= sqlite3_bind_int64(claim, 3, store->now_ns);
    code |= sqlite3_bind_int64(claim, 4, repli__event_number(store, REPLI_EVENT_ACTION));
    if (code == SQLITE_OK)
        code = repli__sql_execute(claim);
    if (code == SQLITE_OK)
        store->draft.running = found->seq;
    return code;
}

static int claim_oldest(repli__store *store) {
    repli__state *draft = &store->draft;
    oldest found;
    int code = find_oldest(store, &found);
    while (code == SQLITE_OK && found.seq != 0 && found.phase == 0) {
        code = give_up(store, &found);
        found.seq = 0;
        if (code == SQLITE_OK && draft->unfinished > 0)
            code = find_oldest(store, &found);
    }
    if (code == SQLITE_OK && found.seq != 0 && draft->running == 0)
        code = write_claim(store, &found);
    else if (code == SQLITE_OK && found.seq != 0 && draft->running == store->state.running)
        code = repli__change_mark(store, found.seq, REPLI__MARK_RESUMED);
    else if (code == SQLITE_OK && draft->running == 0 && !draft->looks_on)
        draft->looked = draft->shut ? draft->next_seq - 1 : 0;
    draft->claimed = draft->running != 0;
    return code;
}

int repli__claim_is_new(const repli__state *before, const repli__state *after) {
    return after->claimed && (!before->claimed || before->running != after->running);
}

int repli__claim_next(repli__store *store) {
    repli__state *draft = &store->draft;
    draft->looks_on = 0;
    const int code = repli__timed_apply(store);
    if (code != SQLITE_OK || !store->claims)
        return code;
    draft->claimed = draft->running != 0;
    const int waits =
        draft->running == 0 && draft->unfinished > 0 && draft->looked + 1 < draft->next_seq;
    return waits || repli__claim_is_new(&store->state, draft) ? claim_oldest(store) : SQLITE_OK;
}

void repli__claim_drop(repli__claimed *claimed) {
    repli_doc_free(claimed->doc);
    *claimed = (repli__claimed){0};
}

void repli__claim_tell(repli__store *store) {
    pthread_mutex_unlock(&store->mutex);
    store->claimed(store->claimed_data);
    pthread_mutex_lock(&store->mutex);
}

void repli__claim_announce(repli__store *store) {
    repli__claim_drop(&store->to_take);
    store->claim = store->state.running;
    if (store->ahead.doc != NULL && store->ahead.row->seq == store->claim) {
        store->to_take = store->ahead;
        store->ahead = (repli__claimed){0};
    }
    repli__claim_tell(store);
}

typedef struct claims_change {
    repli__change change;
    void (*claimed)(void *user_data);
    void *user_data;
} claims_change;

static int nothing(repli__store *store, repli__change *change) {
    (void)store;
    (void)change;
    return SQLITE_OK;
}

static void turn_on(repli__store *store, const repli__change *change) {
    const claims_change *on = (const claims_change *)change;
    store->claims = 1;
    store->claimed = on->claimed;
    store->claimed_data = on->user_data;
}

static void turn_off(repli__store *store, const repli__change *change) {
    (void)change;
    store->claims = 0;
    pthread_mutex_lock(&store->mutex);
    store->state.claimed = 0;
    store->claim = 0;
    repli__claim_drop(&store->to_take);
    pthread_mutex_unlock(&store->mutex);
}

int32_t repli__store_claims_on(repli__store *store, void (*claimed)(void *user_data),
                               void *user_data, repli_error *err) {
    claims_change on = {.change = {.prepare = turn_on, .apply = nothing},
                        .claimed = claimed,
                        .user_data = user_data};
    return repli__commit(store, &on.change, err);
}

void repli__store_claims_off(repli__store *store) {
    repli__change off = {.prepare = turn_off};
    repli__commit(store, &off, NULL);
}

static int32_t read_row(repli__store *store, int64_t seq, repli__claimed *claimed,
                        repli_error *err) {
    sqlite3_stmt *by_seq = store->reads[REPLI__SQL_BY_SEQ];
    pthread_mutex_lock(&store->read_mutex);
    int step = sqlite3_bind_int64(by_seq, 1, seq);
    if (step == SQLITE_OK)
        step = sqlite3_step(by_seq);
    int32_t code;
    if (step == SQLITE_ROW)
        code = repli__row_read(by_seq, &claimed->doc->arena, claimed->row, err);
    else
        code =
            repli__damage_error(store, &store->reader, step == SQLITE_DONE ? SQLITE_CORRUPT : step,
                                "cannot read the running action from", err);
    sqlite3_reset(by_seq);
    pthread_mutex_unlock(&store->read_mutex);
    repli__damage_tell(store);
    return code;
}

static int32_t read_again(repli__store *store, int64_t seq, repli__claimed *ret_claimed,
                          repli_error *err) {
    repli__claimed claimed = {.doc = repli__doc_new(&store->mem)};
    if (claimed.doc != NULL)
        claimed.row = repli__arena_calloc(&claimed.doc->arena, 1, sizeof(*claimed.row));
    int32_t code;
    if (claimed.row == NULL)
        code = repli__error_nomem(err, "store", "reading an action");
    else
        code = read_row(store, seq, &claimed, err);
    if (code != REPLI_OK)
        repli__claim_drop(&claimed);
    else
        *ret_claimed = claimed;
    return code;
}

int32_t repli__store_take(repli__store *store, repli__claim *ret_claim, repli_error *err) {
    pthread_mutex_lock(&store->mutex);
    const int64_t seq = store->claim;
    repli__claimed claimed = store->to_take;
    store->to_take = (repli__claimed){0};
    pthread_mutex_unlock(&store->mutex);
    if (seq == 0)
        return repli__error(err, REPLI_ENOTFOUND, "store", "no action was claimed");
    if (claimed.doc == NULL) {
        const int32_t code = read_again(store, seq, &claimed, err);
        if (code != REPLI_OK)
            return code;
    }
    pthread_mutex_lock(&store->mutex);
    const int interrupted = store->stepped == seq;
    store->stepped = seq;
    store->claim = 0;
    pthread_mutex_unlock(&store->mutex);
    *ret_claim = (repli__claim){.doc = claimed.doc,
                                .action = &claimed.row->action,
                                .sequence = seq,
                                .steps = claimed.row->steps,
                                .interrupted = interrupted};
    return REPLI_OK;
}
