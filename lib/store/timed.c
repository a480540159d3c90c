#include "store/internal.h"

#include "base/buf.h"
#include "base/clock.h"
#include "store/machine.h"

/*
 * Actions that may not begin yet, and those whose deadline passes while they wait.
 */

/* Others wait for the transaction, so what is left over gets the next one. One whose turn comes
 * before that is ended by the executor. */
enum { MOST_EXPIRED = 256 };

void repli__timed_note(repli__state *state, int64_t held_ns, int64_t deadline_ns) {
    if (held_ns != REPLI_TIME_NONE && held_ns < state->release_ns)
        state->release_ns = held_ns;
    if (deadline_ns != REPLI_TIME_NONE && deadline_ns < state->expire_ns)
        state->expire_ns = deadline_ns;
}

/* The first row's time, INT64_MAX if there is none, and its number. */
static int ask_next(repli__store *store, int which, int64_t *ret_time_ns, int64_t *ret_seq) {
    sqlite3_stmt *statement = store->writes[which];
    *ret_time_ns = INT64_MAX;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *ret_time_ns = sqlite3_column_int64(statement, 0);
        if (ret_seq != NULL)
            *ret_seq = sqlite3_column_int64(statement, 1);
    }
    return sqlite3_reset(statement);
}

int repli__timed_load(repli__store *store, repli__state *state) {
    const int code = ask_next(store, REPLI__SQL_NEXT_HELD, &state->release_ns, NULL);
    return code != SQLITE_OK ? code
                             : ask_next(store, REPLI__SQL_NEXT_DEADLINE, &state->expire_ns, NULL);
}

/* All of them at once: among those that may run the order is that of acceptance. */
static int release(repli__store *store) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_RELEASE];
    int code = sqlite3_bind_int64(statement, 1, store->now_ns);
    if (code == SQLITE_OK)
        code = repli__sql_execute(statement);
    return code == SQLITE_OK ? ask_next(store, REPLI__SQL_NEXT_HELD, &store->draft.release_ns, NULL)
                             : code;
}

static int end_expired(repli__store *store, int64_t seq) {
    repli_buf error = {.allocator = &store->mem};
    if (repli__failure_to_json("its deadline passed before its turn came: it never started, so it "
                               "had no effect",
                               NULL, &error, NULL) != REPLI_OK)
        return SQLITE_NOMEM;
    const int32_t phase = repli__machine_next(REPLI_PHASE_NEW, REPLI__EVENT_EXPIRE);
    const int code =
        repli__change_finish(store, seq, phase, REPLI_ENDED_TIMED_OUT, 0, NULL, error.data);
    repli_buf_dispose(&error);
    return code;
}

static int expire(repli__store *store) {
    int64_t *next_ns = &store->draft.expire_ns;
    int64_t seq = 0;
    int code = ask_next(store, REPLI__SQL_NEXT_DEADLINE, next_ns, &seq);
    for (int i = 0; code == SQLITE_OK && *next_ns <= store->now_ns && i < MOST_EXPIRED; i++) {
        code = end_expired(store, seq);
        if (code == SQLITE_OK)
            code = ask_next(store, REPLI__SQL_NEXT_DEADLINE, next_ns, &seq);
    }
    return code;
}

int repli__timed_apply(repli__store *store) {
    int code = SQLITE_OK;
    if (store->draft.expire_ns <= store->now_ns)
        code = expire(store);
    if (code == SQLITE_OK && store->draft.release_ns <= store->now_ns)
        code = release(store);
    return code;
}

uint64_t repli__timed_due_ns(const repli__state *state) {
    const int64_t wall_ns =
        state->release_ns < state->expire_ns ? state->release_ns : state->expire_ns;
    if (wall_ns == INT64_MAX)
        return UINT64_MAX;
    return wall_ns <= repli__wall_ns() ? 0 : repli__look_at(wall_ns);
}

static int nothing(repli__store *store, repli__change *change) {
    (void)store;
    (void)change;
    return SQLITE_OK;
}

void repli__timed_run(repli__store *store) {
    repli__change empty = {.apply = nothing};
    pthread_mutex_unlock(&store->mutex);
    repli__commit(store, &empty, NULL);
    pthread_mutex_lock(&store->mutex);
}
