#include "agent/agent.h"

#include "base/error.h"
#include "base/utf8.h"
#include "model/record.h"

/* REPLI_ENOTSUP if nobody can tell the steps of such an action. */
static int32_t find_planner(const repli_agent *agent, const char *kind,
                            const repli__handler **ret_handler, repli_error *err) {
    *ret_handler = repli__registry_find(agent->registry, kind);
    if ((*ret_handler)->plan != NULL)
        return REPLI_OK;
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_ENOTSUP, "agent",
                        "the steps of actions of kind %s cannot be told in advance",
                        repli__utf8_quote(quote, kind));
}

int32_t repli_agent_plan(repli_agent *agent, const repli_request *request, repli_planned_fn planned,
                         void *user_data, repli_error *err) {
    repli_request local;
    const repli__handler *handler = NULL;
    char id[REPLI_UUID_SIZE];
    if (planned == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "nobody is to be told: planned is NULL");
    int32_t code = repli__agent_accept(agent, request, &local, id, err);
    if (code == REPLI_OK && atomic_load(&agent->life) != REPLI__LIFE_RUNNING)
        code = repli__error(err, REPLI_ESTATE, "agent",
                            "the agent is not started, so nobody would look at the store");
    if (code == REPLI_OK)
        code = find_planner(agent, local.kind, &handler, err);
    return code != REPLI_OK ? code
                            : repli__executor_plan(agent->executor, handler, local.args_json,
                                                   planned, user_data, err);
}
