#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "model/doc.h"
#include "model/names.h"
#include "model/record.h"
#include "model/validate.h"

static int32_t check_kind(const char *kind, repli_error *err) {
    const int32_t code = repli_scoped_name_validate(kind, err);
    return code == REPLI_OK ? code : repli__error_within(err, code, "kind");
}

/* Ids are compared as text, so what is recorded has one form. */
static int32_t check_id(const char *id, repli_error *err) {
    char canonical[REPLI_UUID_SIZE];
    const int32_t code = repli__uuid_canonical(id, canonical, err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "id");
    if (strcmp(id, canonical) != 0)
        return repli__error(err, REPLI_EINVALID, "model", "id %s is not in lower case", id);
    return REPLI_OK;
}

static int32_t check_phase(int32_t phase, repli_error *err) {
    if (repli_phase_name(phase) != NULL)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, "model",
                        "phase %d is not known: expected REPLI_PHASE_*", (int)phase);
}

static int32_t check_requester(const char *requester, repli_error *err) {
    return repli__text_validate(requester, REPLI__NAME_MAX, "requester", err);
}

static int32_t check_json(const char *json, const char *what, repli_error *err) {
    if (json == NULL)
        return REPLI_OK;
    return repli__json_validate(json, strlen(json), REPLI__VALUE_MAX, what, err);
}

static int32_t check_time(int64_t time_ns, const char *what, repli_error *err) {
    char text[REPLI_TIME_SIZE];
    if (time_ns == REPLI_TIME_NONE)
        return REPLI_OK;
    const int32_t code = repli_time_format(time_ns, text, sizeof(text), err);
    return code == REPLI_OK ? code : repli__error_within(err, code, "%s", what);
}

static int32_t check_header(const repli_header *header, repli_error *err) {
    int32_t code = repli__text_validate(header->name, REPLI__NAME_MAX, "a name", err);
    if (code != REPLI_OK)
        return code;
    code = repli__prose_validate(header->value, REPLI__PROSE_MAX, "the value", err);
    if (code != REPLI_OK) {
        char quote[REPLI__QUOTE_SIZE];
        return repli__error_within(err, code, "%s", repli__utf8_quote(quote, header->name));
    }
    return REPLI_OK;
}

static int32_t check_headers(const repli_header *headers, size_t count, repli_error *err) {
    repli__names names = {.count = 0};
    const void *next = headers;
    for (size_t i = 0; i < count; i++) {
        repli_header header;
        int32_t code = repli__header_read(&header, next, err);
        if (code == REPLI_OK)
            code = check_header(&header, err);
        if (code == REPLI_OK)
            code = repli__names_add(&names, header.name, err);
        if (code != REPLI_OK)
            return repli__error_within(err, code, "metadata");
        next = repli__record_next(next);
    }
    return REPLI_OK;
}

int32_t repli__transition_check(const repli_transition *transition, repli_error *err) {
    int32_t code = check_phase(transition->phase, err);
    if (code == REPLI_OK)
        code = check_time(transition->time_ns, "time", err);
    if (code == REPLI_OK)
        code = check_json(transition->payload_json, "payload", err);
    if (code == REPLI_OK)
        code = check_json(transition->error_json, "error", err);
    return code;
}

static int32_t check_history(const repli_transition *history, size_t count, repli_error *err) {
    const void *next = history;
    for (size_t i = 0; i < count; i++) {
        repli_transition transition;
        int32_t code = repli__transition_read(&transition, next, err);
        if (code == REPLI_OK)
            code = repli__transition_check(&transition, err);
        if (code != REPLI_OK)
            return repli__error_within(err, code, "history[%zu]", i);
        next = repli__record_next(next);
    }
    return REPLI_OK;
}

int32_t repli__action_check(const repli_action *action, repli_error *err) {
    int32_t code = check_id(action->id, err);
    if (code == REPLI_OK)
        code = check_kind(action->kind, err);
    if (code == REPLI_OK)
        code = check_phase(action->phase, err);
    if (code == REPLI_OK && action->args_json == NULL)
        code = repli__error(err, REPLI_EINVALID, "model", "args is missing: use \"null\"");
    if (code == REPLI_OK)
        code = check_json(action->args_json, "args", err);
    if (code == REPLI_OK)
        code = check_requester(action->requester, err);
    if (code == REPLI_OK)
        code = check_headers(action->headers, action->header_count, err);
    if (code == REPLI_OK)
        code = check_time(action->created_ns, "created_time", err);
    if (code == REPLI_OK)
        code = check_time(action->scheduled_ns, "scheduled_time", err);
    if (code == REPLI_OK)
        code = check_time(action->finished_ns, "finished_time", err);
    if (code == REPLI_OK)
        code = check_time(action->deadline_ns, "deadline", err);
    if (code == REPLI_OK)
        code = check_time(action->not_before_ns, "not_before", err);
    if (code == REPLI_OK)
        code = check_time(action->cancel_requested_ns, "cancel_requested", err);
    if (code == REPLI_OK && action->outcome != 0 && repli_ended_name(action->outcome) == NULL)
        code =
            repli__error(err, REPLI_EINVALID, "model",
                         "outcome %d is not known: expected REPLI_ENDED_*", (int)action->outcome);
    if (code == REPLI_OK)
        code = check_json(action->payload_json, "state.payload", err);
    if (code == REPLI_OK)
        code = check_json(action->error_json, "state.error", err);
    if (code == REPLI_OK)
        code = check_history(action->history, action->history_count, err);
    return code;
}

int32_t repli__action_summary_check(const repli_action_summary *summary, repli_error *err) {
    int32_t code = check_id(summary->id, err);
    if (code == REPLI_OK)
        code = check_kind(summary->kind, err);
    if (code == REPLI_OK)
        code = check_phase(summary->phase, err);
    return code;
}

/* REPLI_TIME_NONE is before every time. */
static int32_t check_span(const repli_request *request, repli_error *err) {
    int32_t code = check_time(request->deadline_ns, "deadline", err);
    if (code == REPLI_OK)
        code = check_time(request->not_before_ns, "not_before", err);
    if (code == REPLI_OK && request->deadline_ns != REPLI_TIME_NONE &&
        request->deadline_ns <= request->not_before_ns)
        code = repli__error(err, REPLI_EINVALID, "model",
                            "the deadline is not later than not_before, so the action could never "
                            "begin");
    return code;
}

int32_t repli__request_check(const repli_request *request, repli_error *err) {
    int32_t code = check_kind(request->kind, err);
    if (code == REPLI_OK)
        code = check_json(request->args_json, "args", err);
    if (code == REPLI_OK && request->id != NULL) {
        code = repli_uuid_validate(request->id, err);
        if (code != REPLI_OK)
            return repli__error_within(err, code, "id");
    }
    if (code == REPLI_OK)
        code = check_time(request->created_ns, "created_time", err);
    if (code == REPLI_OK)
        code = check_span(request, err);
    if (code == REPLI_OK && request->requester != NULL)
        code = check_requester(request->requester, err);
    if (code == REPLI_OK)
        code = check_headers(request->headers, request->header_count, err);
    return code;
}
