#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "child.h"
#include "failing.h"
#include "store/schema.h"
#include "store_fixture.h"

/* Opening: who may, what is there already, and what is left alone. */

static store_fixture fixture;

static void setup(void) {
    store_fixture_setup(&fixture);
}

static void teardown(void) {
    store_fixture_teardown(&fixture);
}

/* Open, expect to fail with that code, and expect the message to contain the words. */
static void expect_refusal(int32_t code, const char *words) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_ptr_null(fixture.store);
    const int32_t got = store_fixture_try(&fixture, &error);
    ck_assert_msg(got == code, "%d: %s", got, error.message);
    ck_assert_int_eq(error.code, code);
    ck_assert_str_eq(error.origin, "store");
    ck_assert_msg(strstr(error.message, words) != NULL, "%s", error.message);
    ck_assert_ptr_null(fixture.store);
}

static void name_file(const char *suffix, char *ret_name, size_t size) {
    ck_assert_int_lt(snprintf(ret_name, size, "%s%s", fixture.path, suffix), (int)size);
}

static void write_file(const char *suffix, const char *data, size_t size) {
    char name[128];
    name_file(suffix, name, sizeof(name));
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void expect_file(const char *suffix, const char *data, size_t size) {
    char name[128];
    name_file(suffix, name, sizeof(name));
    size_t found_size;
    char *found = test_read_file(name, &found_size);
    ck_assert_uint_eq(found_size, size);
    ck_assert_int_eq(memcmp(found, data, size), 0);
    free(found);
}

/* A closed database with some records. Free it. */
static char *make_database(size_t *ret_size) {
    for (uint64_t number = 1; number <= 200; number++)
        test_insert(fixture.store, number);
    store_fixture_close(&fixture);
    return test_read_file(fixture.path, ret_size);
}

START_TEST(the_file_is_for_its_owner_alone) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-owner"};
    test_insert(fixture.store, 1);
    for (size_t i = 0; i < 4; i++) {
        char name[128];
        name_file(suffixes[i], name, sizeof(name));
        struct stat status;
        ck_assert_int_eq(stat(name, &status), 0);
        ck_assert_uint_eq(status.st_mode & 07777, 0600);
    }
}
END_TEST

START_TEST(a_second_store_in_the_process_is_refused) {
    char pid[32];
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    repli__store *first = fixture.store;
    fixture.store = NULL;
    expect_refusal(REPLI_EBUSY, pid);
    expect_refusal(REPLI_EBUSY, "give this one a database of its own");
    /* By another name it is the same file. */
    char alias[sizeof(fixture.path)];
    strcpy(alias, fixture.path);
    snprintf(fixture.path, sizeof(fixture.path), "%s/./agent.db", fixture.directory);
    expect_refusal(REPLI_EBUSY, pid);
    snprintf(fixture.path, sizeof(fixture.path), "%s/link.db", fixture.directory);
    ck_assert_int_eq(symlink(alias, fixture.path), 0);
    expect_refusal(REPLI_EBUSY, pid);
    strcpy(fixture.path, alias);
    /* The failed attempts took nothing away from the first. */
    test_insert(first, 1);
    repli__store_close(first);
    store_fixture_open(&fixture);
}
END_TEST

/* A child that opens the store, says so, and waits to be killed. */
static pid_t fork_owner(void) {
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ready[0]);
        char answer = store_fixture_try(&fixture, NULL) == REPLI_OK ? 'y' : 'n';
        if (write(ready[1], &answer, 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ready[1]);
    char answer = 0;
    ck_assert_int_eq(read(ready[0], &answer, 1), 1);
    close(ready[0]);
    ck_assert_int_eq(answer, 'y');
    return child;
}

START_TEST(another_process_is_refused_until_the_owner_is_gone) {
    store_fixture_close(&fixture);
    const pid_t child = fork_owner();
    char pid[32];
    snprintf(pid, sizeof(pid), "process %ld", (long)child);
    expect_refusal(REPLI_EBUSY, pid);
    expect_refusal(REPLI_EBUSY, "stop that agent");
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    store_fixture_open(&fixture);
}
END_TEST

START_TEST(a_forked_child_takes_nothing_with_it) {
    test_insert(fixture.store, 1);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        repli__store_close(fixture.store);
        test_end_child(1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    test_insert(fixture.store, 2);
    repli__store *first = fixture.store;
    fixture.store = NULL;
    expect_refusal(REPLI_EBUSY, "process");
    /* Nor does one that lives on keep the database. */
    const pid_t idler = fork();
    ck_assert_int_ge(idler, 0);
    if (idler == 0)
        for (;;)
            pause();
    repli__store_close(first);
    store_fixture_open(&fixture);
    kill(idler, SIGKILL);
    waitpid(idler, NULL, 0);
}
END_TEST

START_TEST(garbage_is_refused_and_left_alone) {
    store_fixture_close(&fixture);
    char garbage[9000];
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (char)(i * 7919 >> 3);
    static const size_t sizes[] = {0, 1, 2, 99, 100, 4096, sizeof(garbage)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_file("", garbage, sizes[i]);
        expect_refusal(REPLI_ECORRUPT,
                       sizes[i] > 1 ? "it is damaged, or no database" : "is an empty file");
        expect_file("", garbage, sizes[i]);
    }
}
END_TEST

START_TEST(a_truncated_database_is_refused_and_left_alone) {
    size_t size;
    char *data = make_database(&size);
    ck_assert_uint_gt(size, 30000);
    const size_t sizes[] = {50, 100, 512, 4096, 4097, 8192, size / 2, size - 4096, size - 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_file("", data, sizes[i]);
        expect_refusal(REPLI_ECORRUPT, "put a backup in its place");
        expect_file("", data, sizes[i]);
    }
    write_file("", data, size);
    store_fixture_open(&fixture);
    free(data);
}
END_TEST

START_TEST(overwritten_pages_are_never_made_worse) {
    size_t size;
    char *data = make_database(&size);
    for (size_t page = 0; page < size / 4096; page++) {
        char *damaged = malloc(size);
        ck_assert_ptr_nonnull(damaged);
        memcpy(damaged, data, size);
        memset(damaged + page * 4096, 0xA5, 4096);
        write_file("", damaged, size);
        repli_error error = REPLI_ERROR_INIT;
        const int32_t code = store_fixture_try(&fixture, &error);
        /* Not every page is read at once. */
        if (code == REPLI_OK) {
            repli_doc *doc;
            const repli_action_summary *summaries;
            size_t count;
            const int32_t listed =
                repli__store_queue(fixture.store, &doc, &summaries, &count, &error);
            ck_assert(listed == REPLI_OK || listed == REPLI_ECORRUPT);
            if (listed == REPLI_OK)
                repli_doc_free(doc);
            store_fixture_close(&fixture);
        } else {
            ck_assert_msg(code == REPLI_ECORRUPT, "page %zu: %s", page, error.message);
        }
        expect_file("", damaged, size);
        free(damaged);
    }
    free(data);
}
END_TEST

START_TEST(a_log_without_its_database_is_kept) {
    store_fixture_close(&fixture);
    ck_assert_int_eq(unlink(fixture.path), 0);
    write_file("-wal", "records", 7);
    expect_refusal(REPLI_ECORRUPT, "-wal holds records");
    expect_file("-wal", "records", 7);
    ck_assert_int_ne(access(fixture.path, F_OK), 0);
    write_file("", "", 0);
    expect_refusal(REPLI_ECORRUPT, "-wal holds records");
    expect_file("-wal", "records", 7);
    expect_file("", "", 0);
}
END_TEST

START_TEST(a_newer_database_is_refused_and_left_alone) {
    store_fixture_close(&fixture);
    store_fixture_sql(&fixture, "PRAGMA user_version = 1000");
    size_t size;
    char *data = test_read_file(fixture.path, &size);
    expect_refusal(REPLI_EINVALID, "made by a newer release (its schema is version 1000");
    expect_file("", data, size);
    free(data);
}
END_TEST

/* Even the log that a crash left behind is not copied into it. */
START_TEST(the_log_of_a_newer_database_is_left_alone) {
    store_fixture_close(&fixture);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        store_fixture_open(&fixture);
        test_insert(fixture.store, 1);
        sqlite3 *db;
        if (sqlite3_open(fixture.path, &db) == SQLITE_OK)
            sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL, NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    char wal_name[128];
    name_file("-wal", wal_name, sizeof(wal_name));
    size_t size, wal_size;
    char *data = test_read_file(fixture.path, &size);
    char *wal = test_read_file(wal_name, &wal_size);
    ck_assert_uint_gt(wal_size, 0);
    expect_refusal(REPLI_EINVALID, "newer release");
    expect_file("", data, size);
    expect_file("-wal", wal, wal_size);
    free(data);
    free(wal);
}
END_TEST

START_TEST(a_database_of_another_program_is_refused) {
    store_fixture_close(&fixture);
    ck_assert_int_eq(unlink(fixture.path), 0);
    store_fixture_sql(&fixture, "CREATE TABLE notes (text)");
    expect_refusal(REPLI_EINVALID, "a database of another program");
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM sqlite_master"), 1);
    store_fixture_sql(&fixture, "PRAGMA user_version = 1");
    expect_refusal(REPLI_EINVALID, "a database of another program");
}
END_TEST

START_TEST(steps_lead_from_any_version_to_the_newest) {
    static const char *const steps[] = {"CREATE TABLE a (x)", "CREATE TABLE b (x)",
                                        "INSERT INTO b VALUES (3); DROP TABLE a"};
    store_fixture_close(&fixture);
    for (size_t from = 0; from <= 3; from++) {
        unlink(fixture.path);
        store_fixture_sql(&fixture, "SELECT 1");
        repli__sql sql;
        ck_assert_int_eq(repli__sql_open(&sql, fixture.path, NULL), REPLI_OK);
        ck_assert_int_eq(repli__schema_migrate(&sql, steps, from, NULL), REPLI_OK);
        ck_assert_int_eq(repli__schema_migrate(&sql, steps, 3, NULL), REPLI_OK);
        ck_assert_int_eq(repli__schema_migrate(&sql, steps, 3, NULL), REPLI_OK);
        ck_assert_int_eq(repli__schema_check(&sql, 3, NULL), REPLI_OK);
        ck_assert_int_eq(repli__schema_check(&sql, 2, NULL), REPLI_EINVALID);
        repli__sql_close(&sql);
        ck_assert_int_eq(store_fixture_number(&fixture, "SELECT x FROM b"), 3);
        ck_assert_int_eq(store_fixture_number(&fixture, "PRAGMA user_version"), 3);
        ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM sqlite_master"), 1);
    }
}
END_TEST

START_TEST(a_step_that_fails_leaves_the_version_before_it) {
    static const char *const steps[] = {"CREATE TABLE a (x)",
                                        "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)"};
    store_fixture_close(&fixture);
    unlink(fixture.path);
    store_fixture_sql(&fixture, "SELECT 1");
    repli__sql sql;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__sql_open(&sql, fixture.path, NULL), REPLI_OK);
    ck_assert_int_ne(repli__schema_migrate(&sql, steps, 2, &error), REPLI_OK);
    ck_assert_ptr_nonnull(strstr(error.cause, "nowhere"));
    repli__sql_close(&sql);
    ck_assert_int_eq(store_fixture_number(&fixture, "PRAGMA user_version"), 1);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM sqlite_master"), 1);
}
END_TEST

/* Run a test as somebody who is not root, for whom modes mean something. Returns 1 in the child,
 * which is to end with _exit(); the parent returns 0 once that was with 0. */
static int as_nobody(void) {
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
                               setresuid(65534, 65534, 65534) != 0))
            _exit(2);
        return 1;
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    return 0;
}

static int is_refused(int32_t code, const char *words) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t got = store_fixture_try(&fixture, &error);
    const int as_expected = got == code && strstr(error.message, words) != NULL;
    if (!as_expected)
        fprintf(stderr, "%d: %s\n", got, error.message);
    return as_expected;
}

START_TEST(a_directory_that_cannot_be_written_is_named) {
    store_fixture_close(&fixture);
    ck_assert_int_eq(chmod(fixture.directory, 0555), 0);
    if (as_nobody())
        _exit(is_refused(REPLI_EIO, "Permission denied") ? 0 : 1);
    ck_assert_int_eq(chmod(fixture.directory, 0777), 0);
    /* A file that cannot be written, in one that can. */
    ck_assert_int_eq(chmod(fixture.path, 0444), 0);
    char owner[128];
    name_file("-owner", owner, sizeof(owner));
    ck_assert_int_eq(chmod(owner, 0666), 0);
    if (as_nobody())
        _exit(is_refused(REPLI_EIO, "is not writable") ? 0 : 1);
    ck_assert_int_eq(chmod(fixture.path, 0600), 0);
}
END_TEST

START_TEST(a_path_that_leads_nowhere_is_named) {
    store_fixture_close(&fixture);
    char path[sizeof(fixture.path)];
    strcpy(path, fixture.path);
    snprintf(fixture.path, sizeof(fixture.path), "%s/absent/agent.db", fixture.directory);
    expect_refusal(REPLI_EIO, "No such file or directory");
    ck_assert_int_eq(mkdir(path, 0700) != 0 && errno == EEXIST, 1);
    snprintf(fixture.path, sizeof(fixture.path), "%s/inner", fixture.directory);
    ck_assert_int_eq(mkdir(fixture.path, 0700), 0);
    expect_refusal(REPLI_EIO, fixture.path);
    strcpy(fixture.path, "");
    expect_refusal(REPLI_EIO, "cannot find");
    strcpy(fixture.path, path);
}
END_TEST

START_TEST(what_is_no_file_is_named) {
    store_fixture_close(&fixture);
    ck_assert_int_eq(unlink(fixture.path), 0);
    ck_assert_int_eq(mkdir(fixture.path, 0700), 0);
    expect_refusal(REPLI_EIO, "it is a directory");
    ck_assert_int_eq(rmdir(fixture.path), 0);
    ck_assert_int_eq(mkfifo(fixture.path, 0600), 0);
    expect_refusal(REPLI_EIO, "it is a device, pipe or socket");
    ck_assert_int_eq(unlink(fixture.path), 0);
    ck_assert_int_eq(symlink("absent.db", fixture.path), 0);
    expect_refusal(REPLI_EIO, "a symbolic link that leads nowhere");
    ck_assert_int_eq(unlink(fixture.path), 0);
    /* A link to a database is as good as the database, whose neighbours are then beside it. */
    char target[128];
    name_file("-target", target, sizeof(target));
    ck_assert_int_eq(symlink(target, fixture.path), 0);
    store_fixture other = fixture;
    strcpy(other.path, target);
    store_fixture_open(&other);
    store_fixture_close(&other);
    store_fixture_open(&fixture);
    test_insert(fixture.store, 1);
    store_fixture_close(&fixture);
    ck_assert_int_eq(store_fixture_number(&other, "SELECT count(*) FROM actions"), 1);
}
END_TEST

/* Whatever ended the first start, there is no half of a database. */
START_TEST(a_database_comes_to_be_all_at_once) {
    store_fixture_close(&fixture);
    ck_assert_int_eq(unlink(fixture.path), 0);
    write_file("-new", "half", 4);
    write_file("-new-wal", "log", 3);
    store_fixture_open(&fixture);
    char name[128];
    name_file("-new", name, sizeof(name));
    ck_assert_int_ne(access(name, F_OK), 0);
    name_file("-new-wal", name, sizeof(name));
    ck_assert_int_ne(access(name, F_OK), 0);
    test_insert(fixture.store, 1);
}
END_TEST

START_TEST(a_relative_path_works) {
    store_fixture_close(&fixture);
    char path[sizeof(fixture.path)];
    char before[4096];
    strcpy(path, fixture.path);
    ck_assert_ptr_nonnull(getcwd(before, sizeof(before)));
    ck_assert_int_eq(chdir(fixture.directory), 0);
    strcpy(fixture.path, "other.db");
    store_fixture_open(&fixture);
    /* The host may go elsewhere meanwhile. */
    ck_assert_int_eq(chdir(before), 0);
    test_insert(fixture.store, 1);
    store_fixture_close(&fixture);
    snprintf(fixture.path, sizeof(fixture.path), "%s/other.db", fixture.directory);
    ck_assert_int_eq(store_fixture_number(&fixture, "SELECT count(*) FROM actions"), 1);
    strcpy(fixture.path, path);
}
END_TEST

START_TEST(another_program_that_holds_a_lock_is_named) {
    store_fixture_close(&fixture);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(fixture.path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    store_fixture_open(&fixture);
    char id[REPLI_UUID_SIZE];
    const repli_request request = test_request(1, id);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, &error), REPLI_EBUSY);
    ck_assert_ptr_nonnull(strstr(error.message, "another program holds a lock"));
    ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    test_insert(fixture.store, 1);
}
END_TEST

START_TEST(want_of_memory_leaves_nothing_open) {
    store_fixture_close(&fixture);
    failing memory;
    failing_init(&memory);
    fixture.mem = &memory.allocator;
    int32_t code = REPLI_ENOMEM;
    for (size_t fail_at = 1; code != REPLI_OK; fail_at++) {
        ck_assert_uint_lt(fail_at, 100);
        failing_arm(&memory, fail_at, 1);
        repli_error error = REPLI_ERROR_INIT;
        code = store_fixture_try(&fixture, &error);
        ck_assert(code == REPLI_OK || code == REPLI_ENOMEM);
        if (code != REPLI_OK)
            ck_assert_uint_eq(atomic_load(&memory.live), 0);
    }
    store_fixture_close(&fixture);
    ck_assert_uint_eq(atomic_load(&memory.live), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store files");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_file_is_for_its_owner_alone);
    tcase_add_test(tcase, a_second_store_in_the_process_is_refused);
    tcase_add_test(tcase, another_process_is_refused_until_the_owner_is_gone);
    tcase_add_test(tcase, a_forked_child_takes_nothing_with_it);
    tcase_add_test(tcase, garbage_is_refused_and_left_alone);
    tcase_add_test(tcase, a_truncated_database_is_refused_and_left_alone);
    tcase_add_test(tcase, overwritten_pages_are_never_made_worse);
    tcase_add_test(tcase, a_log_without_its_database_is_kept);
    tcase_add_test(tcase, a_newer_database_is_refused_and_left_alone);
    tcase_add_test(tcase, the_log_of_a_newer_database_is_left_alone);
    tcase_add_test(tcase, a_database_of_another_program_is_refused);
    tcase_add_test(tcase, steps_lead_from_any_version_to_the_newest);
    tcase_add_test(tcase, a_step_that_fails_leaves_the_version_before_it);
    tcase_add_test(tcase, a_directory_that_cannot_be_written_is_named);
    tcase_add_test(tcase, a_path_that_leads_nowhere_is_named);
    tcase_add_test(tcase, what_is_no_file_is_named);
    tcase_add_test(tcase, a_database_comes_to_be_all_at_once);
    tcase_add_test(tcase, a_relative_path_works);
    tcase_add_test(tcase, another_program_that_holds_a_lock_is_named);
    tcase_add_test(tcase, want_of_memory_leaves_nothing_open);
    Suite *suite = suite_create("store files");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
