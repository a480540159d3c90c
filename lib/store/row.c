#include "store/row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "model/doc.h"
#include "model/record.h"
#include "model/validate.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int dash_at(size_t position) {
    return position == 8 || position == 13 || position == 18 || position == 23;
}

int repli__id_parse(const char *text, unsigned char ret_id[REPLI__ID_SIZE]) {
    unsigned char id[REPLI__ID_SIZE];
    size_t size = 0;
    if (strnlen(text, REPLI_UUID_SIZE) != REPLI_UUID_SIZE - 1)
        return 0;
    for (size_t i = 0; i < REPLI_UUID_SIZE - 1;) {
        if (dash_at(i)) {
            if (text[i] != '-')
                return 0;
            i++;
            continue;
        }
        const int high = hex_value(text[i]);
        const int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return 0;
        id[size++] = (unsigned char)(high << 4 | low);
        i += 2;
    }
    memcpy(ret_id, id, sizeof(id));
    return 1;
}

void repli__id_format(const unsigned char id[REPLI__ID_SIZE], char ret_text[REPLI_UUID_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < REPLI__ID_SIZE; i++) {
        if (dash_at(at))
            ret_text[at++] = '-';
        ret_text[at++] = digits[id[i] >> 4];
        ret_text[at++] = digits[id[i] & 15];
    }
    ret_text[at] = '\0';
}

/* An array of headers may come from a caller whose headers are larger or smaller than ours. */
static int32_t fill_object(json_t *object, const repli_header *headers, size_t count) {
    const void *next = headers;
    for (size_t i = 0; i < count; i++) {
        repli_header header;
        const int32_t code = repli__header_read(&header, next, NULL);
        if (code != REPLI_OK)
            return code;
        if (json_object_set_new(object, header.name, json_string(header.value)) != 0)
            return REPLI_ENOMEM;
        next = repli__record_next(next);
    }
    return REPLI_OK;
}

int32_t repli__headers_encode(const repli_header *headers, size_t count, char **ret_json) {
    if (count == 0) {
        *ret_json = NULL;
        return REPLI_OK;
    }
    json_t *object = json_object();
    if (object == NULL)
        return REPLI_ENOMEM;
    const int32_t code = fill_object(object, headers, count);
    char *json = code == REPLI_OK ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (json == NULL)
        return code == REPLI_OK ? REPLI_ENOMEM : code;
    *ret_json = json;
    return REPLI_OK;
}

int32_t repli__headers_decode(repli__arena *arena, const char *json,
                              const repli_header **ret_headers, size_t *ret_count) {
    const int32_t code =
        repli__headers_from_json(arena, json, strlen(json), ret_headers, ret_count, NULL);
    return code == REPLI_EINVALID ? REPLI_ECORRUPT : code;
}

/* What SQLite keeps in a column is not always of the type that was declared, least of all after
 * damage. NULL stays NULL. REPLI_OK, REPLI_ENOMEM or REPLI_ECORRUPT. */
static int32_t get_text(sqlite3_stmt *row, int column, repli__arena *arena, const char **ret_text) {
    *ret_text = NULL;
    const int type = sqlite3_column_type(row, column);
    if (type == SQLITE_NULL)
        return REPLI_OK;
    if (type != SQLITE_TEXT)
        return REPLI_ECORRUPT;
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (text == NULL)
        return REPLI_ENOMEM;
    const size_t size = (size_t)sqlite3_column_bytes(row, column);
    if (strlen(text) != size)
        return REPLI_ECORRUPT;
    *ret_text = repli__arena_text(arena, text, size);
    return *ret_text != NULL ? REPLI_OK : REPLI_ENOMEM;
}

/* Likewise; NULL becomes REPLI_TIME_NONE. */
static int32_t get_integer(sqlite3_stmt *row, int column, int64_t *ret_number) {
    const int type = sqlite3_column_type(row, column);
    *ret_number = type == SQLITE_NULL ? REPLI_TIME_NONE : sqlite3_column_int64(row, column);
    return type == SQLITE_NULL || type == SQLITE_INTEGER ? REPLI_OK : REPLI_ECORRUPT;
}

static int32_t get_id(sqlite3_stmt *row, int column, repli__arena *arena, const char **ret_id) {
    char *id = repli__arena_alloc(arena, REPLI_UUID_SIZE);
    if (id == NULL)
        return REPLI_ENOMEM;
    repli__row_id(row, column, id);
    *ret_id = id;
    return sqlite3_column_type(row, column) == SQLITE_BLOB &&
                   sqlite3_column_bytes(row, column) == REPLI__ID_SIZE
               ? REPLI_OK
               : REPLI_ECORRUPT;
}

void repli__row_id(sqlite3_stmt *row, int column, char ret_text[REPLI_UUID_SIZE]) {
    unsigned char id[REPLI__ID_SIZE] = {0};
    const void *bytes = sqlite3_column_blob(row, column);
    const int size = sqlite3_column_bytes(row, column);
    if (bytes != NULL)
        memcpy(id, bytes, size < REPLI__ID_SIZE ? (size_t)size : REPLI__ID_SIZE);
    repli__id_format(id, ret_text);
}

int32_t repli__row_phase(sqlite3_stmt *row, int column, int32_t *ret_phase) {
    int64_t phase;
    const int32_t code = get_integer(row, column, &phase);
    if (code != REPLI_OK || phase < 0 || phase > INT32_MAX ||
        repli_phase_name((int32_t)phase) == NULL)
        return REPLI_ECORRUPT;
    *ret_phase = (int32_t)phase;
    return REPLI_OK;
}

static int32_t read_numbers(sqlite3_stmt *row, repli__row *record) {
    repli_action *action = &record->action;
    int64_t steps;
    record->seq = sqlite3_column_int64(row, 0);
    int32_t code = repli__row_phase(row, 2, &action->phase);
    if (code == REPLI_OK)
        code = get_integer(row, 3, &steps);
    if (code == REPLI_OK)
        code = get_integer(row, 4, &action->created_ns);
    if (code == REPLI_OK)
        code = get_integer(row, 5, &action->scheduled_ns);
    if (code == REPLI_OK)
        code = get_integer(row, 6, &record->started_ns);
    if (code == REPLI_OK)
        code = get_integer(row, 7, &action->finished_ns);
    if (code != REPLI_OK || steps < 0)
        return REPLI_ECORRUPT;
    record->steps = (uint64_t)steps;
    return REPLI_OK;
}

/* An action that was finished before there were outcomes tells its own by the rest of it. */
static int32_t guess_outcome(const repli__row *record) {
    if (record->action.phase == REPLI_PHASE_DONE)
        return REPLI_ENDED_DONE;
    return record->started_ns == REPLI_TIME_NONE ? REPLI_ENDED_CANCELLED : REPLI_ENDED_FAILED;
}

static int32_t read_limits(sqlite3_stmt *row, repli__row *record) {
    repli_action *action = &record->action;
    int64_t outcome;
    int32_t code = get_integer(row, 14, &action->deadline_ns);
    if (code == REPLI_OK)
        code = get_integer(row, 15, &action->not_before_ns);
    if (code == REPLI_OK)
        code = get_integer(row, 16, &action->cancel_requested_ns);
    if (code == REPLI_OK)
        code = get_integer(row, 17, &outcome);
    if (code != REPLI_OK)
        return code;
    if (outcome == REPLI_TIME_NONE)
        outcome = action->finished_ns == REPLI_TIME_NONE ? 0 : guess_outcome(record);
    action->outcome = outcome >= 0 && outcome <= INT32_MAX ? (int32_t)outcome : INT32_MAX;
    return REPLI_OK;
}

static int32_t read_texts(sqlite3_stmt *row, repli__arena *arena, repli_action *action) {
    const char *headers = NULL;
    int32_t code = get_text(row, 8, arena, &action->kind);
    if (code == REPLI_OK)
        code = get_text(row, 9, arena, &action->requester);
    if (code == REPLI_OK)
        code = get_text(row, 10, arena, &headers);
    if (code == REPLI_OK)
        code = get_text(row, 11, arena, &action->payload_json);
    if (code == REPLI_OK)
        code = get_text(row, 12, arena, &action->error_json);
    if (code == REPLI_OK)
        code = get_text(row, 13, arena, &action->args_json);
    if (code == REPLI_OK && headers != NULL)
        code = repli__headers_decode(arena, headers, &action->headers, &action->header_count);
    return code;
}

/* What the model would refuse to write must not get as far as a client or a driver. */
static int32_t check(const repli__row *record, repli_error *reason) {
    const repli_transition start = {
        .struct_size = sizeof(start), .phase = REPLI_PHASE_RUNNING, .time_ns = record->started_ns};
    const int valid = repli__action_check(&record->action, reason) == REPLI_OK &&
                      repli__transition_check(&start, reason) == REPLI_OK;
    return valid ? REPLI_OK : REPLI_ECORRUPT;
}

static int32_t read_all(sqlite3_stmt *row, repli__arena *arena, repli__row *record,
                        repli_error *reason) {
    int32_t code = get_id(row, 1, arena, &record->action.id);
    if (code == REPLI_OK)
        code = read_numbers(row, record);
    if (code == REPLI_OK)
        code = read_limits(row, record);
    if (code == REPLI_OK)
        code = read_texts(row, arena, &record->action);
    return code == REPLI_OK ? check(record, reason) : code;
}

int32_t repli__row_read(sqlite3_stmt *row, repli__arena *arena, repli__row *ret_record,
                        repli_error *err) {
    repli__row record = {.action = {.struct_size = sizeof(repli_action)}};
    repli_error reason = REPLI_ERROR_INIT;
    const int32_t code = read_all(row, arena, &record, &reason);
    if (code == REPLI_ENOMEM)
        return repli__error_nomem(err, "store", "reading the database");
    if (code != REPLI_OK)
        return repli__error(err, code, "store",
                            "the record of action %s (number %" PRId64
                            " in the database) is damaged%s%s",
                            record.action.id, (int64_t)sqlite3_column_int64(row, 0),
                            reason.message[0] != '\0' ? ": " : "", reason.message);
    *ret_record = record;
    return REPLI_OK;
}

static const char *const marks[] = {
    [REPLI__MARK_RESUMED] = "{\"error_msg\":\"interrupted: the agent stopped, and resumes it\"}",
    [REPLI__MARK_ASKED] = "{\"error_msg\":\"asked to end\"}",
};

int32_t repli__row_step(sqlite3_stmt *row, repli__arena *arena, repli_transition *ret_step) {
    repli_transition step = {.struct_size = sizeof(step), .phase = REPLI_PHASE_RUNNING};
    int64_t mark = 0;
    int32_t code = get_integer(row, 0, &step.time_ns);
    if (code == REPLI_OK)
        code = get_text(row, 1, arena, &step.payload_json);
    if (code == REPLI_OK)
        code = get_integer(row, 2, &mark);
    if (mark > 0 && mark < (int64_t)(sizeof(marks) / sizeof(marks[0])))
        step.error_json = marks[mark];
    if (code == REPLI_OK && repli__transition_check(&step, NULL) != REPLI_OK)
        code = REPLI_ECORRUPT;
    if (code == REPLI_OK)
        *ret_step = step;
    return code;
}
