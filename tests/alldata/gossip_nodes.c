#include "gossip_nodes.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

long long nodes_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void take_event(const alldata_gossip_event *event, void *user_data) {
    node *self = user_data;
    switch (event->kind) {
    case ALLDATA_GOSSIP_LIVE: atomic_fetch_add(&self->live, 1); break;
    case ALLDATA_GOSSIP_DEAD:
        atomic_fetch_add(&self->dead, 1);
        atomic_store(&self->died_ns, nodes_now_ns());
        break;
    case ALLDATA_GOSSIP_RESTARTED: atomic_fetch_add(&self->restarts, 1); break;
    case ALLDATA_GOSSIP_KEY: atomic_fetch_add(&self->keys, 1); break;
    case ALLDATA_GOSSIP_FORGOTTEN: atomic_fetch_add(&self->forgotten, 1); break;
    default: break;
    }
}

void nodes_make_one(nodes *cluster, int index, const char *listen) {
    node *one = &cluster->each[index];
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    repli_error err = REPLI_ERROR_INIT;
    snprintf(one->id, sizeof(one->id), "ad%d", index + 1);
    options.id = one->id;
    options.listen = listen;
    options.seeds = cluster->seeds;
    options.seed_count = cluster->seed_count;
    options.http_port = 8881 + index;
    options.zone = index % 2 ? "B" : "A";
    options.region = "West";
    options.round_ms = cluster->round_ms;
    options.event = take_event;
    options.event_data = one;
    ck_assert_msg(alldata_gossip_new(&options, NULL, &one->gossip, &err) == REPLI_OK, "%s",
                  err.message);
}

void nodes_make(nodes *cluster, int count) {
    for (int i = 0; i < count; i++) {
        nodes_make_one(cluster, i, "127.0.0.1:0");
        if (i >= 3)
            continue;
        snprintf(cluster->seed_text[i], sizeof(cluster->seed_text[i]), "127.0.0.1:%d",
                 (int)alldata_gossip_port(cluster->each[i].gossip));
        cluster->seeds[i] = cluster->seed_text[i];
        cluster->seed_count = (size_t)i + 1;
    }
    cluster->count = count;
}

void nodes_start(nodes *cluster) {
    for (int i = 0; i < cluster->count; i++)
        ck_assert_int_eq(alldata_gossip_start(cluster->each[i].gossip, NULL), REPLI_OK);
}

void nodes_kill(nodes *cluster, int index) {
    alldata_gossip_free(cluster->each[index].gossip);
    cluster->each[index].gossip = NULL;
}

void nodes_free(nodes *cluster) {
    for (int i = 0; i < cluster->count; i++)
        nodes_kill(cluster, i);
}

alldata_gossip_counters nodes_count(const nodes *cluster, int index) {
    alldata_gossip_counters counters = ALLDATA_GOSSIP_COUNTERS_INIT;
    ck_assert_int_eq(alldata_gossip_count(cluster->each[index].gossip, &counters, NULL), REPLI_OK);
    return counters;
}

void nodes_dispatch(nodes *cluster) {
    struct pollfd fds[NODES];
    for (int i = 0; i < cluster->count; i++)
        fds[i] = (struct pollfd){
            .fd = cluster->each[i].gossip != NULL ? alldata_gossip_fd(cluster->each[i].gossip) : -1,
            .events = POLLIN};
    ck_assert_int_ge(poll(fds, (nfds_t)cluster->count, 100), 0);
    for (int i = 0; i < cluster->count; i++)
        if (fds[i].revents != 0)
            ck_assert_int_eq(alldata_gossip_dispatch(cluster->each[i].gossip, NULL), REPLI_OK);
}

/* What is looked for among the peers of a node. */
typedef struct search {
    const char *dead; /* NULL: those that are known */
    int found;
} search;

static int32_t look(const alldata_peer *peer, void *user_data) {
    search *wanted = user_data;
    if (wanted->dead == NULL)
        wanted->found += peer->http_port > 0 && peer->zone != NULL;
    else
        wanted->found += peer->state == ALLDATA_PEER_DEAD && strcmp(peer->id, wanted->dead) == 0;
    return 0;
}

static int finds(const nodes *cluster, int index, const char *dead, int count) {
    search wanted = {.dead = dead};
    ck_assert_int_eq(alldata_gossip_peers(cluster->each[index].gossip, look, &wanted, NULL),
                     REPLI_OK);
    return wanted.found >= count;
}

static void await(nodes *cluster, const char *dead, int count, void (*dispatch)(nodes *)) {
    const struct timespec pause = {.tv_nsec = 10000000};
    const long long until_ns = nodes_now_ns() + 120000000000LL;
    for (int i = 0; i < cluster->count; i++) {
        while (cluster->each[i].gossip != NULL && !finds(cluster, i, dead, count)) {
            ck_assert_msg(nodes_now_ns() < until_ns, "node %d of %d", i + 1, cluster->count);
            if (dispatch != NULL)
                dispatch(cluster);
            else
                nanosleep(&pause, NULL);
        }
    }
}

void nodes_await_known(nodes *cluster, int known, void (*dispatch)(nodes *cluster)) {
    await(cluster, NULL, known, dispatch);
}

void nodes_await_dead(nodes *cluster, int victim, void (*dispatch)(nodes *cluster)) {
    await(cluster, cluster->each[victim].id, 1, dispatch);
}
