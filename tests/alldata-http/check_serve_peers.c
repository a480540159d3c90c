/* What peers hand each other, and what each of the odd bodies of the reference's page is answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "world.h"

static world w;
static char now[ALLDATA_KEY_SIZE];

static void setup(void) {
    world_begin(&w);
    world_open(&w);
    world_key(0, now);
}

static void teardown(void) {
    world_end(&w);
}

static http_reply hand(const char *body) {
    return http_ask_at(w.peer_base, NULL, &(http_ask){.url = "/", .body = body});
}

/* format has one %s, for key. */
static void expect(const char *format, const char *key, long status) {
    char body[256];
    snprintf(body, sizeof(body), format, key);
    http_reply reply = hand(body);
    ck_assert_msg(reply.status == status, "%s: %ld instead of %ld: %s", body, reply.status, status,
                  reply.body);
    if (status == 201)
        ck_assert_uint_eq(reply.size, 0);
    else
        ck_assert_ptr_nonnull(strstr(reply.body, "\"error\":true"));
    http_reply_free(&reply);
}

static void expect_events(const char *format, const char *key) {
    char expected[256];
    snprintf(expected, sizeof(expected), format, key);
    char *events = world_events(&w);
    ck_assert_str_eq(events, expected);
    free(events);
}

START_TEST(a_put_of_the_reference_is_taken) {
    /* As captured from a peer of the reference, but for the time in the key. */
    char *request = golden_read("alldata/peer_put.http");
    memcpy(strstr(request, "2026"), now, strlen(now));
    char *answer = world_text(w.peer_port, request);
    ck_assert_msg(world_status(answer) == 201, "%s", answer);
    ck_assert_str_eq(world_body(answer), "");
    free(answer);
    free(request);
    expect_events("%s {\"timestamp\":1795222614995,\"stuff\":\"foo\"}\n", now);
}
END_TEST

/* Weakness 15: what is there stays. */
START_TEST(an_existing_key_is_kept) {
    expect("{\"key\":\"%s\",\"event\":[1]}", now, 201);
    expect("{\"key\":\"%s\",\"event\":[1]}", now, 201);
    expect("{\"key\":\"%s\",\"event\":[2]}", now, 409);
    expect_events("%s [1]\n", now);
}
END_TEST

START_TEST(members_come_in_any_order) {
    expect("{\"event\": {\"a\" : 1.0 },\"more\":[null], \"key\":\"%s\"}", now, 201);
    expect_events("%s {\"a\" : 1.0 }\n", now);
}
END_TEST

START_TEST(a_missing_event_is_refused) {
    expect("{\"key\":\"%s\"}", now, 500);
    expect("{\"key\":\"%s\",\"event\":null}", now, 500);
    expect_events("%.0s", now);
}
END_TEST

START_TEST(what_is_no_put_is_refused) {
    expect("{\"event\":1}%.0s", "", 400);
    expect("{\"key\":5,\"event\":1}%.0s", "", 400);
    expect("null%.0s", "", 400);
    expect("5%.0s", "", 400);
    expect("[]%.0s", "", 400);
    expect("{\"key\":\"%s\",\"event\":1", now, 400);
    expect_events("%.0s", now);
}
END_TEST

/* Weakness 17: only what is a key, however it is written. */
START_TEST(malformed_keys_are_refused) {
    char day[ALLDATA_KEY_SIZE], odd[ALLDATA_KEY_SIZE + 8], interval[16];
    expect("{\"key\":{},\"event\":1}%.0s", "", 400);
    expect("{\"key\":\"\",\"event\":1}%.0s", "", 400);
    expect("{\"key\":[\"%s\"],\"event\":1}", now, 400);
    snprintf(day, sizeof(day), "%.9s", now); /* 20261121T */
    expect("{\"key\":\"%s\",\"event\":1}", day, 400);
    snprintf(odd, sizeof(odd), "%.9sxyz /", now);
    expect("{\"key\":\"%s\",\"event\":1}", odd, 400);
    char yesterday[ALLDATA_KEY_SIZE];
    world_key(-24 * 3600, yesterday);
    snprintf(interval, sizeof(interval), "%.9s000000", yesterday);
    expect("{\"key\":\"%s\",\"event\":1}", interval, 400);
    snprintf(odd, sizeof(odd), "%s0", now);
    expect("{\"key\":\"%s\",\"event\":1}", odd, 400);
    expect_events("%.0s", now);
}
END_TEST

/* The reference's coordinators turn to another peer then. */
START_TEST(keys_out_of_the_window_are_refused) {
    char key[ALLDATA_KEY_SIZE];
    world_key(-10 * 24 * 3600, key);
    expect("{\"key\":\"%s\",\"event\":1}", key, 500);
    world_key(10 * 24 * 3600, key);
    expect("{\"key\":\"%s\",\"event\":1}", key, 500);
    expect_events("%.0s", now);
}
END_TEST

/* The reference takes the end of its window, which is the beginning of the next interval. */
START_TEST(the_window_ends_where_the_next_interval_begins) {
    char day[ALLDATA_KEY_SIZE], key[ALLDATA_KEY_SIZE + 1];
    world_key(2 * 24 * 3600, day);
    snprintf(key, sizeof(key), "%.9s000000000000000000", day);
    expect("{\"key\":\"%s\",\"event\":1}", key, 500);
    world_key(24 * 3600, day);
    snprintf(key, sizeof(key), "%.9s235959999999999999", day);
    expect("{\"key\":\"%s\",\"event\":1}", key, 201);
}
END_TEST

START_TEST(other_methods_are_refused) {
    http_reply reply = http_ask_at(w.peer_base, NULL, &(http_ask){.url = "/"});
    char allow[16];
    ck_assert_int_eq(reply.status, 405);
    ck_assert_str_eq(http_header(&reply, "Allow", allow, sizeof(allow)), "POST");
    http_reply_free(&reply);
}
END_TEST

START_TEST(paths_of_our_own_are_reserved) {
    const http_ask ask = {.url = "/_alldata/nothing", .body = "1"};
    http_expect(http_ask_at(w.peer_base, NULL, &ask), 404);
    http_expect(http_ask_at(w.base, NULL, &ask), 404);
    /* Each port has its own. */
    http_expect(http_ask_at(w.peer_base, NULL, &(http_ask){.url = "/_alldata/status"}), 404);
    http_expect(
        http_ask_at(w.base, NULL, &(http_ask){.url = "/_alldata/records", .body = "27 1 x\n"}),
        404);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

/* Records, many at a time. */

static http_reply hand_records(const char *query, const char *body) {
    char url[64];
    snprintf(url, sizeof(url), "/_alldata/records%s", query);
    return http_ask_at(w.peer_base, NULL,
                       &(http_ask){.url = url,
                                   .body = body,
                                   .headers = {"Content-Type: application/x-alldata-records"}});
}

START_TEST(records_are_stored) {
    char second[ALLDATA_KEY_SIZE], body[256], expected[256];
    world_key(1, second);
    snprintf(body, sizeof(body), "27 6 %s [\n1\n2]\n27 1 %s 5\n", now, second);
    http_expect(hand_records("", body), 201);
    snprintf(expected, sizeof(expected), "%%s [\n1\n2]\n%s 5\n", second);
    expect_events(expected, now);
}
END_TEST

START_TEST(records_that_fail_are_named) {
    char old[ALLDATA_KEY_SIZE], body[256];
    world_key(-10 * 24 * 3600, old);
    snprintf(body, sizeof(body), "27 1 %s 1\n27 1 %s 2\n3 1 abc 3\n27 1 %s 4\n", now, now, old);
    http_reply reply = hand_records("", body);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.body, "1 conflict\n2 invalid\n3 invalid\n");
    http_reply_free(&reply);
    expect_events("%s 1\n", now);
    snprintf(body, sizeof(body), "27 1 %s 4\n", old);
    http_expect(hand_records("?late=1", body), 201);
    ck_assert_uint_eq(world_count(&w), 2);
}
END_TEST

START_TEST(what_is_no_record_is_refused) {
    http_expect(hand_records("", "nonsense"), 400);
    http_expect(hand_records("", "27 5 x"), 400);
    http_expect(hand_records("", "99999999999999999999 1 x 1\n"), 400);
    ck_assert_uint_eq(world_count(&w), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata-http: peers");
    TCase *tcase = tcase_create("put");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_put_of_the_reference_is_taken);
    tcase_add_test(tcase, an_existing_key_is_kept);
    tcase_add_test(tcase, members_come_in_any_order);
    tcase_add_test(tcase, a_missing_event_is_refused);
    tcase_add_test(tcase, what_is_no_put_is_refused);
    tcase_add_test(tcase, malformed_keys_are_refused);
    tcase_add_test(tcase, keys_out_of_the_window_are_refused);
    tcase_add_test(tcase, the_window_ends_where_the_next_interval_begins);
    tcase_add_test(tcase, other_methods_are_refused);
    tcase_add_test(tcase, paths_of_our_own_are_reserved);
    tcase_add_test(tcase, records_are_stored);
    tcase_add_test(tcase, records_that_fail_are_named);
    tcase_add_test(tcase, what_is_no_record_is_refused);
    suite_add_tcase(suite, tcase);
    return world_run(suite);
}
