#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "calls.h"
#include "peer.h"

/* The transport, against servers that answer well, badly and not at all. Each test is done with a
 * thread and driven. */

/* What the peer does is in the path. */
static int behave(void *user_data, const peer_request *request, char *answer, size_t size) {
    const atomic_int *released = user_data;
    const char *path = request->path;
    if (strcmp(path, "/hang") == 0)
        return released != NULL && atomic_load(released) ? PEER_CLOSE : PEER_HANG;
    if (strcmp(path, "/garbage") == 0) {
        snprintf(answer, size, "What is it?\r\n\r\n");
        return PEER_CLOSE;
    }
    if (strcmp(path, "/close") == 0)
        return PEER_CLOSE;
    if (strcmp(path, "/part") == 0) {
        snprintf(answer, size, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        return PEER_CLOSE;
    }
    if (strcmp(path, "/last") == 0) {
        snprintf(answer, size, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        return PEER_CLOSE;
    }
    if (strcmp(path, "/moved") == 0) {
        snprintf(answer, size,
                 "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n");
        return PEER_KEEP;
    }
    if (strcmp(path, "/large") == 0) {
        snprintf(answer, size, "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n%03000d", 0);
        return PEER_KEEP;
    }
    char type[64];
    char length[32];
    char secret[64];
    char body[2048];
    peer_header(request, "Content-Type", type, sizeof(type));
    peer_header(request, "Content-Length", length, sizeof(length));
    peer_header(request, "Authorization", secret, sizeof(secret));
    snprintf(body, sizeof(body), "%s %s type=%s length=%s secret=%s accept=%d body=%.*s",
             request->method, path, type, length, secret,
             strstr(request->headers, "Accept:") != NULL, (int)request->body_size, request->body);
    snprintf(answer, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return PEER_KEEP;
}

START_TEST(requests_arrive_as_they_are) {
    peer *p = peer_start(NULL, behave, NULL);
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.secret = "sesame";
    alldata_transport *t = calls_make(_i, 0, &security);
    calls_outcome got;
    alldata_call call = calls_call(peer_port(p), "/a?b=c", &got);
    call.method = "POST";
    call.type = "application/x-alldata-records";
    call.body = "\"\xc3\xa9\"";
    call.body_size = 4;
    calls_ask(t, &call);
    ck_assert_int_eq(got.status, 200);
    ck_assert_str_eq(got.body, "POST /a?b=c type=application/x-alldata-records length=4 "
                               "secret=Bearer sesame accept=0 body=\"\xc3\xa9\"");
    /* As to a reference node. */
    call.type = NULL;
    call.body_size = 0;
    calls_ask(t, &call);
    ck_assert_str_eq(got.body, "POST /a?b=c type= length=0 secret=Bearer sesame accept=0 body=");
    call.method = "GET";
    calls_ask(t, &call);
    ck_assert_str_eq(got.body, "GET /a?b=c type= length= secret=Bearer sesame accept=0 body=");
    ck_assert_int_eq(peer_connections(p), 1);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

START_TEST(a_body_of_any_size_arrives) {
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 0, NULL);
    calls_outcome got;
    enum { SIZE = 3 * 1024 * 1024 };
    char *body = malloc(SIZE);
    memset(body, 'x', SIZE);
    alldata_call call = calls_call(peer_port(p), "/last", &got);
    call.method = "POST";
    call.body = body;
    call.body_size = SIZE;
    calls_ask(t, &call);
    ck_assert_int_eq(got.status, 201);
    alldata_http_transport_free(t);
    free(body);
    peer_stop(p);
}
END_TEST

START_TEST(connections_are_kept_and_limited) {
    enum { CALLS = 40, LIMIT = 3 };
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, LIMIT, NULL);
    static calls_outcome got[CALLS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CALLS; i++) {
            const alldata_call call = calls_call(peer_port(p), "/echo", &got[i]);
            calls_begin(t, &call);
        }
        for (int i = 0; i < CALLS; i++) {
            calls_await(t, &got[i]);
            ck_assert_int_eq(got[i].status, 200);
        }
    }
    ck_assert_int_le(peer_connections(p), LIMIT);
    ck_assert_int_eq(peer_requests(p), 3 * CALLS);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

START_TEST(a_connection_that_the_peer_closed_is_replaced) {
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 1, NULL);
    calls_outcome got;
    const alldata_call call = calls_call(peer_port(p), "/echo", &got);
    const alldata_call last = calls_call(peer_port(p), "/last", &got);
    for (int i = 1; i <= 5; i++) {
        calls_ask(t, &call);
        ck_assert_int_eq(got.status, 200);
        peer_cut(p);
    }
    ck_assert_int_eq(peer_connections(p), 5);
    calls_ask(t, &last);
    ck_assert_int_eq(got.status, 201);
    calls_ask(t, &call);
    ck_assert_int_eq(got.status, 200);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

static void expect_failure(const alldata_transport *t, const alldata_call *call, int32_t code,
                           const char *said) {
    calls_outcome *got = call->user_data;
    calls_ask(t, call);
    ck_assert_msg(got->error.code == code, "%s: %s: %s", call->path,
                  alldata_error_name(got->error.code), got->error.message);
    ck_assert_msg(strstr(got->error.message, said) != NULL, "%s", got->error.message);
}

START_TEST(failures_are_told_apart) {
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 0, NULL);
    calls_outcome got;
    char where[64];
    alldata_call call = calls_call(peer_free_port(), "/", &got);
    snprintf(where, sizeof(where), "127.0.0.1:%d", (int)call.port);
    expect_failure(t, &call, REPLI_EREFUSED, where);
    call.port = peer_port(p);
    call.path = "/garbage";
    expect_failure(t, &call, REPLI_EPROTOCOL, "");
    call.path = "/close";
    expect_failure(t, &call, REPLI_ELOST, "");
    call.path = "/part";
    expect_failure(t, &call, REPLI_ELOST, "");
    call.path = "/large";
    call.max_reply = 2999;
    expect_failure(t, &call, REPLI_EPROTOCOL, "2999");
    call.max_reply = 3000;
    calls_ask(t, &call);
    ck_assert_int_eq(got.status, 200);
    ck_assert_uint_eq(got.body_size, 3000);
    call.path = "/hang";
    call.timeout_ms = 50;
    expect_failure(t, &call, REPLI_ETIMEOUT, "");
    call.timeout_ms = CALLS_PATIENCE_S * 1000;
    call.path = "/moved";
    calls_ask(t, &call);
    ck_assert_int_eq(got.status, 302);
    call.host = "no-such-host.invalid";
    expect_failure(t, &call, REPLI_EREFUSED, "no-such-host.invalid");
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

START_TEST(what_is_no_call_is_refused) {
    alldata_transport *t = calls_make(_i, 0, NULL);
    calls_outcome got;
    const alldata_call good = calls_call(9, "/", &got);
    for (int i = 0; i < 9; i++) {
        static const char *const hosts[] = {NULL, "", "a/b", "user@host"};
        static const char *const paths[] = {NULL, "x", "/a b", "/a\r\nX: y"};
        alldata_call call = good;
        repli_error err = REPLI_ERROR_INIT;
        if (i < 4)
            call.host = hosts[i];
        else if (i < 8)
            call.path = paths[i - 4];
        else
            call.method = "DELETE";
        ck_assert_int_eq(t->begin(t->self, &call, &err), REPLI_EINVALID);
        ck_assert_str_ne(err.message, "");
    }
    alldata_http_transport_free(t);
}
END_TEST

START_TEST(what_waits_too_long_for_a_connection_ends) {
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 1, NULL);
    calls_outcome first;
    calls_outcome second;
    alldata_call call = calls_call(peer_port(p), "/hang", &first);
    calls_begin(t, &call);
    call.user_data = &second;
    call.path = "/echo";
    call.timeout_ms = 50;
    calls_begin(t, &call);
    calls_await(t, &second);
    ck_assert_int_eq(second.error.code, REPLI_ETIMEOUT);
    t->cancel(t->self, &first);
    ck_assert_int_eq(first.error.code, REPLI_ECANCELLED);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

START_TEST(calls_of_one_user_are_cancelled) {
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 2, NULL);
    static calls_outcome mine[4];
    calls_outcome other;
    for (int i = 0; i < 4; i++) {
        alldata_call call = calls_call(peer_port(p), "/hang", &mine[0]);
        if (i == 0)
            calls_begin(t, &call);
        else
            ck_assert_int_eq(t->begin(t->self, &call, NULL), REPLI_OK);
    }
    calls_await_requests(t, p, 2);
    const alldata_call call = calls_call(peer_port(p), "/echo", &other);
    calls_begin(t, &call);
    t->cancel(t->self, &mine[0]);
    ck_assert_int_eq(atomic_load(&mine[0].times), 4);
    ck_assert_int_eq(mine[0].error.code, REPLI_ECANCELLED);
    /* What waited for them goes on. */
    calls_await(t, &other);
    ck_assert_int_eq(other.status, 200);
    t->cancel(t->self, &mine[0]);
    ck_assert_int_eq(atomic_load(&mine[0].times), 4);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

START_TEST(what_is_in_progress_ends_with_the_transport) {
    enum { CALLS = 20 };
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 3, NULL);
    static calls_outcome got[CALLS];
    for (int i = 0; i < CALLS; i++) {
        const alldata_call call = calls_call(peer_port(p), "/hang", &got[i]);
        calls_begin(t, &call);
    }
    if (_i == 0)
        calls_await_requests(t, p, 3);
    alldata_http_transport_free(t);
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(atomic_load(&got[i].times), 1);
        ck_assert_int_eq(got[i].error.code, REPLI_ECANCELLED);
    }
    peer_stop(p);
}
END_TEST

/* From reply to reply. */
typedef struct chain {
    const alldata_transport *transport;
    alldata_call call;
    atomic_int left;
    atomic_int good;
    calls_outcome last;
} chain;

static void go_on(void *user_data, const alldata_reply *reply) {
    chain *c = user_data;
    if (reply->status == 200)
        atomic_fetch_add(&c->good, 1);
    if (atomic_fetch_sub(&c->left, 1) > 1)
        ck_assert_int_eq(c->transport->begin(c->transport->self, &c->call, NULL), REPLI_OK);
    else
        calls_take(&c->last, reply);
}

START_TEST(a_reply_may_begin_the_next_call) {
    enum { CALLS = 500 };
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 0, NULL);
    static chain c;
    memset(&c, 0, sizeof(c));
    calls_reset(&c.last);
    c.transport = t;
    c.call = calls_call(peer_port(p), "/echo", &c.last);
    c.call.reply = go_on;
    c.call.user_data = &c;
    atomic_store(&c.left, CALLS);
    ck_assert_int_eq(t->begin(t->self, &c.call, NULL), REPLI_OK);
    calls_await(t, &c.last);
    ck_assert_int_eq(atomic_load(&c.good), CALLS);
    ck_assert_int_eq(peer_connections(p), 1);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

/* A whole process that is stopped: its kernel takes connections, and nobody answers. */
START_TEST(a_frozen_process_costs_its_time_and_no_more) {
    int fds[2];
    int port = 0;
    ck_assert_int_eq(pipe(fds), 0);
    const pid_t child = fork();
    if (child == 0) {
        peer *p = peer_start(NULL, behave, NULL);
        port = peer_port(p);
        if (write(fds[1], &port, sizeof(port)) != sizeof(port))
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(fds[0], &port, sizeof(port)), sizeof(port));
    peer *good = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(_i, 2, NULL);
    calls_outcome frozen;
    calls_outcome fine;
    alldata_call call = calls_call(port, "/echo", &frozen);
    calls_ask(t, &call);
    ck_assert_int_eq(frozen.status, 200);
    ck_assert_int_eq(kill(child, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(child, NULL, WUNTRACED), child);
    call.timeout_ms = 300;
    calls_begin(t, &call);
    const alldata_call other = calls_call(peer_port(good), "/echo", &fine);
    for (int i = 0; i < 20; i++) {
        calls_ask(t, &other);
        ck_assert_int_eq(fine.status, 200);
    }
    calls_await(t, &frozen);
    ck_assert_int_eq(frozen.error.code, REPLI_ETIMEOUT);
    ck_assert_int_eq(kill(child, SIGCONT), 0);
    call.timeout_ms = CALLS_PATIENCE_S * 1000;
    calls_ask(t, &call);
    ck_assert_int_eq(frozen.status, 200);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    alldata_http_transport_free(t);
    close(fds[0]);
    close(fds[1]);
    peer_stop(good);
}
END_TEST

START_TEST(a_driven_one_tells_its_deadline) {
    peer *p = peer_start(NULL, behave, NULL);
    alldata_transport *t = calls_make(1, 0, NULL);
    calls_outcome got;
    ck_assert(t->deadline(t->self) == UINT64_MAX);
    const alldata_call call = calls_call(peer_port(p), "/echo", &got);
    calls_begin(t, &call);
    struct pollfd fd = {.fd = t->fd(t->self), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, 0), 1);
    calls_await(t, &got);
    ck_assert_int_eq(got.status, 200);
    alldata_http_transport_free(t);
    t = calls_make(0, 0, NULL);
    ck_assert(t->fd == NULL && t->deadline == NULL && t->dispatch == NULL);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata-http: transport");
    TCase *tcase = tcase_create("transport");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, requests_arrive_as_they_are, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, a_body_of_any_size_arrives, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, connections_are_kept_and_limited, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, a_connection_that_the_peer_closed_is_replaced, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, failures_are_told_apart, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, what_is_no_call_is_refused, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, what_waits_too_long_for_a_connection_ends, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, calls_of_one_user_are_cancelled, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, what_is_in_progress_ends_with_the_transport, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, a_reply_may_begin_the_next_call, 0, CALLS_MODES);
    tcase_add_loop_test(tcase, a_frozen_process_costs_its_time_and_no_more, 0, CALLS_MODES);
    tcase_add_test(tcase, a_driven_one_tells_its_deadline);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
