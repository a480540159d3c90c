#include "action/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_check.h"
#include "base/json_span.h"

/* The well-known actions for testing: they touch nothing but their own record. */

enum { LOOP_TARGET = 10 };

static int32_t step_success(void *user_data, const repli_host *host, repli_op *op,
                            const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)op;
    (void)step;
    (void)err;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    return host->emit_outcome(sink, &outcome);
}

static int32_t step_fail(void *user_data, const repli_host *host, repli_op *op,
                         const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)op;
    (void)step;
    (void)err;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_FAILED;
    outcome.error = "this action always fails: that is what it is for";
    return host->emit_outcome(sink, &outcome);
}

/* An integer member of a JSON object; absent if the text is null or lacks it. Returns 0 if either
 * is something else. */
static int read_member(const char *json, size_t size, const char *name, int64_t absent,
                       int64_t *ret_value) {
    *ret_value = absent;
    if (repli__json_check(json, size, REPLI__VALUE_DEPTH, "the value", NULL) != REPLI_OK)
        return 0;
    const repli__json_span root = repli__json_root(json, size);
    if (repli__json_type(root) != REPLI__JSON_OBJECT)
        return repli__json_type(root) == REPLI__JSON_NULL;
    repli__json_span key;
    repli__json_span value;
    size_t at = 0;
    while (repli__json_next_member(root, &at, &key, &value))
        if (repli__json_string_is(key, name, strlen(name)))
            return repli__json_type(value) == REPLI__JSON_INTEGER &&
                   repli__json_to_integer(value, ret_value);
    return 1;
}

static int32_t validate_loop(void *user_data, const char *kind, const char *args_json,
                             size_t args_size, repli_error *err) {
    (void)user_data;
    int64_t target;
    if (!read_member(args_json, args_size, "target", LOOP_TARGET, &target) || target < 0)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "the arguments of %s are {\"target\": N}, where N is an integer of at "
                            "least 0 and %d if left out",
                            kind, LOOP_TARGET);
    return REPLI_OK;
}

static int32_t step_loop(void *user_data, const repli_host *host, repli_op *op,
                         const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)op;
    (void)err;
    const repli_action *action = step->action;
    const char *payload = action->payload_json != NULL ? action->payload_json : "null";
    int64_t target;
    int64_t count;
    read_member(action->args_json, strlen(action->args_json), "target", LOOP_TARGET, &target);
    read_member(payload, strlen(payload), "count", 0, &count);
    if (count < target)
        count++;
    char next[40];
    snprintf(next, sizeof(next), "{\"count\":%" PRId64 "}", count);
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = count < target ? REPLI_PHASE_RUNNING : REPLI_PHASE_DONE;
    outcome.payload_json = next;
    return host->emit_outcome(sink, &outcome);
}

/* What they would do takes no looking at anything. */
static int32_t plan_one(const repli_host *host, repli_sink *sink, const char *summary) {
    repli_plan_step step = REPLI_PLAN_STEP_INIT;
    step.summary = summary;
    return host->emit_plan_step(sink, &step);
}

static int32_t plan_success(void *user_data, const repli_host *host, repli_op *op, const char *kind,
                            const char *args_json, size_t args_size, repli_sink *sink,
                            repli_error *err) {
    (void)user_data;
    (void)op;
    (void)kind;
    (void)args_json;
    (void)args_size;
    (void)err;
    return plan_one(host, sink, "succeed");
}

static int32_t plan_fail(void *user_data, const repli_host *host, repli_op *op, const char *kind,
                         const char *args_json, size_t args_size, repli_sink *sink,
                         repli_error *err) {
    (void)user_data;
    (void)op;
    (void)kind;
    (void)args_json;
    (void)args_size;
    (void)err;
    return plan_one(host, sink, "fail");
}

static int32_t plan_loop(void *user_data, const repli_host *host, repli_op *op, const char *kind,
                         const char *args_json, size_t args_size, repli_sink *sink,
                         repli_error *err) {
    (void)user_data;
    (void)op;
    (void)kind;
    (void)err;
    int64_t target;
    char summary[60];
    read_member(args_json, args_size, "target", LOOP_TARGET, &target);
    snprintf(summary, sizeof(summary), "count to %" PRId64 ", a step at a time", target);
    return plan_one(host, sink, summary);
}

int32_t repli__registry_add_tests(repli__registry *registry, repli_error *err) {
    static const repli__handler handlers[] = {
        {.kind = {.struct_size = sizeof(repli_action_kind),
                  .kind = "agent.replicante.io/test.success",
                  .summary = "Succeed at once"},
         .step = step_success,
         .plan = plan_success},
        {.kind = {.struct_size = sizeof(repli_action_kind),
                  .kind = "agent.replicante.io/test.fail",
                  .summary = "Fail at once"},
         .step = step_fail,
         .plan = plan_fail},
        {.kind = {.struct_size = sizeof(repli_action_kind),
                  .flags = REPLI_KIND_CANCEL_BETWEEN_STEPS,
                  .kind = "agent.replicante.io/test.loop",
                  .summary = "Count the steps up to a target, one at a time",
                  .arguments = "{\"target\": N}, 10 by default"},
         .validate = validate_loop,
         .step = step_loop,
         .plan = plan_loop},
    };
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        const int32_t code = repli__registry_add(registry, REPLI__OWNER_LIBRARY, &handlers[i], err);
        if (code != REPLI_OK)
            return code;
    }
    return REPLI_OK;
}
