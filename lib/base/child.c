#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/gate.h"
#include "base/process.h"
#include "base/spawn.h"

#define ORIGIN "process"

enum { BOOT_SIZE = 40, NAME_SIZE = 320, HEAD_SIZE = 480 };

static const char mark[] = "runs\n";
enum { MARK_SIZE = sizeof(mark) - 1 };

/* The first line, and whether the mark follows. */
typedef struct heading {
    int64_t pid;
    uint64_t start_time;
    char boot[BOOT_SIZE];
    char name[NAME_SIZE];
    off_t mark; /* where the mark is, or would be */
    int runs;
    int exit_code; /* -1: not known */
} heading;

static ssize_t read_from(const char *path, char *text, size_t size) {
    text[0] = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1)
        return -1;
    ssize_t got;
    do
        got = read(fd, text, size - 1);
    while (got == -1 && errno == EINTR);
    const int reason = errno;
    close(fd);
    errno = reason;
    text[got > 0 ? got : 0] = '\0';
    return got;
}

/* Numbers of processes say nothing about those of before a restart of the machine. */
static void read_boot(char boot[BOOT_SIZE]) {
    if (read_from("/proc/sys/kernel/random/boot_id", boot, BOOT_SIZE) <= 0)
        memcpy(boot, "unknown", sizeof("unknown"));
    boot[strcspn(boot, "\n")] = '\0';
}

/* REPLI_ENOTFOUND: there is no whole first line, so the gate was never opened. */
static int32_t read_head(const char *path, heading *ret_head, repli_error *err) {
    char text[HEAD_SIZE];
    if (read_from(path, text, sizeof(text)) < 0 && errno != ENOENT)
        return repli__error(err, REPLI_EIO, ORIGIN,
                            "cannot read %s, which tells whether a command ran: %s", path,
                            strerror(errno));
    const char *end = strchr(text, '\n');
    *ret_head = (heading){0};
    if (end == NULL || sscanf(text, "%" SCNd64 " %" SCNu64 " %39s %319[^\n]", &ret_head->pid,
                              &ret_head->start_time, ret_head->boot, ret_head->name) != 4)
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN, "%s tells of no command", path);
    ret_head->mark = end + 1 - text;
    ret_head->exit_code = -1;
    ret_head->runs = strncmp(end + 1, mark, MARK_SIZE) == 0 ||
                     sscanf(end + 1, "x%3d\n", &ret_head->exit_code) == 1;
    return REPLI_OK;
}

/* The name of a file outlives a power cut only when its directory is on disk. */
static int sync_directory(const char *path) {
    char directory[4096];
    const char *slash = strrchr(path, '/');
    const size_t size = slash != NULL ? (size_t)(slash - path) : 0;
    if (size >= sizeof(directory) - 1)
        return -1;
    snprintf(directory, sizeof(directory), "%.*s", slash != NULL ? (int)size + 1 : 1,
             slash != NULL ? path : ".");
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int synced = fd != -1 ? fsync(fd) : -1;
    if (fd != -1)
        close(fd);
    return synced;
}

static int32_t write_head(int fd, const char *path, const char *name, int durable,
                          const repli_process *process, repli_error *err) {
    char boot[BOOT_SIZE];
    char line[HEAD_SIZE];
    read_boot(boot);
    const int size = snprintf(line, sizeof(line), "%" PRId64 " %" PRIu64 " %s %.319s\n",
                              process->pid, process->start_time, boot, name);
    if (write(fd, line, (size_t)size) == size && (!durable || sync_directory(path) == 0))
        return REPLI_OK;
    return repli__error(err, errno == ENOSPC ? REPLI_EFULL : REPLI_EIO, ORIGIN,
                        "cannot write down in %s which process is to run: %s", path,
                        strerror(errno));
}

int32_t repli__child_start(const char *path, const char *name, const repli_command *command,
                           int durable, repli_process *ret_process, repli_error *err) {
    unlink(path);
    int fd = repli__spawn_above_standard(
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd == -1)
        return repli__error(err, errno == ENOSPC ? REPLI_EFULL : REPLI_EIO, ORIGIN,
                            "cannot make %s, without which no command is run: %s", path,
                            strerror(errno));
    const repli__gate_options options = {
        .command = command, .record = fd, .mark = mark, .durable = durable};
    repli__gate gate;
    int32_t code = repli__gate_fork(&options, &gate, err);
    if (code == REPLI_OK) {
        code = write_head(fd, path, name, durable, &gate.process, err);
        if (code == REPLI_OK)
            code = repli__gate_open(&gate, command, err);
        else
            repli__gate_shut(&gate);
    }
    repli__spawn_close(&fd);
    if (code == REPLI_OK)
        *ret_process = gate.process;
    else
        unlink(path);
    return code;
}

/* In the place of the mark. If that fails the exit code is only not known to the next agent. */
static void keep_exit_code(const char *path, const heading *head, int exit_code) {
    char text[MARK_SIZE + 1];
    const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1)
        return;
    snprintf(text, sizeof(text), "x%03d\n", exit_code & 0xFF);
    const ssize_t kept = pwrite(fd, text, MARK_SIZE, head->mark);
    (void)kept;
    close(fd);
}

int32_t repli__child_find(const char *path, repli_process *ret_process, repli_error *err) {
    heading head;
    char boot[BOOT_SIZE];
    int32_t code = read_head(path, &head, err);
    if (code != REPLI_OK)
        return code;
    repli_process process = {.struct_size = sizeof(process),
                             .state = REPLI_PROCESS_RUNNING,
                             .pid = head.pid,
                             .start_time = head.start_time};
    read_boot(boot);
    const int same_boot = strcmp(boot, head.boot) == 0;
    if (same_boot)
        code = repli__process_poll(&process, err);
    else
        process.state = REPLI_PROCESS_GONE;
    /* It may have made its mark before it ended, so that is looked for after that. */
    if (code == REPLI_OK && process.state != REPLI_PROCESS_RUNNING)
        code = read_head(path, &head, err);
    if (code != REPLI_OK)
        return code;
    if (process.state != REPLI_PROCESS_RUNNING && !head.runs)
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN, "the command of %s never ran", path);
    if (process.state == REPLI_PROCESS_EXITED) {
        keep_exit_code(path, &head, process.exit_code);
    } else if (process.state == REPLI_PROCESS_GONE && head.exit_code >= 0) {
        process.state = REPLI_PROCESS_EXITED;
        process.exit_code = head.exit_code;
    }
    if (!same_boot)
        process.pid = 0; /* no group of this number is its own */
    *ret_process = process;
    return REPLI_OK;
}

void repli__child_name(const char *path, char *ret_name, size_t size) {
    heading head;
    const int32_t code = read_head(path, &head, NULL);
    snprintf(ret_name, size, "%s", code == REPLI_OK ? head.name : "");
}

size_t repli__child_output(const char *path, char *ret_text, size_t size) {
    heading head;
    struct stat info;
    ret_text[0] = '\0';
    if (read_head(path, &head, NULL) != REPLI_OK || !head.runs)
        return 0;
    const off_t output = head.mark + MARK_SIZE;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1 || fstat(fd, &info) != 0 || info.st_size <= output) {
        if (fd != -1)
            close(fd);
        return 0;
    }
    const off_t most = (off_t)size - 1;
    const off_t written = info.st_size - output;
    const ssize_t got =
        pread(fd, ret_text, (size_t)most, written > most ? info.st_size - most : output);
    close(fd);
    ret_text[got > 0 ? got : 0] = '\0';
    return (size_t)written;
}

void repli__child_drop_output(const char *path) {
    heading head;
    if (read_head(path, &head, NULL) == REPLI_OK && head.runs) {
        const int cut = truncate(path, head.mark + MARK_SIZE);
        (void)cut;
    }
}
