/*
 * bench_store DIRECTORY: what the queue of actions costs, each figure beside SQLite used directly
 * for the same commits in the same run. Absolute figures are those of the disk below DIRECTORY; the
 * ratios are ours.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "figures.h"
#include "plain.h"
#include "queue.h"

#define ROUND_NS ((uint64_t)(200 * REPLI__NS_PER_MS))

static char our_path[600];
static char plain_path[600];

static uint64_t round_end(void) {
    return repli__mono_ns() + ROUND_NS;
}

static double rate(uint64_t count, uint64_t since_ns) {
    return (double)count * 1e9 / (double)(repli__mono_ns() - since_ns);
}

/* Both sides, empty. */
static void open_both(queue *it, plain *other) {
    plain_remove(our_path);
    queue_open(it, our_path);
    plain_open(other, plain_path);
}

static void close_both(queue *it, plain *other) {
    queue_close(it);
    plain_remove(our_path);
    plain_close(other);
    plain_remove(plain_path);
}

/* Schedules. */

typedef struct submitters {
    queue *it;
    atomic_ullong count;
    uint64_t until_ns;
} submitters;

static void *submit(void *argument) {
    submitters *all = argument;
    uint64_t count = 0;
    while (repli__mono_ns() < all->until_ns) {
        queue_schedule(all->it, NULL);
        count++;
    }
    atomic_fetch_add(&all->count, count);
    return NULL;
}

static double our_schedules(queue *it, int threads, uint64_t until_ns) {
    submitters all = {.it = it, .until_ns = until_ns};
    pthread_t ids[64];
    const uint64_t since = repli__mono_ns();
    if (threads == 1) {
        submit(&all);
    } else {
        for (int i = 0; i < threads; i++)
            pthread_create(&ids[i], NULL, submit, &all);
        for (int i = 0; i < threads; i++)
            pthread_join(ids[i], NULL);
    }
    return rate(atomic_load(&all.count), since);
}

static int rows_a_commit(const repli__store_stats *before, const repli__store_stats *after) {
    const uint64_t commits = after->commits - before->commits;
    return (int)((after->changes - before->changes + commits / 2) / commits);
}

static void bench_one_caller(void) {
    queue it;
    plain other = {0};
    figures both = {0};
    open_both(&it, &other);
    for (int i = 0; i < figures_rounds(); i++) {
        const double ours = our_schedules(&it, 1, round_end());
        figures_add(&both, ours, plain_schedules(&other, 1, round_end()));
    }
    figures_print(&both, "1 caller / a loop", "schedules/s", AT_LEAST(0.9));
    close_both(&it, &other);
}

static void bench_callers(int threads, figures_target target) {
    queue it;
    plain other = {0};
    figures group = {0};
    figures loop = {0};
    int rows = 0;
    open_both(&it, &other);
    for (int i = 0; i < figures_rounds(); i++) {
        repli__store_stats before;
        repli__store_stats after;
        repli__store_stats_get(it.store, &before);
        const double ours = our_schedules(&it, threads, round_end());
        repli__store_stats_get(it.store, &after);
        rows = rows_a_commit(&before, &after);
        figures_add(&group, ours, plain_group(&other, threads, round_end()));
        figures_add(&loop, ours, plain_schedules(&other, rows, round_end()));
    }
    char what[80];
    snprintf(what, sizeof(what), "%d callers / %d callers and a writer thread", threads, threads);
    figures_print(&group, what, "schedules/s", target);
    snprintf(what, sizeof(what), "%d callers / a loop that commits %d rows", threads, rows);
    figures_print(&loop, what, "schedules/s", NO_TARGET);
    close_both(&it, &other);
}

/* Whole actions. */

/* Schedule, and when it is done the next; number counts from 1. */
static void do_action(queue *it, uint64_t number) {
    queue_schedule(it, NULL);
    queue_wait(number);
}

static void bench_actions(void) {
    queue it;
    plain other = {0};
    figures both = {0};
    uint64_t number = 0;
    repli__store_stats before;
    repli__store_stats after;
    open_both(&it, &other);
    queue_start(&it);
    repli__store_stats_get(it.store, &before);
    for (int i = 0; i < figures_rounds(); i++) {
        const uint64_t first = number;
        const uint64_t since = repli__mono_ns();
        const uint64_t until = round_end();
        while (repli__mono_ns() < until)
            do_action(&it, ++number);
        const double ours = rate(number - first, since);
        figures_add(&both, ours, plain_actions(&other, round_end()));
    }
    repli__store_stats_get(it.store, &after);
    figures_print(&both, "whole actions, one after the other / two commits", "actions/s",
                  AT_LEAST(0.85));
    figures_alone("commits of a whole action",
                  (double)(after.commits - before.commits) / (double)number, "", AT_MOST(2));
    queue_stop(&it);
    close_both(&it, &other);
}

/* A full queue: the end of one and the start of the next are one commit. */
static void bench_drain(void) {
    queue it;
    plain other = {0};
    figures both = {0};
    open_both(&it, &other);
    for (int i = 0; i < figures_rounds(); i++) {
        const double ours = queue_drain(&it, 400);
        figures_add(&both, ours, plain_drain(&other, 400));
    }
    figures_print(&both, "whole actions of a full queue / one commit", "actions/s", AT_LEAST(0.85));
    close_both(&it, &other);
}

/* From the call to the first step, on an idle queue; beside it one commit. */
static void bench_pickup(void) {
    enum { SAMPLES = 4000 };
    static double ours[SAMPLES];
    static double theirs[SAMPLES];
    const size_t count = figures_quick() ? SAMPLES / 4 : SAMPLES;
    queue it;
    plain other = {0};
    open_both(&it, &other);
    queue_start(&it);
    for (size_t i = 0; i < count; i++) {
        uint64_t since = repli__mono_ns();
        do_action(&it, i + 1);
        ours[i] = (double)(queue_stepped_ns() - since) / 1000;
        since = repli__mono_ns();
        plain_insert(&other, REPLI_PHASE_RUNNING);
        theirs[i] = (double)(repli__mono_ns() - since) / 1000;
    }
    figures_line("call to first step, p50 / one commit", figures_quantile(ours, count, 0.5),
                 figures_quantile(theirs, count, 0.5), "µs", AT_MOST(1.5));
    figures_alone("call to first step, p99", figures_quantile(ours, count, 0.99), "µs",
                  AT_MOST(5000));
    figures_alone("  one commit of SQLite, p99", figures_quantile(theirs, count, 0.99), "µs",
                  NO_TARGET);
    queue_stop(&it);
    close_both(&it, &other);
}

int main(int argc, char **argv) {
    char directory[512];
    if (argc < 2 || (size_t)snprintf(directory, sizeof(directory), "%s/bench-XXXXXX", argv[1]) >=
                        sizeof(directory)) {
        fprintf(stderr, "usage: bench_store DIRECTORY\n");
        return 2;
    }
    if (mkdtemp(directory) == NULL) {
        fprintf(stderr, "bench_store: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    snprintf(our_path, sizeof(our_path), "%s/agent.db", directory);
    snprintf(plain_path, sizeof(plain_path), "%s/plain.db", directory);
    plain_setup();

    printf("Durable queue of actions beside plain SQLite %s: the same commits, medians of %d "
           "rounds\n\n",
           sqlite3_libversion(), figures_rounds());
    figures_head("library", "SQLite");
    bench_one_caller();
    bench_callers(16, NO_TARGET);
    bench_callers(64, AT_LEAST(0.8));
    bench_actions();
    bench_drain();
    bench_pickup();
    rmdir(directory);
    return 0;
}
