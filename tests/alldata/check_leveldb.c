/* LevelDB beneath: directories go to and fro between nodes of different make, damage and full disks
 * are told of, and nothing that was acknowledged is lost. run.sh timeout: 300 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <leveldb/c.h>

#include "box.h"

#define INTERVAL "20261121T015500"

static box b;

static void setup(void) {
    box_begin(&b);
}

static void teardown(void) {
    box_end(&b);
}

/* As a node of the reference opens an interval: no filter, no compression. */
static leveldb_t *open_plainly(const char *interval) {
    char path[160];
    char *error = NULL;
    snprintf(path, sizeof(path), "%s/%s", b.location, interval);
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_create_if_missing(options, 1);
    leveldb_options_set_compression(options, leveldb_no_compression);
    leveldb_t *db = leveldb_open(options, path, &error);
    ck_assert_msg(error == NULL, "%s", error);
    leveldb_options_destroy(options);
    return db;
}

static void make_key(int number, char key[ALLDATA_KEY_SIZE]) {
    snprintf(key, ALLDATA_KEY_SIZE, INTERVAL "%012d", number);
}

static void put_plainly(leveldb_t *db, int first, int count) {
    leveldb_writeoptions_t *options = leveldb_writeoptions_create();
    for (int i = first; i < first + count; i++) {
        char key[ALLDATA_KEY_SIZE];
        char *error = NULL;
        make_key(i, key);
        leveldb_put(db, options, key, ALLDATA_KEY_LENGTH, key, ALLDATA_KEY_LENGTH, &error);
        ck_assert_msg(error == NULL, "%s", error);
    }
    leveldb_writeoptions_destroy(options);
}

static void expect_plainly(leveldb_t *db, int count) {
    leveldb_readoptions_t *options = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(options, 1);
    for (int i = 0; i < count; i++) {
        char key[ALLDATA_KEY_SIZE];
        char *error = NULL;
        size_t size = 0;
        make_key(i, key);
        char *event = leveldb_get(db, options, key, ALLDATA_KEY_LENGTH, &size, &error);
        ck_assert_msg(error == NULL, "%s", error);
        ck_assert_msg(event != NULL && size == ALLDATA_KEY_LENGTH, "%s", key);
        ck_assert_int_eq(memcmp(event, key, size), 0);
        leveldb_free(event);
    }
    leveldb_readoptions_destroy(options);
}

static int32_t put_ours(int number, uint32_t flags, repli_error *err) {
    char key[ALLDATA_KEY_SIZE];
    make_key(number, key);
    return box_put(&b, key, key, flags, err);
}

/* Events 0 to count - 1, each equal to its key, and no others. */
static int count_ours(void) {
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    char key[ALLDATA_KEY_SIZE];
    int count = 0;
    options.flags = ALLDATA_SCAN_VERIFY;
    ck_assert_int_eq(alldata_scan_new(b.storage, &options, &scan, NULL), REPLI_OK);
    for (; alldata_scan_next(scan, &record, NULL) == REPLI_OK; count++) {
        make_key(count, key);
        ck_assert_uint_eq(record.key_size, ALLDATA_KEY_LENGTH);
        ck_assert_int_eq(memcmp(record.key, key, ALLDATA_KEY_LENGTH), 0);
        ck_assert_uint_eq(record.event_size, ALLDATA_KEY_LENGTH);
        ck_assert_int_eq(memcmp(record.event, key, ALLDATA_KEY_LENGTH), 0);
    }
    alldata_scan_free(scan);
    return count;
}

/* To and fro. */

START_TEST(directories_go_to_and_fro) {
    ck_assert_int_eq(mkdir(b.location, 0777), 0);
    leveldb_t *db = open_plainly(INTERVAL);
    put_plainly(db, 0, 1000);
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    put_plainly(db, 1000, 1000);
    leveldb_close(db);
    box_open(&b);
    ck_assert_int_eq(count_ours(), 2000);
    ck_assert_int_eq(put_ours(17, 0, NULL), REPLI_OK);
    ck_assert_int_eq(put_ours(1999, 0, NULL), REPLI_OK);
    ck_assert_int_eq(box_put(&b, INTERVAL "000000000017", "other", 0, NULL), REPLI_ECONFLICT);
    for (int i = 2000; i < 4000; i++)
        ck_assert_int_eq(put_ours(i, 0, NULL), REPLI_OK);
    ck_assert_int_eq(count_ours(), 4000);
    box_close(&b);
    db = open_plainly(INTERVAL);
    expect_plainly(db, 4000);
    /* Now there are tables of both makes, with a filter and without. */
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    put_plainly(db, 4000, 1);
    leveldb_close(db);
    box_open(&b);
    ck_assert_int_eq(count_ours(), 4001);
    ck_assert_int_eq(box_put(&b, INTERVAL "000000004000", "other", 0, NULL), REPLI_ECONFLICT);
}
END_TEST

/* tests/golden/alldata was written by leveldown 6.1.1, the library of the reference's storage, with
 * the options that it has. One of the keys is shorter than others. */
START_TEST(what_the_references_library_wrote_is_read) {
    const char *top = getenv("TOP");
    char command[512];
    b.options.interval = "P1D";
    ck_assert_int_eq(mkdir(b.location, 0777), 0);
    snprintf(command, sizeof(command), "cp -r '%s/tests/golden/alldata/.' '%s'",
             top != NULL ? top : ".", b.location);
    ck_assert_int_eq(system(command), 0);
    box_open(&b);
    char *text = box_read(&b, NULL);
    ck_assert_str_eq(text, "20261121T {\"odd\":true}\n"
                           "20261121T005824640353920860 {\"timestamp\":1795222614995,"
                           "\"stuff\":\"foo\"}\n"
                           "20261121T005824641353920870 {\"timestamp\":1795222614996,"
                           "\"stuff\":\"\xc3\xa9\"}\n");
    free(text);
    ck_assert_int_eq(box_put(&b, "20261121T005824640353920860", "{}", 0, NULL), REPLI_ECONFLICT);
    box_store(&b, "20261121T005824640353920861", "{}");
}
END_TEST

/* More than the write buffer, so that tables are written by LevelDB's thread meanwhile. */
START_TEST(tables_are_read_by_a_plain_leveldb) {
    enum { COUNT = 60000 };
    box_open(&b);
    for (int i = 0; i < COUNT; i += 1000) {
        static char keys[1000][ALLDATA_KEY_SIZE];
        static alldata_record records[1000];
        for (int j = 0; j < 1000; j++) {
            make_key(i + j, keys[j]);
            records[j] = (alldata_record)ALLDATA_RECORD_INIT;
            records[j].key = records[j].event = keys[j];
            records[j].key_size = records[j].event_size = ALLDATA_KEY_LENGTH;
        }
        ck_assert_int_eq(alldata_storage_put(b.storage, records, 1000, 0, NULL), REPLI_OK);
    }
    ck_assert_int_eq(count_ours(), COUNT);
    box_close(&b);
    leveldb_t *db = open_plainly(INTERVAL);
    expect_plainly(db, COUNT);
    leveldb_close(db);
}
END_TEST

/* Damage. */

/* The path of the first file with that ending. */
static void find_file(const char *ending, char path[256]) {
    char names[1024];
    char directory[160];
    char *rest = names;
    snprintf(directory, sizeof(directory), "%s/" INTERVAL, b.location);
    box_names(directory, names, sizeof(names));
    for (char *name; (name = strtok_r(rest, " ", &rest)) != NULL;)
        if (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ending) == 0) {
            snprintf(path, 256, "%s/%s", directory, name);
            return;
        }
    ck_abort_msg("there is no file %s", ending);
}

static void damage(const char *path, long at) {
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    const int byte = fgetc(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 0x55, file);
    fclose(file);
}

static char *content(const char *path) {
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
    fclose(file);
    return text;
}

START_TEST(a_damaged_log_is_not_opened_and_not_changed) {
    char path[256];
    repli_error err = REPLI_ERROR_INIT;
    const alldata_setting skip = {sizeof(skip), 0, "damaged", "skip"};
    box_open(&b);
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(put_ours(i, 0, NULL), REPLI_OK);
    box_close(&b);
    find_file(".log", path);
    damage(path, 40000);
    char *before = content(path);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(box_open_badly(&b, &err), REPLI_ECORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, INTERVAL));
        ck_assert_ptr_nonnull(strstr(err.message, "\"skip\""));
        ck_assert_ptr_nonnull(strstr(err.cause, "Corruption"));
        char *after = content(path);
        ck_assert_int_eq(memcmp(before, after, 1 << 20), 0);
        free(after);
    }
    free(before);
    b.options.settings = &skip;
    b.options.setting_count = 1;
    box_open(&b);
    char *text = box_read(&b, NULL);
    ck_assert_ptr_nonnull(strstr(text, INTERVAL "000000000000 "));
    ck_assert_ptr_nonnull(strstr(text, INTERVAL "000000000400 "));
    free(text);
}
END_TEST

START_TEST(a_damaged_table_is_told_of) {
    char path[256];
    char target[160];
    repli_error err = REPLI_ERROR_INIT;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    ck_assert_int_eq(mkdir(b.location, 0777), 0);
    leveldb_t *db = open_plainly(INTERVAL);
    put_plainly(db, 0, 2000);
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    leveldb_close(db);
    find_file(".ldb", path);
    damage(path, 50000);
    atomic_fetch_add(&b.now_ns, 3600 * BOX_SECOND);
    box_open(&b);
    options.flags = ALLDATA_SCAN_VERIFY;
    ck_assert_int_eq(alldata_scan_new(b.storage, &options, &scan, NULL), REPLI_OK);
    int32_t code;
    int count = 0;
    while ((code = alldata_scan_next(scan, &record, &err)) == REPLI_OK)
        count++;
    ck_assert_int_eq(code, REPLI_ECORRUPT);
    ck_assert_int_gt(count, 500);
    ck_assert_int_lt(count, 1300);
    alldata_scan_free(scan);
    snprintf(target, sizeof(target), "%s/export", b.directory);
    ck_assert_int_eq(alldata_storage_export(b.storage, INTERVAL, target, &err), REPLI_ECORRUPT);
    ck_assert_int_ne(access(target, F_OK), 0);
}
END_TEST

/* The power fails in the middle of a write. */
START_TEST(a_torn_end_is_left_out) {
    char path[256];
    struct stat info;
    box_open(&b);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(put_ours(i, 0, NULL), REPLI_OK);
    box_close(&b);
    find_file(".log", path);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(truncate(path, info.st_size - 5), 0);
    box_open(&b);
    ck_assert_int_eq(count_ours(), 99);
    ck_assert_int_eq(put_ours(99, 0, NULL), REPLI_OK);
    box_close(&b);
    box_open(&b);
    ck_assert_int_eq(count_ours(), 100);
}
END_TEST

/* A disk on which files cannot grow any more. */
START_TEST(a_full_disk_loses_nothing) {
    struct rlimit before;
    repli_error err = REPLI_ERROR_INIT;
    int stored = 0;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit full = {.rlim_cur = 50000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    box_open(&b);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
        const uint32_t flags = round == 1 ? ALLDATA_PUT_SYNC : 0;
        while (put_ours(stored, flags, &err) == REPLI_OK)
            stored++;
        ck_assert_int_eq(err.code, REPLI_EFULL);
        ck_assert_ptr_nonnull(strstr(err.message, "disk is full"));
        ck_assert_int_ne(put_ours(stored, flags, &err) * (stored < 2000), 1);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(put_ours(stored++, 0, NULL), REPLI_OK);
        ck_assert_int_eq(count_ours(), stored);
    }
    box_close(&b);
    box_open(&b);
    ck_assert_int_eq(count_ours(), stored);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("leveldb");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, directories_go_to_and_fro);
    tcase_add_test(tcase, what_the_references_library_wrote_is_read);
    tcase_add_test(tcase, tables_are_read_by_a_plain_leveldb);
    tcase_add_test(tcase, a_damaged_log_is_not_opened_and_not_changed);
    tcase_add_test(tcase, a_damaged_table_is_told_of);
    tcase_add_test(tcase, a_torn_end_is_left_out);
    tcase_add_test(tcase, a_full_disk_loses_nothing);
    Suite *suite = suite_create("alldata: leveldb");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
