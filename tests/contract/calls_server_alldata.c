#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

/* Requests. */

static void count_response(void *user_data, const alldata_http_response *response) {
    atomic_fetch_add((atomic_int *)user_data, response->status == 200 ? 1 : 1000);
}

/* Of the server if it is to answer, or of the node. */
static int32_t ask(world *w, int of_server, const char *method, repli_error *err) {
    char target[] = "/_alldata/status";
    atomic_int responses = 0;
    alldata_http_request request = ALLDATA_HTTP_REQUEST_INIT;
    request.method = method;
    request.target = target;
    const int32_t code =
        of_server
            ? alldata_http_server_handle(w->node_server, &request, count_response, &responses, err)
            : alldata_http_handle(w->node, &request, count_response, &responses, err);
    SCRIBBLE(target);
    SCRIBBLE(request);
    REQUIRE(atomic_load(&responses) == (code == REPLI_OK));
    return code;
}

static int32_t ask_status(world *w, int of_server, repli_error *err) {
    char method[] = "GET";
    const int32_t code = ask(w, of_server, method, err);
    SCRIBBLE(method);
    return code;
}

int32_t call_alldata_http_handle(world *w, repli_error *err) {
    return ask_status(w, 0, err);
}

int32_t fail_alldata_http_handle_REPLI_EINVALID(world *w, repli_error *err) {
    return ask(w, 0, NULL, err);
}

int32_t call_alldata_http_server_handle(world *w, repli_error *err) {
    return ask_status(w, 1, err);
}

int32_t fail_alldata_http_server_handle_REPLI_EINVALID(world *w, repli_error *err) {
    return ask(w, 1, NULL, err);
}

/* Servers. */

int32_t call_alldata_http_server_check(world *w, repli_error *err) {
    (void)w;
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    options.clients = "127.0.0.1:0";
    return alldata_http_server_check(&options, err);
}

int32_t fail_alldata_http_server_check_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    options.peers = "nowhere";
    return alldata_http_server_check(&options, err);
}

/* A server of its own for the caller. */
static int32_t serve(world *w, const char *clients, int32_t run_mode,
                     const repli_allocator *allocator, alldata_http_server **ret_server,
                     repli_error *err) {
    char text[64];
    char secret[] = "open-sesame";
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    snprintf(text, sizeof(text), "%s", clients);
    security.secret = secret;
    options.clients = text;
    options.peers = "127.0.0.1:0";
    options.peer_security = &security;
    options.run_mode = run_mode;
    const int32_t code = alldata_http_server_new(w->node, &options, allocator, ret_server, err);
    SCRIBBLE(text);
    SCRIBBLE(secret);
    SCRIBBLE(security);
    SCRIBBLE(options);
    return code;
}

int32_t call_alldata_http_server_new(world *w, repli_error *err) {
    alldata_http_server *server = UNSET;
    const int32_t code = serve(w, "127.0.0.1:0", ALLDATA_RUN_THREADS, NULL, &server, err);
    if (code != REPLI_OK) {
        REQUIRE(server == UNSET);
        return code;
    }
    const int status = party_get(alldata_http_server_port(server), "/health/live");
    const int refused = party_get(alldata_http_server_peer_port(server), "/metrics");
    alldata_http_server_free(server, 1000);
    REQUIRE(status == 200 && refused == 401);
    return code;
}

static int32_t serve_badly(world *w, const char *clients, const repli_allocator *allocator,
                           repli_error *err) {
    alldata_http_server *server = UNSET;
    const int32_t code = serve(w, clients, ALLDATA_RUN_THREADS, allocator, &server, err);
    REQUIRE(server == UNSET);
    return code;
}

int32_t fail_alldata_http_server_new_REPLI_EBUSY(world *w, repli_error *err) {
    char taken[64];
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", (int)alldata_http_server_port(w->node_server));
    return serve_badly(w, taken, NULL, err);
}

int32_t fail_alldata_http_server_new_REPLI_EINVALID(world *w, repli_error *err) {
    return serve_badly(w, "nowhere", NULL, err);
}

int32_t fail_alldata_http_server_new_REPLI_ENOMEM(world *w, repli_error *err) {
    return serve_badly(w, "127.0.0.1:0", no_memory(), err);
}

int32_t call_alldata_http_server_port(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_http_server_port(w->node_server) > 0);
    return REPLI_OK;
}

int32_t call_alldata_http_server_peer_port(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_http_server_peer_port(w->node_server) > 0);
    return REPLI_OK;
}

static int32_t reload(world *w, const char *clients, repli_error *err) {
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    options.clients = clients;
    if (w->forked)
        return alldata_http_server_reload(w->node_server, &options, err);
    alldata_http_server *server = NULL;
    REQUIRE(serve(w, "127.0.0.1:0", ALLDATA_RUN_THREADS, NULL, &server, NULL) == REPLI_OK);
    const int32_t code = alldata_http_server_reload(server, &options, err);
    alldata_http_server_free(server, 1000);
    return code;
}

int32_t call_alldata_http_server_reload(world *w, repli_error *err) {
    return reload(w, NULL, err);
}

int32_t fail_alldata_http_server_reload_REPLI_EINVALID(world *w, repli_error *err) {
    return reload(w, "127.0.0.1:1", err);
}

int32_t call_alldata_http_server_count(world *w, repli_error *err) {
    alldata_http_counters counters = ALLDATA_HTTP_COUNTERS_INIT;
    return alldata_http_server_count(w->node_server, &counters, err);
}

int32_t fail_alldata_http_server_count_REPLI_EINVALID(world *w, repli_error *err) {
    return alldata_http_server_count(w->node_server, NULL, err);
}

int32_t call_alldata_http_server_fd(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_http_server_fd(w->node_server) == -1);
    return REPLI_OK;
}

int32_t call_alldata_http_server_deadline(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_http_server_deadline(w->node_server) == UINT64_MAX);
    return REPLI_OK;
}

int32_t call_alldata_http_server_dispatch(world *w, repli_error *err) {
    if (w->forked)
        return alldata_http_server_dispatch(w->node_server, err);
    alldata_http_server *server = NULL;
    REQUIRE(serve(w, "127.0.0.1:0", ALLDATA_RUN_DISPATCH, NULL, &server, NULL) == REPLI_OK);
    struct pollfd ready = {.fd = alldata_http_server_fd(server), .events = POLLIN};
    REQUIRE(poll(&ready, 1, 10000) == 1);
    const int32_t code = alldata_http_server_dispatch(server, err);
    alldata_http_server_free(server, 0);
    return code;
}

int32_t fail_alldata_http_server_dispatch_REPLI_ESTATE(world *w, repli_error *err) {
    return alldata_http_server_dispatch(w->node_server, err);
}

int32_t call_alldata_http_server_free(world *w, repli_error *err) {
    alldata_http_server_free(NULL, 0);
    if (!w->forked)
        return call_alldata_http_server_new(w, err);
    alldata_http_server_free(w->node_server, 0);
    return REPLI_OK;
}

/* The world's. */

int32_t server_alldata_begin(world *w, repli_error *err) {
    return serve(w, "127.0.0.1:0", ALLDATA_RUN_THREADS, NULL, &w->node_server, err);
}

void server_alldata_end(world *w) {
    alldata_http_server_free(w->node_server, 1000);
}
