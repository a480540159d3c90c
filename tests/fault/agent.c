#include <stdlib.h>
#include <string.h>

#include <replicante/agent.h>

#include "operation.h"
#include "trap.h"

/* Agents, where calls fail in the thread that calls the library. */

enum { PATIENCE_MS = 20000 };

static const char own_id[] = "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11";

/* Life. */

static void drop_agent(void *made) {
    repli_agent_free(made);
}

static int32_t make(world *w, repli_error *err) {
    repli_agent *agent = w->made;
    const int32_t code = repli_agent_new(w->config, &agent, err);
    w->made = agent;
    return code;
}

static void prepare_commands(world *w) {
    repli_external_action external = REPLI_EXTERNAL_ACTION_INIT;
    external.name = "known";
    external.action = (const char *const[]){"true", NULL};
    external.check = external.action;
    world_config(w);
    ck_assert_int_eq(repli_config_add_external_action(w->config, &external, NULL), REPLI_OK);
    ck_assert_int_eq(repli_config_set_str(w->config, "service.unit", "a.service", NULL), REPLI_OK);
}

static void prepare_database(world *w) {
    world_agent(w);
    repli_agent_free(w->agent);
    w->agent = NULL;
}

static size_t queued(repli_agent *agent) {
    repli_doc *doc = NULL;
    const repli_action_summary *summaries = NULL;
    size_t count = 0;
    ck_assert_int_eq(repli_agent_queue(agent, &doc, &summaries, &count, NULL), REPLI_OK);
    repli_doc_free(doc);
    return count;
}

static void verify_queue(world *w) {
    ck_assert_uint_eq(queued(w->made), w->known_count);
}

static int32_t start(world *w, repli_error *err) {
    return repli_agent_start(w->agent, err);
}

static void verify_started(world *w) {
    world_await_done(w, w->known[2]);
}

static int32_t stop(world *w, repli_error *err) {
    return repli_agent_stop(w->agent, PATIENCE_MS, err);
}

static int32_t free_agent(world *w, repli_error *err) {
    (void)err;
    repli_agent_free(w->agent);
    w->agent = NULL;
    return REPLI_OK;
}

/* Another configuration of the driver, and so another connection. */
static void prepare_reload(world *w) {
    static const char json[] = "{\"role\": \"secondary\", \"version\": \"2.0.0\"}";
    world_running(w);
    ck_assert_int_eq(repli_config_set_driver_config(w->config, json, sizeof(json) - 1, NULL),
                     REPLI_OK);
}

static int32_t reload(world *w, repli_error *err) {
    return repli_agent_reload(w->agent, w->config, err);
}

/* Snapshots. */

static void drop_snapshot(void *made) {
    repli_snapshot_unref(made);
}

static int32_t take_snapshot(world *w, repli_error *err) {
    repli_snapshot *snapshot = w->made;
    const int32_t code = repli_agent_snapshot(w->agent, &snapshot, err);
    w->made = snapshot;
    return code;
}

static void verify_snapshot(world *w) {
    ck_assert_int_eq(repli_snapshot_node(w->made)->status, REPLI_STATUS_HEALTHY);
}

static int32_t read_snapshot(world *w, repli_error *err) {
    repli_snapshot *snapshot = NULL;
    const int32_t code = repli_agent_snapshot(w->agent, &snapshot, err);
    if (code != REPLI_OK)
        return code;
    size_t size = 0;
    repli_snapshot_unref(repli_snapshot_ref(snapshot));
    EXPECT(w, repli_snapshot_node(snapshot)->status == REPLI_STATUS_HEALTHY);
    EXPECT(w, repli_snapshot_store(snapshot, err) != NULL);
    EXPECT(w, repli_snapshot_shards(snapshot, err)->shard_count == 1);
    EXPECT(w, strlen(repli_snapshot_node_json(snapshot, &size)) == size);
    EXPECT(w, strlen(repli_snapshot_store_json(snapshot, &size, err)) == size);
    EXPECT(w, strlen(repli_snapshot_shards_json(snapshot, &size, err)) == size);
    EXPECT(w, repli_snapshot_time_ns(snapshot) > 0);
    EXPECT(w, repli_snapshot_age_ms(snapshot) >= 0);
    repli_snapshot_unref(snapshot);
    return REPLI_OK;
}

static void observed(void *user_data, repli_snapshot *snapshot) {
    (void)snapshot;
    ++*(int *)user_data;
}

/* Told at once, or not at all if it fails. */
static int32_t observe(world *w, repli_error *err) {
    int told = 0;
    const int32_t code = repli_agent_observe(w->agent, 3600000, PATIENCE_MS, observed, &told, err);
    EXPECT(w, told == (code == REPLI_OK));
    return code;
}

/* Actions. */

static repli_request own_request(void) {
    static const repli_header header = {(uint32_t)sizeof(header), 0, "reason", "a test"};
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.loop";
    request.args_json = "{\"target\": 1}";
    request.id = own_id;
    request.headers = &header;
    request.header_count = 1;
    return request;
}

static int32_t schedule(world *w, repli_error *err) {
    const repli_request request = own_request();
    return repli_agent_schedule(w->agent, &request, w->id, err);
}

static void verify_scheduled(world *w) {
    ck_assert_str_eq(w->id, own_id);
    world_expect_action(w, own_id);
    world_acknowledge(w, own_id);
}

typedef struct outcome {
    atomic_int told;
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
    atomic_fetch_add(&got->told, 1);
}

/* Both ways of hearing of a failure are one here. */
static int32_t schedule_later(world *w, repli_error *err) {
    const repli_request request = own_request();
    outcome got = {.error = REPLI_ERROR_INIT};
    const int32_t code = repli_agent_schedule_async(w->agent, &request, scheduled, &got, err);
    if (code != REPLI_OK) {
        EXPECT(w, atomic_load(&got.told) == 0);
        return code;
    }
    const int64_t end = now_ms() + PATIENCE_MS;
    while (atomic_load(&got.told) == 0 && now_ms() < end)
        pause_ms(1);
    EXPECT(w, atomic_load(&got.told) == 1);
    if (got.code == REPLI_OK)
        memcpy(w->id, got.id, sizeof(got.id));
    else
        *err = got.error;
    return got.code;
}

static void planned(void *user_data, int32_t code, const repli_plan *plan,
                    const repli_error *error) {
    outcome *got = user_data;
    got->code = code;
    if (plan != NULL)
        got->id[0] = plan->step_count == 1 ? 'y' : 'n';
    if (error != NULL)
        got->error = *error;
    atomic_fetch_add(&got->told, 1);
}

static int32_t plan(world *w, repli_error *err) {
    const repli_request request = own_request();
    outcome got = {.error = REPLI_ERROR_INIT};
    const int32_t code = repli_agent_plan(w->agent, &request, planned, &got, err);
    if (code != REPLI_OK) {
        EXPECT(w, atomic_load(&got.told) == 0);
        return code;
    }
    const int64_t end = now_ms() + PATIENCE_MS;
    while (atomic_load(&got.told) == 0 && now_ms() < end)
        pause_ms(1);
    EXPECT(w, atomic_load(&got.told) == 1);
    EXPECT(w, got.code != REPLI_OK || got.id[0] == 'y');
    if (got.code != REPLI_OK)
        *err = got.error;
    return got.code;
}

static int32_t cancel(world *w, repli_error *err) {
    return repli_agent_cancel(w->agent, w->known[1], err);
}

static void verify_cancelled(world *w) {
    ck_assert_int_eq(world_phase(w, w->known[1]), REPLI_PHASE_FAILED);
}

static int32_t hold_up(world *w, repli_error *err) {
    repli_maintenance wanted = REPLI_MAINTENANCE_INIT;
    wanted.owner = "me";
    wanted.reason = "faults";
    return repli_agent_set_maintenance(w->agent, &wanted, 0, err);
}

static int32_t tell_why(world *w, repli_error *err) {
    const repli_maintenance *found = w->record;
    const int32_t code = repli_agent_maintenance(w->agent, &w->doc, &found, err);
    w->record = found;
    return code;
}

static void verify_held_up(world *w) {
    ck_assert_int_eq(tell_why(w, NULL), REPLI_OK);
    ck_assert_str_eq(((const repli_maintenance *)w->record)->reason, "faults");
}

static void prepare_held_up(world *w) {
    world_agent(w);
    ck_assert_int_eq(hold_up(w, NULL), REPLI_OK);
}

static int32_t look_up(world *w, repli_error *err) {
    const repli_action *action = w->record;
    const int32_t code = repli_agent_action(w->agent, w->known[1], &w->doc, &action, err);
    w->record = action;
    return code;
}

static void verify_looked_up(world *w) {
    const repli_action *action = w->record;
    ck_assert_str_eq(action->id, w->known[1]);
    ck_assert_str_eq(action->args_json, "{\"target\": 3}");
    ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
    ck_assert_str_eq(action->payload_json, "{\"count\":3}");
    ck_assert_uint_ge(action->history_count, 3);
}

static int32_t list_queue(world *w, repli_error *err) {
    const repli_action_summary *summaries = w->record;
    const int32_t code = repli_agent_queue(w->agent, &w->doc, &summaries, &w->count, err);
    w->record = summaries;
    return code;
}

static void verify_list(const world *w, size_t first, int step, size_t count) {
    const repli_action_summary *summaries = w->record;
    ck_assert_uint_eq(w->count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(summaries[i].id, w->known[(int)first + step * (int)i]);
}

static void verify_queued(world *w) {
    verify_list(w, 0, 1, 3);
}

static int32_t list_finished(world *w, repli_error *err) {
    const repli_action_summary *summaries = w->record;
    const int32_t code =
        repli_agent_finished(w->agent, 0, w->known[2], &w->doc, &summaries, &w->count, err);
    w->record = summaries;
    return code;
}

static void verify_finished(world *w) {
    verify_list(w, 1, -1, 2);
}

static int32_t read_log(world *w, repli_error *err) {
    const repli_event *events = w->record;
    const int32_t code =
        repli_agent_events(w->agent, 0, 0, &w->doc, &events, &w->count, NULL, NULL, err);
    w->record = events;
    return code;
}

static void verify_log(world *w) {
    const repli_event *events = w->record;
    ck_assert_uint_ge(w->count, 9); /* of three actions */
    for (size_t i = 0; i < w->count; i++)
        ck_assert_int_eq(events[i].number, (int64_t)i + 1);
}

static void hear(void *user_data, const repli_event *event) {
    (void)user_data, (void)event;
}

static int32_t subscribe(world *w, repli_error *err) {
    repli_subscription *subscription = NULL;
    const int32_t code = repli_agent_subscribe(w->agent, 0, hear, NULL, &subscription, err);
    if (code == REPLI_OK)
        repli_agent_unsubscribe(w->agent, subscription);
    return code;
}

static int32_t count_kind(void *user_data, const repli_action_kind *kind) {
    (void)kind;
    ++*(size_t *)user_data;
    return 0;
}

static int32_t list_kinds(world *w, repli_error *err) {
    size_t count = 0;
    const int32_t code = repli_agent_action_kinds(w->agent, count_kind, &count, err);
    EXPECT(w, count > 3);
    return code;
}

/* The agent itself. */

static int32_t ask_health(world *w, repli_error *err) {
    const int32_t code = repli_agent_live(w->agent, err);
    return code == REPLI_OK ? repli_agent_ready(w->agent, err) : code;
}

static const char *host_metrics(void *user_data) {
    return user_data;
}

static int32_t read_metrics(world *w, repli_error *err) {
    static char own[] = "# HELP own Of the host.\n# TYPE own counter\nown 1\n";
    const int32_t code = repli_agent_set_metrics(w->agent, host_metrics, own, err);
    return code == REPLI_OK ? repli_agent_metrics(w->agent, &w->text, err) : code;
}

static void verify_metrics(world *w) {
    ck_assert_ptr_nonnull(strstr(w->text.data, "untouched# "));
    ck_assert_int_eq(w->text.data[w->text.size - 1], '\n');
}

const operation agent_operations[] = {
    {.name = "make an agent",
     .functions = "repli_agent_new",
     .prepare = world_config,
     .act = make,
     .verify = verify_queue,
     .drop = drop_agent},
    {.name = "make an agent with commands",
     .functions = "repli_agent_new",
     .spares = TRAP_SQLITE | TRAP_VFS | TRAP_WRITE | TRAP_LOCK | TRAP_MEMORY, /* as without them */
     .prepare = prepare_commands,
     .act = make,
     .verify = verify_queue,
     .drop = drop_agent},
    {.name = "make an agent with a past",
     .functions = "repli_agent_new",
     .spares = TRAP_MEMORY, /* as without one */
     .prepare = prepare_database,
     .act = make,
     .verify = verify_queue,
     .drop = drop_agent},
    {.name = "start",
     .functions = "repli_agent_start",
     .flags = OPERATION_ONCE,
     .prepare = world_agent,
     .act = start,
     .verify = verify_started},
    {.name = "stop", .functions = "repli_agent_stop", .prepare = world_running, .act = stop},
    {.name = "free an agent that runs",
     .functions = "repli_agent_free",
     .prepare = world_running,
     .act = free_agent},
    {.name = "reload", .functions = "repli_agent_reload", .prepare = prepare_reload, .act = reload},
    {.name = "take a snapshot",
     .functions = "repli_agent_snapshot",
     .prepare = world_running,
     .act = take_snapshot,
     .verify = verify_snapshot,
     .drop = drop_snapshot},
    {.name = "read a snapshot",
     .functions = "repli_snapshot_ref repli_snapshot_unref repli_snapshot_node "
                  "repli_snapshot_store repli_snapshot_shards repli_snapshot_node_json "
                  "repli_snapshot_store_json repli_snapshot_shards_json repli_snapshot_time_ns "
                  "repli_snapshot_age_ms",
     .prepare = world_running,
     .act = read_snapshot},
    {.name = "observe",
     .functions = "repli_agent_observe",
     .prepare = world_running,
     .act = observe},
    {.name = "schedule",
     .functions = "repli_agent_schedule",
     .prepare = world_agent,
     .act = schedule,
     .verify = verify_scheduled},
    {.name = "schedule while it runs",
     .functions = "repli_agent_schedule",
     .prepare = world_running,
     .act = schedule,
     .verify = verify_scheduled},
    {.name = "schedule without waiting",
     .functions = "repli_agent_schedule_async",
     .prepare = world_running,
     .act = schedule_later,
     .verify = verify_scheduled},
    {.name = "plan", .functions = "repli_agent_plan", .prepare = world_running, .act = plan},
    {.name = "cancel",
     .functions = "repli_agent_cancel",
     .prepare = world_agent,
     .act = cancel,
     .verify = verify_cancelled},
    {.name = "hold actions up",
     .functions = "repli_agent_set_maintenance",
     .prepare = world_agent,
     .act = hold_up,
     .verify = verify_held_up},
    {.name = "tell why actions are held up",
     .functions = "repli_agent_maintenance",
     .prepare = prepare_held_up,
     .act = tell_why},
    {.name = "look an action up",
     .functions = "repli_agent_action",
     .prepare = world_running,
     .act = look_up,
     .verify = verify_looked_up},
    {.name = "list the queue",
     .functions = "repli_agent_queue",
     .prepare = world_agent,
     .act = list_queue,
     .verify = verify_queued},
    {.name = "list what is finished",
     .functions = "repli_agent_finished",
     .prepare = world_running,
     .act = list_finished,
     .verify = verify_finished},
    {.name = "read the log of events",
     .functions = "repli_agent_events",
     .prepare = world_running,
     .act = read_log,
     .verify = verify_log},
    {.name = "subscribe to events",
     .functions = "repli_agent_subscribe repli_agent_unsubscribe",
     .prepare = world_running,
     .act = subscribe},
    {.name = "list kinds of actions",
     .functions = "repli_agent_action_kinds",
     .prepare = world_agent,
     .act = list_kinds},
    {.name = "ask for health",
     .functions = "repli_agent_live repli_agent_ready",
     .prepare = world_running,
     .act = ask_health},
    {.name = "read metrics",
     .functions = "repli_agent_metrics repli_agent_set_metrics",
     .prepare = world_running,
     .act = read_metrics,
     .verify = verify_metrics},
    {.name = NULL},
};
