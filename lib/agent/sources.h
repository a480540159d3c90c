#ifndef REPLI_AGENT_SOURCES_H
#define REPLI_AGENT_SOURCES_H

#include <pthread.h>

#include <replicante/agent.h>

#include "base/mem.h"

/*
 * What others add to an agent's loop: descriptors in its epoll set, and times. One thread calls
 * them; any thread adds and removes, and once a source is removed it is not being called.
 */
struct repli_source {
    struct repli_source *next;
    int fd; /* -1: none */
    repli_source_fn ready;
    void *user_data;
    uint64_t due_ns;
    uint64_t turn; /* the last one in which it was called */
    int readable;
    int removed; /* while it is called */
};

typedef struct repli__sources {
    repli__mem mem;
    int epoll_fd; /* data.ptr is the source; NULL belongs to somebody else */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t called; /* calling fell to NULL */
    repli_source *first;
    repli_source *calling;
    pthread_t caller;
    uint64_t turn;
} repli__sources;

void repli__sources_init(repli__sources *sources, int epoll_fd, const repli__mem *mem);
/* Also those that were never removed. */
void repli__sources_dispose(repli__sources *sources);
int32_t repli__sources_add(repli__sources *sources, int fd, repli_source_fn ready, void *user_data,
                           repli_source **ret_source, repli_error *err);
void repli__sources_remove(repli__sources *sources, repli_source *source);
/* Call each that is readable or due, once. */
void repli__sources_run(repli__sources *sources);
/* When one is due. */
uint64_t repli__sources_due_ns(repli__sources *sources);

#endif
