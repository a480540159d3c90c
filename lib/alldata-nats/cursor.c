#include "alldata-nats/nats.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/*
 * JetStream has events in the order in which they came, which is that of their keys but for a
 * little. So the keys of the interval are read first, without events, and sorted; then the events
 * as they came, where one that comes before its turn is kept until then. What is far from its turn,
 * such as an event that was late, is asked for alone.
 */

enum { NEAR = 1024, KEYS_AT_ONCE = 1024, EVENTS_AT_ONCE = 64 };

/* A reader may rest for long; then the servers forget what it has asked for. */
#define FORGET_NS (INT64_C(300) * 1000000000)

typedef struct entry {
    uint64_t sequence;
    char key[ALLDATA__NATS_KEY];
} entry;

/*
 * What was asked for, some at a time. libnats' ordered consumers, which would do that, start anew
 * in a thread of their own, and then messages come for one that was destroyed meanwhile.
 */
typedef struct flow {
    natsSubscription *subscription; /* NULL: nothing was asked for so far */
    natsMsgList list;
    int at;
    uint64_t consumed; /* the consumer's number of the last one */
} flow;

/* Where a message stands. */
typedef struct place {
    uint64_t sequence;
    uint64_t behind; /* how many come after it */
} place;

typedef struct kept {
    uint64_t sequence;
    natsMsg *message;
} kept;

typedef struct cursor {
    alldata__nats_interval *interval;
    entry *entries;
    size_t count, capacity, at;
    flow flow;
    uint64_t sequence; /* of the message that was read last */
    kept *kept;
    size_t kept_count, kept_capacity;
    natsMsg *current; /* what was returned */
} cursor;

static int32_t failed(repli_error *err, natsStatus status) {
    return alldata__nats_error(err, status, "read from JetStream", NULL);
}

static natsStatus flow_open(flow *to, const cursor *self, int headers_only, uint64_t from) {
    const alldata__nats *owner = self->interval->owner;
    char subject[ALLDATA__SUBJECT_SIZE];
    jsSubOptions options;
    alldata__nats_subject(owner, "event", self->interval->name, "*", 1, subject);
    jsSubOptions_Init(&options);
    options.Stream = owner->stream;
    options.Config.AckPolicy = js_AckNone;
    options.Config.InactiveThreshold = FORGET_NS;
    options.Config.HeadersOnly = headers_only;
    if (from > 0) {
        options.Config.DeliverPolicy = js_DeliverByStartSequence;
        options.Config.OptStartSeq = from;
    }
    *to = (flow){.subscription = NULL};
    const natsStatus status =
        js_PullSubscribe(&to->subscription, owner->js, subject, NULL, NULL, &options, NULL);
    return status != NATS_OK ? status : natsSubscription_SetPendingLimits(to->subscription, -1, -1);
}

static void flow_close(flow *self) {
    natsMsgList_Destroy(&self->list);
    natsSubscription_Destroy(self->subscription);
    *self = (flow){.subscription = NULL};
}

/* None may be missing before the message. */
static natsStatus take_place(flow *self, natsMsg *message, place *ret_place) {
    jsMsgMetaData *meta = NULL;
    natsStatus status = natsMsg_GetMetaData(&meta, message);
    if (status != NATS_OK)
        return status;
    if (meta->Sequence.Consumer != ++self->consumed)
        status = NATS_CONNECTION_DISCONNECTED;
    *ret_place = (place){.sequence = meta->Sequence.Stream, .behind = meta->NumPending};
    jsMsgMetaData_Destroy(meta);
    return status;
}

/* Only if there is one more. */
static natsStatus flow_next(flow *self, int at_once, int64_t timeout_ms, natsMsg **ret_message,
                            place *ret_place) {
    natsStatus status = NATS_OK;
    if (self->at == self->list.Count) {
        natsMsgList_Destroy(&self->list);
        self->at = 0;
        status = natsSubscription_Fetch(&self->list, self->subscription, at_once, timeout_ms, NULL);
        if (status == NATS_OK && self->list.Count == 0)
            status = NATS_TIMEOUT;
    }
    if (status != NATS_OK)
        return status;
    *ret_message = self->list.Msgs[self->at];
    self->list.Msgs[self->at++] = NULL;
    status = take_place(self, *ret_message, ret_place);
    if (status != NATS_OK)
        natsMsg_Destroy(*ret_message);
    return status;
}

/* Keys. */

static int32_t add_key(cursor *self, natsMsg *message, uint64_t sequence, repli_error *err) {
    const char *subject = natsMsg_GetSubject(message);
    const size_t size = strlen(subject);
    if (size < ALLDATA__NATS_KEY)
        return REPLI_OK;
    if (repli__grow(&self->interval->owner->mem, (void **)&self->entries, &self->capacity,
                    self->count, sizeof(*self->entries)) != REPLI_OK)
        return repli__error_nomem(err, ALLDATA__NATS, "reading the keys of an interval");
    entry *to = &self->entries[self->count++];
    to->sequence = sequence;
    memcpy(to->key, subject + size - ALLDATA__NATS_KEY, ALLDATA__NATS_KEY);
    return REPLI_OK;
}

static int32_t read_flow(cursor *self, flow *from, repli_error *err) {
    const int64_t timeout_ms = self->interval->owner->timeout_ms;
    jsConsumerInfo *info = NULL;
    natsStatus status = natsSubscription_GetConsumerInfo(&info, from->subscription, NULL, NULL);
    if (status != NATS_OK)
        return failed(err, status);
    place at = {.behind = info->NumPending};
    jsConsumerInfo_Destroy(info);
    int32_t code = REPLI_OK;
    while (at.behind > 0 && code == REPLI_OK) {
        natsMsg *message = NULL;
        status = flow_next(from, KEYS_AT_ONCE, timeout_ms, &message, &at);
        if (status != NATS_OK)
            return failed(err, status);
        code = add_key(self, message, at.sequence, err);
        natsMsg_Destroy(message);
    }
    return code;
}

static int compare(const void *a, const void *b) {
    return memcmp(((const entry *)a)->key, ((const entry *)b)->key, ALLDATA__NATS_KEY);
}

static int32_t read_keys(cursor *self, repli_error *err) {
    flow keys;
    const natsStatus status = flow_open(&keys, self, 1, 0);
    const int32_t code = status == NATS_OK ? read_flow(self, &keys, err) : failed(err, status);
    flow_close(&keys);
    if (code == REPLI_OK && self->count > 0)
        qsort(self->entries, self->count, sizeof(*self->entries), compare);
    return code;
}

static int is_before(const entry *it, const char *from, size_t size) {
    const int order = memcmp(it->key, from, size < ALLDATA__NATS_KEY ? size : ALLDATA__NATS_KEY);
    return order < 0 || (order == 0 && size > ALLDATA__NATS_KEY);
}

int32_t alldata__nats_cursor_open(void *interval, const char *from, size_t from_size,
                                  uint32_t flags, void **ret_cursor, repli_error *err) {
    alldata__nats_interval *own = interval;
    (void)flags;
    cursor *self = repli__calloc(&own->owner->mem, 1, sizeof(*self));
    if (self == NULL)
        return repli__error_nomem(err, ALLDATA__NATS, "reading an interval");
    self->interval = own;
    const int32_t code = read_keys(self, err);
    if (code != REPLI_OK) {
        alldata__nats_cursor_close(self);
        return code;
    }
    while (self->at < self->count && is_before(&self->entries[self->at], from, from_size))
        self->at++;
    *ret_cursor = self;
    return REPLI_OK;
}

void alldata__nats_cursor_close(void *argument) {
    cursor *self = argument;
    const repli__mem *mem = &self->interval->owner->mem;
    flow_close(&self->flow);
    natsMsg_Destroy(self->current);
    for (size_t i = 0; i < self->kept_count; i++)
        natsMsg_Destroy(self->kept[i].message);
    repli__free(mem, self->kept);
    repli__free(mem, self->entries);
    repli__free(mem, self);
}

/* Events. */

static natsMsg *take_kept(cursor *self, uint64_t sequence) {
    for (size_t i = 0; i < self->kept_count; i++)
        if (self->kept[i].sequence == sequence) {
            natsMsg *message = self->kept[i].message;
            self->kept[i] = self->kept[--self->kept_count];
            return message;
        }
    return NULL;
}

/* Its turn may have been before. */
static int32_t keep(cursor *self, natsMsg *message, uint64_t sequence, repli_error *err) {
    const char *subject = natsMsg_GetSubject(message);
    const size_t size = strlen(subject);
    const entry *due = &self->entries[self->at];
    if (size < ALLDATA__NATS_KEY ||
        memcmp(subject + size - ALLDATA__NATS_KEY, due->key, ALLDATA__NATS_KEY) < 0) {
        natsMsg_Destroy(message);
        return REPLI_OK;
    }
    if (repli__grow(&self->interval->owner->mem, (void **)&self->kept, &self->kept_capacity,
                    self->kept_count, sizeof(*self->kept)) != REPLI_OK) {
        natsMsg_Destroy(message);
        return repli__error_nomem(err, ALLDATA__NATS, "reading an interval");
    }
    self->kept[self->kept_count++] = (kept){.sequence = sequence, .message = message};
    return REPLI_OK;
}

/* Read on until the message with that number, or as far as it goes: then there is none. */
static int32_t read_to(cursor *self, uint64_t wanted, natsMsg **ret_message, repli_error *err) {
    const int64_t timeout_ms = self->interval->owner->timeout_ms;
    int32_t code = REPLI_OK;
    *ret_message = NULL;
    if (self->flow.subscription == NULL) {
        self->sequence = 0;
        if (flow_open(&self->flow, self, 0, wanted) != NATS_OK)
            flow_close(&self->flow);
    }
    while (self->flow.subscription != NULL && self->sequence < wanted && code == REPLI_OK) {
        natsMsg *message = NULL;
        place at;
        if (flow_next(&self->flow, EVENTS_AT_ONCE, timeout_ms, &message, &at) != NATS_OK) {
            flow_close(&self->flow);
            break;
        }
        self->sequence = at.sequence;
        if (at.sequence == wanted)
            *ret_message = message;
        else
            code = keep(self, message, at.sequence, err);
    }
    return code;
}

static int32_t take_message(cursor *self, uint64_t sequence, natsMsg **ret_message,
                            repli_error *err) {
    const alldata__nats *owner = self->interval->owner;
    int32_t code = REPLI_OK;
    *ret_message = take_kept(self, sequence);
    if (*ret_message == NULL && (self->flow.subscription == NULL ||
                                 (sequence > self->sequence && sequence - self->sequence <= NEAR)))
        code = read_to(self, sequence, ret_message, err);
    if (code != REPLI_OK || *ret_message != NULL)
        return code;
    const natsStatus status =
        js_GetMsg(ret_message, owner->js, owner->stream, sequence, NULL, NULL);
    return status == NATS_OK ? REPLI_OK : failed(err, status);
}

int32_t alldata__nats_cursor_next(void *argument, alldata_record *ret_record, repli_error *err) {
    cursor *self = argument;
    natsMsg_Destroy(self->current);
    self->current = NULL;
    if (self->at == self->count)
        return repli__error(err, REPLI_EDONE, ALLDATA__NATS, "there is nothing more in %s",
                            self->interval->name);
    const entry *it = &self->entries[self->at];
    const int32_t code = take_message(self, it->sequence, &self->current, err);
    if (code != REPLI_OK)
        return code;
    self->at++;
    ret_record->key = it->key;
    ret_record->key_size = ALLDATA__NATS_KEY;
    ret_record->event = natsMsg_GetData(self->current);
    ret_record->event_size = (size_t)natsMsg_GetDataLength(self->current);
    return REPLI_OK;
}
