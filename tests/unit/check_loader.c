#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/instance.h"

static char plugins[PATH_MAX]; /* as the build left them */
static char directory[PATH_MAX];
static repli__driver_table table;
static repli_error err;

static void setup(void) {
    const char *build = getenv("BUILD");
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/tests/plugins", build != NULL ? build : "build");
    ck_assert_msg(realpath(path, plugins) != NULL, "no plugins in %s", path);
    snprintf(directory, sizeof(directory), "/tmp/repli-loader-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    memset(&table, 0, sizeof(table));
    err = (repli_error)REPLI_ERROR_INIT;
}

static void path_of(char path[PATH_MAX], const char *file) {
    const int size = snprintf(path, PATH_MAX, "%s/%s", directory, file);
    ck_assert_int_lt(size, PATH_MAX);
}

static void forget(const char *file) {
    char path[PATH_MAX];
    path_of(path, file);
    if (unlink(path) == -1 && errno != ENOENT)
        rmdir(path);
}

static void teardown(void) {
    static const char *const files[] = {
        "driver_plain.so", "driver_refuses.so", "driver_misnamed.so", "driver_otherabi.so",
        "driver_newer.so", "driver_noentry.so", "driver_other.so"};
    chmod(directory, 0700);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        forget(files[i]);
    rmdir(directory);
}

static void write_file(const char *file, const char *data, size_t size, mode_t mode) {
    char path[PATH_MAX];
    path_of(path, file);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, size), size);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

/* A plugin in the test's own directory, perhaps under another name, and perhaps only the beginning
 * of it. */
static void put(const char *plugin, const char *file, mode_t mode, size_t most) {
    char path[PATH_MAX];
    ck_assert_int_lt(snprintf(path, sizeof(path), "%s/%s", plugins, plugin), (int)sizeof(path));
    static char data[4 << 20];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "cannot open %s", path);
    const ssize_t size = read(fd, data, sizeof(data));
    close(fd);
    ck_assert_int_gt(size, 0);
    write_file(file, data, (size_t)size < most ? (size_t)size : most, mode);
}

static void assert_says(const char *text) {
    if (strstr(err.message, text) == NULL)
        ck_abort_msg("\"%s\" is not in: %s", text, err.message);
}

static void assert_rejected(const char *name, int32_t code, const char *text) {
    const repli__driver_table before = table;
    ck_assert_int_eq(repli__driver_load(name, directory, &table, &err), code);
    ck_assert_int_eq(err.code, code);
    assert_says(text);
    ck_assert_mem_eq(&before, &table, sizeof(table));
}

START_TEST(loads_by_name_and_by_path) {
    put("driver_plain.so", "driver_plain.so", 0644, SIZE_MAX);
    ck_assert_int_eq(repli__driver_load("plain", directory, &table, &err), REPLI_OK);
    ck_assert_str_eq(table.driver.name, "plain");
    ck_assert_int_eq(table.has_actions, 0);
    char path[PATH_MAX];
    path_of(path, "driver_plain.so");
    ck_assert_int_eq(repli__driver_load(path, NULL, &table, &err), REPLI_OK);
    ck_assert_str_eq(table.driver.name, "plain");
}
END_TEST

START_TEST(works_once_loaded) {
    put("driver_plain.so", "driver_plain.so", 0644, SIZE_MAX);
    ck_assert_int_eq(repli__driver_load("plain", directory, &table, &err), REPLI_OK);
    /* What is loaded stays, whatever becomes of the file. */
    forget("driver_plain.so");
    repli__instance *instance;
    ck_assert_int_eq(repli__instance_open(&table, "{}", 2, NULL, NULL, &instance, &err), REPLI_OK);
    repli_op op = {.deadline_ns = UINT64_MAX};
    repli_sink sink;
    repli__sink_init(&sink, REPLI__SINK_NODE, NULL);
    ck_assert_int_eq(repli__instance_node_info(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_HEALTHY);
    repli__sink_dispose(&sink);
    repli__sink_init(&sink, REPLI__SINK_STORE, NULL);
    ck_assert_int_eq(repli__instance_store_info(instance, &op, &sink, &err), REPLI_OK);
    ck_assert_str_eq(sink.cluster_id, "plugin");
    repli__sink_dispose(&sink);
    /* It has no actions, and the library says so in its stead. */
    ck_assert_int_eq(repli__instance_action_validate(instance, "a.test/a", "null", 4, &err),
                     REPLI_ENOTSUP);
    ck_assert_str_eq(err.origin, "driver.plain");
    repli__instance_cancel(instance, &op);
    ck_assert_int_ne(atomic_load(&op.cancelled), 0);
    repli__instance_close(instance);
}
END_TEST

START_TEST(takes_newer_drivers) {
    put("driver_newer.so", "driver_newer.so", 0644, SIZE_MAX);
    ck_assert_int_eq(repli__driver_load("newer", directory, &table, &err), REPLI_OK);
    ck_assert_uint_eq(table.driver.struct_size, sizeof(repli_driver));
    ck_assert_str_eq(table.driver.name, "newer");
}
END_TEST

START_TEST(names_and_paths) {
    assert_rejected(NULL, REPLI_EINVALID, "needed");
    assert_rejected("", REPLI_EINVALID, "needed");
    assert_rejected("Plain", REPLI_EINVALID, "lower-case");
    assert_rejected("1plain", REPLI_EINVALID, "lower-case");
    assert_rejected("a_name_that_is_far_too_long_for_it", REPLI_EINVALID, "at most");
    assert_rejected("./driver_plain.so", REPLI_EINVALID, "relative");
    assert_rejected("../driver_plain.so", REPLI_EINVALID, "relative");
    assert_rejected("/tmp/plain.so", REPLI_EINVALID, "driver_NAME.so");
    assert_rejected("/tmp/driver_.so", REPLI_EINVALID, "driver_NAME.so");
    assert_rejected("/tmp/driver_Plain.so", REPLI_EINVALID, "driver_NAME.so");
    assert_rejected("/tmp/", REPLI_EINVALID, "driver_NAME.so");
    ck_assert_int_eq(repli__driver_load("plain", "drivers", &table, &err), REPLI_EINVALID);
    assert_says("absolute");
}
END_TEST

START_TEST(says_where_it_looked) {
    char path[PATH_MAX];
    path_of(path, "driver_plain.so");
    assert_rejected("plain", REPLI_ENOTFOUND, path);
    assert_says("no driver at all");
    put("driver_newer.so", "driver_newer.so", 0644, SIZE_MAX);
    assert_rejected("plain", REPLI_ENOTFOUND, path);
    assert_says("drivers there are newer");
    assert_rejected(path, REPLI_ENOTFOUND, path);
    ck_assert_int_eq(repli__driver_load("no_such_driver", NULL, &table, &err), REPLI_ENOTFOUND);
    assert_says("/driver_no_such_driver.so");
    ck_assert_int_eq(repli__driver_load("plain", "/no/such/directory", &table, &err),
                     REPLI_ENOTFOUND);
    assert_says("/no/such/directory/driver_plain.so");
}
END_TEST

START_TEST(only_regular_files) {
    char path[PATH_MAX];
    path_of(path, "driver_plain.so");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    assert_rejected("plain", REPLI_EINVALID, "no regular file");
    forget("driver_plain.so");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    assert_rejected("plain", REPLI_EINVALID, "no regular file");
}
END_TEST

START_TEST(only_trusted_files) {
    put("driver_plain.so", "driver_plain.so", 0664, SIZE_MAX);
    assert_rejected("plain", REPLI_EPERMISSION, "its group");
    put("driver_plain.so", "driver_plain.so", 0646, SIZE_MAX);
    assert_rejected("plain", REPLI_EPERMISSION, "everybody");
    put("driver_plain.so", "driver_plain.so", 0644, SIZE_MAX);
    ck_assert_int_eq(chmod(directory, 0770), 0);
    assert_rejected("plain", REPLI_EPERMISSION, "directory");
    ck_assert_int_eq(chmod(directory, 01777), 0);
    assert_rejected("plain", REPLI_EPERMISSION, "directory");
    ck_assert_int_eq(chmod(directory, 0700), 0);
    ck_assert_int_eq(repli__driver_load("plain", directory, &table, &err), REPLI_OK);
}
END_TEST

/* What counts is the file that a link leads to, and where that is. */
START_TEST(follows_links) {
    put("driver_plain.so", "driver_other.so", 0666, SIZE_MAX);
    char target[PATH_MAX];
    char link_path[PATH_MAX];
    path_of(target, "driver_other.so");
    path_of(link_path, "driver_plain.so");
    ck_assert_int_eq(symlink(target, link_path), 0);
    assert_rejected("plain", REPLI_EPERMISSION, "driver_other.so");
    ck_assert_int_eq(chmod(target, 0644), 0);
    ck_assert_int_eq(repli__driver_load("plain", directory, &table, &err), REPLI_OK);
    forget("driver_other.so");
    assert_rejected("plain", REPLI_ENOTFOUND, "driver_plain.so");
}
END_TEST

START_TEST(only_files_of_root_or_ours) {
    if (geteuid() != 0)
        return; /* only root can give files away */
    char path[PATH_MAX];
    put("driver_plain.so", "driver_plain.so", 0644, SIZE_MAX);
    path_of(path, "driver_plain.so");
    ck_assert_int_eq(chown(path, 65534, 65534), 0);
    assert_rejected("plain", REPLI_EPERMISSION, "belongs to user 65534");
    ck_assert_int_eq(chown(path, 0, 0), 0);
    ck_assert_int_eq(chown(directory, 65534, 65534), 0);
    assert_rejected("plain", REPLI_EPERMISSION, "directory");
    assert_says("belongs to user 65534");
}
END_TEST

START_TEST(files_that_are_no_drivers) {
    write_file("driver_plain.so", "not a library", 13, 0644);
    assert_rejected("plain", REPLI_EIO, "cannot load");
    write_file("driver_plain.so", "", 0, 0644);
    assert_rejected("plain", REPLI_EIO, "cannot load");
    for (size_t size = 1; size < 4000; size += 331) {
        put("driver_plain.so", "driver_plain.so", 0644, size);
        assert_rejected("plain", REPLI_EIO, "cannot load");
    }
    put("driver_noentry.so", "driver_noentry.so", 0644, SIZE_MAX);
    assert_rejected("noentry", REPLI_EABI, "repli_driver_noentry_entry");
    put("driver_plain.so", "driver_other.so", 0644, SIZE_MAX);
    assert_rejected("other", REPLI_EABI, "repli_driver_other_entry");
}
END_TEST

START_TEST(drivers_that_do_not_fit) {
    put("driver_refuses.so", "driver_refuses.so", 0644, SIZE_MAX);
    assert_rejected("refuses", REPLI_EABI, "does not serve version 1");
    put("driver_misnamed.so", "driver_misnamed.so", 0644, SIZE_MAX);
    assert_rejected("misnamed", REPLI_EINVALID, "something_else");
    put("driver_otherabi.so", "driver_otherabi.so", 0644, SIZE_MAX);
    assert_rejected("otherabi", REPLI_EABI, "version 2");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("loader");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, loads_by_name_and_by_path);
    tcase_add_test(tcase, works_once_loaded);
    tcase_add_test(tcase, takes_newer_drivers);
    tcase_add_test(tcase, names_and_paths);
    tcase_add_test(tcase, says_where_it_looked);
    tcase_add_test(tcase, only_regular_files);
    tcase_add_test(tcase, only_trusted_files);
    tcase_add_test(tcase, follows_links);
    tcase_add_test(tcase, only_files_of_root_or_ours);
    tcase_add_test(tcase, files_that_are_no_drivers);
    tcase_add_test(tcase, drivers_that_do_not_fit);
    Suite *suite = suite_create("loader");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
