#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void fail(const struct trial *trial, const char *what) {
    fprintf(stderr, "%s: %s: %s\n", trial->driver, what, strerror(errno));
    abort();
}

static void shell(const char *format, ...) {
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        abort();
    }
}

static void write_config(const struct trial *trial, const char *path) {
    const char *store = program_build_path("tests/conformance/store");
    char text[8192];
    size_t size = (size_t)snprintf(text, sizeof(text),
                                   "node_id: \"tiny\"\n"
                                   "driver: \"%s/driver_%s.so\"\n"
                                   "%s:\n"
                                   "  directory: \"%s\"\n"
                                   "  password: \"secret\"\n"
                                   "check:\n"
                                   "  calls: 3000\n"
                                   "  settle: 5\n"
                                   "  wrong_credentials: [\"password=wrong\"]\n"
                                   "  actions: ['tiny.example/put {\"key\": \"one\"}']\n",
                                   program_build_path("tests/conformance/drivers"), trial->driver,
                                   trial->driver, trial->directory);
    static const char *const commands[] = {"stop", "start", "hang", "resume", "write"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "  %s: [\"%s\", %s, \"%s\"]\n",
                                 commands[i], store, commands[i], trial->directory);
    program_write_file(path, text);
    if (chmod(path, 0600) == -1)
        fail(trial, "cannot protect its configuration");
}

/* The store runs as long as this process has that lock. */
static void start_store(struct trial *trial) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[128];
    snprintf(path, sizeof(path), "%s/version", trial->directory);
    program_write_file(path, "1.2.3\n");
    snprintf(path, sizeof(path), "%s/owner", trial->directory);
    trial->owner = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (trial->owner == -1 || fcntl(trial->owner, F_SETLK, &lock) == -1)
        fail(trial, "cannot lock its directory");
    shell("%s start %s", program_build_path("tests/conformance/store"), trial->directory);
}

void trial_start(struct trial *trial, const char *driver) {
    char config[128];
    *trial = (struct trial){.driver = driver, .directory = "/tmp/replicante-test-XXXXXX"};
    if (mkdtemp(trial->directory) == NULL)
        fail(trial, "cannot make a directory");
    snprintf(config, sizeof(config), "%s/agent.yaml", trial->directory);
    write_config(trial, config);
    start_store(trial);
    trial->output = memfd_create("output", MFD_CLOEXEC);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (trial->output == -1 || null == -1)
        fail(trial, "cannot open its output");
    trial->pid = program_spawn((const char *[]){"check", "-c", config, "--json", NULL}, null,
                               trial->output, STDERR_FILENO);
    close(null);
}

static char *take(const struct trial *trial) {
    const off_t size = lseek(trial->output, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    if (text == NULL || pread(trial->output, text, (size_t)size, 0) != size)
        fail(trial, "cannot read its output");
    return text;
}

int trial_ended(struct trial *trial) {
    int status;
    const pid_t pid = waitpid(trial->pid, &status, WNOHANG);
    if (pid == 0)
        return 0;
    if (pid == -1)
        fail(trial, "cannot wait for it");
    trial->pid = 0;
    trial->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    trial->said = take(trial);
    close(trial->output);
    shell("%s stop %s", program_build_path("tests/conformance/store"), trial->directory);
    close(trial->owner);
    shell("rm -r %s", trial->directory);
    return 1;
}
