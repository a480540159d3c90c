#include "driven.h"

#include <check.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static repli_error error = REPLI_ERROR_INIT;

#define MUST(call) ck_assert_msg((call) == REPLI_OK, "%s", error.message)

void driven_setup(driven *it, int32_t run_mode) {
    const char *parent = getenv("TMPDIR");
    *it = (driven){0};
    snprintf(it->directory, sizeof(it->directory), "%s/repli-driven-XXXXXX",
             parent != NULL ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(it->directory));
    snprintf(it->script, sizeof(it->script), "%s/script", it->directory);
    char store[320];
    char driver[400];
    snprintf(store, sizeof(store), "%s/agent.db", it->directory);
    const int size = snprintf(driver, sizeof(driver), "{\"script\": \"%s\"}", it->script);
    MUST(repli_config_new(NULL, &it->config, &error));
    MUST(repli_config_set_run_mode(it->config, run_mode, &error));
    MUST(repli_config_set_str(it->config, "node_id", "node-1", &error));
    MUST(repli_config_set_str(it->config, "store_path", store, &error));
    MUST(repli_config_set_driver(it->config, repli_driver_fake_entry, &error));
    MUST(repli_config_set_driver_config(it->config, driver, (size_t)size, &error));
    driven_set(it, "observe.interval_ms", 3600 * 1000);
}

void driven_teardown(driven *it) {
    repli_agent_free(it->agent);
    repli_config_free(it->config);
    char command[400];
    snprintf(command, sizeof(command), "rm -rf '%s'", it->directory);
    ck_assert_int_eq(system(command), 0);
}

void driven_set(driven *it, const char *key, int64_t value) {
    MUST(repli_config_set_int(it->config, key, value, &error));
}

void driven_add_work(driven *it, repli_action_step_fn step, void *user_data) {
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/work";
    kind.summary = "Work";
    MUST(repli_config_add_action(it->config, &kind, NULL, step, user_data, &error));
}

void driven_make(driven *it) {
    MUST(repli_agent_new(it->config, &it->agent, &error));
}

void driven_start(driven *it) {
    driven_make(it);
    MUST(repli_agent_start(it->agent, &error));
}

/* Replaced at once, so that the driver never reads half of it. */
void driven_script(const driven *it, const char *members) {
    char fresh[330];
    snprintf(fresh, sizeof(fresh), "%s.new", it->script);
    FILE *file = fopen(fresh, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "{%s}", members);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rename(fresh, it->script), 0);
}

void driven_schedule(driven *it, const char *kind, const char *args, char ret_id[REPLI_UUID_SIZE]) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind;
    request.args_json = args;
    MUST(repli_agent_schedule(it->agent, &request, ret_id, &error));
}

int32_t driven_phase(driven *it, const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    MUST(repli_agent_action(it->agent, id, &doc, &action, &error));
    const int32_t phase = action->phase;
    repli_doc_free(doc);
    return phase;
}

int32_t driven_status(driven *it) {
    repli_snapshot *snapshot = NULL;
    MUST(repli_agent_snapshot(it->agent, &snapshot, &error));
    const int32_t status = repli_snapshot_node(snapshot)->status;
    repli_snapshot_unref(snapshot);
    return status;
}

static int wait_readable(const driven *it, int timeout_ms) {
    struct pollfd fd = {.fd = repli_agent_fd(it->agent), .events = POLLIN};
    const int count = poll(&fd, 1, timeout_ms);
    ck_assert_int_ge(count, 0);
    return count == 1 && (fd.revents & POLLIN) != 0;
}

int driven_readable(const driven *it) {
    return wait_readable(it, 0);
}

void driven_dispatch(driven *it) {
    MUST(repli_agent_dispatch(it->agent, &error));
}

void driven_turn(driven *it) {
    ck_assert_msg(wait_readable(it, PATIENCE_MS), "the descriptor says nothing");
    driven_dispatch(it);
}

static int has_ended(int32_t phase) {
    return phase == REPLI_PHASE_DONE || phase == REPLI_PHASE_FAILED;
}

int32_t driven_turn_until_end(driven *it, const char *id) {
    while (!has_ended(driven_phase(it, id)))
        driven_turn(it);
    return driven_phase(it, id);
}

void driven_turn_until_status(driven *it, int32_t status) {
    while (driven_status(it) != status)
        driven_turn(it);
}

void driven_settle(driven *it) {
    while (driven_readable(it))
        driven_dispatch(it);
}

int thread_count(void) {
    DIR *directory = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(directory);
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

int thread_id(void) {
    return (int)syscall(SYS_gettid);
}

static void pause_ms(void) {
    const struct timespec time = {.tv_nsec = 1000000};
    nanosleep(&time, NULL);
}

static int sleeps(int thread) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char line[512];
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    fclose(file);
    const char *end = strrchr(line, ')');
    ck_assert_ptr_nonnull(end);
    return end[2] == 'S';
}

void await_sleep(int thread) {
    for (int i = 0; !sleeps(thread); i++) {
        ck_assert_int_lt(i, PATIENCE_MS);
        pause_ms();
    }
}

void await(const atomic_int *count, int least) {
    for (int i = 0; atomic_load(count) < least; i++) {
        ck_assert_int_lt(i, PATIENCE_MS);
        pause_ms();
    }
}
