#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sized.h"
#include "base/spawn.h"

#define ORIGIN "process"

/* A killed process is gone at once unless the kernel holds it, which may be for ever. */
enum { REAP_MS = 500 };
/* More than a pipe holds, so one turn takes all that an ended process has written. */
enum { TURN_BYTES = 128 * 1024 };

static int32_t take_struct(void *to, uint32_t size, const void *from, size_t least,
                           const char *what, repli_error *err) {
    if (from == NULL)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "no %s was given", what);
    if (repli__sized(from) < least)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "struct_size of the %s is %u, at least %zu is needed: initialise it "
                            "with its REPLI_…_INIT",
                            what, (unsigned)repli__sized(from), least);
    repli__sized_copy(to, size, from);
    return REPLI_OK;
}

static int32_t take_command(repli_command *to, const repli_command *from, repli_error *err) {
    const int32_t code = take_struct(to, sizeof(*to), from,
                                     REPLI__SIZE_TO(repli_command, output_path), "command", err);
    if (code != REPLI_OK)
        return code;
    if (to->argv == NULL || to->argv[0] == NULL || to->argv[0][0] == '\0')
        return repli__error(err, REPLI_EINVALID, ORIGIN, "the command names no program");
    if (to->input == NULL && to->input_size > 0)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "the command \"%.200s\" has an input_size but no input", to->argv[0]);
    return REPLI_OK;
}

/* Run. */

static int open_pidfd(pid_t pid) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0u); /* close-on-exec by nature */
#else
    (void)pid;
    return -1;
#endif
}

/* Not 0 once the process has ended and its status is known, or lost. */
static int has_ended(repli__job *job) {
    pid_t pid;
    do
        pid = waitpid(job->pid, &job->status, WNOHANG);
    while (pid == -1 && errno == EINTR);
    job->lost = pid == -1;
    return pid != 0;
}

/* Take what is there, but not for ever. What does not fit is read all the same, so that the
 * process is not held up. */
static void read_output(repli__job *job) {
    char rest[4096];
    for (size_t taken = 0; job->output >= 0 && taken < TURN_BYTES;) {
        const size_t room = job->size > 0 ? job->size - 1 - job->used : 0;
        const ssize_t got = read(job->output, room > 0 ? job->buffer + job->used : rest,
                                 room > 0 ? room : sizeof(rest));
        if (got > 0) {
            taken += (size_t)got;
            if (room > 0)
                job->used += (size_t)got;
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            repli__spawn_close(&job->output);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void kill_job(repli__job *job, int32_t why) {
    kill(-job->pid, SIGKILL);
    kill(job->pid, SIGKILL); /* it may have left its group */
    repli__spawn_close(&job->output);
    job->killed = why;
    job->reap_ns = repli__deadline_ns(REAP_MS);
}

int repli__job_look(repli__job *job, int cancelled) {
    const int ended = has_ended(job);
    if (job->killed != 0)
        return ended || repli__mono_ns() >= job->reap_ns;
    /* What it left running in the background may hold the pipe open: that is not waited for. */
    read_output(job);
    if (!ended && cancelled)
        kill_job(job, REPLI_ECANCELLED);
    else if (!ended && repli__mono_ns() >= job->deadline_ns)
        kill_job(job, REPLI_ETIMEOUT);
    return ended;
}

static int exit_code(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int32_t open_output(const repli_command *command, size_t output_size, int *ret_read,
                           int *ret_write, repli_error *err) {
    if (command->output_path == NULL && output_size > 0)
        return repli__spawn_pipe(ret_read, ret_write, err);
    return repli__spawn_output(command, ret_write, err);
}

int32_t repli__job_start(repli__job *job, const repli_command *command, uint64_t deadline_ns,
                         char *output, size_t output_size, repli_error *err) {
    if (output == NULL)
        output_size = 0;
    repli_command known;
    int32_t code = take_command(&known, command, err);
    if (code != REPLI_OK)
        return code;
    *job = (repli__job){.name = known.argv[0],
                        .pidfd = -1,
                        .output = -1,
                        .buffer = output,
                        .size = output_size,
                        .deadline_ns = deadline_ns};
    int input = -1;
    int write_end = -1;
    code = repli__spawn_input(&known, &input, err);
    if (code == REPLI_OK)
        code = open_output(&known, output_size, &job->output, &write_end, err);
    if (code == REPLI_OK)
        code = repli__spawn(&known, input, write_end, &job->pid, err);
    repli__spawn_close(&input);
    repli__spawn_close(&write_end);
    if (code == REPLI_OK)
        job->pidfd = open_pidfd(job->pid);
    else
        repli__spawn_close(&job->output);
    return code;
}

int32_t repli__job_end(repli__job *job, int32_t *ret_exit_code, repli_error *err) {
    repli__spawn_close(&job->pidfd);
    repli__spawn_close(&job->output);
    if (job->size > 0)
        job->buffer[job->used] = '\0';
    if (job->killed == REPLI_ECANCELLED)
        return repli__error(err, REPLI_ECANCELLED, ORIGIN,
                            "\"%.200s\" was cancelled and killed before it ended", job->name);
    if (job->killed != 0)
        return repli__error(err, REPLI_ETIMEOUT, ORIGIN,
                            "\"%.200s\" had not ended by its deadline and was killed", job->name);
    if (job->lost)
        return repli__error(err, REPLI_ESTATE, ORIGIN,
                            "\"%.200s\" ended, but its exit code is lost: this process ignores "
                            "SIGCHLD, or another part of it waits for any child",
                            job->name);
    if (ret_exit_code != NULL)
        *ret_exit_code = exit_code(job->status);
    return REPLI_OK;
}

static int is_cancelled(const atomic_int *cancelled) {
    return cancelled != NULL && atomic_load(cancelled) != 0;
}

void repli__job_wait(const repli__job *job) {
    const uint64_t until_ns = job->killed != 0 ? job->reap_ns : job->deadline_ns;
    const uint64_t now = repli__mono_ns();
    const uint64_t left_ms = until_ns > now ? (until_ns - now) / (uint64_t)REPLI__NS_PER_MS : 0;
    struct pollfd fds[] = {{.fd = job->pidfd, .events = POLLIN},
                           {.fd = job->output, .events = POLLIN}};
    poll(fds, 2, left_ms < REPLI__JOB_TICK_MS ? (int)left_ms + 1 : REPLI__JOB_TICK_MS);
}

int32_t repli__process_run(const repli_command *command, uint64_t deadline_ns,
                           const atomic_int *cancelled, char *output, size_t output_size,
                           int32_t *ret_exit_code, repli_error *err) {
    if (output != NULL && output_size > 0)
        output[0] = '\0';
    repli_command known;
    int32_t code = take_command(&known, command, err);
    if (code != REPLI_OK)
        return code;
    if (is_cancelled(cancelled))
        return repli__error(err, REPLI_ECANCELLED, ORIGIN, "\"%.200s\" was not run: cancelled",
                            known.argv[0]);
    if (repli__mono_ns() >= deadline_ns)
        return repli__error(err, REPLI_ETIMEOUT, ORIGIN,
                            "\"%.200s\" was not run: the deadline had passed", known.argv[0]);
    repli__job job;
    code = repli__job_start(&job, command, deadline_ns, output, output_size, err);
    if (code != REPLI_OK)
        return code;
    while (!repli__job_look(&job, is_cancelled(cancelled)))
        repli__job_wait(&job);
    return repli__job_end(&job, ret_exit_code, err);
}

/* Start and find again. */

/* State letter and start time of a process. REPLI_ENOTFOUND: there is none of that number. */
static int32_t read_stat(int64_t pid, char *ret_state, uint64_t *ret_start_time, repli_error *err) {
    char path[40];
    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        if (access("/proc/self/stat", R_OK) != 0)
            return repli__error(err, REPLI_EIO, ORIGIN,
                                "cannot tell whether process %lld runs: /proc is not mounted",
                                (long long)pid);
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN, "there is no process %lld",
                            (long long)pid);
    }
    char text[1024];
    ssize_t size;
    do
        size = read(fd, text, sizeof(text) - 1);
    while (size == -1 && errno == EINTR);
    close(fd);
    if (size <= 0) /* it went between open and read */
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN, "there is no process %lld",
                            (long long)pid);
    text[size] = '\0';
    /* The second field is the program's name, which may hold anything, even ')' and spaces. */
    const char *rest = strrchr(text, ')');
    unsigned long long start_time;
    char state;
    if (rest == NULL || sscanf(rest + 1,
                               " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                               "%*d %*d %*d %llu",
                               &state, &start_time) != 2)
        return repli__error(err, REPLI_EPROTOCOL, ORIGIN, "cannot make sense of %s", path);
    *ret_state = state;
    *ret_start_time = start_time;
    return REPLI_OK;
}

static int32_t take_process(repli_process *to, const repli_process *from, repli_error *err) {
    const int32_t code =
        take_struct(to, sizeof(*to), from, REPLI__SIZE_TO(repli_process, reserved), "process", err);
    if (code != REPLI_OK)
        return code;
    if (to->pid <= 1 || to->pid > INT32_MAX)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "%lld is no process that was started here",
                            (long long)to->pid);
    return REPLI_OK;
}

int32_t repli__process_start(const repli_command *command, repli_process *ret_process,
                             repli_error *err) {
    repli_command known;
    repli_process process;
    int32_t code = take_command(&known, command, err);
    if (code == REPLI_OK)
        code = take_struct(&process, sizeof(process), ret_process,
                           REPLI__SIZE_TO(repli_process, reserved), "process", err);
    if (code != REPLI_OK)
        return code;
    int input = -1;
    int output = -1;
    pid_t pid = -1;
    code = repli__spawn_input(&known, &input, err);
    if (code == REPLI_OK)
        code = repli__spawn_output(&known, &output, err);
    if (code == REPLI_OK)
        code = repli__spawn(&known, input, output, &pid, err);
    repli__spawn_close(&input);
    repli__spawn_close(&output);
    if (code != REPLI_OK)
        return code;

    process = (repli_process){.state = REPLI_PROCESS_RUNNING, .pid = pid};
    char state;
    /* Until it is reaped it can be seen, even if it has ended; only a host that reaps every child
     * can have been faster. */
    if (read_stat(pid, &state, &process.start_time, NULL) != REPLI_OK)
        process.state = REPLI_PROCESS_GONE;
    repli__sized_fill(ret_process, &process, sizeof(process));
    return REPLI_OK;
}

/* Is it there, and the same one? It may have ended without having been reaped. */
static int32_t find_process(const repli_process *process, int *ret_found, char *ret_state,
                            repli_error *err) {
    uint64_t start_time;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = read_stat(process->pid, ret_state, &start_time, &error);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return repli__error_copy(err, &error);
    *ret_found = code == REPLI_OK && start_time == process->start_time;
    return REPLI_OK;
}

static int is_dead(char state) {
    return state == 'Z' || state == 'X' || state == 'x';
}

int32_t repli__process_poll(repli_process *process, repli_error *err) {
    repli_process known;
    int32_t code = take_process(&known, process, err);
    if (code != REPLI_OK)
        return code;
    if (known.state == REPLI_PROCESS_EXITED || known.state == REPLI_PROCESS_GONE)
        return REPLI_OK;
    int found;
    char state = 0;
    code = find_process(&known, &found, &state, err);
    if (code != REPLI_OK)
        return code;
    known.state = REPLI_PROCESS_GONE;
    if (found) {
        /* Only now, as the number might belong to another child of the host. */
        int status;
        pid_t reaped;
        do
            reaped = waitpid((pid_t)known.pid, &status, WNOHANG);
        while (reaped == -1 && errno == EINTR);
        if (reaped > 0) {
            known.state = REPLI_PROCESS_EXITED;
            known.exit_code = exit_code(status);
        } else if (reaped == 0 || !is_dead(state)) {
            known.state = REPLI_PROCESS_RUNNING;
        }
    }
    repli__sized_fill(process, &known, sizeof(known));
    return REPLI_OK;
}

int32_t repli__process_signal(const repli_process *process, int32_t signal_number,
                              repli_error *err) {
    repli_process known;
    int32_t code = take_process(&known, process, err);
    if (code != REPLI_OK)
        return code;
    if (signal_number < 1 || signal_number > SIGRTMAX)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "%d is no signal", (int)signal_number);
    int found = 0;
    char state = 0;
    if (known.state != REPLI_PROCESS_EXITED && known.state != REPLI_PROCESS_GONE) {
        code = find_process(&known, &found, &state, err);
        if (code != REPLI_OK)
            return code;
    }
    if (!found || is_dead(state))
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN, "process %lld has ended",
                            (long long)known.pid);
    if (kill(-(pid_t)known.pid, signal_number) == -1) {
        const int reason = errno;
        const int32_t failed = reason == ESRCH   ? REPLI_ENOTFOUND
                               : reason == EPERM ? REPLI_EPERMISSION
                                                 : REPLI_EIO;
        return repli__error(err, failed, ORIGIN, "cannot send signal %d to process group %lld: %s",
                            (int)signal_number, (long long)known.pid, strerror(reason));
    }
    return REPLI_OK;
}

int32_t repli__process_identify(int64_t pid, repli_process *ret_process, repli_error *err) {
    char state;
    uint64_t start_time;
    const int32_t code = read_stat(pid, &state, &start_time, err);
    if (code != REPLI_OK)
        return code;
    if (is_dead(state))
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN, "process %lld has ended", (long long)pid);
    *ret_process = (repli_process)REPLI_PROCESS_INIT;
    ret_process->state = REPLI_PROCESS_RUNNING;
    ret_process->pid = pid;
    ret_process->start_time = start_time;
    return REPLI_OK;
}

/* Its number is not given to a new process while the group has members; so if it has been, there
 * are none. */
int repli__process_group(const repli_process *process, int signal_number) {
    char state;
    uint64_t start_time;
    if (process->pid <= 1)
        return 0;
    const int32_t code = read_stat(process->pid, &state, &start_time, NULL);
    if (code == REPLI_OK ? start_time != process->start_time : code != REPLI_ENOTFOUND)
        return 0;
    return kill(-(pid_t)process->pid, signal_number) == 0 || errno == EPERM;
}

void repli__process_await(const repli_process *process, uint64_t deadline_ns) {
    int pidfd = open_pidfd((pid_t)process->pid);
    const repli__job waiting = {.pidfd = pidfd, .output = -1, .deadline_ns = deadline_ns};
    repli__job_wait(&waiting);
    repli__spawn_close(&pidfd);
}
