#include "agent/agent.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "model/doc.h"
#include "model/record.h"
#include "model/validate.h"

static const char default_requester[] = "AGENT_API";

/* Count a call to the database, and pass its code on. */
static int32_t count(repli_agent *agent, int op, int32_t code, uint64_t start_ns) {
    repli__calls_record(&agent->store_calls[op], code, repli__mono_ns() - start_ns);
    return code;
}

static int32_t unknown_kind(const repli_agent *agent, const char *kind, repli_error *err) {
    char known[REPLI_ERROR_MESSAGE_SIZE - 160] = "";
    size_t used = 0;
    const size_t kinds = repli__registry_count(agent->registry);
    for (size_t i = 0; i < kinds; i++) {
        const char *name = repli__registry_at(agent->registry, i)->kind.kind;
        const size_t size = strlen(name);
        /* Room for ", ", the name, and "…". */
        if (used + size + 8 > sizeof(known)) {
            memcpy(known + used, ", ...", sizeof(", ..."));
            break;
        }
        if (i > 0) {
            memcpy(known + used, ", ", 2);
            used += 2;
        }
        memcpy(known + used, name, size + 1);
        used += size;
    }
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_ENOTFOUND, "agent", "unknown kind of action %s; known are %s",
                        repli__utf8_quote(quote, kind), known);
}

static int32_t check_args(const repli__handler *handler, const repli_request *request,
                          repli_error *err) {
    if (handler->validate == NULL)
        return REPLI_OK;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = handler->validate(handler->user_data, request->kind, request->args_json,
                                           strlen(request->args_json), &error);
    if (code == REPLI_OK)
        return REPLI_OK;
    if (error.code == REPLI_OK)
        repli__error(&error, code, "agent", "the arguments were refused without a reason");
    /* Whatever a driver or host calls it. */
    error.code = code == REPLI_ENOMEM ? REPLI_ENOMEM : REPLI_EINVALID;
    return repli__error_copy(err, &error);
}

/* Make *request a complete and valid one; ret_id holds its id. */
static int32_t prepare(repli_agent *agent, repli_request *request, char ret_id[REPLI_UUID_SIZE],
                       repli_error *err) {
    const repli__handler *handler =
        request->kind != NULL ? repli__registry_find(agent->registry, request->kind) : NULL;
    if (handler == NULL)
        return unknown_kind(agent, request->kind, err);
    int32_t code = repli__request_check(request, err);
    if (code != REPLI_OK)
        return code;
    if (request->args_json == NULL)
        request->args_json = "null";
    if (request->requester == NULL)
        request->requester = default_requester;
    if (request->created_ns == REPLI_TIME_NONE)
        request->created_ns = repli__wall_ns();
    code = request->id != NULL ? repli__uuid_canonical(request->id, ret_id, err)
                               : repli__uuid_generate(&agent->last_id, ret_id, err);
    if (code != REPLI_OK)
        return code;
    request->id = ret_id;
    return check_args(handler, request, err);
}

int32_t repli__agent_accept(repli_agent *agent, const repli_request *request,
                            repli_request *ret_local, char ret_id[REPLI_UUID_SIZE],
                            repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (atomic_load(&agent->life) == REPLI__LIFE_STOPPED)
        return repli__error(err, REPLI_ESTATE, "agent",
                            "the agent is stopped and takes no more actions");
    code = repli__request_read(ret_local, request, err);
    return code != REPLI_OK ? code : prepare(agent, ret_local, ret_id, err);
}

static void log_scheduled(repli_agent *agent, const char *id, const char *kind,
                          const char *requester) {
    repli__log_printf(&agent->log, REPLI_LOG_INFO, "agent", "action %s (%s) was scheduled by %s",
                      id, kind, requester);
}

int32_t repli_agent_schedule(repli_agent *agent, const repli_request *request,
                             char ret_id[REPLI_UUID_SIZE], repli_error *err) {
    repli_request local;
    char id[REPLI_UUID_SIZE];
    int32_t code = repli__agent_accept(agent, request, &local, id, err);
    if (code != REPLI_OK)
        return code;
    const uint64_t start_ns = repli__mono_ns();
    code = repli__store_insert(agent->store, &local, err);
    if (count(agent, REPLI__OP_INSERT, code, start_ns) != REPLI_OK)
        return code;
    log_scheduled(agent, id, local.kind, local.requester);
    if (ret_id != NULL)
        memcpy(ret_id, id, sizeof(id));
    return REPLI_OK;
}

/* A schedule that nobody waits for. */
typedef struct pending {
    repli_agent *agent;
    repli_scheduled_fn scheduled;
    void *user_data;
    uint64_t start_ns;
    char id[REPLI_UUID_SIZE];
    const char *kind; /* the registry's */
    char requester[REPLI__NAME_MAX + 1];
} pending;

static void on_inserted(void *user_data, int32_t code, const repli_error *error) {
    pending *insert = user_data;
    count(insert->agent, REPLI__OP_INSERT, code, insert->start_ns);
    if (code == REPLI_OK)
        log_scheduled(insert->agent, insert->id, insert->kind, insert->requester);
    insert->scheduled(insert->user_data, code, code == REPLI_OK ? insert->id : NULL, error);
    repli__free(&insert->agent->mem, insert);
}

int32_t repli_agent_schedule_async(repli_agent *agent, const repli_request *request,
                                   repli_scheduled_fn scheduled, void *user_data,
                                   repli_error *err) {
    repli_request local;
    char id[REPLI_UUID_SIZE];
    if (scheduled == NULL)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "nobody is to be told: scheduled is NULL");
    int32_t code = repli__agent_accept(agent, request, &local, id, err);
    if (code != REPLI_OK)
        return code;
    if (atomic_load(&agent->life) != REPLI__LIFE_RUNNING)
        return repli__error(err, REPLI_ESTATE, "agent",
                            "the agent is not started, so nobody would write the action down");
    pending *insert = repli__alloc(&agent->mem, sizeof(*insert));
    if (insert == NULL)
        return repli__error_nomem(err, "agent", "scheduling an action");
    *insert = (pending){.agent = agent,
                        .scheduled = scheduled,
                        .user_data = user_data,
                        .start_ns = repli__mono_ns(),
                        .kind = repli__registry_find(agent->registry, local.kind)->kind.kind};
    memcpy(insert->id, id, sizeof(id));
    snprintf(insert->requester, sizeof(insert->requester), "%s", local.requester);
    code = repli__store_insert_async(agent->store, &local, on_inserted, insert, err);
    if (code != REPLI_OK)
        repli__free(&agent->mem, insert);
    return code;
}

static int32_t no_such_action(const char *id, repli_error *err) {
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_ENOTFOUND, "agent", "there is no action %s",
                        repli__utf8_quote(quote, id));
}

static int32_t check_id(repli_agent *agent, const char *id, char ret_id[REPLI_UUID_SIZE],
                        repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (id == NULL || repli__uuid_canonical(id, ret_id, NULL) != REPLI_OK)
        return no_such_action(id, err);
    return REPLI_OK;
}

static int may_ask(const void *registry, const char *kind) {
    const repli__handler *handler = repli__registry_find(registry, kind);
    return handler != NULL && (handler->kind.flags &
                               (REPLI_KIND_CANCEL_BETWEEN_STEPS | REPLI_KIND_CANCEL_BY_STEP)) != 0;
}

int32_t repli_agent_cancel(repli_agent *agent, const char *id, repli_error *err) {
    char canonical[REPLI_UUID_SIZE];
    int32_t code = check_id(agent, id, canonical, err);
    if (code != REPLI_OK)
        return code;
    repli_buf failure = REPLI_BUF_INIT;
    failure.allocator = &agent->mem;
    code = repli__failure_to_json("cancelled before it began", NULL, &failure, err);
    if (code == REPLI_OK) {
        const uint64_t start_ns = repli__mono_ns();
        code = repli__store_cancel(agent->store, canonical, failure.data, may_ask, agent->registry,
                                   err);
        count(agent, REPLI__OP_CANCEL, code, start_ns);
    }
    repli_buf_dispose(&failure);
    return code;
}

int32_t repli_agent_action(repli_agent *agent, const char *id, repli_doc **ret_doc,
                           const repli_action **ret_action, repli_error *err) {
    char canonical[REPLI_UUID_SIZE];
    const int32_t code = check_id(agent, id, canonical, err);
    if (code != REPLI_OK)
        return code;
    const uint64_t start_ns = repli__mono_ns();
    return count(agent, REPLI__OP_ACTION,
                 repli__store_action(agent->store, canonical, ret_doc, ret_action, err), start_ns);
}

int32_t repli_agent_queue(repli_agent *agent, repli_doc **ret_doc,
                          const repli_action_summary **ret_summaries, size_t *ret_count,
                          repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    const uint64_t start_ns = repli__mono_ns();
    return count(agent, REPLI__OP_QUEUE,
                 repli__store_queue(agent->store, ret_doc, ret_summaries, ret_count, err),
                 start_ns);
}

int32_t repli_agent_finished(repli_agent *agent, uint32_t limit, const char *before_id,
                             repli_doc **ret_doc, const repli_action_summary **ret_summaries,
                             size_t *ret_count, repli_error *err) {
    char canonical[REPLI_UUID_SIZE];
    const int32_t code = before_id != NULL ? check_id(agent, before_id, canonical, err)
                                           : repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    const uint64_t start_ns = repli__mono_ns();
    return count(agent, REPLI__OP_FINISHED,
                 repli__store_finished(agent->store, limit, before_id != NULL ? canonical : NULL,
                                       ret_doc, ret_summaries, ret_count, err),
                 start_ns);
}

int32_t repli_agent_action_kinds(repli_agent *agent, repli_action_kind_fn visit, void *user_data,
                                 repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    const size_t kinds = code == REPLI_OK ? repli__registry_count(agent->registry) : 0;
    for (size_t i = 0; i < kinds && code == 0; i++)
        code = visit(user_data, &repli__registry_at(agent->registry, i)->kind);
    return code;
}
