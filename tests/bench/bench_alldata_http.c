/*
 * bench_alldata_http DIRECTORY: what it costs to put events into a node over HTTP, beside LevelDB
 * used directly by as many threads, and beside libmicrohttpd that takes the same requests and keeps
 * nothing. One generator of load for both servers. Events have 100 bytes.
 */
#include <ftw.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <leveldb/c.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "base/clock.h"
#include "clients.h"
#include "figures.h"

#define ROUND_NS ((uint64_t)(250 * REPLI__NS_PER_MS))

enum { EVENT = 100, MOST_THREADS = 64 };

static const int client_counts[] = {1, 16, 64};

static char our_path[600];
static char raw_path[600];
static char event[EVENT + 1];
static char request[EVENT + 200];
static alldata_keygen *keygen;

#define NEED(call)                                                                                 \
    do {                                                                                           \
        repli_error need_error = REPLI_ERROR_INIT;                                                 \
        repli_error *err = &need_error;                                                            \
        if ((call) != REPLI_OK) {                                                                  \
            fprintf(stderr, "bench_alldata_http: %s\n", need_error.message);                       \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static uint64_t round_end(void) {
    return repli__mono_ns() + ROUND_NS;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Our side. */

typedef struct subject {
    alldata_node *node;
    alldata_http_server *server;
} subject;

static void open_subject(subject *it, int syncs) {
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    alldata_http_server_options serving = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    remove_tree(our_path);
    options.location = our_path;
    options.put_flags = syncs ? ALLDATA_PUT_SYNC : 0;
    serving.clients = "127.0.0.1:0";
    NEED(alldata_node_new(&options, NULL, &it->node, err));
    NEED(alldata_http_server_new(it->node, &serving, NULL, &it->server, err));
    NEED(alldata_node_start(it->node, err));
}

static void close_subject(subject *it) {
    alldata_http_server_free(it->server, 1000);
    alldata_node_free(it->node);
    remove_tree(our_path);
}

/* Their sides. */

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
    static int seen;
    if (*request_context == NULL || *upload_size > 0) {
        *request_context = &seen;
        *upload_size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, 201, ((bare *)cls)->response);
}

static void open_bare(bare *it) {
    it->response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    it->daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer_bare, it,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(8 * 1024), MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        it->daemon != NULL ? MHD_get_daemon_info(it->daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (info == NULL) {
        fputs("bench_alldata_http: libmicrohttpd does not start\n", stderr);
        exit(1);
    }
    it->port = info->port;
}

static void close_bare(bare *it) {
    MHD_stop_daemon(it->daemon);
    MHD_destroy_response(it->response);
}

typedef struct raw {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_writeoptions_t *write;
    uint64_t until_ns;
    atomic_ullong puts;
} raw;

static void open_raw(raw *it, int syncs) {
    char *text = NULL;
    remove_tree(raw_path);
    it->options = leveldb_options_create();
    it->cache = leveldb_cache_create_lru(8 << 20);
    it->write = leveldb_writeoptions_create();
    leveldb_options_set_create_if_missing(it->options, 1);
    leveldb_options_set_compression(it->options, leveldb_no_compression);
    leveldb_options_set_cache(it->options, it->cache);
    leveldb_writeoptions_set_sync(it->write, (uint8_t)syncs);
    it->db = leveldb_open(it->options, raw_path, &text);
    if (it->db == NULL) {
        fprintf(stderr, "bench_alldata_http: %s\n", text);
        exit(1);
    }
}

static void close_raw(raw *it) {
    leveldb_close(it->db);
    leveldb_options_destroy(it->options);
    leveldb_cache_destroy(it->cache);
    leveldb_writeoptions_destroy(it->write);
    remove_tree(raw_path);
}

static void *put_raw(void *argument) {
    raw *it = argument;
    char key[ALLDATA_KEY_SIZE];
    while (repli__mono_ns() < it->until_ns) {
        char *text = NULL;
        NEED(alldata_keygen_next(keygen, key, err));
        leveldb_put(it->db, it->write, key, ALLDATA_KEY_LENGTH, event, EVENT, &text);
        if (text != NULL)
            exit(1);
        atomic_fetch_add(&it->puts, 1);
    }
    return NULL;
}

/* Puts a second of that many threads. */
static double run_raw(raw *it, int threads) {
    pthread_t all[MOST_THREADS];
    const uint64_t since_ns = repli__mono_ns();
    it->until_ns = since_ns + ROUND_NS;
    atomic_store(&it->puts, 0);
    for (int i = 0; i < threads; i++)
        pthread_create(&all[i], NULL, put_raw, it);
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    return (double)atomic_load(&it->puts) * 1e9 / (double)(repli__mono_ns() - since_ns);
}

/* Both together. */

/* What is wanted: half of LevelDB, or four fifths of libmicrohttpd. */
static double reached(figures *beside_raw, figures *beside_bare) {
    const double raw_part = figures_quantile(beside_raw->ratio, beside_raw->count, 0.5) / 0.5;
    const double bare_part = figures_quantile(beside_bare->ratio, beside_bare->count, 0.5) / 0.8;
    return raw_part > bare_part ? raw_part : bare_part;
}

static void bench_puts(int syncs) {
    const size_t size = strlen(request);
    for (size_t i = 0; i < sizeof(client_counts) / sizeof(client_counts[0]); i++) {
        subject ours;
        bare plain;
        raw level;
        const int count = client_counts[i];
        open_subject(&ours, syncs);
        open_bare(&plain);
        open_raw(&level, syncs);
        const int port = alldata_http_server_port(ours.server);
        clients *to_us = clients_new_of(&port, 1, count, request, size, 201);
        clients *to_bare = clients_new_of(&plain.port, 1, count, request, size, 201);
        figures beside_raw = {0}, beside_bare = {0};
        double p50[FIGURES_ROUNDS], p99[FIGURES_ROUNDS];
        for (int k = 0; k < figures_rounds(); k++) {
            const double us = clients_run(to_us, round_end());
            p50[k] = clients_latency_ms(to_us, 0.5);
            p99[k] = clients_latency_ms(to_us, 0.99);
            figures_add(&beside_raw, us, run_raw(&level, count));
            figures_add(&beside_bare, us, clients_run(to_bare, round_end()));
        }
        char what[64];
        const char *kind = syncs ? "synced" : "unsynced";
        snprintf(what, sizeof(what), "%s, %d, beside LevelDB", kind, count);
        figures_print(&beside_raw, what, "/s", NO_TARGET);
        snprintf(what, sizeof(what), "%s, %d, beside libmicrohttpd", kind, count);
        figures_print(&beside_bare, what, "/s", NO_TARGET);
        figures_alone("  p50", figures_quantile(p50, (size_t)figures_rounds(), 0.5), "ms",
                      NO_TARGET);
        figures_alone("  p99", figures_quantile(p99, (size_t)figures_rounds(), 0.5), "ms",
                      NO_TARGET);
        if (count == 64 && !syncs)
            figures_alone("  of 0.5 LevelDB or 0.8 libmicrohttpd",
                          reached(&beside_raw, &beside_bare), "", AT_LEAST(1));
        clients_free(to_us);
        clients_free(to_bare);
        close_subject(&ours);
        close_bare(&plain);
        close_raw(&level);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("usage: bench_alldata_http DIRECTORY\n", stderr);
        return 2;
    }
    snprintf(our_path, sizeof(our_path), "%s/bench-alldata-http", argv[1]);
    snprintf(raw_path, sizeof(raw_path), "%s/bench-alldata-http-raw", argv[1]);
    memset(event, 'x', EVENT);
    memcpy(event, "{\"stuff\":\"", 10);
    memcpy(event + EVENT - 2, "\"}", 2);
    snprintf(request, sizeof(request),
             "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", EVENT, event);
    NEED(alldata_keygen_new(NULL, NULL, &keygen, err));
    puts("AllData over HTTP: a node; clients keep their connections and put again at once");
    figures_head("a node", "plain");
    bench_puts(0);
    bench_puts(1);
    alldata_keygen_free(keygen);
    return 0;
}
