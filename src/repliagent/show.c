#include "show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <replicante/model.h>

#include "table.h"
#include "text.h"

char *show_amount(int64_t value, const char *unit) {
    if (unit == NULL)
        return text_printf("-");
    if (strcmp(unit, REPLI_UNIT_MILLISECONDS) == 0)
        return text_printf("%" PRId64 " ms", value);
    if (strcmp(unit, REPLI_UNIT_SECONDS) == 0)
        return text_printf("%" PRId64 " s", value);
    return text_printf("%" PRId64 " %s", value, unit);
}

char *show_role(const repli_shard *shard) {
    const char *role = repli_role_name(shard->role);
    if (shard->role == REPLI_ROLE_OTHER && shard->role_reason != NULL)
        return text_printf("Other: %s", shard->role_reason);
    return text_printf("%s", role != NULL ? role : "?");
}

static const char *or_dash(const char *text) {
    return text != NULL && text[0] != '\0' ? text : "-";
}

static void add_fact(struct table *facts, const char *name, int style, const char *value) {
    table_add(facts, TABLE_DIM, "%s", name);
    table_add(facts, style, "%s", or_dash(value));
}

void show_fact(const char *name, const char *value, FILE *to, int colour) {
    struct table *facts = table_new("ll");
    add_fact(facts, name, TABLE_PLAIN, value);
    table_print(facts, to, colour);
}

static void add_status(struct table *facts, const repli_node *node) {
    const char *status = repli_status_name(node->status);
    table_add(facts, TABLE_DIM, "status");
    table_add(facts, show_status_style(node->status), "%s%s%s", or_dash(status),
              node->status_reason != NULL ? ": " : "",
              node->status_reason != NULL ? node->status_reason : "");
}

static void add_store(struct table *facts, const repli_node *node) {
    const repli_store_version *version = &node->store_version;
    table_add(facts, TABLE_DIM, "store");
    table_add(facts, TABLE_PLAIN, "%s %s%s%s", node->store_id,
              version->number != NULL ? version->number : "of unknown version",
              version->extra != NULL ? ", " : "", version->extra != NULL ? version->extra : "");
}

void show_node_facts(const repli_node *node, FILE *to, int colour) {
    struct table *facts = table_new("ll");
    add_fact(facts, "node", TABLE_BOLD, node->node_id);
    add_status(facts, node);
    add_store(facts, node);
    table_add(facts, TABLE_DIM, "agent");
    table_add(facts, TABLE_PLAIN, "%s, checkout %s, %s", or_dash(node->agent_version.number),
              or_dash(node->agent_version.checkout), or_dash(node->agent_version.taint));
    for (size_t i = 0; i < node->address_count; i++)
        add_fact(facts, node->addresses[i].name, TABLE_PLAIN, node->addresses[i].address);
    table_print(facts, to, colour);
}

static void add_attribute(struct table *table, const repli_attribute *attribute) {
    table_add(table, TABLE_PLAIN, "%s", attribute->name);
    switch (attribute->type) {
    case REPLI_VALUE_STRING: table_add(table, TABLE_PLAIN, "%s", attribute->string); break;
    case REPLI_VALUE_INTEGER: table_add(table, TABLE_PLAIN, "%" PRId64, attribute->integer); break;
    case REPLI_VALUE_REAL: table_add(table, TABLE_PLAIN, "%.10g", attribute->real); break;
    case REPLI_VALUE_BOOLEAN:
        table_add(table, TABLE_PLAIN, "%s", attribute->integer ? "true" : "false");
        break;
    default: table_add(table, TABLE_DIM, "null"); break;
    }
}

void show_attributes(const repli_attribute *attributes, size_t count, FILE *to, int colour) {
    if (count == 0)
        return;
    struct table *table = table_new("ll");
    table_head(table, (const char *const[]){"ATTRIBUTE", "VALUE", NULL});
    for (size_t i = 0; i < count; i++)
        add_attribute(table, &attributes[i]);
    fputc('\n', to);
    table_print(table, to, colour);
}

void show_shard_table(const repli_shards *shards, FILE *to, int colour) {
    struct table *table = table_new("llrr");
    table_head(table, (const char *const[]){"SHARD", "ROLE", "OFFSET", "LAG", NULL});
    for (size_t i = 0; i < shards->shard_count; i++) {
        const repli_shard *shard = &shards->shards[i];
        char *role = show_role(shard);
        char *offset = show_amount(shard->commit_offset, shard->commit_offset_unit);
        char *lag = show_amount(shard->lag, shard->lag_unit);
        table_add(table, TABLE_PLAIN, "%s", shard->id);
        table_add(table, TABLE_PLAIN, "%s", role);
        table_add(table, TABLE_PLAIN, "%s", offset);
        table_add(table, TABLE_PLAIN, "%s", lag);
        free(role);
        free(offset);
        free(lag);
    }
    table_print(table, to, colour);
}

static void add_phase(struct table *table, int32_t phase) {
    table_add(table, show_phase_style(phase), "%s", or_dash(repli_phase_name(phase)));
}

void show_summaries(const repli_action_summary *summaries, size_t count, FILE *to, int colour) {
    struct table *table = table_new("lll");
    table_head(table, (const char *const[]){"ID", "PHASE", "KIND", NULL});
    for (size_t i = 0; i < count; i++) {
        table_add(table, TABLE_PLAIN, "%s", summaries[i].id);
        add_phase(table, summaries[i].phase);
        table_add(table, TABLE_PLAIN, "%s", summaries[i].kind);
    }
    table_print(table, to, colour);
}

/* An action's error is that of an error answer without its "error" member. */
char *show_error(const char *error_json) {
    repli_error error = REPLI_ERROR_INIT;
    if (repli_error_from_json(error_json, strlen(error_json), &error, NULL) != REPLI_OK)
        return text_printf("%s", error_json);
    return text_printf("%s%s%s", error.message, error.cause[0] != '\0' ? ": " : "", error.cause);
}

char *show_phase(const repli_action *action) {
    const char *phase = or_dash(repli_phase_name(action->phase));
    const int said = action->outcome <= REPLI_ENDED_FAILED;
    return said ? text_printf("%s", phase)
                : text_printf("%s (%s)", phase, or_dash(repli_ended_name(action->outcome)));
}

char *show_awaited(const repli_action *action) {
    if (action->phase == REPLI_PHASE_NEW && action->not_before_ns != REPLI_TIME_NONE) {
        char *time = text_time(action->not_before_ns);
        char *line = text_printf("not before %s", time);
        free(time);
        return line;
    }
    json_t *payload = action->payload_json != NULL
                          ? json_loads(action->payload_json, JSON_DECODE_ANY, NULL)
                          : NULL;
    const char *waiting_for = json_string_value(json_object_get(payload, "waiting_for"));
    const char *since = json_string_value(json_object_get(payload, "since"));
    char *text = NULL;
    if (waiting_for != NULL)
        text = text_printf("waiting for %s%s%s", waiting_for, since != NULL ? " since " : "",
                           since != NULL ? since : "");
    json_decref(payload);
    return text;
}

static void add_time(struct table *facts, const char *name, int64_t time_ns) {
    char *time = text_time(time_ns);
    add_fact(facts, name, TABLE_PLAIN, time);
    free(time);
}

static void add_limit(struct table *facts, const char *name, int64_t time_ns) {
    if (time_ns != REPLI_TIME_NONE)
        add_time(facts, name, time_ns);
}

static void add_finish(struct table *facts, const repli_action *action) {
    if (action->finished_ns == REPLI_TIME_NONE)
        return;
    char *time = text_time(action->finished_ns);
    char *took = text_duration((action->finished_ns - action->scheduled_ns) / 1000000);
    table_add(facts, TABLE_DIM, "finished");
    table_add(facts, TABLE_PLAIN, "%s, after %s", time, took);
    free(time);
    free(took);
}

static void show_action_facts(const repli_action *action, FILE *to, int colour) {
    struct table *facts = table_new("ll");
    add_fact(facts, "action", TABLE_BOLD, action->id);
    add_fact(facts, "kind", TABLE_PLAIN, action->kind);
    char *phase = show_phase(action);
    add_fact(facts, "phase", show_phase_style(action->phase), phase);
    free(phase);
    add_fact(facts, "arguments", TABLE_PLAIN, action->args_json);
    add_fact(facts, "requester", TABLE_PLAIN, action->requester);
    for (size_t i = 0; i < action->header_count; i++) {
        table_add(facts, TABLE_DIM, "metadata");
        table_add(facts, TABLE_PLAIN, "%s=%s", action->headers[i].name, action->headers[i].value);
    }
    add_time(facts, "created", action->created_ns);
    add_time(facts, "scheduled", action->scheduled_ns);
    add_limit(facts, "not before", action->not_before_ns);
    add_limit(facts, "deadline", action->deadline_ns);
    add_limit(facts, "asked to end", action->cancel_requested_ns);
    add_finish(facts, action);
    char *waiting = action->outcome == 0 ? show_awaited(action) : NULL;
    if (waiting != NULL)
        add_fact(facts, "progress", TABLE_PLAIN, waiting);
    free(waiting);
    add_fact(facts, "payload", TABLE_PLAIN, action->payload_json);
    if (action->error_json != NULL) {
        char *error = show_error(action->error_json);
        add_fact(facts, "error", TABLE_BAD, error);
        free(error);
    }
    table_print(facts, to, colour);
}

static void show_history(const repli_action *action, FILE *to, int colour) {
    if (action->history_count == 0)
        return;
    struct table *table = table_new("lll");
    table_head(table, (const char *const[]){"HISTORY", "PHASE", "PAYLOAD", NULL});
    for (size_t i = 0; i < action->history_count; i++) {
        const repli_transition *transition = &action->history[i];
        char *time = text_time(transition->time_ns);
        table_add(table, TABLE_PLAIN, "%s", time);
        add_phase(table, transition->phase);
        table_add(table, TABLE_PLAIN, "%s", or_dash(transition->payload_json));
        free(time);
    }
    fputc('\n', to);
    table_print(table, to, colour);
}

void show_action(const repli_action *action, FILE *to, int colour) {
    show_action_facts(action, to, colour);
    show_history(action, to, colour);
}

void show_maintenance(const repli_maintenance *maintenance, FILE *to, int colour) {
    struct table *facts = table_new("ll");
    add_fact(facts, "owner", TABLE_BOLD, maintenance->owner);
    add_fact(facts, "reason", TABLE_PLAIN, maintenance->reason);
    add_time(facts, "since", maintenance->since_ns);
    add_time(facts, "until", maintenance->until_ns);
    for (size_t i = 0; maintenance->allowed != NULL && maintenance->allowed[i] != NULL; i++)
        add_fact(facts, "allowed", TABLE_PLAIN, maintenance->allowed[i]);
    table_print(facts, to, colour);
}

/* Looks. */

int show_status_style(int32_t status) {
    switch (status) {
    case REPLI_STATUS_HEALTHY: return TABLE_GOOD;
    case REPLI_STATUS_UNAVAILABLE:
    case REPLI_STATUS_UNHEALTHY: return TABLE_BAD;
    default: return TABLE_WARN;
    }
}

int show_phase_style(int32_t phase) {
    switch (phase) {
    case REPLI_PHASE_DONE: return TABLE_GOOD;
    case REPLI_PHASE_FAILED: return TABLE_BAD;
    case REPLI_PHASE_RUNNING: return TABLE_WARN;
    default: return TABLE_PLAIN;
    }
}
