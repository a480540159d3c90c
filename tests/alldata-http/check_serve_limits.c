/* Limits of the servers, rights, and their beginning and end. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs.h"
#include "world.h"

static world w;

static void setup(void) {
    world_begin(&w);
}

static void teardown(void) {
    world_end(&w);
}

static http_reply put(const char *base, const char *body) {
    return http_ask_at(base, NULL, &(http_ask){.url = "/", .body = body});
}

static http_reply get(const char *base, const char *url) {
    return http_ask_at(base, NULL, &(http_ask){.url = url});
}

static uint64_t requests_refused(void) {
    alldata_http_counters counters = ALLDATA_HTTP_COUNTERS_INIT;
    MUST(alldata_http_server_count(w.server, &counters, err));
    return counters.refused;
}

/* Weakness 11. */

START_TEST(a_body_that_says_it_is_huge_is_not_read) {
    w.server_options.max_body = 1000;
    world_open(&w);
    char *answer =
        world_text(w.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 268435456\r\n\r\n[1,2,3");
    ck_assert_msg(world_status(answer) == 413, "%s", answer);
    ck_assert_ptr_nonnull(strstr(world_body(answer), "\"error\":true"));
    ck_assert_ptr_nonnull(strstr(world_body(answer), "1000 bytes"));
    free(answer);
    answer = world_text(w.port, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                "Content-Length: 1001\r\n\r\n");
    ck_assert_msg(world_status(answer) == 413, "%s", answer);
    free(answer);
    ck_assert_uint_eq(requests_refused(), 2);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

/* One that does not say so is read to its end, since the client hears nothing before, and not kept.
 */
START_TEST(a_huge_body_in_chunks_takes_no_memory) {
    enum { CHUNK = 64 * 1024, CHUNKS = 1024 };
    world_open(&w);
    char *chunk = malloc(CHUNK + 16);
    ck_assert_ptr_nonnull(chunk);
    const int head = snprintf(chunk, 16, "%x\r\n", CHUNK);
    memset(chunk + head, ' ', CHUNK);
    memcpy(chunk + head + CHUNK, "\r\n", 2);
    const long before = world_resident();
    const int fd = raw_connect(w.port);
    raw_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < CHUNKS; i++)
        raw_send(fd, chunk, (size_t)head + CHUNK + 2);
    raw_text(fd, "0\r\n\r\n");
    char text[2048];
    raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
    ck_assert_msg(world_status(text) == 413, "%s", text);
    close(fd);
    free(chunk);
    ck_assert_msg(world_resident() - before < 16 * 1024, "%ld KiB more", world_resident() - before);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

START_TEST(many_events_may_take_more) {
    w.server_options.max_body = 1000;
    w.server_options.max_bulk_body = 10000;
    world_open(&w);
    char body[5001];
    memset(body, ' ', sizeof(body) - 1);
    memcpy(body, "1\n2", 3);
    body[sizeof(body) - 1] = '\0';
    const http_ask ask = {
        .url = "/_alldata/events", .body = body, .headers = {"Content-Type: application/x-ndjson"}};
    http_expect(http_ask_at(w.base, NULL, &ask), 201);
    http_expect(put(w.base, body), 413);
    ck_assert_uint_eq(world_count(&w), 2);
}
END_TEST

START_TEST(bodies_have_room_together) {
    w.server_options.max_receiving = 3000;
    world_open(&w);
    char body[2001];
    memset(body, ' ', 2000);
    body[2000] = '\0';
    const int fd = raw_connect(w.port);
    raw_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n");
    raw_text(fd, body);
    /* Until that is taken there is room for another one. */
    const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
    long status = 201;
    while (status != 503 && test_now_ms() < until_ms) {
        memcpy(body, "7", 1);
        http_reply reply = put(w.base, body);
        status = reply.status;
        char retry[16];
        if (status == 503)
            ck_assert_str_eq(http_header(&reply, "Retry-After", retry, sizeof(retry)), "1");
        http_reply_free(&reply);
    }
    ck_assert_int_eq(status, 503);
    raw_text(fd, "1");
    char text[1024];
    raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
    ck_assert_int_eq(world_status(text), 201);
    close(fd);
    http_expect(put(w.base, body), 201);
}
END_TEST

/* Weakness 10. */
START_TEST(a_slow_client_is_cut) {
    w.server_options.request_timeout_ms = 200;
    world_open(&w);
    const int slow = raw_connect(w.port);
    raw_text(slow, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1");
    const int silent = raw_connect(w.peer_port);
    ck_assert_int_ge(raw_wait_end(slow, WORLD_PATIENCE_MS), 0);
    ck_assert_int_ge(raw_wait_end(silent, WORLD_PATIENCE_MS), 0);
    close(slow);
    close(silent);
    http_expect(put(w.base, "1"), 201);
}
END_TEST

START_TEST(an_idle_connection_is_closed) {
    w.server_options.keep_alive_ms = 200;
    world_open(&w);
    char text[1024];
    const int fd = raw_connect(w.port);
    raw_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
    raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
    ck_assert_int_eq(world_status(text), 201);
    ck_assert_int_ge(raw_wait_end(fd, WORLD_PATIENCE_MS), 0);
    close(fd);
}
END_TEST

START_TEST(many_connections_do_not_lock_peers_out) {
    enum { MOST = 16 };
    w.server_options.max_connections = MOST;
    world_open(&w);
    int crowd[2 * MOST];
    for (int i = 0; i < 2 * MOST; i++) {
        crowd[i] = raw_connect(w.port);
        raw_text(crowd[i], "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
    }
    http_expect(get(w.peer_base, "/health/live"), 200);
    http_expect(
        http_ask_at(w.base, w.socket_path, &(http_ask){.url = "/health/live", .unix_socket = 1}),
        200);
    alldata_http_counters counters = ALLDATA_HTTP_COUNTERS_INIT;
    MUST(alldata_http_server_count(w.server, &counters, err));
    ck_assert_uint_le(counters.open, MOST);
    ck_assert_uint_gt(counters.open_clients, 0);
    for (int i = 0; i < 2 * MOST; i++)
        close(crowd[i]);
}
END_TEST

/* Back-pressure: what the node has no room for is refused, and may be tried again. */
START_TEST(puts_without_room_are_told_to_come_again) {
    w.node_options.max_waiting_bytes = 1;
    world_open(&w);
    char *event = malloc(400 * 1000);
    ck_assert_ptr_nonnull(event);
    memset(event, ' ', 399999);
    event[0] = '1';
    event[399999] = '\0';
    http_reply reply = put(w.base, event);
    free(event);
    char retry[16];
    ck_assert_int_eq(reply.status, 503);
    ck_assert_str_eq(http_header(&reply, "Retry-After", retry, sizeof(retry)), "1");
    ck_assert_ptr_nonnull(strstr(reply.body, "\"code\":\"full\""));
    http_reply_free(&reply);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

START_TEST(too_many_events_at_a_time_are_refused) {
    enum { COUNT = 65537 };
    world_open(&w);
    char *body = malloc(2 * COUNT + 1);
    ck_assert_ptr_nonnull(body);
    for (int i = 0; i < COUNT; i++)
        memcpy(body + 2 * i, "1\n", 3);
    const http_ask ask = {
        .url = "/_alldata/events", .body = body, .headers = {"Content-Type: application/x-ndjson"}};
    http_expect(http_ask_at(w.base, NULL, &ask), 413);
    free(body);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

/* Rights. */

static http_reply ask_with(const char *base, const char *url, const char *header) {
    return http_ask_at(base, NULL, &(http_ask){.url = url, .headers = {header}});
}

START_TEST(a_secret_is_asked_for) {
    alldata_http_security clients = ALLDATA_HTTP_SECURITY_INIT;
    alldata_http_security peers = ALLDATA_HTTP_SECURITY_INIT;
    clients.secret = "open-sesame";
    peers.secret = "rosebud";
    w.server_options.client_security = &clients;
    w.server_options.peer_security = &peers;
    world_open(&w);
    char challenge[64];
    http_reply reply = put(w.base, "1");
    ck_assert_int_eq(reply.status, 401);
    ck_assert_int_eq(
        strncmp(http_header(&reply, "WWW-Authenticate", challenge, sizeof(challenge)), "Bearer", 6),
        0);
    http_reply_free(&reply);
    static const char *const wrong[] = {
        "Authorization: Bearer rosebud",    "Authorization: Bearer ",
        "Authorization: Bearer open-sesam", "Authorization: Bearer open-sesame2",
        "Authorization: Basic open-sesame", "Authorization: Bearer open-sesameopen-sesame",
        "Authorization: open-sesame"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        http_expect(ask_with(w.base, "/_alldata/status", wrong[i]), 401);
    http_expect(ask_with(w.base, "/_alldata/status", "Authorization: Bearer open-sesame"), 200);
    http_expect(ask_with(w.peer_base, "/metrics", "Authorization: bearer rosebud"), 200);
    http_expect(ask_with(w.peer_base, "/metrics", "Authorization: Bearer open-sesame"), 401);
    http_expect(get(w.base, "/health/live"), 200);
    http_expect(
        http_ask_at(w.base, w.socket_path, &(http_ask){.url = "/", .body = "1", .unix_socket = 1}),
        201);
    ck_assert_uint_eq(world_count(&w), 1);
    w.server_options.client_security = NULL;
    w.server_options.peer_security = NULL;
}
END_TEST

START_TEST(web_pages_give_no_orders) {
    world_open(&w);
    const http_ask ask = {.url = "/_alldata/export?interval=20200101T000000",
                          .method = "POST",
                          .headers = {"Origin: http://evil.example"}};
    http_expect(http_ask_at(w.base, NULL, &ask), 403);
    http_expect(http_ask_at(w.base, NULL, &(http_ask){.url = ask.url, .method = "POST"}), 404);
}
END_TEST

START_TEST(ports_may_differ_in_their_certificates) {
    certs ca, other_ca, server, peer_server, peer;
    alldata_http_security clients = ALLDATA_HTTP_SECURITY_INIT;
    alldata_http_security peers = ALLDATA_HTTP_SECURITY_INIT;
    certs_make(&ca, w.directory, "ca", CERTS_CA, 1, NULL);
    certs_make(&other_ca, w.directory, "other-ca", CERTS_CA, 1, NULL);
    certs_make(&server, w.directory, "server", CERTS_SERVER, 1, &ca);
    certs_make(&peer_server, w.directory, "peer-server", CERTS_SERVER, 1, &other_ca);
    certs_make(&peer, w.directory, "peer", CERTS_CLIENT, 1, &other_ca);
    clients.cert_pem = server.cert_pem;
    clients.key_pem = server.key_pem;
    peers.cert_pem = peer_server.cert_pem;
    peers.key_pem = peer_server.key_pem;
    peers.ca_pem = other_ca.cert_pem;
    w.server_options.client_security = &clients;
    w.server_options.peer_security = &peers;
    world_open(&w);
    char name[64];
    ck_assert_int_ne(certs_ask_name(w.port, NULL, name, sizeof(name)), 0);
    ck_assert_str_eq(name, "server");
    http_expect(http_ask_at(w.base, NULL, &(http_ask){.url = "/", .body = "1", .ca = ca.cert_path}),
                201);
    http_expect(http_ask_at(w.peer_base, NULL,
                            &(http_ask){.url = "/health/live",
                                        .ca = other_ca.cert_path,
                                        .certificate = peer.cert_path,
                                        .key = peer.key_path}),
                200);
    http_reply stranger = http_ask_at(w.peer_base, NULL,
                                      &(http_ask){.url = "/health/live", .ca = other_ca.cert_path});
    ck_assert_int_ne(stranger.failed, CURLE_OK);
    http_reply_free(&stranger);

    /* Another certificate, without an end. */
    certs fresh;
    certs_make(&fresh, w.directory, "fresh", CERTS_SERVER, 1, &ca);
    clients.cert_pem = fresh.cert_pem;
    clients.key_pem = fresh.key_pem;
    MUST(alldata_http_server_reload(w.server, &w.server_options, err));
    ck_assert_int_ne(certs_ask_name(w.port, NULL, name, sizeof(name)), 0);
    ck_assert_str_eq(name, "fresh");
    repli_error error = REPLI_ERROR_INIT;
    clients.key_pem = server.key_pem;
    ck_assert_int_eq(alldata_http_server_reload(w.server, &w.server_options, &error),
                     REPLI_EINVALID);
    http_expect(http_ask_at(w.base, NULL, &(http_ask){.url = "/", .body = "1", .ca = ca.cert_path}),
                201);
    certs_free(&fresh);
    certs_free(&peer);
    certs_free(&peer_server);
    certs_free(&server);
    certs_free(&other_ca);
    certs_free(&ca);
    w.server_options.client_security = NULL;
    w.server_options.peer_security = NULL;
}
END_TEST

START_TEST(limits_and_secrets_can_change) {
    alldata_http_security clients = ALLDATA_HTTP_SECURITY_INIT;
    world_open(&w);
    clients.secret = "open-sesame";
    w.server_options.client_security = &clients;
    w.server_options.max_body = 10;
    MUST(alldata_http_server_reload(w.server, &w.server_options, err));
    http_expect(put(w.base, "1"), 401);
    http_expect(put(w.base, "\"123456789\""), 413);
    w.server_options.client_security = NULL;
    MUST(alldata_http_server_reload(w.server, &w.server_options, err));
    http_expect(put(w.base, "1"), 201);
    w.server_options.clients = "127.0.0.1:1";
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_http_server_reload(w.server, &w.server_options, &error),
                     REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "cannot change"));
}
END_TEST

/* Beginning and end. */

/* Weakness 35. */
START_TEST(a_port_in_use_is_named) {
    world_open(&w);
    char taken[64];
    alldata_http_server *server = NULL;
    repli_error error = REPLI_ERROR_INIT;
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", w.port);
    options.peers = taken;
    ck_assert_int_eq(alldata_http_server_new(w.node, &options, NULL, &server, &error), REPLI_EBUSY);
    ck_assert_msg(strstr(error.message, taken) != NULL, "%s", error.message);
    ck_assert_ptr_null(server);
    http_expect(put(w.base, "1"), 201);
}
END_TEST

START_TEST(what_has_begun_is_answered_at_the_end) {
    world_open(&w);
    char text[1024];
    const int fd = raw_connect(w.port);
    raw_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
    alldata_http_server_free(w.server, WORLD_PATIENCE_MS);
    w.server = NULL;
    raw_read(fd, text, sizeof(text), NULL, WORLD_PATIENCE_MS, NULL);
    close(fd);
    ck_assert_msg(world_status(text) == 201, "%s", text);
    ck_assert_uint_eq(world_count(&w), 1);
}
END_TEST

/* Weakness 10: a put that nobody decides ends by its time, and the server before that if it must.
 */
START_TEST(a_server_ends_with_puts_in_flight) {
    world_join(&w, 3);
    w.node_options.timeout_ms = WORLD_PATIENCE_MS;
    world_open(&w);
    const int fd = raw_connect(w.port);
    raw_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
    const int64_t since_ms = test_now_ms();
    alldata_http_server_free(w.server, 100);
    w.server = NULL;
    ck_assert_int_lt(test_now_ms() - since_ms, WORLD_PATIENCE_MS);
    ck_assert_int_ge(raw_wait_end(fd, WORLD_PATIENCE_MS), 0);
    close(fd);
}
END_TEST

/* Without threads. */

static int threads_of_ours(void) {
    return system("grep -qs '^alldata' /proc/\"$PPID\"/task/*/comm") == 0;
}

static void drive(int fd_to_answer) {
    struct pollfd all[] = {{.fd = alldata_http_server_fd(w.server), .events = POLLIN},
                           {.fd = alldata_node_fd(w.node), .events = POLLIN},
                           {.fd = fd_to_answer, .events = POLLIN}};
    const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
    while (all[2].revents == 0 && test_now_ms() < until_ms) {
        poll(all, 3, WORLD_PATIENCE_MS);
        if (all[0].revents != 0)
            MUST(alldata_http_server_dispatch(w.server, err));
        if (all[1].revents != 0)
            MUST(alldata_node_dispatch(w.node, err));
    }
}

START_TEST(a_host_may_drive_it) {
    w.node_options.run_mode = ALLDATA_RUN_DISPATCH;
    w.server_options.run_mode = ALLDATA_RUN_DISPATCH;
    world_open(&w);
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1",
        "GET /_alldata/intervals HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /_alldata/events HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    char text[65536];
    const int fd = raw_connect(w.port);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        raw_text(fd, requests[i]);
        drive(fd);
        raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
        ck_assert_msg(world_status(text) == (i == 0 ? 201 : 200), "%s", text);
        if (i == 2) { /* it has come in two parts, maybe */
            while (strstr(text, "\r\n0\r\n") == NULL) {
                drive(fd);
                const size_t used = strlen(text);
                ck_assert_uint_gt(raw_read(fd, text + used, sizeof(text) - used, "0\r\n",
                                           WORLD_PATIENCE_MS, NULL),
                                  0);
            }
        }
    }
    close(fd);
    ck_assert_int_eq(threads_of_ours(), 0);
}
END_TEST

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("alldata-http: limits");
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_body_that_says_it_is_huge_is_not_read);
    tcase_add_test(tcase, a_huge_body_in_chunks_takes_no_memory);
    tcase_add_test(tcase, many_events_may_take_more);
    tcase_add_test(tcase, bodies_have_room_together);
    tcase_add_test(tcase, a_slow_client_is_cut);
    tcase_add_test(tcase, an_idle_connection_is_closed);
    tcase_add_test(tcase, many_connections_do_not_lock_peers_out);
    tcase_add_test(tcase, puts_without_room_are_told_to_come_again);
    tcase_add_test(tcase, too_many_events_at_a_time_are_refused);
    tcase_add_test(tcase, a_secret_is_asked_for);
    tcase_add_test(tcase, web_pages_give_no_orders);
    tcase_add_test(tcase, ports_may_differ_in_their_certificates);
    tcase_add_test(tcase, limits_and_secrets_can_change);
    tcase_add_test(tcase, a_port_in_use_is_named);
    tcase_add_test(tcase, what_has_begun_is_answered_at_the_end);
    tcase_add_test(tcase, a_server_ends_with_puts_in_flight);
    tcase_add_test(tcase, a_host_may_drive_it);
    suite_add_tcase(suite, tcase);
    return world_run(suite);
}
