/* run.sh timeout: 300 */
/* An agent's log of events in AllData: each event once by its key, whatever is killed meanwhile. */

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asking.h"
#include "nodes.h"
#include "program.h"

enum { ROUNDS = 10, ACTIONS = 8, EVENTS_MAX = 1000 };

static struct program_agent agent;

static void configure(const char *secret) {
    char more[512];
    snprintf(more, sizeof(more),
             "events:\n  sink: \"alldata://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d\"\n%s",
             node_port(1, "CLIENTS"), node_port(2, "CLIENTS"), node_port(3, "CLIENTS"), secret);
    program_agent_configure(&agent, more);
}

static void up(void) {
    folder_new();
    program_agent_init(&agent, NULL);
}

static void down(void) {
    program_agent_dispose(&agent);
    nodes_down();
}

static void schedule_some(int count) {
    for (int i = 0; i < count; i++) {
        struct program_output output;
        program_run(&output,
                    (const char *[]){"-a", agent.address, "schedule",
                                     "agent.replicante.io/test.loop", "{\"target\": 2}", NULL});
        ck_assert_msg(output.status == 0, "%s", output.err);
        program_output_free(&output);
    }
}

/* An answer of the agent's; to be freed. */
static char *ask(const char *path) {
    http_reply reply =
        http_ask_at("http://agent", agent.socket, &(http_ask){.url = path, .unix_socket = 1});
    ck_assert_msg(reply.failed == CURLE_OK && reply.status == 200, "%s: %ld", path, reply.status);
    char *text = strdup(reply.body);
    http_reply_free(&reply);
    return text;
}

/* The log as the agent has it: the newest thousand events, oldest first. */
static char *log_of_agent(void) {
    return ask("/api/unstable/events?after=0&limit=1000");
}

static int64_t metric(const char *name) {
    char *text = ask("/metrics"), line[64];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *found = strstr(text, line);
    const int64_t value = found != NULL ? strtoll(found + strlen(line), NULL, 10) : -1;
    free(text);
    return value;
}

/* Until as many events are shipped as the agent has by now. */
static int await_shipped(void) {
    for (const int64_t end = now_ms() + 60000;; pause_ms(50)) {
        char *log = log_of_agent();
        int number = 0;
        for (const char *at = log; (at = strstr(at, "{\"number\":")) != NULL; at++)
            ck_assert_int_eq(sscanf(at, "{\"number\":%d,", &number), 1);
        free(log);
        if (metric("repliagent_sink_last") >= number)
            return number;
        ck_assert_msg(now_ms() < end, "only %lld of %d events are shipped",
                      (long long)metric("repliagent_sink_last"), number);
    }
}

/* Whether a key begins with the second of its event. */
static int is_of_its_time(const char *key, const char *event) {
    char parts[6][5], second[32];
    ck_assert_int_eq(
        sscanf(event, "{\"number\":%*d,\"time\":\"%4[0-9]-%2[0-9]-%2[0-9]T%2[0-9]:%2[0-9]:%2[0-9]",
               parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]),
        6);
    snprintf(second, sizeof(second), "%s%s%sT%s%s%s", parts[0], parts[1], parts[2], parts[3],
             parts[4], parts[5]);
    return strncmp(key, second, strlen(second)) == 0;
}

/* In the order of their times, and of two in one millisecond that with the lower number first.
 * Those of actions are kept with them, and have their times where the others' were changed. */
static void assert_order(const char *event, const char *before) {
    char times[2][sizeof("2026-11-21T09:00:17.201")] = {"", ""};
    int numbers[2] = {0, 0};
    const char *const both[2] = {before, event};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            sscanf(both[i], "{\"number\":%d,\"time\":\"%23[^Z\"]", &numbers[i], times[i]), 2);
    const int order = strcmp(times[0], times[1]);
    ck_assert_msg(order < 0 || (order == 0 && numbers[0] < numbers[1]), "%s\ncomes after\n%s",
                  event, before);
}

/* Each event of the log is in AllData under one key, of its own time, byte for byte and in order;
 * but for the one of that number, if it is not 0. */
static void assert_there(int count, int odd) {
    static int seen[EVENTS_MAX];
    memset(seen, 0, sizeof(seen));
    ck_assert_int_lt(count, EVENTS_MAX);
    char *log = log_of_agent();
    alldata_client *client = client_of(node_url(1));
    alldata_client_scan *scan = NULL;
    ck_assert_int_eq(alldata_client_scan_new(client, NULL, &scan, NULL), REPLI_OK);
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code;
    char last[4096] = "";
    while ((code = alldata_client_scan_next(scan, &record, &error)) == REPLI_OK) {
        char event[sizeof(last)];
        int number = 0;
        ck_assert_uint_lt(record.event_size, sizeof(event));
        snprintf(event, sizeof(event), "%.*s", (int)record.event_size, record.event);
        ck_assert_int_eq(sscanf(event, "{\"number\":%d,", &number), 1);
        ck_assert_int_lt(number, EVENTS_MAX);
        if (number != odd) {
            if (last[0] != '\0')
                assert_order(event, last);
            ck_assert_msg(is_of_its_time(record.key, event), "%.27s: %s", record.key, event);
            memcpy(last, event, sizeof(last));
        }
        seen[number]++;
        if (number <= count)
            ck_assert_msg(strstr(log, event) != NULL, "not in the agent's log: %s", event);
    }
    ck_assert_msg(code == REPLI_EDONE, "%s", error.message);
    for (int i = 1; i <= count; i++)
        ck_assert_msg(seen[i] == 1, "event %d is there %d times", i, seen[i]);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    free(log);
}

static void assert_complete(int count) {
    assert_there(count, 0);
}

static void change_log(const char *statement) {
    char path[128];
    sqlite3 *database = NULL;
    snprintf(path, sizeof(path), "%s/agent.db", agent.directory);
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(database, statement, NULL, NULL, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(database));
    sqlite3_close(database);
}

START_TEST(nothing_is_lost_or_doubled_by_kills) {
    nodes_up(3, 0, "");
    configure("");
    program_agent_start(&agent);
    for (int round = 0; round < ROUNDS; round++) {
        const int victim = 1 + round % 3;
        schedule_some(ACTIONS);
        if (round % 2 == 0)
            nodes_do("crash", victim);
        schedule_some(ACTIONS);
        if (round % 3 != 1) {
            ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
            program_agent_start(&agent);
        }
        if (round % 2 == 0)
            nodes_do("start", victim);
    }
    const int count = await_shipped();
    ck_assert_int_ge(count, ROUNDS * ACTIONS * 2 * 3);
    assert_complete(count);
}
END_TEST

START_TEST(events_wait_while_nobody_takes_them) {
    nodes_up(3, 0, "");
    configure("");
    for (int node = 1; node <= 3; node++)
        nodes_do("stop", node);
    program_agent_start(&agent);
    schedule_some(5);
    program_agent_expect(&agent, "events wait to be shipped, trying again: no node answers", 1);
    ck_assert_int_eq(metric("repliagent_sink_failing"), 1);
    ck_assert_int_eq(metric("repliagent_sink_last"), 0);
    for (int node = 1; node <= 3; node++)
        nodes_do("start", node);
    const int count = await_shipped();
    program_agent_expect(&agent, "events are shipped again", 1);
    ck_assert_int_eq(metric("repliagent_sink_failing"), 0);
    assert_complete(count);
    /* An orderly stop and start ships nothing twice, and what is new. */
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    program_agent_start(&agent);
    schedule_some(2);
    assert_complete(await_shipped());
}
END_TEST

START_TEST(a_cursor_that_is_lost_or_damaged_doubles_nothing) {
    nodes_up(3, 0, "");
    configure("");
    program_agent_start(&agent);
    schedule_some(5);
    await_shipped();
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    shell("echo nonsense >%s/agent.db.sink", agent.directory);
    program_agent_start(&agent);
    program_agent_expect(&agent, "is damaged: all events are shipped again", 1);
    await_shipped();
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    shell("rm %s/agent.db.sink", agent.directory);
    program_agent_start(&agent);
    schedule_some(1);
    assert_complete(await_shipped());
}
END_TEST

/* Events that nobody took so far, and whose times become others. */
static void log_without_nodes(const char *change) {
    nodes_up(3, 0, "");
    configure("");
    for (int node = 1; node <= 3; node++)
        nodes_do("stop", node);
    program_agent_start(&agent);
    schedule_some(3);
    program_agent_expect(&agent, "events wait to be shipped", 1);
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    change_log(change);
    for (int node = 1; node <= 3; node++)
        nodes_do("start", node);
    program_agent_start(&agent);
}

/* A node has that many itself, or more, as the log grows. */
static void await_replicas(int node, int count) {
    for (const int64_t end = now_ms() + 60000; count_events(node_url(node)) < count; pause_ms(50))
        ck_assert_int_lt(now_ms(), end);
}

/* As after days without AllData: by their keys they are shipped once, however often they are. */
START_TEST(events_of_days_ago_keep_their_keys) {
    log_without_nodes("UPDATE events SET time_ns = time_ns - 10 * 86400 * 1000000000");
    assert_there(await_shipped(), 0);
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    shell("rm %s/agent.db.sink", agent.directory);
    program_agent_start(&agent);
    schedule_some(1);
    const int count = await_shipped();
    assert_there(count, 0);
    for (int node = 1; node <= 3; node++)
        await_replicas(node, count);
}
END_TEST

/* As of a clock that was wrong. */
START_TEST(an_event_of_the_future_is_shipped_too) {
    log_without_nodes(
        "UPDATE events SET time_ns = time_ns + 10 * 86400 * 1000000000 WHERE number = 5");
    const int count = await_shipped();
    program_agent_expect(&agent, "has a time that AllData does not accept", 1);
    assert_there(count, 5);
}
END_TEST

START_TEST(a_secret_is_needed_where_there_is_one) {
    nodes_up(3, 0, "SECRET=hush");
    configure("");
    program_agent_start(&agent);
    program_agent_expect(&agent, "the secret is refused", 1);
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    configure("  sink_secret: hush\n");
    program_agent_start(&agent);
    await_shipped();
    ck_assert_int_eq(metric("repliagent_sink_failing"), 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("sink");
    tcase_add_checked_fixture(tcase, up, down);
    tcase_set_timeout(tcase, 250);
    tcase_add_test(tcase, nothing_is_lost_or_doubled_by_kills);
    tcase_add_test(tcase, events_wait_while_nobody_takes_them);
    tcase_add_test(tcase, a_cursor_that_is_lost_or_damaged_doubles_nothing);
    tcase_add_test(tcase, events_of_days_ago_keep_their_keys);
    tcase_add_test(tcase, an_event_of_the_future_is_shipped_too);
    tcase_add_test(tcase, a_secret_is_needed_where_there_is_one);
    Suite *suite = suite_create("alldata-driver-sink");
    suite_add_tcase(suite, tcase);
    return run_alldata_suite(suite);
}
