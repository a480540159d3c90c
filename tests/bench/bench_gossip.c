/*
 * bench_gossip DIRECTORY: nodes on loopback, all in this process: how long until all others have
 * noticed a death, and what that costs while nothing happens. Of the reference, three nodes took 33
 * and 37 s, six nodes 63 to 94 s.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <alldata/gossip.h>

#include "base/clock.h"
#include "figures.h"

enum { MOST_NODES = 50, PATIENCE_S = 120 };

typedef struct node {
    alldata_gossip *gossip;
    uint64_t died_ns; /* when it last heard of a death */
    int live;
    int dead;
} node;

static node nodes[MOST_NODES];
static int node_count;

static double seconds_since(uint64_t since_ns) {
    return (double)(repli__mono_ns() - since_ns) / 1e9;
}

static void take(const alldata_gossip_event *event, void *user_data) {
    node *one = user_data;
    if (event->kind == ALLDATA_GOSSIP_LIVE)
        one->live++;
    if (event->kind != ALLDATA_GOSSIP_DEAD)
        return;
    one->dead++;
    one->died_ns = repli__mono_ns();
}

static void make(int index, const char *seed) {
    char id[16];
    repli_error err = REPLI_ERROR_INIT;
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    snprintf(id, sizeof(id), "node%d", index);
    options.id = id;
    options.listen = "127.0.0.1:0";
    options.seeds = &seed;
    options.seed_count = index > 0;
    options.http_port = 8880;
    options.zone = "A";
    options.event = take;
    options.event_data = &nodes[index];
    nodes[index] = (node){.gossip = NULL};
    if (alldata_gossip_new(&options, NULL, &nodes[index].gossip, &err) != REPLI_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(EXIT_FAILURE);
    }
}

static void turn(void) {
    struct pollfd fds[MOST_NODES];
    for (int i = 0; i < node_count; i++)
        fds[i] =
            (struct pollfd){.fd = nodes[i].gossip != NULL ? alldata_gossip_fd(nodes[i].gossip) : -1,
                            .events = POLLIN};
    poll(fds, (nfds_t)node_count, 100);
    for (int i = 0; i < node_count; i++)
        if (fds[i].revents != 0)
            alldata_gossip_dispatch(nodes[i].gossip, NULL);
}

static void turn_for(double seconds) {
    const uint64_t since_ns = repli__mono_ns();
    while (seconds_since(since_ns) < seconds)
        turn();
}

/* Until all that run have so many live peers, or have heard of that many deaths. */
static void await(int live, int dead) {
    const uint64_t since_ns = repli__mono_ns();
    for (int i = 0; i < node_count;) {
        if (nodes[i].gossip == NULL || (nodes[i].live >= live && nodes[i].dead >= dead))
            i++;
        else
            turn();
        if (seconds_since(since_ns) > PATIENCE_S) {
            fprintf(stderr, "the nodes take too long\n");
            exit(EXIT_FAILURE);
        }
    }
}

static double join(int count) {
    char seed[32];
    const uint64_t since_ns = repli__mono_ns();
    make(0, NULL);
    snprintf(seed, sizeof(seed), "127.0.0.1:%d", (int)alldata_gossip_port(nodes[0].gossip));
    for (int i = 1; i < count; i++)
        make(i, seed);
    node_count = count;
    await(count - 1, 0);
    return seconds_since(since_ns);
}

/* The last one to notice. */
static double kill_one(void) {
    const int victim = node_count - 1;
    turn_for((double)(rand() % 1000) / 1000);
    const uint64_t since_ns = repli__mono_ns();
    alldata_gossip_free(nodes[victim].gossip);
    nodes[victim].gossip = NULL;
    await(0, 1);
    uint64_t last_ns = since_ns;
    for (int i = 0; i < victim; i++)
        if (nodes[i].died_ns > last_ns)
            last_ns = nodes[i].died_ns;
    return (double)(last_ns - since_ns) / 1e9;
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void count_traffic(uint64_t *ret_frames, uint64_t *ret_bytes) {
    *ret_frames = *ret_bytes = 0;
    for (int i = 0; i < node_count; i++) {
        alldata_gossip_counters counters = ALLDATA_GOSSIP_COUNTERS_INIT;
        alldata_gossip_count(nodes[i].gossip, &counters, NULL);
        *ret_frames += counters.frames_out;
        *ret_bytes += counters.bytes_out;
    }
}

static void measure(int count) {
    enum { RUNS = 5, REST_S = 10 };
    double joins[RUNS];
    double deaths[RUNS];
    double frames = 0;
    double bytes = 0;
    double cpu = 0;
    const int runs = figures_quick() ? 2 : RUNS;
    for (int run = 0; run < runs; run++) {
        uint64_t before[2];
        uint64_t after[2];
        joins[run] = join(count);
        turn_for(2);
        count_traffic(&before[0], &before[1]);
        const double cpu_before = cpu_seconds();
        turn_for(REST_S);
        cpu += (cpu_seconds() - cpu_before) / runs / REST_S / count;
        count_traffic(&after[0], &after[1]);
        frames += (double)(after[0] - before[0]) / runs / REST_S / count;
        bytes += (double)(after[1] - before[1]) / runs / REST_S / count;
        deaths[run] = kill_one();
        for (int i = 0; i < node_count; i++)
            alldata_gossip_free(nodes[i].gossip);
    }
    char what[64];
    snprintf(what, sizeof(what), "%d nodes: all know all", count);
    figures_alone(what, figures_quantile(joins, (size_t)runs, 1), "s", NO_TARGET);
    snprintf(what, sizeof(what), "%d nodes: a death is noticed, median", count);
    figures_alone(what, figures_quantile(deaths, (size_t)runs, 0.5), "s", AT_MOST(5));
    snprintf(what, sizeof(what), "%d nodes: a death is noticed, longest", count);
    figures_alone(what, figures_quantile(deaths, (size_t)runs, 1), "s", AT_MOST(5));
    snprintf(what, sizeof(what), "%d nodes: frames a node", count);
    figures_alone(what, frames, "/s", NO_TARGET);
    snprintf(what, sizeof(what), "%d nodes: bytes a node", count);
    figures_alone(what, bytes, "B/s", NO_TARGET);
    snprintf(what, sizeof(what), "%d nodes: processor a node", count);
    figures_alone(what, cpu * 1e6, "us/s", NO_TARGET);
}

int main(void) {
    printf("gossip: nodes on loopback, in one process\n");
    measure(3);
    measure(MOST_NODES);
    return EXIT_SUCCESS;
}
