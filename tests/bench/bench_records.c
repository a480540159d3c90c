/*
 * bench_records DIRECTORY: what a million finished actions cost. Questions are asked in turns of a
 * store with a thousand of them and one with a million; then these are deleted while a caller
 * schedules.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "figures.h"
#include "plain.h"
#include "queue.h"
#include "store/internal.h"

enum { FEW = 1000, WAITING = 100, LOOKED_UP = 20000 };

typedef struct records {
    const char *path;
    uint64_t count;
    char ids[LOOKED_UP][REPLI_UUID_SIZE]; /* anywhere among them */
    queue queue;
    sqlite3 *plain; /* another connection, and on it */
    sqlite3_stmt *by_id;
} records;

static records few = {.count = FEW};
static records many;

static double since_us(uint64_t since, int count) {
    return (double)(repli__mono_ns() - since) / count / 1000;
}

static void choose_ids(records *it, const plain *db) {
    sqlite3_stmt *by_seq;
    uint64_t random = 1;
    sqlite3_prepare_v2(db->db, "SELECT id FROM actions WHERE seq = ?1", -1, &by_seq, NULL);
    for (int i = 0; i < LOOKED_UP; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        sqlite3_bind_int64(by_seq, 1, (int64_t)((random >> 33) % it->count) + 1);
        if (sqlite3_step(by_seq) != SQLITE_ROW)
            abort();
        repli__id_format(sqlite3_column_blob(by_seq, 0), it->ids[i]);
        sqlite3_reset(by_seq);
    }
    sqlite3_finalize(by_seq);
}

static void open_records(records *it) {
    plain db = {0};
    plain_open(&db, it->path);
    plain_fill(&db, it->count);
    choose_ids(it, &db);
    plain_close(&db);
    const uint64_t since = repli__mono_ns();
    queue_open(&it->queue, it->path);
    printf("  %9" PRIu64 " finished actions: opened in %.0f ms\n", it->count,
           since_us(since, 1) / 1000);
    for (int i = 0; i < WAITING; i++)
        queue_schedule(&it->queue, NULL);
    sqlite3_open_v2(it->path, &it->plain, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_prepare_v2(it->plain, repli__sql_reads[REPLI__SQL_BY_ID], -1, &it->by_id, NULL);
}

static void close_records(records *it) {
    sqlite3_finalize(it->by_id);
    sqlite3_close(it->plain);
    queue_close(&it->queue);
    plain_remove(it->path);
}

/* Questions: microseconds each. */

static double ask_next(records *it) {
    enum { TIMES = 2000 };
    sqlite3_stmt *oldest = it->queue.store->writes[REPLI__SQL_OLDEST];
    sqlite3_bind_int64(oldest, 1, 0);
    const uint64_t since = repli__mono_ns();
    for (int i = 0; i < TIMES; i++) {
        if (sqlite3_step(oldest) != SQLITE_ROW)
            abort();
        sqlite3_reset(oldest);
    }
    return since_us(since, TIMES);
}

static double ask_id(records *it) {
    enum { TIMES = 1000 };
    static int turn;
    const int from = turn++ % (LOOKED_UP / TIMES) * TIMES;
    repli_error error = REPLI_ERROR_INIT;
    const uint64_t since = repli__mono_ns();
    for (int i = 0; i < TIMES; i++) {
        repli_doc *doc;
        const repli_action *action;
        queue_need(repli__store_action(it->queue.store, it->ids[from + i], &doc, &action, &error),
                   &error);
        repli_doc_free(doc);
    }
    return since_us(since, TIMES);
}

/* What SQLite alone needs to find the same records. */
static double ask_plain_id(records *it) {
    enum { TIMES = 1000 };
    static int turn;
    const int from = turn++ % (LOOKED_UP / TIMES) * TIMES;
    unsigned char id[REPLI__ID_SIZE];
    const uint64_t since = repli__mono_ns();
    for (int i = 0; i < TIMES; i++) {
        repli__id_parse(it->ids[from + i], id);
        sqlite3_bind_blob(it->by_id, 1, id, sizeof(id), SQLITE_STATIC);
        if (sqlite3_step(it->by_id) != SQLITE_ROW)
            abort();
        sqlite3_reset(it->by_id);
    }
    return since_us(since, TIMES);
}

static double ask_list(records *it, int finished) {
    enum { TIMES = 200 };
    repli_error error = REPLI_ERROR_INIT;
    const uint64_t since = repli__mono_ns();
    for (int i = 0; i < TIMES; i++) {
        repli_doc *doc;
        const repli_action_summary *list;
        size_t count;
        if (finished)
            queue_need(
                repli__store_finished(it->queue.store, WAITING, NULL, &doc, &list, &count, &error),
                &error);
        else
            queue_need(repli__store_queue(it->queue.store, &doc, &list, &count, &error), &error);
        if (count != WAITING)
            abort();
        repli_doc_free(doc);
    }
    return since_us(since, TIMES);
}

static double ask_queue(records *it) {
    return ask_list(it, 0);
}

static double ask_finished(records *it) {
    return ask_list(it, 1);
}

static void compare(const char *what, double (*ask)(records *it), figures_target target) {
    figures both = {0};
    ask(&many);
    ask(&few);
    for (int i = 0; i < figures_rounds(); i++) {
        const double us = ask(&many);
        figures_add(&both, us, ask(&few));
    }
    figures_print(&both, what, "µs", target);
}

/* Clean-up. */

static void *purge(void *argument) {
    uint32_t deleted;
    repli_error error = REPLI_ERROR_INIT;
    queue_need(repli__store_purge(argument, INT64_MAX, UINT32_MAX, &deleted, &error), &error);
    if (deleted != many.count)
        abort();
    return NULL;
}

/* Waits of schedules one after the other, until the thread ends or the samples do; milliseconds. */
static size_t sample_waits(queue *it, const pthread_t *until, double *waits, size_t room) {
    size_t count = 0;
    while (count < room && (until == NULL || pthread_tryjoin_np(*until, NULL) != 0)) {
        const uint64_t since = repli__mono_ns();
        queue_schedule(it, NULL);
        waits[count++] = since_us(since, 1) / 1000;
    }
    return count;
}

static void bench_purge(void) {
    enum { SAMPLES = 1 << 20 };
    static double waits[SAMPLES];
    static double alone[SAMPLES];
    pthread_t purger;
    const uint64_t since = repli__mono_ns();
    pthread_create(&purger, NULL, purge, many.queue.store);
    const size_t count = sample_waits(&many.queue, &purger, waits, SAMPLES);
    const double seconds = since_us(since, 1) / 1e6;
    if (count == SAMPLES)
        pthread_join(purger, NULL);
    sample_waits(&few.queue, NULL, alone, count);
    printf("\n  %" PRIu64 " records deleted in %.1f s; %zu schedules meanwhile and as many with "
           "nothing else to do:\n",
           many.count, seconds, count);
    figures_head("deleting", "alone");
    figures_line("schedule, p50", figures_quantile(waits, count, 0.5),
                 figures_quantile(alone, count, 0.5), "ms", NO_TARGET);
    figures_line("schedule, p99", figures_quantile(waits, count, 0.99),
                 figures_quantile(alone, count, 0.99), "ms", NO_TARGET);
    figures_alone("schedule, longest while deleting", figures_quantile(waits, count, 1), "ms",
                  AT_MOST(50));
    figures_alone("schedule, longest alone", figures_quantile(alone, count, 1), "ms", NO_TARGET);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: bench_records DIRECTORY\n");
        return 2;
    }
    plain_setup();
    many.count = figures_quick() ? 100000 : 1000000;
    few.path = queue_path(argv[1], "bench-few.db");
    many.path = queue_path(argv[1], "bench-many.db");
    puts("A store with many finished actions beside one with few, 100 waiting in each\n");
    open_records(&few);
    open_records(&many);
    char head[32];
    snprintf(head, sizeof(head), "%" PRIu64, many.count);
    figures_head(head, "1000");
    compare("next to execute", ask_next, AT_MOST(1.3));
    compare("look-up by id, any of them", ask_id, AT_MOST(1.3));
    compare("  its statement in plain SQLite", ask_plain_id, NO_TARGET);
    compare("list of the queue, 100 waiting", ask_queue, AT_MOST(1.3));
    compare("list of the newest 100 finished", ask_finished, AT_MOST(1.3));
    bench_purge();
    close_records(&few);
    close_records(&many);
    return 0;
}
