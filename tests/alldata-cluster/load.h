#ifndef TESTS_LOAD_H
#define TESTS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <alldata/http.h>

#include "cluster.h"

/*
 * Clients that put events, each under a key of its own making, and remember what became of each.
 * A put is tried at the nodes in turn until one takes it, always under the same key. The event says
 * which key it belongs to, so that what is in a store can be judged by itself.
 */

enum { LOAD_THREADS = 8 };

/* What is known of a put. */
typedef struct load_put {
    char key[ALLDATA_KEY_SIZE];
    char acknowledged;
} load_put;

typedef struct load {
    cluster *cluster;
    size_t threads;
    const char *commit;  /* of each put; NULL: as the nodes are set */
    const size_t *nodes; /* at which is put; NULL: all */
    size_t node_count;
    int once;            /* each put is tried at one node alone */
    uint64_t timeout_ms; /* of a put; 0: 2000 */

    pthread_t ids[LOAD_THREADS];
    atomic_int stop;
    atomic_int paused;
    atomic_size_t resting; /* threads that do nothing since it was paused */
    pthread_mutex_t mutex; /* guards what follows */
    load_put *puts;
    size_t count, capacity;
    size_t acknowledged, failed;
} load;

void load_init(load *l, cluster *c, size_t threads);
void load_start(load *l);
/* No put is under way when it returns. */
void load_pause(load *l);
void load_resume(load *l);
void load_stop(load *l);
void load_dispose(load *l);

/* The event of a key, in to, which has room for 160 bytes. Returns its size. */
size_t load_event(const char *key, char *to);

#endif
