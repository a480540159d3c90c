/* Storage: what is stored never changes, and what is told of failures. run.sh timeout: 300 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alldata/internal.h"
#include "box.h"
#include "child.h"
#include "failing.h"

#define KEY "20261121T015624640353920860"
#define LATER "20261121T015624640353920861"
#define EARLIER "20261121T015624640353920859"

static box b;

static void setup(void) {
    box_begin(&b);
}

static void teardown(void) {
    box_end(&b);
}

static alldata_storage_stats stats(void) {
    alldata_storage_stats all = {.struct_size = sizeof(all)};
    alldata_storage_stats_get(b.storage, &all);
    return all;
}

static void expect(const char *expected) {
    char *text = box_read(&b, NULL);
    ck_assert_str_eq(text, expected);
    free(text);
}

/* Events. */

START_TEST(events_stay_as_they_came) {
    static const char event[] = "{\"n\": 12345678901234567890,\n \"e\":1e400, \"a\":-0,\"a\":1.0, "
                                "\"2\":\"\xc3\xa9\",\"1\":\"\0\xff\"}";
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata_scan *scan = NULL;
    record.key = KEY;
    record.key_size = strlen(KEY);
    record.event = event;
    record.event_size = sizeof(event) - 1;
    box_open(&b);
    ck_assert_int_eq(alldata_storage_put(b.storage, &record, 1, 0, NULL), REPLI_OK);
    for (int i = 0; i < 2; i++) {
        alldata_record read = ALLDATA_RECORD_INIT;
        ck_assert_int_eq(alldata_scan_new(b.storage, NULL, &scan, NULL), REPLI_OK);
        ck_assert_int_eq(alldata_scan_next(scan, &read, NULL), REPLI_OK);
        ck_assert_uint_eq(read.event_size, sizeof(event) - 1);
        ck_assert_int_eq(memcmp(read.event, event, sizeof(event) - 1), 0);
        ck_assert_int_eq(alldata_scan_next(scan, &read, NULL), REPLI_EDONE);
        alldata_scan_free(scan);
        box_close(&b);
        box_open(&b);
    }
}
END_TEST

START_TEST(what_is_stored_never_changes) {
    repli_error err = REPLI_ERROR_INIT;
    box_open(&b);
    for (int i = 0; i < 3; i++) {
        box_store(&b, KEY, "{\"a\":1}");
        ck_assert_int_eq(box_put(&b, KEY, "{\"a\":2}", 0, &err), REPLI_ECONFLICT);
        ck_assert_ptr_nonnull(strstr(err.message, KEY));
        ck_assert_int_eq(box_put(&b, KEY, "{\"a\":1} ", 0, NULL), REPLI_ECONFLICT);
        if (i == 0)
            ck_assert_uint_eq(stats().conflicts, 2);
        box_store(&b, LATER, "2");
        box_store(&b, EARLIER, "0");
        expect(EARLIER " 0\n" KEY " {\"a\":1}\n" LATER " 2\n");
        box_close(&b);
        box_open(&b);
    }
}
END_TEST

START_TEST(one_call_may_repeat_itself) {
    static const char *const keys[] = {LATER, KEY, KEY, "nonsense", LATER, EARLIER, EARLIER};
    static const char *const events[] = {"1", "2", "2", "3", "4", "5", "6"};
    static const int32_t codes[] = {0, 0, 0, REPLI_EINVALID, REPLI_ECONFLICT, 0, REPLI_ECONFLICT};
    alldata_record records[7];
    repli_error err = REPLI_ERROR_INIT;
    for (size_t i = 0; i < 7; i++) {
        records[i] = (alldata_record)ALLDATA_RECORD_INIT;
        records[i].key = keys[i];
        records[i].key_size = strlen(keys[i]);
        records[i].event = events[i];
        records[i].event_size = 1;
    }
    box_open(&b);
    ck_assert_int_eq(alldata_storage_put(b.storage, records, 7, 0, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "nonsense"));
    for (size_t i = 0; i < 7; i++)
        ck_assert_msg(records[i].code == codes[i], "%zu: %d", i, (int)records[i].code);
    expect(EARLIER " 5\n" KEY " 2\n" LATER " 1\n");
    const alldata_storage_stats now = stats();
    ck_assert_uint_eq(now.stored, 3);
    ck_assert_uint_eq(now.event_bytes, 3);
    ck_assert_uint_eq(now.duplicates, 1);
    ck_assert_uint_eq(now.conflicts, 2);
    ck_assert_uint_eq(now.refused, 1);
    ck_assert_uint_eq(now.commits, 1);
}
END_TEST

START_TEST(keys_in_order_are_not_looked_for) {
    alldata_keygen *keygen = NULL;
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    char key[ALLDATA_KEY_SIZE];
    options.clock = b.options.clock;
    options.clock_data = b.options.clock_data;
    ck_assert_int_eq(alldata_keygen_new(&options, NULL, &keygen, NULL), REPLI_OK);
    for (int i = 0; i < 2; i++) {
        box_open(&b);
        for (int j = 0; j < 1000; j++) {
            ck_assert_int_eq(alldata_keygen_next(keygen, key, NULL), REPLI_OK);
            box_store(&b, key, "1");
        }
        ck_assert_uint_eq(stats().lookups, 0);
        box_store(&b, key, "1");
        ck_assert_uint_eq(stats().lookups, 1);
        box_close(&b);
    }
    alldata_keygen_free(keygen);
}
END_TEST

/* The clock is set back between two lives of a node: its keys go on after those that are stored. */
START_TEST(a_restart_finds_the_last_key_of_its_node) {
    alldata_keygen *keygen = NULL;
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    char last[ALLDATA_KEY_SIZE];
    char key[ALLDATA_KEY_SIZE];
    options.node = 17;
    options.clock = b.options.clock;
    options.clock_data = b.options.clock_data;
    box_open(&b);
    ck_assert_int_eq(alldata_keygen_new(&options, NULL, &keygen, NULL), REPLI_OK);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(alldata_keygen_next(keygen, last, NULL), REPLI_OK);
        box_store(&b, last, "1");
    }
    alldata_keygen_free(keygen);
    /* Of another node, whose clock is ahead. */
    box_store(&b, "20261121T020455000000000018", "2");
    atomic_fetch_sub(&b.now_ns, 100 * BOX_SECOND);
    ck_assert_int_eq(alldata_storage_last_key(b.storage, 17, key, NULL), REPLI_OK);
    ck_assert_str_eq(key, last);
    ck_assert_int_eq(alldata_storage_last_key(b.storage, 19, key, NULL), REPLI_ENOTFOUND);
    ck_assert_str_eq(key, last);
    options.after = last;
    ck_assert_int_eq(alldata_keygen_new(&options, NULL, &keygen, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_keygen_next(keygen, key, NULL), REPLI_OK);
    ck_assert_str_gt(key, last);
    box_store(&b, key, "3");
    alldata_keygen_free(keygen);
}
END_TEST

/* Threads that want the same key for different events: one gets it. */

enum { RIVALS = 8, PRIZES = 300 };

static atomic_int won[PRIZES];
static atomic_int strange;

static void prize_key(int number, char key[ALLDATA_KEY_SIZE]) {
    snprintf(key, ALLDATA_KEY_SIZE, "20261121T0156%014d", number * 7919 % PRIZES);
}

static void *compete(void *argument) {
    const int self = (int)(intptr_t)argument;
    char event[16];
    char key[ALLDATA_KEY_SIZE];
    snprintf(event, sizeof(event), "%d", self);
    for (int i = 0; i < PRIZES; i++) {
        prize_key(i, key);
        alldata_record record = ALLDATA_RECORD_INIT;
        record.key = key;
        record.key_size = ALLDATA_KEY_LENGTH;
        record.event = event;
        record.event_size = strlen(event);
        const int32_t code = alldata_storage_put(b.storage, &record, 1, 0, NULL);
        if (code == REPLI_OK)
            atomic_fetch_add(&won[i], 1 + 1000 * self);
        else if (code != REPLI_ECONFLICT)
            atomic_fetch_add(&strange, 1);
    }
    return NULL;
}

START_TEST(of_two_events_at_once_one_gets_the_key) {
    pthread_t threads[RIVALS];
    box_open(&b);
    for (int i = 0; i < RIVALS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compete, (void *)(intptr_t)(i + 1)), 0);
    for (int i = 0; i < RIVALS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&strange), 0);
    for (int i = 0; i < PRIZES; i++) {
        char key[ALLDATA_KEY_SIZE];
        char expected[64];
        alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
        prize_key(i, key);
        ck_assert_int_eq(atomic_load(&won[i]) % 1000, 1);
        snprintf(expected, sizeof(expected), "%s %d\n", key, atomic_load(&won[i]) / 1000);
        options.prefix = key;
        char *text = box_read(&b, &options);
        ck_assert_str_eq(text, expected);
        free(text);
    }
    ck_assert_uint_eq(stats().stored, PRIZES);
    ck_assert_uint_eq(stats().conflicts, (RIVALS - 1) * PRIZES);
}
END_TEST

/* Durability. */

static int32_t wait_put(void *interval, alldata_record *const *records, size_t count,
                        uint32_t flags, repli_error *err);

/* LevelDB, whose first put waits until everybody else has come. */
static struct {
    alldata_storage_module module;
    alldata_storage *storage;
    atomic_int puts;
    atomic_int syncs;
    size_t largest;
} slow;

static size_t waiting(alldata_storage *storage) {
    size_t count = 0;
    pthread_mutex_lock(&storage->mutex);
    for (const alldata__request *request = storage->first; request != NULL; request = request->next)
        count++;
    pthread_mutex_unlock(&storage->mutex);
    return count;
}

enum { PUTTERS = 16 };

static int32_t wait_put(void *interval, alldata_record *const *records, size_t count,
                        uint32_t flags, repli_error *err) {
    if (atomic_fetch_add(&slow.puts, 1) == 0)
        while (waiting(slow.storage) < PUTTERS - 1)
            sched_yield();
    if ((flags & ALLDATA_PUT_SYNC) != 0)
        atomic_fetch_add(&slow.syncs, 1);
    if (count > slow.largest)
        slow.largest = count;
    return alldata_storage_leveldb()->put(interval, records, count, flags, err);
}

static void *put_one(void *argument) {
    char key[ALLDATA_KEY_SIZE];
    alldata_record record = ALLDATA_RECORD_INIT;
    snprintf(key, sizeof(key), "20261121T0156%014d", (int)(intptr_t)argument);
    record.key = key;
    record.key_size = ALLDATA_KEY_LENGTH;
    record.event = "1";
    record.event_size = 1;
    return (void *)(intptr_t)alldata_storage_put(b.storage, &record, 1, ALLDATA_PUT_SYNC, NULL);
}

START_TEST(those_who_wait_share_a_sync) {
    pthread_t threads[PUTTERS];
    slow.module = *alldata_storage_leveldb();
    slow.module.put = wait_put;
    b.options.module = &slow.module;
    box_open(&b);
    slow.storage = b.storage;
    for (int i = 0; i < PUTTERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_one, (void *)(intptr_t)i), 0);
    for (int i = 0; i < PUTTERS; i++) {
        void *code = NULL;
        pthread_join(threads[i], &code);
        ck_assert_int_eq((int)(intptr_t)code, REPLI_OK);
    }
    ck_assert_int_eq(atomic_load(&slow.puts), 2);
    ck_assert_int_eq(atomic_load(&slow.syncs), 2);
    ck_assert_uint_eq(slow.largest, PUTTERS - 1);
    ck_assert_uint_eq(stats().stored, PUTTERS);
    ck_assert_uint_eq(stats().syncs, 2);
}
END_TEST

START_TEST(durable_is_what_was_asked_for) {
    box_open(&b);
    box_store(&b, KEY, "1");
    ck_assert_uint_eq(stats().syncs, 0);
    ck_assert_int_eq(box_put(&b, LATER, "1", ALLDATA_PUT_SYNC, NULL), REPLI_OK);
    ck_assert_uint_eq(stats().syncs, 1);
    /* Stored already, but not synced then. */
    ck_assert_int_eq(box_put(&b, KEY, "1", ALLDATA_PUT_SYNC, NULL), REPLI_OK);
    ck_assert_uint_eq(stats().syncs, 2);
    ck_assert_int_eq(box_put(&b, KEY, "1", ALLDATA_PUT_SYNC, NULL), REPLI_OK);
    ck_assert_uint_eq(stats().syncs, 2);
    box_store(&b, EARLIER, "1");
    ck_assert_int_eq(alldata_storage_sync(b.storage, NULL), REPLI_OK);
    ck_assert_uint_eq(stats().syncs, 3);
    ck_assert_int_eq(alldata_storage_sync(b.storage, NULL), REPLI_OK);
    ck_assert_uint_eq(stats().syncs, 3);
    box_close(&b);
    b.options.put_flags = ALLDATA_PUT_SYNC;
    box_open(&b);
    box_store(&b, "20261121T015624640353920862", "1");
    ck_assert_uint_eq(stats().syncs, 1);
}
END_TEST

/* Failures. */

START_TEST(a_storage_belongs_to_one_process) {
    repli_error err = REPLI_ERROR_INIT;
    box_open(&b);
    box_store(&b, KEY, "1");
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EBUSY);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alldata_storage *other = NULL;
        int good = alldata_storage_new(&b.options, NULL, &other, NULL) == REPLI_EBUSY;
        good = good && box_put(&b, LATER, "1", 0, NULL) == REPLI_EFORK;
        good = good && alldata_storage_sync(b.storage, NULL) == REPLI_EFORK;
        good = good && alldata_storage_deadline(b.storage) == UINT64_MAX;
        alldata_storage_free(b.storage);
        test_end_child(good);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    box_store(&b, LATER, "2");
    expect(KEY " 1\n" LATER " 2\n");
}
END_TEST

START_TEST(places_that_cannot_be_are_refused) {
    repli_error err = REPLI_ERROR_INIT;
    char path[160];
    snprintf(path, sizeof(path), "%s/file", b.directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    b.options.location = path;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, path));
    b.options.location = "/nowhere/to/be/found";
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_ENOTFOUND);
    b.options.location = NULL;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
    if (geteuid() != 0) {
        snprintf(path, sizeof(path), "%s/closed", b.directory);
        ck_assert_int_eq(mkdir(path, 0500), 0);
        b.options.location = path;
        ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EPERMISSION);
    }
}
END_TEST

START_TEST(bad_options_are_refused) {
    repli_error err = REPLI_ERROR_INIT;
    alldata_storage_module module = *alldata_storage_leveldb();
    const alldata_setting unknown = {sizeof(unknown), 0, "colour", "red"};
    const alldata_setting wrong = {sizeof(wrong), 0, "damaged", "maybe"};
    b.options.settings = &unknown;
    b.options.setting_count = 1;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "colour"));
    b.options.settings = &wrong;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "maybe"));
    b.options.setting_count = 0;
    b.options.run_mode = 7;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
    b.options.run_mode = ALLDATA_RUN_DISPATCH;
    b.options.put_flags = ALLDATA_PUT_LATE;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
    b.options.put_flags = 0;
    module.abi_version = 2;
    b.options.module = &module;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EABI);
    b.options.struct_size = 16;
    ck_assert_int_eq(box_open_badly(&b, &err), REPLI_EINVALID);
    ck_assert_int_eq(alldata_storage_new(NULL, NULL, &b.storage, &err), REPLI_EINVALID);
    alldata_storage_free(NULL);
}
END_TEST

/* LevelDB, of which some puts fail. */
static struct {
    alldata_storage_module module;
    int fails;
    int opened;
} frail;

static int32_t fail_put(void *interval, alldata_record *const *records, size_t count,
                        uint32_t flags, repli_error *err) {
    if (!frail.fails)
        return alldata_storage_leveldb()->put(interval, records, count, flags, err);
    frail.fails = 0;
    err->code = REPLI_EFULL;
    snprintf(err->origin, sizeof(err->origin), "test");
    snprintf(err->message, sizeof(err->message), "no room");
    return REPLI_EFULL;
}

static int32_t count_open(void *self, const char *name, uint32_t flags, void **ret_interval,
                          repli_error *err) {
    frail.opened++;
    return alldata_storage_leveldb()->interval_open(self, name, flags, ret_interval, err);
}

START_TEST(after_a_failure_an_interval_is_opened_anew) {
    repli_error err = REPLI_ERROR_INIT;
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    frail.module = *alldata_storage_leveldb();
    frail.module.put = fail_put;
    frail.module.interval_open = count_open;
    b.options.module = &frail.module;
    box_open(&b);
    ck_assert_int_eq(frail.opened, 2);
    box_store(&b, KEY, "1");
    frail.fails = 1;
    ck_assert_int_eq(box_put(&b, LATER, "2", 0, &err), REPLI_EFULL);
    ck_assert_str_eq(err.message, "no room");
    ck_assert_uint_eq(stats().failed, 1);
    box_store(&b, LATER, "2");
    ck_assert_int_eq(frail.opened, 3);
    /* A reader is not pulled the ground away from. */
    ck_assert_int_eq(alldata_scan_new(b.storage, NULL, &scan, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_scan_next(scan, &record, NULL), REPLI_OK);
    frail.fails = 1;
    ck_assert_int_eq(box_put(&b, EARLIER, "0", 0, NULL), REPLI_EFULL);
    ck_assert_int_eq(box_put(&b, EARLIER, "0", 0, &err), REPLI_EFULL);
    ck_assert_ptr_nonnull(strstr(err.message, "scans"));
    ck_assert_int_eq(strncmp(record.key, KEY, 27), 0);
    alldata_scan_free(scan);
    box_store(&b, EARLIER, "0");
    ck_assert_int_eq(frail.opened, 4);
    expect(EARLIER " 0\n" KEY " 1\n" LATER " 2\n");
}
END_TEST

START_TEST(memory_that_runs_out_is_told_of) {
    failing memory;
    failing_init(&memory);
    int tries = 0;
    for (size_t at = 1;; at++, tries++) {
        failing_arm(&memory, at, 0);
        repli_error err = REPLI_ERROR_INIT;
        alldata_storage *storage = NULL;
        const int32_t code = alldata_storage_new(&b.options, &memory.allocator, &storage, &err);
        if (code == REPLI_OK) {
            alldata_storage_free(storage);
            break;
        }
        ck_assert_msg(code == REPLI_ENOMEM, "%zu: %s", at, err.message);
        ck_assert_uint_eq(atomic_load(&memory.live), 0);
    }
    ck_assert_int_gt(tries, 5);
    ck_assert_uint_eq(atomic_load(&memory.live), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("storage");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, events_stay_as_they_came);
    tcase_add_test(tcase, what_is_stored_never_changes);
    tcase_add_test(tcase, one_call_may_repeat_itself);
    tcase_add_test(tcase, keys_in_order_are_not_looked_for);
    tcase_add_test(tcase, a_restart_finds_the_last_key_of_its_node);
    tcase_add_test(tcase, of_two_events_at_once_one_gets_the_key);
    tcase_add_test(tcase, those_who_wait_share_a_sync);
    tcase_add_test(tcase, durable_is_what_was_asked_for);
    tcase_add_test(tcase, a_storage_belongs_to_one_process);
    tcase_add_test(tcase, places_that_cannot_be_are_refused);
    tcase_add_test(tcase, bad_options_are_refused);
    tcase_add_test(tcase, after_a_failure_an_interval_is_opened_anew);
    tcase_add_test(tcase, memory_that_runs_out_is_told_of);
    Suite *suite = suite_create("alldata: storage");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
