#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

/* Life. In a child the parent's agent is tried; otherwise one is made for the call. */

#define MAKE(own)                                                                                  \
    party own;                                                                                     \
    const party_options options = {.serve = 0};                                                    \
    REQUIRE(party_make(&(own), &options, NULL) == REPLI_OK)

#define DONE_WITH(own, result)                                                                     \
    const int32_t code = (result);                                                                 \
    party_end(&(own));                                                                             \
    return code

int32_t call_repli_agent_new(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.serve = 0};
    DONE_WITH(own, party_make(&own, &options, err));
}

/* A new agent on what is at own.store. */
static int32_t make_again(party *own, repli_config *config, repli_error *err) {
    repli_agent *agent = UNSET;
    const int32_t code = repli_agent_new(config, &agent, err);
    repli_config_free(config);
    if (code == REPLI_OK)
        repli_agent_free(agent);
    else
        REQUIRE(agent == UNSET);
    (void)own;
    return code;
}

static int32_t new_with(party *own, repli_error *err) {
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    REQUIRE(party_config(own, &options, &config, NULL) == REPLI_OK);
    return make_again(own, config, err);
}

int32_t fail_repli_agent_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    repli_config *config = NULL;
    REQUIRE(repli_config_new(NULL, &config, NULL) == REPLI_OK);
    return make_again(NULL, config, err);
}

int32_t fail_repli_agent_new_REPLI_EBUSY(world *w, repli_error *err) {
    return new_with(&w->host, err);
}

static int32_t no_step(void *user_data, const repli_host *host, repli_op *op,
                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    return REPLI_OK;
}

int32_t fail_repli_agent_new_REPLI_ECONFLICT(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "fake.test/echo"; /* the driver's */
    kind.summary = "Somebody else's";
    REQUIRE(party_directory(&own));
    REQUIRE(party_config(&own, &options, &config, NULL) == REPLI_OK);
    REQUIRE(repli_config_add_action(config, &kind, NULL, no_step, NULL, NULL) == REPLI_OK);
    DONE_WITH(own, make_again(&own, config, err));
}

int32_t fail_repli_agent_new_REPLI_ECORRUPT(world *w, repli_error *err) {
    (void)w;
    party own;
    static const char junk[] = "this was a database of actions once, or so it seems to me";
    REQUIRE(party_directory(&own));
    const int fd = open(own.store, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, junk, sizeof(junk)) == (ssize_t)sizeof(junk) && close(fd) == 0);
    DONE_WITH(own, new_with(&own, err));
}

int32_t fail_repli_agent_new_REPLI_EIO(world *w, repli_error *err) {
    (void)w;
    party own;
    REQUIRE(party_directory(&own));
    strcat(own.store, "/below/a/file");
    DONE_WITH(own, new_with(&own, err));
}

int32_t fail_repli_agent_new_REPLI_ENOMEM(world *w, repli_error *err);

static atomic_int left;

static void *malloc_some(size_t size, void *user_data) {
    (void)user_data;
    return atomic_fetch_sub(&left, 1) > 0 ? malloc(size) : NULL;
}

static void *realloc_some(void *ptr, size_t size, void *user_data) {
    (void)user_data;
    return atomic_fetch_sub(&left, 1) > 0 ? realloc(ptr, size) : NULL;
}

static void free_some(void *ptr, void *user_data) {
    (void)user_data;
    free(ptr);
}

static const repli_allocator some_memory = {.struct_size = sizeof(repli_allocator),
                                            .malloc_fn = malloc_some,
                                            .realloc_fn = realloc_some,
                                            .free_fn = free_some};

int32_t fail_repli_agent_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.allocator = &some_memory};
    repli_config *config = NULL;
    REQUIRE(party_directory(&own));
    atomic_store(&left, 1000000);
    REQUIRE(party_config(&own, &options, &config, NULL) == REPLI_OK);
    atomic_store(&left, 1);
    DONE_WITH(own, make_again(&own, config, err));
}

/* DO with an agent whose memory has run out. */
#define WITHOUT_MEMORY(doing)                                                                      \
    (void)w;                                                                                       \
    party own;                                                                                     \
    const party_options options = {.allocator = &some_memory};                                     \
    atomic_store(&left, 1000000);                                                                  \
    REQUIRE(party_start(&own, &options, NULL) == REPLI_OK);                                        \
    atomic_store(&left, 0);                                                                        \
    const int32_t code = (doing);                                                                  \
    atomic_store(&left, 1000000);                                                                  \
    party_end(&own);                                                                               \
    return code

int32_t call_repli_agent_start(world *w, repli_error *err) {
    if (w->forked)
        return repli_agent_start(w->host.agent, err);
    MAKE(own);
    DONE_WITH(own, repli_agent_start(own.agent, err));
}

int32_t fail_repli_agent_start_REPLI_ESTATE(world *w, repli_error *err) {
    return repli_agent_start(w->host.agent, err);
}

int32_t call_repli_agent_stop(world *w, repli_error *err) {
    if (w->forked)
        return repli_agent_stop(w->host.agent, 0, err);
    MAKE(own);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    REQUIRE(repli_agent_stop(own.agent, 10000, NULL) == REPLI_OK);
    DONE_WITH(own, repli_agent_stop(own.agent, 10000, err));
}

static atomic_int hangs;

static int32_t hanging_step(void *user_data, const repli_host *host, repli_op *op,
                            const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    atomic_store(&hangs, 1);
    while (atomic_load(&hangs))
        pause_ms(1);
    return REPLI_OK;
}

int32_t fail_repli_agent_stop_REPLI_ETIMEOUT(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/hang";
    kind.summary = "Does not listen";
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind.kind;
    char id[REPLI_UUID_SIZE];
    REQUIRE(party_directory(&own));
    REQUIRE(party_config(&own, &options, &config, NULL) == REPLI_OK);
    REQUIRE(repli_config_add_action(config, &kind, NULL, hanging_step, NULL, NULL) == REPLI_OK);
    REQUIRE(repli_agent_new(config, &own.agent, NULL) == REPLI_OK);
    repli_config_free(config);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    REQUIRE(repli_agent_schedule(own.agent, &request, id, NULL) == REPLI_OK);
    for (int i = 0; i < PARTY_TURNS && !atomic_load(&hangs); i++)
        pause_ms(5);
    const int32_t late = repli_agent_stop(own.agent, 1, err);
    atomic_store(&hangs, 0);
    /* It may be waited for again. */
    REQUIRE(repli_agent_stop(own.agent, 30000, NULL) == REPLI_OK);
    DONE_WITH(own, late);
}

int32_t call_repli_agent_free(world *w, repli_error *err) {
    (void)err;
    repli_agent_free(NULL);
    if (w->forked) {
        repli_agent_free(w->host.agent);
        return REPLI_OK;
    }
    MAKE(own);
    DONE_WITH(own, repli_agent_start(own.agent, NULL));
}

static int32_t reload(repli_agent *agent, const party *where, const char *key, repli_error *err) {
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    REQUIRE(party_config(where, &options, &config, NULL) == REPLI_OK);
    if (key != NULL)
        REQUIRE(repli_config_set_str(config, key, "other", NULL) == REPLI_OK);
    const int32_t code = repli_agent_reload(agent, config, err);
    repli_config_free(config);
    return code;
}

int32_t call_repli_agent_reload(world *w, repli_error *err) {
    return reload(w->host.agent, &w->host, NULL, err);
}

int32_t fail_repli_agent_reload_REPLI_EINVALID(world *w, repli_error *err) {
    return reload(w->host.agent, &w->host, "node_id", err);
}

int32_t fail_repli_agent_reload_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    REQUIRE(repli_agent_stop(own.agent, 0, NULL) == REPLI_OK);
    DONE_WITH(own, reload(own.agent, &own, NULL, err));
}

static uint64_t never(void *user_data) {
    (void)user_data;
    return UINT64_MAX;
}

int32_t fail_repli_agent_add_source_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.allocator = &some_memory, .run_mode = REPLI_RUN_DISPATCH};
    repli_source *source = UNSET;
    atomic_store(&left, 1000000);
    REQUIRE(party_make(&own, &options, NULL) == REPLI_OK);
    atomic_store(&left, 0);
    const int32_t late = repli_agent_add_source(own.agent, -1, never, NULL, &source, err);
    atomic_store(&left, 1000000);
    REQUIRE(source == UNSET);
    DONE_WITH(own, late);
}

/* Status. */

int32_t call_repli_agent_snapshot(world *w, repli_error *err) {
    repli_snapshot *snapshot = UNSET;
    const int32_t code = repli_agent_snapshot(w->host.agent, &snapshot, err);
    if (code != REPLI_OK)
        REQUIRE(snapshot == UNSET);
    else
        repli_snapshot_unref(snapshot);
    return code;
}

static void count_observation(void *user_data, repli_snapshot *snapshot) {
    (void)snapshot;
    atomic_fetch_add((atomic_int *)user_data, 1);
}

int32_t call_repli_agent_observe(world *w, repli_error *err) {
    atomic_int told = 0;
    const int32_t code =
        repli_agent_observe(w->host.agent, 0, 20000, count_observation, &told, err);
    for (int i = 0; code == REPLI_OK && i < PARTY_TURNS && atomic_load(&told) == 0; i++)
        pause_ms(5);
    REQUIRE(atomic_load(&told) == (code == REPLI_OK));
    return code;
}

int32_t fail_repli_agent_observe_REPLI_EINVALID(world *w, repli_error *err) {
    return repli_agent_observe(w->host.agent, 0, 0, NULL, NULL, err);
}

int32_t fail_repli_agent_observe_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    atomic_int told = 0;
    DONE_WITH(own, repli_agent_observe(own.agent, 0, 0, count_observation, &told, err));
}

int32_t fail_repli_agent_observe_REPLI_ENOMEM(world *w, repli_error *err) {
    atomic_int told = 0;
    WITHOUT_MEMORY(repli_agent_observe(own.agent, 0, 0, count_observation, &told, err));
}

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

static int32_t hold_up(repli_agent *agent, const char *owner, uint32_t flags, repli_error *err) {
    repli_maintenance wanted = REPLI_MAINTENANCE_INIT;
    wanted.owner = owner;
    wanted.reason = "a test";
    return repli_agent_set_maintenance(agent, &wanted, flags, err);
}

/* The host's actions are not to wait for others of these. */
#define HELD(expression)                                                                           \
    party own;                                                                                     \
    const party_options options = {.serve = 0};                                                    \
    REQUIRE(party_make(&own, &options, NULL) == REPLI_OK);                                         \
    const int32_t code = (expression);                                                             \
    party_end(&own);                                                                               \
    return code

int32_t call_repli_agent_set_maintenance(world *w, repli_error *err) {
    if (w->forked)
        return hold_up(w->host.agent, "me", 0, err);
    HELD(hold_up(own.agent, "me", 0, err));
}

int32_t fail_repli_agent_set_maintenance_REPLI_EINVALID(world *w, repli_error *err) {
    return hold_up(w->host.agent, NULL, 0, err);
}

static int32_t conflict(repli_agent *agent, repli_error *err) {
    REQUIRE(hold_up(agent, "me", 0, NULL) == REPLI_OK);
    REQUIRE(hold_up(agent, "me", 0, NULL) == REPLI_OK);
    const int32_t code = hold_up(agent, "you", 0, err);
    REQUIRE(hold_up(agent, "you", REPLI_MAINTENANCE_FORCE, NULL) == REPLI_OK);
    REQUIRE(repli_agent_set_maintenance(agent, NULL, 0, NULL) == REPLI_OK);
    REQUIRE(repli_agent_set_maintenance(agent, NULL, 0, NULL) == REPLI_OK);
    return code;
}

int32_t fail_repli_agent_set_maintenance_REPLI_ECONFLICT(world *w, repli_error *err) {
    (void)w;
    HELD(conflict(own.agent, err));
}

static int32_t tell(repli_agent *agent, repli_error *err) {
    repli_doc *doc = UNSET;
    const repli_maintenance *found = UNSET;
    const int32_t code = repli_agent_maintenance(agent, &doc, &found, err);
    if (code != REPLI_OK) {
        REQUIRE(doc == UNSET && found == UNSET);
        return code;
    }
    const int good = strcmp(found->owner, "me") == 0 && found->since_ns != REPLI_TIME_NONE;
    repli_doc_free(doc);
    REQUIRE(good);
    return code;
}

static int32_t hold_up_and_tell(repli_agent *agent, repli_error *err) {
    REQUIRE(hold_up(agent, "me", 0, NULL) == REPLI_OK);
    return tell(agent, err);
}

int32_t call_repli_agent_maintenance(world *w, repli_error *err) {
    if (w->forked)
        return tell(w->host.agent, err);
    HELD(hold_up_and_tell(own.agent, err));
}

int32_t fail_repli_agent_maintenance_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return tell(w->host.agent, err);
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

static int32_t read_log(repli_agent *agent, int64_t after, repli_error *err) {
    repli_doc *doc = UNSET;
    const repli_event *events = UNSET;
    size_t count = 77777;
    int64_t first = 77777;
    int64_t last = 77777;
    const int32_t code =
        repli_agent_events(agent, after, 2, &doc, &events, &count, &first, &last, err);
    if (code != REPLI_OK) {
        REQUIRE(doc == UNSET && events == UNSET && count == 77777 && first == 77777);
        return code;
    }
    const int good = count == 2 && first == 1 && last > 2 && events[0].number == after + 1 &&
                     events[1].number == after + 2 && events[0].node_id[0] != '\0';
    repli_doc_free(doc);
    REQUIRE(good);
    return code;
}

int32_t call_repli_agent_events(world *w, repli_error *err) {
    return read_log(w->host.agent, 0, err);
}

int32_t fail_repli_agent_events_REPLI_EINVALID(world *w, repli_error *err) {
    return read_log(w->host.agent, -1, err);
}

int32_t fail_repli_agent_events_REPLI_ECONFLICT(world *w, repli_error *err) {
    return read_log(w->host.agent, INT64_MAX, err);
}

int32_t fail_repli_agent_events_REPLI_ENOMEM(world *w, repli_error *err) {
    WITHOUT_MEMORY(read_log(own.agent, 0, err));
}

static void count_event(void *user_data, const repli_event *event) {
    atomic_fetch_add((atomic_int *)user_data, event->number > 0);
}

/* Told of the first two events at least. */
static int32_t subscribe(repli_agent *agent, int64_t after, int waits, repli_error *err) {
    repli_subscription *subscription = UNSET;
    atomic_int count;
    atomic_init(&count, 0);
    const int32_t code =
        repli_agent_subscribe(agent, after, count_event, &count, &subscription, err);
    if (code != REPLI_OK) {
        REQUIRE(subscription == UNSET && atomic_load(&count) == 0);
        return code;
    }
    for (int turn = 0; waits && turn < PARTY_TURNS && atomic_load(&count) < 2; turn++)
        pause_ms(5);
    repli_agent_unsubscribe(agent, subscription);
    REQUIRE(!waits || atomic_load(&count) >= 2);
    return code;
}

int32_t call_repli_agent_subscribe(world *w, repli_error *err) {
    return subscribe(w->host.agent, 0, 1, err);
}

int32_t fail_repli_agent_subscribe_REPLI_EINVALID(world *w, repli_error *err) {
    repli_subscription *subscription = UNSET;
    REQUIRE(repli_agent_subscribe(w->host.agent, 0, NULL, NULL, &subscription, NULL) ==
            REPLI_EINVALID);
    return subscribe(w->host.agent, -2, 0, err);
}

int32_t fail_repli_agent_subscribe_REPLI_ECONFLICT(world *w, repli_error *err) {
    return subscribe(w->host.agent, INT64_MAX, 0, err);
}

int32_t fail_repli_agent_subscribe_REPLI_ENOMEM(world *w, repli_error *err) {
    WITHOUT_MEMORY(subscribe(own.agent, 0, 0, err));
}

int32_t call_repli_agent_unsubscribe(world *w, repli_error *err) {
    (void)err;
    repli_agent_unsubscribe(w->host.agent, NULL);
    return w->forked ? REPLI_OK : subscribe(w->host.agent, REPLI_EVENTS_NEW, 0, NULL);
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

/* The agent itself. */

int32_t call_repli_agent_live(world *w, repli_error *err) {
    return repli_agent_live(w->host.agent, err);
}

int32_t fail_repli_agent_live_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    DONE_WITH(own, repli_agent_live(own.agent, err));
}

int32_t call_repli_agent_ready(world *w, repli_error *err) {
    return repli_agent_ready(w->host.agent, err);
}

int32_t fail_repli_agent_ready_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    DONE_WITH(own, repli_agent_ready(own.agent, err));
}

int32_t fail_repli_agent_ready_REPLI_ENOTREADY(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.driver = "{\"calls\": \"node_info\", \"delay_ms\": 1500}"};
    REQUIRE(party_make(&own, &options, NULL) == REPLI_OK);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    DONE_WITH(own, repli_agent_ready(own.agent, err));
}

int32_t call_repli_agent_metrics(world *w, repli_error *err) {
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = repli_agent_metrics(w->host.agent, &text, err);
    const int good = code == REPLI_OK ? text.size > 100 : text.data == NULL && text.size == 0;
    repli_buf_dispose(&text);
    REQUIRE(good);
    return code;
}

int32_t fail_repli_agent_metrics_REPLI_ENOMEM(world *w, repli_error *err) {
    repli_buf text = {.allocator = no_memory()};
    const int32_t code = repli_agent_metrics(w->host.agent, &text, err);
    REQUIRE(text.data == NULL && text.size == 0);
    return code;
}

static const char *no_metrics(void *user_data) {
    (void)user_data;
    return NULL;
}

int32_t call_repli_agent_set_metrics(world *w, repli_error *err) {
    return repli_agent_set_metrics(w->host.agent, no_metrics, NULL, err);
}

/* Snapshots. */

int32_t call_repli_snapshot_ref(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_snapshot_ref(w->snapshot) == w->snapshot);
    repli_snapshot_unref(w->snapshot);
    return REPLI_OK;
}

int32_t call_repli_snapshot_unref(world *w, repli_error *err) {
    repli_snapshot_unref(NULL);
    return call_repli_snapshot_ref(w, err);
}

int32_t call_repli_snapshot_node(world *w, repli_error *err) {
    (void)err;
    REQUIRE(strcmp(repli_snapshot_node(w->snapshot)->node_id, "node-1") == 0);
    return REPLI_OK;
}

int32_t call_repli_snapshot_store(world *w, repli_error *err) {
    const repli_store_extras *store = repli_snapshot_store(w->snapshot, err);
    REQUIRE(store != NULL && strcmp(store->cluster_id, "fake-cluster") == 0);
    return REPLI_OK;
}

int32_t call_repli_snapshot_shards(world *w, repli_error *err) {
    const repli_shards *shards = repli_snapshot_shards(w->snapshot, err);
    REQUIRE(shards != NULL && shards->shard_count == 1);
    return REPLI_OK;
}

#define JSON(text) ((text) != NULL && strlen(text) == size && size > 1)

int32_t call_repli_snapshot_node_json(world *w, repli_error *err) {
    (void)err;
    size_t size = 0;
    const char *text = repli_snapshot_node_json(w->snapshot, &size);
    REQUIRE(JSON(text) && repli_snapshot_node_json(w->snapshot, NULL) == text);
    return REPLI_OK;
}

int32_t call_repli_snapshot_store_json(world *w, repli_error *err) {
    size_t size = 0;
    const char *text = repli_snapshot_store_json(w->snapshot, &size, err);
    REQUIRE(JSON(text) && repli_snapshot_store_json(w->snapshot, NULL, err) == text);
    return REPLI_OK;
}

int32_t call_repli_snapshot_shards_json(world *w, repli_error *err) {
    size_t size = 0;
    const char *text = repli_snapshot_shards_json(w->snapshot, &size, err);
    REQUIRE(JSON(text) && repli_snapshot_shards_json(w->snapshot, NULL, err) == text);
    return REPLI_OK;
}

/* What TAKE says of a snapshot of a node that was never observed. */
#define BEFORE_ANY(take)                                                                           \
    (void)w;                                                                                       \
    MAKE(own);                                                                                     \
    repli_snapshot *snapshot = NULL;                                                               \
    REQUIRE(repli_agent_snapshot(own.agent, &snapshot, NULL) == REPLI_OK);                         \
    repli_error error = REPLI_ERROR_INIT;                                                          \
    size_t size = 4711;                                                                            \
    REQUIRE((take) == NULL && size == 4711);                                                       \
    repli_snapshot_unref(snapshot);                                                                \
    if (err != NULL)                                                                               \
        *err = error;                                                                              \
    DONE_WITH(own, error.code)

int32_t fail_repli_snapshot_store_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_store(snapshot, &error));
}

int32_t fail_repli_snapshot_shards_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_shards(snapshot, &error));
}

int32_t fail_repli_snapshot_store_json_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_store_json(snapshot, &size, &error));
}

int32_t fail_repli_snapshot_shards_json_REPLI_ENOTREADY(world *w, repli_error *err) {
    BEFORE_ANY(repli_snapshot_shards_json(snapshot, &size, &error));
}

int32_t call_repli_snapshot_time_ns(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_snapshot_time_ns(w->snapshot) > INT64_C(1700000000000000000));
    return REPLI_OK;
}

int32_t call_repli_snapshot_age_ms(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_snapshot_age_ms(w->snapshot) >= 0);
    return REPLI_OK;
}
