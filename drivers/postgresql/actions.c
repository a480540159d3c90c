#include "actions.h"

#include <stdio.h>
#include <string.h>

#include "plan.h"
#include "postgresql.h"
#include "task.h"

/* Arguments that a kind takes. */
enum {
    SOURCE = 1u << 0, /* needed */
    SLOT = 1u << 1,
    NODE = 1u << 2, /* this or slot is needed */
    ADDRESS = 1u << 3,
    FORCE = 1u << 4,
    TIMEOUT = 1u << 5,
    LOCALE = 1u << 6,
    RATE = 1u << 7
};

#define TIMEOUT_TEXT "timeout_seconds: how long one stage may wait (600)"
#define SOURCE_TEXT "source: \"host:port\" of the server to follow"
#define SLOT_TEXT "slot: replication slot there (slot_name of the configuration)"

static const struct {
    repli_action_kind kind;
    uint32_t takes;
    int joins;
    repli__pg_action_fn run;
} actions[] = {
    {{(uint32_t)sizeof(repli_action_kind), 0, "agent.replicante.io/cluster.init",
      "Make a new cluster in the empty data directory of this node and start it",
      "encoding: of databases (UTF8); locale: of databases (C); " TIMEOUT_TEXT},
     LOCALE | TIMEOUT,
     0,
     repli__pg_act_init},
    {{(uint32_t)sizeof(repli_action_kind), 0, "agent.replicante.io/cluster.add",
      "Prepare this primary for another node: replication slot and pg_hba.conf",
      "node: id of the other node; slot: name of its slot (made from node); address: where it "
      "connects from, as host, host:port or network, to be let in by pg_hba.conf"},
     NODE | SLOT | ADDRESS,
     0,
     repli__pg_act_add},
    {{(uint32_t)sizeof(repli_action_kind), REPLI_KIND_CANCEL_BY_STEP,
      "agent.replicante.io/cluster.join",
      "Make this node a standby: copy a running server into the empty data directory, start, and "
      "wait until it streams",
      SOURCE_TEXT "; " SLOT_TEXT "; max_rate: most bytes a second to copy, such as \"32M\" "
                  "(unlimited); " TIMEOUT_TEXT},
     SOURCE | SLOT | RATE | TIMEOUT,
     1,
     repli__pg_act_join},
    {{(uint32_t)sizeof(repli_action_kind), 0, "agent.replicante.io/cluster.remove",
      "Forget another node on this primary: its replication slot and lines in pg_hba.conf",
      "node: id of the other node; slot: name of its slot (made from node); force: end its "
      "connection if the slot is in use (false)"},
     NODE | SLOT | FORCE,
     0,
     repli__pg_act_remove},
    {{(uint32_t)sizeof(repli_action_kind), 0, "postgresql.org/promote",
      "Make this standby a primary", TIMEOUT_TEXT},
     TIMEOUT,
     0,
     repli__pg_act_promote},
    {{(uint32_t)sizeof(repli_action_kind), 0, "postgresql.org/restart", "Restart the server",
      TIMEOUT_TEXT},
     TIMEOUT,
     0,
     repli__pg_act_restart},
    {{(uint32_t)sizeof(repli_action_kind), 0, "postgresql.org/rejoin",
      "Make this former primary a standby of the new one, with pg_rewind",
      SOURCE_TEXT "; " SLOT_TEXT "; " TIMEOUT_TEXT},
     SOURCE | SLOT | TIMEOUT,
     1,
     repli__pg_act_rejoin},
};

enum { ACTION_COUNT = sizeof(actions) / sizeof(*actions) };

static size_t find(const char *kind) {
    size_t i = 0;
    while (kind && i < ACTION_COUNT && strcmp(actions[i].kind.kind, kind) != 0)
        i++;
    return kind ? i : ACTION_COUNT;
}

int repli__pg_action_joins(const char *kind) {
    const size_t index = find(kind);
    return index < ACTION_COUNT && actions[index].joins;
}

int32_t repli__pg_actions_describe(void *self, repli_sink *sink, repli_error *err) {
    const repli__pg *pg = self;
    (void)err;
    int32_t code = REPLI_OK;
    for (size_t i = 0; code == REPLI_OK && i < ACTION_COUNT; i++)
        code = pg->host->emit_action_kind(sink, &actions[i].kind);
    return code;
}

/* Reading arguments. The first failure stays. */
typedef struct reader {
    const repli__pg *pg;
    const char *json;
    size_t size;
    int32_t code;
    repli_error *err;
} reader;

static void read_text(reader *in, const char *name, char *ret_text, size_t size) {
    const repli_host *host = in->pg->host;
    if (in->code)
        return;
    const int32_t code = host->json_string(host, in->json, in->size, name, ret_text, size, in->err);
    if (code == REPLI_EFULL)
        in->code = repli__pg_fail(in->pg, in->err, REPLI_EINVALID, NULL,
                                  "the argument \"%s\" is longer than %zu bytes", name, size - 1);
    else if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        in->code = code;
    for (const char *at = ret_text; !in->code && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            in->code = repli__pg_fail(in->pg, in->err, REPLI_EINVALID, NULL,
                                      "the argument \"%s\" has a control character in it", name);
}

/* "host", "host:port" or "[address]:port" */
static void read_source(reader *in, repli__pg_args *args) {
    char text[sizeof(args->source_host) + 16] = "";
    read_text(in, "source", text, sizeof(text));
    if (in->code)
        return;
    char *host = text, *port = strrchr(text, ':');
    char *bracket = *text == '[' ? strchr(text, ']') : NULL;
    if (bracket) {
        host = text + 1;
        *bracket = '\0';
        port = bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (port && strchr(text, ':') != port) {
        port = NULL; /* an IPv6 address on its own */
    }
    if (port)
        *port++ = '\0';
    else
        port = "5432";
    const size_t digits = strspn(port, "0123456789");
    const size_t length = strlen(host);
    if (length == 0 || length >= sizeof(args->source_host) || digits == 0 || port[digits] ||
        digits > 5) {
        in->code = repli__pg_fail(in->pg, in->err, REPLI_EINVALID, NULL,
                                  "the argument \"source\" must be \"host:port\" of the server to "
                                  "follow");
        return;
    }
    memcpy(args->source_host, host, length + 1);
    snprintf(args->source_port, sizeof(args->source_port), "%.7s", port);
}

static void slot_from_node(repli__pg_args *args) {
    size_t i = 0;
    for (; args->node[i] && i + 1 < sizeof(args->slot); i++) {
        const char c = args->node[i];
        const int plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        args->slot[i] = plain ? c : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : '_';
    }
    args->slot[i] = '\0';
}

static void read_slot(reader *in, uint32_t takes, repli__pg_args *args) {
    read_text(in, "slot", args->slot, sizeof(args->slot));
    if (takes & NODE) {
        read_text(in, "node", args->node, sizeof(args->node));
        if (!in->code && !*args->slot && !*args->node)
            in->code = repli__pg_fail(in->pg, in->err, REPLI_EINVALID, NULL,
                                      "the argument \"node\" is missing: the id of the other node");
        if (!*args->slot)
            slot_from_node(args);
        if (!*args->node)
            snprintf(args->node, sizeof(args->node), "%s", args->slot);
    } else if (!*args->slot && in->pg->config.slot_name) {
        snprintf(args->slot, sizeof(args->slot), "%s", in->pg->config.slot_name);
    }
    if (!in->code &&
        strspn(args->slot, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(args->slot))
        in->code = repli__pg_fail(in->pg, in->err, REPLI_EINVALID, NULL,
                                  "\"%s\" is no name for a replication slot: only lower-case "
                                  "letters, digits and the underscore may be in it",
                                  args->slot);
}

static int32_t read_args(const repli__pg *pg, size_t index, const char *json, size_t size,
                         repli__pg_args *args, repli_error *err) {
    reader in = {pg, json, size, REPLI_OK, err};
    const uint32_t takes = actions[index].takes;
    *args = (repli__pg_args){.timeout_s = 600, .encoding = "UTF8", .locale = "C"};
    if (takes & SOURCE)
        read_source(&in, args);
    if (takes & SLOT)
        read_slot(&in, takes, args);
    if (takes & ADDRESS)
        read_text(&in, "address", args->address, sizeof(args->address));
    if (takes & LOCALE) {
        read_text(&in, "encoding", args->encoding, sizeof(args->encoding));
        read_text(&in, "locale", args->locale, sizeof(args->locale));
    }
    if (takes & RATE)
        read_text(&in, "max_rate", args->max_rate, sizeof(args->max_rate));
    const size_t digits = strspn(args->max_rate, "0123456789");
    const char *unit = args->max_rate + digits;
    if (!in.code && *args->max_rate &&
        (digits == 0 || (*unit && strcmp(unit, "k") != 0 && strcmp(unit, "M") != 0)))
        in.code =
            repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                           "the argument \"max_rate\" must be a number with k or M behind it, "
                           "such as \"32M\"");
    if (!in.code && (takes & FORCE))
        in.code = pg->host->json_boolean(pg->host, json, size, "force", &args->force, err);
    if ((in.code == REPLI_OK || in.code == REPLI_ENOTFOUND) && (takes & TIMEOUT))
        in.code =
            pg->host->json_integer(pg->host, json, size, "timeout_seconds", &args->timeout_s, err);
    if (in.code == REPLI_ENOTFOUND)
        in.code = REPLI_OK;
    if (!in.code && args->timeout_s < 1)
        in.code = repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                                 "the argument \"timeout_seconds\" must be 1 or more");
    return in.code;
}

int32_t repli__pg_action_validate(void *self, const char *kind, const char *args_json,
                                  size_t args_size, repli_error *err) {
    const repli__pg *pg = self;
    const size_t index = find(kind);
    repli__pg_args args;
    if (index == ACTION_COUNT)
        return repli__pg_fail(pg, err, REPLI_ENOTFOUND, NULL, "there is no action %s", kind);
    return read_args(pg, index, args_json, args_size, &args, err);
}

int32_t repli__pg_action_step(void *self, repli_op *op, const repli_step *step, repli_sink *sink,
                              repli_error *err) {
    repli__pg *pg = self;
    const repli_action *action = step->action;
    const size_t index = find(action->kind);
    if (index == ACTION_COUNT)
        return repli__pg_fail(pg, err, REPLI_ENOTFOUND, NULL, "there is no action %s",
                              action->kind);
    repli__pg_task task = {.pg = pg,
                           .op = op,
                           .sink = sink,
                           .id = action->id,
                           .interrupted = (step->flags & REPLI_STEP_INTERRUPTED) != 0,
                           .cancelled = (step->flags & REPLI_STEP_CANCELLED) != 0,
                           .ends = (step->flags & REPLI_STEP_DEADLINE) != 0};
    const int32_t code =
        read_args(pg, index, action->args_json, strlen(action->args_json), &task.args, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_task_load(&task, action->payload_json);
    return actions[index].run(&task, err);
}

/* Stage by stage, until there is nothing more to be told: the last one waits for what the action
 * brings about. */
static int32_t run_through(size_t index, repli__pg_task *task, repli_error *err) {
    enum { MOST_TURNS = 64 };
    repli__pg_plan *plan = task->pg->plan;
    int32_t code = REPLI_OK;
    for (int turn = 0; code == REPLI_OK && !plan->over && turn < MOST_TURNS; turn++) {
        plan->moved = 0;
        code = actions[index].run(task, err);
        if (!plan->moved)
            break;
    }
    return code ? code : repli__pg_plan_end(task->pg);
}

int32_t repli__pg_action_plan(void *self, repli_op *op, const char *kind, const char *args_json,
                              size_t args_size, repli_sink *sink, repli_error *err) {
    repli__pg *pg = self;
    const size_t index = find(kind);
    if (index == ACTION_COUNT)
        return repli__pg_fail(pg, err, REPLI_ENOTFOUND, NULL, "there is no action %s", kind);
    repli__pg_task task = {.pg = pg, .op = op, .sink = sink, .id = "plan"};
    int32_t code = read_args(pg, index, args_json, args_size, &task.args, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_task_load(&task, NULL);
    repli__pg_plan plan = {.sink = sink};
    pg->plan = &plan;
    code = run_through(index, &task, err);
    pg->plan = NULL;
    return code;
}
