#include "alldata/coordinator/state.h"

#include <string.h>

#include "alldata/wire/event.h"
#include "alldata/wire/frame.h"
#include "alldata/wire/list.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

/*
 * What waits for a peer goes in one request, and while that is under way, more gathers for the
 * next: so the more there is to do, the less each event costs. A reference node takes one event a
 * request, and so several at a time.
 */

enum { REFERENCE_ERRANDS = 16, BODY_BYTES = 1 << 20, REPLY_HEAD = 4096, REPLY_LINE = 48 };

/* Errands. */

alldata__errand *alldata__errand_new(alldata_coordinator *c, alldata__site *site) {
    alldata__errand *errand = repli__calloc(&c->mem, 1, sizeof(*errand));
    char *host = repli__strdup(&c->mem, site->host);
    if (errand == NULL || host == NULL) {
        repli__free(&c->mem, host);
        repli__free(&c->mem, errand);
        return NULL;
    }
    errand->owner = c;
    errand->host = host;
    errand->port = site->port;
    errand->is_native = site->is_native;
    errand->site = site;
    errand->body.allocator = &c->mem;
    errand->error = (repli_error)REPLI_ERROR_INIT;
    errand->after = c->errands;
    if (c->errands != NULL)
        c->errands->prior = errand;
    c->errands = errand;
    site->refs++;
    return errand;
}

void alldata__errand_free(alldata_coordinator *c, alldata__errand *errand) {
    *(errand->prior != NULL ? &errand->prior->after : &c->errands) = errand->after;
    if (errand->after != NULL)
        errand->after->prior = errand->prior;
    alldata__site_unref(c, errand->site);
    repli_buf_dispose(&errand->body);
    for (size_t i = 0; errand->hints != NULL && i < errand->count; i++)
        repli__free(&c->mem, errand->hints[i].own);
    repli__free(&c->mem, errand->hints);
    repli__free(&c->mem, errand->host);
    repli__free(&c->mem, errand);
}

void alldata__errand_send(alldata_coordinator *c, alldata__errand *errand) {
    c->flying++;
    errand->next = NULL;
    *c->ready_end = errand;
    c->ready_end = &errand->next;
    c->counters.peer_sends++;
    c->counters.peer_records += errand->count;
}

/* The queue of a peer. */

static alldata__attempt *pop(alldata__site *site) {
    alldata__attempt *attempt = site->first;
    site->first = attempt->behind;
    if (site->first == NULL)
        site->last = NULL;
    site->queued--;
    site->queued_bytes -= attempt->item->event_size;
    attempt->behind = NULL;
    return attempt;
}

/* As much as goes into one request. */
static void load(alldata__errand *errand) {
    alldata__site *site = errand->site;
    alldata__attempt **end = &errand->first;
    const size_t most = site->is_native ? ALLDATA__WRITES : 1;
    size_t bytes = 0;
    while (site->first != NULL && errand->count < most && bytes < BODY_BYTES) {
        alldata__attempt *attempt = pop(site);
        *end = attempt;
        end = &attempt->behind;
        errand->count++;
        bytes += attempt->item->event_size;
        errand->is_late |= (attempt->item->flags & ALLDATA_PUT_LATE) != 0;
    }
}

static void pump(alldata_coordinator *c, alldata__site *site) {
    const size_t most = site->is_native ? 1 : REFERENCE_ERRANDS;
    while (c->corks == 0 && site->first != NULL && site->errands < most &&
           !alldata__hold(c, site)) {
        alldata__errand *errand = alldata__errand_new(c, site);
        if (errand == NULL) {
            alldata__put_answered(c, pop(site), REPLI_ENOMEM);
            continue;
        }
        load(errand);
        site->held_ns = 0;
        site->errands++;
        alldata__errand_send(c, errand);
    }
}

uint64_t alldata__send_held(alldata_coordinator *c) {
    const uint64_t now_ns = repli__mono_ns();
    uint64_t due_ns = UINT64_MAX;
    for (size_t i = 0; i < c->site_count; i++) {
        alldata__site *site = c->sites[i];
        pump(c, site);
        if (site->first != NULL && site->held_ns > now_ns && site->held_ns < due_ns)
            due_ns = site->held_ns;
    }
    return due_ns;
}

void alldata__send(alldata_coordinator *c, alldata__attempt *attempt) {
    alldata__site *site = attempt->site;
    attempt->since_ns = repli__mono_ns();
    attempt->behind = NULL;
    *(site->last != NULL ? &site->last->behind : &site->first) = attempt;
    site->last = attempt;
    site->queued++;
    site->queued_bytes += attempt->item->event_size;
    alldata__coordinator_watch(c, attempt->since_ns +
                                      c->options.peer_timeout_ms * (uint64_t)REPLI__NS_PER_MS);
    pump(c, site);
}

/* Requests. */

int alldata__errand_add(alldata__errand *errand, const alldata_record *record) {
    return errand->is_native ? alldata__frame_write(&errand->body, record)
                             : alldata__body_write(&errand->body, record);
}

static int32_t write_body(alldata__errand *errand) {
    int code = REPLI_OK;
    for (const alldata__attempt *it = errand->first; it != NULL && code == REPLI_OK;
         it = it->behind) {
        const alldata_record record = {.struct_size = sizeof(record),
                                       .key = it->item->key,
                                       .key_size = ALLDATA_KEY_LENGTH,
                                       .event = it->item->event,
                                       .event_size = it->item->event_size};
        code = alldata__errand_add(errand, &record);
    }
    return code == REPLI_OK ? REPLI_OK
                            : repli__error_nomem(&errand->error, ALLDATA__COORDINATOR,
                                                 "asking a peer to take events");
}

static void set_code(alldata__errand *errand, size_t at, int32_t code) {
    alldata__attempt *it = errand->first;
    if (it == NULL) {
        errand->hints[at].code = code;
        return;
    }
    for (; at > 0; at--)
        it = it->behind;
    it->code = code;
}

/* An own node tells which it did not take; the others it did. */
static int32_t read_native(alldata__errand *errand, const alldata_reply *reply) {
    alldata__list list = {.text = reply->body, .size = reply->body_size};
    size_t at = 0;
    int32_t code = REPLI_OK, each = REPLI_OK;
    while (reply->status == 200 &&
           (code = alldata__list_read_failure(&list, errand->count, &at, &each, &errand->error)) ==
               REPLI_OK)
        set_code(errand, at, each);
    if (code == REPLI_EDONE || (code == REPLI_OK && reply->status == 201))
        return REPLI_OK;
    if (code != REPLI_OK)
        return code;
    return repli__error(&errand->error, reply->status == 503 ? REPLI_EFULL : REPLI_EPROTOCOL,
                        ALLDATA__COORDINATOR, "it answered %d: %.200s", (int)reply->status,
                        reply->body);
}

/* A reference node, or what stands in for one. What it says of the event does not tell of it. */
static int32_t read_reference(alldata__errand *errand, const alldata_reply *reply) {
    int32_t code = REPLI_OK;
    switch (reply->status) {
    case 200:
    case 201: return REPLI_OK;
    case 409: code = REPLI_ECONFLICT; break;
    case 400:
    case 413:
    case 500: code = REPLI_EINVALID; break;
    default:
        return repli__error(&errand->error, REPLI_EPROTOCOL, ALLDATA__COORDINATOR, "it answered %d",
                            (int)reply->status);
    }
    repli__error(&errand->error, code, ALLDATA__COORDINATOR, "it answered %d", (int)reply->status);
    set_code(errand, 0, code);
    return REPLI_OK;
}

static void take_reply(void *user_data, const alldata_reply *reply) {
    alldata__errand *errand = user_data;
    alldata_coordinator *c = errand->owner;
    if (reply->status == 0)
        errand->code = repli__error_copy(&errand->error, reply->error);
    else
        errand->code =
            errand->is_native ? read_native(errand, reply) : read_reference(errand, reply);
    alldata__coordinator_enter(c);
    c->guests++;
    alldata__errand_end(c, errand);
    alldata__coordinator_leave(c);
    pthread_mutex_lock(&c->mutex);
    c->guests--;
    pthread_cond_broadcast(&c->ended);
    pthread_mutex_unlock(&c->mutex);
}

int32_t alldata__errand_begin(alldata__errand *errand) {
    const alldata_coordinator *c = errand->owner;
    const int late = errand->first == NULL || errand->is_late;
    if (errand->first != NULL && write_body(errand) != REPLI_OK)
        return errand->error.code;
    alldata_call call = ALLDATA_CALL_INIT;
    call.host = errand->host;
    call.port = errand->port;
    call.method = "POST";
    call.path = !errand->is_native ? "/" : late ? "/_alldata/records?late=1" : "/_alldata/records";
    call.type = errand->is_native ? ALLDATA__FRAMES_TYPE : NULL;
    call.body = errand->body.data;
    call.body_size = errand->body.size;
    call.timeout_ms = c->options.peer_timeout_ms;
    call.max_reply = REPLY_HEAD + REPLY_LINE * errand->count;
    call.reply = take_reply;
    call.user_data = errand;
    return c->options.transport->begin(c->options.transport->self, &call, &errand->error);
}

/* Answers. */

static void end_attempts(alldata_coordinator *c, alldata__errand *errand) {
    alldata__attempt *next;
    for (alldata__attempt *it = errand->first; it != NULL; it = next) {
        next = it->behind;
        /* An event that another did not take is tried elsewhere, like one that did not arrive. */
        alldata__put_answered(c, it, errand->code != REPLI_OK ? errand->code : it->code);
    }
}

void alldata__errand_end(alldata_coordinator *c, alldata__errand *errand) {
    alldata__site *site = errand->site;
    c->flying--;
    if (errand->code == REPLI_OK)
        alldata__site_answers(c, site);
    else
        alldata__site_fails(c, site, &errand->error);
    if (errand->first == NULL) {
        errand->next = c->delivered;
        c->delivered = errand;
        c->wakes_writer = 1;
        return;
    }
    site->errands--;
    end_attempts(c, errand);
    pump(c, site);
    alldata__errand_free(c, errand);
}
