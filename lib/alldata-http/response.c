#include "alldata-http/response.h"

#include <string.h>
#include <strings.h>

enum { MOST_HEAD = 64 * 1024 };

/* Both begin a line. */

static int is_header(const char *line, const char *name, const char **ret_value) {
    const size_t size = strlen(name);
    if (strncasecmp(line, name, size) != 0 || line[size] != ':')
        return 0;
    *ret_value = line + size + 1 + strspn(line + size + 1, " \t");
    return 1;
}

static int begins_with(const char *value, const char *word) {
    return strncasecmp(value, word, strlen(word)) == 0;
}

/* 0 if it is no number that can be. */
static int read_size(const char *text, int base, size_t *ret_size, const char **ret_end) {
    size_t size = 0;
    const char *at = text;
    for (;; at++) {
        int digit = -1;
        if (*at >= '0' && *at <= '9')
            digit = *at - '0';
        else if (base == 16 && (*at | 0x20) >= 'a' && (*at | 0x20) <= 'f')
            digit = (*at | 0x20) - 'a' + 10;
        if (digit < 0)
            break;
        if (size > SIZE_MAX / 32)
            return 0;
        size = size * (size_t)base + (size_t)digit;
    }
    *ret_size = size;
    *ret_end = at;
    return at > text;
}

static int read_header(alldata__response *r, const char *line) {
    const char *value;
    const char *end;
    if (is_header(line, "Content-Length", &value)) {
        r->sized = 1;
        return read_size(value, 10, &r->body_size, &end) && (*end == '\r' || *end == ' ');
    }
    if (is_header(line, "Transfer-Encoding", &value))
        return r->chunked = begins_with(value, "chunked");
    if (is_header(line, "Connection", &value) && begins_with(value, "close"))
        r->keep = 0;
    return 1;
}

/* "HTTP/1.x NNN " */
static int read_status(alldata__response *r, const char *head) {
    static const char version[] = "HTTP/1.";
    const char *digits = head + sizeof(version) + 1;
    if (strncmp(head, version, sizeof(version) - 1) != 0 || digits[-1] != ' ')
        return 0;
    for (int i = 0; i < 3; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
    *r = (alldata__response){.keep = head[sizeof(version) - 1] != '0'};
    r->status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
    return r->status >= 100;
}

static int read_head(alldata__response *r, repli_buf *text) {
    static const char version[] = "HTTP/1.";
    const size_t known = text->size < sizeof(version) - 1 ? text->size : sizeof(version) - 1;
    if (text->size == 0)
        return ALLDATA__RESPONSE_PART;
    if (memcmp(text->data, version, known) != 0)
        return ALLDATA__RESPONSE_NONE;
    const char *end = memmem(text->data, text->size, "\r\n\r\n", 4);
    if (end == NULL)
        return text->size > MOST_HEAD ? ALLDATA__RESPONSE_NONE : ALLDATA__RESPONSE_PART;
    if (end - text->data < 12 || memchr(text->data, '\0', (size_t)(end - text->data)) != NULL ||
        !read_status(r, text->data))
        return ALLDATA__RESPONSE_NONE;
    for (const char *line = text->data; (line = strstr(line, "\r\n")) < end;)
        if (!read_header(r, line += 2))
            return ALLDATA__RESPONSE_NONE;
    r->head_size = (size_t)(end + 4 - text->data);
    r->headed = 1;
    if (r->status == 204 || r->status == 304)
        r->sized = 1, r->body_size = 0, r->chunked = 0;
    return ALLDATA__RESPONSE_WHOLE;
}

/* What is between the answer and its beginning: an interim one goes. */
static int read_heads(alldata__response *r, repli_buf *text) {
    while (!r->headed) {
        const int what = read_head(r, text);
        if (what != ALLDATA__RESPONSE_WHOLE)
            return what;
        if (r->status >= 200)
            break;
        memmove(text->data, text->data + r->head_size, text->size - r->head_size + 1);
        text->size -= r->head_size;
        *r = (alldata__response){.status = 0};
    }
    return ALLDATA__RESPONSE_WHOLE;
}

/* Once over all chunks: only a whole body is put together. */
static int read_chunks(alldata__response *r, repli_buf *text, size_t most, int join) {
    const char *end = text->data + text->size;
    const char *at = text->data + r->head_size;
    char *to = text->data + r->head_size;
    size_t whole = 0;
    for (;;) {
        size_t size;
        const char *feed = memmem(at, (size_t)(end - at), "\r\n", 2);
        const char *behind;
        if (feed == NULL)
            return end - at > MOST_HEAD ? ALLDATA__RESPONSE_NONE : ALLDATA__RESPONSE_PART;
        if (!read_size(at, 16, &size, &behind) || behind > feed)
            return ALLDATA__RESPONSE_NONE;
        if (size > most - whole)
            return ALLDATA__RESPONSE_TOO_LARGE;
        at = feed + 2;
        if (size == 0)
            break;
        if ((size_t)(end - at) < size + 2)
            return ALLDATA__RESPONSE_PART;
        if (memcmp(at + size, "\r\n", 2) != 0)
            return ALLDATA__RESPONSE_NONE;
        if (join)
            memmove(to + whole, at, size);
        whole += size;
        at += size + 2;
    }
    /* Trailers end with an empty line. */
    const size_t left = (size_t)(end - at);
    if (left < 2)
        return ALLDATA__RESPONSE_PART;
    if (memcmp(at, "\r\n", 2) != 0 && memmem(at, left, "\r\n\r\n", 4) == NULL)
        return ALLDATA__RESPONSE_PART;
    r->body_size = whole;
    return ALLDATA__RESPONSE_WHOLE;
}

int alldata__response_read(alldata__response *r, repli_buf *text, size_t most, int ended) {
    const int what = read_heads(r, text);
    if (what != ALLDATA__RESPONSE_WHOLE)
        return what;
    const size_t got = text->size - r->head_size;
    if (r->chunked) {
        const int chunks = read_chunks(r, text, most, 0);
        return chunks == ALLDATA__RESPONSE_WHOLE ? read_chunks(r, text, most, 1) : chunks;
    }
    if (r->sized ? r->body_size > most : got > most)
        return ALLDATA__RESPONSE_TOO_LARGE;
    if (r->sized) {
        /* More than was said belongs to nobody. */
        r->keep &= got <= r->body_size;
        return got >= r->body_size ? ALLDATA__RESPONSE_WHOLE : ALLDATA__RESPONSE_PART;
    }
    r->keep = 0;
    r->body_size = got;
    return ended ? ALLDATA__RESPONSE_WHOLE : ALLDATA__RESPONSE_PART;
}
