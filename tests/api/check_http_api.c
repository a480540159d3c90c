#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_fixture.h"

static http_fixture fixture;

static void setup(void) {
    http_fixture_setup(&fixture);
}

static void teardown(void) {
    http_fixture_teardown(&fixture);
}

/* Everything that can be read is the same over TCP and the UNIX socket. */
static const int transports[] = {0, 1};

static http_reply get_over(int unix_socket, const char *url) {
    const http_ask ask = {.url = url, .unix_socket = unix_socket};
    return http_do(&fixture, &ask);
}

static void expect_header(const http_reply *reply, const char *name, const char *value) {
    char text[128];
    ck_assert_str_eq(http_header(reply, name, text, sizeof(text)), value);
}

/* Information. */

START_TEST(node_is_the_snapshots_node) {
    http_reply reply = get_over(transports[_i], "/api/unstable/info/node");
    ck_assert_int_eq(reply.status, 200);
    expect_header(&reply, "Content-Type", "application/json");
    expect_header(&reply, "Cache-Control", "no-store");
    expect_header(&reply, "Age", "0");
    repli_doc *doc;
    const repli_node *node;
    ck_assert_int_eq(repli_node_from_json(reply.body, reply.size, &doc, &node, NULL), REPLI_OK);
    ck_assert_str_eq(node->node_id, "node-1");
    ck_assert_str_eq(node->store_id, "fake");
    ck_assert_int_eq(node->status, REPLI_STATUS_HEALTHY);
    ck_assert_str_eq(node->store_version.number, "1.2.3");
    repli_doc_free(doc);
    http_reply_free(&reply);
}
END_TEST

START_TEST(store_and_shards_are_the_snapshots) {
    http_reply reply = get_over(transports[_i], "/api/unstable/info/store");
    ck_assert_int_eq(reply.status, 200);
    expect_header(&reply, "Age", "0");
    repli_doc *doc;
    const repli_store_extras *extras;
    ck_assert_int_eq(repli_store_extras_from_json(reply.body, reply.size, &doc, &extras, NULL),
                     REPLI_OK);
    ck_assert_str_eq(extras->cluster_id, "fake-cluster");
    repli_doc_free(doc);
    http_reply_free(&reply);

    reply = get_over(transports[_i], "/api/unstable/info/shards");
    ck_assert_int_eq(reply.status, 200);
    const repli_shards *shards;
    ck_assert_int_eq(repli_shards_from_json(reply.body, reply.size, &doc, &shards, NULL), REPLI_OK);
    ck_assert_uint_eq(shards->shard_count, 1);
    ck_assert_int_eq(shards->shards[0].role, REPLI_ROLE_PRIMARY);
    repli_doc_free(doc);
    http_reply_free(&reply);
}
END_TEST

START_TEST(a_store_that_is_down_is_said_in_each_way) {
    http_fixture_script(&fixture, "{\"fail\": -1}");
    http_fixture_wait_status(&fixture, REPLI_STATUS_UNAVAILABLE);
    http_reply reply = http_get(&fixture, "/api/unstable/info/node");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"UNAVAILABLE\""));
    http_reply_free(&reply);
    http_expect_error(http_get(&fixture, "/api/unstable/info/store"), 500, "");
    http_expect_error(http_get(&fixture, "/api/unstable/info/shards"), 500, "");
}
END_TEST

START_TEST(max_age_asks_the_store) {
    http_fixture_script(&fixture, "{\"version\": \"7.7.7\"}");
    http_reply reply = http_get(&fixture, "/api/unstable/info/node?max_age=0");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.body, "7.7.7"));
    http_reply_free(&reply);
    /* A day old is good enough, so nobody is asked. */
    http_fixture_script(&fixture, "{\"hang\": true}");
    reply = http_get(&fixture, "/api/unstable/info/shards?max_age=86400000");
    ck_assert_int_eq(reply.status, 200);
    http_reply_free(&reply);
}
END_TEST

START_TEST(max_age_gives_up_after_its_timeout) {
    http_fixture_script(&fixture, "{\"hang\": true}");
    http_reply reply = http_get(&fixture, "/api/unstable/info/node?max_age=0&timeout=100");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_ge(reply.ms, 90);
    /* Well before the agent itself gives up on the store. */
    if (reply.ms < HTTP_FIXTURE_OBSERVE_TIMEOUT_MS / 2)
        ck_assert_ptr_nonnull(strstr(reply.body, "\"HEALTHY\""));
    http_reply_free(&reply);
}
END_TEST

static const char *const bad_queries[] = {"/api/unstable/info/node?max_age=",
                                          "/api/unstable/info/node?max_age=x",
                                          "/api/unstable/info/node?max_age=-1",
                                          "/api/unstable/info/node?max_age=86400001",
                                          "/api/unstable/info/node?max_age=99999999999999999999",
                                          "/api/unstable/info/store?max_age=1&timeout=60001",
                                          "/api/unstable/actions/finished?limit=0",
                                          "/api/unstable/actions/finished?limit=1e3",
                                          "/role/secondary?max_lag=much",
                                          "/role/secondary?max_lag=9223372036854775808"};

START_TEST(bad_parameters_are_refused) {
    http_expect_error(http_get(&fixture, bad_queries[_i]), 400, "must be a whole number");
}
END_TEST

/* Maintenance. */

static http_reply maintain(const char *method, const char *url, const char *body, int unix_socket) {
    const http_ask ask = {.method = method, .url = url, .body = body, .unix_socket = unix_socket};
    return http_do(&fixture, &ask);
}

static void expect_answer(http_reply reply, const char *part) {
    ck_assert_int_eq(reply.status, 200);
    ck_assert_msg(strstr(reply.body, part) != NULL, "%s", reply.body);
    http_reply_free(&reply);
}

START_TEST(maintenance_is_set_and_ended) {
    static const char url[] = "/api/unstable/maintenance";
    static const char none[] = "{\"maintenance\":null}";
    static const char alice[] = "{\"owner\": \"alice\", \"reason\": \"new disks\","
                                " \"until\": \"2200-01-02T03:04:05Z\"}";
    expect_answer(http_get(&fixture, url), none);
    expect_answer(maintain("DELETE", url, NULL, 0), none);
    http_expect_error(maintain("PUT", url, "{\"reason\": \"x\"}", 0), 400, "needs an owner");
    http_expect_error(maintain("PUT", url, "[]", 0), 400, "object");
    http_expect_error(maintain("PUT", url, "{\"owner\": 1}", 0), 400, "owner");
    http_expect_error(
        maintain("PUT", url, "{\"owner\": \"a\", \"until\": \"2001-01-01T00:00:00Z\"}", 0), 400,
        "has passed");
    expect_answer(maintain("PUT", url, alice, 0),
                  "{\"maintenance\":{\"owner\":\"alice\",\"reason\":\"new disks\",\"since\":\"");
    expect_answer(http_get(&fixture, url), "\"until\":\"2200-01-02T03:04:05Z\"");
    expect_answer(maintain("POST", "/api/unstable/action",
                           "{\"kind\": \"agent.replicante.io/test.success\","
                           " \"id\": \"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\"}",
                           0),
                  "5f0c3a52");
    expect_answer(http_get(&fixture, "/api/unstable/actions/queue"),
                  "\"phase\":\"NEW\"}],\"maintenance\":{\"owner\":\"alice\"");
    expect_answer(http_get(&fixture, "/metrics"), "\nrepliagent_maintenance 1\n");
    /* Over the UNIX socket the user is the owner, unless there is a name. */
    http_expect_error(maintain("PUT", url, "{}", 1), 409, "\"alice\" holds actions up already");
    expect_answer(maintain("PUT", "/api/unstable/maintenance?force=true", "{}", 1),
                  "{\"owner\":\"uid:");
    expect_answer(maintain("DELETE", url, NULL, 0), none);
    http_wait_phase(&fixture, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", REPLI_PHASE_DONE);
    expect_answer(http_get(&fixture, "/api/unstable/actions/queue"), "{\"actions\":[]}");
}
END_TEST

/* Actions. */

START_TEST(an_action_is_scheduled_run_and_looked_up) {
    const http_ask ask = {
        .url = _i % 2 == 0 ? "/api/unstable/action" : "/api/unstable/action/",
        .unix_socket = _i / 2,
        .chunked = _i % 2,
        .body = "{\"kind\": \"agent.replicante.io/test.success\", \"args\": {\"a\": [1, null]},"
                " \"created_time\": \"2026-01-02T03:04:05.678Z\","
                " \"id\": \"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\","
                " \"metadata\": {\"k\": \"v\"}}"};
    http_reply reply = http_do(&fixture, &ask);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.body, "{\"id\":\"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\"}");
    http_reply_free(&reply);
    http_wait_phase(&fixture, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", REPLI_PHASE_DONE);

    reply = get_over(_i / 2, "/api/unstable/action/5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11");
    ck_assert_int_eq(reply.status, 200);
    repli_doc *doc;
    const repli_action *action;
    ck_assert_int_eq(repli_action_from_json(reply.body, reply.size, &doc, &action, NULL), REPLI_OK);
    ck_assert_str_eq(action->kind, "agent.replicante.io/test.success");
    /* Over the UNIX socket the kernel tells who asks. */
    char user[32];
    snprintf(user, sizeof(user), "uid:%lu", (unsigned long)getuid());
    ck_assert_str_eq(action->requester, _i / 2 ? user : "AGENT_API");
    ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
    ck_assert_uint_eq(action->header_count, 1);
    ck_assert_str_eq(action->headers[0].value, "v");
    ck_assert_uint_gt(action->history_count, 0);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"created_time\":\"2026-01-02T03:04:05.678Z\""));
    repli_doc_free(doc);
    http_reply_free(&reply);

    reply = get_over(_i / 2, "/api/unstable/actions/finished");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.body, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11"));
    http_reply_free(&reply);
}
END_TEST

/* Bodies that are no request, and what the message must be about. */
static const struct {
    const char *body;
    const char *about;
} bad_bodies[] = {
    {"", ""},
    {"{", ""},
    {"[]", ""},
    {"null", ""},
    {"{\"kind\": 1}", "kind"},
    {"{\"args\": {}}", "kind"},
    {"{\"kind\": \"agent.replicante.io/test.success\"} x", ""},
    {"{\"kind\": \"no.such.domain/kind\"}", "unknown kind"},
    {"{\"kind\": \"agent.replicante.io/test.success\", \"id\": \"7\"}", "id"},
    {"{\"kind\": \"agent.replicante.io/test.success\", \"created_time\": "
     "\"2026-01-02T03:04:05+01:00\"}",
     "created_time"},
    {"{\"kind\": \"agent.replicante.io/test.success\", \"created_time\": \"today\"}",
     "created_time"},
    {"{\"kind\": \"agent.replicante.io/test.success\", \"metadata\": [1]}", "metadata"},
    {"{\"kind\": \"agent.replicante.io/test.loop\", \"args\": {\"target\": \"many\"}}", "target"},
    {"{\"kind\": \"\xff\"}", ""},
};

START_TEST(bad_requests_are_400) {
    http_expect_error(http_post(&fixture, bad_bodies[_i].body), 400, bad_bodies[_i].about);
    http_reply reply = http_get(&fixture, "/api/unstable/actions/queue");
    ck_assert_str_eq(reply.body, "{\"actions\":[]}");
    http_reply_free(&reply);
}
END_TEST

START_TEST(an_id_is_used_once) {
    const char *body = "{\"kind\": \"agent.replicante.io/test.success\","
                       " \"id\": \"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\"}";
    http_expect(http_post(&fixture, body), 200);
    http_expect_error(http_post(&fixture, body), 409, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11");
}
END_TEST

START_TEST(an_unknown_action_is_404_without_a_body) {
    static const char *const urls[] = {
        "/api/unstable/action/5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", "/api/unstable/action/7",
        "/api/unstable/action/%2F..%2Fnode", "/api/unstable/action/%FF"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        http_reply reply = http_get(&fixture, urls[i]);
        ck_assert_int_eq(reply.status, 404);
        ck_assert_uint_eq(reply.size, 0);
        expect_header(&reply, "Content-Length", "0");
        http_reply_free(&reply);
    }
}
END_TEST

static http_reply delete_action(const char *id) {
    char url[128];
    snprintf(url, sizeof(url), "/api/unstable/action/%s", id);
    const http_ask ask = {.method = "DELETE", .url = url};
    return http_do(&fixture, &ask);
}

START_TEST(only_what_waits_can_be_cancelled) {
    char running[64];
    char waiting[64];
    http_schedule(&fixture, "fake.test/slow", "{\"ms\": 60000}", running);
    http_wait_phase(&fixture, running, REPLI_PHASE_RUNNING);
    http_schedule(&fixture, "agent.replicante.io/test.success", "null", waiting);

    http_reply reply = http_get(&fixture, "/api/unstable/actions/queue");
    char expected[512];
    snprintf(expected, sizeof(expected),
             "{\"actions\":[{\"id\":\"%s\",\"kind\":\"fake.test/slow\",\"phase\":\"RUNNING\"},"
             "{\"id\":\"%s\",\"kind\":\"agent.replicante.io/test.success\",\"phase\":\"NEW\"}]}",
             running, waiting);
    ck_assert_str_eq(reply.body, expected);
    http_reply_free(&reply);

    reply = delete_action(waiting);
    snprintf(expected, sizeof(expected), "{\"id\":\"%s\"}", waiting);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.body, expected);
    http_reply_free(&reply);
    http_wait_phase(&fixture, waiting, REPLI_PHASE_FAILED);
    http_expect_error(delete_action(waiting), 409, "");
    http_expect_error(delete_action(running), 409, "");
    http_expect_error(delete_action("5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11"), 404, "no action");
    http_expect_error(delete_action("x"), 404, "no action");
}
END_TEST

START_TEST(what_runs_is_asked_to_end) {
    char id[64];
    char expected[128];
    http_schedule(&fixture, "fake.test/steps", "{\"steps\":2,\"pause_ms\":600000}", id);
    http_wait_phase(&fixture, id, REPLI_PHASE_RUNNING);
    http_reply reply = delete_action(id);
    snprintf(expected, sizeof(expected), "{\"id\":\"%s\"}", id);
    /* It may have ended by now. */
    ck_assert(reply.status == 202 || reply.status == 200);
    ck_assert_str_eq(reply.body, expected);
    http_reply_free(&reply);
    http_wait_phase(&fixture, id, REPLI_PHASE_FAILED);
    char url[128];
    snprintf(url, sizeof(url), "/api/unstable/action/%s", id);
    reply = http_get(&fixture, url);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"outcome\":\"cancelled\""));
    ck_assert_ptr_null(strstr(reply.body, "\"cancel_requested\":null"));
    http_reply_free(&reply);
}
END_TEST

START_TEST(deadline_and_not_before_are_taken) {
    static const char body[] = "{\"kind\":\"agent.replicante.io/test.success\","
                               "\"not_before\":\"2200-01-02T03:04:05Z\","
                               "\"deadline\":\"2200-01-02T03:04:06Z\"}";
    char id[64];
    http_ask ask = {.method = "POST", .url = "/api/unstable/action", .body = body};
    http_reply reply = http_do(&fixture, &ask);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_eq(sscanf(reply.body, "{\"id\":\"%36s", id), 1);
    http_reply_free(&reply);
    char url[128];
    snprintf(url, sizeof(url), "/api/unstable/action/%s", id);
    reply = http_get(&fixture, url);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"deadline\":\"2200-01-02T03:04:06Z\""));
    ck_assert_ptr_nonnull(strstr(reply.body, "\"not_before\":\"2200-01-02T03:04:05Z\""));
    ck_assert_ptr_nonnull(strstr(reply.body, "\"outcome\":null"));
    http_reply_free(&reply);
    reply = delete_action(id);
    ck_assert_int_eq(reply.status, 200);
    http_reply_free(&reply);

    ask.body = "{\"kind\":\"agent.replicante.io/test.success\","
               "\"not_before\":\"2200-01-02T03:04:05Z\","
               "\"deadline\":\"2200-01-02T03:04:05Z\"}";
    http_expect_error(http_do(&fixture, &ask), 400, "could never begin");
    ask.body = "{\"kind\":\"agent.replicante.io/test.success\",\"deadline\":\"soon\"}";
    http_expect_error(http_do(&fixture, &ask), 400, "deadline");
}
END_TEST

START_TEST(finished_actions_come_newest_first_by_pages) {
    char ids[5][64];
    for (int i = 0; i < 5; i++)
        http_schedule(&fixture, "agent.replicante.io/test.success", "null", ids[i]);
    http_wait_phase(&fixture, ids[4], REPLI_PHASE_DONE);
    char url[160] = "/api/unstable/actions/finished?limit=2";
    for (int left = 5; left > 0; left -= 2) {
        http_reply reply = http_get(&fixture, url);
        ck_assert_int_eq(reply.status, 200);
        repli_doc *doc;
        const repli_action_summary *summaries;
        size_t count;
        ck_assert_int_eq(repli_action_summaries_from_json(reply.body, reply.size, &doc, &summaries,
                                                          &count, NULL),
                         REPLI_OK);
        ck_assert_uint_eq(count, left > 1 ? 2 : 1);
        ck_assert_str_eq(summaries[0].id, ids[left - 1]);
        if (left > 1)
            ck_assert_str_eq(summaries[1].id, ids[left - 2]);
        snprintf(url, sizeof(url), "/api/unstable/actions/finished?limit=2&before=%s",
                 summaries[count - 1].id);
        repli_doc_free(doc);
        http_reply_free(&reply);
    }
    http_reply reply = http_get(&fixture, url);
    ck_assert_str_eq(reply.body, "{\"actions\":[]}");
    http_reply_free(&reply);
    http_expect_error(http_get(&fixture, "/api/unstable/actions/finished?before=nobody"), 404, "");
}
END_TEST

START_TEST(a_full_queue_says_when_to_come_back) {
    http_fixture small;
    http_fixture_agent(&small, 2);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    http_fixture_serve(&small, &options);
    char id[64];
    http_schedule(&small, "fake.test/slow", "{\"ms\": 60000}", id);
    http_schedule(&small, "agent.replicante.io/test.success", "null", id);
    http_reply reply = http_post(&small, "{\"kind\": \"agent.replicante.io/test.success\"}");
    char text[16];
    ck_assert_int_gt(atoi(http_header(&reply, "Retry-After", text, sizeof(text))), 0);
    http_expect_error(reply, 429, "");
    http_fixture_teardown(&small);
}
END_TEST

START_TEST(a_stopped_agent_takes_nothing) {
    repli_agent_stop(fixture.agent, 5000, NULL);
    http_expect_error(http_post(&fixture, "{\"kind\": \"agent.replicante.io/test.success\"}"), 503,
                      "stopped");
    http_expect_error(http_get(&fixture, "/health/live"), 503, "not running");
    http_expect(http_get(&fixture, "/api/unstable/info/node"), 200);
}
END_TEST

/* Paths and methods. */

static const char *const unknown_urls[] = {"/",
                                           "/api/unstable/info/nodes",
                                           "/api/unstable/info/node/",
                                           "/api/unstable/info",
                                           "/api//unstable/info/node",
                                           "/api/unstable/info/./node",
                                           "/api/unstable/action/1/2",
                                           "/api%2Funstable/info/node",
                                           "/API/unstable/info/node",
                                           "/metrics/",
                                           "/health",
                                           "/a/b/c/d/e/f/g/h/i/j/k"};

START_TEST(unknown_paths_are_404) {
    http_expect_error(http_get(&fixture, unknown_urls[_i]), 404, "nothing at this URL");
}
END_TEST

START_TEST(paths_and_parameters_are_percent_decoded) {
    http_expect(http_get(&fixture, "/%61pi/unstable/inf%6F/n%6fde"), 200);
    http_expect(http_get(&fixture, "/api/unstable/info/node?max%5Fage=%31000&&x&y=+"), 200);
    http_expect_error(http_get(&fixture, "/api/unstable/info/node?max_age=%zz"), 400,
                      "hexadecimal");
    http_expect_error(http_get(&fixture, "/api/unstable/%"), 400, "hexadecimal");
    http_expect_error(http_get(&fixture, "/metrics%00x"), 400, "hexadecimal");
}
END_TEST

START_TEST(a_long_url_is_414) {
    char url[3000] = "/api/unstable/action/";
    memset(url + strlen(url), 'a', sizeof(url) - 1 - strlen(url));
    http_expect_error(http_get(&fixture, url), 414, "longer than");
}
END_TEST

static const struct {
    const char *method;
    const char *url;
    const char *allow;
} wrong_methods[] = {
    {"POST", "/api/unstable/info/node", "GET, HEAD, OPTIONS"},
    {"DELETE", "/metrics", "GET, HEAD, OPTIONS"},
    {"PUT", "/health/live", "GET, HEAD, OPTIONS"},
    {"PATCH", "/role/primary", "GET, HEAD, OPTIONS"},
    {"GET", "/api/unstable/action", "POST, OPTIONS"},
    {"GET", "/api/unstable/action/", "POST, OPTIONS"},
    {"POST", "/api/unstable/action/5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11",
     "GET, HEAD, DELETE, OPTIONS"},
    {"TRACE", "/api/unstable/actions/queue", "GET, HEAD, OPTIONS"},
    {"BREW", "/api/unstable/actions/finished", "GET, HEAD, OPTIONS"},
};

START_TEST(wrong_methods_are_405) {
    const http_ask ask = {.method = wrong_methods[_i].method, .url = wrong_methods[_i].url};
    http_reply reply = http_do(&fixture, &ask);
    expect_header(&reply, "Allow", wrong_methods[_i].allow);
    http_expect_error(reply, 405, wrong_methods[_i].allow);
}
END_TEST

START_TEST(options_tell_the_methods) {
    const http_ask ask = {.method = "OPTIONS", .url = "/api/unstable/action"};
    http_reply reply = http_do(&fixture, &ask);
    ck_assert_int_eq(reply.status, 204);
    ck_assert_uint_eq(reply.size, 0);
    expect_header(&reply, "Allow", "POST, OPTIONS");
    http_reply_free(&reply);
    const http_ask unknown = {.method = "OPTIONS", .url = "/nothing"};
    http_expect_error(http_do(&fixture, &unknown), 404, "nothing");
}
END_TEST

START_TEST(head_is_get_without_a_body) {
    static const char *const urls[] = {"/api/unstable/info/node", "/api/unstable/actions/queue",
                                       "/health/live", "/nothing"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        http_reply get = http_get(&fixture, urls[i]);
        const http_ask ask = {.method = "HEAD", .url = urls[i]};
        http_reply head = http_do(&fixture, &ask);
        ck_assert_int_eq(head.failed, CURLE_OK);
        ck_assert_int_eq(head.status, get.status);
        ck_assert_uint_eq(head.size, 0);
        char size[32];
        http_header(&get, "Content-Length", size, sizeof(size));
        expect_header(&head, "Content-Length", size);
        expect_header(&head, "Content-Type", "application/json");
        http_reply_free(&get);
        http_reply_free(&head);
    }
}
END_TEST

/* The agent itself. */

START_TEST(health_is_the_agents_and_not_the_stores) {
    http_expect(http_get(&fixture, "/health/live"), 200);
    http_expect(http_get(&fixture, "/health/ready"), 200);
    http_fixture_script(&fixture, "{\"hang\": true}");
    http_fixture_wait_status(&fixture, REPLI_STATUS_UNAVAILABLE);
    http_expect(http_get(&fixture, "/health/live"), 200);
    http_expect(http_get(&fixture, "/health/ready"), 200);
}
END_TEST

START_TEST(metrics_are_prometheus_text) {
    http_reply reply = get_over(transports[_i], "/metrics");
    ck_assert_int_eq(reply.status, 200);
    expect_header(&reply, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    ck_assert_ptr_nonnull(strstr(reply.body, "# TYPE repliagent_action_loops_busy "));
    ck_assert_int_eq(reply.body[reply.size - 1], '\n');
    http_reply_free(&reply);
}
END_TEST

/* Roles. */

static const struct {
    const char *store;
    const char *url;
    long status;
    const char *why;
} roles[] = {
    {"{}", "/role/primary", 200, ""},
    {"{}", "/role/secondary", 503, "is Primary on this node"},
    {"{\"role\": \"secondary\"}", "/role/primary", 503, "is Secondary"},
    {"{\"role\": \"secondary\"}", "/role/secondary", 200, ""},
    {"{\"role\": \"secondary\"}", "/role/secondary?max_lag=1000", 503, "not known"},
    {"{\"role\": \"secondary\", \"lag\": 1000}", "/role/secondary?max_lag=1000", 200, ""},
    {"{\"role\": \"secondary\", \"lag\": 1001}", "/role/secondary?max_lag=1000", 503,
     "lags by 1001 milliseconds"},
    {"{\"role\": \"secondary\", \"lag\": 1001}", "/role/secondary", 200, ""},
    {"{\"role\": \"recovering\"}", "/role/secondary", 503, "Recovering"},
    {"{\"role\": \"other\"}", "/role/primary", 503, "Other"},
    {"{\"shard_count\": 0}", "/role/primary", 503, "no shards"},
    {"{\"shard_count\": 3}", "/role/primary", 200, ""},
    {"{}", "/role/primary?shard=nobody", 503, "no such shard"},
    {"{\"status\": \"unhealthy\", \"reason\": \"ill\"}", "/role/primary", 503, "UNHEALTHY: ill"},
    {"{\"status\": \"joining\"}", "/role/primary", 503, "JOINING"},
    {"{\"fail\": -1}", "/role/primary", 503, "UNAVAILABLE"},
};

START_TEST(role_urls_say_where_traffic_goes) {
    http_fixture_store(&fixture, roles[_i].store);
    if (roles[_i].status == 200)
        http_expect(http_get(&fixture, roles[_i].url), 200);
    else
        http_expect_error(http_get(&fixture, roles[_i].url), roles[_i].status, roles[_i].why);

    /* Proxies ask with HEAD or OPTIONS as well. */
    static const char *const methods[] = {"HEAD", "OPTIONS"};
    for (int i = 0; i < 2; i++) {
        const http_ask ask = {.method = methods[i], .url = roles[_i].url};
        http_reply reply = http_do(&fixture, &ask);
        ck_assert_int_eq(reply.status, roles[_i].status);
        ck_assert_uint_eq(reply.size, 0);
        http_reply_free(&reply);
    }
}
END_TEST

START_TEST(a_role_can_be_asked_of_one_shard) {
    http_reply reply = http_get(&fixture, "/api/unstable/info/shards");
    repli_doc *doc;
    const repli_shards *shards;
    ck_assert_int_eq(repli_shards_from_json(reply.body, reply.size, &doc, &shards, NULL), REPLI_OK);
    char url[256];
    snprintf(url, sizeof(url), "/role/primary?shard=%s", shards->shards[0].id);
    repli_doc_free(doc);
    http_reply_free(&reply);
    http_expect(http_get(&fixture, url), 200);
}
END_TEST

START_TEST(a_store_that_hangs_loses_its_role) {
    http_expect(http_get(&fixture, "/role/primary"), 200);
    http_fixture_script(&fixture, "{\"hang\": true}");
    http_fixture_wait_status(&fixture, REPLI_STATUS_UNAVAILABLE);
    http_expect_error(http_get(&fixture, "/role/primary"), 503, "UNAVAILABLE");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("api");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, node_is_the_snapshots_node, 0, 2);
    tcase_add_loop_test(tcase, store_and_shards_are_the_snapshots, 0, 2);
    tcase_add_test(tcase, a_store_that_is_down_is_said_in_each_way);
    tcase_add_test(tcase, max_age_asks_the_store);
    tcase_add_test(tcase, max_age_gives_up_after_its_timeout);
    tcase_add_loop_test(tcase, bad_parameters_are_refused, 0,
                        sizeof(bad_queries) / sizeof(bad_queries[0]));
    tcase_add_loop_test(tcase, an_action_is_scheduled_run_and_looked_up, 0, 4);
    tcase_add_loop_test(tcase, bad_requests_are_400, 0, sizeof(bad_bodies) / sizeof(bad_bodies[0]));
    tcase_add_test(tcase, an_id_is_used_once);
    tcase_add_test(tcase, an_unknown_action_is_404_without_a_body);
    tcase_add_test(tcase, only_what_waits_can_be_cancelled);
    tcase_add_test(tcase, what_runs_is_asked_to_end);
    tcase_add_test(tcase, deadline_and_not_before_are_taken);
    tcase_add_test(tcase, finished_actions_come_newest_first_by_pages);
    tcase_add_test(tcase, a_full_queue_says_when_to_come_back);
    tcase_add_test(tcase, a_stopped_agent_takes_nothing);
    tcase_add_loop_test(tcase, unknown_paths_are_404, 0,
                        sizeof(unknown_urls) / sizeof(unknown_urls[0]));
    tcase_add_test(tcase, paths_and_parameters_are_percent_decoded);
    tcase_add_test(tcase, a_long_url_is_414);
    tcase_add_loop_test(tcase, wrong_methods_are_405, 0,
                        sizeof(wrong_methods) / sizeof(wrong_methods[0]));
    tcase_add_test(tcase, options_tell_the_methods);
    tcase_add_test(tcase, maintenance_is_set_and_ended);
    tcase_add_test(tcase, head_is_get_without_a_body);
    tcase_add_test(tcase, health_is_the_agents_and_not_the_stores);
    tcase_add_loop_test(tcase, metrics_are_prometheus_text, 0, 2);
    tcase_add_loop_test(tcase, role_urls_say_where_traffic_goes, 0,
                        sizeof(roles) / sizeof(roles[0]));
    tcase_add_test(tcase, a_role_can_be_asked_of_one_shard);
    tcase_add_test(tcase, a_store_that_hangs_loses_its_role);
    Suite *suite = suite_create("http_api");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
