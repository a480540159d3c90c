/* Reading from a whole cluster. */
#include <check.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "net.h"

static net n;

/* 600 events, each at three of six nodes. */
enum { EVENTS = 600 };

static void key_of(int number, char to[ALLDATA_KEY_SIZE]) {
    char key[64];
    snprintf(key, sizeof(key), "20261121T%02d%02d%02d%012d", number < 100 ? 0 : 1, number / 60 % 60,
             number % 60, number);
    memcpy(to, key, ALLDATA_KEY_LENGTH);
    to[ALLDATA_KEY_LENGTH] = '\0';
}

static void event_of(int number, char to[64]) {
    snprintf(to, 64, "{\"number\" : %d,\n\"text\":\"\xC3\xA9\"}", number);
}

static void setup(void) {
    net_begin(&n, 6);
    for (int i = 0; i < EVENTS; i++) {
        char key[ALLDATA_KEY_SIZE];
        char event[64];
        key_of(i, key);
        event_of(i, event);
        net_store(&n, 1u << i % 6 | 1u << (i + 1) % 6 | 1u << (i + 3) % 6, key, event);
    }
}

static void setup_carried(void) {
    setup();
    net_start(&n);
}

static void teardown(void) {
    net_end(&n);
}

static void expect_record(const alldata_record *record, int number) {
    char key[ALLDATA_KEY_SIZE];
    char event[64];
    key_of(number, key);
    event_of(number, event);
    ck_assert_uint_eq(record->key_size, ALLDATA_KEY_LENGTH);
    ck_assert_mem_eq(record->key, key, ALLDATA_KEY_LENGTH);
    ck_assert_uint_eq(record->event_size, strlen(event));
    ck_assert_mem_eq(record->event, event, record->event_size);
}

/* Read all that there is; the code at the end. */
static int32_t read_all(int node, int rf, const alldata_scan_options *options, int from, int until,
                        repli_error *err) {
    alldata__member members[NET_NODES];
    alldata__merge *merge = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    const alldata__cluster cluster = net_cluster(&n, node, rf, members);
    int32_t code = alldata__merge_new(&cluster, options, &repli__mem_default, &merge, err);
    ck_assert_int_eq(code, REPLI_OK);
    while ((code = alldata__merge_next(merge, &record, err)) == REPLI_OK)
        expect_record(&record, from++);
    if (code == REPLI_EDONE)
        ck_assert_int_eq(from, until);
    ck_assert_uint_eq(alldata__merge_conflicts(merge), 0);
    alldata__merge_free(merge);
    return code;
}

START_TEST(weakness_6_all_events_are_read_once_and_in_order) {
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(read_all(i, 3, NULL, 0, EVENTS, NULL), REPLI_EDONE);
}
END_TEST

START_TEST(reading_is_bounded_as_asked) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    char from[ALLDATA_KEY_SIZE];
    char until[ALLDATA_KEY_SIZE];
    key_of(17, from);
    key_of(400, until);
    options.from = from;
    ck_assert_int_eq(read_all(0, 3, &options, 17, EVENTS, NULL), REPLI_EDONE);
    options.until = until;
    options.flags = ALLDATA_SCAN_VERIFY;
    ck_assert_int_eq(read_all(1, 3, &options, 17, 400, NULL), REPLI_EDONE);
    options.prefix = "20261121T01";
    ck_assert_int_eq(read_all(2, 3, &options, 100, 400, NULL), REPLI_EDONE);
    options = (alldata_scan_options)ALLDATA_SCAN_OPTIONS_INIT;
    options.interval = "20261121T010500";
    ck_assert_int_eq(read_all(3, 3, &options, 300, EVENTS, NULL), REPLI_EDONE);
    options.from = from;
    options.interval = "20261121T000000";
    ck_assert_int_eq(read_all(4, 3, &options, 17, 100, NULL), REPLI_EDONE);
    options.interval = "20261121T020000";
    ck_assert_int_eq(read_all(5, 3, &options, 0, 0, NULL), REPLI_EDONE);
}
END_TEST

START_TEST(bounds_that_are_none_are_refused) {
    alldata__member members[NET_NODES];
    alldata__merge *merge = NULL;
    repli_error err = REPLI_ERROR_INIT;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    const alldata__cluster cluster = net_cluster(&n, 0, 3, members);
    options.interval = "yesterday";
    ck_assert_int_eq(alldata__merge_new(&cluster, &options, &repli__mem_default, &merge, &err),
                     REPLI_EINVALID);
    options.interval = NULL;
    options.prefix = "1234567890123456789012345678901234567890123456789012345678901234";
    ck_assert_int_eq(alldata__merge_new(&cluster, &options, &repli__mem_default, &merge, &err),
                     REPLI_EINVALID);
    ck_assert_ptr_null(merge);
    alldata__merge_free(NULL);
}
END_TEST

START_TEST(up_to_all_but_one_of_the_replicas_may_be_away) {
    repli_error err = REPLI_ERROR_INIT;
    atomic_store(&n.nodes[2].manner, NET_REFUSES);
    ck_assert_int_eq(read_all(0, 3, NULL, 0, EVENTS, &err), REPLI_EDONE);
    atomic_store(&n.nodes[4].manner, NET_REFUSES);
    ck_assert_int_eq(read_all(0, 3, NULL, 0, EVENTS, &err), REPLI_EDONE);
    ck_assert_int_eq(read_all(5, 2, NULL, 0, EVENTS, &err), REPLI_ENOQUORUM);
    ck_assert_ptr_nonnull(strstr(err.message, "2 of 5 other nodes"));
    ck_assert_ptr_nonnull(strstr(err.message, "ad4"));
}
END_TEST

/* One that is thought to live, and does not. */
START_TEST(a_node_that_goes_away_meanwhile_is_told) {
    repli_error err = REPLI_ERROR_INIT;
    atomic_store(&n.nodes[1].answers_left, 0);
    ck_assert_int_eq(read_all(0, 3, NULL, 0, EVENTS, &err), REPLI_EDONE);
    atomic_store(&n.nodes[1].manner, NET_WELL);
    ck_assert_int_eq(read_all(0, 1, NULL, 0, EVENTS, &err), REPLI_ENOQUORUM);
    ck_assert_ptr_nonnull(strstr(err.message, "ad1: nobody is there"));
}
END_TEST

static void mangle_all(repli_buf *answer, int32_t *status) {
    (void)status;
    answer->size = 0;
    repli__buf_text(answer, "<html>502 Bad Gateway</html>");
}

static void mangle_status(repli_buf *answer, int32_t *status) {
    answer->size = 0;
    *status = 503;
}

static void cut_off(repli_buf *answer, int32_t *status) {
    (void)status;
    answer->size -= answer->size / 3;
}

/* A page that begins again. */
static void turn_in_circles(repli_buf *answer, int32_t *status) {
    (void)status;
    answer->size -= strlen("end\n");
    repli__buf_text(answer, "more\n");
}

static void go_backwards(repli_buf *answer, int32_t *status) {
    (void)status;
    answer->size = 0;
    repli__buf_text(answer, "1 1 2 1\n1 1 1 1\nend\n");
}

static void say_nothing(repli_buf *answer, int32_t *status) {
    (void)status;
    answer->size = 0;
    repli__buf_text(answer, "more\n");
}

START_TEST(garbage_is_no_answer) {
    void (*const manglers[])(repli_buf *, int32_t *) = {
        mangle_all, mangle_status, cut_off, turn_in_circles, go_backwards, say_nothing};
    for (size_t i = 0; i < sizeof(manglers) / sizeof(manglers[0]); i++) {
        repli_error err = REPLI_ERROR_INIT;
        n.nodes[3].mangle = manglers[i];
        atomic_store(&n.nodes[3].manner, NET_MANGLES);
        ck_assert_int_eq(read_all(0, 3, NULL, 0, EVENTS, &err), REPLI_EDONE);
        ck_assert_int_eq(read_all(0, 1, NULL, 0, EVENTS, &err), REPLI_ENOQUORUM);
        ck_assert_ptr_nonnull(strstr(err.message, "ad3"));
    }
}
END_TEST

START_TEST(pages_follow_each_other) {
    static char large[400 * 1024];
    char key[ALLDATA_KEY_SIZE];
    alldata__member members[NET_NODES];
    alldata__merge *merge = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    const alldata__cluster cluster = net_cluster(&n, 0, 3, members);
    memset(large, '1', sizeof(large) - 1);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "20261121T0155%02d%012d", i, i);
        net_store(&n, i % 5 == 0 ? 1 : 1u << i % 5 | 1u << 5, key, large);
    }
    options.from = "20261121T0155";
    ck_assert_int_eq(alldata__merge_new(&cluster, &options, &repli__mem_default, &merge, NULL),
                     REPLI_OK);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "20261121T0155%02d%012d", i, i);
        ck_assert_int_eq(alldata__merge_next(merge, &record, NULL), REPLI_OK);
        ck_assert_mem_eq(record.key, key, ALLDATA_KEY_LENGTH);
        ck_assert_uint_eq(record.event_size, sizeof(large) - 1);
        ck_assert_mem_eq(record.event, large, sizeof(large) - 1);
    }
    ck_assert_int_eq(alldata__merge_next(merge, &record, NULL), REPLI_EDONE);
    ck_assert_int_eq(alldata__merge_next(merge, &record, NULL), REPLI_EDONE);
    ck_assert_uint_gt(atomic_load(&n.nodes[5].record_calls), 5);
    alldata__merge_free(merge);
}
END_TEST

START_TEST(who_stops_early_leaves_nothing_behind) {
    alldata__member members[NET_NODES];
    alldata__merge *merge = NULL;
    const alldata__cluster cluster = net_cluster(&n, 0, 3, members);
    atomic_store(&n.nodes[4].manner, NET_HANGS);
    ck_assert_int_eq(alldata__merge_new(&cluster, NULL, &repli__mem_default, &merge, NULL),
                     REPLI_OK);
    alldata__merge_free(merge);
    atomic_store(&n.nodes[4].manner, NET_WELL);
}
END_TEST

START_TEST(different_events_under_a_key_are_counted) {
    alldata__member members[NET_NODES];
    alldata__merge *merge = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    const alldata__cluster cluster = net_cluster(&n, 0, 3, members);
    net_store(&n, 1, "20261121T015500000000000001", "1");
    net_store(&n, 2, "20261121T015500000000000001", "2");
    options.from = "20261121T0155";
    ck_assert_int_eq(alldata__merge_new(&cluster, &options, &repli__mem_default, &merge, NULL),
                     REPLI_OK);
    ck_assert_int_eq(alldata__merge_next(merge, &record, NULL), REPLI_OK);
    ck_assert_int_eq(record.event[0], '1');
    ck_assert_int_eq(alldata__merge_next(merge, &record, NULL), REPLI_EDONE);
    ck_assert_uint_eq(alldata__merge_conflicts(merge), 1);
    alldata__merge_free(merge);
}
END_TEST

/* Without waiting. */

static void count_answer(void *user_data) {
    (*(int *)user_data)++;
}

static alldata__merge *begin_trying(int rf, int *told) {
    alldata__member members[NET_NODES];
    alldata__merge *merge = NULL;
    const alldata__cluster cluster = net_cluster(&n, 0, rf, members);
    ck_assert_int_eq(alldata__merge_new(&cluster, NULL, &repli__mem_default, &merge, NULL),
                     REPLI_OK);
    alldata__merge_tell(merge, count_answer, told);
    return merge;
}

/* All that can be read without waiting; the code at the end. */
static int32_t try_all(alldata__merge *merge, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code;
    for (int i = 0; (code = alldata__merge_try(merge, &record, err)) == REPLI_OK; i++)
        expect_record(&record, i);
    return code;
}

START_TEST(nothing_is_taken_until_all_have_answered) {
    int told = 0;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    alldata__merge *merge = begin_trying(3, &told);
    atomic_store(&n.nodes[4].manner, NET_HANGS);
    ck_assert_int_eq(alldata__merge_try(merge, &record, &err), REPLI_ENOTREADY);
    ck_assert_str_eq(err.message, "5 of 5 other nodes have not answered yet");
    ck_assert_int_eq(told, 0);
    net_settle(&n);
    ck_assert_int_eq(told, 4);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(alldata__merge_try(merge, &record, &err), REPLI_ENOTREADY);
        ck_assert_str_eq(err.message, "1 of 5 other nodes have not answered yet");
    }
    ck_assert_ptr_null(record.key);
    atomic_store(&n.nodes[4].manner, NET_WELL);
    net_settle(&n);
    ck_assert_int_eq(told, 5);
    ck_assert_int_eq(try_all(merge, &err), REPLI_EDONE);
    ck_assert_int_eq(alldata__merge_try(merge, &record, &err), REPLI_EDONE);
    alldata__merge_free(merge);
}
END_TEST

/* It is asked twice, and then missed. */
START_TEST(who_never_answers_is_given_up_at_its_deadline) {
    for (int rf = 1; rf <= 2; rf++) {
        int told = 0;
        alldata_record record = ALLDATA_RECORD_INIT;
        repli_error err = REPLI_ERROR_INIT;
        alldata__merge *merge = begin_trying(rf, &told);
        atomic_store(&n.nodes[2].manner, NET_HANGS);
        net_settle(&n);
        for (int i = 1; i <= 2; i++) {
            ck_assert_int_eq(alldata__merge_try(merge, &record, &err), REPLI_ENOTREADY);
            ck_assert_int_eq(net_expire(&n, 2), 1);
            ck_assert_int_eq(told, 4 + i);
        }
        ck_assert_int_eq(try_all(merge, &err), rf == 1 ? REPLI_ENOQUORUM : REPLI_EDONE);
        if (rf == 1)
            ck_assert_ptr_nonnull(strstr(err.message, "ad2: it does not answer"));
        alldata__merge_free(merge);
    }
}
END_TEST

START_TEST(who_goes_away_is_told_nothing_more) {
    int told = 0;
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata__merge *merge = begin_trying(3, &told);
    atomic_store(&n.nodes[4].manner, NET_HANGS);
    net_settle(&n);
    ck_assert_int_eq(alldata__merge_try(merge, &record, NULL), REPLI_ENOTREADY);
    ck_assert_int_eq(told, 4);
    alldata__merge_free(merge);
    ck_assert_int_eq(told, 4);
    merge = begin_trying(3, &told);
    alldata__merge_tell(merge, NULL, NULL);
    atomic_store(&n.nodes[4].manner, NET_WELL);
    net_settle(&n);
    ck_assert_int_eq(told, 4);
    ck_assert_int_eq(try_all(merge, NULL), REPLI_EDONE);
    alldata__merge_free(merge);
}
END_TEST

START_TEST(pages_come_while_others_are_read) {
    static char large[400 * 1024];
    char key[ALLDATA_KEY_SIZE];
    int told = 0;
    int busy = 0;
    alldata_record record = ALLDATA_RECORD_INIT;
    memset(large, '1', sizeof(large) - 1);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "20261121T0155%02d%012d", i, i);
        net_store(&n, 1u << (1 + i % 5), key, large);
    }
    alldata__merge *merge = begin_trying(3, &told);
    for (int i = 0; i < EVENTS + 20;) {
        const int32_t code = alldata__merge_try(merge, &record, NULL);
        if (code == REPLI_ENOTREADY) {
            const int before = told;
            net_settle(&n);
            ck_assert_int_gt(told, before);
            busy++;
            continue;
        }
        ck_assert_int_eq(code, REPLI_OK);
        if (i < EVENTS)
            expect_record(&record, i);
        else
            ck_assert_uint_eq(record.event_size, sizeof(large) - 1);
        i++;
    }
    ck_assert_int_gt(busy, 1);
    ck_assert_int_eq(alldata__merge_try(merge, &record, NULL), REPLI_EDONE);
    alldata__merge_free(merge);
}
END_TEST

static void post(void *user_data) {
    sem_post(user_data);
}

/* Answers come on another thread, and in the middle of the end. */
START_TEST(who_is_told_by_another_thread_may_go_at_any_time) {
    for (int most = 0; most <= EVENTS; most += 30) {
        alldata__member members[NET_NODES];
        alldata__merge *merge = NULL;
        alldata_record record = ALLDATA_RECORD_INIT;
        sem_t answers;
        const alldata__cluster cluster = net_cluster(&n, most % 6, 3, members);
        ck_assert_int_eq(sem_init(&answers, 0, 0), 0);
        ck_assert_int_eq(alldata__merge_new(&cluster, NULL, &repli__mem_default, &merge, NULL),
                         REPLI_OK);
        alldata__merge_tell(merge, post, &answers);
        for (int i = 0; i < most;) {
            const int32_t code = alldata__merge_try(merge, &record, NULL);
            if (code == REPLI_OK)
                expect_record(&record, i++);
            else
                ck_assert_int_eq(code, REPLI_ENOTREADY);
            if (code != REPLI_OK)
                sem_wait(&answers);
        }
        if (most == EVENTS)
            ck_assert_int_eq(alldata__merge_next(merge, &record, NULL), REPLI_EDONE);
        alldata__merge_free(merge);
        sem_destroy(&answers);
    }
}
END_TEST

START_TEST(an_interval_of_all_nodes_becomes_one_file) {
    alldata__member members[NET_NODES];
    repli_error err = REPLI_ERROR_INIT;
    char path[160];
    char line[256];
    char expected[256];
    const alldata__cluster cluster = net_cluster(&n, 0, 3, members);
    const alldata__cluster single = net_cluster(&n, 0, 1, members);
    snprintf(path, sizeof(path), "%s/export", n.nodes[0].box.directory);
    ck_assert_int_eq(
        alldata__merge_export(&cluster, "20261121T000000", path, &repli__mem_default, &err),
        REPLI_OK);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line, "alldata-export 1 20261121T000000\n");
    for (int i = 0; i < 100; i++) {
        char key[ALLDATA_KEY_SIZE];
        char event[64];
        key_of(i, key);
        event_of(i, event);
        const int size =
            snprintf(expected, sizeof(expected), "27 %zu %s %s\n", strlen(event), key, event);
        ck_assert_uint_eq(fread(line, 1, (size_t)size, file), (size_t)size);
        ck_assert_mem_eq(line, expected, (size_t)size);
    }
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line, "end 100\n");
    fclose(file);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(
        alldata__merge_export(&cluster, "20261121T015500", path, &repli__mem_default, &err),
        REPLI_ESTATE);
    atomic_store(&n.nodes[1].answers_left, 0);
    ck_assert_int_eq(
        alldata__merge_export(&single, "20261121T000000", path, &repli__mem_default, &err),
        REPLI_ENOQUORUM);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("merge");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup_carried, teardown);
    tcase_add_test(tcase, weakness_6_all_events_are_read_once_and_in_order);
    tcase_add_test(tcase, reading_is_bounded_as_asked);
    tcase_add_test(tcase, bounds_that_are_none_are_refused);
    tcase_add_test(tcase, up_to_all_but_one_of_the_replicas_may_be_away);
    tcase_add_test(tcase, a_node_that_goes_away_meanwhile_is_told);
    tcase_add_test(tcase, garbage_is_no_answer);
    tcase_add_test(tcase, pages_follow_each_other);
    tcase_add_test(tcase, who_stops_early_leaves_nothing_behind);
    tcase_add_test(tcase, different_events_under_a_key_are_counted);
    tcase_add_test(tcase, an_interval_of_all_nodes_becomes_one_file);
    tcase_add_test(tcase, who_is_told_by_another_thread_may_go_at_any_time);
    TCase *trying = tcase_create("trying");
    tcase_set_timeout(trying, 60);
    tcase_add_checked_fixture(trying, setup, teardown);
    tcase_add_test(trying, nothing_is_taken_until_all_have_answered);
    tcase_add_test(trying, who_never_answers_is_given_up_at_its_deadline);
    tcase_add_test(trying, who_goes_away_is_told_nothing_more);
    tcase_add_test(trying, pages_come_while_others_are_read);
    Suite *suite = suite_create("alldata: merge");
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, trying);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
