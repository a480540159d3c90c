#include "alldata/wire/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"

static const char node_word[] = "node ";
static const char end_word[] = "end";
static const char more_word[] = "more";

/* Hashes. */

#define FACTOR UINT64_C(0x9E3779B97F4A7C15)

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * FACTOR;
    return hash ^ hash >> 32;
}

/* Eight bytes, the least significant first; at the end there are zeroes. */
static uint64_t word_at(const char *text, size_t size) {
    unsigned char bytes[8] = {0};
    memcpy(bytes, text, size < 8 ? size : 8);
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | bytes[i];
    return word;
}

static uint64_t add_text(uint64_t hash, const char *text, size_t size) {
    hash = mix(hash, size);
    for (size_t at = 0; at < size; at += 8)
        hash = mix(hash, word_at(text + at, size - at));
    return hash;
}

uint64_t alldata__record_hash(const alldata_record *record) {
    const uint64_t hash = add_text(0, record->key, record->key_size);
    return mix(add_text(hash, record->event, record->event_size), 0);
}

/* Writing. */

int alldata__list_node(repli_buf *to, const char *id) {
    return repli__buf_printf(to, "%s%s\n", node_word, id);
}

int alldata__list_digest(repli_buf *to, const alldata__digest *digest) {
    return repli__buf_printf(to, "%s %" PRIu64 " %016" PRIx64 "\n", digest->bucket, digest->count,
                             digest->hash);
}

int alldata__list_key(repli_buf *to, const char key[ALLDATA_KEY_LENGTH], uint32_t hash) {
    static const char digits[] = "0123456789abcdef";
    char line[ALLDATA_KEY_LENGTH + 10];
    memcpy(line, key, ALLDATA_KEY_LENGTH);
    line[ALLDATA_KEY_LENGTH] = ' ';
    for (int i = 0; i < 8; i++)
        line[ALLDATA_KEY_LENGTH + 1 + i] = digits[hash >> (28 - 4 * i) & 15];
    line[sizeof(line) - 1] = '\n';
    return repli__buf_append(to, line, sizeof(line));
}

int alldata__list_interval(repli_buf *to, const char *name, int32_t state) {
    return repli__buf_printf(to, "%s %s\n", name,
                             state == ALLDATA_INTERVAL_CLOSED ? "closed" : "open");
}

int alldata__list_failure(repli_buf *to, size_t index, int32_t code) {
    return repli__buf_printf(to, "%zu %s\n", index, repli_error_name(code));
}

int alldata__list_end(repli_buf *to, const char *next) {
    if (next == NULL)
        return repli__buf_printf(to, "%s\n", end_word);
    return repli__buf_printf(to, next[0] != '\0' ? "%s %s\n" : "%s\n", more_word, next);
}

/* Reading. */

typedef struct line {
    const char *text;
    size_t size;
    size_t at;
} line;

/* The line at in->at, without its end; 0 if there is none that is whole. */
static int look(const alldata__list *in, line *ret_line) {
    const char *text = in->text + in->at;
    const char *end = in->at < in->size ? memchr(text, '\n', in->size - in->at) : NULL;
    *ret_line = (line){.text = text, .size = end != NULL ? (size_t)(end - text) : 0};
    return end != NULL;
}

static void pass(alldata__list *in, const line *which) {
    in->at += which->size + 1;
}

static int32_t odd(const alldata__list *in, const char *expected, repli_error *err) {
    char text[64];
    char quote[REPLI__QUOTE_SIZE];
    const size_t left = in->at < in->size ? in->size - in->at : 0;
    size_t size = 0;
    while (size < left && size < sizeof(text) - 1 && in->text[in->at + size] != '\n')
        size++;
    if (size > 0)
        memcpy(text, in->text + in->at, size);
    text[size] = '\0';
    return repli__error(
        err, REPLI_EPROTOCOL, "alldata", "the answer has %s at byte %zu of %zu: expected %s",
        repli__utf8_quote(quote, left > 0 ? text : NULL), in->at, in->size, expected);
}

/* The word that the line begins with, alone or before a blank. */
static int begins(const line *in, const char *word) {
    const size_t size = strlen(word);
    return in->size >= size && memcmp(in->text, word, size) == 0 &&
           (in->size == size || in->text[size] == ' ');
}

static int is_tail(const line *in) {
    return begins(in, end_word) || begins(in, more_word);
}

/* Up to the next blank, and past it. */
static line next_word(line *in) {
    const size_t start = in->at;
    while (in->at < in->size && in->text[in->at] != ' ')
        in->at++;
    const line word = {.text = in->text + start, .size = in->at - start};
    if (in->at < in->size)
        in->at++;
    return word;
}

static int word_number(const line *word, uint64_t *ret_number) {
    uint64_t number = 0;
    for (size_t i = 0; i < word->size; i++) {
        if (word->text[i] < '0' || word->text[i] > '9')
            return 0;
        number = number * 10 + (uint64_t)(word->text[i] - '0');
    }
    *ret_number = number;
    return word->size > 0 && word->size < 20;
}

static int word_hash(const line *word, size_t digits, uint64_t *ret_hash) {
    uint64_t hash = 0;
    for (size_t i = 0; i < word->size; i++) {
        const char c = word->text[i];
        if (c >= '0' && c <= '9')
            hash = hash << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            hash = hash << 4 | (uint64_t)(c - 'a' + 10);
        else
            return 0;
    }
    *ret_hash = hash;
    return word->size == digits;
}

/* A beginning of YYYYMMDDThhmmss, as buckets and intervals are named. */
static int is_moment(const line *word, size_t least) {
    for (size_t i = 0; i < word->size; i++)
        if (i == 8 ? word->text[i] != 'T' : word->text[i] < '0' || word->text[i] > '9')
            return 0;
    return word->size >= least && word->size < ALLDATA__BUCKET_SIZE;
}

int32_t alldata__list_read_node(alldata__list *in, const char *id, repli_error *err) {
    const size_t size = strlen(node_word);
    line it;
    if (!look(in, &it) || it.size < size || memcmp(it.text, node_word, size) != 0)
        return odd(in, "the node that answers", err);
    if (it.size - size != strlen(id) || memcmp(it.text + size, id, it.size - size) != 0)
        return odd(in, "the node that was asked", err);
    pass(in, &it);
    return REPLI_OK;
}

int32_t alldata__list_read_digest(alldata__list *in, alldata__digest *ret_digest,
                                  repli_error *err) {
    line it;
    const int whole = look(in, &it);
    if (whole && is_tail(&it))
        return REPLI_EDONE;
    const line bucket = next_word(&it);
    const line count = next_word(&it);
    const line hash = next_word(&it);
    alldata__digest digest = {.count = 0};
    if (!whole || !is_moment(&bucket, 8) || !word_number(&count, &digest.count) ||
        !word_hash(&hash, 16, &digest.hash) || it.at != it.size)
        return odd(in, "a bucket, a count and a hash", err);
    memcpy(digest.bucket, bucket.text, bucket.size);
    *ret_digest = digest;
    pass(in, &it);
    return REPLI_OK;
}

int32_t alldata__list_read_key(alldata__list *in, const char **ret_key, uint32_t *ret_hash,
                               repli_error *err) {
    line it;
    const int whole = look(in, &it);
    if (whole && is_tail(&it))
        return REPLI_EDONE;
    const line key = next_word(&it);
    const line digits = next_word(&it);
    uint64_t hash = 0;
    if (!whole || !word_hash(&digits, 8, &hash) || it.at != it.size ||
        alldata_key_validate(key.text, key.size, NULL) != REPLI_OK)
        return odd(in, "a key and a hash", err);
    *ret_key = key.text;
    *ret_hash = (uint32_t)hash;
    pass(in, &it);
    return REPLI_OK;
}

int32_t alldata__list_read_interval(alldata__list *in, char ret_name[ALLDATA_INTERVAL_SIZE],
                                    int32_t *ret_state, repli_error *err) {
    line it;
    const int whole = look(in, &it);
    if (whole && is_tail(&it))
        return REPLI_EDONE;
    const line name = next_word(&it);
    const line state = next_word(&it);
    const int closed = begins(&state, "closed");
    if (!whole || !is_moment(&name, ALLDATA_INTERVAL_SIZE - 1) || it.at != it.size ||
        (!closed && !begins(&state, "open")))
        return odd(in, "an interval and its state", err);
    memcpy(ret_name, name.text, name.size);
    ret_name[name.size] = '\0';
    *ret_state = closed ? ALLDATA_INTERVAL_CLOSED : ALLDATA_INTERVAL_OPEN;
    pass(in, &it);
    return REPLI_OK;
}

/* REPLI_OK if it is the name of none. */
static int32_t code_of(const line *word) {
    for (int32_t code = REPLI_EFORK; code < REPLI_OK; code++)
        if (begins(word, repli_error_name(code)) && word->size == strlen(repli_error_name(code)))
            return code;
    return REPLI_OK;
}

int32_t alldata__list_read_failure(alldata__list *in, size_t count, size_t *ret_index,
                                   int32_t *ret_code, repli_error *err) {
    line it;
    uint64_t index = 0;
    if (in->at >= in->size)
        return REPLI_EDONE;
    const int whole = look(in, &it);
    const line number = next_word(&it);
    const line name = next_word(&it);
    if (!whole || !word_number(&number, &index) || index >= count || it.at != it.size)
        return odd(in, "the index of a record and a code", err);
    const int32_t code = code_of(&name);
    *ret_index = (size_t)index;
    *ret_code = code != REPLI_OK ? code : REPLI_EINTERNAL;
    pass(in, &it);
    return REPLI_OK;
}

int32_t alldata__list_tail(alldata__list *in, const char **ret_next, size_t *ret_size,
                           repli_error *err) {
    line it;
    const int whole = look(in, &it);
    if (!whole || !is_tail(&it) || in->at + it.size + 1 != in->size)
        return odd(in, "\"end\" or \"more\" as the last line", err);
    const int more = begins(&it, more_word);
    const size_t word = strlen(more ? more_word : end_word);
    if (!more && it.size != word)
        return odd(in, "nothing behind \"end\"", err);
    *ret_next = more ? it.text + (it.size > word ? word + 1 : word) : NULL;
    *ret_size = more && it.size > word ? it.size - word - 1 : 0;
    pass(in, &it);
    return REPLI_OK;
}
