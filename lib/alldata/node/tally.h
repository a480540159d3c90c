#ifndef ALLDATA_NODE_TALLY_H
#define ALLDATA_NODE_TALLY_H

#include <pthread.h>

#include <alldata/node.h>

#include "alldata/internal.h"
#include "alldata/repair/digests.h"

/*
 * How many events each interval has, and which is the last: counted along as they are stored. Those
 * that were there before are counted in pieces, once, since the numbers are kept in a file. An
 * interval is in that file only while nothing was put into it since.
 */

typedef struct alldata__tally_entry {
    int64_t start;
    uint64_t events; /* as far as they are counted */
    int counted;     /* 0: there were others before */
    int filed;       /* it is in the file */
    char last_key[ALLDATA_KEY_SIZE];
} alldata__tally_entry;

typedef struct alldata__tally {
    const repli__mem *mem;
    repli__log *log;
    alldata_storage *storage;
    char *path;
    alldata__digests *digests; /* told of what is stored as well */
    alldata__watcher watcher;

    pthread_mutex_t mutex;         /* guards what follows */
    alldata__tally_entry *entries; /* in the order of their starts */
    size_t count, capacity;
    int lost; /* there was no memory for one */
    int unwritable;
    char why[REPLI_ERROR_MESSAGE_SIZE];
    int failures; /* since the last piece */

    /* Of the one who counts. */
    alldata_scan *scan;
    alldata__tally_entry scanned; /* what it has found so far */
    int32_t scan_code;
    uint64_t retry_ns;
} alldata__tally;

/* Before anything is put. mem, log and path stay; a file that is no good is as if there were none.
 */
int32_t alldata__tally_init(alldata__tally *tally, const repli__mem *mem, repli__log *log,
                            alldata_storage *storage, alldata__digests *digests, char *path,
                            repli_error *err);
/* Before the storage is freed. */
void alldata__tally_stop(alldata__tally *tally);
/* After it. keep: file what is known. Fine for one that was never made. */
void alldata__tally_dispose(alldata__tally *tally, int keep);
/* Count a piece of what was there before. Returns when to go on, in monotonic nanoseconds; 0: at
 * once; UINT64_MAX: there is nothing left. */
uint64_t alldata__tally_work(alldata__tally *tally);
/* An interval is closed. */
void alldata__tally_closed(alldata__tally *tally, const char *interval);

/* What is known of an interval. Thread-safe. */
void alldata__tally_get(alldata__tally *tally, int64_t start, alldata__tally_entry *ret_entry);
/* Fill in what of a status is known here. Thread-safe. */
void alldata__tally_status(alldata__tally *tally, alldata_node_status *status);

#endif
