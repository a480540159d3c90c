#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/gate.h"
#include "base/process.h"

static char directory[64];
static char path[96];
static repli_error err;

static void setup(void) {
    strcpy(directory, "/tmp/repli-child-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/file", directory);
    err = (repli_error)REPLI_ERROR_INIT;
}

static void teardown(void) {
    static const char *const names[] = {"file", "ran", "program"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s/%s", directory, names[i]);
        unlink(name);
    }
    rmdir(directory);
}

static repli_command command_of(const char *const *argv) {
    repli_command command = REPLI_COMMAND_INIT;
    command.argv = argv;
    return command;
}

static repli_process start(const char *script) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    const repli_command command = command_of(argv);
    repli_process process;
    ck_assert_msg(repli__child_start(path, "somebody", &command, 1, &process, &err) == REPLI_OK,
                  "%s", err.message);
    return process;
}

/* How it ended; it must do so within 20 s. */
static repli_process end_of(void) {
    const uint64_t until = repli__deadline_ns(20000);
    repli_process process;
    do {
        ck_assert_msg(repli__child_find(path, &process, &err) == REPLI_OK, "%s", err.message);
        ck_assert_uint_lt(repli__mono_ns(), until);
        if (process.state == REPLI_PROCESS_RUNNING)
            repli__process_await(&process, until);
    } while (process.state == REPLI_PROCESS_RUNNING);
    return process;
}

static int exists(const char *name) {
    char full[128];
    snprintf(full, sizeof(full), "%s/%s", directory, name);
    return access(full, F_OK) == 0;
}

static void write_file(const char *text) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static char *boot(void) {
    static char id[64];
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    const ssize_t got = read(fd, id, sizeof(id) - 1);
    close(fd);
    ck_assert_int_gt(got, 0);
    id[strcspn(id, "\n")] = '\0';
    return id;
}

START_TEST(runs_and_is_found) {
    char text[64];
    const repli_process started = start("echo out; echo err >&2; exit 7");
    ck_assert_int_eq(started.state, REPLI_PROCESS_RUNNING);
    const repli_process ended = end_of();
    ck_assert_int_eq(ended.state, REPLI_PROCESS_EXITED);
    ck_assert_int_eq(ended.exit_code, 7);
    ck_assert_int_eq(ended.pid, started.pid);
    ck_assert_uint_eq(ended.start_time, started.start_time);
    ck_assert_uint_eq(repli__child_output(path, text, sizeof(text)), 8);
    ck_assert_str_eq(text, "out\nerr\n");
    ck_assert_uint_eq(repli__child_output(path, text, 4), 8);
    ck_assert_str_eq(text, "rr\n");
    repli__child_name(path, text, sizeof(text));
    ck_assert_str_eq(text, "somebody");
    /* Its exit code is kept, though nobody can be asked for it any more. */
    ck_assert_int_eq(end_of().exit_code, 7);
    repli__child_drop_output(path);
    ck_assert_uint_eq(repli__child_output(path, text, sizeof(text)), 0);
    ck_assert_int_eq(end_of().exit_code, 7);
}
END_TEST

START_TEST(is_a_session_of_its_own_with_nothing_of_ours) {
    char text[512];
    const int left_open = open("/dev/null", O_RDONLY);
    ck_assert_int_gt(left_open, 2);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "/nowhere", 1), 0);
    signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    const repli_process process = start(
        "ls /proc/self/fd | tr '\\n' ' '; set -- $(cat /proc/$$/stat);"
        "echo -n \"$5 $6 \";"
        "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr '\\n\\t' '  '; echo \"[$NOTIFY_SOCKET]\"");
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    end_of();
    repli__child_output(path, text, sizeof(text));
    char expected[512];
    /* ls has the directory open; what the shell itself ignores or blocks is nothing. */
    snprintf(expected, sizeof(expected),
             "0 1 2 3 %lld %lld SigBlk: 0000000000000000 SigIgn: 0000000000000000 []\n",
             (long long)process.pid, (long long)process.pid);
    ck_assert_str_eq(text, expected);
    close(left_open);
    unsetenv("NOTIFY_SOCKET");
}
END_TEST

START_TEST(gets_input_and_directory) {
    char text[64];
    const char *const argv[] = {"sh", "-c", "pwd; cat", NULL};
    repli_command command = command_of(argv);
    repli_process process;
    command.directory = "/";
    command.input = "given";
    command.input_size = 5;
    ck_assert_int_eq(repli__child_start(path, "n", &command, 0, &process, &err), REPLI_OK);
    ck_assert_int_eq(end_of().exit_code, 0);
    repli__child_output(path, text, sizeof(text));
    ck_assert_str_eq(text, "/\ngiven");
}
END_TEST

START_TEST(what_cannot_run_leaves_no_trace) {
    const char *argv[] = {"no-such-program-at-all", NULL};
    repli_command command = command_of(argv);
    repli_process process;
    ck_assert_int_eq(repli__child_start(path, "n", &command, 0, &process, &err), REPLI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "no-such-program-at-all"));
    ck_assert(!exists("file"));
    argv[0] = "/etc/passwd";
    ck_assert_int_eq(repli__child_start(path, "n", &command, 0, &process, &err), REPLI_EPERMISSION);
    ck_assert(!exists("file"));
    argv[0] = "/no/such/file";
    ck_assert_int_eq(repli__child_start(path, "n", &command, 0, &process, &err), REPLI_ENOTFOUND);
    argv[0] = "true";
    command.directory = "/no/such/directory";
    ck_assert_int_eq(repli__child_start(path, "n", &command, 0, &process, &err), REPLI_ENOTFOUND);
    ck_assert(!exists("file"));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* and no child */
    ck_assert_int_eq(errno, ECHILD);
    char far[128];
    snprintf(far, sizeof(far), "%s/no/file", directory);
    command.directory = NULL;
    ck_assert_int_eq(repli__child_start(far, "n", &command, 0, &process, &err), REPLI_EIO);
}
END_TEST

/* What the gate is for: the moments at which an agent may be killed. */

START_TEST(does_not_run_unless_the_gate_is_opened) {
    char script[128];
    snprintf(script, sizeof(script), "touch %s/ran", directory);
    const char *const argv[] = {"sh", "-c", script, NULL};
    const repli_command command = command_of(argv);
    const int record = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const repli__gate_options options = {.command = &command, .record = record, .mark = "m"};
    repli__gate gate;
    ck_assert_int_eq(repli__gate_fork(&options, &gate, &err), REPLI_OK);
    ck_assert_int_eq(kill((pid_t)gate.process.pid, 0), 0);
    repli__gate_shut(&gate);
    ck_assert_int_eq(kill((pid_t)gate.process.pid, 0), -1);
    struct stat info;
    ck_assert_int_eq(fstat(record, &info), 0);
    ck_assert_int_eq(info.st_size, 0);
    ck_assert(!exists("ran"));

    ck_assert_int_eq(repli__gate_fork(&options, &gate, &err), REPLI_OK);
    ck_assert_int_eq(repli__gate_open(&gate, &command, &err), REPLI_OK);
    ck_assert_int_eq(waitpid((pid_t)gate.process.pid, NULL, 0), (pid_t)gate.process.pid);
    ck_assert(exists("ran"));
    ck_assert_int_eq(fstat(record, &info), 0);
    ck_assert_int_eq(info.st_size, 1);
    close(record);
}
END_TEST

START_TEST(without_a_mark_only_the_command_writes) {
    const char *const argv[] = {"echo", "said", NULL};
    const char *const absent[] = {"/no/such/program", NULL};
    repli_command command = command_of(argv);
    const int record = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const repli__gate_options options = {.command = &command, .record = record};
    repli__gate gate;
    ck_assert_int_eq(repli__gate_fork(&options, &gate, &err), REPLI_OK);
    ck_assert_int_eq(repli__gate_open(&gate, &command, &err), REPLI_OK);
    ck_assert_int_eq(waitpid((pid_t)gate.process.pid, NULL, 0), (pid_t)gate.process.pid);
    command = command_of(absent);
    ck_assert_int_eq(repli__gate_fork(&options, &gate, &err), REPLI_OK);
    ck_assert_int_eq(repli__gate_open(&gate, &command, &err), REPLI_ENOTFOUND);
    struct stat info;
    ck_assert_int_eq(fstat(record, &info), 0);
    ck_assert_int_eq(info.st_size, 5);
    close(record);
}
END_TEST

START_TEST(a_process_that_is_killed_at_the_gate_hurts_nobody) {
    const char *const argv[] = {"true", NULL};
    const repli_command command = command_of(argv);
    const int record = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const repli__gate_options options = {.command = &command, .record = record, .mark = "m"};
    repli__gate gate;
    ck_assert_int_eq(repli__gate_fork(&options, &gate, &err), REPLI_OK);
    kill((pid_t)gate.process.pid, SIGKILL);
    waitpid((pid_t)gate.process.pid, NULL, 0);
    ck_assert_int_eq(repli__gate_open(&gate, &command, &err), REPLI_OK); /* and no SIGPIPE */
    close(record);
}
END_TEST

START_TEST(what_never_ran_is_not_there) {
    repli_process process;
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_ENOTFOUND);
    write_file("");
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_ENOTFOUND);
    write_file("123 45");
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_ENOTFOUND);
    /* Written down, but the agent died before it opened the gate. */
    char text[256];
    snprintf(text, sizeof(text), "%d 1 %s name\n", (int)getpid(), boot());
    write_file(text);
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_ENOTFOUND);
    snprintf(text, sizeof(text), "%d 1 another-boot name\n", (int)getpid());
    write_file(text);
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_ENOTFOUND);
}
END_TEST

START_TEST(what_ran_is_there_for_ever) {
    char text[256];
    repli_process process;
    /* Another process has the number now. */
    snprintf(text, sizeof(text), "%d 1 %s name\nruns\n", (int)getpid(), boot());
    write_file(text);
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_OK);
    ck_assert_int_eq(process.state, REPLI_PROCESS_GONE);
    ck_assert_int_eq(repli__process_group(&process, 0), 0);
    /* The machine was started again, and a process with the same number and time may be anything.
     */
    repli_process self;
    ck_assert_int_eq(repli__process_identify(getpid(), &self, &err), REPLI_OK);
    snprintf(text, sizeof(text), "%d %llu another-boot name\nruns\n", (int)getpid(),
             (unsigned long long)self.start_time);
    write_file(text);
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_OK);
    ck_assert_int_eq(process.state, REPLI_PROCESS_GONE);
    ck_assert_int_eq(repli__process_group(&process, 0), 0);
    /* The same on this boot is the very process. */
    snprintf(text, sizeof(text), "%d %llu %s name\nruns\n", (int)getpid(),
             (unsigned long long)self.start_time, boot());
    write_file(text);
    ck_assert_int_eq(repli__child_find(path, &process, &err), REPLI_OK);
    ck_assert_int_eq(process.state, REPLI_PROCESS_RUNNING);
}
END_TEST

START_TEST(a_group_outlives_its_first_process) {
    const repli_process process = start("sleep 100 & echo $!");
    end_of();
    ck_assert_int_ne(repli__process_group(&process, 0), 0);
    ck_assert_int_ne(repli__process_group(&process, SIGKILL), 0);
    const uint64_t until = repli__deadline_ns(20000);
    while (repli__process_group(&process, 0) != 0) {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(1000);
    }
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("child");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, runs_and_is_found);
    tcase_add_test(tcase, is_a_session_of_its_own_with_nothing_of_ours);
    tcase_add_test(tcase, gets_input_and_directory);
    tcase_add_test(tcase, what_cannot_run_leaves_no_trace);
    tcase_add_test(tcase, does_not_run_unless_the_gate_is_opened);
    tcase_add_test(tcase, without_a_mark_only_the_command_writes);
    tcase_add_test(tcase, a_process_that_is_killed_at_the_gate_hurts_nobody);
    tcase_add_test(tcase, what_never_ran_is_not_there);
    tcase_add_test(tcase, what_ran_is_there_for_ever);
    tcase_add_test(tcase, a_group_outlives_its_first_process);
    Suite *suite = suite_create("child");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
