#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define ORIGIN "process"

#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
#define HAVE_CLOSEFROM 1
#endif
#endif
#ifndef HAVE_CLOSEFROM
#include <dirent.h>
#endif

void repli__spawn_close(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int repli__spawn_above_standard(int fd) {
    if (fd < 0 || fd > 2)
        return fd;
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return moved;
}

static int32_t cannot(repli_error *err, const char *what, const char *which) {
    const int reason = errno;
    return repli__error(err, REPLI_EIO, ORIGIN, "cannot %s %s: %s", what, which, strerror(reason));
}

static int write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t done = write(fd, data, size);
        if (done == -1 && errno == EINTR)
            continue;
        if (done <= 0)
            return 0;
        data += done;
        size -= (size_t)done;
    }
    return 1;
}

/* A file rather than a pipe: nobody has to feed it, and whoever does not read it does no harm. */
int32_t repli__spawn_input(const repli_command *command, int *ret_fd, repli_error *err) {
    if (command->input_size == 0) {
        const int fd = repli__spawn_above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (fd == -1)
            return cannot(err, "open", "/dev/null");
        *ret_fd = fd;
        return REPLI_OK;
    }
    int fd = repli__spawn_above_standard(memfd_create("repli-input", MFD_CLOEXEC));
    if (fd == -1 || !write_all(fd, command->input, command->input_size) ||
        lseek(fd, 0, SEEK_SET) == -1) {
        const int32_t code = cannot(err, "prepare the input of", command->argv[0]);
        repli__spawn_close(&fd);
        return code;
    }
    *ret_fd = fd;
    return REPLI_OK;
}

int32_t repli__spawn_output(const repli_command *command, int *ret_fd, repli_error *err) {
    const char *path = command->output_path != NULL ? command->output_path : "/dev/null";
    /* Without O_NONBLOCK a named pipe that nobody reads would hold us up. */
    int fd = repli__spawn_above_standard(
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
    if (fd == -1)
        return cannot(err, "open for output", path);
    const int flags = fcntl(fd, F_GETFL);
    if (flags == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1) {
        const int32_t code = cannot(err, "prepare for output", path);
        repli__spawn_close(&fd);
        return code;
    }
    *ret_fd = fd;
    return REPLI_OK;
}

int32_t repli__spawn_pipe(int *ret_read, int *ret_write, repli_error *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1)
        return cannot(err, "make", "a pipe");
    ends[0] = repli__spawn_above_standard(ends[0]);
    ends[1] = repli__spawn_above_standard(ends[1]);
    if (ends[0] == -1 || ends[1] == -1 || fcntl(ends[0], F_SETFL, O_NONBLOCK) == -1) {
        const int32_t code = cannot(err, "prepare", "a pipe");
        repli__spawn_close(&ends[0]);
        repli__spawn_close(&ends[1]);
        return code;
    }
    *ret_read = ends[0];
    *ret_write = ends[1];
    return REPLI_OK;
}

/* Environment. */

static int same_name(const char *a, const char *b) {
    const size_t size = strcspn(a, "=");
    return strncmp(a, b, size) == 0 && (b[size] == '=' || b[size] == '\0');
}

/* What a service manager tells this process and nobody else, and what the command sets itself. */
static int is_inherited(const char *entry, const char *const *added) {
    static const char *const private_names[] = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
                                                "LISTEN_PID",    "LISTEN_FDS",   "LISTEN_FDNAMES"};
    for (size_t i = 0; i < sizeof(private_names) / sizeof(private_names[0]); i++)
        if (same_name(entry, private_names[i]))
            return 0;
    for (; added != NULL && *added != NULL; added++)
        if (same_name(entry, *added))
            return 0;
    return 1;
}

char **repli__spawn_environment(const repli_command *command) {
    const char *const *added = command->env;
    size_t count = 0;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        count++;
    for (const char *const *entry = added; entry != NULL && *entry != NULL; entry++)
        count++;
    char **made = repli__calloc(&repli__mem_default, count + 1, sizeof(*made));
    if (made == NULL)
        return NULL;
    size_t used = 0;
    for (char **entry = environ; entry != NULL && *entry != NULL && used < count; entry++)
        if (is_inherited(*entry, added))
            made[used++] = *entry;
    for (const char *const *entry = added; entry != NULL && *entry != NULL && used < count; entry++)
        made[used++] = (char *)*entry;
    return made;
}

/* Spawn. */

/* A host's descriptors need not be close-on-exec. */
static int close_the_rest(posix_spawn_file_actions_t *actions) {
#ifdef HAVE_CLOSEFROM
    return posix_spawn_file_actions_addclosefrom_np(actions, 3);
#else
    DIR *open_files = opendir("/proc/self/fd");
    if (open_files == NULL)
        return 0;
    int failed = 0;
    for (struct dirent *entry; failed == 0 && (entry = readdir(open_files)) != NULL;) {
        const long fd = strtol(entry->d_name, NULL, 10);
        if (fd > 2)
            failed = posix_spawn_file_actions_addclose(actions, (int)fd);
    }
    closedir(open_files);
    return failed;
#endif
}

static int fill_actions(posix_spawn_file_actions_t *actions, const repli_command *command,
                        int input, int output) {
    int failed = posix_spawn_file_actions_adddup2(actions, input, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(actions, output, 1);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(actions, output, 2);
    if (failed == 0)
        failed = close_the_rest(actions);
    if (failed == 0 && command->directory != NULL)
        failed = posix_spawn_file_actions_addchdir_np(actions, command->directory);
    return failed;
}

/* A session, and with it a process group, of its own: without a terminal to ask for passwords. */
static int fill_attributes(posix_spawnattr_t *attributes) {
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    if (failed == 0)
        failed = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return failed;
}

static int spawn(const repli_command *command, int input, int output, char *const environment[],
                 pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    posix_spawnattr_t attributes;
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = fill_actions(&actions, command, input, output);
        if (failed == 0)
            failed = fill_attributes(&attributes);
        if (failed == 0)
            failed = posix_spawnp(ret_pid, command->argv[0], &actions, &attributes,
                                  (char *const *)command->argv, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

int32_t repli__spawn_explain(const repli_command *command, int failed, repli_error *err) {
    const char *name = command->argv[0];
    struct stat info;
    if (command->directory != NULL &&
        (stat(command->directory, &info) == -1 || !S_ISDIR(info.st_mode)))
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN,
                            "cannot run \"%.200s\": its directory %.200s is not there", name,
                            command->directory);
    switch (failed) {
    case ENOENT:
        if (strchr(name, '/') == NULL)
            return repli__error(err, REPLI_ENOTFOUND, ORIGIN,
                                "cannot run \"%.200s\": there is no such program in PATH, give "
                                "its absolute path",
                                name);
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN,
                            "cannot run \"%.200s\": there is no such file, or the interpreter in "
                            "its first line does not exist",
                            name);
    case EACCES:
    case EPERM:
        return repli__error(err, REPLI_EPERMISSION, ORIGIN,
                            "cannot run \"%.200s\": it is not executable, or this user may not "
                            "enter its directory",
                            name);
    case ENOMEM: return repli__error_nomem(err, ORIGIN, "starting a process");
    case EAGAIN:
        return repli__error(err, REPLI_EFULL, ORIGIN,
                            "cannot run \"%.200s\": the limit of processes is reached", name);
    default:
        return repli__error(err, REPLI_EIO, ORIGIN, "cannot run \"%.200s\": %s", name,
                            strerror(failed));
    }
}

int32_t repli__spawn(const repli_command *command, int input, int output, pid_t *ret_pid,
                     repli_error *err) {
    char **environment = repli__spawn_environment(command);
    if (environment == NULL)
        return repli__error_nomem(err, ORIGIN, "starting a process");
    pid_t pid;
    const int failed = spawn(command, input, output, environment, &pid);
    repli__free(&repli__mem_default, environment);
    if (failed != 0)
        return repli__spawn_explain(command, failed, err);
    *ret_pid = pid;
    return REPLI_OK;
}
