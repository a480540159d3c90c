#include "agent_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store_fixture.h"

void pause_ms(long ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void agent_fixture_setup(agent_fixture *fixture) {
    *fixture = (agent_fixture){.directory = "/tmp/repli-agent-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(fixture->directory));
    snprintf(fixture->store, sizeof(fixture->store), "%s/agent.db", fixture->directory);
    snprintf(fixture->script, sizeof(fixture->script), "%s/script", fixture->directory);
    snprintf(fixture->calls, sizeof(fixture->calls), "%s/calls", fixture->directory);
    ck_assert_int_eq(repli_config_new(NULL, &fixture->config, NULL), REPLI_OK);
    repli_config *config = fixture->config;
    ck_assert_int_eq(repli_config_set_str(config, "node_id", "node-1", NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(config, "store_path", fixture->store, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_driver(config, repli_driver_fake_entry, NULL), REPLI_OK);
    agent_fixture_driver(fixture, "");
}

void agent_fixture_setup_quick(agent_fixture *fixture) {
    agent_fixture_setup(fixture);
    agent_fixture_set(fixture, "observe.interval_ms", 20);
    agent_fixture_set(fixture, "observe.timeout_ms", 300);
    agent_fixture_set(fixture, "observe.backoff_max_ms", 100);
}

void agent_fixture_teardown(agent_fixture *fixture) {
    repli_agent_free(fixture->agent);
    repli_config_free(fixture->config);
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    ck_assert_int_eq(system(command), 0);
}

void agent_fixture_driver(agent_fixture *fixture, const char *more) {
    char json[1024];
    snprintf(json, sizeof(json), "{\"script\": \"%s\", \"calls_file\": \"%s\"%s}", fixture->script,
             fixture->calls, more);
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_config_set_driver_config(fixture->config, json, strlen(json), &error) ==
                      REPLI_OK,
                  "%s", error.message);
}

/* Replaced at once, so that the driver never reads half of it. */
void agent_fixture_script(const agent_fixture *fixture, const char *members) {
    char fresh[128];
    snprintf(fresh, sizeof(fresh), "%s.new", fixture->script);
    FILE *file = fopen(fresh, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "{%s}", members);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rename(fresh, fixture->script), 0);
}

void agent_fixture_set(agent_fixture *fixture, const char *key, int64_t value) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_config_set_int(fixture->config, key, value, &error) == REPLI_OK, "%s",
                  error.message);
}

void agent_fixture_start(agent_fixture *fixture) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_new(fixture->config, &fixture->agent, &error) == REPLI_OK, "%s",
                  error.message);
    ck_assert_msg(repli_agent_start(fixture->agent, &error) == REPLI_OK, "%s", error.message);
    ck_assert_msg(error.code == REPLI_OK, "success leaves no error: %s", error.message);
}

void agent_fixture_stop(agent_fixture *fixture) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_stop(fixture->agent, 10000, &error) == REPLI_OK, "%s", error.message);
    repli_agent_free(fixture->agent);
    fixture->agent = NULL;
}

size_t agent_fixture_calls(const agent_fixture *fixture, const char *name) {
    FILE *file = fopen(fixture->calls, "r");
    size_t count = 0;
    char line[64];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        count += strncmp(line, name, strlen(name)) == 0;
    if (file != NULL)
        fclose(file);
    return count;
}

repli_snapshot *agent_fixture_await(agent_fixture *fixture, int32_t status) {
    repli_snapshot *snapshot = NULL;
    for (int64_t end = now_ms() + 10000; now_ms() < end; pause_ms(2)) {
        ck_assert_int_eq(repli_agent_snapshot(fixture->agent, &snapshot, NULL), REPLI_OK);
        if (repli_snapshot_node(snapshot)->status == status &&
            (status != REPLI_STATUS_UNKNOWN ||
             strstr(repli_snapshot_node(snapshot)->status_reason, "observed yet") == NULL))
            return snapshot;
        repli_snapshot_unref(snapshot);
    }
    ck_abort_msg("the node did not become %s", repli_status_name(status));
    return NULL;
}

int32_t agent_fixture_await_end(agent_fixture *fixture, const char *id) {
    for (int64_t end = now_ms() + 10000; now_ms() < end; pause_ms(2)) {
        repli_doc *doc = NULL;
        const repli_action *action = NULL;
        ck_assert_int_eq(repli_agent_action(fixture->agent, id, &doc, &action, NULL), REPLI_OK);
        const int32_t phase = action->phase;
        repli_doc_free(doc);
        if (phase == REPLI_PHASE_DONE || phase == REPLI_PHASE_FAILED)
            return phase;
    }
    ck_abort_msg("action %s did not end", id);
    return 0;
}

void await_count(atomic_int *count, int wanted) {
    for (int64_t end = now_ms() + 10000; now_ms() < end; pause_ms(2))
        if (atomic_load(count) >= wanted)
            break;
    ck_assert_int_eq(atomic_load(count), wanted);
}

void agent_fixture_schedule(agent_fixture *fixture, const char *kind, const char *args,
                            char ret_id[REPLI_UUID_SIZE]) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind;
    request.args_json = args;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_schedule(fixture->agent, &request, ret_id, &error) == REPLI_OK, "%s",
                  error.message);
}

const char *node_attribute(const repli_snapshot *snapshot, const char *name) {
    const repli_node *node = repli_snapshot_node(snapshot);
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return node->attributes[i].string;
    return NULL;
}

void test_log_write(int32_t level, const char *origin, const char *message, void *user_data) {
    test_log *log = user_data;
    const int size = snprintf(log->text + log->size, sizeof(log->text) - log->size, "%d %s: %s\n",
                              (int)level, origin, message);
    if (size > 0 && log->size + (size_t)size < sizeof(log->text))
        log->size += (size_t)size;
}
