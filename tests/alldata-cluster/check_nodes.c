/* run.sh timeout: 300 */
/* run.sh takes: 60 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge.h"
#include "load.h"

/*
 * Clusters of three and of six, with zones and regions, with nodes that are dead, frozen or back
 * again.
 */

enum { WHOLE_MS = 60000 };

static const char quick_repair[] = "repair: {interval_s: 2, settle_ms: 500}\n";
static cluster c;
static load l;

static void begin(size_t count, const char *more) {
    cluster_init(&c, count, 3);
    c.more = more;
    load_init(&l, &c, 4);
}

static void end(void) {
    load_dispose(&l);
    cluster_dispose(&c);
}

/* Put until so many more were acknowledged. */
static void put_some(size_t more) {
    const size_t until = l.acknowledged + more;
    const long limit = cluster_now_ms() + 60000;
    size_t now;
    load_start(&l);
    do {
        cluster_pause_ms(10);
        pthread_mutex_lock(&l.mutex);
        now = l.acknowledged;
        pthread_mutex_unlock(&l.mutex);
        ck_assert_msg(cluster_now_ms() < limit, "%zu of %zu puts: %s", now, until,
                      cluster_log(&c, 0));
    } while (now < until);
    load_stop(&l);
}

/* The reference refuses most of these (weaknesses 1 to 4), stores what it refused, and never makes
 * up for what the dead one missed (5). */
START_TEST(one_of_three_dead_fails_no_put) {
    static const size_t survivors[] = {0, 1};
    begin(3, quick_repair);
    cluster_start_all(&c);
    put_some(500);
    cluster_signal(&c, 2, SIGKILL);
    l.nodes = survivors;
    l.node_count = 2;
    l.once = 1;
    l.timeout_ms = 10000;
    put_some(2000);
    ck_assert_uint_eq(l.failed, 0);
    cluster_wait_live(&c, 0, 1);
    cluster_wait_live(&c, 1, 1);
    put_some(2000);
    ck_assert_uint_eq(l.failed, 0);
    cluster_start(&c, 2);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
    end();
}
END_TEST

/* A frozen peer holds nobody up for long, and costs no more memory than it may (weakness 10). */
START_TEST(a_frozen_node_fails_no_put) {
    static const size_t others[] = {0, 1};
    begin(3, quick_repair);
    cluster_start_all(&c);
    cluster_signal(&c, 2, SIGSTOP);
    l.nodes = others;
    l.node_count = 2;
    l.once = 1;
    l.timeout_ms = 10000;
    put_some(3000);
    ck_assert_uint_eq(l.failed, 0);
    cluster_signal(&c, 2, SIGCONT);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
    end();
}
END_TEST

static void six_with_zones(void) {
    static const char *const zones[] = {"A", "A", "B", "B", "C", "D"};
    static const char *const regions[] = {"East", "East", "East", "East", "West", "West"};
    static const char more[] = "replication: {factor: 3, other_zones: 1, other_regions: 1}\n"
                               "repair: {interval_s: 2, settle_ms: 500}\n";
    begin(6, more);
    c.factor = 0;
    for (size_t i = 0; i < c.count; i++) {
        c.nodes[i].zone = zones[i];
        c.nodes[i].region = regions[i];
    }
    cluster_start_all(&c);
}

/* Events that node i's clients put are in another zone of the region and in another region. */
START_TEST(replicas_are_in_other_zones_and_regions) {
    static const size_t first[] = {0};
    six_with_zones();
    l.nodes = first;
    l.node_count = 1;
    put_some(1000);
    cluster_pause_ms(500);
    for (size_t i = 1; i < c.count; i++)
        cluster_signal(&c, i, SIGKILL);
    ck_assert_uint_eq(judge(&c, &l, 1).short_of, 0);
    cluster_signal(&c, 0, SIGKILL);
    /* The other zone of the region alone, then the other region alone. */
    for (size_t i = 2; i < 4; i++)
        cluster_start(&c, i);
    ck_assert_uint_eq(judge(&c, &l, 1).short_of, 0);
    for (size_t i = 2; i < 4; i++)
        cluster_signal(&c, i, SIGKILL);
    for (size_t i = 4; i < 6; i++)
        cluster_start(&c, i);
    ck_assert_uint_eq(judge(&c, &l, 1).short_of, 0);
    end();
}
END_TEST

START_TEST(a_region_may_go_and_come_back) {
    static const size_t east[] = {0, 1, 2, 3};
    six_with_zones();
    put_some(500);
    cluster_signal(&c, 4, SIGKILL);
    cluster_signal(&c, 5, SIGKILL);
    l.nodes = east;
    l.node_count = 4;
    l.once = 1;
    l.timeout_ms = 10000;
    put_some(2000);
    ck_assert_uint_eq(l.failed, 0);
    judge_wait(&c, &l, 3, 0, WHOLE_MS);
    cluster_start(&c, 4);
    cluster_start(&c, 5);
    cluster_wait_all_live(&c);
    judge_wait(&c, &l, 3, 0, WHOLE_MS);
    end();
}
END_TEST

/* A node whose disk is lost gets all of it back. */
START_TEST(a_lost_disk_is_filled_again) {
    char lost[200];
    begin(3, quick_repair);
    cluster_start_all(&c);
    put_some(3000);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
    cluster_signal(&c, 1, SIGKILL);
    snprintf(lost, sizeof(lost), "%s.lost", c.nodes[1].data);
    ck_assert_int_eq(rename(c.nodes[1].data, lost), 0);
    cluster_start(&c, 1);
    cluster_wait_all_live(&c);
    judge_wait(&c, &l, 3, 1, WHOLE_MS);
    end();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("nodes");
    TCase *tcase = tcase_create("nodes");
    tcase_set_timeout(tcase, 200);
    tcase_add_test(tcase, one_of_three_dead_fails_no_put);
    tcase_add_test(tcase, a_frozen_node_fails_no_put);
    tcase_add_test(tcase, replicas_are_in_other_zones_and_regions);
    tcase_add_test(tcase, a_region_may_go_and_come_back);
    tcase_add_test(tcase, a_lost_disk_is_filled_again);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
