/* run.sh timeout: 600 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent_fixture.h"

/*
 * An agent on a disk that is full or becomes read-only. There are two such disks: a small one of
 * its own, for which the system must allow to mount it, and a limit to the size of files, which
 * works everywhere.
 */

static agent_fixture fixture;

enum { SMALL_DISK, FILE_LIMIT, DISKS };
static const char *const disk_names[DISKS] = {"a small disk", "a limit to the size of files"};
static int disk;

enum { ONE_PAGE = 4096 };

/* The log, which is looked at while it is written. */
static test_log lines;
static pthread_mutex_t lines_mutex = PTHREAD_MUTEX_INITIALIZER;

static void write_line(int32_t level, const char *origin, const char *message, void *user_data) {
    pthread_mutex_lock(&lines_mutex);
    test_log_write(level, origin, message, user_data);
    pthread_mutex_unlock(&lines_mutex);
}

static int log_has(const char *text) {
    pthread_mutex_lock(&lines_mutex);
    const int has = strstr(lines.text, text) != NULL;
    pthread_mutex_unlock(&lines_mutex);
    return has;
}

static void await_line(const char *text) {
    for (int64_t end = now_ms() + 30000; now_ms() < end && !log_has(text);)
        pause_ms(5);
    ck_assert_msg(log_has(text), "\"%s\" is not in the log:\n%s", text, lines.text);
}

/* A disk of our own. */

static int write_text(const char *path, const char *text) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const ssize_t size = (ssize_t)strlen(text);
    const int done = fd >= 0 && write(fd, text, (size_t)size) == size;
    if (fd >= 0)
        close(fd);
    return done;
}

/* Mounts that only this process sees: as root, or as one who is root in a world of its own. */
static int enter_namespace(void) {
    char map[64];
    snprintf(map, sizeof(map), "%d %d 1", (int)getuid(), (int)getuid());
    if (unshare(CLONE_NEWNS) != 0 &&
        (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || !write_text("/proc/self/uid_map", map)))
        return 0;
    return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

static int mount_disk(void) {
    static int entered;
    if (!entered && !enter_namespace())
        return 0;
    entered = 1;
    return mount("none", fixture.directory, "tmpfs", 0, "size=12m") == 0;
}

static void name(const char *file, char ret_path[128]) {
    snprintf(ret_path, 128, "%s/%s", fixture.directory, file);
}

static long size_of(const char *file) {
    char path[128];
    name(file, path);
    struct stat status;
    return stat(path, &status) == 0 ? (long)status.st_size : 0;
}

static void fill_disk(void) {
    char path[128];
    name("ballast", path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ck_assert_int_ge(fd, 0);
    char block[4096];
    memset(block, 'x', sizeof(block));
    while (write(fd, block, sizeof(block)) > 0)
        continue;
    ck_assert_int_eq(errno, ENOSPC);
    close(fd);
}

static void limit_files(rlim_t size) {
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* From now on no file of the database's grows. */
static void take_room(void) {
    const long log = size_of("agent.db-wal");
    if (disk == SMALL_DISK)
        fill_disk();
    else
        limit_files(log > 0 ? (rlim_t)log : ONE_PAGE);
}

static void give_room(void) {
    char path[128];
    name("ballast", path);
    unlink(path);
    limit_files(RLIM_INFINITY);
}

/* Returns 0 if there is no such disk here. */
static int setup(int wanted) {
    agent_fixture_setup_quick(&fixture);
    lines.size = 0;
    lines.text[0] = '\0';
    ck_assert_int_eq(repli_config_set_log(fixture.config, REPLI_LOG_INFO, write_line, &lines, NULL),
                     REPLI_OK);
    disk = wanted;
    signal(SIGXFSZ, SIG_IGN);
    if (wanted == FILE_LIMIT || mount_disk())
        return 1;
    printf("skipped: %s (the system does not let us mount one)\n", disk_names[wanted]);
    agent_fixture_teardown(&fixture);
    return 0;
}

static void teardown(void) {
    give_room();
    repli_agent_free(fixture.agent);
    fixture.agent = NULL;
    if (disk == SMALL_DISK)
        ck_assert_int_eq(umount2(fixture.directory, MNT_DETACH), 0);
    agent_fixture_teardown(&fixture);
}

/* Actions. */

static int32_t schedule(uint64_t number, repli_error *err) {
    static char args[40000];
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "00000000-0000-7000-8000-%012llx", (unsigned long long)number);
    memset(args, 'x', sizeof(args));
    args[0] = args[sizeof(args) - 2] = '"';
    args[sizeof(args) - 1] = '\0';
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "fake.test/echo";
    request.args_json = args;
    request.id = id;
    return repli_agent_schedule(fixture.agent, &request, NULL, err);
}

static int32_t phase_of(uint64_t number) {
    char id[REPLI_UUID_SIZE];
    snprintf(id, sizeof(id), "00000000-0000-7000-8000-%012llx", (unsigned long long)number);
    repli_doc *doc;
    const repli_action *action;
    if (repli_agent_action(fixture.agent, id, &doc, &action, NULL) != REPLI_OK)
        return 0;
    const int32_t phase = action->phase;
    repli_doc_free(doc);
    return phase;
}

static void await_ready(int32_t code) {
    repli_error error = REPLI_ERROR_INIT;
    int32_t got = -1;
    for (int64_t end = now_ms() + 30000; now_ms() < end; pause_ms(5)) {
        got = repli_agent_ready(fixture.agent, &error);
        if (got == code)
            return;
    }
    ck_abort_msg("ready is %d (%s) instead of %d", got, error.message, code);
}

static void start(void) {
    agent_fixture_start(&fixture);
    await_ready(REPLI_OK);
}

static void expect_told(int32_t code, const char *words) {
    await_ready(code);
    ck_assert_int_eq(repli_agent_live(fixture.agent, NULL), REPLI_OK);
    await_line(words);
    ck_assert_msg(log_has(fixture.store), "%s", lines.text);
}

/* Full. */

START_TEST(full_while_scheduling) {
    if (!setup(_i))
        return;
    start();
    for (uint64_t i = 1; i <= 10; i++)
        ck_assert_int_eq(schedule(i, NULL), REPLI_OK);
    take_room();
    uint64_t number = 11;
    repli_error error = REPLI_ERROR_INIT;
    while (number < 5000 && schedule(number, &error) == REPLI_OK)
        number++;
    ck_assert_int_eq(error.code, REPLI_EFULL);
    ck_assert_msg(strstr(error.message, fixture.store) != NULL, "%s", error.message);
    expect_told(REPLI_EFULL, "no space is left");
    ck_assert_int_eq(phase_of(number), 0);
    give_room();
    await_ready(REPLI_OK);
    await_line("can be written again");
    ck_assert_int_eq(schedule(number, &error), REPLI_OK);
    for (int64_t end = now_ms() + 30000; now_ms() < end && phase_of(number) != REPLI_PHASE_DONE;)
        pause_ms(5);
    for (uint64_t i = 1; i <= number; i++)
        ck_assert_int_eq(phase_of(i), REPLI_PHASE_DONE);
    teardown();
}
END_TEST

static size_t lines_of(const char *path) {
    FILE *file = fopen(path, "r");
    size_t count = 0;
    int c;
    while (file != NULL && (c = fgetc(file)) != EOF)
        count += c == '\n';
    if (file != NULL)
        fclose(file);
    return count;
}

/* A step is done, and there is no room to write that down. */
START_TEST(full_while_recording_a_step) {
    if (!setup(_i))
        return;
    start();
    /* Outside of the disk, so that the steps go on. */
    char steps[] = "/tmp/repli-steps-XXXXXX";
    const int fd = mkstemp(steps);
    ck_assert_int_ge(fd, 0);
    close(fd);
    char args[256];
    char id[REPLI_UUID_SIZE];
    snprintf(args, sizeof(args), "{\"file\":\"%s\",\"id\":\"a\",\"steps\":1000,\"pause_ms\":0}",
             steps);
    agent_fixture_schedule(&fixture, "fake.test/append", args, id);
    take_room();
    await_line("cannot record the outcome of a step");
    expect_told(REPLI_EFULL, "no space is left");
    const size_t done = lines_of(steps);
    ck_assert_uint_lt(done, 1000);
    /* It is tried again, and no step is made meanwhile. */
    pause_ms(1500);
    ck_assert_uint_eq(lines_of(steps), done);
    give_room();
    for (int64_t end = now_ms() + 60000; now_ms() < end && lines_of(steps) < 1000;)
        pause_ms(5);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, id), REPLI_PHASE_DONE);
    await_line("the outcome of the step is recorded");
    ck_assert_uint_eq(lines_of(steps), 1000);
    await_ready(REPLI_OK);
    unlink(steps);
    teardown();
}
END_TEST

START_TEST(full_at_the_start) {
    if (!setup(_i))
        return;
    repli_error error = REPLI_ERROR_INIT;
    take_room();
    ck_assert_int_ne(repli_agent_new(fixture.config, &fixture.agent, &error), REPLI_OK);
    ck_assert_msg(error.code == REPLI_EFULL, "%d: %s", error.code, error.message);
    ck_assert_msg(strstr(error.message, fixture.store) != NULL, "%s", error.message);
    give_room();
    start();
    ck_assert_int_eq(schedule(1, NULL), REPLI_OK);
    agent_fixture_stop(&fixture);
    /* SQLite cannot even read a database when there is no room for its index. */
    take_room();
    error = (repli_error)REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_agent_new(fixture.config, &fixture.agent, &error), REPLI_EFULL);
    ck_assert_msg(strstr(error.message, fixture.store) != NULL, "%s", error.message);
    give_room();
    start();
    ck_assert_int_ne(phase_of(1), 0);
    teardown();
}
END_TEST

/* The log has room, the database has none: it goes on until the log is full, too. */
START_TEST(full_while_the_log_is_copied) {
    if (!setup(FILE_LIMIT))
        return;
    start();
    uint64_t number = 1;
    for (; size_of("agent.db") < 6000000; number++)
        ck_assert_int_eq(schedule(number, NULL), REPLI_OK);
    agent_fixture_stop(&fixture);
    const rlim_t limit = (rlim_t)size_of("agent.db");
    start();
    limit_files(limit);
    repli_error error = REPLI_ERROR_INIT;
    const uint64_t first = number;
    while (number < first + 5000 && schedule(number, &error) == REPLI_OK)
        number++;
    ck_assert_int_eq(error.code, REPLI_EFULL);
    await_line("cannot copy the write-ahead log into the database");
    expect_told(REPLI_EFULL, "no space is left");
    give_room();
    await_ready(REPLI_OK);
    for (uint64_t i = 1; i < number; i++)
        ck_assert_int_ne(phase_of(i), 0);
    agent_fixture_stop(&fixture);
    start();
    for (uint64_t i = 1; i < number; i++)
        ck_assert_int_ne(phase_of(i), 0);
    ck_assert_int_eq(phase_of(number), 0);
    teardown();
}
END_TEST

/* Read-only. */

static int make_writable(int writable) {
    return mount("none", fixture.directory, "tmpfs",
                 MS_REMOUNT | (writable ? 0 : (unsigned long)MS_RDONLY), "size=12m") == 0;
}

/* A file system that is being written cannot be made read-only but by its own failure. What the
 * kernel then answers, it can be told to answer: for good, so this is the last test. */
static int forbid_writing(void) {
#define REFUSED(call)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1),                                             \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EROFS)
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSED(SYS_pwrite64),
        REFUSED(SYS_ftruncate),
        REFUSED(SYS_fallocate),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

START_TEST(read_only_while_it_runs) {
    if (!setup(FILE_LIMIT))
        return;
    start();
    ck_assert_int_eq(schedule(1, NULL), REPLI_OK);
    for (int64_t end = now_ms() + 10000; now_ms() < end && phase_of(1) != REPLI_PHASE_DONE;)
        pause_ms(5);
    if (forbid_writing()) {
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_int_eq(schedule(2, &error), REPLI_EIO);
        ck_assert_msg(strstr(error.message, "Read-only file system") != NULL, "%s", error.message);
        expect_told(REPLI_EIO, "Read-only file system");
        ck_assert_int_eq(phase_of(1), REPLI_PHASE_DONE);
        ck_assert_int_eq(phase_of(2), 0);
    } else {
        printf("skipped: becoming read-only while it runs (the system filters no calls)\n");
    }
    teardown();
}
END_TEST

START_TEST(read_only_at_the_start) {
    if (!setup(SMALL_DISK))
        return;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert(make_writable(0));
    ck_assert_int_eq(repli_agent_new(fixture.config, &fixture.agent, &error), REPLI_EIO);
    ck_assert_msg(strstr(error.message, fixture.store) != NULL, "%s", error.message);
    ck_assert_msg(strstr(error.message, "Read-only file system") != NULL, "%s", error.message);
    ck_assert(make_writable(1));
    start();
    ck_assert_int_eq(schedule(1, NULL), REPLI_OK);
    agent_fixture_stop(&fixture);
    ck_assert(make_writable(0));
    ck_assert_int_eq(repli_agent_new(fixture.config, &fixture.agent, &error), REPLI_EIO);
    ck_assert_msg(strstr(error.message, "Read-only file system") != NULL, "%s", error.message);
    ck_assert(make_writable(1));
    start();
    ck_assert_int_ne(phase_of(1), 0);
    teardown();
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("agent disk");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, full_while_scheduling, 0, DISKS);
    tcase_add_loop_test(tcase, full_while_recording_a_step, 0, DISKS);
    tcase_add_loop_test(tcase, full_at_the_start, 0, DISKS);
    tcase_add_test(tcase, full_while_the_log_is_copied);
    tcase_add_test(tcase, read_only_at_the_start);
    tcase_add_test(tcase, read_only_while_it_runs);
    Suite *suite = suite_create("agent disk");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
