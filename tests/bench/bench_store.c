/*
 * bench_store DIRECTORY: what the queue of actions costs, each figure beside SQLite used directly
 * for the same commits in the same run. Absolute figures are those of the disk below DIRECTORY; the
 * ratios are ours.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/executor.h"
#include "base/clock.h"
#include "driver/instance.h"
#include "figures.h"
#include "plain.h"
#include "store/internal.h"

#define ROUND_NS ((uint64_t)(100 * REPLI__NS_PER_MS))

static char our_path[600];
static char plain_path[600];

static void need(int32_t code, const repli_error *error) {
    if (code == REPLI_OK)
        return;
    fprintf(stderr, "bench_store: %s\n", error->message);
    exit(1);
}

static uint64_t round_end(void) {
    return repli__mono_ns() + ROUND_NS;
}

static double rate(uint64_t count, uint64_t since_ns) {
    return (double)count * 1e9 / (double)(repli__mono_ns() - since_ns);
}

/* Our side. */

static atomic_ullong stepped_at_ns;
static uint64_t ended;
static pthread_mutex_t ended_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_ended = PTHREAD_COND_INITIALIZER;

/* The log tells when an action is done, without anybody having to ask. */
static void note_end(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)level;
    (void)origin;
    (void)user_data;
    if (strstr(message, " is DONE") == NULL)
        return;
    pthread_mutex_lock(&ended_mutex);
    ended++;
    pthread_cond_signal(&one_ended);
    pthread_mutex_unlock(&ended_mutex);
}

static void wait_for_end(uint64_t number) {
    pthread_mutex_lock(&ended_mutex);
    while (ended < number)
        pthread_cond_wait(&one_ended, &ended_mutex);
    pthread_mutex_unlock(&ended_mutex);
}

typedef struct subject {
    repli__store *store;
    repli__log log;
    repli__registry *registry;
    repli__host *host;
    repli__executor *executor;
} subject;

static void open_store(subject *it) {
    const repli__store_options options = {.path = our_path,
                                          .full_sync = 1,
                                          .queue_limit = UINT64_MAX,
                                          .mem = &repli__mem_default,
                                          .log = &it->log};
    repli__log_init(&it->log);
    repli__log_set(&it->log, REPLI_LOG_INFO, note_end, NULL);
    repli_error error = REPLI_ERROR_INIT;
    need(repli__store_open(&options, &it->store, &error), &error);
    need(repli__store_start(it->store, &error), &error);
}

static void close_store(subject *it) {
    repli__store_close(it->store);
    repli__log_dispose(&it->log);
    plain_remove(our_path);
}

/* Both sides, empty. */
static void open_both(subject *it, plain *other) {
    plain_remove(our_path);
    open_store(it);
    plain_open(other, plain_path);
}

static void close_both(subject *it, plain *other) {
    close_store(it);
    plain_close(other);
    plain_remove(plain_path);
}

static void schedule(repli__store *store) {
    char id[REPLI_UUID_SIZE];
    repli_uuid_generate(id, NULL);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/work";
    request.args_json = plain_args;
    request.id = id;
    request.created_ns = repli__wall_ns();
    request.requester = "AGENT_API";
    repli_error error = REPLI_ERROR_INIT;
    need(repli__store_insert(store, &request, &error), &error);
}

/* Schedules. */

typedef struct submitters {
    repli__store *store;
    atomic_ullong count;
    uint64_t until_ns;
} submitters;

static void *submit(void *argument) {
    submitters *all = argument;
    uint64_t count = 0;
    while (repli__mono_ns() < all->until_ns) {
        schedule(all->store);
        count++;
    }
    atomic_fetch_add(&all->count, count);
    return NULL;
}

static double our_schedules(repli__store *store, int threads, uint64_t until_ns) {
    submitters all = {.store = store, .until_ns = until_ns};
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
    subject it = {0};
    plain other = {0};
    figures both = {0};
    open_both(&it, &other);
    for (int i = 0; i < FIGURES_ROUNDS; i++) {
        const double ours = our_schedules(it.store, 1, round_end());
        figures_add(&both, ours, plain_schedules(&other, 1, round_end()));
    }
    figures_print(&both, "1 caller / a loop", "schedules/s");
    close_both(&it, &other);
}

static void bench_callers(int threads) {
    subject it = {0};
    plain other = {0};
    figures group = {0};
    figures loop = {0};
    int rows = 0;
    open_both(&it, &other);
    for (int i = 0; i < FIGURES_ROUNDS; i++) {
        repli__store_stats before;
        repli__store_stats after;
        repli__store_stats_get(it.store, &before);
        const double ours = our_schedules(it.store, threads, round_end());
        repli__store_stats_get(it.store, &after);
        rows = rows_a_commit(&before, &after);
        figures_add(&group, ours, plain_group(&other, threads, round_end()));
        figures_add(&loop, ours, plain_schedules(&other, rows, round_end()));
    }
    char what[80];
    snprintf(what, sizeof(what), "%d callers / %d callers and a writer thread", threads, threads);
    figures_print(&group, what, "schedules/s");
    snprintf(what, sizeof(what), "%d callers / a loop that commits %d rows", threads, rows);
    figures_print(&loop, what, "schedules/s");
    close_both(&it, &other);
}

/* Whole actions. */

static int32_t step_once(void *user_data, const repli_host *host, repli_op *op,
                         const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)op;
    (void)step;
    (void)err;
    atomic_store(&stepped_at_ns, repli__mono_ns());
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    return host->emit_outcome(sink, &outcome);
}

static void start_executor(subject *it) {
    static const repli__executor_options options = {.step_timeout_ms = 10000,
                                                    .max_interval_ms = 1000};
    repli__handler handler = {.kind = REPLI_ACTION_KIND_INIT, .step = step_once};
    handler.kind.kind = "example.com/work";
    repli_error error = REPLI_ERROR_INIT;
    const repli__mem *mem = &repli__mem_default;
    ended = 0;
    need(repli__registry_new(mem, &it->registry, &error), &error);
    need(repli__registry_add(it->registry, REPLI__OWNER_HOST, &handler, &error), &error);
    need(repli__host_new("bench", mem, &it->log, &it->host, &error), &error);
    need(repli__executor_new(it->store, it->registry, repli__host_table(it->host), &options, mem,
                             &it->log, &it->executor, &error),
         &error);
    need(repli__executor_start(it->executor, &error), &error);
}

static void stop_executor(subject *it) {
    repli__executor_stop(it->executor, 10000, NULL);
    repli__executor_free(it->executor);
    repli__host_free(it->host);
    repli__registry_free(it->registry);
}

/* Schedule, and when it is done the next; number counts from 1. */
static void do_action(subject *it, uint64_t number) {
    schedule(it->store);
    wait_for_end(number);
}

static void bench_actions(void) {
    subject it = {0};
    plain other = {0};
    figures both = {0};
    uint64_t number = 0;
    open_both(&it, &other);
    start_executor(&it);
    for (int i = 0; i < FIGURES_ROUNDS; i++) {
        const uint64_t before = number;
        const uint64_t since = repli__mono_ns();
        const uint64_t until = round_end();
        while (repli__mono_ns() < until)
            do_action(&it, ++number);
        const double ours = rate(number - before, since);
        figures_add(&both, ours, plain_actions(&other, round_end()));
    }
    figures_print(&both, "one after the other, 2 commits each", "actions/s");
    stop_executor(&it);
    close_both(&it, &other);
}

/* A full queue: the end of one and the start of the next are one commit. */
static double our_drain(subject *it, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        schedule(it->store);
    start_executor(it);
    const uint64_t since = repli__mono_ns();
    wait_for_end(count);
    const double actions = rate(count, since);
    stop_executor(it);
    return actions;
}

static void bench_drain(void) {
    subject it = {0};
    plain other = {0};
    figures both = {0};
    open_both(&it, &other);
    for (int i = 0; i < FIGURES_ROUNDS; i++) {
        const double ours = our_drain(&it, 400);
        figures_add(&both, ours, plain_drain(&other, 400));
    }
    figures_print(&both, "a full queue, 1 commit each", "actions/s");
    close_both(&it, &other);
}

/* From the call to the first step, on an idle queue; beside it one commit. */
static void bench_pickup(void) {
    enum { SAMPLES = 2000 };
    static double ours[SAMPLES];
    static double theirs[SAMPLES];
    subject it = {0};
    plain other = {0};
    open_both(&it, &other);
    start_executor(&it);
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t since = repli__mono_ns();
        do_action(&it, i + 1);
        ours[i] = (double)(atomic_load(&stepped_at_ns) - since) / 1000;
        since = repli__mono_ns();
        plain_insert(&other, REPLI_PHASE_RUNNING);
        theirs[i] = (double)(repli__mono_ns() - since) / 1000;
    }
    figures_line("call to first step, p50 / one commit", figures_quantile(ours, SAMPLES, 0.5),
                 figures_quantile(theirs, SAMPLES, 0.5), "µs");
    figures_line("call to first step, p99 / one commit", figures_quantile(ours, SAMPLES, 0.99),
                 figures_quantile(theirs, SAMPLES, 0.99), "µs");
    stop_executor(&it);
    close_both(&it, &other);
}

/* With many finished actions. */

static void fill(uint64_t count) {
    plain other = {0};
    plain_open(&other, our_path);
    plain_fill(&other, count);
    plain_close(&other);
}

static double time_next(subject *it) {
    enum { TIMES = 20000 };
    sqlite3_stmt *oldest = it->store->writes[REPLI__SQL_OLDEST];
    const uint64_t since = repli__mono_ns();
    for (int i = 0; i < TIMES; i++) {
        sqlite3_step(oldest);
        sqlite3_reset(oldest);
    }
    return (double)(repli__mono_ns() - since) / TIMES / 1000;
}

static void bench_finished(uint64_t count) {
    subject it = {0};
    fill(count);
    const uint64_t since = repli__mono_ns();
    open_store(&it);
    const double opening_ms = (double)(repli__mono_ns() - since) / 1e6;
    for (int i = 0; i < 10; i++)
        schedule(it.store);
    const double next_us = time_next(&it);
    const double actions = our_drain(&it, 400);
    printf("  %9" PRIu64 " of them: next to execute found in %.1f µs, a full queue done at %.0f "
           "actions/s, opened in %.0f ms\n",
           count, next_us, actions, opening_ms);
    fflush(stdout);
    close_store(&it);
}

static void *purge(void *argument) {
    uint32_t deleted;
    repli_error error = REPLI_ERROR_INIT;
    need(repli__store_purge(argument, INT64_MAX, UINT32_MAX, &deleted, &error), &error);
    return NULL;
}

static void bench_purge(uint64_t count) {
    enum { SAMPLES = 100000 };
    static double waits[SAMPLES];
    subject it = {0};
    fill(count);
    open_store(&it);
    pthread_t purger;
    const uint64_t since = repli__mono_ns();
    pthread_create(&purger, NULL, purge, it.store);
    size_t samples = 0;
    int purges = 1;
    while (purges && samples < SAMPLES) {
        const uint64_t called_ns = repli__mono_ns();
        schedule(it.store);
        waits[samples++] = (double)(repli__mono_ns() - called_ns) / 1000;
        purges = pthread_tryjoin_np(purger, NULL) != 0;
    }
    if (purges)
        pthread_join(purger, NULL);
    printf("  %9" PRIu64
           " of them deleted in %.1f s; schedules meanwhile took %.0f µs at p50, %.0f "
           "at p99, %.0f at most\n",
           count, (double)(repli__mono_ns() - since) / 1e9, figures_quantile(waits, samples, 0.5),
           figures_quantile(waits, samples, 0.99), figures_quantile(waits, samples, 1));
    close_store(&it);
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
           sqlite3_libversion(), FIGURES_ROUNDS);
    figures_head("library", "SQLite");
    bench_one_caller();
    bench_callers(16);
    bench_callers(64);
    bench_actions();
    bench_drain();
    bench_pickup();
    printf("\nWith finished actions in the database:\n");
    bench_finished(1000);
    bench_finished(100000);
    const char *more = getenv("BENCH_STORE");
    if (more != NULL)
        bench_finished(strtoull(more, NULL, 10));
    bench_purge(50000);
    rmdir(directory);
    return 0;
}
