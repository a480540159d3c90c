#include "store/internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "model/doc.h"
#include "model/validate.h"
#include "store/row.h"

/* What a list shows if not told how much. */
enum { DEFAULT_FINISHED = 100 };
#define DEFAULT_FINISHED_NS (3600 * REPLI__NS_PER_S)

static int32_t no_memory(repli_error *err) {
    return repli__error_nomem(err, "store", "reading the database");
}

static int32_t read_error(repli__store *store, int code, repli_error *err) {
    return repli__damage_error(store, &store->reader, code, "cannot read the database", err);
}

static void begin_read(repli__store *store) {
    pthread_mutex_lock(&store->read_mutex);
}

static void end_read(repli__store *store) {
    pthread_mutex_unlock(&store->read_mutex);
    repli__damage_tell(store);
}

/* One action. */

typedef struct transitions {
    repli_transition *array; /* on the heap while it grows */
    size_t count, capacity;
} transitions;

static int32_t add_transition(const repli__mem *mem, transitions *list, int32_t phase,
                              int64_t time_ns, const char *payload, const char *error) {
    if (repli__grow(mem, (void **)&list->array, &list->capacity, list->count,
                    sizeof(repli_transition)) != REPLI_OK)
        return REPLI_ENOMEM;
    list->array[list->count++] = (repli_transition){.struct_size = sizeof(repli_transition),
                                                    .phase = phase,
                                                    .time_ns = time_ns,
                                                    .payload_json = payload,
                                                    .error_json = error};
    return REPLI_OK;
}

/* The row that the statement stands on. */
static int32_t add_step(sqlite3_stmt *row, repli_doc *doc, int64_t seq, transitions *list,
                        repli_error *err) {
    repli_transition step;
    int32_t code = repli__row_step(row, &doc->arena, &step);
    if (code == REPLI_OK)
        code = add_transition(&doc->mem, list, step.phase, step.time_ns, step.payload_json,
                              step.error_json);
    if (code == REPLI_ECORRUPT)
        return repli__error(err, code, "store",
                            "the history of action number %" PRId64 " in the database is damaged",
                            seq);
    return code == REPLI_OK ? REPLI_OK : no_memory(err);
}

static int32_t add_steps(repli__store *store, repli_doc *doc, int64_t seq, transitions *list,
                         repli_error *err) {
    sqlite3_stmt *history = store->reads[REPLI__SQL_HISTORY];
    int code = sqlite3_bind_int64(history, 1, seq);
    if (code != SQLITE_OK)
        return read_error(store, code, err);
    int32_t result = REPLI_OK;
    while (result == REPLI_OK && (code = sqlite3_step(history)) == SQLITE_ROW)
        result = add_step(history, doc, seq, list, err);
    sqlite3_reset(history);
    if (result == REPLI_OK && code != SQLITE_DONE)
        result = read_error(store, code, err);
    return result;
}

/* Newest first. Only the steps in between have rows of their own. */
static int32_t read_history(repli__store *store, repli_doc *doc, const repli__row *record,
                            transitions *list, repli_error *err) {
    const repli_action *action = &record->action;
    if (action->finished_ns != REPLI_TIME_NONE &&
        add_transition(&doc->mem, list, action->phase, action->finished_ns, action->payload_json,
                       action->error_json) != REPLI_OK)
        return no_memory(err);
    const int32_t code = add_steps(store, doc, record->seq, list, err);
    if (code != REPLI_OK)
        return code;
    if (record->started_ns != REPLI_TIME_NONE &&
        add_transition(&doc->mem, list, REPLI_PHASE_RUNNING, record->started_ns, NULL, NULL) !=
            REPLI_OK)
        return no_memory(err);
    if (add_transition(&doc->mem, list, REPLI_PHASE_NEW, action->scheduled_ns, NULL, NULL) !=
        REPLI_OK)
        return no_memory(err);
    return REPLI_OK;
}

static int32_t add_history(repli__store *store, repli_doc *doc, repli__row *record,
                           repli_error *err) {
    transitions list = {0};
    int32_t code = read_history(store, doc, record, &list, err);
    if (code == REPLI_OK) {
        record->action.history =
            repli__arena_copy(&doc->arena, list.array, list.count * sizeof(*list.array));
        record->action.history_count = list.count;
        if (record->action.history == NULL)
            code = no_memory(err);
    }
    repli__free(&doc->mem, list.array);
    return code;
}

/* An index that is damaged leads to the record of somebody else. */
static int32_t read_row(repli__store *store, sqlite3_stmt *row,
                        const unsigned char id[REPLI__ID_SIZE], repli_doc *doc, repli__row *record,
                        repli_error *err) {
    char wanted[REPLI_UUID_SIZE];
    const int32_t code = repli__row_read(row, &doc->arena, record, err);
    repli__id_format(id, wanted);
    if (code == REPLI_OK && strcmp(record->action.id, wanted) != 0)
        return read_error(store, SQLITE_CORRUPT, err);
    return code;
}

/* The statement stays on its row until the history is read, so that both are of one moment. */
static int32_t read_action(repli__store *store, const char *id, repli_doc *doc, repli__row *record,
                           repli_error *err) {
    unsigned char bytes[REPLI__ID_SIZE];
    if (!repli__id_parse(id, bytes))
        return repli__error(err, REPLI_ENOTFOUND, "store",
                            "there is no action with the id %.60s, which is not a UUID", id);
    sqlite3_stmt *by_id = store->reads[REPLI__SQL_BY_ID];
    int step = sqlite3_bind_blob(by_id, 1, bytes, sizeof(bytes), SQLITE_STATIC);
    if (step == SQLITE_OK)
        step = sqlite3_step(by_id);
    int32_t code;
    if (step == SQLITE_ROW)
        code = read_row(store, by_id, bytes, doc, record, err);
    else if (step == SQLITE_DONE)
        code = repli__error(err, REPLI_ENOTFOUND, "store", "there is no action with the id %s", id);
    else
        code = read_error(store, step, err);
    if (code == REPLI_OK)
        code = add_history(store, doc, record, err);
    sqlite3_reset(by_id);
    return code;
}

int32_t repli__store_action(repli__store *store, const char *id, repli_doc **ret_doc,
                            const repli_action **ret_action, repli_error *err) {
    repli_doc *doc = repli__doc_new(&store->mem);
    if (doc == NULL)
        return no_memory(err);
    repli__row *record = repli__arena_calloc(&doc->arena, 1, sizeof(*record));
    int32_t code;
    if (record == NULL) {
        code = no_memory(err);
    } else {
        begin_read(store);
        code = read_action(store, id, doc, record, err);
        end_read(store);
    }
    if (code != REPLI_OK) {
        repli_doc_free(doc);
        return code;
    }
    *ret_doc = doc;
    *ret_action = &record->action;
    return REPLI_OK;
}

/* Lists. */

typedef struct summaries {
    repli_doc *doc;
    repli_action_summary *array; /* on the heap while it grows */
    size_t count, capacity;
    const char *kind; /* the one before: lists are often of one kind */
} summaries;

/* A damaged record keeps its place in the list; whoever asks for the action is told. */
static const char damaged_kind[] = "agent.replicante.io/damaged";

/* The kind of the row, which is kept once for as long as it is the same. */
static int32_t set_kind(summaries *list, sqlite3_stmt *row, int column) {
    const char *kind = (const char *)sqlite3_column_text(row, column);
    if (kind == NULL && sqlite3_column_type(row, column) != SQLITE_NULL)
        return REPLI_ENOMEM;
    if (kind != NULL && list->kind != NULL && strcmp(list->kind, kind) == 0)
        return REPLI_OK;
    if (kind == NULL || repli_scoped_name_validate(kind, NULL) != REPLI_OK)
        kind = damaged_kind;
    list->kind = repli__arena_strdup(&list->doc->arena, kind);
    return list->kind != NULL ? REPLI_OK : REPLI_ENOMEM;
}

static int32_t add_summary(summaries *list, sqlite3_stmt *row) {
    if (repli__grow(&list->doc->mem, (void **)&list->array, &list->capacity, list->count,
                    sizeof(*list->array)) != REPLI_OK)
        return REPLI_ENOMEM;
    char *id = repli__arena_alloc(&list->doc->arena, REPLI_UUID_SIZE);
    if (id == NULL || set_kind(list, row, 2) != REPLI_OK)
        return REPLI_ENOMEM;
    repli__row_id(row, 0, id);
    repli_action_summary summary = {
        .struct_size = sizeof(summary), .id = id, .kind = list->kind, .phase = REPLI_PHASE_FAILED};
    repli__row_phase(row, 1, &summary.phase);
    list->array[list->count++] = summary;
    return REPLI_OK;
}

/* How far a list goes: limit entries; or, if that is 0, DEFAULT_FINISHED and what is not older
 * than since_ns. */
typedef struct extent {
    uint32_t limit;
    int64_t since_ns;
} extent;

static int goes_on(const extent *within, size_t count, int64_t time_ns) {
    if (within->limit != 0)
        return count < within->limit;
    return count < DEFAULT_FINISHED || time_ns >= within->since_ns;
}

/* within NULL: to the end. */
static int32_t read_list(repli__store *store, sqlite3_stmt *rows, const extent *within,
                         summaries *list, repli_error *err) {
    int code;
    int32_t result = REPLI_OK;
    while (result == REPLI_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        if (within != NULL && !goes_on(within, list->count, sqlite3_column_int64(rows, 3)))
            break;
        result = add_summary(list, rows);
    }
    sqlite3_reset(rows);
    if (result != REPLI_OK)
        return no_memory(err);
    return code == SQLITE_DONE || code == SQLITE_ROW ? REPLI_OK : read_error(store, code, err);
}

/* Takes over list->doc. */
static int32_t give_list(summaries *list, int32_t code, repli_doc **ret_doc,
                         const repli_action_summary **ret_summaries, size_t *ret_count,
                         repli_error *err) {
    const repli_action_summary *array = NULL;
    if (code == REPLI_OK) {
        array =
            repli__arena_copy(&list->doc->arena, list->array, list->count * sizeof(*list->array));
        if (array == NULL)
            code = no_memory(err);
    }
    repli__free(&list->doc->mem, list->array);
    if (code != REPLI_OK) {
        repli_doc_free(list->doc);
        return code;
    }
    *ret_doc = list->doc;
    *ret_summaries = array;
    *ret_count = list->count;
    return REPLI_OK;
}

/* What runs is the oldest of those that could when its turn came; one that could not then may be
 * older. */
static void put_running_first(summaries *list) {
    size_t at = 0;
    while (at < list->count && list->array[at].phase != REPLI_PHASE_RUNNING)
        at++;
    if (at == 0 || at == list->count)
        return;
    const repli_action_summary running = list->array[at];
    memmove(list->array + 1, list->array, at * sizeof(running));
    list->array[0] = running;
}

int32_t repli__store_queue(repli__store *store, repli_doc **ret_doc,
                           const repli_action_summary **ret_summaries, size_t *ret_count,
                           repli_error *err) {
    summaries list = {.doc = repli__doc_new(&store->mem)};
    if (list.doc == NULL)
        return no_memory(err);
    begin_read(store);
    const int32_t code = read_list(store, store->reads[REPLI__SQL_QUEUE], NULL, &list, err);
    end_read(store);
    put_running_first(&list);
    return give_list(&list, code, ret_doc, ret_summaries, ret_count, err);
}

/* Where an action stands among the finished, which are in the order of their ends. */
static int32_t find_place(repli__store *store, const char *id, int64_t ret_place[3],
                          repli_error *err) {
    unsigned char bytes[REPLI__ID_SIZE];
    int step = SQLITE_DONE;
    if (repli__id_parse(id, bytes)) {
        sqlite3_stmt *place = store->reads[REPLI__SQL_FINISHED_PLACE];
        step = sqlite3_bind_blob(place, 1, bytes, sizeof(bytes), SQLITE_STATIC);
        if (step == SQLITE_OK)
            step = sqlite3_step(place);
        for (int i = 0; i < 3 && step == SQLITE_ROW; i++)
            ret_place[i] = sqlite3_column_int64(place, i);
        sqlite3_reset(place);
    }
    if (step == SQLITE_DONE)
        return repli__error(err, REPLI_ENOTFOUND, "store",
                            "there is no finished action with the id %.60s to list from", id);
    return step == SQLITE_ROW ? REPLI_OK : read_error(store, step, err);
}

static int32_t read_finished(repli__store *store, uint32_t limit, const char *before_id,
                             summaries *list, repli_error *err) {
    int64_t place[3] = {INT64_MAX, INT64_MAX, INT64_MAX};
    if (before_id != NULL) {
        const int32_t code = find_place(store, before_id, place, err);
        if (code != REPLI_OK)
            return code;
    }
    sqlite3_stmt *finished = store->reads[REPLI__SQL_FINISHED];
    int bound = SQLITE_OK;
    for (int i = 0; i < 3 && bound == SQLITE_OK; i++)
        bound = sqlite3_bind_int64(finished, i + 1, place[i]);
    if (bound != SQLITE_OK)
        return read_error(store, bound, err);
    const extent within = {.limit = limit, .since_ns = repli__wall_ns() - DEFAULT_FINISHED_NS};
    return read_list(store, finished, &within, list, err);
}

int32_t repli__store_finished(repli__store *store, uint32_t limit, const char *before_id,
                              repli_doc **ret_doc, const repli_action_summary **ret_summaries,
                              size_t *ret_count, repli_error *err) {
    summaries list = {.doc = repli__doc_new(&store->mem)};
    if (list.doc == NULL)
        return no_memory(err);
    begin_read(store);
    const int32_t code = read_finished(store, limit, before_id, &list, err);
    end_read(store);
    return give_list(&list, code, ret_doc, ret_summaries, ret_count, err);
}

/* Facts. */

int32_t repli__store_recall(repli__store *store, const char *name, char *ret_value, size_t size,
                            repli_error *err) {
    sqlite3_stmt *recall = store->reads[REPLI__SQL_RECALL];
    begin_read(store);
    int step = repli__sql_bind_text(recall, 1, name);
    if (step == SQLITE_OK)
        step = sqlite3_step(recall);
    const char *value = step == SQLITE_ROW ? (const char *)sqlite3_column_text(recall, 0) : NULL;
    int32_t code = REPLI_OK;
    if (step == SQLITE_DONE)
        code = repli__error(err, REPLI_ENOTFOUND, "store", "nothing is known as %s", name);
    else if (step != SQLITE_ROW)
        code = read_error(store, step, err);
    else if (value == NULL)
        code = no_memory(err);
    else if (strlen(value) >= size)
        code = repli__error(err, REPLI_EINVALID, "store", "what is known as %s needs %zu bytes",
                            name, strlen(value) + 1);
    else
        memcpy(ret_value, value, strlen(value) + 1);
    sqlite3_reset(recall);
    end_read(store);
    return code;
}

void repli__store_stats_get(repli__store *store, repli__store_stats *ret_stats) {
    pthread_mutex_lock(&store->mutex);
    *ret_stats = store->stats;
    ret_stats->queued = store->state.unfinished;
    ret_stats->scheduled = store->state.scheduled;
    ret_stats->refused = store->state.refused;
    memcpy(ret_stats->ended, store->state.ended, sizeof(ret_stats->ended));
    ret_stats->last_event = store->state.next_event - 1;
    memcpy(ret_stats->events, store->state.events, sizeof(ret_stats->events));
    if (repli__damage_seen(store))
        ret_stats->last_code = REPLI_ECORRUPT;
    pthread_mutex_unlock(&store->mutex);
}
