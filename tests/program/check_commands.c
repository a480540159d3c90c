#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "program.h"

/* The commands that ask an agent, as a user types them. */

static struct program_agent agent;
static struct program_output output;

#define RUN(...) run((const char *[]){__VA_ARGS__, NULL})
#define ASK(...) run((const char *[]){__VA_ARGS__, "-a", agent.address, NULL})

static int run(const char *const *arguments) {
    program_output_free(&output);
    program_run(&output, arguments);
    return output.status;
}

static void setup(void) {
    memset(&output, 0, sizeof(output));
    program_agent_init(&agent, NULL);
    program_agent_start(&agent);
}

static void setup_stopped(void) {
    memset(&output, 0, sizeof(output));
    program_agent_init(&agent, NULL);
}

static void teardown(void) {
    program_output_free(&output);
    program_agent_dispose(&agent);
}

static void expect_in(const char *text, const char *what) {
    ck_assert_msg(strstr(text, what) != NULL, "\"%s\" is not in:\n%s", what, text);
}

static json_t *out_json(void) {
    json_error_t error;
    json_t *value = json_loads(output.out, 0, &error);
    ck_assert_msg(value != NULL, "%s in:\n%s", error.text, output.out);
    return value;
}

static const char *text_at(json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    ck_assert_msg(text != NULL, "no \"%s\" in:\n%s", name, output.out);
    return text;
}

/* The id on the first line. */
static char *out_id(void) {
    return strndup(output.out, strcspn(output.out, "\n"));
}

static char *schedule(const char *kind, const char *arguments) {
    ck_assert_int_eq(ASK("schedule", kind, arguments), 0);
    return out_id();
}

/* What the first observation has told is there a moment after the socket. */
static void until_healthy(void) {
    ck_assert_int_eq(ASK("node", "--fresh"), 0);
    expect_in(output.out, "HEALTHY");
}

START_TEST(node_as_a_table) {
    until_healthy();
    ck_assert_int_eq(ASK("node"), 0);
    expect_in(output.out, "node    test-1\n"
                          "status  HEALTHY\n"
                          "store   fake 1.2.3\n"
                          "agent   ");
    expect_in(output.out, "client  127.0.0.1:1\n\nATTRIBUTE ");
    expect_in(output.out, "fake.test/kind ");
    ck_assert_str_eq(output.err, "");
}
END_TEST

START_TEST(node_as_json) {
    until_healthy();
    ck_assert_int_eq(ASK("node", "--json"), 0);
    json_t *node = out_json();
    ck_assert_str_eq(text_at(node, "node_id"), "test-1");
    ck_assert_str_eq(text_at(node, "node_status"), "HEALTHY");
    json_decref(node);
}
END_TEST

START_TEST(store_and_shards) {
    until_healthy();
    ck_assert_int_eq(ASK("store"), 0);
    expect_in(output.out,
              "cluster  fake-cluster\n\nATTRIBUTE         VALUE\nfake.test/shards  1\n");
    ck_assert_int_eq(ASK("store", "--json"), 0);
    json_t *store = out_json();
    ck_assert_str_eq(text_at(store, "cluster_id"), "fake-cluster");
    json_decref(store);

    ck_assert_int_eq(ASK("shards"), 0);
    ck_assert_str_eq(output.out, "SHARD    ROLE        OFFSET  LAG\n"
                                 "shard-0  Primary  100 bytes    -\n");
    ck_assert_int_eq(ASK("shards", "--json"), 0);
    json_t *shards = out_json();
    ck_assert_uint_eq(json_array_size(json_object_get(shards, "shards")), 1);
    json_decref(shards);
}
END_TEST

START_TEST(a_store_that_cannot_be_asked) {
    program_agent_stop(&agent, SIGTERM, 10000);
    program_agent_configure(&agent, "fake: {fail: -1}\n");
    program_agent_start(&agent);
    ck_assert_int_eq(ASK("node", "--fresh"), 0);
    expect_in(output.out, "status  UNAVAILABLE: ");
    ck_assert_int_eq(ASK("store"), 5);
    ck_assert_str_eq(output.out, "");
    expect_in(output.err, "repliagent: the agent failed (500): ");
    ck_assert_int_eq(ASK("shards", "--json"), 5);
    ck_assert_str_eq(output.out, "");
}
END_TEST

START_TEST(schedule_prints_the_id) {
    ck_assert_int_eq(ASK("schedule", "agent.replicante.io/test.success"), 0);
    ck_assert_uint_eq(strlen(output.out), 37);
    ck_assert_str_eq(output.err, "");
    ck_assert_int_eq(ASK("schedule", "agent.replicante.io/test.success", "--json"), 0);
    json_t *answer = out_json();
    ck_assert_uint_eq(strlen(text_at(answer, "id")), 36);
    json_decref(answer);
}
END_TEST

START_TEST(schedule_and_wait) {
    ck_assert_int_eq(ASK("schedule", "--wait", "agent.replicante.io/test.loop", "{\"target\": 3}"),
                     0);
    expect_in(output.out, "\nDONE  after ");
    expect_in(output.out, "{\"count\":3}\n");

    ck_assert_int_eq(
        ASK("schedule", "fake.test/steps", "{\"steps\": 3, \"pause_ms\": 150}", "--wait"), 0);
    expect_in(output.err, "RUNNING  {\"step\":1,\"steps\":3}\n");
    expect_in(output.err, "RUNNING  {\"step\":2,\"steps\":3}\n");
    ck_assert_ptr_null(strchr(output.err, '\033'));
    ck_assert_ptr_null(strchr(output.err, '\r'));

    ck_assert_int_eq(ASK("schedule", "fake.test/steps", "--wait", "--json"), 0);
    json_t *action = out_json();
    ck_assert_str_eq(text_at(json_object_get(action, "state"), "phase"), "DONE");
    json_decref(action);
}
END_TEST

START_TEST(wait_for_a_failure) {
    ck_assert_int_eq(ASK("schedule", "--wait", "fake.test/fail",
                         "{\"error\": \"no luck\", \"cause\": \"bad stars\"}"),
                     1);
    expect_in(output.out, "\nFAILED  after ");
    expect_in(output.out, "no luck: bad stars\n");
    ck_assert_int_eq(ASK("schedule", "--wait", "--json", "fake.test/fail"), 1);
    json_t *action = out_json();
    ck_assert_str_eq(text_at(json_object_get(action, "state"), "phase"), "FAILED");
    json_decref(action);
}
END_TEST

START_TEST(wait_no_longer_than_told) {
    const long begin = program_now_ms();
    ck_assert_int_eq(
        ASK("schedule", "fake.test/slow", "{\"ms\": 20000}", "--wait", "--timeout", "0.3"), 6);
    ck_assert_int_ge(program_now_ms() - begin, 300);
    expect_in(output.err, "repliagent: stopped waiting; the action goes on: ");
    char *id = out_id();
    ck_assert_int_eq(ASK("action", id), 0);
    expect_in(output.out, "phase      RUNNING\n");
    free(id);
}
END_TEST

START_TEST(wait_over_a_restart_of_the_agent) {
    char *id = schedule("fake.test/steps", "{\"steps\": 12, \"pause_ms\": 100}");
    ck_assert_int_eq(program_agent_stop(&agent, SIGKILL, 10000), 128 + SIGKILL);
    program_agent_spawn(&agent);
    const long begin = program_now_ms();
    do {
        ck_assert_int_lt(program_now_ms() - begin, 20000);
        program_pause_ms(50);
    } while (ASK("action", id) != 0 || strstr(output.out, "phase      DONE") == NULL);
    free(id);
}
END_TEST

START_TEST(one_action) {
    static const char id[] = "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11";
    ck_assert_int_eq(ASK("schedule", "--id", id, "--requester", "me", "--metadata", "why=test",
                         "--metadata", "what=x=y", "--wait", "fake.test/echo", "[1]"),
                     0);
    ck_assert_int_eq(ASK("action", id), 0);
    expect_in(output.out, "action     5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\n"
                          "kind       fake.test/echo\n"
                          "phase      DONE\n"
                          "arguments  [1]\n");
    expect_in(output.out, "metadata   what=x=y\n");
    expect_in(output.out, "metadata   why=test\n");
    expect_in(output.out, "payload    [1]\n");
    expect_in(output.out, "\nHISTORY ");
    ck_assert_int_eq(ASK("action", id, "--json"), 0);
    json_t *action = out_json();
    ck_assert_str_eq(text_at(action, "id"), id);
    json_decref(action);

    /* The same id again is a conflict, not a second action. */
    ck_assert_int_eq(ASK("schedule", "--id", id, "fake.test/echo"), 4);
    expect_in(output.err, "repliagent: the agent refused (409): ");
}
END_TEST

START_TEST(a_dry_run_does_nothing) {
    static const char args[] = "{\"file\": \"/nowhere/x\", \"id\": \"y\"}";
    ck_assert_int_eq(ASK("schedule", "--dry-run", "fake.test/append", args), 0);
    ck_assert_str_eq(output.out, "1  append a line to a file\n"
                                 "   $ echo ID STEP >> /nowhere/x\n"
                                 "2  forget about it (DESTRUCTIVE)\n"
                                 "   then wait for the next one\n");
    ck_assert_int_eq(ASK("schedule", "--dry-run", "--json", "fake.test/append", args), 0);
    json_t *plan = out_json();
    ck_assert_str_eq(text_at(plan, "kind"), "fake.test/append");
    ck_assert_uint_eq(json_array_size(json_object_get(plan, "steps")), 2);
    json_decref(plan);
    ck_assert_int_eq(ASK("schedule", "--dry-run", "fake.test/fail"), 4);
    expect_in(output.err, "(409): the fake action would fail");
    ck_assert_int_eq(ASK("schedule", "--dry-run", "fake.test/echo"), 4);
    expect_in(output.err, "(400): nobody knows what that does");
    ck_assert_int_eq(ASK("schedule", "--dry-run", "fake.test/append", "{}"), 4);
    ck_assert_int_eq(ASK("schedule", "--dry-run", "--wait", "fake.test/append", args), 2);
    ck_assert_int_eq(ASK("actions", "--finished"), 0);
    ck_assert_ptr_null(strstr(output.out, "fake.test"));
}
END_TEST

START_TEST(maintenance_holds_actions_up) {
    ck_assert_int_eq(ASK("maintenance"), 0);
    ck_assert_str_eq(output.out, "off\n");
    ck_assert_int_eq(
        ASK("maintenance", "on", "--owner", "alice", "--reason", "new disks", "--for", "2h"), 0);
    expect_in(output.out, "owner   alice\nreason  new disks\n");
    ck_assert_int_eq(ASK("schedule", "fake.test/echo", "--wait", "--timeout", "0.2"), 6);
    expect_in(output.err, "NEW  maintenance: alice holds actions up until ");
    ck_assert_int_eq(ASK("actions"), 0);
    expect_in(output.out, "  NEW    fake.test/echo\n\nMaintenance: alice holds actions up until ");
    expect_in(output.out, ": new disks\nNothing starts.\n");
    ck_assert_int_eq(ASK("maintenance", "on", "--owner", "bob"), 4);
    expect_in(output.err, "\"alice\" holds actions up already");
    ck_assert_int_eq(ASK("maintenance", "on", "--owner", "bob", "--force", "--until",
                         "2200-01-02T03:04:05Z", "--json"),
                     0);
    json_t *answer = out_json();
    json_t *maintenance = json_object_get(answer, "maintenance");
    ck_assert_str_eq(text_at(maintenance, "owner"), "bob");
    ck_assert_str_eq(text_at(maintenance, "until"), "2200-01-02T03:04:05Z");
    json_decref(answer);
    ck_assert_int_eq(ASK("maintenance", "off"), 0);
    ck_assert_str_eq(output.out, "off\n");
    ck_assert_int_eq(ASK("events"), 0);
    expect_in(output.out, "  maintenance  -  ");
    expect_in(output.out, "  - -> alice: new disks  ");
    expect_in(output.out, "  alice -> bob  ");
    expect_in(output.out, "  bob -> -  ");
    ck_assert_int_eq(ASK("schedule", "fake.test/echo", "--wait"), 0);
    ck_assert_int_eq(ASK("actions"), 0);
    ck_assert_ptr_null(strstr(output.out, "NEW"));

    ck_assert_int_eq(ASK("maintenance", "perhaps"), 2);
    ck_assert_int_eq(ASK("maintenance", "--owner", "alice"), 2);
    ck_assert_int_eq(ASK("maintenance", "on", "--for", "2y"), 2);
    ck_assert_int_eq(ASK("maintenance", "on", "--for", "2h", "--until", "2200-01-02T03:04:05Z"), 2);
    ck_assert_int_eq(ASK("maintenance", "on", "--until", "tomorrow"), 2);
}
END_TEST

START_TEST(arguments_from_elsewhere) {
    char file[128], at[130];
    snprintf(file, sizeof(file), "%s/arguments", agent.directory);
    snprintf(at, sizeof(at), "@%s", file);
    program_write_file(file, "{\"from\": \"file\"}\n");
    ck_assert_int_eq(ASK("schedule", "--wait", "fake.test/echo", at), 0);
    expect_in(output.out, "{\"from\":\"file\"}\n");

    program_output_free(&output);
    program_run_input(
        &output, "{\"from\": \"input\"}",
        (const char *[]){"schedule", "--wait", "fake.test/echo", "-", "-a", agent.address, NULL});
    ck_assert_int_eq(output.status, 0);
    expect_in(output.out, "{\"from\":\"input\"}\n");

    ck_assert_int_eq(ASK("schedule", "fake.test/echo", "@/none"), 2);
    expect_in(output.err, "cannot read the arguments from /none: No such file or directory\n");
}
END_TEST

START_TEST(lists) {
    ck_assert_int_eq(ASK("actions"), 0);
    ck_assert_str_eq(output.out, "ID  PHASE  KIND\n");
    char *slow = schedule("fake.test/slow", "{\"ms\": 20000}");
    char *waits = schedule("fake.test/echo", "1");
    char line[128];
    ck_assert_int_eq(ASK("actions"), 0);
    snprintf(line, sizeof(line), "%s  NEW      fake.test/echo\n", waits);
    expect_in(output.out, line);
    ck_assert_ptr_nonnull(strstr(output.out, slow));
    ck_assert_int_eq(ASK("actions", "--json"), 0);
    json_t *list = out_json();
    ck_assert_uint_eq(json_array_size(json_object_get(list, "actions")), 2);
    json_decref(list);

    ck_assert_int_eq(ASK("cancel", waits), 0);
    ck_assert_str_eq(output.out, "cancelled\n");
    ck_assert_int_eq(ASK("actions", "--finished"), 0);
    snprintf(line, sizeof(line), "%s  FAILED  fake.test/echo\n", waits);
    expect_in(output.out, line);
    free(waits);
    free(slow);
}
END_TEST

START_TEST(finished_page_by_page) {
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ASK("schedule", "fake.test/echo", "--wait"), 0);
    ck_assert_int_eq(ASK("actions", "--finished", "--limit", "2", "--json"), 0);
    json_t *list = out_json();
    json_t *actions = json_object_get(list, "actions");
    ck_assert_uint_eq(json_array_size(actions), 2);
    char *last = strdup(text_at(json_array_get(actions, 1), "id"));
    json_decref(list);
    ck_assert_int_eq(ASK("actions", "--finished", "--before", last, "--json"), 0);
    list = out_json();
    ck_assert_uint_eq(json_array_size(json_object_get(list, "actions")), 1);
    json_decref(list);
    free(last);
}
END_TEST

START_TEST(cancel_only_what_waits) {
    char *slow = schedule("fake.test/slow", "{\"ms\": 20000}");
    const long begin = program_now_ms();
    do {
        ck_assert_int_lt(program_now_ms() - begin, 10000);
        ck_assert_int_eq(ASK("action", slow), 0);
    } while (strstr(output.out, "RUNNING") == NULL);
    ck_assert_int_eq(ASK("cancel", slow), 4);
    expect_in(output.err, "repliagent: the agent refused (409): ");
    char *waits = schedule("fake.test/echo", "1");
    ck_assert_int_eq(ASK("cancel", waits, "--json"), 0);
    json_t *answer = out_json();
    ck_assert_str_eq(text_at(answer, "id"), waits);
    json_decref(answer);
    ck_assert_int_eq(ASK("cancel", "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11"), 4);
    free(waits);
    free(slow);
}
END_TEST

START_TEST(what_runs_is_asked_to_end) {
    char *steps = schedule("fake.test/steps", "{\"steps\": 2, \"pause_ms\": 600000}");
    ck_assert_int_eq(ASK("cancel", steps, "--wait"), 0);
    expect_in(output.out, "FAILED (cancelled)");
    ck_assert_int_eq(ASK("action", steps), 0);
    expect_in(output.out, "phase         FAILED (cancelled)\n");
    free(steps);
    /* To wait for the end is one thing, to want it another. */
    steps = schedule("fake.test/steps", "{\"steps\": 2, \"pause_ms\": 600000}");
    ck_assert_int_eq(ASK("cancel", steps), 0);
    ck_assert(strcmp(output.out, "cancelled\n") == 0 ||
              strncmp(output.out, "asked to end", 12) == 0);
    free(steps);
}
END_TEST

START_TEST(what_an_action_waits_for) {
    static const char args[] =
        "{\"steps\": 2, \"pause_ms\": 600000, \"waiting_for\": \"the tide\"}";
    char *steps = schedule("fake.test/steps", args);
    const long begin = program_now_ms();
    do {
        ck_assert_int_lt(program_now_ms() - begin, 10000);
        ck_assert_int_eq(ASK("watch", "--count", "1"), 0);
    } while (strstr(output.out, "running fake.test/steps waiting for the tide since 2") == NULL);
    ck_assert_int_eq(ASK("action", steps), 0);
    expect_in(output.out, "waiting for the tide since 2");
    ck_assert_int_eq(ASK("cancel", steps, "--wait"), 0);
    free(steps);
    ck_assert_int_eq(ASK("schedule", "--deadline", "+0.3s", "--wait", "fake.test/steps", args), 1);
    expect_in(output.err, "RUNNING  waiting for the tide since 2");
    ck_assert_int_eq(ASK("schedule", "--not-before", "2200-01-02T03:04:05Z", "--wait", "--timeout",
                         "0.1", "fake.test/echo"),
                     6);
    expect_in(output.err, "NEW  not before 2200-01-02T03:04:05Z\n");
}
END_TEST

START_TEST(limits_of_an_action) {
    ck_assert_int_eq(ASK("schedule", "fake.test/steps", "{\"steps\": 2, \"pause_ms\": 600000}",
                         "--deadline", "+0.2s", "--wait"),
                     1);
    expect_in(output.out, "FAILED (timed_out)");
    expect_in(output.out, "ended between two steps");
    ck_assert_int_eq(ASK("schedule", "fake.test/echo", "--not-before", "2200-01-02T03:04:05Z",
                         "--deadline", "2200-01-02T03:04:06Z"),
                     0);
    char *id = strndup(output.out, strcspn(output.out, "\n"));
    ck_assert_int_eq(ASK("action", id), 0);
    expect_in(output.out, "not before  2200-01-02T03:04:05Z\n");
    expect_in(output.out, "deadline    2200-01-02T03:04:06Z\n");
    free(id);
    ck_assert_int_eq(ASK("schedule", "fake.test/echo", "--not-before", "+0.1s", "--wait"), 0);
    expect_in(output.out, "DONE");
}
END_TEST

START_TEST(what_the_agent_refuses) {
    ck_assert_int_eq(ASK("action", "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11"), 4);
    expect_in(output.err, "knows no action 5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\n");
    ck_assert_int_eq(ASK("schedule", "fake.test/nosuch"), 4);
    expect_in(output.err, "repliagent: the agent refused (400): ");
    ck_assert_int_eq(ASK("schedule", "fake.test/steps", "{\"steps\": 0}"), 4);
    expect_in(output.err, "steps must be 1 or more");
}
END_TEST

START_TEST(watch_as_lines) {
    until_healthy();
    ck_assert_int_eq(ASK("watch", "--count", "2", "--interval", "0.05"), 0);
    expect_in(output.out, "  test-1 HEALTHY  shard-0 Primary offset 100 bytes lag -  queue 0\n");
    ck_assert_ptr_null(strchr(output.out, '\033'));
    ck_assert_ptr_nonnull(strchr(strchr(output.out, '\n') + 1, '\n'));
}
END_TEST

START_TEST(watch_an_agent_that_is_away) {
    ck_assert_int_eq(RUN("watch", "--count", "2", "--interval", "0.05", "-a", "unix:/none"), 3);
    expect_in(output.out, "cannot reach the agent at unix:/none");
}
END_TEST

/* Somebody else at the agent's address: answers one request with this text. */
static pid_t answer_once(const char *answer) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", agent.socket);
    unlink(agent.socket);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        char request[4096];
        const int fd = accept(listener, NULL, NULL);
        const int good = read(fd, request, sizeof(request)) > 0 &&
                         write(fd, answer, strlen(answer)) == (ssize_t)strlen(answer);
        _exit(good ? 0 : 1);
    }
    close(listener);
    return pid;
}

START_TEST(answers_of_something_else) {
    static const struct {
        const char *answer, *message;
        int status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "makes no sense: ", 5},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\noops", "makes no sense: ", 5},
        {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "status 302: that is no agent\n", 5},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\noops", "refused: status 404", 4},
        {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "the agent failed: status 503", 5},
        {"220 mail.example.com\r\n", "cannot reach the agent", 3},
        {"", "cannot reach the agent", 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const pid_t pid = answer_once(cases[i].answer);
        ck_assert_int_eq(ASK("node"), cases[i].status);
        expect_in(output.err, cases[i].message);
        ck_assert_str_eq(output.out, "");
        waitpid(pid, NULL, 0);
    }
}
END_TEST

START_TEST(an_unknown_outcome_can_be_asked_for_again) {
    const pid_t pid = answer_once("");
    ck_assert_int_eq(ASK("schedule", "fake.test/echo"), 3);
    waitpid(pid, NULL, 0);
    const char *at = strstr(output.err, "it is safe to repeat this with --id ");
    ck_assert_ptr_nonnull(at);
    char *id = strndup(at + strlen("it is safe to repeat this with --id "), 36);
    unlink(agent.socket);
    program_agent_start(&agent);
    ck_assert_int_eq(ASK("schedule", "fake.test/echo", "--id", id), 0);
    ck_assert_int_eq(strncmp(output.out, id, 36), 0);
    free(id);
    /* What was never sent has no outcome. */
    ck_assert_int_eq(RUN("schedule", "fake.test/echo", "-a", "unix:/none"), 3);
    ck_assert_ptr_null(strstr(output.err, "--id"));
}
END_TEST

START_TEST(the_address) {
    /* From the environment, from the configuration, and without a scheme. */
    setenv("REPLIAGENT_URL", agent.address, 1);
    ck_assert_int_eq(RUN("node"), 0);
    unsetenv("REPLIAGENT_URL");
    ck_assert_int_eq(RUN("-c", agent.config, "node"), 0);
    ck_assert_int_eq(RUN("node", "-a", "127.0.0.1:1"), 3);
    expect_in(output.err, "repliagent: cannot reach the agent at http://127.0.0.1:1: ");
    /* Nobody has to have a proxy ask his own agent. */
    setenv("http_proxy", "http://127.0.0.1:2", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:2", 1);
    ck_assert_int_eq(ASK("node"), 0);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}
END_TEST

START_TEST(misuse) {
    static const struct {
        const char *arguments[8];
        const char *message;
    } cases[] = {
        {{NULL}, "a command is needed"},
        {{"nosuch"}, "there is no command \"nosuch\""},
        {{"node", "extra"}, "node: unexpected argument \"extra\""},
        {{"action"}, "action needs more: repliagent action ID"},
        {{"action", "x"}, "\"x\" is no id of an action: those are UUIDs"},
        {{"cancel", "x"}, "\"x\" is no id of an action: those are UUIDs"},
        {{"node", "--nosuch"}, "unrecognized option"},
        {{"node", "--wait"}, "node takes no --wait"},
        {{"drivers", "-a", "x"}, "drivers takes no --agent"},
        {{"node", "-a", "unix:/x", "-c", "/y"}, "-a and -c exclude each other"},
        {{"node", "-a", "ftp://x"}, "\"ftp://x\": expected http://, https:// or unix:/path"},
        {{"node", "-a", "unix:"}, "\"unix:\" names no socket"},
        {{"node", "--cert", "x"}, "--cert and --key belong together"},
        {{"run"}, "run needs -c FILE"},
        {{"schedule"}, "schedule needs more: repliagent schedule KIND [ARGUMENTS]"},
        {{"schedule", "nokind"}, "\"nokind\" is not a scoped name"},
        {{"schedule", "a.b/c", "{"}, "the arguments are not JSON: "},
        {{"schedule", "a.b/c", "--id", "1"}, "\"1\" is not a UUID"},
        {{"schedule", "a.b/c", "--timeout", "1"}, "--timeout needs --wait"},
        {{"cancel", "x", "--timeout", "1"}, "--timeout needs --wait"},
        {{"schedule", "a.b/c", "--deadline", "soon"}, "--deadline soon: expected a time such as"},
        {{"schedule", "a.b/c", "--deadline", "+5"}, "expected a number and s, m, h or d"},
        {{"schedule", "a.b/c", "--not-before", "+5y"}, "expected a number and s, m, h or d"},
        {{"schedule", "a.b/c", "--not-before", "+2h", "--deadline", "+1h"}, "could never begin"},
        {{"schedule", "a.b/c", "--timeout", "soon"}, "expected a number of seconds"},
        {{"schedule", "a.b/c", "--metadata", "x"}, "expected NAME=VALUE"},
        {{"schedule", "a.b/c", "--metadata", "x=1", "--metadata", "x=2"}, "is given twice"},
        {{"actions", "--limit", "3"}, "need --finished"},
        {{"actions", "--finished", "--limit", "0"}, "expected a whole number from 1"},
        {{"actions", "--finished", "--before", "x"}, "\"x\" is no id of an action"},
        {{"watch", "--count", "-1"}, "expected a whole number from 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(run(cases[i].arguments), 2);
        ck_assert_str_eq(output.out, "");
        expect_in(output.err, cases[i].message);
        expect_in(output.err, "Try 'repliagent --help'.\n");
    }
}
END_TEST

START_TEST(help) {
    static const char *const commands[] = {"run",    "node",   "store", "shards",  "actions",
                                           "action", "cancel", "watch", "drivers", "schedule"};
    ck_assert_int_eq(RUN("--help"), 0);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char line[32];
        snprintf(line, sizeof(line), "\n  %s ", commands[i]);
        expect_in(output.out, line);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char usage[64];
        snprintf(usage, sizeof(usage), "Usage: repliagent %s ", commands[i]);
        ck_assert_int_eq(RUN(commands[i], "--help"), 0);
        expect_in(output.out, usage);
        expect_in(output.out, "--help");
        ck_assert_str_eq(output.err, "");
    }
    ck_assert_int_eq(RUN("--version"), 0);
    ck_assert_int_eq(strncmp(output.out, "repliagent 0.", 13), 0);
}
END_TEST

START_TEST(drivers) {
    char directory[512];
    snprintf(directory, sizeof(directory), "%s", program_build_path("drivers"));
    ck_assert_int_eq(RUN("drivers", "--driver-dir", directory), 0);
    expect_in(output.out, "NAME ");
    expect_in(output.out, "\nfake ");
    expect_in(output.out, "script, calls_file, status");
    ck_assert_int_eq(RUN("drivers", "fake", "-c", agent.config), 0);
    expect_in(output.out, "driver   fake\n");
    expect_in(output.out, "\npassword     text ");
    ck_assert_int_eq(RUN("drivers", "--json", "--driver-dir", directory, "fake"), 0);
    json_t *document = out_json();
    json_t *driver = json_array_get(json_object_get(document, "drivers"), 0);
    ck_assert_str_eq(text_at(driver, "store_id"), "fake");
    ck_assert_uint_gt(json_array_size(json_object_get(driver, "settings")), 10);
    json_decref(document);

    ck_assert_int_eq(RUN("drivers", "nosuch", "--driver-dir", directory), 1);
    expect_in(output.err, "there is no driver \"nosuch\" in ");
    ck_assert_int_eq(RUN("drivers", "--driver-dir", "/none"), 1);
    expect_in(output.err, "cannot look into /none: No such file or directory");

    /* What is no driver is named, and the rest is listed. */
    char broken[128];
    snprintf(broken, sizeof(broken), "%s/driver_broken.so", agent.directory);
    program_write_file(broken, "not a library");
    ck_assert_int_eq(RUN("drivers", "--driver-dir", agent.directory), 1);
    expect_in(output.err, "driver_broken.so cannot be used: ");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("commands");
    TCase *asking = tcase_create("with an agent");
    tcase_add_checked_fixture(asking, setup, teardown);
    tcase_set_timeout(asking, 60);
    tcase_add_test(asking, node_as_a_table);
    tcase_add_test(asking, node_as_json);
    tcase_add_test(asking, store_and_shards);
    tcase_add_test(asking, a_store_that_cannot_be_asked);
    tcase_add_test(asking, schedule_prints_the_id);
    tcase_add_test(asking, schedule_and_wait);
    tcase_add_test(asking, wait_for_a_failure);
    tcase_add_test(asking, wait_no_longer_than_told);
    tcase_add_test(asking, wait_over_a_restart_of_the_agent);
    tcase_add_test(asking, one_action);
    tcase_add_test(asking, a_dry_run_does_nothing);
    tcase_add_test(asking, maintenance_holds_actions_up);
    tcase_add_test(asking, arguments_from_elsewhere);
    tcase_add_test(asking, lists);
    tcase_add_test(asking, finished_page_by_page);
    tcase_add_test(asking, cancel_only_what_waits);
    tcase_add_test(asking, what_runs_is_asked_to_end);
    tcase_add_test(asking, what_an_action_waits_for);
    tcase_add_test(asking, limits_of_an_action);
    tcase_add_test(asking, what_the_agent_refuses);
    tcase_add_test(asking, watch_as_lines);
    tcase_add_test(asking, the_address);
    suite_add_tcase(suite, asking);
    TCase *alone = tcase_create("without one");
    tcase_add_checked_fixture(alone, setup_stopped, teardown);
    tcase_set_timeout(alone, 60);
    tcase_add_test(alone, watch_an_agent_that_is_away);
    tcase_add_test(alone, answers_of_something_else);
    tcase_add_test(alone, an_unknown_outcome_can_be_asked_for_again);
    tcase_add_test(alone, misuse);
    tcase_add_test(alone, help);
    tcase_add_test(alone, drivers);
    suite_add_tcase(suite, alone);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
