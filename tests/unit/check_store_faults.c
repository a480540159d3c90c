/* run.sh timeout: 600 */
#include <check.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/mem.h"
#include "child.h"
#include "store/internal.h"
#include "store_fixture.h"

/* What the store does when the disk, memory or the process fails. */

static store_fixture fixture;

static void setup(void) {
    store_fixture_setup(&fixture);
}

static void teardown(void) {
    store_fixture_teardown(&fixture);
}

static uint64_t queued(void) {
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    return stats.queued;
}

static int32_t insert(uint64_t number, repli_error *err) {
    char id[REPLI_UUID_SIZE];
    const repli_request request = test_request(number, id);
    return repli__store_insert(fixture.store, &request, err);
}

static int exists(uint64_t number) {
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    repli_doc *doc;
    const repli_action *action;
    const int32_t code = repli__store_action(fixture.store, id, &doc, &action, NULL);
    if (code == REPLI_OK)
        repli_doc_free(doc);
    ck_assert(code == REPLI_OK || code == REPLI_ENOTFOUND);
    return code == REPLI_OK;
}

static void ignore_claim(void *user_data) {
    (void)user_data;
}

/* A batch: what is left to the writer thread before it exists is committed together. */

typedef struct answer {
    int calls;
    int32_t code;
    char message[64];
} answer;

static void note_answer(void *user_data, int32_t code, const repli_error *error) {
    answer *noted = user_data;
    noted->calls++;
    noted->code = code;
    snprintf(noted->message, sizeof(noted->message), "%.63s", error != NULL ? error->message : "");
}

/* Queue changes as if a commit were under way, then let it end. */
static void hold(void) {
    pthread_mutex_lock(&fixture.store->mutex);
    while (fixture.store->busy) {
        pthread_mutex_unlock(&fixture.store->mutex);
        usleep(100);
        pthread_mutex_lock(&fixture.store->mutex);
    }
    fixture.store->busy = 1;
    pthread_mutex_unlock(&fixture.store->mutex);
}

static void release(void) {
    pthread_mutex_lock(&fixture.store->mutex);
    repli__commit_queued(fixture.store);
    pthread_mutex_unlock(&fixture.store->mutex);
}

static void insert_later(uint64_t number, answer *noted) {
    char id[REPLI_UUID_SIZE];
    const repli_request request = test_request(number, id);
    *noted = (answer){0};
    ck_assert_int_eq(repli__store_insert_async(fixture.store, &request, note_answer, noted, NULL),
                     REPLI_OK);
    ck_assert_int_eq(noted->calls, 0);
}

START_TEST(one_bad_change_fails_alone) {
    test_insert(fixture.store, 3);
    repli__store_set_queue_limit(fixture.store, 5);
    repli__store_stats before;
    repli__store_stats_get(fixture.store, &before);
    static const struct {
        uint64_t number;
        int32_t code;
    } cases[] = {{1, REPLI_OK}, {1, REPLI_ECONFLICT}, {2, REPLI_OK},   {3, REPLI_ECONFLICT},
                 {4, REPLI_OK}, {5, REPLI_OK},        {6, REPLI_EFULL}};
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    answer answers[COUNT];
    hold();
    for (size_t i = 0; i < COUNT; i++)
        insert_later(cases[i].number, &answers[i]);
    release();
    repli__store_stats after;
    repli__store_stats_get(fixture.store, &after);
    ck_assert_uint_eq(after.commits, before.commits + 1);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(answers[i].calls, 1);
        ck_assert_int_eq(answers[i].code, cases[i].code);
    }
    ck_assert_uint_eq(queued(), 5);
}
END_TEST

static int veto(void *user_data) {
    (void)user_data;
    return 1;
}

START_TEST(a_failed_commit_fails_all_and_changes_nothing) {
    test_insert(fixture.store, 1);
    sqlite3_commit_hook(fixture.store->writer.db, veto, NULL);
    answer answers[3];
    hold();
    insert_later(2, &answers[0]);
    insert_later(2, &answers[1]); /* refused, but by what is undone */
    insert_later(3, &answers[2]);
    release();
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(answers[i].calls, 1);
        ck_assert_int_eq(answers[i].code, REPLI_EINTERNAL);
        ck_assert_ptr_nonnull(strstr(answers[i].message, "cannot write to the database"));
    }
    ck_assert_uint_eq(queued(), 1);
    ck_assert(!exists(2) && !exists(3));
    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_int_eq(stats.last_code, REPLI_EINTERNAL);
    ck_assert_uint_eq(stats.errors, 1);

    /* A claim that could not be written is made by the next transaction that works. */
    ck_assert_int_ne(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(repli__store_take(fixture.store, &(repli__claim){0}, NULL), REPLI_ENOTFOUND);
    sqlite3_commit_hook(fixture.store->writer.db, NULL, NULL);
    test_insert(fixture.store, 2);
    repli__claim claim;
    ck_assert_int_eq(repli__store_take(fixture.store, &claim, NULL), REPLI_OK);
    repli_doc_free(claim.doc);
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_int_eq(stats.last_code, REPLI_OK);
    ck_assert_uint_eq(stats.scheduled, 2);
}
END_TEST

/* The disk. */

START_TEST(a_full_database_is_told_and_gets_over_it) {
    repli__store_start(fixture.store, NULL);
    hold();
    sqlite3_exec(fixture.store->writer.db, "PRAGMA max_page_count = 30", NULL, NULL, NULL);
    release();
    uint64_t number = 1;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_OK;
    for (; number < 1000 && code == REPLI_OK; number++)
        code = insert(number, &error);
    ck_assert_int_eq(code, REPLI_EFULL);
    ck_assert_ptr_nonnull(strstr(error.message, "no space is left"));
    ck_assert_int_eq(strncmp(error.native, "sqlite ", 7), 0);
    const uint64_t refused = number - 1;
    ck_assert(!exists(refused));
    ck_assert_uint_eq(queued(), refused - 1);
    hold();
    sqlite3_exec(fixture.store->writer.db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL);
    release();
    /* The writer thread finds out by itself. */
    const uint64_t until = repli__deadline_ns(20000);
    repli__store_stats stats;
    do {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(10000);
        repli__store_stats_get(fixture.store, &stats);
    } while (stats.last_code != REPLI_OK);
    test_insert(fixture.store, refused);
}
END_TEST

/* In a mount namespace of its own, a disk of 300 KB. Returns what became of it. */
static int fill_disk(void) {
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", fixture.directory, "tmpfs", 0, "size=400k") != 0)
        return 77;
    repli_error error = REPLI_ERROR_INIT;
    if (store_fixture_try(&fixture, &error) != REPLI_OK)
        return 1;
    uint64_t number = 1;
    while (number < 10000 && insert(number, &error) == REPLI_OK)
        number++;
    if (error.code != REPLI_EFULL || strstr(error.message, "no space is left") == NULL)
        return 2;
    /* Nothing that was acknowledged is lost, and reading goes on. */
    for (uint64_t i = 1; i < number; i++)
        if (!exists(i))
            return 3;
    if (exists(number) || queued() != number - 1)
        return 4;
    if (mount("none", fixture.directory, "tmpfs", MS_REMOUNT, "size=4m") != 0)
        return 77;
    if (insert(number, &error) != REPLI_OK || insert(number + 1, &error) != REPLI_OK)
        return 5;
    store_fixture_close(&fixture);
    store_fixture_open(&fixture);
    if (queued() != number + 1)
        return 6;
    store_fixture_close(&fixture);
    return 0;
}

START_TEST(a_full_disk_loses_nothing) {
    store_fixture_close(&fixture);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const int failed = fill_disk();
        if (failed == 0)
            test_end_child(1);
        _exit(failed);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        printf("skip: a full disk (needs root, to mount one)\n");
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
    store_fixture_open(&fixture);
}
END_TEST

/* Threads. */

enum { THREADS = 64, EACH = 20 };

typedef struct submitter {
    pthread_t thread;
    uint64_t first;
    int failures;
} submitter;

static void *submit(void *argument) {
    submitter *mine = argument;
    for (uint64_t i = 0; i < EACH; i++)
        mine->failures += insert(mine->first + i, NULL) != REPLI_OK;
    return NULL;
}

static atomic_int reads_end;

/* Readers never wait for a writer, nor see half of anything. */
static void *read_all(void *argument) {
    int *failures = argument;
    size_t last = 0;
    while (!atomic_load(&reads_end)) {
        repli_doc *doc;
        const repli_action_summary *summaries;
        size_t count;
        if (repli__store_queue(fixture.store, &doc, &summaries, &count, NULL) != REPLI_OK) {
            ++*failures;
            continue;
        }
        *failures += count < last;
        last = count;
        repli_doc_free(doc);
    }
    return NULL;
}

START_TEST(threads_share_commits_and_keep_their_order) {
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    static submitter submitters[THREADS];
    pthread_t reader;
    int read_failures = 0;
    atomic_store(&reads_end, 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &read_failures), 0);
    for (size_t i = 0; i < THREADS; i++) {
        submitters[i] = (submitter){.first = (i + 1) * 1000};
        ck_assert_int_eq(pthread_create(&submitters[i].thread, NULL, submit, &submitters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(submitters[i].thread, NULL);
        ck_assert_int_eq(submitters[i].failures, 0);
    }
    atomic_store(&reads_end, 1);
    pthread_join(reader, NULL);
    ck_assert_int_eq(read_failures, 0);

    repli__store_stats stats;
    repli__store_stats_get(fixture.store, &stats);
    ck_assert_uint_eq(stats.scheduled, THREADS * EACH);
    ck_assert_uint_eq(stats.changes, THREADS * EACH);
    ck_assert_uint_lt(stats.commits, THREADS * EACH);

    /* Whoever was told before it asked again stands before it. */
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    ck_assert_int_eq(repli__store_queue(fixture.store, &doc, &summaries, &count, NULL), REPLI_OK);
    ck_assert_uint_eq(count, THREADS * EACH);
    uint64_t next[THREADS + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        const uint64_t number = strtoull(summaries[i].id + 24, NULL, 16);
        ck_assert_uint_eq(number % 1000, next[number / 1000]);
        next[number / 1000]++;
    }
    repli_doc_free(doc);
}
END_TEST

static void *execute(void *argument) {
    int *failures = argument;
    int64_t last = 0;
    for (int done = 0; done < THREADS * EACH;) {
        repli__claim claim;
        if (repli__store_take(fixture.store, &claim, NULL) != REPLI_OK) {
            usleep(100);
            continue;
        }
        *failures += claim.sequence <= last || claim.action->phase != REPLI_PHASE_RUNNING;
        last = claim.sequence;
        const int32_t phase = done % 3 == 0 ? REPLI_PHASE_FAILED : REPLI_PHASE_DONE;
        *failures += repli__store_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, 0,
                                          "1", NULL, NULL) != REPLI_OK;
        *failures += repli__store_advance(fixture.store, claim.sequence, phase, 0, NULL, NULL,
                                          NULL) != REPLI_OK;
        repli_doc_free(claim.doc);
        done++;
    }
    return NULL;
}

static void *purge(void *argument) {
    int *failures = argument;
    while (!atomic_load(&reads_end)) {
        uint32_t deleted;
        *failures += repli__store_purge(fixture.store, INT64_MAX, 50, &deleted, NULL) != REPLI_OK;
        usleep(1000);
    }
    return NULL;
}

START_TEST(schedules_claims_and_purges_go_on_at_once) {
    ck_assert_int_eq(repli__store_start(fixture.store, NULL), REPLI_OK);
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    static submitter submitters[THREADS];
    pthread_t executor;
    pthread_t purger;
    int failures = 0;
    int purge_failures = 0;
    atomic_store(&reads_end, 0);
    ck_assert_int_eq(pthread_create(&executor, NULL, execute, &failures), 0);
    ck_assert_int_eq(pthread_create(&purger, NULL, purge, &purge_failures), 0);
    for (size_t i = 0; i < THREADS; i++) {
        submitters[i] = (submitter){.first = (i + 1) * 1000};
        ck_assert_int_eq(pthread_create(&submitters[i].thread, NULL, submit, &submitters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(submitters[i].thread, NULL);
        ck_assert_int_eq(submitters[i].failures, 0);
    }
    pthread_join(executor, NULL);
    atomic_store(&reads_end, 1);
    pthread_join(purger, NULL);
    ck_assert_int_eq(failures, 0);
    ck_assert_int_eq(purge_failures, 0);
    ck_assert_uint_eq(queued(), 0);
    uint32_t deleted;
    ck_assert_int_eq(repli__store_purge(fixture.store, INT64_MAX, 100000, &deleted, NULL),
                     REPLI_OK);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM actions"), 0);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM history"), 0);
}
END_TEST

/* Being killed. */

enum { KILLS = 20 };

static int acknowledged; /* the pipe's end for writing */

/* Schedules without end, and says which were acknowledged; executes them beside. */
static void *submit_and_tell(void *argument) {
    uint64_t number = *(const uint64_t *)argument;
    for (;; number++)
        if (insert(number, NULL) != REPLI_OK ||
            write(acknowledged, &number, sizeof(number)) != sizeof(number))
            _exit(1);
}

static void work_until_killed(uint64_t first) {
    store_fixture_open(&fixture);
    if (repli__store_start(fixture.store, NULL) != REPLI_OK ||
        repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL) != REPLI_OK)
        _exit(1);
    pthread_t threads[3];
    uint64_t firsts[3];
    for (size_t i = 0; i < 3; i++) {
        firsts[i] = first + i * 100000;
        if (pthread_create(&threads[i], NULL, submit_and_tell, &firsts[i]) != 0)
            _exit(1);
    }
    for (;;) {
        repli__claim claim;
        if (repli__store_take(fixture.store, &claim, NULL) != REPLI_OK) {
            usleep(100);
            continue;
        }
        if (repli__store_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, 0, "1", NULL,
                                 NULL) != REPLI_OK ||
            repli__store_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, 0, NULL, NULL,
                                 NULL) != REPLI_OK)
            _exit(1);
        repli_doc_free(claim.doc);
    }
}

static void expect_consistency(void) {
    static const char *const nothing[] = {
        "SELECT count(*) FROM actions WHERE phase >= 3 AND finished_ns IS NULL",
        "SELECT count(*) FROM actions WHERE phase < 3 AND finished_ns IS NOT NULL",
        "SELECT max(0, count(*) - 1) FROM actions WHERE phase = 2",
        /* Nothing was executed before what had been accepted earlier. */
        ("SELECT count(*) FROM actions WHERE finished_ns IS NOT NULL AND seq >"
         " (SELECT min(seq) FROM actions WHERE finished_ns IS NULL)"),
        "SELECT count(*) FROM actions WHERE phase = 3 AND steps < 2",
        "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'",
    };
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
        ck_assert_msg(store_fixture_number(&fixture, nothing[i]) == 0, "%s", nothing[i]);
}

START_TEST(what_was_acknowledged_survives_being_killed) {
    store_fixture_close(&fixture);
    srand(7);
    size_t total = 0;
    for (uint64_t kill_number = 1; kill_number <= KILLS; kill_number++) {
        int ends[2];
        ck_assert_int_eq(pipe(ends), 0);
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            close(ends[0]);
            acknowledged = ends[1];
            work_until_killed(kill_number * 1000000);
        }
        close(ends[1]);
        /* At any instant, the opening included; every other time once there is work to lose,
         * however slow the machine. */
        struct pollfd first = {.fd = ends[0], .events = POLLIN};
        if (kill_number % 2 == 0)
            ck_assert_int_eq(poll(&first, 1, 60000), 1);
        usleep((useconds_t)(rand() % 120000));
        kill(child, SIGKILL);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status));
        store_fixture_open(&fixture);
        uint64_t number;
        while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
            ck_assert_msg(exists(number), "%" PRIu64 " is lost", number);
            total++;
        }
        close(ends[0]);
        store_fixture_close(&fixture);
        expect_consistency();
    }
    ck_assert_uint_ge(total, KILLS / 2);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store faults");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_bad_change_fails_alone);
    tcase_add_test(tcase, a_failed_commit_fails_all_and_changes_nothing);
    tcase_add_test(tcase, a_full_database_is_told_and_gets_over_it);
    tcase_add_test(tcase, a_full_disk_loses_nothing);
    tcase_add_test(tcase, threads_share_commits_and_keep_their_order);
    tcase_add_test(tcase, schedules_claims_and_purges_go_on_at_once);
    tcase_add_test(tcase, what_was_acknowledged_survives_being_killed);
    Suite *suite = suite_create("store faults");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
