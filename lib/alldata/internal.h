#ifndef ALLDATA_STORAGE_INTERNAL_H
#define ALLDATA_STORAGE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <alldata/storage.h>

#include "alldata/batch.h"
#include "alldata/owner.h"
#include "alldata/recent.h"
#include "alldata/window.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"

#define ALLDATA__ORIGIN "storage"

/* An interval that is in use. There is one of a name. */
typedef struct alldata__interval {
    struct alldata__interval *next;    /* of those in use; the storage's mutex guards it */
    struct alldata__interval *closing; /* next of those to be closed; so does it */
    uint64_t closing_ns;               /* when it may be closed; 0: it is not to be */
    size_t pins;                       /* those who use it; so does the mutex */
    int64_t start;
    char name[ALLDATA_INTERVAL_SIZE];
    void *_Atomic handle; /* the module's; NULL: it is not open */
    atomic_int dirty;     /* something was put that was not synced */
    size_t cursors;       /* the opening mutex guards it */
    /* Of whoever opens it, and then of the one who leads. */
    int broken; /* a put failed: to be opened anew */
    repli_error why;
    alldata__recent *recent; /* of what is open */
} alldata__interval;

/* One call of put or sync, while it waits. */
typedef struct alldata__request {
    struct alldata__request *next;
    alldata_record *records;
    size_t count;
    uint32_t flags;
    int syncs_all;
    void (*between)(void *user_data); /* while nobody writes; may be NULL */
    void *between_data;
    int32_t code;
    repli_error error;
    sem_t wake;
    int leads;
} alldata__request;

/* Who wants to know what is stored. Told by the one who leads, one call at a time, which must not
 * wait for the storage. */
typedef struct alldata__watcher {
    /* Something is about to be put into an interval. */
    void (*before)(void *user_data, int64_t start);
    /* Those whose code is REPLI_OK were stored, and were not before. */
    void (*stored)(void *user_data, int64_t start, alldata_record *const *records, size_t count);
    void (*failed)(void *user_data, const repli_error *error);
    void *user_data;
} alldata__watcher;

struct alldata_storage {
    repli__mem mem;
    repli__log log;
    alldata__owner owner;
    const alldata_storage_module *module;
    void *self; /* the module's */
    char *location;
    alldata_setting *settings;
    size_t setting_count;
    int64_t period;
    uint32_t put_flags;
    int run_mode;
    alldata_clock_fn clock;
    void *clock_data;
    alldata_closed_fn closed;
    void *closed_data;
    const alldata__watcher *watcher; /* NULL: nobody watches */
    repli__worker worker;
    int has_worker;

    pthread_mutex_t opening; /* before the mutex: whoever opens or closes an interval */

    pthread_mutex_t mutex; /* guards what follows */
    alldata__interval *intervals;
    alldata__interval *closing;
    alldata__request *first, *last;
    int busy; /* somebody leads */
    alldata_storage_stats stats;

    /* Of the one who leads. */
    alldata__interval *window[ALLDATA__WINDOW]; /* NULL: not needed so far */
    _Atomic int64_t window_start;
    atomic_ullong writes; /* batches; readers look whether there are any */
    alldata__batch *batch;
    alldata_storage_stats counts; /* since they were added to those above */
};

/* The storage of a child made by fork() is its parent's: REPLI_EFORK. */
int32_t alldata__storage_check(const alldata_storage *storage, repli_error *err);
/* Seconds since 1970. */
int64_t alldata__storage_now(const alldata_storage *storage);
/* Before anything is put. The watcher stays as long as the storage. */
void alldata__storage_watch(alldata_storage *storage, const alldata__watcher *watcher);
/* Call a function while nobody writes: what is stored by then, it can read, and what is not, the
 * watcher is told of after it. */
void alldata__storage_between(alldata_storage *storage, void (*call)(void *user_data),
                              void *user_data);
/* Starts of all intervals that there are, in order. The caller frees them with the storage's
 * memory. */
int32_t alldata__storage_starts(alldata_storage *storage, int64_t **ret_starts, size_t *ret_count,
                                repli_error *err);

/* interval.c */

/* The interval of that start, which need not exist. It is given back with unpin. */
int32_t alldata__interval_pin(alldata_storage *storage, int64_t start, alldata__interval **ret,
                              repli_error *err);
void alldata__interval_unpin(alldata_storage *storage, alldata__interval *interval);
/* Give its memory back, whatever is open. */
void alldata__interval_free(const alldata_storage *storage, alldata__interval *interval);
/* See that it is open. flags: ALLDATA_INTERVAL_CREATE. */
int32_t alldata__interval_open(alldata_storage *storage, alldata__interval *interval,
                               uint32_t flags, repli_error *err);
/* The same, for a cursor, which is ended with alldata__interval_leave(). */
int32_t alldata__interval_enter(alldata_storage *storage, alldata__interval *interval,
                                repli_error *err);
void alldata__interval_leave(alldata_storage *storage, alldata__interval *interval);
/* The one who leads: nothing is put into it any more. Takes over a pin. */
void alldata__interval_close_later(alldata_storage *storage, alldata__interval *interval,
                                   uint64_t delay_ms);
/* The one who leads: if so many are still open that are to be closed later, and that nobody uses,
 * let go of the one that is due first until it is closed, or used again. */
void alldata__interval_spare(alldata_storage *storage, size_t most);
/* Close what is due. */
void alldata__interval_close_due(alldata_storage *storage);
/* When there is something to close, in monotonic nanoseconds. */
uint64_t alldata__interval_close_ns(alldata_storage *storage);

/* put.c */

void alldata__put_submit(alldata_storage *storage, alldata__request *request);

/* roll.c: the one who leads. */

/* Move the window to where the clock is, and see that the current interval is there. */
void alldata__roll(alldata_storage *storage);
/* The interval that takes a key. */
int32_t alldata__roll_route(alldata_storage *storage, int64_t second, uint32_t flags,
                            alldata__interval **ret, repli_error *err);
/* Whether a key would be accepted now, and whether only because it may be late. Any thread. */
int32_t alldata__roll_accepts(const alldata_storage *storage, const char *key, size_t size,
                              uint32_t flags, int *ret_late, repli_error *err);
/* Give back what roll_route() gave. */
void alldata__roll_leave(alldata_storage *storage, alldata__interval *interval);

#endif
