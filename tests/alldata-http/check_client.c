#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client_script.h"

/* The client's puts. */

static alldata_put event(const char *text) {
    alldata_put put = ALLDATA_PUT_INIT;
    put.event = text;
    put.event_size = strlen(text);
    return put;
}

/* One event. */

START_TEST(a_put_is_acknowledged_under_its_key) {
    static script s = {.answers = {CREATED}};
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    alldata_put put = event("{\"a\": 1}");
    alldata_put_result result = {.struct_size = sizeof(result)};
    ck_assert_int_eq(alldata_client_put(client, &put, &result, NULL), REPLI_OK);
    ck_assert_int_eq(result.code, REPLI_OK);
    ck_assert_int_eq(alldata_key_validate(result.key, strlen(result.key), NULL), REPLI_OK);
    ck_assert_str_eq(result.key, s.keys[0]);
    ck_assert_str_eq(s.bodies[0], "{\"a\": 1}");
    ck_assert_str_eq(s.paths[0], "POST /");
    ck_assert_ptr_null(strstr(s.headers[0], "AllData-Commit"));
    put.key = "20261121T005824640353920860";
    put.commit = ALLDATA_COMMIT_ALL;
    put.timeout_ms = 1234;
    ck_assert_int_eq(alldata_client_put(client, &put, &result, NULL), REPLI_OK);
    ck_assert_str_eq(result.key, put.key);
    ck_assert_ptr_nonnull(strstr(s.headers[1], "AllData-Commit: all\r\n"));
    ck_assert_ptr_nonnull(strstr(s.headers[1], "AllData-Timeout-Ms: 1234\r\n"));
    ck_assert_int_eq(peer_connections(p), 1);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(a_reference_node_says_little) {
    static script s = {.answers = {REFERENCE_CREATED, REFERENCE_500, REFERENCE_400}};
    peer *p = peer_start(NULL, script_play, &s);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_port(p));
    const char *const urls[] = {url, url, url};
    alldata_client *client = client_make(urls, 3, 20000);
    const alldata_put put = event("1");
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_client_put(client, &put, &result, &err), REPLI_OK);
    ck_assert_str_eq(result.key, "");
    /* Another try would be another event. */
    ck_assert_int_eq(alldata_client_put(client, &put, &result, &err), REPLI_ENOQUORUM);
    ck_assert_int_eq(result.code, REPLI_ENOQUORUM);
    ck_assert_ptr_nonnull(strstr(err.message, "500"));
    ck_assert_int_eq(alldata_client_put(client, &put, NULL, &err), REPLI_EINVALID);
    ck_assert_int_eq(peer_requests(p), 3);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

#define UNDER_REPLICATED                                                                           \
    "{\"error\":true,\"error_msg\":\"1 of 2 replicas\",\"code\":\"no_quorum\",\"key\":"            \
    "\"20261121T005824640353920860\",\"replicas\":1,\"needed\":2,\"hints\":1}"

START_TEST(another_node_is_asked_with_the_same_key) {
    static script s;
    static char busy[2048];
    static char few[2048];
    s.answers[0] =
        script_document(busy, "503 Service Unavailable",
                        "{\"error\":true,\"error_msg\":\"too much waits\",\"code\":\"full\"}");
    s.answers[1] = script_document(few, "500 Internal Server Error", UNDER_REPLICATED);
    s.answers[2] = CREATED;
    peer *p = peer_start(NULL, script_play, &s);
    char url[64];
    char nobody[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_port(p));
    snprintf(nobody, sizeof(nobody), "http://127.0.0.1:%d", peer_free_port());
    const char *const urls[] = {url, nobody, url, url};
    alldata_client *client = client_make(urls, 4, 20000);
    const alldata_put put = event("1");
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_client_put(client, &put, &result, &err), REPLI_OK);
    ck_assert_int_eq(err.code, REPLI_OK);
    ck_assert_int_eq(peer_requests(p), 3);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(s.keys[i], result.key);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(what_a_node_says_is_told) {
    static const struct {
        const char *status;
        const char *body;
        int32_t code;
        int32_t replicas;
    } cases[] = {
        {"500 Internal Server Error", UNDER_REPLICATED, REPLI_ENOQUORUM, 1},
        {"409 Conflict", "{\"error\":true,\"error_msg\":\"it has another event\"}", REPLI_ECONFLICT,
         0},
        {"400 Bad Request", "{\"error\":true,\"error_msg\":\"no JSON\",\"code\":\"invalid\"}",
         REPLI_EINVALID, 0},
        {"413 Too Large", "{\"error\":true,\"error_msg\":\"too large\",\"code\":\"full\"}",
         REPLI_EINVALID, 0},
        {"401 Unauthorized", "{\"error\":true,\"error_msg\":\"no secret\"}", REPLI_EAUTH, 0},
        {"418 I'm a teapot", "short and stout", REPLI_EPROTOCOL, 0},
        {"500 Oops", "{\"error\":true,\"code\":\"ok\"}", REPLI_ENOQUORUM, 0},
    };
    static script s;
    static char text[2048];
    s.answers[0] = script_document(text, cases[_i].status, cases[_i].body);
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    const alldata_put put = event("1");
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_client_put(client, &put, &result, &err), cases[_i].code);
    ck_assert_int_eq(result.code, cases[_i].code);
    ck_assert_int_eq(err.code, cases[_i].code);
    ck_assert_int_eq(result.replicas, cases[_i].replicas);
    ck_assert_str_ne(err.message, "");
    if (cases[_i].replicas == 1) {
        ck_assert_int_eq(result.needed, 2);
        ck_assert_int_eq(result.hints, 1);
        ck_assert_str_eq(result.key, s.keys[0]);
        ck_assert_str_eq(err.message, "1 of 2 replicas");
    }
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(a_node_that_hangs_leaves_time_for_others) {
    static script hang = {.answers = {"hang"}};
    static script good = {.answers = {CREATED}};
    peer *one = peer_start(NULL, script_play, &hang);
    peer *two = peer_start(NULL, script_play, &good);
    char urls_text[2][64];
    const char *const urls[] = {urls_text[0], urls_text[1]};
    snprintf(urls_text[0], 64, "http://127.0.0.1:%d", peer_port(one));
    snprintf(urls_text[1], 64, "http://127.0.0.1:%d", peer_port(two));
    alldata_client *client = client_make(urls, 2, 1000);
    const alldata_put put = event("1");
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(alldata_client_put(client, &put, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(peer_requests(two), 4);
    /* It is asked at first, if at all. */
    ck_assert_int_le(peer_requests(one), 1);
    alldata_client_free(client);
    peer_stop(one);
    peer_stop(two);
}
END_TEST

START_TEST(what_is_no_put_is_not_sent) {
    static script s = {.answers = {CREATED}};
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    alldata_put put = ALLDATA_PUT_INIT;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_client_put(client, &put, NULL, &err), REPLI_EINVALID);
    put = event("1");
    put.key = "today";
    ck_assert_int_eq(alldata_client_put(client, &put, NULL, &err), REPLI_EINVALID);
    put.key = NULL;
    put.commit = 4;
    ck_assert_int_eq(alldata_client_put(client, &put, NULL, &err), REPLI_EINVALID);
    ck_assert_int_eq(alldata_client_put_many(client, &put, 1, NULL, NULL, &err), REPLI_EINVALID);
    ck_assert_int_eq(alldata_client_put_many(client, NULL, 0, NULL, NULL, &err), REPLI_OK);
    ck_assert_int_eq(peer_requests(p), 0);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

/* Many events. */

typedef struct results {
    int count;
    int32_t codes[SEEN];
    int32_t replicas[SEEN];
    char keys[SEEN][ALLDATA_KEY_SIZE];
    char messages[SEEN][REPLI_ERROR_MESSAGE_SIZE];
} results;

static void take_results(void *user_data, const alldata_put_result *from, size_t count) {
    results *to = user_data;
    for (size_t i = 0; i < count; i++, to->count++) {
        ck_assert_int_lt(to->count, SEEN);
        to->codes[to->count] = from[i].code;
        to->replicas[to->count] = from[i].replicas;
        memcpy(to->keys[to->count], from[i].key, ALLDATA_KEY_SIZE);
        ck_assert((from[i].error == NULL) == (from[i].code == REPLI_OK));
        if (from[i].error != NULL)
            snprintf(to->messages[to->count], REPLI_ERROR_MESSAGE_SIZE, "%s",
                     from[i].error->message);
    }
}

START_TEST(many_puts_go_in_one_request) {
    static script s;
    static char text[2048];
    s.answers[0] = script_document(
        text, "200 OK",
        "{\"key\":\"20261121T005824640353920860\",\"code\":\"ok\",\"replicas\":3}\n"
        "{\"key\":\"20261121T005824640353920861\",\"code\":\"conflict\",\"replicas\":0,"
        "\"error_msg\":\"it has another event\"}\n");
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    alldata_put puts[2] = {event("{}"), event("[1]")};
    results got = {.count = 0};
    repli_error err = REPLI_ERROR_INIT;
    puts[0].key = "20261121T005824640353920860";
    puts[1].key = "20261121T005824640353920861";
    ck_assert_int_eq(alldata_client_put_many(client, puts, 2, take_results, &got, &err),
                     REPLI_ECONFLICT);
    ck_assert_str_eq(s.paths[0], "POST /_alldata/events");
    ck_assert_str_eq(s.bodies[0], "27 2 20261121T005824640353920860 {}\n"
                                  "27 3 20261121T005824640353920861 [1]\n");
    ck_assert_ptr_nonnull(strstr(s.headers[0], "Content-Type: application/x-alldata-records\r\n"));
    ck_assert_int_eq(got.count, 2);
    ck_assert_int_eq(got.codes[0], REPLI_OK);
    ck_assert_int_eq(got.replicas[0], 3);
    ck_assert_str_eq(got.keys[1], puts[1].key);
    ck_assert_str_eq(got.messages[1], "it has another event");
    ck_assert_str_eq(err.message, "it has another event");
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(what_is_late_is_said_to_be) {
    static script s = {.answers = {CREATED}};
    static char text[2048];
    s.answers[1] = script_document(text, "201 Created",
                                   "{\"key\":\"20200121T005824640353920860\",\"code\":\"ok\"}\n");
    s.answers[2] = text;
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    alldata_put puts[2] = {event("{}"), event("[1]")};
    results got = {.count = 0};
    puts[1].key = "20200121T005824640353920860";
    puts[1].flags = ALLDATA_PUT_LATE;
    ck_assert_int_eq(alldata_client_put(client, &puts[1], NULL, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_client_put_many(client, puts, 2, take_results, &got, NULL), REPLI_OK);
    ck_assert_int_eq(peer_requests(p), 3);
    ck_assert_str_eq(s.paths[0], "POST /?late=1");
    ck_assert_str_eq(s.paths[1], "POST /_alldata/events");
    ck_assert_str_eq(s.paths[2], "POST /_alldata/events?late=1");
    puts[1].flags |= ALLDATA_PUT_SYNC;
    ck_assert_int_eq(alldata_client_put(client, &puts[1], NULL, NULL), REPLI_EINVALID);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(puts_of_an_older_size_are_sent) {
    enum { SIZE = offsetof(alldata_put, flags) };
    static script s;
    static char text[2048];
    _Alignas(alldata_put) char puts[2 * SIZE];
    s.answers[0] = script_document(text, "201 Created",
                                   "{\"key\":\"20261121T005824640353920860\",\"code\":\"ok\"}\n"
                                   "{\"key\":\"20261121T005824640353920861\",\"code\":\"ok\"}\n");
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    results got = {.count = 0};
    for (size_t i = 0; i < 2; i++) {
        alldata_put one = event(i == 0 ? "{}" : "[1]");
        one.struct_size = SIZE;
        one.key = i == 0 ? "20261121T005824640353920860" : "20261121T005824640353920861";
        memcpy(puts + i * SIZE, &one, SIZE);
    }
    ck_assert_int_eq(alldata_client_put_many(client, (const alldata_put *)(const void *)puts, 2,
                                             take_results, &got, NULL),
                     REPLI_OK);
    ck_assert_str_eq(s.bodies[0], "27 2 20261121T005824640353920860 {}\n"
                                  "27 3 20261121T005824640353920861 [1]\n");
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(commit_levels_part_requests) {
    static script s;
    static char text[2048];
    s.answers[0] = script_document(text, "201 Created",
                                   "{\"key\":\"20261121T005824640353920860\",\"code\":\"ok\"}\n");
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    alldata_put puts[2] = {event("{}"), event("[1]")};
    results got = {.count = 0};
    puts[1].commit = ALLDATA_COMMIT_ONE;
    ck_assert_int_eq(alldata_client_put_many(client, puts, 2, take_results, &got, NULL), REPLI_OK);
    ck_assert_int_eq(got.count, 2);
    ck_assert_int_eq(peer_requests(p), 2);
    ck_assert_ptr_nonnull(strstr(s.headers[1], "AllData-Commit: one\r\n"));
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(an_answer_that_is_not_whole_leaves_nothing_untold) {
    static script s;
    static char text[2048];
    s.answers[0] = script_document(
        text, "200 OK",
        "{\"key\":\"20261121T005824640353920860\",\"code\":\"ok\",\"replicas\":1}\n{\"ke");
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    const alldata_put puts[3] = {event("1"), event("2"), event("3")};
    results got = {.count = 0};
    ck_assert_int_eq(alldata_client_put_many(client, puts, 3, take_results, &got, NULL),
                     REPLI_EPROTOCOL);
    ck_assert_int_eq(got.count, 3);
    ck_assert_int_eq(got.codes[0], REPLI_OK);
    ck_assert_int_eq(got.codes[1], REPLI_EPROTOCOL);
    ck_assert_int_eq(got.codes[2], REPLI_EPROTOCOL);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(a_reference_node_gets_them_one_by_one) {
    static script s = {
        .answers = {REFERENCE_400, REFERENCE_CREATED, REFERENCE_500, REFERENCE_CREATED}};
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    const alldata_put puts[3] = {event("1"), event("2"), event("3")};
    results got = {.count = 0};
    ck_assert_int_eq(alldata_client_put_many(client, puts, 3, take_results, &got, NULL),
                     REPLI_ENOQUORUM);
    ck_assert_int_eq(got.count, 3);
    ck_assert_int_eq(got.codes[0], REPLI_OK);
    ck_assert_int_eq(got.codes[1], REPLI_ENOQUORUM);
    ck_assert_int_eq(got.codes[2], REPLI_OK);
    ck_assert_str_eq(s.bodies[3], "3");
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(a_node_that_takes_less_gets_them_one_by_one) {
    static const char large[] = "{\"error\":true,\"error_msg\":\"too large\",\"code\":\"full\"}";
    static script s = {.answers = {NULL, CREATED, NULL, CREATED}};
    static char text[2048];
    s.answers[0] = s.answers[2] = s.answers[4] = script_document(text, "413 Too Large", large);
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    const alldata_put puts[3] = {event("1"), event("2"), event("3")};
    results got = {.count = 0};
    ck_assert_int_eq(alldata_client_put_many(client, puts, 3, take_results, &got, NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(peer_requests(p), 4);
    ck_assert_int_eq(got.count, 3);
    ck_assert_int_eq(got.codes[0], REPLI_OK);
    ck_assert_int_eq(got.codes[1], REPLI_EINVALID);
    ck_assert_str_eq(got.messages[1], "too large");
    ck_assert_int_eq(got.codes[2], REPLI_OK);
    /* One alone is not sent again. */
    ck_assert_int_eq(alldata_client_put_many(client, puts, 1, take_results, &got, NULL),
                     REPLI_EINVALID);
    ck_assert_int_eq(peer_requests(p), 5);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

/* Threads share connections. */

enum { THREADS = 8, PUTS = 50 };

static int acknowledge(void *user_data, const peer_request *request, char *answer, size_t size) {
    (void)user_data;
    (void)request;
    snprintf(answer, size, REFERENCE_CREATED);
    return PEER_KEEP;
}

static void *put_often(void *argument) {
    const alldata_put put = event("{}");
    for (int i = 0; i < PUTS; i++)
        if (alldata_client_put(argument, &put, NULL, NULL) != REPLI_OK)
            return argument;
    return NULL;
}

START_TEST(threads_share_a_client) {
    peer *p = peer_start(NULL, acknowledge, NULL);
    char url[64];
    const char *const urls[] = {url};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_port(p));
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    alldata_client *client = NULL;
    pthread_t threads[THREADS];
    options.urls = urls;
    options.url_count = 1;
    options.max_connections = 3;
    ck_assert_int_eq(alldata_client_new(&options, NULL, &client, NULL), REPLI_OK);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_often, client), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(peer_requests(p), THREADS * PUTS);
    ck_assert_int_le(peer_connections(p), 3);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata-http: client");
    TCase *tcase = tcase_create("client");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_put_is_acknowledged_under_its_key);
    tcase_add_test(tcase, a_reference_node_says_little);
    tcase_add_test(tcase, another_node_is_asked_with_the_same_key);
    tcase_add_loop_test(tcase, what_a_node_says_is_told, 0, 7);
    tcase_add_test(tcase, a_node_that_hangs_leaves_time_for_others);
    tcase_add_test(tcase, what_is_no_put_is_not_sent);
    tcase_add_test(tcase, many_puts_go_in_one_request);
    tcase_add_test(tcase, what_is_late_is_said_to_be);
    tcase_add_test(tcase, puts_of_an_older_size_are_sent);
    tcase_add_test(tcase, commit_levels_part_requests);
    tcase_add_test(tcase, an_answer_that_is_not_whole_leaves_nothing_untold);
    tcase_add_test(tcase, a_reference_node_gets_them_one_by_one);
    tcase_add_test(tcase, a_node_that_takes_less_gets_them_one_by_one);
    tcase_add_test(tcase, threads_share_a_client);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
