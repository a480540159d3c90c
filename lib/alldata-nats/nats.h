#ifndef ALLDATA_NATS_INTERNAL_H
#define ALLDATA_NATS_INTERNAL_H

#include <pthread.h>

#include <nats/nats.h>

#include <alldata/nats.h>

#include "base/mem.h"

#define ALLDATA__NATS "storage.nats"

/* STREAM.event.INTERVAL.KEY has an event, STREAM.interval.INTERVAL says that there is an interval.
 */
enum { ALLDATA__SUBJECT_SIZE = 128, ALLDATA__STREAM_SIZE = 33, ALLDATA__NATS_KEY = 27 };

typedef struct alldata__nats {
    repli__mem mem;
    natsConnection *connection;
    jsCtx *js;
    int64_t timeout_ms;
    int64_t replicas;
    int64_t max_age_s;
    char stream[ALLDATA__STREAM_SIZE];

    pthread_mutex_t mutex;          /* guards what follows: the put in progress */
    alldata_record *const *records; /* NULL: there is none */
    size_t count;
    size_t answered;    /* the record of the last answer */
    natsStatus failure; /* of something that is no answer about one of them */
    char reason[128];
} alldata__nats;

typedef struct alldata__nats_interval {
    alldata__nats *owner;
    char name[ALLDATA_INTERVAL_SIZE];
} alldata__nats_interval;

/* "cannot WHAT", because of status. Returns the code for it. */
int32_t alldata__nats_error(repli_error *err, natsStatus status, const char *what,
                            const char *reason);
void alldata__nats_subject(const alldata__nats *self, const char *kind, const char *interval,
                           const char *key, size_t key_size, char to[ALLDATA__SUBJECT_SIZE]);

/* settle.c: of the records that were there before, those with the same event are good. */
int32_t alldata__nats_settle(const alldata__nats_interval *interval, alldata_record *const *records,
                             size_t count, repli_error *err);

/* cursor.c */
int32_t alldata__nats_cursor_open(void *interval, const char *from, size_t from_size,
                                  uint32_t flags, void **ret_cursor, repli_error *err);
int32_t alldata__nats_cursor_next(void *cursor, alldata_record *ret_record, repli_error *err);
void alldata__nats_cursor_close(void *cursor);

#endif
