#include "nats.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int nats_is_there(void) {
    return system("command -v nats-server >/dev/null 2>&1") == 0;
}

static void run(const nats_server *server, const char *port) {
    char store[160];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nowhere = open("/dev/null", O_RDWR);
    snprintf(store, sizeof(store), "%s/jetstream", server->directory);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", port, "-js", "-sd", store,
           "--ports_file_dir", server->directory, (char *)NULL);
    _exit(127);
}

static int read_url(nats_server *server) {
    char path[160];
    char text[256] = "";
    snprintf(path, sizeof(path), "%s/nats-server_%d.ports", server->directory, (int)server->pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    const char *begin = strstr(text, "nats://");
    const char *end = begin != NULL ? strchr(begin, '"') : NULL;
    if (end == NULL)
        return 0;
    snprintf(server->url, sizeof(server->url), "%.*s", (int)(end - begin), begin);
    return 1;
}

void nats_start(nats_server *server) {
    char port[16] = "-1";
    if (server->url[0] != '\0')
        snprintf(port, sizeof(port), "%s", strrchr(server->url, ':') + 1);
    server->pid = fork();
    ck_assert_int_ge(server->pid, 0);
    if (server->pid == 0)
        run(server, port);
    for (int i = 0; i < 30000; i++) {
        if (read_url(server))
            return;
        usleep(1000);
    }
    ck_abort_msg("nats-server does not start");
}

void nats_stop(nats_server *server) {
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGTERM);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}
