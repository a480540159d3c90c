#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

static void count_response(void *user_data, const repli_http_response *response) {
    atomic_fetch_add((atomic_int *)user_data, response->status == 200 ? 1 : 1000);
}

int32_t call_repli_http_handle(world *w, repli_error *err) {
    char method[] = "GET";
    char target[] = "/api/unstable/actions/queue";
    atomic_int responses = 0;
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    request.method = method;
    request.target = target;
    const int32_t code =
        repli_http_handle(w->host.agent, &request, count_response, &responses, err);
    SCRIBBLE(method);
    SCRIBBLE(target);
    SCRIBBLE(request);
    for (int i = 0; code == REPLI_OK && i < PARTY_TURNS && atomic_load(&responses) == 0; i++)
        pause_ms(5);
    REQUIRE(atomic_load(&responses) == (code == REPLI_OK));
    return code;
}

int32_t fail_repli_http_handle_REPLI_EINVALID(world *w, repli_error *err) {
    atomic_int responses = 0;
    const repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    const int32_t code =
        repli_http_handle(w->host.agent, &request, count_response, &responses, err);
    REQUIRE(atomic_load(&responses) == 0);
    return code;
}

int32_t call_repli_http_options_check(world *w, repli_error *err) {
    (void)w;
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    return repli_http_options_check(&options, err);
}

int32_t fail_repli_http_options_check_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "nowhere";
    return repli_http_options_check(&options, err);
}

/* A server of its own for the caller. */
static int32_t serve(world *w, const char *bind, repli_http_server **ret_server, repli_error *err) {
    char text[64];
    snprintf(text, sizeof(text), "%s", bind);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = text;
    const int32_t code = repli_http_server_new(w->host.agent, &options, ret_server, err);
    SCRIBBLE(text);
    SCRIBBLE(options);
    return code;
}

int32_t call_repli_http_server_new(world *w, repli_error *err) {
    repli_http_server *server = UNSET;
    const int32_t code = serve(w, "127.0.0.1:0", &server, err);
    if (code != REPLI_OK) {
        REQUIRE(server == UNSET);
        return code;
    }
    const int status = party_get(repli_http_server_port(server), "/health/live");
    repli_http_server_free(server, 1000);
    REQUIRE(status == 200);
    return code;
}

static int32_t serve_badly(world *w, const char *bind, repli_error *err) {
    repli_http_server *server = UNSET;
    const int32_t code = serve(w, bind, &server, err);
    REQUIRE(server == UNSET);
    return code;
}

int32_t fail_repli_http_server_new_REPLI_EBUSY(world *w, repli_error *err) {
    char taken[64];
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", (int)w->host.port);
    return serve_badly(w, taken, err);
}

int32_t fail_repli_http_server_new_REPLI_EINVALID(world *w, repli_error *err) {
    return serve_badly(w, "nowhere", err);
}

int32_t call_repli_http_server_port(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_http_server_port(w->host.server) == w->host.port);
    return REPLI_OK;
}

int32_t call_repli_http_server_health_port(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_http_server_health_port(w->host.server) == 0);
    return REPLI_OK;
}

static int32_t reload(world *w, const char *bind, repli_error *err) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = bind;
    if (w->forked)
        return repli_http_server_reload(w->host.server, &options, err);
    repli_http_server *server = NULL;
    REQUIRE(serve(w, "127.0.0.1:0", &server, NULL) == REPLI_OK);
    const int32_t code = repli_http_server_reload(server, &options, err);
    repli_http_server_free(server, 1000);
    return code;
}

int32_t call_repli_http_server_reload(world *w, repli_error *err) {
    return reload(w, NULL, err);
}

int32_t fail_repli_http_server_reload_REPLI_EINVALID(world *w, repli_error *err) {
    return reload(w, "127.0.0.1:1", err);
}

int32_t call_repli_http_server_free(world *w, repli_error *err) {
    repli_http_server_free(NULL, 0);
    if (!w->forked)
        return call_repli_http_server_new(w, err);
    repli_http_server_free(w->host.server, 0);
    return REPLI_OK;
}
