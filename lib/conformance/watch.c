#include "conformance/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "base/spawn.h"
#include "conformance/surroundings.h"

/* A call that is that late will not come back; one without a deadline is not needed to take long.
 */
enum { LATE_MS = 10000, LONG_MS = 30000, TICK_MS = 10 };

struct watch {
    struct bench *bench;
    const struct scene *scene;
    int channel;
    int output;
    pid_t pid;
    int status;         /* of the process, once it ended */
    int undo;           /* command that brings the store back; -1: none */
    int killed;         /* it was, since a call did not return */
    int ends;           /* a signal asks this process to end */
    int broken;         /* a command does not do what it should */
    const char *method; /* that did not return, if it was killed for that */
    struct network network;
};

static _Noreturn void be_watched(struct watch *watch, const sigset_t *mask) {
    struct bench *bench = watch->bench;
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0); /* what a terminal sends is for the other process */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* of what is left behind, it becomes the parent */
    if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(watch->output, STDOUT_FILENO) == -1 ||
        dup2(watch->output, STDERR_FILENO) == -1)
        _exit(1);
    pthread_sigmask(SIG_SETMASK, mask, NULL);
    struct surroundings before;
    surroundings_take(&before);
    if (!watch->scene->acts)
        network_offer(bench->channel);
    watch->scene->run(bench);
    surroundings_compare(&before, bench->board, watch->scene->acts);
    atomic_store(&bench->board->finished, 1);
    _exit(0);
}

/* Run a command of the configuration. 1 if it did what it should. */
static char run_command(struct watch *watch, int command) {
    const struct conformance_options *options = watch->bench->options;
    struct board *board = watch->bench->board;
    const repli_command run = {.struct_size = sizeof(run), .argv = options->commands[command]};
    int32_t exit_code = 0;
    repli_error err = REPLI_ERROR_INIT;
    if (command == CONFORMANCE_STOP || command == CONFORMANCE_HANG)
        watch->undo = command == CONFORMANCE_STOP ? CONFORMANCE_START : CONFORMANCE_RESUME;
    else if (command == watch->undo)
        watch->undo = -1;
    const int32_t code =
        repli__process_run(&run, repli__deadline_ns(options->settle_ms), NULL,
                           board->command_output, sizeof(board->command_output), &exit_code, &err);
    if (code == REPLI_OK && exit_code == 0)
        return 1;
    if (code != REPLI_OK)
        snprintf(board->command_error, sizeof(board->command_error), "%s failed: %.400s",
                 bench_command_name(command), err.message);
    else
        snprintf(board->command_error, sizeof(board->command_error), "%s ended with status %d: %s",
                 bench_command_name(command), exit_code, board->command_output);
    watch->broken = watch->broken || command != CONFORMANCE_VERSION;
    return 0;
}

static void serve(struct watch *watch) {
    struct pollfd polled = {.fd = watch->channel, .events = POLLIN};
    char request;
    if (poll(&polled, 1, TICK_MS) == 1 && (polled.revents & POLLIN) &&
        read(watch->channel, &request, 1) == 1 && request >= 0 &&
        request < CONFORMANCE_COMMAND_COUNT && bench_can(watch->bench, request)) {
        const char answer = run_command(watch, request);
        send(watch->channel, &answer, 1, MSG_NOSIGNAL);
    }
}

static int is_overdue(const struct watch *watch) {
    const struct board *board = watch->bench->board;
    const uint64_t entered = atomic_load(&board->entered_ns);
    const uint64_t deadline = atomic_load(&board->deadline_ns);
    if (entered == 0)
        return 0;
    const uint64_t limit =
        deadline == 0 ? LONG_MS : LATE_MS; /* milliseconds after the later of both */
    const uint64_t from = deadline > entered ? deadline : entered;
    return repli__mono_ns() > from + limit * (uint64_t)REPLI__NS_PER_MS;
}

static int ends(void) {
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM);
}

/* Until the process ended, which it does by itself or is made to. */
static void watch_it(struct watch *watch) {
    while (waitpid(watch->pid, &watch->status, WNOHANG) == 0) {
        watch->ends = watch->ends || ends();
        if (!watch->killed && is_overdue(watch)) {
            watch->killed = 1;
            watch->method = board_method(watch->bench->board);
        }
        if (watch->killed || watch->ends)
            kill(watch->pid, SIGKILL);
        serve(watch);
    }
}

static void judge_end(struct watch *watch) {
    struct board *board = watch->bench->board;
    char after[120];
    const char *method = watch->killed ? watch->method : board_method(board);
    snprintf(after, sizeof(after), "%s%s%s%s", method[0] != '\0' ? "in " : "after its calls",
             method, board->circumstances[0] != '\0' ? " " : "", board->circumstances);
    if (watch->killed && atomic_load(&board->deadline_ns) != 0)
        board_fail(board, RULE_CALLS_DEADLINE, "%s did not return within %d s of its deadline %s",
                   method, LATE_MS / 1000, board->circumstances);
    else if (watch->killed)
        board_fail(board, RULE_PROCESS_SURVIVES, "%s did not return within %d s", method,
                   LONG_MS / 1000);
    else if (WIFSIGNALED(watch->status))
        board_fail(board, RULE_PROCESS_SURVIVES, "killed by signal %d (%s) %s",
                   WTERMSIG(watch->status), strsignal(WTERMSIG(watch->status)), after);
    else if (!atomic_load(&board->finished))
        board_fail(board, RULE_PROCESS_SURVIVES, "the process was ended with status %d %s",
                   WEXITSTATUS(watch->status), after);
    if (atomic_load(&board->finished))
        return;
    for (int i = 0; i < RULE_COUNT; i++)
        if (rules[i].scene == watch->scene->id)
            board_skip(board, (enum rule_id)i, "not reached: the process ended %s", after);
}

static void judge_output(struct watch *watch) {
    char text[160];
    const ssize_t size = pread(watch->output, text, sizeof(text) - 1, 0);
    if (size <= 0)
        return;
    text[size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    board_fail(watch->bench->board, RULE_PROCESS_QUIET, "wrote \"%s\" while: %s", text,
               watch->scene->title);
}

static void judge_contacts(struct watch *watch, const struct own *own) {
    struct board *board = watch->bench->board;
    for (size_t i = 0; i < watch->network.count; i++) {
        const struct network_contact *contact = &watch->network.contacts[i];
        if (strcmp(contact->method, "open") == 0)
            board_fail(board, RULE_OPEN_OFFLINE, "open() connected to %s", contact->where);
        else if (strcmp(contact->method, "actions_describe") == 0)
            board_fail(board, RULE_ACTIONS_STABLE, "actions_describe() connected to %s",
                       contact->where);
        else if (strcmp(contact->method, "action_validate") == 0)
            board_fail(board, RULE_ACTIONS_VALIDATE, "action_validate() connected to %s",
                       contact->where);
        else if (!own_has(own, contact))
            board_fail(board, RULE_NETWORK_OWN_NODE, "%s connected to %s %s", contact->method,
                       contact->where,
                       "which the driver's configuration does not name: is it another node? If "
                       "not, add it to check.own_addresses");
        else
            snprintf(board->contact, sizeof(board->contact), "%s", contact->where);
    }
}

static int32_t cannot(repli_error *err) {
    return repli__error(err, REPLI_EIO, "check", "cannot run a process for the driver: %s",
                        strerror(errno));
}

/* The other side of the channel is the process's. */
static int32_t start(struct watch *watch, const sigset_t *mask, repli_error *err) {
    int pair[2];
    watch->output = memfd_create("output", MFD_CLOEXEC);
    if (watch->output == -1)
        return cannot(err);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
        const int32_t code = cannot(err);
        repli__spawn_close(&watch->output);
        return code;
    }
    watch->pid = fork();
    if (watch->pid == 0) {
        watch->bench->channel = pair[1];
        close(pair[0]);
        be_watched(watch, mask);
    }
    const int32_t code = watch->pid == -1 ? cannot(err) : REPLI_OK;
    close(pair[1]);
    watch->channel = pair[0];
    if (code != REPLI_OK) {
        close(pair[0]);
        repli__spawn_close(&watch->output);
    }
    return code;
}

/* Without commands that work nothing can be said. The first that did not is to blame. */
static int32_t bring_back(struct watch *watch, repli_error *err) {
    char why[BOARD_EVIDENCE_SIZE];
    const int broken = watch->broken;
    memcpy(why, watch->bench->board->command_error, sizeof(why));
    const int back = watch->undo < 0 || run_command(watch, watch->undo);
    if (broken)
        return repli__error(err, REPLI_EIO, "check", "%s", why);
    if (!back)
        return repli__error(err, REPLI_EIO, "check", "the store was left as it is: %s",
                            watch->bench->board->command_error);
    return watch->ends ? repli__error(err, REPLI_ECANCELLED, "check", "told to end") : REPLI_OK;
}

int32_t watch_scene(struct bench *bench, const struct scene *scene, const struct own *own,
                    repli_error *err) {
    struct watch watch = {.bench = bench, .scene = scene, .undo = -1, .network.listener = -1};
    sigset_t ending;
    sigset_t mask;
    bench->board->circumstances = "";
    board_forget_calls(bench->board);
    atomic_store(&bench->board->finished, 0);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ending, &mask);
    int32_t code = start(&watch, &mask, err);
    if (code == REPLI_OK) {
        const int seen =
            !scene->acts && network_start(&watch.network, bench->board, watch.channel) == 0;
        watch_it(&watch);
        network_stop(&watch.network);
        judge_end(&watch);
        judge_output(&watch);
        if (!scene->acts && (!seen || watch.network.blind))
            bench->board->unseen = 1;
        if (own != NULL && seen)
            judge_contacts(&watch, own);
        code = bring_back(&watch, err);
        close(watch.channel);
        close(watch.output);
    }
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return code;
}
