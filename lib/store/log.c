#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

#include "model/doc.h"
#include "store/row.h"

/*
 * Reading the log of events, which is spread: an action's record has the numbers of its
 * transitions, all else has rows of its own. Numbers have no gaps, so what is asked for is a row of
 * slots, and each source fills its own.
 *
 * The record of an action that ended is found by the number of its end, for which there is an
 * index; a new one by bisection, as numbers grow with the order of acceptance. As one action runs
 * at a time, of the starts in a range all but the last belong to ends in it. The last is that of
 * the action that ended next after it, or of the one that runs.
 */

typedef struct reading {
    repli__store *store;
    repli_doc *doc;
    int64_t after; /* the number before the first slot */
    int64_t last;  /* the number of the last slot */
    repli_event *slots;
    int32_t code; /* REPLI_OK or REPLI_ENOMEM */
} reading;

static repli_event *slot_for(reading *self, int64_t number) {
    if (number <= self->after || number > self->last)
        return NULL;
    return &self->slots[number - self->after - 1];
}

/* A text of the row, in the document; NULL for NULL. */
static const char *text_of(reading *self, sqlite3_stmt *row, int column) {
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return NULL;
    const char *text = (const char *)sqlite3_column_text(row, column);
    const char *copy = text != NULL ? repli__arena_strdup(&self->doc->arena, text) : NULL;
    if (copy == NULL)
        self->code = REPLI_ENOMEM;
    return copy;
}

static void take_note(reading *self, sqlite3_stmt *row) {
    const int64_t number = sqlite3_column_int64(row, 0);
    repli_event *event = slot_for(self, number);
    if (event == NULL)
        return;
    const uint32_t flags = (uint32_t)sqlite3_column_int(row, 3);
    *event = (repli_event){.struct_size = sizeof(*event),
                           .number = number,
                           .time_ns = sqlite3_column_int64(row, 1),
                           .type = sqlite3_column_int(row, 2),
                           .flags = flags & ~REPLI__NOTE_OWN,
                           .subject = text_of(self, row, 4),
                           .old_value = text_of(self, row, 5),
                           .new_value = text_of(self, row, 6),
                           .reason = text_of(self, row, 7),
                           .count = sqlite3_column_int64(row, 8),
                           .action_id = text_of(self, row, 9),
                           .action_kind = text_of(self, row, 10)};
    event->cause = event->action_id != NULL ? "action" : "observed";
    if (event->type == REPLI_EVENT_AGENT || (flags & REPLI__NOTE_OWN) != 0)
        event->cause = "agent";
    else if (event->type == REPLI_EVENT_MAINTENANCE)
        event->cause = "request";
}

static void fill(repli_event *event, const repli_event *model, int64_t number, int64_t time_ns,
                 const char *old_value, const char *new_value, const char *cause) {
    if (event == NULL)
        return;
    *event = *model;
    event->number = number;
    event->time_ns = time_ns;
    event->old_value = old_value;
    event->new_value = new_value;
    event->cause = cause;
}

/* A row of TRANSITIONS, which may fill up to three slots. */
static void take_transitions(reading *self, sqlite3_stmt *row) {
    static const char new[] = "NEW";
    static const char running[] = "RUNNING";
    const int64_t numbers[] = {sqlite3_column_int64(row, 7), sqlite3_column_int64(row, 8),
                               sqlite3_column_int64(row, 9)};
    repli_event *slots[3];
    for (int i = 0; i < 3; i++)
        slots[i] = slot_for(self, numbers[i]);
    if (slots[0] == NULL && slots[1] == NULL && slots[2] == NULL)
        return;
    char *id = repli__arena_alloc(&self->doc->arena, REPLI_UUID_SIZE);
    if (id == NULL) {
        self->code = REPLI_ENOMEM;
        return;
    }
    repli__row_id(row, 1, id);
    const repli_event model = {.struct_size = sizeof(model),
                               .type = REPLI_EVENT_ACTION,
                               .subject = id,
                               .count = 1,
                               .action_id = id,
                               .action_kind = text_of(self, row, 2)};
    int32_t phase = REPLI_PHASE_FAILED;
    repli__row_phase(row, 3, &phase);
    fill(slots[0], &model, numbers[0], sqlite3_column_int64(row, 4), NULL, new, "request");
    fill(slots[1], &model, numbers[1], sqlite3_column_int64(row, 5), new, running, "agent");
    const int32_t outcome = sqlite3_column_int(row, 10);
    const char *ender = outcome == REPLI_ENDED_CANCELLED ? "request" : "agent";
    fill(slots[2], &model, numbers[2], sqlite3_column_int64(row, 6), numbers[1] > 0 ? running : new,
         repli_phase_name(phase), numbers[1] > 0 ? "action" : ender);
    if (slots[2] != NULL)
        slots[2]->reason = repli_ended_name(outcome);
}

/* Each returns a code of SQLite. */

static int read_rows(reading *self, int statement, int64_t from, int64_t to,
                     void (*take)(reading *self, sqlite3_stmt *row)) {
    sqlite3_stmt *rows = self->store->reads[statement];
    int code = sqlite3_bind_int64(rows, 1, from);
    if (code == SQLITE_OK && sqlite3_bind_parameter_count(rows) > 1)
        code = sqlite3_bind_int64(rows, 2, to);
    if (code != SQLITE_OK)
        return code;
    while (self->code == REPLI_OK && (code = sqlite3_step(rows)) == SQLITE_ROW)
        take(self, rows);
    const int reset = sqlite3_reset(rows);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : reset;
}

/* The first record from seq on; *ret_seq is 0 if there is none. */
static int probe(reading *self, int64_t seq, int64_t *ret_seq, int64_t *ret_number) {
    sqlite3_stmt *statement = self->store->reads[REPLI__SQL_PROBE_NEW];
    int code = sqlite3_bind_int64(statement, 1, seq);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    *ret_seq = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    *ret_number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 1) : 0;
    return sqlite3_reset(statement);
}

static int read_new(reading *self, int64_t newest_seq) {
    int64_t low = 1;
    int64_t high = newest_seq + 1; /* what is wanted begins between the two */
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        int64_t seq;
        int64_t number;
        const int code = probe(self, middle, &seq, &number);
        if (code != SQLITE_OK)
            return code;
        if (seq == 0 || seq >= high || number > self->after)
            high = middle;
        else
            low = seq + 1;
    }
    sqlite3_stmt *rows = self->store->reads[REPLI__SQL_NEWS];
    int code = sqlite3_bind_int64(rows, 1, low);
    if (code != SQLITE_OK)
        return code;
    while (self->code == REPLI_OK && (code = sqlite3_step(rows)) == SQLITE_ROW &&
           sqlite3_column_int64(rows, 7) <= self->last)
        take_transitions(self, rows);
    const int reset = sqlite3_reset(rows);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : reset;
}

static int read_all(reading *self, const repli__state *state) {
    int code = read_rows(self, REPLI__SQL_NOTES, self->after, self->last, take_note);
    if (code == SQLITE_OK)
        code = read_rows(self, REPLI__SQL_ENDS, self->after, self->last, take_transitions);
    if (code == SQLITE_OK)
        code = read_rows(self, REPLI__SQL_NEXT_END, self->last, 0, take_transitions);
    if (code == SQLITE_OK && state->running != 0)
        code = read_rows(self, REPLI__SQL_RUN, state->running, 0, take_transitions);
    if (code == SQLITE_OK)
        code = read_new(self, state->next_seq - 1);
    return code;
}

/* The statement stays on its row, so that all is of one moment; but for what runs: if that is
 * another by now, it shows as a slot left empty, which ends what is read. */
static int read_in_one(reading *self, uint32_t limit, const repli__state *state,
                       int64_t *ret_first) {
    sqlite3_stmt *first = self->store->reads[REPLI__SQL_FIRST_EVENT];
    const int step = sqlite3_step(first);
    int code = SQLITE_OK;
    if (step == SQLITE_ROW) {
        *ret_first = sqlite3_column_int64(first, 0);
        if (self->after < *ret_first - 1)
            self->after = *ret_first - 1;
        self->last = self->after + limit;
        code = read_all(self, state);
    }
    const int reset = sqlite3_reset(first);
    if (step == SQLITE_DONE)
        return SQLITE_CORRUPT;
    return step == SQLITE_ROW ? code : reset;
}

static int32_t read_events(reading *self, uint32_t limit, const repli__state *state,
                           int64_t *ret_first, repli_error *err) {
    repli__store *store = self->store;
    self->doc = repli__doc_new(&store->mem);
    if (self->doc != NULL)
        self->slots = repli__arena_calloc(&self->doc->arena, limit, sizeof(*self->slots));
    if (self->slots == NULL)
        return repli__error_nomem(err, "store", "reading events");
    pthread_mutex_lock(&store->read_mutex);
    const int code = read_in_one(self, limit, state, ret_first);
    const int32_t failed = code != SQLITE_OK ? repli__damage_error(store, &store->reader, code,
                                                                   "cannot read the database", err)
                                             : REPLI_OK;
    pthread_mutex_unlock(&store->read_mutex);
    repli__damage_tell(store);
    if (failed == REPLI_OK && self->code != REPLI_OK)
        return repli__error_nomem(err, "store", "reading events");
    return failed;
}

static repli__state state_of(repli__store *store) {
    pthread_mutex_lock(&store->mutex);
    const repli__state state = store->state;
    pthread_mutex_unlock(&store->mutex);
    return state;
}

int32_t repli__store_events(repli__store *store, int64_t after, uint32_t limit, repli_doc **ret_doc,
                            repli_event **ret_events, size_t *ret_count, int64_t *ret_first,
                            repli_error *err) {
    const repli__state state = state_of(store);
    if (after >= state.next_event)
        return repli__error(err, REPLI_ECONFLICT, "store",
                            "the log of events ends with number %lld, so %lld is of another "
                            "database; begin anew after 0",
                            (long long)state.next_event - 1, (long long)after);
    if (limit == 0 || limit > REPLI__EVENTS_MAX)
        limit = REPLI__EVENTS_MAX;
    if (limit > (uint64_t)(state.next_event - after))
        limit = (uint32_t)(state.next_event - after);
    reading self = {.store = store, .after = after};
    int64_t first = 1;
    const int32_t code = read_events(&self, limit, &state, &first, err);
    if (code != REPLI_OK) {
        repli_doc_free(self.doc);
        return code;
    }
    size_t count = 0;
    while (count < limit && self.slots[count].number != 0)
        count++;
    *ret_doc = self.doc;
    *ret_events = self.slots;
    *ret_count = count;
    *ret_first = first;
    return REPLI_OK;
}

/* Subjects. */

static int read_subjects(repli__store *store, repli_doc *doc, int32_t type, const char *after,
                         uint32_t limit, const char **subjects, size_t *ret_count,
                         int32_t *ret_code) {
    sqlite3_stmt *rows = store->reads[REPLI__SQL_SUBJECTS];
    int code = sqlite3_bind_int(rows, 1, type);
    code |= repli__sql_bind_text(rows, 2, after);
    code |= sqlite3_bind_int64(rows, 3, limit);
    if (code != SQLITE_OK)
        return code;
    while (*ret_code == REPLI_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *subject = (const char *)sqlite3_column_text(rows, 0);
        subjects[*ret_count] = repli__arena_strdup(&doc->arena, subject);
        if (subjects[(*ret_count)++] == NULL)
            *ret_code = REPLI_ENOMEM;
    }
    const int reset = sqlite3_reset(rows);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : reset;
}

int32_t repli__store_subjects(repli__store *store, int32_t type, const char *after, uint32_t limit,
                              repli_doc **ret_doc, const char ***ret_subjects, size_t *ret_count,
                              repli_error *err) {
    repli_doc *doc = repli__doc_new(&store->mem);
    const char **subjects =
        doc != NULL ? repli__arena_calloc(&doc->arena, limit, sizeof(*subjects)) : NULL;
    size_t count = 0;
    int32_t result = subjects != NULL ? REPLI_OK : REPLI_ENOMEM;
    if (result == REPLI_OK) {
        pthread_mutex_lock(&store->read_mutex);
        const int code = read_subjects(store, doc, type, after, limit, subjects, &count, &result);
        if (code != SQLITE_OK)
            result =
                repli__damage_error(store, &store->reader, code, "cannot read the database", err);
        pthread_mutex_unlock(&store->read_mutex);
        repli__damage_tell(store);
    }
    if (result != REPLI_OK) {
        repli_doc_free(doc);
        return result == REPLI_ENOMEM ? repli__error_nomem(err, "store", "reading events") : result;
    }
    *ret_doc = doc;
    *ret_subjects = subjects;
    *ret_count = count;
    return REPLI_OK;
}
