#include "http/reply.h"

#include <inttypes.h>
#include <stdio.h>

enum { MOST_HEADERS = 3 };

/* A response as the listeners take it, with what that points to. */
typedef struct wrapped {
    repli__web_response response;
    repli__web_pair headers[MOST_HEADERS];
    char age[24];
} wrapped;

static void unref_snapshot(void *snapshot) {
    repli_snapshot_unref(snapshot);
}

static void add(wrapped *it, const char *name, const char *value) {
    it->headers[it->response.header_count++] = (repli__web_pair){.name = name, .value = value};
}

/* With a reference to the snapshot, if there is one. */
static void wrap(wrapped *it, const repli_http_response *response, int64_t age_s) {
    it->response = (repli__web_response){.status = response->status,
                                         .retry_after_s = response->retry_after_s,
                                         .content_type = response->content_type,
                                         .body = response->body,
                                         .body_size = response->body_size,
                                         .headers = it->headers};
    if (response->snapshot != NULL) {
        it->response.release = unref_snapshot;
        it->response.owner = repli_snapshot_ref(response->snapshot);
    }
    add(it, "Cache-Control", "no-store");
    if (response->allow != NULL)
        add(it, "Allow", response->allow);
    if (age_s >= 0) {
        snprintf(it->age, sizeof(it->age), "%" PRId64, age_s);
        add(it, "Age", it->age);
    }
}

static int64_t age_of(const repli_http_response *response) {
    return response->age_ms >= 0 ? response->age_ms / 1000 : -1;
}

void repli__http_replies_init(repli__http_replies *replies) {
    pthread_mutex_init(&replies->mutex, NULL);
}

void repli__http_replies_dispose(repli__http_replies *replies) {
    for (size_t i = 0; i < REPLI__HTTP_REPLY_SLOTS; i++)
        repli__web_prepared_unref(replies->slots[i].reply);
    pthread_mutex_destroy(&replies->mutex);
}

/* A slot's reference keeps the snapshot, so the body's address names it. */
static struct repli__http_reply_slot *slot_for(repli__http_replies *replies, const char *body) {
    for (size_t i = 0; i < REPLI__HTTP_REPLY_SLOTS; i++)
        if (replies->slots[i].reply != NULL && replies->slots[i].body == body)
            return &replies->slots[i];
    struct repli__http_reply_slot *slot = &replies->slots[replies->next];
    replies->next = (replies->next + 1) % REPLI__HTTP_REPLY_SLOTS;
    return slot;
}

static void fill(struct repli__http_reply_slot *slot, const repli_http_response *response,
                 int64_t age_s) {
    wrapped it;
    wrap(&it, response, age_s);
    repli__web_prepared_unref(slot->reply);
    slot->reply = NULL;
    slot->body = response->body;
    slot->age_s = age_s;
    repli__web_prepare(&repli__mem_default, &it.response, &slot->reply, NULL);
}

/* A reference to the reply, or NULL without memory for it. */
static repli__web_prepared *prepared_for(repli__http_replies *replies,
                                         const repli_http_response *response) {
    const int64_t age_s = age_of(response);
    pthread_mutex_lock(&replies->mutex);
    struct repli__http_reply_slot *slot = slot_for(replies, response->body);
    if (slot->reply == NULL || slot->body != response->body || slot->age_s != age_s)
        fill(slot, response, age_s);
    repli__web_prepared *reply = slot->reply;
    if (reply != NULL)
        repli__web_prepared_ref(reply);
    pthread_mutex_unlock(&replies->mutex);
    return reply;
}

void repli__http_reply(repli__http_replies *replies, const repli__web_request *request,
                       const repli_http_response *response) {
    repli__web_prepared *reply =
        response->snapshot != NULL ? prepared_for(replies, response) : NULL;
    if (reply != NULL) {
        repli__web_answer_prepared(request, reply);
        repli__web_prepared_unref(reply);
        return;
    }
    wrapped it;
    wrap(&it, response, age_of(response));
    repli__web_answer(request, &it.response);
}
