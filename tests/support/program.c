#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32, COMMAND_MS = 300000, START_MS = 20000 };

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

long program_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

void program_pause_ms(long ms) {
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

const char *program_build_path(const char *name) {
    static char paths[4][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    const char *build = getenv("BUILD");
    char *absolute = realpath(build != NULL ? build : "build", NULL);
    if (absolute == NULL)
        fail("cannot find the build: %s", strerror(errno));
    snprintf(path, PATH_MAX, "%s/%s", absolute, name);
    free(absolute);
    return path;
}

/* Files. */

void program_write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        fail("cannot write %s: %s", path, strerror(errno));
}

char *program_read_file(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail("cannot read %s: %s", path, strerror(errno));
    size_t size = 0, capacity = 4096;
    char *text = malloc(capacity);
    while (text != NULL) {
        const size_t got = fread(text + size, 1, capacity - size - 1, file);
        if (got == 0)
            break;
        size += got;
        if (capacity - size < 2)
            text = realloc(text, capacity *= 2);
    }
    fclose(file);
    if (text == NULL)
        fail("out of memory");
    text[size] = '\0';
    return text;
}

/* Commands. */

static int status_of(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

const char *program_path = "bin/repliagent";

pid_t program_spawn(const char *const *arguments, int input, int output, int error) {
    const char *argv[ARGUMENTS_MAX + 2] = {program_build_path(program_path)};
    size_t count = 1;
    for (; *arguments != NULL && count <= ARGUMENTS_MAX; arguments++)
        argv[count++] = *arguments;
    const pid_t pid = fork();
    if (pid < 0)
        fail("cannot fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    /* A test that fails leaves nothing behind. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(error, STDERR_FILENO) < 0)
        _exit(127);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

/* A file without a name, so that no pipe can fill up. */
static int scratch_file(const char *content) {
    char path[] = "/tmp/replicante-test-XXXXXX";
    const int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        fail("cannot make a file: %s", strerror(errno));
    unlink(path);
    const size_t size = content != NULL ? strlen(content) : 0;
    if (size > 0 && write(fd, content, size) != (ssize_t)size)
        fail("cannot write a file: %s", strerror(errno));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static char *take_content(int fd) {
    const off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    if (text == NULL || pread(fd, text, (size_t)size, 0) != size)
        fail("cannot read a file back");
    close(fd);
    return text;
}

static int wait_until(pid_t pid, int timeout_ms, int *ret_status) {
    const long deadline = program_now_ms() + timeout_ms;
    int status;
    for (;;) {
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            break;
        if (ended < 0 && errno != EINTR)
            fail("waitpid: %s", strerror(errno));
        if (program_now_ms() >= deadline)
            return -1;
        program_pause_ms(1);
    }
    *ret_status = status_of(status);
    return 0;
}

int program_wait(pid_t pid, int timeout_ms) {
    int status;
    if (wait_until(pid, timeout_ms, &status) != 0)
        fail("the program did not end within %d ms", timeout_ms);
    return status;
}

void program_run_input(struct program_output *ret_output, const char *input,
                       const char *const *arguments) {
    const int in = scratch_file(input), out = scratch_file(NULL), err = scratch_file(NULL);
    const pid_t pid = program_spawn(arguments, in, out, err);
    if (wait_until(pid, COMMAND_MS, &ret_output->status) != 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        fail("%s %s took more than five minutes", program_path, arguments[0]);
    }
    close(in);
    ret_output->out = take_content(out);
    ret_output->err = take_content(err);
}

void program_run(struct program_output *ret_output, const char *const *arguments) {
    program_run_input(ret_output, NULL, arguments);
}

void program_output_free(struct program_output *output) {
    free(output->out);
    free(output->err);
}

/* Agents. */

void program_agent_configure(struct program_agent *agent, const char *more) {
    char text[8192];
    snprintf(text, sizeof(text),
             "node_id: \"test-1\"\n"
             "driver: \"fake\"\n"
             "driver_dir: \"%s\"\n"
             "store_path: \"%s/agent.db\"\n"
             "%s",
             program_build_path("drivers"), agent->directory, more != NULL ? more : "");
    /* A test that has a section http of its own says all of it. */
    const size_t size = strlen(text);
    if (strstr(text, "\nhttp:") == NULL)
        snprintf(text + size, sizeof(text) - size, "http:\n  bind: \"\"\n  unix_socket: \"%s\"\n",
                 agent->socket);
    program_write_file(agent->config, text);
}

void program_agent_init(struct program_agent *agent, const char *more) {
    memset(agent, 0, sizeof(*agent));
    strcpy(agent->directory, "/tmp/replicante-test-XXXXXX");
    if (mkdtemp(agent->directory) == NULL)
        fail("cannot make a directory: %s", strerror(errno));
    snprintf(agent->config, sizeof(agent->config), "%s/agent.yaml", agent->directory);
    snprintf(agent->socket, sizeof(agent->socket), "%s/agent.sock", agent->directory);
    snprintf(agent->log, sizeof(agent->log), "%s/log", agent->directory);
    snprintf(agent->address, sizeof(agent->address), "unix:%s", agent->socket);
    program_agent_configure(agent, more);
}

void program_agent_spawn(struct program_agent *agent) {
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int log = open(agent->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (null < 0 || log < 0)
        fail("cannot open the log %s: %s", agent->log, strerror(errno));
    agent->pid = program_spawn((const char *[]){"run", "-c", agent->config, NULL}, null, log, log);
    close(null);
    close(log);
}

static int connects(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return connected;
}

int program_agent_wait(struct program_agent *agent) {
    const long deadline = program_now_ms() + START_MS;
    while (!connects(agent->socket)) {
        int status;
        if (wait_until(agent->pid, 0, &status) == 0) {
            agent->pid = 0;
            return -1;
        }
        if (program_now_ms() > deadline)
            fail("the agent does not listen after %d ms", (int)START_MS);
        program_pause_ms(1);
    }
    return 0;
}

void program_agent_start(struct program_agent *agent) {
    program_agent_spawn(agent);
    if (program_agent_wait(agent) != 0) {
        char *log = program_agent_log(agent);
        fail("the agent did not start:\n%s", log);
    }
}

int program_agent_stop(struct program_agent *agent, int signal_number, int timeout_ms) {
    int status;
    kill(agent->pid, signal_number);
    if (wait_until(agent->pid, timeout_ms, &status) != 0)
        fail("the agent did not end within %d ms of signal %d", timeout_ms, signal_number);
    agent->pid = 0;
    return status;
}

static void remove_directory(const char *path) {
    const pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

void program_agent_dispose(struct program_agent *agent) {
    if (agent->pid > 0) {
        kill(agent->pid, SIGKILL);
        waitpid(agent->pid, NULL, 0);
        agent->pid = 0;
    }
    remove_directory(agent->directory);
}

char *program_agent_log(const struct program_agent *agent) {
    return program_read_file(agent->log);
}

static size_t occurrences(const char *text, const char *what) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        count++;
    return count;
}

void program_agent_expect(const struct program_agent *agent, const char *text, size_t count) {
    const long deadline = program_now_ms() + 10000;
    for (;;) {
        char *log = program_agent_log(agent);
        const size_t found = occurrences(log, text);
        if (found >= count) {
            free(log);
            return;
        }
        if (program_now_ms() > deadline)
            fail("the log has \"%s\" %zu times, not %zu:\n%s", text, found, count, log);
        free(log);
        program_pause_ms(5);
    }
}
