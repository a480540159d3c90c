#ifndef ALLDATA_REPAIR_MERGE_H
#define ALLDATA_REPAIR_MERGE_H

#include <alldata/storage.h>
#include <alldata/transport.h>

#include "base/mem.h"

/*
 * Reading the events of all nodes: each once, in the order of keys. A few pages are in memory for
 * each peer, of which the next is on its way while one is read.
 */

/* Another node. */
typedef struct alldata__member {
    const char *id;
    const char *host; /* of its server for peers */
    int32_t port;
    int32_t answers; /* not 0: it lives, and is of our own make */
} alldata__member;

typedef struct alldata__cluster {
    alldata_storage *storage;           /* of this node */
    const alldata_transport *transport; /* may be NULL if nobody answers */
    const alldata__member *members;
    size_t count;
    int32_t replication_factor;
} alldata__cluster;

typedef struct alldata__merge alldata__merge;

/* Begin to read; peers are asked at once. Options as those of alldata_scan_new(), but an interval
 * is what lies in its time, whether this node has it or not. The cluster is copied, mem stays. */
int32_t alldata__merge_new(const alldata__cluster *cluster, const alldata_scan_options *options,
                           const repli__mem *mem, alldata__merge **ret_merge, repli_error *err);
/* The next record, which lives until the next call. Waits for peers, so not where their answers are
 * dispatched. REPLI_EDONE: there are no more. REPLI_ENOQUORUM: neither, but as many nodes do not
 * answer as an event has replicas, so that events may be missing. One thread at a time. */
int32_t alldata__merge_next(alldata__merge *merge, alldata_record *ret_record, repli_error *err);
/* The same, without waiting for peers. REPLI_ENOTREADY: one has not answered yet, and nothing was
 * taken. */
int32_t alldata__merge_try(alldata__merge *merge, alldata_record *ret_record, repli_error *err);
/* Have ready called when a peer has answered, wherever its answer comes; it must not use the merge.
 * NULL: nobody is told any more, once this returned. */
void alldata__merge_tell(alldata__merge *merge, void (*ready)(void *user_data), void *user_data);
void alldata__merge_free(alldata__merge *merge);
/* Begin to read what is to be written into that file, as alldata_storage_export(). */
int32_t alldata__merge_interval(const alldata__cluster *cluster, const char *interval,
                                const char *path, const repli__mem *mem, alldata__merge **ret_merge,
                                repli_error *err);
/* Write an interval of all nodes into a file. REPLI_ENOQUORUM: events may be missing, so there is
 * none. */
int32_t alldata__merge_export(const alldata__cluster *cluster, const char *interval,
                              const char *path, const repli__mem *mem, repli_error *err);
/* Keys under which nodes have different events, so far; the first one's is told. */
uint64_t alldata__merge_conflicts(const alldata__merge *merge);

#endif
