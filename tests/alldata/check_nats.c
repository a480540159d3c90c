/* The same storage on NATS JetStream, with a server of its own. run.sh timeout: 300 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <alldata/nats.h>

#include "box.h"
#include "nats.h"

#define AT "20261121T0155"

static box b;
static nats_server server;

static void setup(void) {
    box_begin(&b);
    server = (nats_server){.directory = b.directory};
    nats_start(&server);
    b.options.module = alldata_nats_module();
    b.options.location = server.url;
}

static void teardown(void) {
    box_close(&b);
    nats_stop(&server);
    box_end(&b);
}

static void expect(const char *interval, const char *expected) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.interval = interval;
    char *text = box_read(&b, &options);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(events_are_stored_and_read_in_order) {
    for (int i = 0; i < 2; i++) {
        box_open(&b);
        box_store(&b, AT "00000000000003", "three");
        box_store(&b, AT "00000000000001", "one\n\xff");
        box_store(&b, AT "00000000000002", "two");
        box_store(&b, "20261121T015000000000000000", "before");
        ck_assert_int_eq(box_put(&b, AT "00000000000002", "other", 0, NULL), REPLI_ECONFLICT);
        expect(NULL, "20261121T015000000000000000 before\n" AT "00000000000001 one\n\xff\n" AT
                     "00000000000002 two\n" AT "00000000000003 three\n");
        ck_assert_int_eq(alldata_storage_sync(b.storage, NULL), REPLI_OK);
        box_close(&b);
    }
}
END_TEST

/* Two nodes share a stream, and neither knows what the other writes. */
START_TEST(nodes_do_not_overwrite_each_other) {
    alldata_storage *other = NULL;
    alldata_record records[3];
    static const char *const keys[] = {AT "00000000000001", AT "00000000000002",
                                       AT "00000000000003"};
    repli_error err = REPLI_ERROR_INIT;
    box_open(&b);
    ck_assert_int_eq(alldata_storage_new(&b.options, NULL, &other, NULL), REPLI_OK);
    box_store(&b, keys[0], "1");
    box_store(&b, keys[1], "2");
    for (int i = 0; i < 3; i++) {
        records[i] = (alldata_record)ALLDATA_RECORD_INIT;
        records[i].key = keys[i];
        records[i].key_size = ALLDATA_KEY_LENGTH;
        records[i].event = i == 1 ? "x" : i == 0 ? "1" : "3";
        records[i].event_size = 1;
    }
    ck_assert_int_eq(alldata_storage_put(other, records, 3, 0, &err), REPLI_ECONFLICT);
    ck_assert_ptr_nonnull(strstr(err.message, keys[1]));
    ck_assert_int_eq(records[0].code, REPLI_OK);
    ck_assert_int_eq(records[1].code, REPLI_ECONFLICT);
    ck_assert_int_eq(records[2].code, REPLI_OK);
    alldata_storage_free(other);
    expect(NULL, AT "00000000000001 1\n" AT "00000000000002 2\n" AT "00000000000003 3\n");
}
END_TEST

static int32_t take_name(void *user_data, const char *name, int32_t state) {
    char *text = user_data;
    snprintf(text + strlen(text), 256 - strlen(text), "%s%s ", name,
             state == ALLDATA_INTERVAL_OPEN ? "*" : "");
    return 0;
}

START_TEST(intervals_close_and_become_files) {
    char names[256] = "";
    char path[160];
    char line[64] = "";
    box_open(&b);
    box_store(&b, AT "00000000000001", "1");
    atomic_fetch_add(&b.now_ns, 600 * BOX_SECOND);
    box_dispatch(&b);
    ck_assert_uint_eq(atomic_load(&b.closed_count), 2);
    ck_assert_int_eq(box_put(&b, AT "00000000000002", "2", 0, NULL), REPLI_EINVALID);
    ck_assert_int_eq(box_put(&b, AT "00000000000002", "2", ALLDATA_PUT_LATE, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_storage_intervals(b.storage, take_name, names, NULL), REPLI_OK);
    ck_assert_str_eq(names, "20261121T015000 20261121T015500 20261121T020000* 20261121T020500* ");
    snprintf(path, sizeof(path), "%s/export", b.directory);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T015500", path, NULL), REPLI_OK);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line, "27 1 " AT "00000000000002 2\n");
    fclose(file);
}
END_TEST

/* As many that are out of turn by little and by much. */
START_TEST(what_came_out_of_turn_is_read_in_turn) {
    enum { COUNT = 5000 };
    static char keys[COUNT][ALLDATA_KEY_SIZE];
    static alldata_record records[COUNT];
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    for (int i = 0; i < COUNT; i++) {
        /* Neighbours are swapped, and every 97th comes last. */
        const int number = i % 97 == 0 ? i : (i % 2 == 0 && i + 1 < COUNT ? i + 1 : i);
        snprintf(keys[i], sizeof(keys[i]), AT "%014d", i % 97 == 0 ? i : number);
    }
    size_t used = 0;
    box_open(&b);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < COUNT; i++) {
            if ((i % 97 == 0) != pass)
                continue;
            records[used] = (alldata_record)ALLDATA_RECORD_INIT;
            records[used].key = records[used].event = keys[i];
            records[used].key_size = records[used].event_size = ALLDATA_KEY_LENGTH;
            used++;
        }
    ck_assert_int_eq(alldata_storage_put(b.storage, records, used, 0, NULL), REPLI_OK);
    alldata_storage_stats stats = {.struct_size = sizeof(stats)};
    alldata_storage_stats_get(b.storage, &stats);
    ck_assert_int_eq(alldata_scan_new(b.storage, NULL, &scan, NULL), REPLI_OK);
    char before[ALLDATA_KEY_SIZE] = "";
    size_t count = 0;
    repli_error err = REPLI_ERROR_INIT;
    int32_t code;
    for (; (code = alldata_scan_next(scan, &record, &err)) == REPLI_OK; count++) {
        ck_assert_int_gt(memcmp(record.key, before, ALLDATA_KEY_LENGTH), 0);
        ck_assert_int_eq(memcmp(record.key, record.event, ALLDATA_KEY_LENGTH), 0);
        memcpy(before, record.key, ALLDATA_KEY_LENGTH);
    }
    ck_assert_msg(code == REPLI_EDONE, "%s: %s", err.message, err.cause);
    ck_assert_uint_eq(count, stats.stored);
    ck_assert_uint_gt(count, COUNT / 2);
    alldata_scan_free(scan);
}
END_TEST

START_TEST(what_is_too_large_does_not_keep_others_out) {
    enum { LARGE = 2 << 20 };
    char *large = malloc(LARGE);
    alldata_record records[2] = {ALLDATA_RECORD_INIT, ALLDATA_RECORD_INIT};
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_ptr_nonnull(large);
    memset(large, 'x', LARGE);
    records[0].key = AT "00000000000001";
    records[1].key = AT "00000000000002";
    records[0].key_size = records[1].key_size = ALLDATA_KEY_LENGTH;
    records[0].event = large;
    records[0].event_size = LARGE;
    records[1].event = "small";
    records[1].event_size = 5;
    box_open(&b);
    ck_assert_int_eq(alldata_storage_put(b.storage, records, 2, 0, &err), REPLI_EFULL);
    ck_assert_ptr_nonnull(strstr(err.message, "2097152"));
    ck_assert_int_eq(records[0].code, REPLI_EFULL);
    ck_assert_int_eq(records[1].code, REPLI_OK);
    expect(NULL, AT "00000000000002 small\n");
    free(large);
}
END_TEST

/* With an event, and a second's patience. */
static void open_impatient(void) {
    static const alldata_setting timeout = {sizeof(timeout), 0, "timeout_ms", "1000"};
    b.options.settings = &timeout;
    b.options.setting_count = 1;
    box_open(&b);
    box_store(&b, AT "00000000000001", "1");
}

/* Once the server is back. */
static void store_in_the_end(const char *key, const char *event) {
    repli_error err = REPLI_ERROR_INIT;
    int stored = 0;
    for (int i = 0; i < 60 && !stored; i++)
        stored = box_put(&b, key, event, 0, &err) == REPLI_OK;
    ck_assert_msg(stored, "%s: %s", err.message, err.cause);
}

START_TEST(a_server_that_comes_back_has_everything) {
    repli_error err = REPLI_ERROR_INIT;
    open_impatient();
    nats_stop(&server);
    const int32_t code = box_put(&b, AT "00000000000002", "2", 0, &err);
    ck_assert_msg(code == REPLI_ETIMEOUT || code == REPLI_ELOST || code == REPLI_EIO, "%s",
                  err.message);
    nats_start(&server);
    store_in_the_end(AT "00000000000002", "2");
    expect("20261121T015500", AT "00000000000001 1\n" AT "00000000000002 2\n");
}
END_TEST

/* The server has it in its socket, and dies with it. */
START_TEST(what_was_never_answered_holds_up_nothing) {
    repli_error err = REPLI_ERROR_INIT;
    open_impatient();
    kill(server.pid, SIGSTOP);
    ck_assert_int_eq(waitpid(server.pid, NULL, WUNTRACED), server.pid);
    ck_assert_int_eq(box_put(&b, AT "00000000000002", "2", 0, &err), REPLI_ETIMEOUT);
    kill(server.pid, SIGKILL);
    nats_stop(&server);
    nats_start(&server);
    store_in_the_end(AT "00000000000003", "3");
}
END_TEST

START_TEST(places_and_settings_that_cannot_be_are_refused) {
    repli_error err = REPLI_ERROR_INIT;
    static const alldata_setting bad[] = {{sizeof(alldata_setting), 0, "stream", "a.b"},
                                          {sizeof(alldata_setting), 0, "stream", ""},
                                          {sizeof(alldata_setting), 0, "replicas", "6"},
                                          {sizeof(alldata_setting), 0, "max_age", "x"},
                                          {sizeof(alldata_setting), 0, "timeout_ms", "0"},
                                          {sizeof(alldata_setting), 0, "colour", "1"}};
    b.options.setting_count = 1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b.options.settings = &bad[i];
        ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
        ck_assert_ptr_nonnull(strstr(err.message, bad[i].name));
    }
    b.options.setting_count = 0;
    b.options.location = "nats://127.0.0.1:1";
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EREFUSED);
}
END_TEST

int main(void) {
    if (!nats_is_there()) {
        puts("skipped: nats-server is not installed");
        return EXIT_SUCCESS;
    }
    TCase *tcase = tcase_create("nats");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, events_are_stored_and_read_in_order);
    tcase_add_test(tcase, nodes_do_not_overwrite_each_other);
    tcase_add_test(tcase, intervals_close_and_become_files);
    tcase_add_test(tcase, what_came_out_of_turn_is_read_in_turn);
    tcase_add_test(tcase, what_is_too_large_does_not_keep_others_out);
    tcase_add_test(tcase, a_server_that_comes_back_has_everything);
    tcase_add_test(tcase, what_was_never_answered_holds_up_nothing);
    tcase_add_test(tcase, places_and_settings_that_cannot_be_are_refused);
    Suite *suite = suite_create("alldata: nats");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
