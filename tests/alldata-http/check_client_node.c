#include <check.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs.h"
#include "peer.h"
#include "world.h"

/* Client and transport against a node's own servers: in plain text, over TLS and a UNIX socket,
 * with a secret and without. */

static world w;
static certs ca;
static certs server_cert;
static certs client_cert;
static certs stranger;

static void setup(void) {
    world_begin(&w);
}

static void teardown(void) {
    world_end(&w);
}

static void setup_certs(void) {
    setup();
    certs_make(&ca, w.directory, "ca", CERTS_CA, 1, NULL);
    certs_make(&server_cert, w.directory, "node", CERTS_SERVER, 1, &ca);
    certs_make(&client_cert, w.directory, "client", CERTS_CLIENT, 1, &ca);
    certs_make(&stranger, w.directory, "stranger", CERTS_CLIENT, 1, NULL);
}

static void teardown_certs(void) {
    certs *const all[] = {&ca, &server_cert, &client_cert, &stranger};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        certs_free(all[i]);
    teardown();
}

static alldata_client *connect_to(const char *url, const alldata_http_security *security) {
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    alldata_client *client = NULL;
    options.urls = &url;
    options.url_count = 1;
    options.security = security;
    options.timeout_ms = WORLD_PATIENCE_MS;
    MUST(alldata_client_new(&options, NULL, &client, err));
    return client;
}

static int32_t put(alldata_client *client, const char *event, alldata_put_result *ret_result,
                   repli_error *err) {
    alldata_put given = ALLDATA_PUT_INIT;
    given.event = event;
    given.event_size = strlen(event);
    given.key = ret_result->key[0] != '\0' ? ret_result->key : NULL;
    char key[ALLDATA_KEY_SIZE];
    if (given.key != NULL)
        given.key = memcpy(key, ret_result->key, sizeof(key));
    return alldata_client_put(client, &given, ret_result, err);
}

START_TEST(what_is_put_is_read) {
    static const char *const events[] = {"{\"a\": 1.0}", "[\n1,\n2]", "\"\xc3\xa9\"", "-0"};
    enum { EVENTS = sizeof(events) / sizeof(events[0]) };
    char socket_url[128];
    world_open(&w);
    snprintf(socket_url, sizeof(socket_url), "unix:%s", w.socket_path);
    alldata_client *client = connect_to(_i == 0 ? w.base : socket_url, NULL);
    alldata_put_result results[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        results[i] = (alldata_put_result){.struct_size = sizeof(results[i])};
        MUST(put(client, events[i], &results[i], err));
        ck_assert_uint_eq(strlen(results[i].key), ALLDATA_KEY_LENGTH);
    }
    alldata_client_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    MUST(alldata_client_scan_new(client, NULL, &scan, err));
    for (int i = 0; i < EVENTS; i++) {
        MUST(alldata_client_scan_next(scan, &record, err));
        ck_assert_mem_eq(record.key, results[i].key, ALLDATA_KEY_LENGTH);
        ck_assert_uint_eq(record.event_size, strlen(events[i]));
        ck_assert_mem_eq(record.event, events[i], record.event_size);
    }
    ck_assert_int_eq(alldata_client_scan_next(scan, &record, NULL), REPLI_EDONE);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    world_close(&w);
}
END_TEST

START_TEST(a_put_that_is_refused_says_why) {
    world_open(&w);
    alldata_client *client = connect_to(w.base, NULL);
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(put(client, "{", &result, &err), REPLI_EINVALID);
    ck_assert_str_ne(err.message, "");
    result.key[0] = '\0';
    ck_assert_int_eq(put(client, "1", &result, NULL), REPLI_OK);
    /* The same again is no other, but another is. */
    ck_assert_int_eq(put(client, "1", &result, NULL), REPLI_OK);
    ck_assert_int_eq(put(client, "2", &result, &err), REPLI_ECONFLICT);
    ck_assert_uint_eq(world_count(&w), 1);
    alldata_client_free(client);
    world_close(&w);
}
END_TEST

typedef struct tally {
    size_t good;
    size_t bad;
    size_t first_bad;
} tally;

static void count_results(void *user_data, const alldata_put_result *results, size_t count) {
    tally *to = user_data;
    for (size_t i = 0; i < count; i++) {
        if (results[i].code == REPLI_OK) {
            to->good++;
            ck_assert_int_eq(results[i].replicas, 1);
        } else if (to->bad++ == 0) {
            to->first_bad = to->good;
            ck_assert_int_eq(results[i].code, REPLI_EINVALID);
        }
    }
}

START_TEST(many_are_put_and_read) {
    enum { MANY = 40000, BAD = 20000 };
    static alldata_put puts[MANY];
    world_open(&w);
    alldata_client *client = connect_to(w.base, NULL);
    for (int i = 0; i < MANY; i++) {
        puts[i] = (alldata_put)ALLDATA_PUT_INIT;
        puts[i].event = i == BAD ? "{]" : "{\"number\": 1}";
        puts[i].event_size = strlen(puts[i].event);
    }
    tally got = {0};
    repli_error why = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_client_put_many(client, puts, MANY, count_results, &got, &why),
                     REPLI_EINVALID);
    ck_assert_uint_eq(got.good, MANY - 1);
    ck_assert_uint_eq(got.bad, 1);
    ck_assert_uint_eq(got.first_bad, BAD);
    alldata_client_scan *scan = NULL;
    alldata_client_scan_options options = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    alldata_record record = ALLDATA_RECORD_INIT;
    char last[ALLDATA_KEY_SIZE] = "";
    options.local = 1;
    size_t count = 0;
    int32_t code;
    MUST(alldata_client_scan_new(client, &options, &scan, err));
    for (; (code = alldata_client_scan_next(scan, &record, &why)) == REPLI_OK; count++) {
        ck_assert_int_gt(memcmp(record.key, last, ALLDATA_KEY_LENGTH), 0);
        memcpy(last, record.key, ALLDATA_KEY_LENGTH);
    }
    ck_assert_msg(code == REPLI_EDONE, "%d %s", code, why.message);
    ck_assert_uint_eq(count, MANY - 1);
    alldata_client_scan_free(scan);
    options.limit = 10;
    MUST(alldata_client_scan_new(client, &options, &scan, err));
    for (count = 0; alldata_client_scan_next(scan, &record, NULL) == REPLI_OK;)
        count++;
    ck_assert_uint_eq(count, 10);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    world_close(&w);
}
END_TEST

/* Identities. */

/* One call of a transport; the status, or 0 with the error. */
typedef struct answer {
    sem_t came;
    int32_t status;
    repli_error error;
} answer;

static void take(void *user_data, const alldata_reply *reply) {
    answer *to = user_data;
    to->status = reply->status;
    if (reply->error != NULL)
        to->error = *reply->error;
    sem_post(&to->came);
}

static answer call_peer(const char *host, const alldata_http_security *security) {
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    alldata_transport *transport = NULL;
    answer got = {.error = REPLI_ERROR_INIT};
    char body[128];
    char key[ALLDATA_KEY_SIZE];
    options.security = security;
    MUST(alldata_http_transport_new(&options, NULL, &transport, err));
    world_key(0, key);
    snprintf(body, sizeof(body), "{\"key\":\"%s\",\"event\":1}", key);
    alldata_call call = ALLDATA_CALL_INIT;
    call.host = host;
    call.port = w.peer_port;
    call.method = "POST";
    call.path = "/";
    call.body = body;
    call.body_size = strlen(body);
    call.timeout_ms = WORLD_PATIENCE_MS;
    call.reply = take;
    call.user_data = &got;
    sem_init(&got.came, 0, 0);
    MUST(transport->begin(transport->self, &call, err));
    while (sem_wait(&got.came) != 0)
        continue;
    alldata_http_transport_free(transport);
    return got;
}

static alldata_http_security server_side(void) {
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.cert_pem = server_cert.cert_pem;
    security.key_pem = server_cert.key_pem;
    security.ca_pem = ca.cert_pem;
    security.secret = "sesame";
    return security;
}

static alldata_http_security client_side(const certs *own) {
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.cert_pem = own->cert_pem;
    security.key_pem = own->key_pem;
    security.ca_pem = ca.cert_pem;
    security.secret = "sesame";
    return security;
}

START_TEST(certificates_and_secret_are_shown) {
    const alldata_http_security theirs = server_side();
    const alldata_http_security ours = client_side(&client_cert);
    w.server_options.client_security = w.server_options.peer_security = &theirs;
    world_open(&w);
    alldata_client *client = connect_to(w.base, &ours);
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_buf body = REPLI_BUF_INIT;
    int32_t status = 0;
    MUST(put(client, "1", &result, err));
    MUST(alldata_client_get(client, "/_alldata/status", 0, &status, &body, err));
    ck_assert_int_eq(status, 200);
    repli_buf_dispose(&body);
    alldata_client_free(client);
    const answer got = call_peer("127.0.0.1", &ours);
    ck_assert_msg(got.status == 201, "%d %s", got.status, got.error.message);
    ck_assert_int_eq(call_peer("localhost", &ours).status, 201);
    world_close(&w);
}
END_TEST

START_TEST(who_has_none_is_not_let_in) {
    const alldata_http_security theirs = server_side();
    alldata_http_security ours = client_side(&stranger);
    w.server_options.client_security = w.server_options.peer_security = &theirs;
    world_open(&w);
    if (_i == 1)
        ours.cert_pem = ours.key_pem = NULL;
    else if (_i == 2)
        ours = client_side(&client_cert), ours.secret = "open";
    else if (_i == 3)
        ours = client_side(&client_cert), ours.ca_pem = stranger.cert_pem;
    alldata_client *client = connect_to(w.base, &ours);
    alldata_put_result result = {.struct_size = sizeof(result)};
    const int32_t code = put(client, "1", &result, NULL);
    /* Whether the server is known is seen before, whether it knows us may be seen as an end. */
    ck_assert_msg(code == REPLI_EAUTH || (_i < 2 && code == REPLI_ELOST), "%d", code);
    const answer got = call_peer("127.0.0.1", &ours);
    if (_i == 2)
        ck_assert_int_eq(got.status, 401);
    else
        ck_assert_msg(got.error.code == REPLI_EAUTH || (_i < 2 && got.error.code == REPLI_ELOST),
                      "%d %s", got.error.code, got.error.message);
    ck_assert_uint_eq(world_count(&w), 0);
    alldata_client_free(client);
    world_close(&w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata-http: client and node");
    TCase *plain = tcase_create("plain");
    TCase *proven = tcase_create("certificates");
    tcase_set_timeout(plain, 120);
    tcase_set_timeout(proven, 120);
    tcase_add_checked_fixture(plain, setup, teardown);
    tcase_add_checked_fixture(proven, setup_certs, teardown_certs);
    tcase_add_loop_test(plain, what_is_put_is_read, 0, 2);
    tcase_add_test(plain, a_put_that_is_refused_says_why);
    tcase_add_test(plain, many_are_put_and_read);
    tcase_add_test(proven, certificates_and_secret_are_shown);
    tcase_add_loop_test(proven, who_has_none_is_not_let_in, 0, 4);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, proven);
    return world_run(suite);
}
