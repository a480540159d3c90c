#include "base/uuid.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/utf8.h"

uint64_t repli__uuid_stamp(_Atomic uint64_t *last, int64_t now_ns) {
    const uint64_t ns = now_ns > 0 ? (uint64_t)now_ns : 0;
    const uint64_t ms = ns / (uint64_t)REPLI__NS_PER_MS;
    const uint64_t fraction = ns % (uint64_t)REPLI__NS_PER_MS;
    const uint64_t now = ms << 16 | (fraction << 16) / (uint64_t)REPLI__NS_PER_MS;
    uint64_t before = atomic_load_explicit(last, memory_order_relaxed);
    uint64_t stamp;
    do {
        stamp = now > before ? now : before + 1;
    } while (!atomic_compare_exchange_weak(last, &before, stamp));
    return stamp;
}

void repli__uuid_format(uint64_t stamp, uint64_t random, char ret_text[REPLI_UUID_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    const uint64_t high = (stamp >> 16) << 16 | UINT64_C(0x7000) | (stamp >> 4 & 0xFFF);
    const uint64_t low =
        UINT64_C(2) << 62 | (stamp & 0xF) << 58 | (random & ((UINT64_C(1) << 58) - 1));
    char *to = ret_text;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        const uint64_t half = i < 16 ? high : low;
        *to++ = digits[half >> (60 - i % 16 * 4) & 0xF];
    }
    *to = '\0';
}

int32_t repli__uuid_generate(_Atomic uint64_t *last, char ret_text[REPLI_UUID_SIZE],
                             repli_error *err) {
    uint64_t random;
    const int32_t code = repli__random(&random, "model", "make a UUID", err);
    if (code == REPLI_OK)
        repli__uuid_format(repli__uuid_stamp(last, repli__wall_ns()), random, ret_text);
    return code;
}

static int is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int32_t repli__uuid_canonical(const char *text, char ret_text[REPLI_UUID_SIZE], repli_error *err) {
    if (text == NULL)
        return repli__error(err, REPLI_EINVALID, "model", "the UUID is missing");
    const size_t length = strnlen(text, REPLI_UUID_SIZE);
    int good = length == REPLI_UUID_SIZE - 1;
    char canonical[REPLI_UUID_SIZE] = {0};
    for (size_t i = 0; good && i < length; i++) {
        const char c = text[i];
        good = i == 8 || i == 13 || i == 18 || i == 23 ? c == '-' : is_hex(c);
        canonical[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    if (!good) {
        char quote[REPLI__QUOTE_SIZE];
        return repli__error(err, REPLI_EINVALID, "model",
                            "%s is not a UUID: expected 36 characters such as "
                            "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11",
                            repli__utf8_quote(quote, text));
    }
    memcpy(ret_text, canonical, REPLI_UUID_SIZE);
    return REPLI_OK;
}
