/* Reading: scans by key, interval and prefix, and exports. run.sh timeout: 300 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <leveldb/c.h>

#include "box.h"

static box b;

/* Keys of five intervals, two in each, of which the first three are closed. */
static void setup(void) {
    box_begin(&b);
    box_open(&b);
    for (int i = 0; i < 5; i++) {
        char key[ALLDATA_KEY_SIZE];
        atomic_store(&b.now_ns, BOX_THEN + i * 300 * BOX_SECOND);
        for (int j = 0; j < 2; j++) {
            snprintf(key, sizeof(key), "20261121T%02d%02d%02d%012d", i == 0 ? 1 : 2,
                     (55 + 5 * i) % 60, j, i);
            box_store(&b, key, j == 0 ? "{}" : "[\n]");
        }
    }
    box_dispatch(&b);
}

static void teardown(void) {
    box_end(&b);
}

#define AT(time, digits, event) "20261121T" time "00000000000" digits " " event "\n"
#define FIRST AT("015500", "0", "{}") AT("015501", "0", "[\n]")
#define SECOND AT("020000", "1", "{}") AT("020001", "1", "[\n]")
#define THIRD AT("020500", "2", "{}") AT("020501", "2", "[\n]")
#define FOURTH AT("021000", "3", "{}") AT("021001", "3", "[\n]")
#define FIFTH AT("021500", "4", "{}") AT("021501", "4", "[\n]")

static void expect(const char *from, const char *until, const char *prefix, const char *interval,
                   const char *expected) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.from = from;
    options.until = until;
    options.prefix = prefix;
    options.interval = interval;
    char *text = box_read(&b, &options);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(a_scan_is_bounded_as_asked) {
    expect(NULL, NULL, NULL, NULL, FIRST SECOND THIRD FOURTH FIFTH);
    expect("20261121T0205", NULL, NULL, NULL, THIRD FOURTH FIFTH);
    expect("20261121T020500000000000002", NULL, NULL, NULL, THIRD FOURTH FIFTH);
    expect("20261121T020500000000000003", "20261121T0206", NULL, NULL, AT("020501", "2", "[\n]"));
    expect(NULL, "20261121T020500", NULL, NULL, FIRST SECOND);
    expect(NULL, "20261121T020501000000000002", NULL, NULL, FIRST SECOND AT("020500", "2", "{}"));
    expect(NULL, NULL, "20261121T02", NULL, SECOND THIRD FOURTH FIFTH);
    expect("20261121T0210", NULL, "20261121T02", NULL, FOURTH FIFTH);
    expect("20261121T0110", "20261121T0210", "20261121T02", NULL, SECOND THIRD);
    expect(NULL, NULL, "20261121T020500000000000002", NULL, AT("020500", "2", "{}"));
    expect(NULL, NULL, "20261122", NULL, "");
    expect(NULL, NULL, "\xff\xff", NULL, "");
    expect("9", NULL, NULL, NULL, "");
    expect(NULL, "1", NULL, NULL, "");
    expect(NULL, NULL, NULL, "20261121T020000", SECOND);
    expect("20261121T020001", NULL, NULL, "20261121T020000", AT("020001", "1", "[\n]"));
    expect(NULL, NULL, NULL, "20261121T015000", "");
}
END_TEST

START_TEST(bad_bounds_are_refused) {
    alldata_scan *const untouched = (alldata_scan *)(void *)&b;
    alldata_scan *scan = untouched;
    repli_error err = REPLI_ERROR_INIT;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.interval = "20261121T030000";
    ck_assert_int_eq(alldata_scan_new(b.storage, &options, &scan, &err), REPLI_ENOTFOUND);
    options.interval = "yesterday";
    ck_assert_int_eq(alldata_scan_new(b.storage, &options, &scan, &err), REPLI_EINVALID);
    options.interval = NULL;
    options.from = "20261121T02050000000000000320261121T020500000000000003xxxxxxxxxxxx";
    ck_assert_int_eq(alldata_scan_new(b.storage, &options, &scan, &err), REPLI_EINVALID);
    ck_assert_ptr_eq(scan, untouched);
    alldata_scan_free(NULL);
}
END_TEST

START_TEST(a_reader_goes_on_where_it_was) {
    alldata_scan *scan = NULL;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    char from[ALLDATA_KEY_SIZE + 1] = "";
    int count = 0;
    for (;; count++) {
        alldata_record record = ALLDATA_RECORD_INIT;
        options.from = from;
        ck_assert_int_eq(alldata_scan_new(b.storage, &options, &scan, NULL), REPLI_OK);
        const int32_t code = alldata_scan_next(scan, &record, NULL);
        if (code == REPLI_OK) {
            memcpy(from, record.key, record.key_size);
            strcpy(from + record.key_size, "!"); /* just behind it */
        }
        alldata_scan_free(scan);
        if (code != REPLI_OK)
            break;
    }
    ck_assert_int_eq(count, 10);
}
END_TEST

/* What nodes of another make have left in a directory, and what was written with other intervals.
 */
static void write_plainly(const char *interval, const char *const *keys, const char *event) {
    char path[160];
    char *error = NULL;
    snprintf(path, sizeof(path), "%s/%s", b.location, interval);
    leveldb_options_t *options = leveldb_options_create();
    leveldb_writeoptions_t *write = leveldb_writeoptions_create();
    leveldb_options_set_create_if_missing(options, 1);
    leveldb_options_set_compression(options, leveldb_no_compression);
    leveldb_t *db = leveldb_open(options, path, &error);
    ck_assert_msg(error == NULL, "%s", error);
    for (; *keys != NULL; keys++)
        leveldb_put(db, write, *keys, strlen(*keys), event, strlen(event), &error);
    ck_assert_msg(error == NULL, "%s", error);
    leveldb_close(db);
    leveldb_writeoptions_destroy(write);
    leveldb_options_destroy(options);
}

START_TEST(intervals_that_overlap_are_merged) {
    static const char *const day[] = {"20261121T015500500000000000", "20261121T020001000000000001",
                                      "20261121T235959000000000000", NULL};
    write_plainly("20261121T000000", day, "day");
    expect(NULL, NULL, NULL, NULL,
           AT("015500", "0", "{}") "20261121T015500500000000000 day\n" AT("015501", "0", "[\n]")
               SECOND THIRD FOURTH FIFTH "20261121T235959000000000000 day\n");
    expect("20261121T2", NULL, NULL, NULL, "20261121T235959000000000000 day\n");
}
END_TEST

START_TEST(odd_keys_are_read_as_well) {
    static const char *const odd[] = {"20261120T", "20261120T012345", "20261120Txyz /", NULL};
    write_plainly("20261119T000000", odd, "odd");
    expect(NULL, "20261121", NULL, NULL,
           "20261120T odd\n20261120T012345 odd\n20261120Txyz / odd\n");
    expect(NULL, NULL, "20261120T", NULL,
           "20261120T odd\n20261120T012345 odd\n20261120Txyz / odd\n");
}
END_TEST

/* Beside writers. */

static atomic_int stop;

static void *write_on(void *argument) {
    int failed = 0;
    (void)argument;
    for (int i = 0; !atomic_load(&stop); i++) {
        char key[ALLDATA_KEY_SIZE];
        alldata_record record = ALLDATA_RECORD_INIT;
        snprintf(key, sizeof(key), "20261121T0216%014d", i);
        record.key = key;
        record.key_size = ALLDATA_KEY_LENGTH;
        record.event = key;
        record.event_size = ALLDATA_KEY_LENGTH;
        failed += alldata_storage_put(b.storage, &record, 1, 0, NULL) != REPLI_OK;
    }
    return (void *)(intptr_t)failed;
}

START_TEST(a_scan_beside_a_writer_is_in_order_and_whole) {
    pthread_t writer;
    void *failed = NULL;
    size_t most = 0;
    ck_assert_int_eq(pthread_create(&writer, NULL, write_on, NULL), 0);
    while (most < 20000) {
        alldata_scan *scan = NULL;
        alldata_record record = ALLDATA_RECORD_INIT;
        char before[ALLDATA_KEY_SIZE] = "";
        size_t count = 0;
        ck_assert_int_eq(alldata_scan_new(b.storage, NULL, &scan, NULL), REPLI_OK);
        for (; alldata_scan_next(scan, &record, NULL) == REPLI_OK; count++) {
            ck_assert_uint_eq(record.key_size, ALLDATA_KEY_LENGTH);
            ck_assert_int_gt(memcmp(record.key, before, ALLDATA_KEY_LENGTH), 0);
            ck_assert(record.event_size < 4 ||
                      memcmp(record.key, record.event, ALLDATA_KEY_LENGTH) == 0);
            memcpy(before, record.key, ALLDATA_KEY_LENGTH);
        }
        alldata_scan_free(scan);
        ck_assert_uint_ge(count, most);
        most = count;
    }
    atomic_store(&stop, 1);
    pthread_join(writer, &failed);
    ck_assert_int_eq((int)(intptr_t)failed, 0);
}
END_TEST

/* A closed interval is closed again when the scan leaves it, whichever way. */
START_TEST(scans_share_what_they_open) {
    alldata_scan *scans[3];
    alldata_record record = ALLDATA_RECORD_INIT;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(alldata_scan_new(b.storage, NULL, &scans[i], NULL), REPLI_OK);
        ck_assert_int_eq(alldata_scan_next(scans[i], &record, NULL), REPLI_OK);
    }
    alldata_scan_free(scans[0]);
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(alldata_scan_next(scans[1], &record, NULL), REPLI_OK);
    alldata_scan_free(scans[1]);
    ck_assert_int_eq(alldata_scan_next(scans[2], &record, NULL), REPLI_OK);
    alldata_scan_free(scans[2]);
    static const char *const nothing[] = {NULL};
    write_plainly("20261121T015500", nothing, "");
}
END_TEST

/* Exports. */

static char *read_file(const char *path, size_t *ret_size) {
    FILE *file = fopen(path, "r");
    char *text = malloc(65536);
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(text);
    *ret_size = fread(text, 1, 65535, file);
    text[*ret_size] = '\0';
    fclose(file);
    return text;
}

START_TEST(a_closed_interval_becomes_one_file) {
    char path[160];
    char names[512];
    size_t size = 0;
    repli_error err = REPLI_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/export", b.directory);
    ck_assert_msg(alldata_storage_export(b.storage, "20261121T020000", path, &err) == REPLI_OK,
                  "%s", err.message);
    char *text = read_file(path, &size);
    ck_assert_str_eq(text, "alldata-export 1 20261121T020000\n"
                           "27 2 20261121T020000000000000001 {}\n"
                           "27 3 20261121T020001000000000001 [\n]\n"
                           "end 2\n");
    free(text);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T015000", path, NULL), REPLI_OK);
    text = read_file(path, &size);
    ck_assert_str_eq(text, "alldata-export 1 20261121T015000\nend 0\n");
    free(text);
    ck_assert_str_eq(box_names(b.directory, names, sizeof(names)), "events export");
}
END_TEST

START_TEST(what_cannot_be_exported_leaves_nothing_behind) {
    char path[160];
    char names[512];
    repli_error err = REPLI_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/export", b.directory);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T021500", path, &err),
                     REPLI_ESTATE);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T021000", path, &err),
                     REPLI_ESTATE);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T031000", path, &err),
                     REPLI_ENOTFOUND);
    ck_assert_int_eq(alldata_storage_export(b.storage, NULL, path, &err), REPLI_EINVALID);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T020000", "/nowhere/file", &err),
                     REPLI_ENOTFOUND);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T020000", b.directory, &err),
                     REPLI_EINVALID);
    static char endless[5000];
    memset(endless, 'x', sizeof(endless) - 1);
    const int flags = fcntl(STDIN_FILENO, F_GETFD);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T020000", endless, &err),
                     REPLI_EINVALID);
    ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFD), flags);
    unlink("export.part");
    ck_assert_str_eq(box_names(b.directory, names, sizeof(names)), "events");
}
END_TEST

/* Large events, and many, pass through the exporter's own room. */
START_TEST(an_export_has_every_byte) {
    enum { LARGE = 300000, COUNT = 40 };
    char path[160];
    char line[128];
    char *event = malloc(LARGE);
    ck_assert_ptr_nonnull(event);
    for (int i = 0; i < COUNT; i++) {
        char key[ALLDATA_KEY_SIZE];
        alldata_record record = ALLDATA_RECORD_INIT;
        memset(event, 'a' + i % 26, LARGE);
        snprintf(key, sizeof(key), "20261121T0200%014d", i + 100);
        record.key = key;
        record.key_size = ALLDATA_KEY_LENGTH;
        record.event = event;
        record.event_size = (size_t)(LARGE - 7000 * i);
        ck_assert_int_eq(alldata_storage_put(b.storage, &record, 1, ALLDATA_PUT_LATE, NULL),
                         REPLI_OK);
    }
    snprintf(path, sizeof(path), "%s/export", b.directory);
    ck_assert_int_eq(alldata_storage_export(b.storage, "20261121T020000", path, NULL), REPLI_OK);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    for (int i = 0; i < COUNT + 2; i++) {
        size_t key_size = 0;
        size_t event_size = 0;
        char key[ALLDATA_KEY_SIZE];
        ck_assert_int_eq(fscanf(file, "%zu %zu %27s", &key_size, &event_size, key), 3);
        ck_assert_uint_eq(key_size, ALLDATA_KEY_LENGTH);
        ck_assert_int_eq(fgetc(file), ' ');
        ck_assert_uint_le(event_size, LARGE);
        ck_assert_uint_eq(fread(event, 1, event_size, file), event_size);
        ck_assert_int_eq(fgetc(file), '\n');
        if (event_size > 3) {
            const int number = atoi(key + 20) - 100;
            ck_assert_uint_eq(event_size, (size_t)(LARGE - 7000 * number));
            ck_assert_int_eq(event[event_size - 1], 'a' + number % 26);
        }
    }
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line, "end 42\n");
    fclose(file);
    free(event);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("scan");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_scan_is_bounded_as_asked);
    tcase_add_test(tcase, bad_bounds_are_refused);
    tcase_add_test(tcase, a_reader_goes_on_where_it_was);
    tcase_add_test(tcase, intervals_that_overlap_are_merged);
    tcase_add_test(tcase, odd_keys_are_read_as_well);
    tcase_add_test(tcase, a_scan_beside_a_writer_is_in_order_and_whole);
    tcase_add_test(tcase, scans_share_what_they_open);
    tcase_add_test(tcase, a_closed_interval_becomes_one_file);
    tcase_add_test(tcase, what_cannot_be_exported_leaves_nothing_behind);
    tcase_add_test(tcase, an_export_has_every_byte);
    Suite *suite = suite_create("alldata: scan");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
