#include "world.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Node and servers. */

void world_begin(world *w) {
    const char *parent = getenv("TMPDIR");
    *w = (world){.node_options = ALLDATA_NODE_OPTIONS_INIT,
                 .server_options = ALLDATA_HTTP_SERVER_OPTIONS_INIT};
    snprintf(w->directory, sizeof(w->directory), "%.40s/alldata-http-XXXXXX",
             parent != NULL ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(w->directory));
    snprintf(w->location, sizeof(w->location), "%s/node", w->directory);
    snprintf(w->socket_path, sizeof(w->socket_path), "%s/socket", w->directory);
    w->node_options.location = w->location;
    w->server_options.clients = "127.0.0.1:0";
    w->server_options.peers = "127.0.0.1:0";
    w->server_options.unix_path = w->socket_path;
}

static int has_tls(const alldata_http_security *security) {
    return security != NULL && security->cert_pem != NULL;
}

void world_join(world *w, int replicas) {
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    options.run_mode = w->node_options.run_mode;
    MUST(alldata_http_transport_new(&options, NULL, &w->transport, err));
    w->node_options.transport = w->transport;
    w->node_options.gossip_listen = "127.0.0.1:0";
    w->node_options.round_ms = 100;
    w->node_options.replication_factor = replicas;
}

void world_open(world *w) {
    MUST(alldata_node_new(&w->node_options, NULL, &w->node, err));
    MUST(alldata_http_server_new(w->node, &w->server_options, NULL, &w->server, err));
    if (w->transport != NULL)
        MUST(alldata_node_set_http_port(w->node, alldata_http_server_peer_port(w->server), err));
    MUST(alldata_node_start(w->node, err));
    w->port = alldata_http_server_port(w->server);
    w->peer_port = alldata_http_server_peer_port(w->server);
    snprintf(w->base, sizeof(w->base), "%s://127.0.0.1:%d",
             has_tls(w->server_options.client_security) ? "https" : "http", w->port);
    snprintf(w->peer_base, sizeof(w->peer_base), "%s://127.0.0.1:%d",
             has_tls(w->server_options.peer_security) ? "https" : "http", w->peer_port);
}

void world_close(world *w) {
    alldata_http_server_free(w->server, WORLD_PATIENCE_MS);
    alldata_node_free(w->node);
    w->server = NULL;
    w->node = NULL;
}

void world_end(world *w) {
    world_close(w);
    alldata_http_transport_free(w->transport);
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", w->directory);
    ck_assert_int_eq(system(command), 0);
}

/* Events. */

void world_key(int64_t seconds, char ret_key[ALLDATA_KEY_SIZE]) {
    struct tm utc;
    const time_t then = time(NULL) + (time_t)seconds;
    ck_assert_ptr_nonnull(gmtime_r(&then, &utc));
    ck_assert_uint_eq(strftime(ret_key, ALLDATA_KEY_SIZE, "%Y%m%dT%H%M%S000000000000", &utc),
                      ALLDATA_KEY_LENGTH);
}

static char *read_all(world *w, int with_keys, size_t *ret_count) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    alldata_scan *scan;
    alldata_record record = ALLDATA_RECORD_INIT;
    *ret_count = 0;
    MUST(alldata_scan_new(alldata_node_storage(w->node), NULL, &scan, err));
    while (alldata_scan_next(scan, &record, NULL) == REPLI_OK) {
        if (with_keys)
            fprintf(out, "%.*s ", (int)record.key_size, record.key);
        fwrite(record.event, 1, record.event_size, out);
        fputc('\n', out);
        (*ret_count)++;
    }
    alldata_scan_free(scan);
    fclose(out);
    return text;
}

char *world_events(world *w) {
    size_t count;
    return read_all(w, 1, &count);
}

char *world_values(world *w) {
    size_t count;
    return read_all(w, 0, &count);
}

size_t world_count(world *w) {
    size_t count;
    free(read_all(w, 0, &count));
    return count;
}

/* Answers. */

int world_status(const char *answer) {
    int status = 0;
    return sscanf(answer, "HTTP/1.%*d %d ", &status) == 1 ? status : 0;
}

const char *world_body(const char *answer) {
    const char *body = strstr(answer, "\r\n\r\n");
    return body != NULL ? body + 4 : "";
}

/* Not 0 if text is an answer as a whole, interim ones aside. */
static int is_whole(const char *text) {
    const char *body = strstr(text, "\r\n\r\n");
    if (body == NULL)
        return 0;
    if (world_status(text) / 100 == 1)
        return is_whole(body + 4);
    const char *length = strcasestr(text, "\r\ncontent-length:");
    if (length == NULL || length > body)
        return strstr(body, "\r\n0\r\n") != NULL;
    return strlen(body + 4) >= strtoul(length + 17, NULL, 10);
}

char *world_send(int port, const char *request, size_t size) {
    enum { MOST = 1024 * 1024 };
    char *answer = calloc(1, MOST);
    size_t used = 0;
    ck_assert_ptr_nonnull(answer);
    const int fd = raw_connect(port);
    raw_send(fd, request, size);
    const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
    while (!is_whole(answer) && test_now_ms() < until_ms && used + 1 < MOST) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, WORLD_PATIENCE_MS) <= 0)
            break;
        const ssize_t got = recv(fd, answer + used, MOST - 1 - used, 0);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    return answer;
}

char *world_text(int port, const char *request) {
    return world_send(port, request, strlen(request));
}

long world_resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int world_run(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
