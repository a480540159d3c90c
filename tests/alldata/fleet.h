#ifndef TESTS_ALLDATA_FLEET_H
#define TESTS_ALLDATA_FLEET_H

#include <pthread.h>
#include <stdatomic.h>

#include "box.h"

/*
 * Some nodes in one process: a storage and a coordinator each, and between them a network that can
 * be told to do what networks and nodes do. What it carries is what goes over the wire.
 */

enum { FLEET_MAX = 6 };

/* What becomes of a request from one node to another. */
enum {
    LINK_UP = 0,
    LINK_REFUSED,     /* nobody listens */
    LINK_FROZEN,      /* connects, and never answers */
    LINK_MUTE,        /* does what it is asked for, and the answer is lost */
    LINK_GARBAGE,     /* answers what makes no sense */
    LINK_STATUS = 100 /* and above: answers that status, and does nothing */
};

typedef struct flight flight;

typedef struct fleet_node {
    struct fleet *fleet;
    int number;
    int is_up;
    box box;
    char id[16];
    char hints[160];
    alldata_keygen *keygen;
    alldata_coordinator_options options;
    alldata_coordinator *coordinator;
    alldata_transport transport;
    atomic_size_t requests; /* it was sent */
    atomic_int reference;   /* it is to be taken for one of the reference's */
    const char *zone, *region;
    char last_log[1024];
    atomic_size_t refused_logs;
} fleet_node;

typedef struct fleet {
    int count;
    fleet_node nodes[FLEET_MAX];
    atomic_int links[FLEET_MAX][FLEET_MAX]; /* from, to */
    atomic_int delay_ms[FLEET_MAX];
    atomic_size_t most_records;      /* in one request so far */
    char stubborn[ALLDATA_KEY_SIZE]; /* no node takes an event of that key; set before it is sent */
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t cond;
    flight *flights;
    int ends;
} fleet;

/* Directories, and then the network; options of nodes may be changed before they are started. */
void fleet_begin(fleet *f, int count, int factor);
/* The one alone, and the other. */
void fleet_prepare(fleet *f, int count, int factor);
void fleet_connect(fleet *f);
/* Start what is not started, and tell all of all. */
void fleet_start(fleet *f);
void fleet_start_node(fleet *f, int number);
void fleet_stop_node(fleet *f, int number);
void fleet_end(fleet *f);
/* Tell a node of another. state: ALLDATA_PEER_*. */
void fleet_tell(fleet *f, int to, int of, int32_t state);
/* All other nodes. */
void fleet_tell_all(fleet *f, int of, int32_t state);
/* What all do who ask that node. */
void fleet_link(fleet *f, int to, int how);

alldata_coordinator_counters fleet_count(fleet *f, int number);
/* Events in a node's storage. */
size_t fleet_events(fleet *f, int number);
/* Poll, with a generous limit, until nothing waits in its memory. */
void fleet_await_rest(fleet *f, int number);
/* The same, until it has so many. */
void fleet_await_events(fleet *f, int number, size_t count);

/* Puts, and what was told of them. */
enum { PUTS_KEPT = 256 };

typedef struct puts {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t flags; /* of the puts */
    size_t told, good;
    alldata_put_result results[PUTS_KEPT];
    char messages[PUTS_KEPT][REPLI_ERROR_MESSAGE_SIZE];
} puts_told;

void puts_begin(puts_told *p);
void puts_end(puts_told *p);
/* Returns the code of the call. */
int32_t puts_put(puts_told *p, fleet *f, int number, const char *key, const char *event,
                 int32_t commit, uint64_t timeout_ms);
void puts_await(puts_told *p, size_t count);
size_t puts_count(puts_told *p);
/* Put one, wait for it, and return its result, which lives until the next. */
const alldata_put_result *puts_one(puts_told *p, fleet *f, int number, const char *key,
                                   const char *event, int32_t commit);

void pause_ms(long ms);

#endif
