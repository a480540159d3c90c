#include "alldata/gossip/value.h"

#include <string.h>

#include <replicante/error.h>

#include "alldata/gossip/name.h"
#include "base/buf.h"
#include "base/json_out.h"
#include "base/utf8.h"

/* ASCII. */

static void escape(uint32_t unit, char to[6]) {
    static const char digits[] = "0123456789abcdef";
    to[0] = '\\';
    to[1] = 'u';
    for (int i = 0; i < 4; i++)
        to[2 + i] = digits[unit >> (12 - 4 * i) & 0xF];
}

/* JSON text with every character beyond ASCII, which only strings contain, as an escape. */
static int32_t append_ascii(repli_buf *to, const char *json, size_t size) {
    size_t done = 0;
    int32_t code = REPLI_OK;
    for (size_t at = 0; at < size && code == REPLI_OK;) {
        uint32_t c = 0;
        const size_t length = repli__utf8_next(json + at, size - at, &c);
        if (length == 1 && c < 0x80) {
            at++;
            continue;
        }
        code = repli__buf_append(to, json + done, at - done);
        char escaped[12];
        size_t escaped_size = 6;
        if (length == 0) {
            escape(0xFFFD, escaped);
        } else if (c < 0x10000) {
            escape(c, escaped);
        } else {
            escape(0xD800 + ((c - 0x10000) >> 10), escaped);
            escape(0xDC00 + ((c - 0x10000) & 0x3FF), escaped + 6);
            escaped_size = 12;
        }
        if (code == REPLI_OK)
            code = repli__buf_append(to, escaped, escaped_size);
        at += length > 0 ? length : 1;
        done = at;
    }
    return code == REPLI_OK ? repli__buf_append(to, json + done, size - done) : code;
}

/* Takes the buffer's memory; NULL if there was too little. */
static char *finish(repli_buf *buf, int32_t code) {
    if (code != REPLI_OK) {
        repli_buf_dispose(buf);
        return NULL;
    }
    repli__buf_trim(buf);
    return buf->data;
}

char *alldata__value_quote(const repli__mem *mem, const char *text) {
    repli_buf plain = {NULL, 0, 0, mem};
    repli_buf ascii = {NULL, 0, 0, mem};
    repli__json_out out;
    repli__json_begin(&out, &plain);
    repli__json_string(&out, text);
    int32_t code = repli__json_end(&out, NULL);
    if (code == REPLI_OK)
        code = append_ascii(&ascii, plain.data, plain.size);
    repli_buf_dispose(&plain);
    return finish(&ascii, code);
}

/* What nodes act on. */

int32_t alldata__value_transport(repli_buf *ret_json, const char *host, int32_t port) {
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "hostname");
    repli__json_string(&out, host);
    repli__json_name(&out, "port");
    repli__json_integer(&out, port);
    repli__json_close(&out, '}');
    return repli__json_end(&out, NULL);
}

int32_t alldata__value_location(repli_buf *ret_json, const char *zone, const char *region) {
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    if (zone != NULL) {
        repli__json_name(&out, "zone");
        repli__json_string(&out, zone);
    }
    if (region != NULL) {
        repli__json_name(&out, "region");
        repli__json_string(&out, region);
    }
    repli__json_close(&out, '}');
    return repli__json_end(&out, NULL);
}

static int32_t reduce_transport(repli_buf *to, repli__json_span value) {
    char host[ALLDATA__HOST_SIZE];
    const int32_t port = alldata__port_read(alldata__member(value, "port"));
    if (port == 0 || !alldata__host_read(alldata__member(value, "hostname"), host, sizeof(host)))
        return REPLI_EINVALID;
    return alldata__value_transport(to, host, port);
}

/* 0 if it is there and is no word. */
static int read_word(repli__json_span location, const char *name, char word[ALLDATA__WORD_SIZE],
                     const char **ret_word) {
    const repli__json_span value = alldata__member(location, name);
    *ret_word = NULL;
    if (repli__json_type(value) == REPLI__JSON_NONE || repli__json_type(value) == REPLI__JSON_NULL)
        return 1;
    *ret_word = word;
    return alldata__name_read(value, word, ALLDATA__WORD_SIZE);
}

static int32_t reduce_location(repli_buf *to, repli__json_span value) {
    char zone_text[ALLDATA__WORD_SIZE];
    char region_text[ALLDATA__WORD_SIZE];
    const char *zone;
    const char *region;
    if (repli__json_type(value) != REPLI__JSON_OBJECT ||
        !read_word(value, "zone", zone_text, &zone) ||
        !read_word(value, "region", region_text, &region))
        return REPLI_EINVALID;
    return alldata__value_location(to, zone, region);
}

static int32_t compact(repli_buf *to, repli__json_span value) {
    if (value.size > (size_t)2 * ALLDATA__VALUE_MAX)
        return REPLI_EINVALID;
    const int32_t code = repli__buf_append(to, value.text, value.size);
    if (code == REPLI_OK)
        to->size = repli__json_compact(to->data, value);
    return code;
}

int32_t alldata__value_read(const repli__mem *mem, const char *key, repli__json_span value,
                            char **ret_value) {
    repli_buf plain = {NULL, 0, 0, mem};
    repli_buf ascii = {NULL, 0, 0, mem};
    int32_t code = REPLI_EINVALID;
    const int type = repli__json_type(value);
    if (strcmp(key, ALLDATA__KEY_TRANSPORT) == 0)
        code = reduce_transport(&plain, value);
    else if (strcmp(key, ALLDATA__KEY_LOCATION) == 0)
        code = reduce_location(&plain, value);
    else if (type != REPLI__JSON_NONE && type != REPLI__JSON_NULL)
        code = compact(&plain, value);
    if (code == REPLI_OK)
        code = append_ascii(&ascii, plain.data, plain.size);
    if (code == REPLI_OK && ascii.size > ALLDATA__VALUE_MAX)
        code = REPLI_EINVALID;
    repli_buf_dispose(&plain);
    char *done = finish(&ascii, code);
    if (done != NULL)
        *ret_value = done;
    return code;
}

int alldata__value_address(const char *value, char ret_host[ALLDATA__HOST_SIZE],
                           int32_t *ret_port) {
    if (value == NULL)
        return 0;
    const repli__json_span span = repli__json_root(value, strlen(value));
    *ret_port = alldata__port_read(alldata__member(span, "port"));
    return *ret_port != 0 &&
           alldata__host_read(alldata__member(span, "hostname"), ret_host, ALLDATA__HOST_SIZE);
}

int alldata__value_word(const char *value, const char *member, char ret_word[ALLDATA__WORD_SIZE]) {
    if (value == NULL)
        return 0;
    const repli__json_span span = repli__json_root(value, strlen(value));
    return alldata__name_read(alldata__member(span, member), ret_word, ALLDATA__WORD_SIZE);
}
