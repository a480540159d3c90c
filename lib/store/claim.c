#include "store/internal.h"

#include "base/clock.h"
#include "store/machine.h"
#include "store/row.h"

static int find_oldest(repli__store *store, int64_t *ret_seq, int32_t *ret_phase) {
    sqlite3_stmt *oldest = store->writes[REPLI__SQL_OLDEST];
    const int code = sqlite3_step(oldest);
    if (code == SQLITE_ROW) {
        *ret_seq = sqlite3_column_int64(oldest, 0);
        *ret_phase = sqlite3_column_int(oldest, 1);
    }
    const int reset = sqlite3_reset(oldest);
    /* The count of the unfinished says there is one. */
    return code == SQLITE_DONE ? SQLITE_CORRUPT : reset;
}

static int claim_oldest(repli__store *store) {
    int64_t seq = 0;
    int32_t phase = 0;
    int code = find_oldest(store, &seq, &phase);
    if (code != SQLITE_OK)
        return code;
    const int32_t next = repli__machine_next(phase, REPLI__EVENT_CLAIM);
    if (next == 0)
        return SQLITE_CORRUPT;
    sqlite3_stmt *claim = store->writes[REPLI__SQL_CLAIM];
    code = sqlite3_bind_int64(claim, 1, seq);
    code |= sqlite3_bind_int(claim, 2, next);
    code |= sqlite3_bind_int64(claim, 3, store->now_ns);
    if (code == SQLITE_OK)
        code = repli__sql_execute(claim);
    if (code == SQLITE_OK)
        store->draft.running = seq;
    return code;
}

int repli__claim_next(repli__store *store) {
    if (!store->claims)
        return SQLITE_OK;
    int code = SQLITE_OK;
    if (store->draft.running == 0 && store->draft.unfinished > 0)
        code = claim_oldest(store);
    store->draft.claimed = store->draft.running != 0;
    return code;
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

static int32_t read_claim(repli__store *store, int64_t seq, repli_doc *doc, repli__row **ret_record,
                          repli_error *err) {
    repli__row *record = repli__arena_calloc(&doc->arena, 1, sizeof(*record));
    if (record == NULL)
        return repli__error_nomem(err, "store", "reading an action");
    sqlite3_stmt *by_seq = store->reads[REPLI__SQL_BY_SEQ];
    pthread_mutex_lock(&store->read_mutex);
    sqlite3_bind_int64(by_seq, 1, seq);
    const int step = sqlite3_step(by_seq);
    int32_t code;
    if (step == SQLITE_ROW)
        code = repli__row_error(repli__row_read(by_seq, &doc->arena, record), store->path, err);
    else
        code = repli__sql_error(&store->reader, step == SQLITE_DONE ? SQLITE_CORRUPT : step,
                                "cannot read the running action from", err);
    sqlite3_reset(by_seq);
    pthread_mutex_unlock(&store->read_mutex);
    *ret_record = record;
    return code;
}

int32_t repli__store_take(repli__store *store, repli__claim *ret_claim, repli_error *err) {
    pthread_mutex_lock(&store->mutex);
    const int64_t seq = store->claim;
    pthread_mutex_unlock(&store->mutex);
    if (seq == 0)
        return repli__error(err, REPLI_ENOTFOUND, "store", "no action was claimed");
    repli_doc *doc = repli__doc_new(&store->mem);
    if (doc == NULL)
        return repli__error_nomem(err, "store", "reading an action");
    repli__row *record = NULL;
    const int32_t code = read_claim(store, seq, doc, &record, err);
    if (code != REPLI_OK) {
        repli_doc_free(doc);
        return code;
    }
    pthread_mutex_lock(&store->mutex);
    const int interrupted = store->stepped == seq;
    store->stepped = seq;
    store->claim = 0;
    pthread_mutex_unlock(&store->mutex);
    *ret_claim = (repli__claim){.doc = doc,
                                .action = &record->action,
                                .sequence = seq,
                                .steps = record->steps,
                                .interrupted = interrupted};
    return REPLI_OK;
}
