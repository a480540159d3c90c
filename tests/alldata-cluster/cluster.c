#include "cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "program.h"

enum { READY_MS = 30000, MEET_MS = 60000, POLL_MS = 20 };

/* Said on standard error, since this is of use outside of libcheck, too. */
static void need(int holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void need(int holds, const char *format, ...) {
    va_list args;
    if (holds)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

long cluster_now_ms(void) {
    return program_now_ms();
}

void cluster_pause_ms(long ms) {
    program_pause_ms(ms);
}

/* Making. */

/* A port that nobody uses now. It is only ours once a node listens on it, so all of a cluster are
 * held at the same time. */
static int hold_port(int *ret_fd) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int one = 1;
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(*ret_fd >= 0, "cannot make a socket: %s", strerror(errno));
    setsockopt(*ret_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    need(bind(*ret_fd, (struct sockaddr *)&address, size) == 0 &&
             getsockname(*ret_fd, (struct sockaddr *)&address, &size) == 0,
         "cannot find a free port: %s", strerror(errno));
    return ntohs(address.sin_port);
}

static void name_node(cluster *c, size_t i) {
    cluster_node *node = &c->nodes[i];
    node->number = (int)i + 1;
    snprintf(node->id, sizeof(node->id), "n%d", node->number);
    snprintf(node->address, sizeof(node->address), "127.0.0.1");
    snprintf(node->data, sizeof(node->data), "%s/%s", c->directory, node->id);
    snprintf(node->config, sizeof(node->config), "%s/%s.yaml", c->directory, node->id);
    snprintf(node->log, sizeof(node->log), "%s/%s.log", c->directory, node->id);
}

void cluster_init(cluster *c, size_t count, int factor) {
    int held[3 * CLUSTER_NODES];
    *c = (cluster){.factor = factor, .count = count};
    const char *base = getenv("TMPDIR");
    snprintf(c->directory, sizeof(c->directory), "%s/alldata-cluster-XXXXXX",
             base != NULL ? base : "/tmp");
    need(mkdtemp(c->directory) != NULL, "cannot make %s: %s", c->directory, strerror(errno));
    for (size_t i = 0; i < count; i++) {
        name_node(c, i);
        c->nodes[i].clients = hold_port(&held[3 * i]);
        c->nodes[i].peers = hold_port(&held[3 * i + 1]);
        c->nodes[i].gossip = hold_port(&held[3 * i + 2]);
    }
    for (size_t i = 0; i < 3 * count; i++)
        close(held[i]);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at) {
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

void cluster_dispose(cluster *c) {
    for (size_t i = 0; i < c->count; i++)
        if (c->nodes[i].pid != 0)
            cluster_signal(c, i, SIGKILL);
    nftw(c->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Starting. */

void cluster_configure(const cluster *c, size_t i) {
    const cluster_node *node = &c->nodes[i];
    FILE *file = fopen(node->config, "we");
    need(file != NULL, "cannot write %s: %s", node->config, strerror(errno));
    fprintf(file,
            "node_id: %s\ncluster: test\ndata_dir: %s\n"
            "clients: {bind: \"%s:%d\"}\npeers: {bind: \"%s:%d\"%s}\n"
            "gossip: {bind: \"%s:%d\", round_ms: 200, seeds: [",
            node->id, node->data, node->address, node->clients, node->address, node->peers,
            node->peers_more, node->address, node->gossip);
    for (size_t s = 0; s < c->count && s < 2; s++)
        fprintf(file, "%s\"%s:%d\"", s > 0 ? ", " : "", c->nodes[s].address, c->nodes[s].gossip);
    fprintf(file, "]}\n");
    if (c->factor > 0)
        fprintf(file, "replication: {factor: %d%s%s", c->factor,
                c->commit != NULL ? ", commit: " : "", c->commit != NULL ? c->commit : "");
    if (c->factor > 0 && c->peer_timeout_ms > 0)
        fprintf(file, ", peer_timeout_ms: %d", c->peer_timeout_ms);
    if (c->factor > 0)
        fprintf(file, "}\n");
    if (node->zone != NULL)
        fprintf(file, "zone: %s\nregion: %s\n", node->zone, node->region);
    if (c->more != NULL)
        fputs(c->more, file);
    fputs(node->more, file);
    need(fclose(file) == 0, "cannot write %s: %s", node->config, strerror(errno));
}

/* In the child: the network of its machine, and its clock. */
static void move_in(const cluster_node *node) {
    char path[64];
    if (node->machine != 0) {
        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)node->machine);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
            _exit(126);
    }
    if (node->clock_s != 0) {
        snprintf(path, sizeof(path), "%ld", node->clock_s);
        setenv("WRONG_CLOCK_S", path, 1);
        setenv("LD_PRELOAD", program_build_path("tests/plugins/wrong_clock.so"), 1);
    }
    if (node->may_stick) {
        setenv("STUCK_DISK", node->data, 1);
        setenv("LD_PRELOAD", program_build_path("tests/plugins/stuck_disk.so"), 1);
    }
}

void cluster_spawn(cluster *c, size_t i) {
    cluster_node *node = &c->nodes[i];
    need(node->pid == 0, "%s runs already", node->id);
    mkdir(node->data, 0700);
    cluster_configure(c, i);
    char url[CLUSTER_ADDRESS];
    snprintf(url, sizeof(url), "http://%s:%d", node->address, node->clients);
    /* Other threads may read that of one that is started again. */
    if (strcmp(node->url, url) != 0)
        memcpy(node->url, url, sizeof(url));
    const char *program = program_build_path("bin/alldata");
    const pid_t pid = fork();
    need(pid >= 0, "cannot fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int log = open(node->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
            _exit(125);
        move_in(node);
        execl(program, "alldata", "serve", "-c", node->config, (char *)NULL);
        _exit(127);
    }
    node->pid = pid;
}

const char *cluster_log(const cluster *c, size_t i) {
    static char text[8192];
    FILE *file = fopen(c->nodes[i].log, "re");
    if (file == NULL)
        return "there is no log";
    fseek(file, 0, SEEK_END);
    const long end = ftell(file);
    fseek(file, end > 4000 ? end - 4000 : 0, SEEK_SET);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static int count_in_log(const cluster *c, size_t i, const char *text) {
    char *log = program_read_file(c->nodes[i].log);
    int count = 0;
    for (const char *at = log; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    free(log);
    return count;
}

void cluster_wait_log(const cluster *c, size_t i, const char *text, int count) {
    const long until = cluster_now_ms() + READY_MS;
    while (count_in_log(c, i, text) < count) {
        need(cluster_now_ms() < until, "%s does not say \"%s\": %s", c->nodes[i].id, text,
             cluster_log(c, i));
        cluster_pause_ms(POLL_MS);
    }
}

void cluster_wait(cluster *c, size_t i) {
    const long until = cluster_now_ms() + READY_MS;
    int status;
    while (cluster_status(c, i, "peers_live") < 0) {
        need(waitpid(c->nodes[i].pid, &status, WNOHANG) == 0, "%s has ended: %s", c->nodes[i].id,
             cluster_log(c, i));
        need(cluster_now_ms() < until, "%s does not answer: %s", c->nodes[i].id, cluster_log(c, i));
        cluster_pause_ms(POLL_MS);
    }
}

void cluster_start(cluster *c, size_t i) {
    cluster_spawn(c, i);
    cluster_wait(c, i);
}

void cluster_start_all(cluster *c) {
    for (size_t i = 0; i < c->count; i++)
        cluster_spawn(c, i);
    for (size_t i = 0; i < c->count; i++)
        cluster_wait(c, i);
    cluster_wait_all_live(c);
}

void cluster_signal(cluster *c, size_t i, int signal_number) {
    cluster_node *node = &c->nodes[i];
    int status;
    need(node->pid != 0, "%s does not run", node->id);
    need(kill(node->pid, signal_number) == 0, "cannot signal %s", node->id);
    if (signal_number == SIGCONT)
        return;
    need(waitpid(node->pid, &status, WUNTRACED) == node->pid, "cannot wait for %s", node->id);
    if (signal_number != SIGSTOP)
        node->pid = 0;
}

/* Asking. */

int cluster_ask(const cluster *c, size_t i, const char *method, const char *path, const char *body,
                char **ret_body) {
    const char *urls[1] = {c->nodes[i].url};
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    options.urls = urls;
    options.url_count = 1;
    options.timeout_ms = 2000;
    alldata_client *client;
    repli_error err = REPLI_ERROR_INIT;
    need(alldata_client_new(&options, NULL, &client, &err) == REPLI_OK, "%s", err.message);
    int32_t status = 0;
    repli_buf answer = REPLI_BUF_INIT;
    const size_t size = body != NULL ? strlen(body) : 0;
    const int32_t code =
        strcmp(method, "GET") == 0
            ? alldata_client_get(client, path, 0, &status, &answer, NULL)
            : alldata_client_post(client, path, NULL, body, size, 0, &status, &answer, NULL);
    alldata_client_free(client);
    *ret_body = answer.data != NULL ? strdup(answer.data) : NULL;
    alldata_buf_dispose(&answer);
    return code == REPLI_OK ? status : 0;
}

long cluster_status(cluster *c, size_t i, const char *name) {
    char member[64];
    char *answer;
    long found = -1;
    if (cluster_ask(c, i, "GET", "/_alldata/status", NULL, &answer) == 200) {
        snprintf(member, sizeof(member), "\"%s\":", name);
        const char *at = strstr(answer, member);
        need(at != NULL, "no %s in %s", name, answer);
        found = strtol(at + strlen(member), NULL, 10);
    }
    free(answer);
    return found;
}

void cluster_wait_live(cluster *c, size_t i, int live) {
    const long until = cluster_now_ms() + MEET_MS;
    long now;
    while ((now = cluster_status(c, i, "peers_live")) != live) {
        need(cluster_now_ms() < until, "%s sees %ld peers, not %d: %s", c->nodes[i].id, now, live,
             cluster_log(c, i));
        cluster_pause_ms(POLL_MS);
    }
}

void cluster_wait_all_live(cluster *c) {
    int running = 0;
    for (size_t i = 0; i < c->count; i++)
        running += c->nodes[i].pid != 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->nodes[i].pid != 0)
            cluster_wait_live(c, i, running - 1);
}
