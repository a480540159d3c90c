#include "gossip_sim.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-21T00:58:24.640Z */
#define THEN_MS INT64_C(1795222704640)

void sim_init(sim_cluster *sim, uint64_t seed) {
    memset(sim, 0, sizeof(*sim));
    sim->now_ns = 1000 * SIM_S;
    sim->seed = seed * UINT64_C(2862933555777941757) + 1;
    sim->delay_ns = 20 * SIM_MS;
    sim->round_ns = SIM_S;
    sim->forget_ns = 3600 * SIM_S;
    sim->max_peers = 1024;
    sim->seeds = 3;
    for (int i = 0; i < SIM_NODES; i++)
        sim->nodes[i].wall_ms = THEN_MS;
}

void sim_dispose(sim_cluster *sim) {
    for (int i = 0; i < SIM_NODES; i++)
        sim_kill(sim, i);
    for (size_t i = 0; i < sim->frame_count; i++)
        free(sim->frames[i].text);
    free(sim->frames);
}

static uint64_t draw(sim_cluster *sim) {
    sim->seed ^= sim->seed << 13;
    sim->seed ^= sim->seed >> 7;
    sim->seed ^= sim->seed << 17;
    return sim->seed;
}

static uint64_t draw_for_node(void *user_data) {
    return draw(user_data) >> 8;
}

uint64_t sim_random(sim_cluster *sim, uint64_t limit) {
    return (draw(sim) >> 8) % limit;
}

const char *sim_id(int index) {
    static char ids[SIM_NODES][16];
    snprintf(ids[index], sizeof(ids[index]), "ad%d", index + 1);
    return ids[index];
}

/* Frames on their way. */

static int is_before(const sim_frame *a, const sim_frame *b) {
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static void swap(sim_cluster *sim, size_t a, size_t b) {
    const sim_frame frame = sim->frames[a];
    sim->frames[a] = sim->frames[b];
    sim->frames[b] = frame;
}

static void push(sim_cluster *sim, const sim_frame *frame) {
    if (sim->frame_count == sim->frame_capacity) {
        sim->frame_capacity = sim->frame_capacity * 2 + 64;
        sim->frames = realloc(sim->frames, sim->frame_capacity * sizeof(*sim->frames));
        ck_assert_ptr_nonnull(sim->frames);
    }
    size_t at = sim->frame_count++;
    sim->frames[at] = *frame;
    for (; at > 0 && is_before(&sim->frames[at], &sim->frames[(at - 1) / 2]); at = (at - 1) / 2)
        swap(sim, at, (at - 1) / 2);
}

static sim_frame pop(sim_cluster *sim) {
    const sim_frame first = sim->frames[0];
    sim->frames[0] = sim->frames[--sim->frame_count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < sim->frame_count && is_before(&sim->frames[child], &sim->frames[least]))
                least = child;
        if (least == at)
            return first;
        swap(sim, at, least);
        at = least;
    }
}

static void put(sim_cluster *sim, int from, int to, const char *text, size_t size) {
    sim_frame frame = {.at_ns = sim->now_ns + SIM_MS + sim_random(sim, sim->delay_ns),
                       .order = sim->order++,
                       .from = from,
                       .to = to,
                       .size = size,
                       .text = malloc(size > 0 ? size : 1)};
    ck_assert_ptr_nonnull(frame.text);
    memcpy(frame.text, text, size);
    push(sim, &frame);
}

void sim_inject(sim_cluster *sim, int to, const char *text, size_t size) {
    put(sim, -1, to, text, size);
}

static int node_at(const sim_cluster *sim, int32_t port) {
    for (int i = 0; i < SIM_NODES; i++)
        if (sim->nodes[i].port == port &&
            (sim->nodes[i].membership != NULL || sim->nodes[i].reference != NULL))
            return i;
    return -1;
}

/* Who sends is known by the port that is in its frames. */
static int sender_of(const sim_cluster *sim, const char *text, size_t size) {
    char sender[64];
    for (int i = 0; i < SIM_NODES; i++) {
        snprintf(sender, sizeof(sender), "\"sender\":{\"id\":\"ad%d\"", i + 1);
        if (sim->nodes[i].port != 0 && memmem(text, size, sender, strlen(sender)) != NULL)
            return i;
    }
    return -1;
}

static void send_on(sim_cluster *sim, int32_t port, const char *text, size_t size) {
    const int to = node_at(sim, port);
    sim->sent++;
    sim->sent_bytes += size;
    if (to < 0 || sim_random(sim, 1000) < sim->loss)
        return;
    const int from = sim->partitioned ? sender_of(sim, text, size) : -1;
    put(sim, from, to, text, size);
    if (sim_random(sim, 1000) < sim->duplicates)
        put(sim, from, to, text, size);
}

static void send_ours(void *user_data, const alldata__address *to, const char *frame, size_t size) {
    send_on(user_data, to->port, frame, size);
}

static void send_reference(void *user_data, const char *host, int32_t port, const char *frame,
                           size_t size) {
    (void)host;
    send_on(user_data, port, frame, size);
}

/* Nodes. */

static alldata__now now_of(const sim_cluster *sim, const sim_node *node) {
    return (alldata__now){.ns = sim->now_ns + node->jump_ns,
                          .wall_ms = node->wall_ms + (int64_t)(sim->now_ns / SIM_MS)};
}

static void next_port(sim_cluster *sim, int index) {
    sim_node *node = &sim->nodes[index];
    if (node->port == 0)
        node->port = 9001 + index;
    if (index >= sim->count)
        sim->count = index + 1;
}

static void set(sim_cluster *sim, int index, const char *key, const char *json) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata__membership_set(sim->nodes[index].membership,
                                          now_of(sim, &sim->nodes[index]), key, json, strlen(json),
                                          &err) == REPLI_OK,
                  "%s", err.message);
}

void sim_start(sim_cluster *sim, int index) {
    sim_node *node = &sim->nodes[index];
    next_port(sim, index);
    alldata__address seeds[SIM_NODES];
    for (int i = 0; i < sim->seeds; i++)
        seeds[i] = (alldata__address){.host = "127.0.0.1", .port = 9001 + i};
    const alldata__address address = {.host = "127.0.0.1", .port = node->port};
    const alldata__membership_config config = {.id = sim_id(index),
                                               .address = &address,
                                               .seeds = seeds,
                                               .seed_count = (size_t)sim->seeds,
                                               .round_ns = sim->round_ns,
                                               .forget_ns = sim->forget_ns,
                                               .max_peers = sim->max_peers,
                                               .send = send_ours,
                                               .random = draw_for_node,
                                               .user_data = sim};
    ck_assert_int_eq(alldata__membership_new(&repli__mem_default, &config, now_of(sim, node),
                                             &node->membership, NULL),
                     REPLI_OK);
    char transport[64];
    snprintf(transport, sizeof(transport), "{\"hostname\":\"127.0.0.1\",\"port\":%d}",
             (int)node->port - 120);
    set(sim, index, "transport", transport);
    set(sim, index, "location",
        index % 2 ? "{\"zone\":\"B\",\"region\":\"West\"}"
                  : "{\"zone\":\"A\",\"region\":\"East\"}");
}

void sim_start_reference(sim_cluster *sim, int index) {
    static int32_t seeds[SIM_NODES];
    sim_node *node = &sim->nodes[index];
    for (int i = 0; i < sim->seeds; i++)
        seeds[i] = 9001 + i;
    next_port(sim, index);
    const reference_options options = {.id = sim_id(index),
                                       .port = node->port,
                                       .seed_ports = seeds,
                                       .seed_count = (size_t)sim->seeds,
                                       .send = send_reference,
                                       .random = draw_for_node,
                                       .user_data = sim};
    node->reference = reference_new(&options, sim->now_ns / SIM_MS);
    char transport[64];
    snprintf(transport, sizeof(transport), "{\"hostname\":\"127.0.0.1\",\"port\":%d}",
             (int)node->port - 120);
    reference_update(node->reference, "transport", transport);
    reference_update(node->reference, "location", "{\"zone\":\"C\",\"region\":\"West\"}");
}

void sim_kill(sim_cluster *sim, int index) {
    sim_node *node = &sim->nodes[index];
    alldata__membership_free(node->membership);
    reference_free(node->reference);
    node->membership = NULL;
    node->reference = NULL;
}

/* Time. */

static uint64_t due_of(const sim_cluster *sim, const sim_node *node) {
    if (node->deaf || (node->membership == NULL && node->reference == NULL))
        return UINT64_MAX;
    if (node->reference != NULL)
        return reference_due_ms(node->reference) * SIM_MS;
    const uint64_t due_ns = alldata__membership_due_ns(node->membership);
    return due_ns > sim->now_ns + node->jump_ns ? due_ns - node->jump_ns : sim->now_ns;
}

static void deliver(sim_cluster *sim, const sim_frame *frame) {
    sim_node *node = &sim->nodes[frame->to];
    if (frame->from >= 0 && sim->nodes[frame->from].side != node->side)
        return;
    if (node->deaf)
        sim_inject(sim, frame->to, frame->text, frame->size);
    else if (node->membership != NULL)
        alldata__membership_receive(node->membership, now_of(sim, node), frame->text, frame->size);
    else if (node->reference != NULL)
        reference_receive(node->reference, sim->now_ns / SIM_MS, frame->text, frame->size);
}

/* The next thing that happens; 0 if that is later. */
static int step(sim_cluster *sim, uint64_t until_ns) {
    int next = -1;
    uint64_t at_ns = sim->frame_count > 0 ? sim->frames[0].at_ns : UINT64_MAX;
    for (int i = 0; i < sim->count; i++) {
        const uint64_t due_ns = due_of(sim, &sim->nodes[i]);
        if (due_ns < at_ns) {
            at_ns = due_ns;
            next = i;
        }
    }
    if (at_ns > until_ns)
        return 0;
    if (at_ns > sim->now_ns)
        sim->now_ns = at_ns;
    if (next < 0) {
        sim_frame frame = pop(sim);
        deliver(sim, &frame);
        free(frame.text);
    } else if (sim->nodes[next].reference != NULL) {
        reference_round(sim->nodes[next].reference, sim->now_ns / SIM_MS);
    } else {
        alldata__membership_tick(sim->nodes[next].membership, now_of(sim, &sim->nodes[next]));
    }
    return 1;
}

void sim_run(sim_cluster *sim, uint64_t ns) {
    const uint64_t until_ns = sim->now_ns + ns;
    while (step(sim, until_ns))
        continue;
    sim->now_ns = until_ns;
}

int sim_until(sim_cluster *sim, uint64_t ns, sim_condition holds, void *user_data) {
    const uint64_t until_ns = sim->now_ns + ns;
    while (sim->now_ns < until_ns) {
        if (holds(sim, user_data))
            return 1;
        sim_run(sim, 10 * SIM_MS);
    }
    return holds(sim, user_data);
}

/* What nodes know. */

const alldata__peer *sim_peer(const sim_cluster *sim, int index, int of) {
    return alldata__peers_find(alldata__membership_peers(sim->nodes[index].membership), sim_id(of));
}

int sim_is_live(const sim_cluster *sim, int index, int of) {
    const alldata__peer *peer = sim_peer(sim, index, of);
    return peer != NULL && peer->state == ALLDATA__LIVE;
}

static int is_running(const sim_cluster *sim, int index) {
    return sim->nodes[index].membership != NULL || sim->nodes[index].reference != NULL;
}

static int knows_keys(const sim_cluster *sim, int index, int of) {
    char port[32];
    const char *transport = alldata__peer_value(sim_peer(sim, index, of), "transport");
    snprintf(port, sizeof(port), "\"port\":%d}", (int)sim->nodes[of].port - 120);
    return transport != NULL && strstr(transport, port) != NULL &&
           alldata__peer_value(sim_peer(sim, index, of), "location") != NULL;
}

int sim_all_live(sim_cluster *sim, void *user_data) {
    (void)user_data;
    for (int i = 0; i < sim->count; i++) {
        for (int of = 0; of < sim->count && sim->nodes[i].membership != NULL; of++) {
            if (of == i)
                continue;
            if (sim_is_live(sim, i, of) != is_running(sim, of))
                return 0;
            if (is_running(sim, of) && !knows_keys(sim, i, of))
                return 0;
        }
    }
    return 1;
}

int sim_all_dead(sim_cluster *sim, void *index) {
    const int of = *(const int *)index;
    for (int i = 0; i < sim->count; i++) {
        if (i == of || sim->nodes[i].membership == NULL)
            continue;
        const alldata__peer *peer = sim_peer(sim, i, of);
        if (peer == NULL || peer->state != ALLDATA__DEAD)
            return 0;
    }
    return 1;
}
