#ifndef REPLI_AGENT_OBSERVER_H
#define REPLI_AGENT_OBSERVER_H

#include "agent/calls.h"
#include "agent/config.h"
#include "agent/facts.h"
#include "agent/port.h"
#include "base/log.h"

/*
 * Keeps the latest snapshot of the node, and decides when the driver is asked for another: a state
 * machine without threads. tick() moves it and never blocks; work() is the part that does, since it
 * calls the driver. One thread ticks, one works; everything else is for any thread.
 */
typedef struct repli__observer repli__observer;

/* What an observer needs done. Called without locks, from any thread. */
typedef struct repli__observer_hooks {
    void (*tick)(void *user_data);   /* call repli__observer_tick() soon */
    void (*work)(void *user_data);   /* call repli__observer_work() */
    void (*detect)(void *user_data); /* find out the version without the store */
    void (*record)(void *user_data); /* write the facts down */
    /* The kind of the action that runs; empty if none does. */
    void (*running)(void *user_data, char *ret_kind, size_t size);
    void *user_data;
    /* A new snapshot took the place of another, whose observation began at since_ns. May be NULL.
     */
    void (*seen)(void *user_data, repli_snapshot *snapshot, uint64_t since_ns);
} repli__observer_hooks;

typedef struct repli__observer_options {
    repli_config *config;
    repli__port *port;
    repli__facts *facts; /* outlives the observer, as do the following */
    repli__calls *calls; /* REPLI__ASK_COUNT of them */
    repli__log *log;
    const repli__mem *mem;
    repli__observer_hooks hooks;
} repli__observer_options;

int32_t repli__observer_new(const repli__observer_options *options, repli__observer **ret_observer,
                            repli_error *err);
/* Not while a thread works. */
void repli__observer_free(repli__observer *observer);

/* Do what is due; returns the monotonic time of the next tick. Nothing is observed before start. */
uint64_t repli__observer_tick(repli__observer *observer, uint64_t now_ns);
/* One call of the driver, if one is to be made. Not 0 if more are. */
int repli__observer_work(repli__observer *observer);

void repli__observer_start(repli__observer *observer);
/* Begin no further observation, and cancel the one that runs. The next tick serves who waits. */
void repli__observer_close(repli__observer *observer);

/* From now on by this configuration and this driver; port NULL: the same as before. */
void repli__observer_configure(repli__observer *observer, repli_config *config, repli__port *port);
/* Observe soon, since something changed. */
void repli__observer_refresh(repli__observer *observer);

repli_snapshot *repli__observer_latest(repli__observer *observer);
/* See repli_agent_observe(). */
int32_t repli__observer_ask(repli__observer *observer, int64_t max_age_ms, int64_t timeout_ms,
                            repli_observe_fn observed, void *user_data, repli_error *err);

typedef struct repli__observer_stats {
    uint64_t observations; /* that ended */
    uint64_t overruns;     /* that did not end by their deadline */
    uint64_t failures;     /* in a row, up to now */
    int overrun;           /* 1 while the driver is past its deadline */
} repli__observer_stats;

void repli__observer_stats_get(repli__observer *observer, repli__observer_stats *ret_stats);

#endif
