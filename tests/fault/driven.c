#include <string.h>

#include <replicante/agent.h>

#include "operation.h"
#include "trap.h"

/* Agents without threads: whatever fails does so within the host's call. */

enum { PATIENCE_MS = 20000, AFTERWARDS_MS = 20 };

static void prepare_agent(world *w, int32_t mode) {
    world_config(w);
    ck_assert_int_eq(repli_config_set_run_mode(w->config, mode, NULL), REPLI_OK);
    /* An observation that is lost is made up for by the next. */
    ck_assert_int_eq(repli_config_set_int(w->config, "observe.interval_ms", 50, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_new(w->config, &w->agent, NULL), REPLI_OK);
    world_schedule(w, "agent.replicante.io/test.success", NULL);
    world_schedule(w, "agent.replicante.io/test.loop", "{\"target\": 3}");
}

static void prepare_started(world *w) {
    prepare_agent(w, REPLI_RUN_DISPATCH);
    ck_assert_int_eq(repli_agent_start(w->agent, NULL), REPLI_OK);
}

static void prepare_stopped(world *w) {
    prepare_agent(w, REPLI_RUN_DISPATCH);
}

static void prepare_lent(world *w) {
    prepare_agent(w, REPLI_RUN_LENT);
    ck_assert_int_eq(repli_agent_start(w->agent, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_dispatch(w->agent, NULL), REPLI_OK);
}

static int32_t choose(world *w, repli_error *err) {
    return repli_config_set_run_mode(w->config, REPLI_RUN_DISPATCH, err);
}

static void prepare_choice(world *w) {
    world_config(w);
    ck_assert_int_eq(choose(w, NULL), REPLI_OK);
}

static int32_t make(world *w, repli_error *err) {
    repli_agent *agent = w->made;
    const int32_t code = repli_agent_new(w->config, &agent, err);
    w->made = agent;
    return code;
}

static void verify_made(world *w) {
    ck_assert_int_ge(repli_agent_fd(w->made), 0);
}

static void drop_agent(void *made) {
    repli_agent_free(made);
}

static int32_t start(world *w, repli_error *err) {
    return repli_agent_start(w->agent, err);
}

static int32_t stop(world *w, repli_error *err) {
    return repli_agent_stop(w->agent, PATIENCE_MS, err);
}

/* Dispatch. */

static int all_ended(const world *w) {
    for (size_t i = 0; i < w->known_count; i++) {
        const int32_t phase = world_phase(w, w->known[i]);
        if (phase != REPLI_PHASE_DONE && phase != REPLI_PHASE_FAILED)
            return 0;
    }
    return 1;
}

static int has_observed(const world *w) {
    return repli_agent_ready(w->agent, NULL) != REPLI_ENOTREADY;
}

/* To the end, or for a moment where calls go on failing. */
static int32_t dispatch(world *w, repli_error *err) {
    int64_t end = now_ms() + PATIENCE_MS;
    int32_t code = REPLI_OK;
    while (code == REPLI_OK && now_ms() < end && (!all_ended(w) || !has_observed(w))) {
        code = repli_agent_dispatch(w->agent, err);
        if (trap_failed() > 1 && end > now_ms() + AFTERWARDS_MS)
            end = now_ms() + AFTERWARDS_MS;
    }
    return code;
}

/* A step without memory for its outcome fails the action, and nothing else does. */
static void verify_dispatched(world *w) {
    repli_error error = REPLI_ERROR_INIT;
    world_schedule(w, "agent.replicante.io/test.success", NULL);
    ck_assert_int_eq(dispatch(w, &error), REPLI_OK);
    ck_assert(has_observed(w));
    for (size_t i = 0; i < w->known_count; i++)
        ck_assert_msg(world_phase(w, w->known[i]) > REPLI_PHASE_RUNNING, "action %zu does not end",
                      i);
    for (size_t i = 0; i < w->known_count; i++) {
        repli_doc *doc = NULL;
        const repli_action *action = NULL;
        ck_assert_int_eq(repli_agent_action(w->agent, w->known[i], &doc, &action, NULL), REPLI_OK);
        if (action->phase != REPLI_PHASE_DONE)
            ck_assert_ptr_nonnull(strstr(action->error_json, "memory"));
        repli_doc_free(doc);
    }
}

static int32_t run(world *w, repli_error *err) {
    repli_agent_wakeup(w->agent);
    return repli_agent_run(w->agent, PATIENCE_MS, err);
}

/* There is always more to come, so that the time it has is what ends it. */
static int32_t work(world *w, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_work(w->agent, 1, &error);
    if (code == REPLI_ETIMEOUT)
        return REPLI_OK;
    *err = error;
    return code;
}

static int32_t look(world *w, repli_error *err) {
    (void)err;
    EXPECT(w, repli_agent_fd(w->agent) >= 0);
    EXPECT(w, repli_agent_deadline(w->agent) < UINT64_MAX);
    return REPLI_OK;
}

/* Sources. */

static uint64_t be_ready(void *user_data) {
    (void)user_data;
    return UINT64_MAX;
}

static int32_t add_source(world *w, repli_error *err) {
    repli_source *source = NULL;
    const int32_t code = repli_agent_add_source(w->agent, -1, be_ready, w, &source, err);
    EXPECT(w, (source != NULL) == (code == REPLI_OK));
    repli_agent_remove_source(w->agent, source);
    return code;
}

const operation driven_operations[] = {
    {.name = "choose who runs it",
     .functions = "repli_config_set_run_mode",
     .prepare = world_config,
     .act = choose},
    {.name = "make a driven agent",
     .functions = "repli_agent_new",
     .spares = TRAP_MEMORY, /* as with threads; what differs is seen by TRAP_OWN */
     .prepare = prepare_choice,
     .act = make,
     .verify = verify_made,
     .drop = drop_agent},
    {.name = "start a driven agent",
     .functions = "repli_agent_start",
     .flags = OPERATION_ONCE,
     .prepare = prepare_stopped,
     .act = start,
     .verify = verify_dispatched},
    {.name = "dispatch",
     .functions = "repli_agent_dispatch",
     .prepare = prepare_started,
     .act = dispatch,
     .verify = verify_dispatched},
    {.name = "run",
     .functions = "repli_agent_wakeup repli_agent_run",
     .prepare = prepare_started,
     .act = run,
     .verify = verify_dispatched},
    {.name = "work", .functions = "repli_agent_work", .prepare = prepare_lent, .act = work},
    {.name = "look at a driven agent",
     .functions = "repli_agent_fd repli_agent_deadline",
     .prepare = prepare_started,
     .act = look},
    {.name = "add a source",
     .functions = "repli_agent_add_source repli_agent_remove_source",
     .prepare = prepare_started,
     .act = add_source},
    {.name = "stop a driven agent",
     .functions = "repli_agent_stop",
     .prepare = prepare_started,
     .act = stop},
    {.name = NULL},
};
