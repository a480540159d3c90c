#ifndef REPLI_AGENT_AGENT_H
#define REPLI_AGENT_AGENT_H

#include <sys/types.h>

#include <replicante/agent.h>

#include "action/executor.h"
#include "action/registry.h"
#include "agent/actor.h"
#include "agent/calls.h"
#include "agent/chores.h"
#include "agent/config.h"
#include "agent/drive.h"
#include "agent/facts.h"
#include "agent/journal.h"
#include "agent/observer.h"
#include "agent/probe.h"
#include "agent/shop.h"
#include "base/worker.h"
#include "base/log.h"
#include "event/feed.h"
#include "event/hook.h"
#include "store/store.h"

enum repli__life { REPLI__LIFE_NEW, REPLI__LIFE_RUNNING, REPLI__LIFE_STOPPED };

/* What the agent itself does with its database, for the metrics. */
enum {
    REPLI__OP_INSERT,
    REPLI__OP_CANCEL,
    REPLI__OP_ACTION,
    REPLI__OP_QUEUE,
    REPLI__OP_FINISHED,
    REPLI__OP_EVENTS,
    REPLI__OP_COUNT
};

/*
 * Who runs what: the loop ticks the observer and watches over steps of actions; the driver's worker
 * makes the calls that observe; the chores' writes facts down, looks for versions and deletes old
 * actions; the events' writes down what observations find and runs hooks, and the teller's tells those who subscribed; the
 * executor's steps actions, and the store's commits what nobody waits for. Each has a thread, or the host drives it.
 */
struct repli_agent {
    repli__mem mem;
    pid_t pid; /* of the process that made it */
    repli__log log;
    char *node_id;

    pthread_mutex_t mutex; /* one change of life or configuration at a time; guards both */
    repli_config *config;
    atomic_int life; /* enum repli__life */

    pthread_mutex_t metrics_mutex; /* guards the next two */
    repli_metrics_fn host_metrics; /* NULL: the host has none */
    void *host_metrics_data;

    repli__store *store;
    repli__facts facts;
    repli__registry *registry;
    repli__host *host; /* for actions that are not the driver's */
    repli__actor actor;
    repli__shop shop;
    repli__executor *executor;
    repli__observer *observer;
    repli__chores chores;
    repli__journal journal;
    repli__feed feed;
    repli__hooks hooks;

    repli__worker loop;
    repli__worker driver;
    repli__worker chore;
    repli__worker events;
    repli__worker teller;
    repli__drive *drive; /* NULL: the workers have threads */

    /* Threads that did not return from the driver in time. What they use is never freed: the
     * observer and this in either case; the executor, what it was given and the database in the
     * second. */
    int driver_lost;
    int executor_lost;
    /* A thread of the host that did not leave the agent in time: nothing is freed. */
    int visitors_lost;

    _Atomic uint64_t last_id; /* stamp of the id that was made last */

    repli__calls observe_calls[REPLI__ASK_COUNT];
    repli__calls step_calls;
    repli__calls store_calls[REPLI__OP_COUNT];
};

/* REPLI_EFORK in a child of the process that made the agent. */
int32_t repli__agent_check(const repli_agent *agent, repli_error *err);

/* Check a request and complete it into *ret_local, whose texts are borrowed; ret_id holds its id. */
int32_t repli__agent_accept(repli_agent *agent, const repli_request *request,
                            repli_request *ret_local, char ret_id[REPLI_UUID_SIZE],
                            repli_error *err);

/* The driver's instances that a configuration asks for: one to observe and one to act, or one and
 * the same if the driver is concurrent. */
int32_t repli__agent_open_ports(repli_agent *agent, const repli_config *config,
                                repli__port **ret_observes, repli__port **ret_acts,
                                repli_error *err);
repli__executor_options repli__agent_executor_options(const repli_config *config);

#endif
