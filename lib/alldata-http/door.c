#include <string.h>

#include "alldata-http/answer.h"
#include "alldata-http/server.h"
#include "base/error.h"

/* Where requests come in: who may ask, and who answers. */

static const char no_memory_body[] =
    "{\"error\":true,\"error_msg\":\"the node is out of memory\",\"code\":\"out_of_memory\"}";

const repli__web_response alldata__http_no_memory = {
    .status = 503,
    .retry_after_s = 1,
    .content_type = alldata__http_json,
    .body = no_memory_body,
    .body_size = sizeof(no_memory_body) - 1,
    .release = repli__web_release_nothing,
};

/* Rights. */

/* Takes as long for any text of that size, so that nobody can find a secret out piece by piece. */
static int is_equal(const char *text, const char *secret) {
    const size_t size = strlen(secret);
    const size_t given = strlen(text);
    unsigned char differs = given != size;
    for (size_t i = 0; i < given; i++)
        differs |= (unsigned char)(text[i] ^ secret[size > 0 ? i % size : 0]);
    return differs == 0;
}

static int knows_secret(alldata_http_server *server, const repli__web_request *request) {
    static const char scheme[] = "Bearer ";
    if (atomic_load_explicit(&server->secret_count, memory_order_relaxed) == 0)
        return 1;
    const char *given = repli__web_header(request, "Authorization");
    const int bears = given != NULL && strncasecmp(given, scheme, sizeof(scheme) - 1) == 0;
    pthread_mutex_lock(&server->mutex);
    const char *secret = server->secrets[request->kind];
    const char *other = server->secrets[ALLDATA__HTTP_KINDS + request->kind];
    int knows = secret == NULL;
    if (!knows && bears)
        knows = is_equal(given + sizeof(scheme) - 1, secret) |
                (other != NULL && is_equal(given + sizeof(scheme) - 1, other));
    pthread_mutex_unlock(&server->mutex);
    return knows;
}

static int32_t refuse_stranger(alldata__http_call *call, const repli__web_target *query,
                               repli_error *err) {
    (void)query;
    repli__error(err, REPLI_EAUTH, ALLDATA__HTTP_ORIGIN,
                 "this port wants a secret: send it as \"Authorization: Bearer SECRET\"");
    alldata__http_answer_error(call, 401, NULL, err);
    return REPLI_OK;
}

/* A browser adds Origin to what somebody else's page makes it send, which knows no secret. */
static int32_t refuse_page(alldata__http_call *call, const repli__web_target *query,
                           repli_error *err) {
    (void)query;
    repli__error(err, REPLI_EPERMISSION, ALLDATA__HTTP_ORIGIN,
                 "a web page cannot tell a node what to do: use the command line, or a client that "
                 "sends no Origin");
    alldata__http_answer_error(call, 403, NULL, err);
    return REPLI_OK;
}

static void check_rights(alldata_http_server *server, alldata__http_call *call,
                         const repli__web_request *request) {
    if ((call->flags & ALLDATA__HTTP_OPEN) == 0 && !knows_secret(server, request))
        call->handler = refuse_stranger;
    else if ((call->flags & ALLDATA__HTTP_CHANGES) != 0 &&
             repli__web_header(request, "Origin") != NULL)
        call->handler = refuse_page;
    else
        return;
    call->flags = 0;
    call->resource = 0;
    call->bad_header = NULL;
}

/* Requests. */

static int port_of(int kind) {
    return kind == ALLDATA__HTTP_TO_PEERS ? ALLDATA_HTTP_PEERS : ALLDATA_HTTP_CLIENTS;
}

static uint64_t max_body(void *user_data, const repli__web_request *request) {
    const alldata_http_server *server = user_data;
    const alldata_http_request it = {.struct_size = sizeof(it),
                                     .port = port_of(request->kind),
                                     .method = request->method,
                                     .target = request->target};
    return atomic_load(alldata__http_takes_many(&it) ? &server->max_bulk_body : &server->max_body);
}

static void respond(void *user_data, const alldata_http_response *response) {
    repli__web_pair headers[3];
    repli__web_response answer = {.status = response->status,
                                  .retry_after_s = response->retry_after_s,
                                  .content_type = response->type,
                                  .body = response->body,
                                  .body_size = response->body_size,
                                  .headers = headers};
    if (response->key != NULL)
        headers[answer.header_count++] = (repli__web_pair){"AllData-Key", response->key};
    if (response->allow != NULL)
        headers[answer.header_count++] = (repli__web_pair){"Allow", response->allow};
    if (response->status == 401)
        headers[answer.header_count++] =
            (repli__web_pair){"WWW-Authenticate", "Bearer realm=\"alldata\""};
    repli__web_answer(user_data, &answer);
}

static void understand(alldata_http_server *server, const repli__web_request *request) {
    const alldata_http_request it = {
        .struct_size = sizeof(it),
        .port = port_of(request->kind),
        .method = request->method,
        .target = request->target,
        .body = request->body,
        .body_size = request->body_size,
        .type = repli__web_header(request, "Content-Type"),
        .key = repli__web_header(request, "AllData-Key"),
        .commit = repli__web_header(request, "AllData-Commit"),
        .timeout_ms = repli__web_header(request, "AllData-Timeout-Ms"),
    };
    alldata__http_call *call = request->call;
    alldata__http_call_init(call, server->node, &it);
    call->office = &server->office;
    call->respond = respond;
    call->user_data = (void *)(uintptr_t)request;
}

static int32_t refuse_stream(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err) {
    (void)query;
    (void)call;
    return repli__error(err, REPLI_EBUSY, ALLDATA__HTTP_ORIGIN,
                        "as many clients read events as may at once: try again later");
}

static int begin(void *user_data, const repli__web_request *request) {
    alldata_http_server *server = user_data;
    alldata__http_call *call = request->call;
    understand(server, request);
    check_rights(server, call, request);
    if ((call->flags & ALLDATA__HTTP_STREAMS) != 0 && !repli__web_may_stream(request)) {
        call->handler = refuse_stream;
        call->flags = 0;
    }
    return (call->flags & ALLDATA__HTTP_BLOCKS) != 0 ? REPLI__WEB_WORKER : REPLI__WEB_AT_ONCE;
}

static void answer(void *user_data, const repli__web_request *request) {
    alldata_http_server *server = user_data;
    alldata__http_call *call = request->call;
    if ((call->flags & ALLDATA__HTTP_STREAMS) != 0 && call->bad_header == NULL)
        alldata__http_flow_begin(server->driven ? NULL : &server->scanner, call, request);
    else
        alldata__http_call_answer(call);
}

static void refuse(void *user_data, const repli__web_request *request, int32_t status,
                   const repli_error *why) {
    alldata_http_server *server = user_data;
    alldata__http_call *call = request->call;
    *call = (alldata__http_call){.node = server->node,
                                 .office = &server->office,
                                 .respond = respond,
                                 .user_data = (void *)(uintptr_t)request};
    alldata__http_answer_error(call, status, NULL, why);
}

/* What comes in one turn is to share a commit. */
static void turn(void *user_data, int what) {
    const alldata_http_server *server = user_data;
    alldata_coordinator *coordinator = alldata_node_coordinator(server->node);
    switch (what) {
    case REPLI__WEB_TURN_BEGINS: alldata_coordinator_cork(coordinator); break;
    case REPLI__WEB_TURN_ENDS: alldata_coordinator_uncork(coordinator); break;
    case REPLI__WEB_TURN_IS_OVER: alldata_coordinator_uncork_and_write(coordinator); break;
    }
}

repli__web_handler alldata__http_door(alldata_http_server *server) {
    return (repli__web_handler){.user_data = server,
                                .call_size = sizeof(alldata__http_call),
                                .max_body = max_body,
                                .begin = begin,
                                .answer = answer,
                                .refuse = refuse,
                                .turn = turn,
                                .no_memory = &alldata__http_no_memory};
}
