#include "alldata/wire/frame.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"

/* The digits of a number and a blank behind them. */
static size_t write_size(char *to, size_t number) {
    char digits[ALLDATA__FRAME_HEAD / 2];
    size_t at = sizeof(digits);
    digits[--at] = ' ';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(to, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

size_t alldata__frame_head(char to[ALLDATA__FRAME_HEAD], const alldata_record *record) {
    const size_t size = write_size(to, record->key_size);
    return size + write_size(to + size, record->event_size);
}

int alldata__frame_write(repli_buf *to, const alldata_record *record) {
    char head[ALLDATA__FRAME_HEAD];
    const size_t before = to->size;
    if (repli__buf_append(to, head, alldata__frame_head(head, record)) == REPLI_OK &&
        repli__buf_append(to, record->key, record->key_size) == REPLI_OK &&
        repli__buf_append(to, " ", 1) == REPLI_OK &&
        repli__buf_append(to, record->event, record->event_size) == REPLI_OK &&
        repli__buf_append(to, "\n", 1) == REPLI_OK)
        return REPLI_OK;
    to->size = before;
    return REPLI_ENOMEM;
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int32_t broken(const alldata__frames *in, const char *why, repli_error *err) {
    return repli__error(err, REPLI_EPROTOCOL, "alldata",
                        "the record at byte %zu of %zu is none: %s; expected the sizes of key and "
                        "event, the key, the event and a line feed",
                        in->at, in->size, why);
}

/* A number and the blank behind it. What is larger than the text is as wrong as what is none. */
static int read_size(const alldata__frames *in, size_t *at, size_t *ret_number) {
    size_t number = 0;
    const size_t start = *at;
    while (*at < in->size && is_digit(in->text[*at]) && number <= in->size)
        number = number * 10 + (size_t)(in->text[(*at)++] - '0');
    const size_t digits = *at - start;
    if (digits == 0 || (digits > 1 && in->text[start] == '0') || number > in->size ||
        *at >= in->size || in->text[*at] != ' ')
        return 0;
    (*at)++;
    *ret_number = number;
    return 1;
}

int32_t alldata__frame_next(alldata__frames *in, alldata_record *ret_record, repli_error *err) {
    size_t at = in->at;
    size_t key_size = 0;
    size_t event_size = 0;
    if (at >= in->size || !is_digit(in->text[at]))
        return REPLI_EDONE;
    if (!read_size(in, &at, &key_size) || !read_size(in, &at, &event_size))
        return broken(in, "its sizes make no sense", err);
    /* Neither size is larger than the text, so that nothing overflows. */
    if (in->size - at < key_size + event_size + 2)
        return broken(in, "it is not whole", err);
    const char *key = in->text + at;
    const char *event = key + key_size + 1;
    if (event[-1] != ' ' || event[event_size] != '\n')
        return broken(in, "its sizes do not fit", err);
    in->at = (size_t)(event + event_size + 1 - in->text);
    *ret_record = (alldata_record)ALLDATA_RECORD_INIT;
    ret_record->key = key;
    ret_record->key_size = key_size;
    ret_record->event = event;
    ret_record->event_size = event_size;
    return REPLI_OK;
}
