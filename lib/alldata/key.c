#include "alldata/key.h"

#include "alldata/moment.h"
#include "base/error.h"
#include "base/utf8.h"

enum { FRACTION_AT = ALLDATA__SECOND_LENGTH, FRACTION = 7, NODE_AT = 22 };

void alldata__key_write(uint64_t tick, int32_t node, char to[ALLDATA_KEY_SIZE]) {
    alldata__moment_write((int64_t)(tick / (uint64_t)ALLDATA__TICKS_PER_S), to);
    alldata__digits_write(tick % (uint64_t)ALLDATA__TICKS_PER_S, FRACTION, to + FRACTION_AT);
    alldata__digits_write((uint64_t)node, ALLDATA__NODE_LENGTH, to + NODE_AT);
    to[ALLDATA_KEY_LENGTH] = '\0';
}

int alldata__key_read(const char *key, size_t size, int64_t *ret_tick) {
    int64_t second;
    if (size != ALLDATA_KEY_LENGTH || !alldata__moment_read(key, &second))
        return 0;
    const int64_t fraction = alldata__digits_read(key + FRACTION_AT, FRACTION);
    if (fraction < 0 || alldata__digits_read(key + NODE_AT, ALLDATA__NODE_LENGTH) < 0)
        return 0;
    *ret_tick = second * ALLDATA__TICKS_PER_S + fraction;
    return 1;
}

int32_t alldata_key_validate(const char *key, size_t size, repli_error *err) {
    int64_t tick;
    if (key == NULL)
        return repli__error(err, REPLI_EINVALID, "alldata", "the key is missing");
    if (alldata__key_read(key, size, &tick))
        return REPLI_OK;
    char text[ALLDATA_KEY_SIZE + 1];
    size_t length = 0;
    for (; length < size && length < sizeof(text) - 1 && key[length] != '\0'; length++)
        text[length] = key[length];
    text[length] = '\0';
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_EINVALID, "alldata",
                        "%s is not a key of %d characters such as 20261121T005824640353920860: "
                        "date, T, time of day in UTC to the millisecond, nine digits",
                        repli__utf8_quote(quote, text), ALLDATA_KEY_LENGTH);
}
