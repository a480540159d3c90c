/* Replicas: a fleet of coordinators and a network that does what networks do. run.sh timeout: 600
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

#define KEY "20261121T015624640353920860"

static fleet f;
static puts_told p;

static void setup(void) {
    puts_begin(&p);
}

static void teardown(void) {
    fleet_end(&f);
    puts_end(&p);
}

static void put_many(int number, int count, int32_t commit) {
    const size_t before = p.told;
    for (int i = 0; i < count; i++) {
        char event[64];
        snprintf(event, sizeof(event), "{\"n\":%d,\"of\":\"a put of many\"}", i);
        while (puts_put(&p, &f, number, NULL, event, commit, 0) == REPLI_EFULL)
            pause_ms(1);
    }
    puts_await(&p, before + (size_t)count);
    for (int i = 0; i < PUTS_KEPT; i++)
        ck_assert_msg(i >= count || p.messages[i][0] == '\0', "%s", p.messages[i]);
}

START_TEST(all_three_have_every_event) {
    fleet_begin(&f, 3, 3);
    fleet_start(&f);
    const alldata_put_result *one = puts_one(&p, &f, 0, NULL, "1", ALLDATA_COMMIT_ALL);
    ck_assert_int_eq(one->code, REPLI_OK);
    ck_assert_int_eq(one->replicas, 3);
    ck_assert_int_eq(one->needed, 3);
    for (int i = 0; i < 3; i++)
        put_many(i, 1000, ALLDATA_COMMIT_DEFAULT);
    ck_assert_uint_eq(p.good, 3001);
    for (int i = 0; i < 3; i++)
        fleet_await_events(&f, i, 3001);
    for (int i = 0; i < 3; i++) {
        fleet_await_rest(&f, i);
        ck_assert_uint_eq(fleet_count(&f, i).under_replicated, 0);
        ck_assert_uint_eq(fleet_count(&f, i).hints_written, 0);
        ck_assert_uint_eq(fleet_count(&f, i).waiting, 0);
    }
    /* Under load many go in one request. */
    ck_assert_uint_gt(atomic_load(&f.most_records), 1);
    ck_assert_uint_lt(fleet_count(&f, 0).peer_sends, fleet_count(&f, 0).peer_records);
}
END_TEST

START_TEST(what_is_put_under_a_cork_goes_in_one_request) {
    fleet_begin(&f, 2, 2);
    fleet_start(&f);
    alldata_coordinator_cork(f.nodes[0].coordinator);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(puts_put(&p, &f, 0, NULL, "1", ALLDATA_COMMIT_ALL, 0), REPLI_OK);
    ck_assert_uint_eq(atomic_load(&f.nodes[1].requests), 0);
    ck_assert_uint_eq(puts_count(&p), 0);
    alldata_coordinator_uncork(f.nodes[0].coordinator);
    puts_await(&p, 100);
    ck_assert_uint_eq(p.good, 100);
    ck_assert_uint_eq(atomic_load(&f.nodes[1].requests), 1);
    ck_assert_uint_eq(atomic_load(&f.most_records), 100);
}
END_TEST

/* Clients that put again as soon as they are answered. */
enum { CLIENTS = 16, PUTS_AGAIN = 9 * CLIENTS, ROUNDS = 1000 };

static atomic_int puts_left, clients_left;

static int32_t put_again(void);

static void answered(void *user_data, const alldata_put_result *results, size_t count) {
    (void)user_data;
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(results[0].code, REPLI_OK);
    if (atomic_fetch_sub(&puts_left, 1) <= 0 || put_again() != REPLI_OK)
        atomic_fetch_sub(&clients_left, 1);
}

static int32_t put_again(void) {
    alldata_put one = ALLDATA_PUT_INIT;
    one.event = "1";
    one.event_size = 1;
    one.commit = ALLDATA_COMMIT_ALL;
    return alldata_coordinator_put(f.nodes[0].coordinator, &one, 1, answered, NULL, NULL);
}

/* So many put again in all. Returns how many events there were in a request. */
static double put_round(int again) {
    const alldata_coordinator_counters before = fleet_count(&f, 0);
    atomic_store(&puts_left, again);
    atomic_store(&clients_left, CLIENTS);
    alldata_coordinator_cork(f.nodes[0].coordinator);
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(put_again(), REPLI_OK);
    alldata_coordinator_uncork(f.nodes[0].coordinator);
    while (atomic_load(&clients_left) > 0)
        pause_ms(1);
    const alldata_coordinator_counters now = fleet_count(&f, 0);
    return (double)(now.peer_records - before.peer_records) /
           (double)(now.peer_sends - before.peer_sends);
}

/* Half of them would go at a time if nothing waited. Who is slow does not wait for them, so one
 * round may be worse than another. */
START_TEST(clients_that_put_again_share_requests) {
    fleet_begin(&f, 2, 2);
    f.nodes[0].options.put_flags = _i == 0 ? 0 : ALLDATA_PUT_SYNC;
    f.nodes[0].options.peer_timeout_ms = 600000;
    fleet_start(&f);
    const double enough = 0.8 * (double)CLIENTS;
    double best = 0;
    for (int i = 0; i < ROUNDS && best < enough; i++) {
        const double mean = put_round(PUTS_AGAIN);
        best = mean > best ? mean : best;
    }
    ck_assert_double_ge(best, enough);
    /* What waits for others that do not come goes all the same. */
    for (int i = 0; i < 100; i++)
        put_round(1);
}
END_TEST

/* For each replication factor and number of nodes that cannot be asked: is a level reached? */
START_TEST(levels_are_what_they_say) {
    const int factor = _i;
    fleet_begin(&f, 5, factor);
    for (int i = 0; i < 5; i++)
        f.nodes[i].options.hints = NULL;
    fleet_start(&f);
    for (int dead = 0; dead < 5; dead++) {
        const int live = 5 - dead;
        const int copies = live < factor ? live : factor;
        const int needed[] = {0, 1, factor / 2 + 1, factor};
        if (dead > 0)
            fleet_link(&f, dead, LINK_REFUSED);
        for (int32_t commit = ALLDATA_COMMIT_ONE; commit <= ALLDATA_COMMIT_ALL; commit++) {
            const alldata_put_result *one = puts_one(&p, &f, 0, NULL, "1", commit);
            ck_assert_int_eq(one->needed, needed[commit]);
            ck_assert_int_eq(one->code, copies >= needed[commit] ? REPLI_OK : REPLI_ENOQUORUM);
            ck_assert_int_le(one->replicas, copies);
            ck_assert_int_ge(one->replicas, copies < needed[commit] ? copies : needed[commit]);
        }
    }
}
END_TEST

START_TEST(with_one_of_three_dead_no_put_fails) {
    static const int how[] = {LINK_REFUSED,      LINK_FROZEN,       LINK_GARBAGE,
                              LINK_STATUS + 400, LINK_STATUS + 403, LINK_UP};
    enum { COUNT = 10000 };
    fleet_begin(&f, 3, 3);
    fleet_start(&f);
    fleet_link(&f, 2, how[_i]);
    /* The last: membership knows of it. */
    if (how[_i] == LINK_UP)
        fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    put_many(0, COUNT, ALLDATA_COMMIT_DEFAULT);
    ck_assert_uint_eq(p.good, COUNT);
    fleet_await_events(&f, 1, COUNT);
    ck_assert_uint_eq(fleet_events(&f, 0), COUNT);
    for (int i = 0; i < 6000 && alldata_coordinator_hints(f.nodes[0].coordinator, "node-2") +
                                        (int64_t)fleet_events(&f, 2) <
                                    COUNT;
         i++)
        pause_ms(10);
    ck_assert_uint_le(atomic_load(&f.nodes[2].requests), 64);
    /* It is back. */
    fleet_link(&f, 2, LINK_UP);
    fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    fleet_tell_all(&f, 2, ALLDATA_PEER_LIVE);
    fleet_await_events(&f, 2, COUNT);
    for (int i = 0; i < 6000 && fleet_count(&f, 0).hints_pending > 0; i++)
        pause_ms(10);
    const alldata_coordinator_counters all = fleet_count(&f, 0);
    ck_assert_uint_eq(all.hints_pending, 0);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, "node-2"), 0);
    ck_assert_uint_eq(all.hints_delivered, all.hints_written);
    ck_assert_uint_eq(all.failed, 0);
    ck_assert_uint_eq(all.waiting_bytes, 0);
}
END_TEST

START_TEST(another_node_stands_in_for_one_that_fails) {
    fleet_begin(&f, 6, 3);
    fleet_start(&f);
    fleet_link(&f, 3, LINK_REFUSED);
    put_many(0, 1000, ALLDATA_COMMIT_ALL);
    ck_assert_uint_eq(p.good, 1000);
    size_t copies = 0;
    for (int i = 0; i < 6; i++)
        copies += fleet_events(&f, i);
    ck_assert_uint_eq(copies, 3000);
    ck_assert_uint_eq(fleet_count(&f, 0).under_replicated, 0);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_written, 0);
    ck_assert_uint_gt(fleet_count(&f, 0).peer_failures, 0);
}
END_TEST

#define LATE "20200121T01562464035392086"

START_TEST(a_late_event_is_in_as_many_nodes_as_others) {
    fleet_begin(&f, 3, 3);
    fleet_start(&f);
    ck_assert_int_eq(puts_one(&p, &f, 0, LATE "0", "1", ALLDATA_COMMIT_ALL)->code, REPLI_EINVALID);
    p.flags = ALLDATA_PUT_LATE;
    const alldata_put_result *one = puts_one(&p, &f, 0, LATE "0", "1", ALLDATA_COMMIT_ALL);
    ck_assert_int_eq(one->code, REPLI_OK);
    ck_assert_int_eq(one->replicas, 3);
    ck_assert_int_eq(puts_one(&p, &f, 1, LATE "0", "2", ALLDATA_COMMIT_ALL)->code, REPLI_ECONFLICT);
    /* What one misses it gets by a hint. */
    fleet_link(&f, 2, LINK_REFUSED);
    fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    one = puts_one(&p, &f, 0, LATE "1", "2", ALLDATA_COMMIT_QUORUM);
    ck_assert_int_eq(one->code, REPLI_OK);
    ck_assert_int_eq(one->hints, 1);
    fleet_await_events(&f, 1, 2);
    ck_assert_uint_eq(fleet_events(&f, 2), 1);
    fleet_link(&f, 2, LINK_UP);
    fleet_tell_all(&f, 2, ALLDATA_PEER_LIVE);
    fleet_await_events(&f, 2, 2);
}
END_TEST

/* It would refuse it, today and later. */
START_TEST(a_reference_node_is_not_asked_for_what_is_late) {
    fleet_begin(&f, 3, 3);
    atomic_store(&f.nodes[1].reference, 1);
    fleet_start(&f);
    p.flags = ALLDATA_PUT_LATE;
    const alldata_put_result *one = puts_one(&p, &f, 0, LATE "0", "1", ALLDATA_COMMIT_QUORUM);
    ck_assert_int_eq(one->code, REPLI_OK);
    ck_assert_int_eq(one->replicas, 2);
    one = puts_one(&p, &f, 0, LATE "1", "1", ALLDATA_COMMIT_ALL);
    ck_assert_int_eq(one->code, REPLI_ENOQUORUM);
    ck_assert_ptr_nonnull(strstr(p.messages[1], "that take what is so old"));
    /* One that is not so old after all may be had by any. */
    ck_assert_int_eq(puts_one(&p, &f, 0, KEY, "1", ALLDATA_COMMIT_ALL)->code, REPLI_OK);
    fleet_await_rest(&f, 0);
    ck_assert_uint_eq(fleet_events(&f, 2), 3);
    ck_assert_uint_eq(fleet_events(&f, 1), 1);
    ck_assert_uint_eq(atomic_load(&f.nodes[1].requests), 1);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_written, 0);
}
END_TEST

START_TEST(zones_and_regions_have_their_own) {
    static const char *const zones[] = {"A", "B", "B", "C", "D", "E"};
    fleet_begin(&f, 6, 3);
    for (int i = 0; i < 6; i++) {
        f.nodes[i].zone = zones[i];
        f.nodes[i].region = i < 3 ? "East" : "West";
        f.nodes[i].options.other_zones = f.nodes[i].options.other_regions = 1;
    }
    fleet_start(&f);
    put_many(0, 600, ALLDATA_COMMIT_ALL);
    ck_assert_uint_eq(p.good, 600);
    ck_assert_uint_eq(fleet_events(&f, 1) + fleet_events(&f, 2), 600);
    for (int i = 1; i < 6; i++)
        ck_assert_uint_gt(fleet_events(&f, i), i < 3 ? 200 : 130);
    /* One that moves is one replica still. */
    f.nodes[1].zone = "A";
    fleet_tell(&f, 0, 1, ALLDATA_PEER_LIVE);
    const size_t before = fleet_events(&f, 1);
    put_many(0, 200, ALLDATA_COMMIT_ALL);
    ck_assert_uint_eq(p.good, 800);
    ck_assert_uint_eq(fleet_events(&f, 1), before);
    ck_assert_uint_eq(fleet_events(&f, 1) + fleet_events(&f, 2), 800);
}
END_TEST

START_TEST(a_level_that_is_not_reached_says_so_and_can_be_tried_again) {
    char key[ALLDATA_KEY_SIZE];
    fleet_begin(&f, 3, 3);
    fleet_start(&f);
    fleet_link(&f, 1, LINK_REFUSED);
    fleet_link(&f, 2, LINK_REFUSED);
    const alldata_put_result *one = puts_one(&p, &f, 0, NULL, "{\"a\":1}", ALLDATA_COMMIT_DEFAULT);
    ck_assert_int_eq(one->code, REPLI_ENOQUORUM);
    ck_assert_int_eq(one->replicas, 1);
    ck_assert_int_eq(one->needed, 2);
    ck_assert_int_eq(one->hints, 2);
    ck_assert_ptr_nonnull(strstr(p.messages[0], one->key));
    ck_assert_ptr_nonnull(strstr(p.messages[0], "1 of 2 replicas"));
    ck_assert_ptr_nonnull(strstr(p.messages[0], "node-"));
    memcpy(key, one->key, sizeof(key));
    fleet_link(&f, 1, LINK_UP);
    fleet_link(&f, 2, LINK_UP);
    /* By way of another node, and of the same. */
    for (int i = 2; i >= 0; i -= 2) {
        one = puts_one(&p, &f, i, key, "{\"a\":1}", ALLDATA_COMMIT_ALL);
        ck_assert_int_eq(one->code, REPLI_OK);
        ck_assert_int_eq(one->replicas, 3);
        ck_assert_str_eq(one->key, key);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(fleet_events(&f, i), 1);
    one = puts_one(&p, &f, 0, key, "{\"a\":2}", ALLDATA_COMMIT_ALL);
    ck_assert_int_eq(one->code, REPLI_ECONFLICT);
}
END_TEST

START_TEST(a_deadline_is_kept_whatever_peers_do) {
    fleet_begin(&f, 3, 3);
    for (int i = 0; i < 3; i++)
        f.nodes[i].options.peer_timeout_ms = 600000;
    fleet_start(&f);
    fleet_link(&f, 1, LINK_FROZEN);
    fleet_link(&f, 2, LINK_MUTE);
    ck_assert_int_eq(puts_put(&p, &f, 0, KEY, "1", ALLDATA_COMMIT_ALL, 500), REPLI_OK);
    puts_await(&p, 1);
    ck_assert_int_eq(p.results[0].code, REPLI_ETIMEOUT);
    ck_assert_int_eq(p.results[0].replicas, 1);
    ck_assert_int_eq(p.results[0].needed, 3);
    ck_assert_str_eq(p.results[0].key, KEY);
    ck_assert_ptr_nonnull(strstr(p.messages[0], "by its deadline"));
    /* Its answer was lost, and it has it. */
    fleet_await_events(&f, 2, 1);
}
END_TEST

START_TEST(a_conflict_at_a_peer_is_told) {
    const int reference = _i;
    alldata_record record = ALLDATA_RECORD_INIT;
    fleet_begin(&f, 2, 2);
    atomic_store(&f.nodes[1].reference, reference);
    fleet_start(&f);
    record.key = KEY;
    record.key_size = ALLDATA_KEY_LENGTH;
    record.event = "2";
    record.event_size = 1;
    ck_assert_int_eq(alldata_storage_put(f.nodes[1].box.storage, &record, 1, 0, NULL), REPLI_OK);
    const alldata_put_result *one = puts_one(&p, &f, 0, KEY, "1", ALLDATA_COMMIT_ALL);
    ck_assert_int_eq(one->code, REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(p.messages[0], "node-1"));
    ck_assert_uint_eq(fleet_count(&f, 0).hints_written, 0);
}
END_TEST

START_TEST(what_a_frozen_peer_takes_is_bounded) {
    enum { EACH = 5000, COUNT = 3000 };
    char event[EACH + 1];
    size_t refused = 0;
    fleet_begin(&f, 3, 3);
    f.nodes[0].options.max_waiting_bytes = 1 << 20;
    fleet_start(&f);
    fleet_link(&f, 2, LINK_FROZEN);
    memset(event, '1', EACH);
    event[0] = event[EACH - 1] = '"';
    event[EACH] = '\0';
    for (int i = 0; i < COUNT; i++) {
        while (puts_put(&p, &f, 0, NULL, event, ALLDATA_COMMIT_DEFAULT, 0) == REPLI_EFULL) {
            refused++;
            pause_ms(1);
        }
        ck_assert_uint_le(fleet_count(&f, 0).waiting_bytes, 1 << 20);
    }
    puts_await(&p, COUNT);
    ck_assert_uint_eq(p.good, COUNT);
    ck_assert_uint_eq(fleet_count(&f, 0).refused, refused);
    fleet_await_rest(&f, 0);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, "node-2"), COUNT);
}
END_TEST

START_TEST(with_all_frozen_puts_are_refused_at_once) {
    size_t taken = 0;
    fleet_begin(&f, 2, 2);
    f.nodes[0].options.max_waiting_bytes = 100000;
    f.nodes[0].options.peer_timeout_ms = 600000;
    fleet_start(&f);
    fleet_link(&f, 1, LINK_FROZEN);
    while (puts_put(&p, &f, 0, NULL, "\"abcdefghijklmnopqrstuvwxyz\"", ALLDATA_COMMIT_ALL,
                    600000) == REPLI_OK)
        ck_assert_uint_lt(taken++, 1000);
    ck_assert_uint_gt(taken, 20);
    ck_assert_uint_le(fleet_count(&f, 0).waiting_bytes, 100000);
    /* Those that wait are answered when it ends, and the other is to have them. */
    fleet_stop_node(&f, 0);
    ck_assert_uint_eq(p.told, taken);
    ck_assert_int_eq(p.results[0].code, REPLI_ENOQUORUM);
    fleet_link(&f, 1, LINK_UP);
    fleet_start_node(&f, 0);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, NULL), (int64_t)taken);
    fleet_tell(&f, 0, 1, ALLDATA_PEER_LIVE);
    fleet_await_events(&f, 1, taken);
}
END_TEST

START_TEST(one_wants_this_node_and_takes_another) {
    alldata_record record = ALLDATA_RECORD_INIT;
    fleet_begin(&f, 2, 2);
    fleet_start(&f);
    const alldata_put_result *one = puts_one(&p, &f, 0, NULL, "1", ALLDATA_COMMIT_ONE);
    ck_assert_int_eq(one->code, REPLI_OK);
    ck_assert_uint_eq(fleet_events(&f, 0), 1);
    fleet_await_events(&f, 1, 1);
    (void)record;
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("replicas");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_three_have_every_event);
    tcase_add_test(tcase, what_is_put_under_a_cork_goes_in_one_request);
    tcase_add_loop_test(tcase, clients_that_put_again_share_requests, 0, 2);
    tcase_add_loop_test(tcase, levels_are_what_they_say, 1, 6);
    tcase_add_loop_test(tcase, with_one_of_three_dead_no_put_fails, 0, 6);
    tcase_add_test(tcase, another_node_stands_in_for_one_that_fails);
    tcase_add_test(tcase, a_late_event_is_in_as_many_nodes_as_others);
    tcase_add_test(tcase, a_reference_node_is_not_asked_for_what_is_late);
    tcase_add_test(tcase, zones_and_regions_have_their_own);
    tcase_add_test(tcase, a_level_that_is_not_reached_says_so_and_can_be_tried_again);
    tcase_add_test(tcase, a_deadline_is_kept_whatever_peers_do);
    tcase_add_loop_test(tcase, a_conflict_at_a_peer_is_told, 0, 2);
    tcase_add_test(tcase, what_a_frozen_peer_takes_is_bounded);
    tcase_add_test(tcase, with_all_frozen_puts_are_refused_at_once);
    tcase_add_test(tcase, one_wants_this_node_and_takes_another);
    Suite *suite = suite_create("alldata: replicas");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
