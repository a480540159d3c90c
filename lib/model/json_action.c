#include "base/error.h"
#include "model/json_documents.h"
#include "model/json_header.h"
#include "model/json_time.h"
#include "model/record.h"
#include "model/validate.h"
#include "model/words.h"

/* To text. */

static void write_state(repli__json_out *out, const repli_action *action) {
    repli__json_open(out, '{');
    repli__json_name(out, "error");
    repli__json_verbatim(out, action->error_json);
    repli__json_name(out, "outcome");
    repli__json_string(out, repli_ended_name(action->outcome));
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
    repli__json_name(&out, "cancel_requested");
    repli__json_time(&out, local.cancel_requested_ns);
    repli__json_name(&out, "created_time");
    repli__json_time(&out, local.created_ns);
    repli__json_name(&out, "deadline");
    repli__json_time(&out, local.deadline_ns);
    repli__json_name(&out, "finished_time");
    repli__json_time(&out, local.finished_ns);
    repli__json_name(&out, "id");
    repli__json_string(&out, local.id);
    repli__json_name(&out, "kind");
    repli__json_string(&out, local.kind);
    repli__json_name(&out, "metadata");
    repli__headers_write(&out, local.headers, local.header_count);
    repli__json_name(&out, "not_before");
    repli__json_time(&out, local.not_before_ns);
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

static int32_t read_word(repli__json_in *in, const repli__json_member *member,
                         int32_t (*find)(const char *name), const char *expected) {
    char word[REPLI__WORD_SIZE];
    if (!repli__json_get_word(in, member->value, word)) {
        repli__json_refuse(in, member, expected);
        return 0;
    }
    const int32_t number = find(word);
    if (number == 0)
        repli__json_refuse_word(in, member, expected, word);
    return number;
}

static int32_t read_phase(repli__json_in *in, const repli__json_member *member) {
    return read_word(in, member, repli__phase_find, "\"NEW\", \"RUNNING\", \"DONE\" or \"FAILED\"");
}

/* Agents of old do not say it. */
static int32_t read_outcome(repli__json_in *in, const repli__json_member *member) {
    if (repli__json_type(member->value) <= REPLI__JSON_NULL)
        return 0;
    return read_word(in, member, repli__ended_find,
                     "\"done\", \"failed\", \"timed_out\", \"cancelled\" or \"interrupted\"");
}

static void read_transition(repli__json_in *in, repli__json_span object,
                            repli_transition *transition) {
    enum { TIME, PHASE, PAYLOAD, ERROR, COUNT };
    repli__json_member m[COUNT] = {
        {.name = "time"}, {.name = "phase"}, {.name = "payload"}, {.name = "error"}};
    repli__json_members(in, object, m, COUNT);
    transition->struct_size = sizeof(*transition);
    transition->time_ns = repli__json_get_time(in, &m[TIME]);
    transition->phase = read_phase(in, &m[PHASE]);
    transition->payload_json = repli__json_get_json(in, &m[PAYLOAD]);
    transition->error_json = repli__json_get_json(in, &m[ERROR]);
}

static void read_history(repli__json_in *in, const repli__json_member *member,
                         repli_action *action) {
    const repli__json_span items = repli__json_get_array(in, member, REPLI__OPTIONAL);
    const size_t count = repli__json_count(items);
    if (count == 0)
        return;
    repli_transition *copies = repli__json_new_array(in, count, sizeof(*copies));
    size_t at = 0;
    for (size_t i = 0; in->code == REPLI_OK && i < count; i++) {
        read_transition(in, repli__json_next_object(in, items, &at), &copies[i]);
        repli__json_within(in, "history", i);
    }
    action->history = copies;
    action->history_count = count;
}

static void read_state(repli__json_in *in, const repli__json_member *member, repli_action *action) {
    enum { ERROR, OUTCOME, PAYLOAD, PHASE, COUNT };
    repli__json_member m[COUNT] = {
        {.name = "error"}, {.name = "outcome"}, {.name = "payload"}, {.name = "phase"}};
    const repli__json_span state = repli__json_get_object(in, member, REPLI__REQUIRED);
    in->path = "state.";
    repli__json_members(in, state, m, COUNT);
    action->error_json = repli__json_get_json(in, &m[ERROR]);
    action->payload_json = repli__json_get_json(in, &m[PAYLOAD]);
    action->phase = read_phase(in, &m[PHASE]);
    action->outcome = read_outcome(in, &m[OUTCOME]);
    in->path = "";
}

static void read_action(repli__json_in *in, repli__json_span root, void *record) {
    enum {
        ARGS,
        CANCEL,
        CREATED,
        DEADLINE,
        FINISHED,
        ID,
        KIND,
        METADATA,
        NOT_BEFORE,
        SCHEDULED,
        STATE,
        REQUESTER,
        HISTORY,
        COUNT
    };
    repli__json_member m[COUNT] = {
        [ARGS] = {.name = "args"},
        [CANCEL] = {.name = "cancel_requested"},
        [CREATED] = {.name = "created_time"},
        [DEADLINE] = {.name = "deadline"},
        [FINISHED] = {.name = "finished_time"},
        [ID] = {.name = "id"},
        [KIND] = {.name = "kind"},
        [METADATA] = {.name = "metadata"},
        [NOT_BEFORE] = {.name = "not_before"},
        [SCHEDULED] = {.name = "scheduled_time"},
        [STATE] = {.name = "state"},
        [REQUESTER] = {.name = "requester"},
        [HISTORY] = {.name = "history"},
    };
    repli__json_members(in, root, m, COUNT);
    repli_action *action = record;
    action->struct_size = sizeof(*action);
    action->args_json = repli__json_get_json(in, &m[ARGS]);
    if (action->args_json == NULL)
        action->args_json = "null";
    action->created_ns = repli__json_get_time(in, &m[CREATED]);
    action->finished_ns = repli__json_get_time(in, &m[FINISHED]);
    action->id = repli__json_get_uuid(in, &m[ID], REPLI__REQUIRED);
    action->kind = repli__json_get_text(in, &m[KIND], REPLI__REQUIRED);
    repli__headers_get(in, &m[METADATA], &action->headers, &action->header_count);
    action->scheduled_ns = repli__json_get_time(in, &m[SCHEDULED]);
    action->deadline_ns = repli__json_get_time(in, &m[DEADLINE]);
    action->not_before_ns = repli__json_get_time(in, &m[NOT_BEFORE]);
    action->cancel_requested_ns = repli__json_get_time(in, &m[CANCEL]);
    read_state(in, &m[STATE], action);
    action->requester = repli__json_get_text(in, &m[REQUESTER], REPLI__OPTIONAL);
    if (action->requester == NULL)
        action->requester = "AGENT_API";
    read_history(in, &m[HISTORY], action);
    if (in->code == REPLI_OK)
        in->code = repli__action_check(action, in->err);
}

int32_t repli__action_from_json(const repli__mem *mem, const char *json, size_t size,
                                repli_doc **ret_doc, const repli_action **ret_action,
                                repli_error *err) {
    const void *action = NULL;
    const int32_t code = repli__json_read(mem, json, size, "the action", sizeof(repli_action),
                                          read_action, ret_doc, &action, err);
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

static void read_summary(repli__json_in *in, repli__json_span object,
                         repli_action_summary *summary) {
    enum { ID, KIND, PHASE, COUNT };
    repli__json_member m[COUNT] = {{.name = "id"}, {.name = "kind"}, {.name = "phase"}};
    repli__json_members(in, object, m, COUNT);
    summary->struct_size = sizeof(*summary);
    summary->id = repli__json_get_uuid(in, &m[ID], REPLI__REQUIRED);
    summary->kind = repli__json_get_text(in, &m[KIND], REPLI__REQUIRED);
    summary->phase = read_phase(in, &m[PHASE]);
    if (in->code == REPLI_OK)
        in->code = repli__action_summary_check(summary, in->err);
}

static void read_summaries(repli__json_in *in, repli__json_span root, void *record) {
    repli__json_member list = {.name = "actions"};
    repli__json_members(in, root, &list, 1);
    summary_list *result = record;
    const repli__json_span items = repli__json_get_array(in, &list, REPLI__REQUIRED);
    const size_t count = repli__json_count(items);
    if (count == 0)
        return;
    repli_action_summary *copies = repli__json_new_array(in, count, sizeof(*copies));
    size_t at = 0;
    for (size_t i = 0; in->code == REPLI_OK && i < count; i++) {
        read_summary(in, repli__json_next_object(in, items, &at), &copies[i]);
        repli__json_within(in, "actions", i);
    }
    result->summaries = copies;
    result->count = count;
}

int32_t repli__action_summaries_from_json(const repli__mem *mem, const char *json, size_t size,
                                          repli_doc **ret_doc,
                                          const repli_action_summary **ret_summaries,
                                          size_t *ret_count, repli_error *err) {
    const void *record = NULL;
    const int32_t code =
        repli__json_read(mem, json, size, "the list of actions", sizeof(summary_list),
                         read_summaries, ret_doc, &record, err);
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
