#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs.h"
#include "http_fixture.h"

static http_fixture fixture;
static certs ca;
static certs server;
static certs client_ca;
static certs client;

static void setup(void) {
    http_fixture_agent(&fixture, 0);
    certs_make(&ca, fixture.directory, "Server CA", CERTS_CA, 10, NULL);
    certs_make(&server, fixture.directory, "agent one", CERTS_SERVER, 10, &ca);
    certs_make(&client_ca, fixture.directory, "Client CA", CERTS_CA, 10, NULL);
    certs_make(&client, fixture.directory, "control plane", CERTS_CLIENT, 10, &client_ca);
}

static void teardown(void) {
    http_fixture_teardown(&fixture);
    certs_free(&ca);
    certs_free(&server);
    certs_free(&client_ca);
    certs_free(&client);
}

static repli_http_options tls_options(int mutual) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.request_timeout_ms = 60000; /* memcheck makes cryptography slow */
    options.tls_cert_pem = server.cert_pem;
    options.tls_key_pem = server.key_pem;
    options.tls_client_ca_pem = mutual ? client_ca.cert_pem : NULL;
    return options;
}

static void serve(int mutual) {
    const repli_http_options options = tls_options(mutual);
    http_fixture_serve(&fixture, &options);
}

static const char success[] = "{\"kind\": \"agent.replicante.io/test.success\"}";

/* A request by a client that has this certificate, or none. */
static http_reply ask_as(const certs *identity, const char *body) {
    const http_ask ask = {.url = body != NULL ? "/api/unstable/action" : "/api/unstable/info/node",
                          .body = body,
                          .ca = ca.cert_path,
                          .certificate = identity != NULL ? identity->cert_path : NULL,
                          .key = identity != NULL ? identity->key_path : NULL};
    return http_do(&fixture, &ask);
}

/* Not a byte of an answer. */
static void expect_nothing(http_reply reply) {
    ck_assert_int_ne(reply.failed, CURLE_OK);
    ck_assert_int_eq(reply.status, 0);
    ck_assert_uint_eq(reply.size, 0);
    http_reply_free(&reply);
}

/* TLS. */

START_TEST(tls_serves_who_trusts_the_certificate) {
    serve(0);
    http_expect(ask_as(NULL, NULL), 200);
    const http_ask distrustful = {.url = "/api/unstable/info/node", .ca = client_ca.cert_path};
    expect_nothing(http_do(&fixture, &distrustful));
}
END_TEST

START_TEST(tls_does_not_answer_plain_text) {
    serve(0);
    const int fd = raw_connect(fixture.port);
    raw_text(fd, "GET /api/unstable/info/node HTTP/1.1\r\nHost: x\r\n\r\n");
    char text[4096];
    raw_read(fd, text, sizeof(text), NULL, 8000, NULL);
    ck_assert_ptr_null(strstr(text, "HTTP/1"));
    close(fd);
}
END_TEST

START_TEST(old_tls_is_refused) {
    serve(0);
    char name[64];
    ck_assert_int_eq(certs_ask_name(fixture.port, "NORMAL:-VERS-ALL:+VERS-TLS1.1", name, 64), 0);
    ck_assert_int_eq(certs_ask_name(fixture.port, "NORMAL:-VERS-ALL:+VERS-TLS1.2", name, 64), 1);
    ck_assert_int_eq(certs_ask_name(fixture.port, "NORMAL:-VERS-ALL:+VERS-TLS1.3", name, 64), 1);
    ck_assert_str_eq(name, "agent one");
}
END_TEST

START_TEST(bad_certificates_are_named) {
    certs other;
    certs_make(&other, fixture.directory, "other", CERTS_SERVER, 10, &ca);
    const struct {
        const char *cert;
        const char *key;
        const char *client_ca;
        const char *about;
    } all[] = {
        {server.cert_pem, NULL, NULL, "both"},
        {NULL, server.key_pem, NULL, "both"},
        {NULL, NULL, client_ca.cert_pem, "both"},
        {"rubbish", server.key_pem, NULL, "certificate cannot be read"},
        {server.cert_pem, "rubbish", NULL, "key cannot be read"},
        {server.cert_pem, other.key_pem, NULL, "does not belong"},
        {server.cert_pem, server.key_pem, "rubbish", "bundle of CAs"},
        {server.cert_pem, server.key_pem, "", "bundle of CAs"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        repli_http_options options = tls_options(0);
        options.tls_cert_pem = all[i].cert;
        options.tls_key_pem = all[i].key;
        options.tls_client_ca_pem = all[i].client_ca;
        repli_http_server *none = NULL;
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_int_eq(repli_http_server_new(fixture.agent, &options, &none, &error),
                         REPLI_EINVALID);
        ck_assert_ptr_null(none);
        ck_assert_msg(strstr(error.message, all[i].about) != NULL, "%zu: %s", i, error.message);
        ck_assert_int_eq(repli_http_options_check(&options, NULL), REPLI_EINVALID);
    }
    certs_free(&other);
}
END_TEST

/* However much the client has to say: the refusal goes past libmicrohttpd, through the same TLS. */
START_TEST(a_large_body_is_refused_through_tls) {
    enum { SIZE = 3 * 1024 * 1024 };
    serve(0);
    char *body = malloc(SIZE);
    ck_assert_ptr_nonnull(body);
    memset(body, 'b', SIZE);
    for (int chunked = 0; chunked < 2; chunked++) {
        const http_ask ask = {.url = "/api/unstable/action",
                              .body = body,
                              .body_size = SIZE,
                              .chunked = chunked,
                              .headers = {"Expect:"},
                              .ca = ca.cert_path};
        http_expect_error(http_do(&fixture, &ask), 413, "larger than 1048576 bytes");
    }
    free(body);
    http_expect(ask_as(NULL, NULL), 200);
}
END_TEST

/* Mutual TLS. */

START_TEST(mutual_tls_records_who_asked) {
    serve(1);
    http_expect(ask_as(&client, NULL), 200);
    http_reply reply = ask_as(&client, "{\"kind\": \"agent.replicante.io/test.success\","
                                       " \"id\": \"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\","
                                       " \"requester\": \"CORE_API\"}");
    ck_assert_int_eq(reply.status, 200);
    http_reply_free(&reply);
    repli_doc *doc;
    const repli_action *action;
    ck_assert_int_eq(repli_agent_action(fixture.agent, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", &doc,
                                        &action, NULL),
                     REPLI_OK);
    ck_assert_str_eq(action->requester, "CN=control plane");
    ck_assert_uint_eq(action->header_count, 1);
    ck_assert_str_eq(action->headers[0].name, "requester");
    ck_assert_str_eq(action->headers[0].value, "CORE_API");
    repli_doc_free(doc);
}
END_TEST

START_TEST(a_certificate_without_a_subject_has_a_name_too) {
    serve(1);
    certs unnamed;
    certs_make(&unnamed, fixture.directory, "", CERTS_CLIENT, 10, &client_ca);
    http_reply reply = ask_as(&unnamed, success);
    char id[64];
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_eq(sscanf(reply.body, "{\"id\":\"%36[0-9a-f-]\"}", id), 1);
    http_reply_free(&reply);
    repli_doc *doc;
    const repli_action *action;
    ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_OK);
    ck_assert_int_eq(strncmp(action->requester, "sha256:", 7), 0);
    ck_assert_uint_eq(strlen(action->requester), 7 + 64);
    repli_doc_free(doc);
    certs_free(&unnamed);
}
END_TEST

START_TEST(mutual_tls_gives_nothing_to_strangers) {
    serve(1);
    certs stranger_ca;
    certs strangers[4];
    certs_make(&stranger_ca, fixture.directory, "Client CA", CERTS_CA, 10, NULL);
    certs_make(&strangers[0], fixture.directory, "control plane", CERTS_CLIENT, 10, &stranger_ca);
    certs_make(&strangers[1], fixture.directory, "control plane", CERTS_CLIENT, 10, NULL);
    certs_make(&strangers[2], fixture.directory, "control plane", CERTS_SERVER, 10, &client_ca);
    certs_make(&strangers[3], fixture.directory, "control plane", CERTS_CLIENT, -1, &client_ca);

    expect_nothing(ask_as(NULL, NULL));
    expect_nothing(ask_as(NULL, success));
    for (int i = 0; i < 4; i++) {
        expect_nothing(ask_as(&strangers[i], NULL));
        expect_nothing(ask_as(&strangers[i], success));
        certs_free(&strangers[i]);
    }
    certs_free(&stranger_ca);
    http_expect(ask_as(&client, NULL), 200);
    http_reply reply = ask_as(&client, success);
    ck_assert_int_eq(reply.status, 200);
    http_reply_free(&reply);
}
END_TEST

/* A client that only speaks TLS 1.2 meets the refusal within the handshake. */
START_TEST(mutual_tls_refuses_within_the_handshake) {
    serve(1);
    char name[64];
    ck_assert_int_eq(certs_ask_name(fixture.port, "NORMAL:-VERS-ALL:+VERS-TLS1.2", name, 64), 0);
}
END_TEST

/* Who may write. */

static const struct {
    const char *bind;
    int tls; /* 0: none, 1: server, 2: mutual */
    int32_t writes;
    const char *origin;
    long status;
} rights[] = {
    {"127.0.0.1:0", 0, REPLI_HTTP_WRITES_AUTO, NULL, 200},
    {"localhost:0", 0, REPLI_HTTP_WRITES_AUTO, NULL, 200},
    {"127.0.0.1:0", 1, REPLI_HTTP_WRITES_AUTO, NULL, 200},
    {"0.0.0.0:0", 0, REPLI_HTTP_WRITES_AUTO, NULL, 403},
    {"0.0.0.0:0", 1, REPLI_HTTP_WRITES_AUTO, NULL, 403},
    {"0.0.0.0:0", 2, REPLI_HTTP_WRITES_AUTO, NULL, 200},
    {"0.0.0.0:0", 0, REPLI_HTTP_WRITES_ALWAYS, NULL, 200},
    {"127.0.0.1:0", 0, REPLI_HTTP_WRITES_NEVER, NULL, 403},
    {"127.0.0.1:0", 2, REPLI_HTTP_WRITES_NEVER, NULL, 403},
    {"127.0.0.1:0", 0, REPLI_HTTP_WRITES_AUTO, "Origin: http://evil.example", 403},
    {"127.0.0.1:0", 0, REPLI_HTTP_WRITES_ALWAYS, "Origin: http://evil.example", 200},
};

START_TEST(writes_need_a_right) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    if (rights[_i].tls > 0)
        options = tls_options(rights[_i].tls == 2);
    options.bind = rights[_i].bind;
    options.writes = rights[_i].writes;
    options.unix_path = fixture.socket_path;
    http_fixture_serve(&fixture, &options);

    const http_ask ask = {.url = "/api/unstable/action",
                          .body = success,
                          .ca = ca.cert_path,
                          .certificate = rights[_i].tls == 2 ? client.cert_path : NULL,
                          .key = client.key_path,
                          .headers = {rights[_i].origin}};
    http_ask cancel = ask;
    cancel.method = "DELETE";
    cancel.url = "/api/unstable/action/5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11";
    cancel.body = NULL;
    if (rights[_i].status == 200) {
        http_expect(http_do(&fixture, &ask), 200);
        http_expect_error(http_do(&fixture, &cancel), 404, "no action");
    } else {
        http_expect_error(http_do(&fixture, &ask), 403, "http.writes");
        http_expect_error(http_do(&fixture, &cancel), 403, "http.writes");
    }
    /* Reading and the socket file do not depend on it. */
    http_ask read = cancel;
    read.method = NULL;
    read.url = "/api/unstable/info/node";
    http_expect(http_do(&fixture, &read), 200);
    const http_ask local = {.url = "/api/unstable/action", .body = success, .unix_socket = 1};
    http_expect(http_do(&fixture, &local), 200);
}
END_TEST

/* The health listener. */

START_TEST(health_is_served_beside_tls) {
    repli_http_options options = tls_options(1);
    options.health_bind = "127.0.0.1:0";
    http_fixture_serve(&fixture, &options);
    static const struct {
        const char *path;
        long status;
    } all[] = {{"/health/live", 200},    {"/health/ready", 200}, {"/role/primary", 200},
               {"/role/secondary", 503}, {"/metrics", 404},      {"/api/unstable/info/node", 404}};
    char url[128];
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(url, sizeof(url), "http://127.0.0.1:%d%s",
                 repli_http_server_health_port(fixture.server), all[i].path);
        http_expect(http_get(&fixture, url), all[i].status);
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/unstable/action",
             repli_http_server_health_port(fixture.server));
    const http_ask write = {.url = url, .body = success};
    http_expect_error(http_do(&fixture, &write), 404, "nothing at this URL");
}
END_TEST

/* Reload. */

START_TEST(reload_changes_the_certificate) {
    serve(0);
    CURL *curl = curl_easy_init();
    const http_ask kept = {.url = "/api/unstable/info/node", .ca = ca.cert_path, .curl = curl};
    http_expect(http_do(&fixture, &kept), 200);

    certs renewed;
    certs_make(&renewed, fixture.directory, "agent two", CERTS_SERVER, 10, &ca);
    repli_http_options options = tls_options(0);
    options.bind = NULL;
    options.tls_cert_pem = renewed.cert_pem;
    options.tls_key_pem = renewed.key_pem;
    ck_assert_int_eq(repli_http_server_reload(fixture.server, &options, NULL), REPLI_OK);
    char name[64];
    ck_assert_int_eq(certs_ask_name(fixture.port, NULL, name, sizeof(name)), 1);
    ck_assert_str_eq(name, "agent two");

    /* The connection from before gets its answer, and is told to come anew. */
    http_reply reply = http_do(&fixture, &kept);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_eq(reply.connects, 0);
    char text[32];
    ck_assert_str_eq(http_header(&reply, "Connection", text, sizeof(text)), "close");
    http_reply_free(&reply);
    reply = http_do(&fixture, &kept);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_eq(reply.connects, 1);
    http_reply_free(&reply);
    curl_easy_cleanup(curl);
    certs_free(&renewed);
}
END_TEST

START_TEST(a_bad_reload_changes_nothing) {
    serve(0);
    const struct {
        const char *cert;
        const char *bind;
        const char *unix_path;
        const char *about;
    } all[] = {{"rubbish", NULL, NULL, "certificate"},
               {server.cert_pem, "127.0.0.1:1", NULL, "bind cannot change"},
               {server.cert_pem, NULL, "/tmp/x", "unix_path cannot change"}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        repli_http_options options = tls_options(0);
        options.tls_cert_pem = all[i].cert;
        options.bind = all[i].bind;
        options.unix_path = all[i].unix_path;
        options.writes = REPLI_HTTP_WRITES_NEVER;
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_int_eq(repli_http_server_reload(fixture.server, &options, &error),
                         REPLI_EINVALID);
        ck_assert_msg(strstr(error.message, all[i].about) != NULL, "%s", error.message);
    }
    http_expect(ask_as(NULL, success), 200);
}
END_TEST

START_TEST(reload_changes_rights_and_limits) {
    serve(0);
    repli_http_options options = tls_options(1);
    options.writes = REPLI_HTTP_WRITES_NEVER;
    options.max_body = 10;
    ck_assert_int_eq(repli_http_server_reload(fixture.server, &options, NULL), REPLI_OK);
    expect_nothing(ask_as(NULL, NULL));
    http_expect_error(ask_as(&client, "{}"), 403, "http.writes");
    http_expect_error(ask_as(&client, success), 413, "larger than 10 bytes");
}
END_TEST

/* Traffic over kept and new connections that never stops. */

typedef struct traffic {
    pthread_t thread;
    int keep;
    unsigned long answers;
    unsigned long failures;
    CURLcode last;
} traffic;

static atomic_int traffic_ends;

static void *run_traffic(void *argument) {
    traffic *own = argument;
    CURL *curl = curl_easy_init();
    while (!atomic_load(&traffic_ends)) {
        const http_ask ask = {
            .url = "/api/unstable/info/node", .ca = ca.cert_path, .curl = own->keep ? curl : NULL};
        http_reply reply = http_do(&fixture, &ask);
        if (reply.failed == CURLE_OK && reply.status == 200) {
            own->answers++;
        } else {
            own->failures++;
            own->last = reply.failed;
        }
        http_reply_free(&reply);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

START_TEST(reload_loses_no_request) {
    serve(0);
    traffic all[4] = {{.keep = 1}, {.keep = 1}, {.keep = 0}, {.keep = 0}};
    atomic_store(&traffic_ends, 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&all[i].thread, NULL, run_traffic, &all[i]), 0);
    for (int i = 0; i < 10; i++) {
        certs renewed;
        char name[32];
        char seen[64];
        snprintf(name, sizeof(name), "agent %d", i);
        certs_make(&renewed, fixture.directory, name, CERTS_SERVER, 10, &ca);
        repli_http_options options = tls_options(0);
        options.bind = NULL;
        options.tls_cert_pem = renewed.cert_pem;
        options.tls_key_pem = renewed.key_pem;
        ck_assert_int_eq(repli_http_server_reload(fixture.server, &options, NULL), REPLI_OK);
        ck_assert_int_eq(certs_ask_name(fixture.port, NULL, seen, sizeof(seen)), 1);
        ck_assert_str_eq(seen, name);
        certs_free(&renewed);
        test_sleep_ms(50);
    }
    atomic_store(&traffic_ends, 1);
    for (int i = 0; i < 4; i++) {
        pthread_join(all[i].thread, NULL);
        ck_assert_msg(all[i].failures == 0, "%lu lost: %s", all[i].failures,
                      curl_easy_strerror(all[i].last));
        ck_assert_uint_gt(all[i].answers, 0);
    }
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("tls");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, tls_serves_who_trusts_the_certificate);
    tcase_add_test(tcase, tls_does_not_answer_plain_text);
    tcase_add_test(tcase, old_tls_is_refused);
    tcase_add_test(tcase, bad_certificates_are_named);
    tcase_add_test(tcase, a_large_body_is_refused_through_tls);
    tcase_add_test(tcase, mutual_tls_records_who_asked);
    tcase_add_test(tcase, a_certificate_without_a_subject_has_a_name_too);
    tcase_add_test(tcase, mutual_tls_gives_nothing_to_strangers);
    tcase_add_test(tcase, mutual_tls_refuses_within_the_handshake);
    tcase_add_loop_test(tcase, writes_need_a_right, 0, sizeof(rights) / sizeof(rights[0]));
    tcase_add_test(tcase, health_is_served_beside_tls);
    tcase_add_test(tcase, reload_changes_the_certificate);
    tcase_add_test(tcase, a_bad_reload_changes_nothing);
    tcase_add_test(tcase, reload_changes_rights_and_limits);
    tcase_add_test(tcase, reload_loses_no_request);
    Suite *suite = suite_create("http_tls");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
