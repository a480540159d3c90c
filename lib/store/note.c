#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Numbers of events, and events that are not an action's. One counter numbers all of them. It is a
 * part of the state, so that a transaction that fails gives its numbers back.
 */

int64_t repli__event_number(repli__store *store, int32_t type) {
    store->draft.events[type]++;
    return store->draft.next_event++;
}

int repli__event_forget(repli__store *store, int64_t first_event) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, first_event);
    store->draft.first_event = first_event;
    return repli__change_remember(store, "events.first", text);
}

/* What was purged had numbers, too: the first that is left says how far those went. */
int repli__event_load(repli__store *store) {
    static const char *const last[] = {
        "SELECT max(number) FROM events",
        "SELECT max(new_event, run_event) FROM actions ORDER BY seq DESC LIMIT 1",
        "SELECT max(end_event) FROM actions INDEXED BY actions_finished"
        " WHERE finished_ns IS NOT NULL",
        "SELECT max(run_event) FROM actions INDEXED BY actions_queue"
        " WHERE finished_ns IS NULL",
    };
    repli__state *state = &store->state;
    int code = repli__sql_integer(&store->writer,
                                  "SELECT CAST(value AS INTEGER) FROM facts"
                                  " WHERE name = 'events.first'",
                                  &state->first_event);
    if (state->first_event < 1)
        state->first_event = 1;
    state->next_event = state->first_event;
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]) && code == SQLITE_OK; i++) {
        int64_t number = 0;
        code = repli__sql_integer(&store->writer, last[i], &number);
        if (number > INT64_MAX / 2)
            return SQLITE_CORRUPT;
        if (number >= state->next_event)
            state->next_event = number + 1;
    }
    return code;
}

void repli__store_on_events(repli__store *store, void (*told)(void *user_data), void *user_data) {
    store->told = told;
    store->told_data = user_data;
}

/* Notes. */

enum { SUMS = 32 };

/* How many went from one value to another. */
typedef struct sum {
    char *old_value; /* NULL: none */
    const char *new_value;
    int64_t count;
} sum;

typedef struct note_change {
    repli__change change;
    repli__notes *notes;
    int32_t type; /* of what is summed up */
    size_t said;
    sum sums[SUMS];
    size_t sum_count;
} note_change;

static int same(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What the log says; *ret_value is to be freed, or NULL if that is nothing. */
static int said(repli__store *store, const repli__note *note, char **ret_value) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_SAID];
    *ret_value = NULL;
    int code = sqlite3_bind_int(statement, 1, note->type);
    code |= repli__sql_bind_text(statement, 2, note->subject != NULL ? note->subject : "");
    if (code != SQLITE_OK)
        return code;
    int out_of_memory = 0;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);
        *ret_value = value != NULL ? repli__strdup(&store->mem, value) : NULL;
        out_of_memory = *ret_value == NULL;
    }
    code = sqlite3_reset(statement);
    return out_of_memory ? SQLITE_NOMEM : code;
}

static int say(repli__store *store, const repli__note *note) {
    sqlite3_stmt *statement =
        store->writes[note->value != NULL ? REPLI__SQL_SAY : REPLI__SQL_UNSAY];
    int code = sqlite3_bind_int(statement, 1, note->type);
    code |= repli__sql_bind_text(statement, 2, note->subject != NULL ? note->subject : "");
    if (note->value != NULL)
        code |= repli__sql_bind_text(statement, 3, note->value);
    return code == SQLITE_OK ? repli__sql_execute(statement) : code;
}

int repli__event_write(repli__store *store, const repli__notes *notes, const repli__note *note,
                       const char *old_value, int64_t count) {
    sqlite3_stmt *statement = store->writes[REPLI__SQL_NOTE];
    int code = sqlite3_bind_int64(statement, 1, repli__event_number(store, note->type));
    code |= sqlite3_bind_int64(statement, 2, store->now_ns);
    code |= sqlite3_bind_int(statement, 3, note->type);
    code |= sqlite3_bind_int(statement, 4, (int)note->flags);
    code |= repli__sql_bind_text(statement, 5, note->subject);
    code |= repli__sql_bind_text(statement, 6, old_value);
    code |= repli__sql_bind_text(statement, 7, note->value);
    code |= repli__sql_bind_text(statement, 8, note->reason);
    code |= sqlite3_bind_int64(statement, 9, count);
    code |= repli__sql_bind_text(statement, 10, notes->action_id);
    code |= repli__sql_bind_text(statement, 11, notes->action_kind);
    return code == SQLITE_OK ? repli__sql_execute(statement) : code;
}

/* Takes over old_value. Returns 0 if there is no room, since there are more values than were
 * thought of. */
static int add_up(repli__store *store, note_change *self, char *old_value, const char *new_value) {
    for (size_t i = 0; i < self->sum_count; i++) {
        sum *known = &self->sums[i];
        if (same(known->old_value, old_value) && same(known->new_value, new_value)) {
            known->count++;
            repli__free(&store->mem, old_value);
            return 1;
        }
    }
    if (self->sum_count == SUMS)
        return 0;
    self->sums[self->sum_count++] = (sum){old_value, new_value, 1};
    return 1;
}

static int apply_one(repli__store *store, note_change *self, const repli__note *note) {
    char *old_value;
    int code = said(store, note, &old_value);
    const int applies = note->from == NULL || same(note->from, old_value);
    if (code == SQLITE_OK && applies && !same(old_value, note->value)) {
        code = say(store, note);
        self->type = note->type;
        if (code == SQLITE_OK && self->said++ >= self->notes->most &&
            add_up(store, self, old_value, note->value))
            return SQLITE_OK;
        if (code == SQLITE_OK)
            code = repli__event_write(store, self->notes, note, old_value, 1);
    }
    repli__free(&store->mem, old_value);
    return code;
}

static int apply_note(repli__store *store, repli__change *change) {
    note_change *self = (note_change *)change;
    const repli__notes *notes = self->notes;
    int code = SQLITE_OK;
    for (size_t i = 0; i < notes->count && code == SQLITE_OK; i++)
        code = apply_one(store, self, &notes->notes[i]);
    for (size_t i = 0; i < self->sum_count; i++) {
        const repli__note note = {
            .type = self->type, .flags = notes->notes[0].flags, .value = self->sums[i].new_value};
        if (code == SQLITE_OK)
            code = repli__event_write(store, notes, &note, self->sums[i].old_value,
                                      self->sums[i].count);
        repli__free(&store->mem, self->sums[i].old_value);
    }
    self->sum_count = 0;
    return code;
}

int32_t repli__store_note(repli__store *store, repli__notes *notes, repli_error *err) {
    note_change self = {.change = {.apply = apply_note}, .notes = notes};
    const int32_t code = repli__commit(store, &self.change, err);
    notes->ret_count = self.said;
    return code;
}

/* Purge. */

typedef struct purge_change {
    repli__change change;
    int64_t before_ns;
    int64_t newest;
    int more;
} purge_change;

/* Up to the first one that is not too old, in either list. */
static int find_old(repli__store *store, int statement, int64_t before_ns, int64_t *first_event) {
    sqlite3_stmt *oldest = store->writes[statement];
    const int code = sqlite3_bind_int64(oldest, 1, store->draft.first_event);
    if (code != SQLITE_OK)
        return code;
    while (sqlite3_step(oldest) == SQLITE_ROW && sqlite3_column_int64(oldest, 1) < before_ns)
        if (sqlite3_column_int64(oldest, 0) >= *first_event)
            *first_event = sqlite3_column_int64(oldest, 0) + 1;
    return sqlite3_reset(oldest);
}

static int apply_purge(repli__store *store, repli__change *change) {
    purge_change *self = (purge_change *)change;
    const int64_t before = store->draft.first_event;
    int64_t first = before;
    int code = find_old(store, REPLI__SQL_OLD_NOTES, self->before_ns, &first);
    if (code == SQLITE_OK)
        code = find_old(store, REPLI__SQL_OLD_ENDS, self->before_ns, &first);
    if (self->newest < store->draft.next_event - first)
        first = store->draft.next_event - self->newest;
    if (code == SQLITE_OK && first > before)
        code = repli__event_forget(store, first);
    sqlite3_stmt *gone = store->writes[REPLI__SQL_DELETE_NOTES];
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(gone, 1, first);
    if (code == SQLITE_OK)
        code = repli__sql_execute(gone);
    self->more = first > before || sqlite3_changes(store->writer.db) == REPLI__EVENTS_MAX;
    return code;
}

int32_t repli__store_purge_events(repli__store *store, int64_t before_ns, int64_t newest,
                                  int *ret_more, repli_error *err) {
    purge_change self = {
        .change = {.apply = apply_purge}, .before_ns = before_ns, .newest = newest};
    const int32_t code = repli__commit(store, &self.change, err);
    *ret_more = self.more;
    return code;
}
