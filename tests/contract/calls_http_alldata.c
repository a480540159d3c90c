#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "contract.h"
#include "peer.h"

/* A transport. */

static int32_t open_transport(const repli_allocator *allocator, int32_t run_mode,
                              alldata_transport **ret, repli_error *err) {
    char secret[] = "open-sesame";
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.secret = secret;
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    options.security = &security;
    options.run_mode = run_mode;
    const int32_t code = alldata_http_transport_new(&options, allocator, ret, err);
    SCRIBBLE(secret);
    SCRIBBLE(security);
    SCRIBBLE(options);
    return code;
}

static int32_t make_transport(const repli_allocator *allocator, int32_t run_mode,
                              repli_error *err) {
    alldata_transport *transport = UNSET;
    const int32_t code = open_transport(allocator, run_mode, &transport, err);
    if (code != REPLI_OK) {
        REQUIRE(transport == UNSET);
        return code;
    }
    REQUIRE((transport->dispatch != NULL) == (run_mode == ALLDATA_RUN_DISPATCH));
    alldata_http_transport_free(transport);
    return code;
}

int32_t call_alldata_http_transport_new(world *w, repli_error *err) {
    const int32_t code = make_transport(NULL, ALLDATA_RUN_DISPATCH, err);
    return code == REPLI_OK && (!w->forked || TEST_CHILD_MAY_START_THREADS)
               ? make_transport(NULL, ALLDATA_RUN_THREADS, err)
               : code;
}

int32_t fail_alldata_http_transport_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return make_transport(NULL, 4711, err);
}

int32_t fail_alldata_http_transport_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    return make_transport(no_memory(), ALLDATA_RUN_THREADS, err);
}

static void take_status(void *user_data, const alldata_reply *reply) {
    (void)user_data;
    (void)reply;
}

/* What the methods of an inherited one do. */
static int32_t use_inherited(const alldata_transport *transport) {
    alldata_call request = ALLDATA_CALL_INIT;
    request.host = "127.0.0.1";
    request.port = 9;
    request.method = "GET";
    request.path = "/";
    request.reply = take_status;
    repli_error err = REPLI_ERROR_INIT;
    REQUIRE(transport->begin(transport->self, &request, &err) == REPLI_EFORK);
    REQUIRE(err.code == REPLI_EFORK);
    transport->cancel(transport->self, NULL);
    return REPLI_OK;
}

int32_t call_alldata_http_transport_free(world *w, repli_error *err) {
    alldata_http_transport_free(NULL);
    if (!w->forked)
        return call_alldata_http_transport_new(w, err);
    const int32_t code = use_inherited(w->transport);
    alldata_http_transport_free(w->transport);
    return code;
}

static int32_t reload(world *w, const char *secret, repli_error *err) {
    char own_secret[32];
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    snprintf(own_secret, sizeof(own_secret), "%s", secret);
    security.secret = own_secret;
    const int32_t code = alldata_http_transport_reload(w->transport, &security, err);
    SCRIBBLE(own_secret);
    SCRIBBLE(security);
    return code;
}

int32_t call_alldata_http_transport_reload(world *w, repli_error *err) {
    return reload(w, "open-sesame", err);
}

int32_t fail_alldata_http_transport_reload_REPLI_EINVALID(world *w, repli_error *err) {
    return reload(w, "open sesame", err);
}

/* Clients. */

/* A node that takes every event but "conflict", and has two. */
static int answer_client(void *user_data, const peer_request *request, char *answer, size_t size) {
    static const char conflict[] = "\"conflict\"";
    static const char many[] =
        "{\"key\":\"20261121T005824640353920860\",\"code\":\"ok\",\"replicas\":1}\n";
    static const char records[] = "27 1 20261121T005824640353920861 1\n"
                                  "27 1 20261121T005824640353920862 2\nend\n";
    (void)user_data;
    if (strcmp(request->path, "/") == 0) {
        const int refused = request->body_size == strlen(conflict) &&
                            memcmp(request->body, conflict, strlen(conflict)) == 0;
        snprintf(answer, size, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
                 refused ? "409 Conflict" : "201 Created");
        return PEER_KEEP;
    }
    const char *body = strcmp(request->method, "POST") == 0 ? many : records;
    snprintf(answer, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return PEER_KEEP;
}

static int32_t open_client(int port, const repli_allocator *allocator, alldata_client **ret,
                           repli_error *err) {
    char url[64];
    char secret[] = "open-sesame";
    const char *urls[] = {url};
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    security.secret = secret;
    options.urls = urls;
    options.url_count = port != 0;
    options.security = &security;
    const int32_t code = alldata_client_new(&options, allocator, ret, err);
    SCRIBBLE(url);
    SCRIBBLE(secret);
    SCRIBBLE(security);
    SCRIBBLE(options);
    return code;
}

static int32_t make_client(int port, const repli_allocator *allocator, repli_error *err) {
    alldata_client *client = UNSET;
    const int32_t code = open_client(port, allocator, &client, err);
    if (code == REPLI_OK)
        alldata_client_free(client);
    else
        REQUIRE(client == UNSET);
    return code;
}

int32_t call_alldata_client_new(world *w, repli_error *err) {
    (void)w;
    return make_client(9, NULL, err);
}

int32_t fail_alldata_client_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return make_client(0, NULL, err);
}

int32_t fail_alldata_client_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    return make_client(9, no_memory(), err);
}

int32_t call_alldata_client_free(world *w, repli_error *err) {
    alldata_client_free(NULL);
    if (!w->forked)
        return call_alldata_client_new(w, err);
    alldata_client_free(w->client);
    return REPLI_OK;
}

static int32_t put_with(alldata_client *client, const char *event, repli_error *err) {
    char own[32];
    char key[] = "20261121T005824640353920860";
    alldata_put put = ALLDATA_PUT_INIT;
    alldata_put_result result = {.struct_size = sizeof(result)};
    snprintf(own, sizeof(own), "%s", event);
    put.event = own;
    put.event_size = strlen(event);
    put.key = key;
    const int32_t code = alldata_client_put(client, &put, &result, err);
    SCRIBBLE(own);
    SCRIBBLE(key);
    SCRIBBLE(put);
    REQUIRE(result.code == code && result.error == NULL);
    return code;
}

int32_t call_alldata_client_put(world *w, repli_error *err) {
    return put_with(w->client, "{}", err);
}

int32_t fail_alldata_client_put_REPLI_EINVALID(world *w, repli_error *err) {
    return put_with(w->client, "", err);
}

int32_t fail_alldata_client_put_REPLI_ECONFLICT(world *w, repli_error *err) {
    return put_with(w->client, "\"conflict\"", err);
}

/* With a client of a place where nobody listens. */
typedef int32_t (*client_fn)(alldata_client *client, repli_error *err);

static int32_t with_nobody(client_fn use, repli_error *err) {
    alldata_client *client = NULL;
    REQUIRE(open_client(peer_free_port(), NULL, &client, NULL) == REPLI_OK);
    const int32_t code = use(client, err);
    alldata_client_free(client);
    return code;
}

static int32_t put_event(alldata_client *client, repli_error *err) {
    return put_with(client, "{}", err);
}

int32_t fail_alldata_client_put_REPLI_EREFUSED(world *w, repli_error *err) {
    (void)w;
    return with_nobody(put_event, err);
}

static void count_results(void *user_data, const alldata_put_result *results, size_t count) {
    for (size_t i = 0; i < count; i++)
        *(int *)user_data += results[i].code == REPLI_OK ? 1 : 100;
}

static int32_t put_many(alldata_client *client, repli_error *err) {
    int count = 0;
    alldata_put put = ALLDATA_PUT_INIT;
    put.event = "{}";
    put.event_size = 2;
    const int32_t code = alldata_client_put_many(client, &put, 1, count_results, &count, err);
    REQUIRE(count == (code == REPLI_OK ? 1 : code == REPLI_EFORK ? 0 : 100));
    return code;
}

int32_t call_alldata_client_put_many(world *w, repli_error *err) {
    return put_many(w->client, err);
}

int32_t fail_alldata_client_put_many_REPLI_EINVALID(world *w, repli_error *err) {
    const alldata_put put = ALLDATA_PUT_INIT;
    return alldata_client_put_many(w->client, &put, 1, NULL, NULL, err);
}

int32_t fail_alldata_client_put_many_REPLI_EREFUSED(world *w, repli_error *err) {
    (void)w;
    return with_nobody(put_many, err);
}

static int32_t ask(alldata_client *client, const char *path, int is_post, repli_error *err) {
    char own_path[64];
    int32_t status = 4711;
    repli_buf body = REPLI_BUF_INIT;
    snprintf(own_path, sizeof(own_path), "%s", path);
    const int32_t code =
        is_post ? alldata_client_post(client, own_path, NULL, NULL, 0, 0, &status, &body, err)
                : alldata_client_get(client, own_path, 0, &status, &body, err);
    SCRIBBLE(own_path);
    REQUIRE(status == (code == REPLI_OK ? 200 : 4711));
    REQUIRE((body.size > 0) == (code == REPLI_OK));
    repli_buf_dispose(&body);
    return code;
}

static int32_t get(alldata_client *client, repli_error *err) {
    return ask(client, "/_alldata/status", 0, err);
}

static int32_t post(alldata_client *client, repli_error *err) {
    return ask(client, "/_alldata/repair", 1, err);
}

int32_t call_alldata_client_get(world *w, repli_error *err) {
    return get(w->client, err);
}

int32_t fail_alldata_client_get_REPLI_EINVALID(world *w, repli_error *err) {
    return ask(w->client, "status", 0, err);
}

int32_t fail_alldata_client_get_REPLI_EREFUSED(world *w, repli_error *err) {
    (void)w;
    return with_nobody(get, err);
}

int32_t call_alldata_client_post(world *w, repli_error *err) {
    return post(w->client, err);
}

int32_t fail_alldata_client_post_REPLI_EINVALID(world *w, repli_error *err) {
    return ask(w->client, "/a b", 1, err);
}

int32_t fail_alldata_client_post_REPLI_EREFUSED(world *w, repli_error *err) {
    (void)w;
    return with_nobody(post, err);
}

static int32_t begin_reading(alldata_client *client, alldata_client_scan **ret, repli_error *err) {
    char prefix[] = "2026";
    alldata_client_scan_options options = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    options.prefix = prefix;
    const int32_t code = alldata_client_scan_new(client, &options, ret, err);
    SCRIBBLE(prefix);
    SCRIBBLE(options);
    return code;
}

/* count: of events that are read. */
static int32_t read_events(alldata_client *client, int count, repli_error *err) {
    alldata_client_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code = begin_reading(client, &scan, err);
    for (int i = 0; i < count && code == REPLI_OK; i++)
        code = alldata_client_scan_next(scan, &record, err);
    alldata_client_scan_free(scan);
    return code;
}

static int32_t read_first(alldata_client *client, repli_error *err) {
    return read_events(client, 1, err);
}

int32_t call_alldata_client_scan_new(world *w, repli_error *err) {
    alldata_client_scan *scan = UNSET;
    const int32_t code = begin_reading(w->client, &scan, err);
    REQUIRE((scan == UNSET) == (code != REPLI_OK));
    if (code == REPLI_OK)
        alldata_client_scan_free(scan);
    return code;
}

int32_t call_alldata_client_scan_next(world *w, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    return w->forked ? alldata_client_scan_next(w->reading, &record, err)
                     : read_first(w->client, err);
}

int32_t fail_alldata_client_scan_next_REPLI_EDONE(world *w, repli_error *err) {
    return read_events(w->client, 3, err);
}

int32_t fail_alldata_client_scan_next_REPLI_EREFUSED(world *w, repli_error *err) {
    (void)w;
    return with_nobody(read_first, err);
}

int32_t call_alldata_client_scan_free(world *w, repli_error *err) {
    alldata_client_scan_free(NULL);
    if (!w->forked)
        return read_first(w->client, err);
    alldata_client_scan_free(w->reading);
    return REPLI_OK;
}

/* The world's. */

typedef struct answer {
    sem_t came;
    int32_t status;
} answer;

static void take_answer(void *user_data, const alldata_reply *reply) {
    answer *taken = user_data;
    taken->status = reply->status;
    sem_post(&taken->came);
}

static int32_t call_host(world *w, repli_error *err) {
    answer taken = {.status = 0};
    sem_init(&taken.came, 0, 0);
    alldata_call request = ALLDATA_CALL_INIT;
    request.host = "127.0.0.1";
    request.port = (int32_t)w->host.port;
    request.method = "GET";
    request.path = "/api/unstable/info/node";
    request.max_reply = 1 << 20;
    request.reply = take_answer;
    request.user_data = &taken;
    const int32_t code = w->transport->begin(w->transport->self, &request, err);
    while (code == REPLI_OK && sem_wait(&taken.came) != 0)
        continue;
    sem_destroy(&taken.came);
    REQUIRE(code != REPLI_OK || taken.status == 200);
    return code;
}

int32_t http_alldata_begin(world *w, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    w->server = peer_start(NULL, answer_client, NULL);
    int32_t code = open_transport(NULL, ALLDATA_RUN_THREADS, &w->transport, err);
    if (code == REPLI_OK)
        code = call_host(w, err);
    if (code == REPLI_OK)
        code = open_client(peer_port(w->server), NULL, &w->client, err);
    if (code == REPLI_OK)
        code = begin_reading(w->client, &w->reading, err);
    return code == REPLI_OK ? alldata_client_scan_next(w->reading, &record, err) : code;
}

void http_alldata_end(world *w) {
    alldata_client_scan_free(w->reading);
    alldata_client_free(w->client);
    alldata_http_transport_free(w->transport);
    peer_stop(w->server);
}
