/* Hints: what peers miss is written down, survives, and is handed over. run.sh timeout: 600 */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alldata/coordinator/hints.h"
#include "child.h"
#include "fleet.h"

static fleet f;
static puts_told p;

static void setup(void) {
    puts_begin(&p);
}

static void teardown(void) {
    fleet_end(&f);
    puts_end(&p);
}

static void put_some(int number, int count) {
    const size_t before = p.told;
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(puts_put(&p, &f, number, NULL, "{\"n\":1}", 0, 0), REPLI_OK);
    puts_await(&p, before + (size_t)count);
}

static void await_hints(int number, int64_t count) {
    for (int i = 0;
         i < 6000 && alldata_coordinator_hints(f.nodes[number].coordinator, NULL) != count; i++)
        pause_ms(10);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[number].coordinator, NULL), count);
}

START_TEST(hints_survive_a_restart) {
    enum { COUNT = 700 };
    fleet_begin(&f, 3, 3);
    fleet_start(&f);
    fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    put_some(0, COUNT);
    ck_assert_uint_eq(p.good, COUNT);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, "node-2"), COUNT);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, "node-1"), 0);
    ck_assert_uint_eq(fleet_count(&f, 0).under_replicated, COUNT);
    fleet_stop_node(&f, 0);
    fleet_start_node(&f, 0);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, "node-2"), COUNT);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_pending, COUNT);
    ck_assert_uint_eq(fleet_events(&f, 2), 0);
    fleet_tell(&f, 0, 2, ALLDATA_PEER_LIVE);
    fleet_await_events(&f, 2, COUNT);
    await_hints(0, 0);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_delivered, COUNT);
    /* They are gone from the disk as well. */
    fleet_stop_node(&f, 0);
    fleet_start_node(&f, 0);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, NULL), 0);
}
END_TEST

/* What a child that is killed has acknowledged. */

enum { ACKED = 2000, UNANSWERED = 500 };

static int ack_pipe[2];
static atomic_int unanswered;

/* What missed its deadline on a slow machine was not acknowledged. */
static void tell_parent(void *user_data, const alldata_put_result *results, size_t count) {
    (void)user_data;
    for (size_t i = 0; i < count; i++)
        if (results[i].code == REPLI_OK &&
            write(ack_pipe[1], results[i].key, ALLDATA_KEY_SIZE) != ALLDATA_KEY_SIZE)
            test_end_child(0);
    atomic_fetch_sub(&unanswered, (int)count);
}

static _Noreturn void put_until_killed(void) {
    alldata_put one = ALLDATA_PUT_INIT;
    fleet_connect(&f);
    fleet_start(&f);
    fleet_link(&f, 2, LINK_REFUSED);
    fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    one.event = "{\"n\":1}";
    one.event_size = strlen(one.event);
    for (;;) {
        while (atomic_load(&unanswered) >= UNANSWERED)
            pause_ms(1);
        atomic_fetch_add(&unanswered, 1);
        if (alldata_coordinator_put(f.nodes[0].coordinator, &one, 1, tell_parent, NULL, NULL) !=
            REPLI_OK)
            test_end_child(0);
    }
}

static int compare_keys(const void *a, const void *b) {
    return memcmp(a, b, ALLDATA_KEY_SIZE);
}

/* All keys of a node, in order. */
static size_t read_keys(int number, char (*keys)[ALLDATA_KEY_SIZE], size_t most) {
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    size_t count = 0;
    ck_assert_int_eq(alldata_scan_new(f.nodes[number].box.storage, NULL, &scan, NULL), REPLI_OK);
    while (count < most && alldata_scan_next(scan, &record, NULL) == REPLI_OK) {
        memcpy(keys[count], record.key, ALLDATA_KEY_LENGTH);
        keys[count++][ALLDATA_KEY_LENGTH] = '\0';
    }
    alldata_scan_free(scan);
    return count;
}

START_TEST(what_was_acknowledged_reaches_a_peer_after_a_kill) {
    static char acked[ACKED][ALLDATA_KEY_SIZE];
    static char kept[1 << 18][ALLDATA_KEY_SIZE];
    fleet_prepare(&f, 3, 3);
    ck_assert_int_eq(pipe(ack_pipe), 0);
    const pid_t child = fork();
    if (child == 0)
        put_until_killed();
    close(ack_pipe[1]);
    for (size_t i = 0; i < ACKED; i++)
        ck_assert_int_eq(read(ack_pipe[0], acked[i], ALLDATA_KEY_SIZE), ALLDATA_KEY_SIZE);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(ack_pipe[0]);
    fleet_connect(&f);
    for (int i = 0; i < 3; i++)
        fleet_start_node(&f, i);
    const int64_t hints = alldata_coordinator_hints(f.nodes[0].coordinator, "node-2");
    ck_assert_int_ge(hints, ACKED);
    ck_assert_uint_eq(fleet_events(&f, 2), 0);
    fleet_tell(&f, 0, 2, ALLDATA_PEER_LIVE);
    await_hints(0, 0);
    const size_t count = read_keys(2, kept, sizeof(kept) / sizeof(kept[0]));
    ck_assert_int_eq((int64_t)count, hints);
    for (size_t i = 0; i < ACKED; i++)
        ck_assert_msg(bsearch(acked[i], kept, count, sizeof(kept[0]), compare_keys) != NULL,
                      "%s was acknowledged and is lost", acked[i]);
}
END_TEST

/* A reference node takes one event a request, and some never. */
START_TEST(what_is_refused_again_and_again_does_not_block_the_rest) {
    char key[ALLDATA_KEY_SIZE];
    fleet_begin(&f, 2, 2);
    f.nodes[0].options.peer_timeout_ms = 30;
    f.nodes[0].options.commit = ALLDATA_COMMIT_ONE;
    atomic_store(&f.nodes[1].reference, 1);
    fleet_start(&f);
    fleet_tell_all(&f, 1, ALLDATA_PEER_DEAD);
    const alldata_put_result *one = puts_one(&p, &f, 0, NULL, "\"old\"", 0);
    ck_assert_int_eq(one->code, REPLI_OK);
    ck_assert_int_eq(one->hints, 1);
    memcpy(key, one->key, sizeof(key));
    put_some(0, 100);
    memcpy(f.stubborn, key, sizeof(key));
    fleet_tell(&f, 0, 1, ALLDATA_PEER_LIVE);
    fleet_await_events(&f, 1, 100);
    await_hints(0, 0);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_dropped, 1);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_delivered, 100);
    ck_assert_uint_eq(atomic_load(&f.nodes[0].refused_logs), 1);
    ck_assert_uint_eq(atomic_load(&f.most_records), 1);
}
END_TEST

START_TEST(a_peer_that_is_dropped_is_forgotten_if_so_wanted) {
    fleet_begin(&f, 3, 3);
    fleet_start(&f);
    fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    put_some(0, 50);
    await_hints(0, 50);
    ck_assert_int_eq(alldata_coordinator_drop_peer(f.nodes[0].coordinator, "node-2", 0, NULL),
                     REPLI_OK);
    /* It gets no more, and what there is waits. */
    put_some(0, 50);
    ck_assert_uint_eq(p.good, 100);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, "node-2"), 50);
    ck_assert_int_eq(alldata_coordinator_drop_peer(f.nodes[0].coordinator, "node-2", 1, NULL),
                     REPLI_OK);
    /* Whatever is told of it before that is done. */
    fleet_tell(&f, 0, 2, ALLDATA_PEER_DEAD);
    alldata_coordinator_drop_peer(f.nodes[0].coordinator, "node-2", 0, NULL);
    await_hints(0, 0);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_dropped, 50);
    fleet_stop_node(&f, 0);
    fleet_start_node(&f, 0);
    ck_assert_int_eq(alldata_coordinator_hints(f.nodes[0].coordinator, NULL), 0);
    ck_assert_int_eq(alldata_coordinator_drop_peer(f.nodes[0].coordinator, "node-2", 1, NULL),
                     REPLI_ENOTFOUND);
}
END_TEST

/* A peer that comes and goes while it is handed what it missed. */
START_TEST(deliveries_that_fail_go_on_later) {
    enum { COUNT = 3000 };
    static const int how[] = {LINK_REFUSED, LINK_MUTE, LINK_STATUS + 403, LINK_GARBAGE,
                              LINK_STATUS + 400};
    fleet_begin(&f, 3, 3);
    f.nodes[0].options.peer_timeout_ms = 50;
    fleet_start(&f);
    fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    put_some(0, COUNT);
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        fleet_link(&f, 2, how[i]);
        fleet_tell(&f, 0, 2, ALLDATA_PEER_LIVE);
        const uint64_t before = fleet_count(&f, 0).peer_failures;
        for (int n = 0; n < 6000 && fleet_count(&f, 0).peer_failures == before; n++)
            pause_ms(1);
        ck_assert_uint_gt(fleet_count(&f, 0).peer_failures, before);
        fleet_link(&f, 2, LINK_UP);
        fleet_tell(&f, 0, 2, ALLDATA_PEER_DEAD);
    }
    fleet_tell(&f, 0, 2, ALLDATA_PEER_LIVE);
    fleet_await_events(&f, 2, COUNT);
    await_hints(0, 0);
    ck_assert_uint_eq(fleet_count(&f, 0).hints_dropped, 0);
}
END_TEST

/* This node's disk is full, and others stand in for it. */
START_TEST(a_full_disk_here_fails_no_put) {
    enum { LARGE = 60000 };
    static char event[LARGE + 1];
    struct rlimit before;
    fleet_begin(&f, 4, 3);
    fleet_start(&f);
    memset(event, '1', LARGE);
    event[0] = event[LARGE - 1] = '"';
    alldata_record record = ALLDATA_RECORD_INIT;
    record.key = "20261121T015624640353920860";
    record.key_size = ALLDATA_KEY_LENGTH;
    record.event = event;
    record.event_size = LARGE;
    ck_assert_int_eq(alldata_storage_put(f.nodes[0].box.storage, &record, 1, 0, NULL), REPLI_OK);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit full = {.rlim_cur = LARGE, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
    for (int32_t commit = ALLDATA_COMMIT_ONE; commit <= ALLDATA_COMMIT_ALL; commit++) {
        const alldata_put_result *one = puts_one(&p, &f, 0, NULL, "1", commit);
        ck_assert_msg(one->code == REPLI_OK, "%d: %s", (int)commit, p.messages[p.told - 1]);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    for (int i = 1; i < 4; i++)
        fleet_await_events(&f, i, 3);
    ck_assert_uint_eq(fleet_events(&f, 0), 1);
    put_some(0, 10);
    fleet_await_events(&f, 0, 11);
}
END_TEST

/* A node that is dispatched by its host. */
START_TEST(a_node_without_threads_does_all_of_it) {
    fleet_begin(&f, 3, 3);
    f.nodes[0].options.run_mode = ALLDATA_RUN_DISPATCH;
    fleet_start(&f);
    fleet_tell_all(&f, 2, ALLDATA_PEER_DEAD);
    alldata_coordinator *c = f.nodes[0].coordinator;
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(puts_put(&p, &f, 0, NULL, "1", 0, 0), REPLI_OK);
    int is_back = 0;
    for (int i = 0; i < 100000 && (puts_count(&p) < 100 || fleet_events(&f, 2) < 100); i++) {
        struct pollfd fd = {.fd = alldata_coordinator_fd(c), .events = POLLIN};
        poll(&fd, 1, 100);
        ck_assert_int_eq(alldata_coordinator_dispatch(c, NULL), REPLI_OK);
        const int told = puts_count(&p) == 100;
        if (told && !is_back)
            fleet_tell(&f, 0, 2, ALLDATA_PEER_LIVE);
        is_back |= told;
    }
    ck_assert_uint_eq(p.good, 100);
    ck_assert_uint_eq(fleet_events(&f, 2), 100);
    ck_assert_uint_eq(fleet_events(&f, 1), 100);
    /* Deadlines are kept, too: nobody else dispatches. */
    fleet_link(&f, 1, LINK_FROZEN);
    fleet_link(&f, 2, LINK_FROZEN);
    ck_assert_int_eq(puts_put(&p, &f, 0, NULL, "1", 0, 20), REPLI_OK);
    while (puts_count(&p) < 101) {
        struct pollfd fd = {.fd = alldata_coordinator_fd(c), .events = POLLIN};
        ck_assert_int_ge(poll(&fd, 1, 60000), 1);
        alldata_coordinator_dispatch(c, NULL);
    }
    ck_assert_int_eq(p.results[100].code, REPLI_ETIMEOUT);
}
END_TEST

static int32_t take_first(void *user_data, const char *peer, size_t size,
                          const alldata__hint *hint) {
    char *to = user_data;
    sprintf(to + strlen(to), "%.*s %s %d %.*s\n", (int)size, peer, hint->key, hint->refusals,
            (int)hint->event_size, hint->event != NULL ? hint->event : "");
    return 0;
}

START_TEST(hints_are_kept_apart_by_peer) {
    static const char *const peers[] = {"a", "ab", "b"};
    alldata__hints *hints = NULL;
    repli__mem mem;
    char text[1024] = "";
    fleet_begin(&f, 1, 1);
    repli__mem_init(&mem, NULL);
    ck_assert_int_eq(alldata__hints_open(&mem, f.nodes[0].hints, &hints, NULL), REPLI_OK);
    for (int i = 2; i >= 0; i--) {
        alldata__hint hint = {.key = "20261121T01562464035392086", .refusals = i};
        hint.key[ALLDATA_KEY_LENGTH - 1] = (char)('0' + i);
        hint.event = i == 1 ? "{}" : NULL;
        hint.event_size = i == 1 ? 2 : 0;
        for (int k = 0; k < 3; k++)
            alldata__hints_add(hints, peers[k], &hint);
    }
    alldata__hints_remove(hints, "ab", "20261121T015624640353920862");
    ck_assert_int_eq(alldata__hints_write(hints, 1, NULL), REPLI_OK);
    ck_assert_int_eq(alldata__hints_read(hints, "ab", "", take_first, text, NULL), REPLI_OK);
    ck_assert_str_eq(text, "ab 20261121T015624640353920860 0 \n"
                           "ab 20261121T015624640353920861 1 {}\n");
    text[0] = '\0';
    ck_assert_int_eq(
        alldata__hints_read(hints, "a", "20261121T015624640353920861\1", take_first, text, NULL),
        REPLI_OK);
    ck_assert_str_eq(text, "a 20261121T015624640353920862 2 \n");
    alldata__hints_close(hints);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("hints");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, hints_are_kept_apart_by_peer);
    tcase_add_test(tcase, hints_survive_a_restart);
    tcase_add_test(tcase, what_was_acknowledged_reaches_a_peer_after_a_kill);
    tcase_add_test(tcase, what_is_refused_again_and_again_does_not_block_the_rest);
    tcase_add_test(tcase, a_peer_that_is_dropped_is_forgotten_if_so_wanted);
    tcase_add_test(tcase, deliveries_that_fail_go_on_later);
    tcase_add_test(tcase, a_full_disk_here_fails_no_put);
    tcase_add_test(tcase, a_node_without_threads_does_all_of_it);
    Suite *suite = suite_create("alldata: hints");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
