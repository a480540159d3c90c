#include "served.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 60000, END_MS = 30000, LOOK_MS = 20 };

void served_configure(served *node, const char *more) {
    char text[4096];
    snprintf(text, sizeof(text),
             "data_dir: %s\nclients: {bind: \"\", unix_socket: %s}\nlog: {mode: terminal}\n%s",
             node->data, node->socket, more != NULL ? more : "");
    program_write_file(node->config, text);
    ck_assert_int_eq(chmod(node->config, 0600), 0);
}

void served_init(served *node, const char *more) {
    program_path = "bin/alldata";
    *node = (served){.pid = 0};
    snprintf(node->directory, sizeof(node->directory), "/tmp/alldata-served-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(node->directory));
    snprintf(node->config, sizeof(node->config), "%s/alldata.yaml", node->directory);
    snprintf(node->socket, sizeof(node->socket), "%s/socket", node->directory);
    snprintf(node->log, sizeof(node->log), "%s/log", node->directory);
    snprintf(node->data, sizeof(node->data), "%s/data", node->directory);
    snprintf(node->address, sizeof(node->address), "unix:%s", node->socket);
    served_configure(node, more);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

void served_dispose(served *node) {
    if (node->pid > 0)
        served_stop(node, SIGKILL);
    nftw(node->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void served_spawn(served *node) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int log = open(node->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char *const arguments[] = {"serve", "-c", node->config, NULL};
    ck_assert(null >= 0 && log >= 0);
    node->pid = program_spawn(arguments, null, null, log);
    close(null);
    close(log);
}

void served_start(served *node) {
    served_spawn(node);
    served_expect(node, "listening on unix:", 1);
}

int served_stop(served *node, int signal_number) {
    if (signal_number != 0)
        kill(node->pid, signal_number);
    const int status = program_wait(node->pid, END_MS);
    node->pid = 0;
    return status;
}

char *served_log(const served *node) {
    return program_read_file(node->log);
}

static int count_of(const char *text, const char *part) {
    int count = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

void served_expect(const served *node, const char *text, int count) {
    const long deadline = program_now_ms() + START_MS;
    for (;;) {
        char *log = served_log(node);
        const int done = count_of(log, text) >= count;
        const int late = program_now_ms() > deadline || (node->pid > 0 && kill(node->pid, 0) != 0);
        ck_assert_msg(done || !late, "no \"%s\" in:\n%s", text, log);
        free(log);
        if (done)
            return;
        program_pause_ms(LOOK_MS);
    }
}

const struct program_output *served_run(const char *input, const char *const *arguments) {
    static struct program_output output;
    program_output_free(&output);
    program_run_input(&output, input, arguments);
    return &output;
}

void served_await_events(const served *node, int count) {
    const long deadline = program_now_ms() + START_MS;
    for (;;) {
        const struct program_output *output = ASK(node, "scan", "--local");
        const int now = count_of(output->out, "{\"key\":");
        if (output->status == 0 && now >= count)
            return;
        ck_assert_msg(program_now_ms() < deadline, "%d of %d events: %s", now, count, output->err);
        program_pause_ms(LOOK_MS);
    }
}
