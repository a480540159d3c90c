#include "alldata-nats/nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/*
 * Some of what was there before is the same, such as what a peer sends again that had no answer in
 * time. The server is asked for all of it without waiting for each, as libnats would.
 */

enum { AT_ONCE = 256 };

typedef struct talk {
    const alldata__nats_interval *interval;
    alldata_record *const *records;
    size_t count, at;
    size_t waiting; /* for so many answers */
    natsInbox *inbox;
    natsSubscription *answers;
} talk;

/* What base64 makes of the event, and the end of the text. */
static int is_encoded(const char *text, size_t size, const alldata_record *record) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *event = (const unsigned char *)record->event;
    if (size <= (record->event_size + 2) / 3 * 4)
        return 0;
    for (size_t left = record->event_size; left > 0; text += 4) {
        const size_t taken = left < 3 ? left : 3;
        const unsigned bits = (unsigned)event[0] << 16 | (taken > 1 ? (unsigned)event[1] << 8 : 0) |
                              (taken > 2 ? event[2] : 0);
        const char four[] = {digits[bits >> 18], digits[bits >> 12 & 63],
                             taken > 1 ? digits[bits >> 6 & 63] : '=',
                             taken > 2 ? digits[bits & 63] : '='};
        if (memcmp(text, four, sizeof(four)) != 0)
            return 0;
        event += taken;
        left -= taken;
    }
    return *text == '"';
}

/* The next that was there before. */
static natsStatus ask(talk *self, const char *api) {
    const alldata_record *record = self->records[self->at];
    char subject[ALLDATA__SUBJECT_SIZE];
    char request[ALLDATA__SUBJECT_SIZE + 32];
    char reply[128];
    alldata__nats_subject(self->interval->owner, "event", self->interval->name, record->key,
                          record->key_size, subject);
    const int size = snprintf(request, sizeof(request), "{\"last_by_subj\":\"%s\"}", subject);
    snprintf(reply, sizeof(reply), "%s.%zu", (const char *)self->inbox, self->at++);
    self->waiting++;
    return natsConnection_PublishRequest(self->interval->owner->connection, api, reply, request,
                                         size);
}

static natsStatus take_answer(talk *self) {
    static const char member[] = "\"data\":\"";
    natsMsg *answer = NULL;
    const natsStatus status =
        natsSubscription_NextMsg(&answer, self->answers, self->interval->owner->timeout_ms);
    if (status != NATS_OK)
        return status;
    const char *text = natsMsg_GetData(answer);
    const size_t size = (size_t)natsMsg_GetDataLength(answer);
    const size_t place = strtoul(strrchr(natsMsg_GetSubject(answer), '.') + 1, NULL, 10);
    const char *data = size > 0 ? memmem(text, size, member, sizeof(member) - 1) : NULL;
    if (data != NULL && place < self->count) {
        data += sizeof(member) - 1;
        if (is_encoded(data, size - (size_t)(data - text), self->records[place]))
            self->records[place]->code = REPLI_OK;
    }
    natsMsg_Destroy(answer);
    self->waiting--;
    return data != NULL ? NATS_OK : NATS_NOT_FOUND;
}

static natsStatus converse(talk *self) {
    char api[ALLDATA__SUBJECT_SIZE];
    natsStatus status = NATS_OK;
    snprintf(api, sizeof(api), "$JS.API.STREAM.MSG.GET.%s", self->interval->owner->stream);
    while (status == NATS_OK && (self->at < self->count || self->waiting > 0)) {
        if (self->at == self->count || self->waiting == AT_ONCE)
            status = take_answer(self);
        else if (self->records[self->at]->code == REPLI_ECONFLICT)
            status = ask(self, api);
        else
            self->at++;
    }
    return status;
}

int32_t alldata__nats_settle(const alldata__nats_interval *interval, alldata_record *const *records,
                             size_t count, repli_error *err) {
    talk own = {.interval = interval, .records = records, .count = count};
    char subject[128];
    while (own.at < count && records[own.at]->code != REPLI_ECONFLICT)
        own.at++;
    if (own.at == count)
        return REPLI_OK;
    natsStatus status = natsInbox_Create(&own.inbox);
    if (status == NATS_OK) {
        snprintf(subject, sizeof(subject), "%s.*", (const char *)own.inbox);
        status = natsConnection_SubscribeSync(&own.answers, interval->owner->connection, subject);
    }
    if (status == NATS_OK)
        status = converse(&own);
    natsSubscription_Destroy(own.answers);
    natsInbox_Destroy(own.inbox);
    return status == NATS_OK ? REPLI_OK
                             : alldata__nats_error(err, status, "look for keys in JetStream", NULL);
}
