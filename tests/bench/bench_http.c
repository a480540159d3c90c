/*
 * bench_http DIRECTORY: what the API costs. Information is measured beside libmicrohttpd alone that
 * sends the same bytes, schedules beside SQLite alone that commits the same records.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <replicante/http.h>

#include "base/clock.h"
#include "clients.h"
#include "figures.h"
#include "memory.h"
#include "plain.h"

#define ROUND_NS ((uint64_t)(250 * REPLI__NS_PER_MS))

static const int client_counts[] = {1, 16, 64};

static char store_path[600];
static char plain_path[600];

#define NEED(call)                                                                                 \
    do {                                                                                           \
        repli_error need_error = REPLI_ERROR_INIT;                                                 \
        repli_error *err = &need_error;                                                            \
        if ((call) != REPLI_OK) {                                                                  \
            fprintf(stderr, "bench_http: %s\n", need_error.message);                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static uint64_t round_end(void) {
    return repli__mono_ns() + ROUND_NS;
}

/* A store of which there is nothing to say, and an action that never ends, behind which all others
 * wait. */

static int32_t bench_open(const repli_host *host, const char *config_json, size_t config_size,
                          void **ret_self, repli_error *err) {
    (void)config_json;
    (void)config_size;
    (void)err;
    *ret_self = (void *)host;
    return REPLI_OK;
}

static void bench_close(void *self) {
    (void)self;
}

static int32_t bench_node(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    const repli_host *host = self;
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = "15.3.0";
    host->emit_version(sink, &version);
    return host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL);
}

static int32_t bench_store(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    return ((const repli_host *)self)->emit_cluster_id(sink, "bench");
}

static int32_t bench_shards(void *self, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    (void)err;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = "bench";
    shard.role = REPLI_ROLE_PRIMARY;
    return ((const repli_host *)self)->emit_shard(sink, &shard);
}

static const repli_driver *bench_entry(uint32_t host_abi) {
    static const repli_driver driver = {
        .struct_size = sizeof(repli_driver),
        .abi_version = REPLI_DRIVER_ABI,
        .name = "bench",
        .version = "1.0.0",
        .store_id = "bench",
        .summary = "nothing",
        .open = bench_open,
        .close = bench_close,
        .node_info = bench_node,
        .store_info = bench_store,
        .shards = bench_shards,
    };
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}

static int32_t never_end(void *user_data, const repli_host *host, repli_op *op,
                         const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)op;
    (void)step;
    (void)err;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.next_step_ms = INT32_MAX;
    return host->emit_outcome(sink, &outcome);
}

/* Our side. */

typedef struct subject {
    repli_agent *agent;
    repli_http_server *server;
} subject;

static void open_agent(subject *it) {
    static const repli_action_kind never = {.struct_size = sizeof(repli_action_kind),
                                            .kind = "example.com/work",
                                            .summary = "never ends"};
    repli_config *config;
    NEED(repli_config_new(NULL, &config, err));
    NEED(repli_config_set_str(config, "node_id", "bench", err));
    NEED(repli_config_set_str(config, "store_path", store_path, err));
    NEED(repli_config_set_int(config, "actions.queue_limit", 1000000000, err));
    NEED(repli_config_set_driver(config, bench_entry, err));
    NEED(repli_config_add_action(config, &never, NULL, never_end, NULL, err));
    NEED(repli_agent_new(config, &it->agent, err));
    repli_config_free(config);
    NEED(repli_agent_start(it->agent, err));
    while (repli_agent_ready(it->agent, NULL) != REPLI_OK)
        continue;
}

static void open_subject(subject *it) {
    plain_remove(store_path);
    open_agent(it);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    NEED(repli_http_server_new(it->agent, &options, &it->server, err));
}

static void close_subject(subject *it) {
    repli_http_server_free(it->server, 1000);
    repli_agent_stop(it->agent, 1000, NULL);
    repli_agent_free(it->agent);
    plain_remove(store_path);
}

/* Their side: with a thread of its own and epoll, as its manual says, and as much memory for a
 * connection as we give it. */
enum { CONNECTION_MEMORY = 8 * 1024 };

typedef struct bare {
    struct MHD_Daemon *daemon;
    struct MHD_Response *response;
    int port;
} bare;

static enum MHD_Result answer_bare(void *cls, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *upload_data,
                                   size_t *upload_size, void **request_context) {
    (void)url;
    (void)method;
    (void)version;
    (void)upload_data;
    (void)upload_size;
    static int seen;
    if (*request_context == NULL) { /* answered before the request is complete, it would close */
        *request_context = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(connection, 200, ((bare *)cls)->response);
}

static void open_bare(bare *it, const char *body, size_t size) {
    it->response = MHD_create_response_from_buffer(size, (void *)body, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(it->response, "Content-Type", "application/json");
    MHD_add_response_header(it->response, "Cache-Control", "no-store");
    MHD_add_response_header(it->response, "Age", "0");
    it->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer_bare, it,
                                  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                                  MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        it->daemon != NULL ? MHD_get_daemon_info(it->daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (info == NULL) {
        fputs("bench_http: libmicrohttpd does not start\n", stderr);
        exit(1);
    }
    it->port = info->port;
}

static void close_bare(bare *it) {
    MHD_stop_daemon(it->daemon);
    MHD_destroy_response(it->response);
}

/* Information. */

static void bench_info(void) {
    static const char request[] =
        "GET /api/unstable/info/node HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n";
    subject ours;
    bare theirs;
    open_subject(&ours);
    repli_snapshot *snapshot;
    NEED(repli_agent_snapshot(ours.agent, &snapshot, err));
    size_t size;
    const char *body = repli_snapshot_node_json(snapshot, &size);
    open_bare(&theirs, body, size);
    repli_snapshot_unref(snapshot);

    figures_head("HTTP API", "bare");
    for (size_t i = 0; i < sizeof(client_counts) / sizeof(client_counts[0]); i++) {
        const int count = client_counts[i];
        clients *to_us =
            clients_new(repli_http_server_port(ours.server), count, request, sizeof(request) - 1);
        clients *to_them = clients_new(theirs.port, count, request, sizeof(request) - 1);
        figures both = {0};
        for (int k = 0; k < figures_rounds(); k++) {
            const double us = clients_run(to_us, round_end());
            figures_add(&both, us, clients_run(to_them, round_end()));
        }
        char what[64];
        snprintf(what, sizeof(what), "GET /info/node, %d client%s", count, count > 1 ? "s" : "");
        figures_print(&both, what, "/s", NO_TARGET);
        clients_free(to_us);
        clients_free(to_them);
    }
    close_bare(&theirs);
    close_subject(&ours);
}

/* Schedules. */

static size_t make_schedule(char *request, size_t size) {
    char body[1024];
    const int body_size =
        snprintf(body, sizeof(body), "{\"kind\":\"example.com/work\",\"args\":%s}", plain_args);
    return (size_t)snprintf(request, size,
                            "POST /api/unstable/action HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                            body_size, body);
}

static void bench_schedules(void) {
    char request[2048];
    const size_t size = make_schedule(request, sizeof(request));
    subject ours;
    plain theirs = {0};
    figures_head("HTTP API", "SQLite");
    for (size_t i = 0; i < sizeof(client_counts) / sizeof(client_counts[0]); i++) {
        const int count = client_counts[i];
        open_subject(&ours);
        plain_remove(plain_path);
        plain_open(&theirs, plain_path);
        clients *to_us = clients_new(repli_http_server_port(ours.server), count, request, size);
        clients_run(to_us, repli__mono_ns()); /* one of these is what the others wait for */
        figures both = {0};
        for (int k = 0; k < figures_rounds(); k++) {
            const double us = clients_run(to_us, round_end());
            figures_add(&both, us,
                        count == 1 ? plain_schedules(&theirs, 1, round_end())
                                   : plain_group(&theirs, count, round_end()));
        }
        char what[64];
        snprintf(what, sizeof(what), "durable schedules, %d client%s", count, count > 1 ? "s" : "");
        figures_print(&both, what, "/s", NO_TARGET);
        clients_free(to_us);
        close_subject(&ours);
        plain_close(&theirs);
        plain_remove(plain_path);
    }
}

/* A host that embeds the agent and its API, which it shares nothing with yet. */
static void bench_host(void) {
    subject it;
    open_subject(&it);
    sleep(2);
    figures_alone("resident memory of a host with agent and API, idle",
                  memory_kib(getpid(), "VmRSS:"), "KiB", AT_MOST(8192));
    figures_alone("  of that not shared with other processes", memory_kib(getpid(), "RssAnon:"),
                  "KiB", NO_TARGET);
    close_subject(&it);
}

int main(int argc, char **argv) {
    const char *directory = argc > 1 ? argv[1] : ".";
    snprintf(store_path, sizeof(store_path), "%s/bench-http.db", directory);
    snprintf(plain_path, sizeof(plain_path), "%s/bench-plain.db", directory);
    plain_setup();
    puts("HTTP: clients keep their connections and ask again at once; they share the machine");
    bench_host();
    bench_info();
    bench_schedules();
    return 0;
}
