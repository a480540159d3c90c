#include "actions.h"

#include <string.h>

#include "task.h"

/* Arguments that a kind takes. */
enum {
    SOURCE = 1u << 0, /* needed */
    NODE = 1u << 1,   /* needed */
    INTERVAL = 1u << 2,
    NEEDS_INTERVAL = 1u << 3
};

#define TIMEOUT_TEXT "timeout_seconds: how long it may take"
#define KIND(kind, summary, arguments)                                                             \
    {                                                                                              \
        (uint32_t)sizeof(repli_action_kind), REPLI_KIND_CANCEL_BETWEEN_STEPS, kind, summary,       \
            arguments                                                                              \
    }

/* Every step asks the node for something that can be asked for again, so that
 * each of them is a safe point to be cancelled at. */
static const struct {
    repli_action_kind kind;
    uint32_t takes;
    int joins;
    int64_t timeout_s;
    repli__alldata_action_fn run;
} actions[] = {
    {KIND("agent.replicante.io/cluster.join",
          "Have this node gossip with another one, and so become a member of "
          "its cluster",
          "source: \"host:port\" where the other node gossips; " TIMEOUT_TEXT " (60)"),
     SOURCE, 1, 60, repli__alldata_act_join},
    {KIND("agent.replicante.io/cluster.remove",
          "Have this node forget a dead one, and the events that it keeps for "
          "it",
          "node: id of the other node, or \"host:port\" where it "
          "gossiped; " TIMEOUT_TEXT " (60)"),
     NODE, 0, 60, repli__alldata_act_remove},
    {KIND("alldata.io/repair",
          "Compare events with the other nodes now, and fetch and hand over "
          "what is missing",
          "interval: name of the only interval to be compared "
          "(all); " TIMEOUT_TEXT " (3600)"),
     INTERVAL, 0, 3600, repli__alldata_act_repair},
    {KIND("alldata.io/export", "Write a closed interval into a file beside the node's events",
          "interval: its name; " TIMEOUT_TEXT " (3600)"),
     INTERVAL | NEEDS_INTERVAL, 0, 3600, repli__alldata_act_export},
};

enum { ACTION_COUNT = sizeof(actions) / sizeof(*actions) };

static size_t find(const char *kind) {
    size_t i = 0;
    while (kind && i < ACTION_COUNT && strcmp(actions[i].kind.kind, kind) != 0)
        i++;
    return kind ? i : ACTION_COUNT;
}

int repli__alldata_action_joins(const char *kind) {
    const size_t index = find(kind);
    return index < ACTION_COUNT && actions[index].joins;
}

int32_t repli__alldata_actions_describe(void *self, repli_sink *sink, repli_error *err) {
    const repli__alldata *alldata = self;
    (void)err;
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < ACTION_COUNT; i++)
        code = alldata->host->emit_action_kind(sink, &actions[i].kind);
    return code;
}

/* Arguments. */

typedef struct reader {
    const repli__alldata *alldata;
    const char *json;
    size_t size;
    int32_t code; /* the first failure; later reads then do nothing */
    repli_error *err;
} reader;

static void read_text(reader *in, int takes, int needs, const char *name, char *ret_text,
                      size_t size) {
    if (in->code || !takes)
        return;
    const repli_host *host = in->alldata->host;
    const int32_t code = host->json_string(host, in->json, in->size, name, ret_text, size, in->err);
    if (code == REPLI_EFULL)
        in->code =
            repli__alldata_fail(in->alldata, in->err, REPLI_EINVALID, NULL,
                                "the argument \"%s\" is longer than %zu bytes", name, size - 1);
    else if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        in->code = code;
    for (const char *at = ret_text; !in->code && *at; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7F)
            in->code = repli__alldata_fail(in->alldata, in->err, REPLI_EINVALID, NULL,
                                           "the argument \"%s\" has a blank or a control "
                                           "character in it",
                                           name);
    if (!in->code && needs && !*ret_text)
        in->code = repli__alldata_fail(in->alldata, in->err, REPLI_EINVALID, NULL,
                                       "the argument \"%s\" is needed", name);
}

/* "host:port", with a port that there can be. */
static int is_address(const char *text) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return 0;
    int port = 0;
    for (const char *at = colon + 1; *at && port <= 65535; at++)
        port = 10 * port + (*at - '0');
    return port > 0 && port <= 65535;
}

static int32_t read_args(const repli__alldata *alldata, size_t index, const char *json, size_t size,
                         repli__alldata_args *args, repli_error *err) {
    const uint32_t takes = actions[index].takes;
    reader in = {alldata, json, size, REPLI_OK, err};
    *args = (repli__alldata_args){.timeout_s = actions[index].timeout_s};
    read_text(&in, takes & SOURCE, 1, "source", args->source, sizeof(args->source));
    read_text(&in, takes & NODE, 1, "node", args->node, sizeof(args->node));
    read_text(&in, takes & INTERVAL, (takes & NEEDS_INTERVAL) != 0, "interval", args->interval,
              sizeof(args->interval));
    if (!in.code && (takes & SOURCE) && !is_address(args->source))
        in.code = repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                      "the argument \"source\" must be \"host:port\" where the "
                                      "other node gossips");
    if (in.code)
        return in.code;
    const int32_t code = alldata->host->json_integer(alldata->host, json, size, "timeout_seconds",
                                                     &args->timeout_s, err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return code;
    if (args->timeout_s < 1 || args->timeout_s > 86400)
        return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                                   "the argument \"timeout_seconds\" must be from 1 to 86400");
    return REPLI_OK;
}

static int32_t unknown(const repli__alldata *alldata, const char *kind, repli_error *err) {
    return repli__alldata_fail(alldata, err, REPLI_ENOTFOUND, NULL, "there is no action %s", kind);
}

int32_t repli__alldata_action_validate(void *self, const char *kind, const char *args_json,
                                       size_t args_size, repli_error *err) {
    const repli__alldata *alldata = self;
    const size_t index = find(kind);
    repli__alldata_args args;
    return index == ACTION_COUNT ? unknown(alldata, kind, err)
                                 : read_args(alldata, index, args_json, args_size, &args, err);
}

int32_t repli__alldata_action_step(void *self, repli_op *op, const repli_step *step,
                                   repli_sink *sink, repli_error *err) {
    const repli__alldata *alldata = self;
    const repli_action *action = step->action;
    const size_t index = find(action->kind);
    if (index == ACTION_COUNT)
        return unknown(alldata, action->kind, err);
    repli__alldata_task task = {.alldata = alldata, .op = op, .sink = sink};
    const int32_t code =
        read_args(alldata, index, action->args_json, strlen(action->args_json), &task.args, err);
    if (code != REPLI_OK)
        return code;
    repli__alldata_task_load(&task, action->payload_json);
    return actions[index].run(&task, err);
}

int32_t repli__alldata_action_plan(void *self, repli_op *op, const char *kind,
                                   const char *args_json, size_t args_size, repli_sink *sink,
                                   repli_error *err) {
    const repli__alldata *alldata = self;
    const size_t index = find(kind);
    if (index == ACTION_COUNT)
        return unknown(alldata, kind, err);
    repli__alldata_task task = {.alldata = alldata, .op = op, .sink = sink, .plans = 1};
    const int32_t code = read_args(alldata, index, args_json, args_size, &task.args, err);
    if (code != REPLI_OK)
        return code;
    repli__alldata_task_load(&task, NULL);
    return actions[index].run(&task, err);
}
