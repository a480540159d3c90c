#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
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

#include <curl/curl.h>

#include "figures.h"
#include "memory.h"

/*
 * repliagent as a process: how long it takes from exec to READY=1, beside the same program that
 * only prints its version; and how much memory it holds when idle and after many actions.
 */

enum { STARTS = 21, CLIENTS = 4, ACTIONS = 100000 };

static char directory[] = "/tmp/replicante-bench-XXXXXX";
static char program[512], drivers[512];
static int manager; /* socket that gets the agent's messages */

static void must(int good, const char *what) {
    if (good)
        return;
    perror(what);
    exit(EXIT_FAILURE);
}

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static const char *in_directory(const char *name) {
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

static void configure(const char *synchronous) {
    FILE *file = fopen(in_directory("agent.yaml"), "we");
    must(file != NULL, "agent.yaml");
    fprintf(file,
            "node_id: bench\ndriver: fake\ndriver_dir: \"%s\"\nstore_path: \"%s\"\n"
            "store_synchronous: %s\nactions: {queue_limit: 1000000}\nhttp: {bind: \"127.0.0.1:0\", "
            "unix_socket: \"%s\"}\n"
            "telemetry: {logs: {level: error}}\n",
            drivers, in_directory("agent.db"), synchronous, in_directory("socket"));
    must(fclose(file) == 0, "agent.yaml");
}

static void prepare(void) {
    const char *build = getenv("BUILD");
    snprintf(program, sizeof(program), "%s/bin/repliagent", build != NULL ? build : "build");
    snprintf(drivers, sizeof(drivers), "%s/drivers", build != NULL ? build : "build");
    must(mkdtemp(directory) != NULL, directory);
    configure("full");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", in_directory("notify"));
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(bind(manager, (struct sockaddr *)&address, sizeof(address)) == 0, "notify");
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static pid_t spawn(const char *const *arguments, int discard) {
    const pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (discard)
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    execv(program, (char *const *)arguments);
    _exit(127);
}

static pid_t start_agent(void) {
    return spawn((const char *[]){program, "run", "-c", in_directory("agent.yaml"), NULL}, 0);
}

static void wait_for_ready(void) {
    const struct timeval patience = {30, 0};
    char message[1024];
    setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    do {
        const ssize_t size = recv(manager, message, sizeof(message) - 1, 0);
        must(size >= 0, "no READY=1");
        message[size] = '\0';
    } while (strncmp(message, "READY=1", 7) != 0);
}

static void wait_for_end(pid_t pid) {
    int status;
    must(waitpid(pid, &status, 0) == pid && status == 0, "repliagent did not end well");
}

/* Start. */

static double start_us(void) {
    const double begin = now_us();
    const pid_t pid = start_agent();
    wait_for_ready();
    const double spent = now_us() - begin;
    kill(pid, SIGTERM);
    wait_for_end(pid);
    /* What it said while it ended is not the next one's. */
    char message[1024];
    while (recv(manager, message, sizeof(message), MSG_DONTWAIT) > 0) {
    }
    return spent;
}

static double version_us(void) {
    const double begin = now_us();
    wait_for_end(spawn((const char *[]){program, "--version", NULL}, 1));
    return now_us() - begin;
}

static void measure_start(void) {
    double ours[STARTS], theirs[STARTS];
    for (int i = 0; i < STARTS; i++) {
        ours[i] = start_us();
        theirs[i] = version_us();
    }
    figures_line("start: exec to READY=1, median", figures_quantile(ours, STARTS, 0.5),
                 figures_quantile(theirs, STARTS, 0.5), "µs", NO_TARGET);
    figures_line("start: exec to READY=1, worst", figures_quantile(ours, STARTS, 1),
                 figures_quantile(theirs, STARTS, 1), "µs", NO_TARGET);
}

/* Memory. */

static size_t keep(char *data, size_t one, size_t size, void *user_data) {
    (void)one;
    char *text = user_data;
    const size_t used = strlen(text), room = 4095 - used;
    memcpy(text + used, data, size < room ? size : room);
    return size;
}

static CURL *new_client(void) {
    CURL *curl = curl_easy_init();
    must(curl != NULL, "curl");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, in_directory("socket"));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    return curl;
}

/* Returns the body; static for each thread. */
static const char *ask(CURL *curl, const char *path, const char *body) {
    static _Thread_local char answer[4096];
    char url[128];
    long status = 0;
    memset(answer, 0, sizeof(answer));
    snprintf(url, sizeof(url), "http://localhost/api/unstable/action%s", path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    must(curl_easy_perform(curl) == CURLE_OK, "request");
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    must(status == 200, answer);
    return answer;
}

static const char success[] = "{\"kind\":\"agent.replicante.io/test.success\"}";

static void *schedule(void *unused) {
    (void)unused;
    CURL *curl = new_client();
    for (int i = 0; i < ACTIONS / CLIENTS; i++)
        ask(curl, "", success);
    curl_easy_cleanup(curl);
    return NULL;
}

/* Actions are done in their order, so the last one's end is that of all. */
static void wait_for_last(void) {
    CURL *curl = new_client();
    char path[64];
    snprintf(path, sizeof(path), "/%.36s", strstr(ask(curl, "", success), ":\"") + 2);
    const struct timespec pause = {0, 100000000};
    while (strstr(ask(curl, path, NULL), "\"phase\":\"DONE\"") == NULL)
        nanosleep(&pause, NULL);
    curl_easy_cleanup(curl);
}

/* It takes no memory to wait for a disk. */
static void measure_memory(void) {
    configure("normal");
    const pid_t pid = start_agent();
    wait_for_ready();
    sleep(3);
    figures_alone("resident memory, idle, with HTTP", memory_kib(pid, "VmRSS:"), "KiB",
                  AT_MOST(8192));
    figures_alone("  of that not shared with other processes", memory_kib(pid, "RssAnon:"), "KiB",
                  NO_TARGET);
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        must(pthread_create(&threads[i], NULL, schedule, NULL) == 0, "thread");
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    wait_for_last();
    sleep(1);
    figures_alone("resident memory, after 100,000 actions", memory_kib(pid, "VmRSS:"), "KiB",
                  NO_TARGET);
    figures_alone("  of that not shared with other processes", memory_kib(pid, "RssAnon:"), "KiB",
                  NO_TARGET);
    kill(pid, SIGTERM);
    wait_for_end(pid);
}

static void clean_up(void) {
    DIR *entries = opendir(directory);
    must(entries != NULL, directory);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    rmdir(directory);
}

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    prepare();
    puts("repliagent as a process, beside itself printing its version");
    figures_head("ours", "version");
    measure_start();
    measure_memory();
    clean_up();
    return EXIT_SUCCESS;
}
