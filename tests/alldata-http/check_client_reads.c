#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client_script.h"

/* The client's reading of documents and of events. */

/* Documents. */

START_TEST(documents_come_whatever_their_status) {
    static script s;
    static char text[2048];
    s.answers[0] = script_document(text, "404 Not Found", "{\"error\":true}");
    char path[128];
    const char *directory = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    snprintf(path, sizeof(path), "%s/client-%ld.sock", directory, (long)getpid());
    char url[160];
    const char *const urls[] = {url};
    snprintf(url, sizeof(url), "unix:%s", path);
    peer *p = peer_start(path, script_play, &s);
    alldata_client *client = client_make(urls, 1, 20000);
    repli_buf body = REPLI_BUF_INIT;
    int32_t status = 0;
    ck_assert_int_eq(alldata_client_get(client, "/_alldata/status", 0, &status, &body, NULL),
                     REPLI_OK);
    ck_assert_int_eq(status, 404);
    ck_assert_str_eq(body.data, "{\"error\":true}");
    ck_assert_int_eq(
        alldata_client_post(client, "/_alldata/repair", NULL, NULL, 0, 5000, &status, &body, NULL),
        REPLI_OK);
    ck_assert_str_eq(s.paths[1], "POST /_alldata/repair");
    ck_assert_uint_eq(body.size, 2 * strlen("{\"error\":true}"));
    ck_assert_int_eq(alldata_client_get(client, "status", 0, &status, &body, NULL), REPLI_EINVALID);
    repli_buf_dispose(&body);
    alldata_client_free(client);
    peer_stop(p);
    unlink(path);
}
END_TEST

START_TEST(what_is_no_place_is_refused) {
    static const char *const wrong[] = {"ftp://host", "http://",          "unix:",        "",
                                        "host:1",     "http://host/path", "http://u@host"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
        repli_error err = REPLI_ERROR_INIT;
        alldata_client *client = NULL;
        options.urls = &wrong[i];
        options.url_count = 1;
        ck_assert_msg(alldata_client_new(&options, NULL, &client, &err) == REPLI_EINVALID, "%s",
                      wrong[i]);
        ck_assert_str_ne(err.message, "");
    }
}
END_TEST

/* Reading. */

#define RECORDS(body, length)                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-alldata-records\r\nContent-Length: " length    \
    "\r\n\r\n" body
#define ONE "27 2 20261121T005824640353920861 {}\n"
#define TWO "27 3 20261121T005824640353920862 [1]\n"
#define THREE "27 1 20261121T005824640353920863 3\n"

static void expect_event(alldata_client_scan *scan, const char *key, const char *text) {
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_client_scan_next(scan, &record, &err) == REPLI_OK, "%s", err.message);
    ck_assert_uint_eq(record.key_size, strlen(key));
    ck_assert_mem_eq(record.key, key, record.key_size);
    ck_assert_uint_eq(record.event_size, strlen(text));
    ck_assert_mem_eq(record.event, text, record.event_size);
}

static void expect_three(alldata_client_scan *scan) {
    expect_event(scan, "20261121T005824640353920861", "{}");
    expect_event(scan, "20261121T005824640353920862", "[1]");
    expect_event(scan, "20261121T005824640353920863", "3");
    alldata_record record = ALLDATA_RECORD_INIT;
    ck_assert_int_eq(alldata_client_scan_next(scan, &record, NULL), REPLI_EDONE);
    ck_assert_int_eq(alldata_client_scan_next(scan, &record, NULL), REPLI_EDONE);
}

static alldata_client_scan *begin(alldata_client *client,
                                  const alldata_client_scan_options *options) {
    alldata_client_scan *scan = NULL;
    ck_assert_int_eq(alldata_client_scan_new(client, options, &scan, NULL), REPLI_OK);
    return scan;
}

START_TEST(a_scan_reads_all) {
    static script s;
    static char text[2048];
    s.answers[0] = script_document(text, "200 OK", ONE TWO THREE "end\n");
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    alldata_client_scan_options options = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    options.prefix = "2026";
    options.interval = "a b&c";
    options.from = "20261121T";
    options.after = "20261121T005824640353920860";
    options.until = "20261122";
    options.local = 1;
    options.limit = 7;
    alldata_client_scan *scan = begin(client, &options);
    ck_assert_int_eq(peer_requests(p), 0);
    expect_three(scan);
    ck_assert_str_eq(s.paths[0],
                     "GET /_alldata/events?form=records&from=20261121T&until=20261122&prefix=2026"
                     "&interval=a%20b%26c&local=1&after=20261121T005824640353920860&limit=7");
    ck_assert_int_eq(peer_requests(p), 1);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

/* Whatever breaks off, it goes on after the last whole record. */
START_TEST(a_scan_goes_on_where_it_broke) {
    static script s;
    static char more[2048];
    static char end[2048];
    s.answers[0] = RECORDS(ONE "27 3 20261121T0058246", "1000");
    s.closes[0] = 1;
    s.answers[1] = script_document(more, "200 OK", TWO "more 20261121T005824640353920862\n");
    s.answers[2] = RECORDS("", "1000");
    s.closes[2] = 1;
    s.answers[3] = script_document(end, "200 OK", THREE "end\n");
    peer *p = peer_start(NULL, script_play, &s);
    char url[64];
    char nobody[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_port(p));
    snprintf(nobody, sizeof(nobody), "http://127.0.0.1:%d", peer_free_port());
    const char *const urls[] = {url, nobody};
    alldata_client *client = client_make(urls, 2, 20000);
    alldata_client_scan *scan = begin(client, NULL);
    expect_three(scan);
    ck_assert_str_eq(s.paths[0], "GET /_alldata/events?form=records");
    ck_assert_str_eq(s.paths[1],
                     "GET /_alldata/events?form=records&after=20261121T005824640353920861");
    ck_assert_str_eq(s.paths[2],
                     "GET /_alldata/events?form=records&after=20261121T005824640353920862");
    ck_assert_str_eq(s.paths[3], s.paths[2]);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

START_TEST(a_scan_that_fails_says_why) {
    static const struct {
        const char *status;
        const char *body;
        int32_t code;
        const char *said;
    } cases[] = {
        {"200 OK", "fail no_quorum two nodes do not answer\n", REPLI_ENOQUORUM,
         "two nodes do not answer"},
        {"405 Method Not Allowed", "", REPLI_ENOTSUP, "405"},
        {"401 Unauthorized", "{\"error\":true,\"error_msg\":\"no secret\"}", REPLI_EAUTH,
         "no secret"},
        {"200 OK", "no records\n", REPLI_EPROTOCOL, "no records"},
        {"200 OK", "12345678901234567890123456789012345678901234567890\n", REPLI_EPROTOCOL,
         "no records"},
        {"200 OK", "", REPLI_ELOST, "too early"},
    };
    static script s;
    static char text[2048];
    s.answers[0] = script_document(text, cases[_i].status, cases[_i].body);
    peer *p = peer_start(NULL, script_play, &s);
    alldata_client *client = client_make_for(p);
    alldata_client_scan *scan = begin(client, NULL);
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_client_scan_next(scan, &record, &err), cases[_i].code);
    ck_assert_int_eq(err.code, cases[_i].code);
    ck_assert_msg(strstr(err.message, cases[_i].said) != NULL, "%s", err.message);
    ck_assert_int_eq(alldata_client_scan_next(scan, &record, NULL), cases[_i].code);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    peer_stop(p);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata-http: client, reading");
    TCase *tcase = tcase_create("reading");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, documents_come_whatever_their_status);
    tcase_add_test(tcase, what_is_no_place_is_refused);
    tcase_add_test(tcase, a_scan_reads_all);
    tcase_add_test(tcase, a_scan_goes_on_where_it_broke);
    tcase_add_loop_test(tcase, a_scan_that_fails_says_why, 0, 6);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
