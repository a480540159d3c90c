#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "figures.h"

/*
 * How long after a failover of two real Redis nodes, each with an agent beside it, a client of the
 * agents sees their roles change: from the moment at which the server itself, asked all the time,
 * tells its new role.
 */

enum { ROUNDS = 11, QUICK_ROUNDS = 3, NODES = 2, PATIENCE_S = 60, PROMOTED = 0, DEMOTED = 1 };

struct node {
    int number, port;
    int server; /* a connection */
    pid_t agent;
    CURL *client;
    char answer[4096];
    double told_ms, seen_ms; /* in this round; 0: not yet */
};

static char directory[64], build[512], servers[80];
static struct node nodes[NODES];
static struct node *roles[NODES]; /* by PROMOTED and DEMOTED */

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...) {
    char command[512];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return system(command);
}

static void take_down(void) {
    for (int i = 0; i < NODES; i++) {
        if (nodes[i].agent <= 0)
            continue;
        kill(nodes[i].agent, SIGTERM);
        waitpid(nodes[i].agent, NULL, 0);
        curl_easy_cleanup(nodes[i].client);
        close(nodes[i].server);
        nodes[i].agent = 0;
    }
    if (shell("[ ! -e %s/.cluster ] || tests/clusters/redis.sh down %s", servers, servers) != 0)
        fprintf(stderr, "%s could not be removed\n", servers);
}

static void must(int good, const char *what) {
    if (good)
        return;
    perror(what);
    take_down();
    exit(EXIT_FAILURE);
}

/* Servers. */

/* The whole answer, which ends with that to a PING. */
static const char *tell(struct node *node, const char *command) {
    static char answer[4096];
    static const char end[] = "+PONG\r\n";
    char text[128];
    size_t size = 0;
    const int length = snprintf(text, sizeof(text), "%s\r\nPING\r\n", command);
    must(send(node->server, text, (size_t)length, MSG_NOSIGNAL) == length, "server");
    do {
        const ssize_t got = recv(node->server, answer + size, sizeof(answer) - 1 - size, 0);
        must(got > 0, "server");
        size += (size_t)got;
        answer[size] = '\0';
    } while (size < sizeof(end) - 1 || strcmp(answer + size - sizeof(end) + 1, end) != 0);
    return answer;
}

static void connect_to_server(struct node *node) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)node->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    node->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connect(node->server, (struct sockaddr *)&address, sizeof(address)) == 0, "server");
    must(strncmp(tell(node, "AUTH redispw"), "+OK", 3) == 0, "AUTH");
}

/* A replica counts once it follows. */
static int is_told(struct node *node, int demoted) {
    const char *answer = tell(node, "ROLE");
    return demoted ? strstr(answer, "slave") != NULL && strstr(answer, "\nconnected") != NULL
                   : strstr(answer, "master") != NULL;
}

/* Agents. */

static size_t keep(char *data, size_t unit, size_t count, void *user_data) {
    struct node *node = user_data;
    const size_t size = unit * count;
    const size_t used = strlen(node->answer);
    const size_t room = sizeof(node->answer) - 1 - used;
    memcpy(node->answer + used, data, size < room ? size : room);
    return size;
}

static int is_seen(struct node *node, int demoted) {
    memset(node->answer, 0, sizeof(node->answer));
    return curl_easy_perform(node->client) == CURLE_OK &&
           strstr(node->answer, demoted ? "\"Secondary\"" : "\"Primary\"") != NULL;
}

static void configure(const struct node *node, const char *path, const char *socket_path) {
    FILE *file = fopen(path, "we");
    must(file != NULL && fchmod(fileno(file), 0600) == 0, path);
    fprintf(file,
            "node_id: node-%d\ndriver: redis\ndriver_dir: \"%s/drivers\"\n"
            "store_path: \"%s.db\"\nhttp: {bind: \"\", unix_socket: \"%s\"}\n"
            "redis: {cluster_id: bench, port: %d, user: agent, password: agentpw}\n"
            "telemetry: {logs: {level: error}}\n",
            node->number, build, path, socket_path, node->port);
    must(fclose(file) == 0, path);
}

static void start_agent(struct node *node) {
    char program[600], path[128], socket_path[128];
    snprintf(program, sizeof(program), "%s/bin/repliagent", build);
    snprintf(path, sizeof(path), "%s/agent-%d.yaml", servers, node->number);
    snprintf(socket_path, sizeof(socket_path), "%s/agent-%d", servers, node->number);
    configure(node, path, socket_path);
    node->agent = fork();
    must(node->agent >= 0, "fork");
    if (node->agent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "run", "-c", path, (char *)NULL);
        _exit(127);
    }
    node->client = curl_easy_init();
    must(node->client != NULL, "curl");
    curl_easy_setopt(node->client, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(node->client, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    curl_easy_setopt(node->client, CURLOPT_URL, "http://localhost/api/unstable/info/shards");
    curl_easy_setopt(node->client, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(node->client, CURLOPT_WRITEDATA, node);
}

/* Failovers. */

/* Until server and agent of both tell the roles; when each began to. */
static void await_roles(void) {
    const double end = now_ms() + PATIENCE_S * 1e3;
    for (int missing = 1; missing != 0; pause_ms(1)) {
        missing = 0;
        for (int i = 0; i < NODES; i++) {
            struct node *node = roles[i];
            if (node->told_ms == 0 && is_told(node, i == DEMOTED))
                node->told_ms = now_ms();
            if (node->seen_ms == 0 && is_seen(node, i == DEMOTED))
                node->seen_ms = now_ms();
            missing += node->told_ms == 0 || node->seen_ms == 0;
        }
        must(now_ms() < end, "roles");
    }
}

static void fail_over(int cluster_mode) {
    struct node *before = roles[PROMOTED];
    roles[PROMOTED] = roles[DEMOTED];
    roles[DEMOTED] = before;
    for (int i = 0; i < NODES; i++)
        nodes[i].told_ms = nodes[i].seen_ms = 0;
    char command[80] = "CLUSTER FAILOVER";
    if (!cluster_mode)
        snprintf(command, sizeof(command), "FAILOVER TO 127.0.0.1 %d", roles[PROMOTED]->port);
    struct node *asked = roles[cluster_mode ? PROMOTED : DEMOTED];
    const double end = now_ms() + PATIENCE_S * 1e3;
    while (strncmp(tell(asked, command), "+OK", 3) != 0) {
        must(now_ms() < end, command);
        pause_ms(50);
    }
}

static void measure(int cluster_mode) {
    static const char *const names[NODES] = {"promoted", "demoted"};
    double late_ms[NODES][ROUNDS];
    const size_t rounds = figures_quick() ? QUICK_ROUNDS : ROUNDS;
    await_roles();
    for (size_t round = 0; round < rounds; round++) {
        /* Anywhere between two looks of the agents. A cluster votes on the same primary again only
         * after four seconds. */
        pause_ms((cluster_mode ? 2500 : 200) + (long)round * 377 % 1000);
        fail_over(cluster_mode);
        await_roles();
        for (int i = 0; i < NODES; i++) {
            const double late = roles[i]->seen_ms - roles[i]->told_ms;
            late_ms[i][round] = late > 0 ? late : 0;
        }
    }
    for (int i = 0; i < NODES; i++) {
        char what[80];
        snprintf(what, sizeof(what), "%s, the node that was %s, median",
                 cluster_mode ? "cluster mode" : "replication", names[i]);
        figures_alone(what, figures_quantile(late_ms[i], rounds, 0.5), "ms", NO_TARGET);
        figures_alone("  slowest", late_ms[i][rounds - 1], "ms", AT_MOST(2000));
    }
}

static void measure_mode(int cluster_mode) {
    char text[32] = "";
    snprintf(servers, sizeof(servers), "%s/%s", directory, cluster_mode ? "cluster" : "pair");
    must(shell("NODES=%d CLUSTER=%d tests/clusters/redis.sh up %s >/dev/null",
               cluster_mode ? 6 : NODES, cluster_mode, servers) == 0,
         "servers");
    char command[128];
    snprintf(command, sizeof(command), ". %s/env && echo $PORT", servers);
    FILE *output = popen(command, "re");
    must(output != NULL && fgets(text, sizeof(text), output) != NULL && pclose(output) == 0,
         "PORT");
    for (int i = 0; i < NODES; i++) {
        roles[i] = &nodes[i];
        nodes[i] = (struct node){.number = i == 0 ? 1 : cluster_mode ? 4 : 2};
        nodes[i].port = atoi(text) + nodes[i].number;
        connect_to_server(&nodes[i]);
        start_agent(&nodes[i]);
    }
    measure(cluster_mode);
    take_down();
}

int main(int argc, char **argv) {
    puts("A failover of Redis: from the server's new role to that in an agent's /info/shards");
    if (system("command -v redis-server redis-cli >/dev/null") != 0) {
        puts("  redis-server and redis-cli are not installed");
        return EXIT_SUCCESS;
    }
    snprintf(build, sizeof(build), "%s", argc > 1 ? argv[1] : "build");
    snprintf(directory, sizeof(directory), "/tmp/replicante-bench-XXXXXX");
    must(mkdtemp(directory) != NULL, directory);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    measure_mode(0);
    measure_mode(1);
    rmdir(directory);
    return EXIT_SUCCESS;
}
