#include "agent/agent.h"

#include "agent/histogram.h"
#include "agent/snapshot.h"
#include "agent/version.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

/* More shards than that are counted, but not listed one by one. */
enum { SHARDS_LISTED = 1000 };

#define LABELS(...)                                                                                \
    (const repli__label[]) {                                                                       \
        __VA_ARGS__, {                                                                             \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

static const char *const store_ops[REPLI__OP_COUNT] = {
    [REPLI__OP_INSERT] = "insert", [REPLI__OP_CANCEL] = "cancel",     [REPLI__OP_ACTION] = "action",
    [REPLI__OP_QUEUE] = "queue",   [REPLI__OP_FINISHED] = "finished", [REPLI__OP_EVENTS] = "events",
};

static void counter(repli__prometheus *out, const char *name, const char *help, uint64_t value) {
    repli__prometheus_metric(out, name, "counter", help);
    repli__prometheus_count(out, name, NULL, value);
}

static void gauge(repli__prometheus *out, const char *name, const char *help, uint64_t value) {
    repli__prometheus_metric(out, name, "gauge", help);
    repli__prometheus_count(out, name, NULL, value);
}

static void write_hooks(repli__prometheus *out, repli_agent *agent, int64_t last_event) {
    repli__hook_stats stats[REPLI__HOOKS_MAX];
    const size_t count = repli__hooks_stats_get(&agent->hooks, stats);
    if (count == 0)
        return;
    static const struct {
        const char *name;
        const char *type;
        const char *help;
    } metrics[] = {{"repliagent_hook_runs", "counter", "Runs of a hook that ended."},
                   {"repliagent_hook_failures", "counter", "Runs of a hook that failed."},
                   {"repliagent_hook_timeouts", "counter", "Runs that were killed at their limit."},
                   {"repliagent_hook_lag", "gauge", "Events that a hook has still to deal with."}};
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        repli__prometheus_metric(out, metrics[m].name, metrics[m].type, metrics[m].help);
        for (size_t i = 0; i < count; i++) {
            const uint64_t values[] = {stats[i].runs, stats[i].failures, stats[i].timeouts,
                                       (uint64_t)(last_event - stats[i].done)};
            repli__prometheus_count(out, metrics[m].name, LABELS({"hook", stats[i].name}),
                                    values[m]);
        }
    }
}

static void write_executor(repli__prometheus *out, repli_agent *agent) {
    repli__executor_stats stats;
    repli__executor_stats_get(agent->executor, &stats);
    counter(out, "repliagent_action_loops_busy", "Times that the executor had an action to step.",
            stats.loops);
    repli__prometheus_metric(out, "repliagent_action_loops_duration", "summary",
                             "Time spent in steps of actions, in seconds.");
    repli__prometheus_seconds(out, "repliagent_action_loops_duration_sum", NULL, stats.busy_ns);
    repli__prometheus_count(out, "repliagent_action_loops_duration_count", NULL, stats.steps);
    counter(out, "repliagent_action_loops_error",
            "Times that the outcome of a step could not be recorded.", stats.errors);
    counter(out, "repliagent_action_step_overruns",
            "Steps of actions that did not end by their deadline.", stats.overruns);
    counter(out, "repliagent_action_done", "Actions that ended well.", stats.done);
    counter(out, "repliagent_action_failed", "Actions that failed.", stats.failed);
    gauge(out, "repliagent_action_step_stuck",
          "1 while a step of an action is past its deadline and does not return.",
          stats.stuck != 0);
    gauge(out, "repliagent_action_running", "1 while an action is being executed.",
          stats.running != 0);
    repli__maintenance_state maintenance;
    repli__maintenance_get(&agent->facts.maintenance, &maintenance);
    gauge(out, "repliagent_maintenance", "1 while somebody holds actions up.", maintenance.on != 0);
}

static void write_store(repli__prometheus *out, repli_agent *agent) {
    repli__store_stats stats;
    repli__store_stats_get(agent->store, &stats);
    gauge(out, "repliagent_action_queue", "Actions that are not finished.", stats.queued);
    counter(out, "repliagent_action_scheduled", "Actions that were accepted.", stats.scheduled);
    counter(out, "repliagent_action_refused", "Actions that were refused for want of room.",
            stats.refused);
    const char *name = "repliagent_action_ended";
    repli__prometheus_metric(out, name, "counter", "Actions that ended, by how they did.");
    for (int32_t i = REPLI_ENDED_DONE; i < REPLI__ENDED_COUNT; i++)
        repli__prometheus_count(out, name, LABELS({"outcome", repli_ended_name(i)}),
                                stats.ended[i]);
    counter(out, "repliagent_store_changes", "Changes written to the database of actions.",
            stats.changes);

    name = "repliagent_events";
    repli__prometheus_metric(out, name, "counter", "Events written to the log, by type.");
    for (int32_t type = 1; type < REPLI__EVENT_TYPES; type++)
        repli__prometheus_count(out, name, LABELS({"type", repli_event_type_name(type)}),
                                stats.events[type]);
    gauge(out, "repliagent_event_last", "Number of the newest event.", (uint64_t)stats.last_event);
    write_hooks(out, agent, stats.last_event);

    name = "repliagent_store_ops_duration";
    repli__prometheus_metric(out, name, "histogram",
                             "Duration of an operation on the database of actions, in seconds.");
    for (int op = 0; op < REPLI__OP_COUNT; op++)
        repli__prometheus_histogram(out, name, (repli__label){"op", store_ops[op]},
                                    &agent->store_calls[op]);
    repli__prometheus_metric(out, "repliagent_store_commits_duration", "summary",
                             "Duration of a commit to the database of actions, in seconds.");
    repli__prometheus_seconds(out, "repliagent_store_commits_duration_sum", NULL, stats.commit_ns);
    repli__prometheus_count(out, "repliagent_store_commits_duration_count", NULL, stats.commits);

    name = "repliagent_store_ops_error";
    repli__prometheus_metric(out, name, "counter",
                             "Operations on the database of actions that it could not do.");
    for (int op = 0; op < REPLI__OP_COUNT; op++) {
        uint64_t errors = 0;
        static const int32_t faults[] = {REPLI_EIO,   REPLI_ECORRUPT, REPLI_EBUSY,
                                         REPLI_EFULL, REPLI_ENOMEM,   REPLI_EINTERNAL};
        for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
            errors += atomic_load(&agent->store_calls[op].codes[-faults[i]]);
        repli__prometheus_count(out, name, LABELS({"op", store_ops[op]}), errors);
    }
    repli__prometheus_count(out, name, LABELS({"op", "commit"}), stats.errors);
}

static void write_results(repli__prometheus *out, const char *name, const char *op,
                          repli__calls *calls) {
    for (int32_t code = 0; code > -REPLI__CALLS_CODES; code--) {
        const uint64_t count = atomic_load(&calls->codes[-code]);
        if (count > 0)
            repli__prometheus_count(out, name,
                                    LABELS({"op", op}, {"result", repli_error_name(code)}), count);
    }
}

static void write_driver(repli__prometheus *out, repli_agent *agent) {
    const char *name = "repliagent_driver_calls";
    repli__prometheus_metric(out, name, "counter", "Calls to the driver, by how they ended.");
    for (int ask = 0; ask < REPLI__ASK_COUNT; ask++)
        write_results(out, name, repli__ask_name(ask), &agent->observe_calls[ask]);
    write_results(out, name, "action_step", &agent->step_calls);

    name = "repliagent_driver_calls_duration";
    repli__prometheus_metric(out, name, "histogram",
                             "Duration of a call to the driver, in "
                             "seconds.");
    for (int ask = 0; ask < REPLI__ASK_COUNT; ask++)
        repli__prometheus_histogram(out, name, (repli__label){"op", repli__ask_name(ask)},
                                    &agent->observe_calls[ask]);
    repli__prometheus_histogram(out, name, (repli__label){"op", "action_step"}, &agent->step_calls);

    repli__observer_stats stats;
    repli__observer_stats_get(agent->observer, &stats);
    counter(out, "repliagent_driver_overruns",
            "Observations during which the driver did not return by its deadline.", stats.overruns);
    gauge(out, "repliagent_driver_stuck", "1 while the driver is past its deadline.",
          (uint64_t)stats.overrun);
    counter(out, "repliagent_observations", "Observations of the node that ended.",
            stats.observations);
    counter(out, "repliagent_cluster_id_changes",
            "Times that the node was found in another cluster than before.",
            repli__facts_cluster_changes(&agent->facts));
}

static void write_node(repli__prometheus *out, const repli_snapshot *snapshot) {
    repli__prometheus_metric(out, "repliagent_snapshot_age", "gauge",
                             "Age of what is known about the node, in seconds.");
    const uint64_t now_ns = repli__mono_ns();
    const uint64_t finished_ns = repli__snapshot_finished_ns(snapshot);
    repli__prometheus_seconds(out, "repliagent_snapshot_age", NULL,
                              now_ns > finished_ns ? now_ns - finished_ns : 0);
    const char *name = "repliagent_node_status";
    repli__prometheus_metric(out, name, "gauge", "1 for the status of the node, 0 for others.");
    const int32_t status = repli_snapshot_node(snapshot)->status;
    for (int32_t i = 1; repli_status_name(i) != NULL; i++)
        repli__prometheus_count(out, name, LABELS({"status", repli_status_name(i)}), i == status);
}

/* What a driver says in numbers, such as the clients that are connected, without knowing what. */
static void write_attributes(repli__prometheus *out, const char *map,
                             const repli_attribute *attributes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const repli_attribute *attribute = &attributes[i];
        const repli__label *labels = LABELS({"map", map}, {"name", attribute->name});
        if (attribute->type == REPLI_VALUE_INTEGER || attribute->type == REPLI_VALUE_BOOLEAN)
            repli__prometheus_integer(out, "repliagent_attribute", labels, attribute->integer);
        else if (attribute->type == REPLI_VALUE_REAL)
            repli__prometheus_real(out, "repliagent_attribute", labels, attribute->real);
    }
}

static void write_all_attributes(repli__prometheus *out, const repli_snapshot *snapshot) {
    repli__prometheus_metric(out, "repliagent_attribute", "gauge",
                             "Attributes that are numbers or, as 0 and 1, truth values.");
    const repli_node *node = repli_snapshot_node(snapshot);
    write_attributes(out, "node", node->attributes, node->attribute_count);
    const repli_store_extras *store = repli_snapshot_store(snapshot, NULL);
    if (store != NULL)
        write_attributes(out, "store", store->attributes, store->attribute_count);
}

static void write_roles(repli__prometheus *out, const repli_shards *shards) {
    const char *name = "repliagent_shards";
    repli__prometheus_metric(out, name, "gauge", "Shards on the node, by its role for them.");
    for (int32_t role = 1; repli_role_name(role) != NULL; role++) {
        uint64_t count = 0;
        for (size_t i = 0; i < shards->shard_count; i++)
            count += shards->shards[i].role == role;
        repli__prometheus_count(out, name, LABELS({"role", repli_role_name(role)}), count);
    }
}

static void write_shards(repli__prometheus *out, const repli_shards *shards) {
    const char *name = "repliagent_shard_role";
    repli__prometheus_metric(out, name, "gauge", "1 for the role of the node for a shard.");
    for (size_t i = 0; i < shards->shard_count; i++)
        repli__prometheus_count(out, name,
                                LABELS({"shard", shards->shards[i].id},
                                       {"role", repli_role_name(shards->shards[i].role)}),
                                1);
    name = "repliagent_shard_commit_offset";
    repli__prometheus_metric(out, name, "gauge", "Commit offset of a shard, in its unit.");
    for (size_t i = 0; i < shards->shard_count; i++) {
        const repli_shard *shard = &shards->shards[i];
        if (shard->commit_offset_unit != NULL)
            repli__prometheus_integer(
                out, name, LABELS({"shard", shard->id}, {"unit", shard->commit_offset_unit}),
                shard->commit_offset);
    }
    name = "repliagent_shard_lag";
    repli__prometheus_metric(out, name, "gauge", "Replication lag of a shard, in its unit.");
    for (size_t i = 0; i < shards->shard_count; i++) {
        const repli_shard *shard = &shards->shards[i];
        if (shard->lag_unit != NULL)
            repli__prometheus_integer(
                out, name, LABELS({"shard", shard->id}, {"unit", shard->lag_unit}), shard->lag);
    }
}

static void write_of_host(repli__prometheus *out, repli_agent *agent) {
    pthread_mutex_lock(&agent->metrics_mutex);
    const char *text =
        agent->host_metrics != NULL ? agent->host_metrics(agent->host_metrics_data) : NULL;
    if (text != NULL && out->code == REPLI_OK)
        out->code = repli__buf_text(out->text, text);
    pthread_mutex_unlock(&agent->metrics_mutex);
}

int32_t repli_agent_set_metrics(repli_agent *agent, repli_metrics_fn write, void *user_data,
                                repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_lock(&agent->metrics_mutex);
    agent->host_metrics = write;
    agent->host_metrics_data = user_data;
    pthread_mutex_unlock(&agent->metrics_mutex);
    return REPLI_OK;
}

int32_t repli_agent_metrics(repli_agent *agent, repli_buf *ret_text, repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    const size_t size_before = ret_text->size;
    repli__prometheus out = {.text = ret_text, .code = REPLI_OK};
    const repli_agent_version version = repli__version_of_agent();
    repli__prometheus_metric(&out, "repliagent_build", "gauge", "Always 1; the agent's version.");
    repli__prometheus_count(&out, "repliagent_build",
                            LABELS({"version", version.number}, {"checkout", version.checkout}), 1);
    write_executor(&out, agent);
    write_store(&out, agent);
    write_driver(&out, agent);
    repli_snapshot *snapshot = repli__observer_latest(agent->observer);
    write_node(&out, snapshot);
    write_all_attributes(&out, snapshot);
    const repli_shards *shards = repli_snapshot_shards(snapshot, NULL);
    if (shards != NULL) {
        write_roles(&out, shards);
        if (shards->shard_count <= SHARDS_LISTED)
            write_shards(&out, shards);
    }
    repli_snapshot_unref(snapshot);
    write_of_host(&out, agent);
    if (out.code == REPLI_OK)
        return REPLI_OK;
    ret_text->size = size_before;
    if (ret_text->data != NULL)
        ret_text->data[size_before] = '\0';
    return repli__error_nomem(err, "agent", "writing metrics");
}
