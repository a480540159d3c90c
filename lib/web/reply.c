#include "web/reply.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum {
    STREAM_BLOCK = 2048
}; /* to clients of HTTP/1.0; to others, what a connection has room for */

void repli__web_release_nothing(void *owner) {
    (void)owner;
}

static void release(const repli__web_response *response) {
    if (response->release != NULL)
        response->release(response->owner);
}

/* Headers. */

static int add(struct MHD_Response *mhd, const char *name, const char *value) {
    return MHD_add_response_header(mhd, name, value) == MHD_YES;
}

static int add_headers(struct MHD_Response *mhd, const repli__web_response *response) {
    int ok = 1;
    if (response->content_type != NULL)
        ok &= add(mhd, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        ok &= add(mhd, response->headers[i].name, response->headers[i].value);
    if (response->retry_after_s > 0) {
        char text[16];
        snprintf(text, sizeof(text), "%d", (int)response->retry_after_s);
        ok &= add(mhd, MHD_HTTP_HEADER_RETRY_AFTER, text);
    }
    return ok;
}

/* mhd with the headers, or NULL without memory for them. */
static struct MHD_Response *complete(struct MHD_Response *mhd,
                                     const repli__web_response *response) {
    if (mhd == NULL || add_headers(mhd, response))
        return mhd;
    MHD_destroy_response(mhd);
    return NULL;
}

/* Answers for once. */

static struct MHD_Response *body_of(const repli__web_response *response) {
    void *body = (void *)response->body;
    if (response->release == NULL)
        return MHD_create_response_from_buffer(response->body_size, body, MHD_RESPMEM_MUST_COPY);
    struct MHD_Response *mhd = MHD_create_response_from_buffer_with_free_callback_cls(
        response->body_size, body, response->release, response->owner);
    if (mhd == NULL)
        release(response);
    return mhd;
}

int repli__web_reply_make(repli__web_reply *reply, const repli__web_response *response) {
    *reply = (repli__web_reply){.mhd = complete(body_of(response), response),
                                .status = response->status,
                                .size = response->body_size};
    return reply->mhd != NULL;
}

int repli__web_reply_stream(repli__web_reply *reply, const repli__web_response *response,
                            MHD_ContentReaderCallback give, MHD_ContentReaderFreeCallback ended,
                            void *cls) {
    struct MHD_Response *mhd =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, give, cls, ended);
    if (mhd == NULL)
        ended(cls);
    *reply =
        (repli__web_reply){.mhd = complete(mhd, response), .status = response->status, .size = 0};
    return reply->mhd != NULL;
}

void repli__web_reply_drop(repli__web_reply *reply) {
    if (reply->prepared != NULL)
        repli__web_prepared_unref(reply->prepared);
    else if (reply->mhd != NULL)
        MHD_destroy_response(reply->mhd);
    *reply = (repli__web_reply){0};
}

/* Answers for more than once. */

struct repli__web_prepared {
    atomic_uint references;
    repli__mem mem;
    struct MHD_Response *mhd; /* frees all this, when the last connection is done with it */
    int32_t status;
    const char *body; /* of the owner or, if that is NULL, behind the struct */
    size_t body_size;
    void (*release)(void *owner);
    void *owner;
    char copy[];
};

static void free_prepared(void *cls) {
    repli__web_prepared *prepared = cls;
    const repli__mem mem = prepared->mem;
    if (prepared->release != NULL)
        prepared->release(prepared->owner);
    repli__free(&mem, prepared);
}

static repli__web_prepared *prepare(const repli__mem *mem, const repli__web_response *response) {
    const size_t copied = response->release == NULL ? response->body_size : 0;
    repli__web_prepared *prepared = repli__alloc(mem, sizeof(*prepared) + copied);
    if (prepared == NULL) {
        release(response);
        return NULL;
    }
    *prepared = (repli__web_prepared){.mem = *mem,
                                      .status = response->status,
                                      .body = copied > 0 ? prepared->copy : response->body,
                                      .body_size = response->body_size,
                                      .release = response->release,
                                      .owner = response->owner};
    atomic_init(&prepared->references, 1);
    if (copied > 0)
        memcpy(prepared->copy, response->body, copied);
    prepared->mhd = MHD_create_response_from_buffer_with_free_callback_cls(
        prepared->body_size, (void *)prepared->body, free_prepared, prepared);
    if (prepared->mhd == NULL)
        free_prepared(prepared);
    else if (complete(prepared->mhd, response) != NULL)
        return prepared;
    return NULL;
}

int32_t repli__web_prepare(const repli__mem *mem, const repli__web_response *response,
                           repli__web_prepared **ret_prepared, repli_error *err) {
    repli__web_prepared *prepared = prepare(mem, response);
    if (prepared == NULL)
        return repli__error_nomem(err, "http", "preparing an answer");
    *ret_prepared = prepared;
    return REPLI_OK;
}

void repli__web_prepared_ref(repli__web_prepared *prepared) {
    atomic_fetch_add_explicit(&prepared->references, 1, memory_order_relaxed);
}

void repli__web_prepared_unref(repli__web_prepared *prepared) {
    if (prepared != NULL &&
        atomic_fetch_sub_explicit(&prepared->references, 1, memory_order_acq_rel) == 1)
        MHD_destroy_response(prepared->mhd);
}

void repli__web_reply_share(repli__web_reply *reply, repli__web_prepared *prepared) {
    repli__web_prepared_ref(prepared);
    *reply = (repli__web_reply){.mhd = prepared->mhd,
                                .prepared = prepared,
                                .status = prepared->status,
                                .size = prepared->body_size};
}

/* Sending. */

static void unref_prepared(void *cls) {
    repli__web_prepared_unref(cls);
}

typedef struct copying {
    struct MHD_Response *to;
    int ok;
} copying;

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    (void)kind;
    copying *it = cls;
    it->ok &= add(it->to, name, value);
    return MHD_YES;
}

/* Of one that others share, with headers of its own. Takes the reference along. */
static struct MHD_Response *copy(repli__web_prepared *prepared) {
    struct MHD_Response *mhd = MHD_create_response_from_buffer_with_free_callback_cls(
        prepared->body_size, (void *)prepared->body, unref_prepared, prepared);
    if (mhd == NULL) {
        repli__web_prepared_unref(prepared);
        return NULL;
    }
    copying it = {.to = mhd, .ok = 1};
    MHD_get_response_headers(prepared->mhd, copy_header, &it);
    if (it.ok)
        return mhd;
    MHD_destroy_response(mhd);
    return NULL;
}

/* Say that the connection ends with it. */
static int make_last(repli__web_reply *reply) {
    if (reply->prepared != NULL) {
        reply->mhd = copy(reply->prepared);
        reply->prepared = NULL;
    }
    return reply->mhd != NULL && add(reply->mhd, MHD_HTTP_HEADER_CONNECTION, "close");
}

enum MHD_Result repli__web_reply_send(repli__web_reply *reply, struct MHD_Connection *mhd,
                                      int last) {
    enum MHD_Result queued = MHD_NO;
    if (!last || make_last(reply))
        queued = MHD_queue_response(mhd, (unsigned)reply->status, reply->mhd);
    repli__web_reply_drop(reply);
    return queued;
}
