#ifndef REPLI_EVENT_FEED_H
#define REPLI_EVENT_FEED_H

#include <pthread.h>
#include <stdatomic.h>

#include <replicante/agent.h>

#include "base/log.h"
#include "store/store.h"

/*
 * Hands events to those who subscribed, each in order and from where it is. Events are read from
 * the log when their turn comes, so one who is slow takes no memory and holds up nobody who writes.
 * One thread hands out; any thread subscribes.
 */
struct repli_subscription {
    struct repli_subscription *next;
    repli_event_fn told;
    void *user_data;
    int64_t after; /* what was handed out last */
    int removed;   /* while it is told */
};

typedef struct repli__feed {
    repli__mem mem;
    repli__log *log;
    repli__store *store;
    const char *node_id; /* outlives the feed */
    atomic_int wanted;   /* somebody subscribed */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t told;   /* telling fell to NULL */
    repli_subscription *first;
    repli_subscription *telling;
    pthread_t teller;
    int ends;

    /* Of whoever hands out. */
    int failed; /* the last time, which was logged */
} repli__feed;

void repli__feed_init(repli__feed *feed, repli__store *store, const char *node_id,
                      const repli__mem *mem, repli__log *log);
/* Also those who never unsubscribed. */
void repli__feed_dispose(repli__feed *feed);

/* after -1: what comes from now on. REPLI_ECONFLICT if that number was never given. */
int32_t repli__feed_add(repli__feed *feed, int64_t after, repli_event_fn told, void *user_data,
                        repli_subscription **ret_subscription, repli_error *err);
/* It is not told any more, nor in the middle of being told unless it is the caller. */
void repli__feed_remove(repli__feed *feed, repli_subscription *subscription);
/* Nothing more is handed out. */
void repli__feed_end(repli__feed *feed);
/* Hand out a page to one who has not everything; returns when to go on, as a worker does. */
uint64_t repli__feed_run(repli__feed *feed);

/* Events with the node's id in them; see repli__store_events(). */
int32_t repli__feed_read(repli__store *store, const char *node_id, int64_t after, uint32_t limit,
                         repli_doc **ret_doc, repli_event **ret_events, size_t *ret_count,
                         int64_t *ret_first, repli_error *err);

#endif
