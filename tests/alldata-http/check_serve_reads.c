/* What is put in bulk, read again, told of a node, and exported; also without a server. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

static world w;

static void setup(void) {
    world_begin(&w);
    world_open(&w);
}

static void teardown(void) {
    world_end(&w);
}

static http_reply bulk(const char *type, const char *body) {
    char header[256];
    snprintf(header, sizeof(header), "Content-Type: %s", type);
    return http_ask_at(w.base, NULL,
                       &(http_ask){.url = "/_alldata/events", .body = body, .headers = {header}});
}

static void expect_get(const char *url, const char *body) {
    http_reply reply = http_ask_at(w.base, NULL, &(http_ask){.url = url});
    ck_assert_msg(reply.status == 200, "%s: %ld %s", url, reply.status, reply.body);
    ck_assert_str_eq(reply.body, body);
    http_reply_free(&reply);
}

static void expect_status(const char *method, const char *url, long status) {
    http_reply reply = http_ask_at(w.base, NULL, &(http_ask){.url = url, .method = method});
    ck_assert_msg(reply.status == status, "%s: %ld %s", url, reply.status, reply.body);
    http_reply_free(&reply);
}

static void make_key(int number, char key[ALLDATA_KEY_SIZE]) {
    static char now[ALLDATA_KEY_SIZE];
    if (now[0] == '\0')
        world_key(0, now);
    memcpy(key, now, ALLDATA_KEY_SIZE);
    snprintf(key + 18, 10, "%09d", number);
}

START_TEST(lines_are_events) {
    http_reply reply = bulk("application/x-ndjson; charset=utf-8", "1\n\n{\"a\":1.0}\r\n[2]");
    ck_assert_msg(reply.status == 201, "%ld %s", reply.status, reply.body);
    int lines = 0;
    for (const char *at = reply.body;
         (at = strstr(at, "\"code\":\"ok\",\"replicas\":1}\n")) != NULL; at++)
        lines++;
    ck_assert_int_eq(lines, 3);
    http_reply_free(&reply);
    char *values = world_values(&w);
    ck_assert_str_eq(values, "1\n{\"a\":1.0}\r\n[2]\n");
    free(values);
}
END_TEST

START_TEST(each_event_has_its_own_result) {
    http_reply reply = bulk("application/x-ndjson", "1\nnull\n{\n2");
    ck_assert_int_eq(reply.status, 200);
    const char *second = strchr(reply.body, '\n') + 1;
    ck_assert_msg(strncmp(second, "{\"error\":true,", 14) == 0, "%s", reply.body);
    http_reply_free(&reply);
    char *values = world_values(&w);
    ck_assert_str_eq(values, "1\n2\n");
    free(values);
}
END_TEST

START_TEST(records_may_bring_their_keys) {
    char key[ALLDATA_KEY_SIZE], body[128], expected[128];
    make_key(1, key);
    snprintf(body, sizeof(body), "27 3 %s [1]\n0 1  2\n", key);
    http_reply reply = bulk("application/x-alldata-records", body);
    ck_assert_msg(reply.status == 201, "%ld %s", reply.status, reply.body);
    snprintf(expected, sizeof(expected), "{\"key\":\"%s\",\"code\":\"ok\",\"replicas\":1}\n", key);
    ck_assert_int_eq(strncmp(reply.body, expected, strlen(expected)), 0);
    http_reply_free(&reply);
    ck_assert_uint_eq(world_count(&w), 2);
}
END_TEST

START_TEST(what_is_no_bulk_is_refused) {
    http_expect(bulk("application/json", "1"), 400);
    http_expect(bulk("application/x-ndjson", "\n \n"), 400);
    http_expect(bulk("application/x-alldata-records", "5 1 abcde 1\n"), 400);
    http_expect(bulk("application/x-alldata-records", "0 9  1\n"), 400);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

/* Five events; returns their lines. */
static void store_five(char keys[5][ALLDATA_KEY_SIZE], char lines[5][256]) {
    for (int i = 0; i < 5; i++) {
        char header[256];
        make_key(i, keys[i]);
        snprintf(header, sizeof(header), "AllData-Key: %s", keys[i]);
        http_expect(
            http_ask_at(w.base, NULL,
                        &(http_ask){.url = "/", .body = "[1,\n\t2\r\n]", .headers = {header}}),
            201);
        snprintf(lines[i], sizeof(lines[i]), "{\"key\":\"%s\",\"event\":[1, \t2  ]}\n", keys[i]);
    }
}

START_TEST(a_range_is_read) {
    char keys[5][ALLDATA_KEY_SIZE], lines[5][256], url[128], expected[2048];
    store_five(keys, lines);
    snprintf(expected, sizeof(expected), "%s%s%s%s%s{\"end\":true,\"count\":5}\n", lines[0],
             lines[1], lines[2], lines[3], lines[4]);
    expect_get("/_alldata/events", expected);
    snprintf(url, sizeof(url), "/_alldata/events?from=%s&until=%s", keys[1], keys[3]);
    snprintf(expected, sizeof(expected), "%s%s{\"end\":true,\"count\":2}\n", lines[1], lines[2]);
    expect_get(url, expected);
    snprintf(url, sizeof(url), "/_alldata/events?after=%s", keys[3]);
    snprintf(expected, sizeof(expected), "%s{\"end\":true,\"count\":1}\n", lines[4]);
    expect_get(url, expected);
    expect_get("/_alldata/events?prefix=1999", "{\"end\":true,\"count\":0}\n");
    snprintf(url, sizeof(url), "/_alldata/events?limit=2&after=%s", keys[0]);
    snprintf(expected, sizeof(expected), "%s%s{\"end\":false,\"count\":2,\"next\":\"%s\"}\n",
             lines[1], lines[2], keys[2]);
    expect_get(url, expected);
    expect_get("/_alldata/events?form=records&prefix=1999", "end\n");
    snprintf(url, sizeof(url), "/_alldata/events?form=records&limit=1");
    snprintf(expected, sizeof(expected), "27 9 %s [1,\n\t2\r\n]\nmore %s\n", keys[0], keys[0]);
    expect_get(url, expected);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused) {
    expect_status("GET", "/_alldata/events?interval=20200101T000000", 404);
    expect_status("GET", "/_alldata/events?form=xml", 400);
    expect_status("GET", "/_alldata/events?limit=0", 400);
    expect_status("GET", "/_alldata/events?from=2&after=2", 400);
    expect_status("GET", "/_alldata/events?from=%zz", 400);
    expect_status("DELETE", "/_alldata/events", 405);
    expect_status("GET", "/_alldata/nothing", 404);
    expect_status("POST", "/_alldata/export?interval=20200101T000000", 404);
    expect_status("POST", "/_alldata/export?interval=../../etc", 404);
    expect_status("POST", "/_alldata/export", 400);
}
END_TEST

/* A reader that was cut off goes on after the last whole line that it has. */
START_TEST(a_broken_read_goes_on) {
    enum { EVENTS = 3000, SIZE = 1000 };
    char *body = malloc((size_t)EVENTS * (SIZE + 1) + 1);
    ck_assert_ptr_nonnull(body);
    for (int i = 0; i < EVENTS; i++) {
        char *event = body + (size_t)i * (SIZE + 1);
        memset(event, 'x', SIZE);
        event[0] = event[SIZE - 1] = '"';
        event[SIZE] = '\n';
    }
    body[(size_t)EVENTS * (SIZE + 1)] = '\0';
    http_expect(bulk("application/x-ndjson", body), 201);
    free(body);
    char text[256 * 1024], last[64] = "", url[128];
    const int fd = raw_connect(w.port);
    raw_text(fd, "GET /_alldata/events HTTP/1.0\r\n\r\n");
    raw_read(fd, text, sizeof(text), NULL, WORLD_PATIENCE_MS, NULL);
    close(fd); /* in the midst of it */
    int seen = 0;
    for (const char *at = text;
         (at = strstr(at, "{\"key\":\"")) != NULL && strchr(at, '\n') != NULL; at++, seen++)
        snprintf(last, sizeof(last), "%.27s", at + 8);
    ck_assert_int_gt(seen, 0);
    ck_assert_int_lt(seen, EVENTS);
    snprintf(url, sizeof(url), "/_alldata/events?after=%s", last);
    http_reply reply = http_ask_at(w.base, NULL, &(http_ask){.url = url});
    ck_assert_int_eq(reply.status, 200);
    char end[64];
    snprintf(end, sizeof(end), "{\"end\":true,\"count\":%d}\n", EVENTS - seen);
    ck_assert_ptr_nonnull(strstr(reply.body, end));
    http_reply_free(&reply);
}
END_TEST

START_TEST(a_node_tells_of_itself) {
    http_expect(bulk("application/x-ndjson", "1\n2\n"), 201);
    http_reply reply = http_ask_at(w.base, NULL, &(http_ask){.url = "/_alldata/status"});
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"events\":2,"));
    ck_assert_ptr_nonnull(strstr(reply.body, "\"writable\":true,\"storage_error\":null}"));
    http_reply_free(&reply);
    reply = http_ask_at(w.base, NULL, &(http_ask){.url = "/_alldata/intervals"});
    ck_assert_ptr_nonnull(strstr(reply.body, "\"state\":\"open\",\"events\":2,"));
    http_reply_free(&reply);
    reply = http_ask_at(w.base, NULL, &(http_ask){.url = "/metrics"});
    ck_assert_ptr_nonnull(strstr(reply.body, "\nalldata_puts 2\n"));
    ck_assert_ptr_nonnull(strstr(reply.body, "\nalldata_http_connections{from=\"clients\"} "));
    ck_assert_ptr_nonnull(strstr(reply.body, "\n# TYPE alldata_storage_commits counter\n"));
    http_reply_free(&reply);
    expect_get("/_alldata/peers", "");
    expect_get("/health/ready", "{\"ok\":true}");
}
END_TEST

static void put_late(const char *key) {
    char body[64];
    snprintf(body, sizeof(body), "27 1 %s 7\n", key);
    http_expect(http_ask_at(w.peer_base, NULL,
                            &(http_ask){.url = "/_alldata/records?late=1", .body = body}),
                201);
}

typedef struct exported {
    long status;
    char path[256]; /* of the file, if it is there */
    int events;
    int request; /* its number otherwise */
} exported;

/* Of the interval of that key. more: of the query. */
static exported ask_export(const char *key, const char *more) {
    char url[128];
    exported it = {.status = 0};
    snprintf(url, sizeof(url), "/_alldata/export?interval=%.9s000000%s", key, more);
    http_reply reply = http_ask_at(w.base, NULL, &(http_ask){.url = url, .method = "POST"});
    it.status = reply.status;
    sscanf(reply.body, "{\"path\":\"%255[^\"]\",\"events\":%d}", it.path, &it.events);
    sscanf(reply.body, "{\"path\":null,\"request\":%d}", &it.request);
    http_reply_free(&reply);
    return it;
}

static exported end_of_export(const char *key, const char *more) {
    const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
    exported it;
    do
        it = ask_export(key, more);
    while (it.status == 202 && test_now_ms() < until_ms);
    return it;
}

static exported await_export(const char *key, const char *more) {
    const exported it = end_of_export(key, more);
    ck_assert_int_eq(it.status, 200);
    ck_assert_int_eq(access(it.path, R_OK), 0);
    return it;
}

START_TEST(a_closed_interval_is_exported) {
    char key[ALLDATA_KEY_SIZE];
    world_key(-10 * 24 * 3600, key);
    put_late(key);
    ck_assert_int_eq(await_export(key, "").events, 1);
    world_key(0, key);
    ck_assert_int_eq(ask_export(key, "").status, 409);
}
END_TEST

START_TEST(an_interval_is_exported_again_for_what_came_late) {
    char key[ALLDATA_KEY_SIZE], more[32];
    world_key(-10 * 24 * 3600, key);
    put_late(key);
    await_export(key, "");
    key[9] = key[9] == '0' ? '1' : '0';
    put_late(key);
    ck_assert_int_eq(await_export(key, "").events, 1);
    exported it = ask_export(key, "&again=1");
    ck_assert_int_eq(it.status, 202);
    ck_assert_int_gt(it.request, 0);
    snprintf(more, sizeof(more), "&request=%d", it.request);
    ck_assert_int_eq(await_export(key, more).events, 2);
    ck_assert_int_eq(await_export(key, "").events, 2);
    /* What is not there any more is written without being asked for again. */
    it = await_export(key, "");
    ck_assert_int_eq(unlink(it.path), 0);
    ck_assert_int_eq(await_export(key, "").events, 2);
}
END_TEST

START_TEST(a_file_that_is_not_whole_is_written_again) {
    char key[ALLDATA_KEY_SIZE], more[32];
    world_key(-10 * 24 * 3600, key);
    put_late(key);
    exported it = await_export(key, "");
    ck_assert_int_eq(truncate(it.path, 20), 0);
    ck_assert_int_eq(ask_export(key, "").status, 500);
    it = ask_export(key, "&again=1");
    ck_assert_int_eq(it.status, 202);
    snprintf(more, sizeof(more), "&request=%d", it.request);
    ck_assert_int_eq(await_export(key, more).events, 1);
}
END_TEST

/* A directory stands where it would be. */
START_TEST(an_export_that_fails_says_so_under_its_number) {
    char key[ALLDATA_KEY_SIZE], more[32];
    world_key(-10 * 24 * 3600, key);
    put_late(key);
    exported it = await_export(key, "");
    ck_assert_int_eq(unlink(it.path), 0);
    ck_assert_int_eq(mkdir(it.path, 0700), 0);
    it = ask_export(key, "&again=1");
    ck_assert_int_eq(it.status, 202);
    snprintf(more, sizeof(more), "&request=%d", it.request);
    ck_assert_int_eq(end_of_export(key, more).status, 500);
    ck_assert_int_eq(ask_export(key, more).status, 500);
}
END_TEST

START_TEST(only_exports_that_there_were_can_be_asked_about) {
    char key[ALLDATA_KEY_SIZE];
    world_key(-10 * 24 * 3600, key);
    put_late(key);
    ck_assert_int_eq(ask_export(key, "&request=1").status, 404);
    await_export(key, "");
    await_export(key, "&request=1");
    ck_assert_int_eq(ask_export(key, "&request=2").status, 404);
    ck_assert_int_eq(ask_export(key, "&request=0").status, 400);
    ck_assert_int_eq(ask_export(key, "&again=2").status, 400);
    ck_assert_int_eq(ask_export(key, "&again=1&request=1").status, 400);
}
END_TEST

/* Without a server. */

static void take_status(void *user_data, const alldata_http_response *response) {
    atomic_store((atomic_int *)user_data, response->status);
}

START_TEST(a_host_may_ask_directly) {
    static const struct {
        const char *method, *target, *body;
        int status;
    } all[] = {{"POST", "/", "[1]", 201},
               {"POST", "/", "[", 400},
               {"GET", "/_alldata/events", NULL, 200},
               {"GET", "/_alldata/status", NULL, 200},
               {"HEAD", "/metrics", NULL, 200},
               {"PUT", "/", "1", 405}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        atomic_int status = 0;
        alldata_http_request request = ALLDATA_HTTP_REQUEST_INIT;
        request.method = all[i].method;
        request.target = all[i].target;
        request.body = all[i].body;
        request.body_size = all[i].body != NULL ? strlen(all[i].body) : 0;
        MUST(alldata_http_handle(w.node, &request, take_status, &status, err));
        const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
        while (atomic_load(&status) == 0 && test_now_ms() < until_ms)
            test_sleep_ms(1);
        ck_assert_int_eq(atomic_load(&status), all[i].status);
    }
    ck_assert_uint_eq(world_count(&w), 1);
}
END_TEST

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("alldata-http: reads");
    TCase *tcase = tcase_create("reads");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, lines_are_events);
    tcase_add_test(tcase, each_event_has_its_own_result);
    tcase_add_test(tcase, records_may_bring_their_keys);
    tcase_add_test(tcase, what_is_no_bulk_is_refused);
    tcase_add_test(tcase, a_range_is_read);
    tcase_add_test(tcase, what_cannot_be_read_is_refused);
    tcase_add_test(tcase, a_broken_read_goes_on);
    tcase_add_test(tcase, a_node_tells_of_itself);
    tcase_add_test(tcase, a_closed_interval_is_exported);
    tcase_add_test(tcase, an_interval_is_exported_again_for_what_came_late);
    tcase_add_test(tcase, a_file_that_is_not_whole_is_written_again);
    tcase_add_test(tcase, an_export_that_fails_says_so_under_its_number);
    tcase_add_test(tcase, only_exports_that_there_were_can_be_asked_about);
    tcase_add_test(tcase, a_host_may_ask_directly);
    suite_add_tcase(suite, tcase);
    return world_run(suite);
}
