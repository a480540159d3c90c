#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "golden.h"
#include "peer.h"
#include "program.h"

/* The commands of alldata that ask a node, as a user types them. */

#define KEY "20261121T005824640353920860"
#define RECORDS                                                                                    \
    "27 8 20261121T005824640353920861 {\"a\":\n1}\n"                                               \
    "27 3 20261121T005824640353920862 [1]\n"

static struct program_output output;
static peer *node;
static char address[64];
static atomic_int repairs_done;
static char seen[4096]; /* the last request */
static pthread_mutex_t seen_mutex = PTHREAD_MUTEX_INITIALIZER;

#define RUN(...) run(NULL, (const char *[]){__VA_ARGS__, "-a", address, NULL})
#define FEED(input, ...) run(input, (const char *[]){__VA_ARGS__, "-a", address, NULL})

static int run(const char *input, const char *const *arguments) {
    program_output_free(&output);
    program_run_input(&output, input, arguments);
    return output.status;
}

static void send_back(char *answer, size_t size, const char *status, const char *body) {
    snprintf(answer, size, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body),
             body);
}

/* A line for each record: a conflict for the event "no". */
static void take_many(const peer_request *request, char *to, size_t size) {
    size_t used = 0;
    to[0] = '\0';
    for (const char *at = request->body; at < request->body + request->body_size;) {
        size_t key_size;
        size_t event_size;
        int head;
        ck_assert_int_eq(sscanf(at, "%zu %zu %n", &key_size, &event_size, &head), 2);
        const char *key = at + head;
        const char *event = key + key_size + 1;
        const int bad = event_size == 4 && strncmp(event, "\"no\"", 4) == 0;
        used += (size_t)snprintf(to + used, size - used, "{\"key\":\"%.*s\",\"code\":\"%s\"%s}\n",
                                 (int)key_size, key, bad ? "conflict" : "ok",
                                 bad ? ",\"error_msg\":\"it has another event\"" : "");
        at = event + event_size + 1;
    }
}

static int serve(void *user_data, const peer_request *request, char *answer, size_t size) {
    static char body[65536];
    char key[64];
    (void)user_data;
    pthread_mutex_lock(&seen_mutex);
    snprintf(seen, sizeof(seen), "%s %s\n%s", request->method, request->path, request->headers);
    pthread_mutex_unlock(&seen_mutex);
    const int posted = strcmp(request->method, "POST") == 0;
    if (strcmp(request->path, "/") == 0 || strcmp(request->path, "/?late=1") == 0) {
        peer_header(request, "AllData-Key", key, sizeof(key));
        if (request->body_size == 4 && strncmp(request->body, "\"no\"", 4) == 0)
            send_back(answer, size, "500 Internal Server Error",
                      "{\"error\":true,\"error_msg\":\"1 of 2 replicas\",\"code\":\"no_quorum\","
                      "\"key\":\"" KEY "\",\"replicas\":1,\"needed\":2}");
        else
            snprintf(answer, size,
                     "HTTP/1.1 201 Created\r\nAllData-Key: %s\r\nContent-Length: 0\r\n\r\n", key);
    } else if (posted && strcmp(request->path, "/_alldata/events") == 0) {
        take_many(request, body, sizeof(body));
        send_back(answer, size, "200 OK", body);
    } else if (strncmp(request->path, "/_alldata/events?", 17) == 0) {
        send_back(answer, size, "200 OK",
                  strstr(request->path, "local=1") != NULL ? RECORDS "fail no_quorum two are away\n"
                                                           : RECORDS "end\n");
    } else if (strcmp(request->path, "/_alldata/status") == 0) {
        snprintf(body, sizeof(body),
                 "{\"id\":\"ad1\",\"cluster\":\"c\",\"zone\":null,\"started\":\"2026\","
                 "\"replication_factor\":3,\"peers_live\":2,\"peers_dead\":0,\"missing\":0,"
                 "\"repairs_done\":%d,\"writable\":true}\n",
                 atomic_fetch_add(&repairs_done, 1));
        send_back(answer, size, "200 OK", body);
    } else if (strcmp(request->path, "/_alldata/peers") == 0) {
        send_back(answer, size, "200 OK",
                  "{\"id\":\"ad2\",\"state\":\"live\",\"native\":true,\"hints\":0}\n"
                  "{\"id\":\"ad3\",\"state\":\"dead\",\"native\":false,\"hints\":7}\n");
    } else if (strcmp(request->path, "/_alldata/intervals") == 0) {
        send_back(answer, size, "200 OK",
                  "{\"name\":\"20261121T000000\",\"state\":\"closed\",\"events\":2}\n"
                  "{\"name\":\"20261122T000000\",\"state\":\"open\",\"events\":1}\n");
    } else if (strncmp(request->path, "/_alldata/repair", 16) == 0) {
        send_back(answer, size,
                  strstr(request->path, "none") != NULL ? "404 Not Found" : "202 Accepted",
                  strstr(request->path, "none") != NULL
                      ? "{\"error\":true,\"error_msg\":\"there is no such interval\"}"
                      : "{\"request\":2}\n");
    } else {
        send_back(answer, size, "405 Method Not Allowed", "");
    }
    return PEER_KEEP;
}

/* What a node of the reference answered, as captured. */
static int serve_as_reference(void *user_data, const peer_request *request, char *answer,
                              size_t size) {
    (void)user_data;
    char *captured = golden_read(strcmp(request->method, "POST") != 0 ? "alldata/answer_405.http"
                                 : strcmp(request->path, "/") == 0    ? "alldata/answer_201.http"
                                                                      : "alldata/answer_400.http");
    snprintf(answer, size, "%s", captured);
    free(captured);
    return PEER_KEEP;
}

static void setup(void) {
    program_path = "bin/alldata";
    unsetenv("ALLDATA_URL");
    memset(&output, 0, sizeof(output));
    atomic_store(&repairs_done, 0);
    node = peer_start(NULL, serve, NULL);
    snprintf(address, sizeof(address), "http://127.0.0.1:%d", peer_port(node));
}

static void teardown(void) {
    program_output_free(&output);
    peer_stop(node);
}

static void expect_in(const char *text, const char *what) {
    ck_assert_msg(strstr(text, what) != NULL, "\"%s\" is not in:\n%s", what, text);
}

static void expect_seen(const char *what) {
    pthread_mutex_lock(&seen_mutex);
    expect_in(seen, what);
    pthread_mutex_unlock(&seen_mutex);
}

START_TEST(put_prints_the_key) {
    ck_assert_int_eq(RUN("put", "{\"a\": 1}", "--key", KEY, "--commit", "all", "--timeout", "2"),
                     0);
    ck_assert_str_eq(output.out, KEY "\n");
    ck_assert_str_eq(output.err, "");
    expect_seen("AllData-Commit: all\r\n");
    expect_seen("AllData-Timeout-Ms: 2000\r\n");
    ck_assert_int_eq(RUN("put", "1", "--key", KEY, "--late"), 0);
    expect_seen("POST /?late=1\n");
    ck_assert_int_eq(RUN("put", "1", "--late"), 2);
    expect_in(output.err, "--late needs --key");
    ck_assert_int_eq(RUN("put", "1", "--json"), 0);
    expect_in(output.out, "\"code\":\"ok\"}");
    ck_assert_int_eq(RUN("put", "\"no\"", "--json"), 5);
    expect_in(output.out, "\"code\":\"no_quorum\",\"replicas\":1,\"needed\":2");
    ck_assert_str_eq(output.err, "alldata: 1 of 2 replicas\n");
}
END_TEST

START_TEST(put_takes_a_file_for_one_event) {
    char path[128];
    const char *directory = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    snprintf(path, sizeof(path), "%s/event-%ld", directory, (long)getpid());
    program_write_file(path, "{\n\"a\": 1\n}\n");
    ck_assert_int_eq(RUN("put", "--file", path), 0);
    expect_seen("Content-Length: 11\r\n");
    unlink(path);
    ck_assert_int_eq(RUN("put", "--file", path), 1);
    expect_in(output.err, "No such file");
}
END_TEST

START_TEST(put_takes_lines_for_many) {
    ck_assert_int_eq(FEED("1\n\n{\"b\":2}\n3", "put"), 0);
    int lines = 0;
    for (const char *at = output.out; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    ck_assert_int_eq(lines, 3);
    ck_assert_int_eq(peer_requests(node), 1);
    ck_assert_int_eq(FEED("1\n\"no\"\n3\n", "put"), 4);
    expect_in(output.err, "alldata: line 2: it has another event\n");
    expect_in(output.err, "1 of 3 events were not acknowledged");
    ck_assert_int_eq(FEED("", "put"), 0);
    ck_assert_str_eq(output.out, "");
}
END_TEST

START_TEST(scan_prints_a_line_an_event) {
    ck_assert_int_eq(RUN("scan", "--prefix", "2026", "--limit", "5"), 0);
    ck_assert_str_eq(output.out, "{\"key\":\"20261121T005824640353920861\",\"event\":{\"a\": 1}}\n"
                                 "{\"key\":\"20261121T005824640353920862\",\"event\":[1]}\n");
    expect_seen("prefix=2026&limit=5");
    ck_assert_int_eq(RUN("scan", "--local"), 5);
    expect_in(output.err, "two are away");
    expect_in(output.err, "--after 20261121T005824640353920862");
}
END_TEST

START_TEST(status_peers_and_intervals_are_tables) {
    ck_assert_int_eq(RUN("status"), 0);
    expect_in(output.out, "node                 ad1\n");
    expect_in(output.out, "peers that live      2\n");
    ck_assert_ptr_null(strstr(output.out, "zone"));
    ck_assert_int_eq(RUN("status", "--json"), 0);
    json_t *object = json_loads(output.out, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(object, "id")), "ad1");
    json_decref(object);
    ck_assert_int_eq(RUN("peers"), 0);
    expect_in(output.out, "ad3   dead");
    expect_in(output.out, "reference");
    ck_assert_int_eq(RUN("peers", "--json"), 0);
    expect_in(output.out, "{\"id\":\"ad3\"");
    ck_assert_int_eq(RUN("intervals"), 0);
    expect_in(output.out, "20261122T000000  open");
}
END_TEST

START_TEST(repair_is_waited_for) {
    ck_assert_int_eq(RUN("repair"), 0);
    expect_seen("POST /_alldata/repair\n");
    ck_assert_int_eq(RUN("repair", "20261121T000000", "--wait", "--timeout", "30"), 0);
    ck_assert_int_ge(atomic_load(&repairs_done), 3);
    ck_assert_int_eq(RUN("repair", "none"), 4);
    expect_in(output.err, "there is no such interval");
}
END_TEST

START_TEST(an_export_is_whole_or_not_there) {
    char path[128];
    const char *directory = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    snprintf(path, sizeof(path), "%s/export-%ld", directory, (long)getpid());
    ck_assert_int_eq(RUN("export", "20261121T000000", path), 0);
    char *text = program_read_file(path);
    ck_assert_str_eq(text, "alldata-export 1 20261121T000000\n" RECORDS "end 2\n");
    free(text);
    unlink(path);
    ck_assert_int_eq(RUN("export", "20261121T000000", path, "--local"), 5);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(RUN("export", "20261122T000000", path), 4);
    expect_in(output.err, "is not closed yet");
    ck_assert_int_eq(RUN("export", "20261123T000000", path), 4);
    expect_in(output.err, "does not exist");
}
END_TEST

#define REFERENCE "alldata: the node, one of the reference, "

/* What it was asked for beyond storing the event has not been done. */
START_TEST(a_node_of_the_reference_is_told_from_ours) {
    static const char *const unknown[] = {"status", "peers", "intervals", "repair"};
    peer_stop(node);
    node = peer_start(NULL, serve_as_reference, NULL);
    snprintf(address, sizeof(address), "http://127.0.0.1:%d", peer_port(node));
    ck_assert_int_eq(RUN("put", "1"), 0);
    ck_assert_str_eq(output.out, "");
    ck_assert_str_eq(output.err, REFERENCE "tells no keys\n");
    ck_assert_int_eq(FEED("1\n2\n", "put", "--json"), 0);
    ck_assert_str_eq(output.out, "{\"code\":\"ok\"}\n{\"code\":\"ok\"}\n");
    ck_assert_str_eq(output.err, REFERENCE "tells no keys\n");
    ck_assert_int_eq(RUN("put", "1", "--key", KEY), 1);
    expect_in(output.err, REFERENCE "tells no keys, and has put the event under another");
    ck_assert_int_eq(RUN("put", "1", "--commit", "all"), 1);
    expect_in(output.err, "knows no --commit but its own\n");
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        ck_assert_int_eq(RUN(unknown[i]), 1);
        ck_assert_str_eq(output.err, REFERENCE "takes puts and nothing else\n");
    }
    ck_assert_int_eq(RUN("scan"), 1);
    expect_in(output.err, "one of the reference takes puts and nothing else\n");
}
END_TEST

START_TEST(mistakes_have_their_status) {
    ck_assert_int_eq(RUN("put", "1", "--commit", "some"), 2);
    ck_assert_int_eq(RUN("put", "1", "--key", "today"), 4);
    ck_assert_int_eq(RUN("put", "1", "--file", "x"), 2);
    ck_assert_int_eq(FEED("1\n", "put", "--key", KEY), 2);
    ck_assert_int_eq(RUN("status", "--local"), 2);
    ck_assert_int_eq(RUN("status", "--cert", "x"), 2);
    ck_assert_int_eq(RUN("status", "--secret-file", "/nowhere"), 2);
    ck_assert_int_eq(RUN("unknown"), 2);
    snprintf(address, sizeof(address), "127.0.0.1:%d", peer_free_port());
    ck_assert_int_eq(RUN("status"), 3);
    expect_in(output.err, "cannot reach the node at http://127.0.0.1:");
    snprintf(address, sizeof(address), "unix:/nowhere/socket");
    ck_assert_int_eq(RUN("status"), 3);
    expect_in(output.err, "cannot reach the node at unix:/nowhere/socket: ");
    ck_assert_ptr_null(strstr(output.err, "localhost"));
    snprintf(address, sizeof(address), "ftp://127.0.0.1");
    ck_assert_int_eq(RUN("status"), 2);
}
END_TEST

START_TEST(the_address_may_be_in_the_environment) {
    char addresses[160];
    snprintf(addresses, sizeof(addresses), "http://127.0.0.1:%d,%s", peer_free_port(), address);
    setenv("ALLDATA_URL", addresses, 1);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(run(NULL, (const char *[]){"status", NULL}), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata-http: commands");
    TCase *tcase = tcase_create("commands");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, put_prints_the_key);
    tcase_add_test(tcase, put_takes_a_file_for_one_event);
    tcase_add_test(tcase, put_takes_lines_for_many);
    tcase_add_test(tcase, scan_prints_a_line_an_event);
    tcase_add_test(tcase, status_peers_and_intervals_are_tables);
    tcase_add_test(tcase, repair_is_waited_for);
    tcase_add_test(tcase, an_export_is_whole_or_not_there);
    tcase_add_test(tcase, a_node_of_the_reference_is_told_from_ours);
    tcase_add_test(tcase, mistakes_have_their_status);
    tcase_add_test(tcase, the_address_may_be_in_the_environment);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
