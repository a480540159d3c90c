#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"

static char directory[64];
static char output[4096];
static int32_t exit_code;
static repli_error err;

static void setup(void) {
    snprintf(directory, sizeof(directory), "/tmp/repli-process-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    err = (repli_error)REPLI_ERROR_INIT;
    exit_code = -1;
}

static void path_of(char path[PATH_MAX], const char *file) {
    ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", directory, file), PATH_MAX);
}

static void teardown(void) {
    static const char *const files[] = {"out", "pid", "program", "fifo"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[PATH_MAX];
        path_of(path, files[i]);
        unlink(path);
    }
    rmdir(directory);
}

static void pause_ms(long ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static repli_command command_of(const char *const *argv) {
    repli_command command = REPLI_COMMAND_INIT;
    command.argv = argv;
    return command;
}

static int32_t run(const repli_command *command, int64_t deadline_ms) {
    return repli__process_run(command, repli__deadline_ns(deadline_ms), NULL, output,
                              sizeof(output), &exit_code, &err);
}

static int32_t run_shell(const char *script) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    const repli_command command = command_of(argv);
    return run(&command, 20000);
}

static void read_file(const char *path, char *text, size_t size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd != -1 ? read(fd, text, size - 1) : 0;
    if (fd != -1)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
}

/* A process whose number is in a file, which may be about to be written. */
static pid_t pid_in(const char *file) {
    char path[PATH_MAX];
    path_of(path, file);
    for (int i = 0; i < 500; i++) {
        char text[32];
        read_file(path, text, sizeof(text));
        if (strchr(text, '\n') != NULL)
            return (pid_t)strtol(text, NULL, 10);
        pause_ms(10);
    }
    ck_abort_msg("%s was not written", path);
    return -1;
}

/* Not 0 once it has ended, whether or not anybody has taken note of that. */
static int is_gone(pid_t pid) {
    char path[64];
    char text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    read_file(path, text, sizeof(text));
    const char *rest = strrchr(text, ')');
    return rest == NULL || rest[2] == 'Z';
}

static void assert_gone_soon(pid_t pid) {
    for (int i = 0; i < 500 && !is_gone(pid); i++)
        pause_ms(10);
    ck_assert_msg(is_gone(pid), "process %d still runs", (int)pid);
}

/* Valgrind makes a real fork of what posix_spawn does, and then a program that cannot be run is
 * only known by exit code 127. */
static int cannot_tell_failures(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static int count_open_files(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

/* Run. */

START_TEST(runs_and_captures) {
    ck_assert_int_eq(run_shell("echo out; echo err >&2; exit 3"), REPLI_OK);
    ck_assert_int_eq(exit_code, 3);
    ck_assert_str_eq(output, "out\nerr\n");
    ck_assert_int_eq(run_shell("kill -TERM $$"), REPLI_OK);
    ck_assert_int_eq(exit_code, 128 + SIGTERM);
    ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(needs_no_room_for_output) {
    const char *const argv[] = {"sh", "-c", "echo lost", NULL};
    const repli_command command = command_of(argv);
    ck_assert_int_eq(
        repli__process_run(&command, repli__deadline_ns(20000), NULL, NULL, 0, &exit_code, &err),
        REPLI_OK);
    ck_assert_int_eq(exit_code, 0);
    ck_assert_int_eq(
        repli__process_run(&command, repli__deadline_ns(20000), NULL, NULL, 100, NULL, NULL),
        REPLI_OK);
    ck_assert_int_eq(
        repli__process_run(&command, repli__deadline_ns(20000), NULL, output, 1, NULL, NULL),
        REPLI_OK);
    ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(cuts_output) {
    /* Far more than a pipe holds: it must not be held up either. */
    const char *const argv[] = {"sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; exit 5", NULL};
    const repli_command command = command_of(argv);
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    ck_assert_int_eq(exit_code, 5);
    ck_assert_uint_eq(strlen(output), sizeof(output) - 1);
    char small[5];
    ck_assert_int_eq(repli__process_run(&command, repli__deadline_ns(20000), NULL, small,
                                        sizeof(small), &exit_code, &err),
                     REPLI_OK);
    ck_assert_str_eq(small, "xxxx");
}
END_TEST

START_TEST(gives_input) {
    const char *const argv[] = {"cat", NULL};
    repli_command command = command_of(argv);
    ck_assert_int_eq(run(&command, 20000), REPLI_OK); /* empty, not ours */
    ck_assert_str_eq(output, "");
    command.input = "{\"a\":1}\n";
    command.input_size = 8;
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    ck_assert_str_eq(output, "{\"a\":1}\n");
    const char *const by_name[] = {"cat", "/dev/stdin", NULL};
    command.argv = by_name;
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    ck_assert_str_eq(output, "{\"a\":1}\n");

    const size_t size = 3000000;
    char *large = malloc(size);
    ck_assert_ptr_nonnull(large);
    memset(large, 'x', size);
    const char *const count[] = {"wc", "-c", NULL};
    command.argv = count;
    command.input = large;
    command.input_size = size;
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    ck_assert_int_eq(strtol(output, NULL, 10), 3000000);
    /* Who does not read is not hurt, and neither is this process. */
    const char *const careless[] = {"true", NULL};
    command.argv = careless;
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    ck_assert_int_eq(exit_code, 0);
    free(large);
}
END_TEST

START_TEST(output_to_a_file) {
    char path[PATH_MAX];
    path_of(path, "out");
    const char *const argv[] = {"sh", "-c", "echo one; echo two >&2", NULL};
    repli_command command = command_of(argv);
    command.output_path = path;
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    ck_assert_str_eq(output, "");
    char text[100];
    read_file(path, text, sizeof(text));
    ck_assert_str_eq(text, "one\ntwo\none\ntwo\n");
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 077, 0);

    command.output_path = "/no/such/directory/out";
    ck_assert_int_eq(run(&command, 20000), REPLI_EIO);
    ck_assert_ptr_nonnull(strstr(err.message, "/no/such/directory/out"));
    char fifo[PATH_MAX];
    path_of(fifo, "fifo");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    command.output_path = fifo;
    ck_assert_int_eq(run(&command, 20000), REPLI_EIO); /* and does not wait for a reader */
}
END_TEST

START_TEST(environment_and_directory) {
    setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1);
    setenv("WATCHDOG_USEC", "1", 1);
    setenv("REPLI_TEST", "inherited", 1);
    setenv("REPLI_TEST_2", "kept", 1);
    const char *const argv[] = {
        "sh", "-c",
        "echo $NOTIFY_SOCKET$LISTEN_FDS$LISTEN_PID$WATCHDOG_USEC $REPLI_TEST $REPLI_TEST_2; pwd",
        NULL};
    const char *const env[] = {"REPLI_TEST=added", NULL};
    repli_command command = command_of(argv);
    command.env = env;
    command.directory = directory;
    ck_assert_int_eq(run(&command, 20000), REPLI_OK);
    char expected[200];
    snprintf(expected, sizeof(expected), "added kept\n%s\n", directory);
    ck_assert_str_eq(output, expected);
    if (cannot_tell_failures())
        return;
    command.directory = "/no/such/directory";
    ck_assert_int_eq(run(&command, 20000), REPLI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "/no/such/directory"));
}
END_TEST

/* The host's descriptors, signal mask and dispositions stay with the host. */
START_TEST(a_clean_start) {
    const int leaked = open("/dev/null", O_RDONLY);
    ck_assert_int_ge(leaked, 0);
    ck_assert_int_ge(dup2(leaked, 123), 0);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    sigaction(SIGPIPE, &ignore, &before);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    const int32_t code = run_shell("ls /proc/self/fd | tr '\\n' ' '; "
                                   "sed -n 's/^Sig[BI][lg][kn]:.//p' /proc/self/status");
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    sigaction(SIGPIPE, &before, NULL);
    close(leaked);
    close(123);
    ck_assert_int_eq(code, REPLI_OK);
    /* 3 is the directory that ls reads. */
    unsigned long long mask, ignored;
    ck_assert_int_eq(sscanf(output, "0 1 2 3 %llx %llx", &mask, &ignored), 2);
    ck_assert_uint_eq(mask, 0);
    /* The C library's own two signals are not for anybody else to use. */
    ck_assert_uint_eq(ignored & ~(3ull << 31), 0);
}
END_TEST

START_TEST(a_group_without_a_terminal) {
    ck_assert_int_eq(run_shell("ps -o pid=,pgid=,sid= -p $$; : </dev/tty"), REPLI_OK);
    long pid, pgid, sid;
    ck_assert_int_eq(sscanf(output, "%ld %ld %ld", &pid, &pgid, &sid), 3);
    ck_assert_int_eq(pid, pgid);
    ck_assert_int_eq(pid, sid);
    ck_assert_int_ne(exit_code, 0);
}
END_TEST

/* A host may have closed its own standard files. */
START_TEST(works_without_standard_files) {
    fflush(stdout);
    const int saved[] = {fcntl(0, F_DUPFD_CLOEXEC, 50), fcntl(1, F_DUPFD_CLOEXEC, 50),
                         fcntl(2, F_DUPFD_CLOEXEC, 50)};
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    const char *const argv[] = {"sh", "-c", "cat; echo err >&2", NULL};
    repli_command command = command_of(argv);
    command.input = "in ";
    command.input_size = 3;
    const int32_t code = run(&command, 20000);
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    ck_assert_int_eq(code, REPLI_OK);
    ck_assert_str_eq(output, "in err\n");
}
END_TEST

START_TEST(programs_that_cannot_be_run) {
    if (cannot_tell_failures())
        return;
    const char *const missing[] = {"no-such-program-here", NULL};
    repli_command command = command_of(missing);
    ck_assert_int_eq(run(&command, 20000), REPLI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "\"no-such-program-here\""));
    ck_assert_ptr_nonnull(strstr(err.message, "PATH"));
    const char *const missing_path[] = {"/no/such/program", NULL};
    command.argv = missing_path;
    ck_assert_int_eq(run(&command, 20000), REPLI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "/no/such/program"));
    const char *const no_program[] = {"/etc/passwd", NULL};
    command.argv = no_program;
    ck_assert_int_eq(run(&command, 20000), REPLI_EPERMISSION);
    char path[PATH_MAX];
    path_of(path, "program");
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    ck_assert_int_eq(write(fd, "#!/no/such/interpreter\n", 23), 23);
    close(fd);
    const char *const script[] = {path, NULL};
    command.argv = script;
    ck_assert_int_eq(run(&command, 20000), REPLI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "interpreter"));
    ck_assert_int_eq(exit_code, -1);
}
END_TEST

START_TEST(commands_that_make_no_sense) {
    ck_assert_int_eq(run(NULL, 20000), REPLI_EINVALID);
    const char *const nothing[] = {NULL};
    repli_command command = command_of(nothing);
    ck_assert_int_eq(run(&command, 20000), REPLI_EINVALID);
    command.argv = NULL;
    ck_assert_int_eq(run(&command, 20000), REPLI_EINVALID);
    const char *const argv[] = {"true", NULL};
    command.argv = argv;
    command.input_size = 1;
    ck_assert_int_eq(run(&command, 20000), REPLI_EINVALID);
    command = command_of(argv);
    command.struct_size = 16;
    ck_assert_int_eq(run(&command, 20000), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "struct_size"));
}
END_TEST

START_TEST(kills_the_group_at_the_deadline) {
    char script[200];
    snprintf(script, sizeof(script), "echo begun; sleep 300 & echo $! >%s/pid; trap '' TERM; wait",
             directory);
    const char *const argv[] = {"sh", "-c", script, NULL};
    const repli_command command = command_of(argv);
    const uint64_t start_ns = repli__mono_ns();
    ck_assert_int_eq(run(&command, 700), REPLI_ETIMEOUT);
    const uint64_t took_ns = repli__mono_ns() - start_ns;
    ck_assert_uint_ge(took_ns, 690u * (uint64_t)REPLI__NS_PER_MS);
    ck_assert_uint_lt(took_ns, 10u * (uint64_t)REPLI__NS_PER_S);
    ck_assert_ptr_nonnull(strstr(err.message, "deadline"));
    ck_assert_str_eq(output, "begun\n");
    ck_assert_int_eq(exit_code, -1);
    assert_gone_soon(pid_in("pid"));
    /* Nothing is left to be waited for. */
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(a_chatty_program_meets_its_deadline) {
    const char *const argv[] = {"yes", NULL};
    const repli_command command = command_of(argv);
    const uint64_t start_ns = repli__mono_ns();
    ck_assert_int_eq(run(&command, 300), REPLI_ETIMEOUT);
    ck_assert_uint_lt(repli__mono_ns() - start_ns, 10u * (uint64_t)REPLI__NS_PER_S);
}
END_TEST

START_TEST(does_not_begin_too_late) {
    char path[PATH_MAX];
    path_of(path, "out");
    const char *const argv[] = {"touch", path, NULL};
    const repli_command command = command_of(argv);
    ck_assert_int_eq(run(&command, 0), REPLI_ETIMEOUT);
    atomic_int cancelled = 1;
    ck_assert_int_eq(repli__process_run(&command, UINT64_MAX, &cancelled, NULL, 0, NULL, &err),
                     REPLI_ECANCELLED);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

static atomic_int cancelled;

static void *cancel_later(void *argument) {
    (void)argument;
    pause_ms(200);
    atomic_store(&cancelled, 1);
    return NULL;
}

START_TEST(kills_the_group_when_cancelled) {
    char script[200];
    snprintf(script, sizeof(script), "sleep 300 & echo $! >%s/pid; wait", directory);
    const char *const argv[] = {"sh", "-c", script, NULL};
    const repli_command command = command_of(argv);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_later, NULL), 0);
    const uint64_t start_ns = repli__mono_ns();
    ck_assert_int_eq(
        repli__process_run(&command, UINT64_MAX, &cancelled, NULL, 0, &exit_code, &err),
        REPLI_ECANCELLED);
    ck_assert_uint_lt(repli__mono_ns() - start_ns, 20u * (uint64_t)REPLI__NS_PER_S);
    pthread_join(thread, NULL);
    assert_gone_soon(pid_in("pid"));
}
END_TEST

/* What a command leaves behind, such as a server it started, is neither waited for nor killed. */
START_TEST(leaves_the_background_alone) {
    char script[200];
    snprintf(script, sizeof(script), "echo started; sleep 300 & echo $! >%s/pid", directory);
    const uint64_t start_ns = repli__mono_ns();
    ck_assert_int_eq(run_shell(script), REPLI_OK);
    ck_assert_uint_lt(repli__mono_ns() - start_ns, 15u * (uint64_t)REPLI__NS_PER_S);
    ck_assert_str_eq(output, "started\n");
    const pid_t pid = pid_in("pid");
    ck_assert(!is_gone(pid));
    kill(pid, SIGKILL);
}
END_TEST

/* A host that does not want to know of its children gets rid of ours as well. */
static void reap_everything(int on) {
    const struct sigaction action = {.sa_handler = on ? SIG_IGN : SIG_DFL};
    sigaction(SIGCHLD, &action, NULL);
}

START_TEST(exit_codes_that_are_lost) {
    reap_everything(1);
    const int32_t code = run_shell("echo out; exit 3");
    reap_everything(0);
    ck_assert_int_eq(code, REPLI_ESTATE);
    ck_assert_ptr_nonnull(strstr(err.message, "SIGCHLD"));
    ck_assert_str_eq(output, "out\n");
    ck_assert_int_eq(exit_code, -1);
}
END_TEST

START_TEST(started_processes_that_are_lost) {
    const char *const argv[] = {"true", NULL};
    const repli_command command = command_of(argv);
    repli_process process = REPLI_PROCESS_INIT;
    reap_everything(1);
    int32_t code = repli__process_start(&command, &process, &err);
    for (int i = 0; code == REPLI_OK && i < 500 && process.state == REPLI_PROCESS_RUNNING; i++) {
        pause_ms(10);
        code = repli__process_poll(&process, &err);
    }
    reap_everything(0);
    ck_assert_int_eq(code, REPLI_OK);
    ck_assert_int_eq(process.state, REPLI_PROCESS_GONE);
}
END_TEST

/* Start. */

static repli_process start(const char *script) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    const repli_command command = command_of(argv);
    repli_process process = REPLI_PROCESS_INIT;
    ck_assert_msg(repli__process_start(&command, &process, &err) == REPLI_OK, "%s", err.message);
    ck_assert_int_eq(process.state, REPLI_PROCESS_RUNNING);
    ck_assert_int_gt(process.pid, 1);
    ck_assert_uint_gt(process.start_time, 0);
    return process;
}

static void poll_until_ended(repli_process *process) {
    for (int i = 0; i < 1000 && process->state == REPLI_PROCESS_RUNNING; i++) {
        pause_ms(10);
        ck_assert_int_eq(repli__process_poll(process, &err), REPLI_OK);
    }
}

START_TEST(starts_and_finds_again) {
    repli_process process = start("exit 7");
    poll_until_ended(&process);
    ck_assert_int_eq(process.state, REPLI_PROCESS_EXITED);
    ck_assert_int_eq(process.exit_code, 7);
    ck_assert_int_eq(kill((pid_t)process.pid, 0), -1); /* no zombie is left */
    ck_assert_int_eq(errno, ESRCH);
    ck_assert_int_eq(repli__process_poll(&process, &err), REPLI_OK); /* final */
    ck_assert_int_eq(process.state, REPLI_PROCESS_EXITED);
    ck_assert_int_eq(process.exit_code, 7);
}
END_TEST

START_TEST(signals_the_group) {
    char script[200];
    snprintf(script, sizeof(script), "sleep 300 & echo $! >%s/pid; wait", directory);
    repli_process process = start(script);
    const pid_t child = pid_in("pid");
    ck_assert_int_eq(repli__process_poll(&process, &err), REPLI_OK);
    ck_assert_int_eq(process.state, REPLI_PROCESS_RUNNING);
    ck_assert_int_eq(repli__process_signal(&process, 0, &err), REPLI_EINVALID);
    ck_assert_int_eq(repli__process_signal(&process, 1000, &err), REPLI_EINVALID);
    ck_assert_int_eq(repli__process_signal(&process, SIGTERM, &err), REPLI_OK);
    assert_gone_soon(child);
    poll_until_ended(&process);
    ck_assert_int_eq(process.state, REPLI_PROCESS_EXITED);
    ck_assert_int_eq(process.exit_code, 128 + SIGTERM);
    ck_assert_int_eq(repli__process_signal(&process, SIGTERM, &err), REPLI_ENOTFOUND);
}
END_TEST

/* A number that was given to another process since is not the one that was started. */
START_TEST(recycled_numbers) {
    repli_process process = start("sleep 300");
    repli_process other = process;
    other.start_time += 1000000; /* ticks */
    ck_assert_int_eq(repli__process_signal(&other, SIGKILL, &err), REPLI_ENOTFOUND);
    ck_assert_int_eq(repli__process_poll(&other, &err), REPLI_OK);
    ck_assert_int_eq(other.state, REPLI_PROCESS_GONE);
    ck_assert_int_eq(repli__process_poll(&process, &err), REPLI_OK);
    ck_assert_int_eq(process.state, REPLI_PROCESS_RUNNING);
    ck_assert_int_eq(repli__process_signal(&process, SIGKILL, &err), REPLI_OK);
    poll_until_ended(&process);
    ck_assert_int_eq(process.exit_code, 128 + SIGKILL);

    /* Another child of this process must not be reaped in its place. */
    const pid_t ours = fork();
    if (ours == 0)
        _exit(9);
    other.pid = ours;
    other.state = REPLI_PROCESS_RUNNING;
    pause_ms(100);
    ck_assert_int_eq(repli__process_poll(&other, &err), REPLI_OK);
    ck_assert_int_eq(other.state, REPLI_PROCESS_GONE);
    int status;
    ck_assert_int_eq(waitpid(ours, &status, 0), ours);
    ck_assert_int_eq(WEXITSTATUS(status), 9);
}
END_TEST

/* A child process starts something and dies; this one finds it by what was written down. */
START_TEST(survives_its_parent) {
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t agent = fork();
    if (agent == 0) {
        const char *const argv[] = {"sleep", "300", NULL};
        const repli_command command = command_of(argv);
        repli_process started = REPLI_PROCESS_INIT;
        const int32_t code = repli__process_start(&command, &started, NULL);
        _exit(code != REPLI_OK ||
              write(ends[1], &started, sizeof(started)) != (ssize_t)sizeof(started));
    }
    repli_process process;
    ck_assert_int_eq(read(ends[0], &process, sizeof(process)), sizeof(process));
    int status;
    ck_assert_int_eq(waitpid(agent, &status, 0), agent);
    ck_assert_int_eq(status, 0);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(repli__process_poll(&process, &err), REPLI_OK);
    ck_assert_int_eq(process.state, REPLI_PROCESS_RUNNING);
    ck_assert_int_eq(repli__process_signal(&process, SIGKILL, &err), REPLI_OK);
    poll_until_ended(&process);
    ck_assert_int_eq(process.state, REPLI_PROCESS_GONE);
    ck_assert_int_eq(repli__process_signal(&process, SIGKILL, &err), REPLI_ENOTFOUND);
}
END_TEST

START_TEST(input_outlives_the_call) {
    char path[PATH_MAX];
    path_of(path, "out");
    const char *const argv[] = {"sh", "-c", "sleep 0.2; wc -c", NULL};
    repli_command command = command_of(argv);
    static char input[500000];
    memset(input, 'x', sizeof(input));
    command.input = input;
    command.input_size = sizeof(input);
    command.output_path = path;
    repli_process process = REPLI_PROCESS_INIT;
    ck_assert_int_eq(repli__process_start(&command, &process, &err), REPLI_OK);
    memset(input, 0, sizeof(input));
    poll_until_ended(&process);
    ck_assert_int_eq(process.exit_code, 0);
    char text[32];
    read_file(path, text, sizeof(text));
    ck_assert_int_eq(strtol(text, NULL, 10), 500000);
}
END_TEST

START_TEST(processes_that_make_no_sense) {
    const char *const argv[] = {"no-such-program-here", NULL};
    const repli_command command = command_of(argv);
    repli_process process = REPLI_PROCESS_INIT;
    if (!cannot_tell_failures()) {
        ck_assert_int_eq(repli__process_start(&command, &process, &err), REPLI_ENOTFOUND);
        ck_assert_int_eq(process.pid, 0);
    }
    ck_assert_int_eq(repli__process_start(&command, NULL, &err), REPLI_EINVALID);
    static const int64_t numbers[] = {-1, 0, 1, INT64_MAX};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        process.pid = numbers[i];
        ck_assert_int_eq(repli__process_poll(&process, &err), REPLI_EINVALID);
        ck_assert_int_eq(repli__process_signal(&process, SIGTERM, &err), REPLI_EINVALID);
    }
    process.struct_size = 0;
    ck_assert_int_eq(repli__process_poll(&process, &err), REPLI_EINVALID);
    ck_assert_int_eq(repli__process_poll(NULL, &err), REPLI_EINVALID);
}
END_TEST

/* Whatever becomes of a command, no descriptor of it stays behind. */
START_TEST(leaves_no_files_open) {
    const int before = count_open_files();
    const char *const lines[][4] = {{"sh", "-c", "echo out; cat >/dev/null", NULL},
                                    {"no-such-program-here", NULL},
                                    {"sleep", "100", NULL}};
    char path[PATH_MAX];
    path_of(path, "out");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        repli_command command = command_of(lines[i]);
        run(&command, 200);
        command.input = "input";
        command.input_size = 5;
        run(&command, 200);
        command.output_path = path;
        run(&command, 200);
        command.output_path = "/no/such/directory/out";
        run(&command, 200);
    }
    repli_process process = start("cat; exit 1");
    poll_until_ended(&process);
    ck_assert_int_eq(count_open_files(), before);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("process");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, runs_and_captures);
    tcase_add_test(tcase, needs_no_room_for_output);
    tcase_add_test(tcase, cuts_output);
    tcase_add_test(tcase, gives_input);
    tcase_add_test(tcase, output_to_a_file);
    tcase_add_test(tcase, environment_and_directory);
    tcase_add_test(tcase, a_clean_start);
    tcase_add_test(tcase, a_group_without_a_terminal);
    tcase_add_test(tcase, works_without_standard_files);
    tcase_add_test(tcase, programs_that_cannot_be_run);
    tcase_add_test(tcase, commands_that_make_no_sense);
    tcase_add_test(tcase, kills_the_group_at_the_deadline);
    tcase_add_test(tcase, a_chatty_program_meets_its_deadline);
    tcase_add_test(tcase, does_not_begin_too_late);
    tcase_add_test(tcase, kills_the_group_when_cancelled);
    tcase_add_test(tcase, leaves_the_background_alone);
    tcase_add_test(tcase, exit_codes_that_are_lost);
    tcase_add_test(tcase, started_processes_that_are_lost);
    tcase_add_test(tcase, starts_and_finds_again);
    tcase_add_test(tcase, signals_the_group);
    tcase_add_test(tcase, recycled_numbers);
    tcase_add_test(tcase, survives_its_parent);
    tcase_add_test(tcase, input_outlives_the_call);
    tcase_add_test(tcase, processes_that_make_no_sense);
    tcase_add_test(tcase, leaves_no_files_open);
    Suite *suite = suite_create("process");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
