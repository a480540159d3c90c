/* run.sh timeout: 300 */
/* run.sh takes: 60 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge.h"
#include "load.h"
#include "net.h"

/*
 * Partitions, each node on a machine of its own as far as the network goes. Each side goes on
 * accepting what its commit level allows; after the partition all replicas are equal.
 */

/* How late a node may answer and not be taken for one that is away, where every put is to succeed:
 * a machine may be busy with other tests. */
enum { PATIENCE_MS = 3000 };
enum { HEALED_MS = 60000, LOAD_MS = 1500 };

static const char more[] = "repair: {interval_s: 2, settle_ms: 500}\n";
static cluster c;

/* Put through the nodes in a side for a while. */
static void put_for_a_while(load *l, const size_t *nodes, size_t count, const char *commit) {
    load_init(l, &c, 2);
    l->nodes = nodes;
    l->node_count = count;
    l->commit = commit;
    l->once = 1;
    l->timeout_ms = 4000;
    load_start(l);
    cluster_pause_ms(LOAD_MS);
    load_stop(l);
}

/* All that several loads know. */
static void gather(load *to, load *from) {
    for (size_t i = 0; i < from->count; i++) {
        if (to->count == to->capacity) {
            to->capacity = 2 * to->capacity + 4096;
            to->puts = realloc(to->puts, to->capacity * sizeof(*to->puts));
            ck_assert_ptr_nonnull(to->puts);
        }
        to->puts[to->count++] = from->puts[i];
    }
    load_dispose(from);
}

static void begin(size_t count, int factor, int peer_timeout_ms) {
    cluster_init(&c, count, factor);
    c.peer_timeout_ms = peer_timeout_ms;
    c.more = more;
    net_make(&c);
    cluster_start_all(&c);
}

static void end(void) {
    cluster_dispose(&c);
    net_dispose(&c);
}

START_TEST(both_sides_take_what_their_level_allows) {
    static const size_t many[] = {0, 1}, few[] = {2};
    load all, l;
    begin(3, 3, PATIENCE_MS);
    load_init(&all, &c, 0);
    net_split(&c, 1u << 2);

    /* Two of three are a quorum, from the first moment on. */
    put_for_a_while(&l, many, 2, "quorum");
    ck_assert_uint_gt(l.acknowledged, 0);
    ck_assert_uint_eq(l.failed, 0);
    gather(&all, &l);
    put_for_a_while(&l, many, 2, "all");
    ck_assert_uint_eq(l.acknowledged, 0);
    gather(&all, &l);
    /* One of three is none, but can take an event for itself. */
    put_for_a_while(&l, few, 1, "quorum");
    ck_assert_uint_gt(l.failed, 0);
    ck_assert_uint_eq(l.acknowledged, 0);
    gather(&all, &l);
    put_for_a_while(&l, few, 1, "one");
    ck_assert_uint_gt(l.acknowledged, 0);
    ck_assert_uint_eq(l.failed, 0);
    gather(&all, &l);

    net_heal(&c);
    cluster_wait_all_live(&c);
    printf("all three are equal %ld ms after they see each other\n",
           judge_wait(&c, &all, 3, 1, HEALED_MS));
    load_dispose(&all);
    end();
}
END_TEST

START_TEST(halves_of_six_meet_again) {
    static const size_t one_half[] = {0, 2, 4}, other_half[] = {1, 3, 5};
    load all, l;
    begin(6, 3, 0);
    load_init(&all, &c, 0);
    net_split(&c, 1u << 0 | 1u << 2 | 1u << 4);
    for (size_t i = 0; i < c.count; i++)
        cluster_wait_live(&c, i, 2);
    put_for_a_while(&l, one_half, 3, "all");
    ck_assert_uint_gt(l.acknowledged, 0);
    ck_assert_uint_eq(l.failed, 0);
    gather(&all, &l);
    put_for_a_while(&l, other_half, 3, "all");
    ck_assert_uint_gt(l.acknowledged, 0);
    ck_assert_uint_eq(l.failed, 0);
    gather(&all, &l);
    net_heal(&c);
    cluster_wait_all_live(&c);
    judge_wait(&c, &all, 3, 0, HEALED_MS);
    load_dispose(&all);
    end();
}
END_TEST

/* The two sides see nothing of each other, but a put under way must not wait for ever. */
START_TEST(flapping_loses_nothing) {
    load l;
    begin(3, 3, 0);
    load_init(&l, &c, 4);
    load_start(&l);
    for (unsigned round = 0; round < 10; round++) {
        net_split(&c, 1u << (round % 3));
        cluster_pause_ms(400);
        net_heal(&c);
        cluster_pause_ms(400);
    }
    load_stop(&l);
    ck_assert_uint_gt(l.acknowledged, 0);
    cluster_wait_all_live(&c);
    judge_wait(&c, &l, 3, 1, HEALED_MS);
    load_dispose(&l);
    end();
}
END_TEST

int main(void) {
    const char *why;
    if (!net_possible(&why)) {
        printf("skipped: %s\n", why);
        return 0;
    }
    Suite *suite = suite_create("partition");
    TCase *tcase = tcase_create("partition");
    tcase_set_timeout(tcase, 200);
    tcase_add_test(tcase, both_sides_take_what_their_level_allows);
    tcase_add_test(tcase, halves_of_six_meet_again);
    tcase_add_test(tcase, flapping_loses_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
