#include "http/serve.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "http/call.h"

/* How often a stream without news gives a sign of life, by which it is also noticed that the client
 * is gone. */
enum { BEAT_MS = 15000 };

/* A request while it is answered. */
typedef struct visit {
    repli__http_call call;
    repli__http_desk *desk;
    int64_t cursor; /* of events that are followed */
    int follows;
} visit;

/* Rights. */

/* A browser adds Origin to what a page of somebody else's makes it send to a loopback address. */
static int may_write(const repli__http_desk *desk, const repli__web_request *request) {
    const int32_t writes = atomic_load(&desk->writes);
    if (request->kind == REPLI__HTTP_UNIX)
        return 1;
    if (writes != REPLI_HTTP_WRITES_AUTO)
        return writes == REPLI_HTTP_WRITES_ALWAYS;
    return (request->flags & (REPLI__WEB_MUTUAL | REPLI__WEB_LOOPBACK)) != 0 &&
           repli__web_header(request, "Origin") == NULL;
}

/* Events as they come. */

/* The number of the event that a client saw last; 0 if that makes no sense. */
static int take_last_id(const char *text, int64_t *ret_cursor) {
    int64_t number = 0;
    for (; *text >= '0' && *text <= '9' && number < INT64_MAX / 20; text++)
        number = number * 10 + (*text - '0');
    *ret_cursor = number;
    return *text == '\0';
}

static void refuse_to_follow(repli__http_call *call, int32_t status, int32_t code,
                             const char *why) {
    call->handler = NULL;
    call->database = 0;
    call->status = status;
    call->error = (repli_error)REPLI_ERROR_INIT;
    repli__error(&call->error, code, "http", "%s", why);
}

/* Make the call that is about to begin one that follows events, if the client wants that. */
static void ask_to_follow(visit *it, const repli__web_request *request) {
    repli__http_call *call = &it->call;
    const char *accept = repli__web_header(request, "Accept");
    if (call->handler != repli__http_events || strcmp(request->method, "GET") != 0 ||
        accept == NULL || strstr(accept, "text/event-stream") == NULL)
        return;
    const char *last_id = repli__web_header(request, "Last-Event-ID");
    it->cursor = REPLI__HTTP_CURSOR_NONE;
    if (last_id != NULL && !take_last_id(last_id, &it->cursor)) {
        refuse_to_follow(call, 400, REPLI_EINVALID, "Last-Event-ID must be the number of an event");
    } else if (!repli__web_may_stream(request)) {
        refuse_to_follow(call, 503, REPLI_EFULL,
                         "as many clients as may follow events at once do so");
    } else {
        call->handler = repli__http_events_stream;
        call->cursor = &it->cursor;
        it->follows = 1;
    }
}

static void hear(void *user_data, const repli_event *event) {
    (void)event;
    repli__web_wake_all(((repli__http_desk *)user_data)->web);
}

static int32_t add_follower(repli__http_desk *desk, repli_error *err) {
    pthread_mutex_lock(&desk->mutex);
    const int32_t code = desk->news == NULL ? repli_agent_subscribe(desk->agent, REPLI_EVENTS_NEW,
                                                                    hear, desk, &desk->news, err)
                                            : REPLI_OK;
    desk->followers += code == REPLI_OK;
    pthread_mutex_unlock(&desk->mutex);
    return code;
}

static void drop_follower(void *user_data) {
    repli__http_desk *desk = ((visit *)((const repli__web_request *)user_data)->call)->desk;
    pthread_mutex_lock(&desk->mutex);
    if (--desk->followers == 0) {
        repli_agent_unsubscribe(desk->agent, desk->news);
        desk->news = NULL;
    }
    pthread_mutex_unlock(&desk->mutex);
}

typedef struct page {
    repli_buf *text;
    int ok;
} page;

static void take_page(void *user_data, const repli_http_response *response) {
    page *it = user_data;
    it->ok = response->status == 200 &&
             repli__buf_append(it->text, response->body, response->body_size) == REPLI_OK;
}

static int next_page(void *user_data, repli_buf *text) {
    const visit *it = ((const repli__web_request *)user_data)->call;
    page next = {.text = text};
    repli__http_call_answer(&it->call,
                            (repli__http_asker){.respond = take_page, .user_data = &next});
    if (!next.ok)
        return REPLI__WEB_BREAK;
    return text->size > 0 ? REPLI__WEB_MORE : REPLI__WEB_NOT_YET;
}

/* response has the first page. */
static void follow(const repli__web_request *request, const repli_http_response *response) {
    /* Some proxies would keep events back until they have many. */
    static const repli__web_pair headers[] = {{"Cache-Control", "no-store"},
                                              {"X-Accel-Buffering", "no"}};
    const repli__web_response begin = {.status = 200,
                                       .content_type = response->content_type,
                                       .body = response->body,
                                       .body_size = response->body_size,
                                       .headers = headers,
                                       .header_count = sizeof(headers) / sizeof(headers[0])};
    const repli__web_stream stream = {.user_data = (void *)request,
                                      .next = next_page,
                                      .end = drop_follower,
                                      .endless = 1,
                                      .beat = ":\n\n",
                                      .beat_ms = BEAT_MS};
    repli__web_answer_stream(request, &begin, &stream);
}

/* Requests. */

static int begin(void *user_data, const repli__web_request *request) {
    repli__http_desk *desk = user_data;
    visit *it = request->call;
    const uint32_t write = may_write(desk, request) ? REPLI_HTTP_MAY_WRITE : 0;
    const uint32_t health = request->kind == REPLI__HTTP_HEALTH ? REPLI_HTTP_HEALTH_ONLY : 0;
    const repli_http_request asked = {.struct_size = sizeof(asked),
                                      .flags = write | health,
                                      .method = request->method,
                                      .target = request->target,
                                      .body = request->body,
                                      .body_size = request->body_size,
                                      .peer = request->peer};
    it->desk = desk;
    it->follows = 0;
    repli__http_call_init(&it->call, desk->agent, &asked);
    ask_to_follow(it, request);
    return it->call.handler != NULL && it->call.database ? REPLI__WEB_WORKER : REPLI__WEB_AT_ONCE;
}

static void respond(void *user_data, const repli_http_response *response);

/* response has the first page. */
static void respond_to_follower(const repli__web_request *request,
                                const repli_http_response *response) {
    visit *it = request->call;
    repli__http_desk *desk = it->desk;
    repli_error error = REPLI_ERROR_INIT;
    if (add_follower(desk, &error) == REPLI_OK) {
        follow(request, response);
        repli__http_desk_unref(desk);
        return;
    }
    it->follows = 0;
    repli__http_answer_error((repli__http_asker){.respond = respond, .user_data = (void *)request},
                             503, NULL, &error);
}

/* With it the request is gone. */
static void respond(void *user_data, const repli_http_response *response) {
    const repli__web_request *request = user_data;
    const visit *it = request->call;
    repli__http_desk *desk = it->desk;
    if (it->follows && response->status == 200) {
        respond_to_follower(request, response);
        return;
    }
    repli__http_reply(&desk->replies, request, response);
    repli__http_desk_unref(desk);
}

/* Holds the desk until the answer. */
static repli__http_asker asker_of(const repli__web_request *request) {
    const visit *it = request->call;
    atomic_fetch_add_explicit(&it->desk->references, 1, memory_order_relaxed);
    return (repli__http_asker){.respond = respond, .user_data = (void *)request};
}

static void answer(void *user_data, const repli__web_request *request) {
    (void)user_data;
    const visit *it = request->call;
    repli__http_call_answer(&it->call, asker_of(request));
}

static void refuse(void *user_data, const repli__web_request *request, int32_t status,
                   const repli_error *why) {
    visit *it = request->call;
    it->desk = user_data;
    it->follows = 0;
    repli__http_answer_error(asker_of(request), status, NULL, why);
}

/* Life. */

int32_t repli__http_desk_new(repli_agent *agent, repli__http_desk **ret_desk, repli_error *err) {
    repli__http_desk *desk = repli__calloc(&repli__mem_default, 1, sizeof(*desk));
    if (desk == NULL)
        return repli__error_nomem(err, "http", "starting the HTTP server");
    desk->agent = agent;
    atomic_init(&desk->references, 1);
    atomic_init(&desk->writes, REPLI_HTTP_WRITES_AUTO);
    repli__http_replies_init(&desk->replies);
    pthread_mutex_init(&desk->mutex, NULL);
    *ret_desk = desk;
    return REPLI_OK;
}

void repli__http_desk_abandon(repli__http_desk *desk) {
    repli__free(&repli__mem_default, desk);
}

void repli__http_desk_unref(repli__http_desk *desk) {
    if (desk == NULL || atomic_fetch_sub(&desk->references, 1) != 1)
        return;
    repli__http_replies_dispose(&desk->replies);
    pthread_mutex_destroy(&desk->mutex);
    repli__http_desk_abandon(desk);
}

repli__web_handler repli__http_desk_handler(repli__http_desk *desk) {
    static const char text[] =
        "{\"error\":true,\"error_msg\":\"the agent has no memory for its answer\"}";
    static const repli__web_response no_memory = {.status = 503,
                                                  .content_type = repli__http_json,
                                                  .body = text,
                                                  .body_size = sizeof(text) - 1,
                                                  .release = repli__web_release_nothing};
    return (repli__web_handler){.user_data = desk,
                                .call_size = sizeof(visit),
                                .begin = begin,
                                .answer = answer,
                                .refuse = refuse,
                                .no_memory = &no_memory};
}
