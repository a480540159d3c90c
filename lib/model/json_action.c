#include "base/error.h"
#include "base/utf8.h"
#include "model/json_documents.h"
#include "model/json_header.h"
#include "model/record.h"
#include "model/validate.h"
#include "model/words.h"

/* To text. */

static void write_state(repli__json_out *out, const repli_action *action) {
    repli__json_open(out, '{');
    repli__json_name(out, "error");
    repli__json_verbatim(out, action->error_json);
    repli__json_name(out, "payload");
    repli__json_verbatim(out, action->payload_json);
    repli__json_name(out, "phase");
    repli__json_string(out, repli_phase_name(action->phase));
    repli__json_close(out, '}');
}

static void write_history(repli__json_out *out, const repli_transition *history, size_t count) {
    const void *next = history;
    repli__json_open(out, '[');
    for (size_t i = 0; i < count; i++) {
        repli_transition transition;
        if (repli__transition_read(&transition, next, NULL) != REPLI_OK)
            break;
        repli__json_open(out, '{');
        repli__json_name(out, "time");
        repli__json_time(out, transition.time_ns);
        repli__json_name(out, "phase");
        repli__json_string(out, repli_phase_name(transition.phase));
        repli__json_name(out, "payload");
        repli__json_verbatim(out, transition.payload_json);
        repli__json_name(out, "error");
        repli__json_verbatim(out, transition.error_json);
        repli__json_close(out, '}');
        next = repli__record_next(next);
    }
    repli__json_close(out, ']');
}

int32_t repli_action_to_json(const repli_action *action, repli_buf *ret_json, repli_error *err) {
    repli_action local;
    int32_t code = repli__action_read(&local, action, err);
    if (code == REPLI_OK)
        code = repli__action_check(&local, err);
    if (code != REPLI_OK)
        return code;
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "args");
    repli__json_verbatim(&out, local.args_json);
    repli__json_name(&out, "created_time");
    repli__json_time(&out, local.created_ns);
    repli__json_name(&out, "finished_time");
    repli__json_time(&out, local.finished_ns);
    repli__json_name(&out, "id");
    repli__json_string(&out, local.id);
    repli__json_name(&out, "kind");
    repli__json_string(&out, local.kind);
    repli__json_name(&out, "metadata");
    repli__headers_write(&out, local.headers, local.header_count);
    repli__json_name(&out, "scheduled_time");
    repli__json_time(&out, local.scheduled_ns);
    repli__json_name(&out, "state");
    write_state(&out, &local);
    repli__json_name(&out, "requester");
    repli__json_string(&out, local.requester);
    repli__json_name(&out, "history");
    write_history(&out, local.history, local.history_count);
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

int32_t repli_action_summaries_to_json(const repli_action_summary *summaries, size_t count,
                                       repli_buf *ret_json, repli_error *err) {
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "actions");
    repli__json_open(&out, '[');
    const void *next = summaries;
    for (size_t i = 0; i < count; i++) {
        repli_action_summary summary;
        int32_t code = repli__action_summary_read(&summary, next, err);
        if (code == REPLI_OK)
            code = repli__action_summary_check(&summary, err);
        if (code != REPLI_OK)
            return repli__json_abandon(&out, repli__error_within(err, code, "actions[%zu]", i));
        repli__json_open(&out, '{');
        repli__json_name(&out, "id");
        repli__json_string(&out, summary.id);
        repli__json_name(&out, "kind");
        repli__json_string(&out, summary.kind);
        repli__json_name(&out, "phase");
        repli__json_string(&out, repli_phase_name(summary.phase));
        repli__json_close(&out, '}');
        next = repli__record_next(next);
    }
    repli__json_close(&out, ']');
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

/* From text. */

static int32_t read_phase(repli__json_in *in, const json_t *object) {
    static const char expected[] = "\"NEW\", \"RUNNING\", \"DONE\" or \"FAILED\"";
    const json_t *value = repli__json_get(in, object, "phase");
    if (!json_is_string(value)) {
        repli__json_refuse(in, "phase", expected, value);
        return 0;
    }
    const char *word = json_string_value(value);
    const int32_t phase = repli__phase_find(word);
    if (phase == 0) {
        char quote[REPLI__QUOTE_SIZE];
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "%sphase must be %s, not %s",
                                in->path, expected, repli__utf8_quote(quote, word));
    }
    return phase;
}

static void read_history(repli__json_in *in, const json_t *root, repli__json_span text,
                         repli_action *action) {
    const json_t *list = repli__json_get_array(in, root, "history", REPLI__OPTIONAL);
    const size_t count = json_array_size(list);
    if (count == 0)
        return;
    repli_transition *copies = repli__json_copy_array(in, count, sizeof(*copies));
    const repli__json_span items = repli__json_member(text, "history");
    size_t at = 0;
    for (size_t i = 0; i < count && in->code == REPLI_OK; i++) {
        const json_t *object = repli__json_object_at(in, list, i);
        const repli__json_span item = repli__json_item(items, &at);
        repli_transition *transition = &copies[i];
        transition->struct_size = sizeof(*transition);
        transition->time_ns = repli__json_get_time(in, object, "time");
        transition->phase = read_phase(in, object);
        transition->payload_json = repli__json_copy_value(in, repli__json_member(item, "payload"));
        transition->error_json = repli__json_copy_value(in, repli__json_member(item, "error"));
        if (in->code != REPLI_OK)
            repli__error_within(in->err, in->code, "history[%zu]", i);
    }
    action->history = copies;
    action->history_count = count;
}

static void read_state(repli__json_in *in, const json_t *root, repli__json_span text,
                       repli_action *action) {
    const json_t *state = repli__json_get_object(in, root, "state", REPLI__REQUIRED);
    const repli__json_span state_text = repli__json_member(text, "state");
    in->path = "state.";
    action->error_json = repli__json_copy_value(in, repli__json_member(state_text, "error"));
    action->payload_json = repli__json_copy_value(in, repli__json_member(state_text, "payload"));
    action->phase = read_phase(in, state);
    in->path = "";
}

static void read_action(repli__json_in *in, const json_t *root, repli__json_span text,
                        void *record) {
    repli_action *action = record;
    action->struct_size = sizeof(*action);
    action->args_json = repli__json_copy_value(in, repli__json_member(text, "args"));
    if (action->args_json == NULL)
        action->args_json = "null";
    action->created_ns = repli__json_get_time(in, root, "created_time");
    action->finished_ns = repli__json_get_time(in, root, "finished_time");
    action->id = repli__json_get_uuid(in, root, "id", REPLI__REQUIRED);
    action->kind = repli__json_get_text(in, root, "kind", REPLI__REQUIRED);
    repli__headers_get(in, root, "metadata", &action->headers, &action->header_count);
    action->scheduled_ns = repli__json_get_time(in, root, "scheduled_time");
    read_state(in, root, text, action);
    action->requester = repli__json_get_text(in, root, "requester", REPLI__OPTIONAL);
    if (action->requester == NULL)
        action->requester = "AGENT_API";
    read_history(in, root, text, action);
    if (in->code == REPLI_OK)
        in->code = repli__action_check(action, in->err);
}

int32_t repli__action_from_json(const repli__mem *mem, const char *json, size_t size,
                                repli_doc **ret_doc, const repli_action **ret_action,
                                repli_error *err) {
    const repli__json_source source = {json, size, REPLI__JSON_BIG_INTEGERS, "the action"};
    const void *action = NULL;
    const int32_t code =
        repli__json_read(&source, mem, sizeof(repli_action), read_action, ret_doc, &action, err);
    if (code == REPLI_OK)
        *ret_action = action;
    return code;
}

int32_t repli_action_from_json(const char *json, size_t size, repli_doc **ret_doc,
                               const repli_action **ret_action, repli_error *err) {
    return repli__action_from_json(NULL, json, size, ret_doc, ret_action, err);
}

typedef struct summary_list {
    const repli_action_summary *summaries;
    size_t count;
} summary_list;

static void read_summaries(repli__json_in *in, const json_t *root, repli__json_span text,
                           void *record) {
    (void)text;
    summary_list *result = record;
    const json_t *list = repli__json_get_array(in, root, "actions", REPLI__REQUIRED);
    const size_t count = json_array_size(list);
    if (count == 0)
        return;
    repli_action_summary *copies = repli__json_copy_array(in, count, sizeof(*copies));
    for (size_t i = 0; i < count && in->code == REPLI_OK; i++) {
        const json_t *object = repli__json_object_at(in, list, i);
        copies[i].struct_size = sizeof(copies[i]);
        copies[i].id = repli__json_get_uuid(in, object, "id", REPLI__REQUIRED);
        copies[i].kind = repli__json_get_text(in, object, "kind", REPLI__REQUIRED);
        copies[i].phase = read_phase(in, object);
        if (in->code == REPLI_OK)
            in->code = repli__action_summary_check(&copies[i], in->err);
        if (in->code != REPLI_OK)
            repli__error_within(in->err, in->code, "actions[%zu]", i);
    }
    result->summaries = copies;
    result->count = count;
}

int32_t repli__action_summaries_from_json(const repli__mem *mem, const char *json, size_t size,
                                          repli_doc **ret_doc,
                                          const repli_action_summary **ret_summaries,
                                          size_t *ret_count, repli_error *err) {
    const repli__json_source source = {json, size, 0, "the list of actions"};
    const void *record = NULL;
    const int32_t code =
        repli__json_read(&source, mem, sizeof(summary_list), read_summaries, ret_doc, &record, err);
    if (code != REPLI_OK)
        return code;
    const summary_list *list = record;
    *ret_summaries = list->summaries;
    *ret_count = list->count;
    return REPLI_OK;
}

int32_t repli_action_summaries_from_json(const char *json, size_t size, repli_doc **ret_doc,
                                         const repli_action_summary **ret_summaries,
                                         size_t *ret_count, repli_error *err) {
    return repli__action_summaries_from_json(NULL, json, size, ret_doc, ret_summaries, ret_count,
                                             err);
}
