#include <string.h>

#include <replicante/agent.h>

#include "operation.h"
#include "trap.h"

/* Agents, where calls fail in their own threads. Nobody is there to be told, so that what matters
 * is that they get over it. */

enum { PATIENCE_MS = 20000, AFTERWARDS_MS = 20 };

/* Wait for it, but not for what cannot come: where calls go on failing, for a moment only. */
static void wait_for(int (*done)(world *w), world *w) {
    int64_t end = now_ms() + PATIENCE_MS;
    while (!done(w) && now_ms() < end) {
        pause_ms(1);
        if (trap_failed() > 1 && end > now_ms() + AFTERWARDS_MS)
            end = now_ms() + AFTERWARDS_MS;
    }
}

/* Actions. */

static int32_t schedule(world *w, repli_error *err) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.loop";
    request.args_json = "{\"target\": 3}";
    return repli_agent_schedule(w->agent, &request, w->id, err);
}

static int has_ended(world *w) {
    const int32_t phase = world_phase(w, w->id);
    return phase == REPLI_PHASE_DONE || phase == REPLI_PHASE_FAILED;
}

static int32_t execute(world *w, repli_error *err) {
    const int32_t code = schedule(w, err);
    if (code == REPLI_OK)
        wait_for(has_ended, w);
    return code;
}

/* A step without memory for its outcome fails the action, and nothing else does. */
static void expect_end(world *w, const char *id) {
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_agent_action(w->agent, id, &doc, &action, NULL), REPLI_OK);
    if (action->phase == REPLI_PHASE_DONE)
        ck_assert_str_eq(action->payload_json, "{\"count\":3}");
    else
        ck_assert_ptr_nonnull(strstr(action->error_json, "memory"));
    repli_doc_free(doc);
}

/* The next action takes the one with it that could not be claimed. */
static void verify_executed(world *w) {
    const char *args = "{\"target\": 3}";
    world_acknowledge(w, w->id);
    world_schedule(w, "agent.replicante.io/test.loop", args);
    world_await_done(w, w->known[w->known_count - 1]);
    expect_end(w, w->id);
}

static void verify_started(world *w) {
    world_schedule(w, "agent.replicante.io/test.success", NULL);
    world_await_done(w, w->known[w->known_count - 1]);
}

static int32_t start(world *w, repli_error *err) {
    return repli_agent_start(w->agent, err);
}

static int32_t stop(world *w, repli_error *err) {
    return repli_agent_stop(w->agent, PATIENCE_MS, err);
}

/* Observations. */

typedef struct sight {
    atomic_int count;
    int32_t status;
} sight;

static void observed(void *user_data, repli_snapshot *snapshot) {
    sight *seen = user_data;
    seen->status = repli_snapshot_node(snapshot)->status;
    atomic_fetch_add(&seen->count, 1);
}

static int32_t look(world *w, int64_t timeout_ms, sight *seen, repli_error *err) {
    const int32_t code = repli_agent_observe(w->agent, 0, timeout_ms, observed, seen, err);
    const int64_t end = now_ms() + PATIENCE_MS;
    while (code == REPLI_OK && atomic_load(&seen->count) == 0 && now_ms() < end)
        pause_ms(1);
    EXPECT(w, atomic_load(&seen->count) == (code == REPLI_OK));
    return code;
}

/* Even if the observation is lost, whoever asked is told. */
static int32_t observe(world *w, repli_error *err) {
    sight seen = {0};
    return look(w, 100, &seen, err);
}

static void verify_observed(world *w) {
    sight seen = {0};
    ck_assert_int_eq(look(w, PATIENCE_MS / 2, &seen, NULL), REPLI_OK);
    ck_assert_int_eq(seen.status, REPLI_STATUS_HEALTHY);
    ck_assert_int_eq(repli_agent_live(w->agent, NULL), REPLI_OK);
}

/* Schedules that the writer's thread commits. */

typedef struct outcome {
    atomic_int count;
    int32_t code;
    char id[REPLI_UUID_SIZE];
    repli_error error;
} outcome;

static void scheduled(void *user_data, int32_t code, const char *id, const repli_error *error) {
    outcome *got = user_data;
    got->code = code;
    if (id != NULL)
        memcpy(got->id, id, sizeof(got->id));
    if (error != NULL)
        got->error = *error;
    atomic_fetch_add(&got->count, 1);
}

static int32_t schedule_later(world *w, repli_error *err) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.success";
    outcome got = {.error = REPLI_ERROR_INIT};
    const int32_t code = repli_agent_schedule_async(w->agent, &request, scheduled, &got, err);
    const int64_t end = now_ms() + PATIENCE_MS;
    while (code == REPLI_OK && atomic_load(&got.count) == 0 && now_ms() < end)
        pause_ms(1);
    EXPECT(w, atomic_load(&got.count) == (code == REPLI_OK));
    if (code != REPLI_OK)
        return code;
    if (got.code == REPLI_OK)
        memcpy(w->id, got.id, sizeof(got.id));
    else
        *err = got.error;
    return got.code;
}

static void verify_scheduled(world *w) {
    world_expect_action(w, w->id);
    world_acknowledge(w, w->id);
}

const operation running_operations[] = {
    {.name = "start, elsewhere",
     .functions = "repli_agent_start",
     .flags = OPERATION_ELSEWHERE | OPERATION_ONCE,
     .prepare = world_agent,
     .act = start,
     .verify = verify_started},
    {.name = "stop, elsewhere",
     .functions = "repli_agent_stop",
     .flags = OPERATION_ELSEWHERE,
     .prepare = world_running,
     .act = stop},
    {.name = "execute, elsewhere",
     .functions = "repli_agent_schedule",
     .flags = OPERATION_ELSEWHERE,
     .prepare = world_running,
     .act = execute,
     .verify = verify_executed},
    {.name = "observe, elsewhere",
     .functions = "repli_agent_observe",
     .flags = OPERATION_ELSEWHERE,
     .prepare = world_running,
     .act = observe,
     .verify = verify_observed},
    {.name = "schedule without waiting, elsewhere",
     .functions = "repli_agent_schedule_async",
     .flags = OPERATION_ELSEWHERE,
     .prepare = world_running,
     .act = schedule_later,
     .verify = verify_scheduled},
    {.name = NULL},
};
