#include "web_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

web_fixture fixture;

void wait_for(atomic_int *value, int least) {
    const int64_t end_ms = test_now_ms() + PATIENCE_MS;
    while (atomic_load(value) < least && test_now_ms() < end_ms)
        test_sleep_ms(1);
    ck_assert_int_ge(atomic_load(value), least);
}

/* In the server's threads, where an assertion may come when its test is over. */
static void expect(int holds) {
    if (!holds)
        atomic_fetch_add(&fixture.mistakes, 1);
}

int count_of(const char *text, const char *part) {
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* Answers. */

typedef struct seen {
    char accept[32]; /* the header */
} seen;

static repli__web_response text_of(const char *text) {
    return (repli__web_response){
        .status = 200, .content_type = "text/plain", .body = text, .body_size = strlen(text)};
}

static void tell(const repli__web_request *request) {
    static const repli__web_pair headers[] = {{"X-One", "1"}, {"X-Two", "2"}};
    char text[REPLI__WEB_TARGET_SIZE + BODY + 256];
    snprintf(text, sizeof(text), "%s %s kind %d flags %u peer %s accept %s body %zu:%.*s|",
             request->method, request->target, request->kind, (unsigned)request->flags,
             request->peer != NULL ? request->peer : "none", ((const seen *)request->call)->accept,
             request->body_size, (int)request->body_size,
             request->body_size > 0 ? request->body : "");
    repli__web_response response = text_of(text);
    response.headers = headers;
    response.header_count = 2;
    response.retry_after_s = 3;
    repli__web_answer(request, &response);
}

static void released(void *owner) {
    atomic_fetch_add((atomic_int *)owner, 1);
}

static void answer_owned(const repli__web_request *request) {
    repli__web_response response = text_of("owned");
    response.release = released;
    response.owner = &fixture.released;
    repli__web_answer(request, &response);
}

static void keep(const repli__web_request *request) {
    pthread_mutex_lock(&fixture.mutex);
    ck_assert_uint_lt(fixture.kept_count, MOST_KEPT);
    fixture.kept[fixture.kept_count++] = request;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.mutex);
}

static void wait_until_open(void) {
    pthread_mutex_lock(&fixture.mutex);
    fixture.within++;
    pthread_cond_broadcast(&fixture.changed);
    while (!fixture.open)
        pthread_cond_wait(&fixture.changed, &fixture.mutex);
    pthread_mutex_unlock(&fixture.mutex);
    atomic_fetch_add(&fixture.passed, 1);
}

/* Page k has the letter k all over, and a line's end. */
static int next_page(void *user_data, repli_buf *page) {
    const int k = atomic_fetch_add(&fixture.made, 1);
    (void)user_data;
    if (fixture.plan.wakes_itself)
        repli__web_wake(fixture.streaming);
    if (k < fixture.plan.pages) {
        char block[1024];
        memset(block, 'a' + k % 26, sizeof(block));
        for (size_t left = fixture.plan.size; left > 0;) {
            const size_t size = left < sizeof(block) ? left : sizeof(block);
            if (left <= sizeof(block))
                block[size - 1] = '\n';
            if (repli__buf_append(page, block, size) != REPLI_OK)
                return REPLI__WEB_BREAK;
            left -= size;
        }
    }
    if (k + 1 < fixture.plan.pages)
        return fixture.plan.verdict != 0 ? fixture.plan.verdict : REPLI__WEB_MORE;
    return fixture.plan.last != 0 ? fixture.plan.last : REPLI__WEB_END;
}

static void ended(void *user_data) {
    atomic_fetch_add((atomic_int *)user_data, 1);
}

static void answer_stream(const repli__web_request *request) {
    repli__web_response response = text_of(fixture.plan.first != NULL ? fixture.plan.first : "");
    repli__web_stream stream = fixture.plan.stream;
    stream.user_data = &fixture.ended;
    stream.next = next_page;
    stream.end = ended;
    fixture.streaming = request;
    repli__web_answer_stream(request, &response, &stream);
}

static void refuse_stream(const repli__web_request *request) {
    repli__web_response response = text_of("too many streams");
    response.status = 503;
    repli__web_answer(request, &response);
}

static int is_for(const repli__web_request *request, const char *path) {
    return strncmp(request->target, path, strlen(path)) == 0;
}

static int begin(void *user_data, const repli__web_request *request) {
    seen *it = request->call;
    const char *accept = repli__web_header(request, "aCCept");
    expect(user_data == &fixture);
    snprintf(it->accept, sizeof(it->accept), "%s", accept != NULL ? accept : "none");
    if (is_for(request, "/stream") && !repli__web_may_stream(request))
        snprintf(it->accept, sizeof(it->accept), "no stream");
    atomic_fetch_add(&fixture.begun, 1);
    return is_for(request, "/worker") || is_for(request, "/blocked") ? REPLI__WEB_WORKER
                                                                     : REPLI__WEB_AT_ONCE;
}

static void answer(void *user_data, const repli__web_request *request) {
    (void)user_data;
    const seen *it = request->call;
    if (is_for(request, "/blocked"))
        wait_until_open();
    if (is_for(request, "/later"))
        keep(request);
    else if (is_for(request, "/owned"))
        answer_owned(request);
    else if (is_for(request, "/prepared"))
        repli__web_answer_prepared(request, fixture.prepared);
    else if (is_for(request, "/stream") && strcmp(it->accept, "no stream") == 0)
        refuse_stream(request);
    else if (is_for(request, "/stream"))
        answer_stream(request);
    else
        tell(request);
}

static void refuse(void *user_data, const repli__web_request *request, int32_t status,
                   const repli_error *why) {
    static const repli__web_pair headers[] = {{"X-Refused", "yes"}};
    expect(user_data == &fixture && request->call != NULL && request->kind != 0);
    repli__web_response response = text_of(why->message);
    response.status = status;
    response.headers = headers;
    response.header_count = 1;
    response.retry_after_s = status == 503 ? 2 : 0;
    repli__web_answer(request, &response);
}

static void turn(void *user_data, int what) {
    expect(user_data == &fixture);
    if (what == REPLI__WEB_TURN_BEGINS)
        return;
    expect(what == REPLI__WEB_TURN_ENDS || fixture.how == WEB_RELIEVED);
    atomic_fetch_add(&fixture.turns, 1);
    if (what == REPLI__WEB_TURN_IS_OVER && atomic_load(&fixture.blocks) > 0) {
        atomic_fetch_sub(&fixture.blocks, 1);
        wait_until_open();
    }
}

/* Life. */

repli__web_settings web_fixture_settings(void) {
    return (repli__web_settings){.max_connections = CONNECTIONS,
                                 .request_ns = REQUEST_MS * (uint64_t)REPLI__NS_PER_MS,
                                 .keep_alive_ns = KEEP_ALIVE_MS * (uint64_t)REPLI__NS_PER_MS,
                                 .max_body = BODY};
}

void web_fixture_reload(const repli__web_settings *settings) {
    const repli__web_tls tls[REPLI__WEB_TLS_SETS] = {{0}};
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__web_reload(fixture.web, settings, tls, &error) == REPLI_OK, "%s",
                  error.message);
}

static void *drive(void *argument) {
    (void)argument;
    struct pollfd fds[] = {{.fd = fixture.fd, .events = POLLIN},
                           {.fd = fixture.wake_fd, .events = POLLIN}};
    while (!(fds[1].revents & POLLIN)) {
        const uint64_t due_ns = repli__web_turn(fixture.web);
        poll(fds, 2, repli__ms_until(due_ns));
    }
    return NULL;
}

static void must(int32_t code, const repli_error *error) {
    ck_assert_msg(code == REPLI_OK, "%s", error->message);
}

static void serve(int driven, repli_error *error) {
    fixture.driven = driven;
    if (!driven) {
        must(repli__web_start(fixture.web, error), error);
        return;
    }
    must(repli__web_drive(fixture.web, &fixture.fd, error), error);
    fixture.wake_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_ge(fixture.wake_fd, 0);
    ck_assert_int_eq(pthread_create(&fixture.driver, NULL, drive, NULL), 0);
}

static void listen_all(repli_error *error) {
    const repli__web_address addresses[] = {
        {.kind = KIND_MAIN, .tcp = "127.0.0.1:0"},
        {.kind = KIND_SPARE, .tcp = "127.0.0.1:0", .privileged = 1},
        {.kind = KIND_LOCAL, .unix_path = fixture.socket_path, .mode = 0600, .privileged = 1}};
    uint16_t ports[3];
    for (size_t i = 0; i < 3; i++)
        must(repli__web_listen(fixture.web, &addresses[i], &ports[i], error), error);
    ck_assert_uint_eq(ports[2], 0);
    fixture.port = ports[0];
    fixture.spare_port = ports[1];
    snprintf(fixture.base, sizeof(fixture.base), "http://127.0.0.1:%d", (int)fixture.port);
}

void web_fixture_setup(int how) {
    static const repli__web_response no_memory = {
        .status = 503, .body = "no memory", .body_size = 9, .release = repli__web_release_nothing};
    const char *tmp = getenv("TMPDIR");
    repli_error error = REPLI_ERROR_INIT;
    memset(&fixture, 0, sizeof(fixture));
    fixture.how = how;
    snprintf(fixture.directory, sizeof(fixture.directory), "%.40s/web-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(fixture.directory));
    snprintf(fixture.socket_path, sizeof(fixture.socket_path), "%s/socket", fixture.directory);
    pthread_mutex_init(&fixture.mutex, NULL);
    pthread_cond_init(&fixture.changed, NULL);
    failing_init(&fixture.memory);
    const repli__web_options options = {.mem = &fixture.memory.allocator,
                                        .handler = {.user_data = &fixture,
                                                    .call_size = sizeof(seen),
                                                    .begin = begin,
                                                    .answer = answer,
                                                    .refuse = refuse,
                                                    .turn = turn,
                                                    .no_memory = &no_memory},
                                        .settings = web_fixture_settings(),
                                        .loop_name = "web-loop",
                                        .worker_name = "web-worker",
                                        .relief_name = how == WEB_RELIEVED ? "web-relief" : NULL};
    repli__web_response prepared = text_of("prepared");
    prepared.release = released;
    prepared.owner = &fixture.released;
    must(repli__web_prepare(&fixture.memory.allocator, &prepared, &fixture.prepared, &error),
         &error);
    must(repli__web_new(&options, &fixture.web, &error), &error);
    listen_all(&error);
    serve(how == WEB_DRIVEN, &error);
}

void web_fixture_end_driver(void) {
    const uint64_t one = 1;
    if (!fixture.driven)
        return;
    fixture.driven = 0;
    ck_assert_int_eq(write(fixture.wake_fd, &one, sizeof(one)), sizeof(one));
    pthread_join(fixture.driver, NULL);
    close(fixture.wake_fd);
    fixture.wake_fd = -1;
}

void web_fixture_stop(int64_t ms) {
    const int driven = fixture.driven;
    web_fixture_end_driver();
    if (fixture.web == NULL)
        return;
    repli__web_stop(fixture.web, repli__deadline_ns(ms));
    while (driven && !repli__web_stopped(fixture.web)) {
        struct pollfd fd = {.fd = fixture.fd, .events = POLLIN};
        poll(&fd, 1, repli__ms_until(repli__web_turn(fixture.web)));
    }
    repli__web_free(fixture.web);
    fixture.web = NULL;
}

void web_fixture_teardown(void) {
    web_fixture_open();
    web_fixture_stop(0);
    repli__web_prepared_unref(fixture.prepared);
    ck_assert_int_eq(atomic_load(&fixture.mistakes), 0);
    ck_assert_uint_eq(atomic_load(&fixture.memory.live), 0);
    /* The socket's file went with the server. */
    ck_assert_int_eq(rmdir(fixture.directory), 0);
}

/* What goes on. */

const repli__web_request *web_fixture_kept(size_t count) {
    pthread_mutex_lock(&fixture.mutex);
    while (fixture.kept_count < count)
        pthread_cond_wait(&fixture.changed, &fixture.mutex);
    const repli__web_request *request = fixture.kept[0];
    pthread_mutex_unlock(&fixture.mutex);
    return request;
}

void web_fixture_answer(const char *text) {
    const repli__web_request *request = web_fixture_kept(1);
    const repli__web_response response = text_of(text);
    pthread_mutex_lock(&fixture.mutex);
    fixture.kept_count--;
    memmove(fixture.kept, fixture.kept + 1, fixture.kept_count * sizeof(fixture.kept[0]));
    pthread_mutex_unlock(&fixture.mutex);
    repli__web_answer(request, &response);
}

void web_fixture_open(void) {
    pthread_mutex_lock(&fixture.mutex);
    fixture.open = 1;
    pthread_cond_broadcast(&fixture.changed);
    pthread_mutex_unlock(&fixture.mutex);
}

http_reply web_ask(http_ask ask) {
    return http_ask_at(fixture.base, fixture.socket_path, &ask);
}

http_reply web_get(const char *path) {
    return web_ask((http_ask){.url = path});
}

int web_run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
