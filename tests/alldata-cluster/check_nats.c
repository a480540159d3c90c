/* run.sh timeout: 300 */
/* run.sh takes: 30 */

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "load.h"
#include "nats.h"
#include "program.h"

/* Nodes that keep their events in NATS JetStream, each in a stream of its own. */

enum { WHOLE_MS = 120000, READERS = 2 };

static const char more[] = "repair: {interval_s: 2, settle_ms: 500}\n";
static cluster c;
static load l;
static nats_server server;

static void setup(void) {
    cluster_init(&c, 3, 3);
    c.more = more;
    server = (nats_server){.directory = c.directory};
    nats_start(&server);
    for (int i = 0; i < 3; i++)
        snprintf(c.nodes[i].more, sizeof(c.nodes[i].more),
                 "storage: {module: nats, location: \"%s\", settings: {stream: S%d}}\n", server.url,
                 i);
    load_init(&l, &c, 4);
    l.timeout_ms = 20000;
}

static void teardown(void) {
    load_dispose(&l);
    for (size_t i = 0; i < c.count; i++)
        if (c.nodes[i].pid > 0)
            cluster_signal(&c, i, SIGKILL);
    nats_stop(&server);
    cluster_dispose(&c);
}

static size_t acknowledged(void) {
    pthread_mutex_lock(&l.mutex);
    const size_t now = l.acknowledged;
    pthread_mutex_unlock(&l.mutex);
    return now;
}

static void await_acknowledged(size_t count) {
    const long limit = cluster_now_ms() + WHOLE_MS;
    while (acknowledged() < count) {
        ck_assert_msg(cluster_now_ms() < limit, "%zu of %zu: %.1000s", acknowledged(), count,
                      cluster_log(&c, 0));
        cluster_pause_ms(10);
    }
}

/* Reads all of the cluster again and again. */
static void *read_on(void *argument) {
    atomic_int *stop = argument;
    for (size_t i = 0; !atomic_load(stop); i++) {
        char *body = NULL;
        cluster_ask(&c, i % c.count, "GET", "/_alldata/events", NULL, &body);
        free(body);
    }
    return NULL;
}

START_TEST(all_have_all_though_they_are_read_meanwhile) {
    pthread_t readers[READERS];
    atomic_int stop = 0;
    cluster_start_all(&c);
    load_start(&l);
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_on, &stop), 0);
    await_acknowledged(1500);
    cluster_signal(&c, 2, SIGKILL);
    await_acknowledged(acknowledged() + 200);
    cluster_start(&c, 2);
    await_acknowledged(acknowledged() + 200);
    load_stop(&l);
    atomic_store(&stop, 1);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
    for (size_t i = 0; i < c.count; i++)
        cluster_signal(&c, i, SIGTERM);
}
END_TEST

static int is_ready(void) {
    char *body;
    const int status = cluster_ask(&c, 0, "GET", "/health/ready", NULL, &body);
    free(body);
    return status;
}

static void await_ready(int status) {
    const long limit = cluster_now_ms() + WHOLE_MS;
    while (is_ready() != status) {
        ck_assert_msg(cluster_now_ms() < limit, "%d does not come: %.1000s", status,
                      cluster_log(&c, 0));
        cluster_pause_ms(50);
    }
}

/* The nodes serve on, and say that they take nothing. */
START_TEST(servers_may_go_and_come_back) {
    cluster_start_all(&c);
    load_start(&l);
    await_acknowledged(200);
    nats_stop(&server);
    await_ready(503);
    nats_start(&server);
    await_acknowledged(acknowledged() + 200);
    await_ready(200);
    load_stop(&l);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
}
END_TEST

int main(void) {
    if (!nats_is_there()) {
        puts("skipped: nats-server is not installed");
        return EXIT_SUCCESS;
    }
    /* The dlopen() of a sanitizer does not look beside the program. */
    setenv("LD_LIBRARY_PATH", program_build_path("lib"), 0);
    Suite *suite = suite_create("alldata-cluster: nats");
    TCase *tcase = tcase_create("nats");
    tcase_set_timeout(tcase, 200);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_have_all_though_they_are_read_meanwhile);
    tcase_add_test(tcase, servers_may_go_and_come_back);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
