#include "http/reply.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

static void unref_snapshot(void *snapshot) {
    repli_snapshot_unref(snapshot);
}

static void free_body(void *body) {
    repli__free(&repli__mem_default, body);
}

static struct MHD_Response *make(const repli_http_response *response, char *own_body) {
    struct MHD_Response *reply;
    if (own_body != NULL) {
        reply = MHD_create_response_from_buffer_with_free_callback_cls(
            response->body_size, own_body, free_body, own_body);
        if (reply == NULL)
            free_body(own_body);
        return reply;
    }
    if (response->snapshot != NULL) {
        repli_snapshot *snapshot = repli_snapshot_ref(response->snapshot);
        reply = MHD_create_response_from_buffer_with_free_callback_cls(
            response->body_size, (void *)response->body, unref_snapshot, snapshot);
        if (reply == NULL)
            repli_snapshot_unref(snapshot);
        return reply;
    }
    return MHD_create_response_from_buffer(response->body_size, (void *)response->body,
                                           MHD_RESPMEM_MUST_COPY);
}

static int add_number(struct MHD_Response *reply, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return MHD_add_response_header(reply, name, text) == MHD_YES;
}

static int add_headers(struct MHD_Response *reply, const repli_http_response *response,
                       int64_t age_s, int last) {
    int ok = MHD_add_response_header(reply, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES;
    if (response->content_type != NULL)
        ok &= MHD_add_response_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE,
                                      response->content_type) == MHD_YES;
    if (response->allow != NULL)
        ok &= MHD_add_response_header(reply, MHD_HTTP_HEADER_ALLOW, response->allow) == MHD_YES;
    if (age_s >= 0)
        ok &= add_number(reply, MHD_HTTP_HEADER_AGE, age_s);
    if (response->retry_after_s > 0)
        ok &= add_number(reply, MHD_HTTP_HEADER_RETRY_AFTER, response->retry_after_s);
    if (last)
        ok &= MHD_add_response_header(reply, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    return ok;
}

static struct MHD_Response *make_whole(const repli_http_response *response, char *own_body,
                                       int64_t age_s, int last) {
    struct MHD_Response *reply = make(response, own_body);
    if (reply != NULL && !add_headers(reply, response, age_s, last)) {
        MHD_destroy_response(reply);
        reply = NULL;
    }
    return reply;
}

static void release(struct MHD_Response **reply) {
    if (*reply != NULL)
        MHD_destroy_response(*reply);
    *reply = NULL;
}

void repli__http_replies_clear(repli__http_replies *replies) {
    for (size_t i = 0; i < REPLI__HTTP_REPLY_SLOTS; i++)
        release(&replies->slots[i].reply);
}

/* A slot's reference keeps the snapshot, so the body's address names it. */
static struct repli__http_reply_slot *slot_for(repli__http_replies *replies, const char *body) {
    for (size_t i = 0; i < REPLI__HTTP_REPLY_SLOTS; i++)
        if (replies->slots[i].reply != NULL && replies->slots[i].body == body)
            return &replies->slots[i];
    struct repli__http_reply_slot *slot = &replies->slots[replies->next];
    replies->next = (replies->next + 1) % REPLI__HTTP_REPLY_SLOTS;
    release(&slot->reply);
    return slot;
}

static enum MHD_Result queue(struct MHD_Connection *connection, const repli_http_response *response,
                             struct MHD_Response *reply) {
    return reply != NULL ? MHD_queue_response(connection, (unsigned)response->status, reply)
                         : MHD_NO;
}

enum MHD_Result repli__http_reply(repli__http_replies *replies, struct MHD_Connection *connection,
                                  const repli_http_response *response, char *own_body, int last) {
    const int64_t age_s = response->age_ms >= 0 ? response->age_ms / 1000 : -1;
    if (response->snapshot != NULL && !last) {
        struct repli__http_reply_slot *slot = slot_for(replies, response->body);
        if (slot->reply != NULL && slot->age_s != age_s)
            release(&slot->reply);
        if (slot->reply == NULL)
            slot->reply = make_whole(response, own_body, age_s, 0);
        slot->body = response->body;
        slot->age_s = age_s;
        return queue(connection, response, slot->reply);
    }
    struct MHD_Response *reply = make_whole(response, own_body, age_s, last);
    const enum MHD_Result queued = queue(connection, response, reply);
    release(&reply);
    return queued;
}
