#include "alldata-http/call.h"

#include <stdlib.h>
#include <string.h>

#include "alldata-http/answer.h"
#include "base/error.h"
#include "base/sized.h"

typedef struct resource {
    const char *path;
    const char *method; /* GET stands for HEAD as well */
    alldata__http_handler_fn handler;
    int port; /* 0: both */
    unsigned flags;
} resource;

#define OURS "/_alldata/"

static const resource resources[] = {
    {OURS "events", "POST", alldata__http_put_many, ALLDATA_HTTP_CLIENTS, ALLDATA__HTTP_BULK},
    {OURS "events", "GET", alldata__http_events, ALLDATA_HTTP_CLIENTS,
     ALLDATA__HTTP_BLOCKS | ALLDATA__HTTP_STREAMS},
    {OURS "status", "GET", alldata__http_status, ALLDATA_HTTP_CLIENTS, 0},
    {OURS "intervals", "GET", alldata__http_intervals, ALLDATA_HTTP_CLIENTS, ALLDATA__HTTP_BLOCKS},
    {OURS "peers", "GET", alldata__http_peers, ALLDATA_HTTP_CLIENTS, 0},
    {OURS "join", "POST", alldata__http_join, ALLDATA_HTTP_CLIENTS, ALLDATA__HTTP_CHANGES},
    {OURS "forget", "POST", alldata__http_forget, ALLDATA_HTTP_CLIENTS, ALLDATA__HTTP_CHANGES},
    {OURS "repair", "POST", alldata__http_repair, ALLDATA_HTTP_CLIENTS, ALLDATA__HTTP_CHANGES},
    {OURS "export", "POST", alldata__http_export, ALLDATA_HTTP_CLIENTS,
     ALLDATA__HTTP_CHANGES | ALLDATA__HTTP_BLOCKS},
    {OURS "records", "POST", alldata__http_peer_records, ALLDATA_HTTP_PEERS, ALLDATA__HTTP_BULK},
    {OURS "records", "GET", alldata__http_peer_read, ALLDATA_HTTP_PEERS, ALLDATA__HTTP_BLOCKS},
    {OURS "digests", "GET", alldata__http_peer_read, ALLDATA_HTTP_PEERS, ALLDATA__HTTP_BLOCKS},
    {OURS "keys", "GET", alldata__http_peer_read, ALLDATA_HTTP_PEERS, ALLDATA__HTTP_BLOCKS},
    {OURS "intervals", "GET", alldata__http_peer_read, ALLDATA_HTTP_PEERS, ALLDATA__HTTP_BLOCKS},
    {"/metrics", "GET", alldata__http_metrics, 0, 0},
    {"/health/live", "GET", alldata__http_live, 0, ALLDATA__HTTP_OPEN},
    {"/health/ready", "GET", alldata__http_ready, 0, ALLDATA__HTTP_OPEN},
};

/* Routing. */

/* The path of a target, which may be an absolute URL. Returns its size. */
static size_t path_of(const char *target, const char **ret_path) {
    const char *path = target;
    if (*path != '/') {
        const char *authority = strstr(path, "://");
        const char *slash = authority != NULL ? strpbrk(authority + 3, "/?") : NULL;
        path = slash != NULL ? slash : target + strlen(target);
    }
    *ret_path = path;
    return strcspn(path, "?");
}

static int is(const char *text, size_t size, const char *word) {
    return strlen(word) == size && memcmp(text, word, size) == 0;
}

/* The resource, or NULL, and then *ret_allow is what can be done with one of that path. */
static const resource *find(const alldata__http_call *call, const char *path, size_t size,
                            const char *method, const char **ret_allow) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    int gets = 0, posts = 0;
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        const resource *it = &resources[i];
        if ((it->port != 0 && it->port != call->port) || !is(path, size, it->path))
            continue;
        if (strcmp(it->method, wanted) == 0)
            return it;
        gets |= *it->method == 'G';
        posts |= *it->method == 'P';
    }
    *ret_allow = gets && posts ? "GET, HEAD, POST" : gets ? "GET, HEAD" : posts ? "POST" : NULL;
    return NULL;
}

static int is_ours(const char *path, size_t size) {
    return size >= sizeof(OURS) - 1 && memcmp(path, OURS, sizeof(OURS) - 1) == 0;
}

/* Any path takes events, as the reference has it, but for those of our own. */
static void route(alldata__http_call *call, const char *method) {
    const char *path;
    const size_t size = path_of(call->target, &path);
    const int posts = strcmp(method, "POST") == 0;
    const int ours = is_ours(path, size);
    if (posts && !ours) {
        call->handler =
            call->port == ALLDATA_HTTP_PEERS ? alldata__http_peer_put : alldata__http_put;
        return;
    }
    const resource *found = find(call, path, size, method, &call->allow);
    if (found != NULL) {
        call->handler = found->handler;
        call->resource = 1;
        call->flags = found->flags;
    } else if (ours && call->allow == NULL) {
        call->status = 404;
    } else {
        call->status = 405;
        call->allow = ours ? call->allow : "POST";
    }
}

int alldata__http_takes_many(const alldata_http_request *request) {
    alldata__http_call call = {.target = request->target, .port = request->port};
    route(&call, request->method);
    return (call.flags & ALLDATA__HTTP_BULK) != 0;
}

/* Headers. */

static int32_t commit_of(const char *text) {
    static const char *const names[] = {[ALLDATA_COMMIT_ONE] = "one",
                                        [ALLDATA_COMMIT_QUORUM] = "quorum",
                                        [ALLDATA_COMMIT_ALL] = "all"};
    for (int32_t i = ALLDATA_COMMIT_ONE; i <= ALLDATA_COMMIT_ALL; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

/* Milliseconds, up to an hour; 0 if that makes no sense. */
static uint64_t timeout_of(const char *text) {
    enum { MOST_MS = 3600 * 1000 };
    uint64_t ms = 0;
    for (; *text >= '0' && *text <= '9' && ms <= MOST_MS; text++)
        ms = ms * 10 + (uint64_t)(*text - '0');
    return *text == '\0' && ms <= MOST_MS ? ms : 0;
}

static void take_headers(alldata__http_call *call, const alldata_http_request *request) {
    call->commit = request->commit != NULL ? commit_of(request->commit) : ALLDATA_COMMIT_DEFAULT;
    if (call->commit < 0)
        call->bad_header = "AllData-Commit is none of one, quorum and all";
    if (request->timeout_ms != NULL) {
        call->timeout_ms = timeout_of(request->timeout_ms);
        if (call->timeout_ms == 0)
            call->bad_header = "AllData-Timeout-Ms is no number of milliseconds from 1 to 3600000";
    }
    if (request->key != NULL) {
        if (alldata_key_validate(request->key, strlen(request->key), NULL) == REPLI_OK)
            memcpy(call->key, request->key, sizeof(call->key));
        else
            call->bad_header = "AllData-Key is no key: it has 27 characters, as in "
                               "20261121T005824640353920860";
    }
}

/* A media type may have parameters behind it. */
static int has_type(const char *text, const char *type) {
    const size_t size = strlen(type);
    return strncasecmp(text, type, size) == 0 && strchr("; \t", text[size]) != NULL;
}

static int type_of(const char *text) {
    if (text == NULL)
        return ALLDATA__HTTP_OTHER;
    if (has_type(text, "application/x-alldata-records"))
        return ALLDATA__HTTP_FRAMES;
    return has_type(text, alldata__http_lines) || has_type(text, "application/ndjson")
               ? ALLDATA__HTTP_LINES
               : ALLDATA__HTTP_OTHER;
}

/* Calls. */

/* Whatever else a query of a put says is ignored, as the reference has it. */
static int is_late(const char *target) {
    repli__web_target query;
    if (strchr(target, '?') == NULL || repli__web_target_parse(&query, target, NULL) != REPLI_OK)
        return 0;
    const char *late = repli__web_target_param(&query, "late");
    return late != NULL && strcmp(late, "1") == 0;
}

void alldata__http_call_init(alldata__http_call *call, alldata_node *node,
                             const alldata_http_request *request) {
    *call = (alldata__http_call){
        .node = node,
        .target = request->target,
        .body = request->body,
        .body_size = request->body_size,
        .port = request->port,
        .type = type_of(request->type),
    };
    take_headers(call, request);
    route(call, request->method);
    if (strcmp(request->method, "POST") == 0 && is_late(request->target)) {
        call->put_flags = ALLDATA_PUT_LATE;
        call->flags |= ALLDATA__HTTP_CHANGES;
    }
}

static void refuse(alldata__http_call *call) {
    repli_error error = REPLI_ERROR_INIT;
    if (call->status == 404)
        repli__error(&error, REPLI_ENOTFOUND, ALLDATA__HTTP_ORIGIN,
                     "there is nothing at this URL on the port for %s: paths that begin with " OURS
                     " are reserved, any other takes events",
                     call->port == ALLDATA_HTTP_PEERS ? "peers" : "clients");
    else
        repli__error(&error, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                     "this method is not possible here; the URL takes %s", call->allow);
    alldata__http_answer_error(call, call->status, call->allow, &error);
}

static void answer_resource(alldata__http_call *call) {
    repli_error error = REPLI_ERROR_INIT;
    repli__web_target query;
    int32_t code = repli__web_target_parse(&query, call->target, &error);
    if (code == REPLI_EFULL) {
        alldata__http_answer_error(call, 414, NULL, &error);
        return;
    }
    if (code == REPLI_OK)
        code = call->handler(call, &query, &error);
    if (code != REPLI_OK)
        alldata__http_answer_failure(call, &error);
}

void alldata__http_call_answer(alldata__http_call *call) {
    repli_error error;
    repli__error_init(&error);
    if (call->handler == NULL) {
        refuse(call);
    } else if (call->bad_header != NULL) {
        repli__error(&error, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN, "the header %s",
                     call->bad_header);
        alldata__http_answer_failure(call, &error);
    } else if (call->resource) {
        answer_resource(call);
    } else if (call->handler(call, NULL, &error) != REPLI_OK) {
        alldata__http_answer_failure(call, &error);
    }
}

int32_t alldata__http_check_node(alldata_node *node, repli_error *err) {
    alldata_coordinator_counters counters = ALLDATA_COORDINATOR_COUNTERS_INIT;
    return alldata_coordinator_count(alldata_node_coordinator(node), &counters, err);
}

int32_t alldata__http_handle(alldata_node *node, alldata__http_office *office,
                             const alldata_http_request *request, alldata_http_respond_fn respond,
                             void *user_data, repli_error *err) {
    if (respond == NULL || request == NULL ||
        request->struct_size < REPLI__SIZE_TO(alldata_http_request, timeout_ms))
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "a request with its struct_size and a function are needed");
    alldata_http_request known;
    repli__sized_copy(&known, sizeof(known), request);
    if (known.method == NULL || known.target == NULL ||
        (known.body == NULL && known.body_size > 0) ||
        (known.port != ALLDATA_HTTP_CLIENTS && known.port != ALLDATA_HTTP_PEERS))
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                            "a request needs a port, a method, a target, and all of its body");
    const int32_t code = alldata__http_check_node(node, err);
    if (code != REPLI_OK)
        return code;
    alldata__http_call *call = repli__alloc(&repli__mem_default, sizeof(*call));
    if (call == NULL)
        return repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "answering a request");
    alldata__http_call_init(call, node, &known);
    call->office = office;
    call->respond = respond;
    call->user_data = user_data;
    call->owned = 1;
    alldata__http_call_answer(call);
    return REPLI_OK;
}

int32_t alldata_http_handle(alldata_node *node, const alldata_http_request *request,
                            alldata_http_respond_fn respond, void *user_data, repli_error *err) {
    if (node == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN, "a node is needed");
    return alldata__http_handle(node, NULL, request, respond, user_data, err);
}
