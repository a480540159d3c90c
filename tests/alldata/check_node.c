/* A node alone: who it is, what it has, and what becomes of both when it ends, however that is.
 * run.sh timeout: 300
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "child.h"
#include "knot.h"

#define BEFORE "20261121T015000000000000001"
#define KEY "20261121T015600000000000001"
#define LATE "20261121T010000000000000001"

static knot k;

static void setup(void) {
    knot_begin(&k);
}

static void teardown(void) {
    knot_end(&k);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static const char *read_file(const char *path) {
    static char text[4096];
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Events. */

static int32_t run_modes[] = {ALLDATA_RUN_DISPATCH, ALLDATA_RUN_THREADS};

START_TEST(what_was_put_is_stored) {
    static const char event[] = "{\"n\": 12345678901234567890}";
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    k.options.run_mode = run_modes[_i];
    knot_open(&k);
    const char *key = knot_put(&k, event);
    ck_assert_int_eq(alldata_scan_new(alldata_node_storage(k.node), NULL, &scan, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_scan_next(scan, &record, NULL), REPLI_OK);
    ck_assert_int_eq(memcmp(record.key, key, ALLDATA_KEY_LENGTH), 0);
    ck_assert_uint_eq(record.event_size, strlen(event));
    ck_assert_int_eq(memcmp(record.event, event, strlen(event)), 0);
    ck_assert_int_eq(alldata_scan_next(scan, &record, NULL), REPLI_EDONE);
    alldata_scan_free(scan);
    ck_assert_uint_eq(knot_status(&k).events, 1);
    ck_assert_int_eq(knot_status(&k).writable, 1);
}
END_TEST

START_TEST(a_bad_event_is_refused) {
    alldata_put put = ALLDATA_PUT_INIT;
    repli_error err = REPLI_ERROR_INIT;
    put.event = "{";
    put.event_size = 1;
    knot_open(&k);
    ck_assert_int_eq(alldata_node_put_wait(k.node, &put, NULL, &err), REPLI_EINVALID);
    ck_assert_str_ne(err.message, "");
    ck_assert_uint_eq(knot_status(&k).events, 0);
}
END_TEST

/* The number of the node is at the end of its keys, and those go on after the last one. */
START_TEST(keys_go_on_after_a_restart) {
    char first[ALLDATA_KEY_SIZE];
    char number[8];
    knot_open(&k);
    snprintf(first, sizeof(first), "%s", knot_put(&k, "1"));
    snprintf(number, sizeof(number), "%05d", (int)knot_status(&k).number);
    ck_assert_str_eq(first + ALLDATA_KEY_LENGTH - 5, number);
    knot_close(&k);
    atomic_fetch_sub(&k.now_ns, 60 * BOX_SECOND);
    knot_open(&k);
    const char *second = knot_put(&k, "2");
    ck_assert_str_gt(second, first);
    ck_assert_str_eq(second + ALLDATA_KEY_LENGTH - 5, number);
}
END_TEST

/* Who it is. */

START_TEST(a_node_stays_who_it_is) {
    char id[160];
    knot_open(&k);
    const alldata_node_status before = knot_status(&k);
    snprintf(id, sizeof(id), "%s", before.id);
    ck_assert_uint_eq(strlen(id), 36);
    ck_assert_str_eq(before.cluster, "alldata");
    ck_assert_str_eq(before.location, k.location);
    ck_assert_ptr_null(before.gossip);
    ck_assert_ptr_null(alldata_node_gossip(k.node));
    knot_close(&k);
    knot_open(&k);
    ck_assert_str_eq(knot_status(&k).id, id);
    ck_assert_int_eq(knot_status(&k).number, before.number);
    knot_close(&k);
    k.options.id = id;
    knot_open(&k);
    ck_assert_str_eq(knot_status(&k).id, id);
}
END_TEST

START_TEST(another_node_or_cluster_is_refused) {
    repli_error err = REPLI_ERROR_INIT;
    k.options.id = "n\xc3\xb6rd\"lich";
    k.options.cluster = "prod";
    knot_open(&k);
    knot_close(&k);
    k.options.id = "n2";
    ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(err.message, "\"n2\""));
    ck_assert_ptr_nonnull(strstr(err.message, knot_path(&k, "node")));
    k.options.id = NULL;
    k.options.cluster = "test";
    ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(err.message, "\"prod\""));
    ck_assert_ptr_nonnull(strstr(err.message, "\"test\""));
    k.options.cluster = "prod";
    knot_open(&k);
    ck_assert_str_eq(knot_status(&k).id, "n\xc3\xb6rd\"lich");
}
END_TEST

START_TEST(a_damaged_identity_is_refused) {
    static const char *const damages[] = {
        "",
        "{",
        "[]",
        "{\"id\":\"a\",\"cluster\":\"alldata\"}",
        "{\"id\":\"a\",\"cluster\":\"alldata\",\"number\":100000}",
        "{\"id\":\"\",\"cluster\":\"alldata\",\"number\":1}"};
    repli_error err = REPLI_ERROR_INIT;
    knot_open(&k);
    knot_close(&k);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        write_file(knot_path(&k, "node"), damages[i]);
        ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_ECORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, knot_path(&k, "node")));
        ck_assert_str_eq(read_file(knot_path(&k, "node")), damages[i]);
    }
}
END_TEST

/* The directory. */

START_TEST(a_directory_is_of_one_process) {
    repli_error err = REPLI_ERROR_INIT;
    int ready[2];
    int end[2];
    char byte = 0;
    ck_assert_int_eq(pipe(ready) | pipe(end), 0);
    const pid_t child = fork();
    if (child == 0) {
        const int good = alldata_node_new(&k.options, NULL, &k.node, NULL) == REPLI_OK &&
                         write(ready[1], "", 1) == 1 && read(end[0], &byte, 1) == 1;
        test_end_child(good);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_EBUSY);
    ck_assert_ptr_nonnull(strstr(err.message, k.location));
    ck_assert_int_eq(write(end[1], "", 1), 1);
    int status = 1;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    knot_open(&k);
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EBUSY);
}
END_TEST

START_TEST(a_directory_that_cannot_be_had_is_refused) {
    repli_error err = REPLI_ERROR_INIT;
    char path[256];
    snprintf(path, sizeof(path), "%s/none/node", k.directory);
    k.options.location = path;
    ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, path));
    snprintf(path, sizeof(path), "%s/file", k.directory);
    write_file(path, "");
    ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, path));
}
END_TEST

START_TEST(a_directory_of_the_reference_becomes_a_nodes) {
    alldata_storage_options options = ALLDATA_STORAGE_OPTIONS_INIT;
    alldata_storage *storage = NULL;
    alldata_record record = {sizeof(record), 0, BEFORE, strlen(BEFORE), "1", 1};
    char events[256];
    ck_assert_int_eq(mkdir(k.location, 0777), 0);
    snprintf(events, sizeof(events), "%s", knot_path(&k, "events"));
    options.location = events;
    options.interval = "PT5M";
    options.clock = k.options.clock;
    options.clock_data = &k;
    ck_assert_int_eq(alldata_storage_new(&options, NULL, &storage, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_storage_put(storage, &record, 1, 0, NULL), REPLI_OK);
    alldata_storage_free(storage);
    knot_open(&k);
    knot_count(&k);
    ck_assert_str_eq(knot_intervals(&k), "20261121T015000 1 " BEFORE "\n20261121T015500 0 \n");
}
END_TEST

/* Numbers of events. */

START_TEST(events_are_counted_as_they_come) {
    knot_open(&k);
    knot_count(&k);
    knot_store(&k, BEFORE, 0);
    knot_store(&k, KEY, 0);
    knot_store(&k, "20261121T015500000000000001", 0);
    knot_store(&k, KEY, 0);
    knot_store(&k, LATE, ALLDATA_PUT_LATE);
    ck_assert_str_eq(knot_intervals(&k), "20261121T010000 1 " LATE "\n"
                                         "20261121T015000 1 " BEFORE "\n"
                                         "20261121T015500 2 " KEY "\n");
    ck_assert_uint_eq(knot_status(&k).events, 4);
}
END_TEST

/* Nothing is read that was counted before: a node that ended well knows at once. */
START_TEST(numbers_are_kept) {
    knot_open(&k);
    knot_count(&k);
    knot_store(&k, BEFORE, 0);
    knot_store(&k, KEY, 0);
    knot_close(&k);
    ck_assert_int_eq(alldata_node_new(&k.options, NULL, &k.node, NULL), REPLI_OK);
    ck_assert_str_eq(knot_intervals(&k),
                     "20261121T015000 1 " BEFORE "\n20261121T015500 1 " KEY "\n");
    ck_assert_uint_eq(knot_status(&k).uncounted, 0);
}
END_TEST

/* A key overwrites what is there, but not the end of the text. */
START_TEST(an_interval_that_was_kept_as_empty_ends_its_last_key) {
    knot_open(&k);
    knot_count(&k);
    knot_close(&k);
    knot_open(&k);
    knot_store(&k, KEY, 0);
    ck_assert_str_eq(knot_intervals(&k), "20261121T015000 0 \n20261121T015500 1 " KEY "\n");
}
END_TEST

/* Runs in a child, which ends without closing anything. */
static void crash_after(void (*run)(void)) {
    const pid_t child = fork();
    if (child == 0) {
        knot_open(&k);
        run();
        test_end_child(1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}

static void store_one(void) {
    knot_store(&k, KEY, 0);
}

static void store_late(void) {
    knot_store(&k, LATE, ALLDATA_PUT_LATE);
}

START_TEST(what_is_not_known_after_a_crash_is_counted) {
    knot_open(&k);
    knot_count(&k);
    knot_store(&k, BEFORE, 0);
    knot_store(&k, "20261121T015500000000000001", 0);
    knot_close(&k);
    crash_after(store_one);
    knot_open(&k);
    ck_assert_str_eq(knot_intervals(&k), "20261121T015000 1 " BEFORE "\n?20261121T015500 0 \n");
    ck_assert_uint_eq(knot_status(&k).uncounted, 1);
    knot_count(&k);
    ck_assert_str_eq(knot_intervals(&k),
                     "20261121T015000 1 " BEFORE "\n20261121T015500 2 " KEY "\n");
}
END_TEST

START_TEST(late_events_are_counted_after_a_crash) {
    knot_open(&k);
    knot_count(&k);
    knot_store(&k, "20261121T010000000000000000", ALLDATA_PUT_LATE);
    knot_close(&k);
    crash_after(store_late);
    knot_open(&k);
    knot_count(&k);
    ck_assert_str_eq(knot_intervals(&k), "20261121T010000 2 " LATE "\n"
                                         "20261121T015000 0 \n20261121T015500 0 \n");
}
END_TEST

START_TEST(damaged_numbers_are_counted_anew) {
    static const char *const damages[] = {"", "nonsense", "20261121T015000 5\n"};
    knot_open(&k);
    knot_count(&k);
    knot_store(&k, BEFORE, 0);
    knot_close(&k);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        write_file(knot_path(&k, "counts"), damages[i]);
        knot_open(&k);
        ck_assert_uint_eq(knot_status(&k).uncounted, 2);
        knot_count(&k);
        ck_assert_str_eq(knot_intervals(&k), "20261121T015000 1 " BEFORE "\n20261121T015500 0 \n");
        knot_close(&k);
    }
}
END_TEST

START_TEST(numbers_of_a_closed_interval_survive_a_crash) {
    knot_open(&k);
    knot_count(&k);
    knot_store(&k, BEFORE, 0);
    atomic_fetch_add(&k.now_ns, 300 * BOX_SECOND);
    for (int i = 0; i < 100 && access(knot_path(&k, "counts"), F_OK) != 0; i++)
        ck_assert_int_eq(alldata_node_dispatch(k.node, NULL), REPLI_OK);
    ck_assert_str_eq(read_file(knot_path(&k, "counts")),
                     "20261121T015000 000000000000000001 " BEFORE "\n");
}
END_TEST

enum { MANY = 20000, BATCH = 100 };

static void store_many(int first, int step) {
    for (int i = first; i < MANY; i += step * BATCH) {
        char keys[BATCH][ALLDATA_KEY_SIZE];
        alldata_record records[BATCH];
        for (int j = 0; j < BATCH; j++) {
            snprintf(keys[j], sizeof(keys[j]), "20261121T015600%012d", i + j * step);
            records[j] = (alldata_record){sizeof(records[j]), 0, keys[j], 27, "1", 1};
        }
        ck_assert_int_eq(alldata_storage_put(alldata_node_storage(k.node), records, BATCH, 0, NULL),
                         REPLI_OK);
    }
}

static void store_even(void) {
    store_many(0, 2);
}

static void *store_odd(void *argument) {
    (void)argument;
    store_many(1, 2);
    return NULL;
}

/* Neither twice nor not at all, whatever comes while it is counted. */
START_TEST(events_that_come_while_others_are_counted_count_once) {
    pthread_t thread;
    crash_after(store_even);
    k.options.run_mode = ALLDATA_RUN_THREADS;
    knot_open(&k);
    ck_assert_int_eq(pthread_create(&thread, NULL, store_odd, NULL), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 6000 && knot_status(&k).uncounted > 0; i++)
        usleep(10000);
    ck_assert_str_eq(knot_intervals(&k), "20261121T015000 0 \n"
                                         "20261121T015500 20000 20261121T015600000000019999\n");
}
END_TEST

/* Whose turn it is. */

START_TEST(a_forked_child_is_refused) {
    knot_open(&k);
    const pid_t child = fork();
    if (child == 0) {
        alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
        alldata_put put = ALLDATA_PUT_INIT;
        put.event = "1";
        put.event_size = 1;
        const int good = alldata_node_put_wait(k.node, &put, NULL, NULL) == REPLI_EFORK &&
                         alldata_node_status_get(k.node, &status, NULL) == REPLI_EFORK &&
                         alldata_node_dispatch(k.node, NULL) == REPLI_EFORK &&
                         alldata_node_fd(k.node) == -1 &&
                         alldata_node_deadline(k.node) == UINT64_MAX;
        alldata_node_free(k.node);
        test_end_child(good);
    }
    int status = 1;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    knot_put(&k, "2");
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EBUSY);
}
END_TEST

START_TEST(a_node_is_driven_as_it_was_made) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_node_new(&k.options, NULL, &k.node, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_node_dispatch(k.node, &err), REPLI_ESTATE);
    ck_assert_int_eq(alldata_node_start(k.node, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_node_start(k.node, &err), REPLI_ESTATE);
    ck_assert_int_ge(alldata_node_fd(k.node), 0);
    knot_close(&k);
    k.options.run_mode = ALLDATA_RUN_THREADS;
    knot_open(&k);
    ck_assert_int_eq(alldata_node_dispatch(k.node, &err), REPLI_ESTATE);
    ck_assert_uint_eq(alldata_node_deadline(k.node), UINT64_MAX);
}
END_TEST

START_TEST(options_are_checked) {
    const alldata_node_options good = k.options;
    repli_error err = REPLI_ERROR_INIT;
    k.options.location = "";
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EINVALID);
    k.options = good;
    k.options.run_mode = 7;
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EINVALID);
    k.options = good;
    k.options.interval = "P1W";
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EINVALID);
    k.options = good;
    k.options.id = "";
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EINVALID);
    k.options = good;
    k.options.zone = "a\nb";
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EINVALID);
    k.options = good;
    k.options.replication_factor = 3;
    ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "3 nodes"));
    k.options = good;
    k.options.gossip_listen = "127.0.0.1:0";
    ck_assert_int_eq(knot_open_badly(&k, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "transport"));
    k.options = good;
    k.options.struct_size = 8;
    ck_assert_int_eq(knot_open_badly(&k, NULL), REPLI_EINVALID);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata: node");
    TCase *tc = tcase_create("alone");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, what_was_put_is_stored, 0, 2);
    tcase_add_test(tc, a_bad_event_is_refused);
    tcase_add_test(tc, keys_go_on_after_a_restart);
    tcase_add_test(tc, a_node_stays_who_it_is);
    tcase_add_test(tc, another_node_or_cluster_is_refused);
    tcase_add_test(tc, a_damaged_identity_is_refused);
    tcase_add_test(tc, a_directory_is_of_one_process);
    tcase_add_test(tc, a_directory_that_cannot_be_had_is_refused);
    tcase_add_test(tc, a_directory_of_the_reference_becomes_a_nodes);
    tcase_add_test(tc, events_are_counted_as_they_come);
    tcase_add_test(tc, numbers_are_kept);
    tcase_add_test(tc, an_interval_that_was_kept_as_empty_ends_its_last_key);
    tcase_add_test(tc, what_is_not_known_after_a_crash_is_counted);
    tcase_add_test(tc, late_events_are_counted_after_a_crash);
    tcase_add_test(tc, damaged_numbers_are_counted_anew);
    tcase_add_test(tc, numbers_of_a_closed_interval_survive_a_crash);
    tcase_add_test(tc, events_that_come_while_others_are_counted_count_once);
    tcase_add_test(tc, a_forked_child_is_refused);
    tcase_add_test(tc, a_node_is_driven_as_it_was_made);
    tcase_add_test(tc, options_are_checked);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
