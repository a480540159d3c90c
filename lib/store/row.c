#include "store/row.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "model/doc.h"
#include "model/record.h"

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

/* Copies a column; NULL stays NULL. Returns 0 when out of memory. */
static int copy_text(sqlite3_stmt *row, int column, repli__arena *arena, const char **ret_text) {
    if (sqlite3_column_type(row, column) == SQLITE_NULL) {
        *ret_text = NULL;
        return 1;
    }
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (text == NULL)
        return 0;
    *ret_text = repli__arena_text(arena, text, (size_t)sqlite3_column_bytes(row, column));
    return *ret_text != NULL;
}

static int64_t time_of(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? REPLI_TIME_NONE
                                                           : sqlite3_column_int64(row, column);
}

int32_t repli__row_read(sqlite3_stmt *row, repli__arena *arena, repli__row *ret_record) {
    repli__row record = {.action = {.struct_size = sizeof(repli_action)}};
    repli_action *action = &record.action;
    record.seq = sqlite3_column_int64(row, 0);
    if (sqlite3_column_bytes(row, 1) != REPLI__ID_SIZE)
        return REPLI_ECORRUPT;
    char *id = repli__arena_alloc(arena, REPLI_UUID_SIZE);
    if (id == NULL)
        return REPLI_ENOMEM;
    repli__id_format(sqlite3_column_blob(row, 1), id);
    action->id = id;
    action->phase = sqlite3_column_int(row, 2);
    record.steps = (uint64_t)sqlite3_column_int64(row, 3);
    action->created_ns = sqlite3_column_int64(row, 4);
    action->scheduled_ns = sqlite3_column_int64(row, 5);
    record.started_ns = time_of(row, 6);
    action->finished_ns = time_of(row, 7);
    if (!copy_text(row, 8, arena, &action->kind) || !copy_text(row, 9, arena, &action->requester) ||
        !copy_text(row, 11, arena, &action->payload_json) ||
        !copy_text(row, 12, arena, &action->error_json) ||
        !copy_text(row, 13, arena, &action->args_json))
        return REPLI_ENOMEM;
    if (repli_phase_name(action->phase) == NULL || action->kind == NULL ||
        action->requester == NULL || action->args_json == NULL)
        return REPLI_ECORRUPT;
    if (sqlite3_column_type(row, 10) != SQLITE_NULL) {
        const char *headers = (const char *)sqlite3_column_text(row, 10);
        const int32_t code =
            headers != NULL
                ? repli__headers_decode(arena, headers, &action->headers, &action->header_count)
                : REPLI_ENOMEM;
        if (code != REPLI_OK)
            return code;
    }
    *ret_record = record;
    return REPLI_OK;
}

int32_t repli__row_error(int32_t code, const char *path, repli_error *err) {
    if (code == REPLI_OK)
        return REPLI_OK;
    if (code == REPLI_ENOMEM)
        return repli__error_nomem(err, "store", "reading the database");
    return repli__error(err, code, "store",
                        "the database %s holds a record that makes no sense; it is damaged: put a "
                        "backup in its place",
                        path);
}
