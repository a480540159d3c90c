#include "alldata/gossip/frame.h"

#include <string.h>

#include <replicante/error.h>

#include "alldata/gossip/name.h"
#include "base/buf.h"
#include "base/json_check.h"

/* Reading. */

int alldata__same_address(const alldata__address *a, const alldata__address *b) {
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static int read_address(repli__json_span transport, alldata__address *ret_address) {
    ret_address->port = alldata__port_read(alldata__member(transport, "port"));
    return ret_address->port != 0 && alldata__host_read(alldata__member(transport, "host"),
                                                        ret_address->host, ALLDATA__HOST_SIZE);
}

static int read_version(repli__json_span value, int64_t *ret_version) {
    return repli__json_type(value) == REPLI__JSON_INTEGER &&
           repli__json_to_integer(value, ret_version) && *ret_version >= 0 &&
           *ret_version <= ALLDATA__VERSION_MAX;
}

/* What JavaScript takes for false. */
static int is_falsy(repli__json_span value) {
    switch (repli__json_type(value)) {
    case REPLI__JSON_NONE:
    case REPLI__JSON_NULL: return 1;
    case REPLI__JSON_BOOLEAN: return value.text[0] == 'f';
    case REPLI__JSON_STRING: return value.size == 2;
    case REPLI__JSON_INTEGER:
    case REPLI__JSON_REAL: return repli__json_to_real(value) == 0;
    default: return 0;
    }
}

static int is_array(repli__json_span value) {
    return repli__json_type(value) == REPLI__JSON_ARRAY;
}

static void read_ours(repli__json_span ours, alldata__frame *frame) {
    const repli__json_span suspects = alldata__member(ours, "suspects");
    const repli__json_span ask = alldata__member(ours, "ask");
    frame->ours = repli__json_type(ours) == REPLI__JSON_OBJECT;
    if (is_array(suspects))
        frame->suspects = suspects;
    frame->ask = repli__json_type(ask) == REPLI__JSON_BOOLEAN && ask.text[0] == 't';
    if (!read_version(alldata__member(ours, "started"), &frame->started_ms))
        frame->started_ms = 0;
    if (!read_version(alldata__member(ours, "now"), &frame->now_ms))
        frame->now_ms = 0;
}

int alldata__frame_read(const char *text, size_t size, alldata__frame *ret_frame) {
    if (repli__json_check(text, size, ALLDATA__FRAME_DEPTH, "the frame", NULL) != REPLI_OK)
        return 0;
    const repli__json_span root = repli__json_root(text, size);
    const repli__json_span sender = alldata__member(root, "sender");
    *ret_frame = (alldata__frame){.ours = 0};
    if (!alldata__name_read(alldata__member(sender, "id"), ret_frame->id, ALLDATA__ID_SIZE) ||
        !read_address(alldata__member(sender, "transport"), &ret_frame->address))
        return 0;
    const repli__json_span deltas = alldata__member(root, "deltas");
    const repli__json_span digest = alldata__member(root, "digest");
    if (!is_falsy(deltas))
        ret_frame->deltas = deltas;
    else if (!is_falsy(digest))
        ret_frame->digest = digest;
    read_ours(alldata__member(root, "alldata"), ret_frame);
    if (ret_frame->deltas.text != NULL)
        return is_array(deltas);
    return ret_frame->digest.text != NULL ? is_array(digest) : ret_frame->ours;
}

int alldata__frame_listed(const alldata__frame *frame, size_t *at, uint64_t *bad,
                          alldata__listed *ret_listed) {
    repli__json_span item;
    if (frame->digest.text == NULL)
        return 0;
    while (repli__json_next_item(frame->digest, at, &item)) {
        if (alldata__name_read(alldata__member(item, "id"), ret_listed->id, ALLDATA__ID_SIZE) &&
            read_version(alldata__member(item, "maxVersionSeen"), &ret_listed->version) &&
            read_address(alldata__member(item, "transport"), &ret_listed->address))
            return 1;
        (*bad)++;
    }
    return 0;
}

static int read_delta(repli__json_span item, alldata__delta *ret_delta) {
    repli__json_span parts[5];
    size_t count = 0;
    size_t at = 0;
    if (!is_array(item))
        return 0;
    while (count < 5 && repli__json_next_item(item, &at, &parts[count]))
        count++;
    if (count != 4)
        return 0;
    ret_delta->value = parts[2];
    return alldata__name_read(parts[0], ret_delta->id, ALLDATA__ID_SIZE) &&
           alldata__name_read(parts[1], ret_delta->key, ALLDATA__KEY_NAME_SIZE) &&
           read_version(parts[3], &ret_delta->version);
}

int alldata__frame_delta(const alldata__frame *frame, size_t *at, uint64_t *bad,
                         alldata__delta *ret_delta) {
    repli__json_span item;
    if (frame->deltas.text == NULL)
        return 0;
    while (repli__json_next_item(frame->deltas, at, &item)) {
        if (read_delta(item, ret_delta))
            return 1;
        (*bad)++;
    }
    return 0;
}

int alldata__frame_suspect(const alldata__frame *frame, size_t *at, char ret_id[ALLDATA__ID_SIZE]) {
    repli__json_span item;
    if (frame->suspects.text == NULL)
        return 0;
    while (repli__json_next_item(frame->suspects, at, &item))
        if (alldata__name_read(item, ret_id, ALLDATA__ID_SIZE))
            return 1;
    return 0;
}

/* Writing. */

static void put_address(repli__json_out *json, const alldata__address *address) {
    repli__json_name(json, "transport");
    repli__json_open(json, '{');
    repli__json_name(json, "host");
    repli__json_string(json, address->host);
    repli__json_name(json, "port");
    repli__json_integer(json, address->port);
    repli__json_close(json, '}');
}

void alldata__frame_begin(alldata__frame_out *out, repli_buf *buf, const char *id,
                          const alldata__address *address) {
    *out = (alldata__frame_out){.id = id, .address = address};
    repli__json_begin(&out->json, buf);
    repli__json_open(&out->json, '{');
}

void alldata__frame_list(alldata__frame_out *out, const char *member) {
    if (member == NULL)
        return;
    repli__json_name(&out->json, member);
    repli__json_open(&out->json, '[');
}

void alldata__frame_put_listed(alldata__frame_out *out, const char *id,
                               const alldata__address *address, int64_t version) {
    repli__json_open(&out->json, '{');
    repli__json_name(&out->json, "id");
    repli__json_verbatim(&out->json, id);
    repli__json_name(&out->json, "maxVersionSeen");
    repli__json_integer(&out->json, version);
    put_address(&out->json, address);
    repli__json_close(&out->json, '}');
}

void alldata__frame_put_delta(alldata__frame_out *out, const char *id, const char *key,
                              const char *value, int64_t version) {
    repli__json_open(&out->json, '[');
    repli__json_verbatim(&out->json, id);
    repli__json_verbatim(&out->json, key);
    repli__json_verbatim(&out->json, value);
    repli__json_integer(&out->json, version);
    repli__json_close(&out->json, ']');
}

void alldata__frame_sign(alldata__frame_out *out, const char *member, int64_t started_ms,
                         int64_t now_ms, int ask) {
    if (member != NULL)
        repli__json_close(&out->json, ']');
    repli__json_name(&out->json, "sender");
    repli__json_open(&out->json, '{');
    repli__json_name(&out->json, "id");
    repli__json_verbatim(&out->json, out->id);
    put_address(&out->json, out->address);
    repli__json_close(&out->json, '}');
    repli__json_name(&out->json, "alldata");
    repli__json_open(&out->json, '{');
    repli__json_name(&out->json, "started");
    repli__json_integer(&out->json, started_ms);
    repli__json_name(&out->json, "now");
    repli__json_integer(&out->json, now_ms);
    if (ask) {
        repli__json_name(&out->json, "ask");
        repli__json_boolean(&out->json, 1);
    }
    repli__json_name(&out->json, "suspects");
    repli__json_open(&out->json, '[');
}

void alldata__frame_put_suspect(alldata__frame_out *out, const char *id) {
    repli__json_verbatim(&out->json, id);
}

int32_t alldata__frame_end(alldata__frame_out *out) {
    repli__json_close(&out->json, ']');
    repli__json_close(&out->json, '}');
    repli__json_close(&out->json, '}');
    const int32_t code = repli__json_end(&out->json, NULL);
    return code == REPLI_OK ? repli__buf_append(out->json.buf, "\r\n", 2) : code;
}
