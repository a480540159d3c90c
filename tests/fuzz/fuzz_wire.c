#include <stdlib.h>
#include <string.h>

#include "alldata/repair/query.h"
#include "alldata/wire/event.h"
#include "alldata/wire/frame.h"
#include "alldata/wire/list.h"
#include "base/json_check.h"
#include "fuzz.h"

/* What nodes send each other, read by whoever has to: frames, bodies, answers and targets. What is
 * read, written again, is the same. */

static const char *text;
static size_t size;

static int is_within(const char *part, size_t part_size) {
    return part >= text && part_size <= size && part <= text + size - part_size;
}

static void read_frames(void) {
    alldata__frames in = {.text = text, .size = size};
    repli_error err = REPLI_ERROR_INIT;
    repli_buf again = REPLI_BUF_INIT;
    alldata_record record;
    int32_t code;
    while ((code = alldata__frame_next(&in, &record, &err)) == REPLI_OK) {
        HOLDS(is_within(record.key, record.key_size));
        HOLDS(is_within(record.event, record.event_size));
        HOLDS(alldata__frame_write(&again, &record) == REPLI_OK);
        HOLDS(again.size == in.at);
    }
    HOLDS(again.size == 0 || memcmp(again.data, text, again.size) == 0);
    HOLDS(code == REPLI_EDONE || code == REPLI_EPROTOCOL);
    if (code == REPLI_EPROTOCOL)
        fuzz_outcome(code, &err);
    repli_buf_dispose(&again);
}

static void read_event(void) {
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code = alldata__event_check(text, size, &err);
    fuzz_outcome(code, &err);
    /* What the model can carry is an event, but for null. */
    if (code != REPLI_OK && repli__json_check(text, size, REPLI__VALUE_DEPTH, "", NULL) == REPLI_OK)
        HOLDS_FOR(strstr(err.message, "null") != NULL, err.message);
}

static void read_body(void) {
    repli_error err = REPLI_ERROR_INIT;
    repli_buf again = REPLI_BUF_INIT;
    alldata_record record;
    alldata_record twice;
    const int32_t code = alldata__body_read(text, size, &record, &err);
    fuzz_outcome(code, &err);
    if (code != REPLI_OK)
        return;
    HOLDS(is_within(record.key, record.key_size) && is_within(record.event, record.event_size));
    HOLDS(alldata_key_validate(record.key, record.key_size, NULL) == REPLI_OK);
    HOLDS(alldata__event_check(record.event, record.event_size, NULL) == REPLI_OK);
    HOLDS(alldata__body_write(&again, &record) == REPLI_OK);
    HOLDS_FOR(alldata__body_read(again.data, again.size, &twice, NULL) == REPLI_OK, again.data);
    HOLDS(twice.event_size == record.event_size &&
          memcmp(twice.event, record.event, record.event_size) == 0);
    repli_buf_dispose(&again);
}

/* Each line by whoever can, until nobody can or only the tail is left. */
static void read_list(void) {
    alldata__list in = {.text = text, .size = size};
    repli_error err = REPLI_ERROR_INIT;
    alldata__digest digest;
    const char *at = NULL;
    size_t number = 0;
    uint32_t hash;
    int32_t code;
    char name[ALLDATA_INTERVAL_SIZE];
    alldata__list_read_node(&in, "ad1", NULL);
    for (size_t before = in.at + 1; before != in.at;) {
        before = in.at;
        if (alldata__list_read_digest(&in, &digest, NULL) == REPLI_OK)
            HOLDS(strlen(digest.bucket) >= 8);
        if (alldata__list_read_key(&in, &at, &hash, NULL) == REPLI_OK)
            HOLDS(is_within(at, ALLDATA_KEY_LENGTH));
        if (alldata__list_read_interval(&in, name, &code, NULL) == REPLI_OK)
            HOLDS(strlen(name) == sizeof(name) - 1);
        if (alldata__list_read_failure(&in, 10, &number, &code, NULL) == REPLI_OK)
            HOLDS(number < 10 && code < REPLI_OK);
        HOLDS(in.at <= in.size);
    }
    code = alldata__list_tail(&in, &at, &number, &err);
    fuzz_outcome(code, &err);
    if (code == REPLI_OK)
        HOLDS(in.at == in.size && (at == NULL || is_within(at, number)));
}

static void read_target(void) {
    char *target = malloc(size + 1);
    alldata__query query;
    alldata__parameter it;
    repli_error err = REPLI_ERROR_INIT;
    HOLDS(target != NULL);
    memcpy(target, text, size);
    target[size] = '\0';
    int32_t code = alldata__query_begin(&query, target, &err);
    while (code == REPLI_OK && (code = alldata__query_next(&query, &it, &err)) == REPLI_OK) {
        repli_buf again = REPLI_BUF_INIT;
        alldata__query one;
        alldata__parameter same;
        HOLDS(alldata__query_add(&again, '?', "x", it.value, strlen(it.value)) == REPLI_OK);
        HOLDS(alldata__query_begin(&one, again.data, NULL) == REPLI_OK);
        HOLDS(alldata__query_next(&one, &same, NULL) == REPLI_OK);
        HOLDS_FOR(strcmp(same.value, it.value) == 0, again.data);
        repli_buf_dispose(&again);
    }
    if (code != REPLI_EDONE)
        fuzz_outcome(code, &err);
    free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_size) {
    fuzz_input input = FUZZ_INPUT(data, data_size);
    size = data_size;
    text = fuzz_keep(&input, data, data_size);
    read_frames();
    read_event();
    read_body();
    read_list();
    read_target();
    fuzz_input_end(&input);
    return 0;
}
