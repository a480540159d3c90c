#include "actions.h"

#include <stddef.h>
#include <string.h>

#include "peer.h"
#include "plan.h"
#include "redis.h"
#include "task.h"

/* Arguments that a kind takes. */
enum {
    SOURCE = 1u << 0,  /* needed */
    ADDRESS = 1u << 1, /* needed */
    NODE = 1u << 2,
    TO = 1u << 3,
    REPLICATE = 1u << 4,
    FORCE = 1u << 5,
    TAKEOVER = 1u << 6,
    TIMEOUT = 1u << 7
};

#define TIMEOUT_TEXT "timeout_seconds: how long it may take"
#define REPLICATE_TEXT                                                                             \
    "replicate: in cluster mode, id or address of the primary to replicate, or \"auto\" for the "  \
    "one with the fewest replicas (none: it becomes a primary without slots); "
#define FORCE_JOIN_TEXT "force: also if that deletes keys or merges two clusters (false); "

static const struct {
    repli_action_kind kind;
    uint32_t takes;
    int joins;
    int64_t timeout_s;
    repli__redis_action_fn run;
} actions[] = {
    {{(uint32_t)sizeof(repli_action_kind), 0, "agent.replicante.io/cluster.init",
      "Make this node the first primary of a new cluster, in cluster mode with all slots",
      "force: also if it is a replica (false); " TIMEOUT_TEXT " (60)"},
     FORCE | TIMEOUT,
     0,
     60,
     repli__redis_act_init},
    {{(uint32_t)sizeof(repli_action_kind), REPLI_KIND_CANCEL_BETWEEN_STEPS,
      "agent.replicante.io/cluster.add",
      "Take another node into the cluster of this one, in replication mode as its replica",
      "address: \"host:port\" of the other node; " REPLICATE_TEXT FORCE_JOIN_TEXT TIMEOUT_TEXT
      " (600)"},
     ADDRESS | REPLICATE | FORCE | TIMEOUT,
     0,
     600,
     repli__redis_act_add},
    {{(uint32_t)sizeof(repli_action_kind), REPLI_KIND_CANCEL_BETWEEN_STEPS,
      "agent.replicante.io/cluster.join",
      "Make this node a member of another one's cluster, in replication mode as its replica",
      "source: \"host:port\" of a member, in replication mode of the primary; " REPLICATE_TEXT
          FORCE_JOIN_TEXT TIMEOUT_TEXT " (600)"},
     SOURCE | REPLICATE | FORCE | TIMEOUT,
     1,
     600,
     repli__redis_act_join},
    {{(uint32_t)sizeof(repli_action_kind), 0, "agent.replicante.io/cluster.remove",
      "Take a node out of the cluster; in cluster mode all others forget it",
      "node: id or address of the node (this one); force: also if slots or keys are lost "
      "(false); " TIMEOUT_TEXT " (60)"},
     NODE | FORCE | TIMEOUT,
     0,
     60,
     repli__redis_act_remove},
    {{(uint32_t)sizeof(repli_action_kind), REPLI_KIND_CANCEL_BY_STEP, "redis.io/failover",
      "Hand the role of primary over to a replica without losing a write",
      "to: address or id of the replica (any); " TIMEOUT_TEXT ", after which it is aborted (60)"},
     TO | TIMEOUT,
     0,
     60,
     repli__redis_act_failover},
    {{(uint32_t)sizeof(repli_action_kind), 0, "redis.io/promote",
      "Make this replica a primary, because its primary is gone",
      "force: also if the primary is alive, in cluster mode without asking it (false); takeover: "
      "in cluster mode, without asking the other primaries either (false); " TIMEOUT_TEXT " (60)"},
     FORCE | TAKEOVER | TIMEOUT,
     0,
     60,
     repli__redis_act_promote},
};

enum { ACTION_COUNT = sizeof(actions) / sizeof(*actions) };

static size_t find(const char *kind) {
    size_t i = 0;
    while (kind && i < ACTION_COUNT && strcmp(actions[i].kind.kind, kind) != 0)
        i++;
    return kind ? i : ACTION_COUNT;
}

int repli__redis_action_joins(const char *kind) {
    const size_t index = find(kind);
    return index < ACTION_COUNT && actions[index].joins;
}

int32_t repli__redis_actions_describe(void *self, repli_sink *sink, repli_error *err) {
    const repli__redis *redis = self;
    (void)err;
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < ACTION_COUNT; i++)
        code = redis->host->emit_action_kind(sink, &actions[i].kind);
    return code;
}

/* Arguments. */

typedef struct reader {
    const repli__redis *redis;
    const char *json;
    size_t size;
    uint32_t takes;
    int32_t code; /* the first failure; later reads then do nothing */
    repli_error *err;
} reader;

static void read_text(reader *in, uint32_t which, const char *name, char *ret_text, size_t size) {
    if (in->code || !(in->takes & which))
        return;
    const repli_host *host = in->redis->host;
    const int32_t code = host->json_string(host, in->json, in->size, name, ret_text, size, in->err);
    if (code == REPLI_EFULL)
        in->code =
            repli__redis_fail(in->redis, in->err, REPLI_EINVALID, NULL,
                              "the argument \"%s\" is longer than %zu bytes", name, size - 1);
    else if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        in->code = code;
    for (const char *at = ret_text; !in->code && *at; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7F)
            in->code = repli__redis_fail(in->redis, in->err, REPLI_EINVALID, NULL,
                                         "the argument \"%s\" has a blank or a control character "
                                         "in it",
                                         name);
}

static void read_boolean(reader *in, uint32_t which, const char *name, int32_t *ret_value) {
    if (in->code || !(in->takes & which))
        return;
    const repli_host *host = in->redis->host;
    const int32_t code = host->json_boolean(host, in->json, in->size, name, ret_value, in->err);
    if (code != REPLI_ENOTFOUND)
        in->code = code;
}

static void need_address(reader *in, uint32_t which, const char *name, const char *text) {
    repli__redis_address ignored;
    if (!in->code && (in->takes & which) && !repli__redis_address_parse(text, &ignored))
        in->code =
            repli__redis_fail(in->redis, in->err, REPLI_EINVALID, NULL,
                              "the argument \"%s\" must be \"host:port\" of the other node", name);
}

static int32_t read_args(const repli__redis *redis, size_t index, const char *json, size_t size,
                         repli__redis_args *args, repli_error *err) {
    reader in = {redis, json, size, actions[index].takes, REPLI_OK, err};
    *args = (repli__redis_args){.timeout_s = actions[index].timeout_s};
    read_text(&in, SOURCE, "source", args->source, sizeof(args->source));
    need_address(&in, SOURCE, "source", args->source);
    read_text(&in, ADDRESS, "address", args->address, sizeof(args->address));
    need_address(&in, ADDRESS, "address", args->address);
    read_text(&in, NODE, "node", args->node, sizeof(args->node));
    read_text(&in, TO, "to", args->to, sizeof(args->to));
    read_text(&in, REPLICATE, "replicate", args->replicate, sizeof(args->replicate));
    read_boolean(&in, FORCE, "force", &args->force);
    read_boolean(&in, TAKEOVER, "takeover", &args->takeover);
    if (in.code)
        return in.code;
    const int32_t code = redis->host->json_integer(redis->host, json, size, "timeout_seconds",
                                                   &args->timeout_s, err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return code;
    if (args->timeout_s < 1 || args->timeout_s > 86400)
        return repli__redis_fail(redis, err, REPLI_EINVALID, NULL,
                                 "the argument \"timeout_seconds\" must be from 1 to 86400");
    return REPLI_OK;
}

int32_t repli__redis_action_validate(void *self, const char *kind, const char *args_json,
                                     size_t args_size, repli_error *err) {
    const repli__redis *redis = self;
    const size_t index = find(kind);
    repli__redis_args args;
    if (index == ACTION_COUNT)
        return repli__redis_fail(redis, err, REPLI_ENOTFOUND, NULL, "there is no action %s", kind);
    return read_args(redis, index, args_json, args_size, &args, err);
}

int32_t repli__redis_action_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                                 repli_error *err) {
    repli__redis *redis = self;
    const repli_action *action = step->action;
    const size_t index = find(action->kind);
    if (index == ACTION_COUNT)
        return repli__redis_fail(redis, err, REPLI_ENOTFOUND, NULL, "there is no action %s",
                                 action->kind);
    repli__redis_task task = {.redis = redis,
                              .op = op,
                              .sink = sink,
                              .interrupted = (step->flags & REPLI_STEP_INTERRUPTED) != 0,
                              .cancelled = (step->flags & REPLI_STEP_CANCELLED) != 0,
                              .ends = (step->flags & REPLI_STEP_DEADLINE) != 0};
    const int32_t code =
        read_args(redis, index, action->args_json, strlen(action->args_json), &task.args, err);
    if (code != REPLI_OK)
        return code;
    repli__redis_task_load(&task, action->payload_json);
    return actions[index].run(&task, err);
}

int32_t repli__redis_action_plan(void *self, repli_op *op, const char *kind, const char *args_json,
                                 size_t args_size, repli_sink *sink, repli_error *err) {
    repli__redis *redis = self;
    const size_t index = find(kind);
    if (index == ACTION_COUNT)
        return repli__redis_fail(redis, err, REPLI_ENOTFOUND, NULL, "there is no action %s", kind);
    repli__redis_plan plan = {.destructive = 0};
    repli__redis_task task = {.redis = redis, .op = op, .sink = sink, .plan = &plan};
    int32_t code = read_args(redis, index, args_json, args_size, &task.args, err);
    if (code != REPLI_OK)
        return code;
    repli__redis_task_load(&task, NULL);
    code = actions[index].run(&task, err);
    return code ? code : repli__redis_plan_end(&task);
}
