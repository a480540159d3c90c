/* run.sh timeout: 600 */
/* run.sh takes: 120 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cluster.h"
#include "judge.h"
#include "load.h"

/*
 * kill -9 of random nodes under load, again and again: one of three, two, or all of them, at any
 * instant. When they are back, every event that was acknowledged is in all three stores within a
 * time that is told, none is altered, and none is there that nobody put.
 *
 * CRASH_SEED repeats a run as far as chance allows, CRASH_ROUNDS makes it longer or shorter.
 */

enum {
    NODES = 3,
    ROUNDS = 100,
    ROUNDS_A_VERDICT = 20,
    CLIENTS = 4,
    LATEST_US = 250000,
    REPAIRED_MS = 60000
};

static long setting(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

static void pause_us(long us) {
    nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* Mostly one; every fifth time two, every tenth all. */
static size_t victims(void) {
    const long draw = random() % 10;
    return draw == 0 ? 3 : draw <= 2 ? 2 : 1;
}

static void crash(cluster *c) {
    const size_t first = (size_t)random() % NODES, count = victims();
    pause_us(random() % LATEST_US);
    for (size_t i = 0; i < count; i++)
        cluster_signal(c, (first + i) % NODES, SIGKILL);
    pause_us(random() % LATEST_US);
    for (size_t i = 0; i < count; i++)
        cluster_start(c, (first + i) % NODES);
}

static void crash_rounds(const char *more) {
    const long seed = setting("CRASH_SEED", (long)time(NULL)),
               rounds = setting("CRASH_ROUNDS", ROUNDS);
    long worst = 0;
    cluster c;
    load l;
    printf("CRASH_SEED=%ld\n", seed);
    srandom((unsigned)seed);
    cluster_init(&c, NODES, NODES);
    c.more = more;
    cluster_start_all(&c);
    load_init(&l, &c, CLIENTS);
    load_start(&l);
    for (long round = 1; round <= rounds; round++) {
        crash(&c);
        if (round % ROUNDS_A_VERDICT != 0 && round != rounds)
            continue;
        load_pause(&l);
        const long took = judge_wait(&c, &l, NODES, 0, REPAIRED_MS);
        worst = took > worst ? took : worst;
        load_resume(&l);
    }
    load_stop(&l);
    ck_assert_uint_gt(l.acknowledged, 0);
    printf("%ld rounds, %zu puts, %zu acknowledged; repaired within %ld ms\n", rounds, l.count,
           l.acknowledged, worst);
    load_dispose(&l);
    cluster_dispose(&c);
}

START_TEST(acknowledged_events_survive_crashes) {
    crash_rounds("repair: {interval_s: 2, settle_ms: 500}\n");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("crash");
    TCase *tcase = tcase_create("crash");
    tcase_set_timeout(tcase, 580);
    tcase_add_test(tcase, acknowledged_events_survive_crashes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
