#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "calls_agent.h"

/* Actions. */

static int32_t schedule(repli_agent *agent, const char *kind, const char *args, const char *own_id,
                        char ret_id[REPLI_UUID_SIZE], repli_error *err) {
    char kind_text[64];
    char args_text[64];
    snprintf(kind_text, sizeof(kind_text), "%s", kind);
    snprintf(args_text, sizeof(args_text), "%s", args);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind_text;
    request.args_json = args_text;
    request.id = own_id;
    const int32_t code = repli_agent_schedule(agent, &request, ret_id, err);
    SCRIBBLE(kind_text);
    SCRIBBLE(args_text);
    SCRIBBLE(request);
    return code;
}

int32_t call_repli_agent_schedule(world *w, repli_error *err) {
    char id[REPLI_UUID_SIZE] = "before";
    const int32_t code =
        schedule(w->host.agent, "agent.replicante.io/test.loop", "{\"target\":1}", NULL, id, err);
    if (code != REPLI_OK) {
        REQUIRE(strcmp(id, "before") == 0);
        return code;
    }
    repli_doc *doc;
    const repli_action *action;
    REQUIRE(repli_agent_action(w->host.agent, id, &doc, &action, NULL) == REPLI_OK);
    const int good = strcmp(action->kind, "agent.replicante.io/test.loop") == 0 &&
                     strcmp(action->args_json, "{\"target\":1}") == 0;
    repli_doc_free(doc);
    REQUIRE(good);
    REQUIRE(repli_agent_cancel(w->host.agent, id, NULL) == REPLI_OK);
    return code;
}

int32_t fail_repli_agent_schedule_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return schedule(w->host.agent, "example.com/no", "null", NULL, NULL, err);
}

int32_t fail_repli_agent_schedule_REPLI_EINVALID(world *w, repli_error *err) {
    return schedule(w->host.agent, "agent.replicante.io/test.loop", "[1", NULL, NULL, err);
}

int32_t fail_repli_agent_schedule_REPLI_ECONFLICT(world *w, repli_error *err) {
    char id[REPLI_UUID_SIZE] = "before";
    const int32_t code =
        schedule(w->host.agent, "agent.replicante.io/test.success", "null", w->done_id, id, err);
    REQUIRE(strcmp(id, "before") == 0);
    return code;
}

int32_t fail_repli_agent_schedule_REPLI_EFULL(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    REQUIRE(party_directory(&own));
    REQUIRE(party_config(&own, &options, &config, NULL) == REPLI_OK);
    REQUIRE(repli_config_set_int(config, "actions.queue_limit", 1, NULL) == REPLI_OK);
    REQUIRE(repli_agent_new(config, &own.agent, NULL) == REPLI_OK);
    repli_config_free(config);
    char id[REPLI_UUID_SIZE];
    REQUIRE(schedule(own.agent, "agent.replicante.io/test.success", "null", NULL, id, NULL) ==
            REPLI_OK);
    DONE_WITH(own, schedule(own.agent, "agent.replicante.io/test.success", "null", NULL, id, err));
}

int32_t fail_repli_agent_schedule_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    REQUIRE(repli_agent_stop(own.agent, 0, NULL) == REPLI_OK);
    DONE_WITH(own,
              schedule(own.agent, "agent.replicante.io/test.success", "null", NULL, NULL, err));
}

typedef struct told {
    atomic_int count;
    int32_t code;
    char id[REPLI_UUID_SIZE];
} told;

static void take_scheduled(void *user_data, int32_t code, const char *id,
                           const repli_error *error) {
    told *to = user_data;
    to->code = code;
    if (id != NULL)
        memcpy(to->id, id, sizeof(to->id));
    if ((code == REPLI_OK) == (error != NULL))
        to->code = __LINE__;
    atomic_fetch_add(&to->count, 1);
}

static int32_t schedule_async(repli_agent *agent, const char *kind, told *to, repli_error *err) {
    char kind_text[64];
    snprintf(kind_text, sizeof(kind_text), "%s", kind);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind_text;
    const int32_t code =
        repli_agent_schedule_async(agent, &request, to != NULL ? take_scheduled : NULL, to, err);
    SCRIBBLE(kind_text);
    SCRIBBLE(request);
    return code;
}

int32_t call_repli_agent_schedule_async(world *w, repli_error *err) {
    told to = {.code = REPLI_OK};
    const int32_t code =
        schedule_async(w->host.agent, "agent.replicante.io/test.success", &to, err);
    for (int i = 0; code == REPLI_OK && i < PARTY_TURNS && atomic_load(&to.count) == 0; i++)
        pause_ms(5);
    REQUIRE(atomic_load(&to.count) == (code == REPLI_OK));
    if (code == REPLI_OK) {
        REQUIRE(to.code == REPLI_OK);
        REQUIRE(repli_agent_cancel(w->host.agent, to.id, NULL) == REPLI_OK);
    }
    return code;
}

int32_t fail_repli_agent_schedule_async_REPLI_ENOTFOUND(world *w, repli_error *err) {
    told to = {.code = REPLI_OK};
    const int32_t code = schedule_async(w->host.agent, "example.com/no", &to, err);
    REQUIRE(atomic_load(&to.count) == 0);
    return code;
}

int32_t fail_repli_agent_schedule_async_REPLI_EINVALID(world *w, repli_error *err) {
    return schedule_async(w->host.agent, "agent.replicante.io/test.success", NULL, err);
}

int32_t fail_repli_agent_schedule_async_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    told to = {.code = REPLI_OK};
    DONE_WITH(own, schedule_async(own.agent, "agent.replicante.io/test.success", &to, err));
}

static void take_plan(void *user_data, int32_t code, const repli_plan *plan,
                      const repli_error *error) {
    told *to = user_data;
    const int good = code == REPLI_OK ? plan->step_count == 1 && plan->steps[0].summary != NULL &&
                                            strlen(plan->json) == plan->json_size
                                      : plan == NULL && error->code == code;
    to->code = good ? code : REPLI_EPROTOCOL;
    atomic_fetch_add(&to->count, 1);
}

static int32_t plan(repli_agent *agent, const char *kind, told *to, repli_error *err) {
    char kind_text[64];
    snprintf(kind_text, sizeof(kind_text), "%s", kind);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind_text;
    const int32_t code = repli_agent_plan(agent, &request, to != NULL ? take_plan : NULL, to, err);
    SCRIBBLE(kind_text);
    SCRIBBLE(request);
    return code;
}

int32_t call_repli_agent_plan(world *w, repli_error *err) {
    told to = {.code = REPLI_OK};
    const int32_t code = plan(w->host.agent, "agent.replicante.io/test.success", &to, err);
    for (int i = 0; code == REPLI_OK && i < PARTY_TURNS && atomic_load(&to.count) == 0; i++)
        pause_ms(5);
    REQUIRE(atomic_load(&to.count) == (code == REPLI_OK));
    REQUIRE(code != REPLI_OK || to.code == REPLI_OK);
    return code;
}

int32_t fail_repli_agent_plan_REPLI_ENOTFOUND(world *w, repli_error *err) {
    told to = {.code = REPLI_OK};
    const int32_t code = plan(w->host.agent, "example.com/no", &to, err);
    REQUIRE(atomic_load(&to.count) == 0);
    return code;
}

int32_t fail_repli_agent_plan_REPLI_EINVALID(world *w, repli_error *err) {
    return plan(w->host.agent, "agent.replicante.io/test.success", NULL, err);
}

int32_t fail_repli_agent_plan_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    told to = {.code = REPLI_OK};
    DONE_WITH(own, plan(own.agent, "agent.replicante.io/test.success", &to, err));
}

int32_t call_repli_agent_cancel(world *w, repli_error *err) {
    char id[REPLI_UUID_SIZE] = "01a1fd55-b8c4-7256-9b52-39a2eb510ac3";
    if (!w->forked)
        REQUIRE(schedule(w->host.agent, "agent.replicante.io/test.success", "null", NULL, id,
                         NULL) == REPLI_OK);
    const int32_t code = repli_agent_cancel(w->host.agent, id, err);
    if (code == REPLI_OK)
        REQUIRE(party_phase(w->host.agent, id) == REPLI_PHASE_FAILED);
    return code;
}

int32_t fail_repli_agent_cancel_REPLI_ENOTFOUND(world *w, repli_error *err) {
    REQUIRE(repli_agent_cancel(w->host.agent, NULL, NULL) == REPLI_ENOTFOUND);
    return repli_agent_cancel(w->host.agent, "no id", err);
}

int32_t fail_repli_agent_cancel_REPLI_ECONFLICT(world *w, repli_error *err) {
    return repli_agent_cancel(w->host.agent, w->done_id, err);
}

static int32_t look_up(repli_agent *agent, const char *id, repli_error *err) {
    repli_doc *doc = UNSET;
    const repli_action *action = UNSET;
    const int32_t code = repli_agent_action(agent, id, &doc, &action, err);
    if (code != REPLI_OK) {
        REQUIRE(doc == UNSET && action == UNSET);
        return code;
    }
    const int good = action->phase == REPLI_PHASE_DONE && action->history_count > 1;
    repli_doc_free(doc);
    REQUIRE(good);
    return code;
}

int32_t call_repli_agent_action(world *w, repli_error *err) {
    return look_up(w->host.agent, w->done_id, err);
}

int32_t fail_repli_agent_action_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return look_up(w->host.agent, "01a1fd55-b8c4-7256-9b52-39a2eb510ac3", err);
}

int32_t fail_repli_agent_action_REPLI_ENOMEM(world *w, repli_error *err) {
    WITHOUT_MEMORY(look_up(own.agent, "01a1fd55-b8c4-7256-9b52-39a2eb510ac3", err));
}

/* The unfinished, or up to ten of the finished; there is one at least of either. */
static int32_t list(repli_agent *agent, int finished, const char *before, repli_error *err) {
    repli_doc *doc = UNSET;
    const repli_action_summary *actions = UNSET;
    size_t count = 77777;
    const int32_t code = finished
                             ? repli_agent_finished(agent, 10, before, &doc, &actions, &count, err)
                             : repli_agent_queue(agent, &doc, &actions, &count, err);
    if (code != REPLI_OK) {
        REQUIRE(doc == UNSET && actions == UNSET && count == 77777);
        return code;
    }
    const int good = count > 0 && count < 77777 && actions[0].id[0] != '\0';
    repli_doc_free(doc);
    REQUIRE(good);
    return code;
}

int32_t call_repli_agent_queue(world *w, repli_error *err) {
    return list(w->host.agent, 0, NULL, err);
}

int32_t fail_repli_agent_queue_REPLI_ENOMEM(world *w, repli_error *err) {
    WITHOUT_MEMORY(list(own.agent, 0, NULL, err));
}

int32_t call_repli_agent_finished(world *w, repli_error *err) {
    return list(w->host.agent, 1, NULL, err);
}

int32_t fail_repli_agent_finished_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return list(w->host.agent, 1, "no id", err);
}

int32_t fail_repli_agent_finished_REPLI_ENOMEM(world *w, repli_error *err) {
    WITHOUT_MEMORY(list(own.agent, 1, NULL, err));
}

static int32_t count_kind(void *user_data, const repli_action_kind *kind) {
    *(int *)user_data += kind->kind != NULL;
    return 0;
}

static int32_t end_at_once(void *user_data, const repli_action_kind *kind) {
    (void)user_data, (void)kind;
    return -4711;
}

int32_t call_repli_agent_action_kinds(world *w, repli_error *err) {
    int count = 0;
    const int32_t code = repli_agent_action_kinds(w->host.agent, count_kind, &count, err);
    REQUIRE(code == REPLI_OK ? count > 3 : count == 0);
    if (code == REPLI_OK)
        REQUIRE(repli_agent_action_kinds(w->host.agent, end_at_once, NULL, NULL) == -4711);
    return code;
}
