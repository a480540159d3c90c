#include "agent/agent.h"

#include <string.h>

#include "base/error.h"

static int32_t needs_restart(const char *what, repli_error *err) {
    return repli__error(err, REPLI_EINVALID, "agent",
                        "\"%s\" cannot be changed while the agent lives; restart it", what);
}

static int same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int same_actions(const repli_config *a, const repli_config *b) {
    if (a->action_count != b->action_count)
        return 0;
    for (size_t i = 0; i < a->action_count; i++) {
        const repli__config_action *x = &a->actions[i];
        const repli__config_action *y = &b->actions[i];
        if (strcmp(x->kind.kind, y->kind.kind) != 0 || x->step != y->step ||
            x->validate != y->validate || x->user_data != y->user_data)
            return 0;
    }
    return 1;
}

static int same_driver_config(const repli_config *a, const repli_config *b) {
    size_t a_size = 0;
    size_t b_size = 0;
    const char *a_json = repli__config_driver_json(a, &a_size);
    const char *b_json = repli__config_driver_json(b, &b_size);
    return a_size == b_size && memcmp(a_json, b_json, a_size) == 0;
}

static int32_t check_fixed(const repli_config *now, const repli_config *wanted, repli_error *err) {
    static const int fixed[] = {REPLI__KEY_NODE_ID,           REPLI__KEY_STORE_PATH,
                                REPLI__KEY_STORE_SYNCHRONOUS, REPLI__KEY_SERVICE_UNIT,
                                REPLI__KEY_SERVICE_PID,       REPLI__KEY_SERVICE_START,
                                REPLI__KEY_SERVICE_STOP,      REPLI__KEY_SERVICE_TIMEOUT};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (!same_text(repli__config_text(now, fixed[i]), repli__config_text(wanted, fixed[i])) ||
            !repli__config_strings_same(repli__config_strings(now, fixed[i]),
                                        repli__config_strings(wanted, fixed[i])) ||
            repli__config_integer(now, fixed[i]) != repli__config_integer(wanted, fixed[i]))
            return needs_restart(repli_config_keys()[fixed[i]]->name, err);
    const repli_driver *a = &now->driver.driver;
    const repli_driver *b = &wanted->driver.driver;
    if (!wanted->has_driver || strcmp(a->name, b->name) != 0 || a->open != b->open)
        return needs_restart("driver", err);
    if (now->run_mode != wanted->run_mode)
        return needs_restart("run mode", err);
    if (!repli__config_externals_same(now, wanted))
        return needs_restart("actions.external", err);
    if (!same_actions(now, wanted))
        return needs_restart("actions", err);
    return REPLI_OK;
}

/* The last part, which cannot fail. The mutex is held; both ports are NULL if they stay. */
static void apply(repli_agent *agent, repli_config *config, repli__port *observes,
                  repli__port *acts) {
    repli__log_set(&agent->log, config->log_level, config->log, config->log_data);
    repli__store_set_queue_limit(
        agent->store, (uint64_t)repli__config_integer(config, REPLI__KEY_ACTIONS_QUEUE_LIMIT));
    const repli__executor_options options = repli__agent_executor_options(config);
    repli__executor_set_options(agent->executor, &options);
    if (acts != NULL)
        repli__actor_swap(&agent->actor, acts);
    repli__maintenance_configure(&agent->facts.maintenance, config);
    repli__store_gate_changed(agent->store);
    repli__chores_configure(&agent->chores, config);
    repli__observer_configure(agent->observer, config, observes);
    repli__config_unref(agent->config);
    agent->config = config;
}

static int32_t reload(repli_agent *agent, const repli_config *wanted, repli_error *err) {
    int32_t code = check_fixed(agent->config, wanted, err);
    if (code != REPLI_OK)
        return code;
    repli_config *config = NULL;
    code = repli__config_copy(wanted, &config, err);
    if (code != REPLI_OK)
        return code;
    repli__port *observes = NULL;
    repli__port *acts = NULL;
    if (!same_driver_config(agent->config, config)) {
        code = repli__agent_open_ports(agent, config, &observes, &acts, err);
        if (code == REPLI_OK)
            code = repli__actor_agrees(&agent->actor, agent->registry, acts, &agent->mem, err);
    }
    if (code == REPLI_OK && (agent->config->hook_count > 0 || config->hook_count > 0)) {
        code = repli__hooks_set(&agent->hooks, config->hooks, config->hook_count, err);
        repli__worker_tell(&agent->events);
    }
    if (code == REPLI_OK)
        apply(agent, config, observes, acts);
    else
        repli__config_unref(config);
    repli__port_unref(observes);
    repli__port_unref(acts);
    return code;
}

int32_t repli_agent_reload(repli_agent *agent, const repli_config *config, repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_lock(&agent->mutex);
    if (atomic_load(&agent->life) == REPLI__LIFE_STOPPED)
        code = repli__error(err, REPLI_ESTATE, "agent", "the agent is stopped");
    else
        code = reload(agent, config, err);
    pthread_mutex_unlock(&agent->mutex);
    return code;
}
