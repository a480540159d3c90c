/* Bringing every event to as many replicas as it is to have. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alldata/placement.h"
#include "base/buf.h"
#include "net.h"

static net n;

enum { EVENTS = 400 };

static void key_of(int number, char to[ALLDATA_KEY_SIZE]) {
    char key[64];
    snprintf(key, sizeof(key), "20261121T%02d%02d%02d%012d", number < 300 ? 0 : 1, number / 20 % 60,
             number % 60, number);
    memcpy(to, key, ALLDATA_KEY_LENGTH);
    to[ALLDATA_KEY_LENGTH] = '\0';
}

static void event_of(int number, char to[64]) {
    snprintf(to, 64, "{\"number\" : %d,\n\"text\":\"\xC3\xA9\"}", number);
}

static void store(int number, unsigned nodes) {
    char key[ALLDATA_KEY_SIZE];
    char event[64];
    key_of(number, key);
    event_of(number, event);
    net_store(&n, nodes, key, event);
}

/* Every event is at least at so many nodes, as it was, and nobody has another. */
static void expect_replicas(int least) {
    size_t sum = 0;
    for (int i = 0; i < EVENTS; i++) {
        char key[ALLDATA_KEY_SIZE];
        char event[64];
        key_of(i, key);
        event_of(i, event);
        const int replicas = net_replicas(&n, key, event);
        ck_assert_msg(replicas >= least, "%s: %d", key, replicas);
        sum += (size_t)replicas;
    }
    for (int i = 0; i < n.count; i++)
        sum -= net_count(&n, i);
    ck_assert_uint_eq(sum, 0);
}

static void teardown(void) {
    net_end(&n);
}

static unsigned long long calls_of(unsigned long long *ret_digests) {
    unsigned long long others = 0;
    *ret_digests = 0;
    for (int i = 0; i < n.count; i++) {
        *ret_digests += atomic_load(&n.nodes[i].digest_calls);
        others += atomic_load(&n.nodes[i].key_calls) + atomic_load(&n.nodes[i].record_calls) +
                  atomic_load(&n.nodes[i].stored_calls);
    }
    return others;
}

/* Rounds after nothing has changed: each node asks each other once for its days. */
static void expect_rest(void) {
    unsigned long long digests;
    unsigned long long digests_after;
    ck_assert_uint_eq(net_rounds(&n), 0);
    const unsigned long long others = calls_of(&digests);
    ck_assert_uint_eq(net_rounds(&n), 0);
    ck_assert_uint_eq(calls_of(&digests_after), others);
    ck_assert_uint_eq(digests_after - digests, (unsigned)(n.count * (n.count - 1)));
}

/* Three nodes that are all to have everything. */

static void setup_three(void) {
    net_begin(&n, 3);
}

static const alldata__repair_options plain;

START_TEST(weakness_5_a_node_that_missed_everything_is_filled) {
    for (int i = 0; i < EVENTS; i++)
        store(i, 3);
    net_repairs(&n, 3, plain);
    ck_assert_uint_eq(net_rounds(&n), EVENTS);
    expect_replicas(3);
    expect_rest();
    ck_assert_uint_eq(n.nodes[0].looked_at, EVENTS);
}
END_TEST

START_TEST(weakness_5_what_was_written_during_a_partition_is_exchanged) {
    for (int i = 0; i < EVENTS; i++)
        store(i, i % 3 == 0 ? 7 : i % 3 == 1 ? 1 : 6);
    net_repairs(&n, 3, plain);
    ck_assert_uint_gt(net_rounds(&n), 0);
    expect_replicas(3);
    expect_rest();
}
END_TEST

START_TEST(a_minute_that_is_missing_is_all_that_is_compared) {
    for (int i = 0; i < EVENTS; i++)
        store(i, i >= 40 && i < 60 ? 5 : 7);
    net_repairs(&n, 3, plain);
    ck_assert_uint_eq(net_rounds(&n), 20);
    expect_replicas(3);
    uint64_t compared = 0;
    for (int i = 0; i < 3; i++) {
        alldata__repair_counters counters;
        alldata__repair_count(n.nodes[i].repair, &counters);
        compared += counters.compared;
        ck_assert_uint_eq(counters.missing, 0);
        ck_assert_uint_eq(counters.conflicts, 0);
        ck_assert_uint_eq(counters.rounds, 1);
    }
    ck_assert_uint_le(compared, 60);
    expect_rest();
}
END_TEST

START_TEST(who_has_nothing_asks_nobody) {
    unsigned long long digests;
    store(0, 1);
    net_repairs(&n, 3, plain);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(net_round(&n, i), REPLI_OK);
        ck_assert_uint_eq(calls_of(&digests), 0);
        ck_assert_uint_eq(digests, 0);
    }
}
END_TEST

START_TEST(one_event_is_found) {
    for (int i = 0; i < EVENTS; i++)
        store(i, i == 123 ? 2 : 7);
    net_repairs(&n, 3, plain);
    ck_assert_uint_eq(net_rounds(&n), 2);
    expect_replicas(3);
}
END_TEST

/* Content, too, is compared; what there is of either is kept. */
START_TEST(weakness_15_different_events_under_a_key_are_told_and_kept) {
    static const char key[] = "20261121T005824640353920860";
    alldata__repair_counters counters;
    for (int i = 0; i < EVENTS; i++)
        store(i, 7);
    net_store(&n, 1, key, "\"mine\"");
    net_store(&n, 2, key, "\"ours\"");
    net_repairs(&n, 3, plain);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(net_round(&n, i), REPLI_OK);
            ck_assert_uint_eq(n.nodes[i].repaired, 0);
        }
    ck_assert_int_eq(net_replicas(&n, key, NULL), 2);
    alldata__repair_count(n.nodes[0].repair, &counters);
    ck_assert_uint_ge(counters.conflicts, 1);
    ck_assert_ptr_nonnull(strstr(n.nodes[0].box.last_log, key));
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.prefix = key;
    char *mine = box_read(&n.nodes[0].box, &options);
    char *ours = box_read(&n.nodes[1].box, &options);
    ck_assert_ptr_nonnull(strstr(mine, "\"mine\""));
    ck_assert_ptr_nonnull(strstr(ours, "\"ours\""));
    free(mine);
    free(ours);
}
END_TEST

START_TEST(what_is_young_is_left_alone) {
    alldata__repair_options options = plain;
    options.settle_ms = 5000;
    for (int i = 0; i < EVENTS; i++)
        store(i, 7);
    net_store(&n, 1, "20261121T015655000000000000", "1"); /* five seconds old */
    net_store(&n, 1, "20261121T015654999999999999", "1");
    net_repairs(&n, 3, options);
    ck_assert_uint_eq(net_rounds(&n), 2);
    ck_assert_int_eq(net_replicas(&n, "20261121T015655000000000000", "1"), 1);
    ck_assert_int_eq(net_replicas(&n, "20261121T015654999999999999", "1"), 3);
    for (int i = 0; i < 3; i++)
        atomic_fetch_add(&n.nodes[i].box.now_ns, BOX_SECOND);
    ck_assert_uint_eq(net_rounds(&n), 2);
    ck_assert_int_eq(net_replicas(&n, "20261121T015655000000000000", "1"), 3);
}
END_TEST

static void take_nothing(void *user_data, int32_t code, uint64_t looked_at, uint64_t repaired,
                         uint64_t missing) {
    (void)looked_at;
    (void)repaired;
    (void)missing;
    *(int32_t *)user_data = code;
}

START_TEST(an_interval_alone_is_repaired) {
    int32_t code = 1;
    for (int i = 0; i < EVENTS; i++)
        store(i, 1);
    net_repairs(&n, 3, plain);
    ck_assert_int_eq(
        alldata__repair_ask(n.nodes[0].repair, "20261121T000500", take_nothing, &code, NULL),
        REPLI_OK);
    net_settle(&n);
    ck_assert_int_eq(code, REPLI_OK);
    ck_assert_uint_eq(net_count(&n, 1), 100);
    ck_assert_uint_eq(net_count(&n, 2), 100);
    ck_assert_int_eq(alldata__repair_ask(n.nodes[0].repair, "yesterday", NULL, NULL, NULL),
                     REPLI_EINVALID);
    net_rounds(&n);
    expect_replicas(3);
}
END_TEST

START_TEST(a_node_that_cannot_store_is_told_of) {
    alldata__repair_counters counters;
    for (int i = 0; i < EVENTS; i++)
        store(i, i < 100 ? 1 : 7);
    net_repairs(&n, 3, plain);
    atomic_store(&n.nodes[2].manner, NET_FULL);
    ck_assert_int_eq(net_round(&n, 0), REPLI_OK);
    ck_assert_uint_eq(n.nodes[0].repaired, 100);
    ck_assert_uint_eq(n.nodes[0].missing, 100);
    alldata__repair_count(n.nodes[0].repair, &counters);
    ck_assert_uint_eq(counters.missing, 100);
    const int64_t start = BOX_THEN / BOX_SECOND - 117 * 60; /* 00:00 */
    ck_assert_uint_eq(alldata__repair_missing(n.nodes[0].repair, start, start + 300), 100);
    ck_assert_uint_eq(alldata__repair_missing(n.nodes[0].repair, start + 300, start + 86400), 0);
    atomic_store(&n.nodes[2].manner, NET_WELL);
    net_rounds(&n);
    expect_replicas(3);
    for (int i = 0; i < 2; i++) {
        alldata__repair_count(n.nodes[i].repair, &counters);
        ck_assert_uint_eq(counters.missing, 0);
    }
}
END_TEST

START_TEST(a_node_that_comes_is_repaired_at_once) {
    alldata__repair_options options = plain;
    options.interval_ms = 3600000;
    options.settle_ms = 300;
    for (int i = 0; i < EVENTS; i++)
        store(i, 3);
    atomic_store(&n.nodes[2].manner, NET_REFUSES);
    net_repairs(&n, 3, options);
    net_settle(&n);
    ck_assert_uint_eq(net_count(&n, 2), 0);
    atomic_store(&n.nodes[2].manner, NET_WELL);
    for (int i = 0; i < 2; i++)
        net_introduce(&n, i);
    for (int i = 0; i < 600 && net_count(&n, 2) < EVENTS; i++) {
        net_settle(&n);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    expect_replicas(3);
    /* What was too young then is looked at without anybody asking. */
    net_store(&n, 1, "20261121T015659900000000000", "1");
    net_introduce(&n, 0);
    alldata_peer restarted = {.struct_size = sizeof(restarted),
                              .state = ALLDATA_PEER_LIVE,
                              .id = "ad2",
                              .http_host = "127.0.0.1",
                              .http_port = 8882,
                              .started_ns = 1,
                              .native = 1};
    ck_assert_int_eq(alldata__repair_set_peer(n.nodes[0].repair, &restarted, NULL), REPLI_OK);
    net_settle(&n);
    ck_assert_int_eq(net_replicas(&n, "20261121T015659900000000000", NULL), 1);
    for (int i = 0; i < 3; i++)
        atomic_fetch_add(&n.nodes[i].box.now_ns, BOX_SECOND);
    for (int i = 0; i < 600 && net_count(&n, 2) < EVENTS + 1; i++) {
        net_settle(&n);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    ck_assert_int_eq(net_replicas(&n, "20261121T015659900000000000", "1"), 3);
}
END_TEST

START_TEST(a_round_can_be_ended_at_any_time) {
    for (int i = 0; i < EVENTS; i++)
        store(i, 3);
    net_repairs(&n, 3, plain);
    atomic_store(&n.nodes[2].manner, NET_HANGS);
    int32_t codes[2] = {1, 1};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            alldata__repair_ask(n.nodes[0].repair, NULL, take_nothing, &codes[i], NULL), REPLI_OK);
        net_settle(&n);
        ck_assert_int_eq(codes[i], 1);
    }
    alldata__repair_free(n.nodes[0].repair);
    n.nodes[0].repair = NULL;
    ck_assert_int_eq(codes[0], REPLI_ECANCELLED);
    ck_assert_int_eq(codes[1], REPLI_ECANCELLED);
}
END_TEST

/* What a peer says is believed only if it makes sense. */

static void replace(repli_buf *answer, const char *text) {
    answer->size = 0;
    repli__buf_text(answer, text);
}

static void mangle_all(repli_buf *answer, int32_t *status) {
    (void)status;
    replace(answer, "<html>502 Bad Gateway</html>");
}

static void mangle_status(repli_buf *answer, int32_t *status) {
    (void)answer;
    *status = 500;
}

static void cut_off(repli_buf *answer, int32_t *status) {
    (void)status;
    answer->size /= 2;
}

static void be_another(repli_buf *answer, int32_t *status) {
    (void)status;
    if (answer->size > 8 && memcmp(answer->data, "node ad2", 8) == 0)
        answer->data[7] = '1';
    else
        replace(answer, "node ad1\nend\n");
}

static void go_on_for_ever(repli_buf *answer, int32_t *status) {
    (void)status;
    replace(answer, "node ad2\nmore 20261121T000000000000000000\n");
}

static void lie_about_keys(repli_buf *answer, int32_t *status) {
    (void)status;
    if (memcmp(answer->data, "2026", 4) == 0)
        replace(answer, "20261121T005824640353920860 00000000\nmore\n");
}

static void lie_about_order(repli_buf *answer, int32_t *status) {
    (void)status;
    replace(answer, "node ad2\n20261121 1 0000000000000000\n20261120 1 0000000000000000\nend\n");
}

static void lie_about_failures(repli_buf *answer, int32_t *status) {
    (void)status;
    if (answer->size == 0)
        replace(answer, "1 full\n0 full\n");
}

START_TEST(garbage_does_no_harm) {
    void (*const manglers[])(repli_buf *, int32_t *) = {
        mangle_all,     mangle_status,  cut_off,         be_another,
        go_on_for_ever, lie_about_keys, lie_about_order, lie_about_failures};
    const int share = EVENTS / 8;
    net_repairs(&n, 3, plain);
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < share; j++)
            store(i * share + j, 3);
        n.nodes[2].mangle = manglers[i];
        atomic_store(&n.nodes[2].manner, NET_MANGLES);
        for (int j = 0; j < 2; j++) {
            const int32_t code = net_round(&n, j);
            ck_assert_msg(code == REPLI_ENOQUORUM || net_count(&n, 2) == (size_t)(share * (i + 1)),
                          "mangler %d, node %d: %d", i, j, code);
        }
        atomic_store(&n.nodes[2].manner, NET_WELL);
        net_rounds(&n);
    }
    net_rounds(&n);
    expect_replicas(3);
    expect_rest();
}
END_TEST

/* Wherever it stops, what is there by then is right, and the rest follows when it is back. */
START_TEST(a_peer_may_die_at_any_time) {
    for (int i = 0; i < EVENTS; i++)
        store(i, i % 2 == 0 ? 3 : 5);
    net_repairs(&n, 3, plain);
    for (int left = 0; left < 12; left++) {
        atomic_store(&n.nodes[2].answers_left, left);
        net_round(&n, 0);
        net_round(&n, 1);
        atomic_store(&n.nodes[2].answers_left, -1);
        atomic_store(&n.nodes[2].manner, NET_WELL);
        expect_replicas(2);
    }
    net_rounds(&n);
    expect_replicas(3);
    expect_rest();
}
END_TEST

/* Six nodes in three zones of two regions, and three replicas. */

static void setup_six(void) {
    static const char *const zones[] = {"A", "A", "B", "B", "C", "C"};
    net_begin(&n, 6);
    for (int i = 0; i < 6; i++) {
        n.nodes[i].zone = zones[i];
        n.nodes[i].region = i < 4 ? "East" : "West";
    }
}

static unsigned nodes_of(int number) {
    return 1u << number % 2 | 1u << (2 + number / 2 % 2) | 1u << (4 + number / 4 % 2);
}

static alldata__repair_options six(void) {
    alldata__repair_options options = plain;
    options.other_zones = 1;
    options.other_regions = 1;
    return options;
}

START_TEST(weakness_5_a_disk_that_was_lost_is_made_up_for) {
    for (int i = 0; i < EVENTS; i++)
        store(i, nodes_of(i));
    net_empty(&n, 3);
    net_repairs(&n, 3, six());
    ck_assert_uint_eq(net_rounds(&n), EVENTS / 2);
    expect_replicas(3);
    expect_rest();
}
END_TEST

START_TEST(copies_go_where_they_are_wanted) {
    for (int i = 0; i < EVENTS; i++)
        store(i, i < 200 ? 1u << i % 2 : 1u << (2 + i % 2));
    net_repairs(&n, 3, six());
    ck_assert_uint_eq(net_rounds(&n), 2 * EVENTS);
    expect_replicas(3);
    /* One in the other zone, and one in the other region, where each node has its share. */
    ck_assert_uint_eq(net_count(&n, 0) + net_count(&n, 1), EVENTS);
    ck_assert_uint_eq(net_count(&n, 2) + net_count(&n, 3), EVENTS);
    ck_assert_uint_eq(net_count(&n, 4) + net_count(&n, 5), EVENTS);
    for (int i = 0; i < 6; i++)
        ck_assert_uint_gt(net_count(&n, i), EVENTS / 4);
    expect_rest();
}
END_TEST

/* Where a coordinator puts an event that comes to a node; a bit for each. */
static unsigned placed(int node, const char *key) {
    alldata__rule rule = {.other_zones = 1, .other_regions = 1};
    alldata__place places[6];
    uint8_t roles[6];
    unsigned nodes = 1u << node;
    for (int i = 0; i < 6; i++) {
        places[i] = alldata__place_of(n.nodes[i].id, n.nodes[i].zone, n.nodes[i].region);
        roles[i] = i == node ? ALLDATA__PLACE_TAKEN : ALLDATA__PLACE_FREE;
    }
    rule.self = places[node];
    for (int copies = 1; copies < 3; copies++) {
        const size_t at = alldata__placement_next(&rule, places, roles, 6,
                                                  alldata__placement_hash(key, ALLDATA_KEY_LENGTH));
        roles[at] = ALLDATA__PLACE_TAKEN;
        nodes |= 1u << at;
    }
    return nodes;
}

static unsigned holders_of(const char *key) {
    unsigned nodes = 0;
    for (int i = 0; i < 6; i++) {
        alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
        alldata_record record = ALLDATA_RECORD_INIT;
        alldata_scan *scan = NULL;
        options.prefix = key;
        ck_assert_int_eq(alldata_scan_new(n.nodes[i].box.storage, &options, &scan, NULL), REPLI_OK);
        nodes |= (unsigned)(alldata_scan_next(scan, &record, NULL) == REPLI_OK) << i;
        alldata_scan_free(scan);
    }
    return nodes;
}

START_TEST(copies_go_where_a_put_would_have_gone) {
    char key[ALLDATA_KEY_SIZE];
    for (int i = 0; i < EVENTS; i++)
        store(i, 1u << i % 6);
    net_repairs(&n, 3, six());
    ck_assert_uint_eq(net_rounds(&n), 2 * EVENTS);
    for (int i = 0; i < EVENTS; i++) {
        key_of(i, key);
        ck_assert_uint_eq(holders_of(key), placed(i % 6, key));
    }
}
END_TEST

START_TEST(too_many_replicas_are_left_alone) {
    for (int i = 0; i < EVENTS; i++)
        store(i, 63);
    net_repairs(&n, 3, six());
    expect_rest();
    for (int i = 0; i < 6; i++)
        ck_assert_uint_eq(net_count(&n, i), EVENTS);
}
END_TEST

START_TEST(what_a_dead_node_had_is_copied_among_those_who_live) {
    for (int i = 0; i < EVENTS; i++)
        store(i, nodes_of(i));
    atomic_store(&n.nodes[4].manner, NET_REFUSES);
    net_repairs(&n, 3, six());
    ck_assert_uint_eq(net_rounds(&n), EVENTS / 2);
    atomic_store(&n.nodes[4].manner, NET_WELL);
    expect_replicas(3);
    for (int i = 0; i < 6; i++)
        net_introduce(&n, i);
    expect_rest();
}
END_TEST

/* One that lives, but does not answer, may have what it is thought to have, for a while. */
START_TEST(a_silent_node_is_waited_for_at_first) {
    for (int i = 0; i < EVENTS; i++)
        store(i, nodes_of(i));
    net_repairs(&n, 3, six());
    atomic_store(&n.nodes[5].manner, NET_REFUSES);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 5; i++) {
            ck_assert_int_eq(net_round(&n, i), REPLI_ENOQUORUM);
            ck_assert_uint_eq(n.nodes[i].repaired, 0);
        }
    ck_assert_uint_eq(net_rounds(&n), EVENTS / 2);
    atomic_store(&n.nodes[5].manner, NET_WELL);
    expect_replicas(3);
}
END_TEST

/* Each with threads of its own, while events are still stored. */

START_TEST(repairs_run_beside_puts) {
    alldata__repair_options options = plain;
    options.interval_ms = 50;
    net_start(&n);
    net_repairs(&n, 3, options);
    for (int i = 0; i < EVENTS; i++)
        store(i, 1u << i % 3);
    for (int i = 0; i < 3000; i++) {
        if (net_count(&n, 0) + net_count(&n, 1) + net_count(&n, 2) == 3 * (size_t)EVENTS)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    expect_replicas(3);
}
END_TEST

int main(void) {
    TCase *three = tcase_create("three nodes");
    tcase_set_timeout(three, 60);
    tcase_add_checked_fixture(three, setup_three, teardown);
    tcase_add_test(three, weakness_5_a_node_that_missed_everything_is_filled);
    tcase_add_test(three, weakness_5_what_was_written_during_a_partition_is_exchanged);
    tcase_add_test(three, a_minute_that_is_missing_is_all_that_is_compared);
    tcase_add_test(three, who_has_nothing_asks_nobody);
    tcase_add_test(three, one_event_is_found);
    tcase_add_test(three, weakness_15_different_events_under_a_key_are_told_and_kept);
    tcase_add_test(three, what_is_young_is_left_alone);
    tcase_add_test(three, an_interval_alone_is_repaired);
    tcase_add_test(three, a_node_that_cannot_store_is_told_of);
    tcase_add_test(three, a_node_that_comes_is_repaired_at_once);
    tcase_add_test(three, a_round_can_be_ended_at_any_time);
    tcase_add_test(three, garbage_does_no_harm);
    tcase_add_test(three, a_peer_may_die_at_any_time);
    tcase_add_test(three, repairs_run_beside_puts);
    TCase *of_six = tcase_create("six nodes");
    tcase_set_timeout(of_six, 60);
    tcase_add_checked_fixture(of_six, setup_six, teardown);
    tcase_add_test(of_six, weakness_5_a_disk_that_was_lost_is_made_up_for);
    tcase_add_test(of_six, copies_go_where_they_are_wanted);
    tcase_add_test(of_six, copies_go_where_a_put_would_have_gone);
    tcase_add_test(of_six, too_many_replicas_are_left_alone);
    tcase_add_test(of_six, what_a_dead_node_had_is_copied_among_those_who_live);
    tcase_add_test(of_six, a_silent_node_is_waited_for_at_first);
    Suite *suite = suite_create("alldata: repair");
    suite_add_tcase(suite, three);
    suite_add_tcase(suite, of_six);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
