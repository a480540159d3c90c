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

enum { NEAR = 1024 };

typedef struct entry {
    uint64_t sequence;
    char key[ALLDATA__NATS_KEY];
} entry;

typedef struct kept {
    uint64_t sequence;
    natsMsg *message;
} kept;

typedef struct cursor {
    alldata__nats_interval *interval;
    entry *entries;
    size_t count, capacity, at;
    natsSubscription *subscription; /* NULL: nothing was asked for in order so far */
    uint64_t sequence;              /* of the message that was read last */
    kept *kept;
    size_t kept_count, kept_capacity;
    natsMsg *current; /* what was returned */
} cursor;

static int32_t failed(repli_error *err, natsStatus status) {
    return alldata__nats_error(err, status, "read from JetStream", NULL);
}

static natsStatus subscribe(const cursor *self, int headers_only, uint64_t from,
                            natsSubscription **ret) {
    const alldata__nats *owner = self->interval->owner;
    char subject[ALLDATA__SUBJECT_SIZE];
    jsSubOptions options;
    alldata__nats_subject(owner, "event", self->interval->name, "*", 1, subject);
    jsSubOptions_Init(&options);
    options.Stream = owner->stream;
    options.Ordered = true;
    options.Config.HeadersOnly = headers_only;
    if (from > 0) {
        options.Config.DeliverPolicy = js_DeliverByStartSequence;
        options.Config.OptStartSeq = from;
    }
    return js_SubscribeSync(ret, owner->js, subject, NULL, &options, NULL);
}

/* The number of the message, and how many are behind it. */
static natsStatus place_of(natsMsg *message, uint64_t *ret_sequence, uint64_t *ret_behind) {
    jsMsgMetaData *meta = NULL;
    const natsStatus status = natsMsg_GetMetaData(&meta, message);
    if (status != NATS_OK)
        return status;
    *ret_sequence = meta->Sequence.Stream;
    *ret_behind = meta->NumPending;
    jsMsgMetaData_Destroy(meta);
    return NATS_OK;
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

static int32_t read_subscription(cursor *self, natsSubscription *subscription, repli_error *err) {
    const int64_t timeout_ms = self->interval->owner->timeout_ms;
    jsConsumerInfo *info = NULL;
    natsStatus status = natsSubscription_GetConsumerInfo(&info, subscription, NULL, NULL);
    if (status != NATS_OK)
        return failed(err, status);
    /* What was delivered since is not pending any more. */
    uint64_t behind = info->NumPending + info->Delivered.Consumer;
    jsConsumerInfo_Destroy(info);
    int32_t code = REPLI_OK;
    while (behind > 0 && code == REPLI_OK) {
        natsMsg *message = NULL;
        uint64_t sequence = 0;
        status = natsSubscription_NextMsg(&message, subscription, timeout_ms);
        if (status == NATS_OK)
            status = place_of(message, &sequence, &behind);
        code = status == NATS_OK ? add_key(self, message, sequence, err) : failed(err, status);
        natsMsg_Destroy(message);
    }
    return code;
}

static int compare(const void *a, const void *b) {
    return memcmp(((const entry *)a)->key, ((const entry *)b)->key, ALLDATA__NATS_KEY);
}

static int32_t read_keys(cursor *self, repli_error *err) {
    natsSubscription *subscription = NULL;
    const natsStatus status = subscribe(self, 1, 0, &subscription);
    if (status != NATS_OK)
        return failed(err, status);
    const int32_t code = read_subscription(self, subscription, err);
    natsSubscription_Destroy(subscription);
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
    natsSubscription_Destroy(self->subscription);
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

/* Read on until the message with that number. */
static int32_t read_to(cursor *self, uint64_t wanted, natsMsg **ret_message, repli_error *err) {
    natsStatus status = NATS_OK;
    if (self->subscription == NULL)
        status = subscribe(self, 0, wanted, &self->subscription);
    while (status == NATS_OK) {
        natsMsg *message = NULL;
        uint64_t behind = 0;
        status = natsSubscription_NextMsg(&message, self->subscription,
                                          self->interval->owner->timeout_ms);
        if (status == NATS_OK)
            status = place_of(message, &self->sequence, &behind);
        if (status == NATS_OK && self->sequence == wanted) {
            *ret_message = message;
            return REPLI_OK;
        }
        if (status != NATS_OK) {
            natsMsg_Destroy(message);
            break;
        }
        const int32_t code = keep(self, message, self->sequence, err);
        if (code != REPLI_OK)
            return code;
        if (self->sequence > wanted)
            status = NATS_NOT_FOUND;
    }
    return failed(err, status);
}

static int32_t take_message(cursor *self, uint64_t sequence, natsMsg **ret_message,
                            repli_error *err) {
    const alldata__nats *owner = self->interval->owner;
    *ret_message = take_kept(self, sequence);
    if (*ret_message != NULL)
        return REPLI_OK;
    if (self->subscription == NULL ||
        (sequence > self->sequence && sequence - self->sequence <= NEAR))
        return read_to(self, sequence, ret_message, err);
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
