#include "agent/agent.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

int32_t repli__agent_check(const repli_agent *agent, repli_error *err) {
    if (getpid() == agent->pid)
        return REPLI_OK;
    return repli__error(err, REPLI_EFORK, "agent",
                        "this agent belongs to process %ld, of which this one is a fork; a child "
                        "makes an agent of its own",
                        (long)agent->pid);
}

/* What the observer, the executor and the chores ask for. */

static void on_tick(void *user_data) {
    repli__worker_tell(&((repli_agent *)user_data)->loop);
}

static void on_work(void *user_data) {
    repli__worker_tell(&((repli_agent *)user_data)->driver);
}

static void on_record(void *user_data) {
    repli__worker_tell(&((repli_agent *)user_data)->chore);
}

static void on_detect(void *user_data) {
    repli_agent *agent = user_data;
    atomic_store(&agent->chores.detect, 1);
    repli__worker_tell(&agent->chore);
}

static void on_running(void *user_data, char *ret_kind, size_t size) {
    repli__executor_running(((repli_agent *)user_data)->executor, ret_kind, size);
}

static void on_seen(void *user_data, repli_snapshot *snapshot, uint64_t since_ns) {
    repli_agent *agent = user_data;
    repli__executor_recent recent;
    repli__executor_recent_get(agent->executor, &recent);
    const int acted = recent.id[0] != '\0' && recent.ended_ns >= since_ns;
    repli__journal_add(&agent->journal, snapshot, acted ? &recent : NULL);
    repli__worker_tell(&agent->events);
}

/* Another version was found, or an action of the driver's ended. */
static void on_news(void *user_data) {
    repli__observer_refresh(((repli_agent *)user_data)->observer);
}

/* What the workers do. */

static uint64_t run_loop(void *user_data) {
    repli_agent *agent = user_data;
    const uint64_t tick_ns = repli__observer_tick(agent->observer, repli__mono_ns());
    const uint64_t watch_ns = repli__executor_watch(agent->executor);
    return tick_ns < watch_ns ? tick_ns : watch_ns;
}

static uint64_t run_driver(void *user_data) {
    return repli__observer_work(((repli_agent *)user_data)->observer) ? 0 : UINT64_MAX;
}

static uint64_t run_chores(void *user_data) {
    return repli__chores_run(&((repli_agent *)user_data)->chores);
}

static uint64_t run_events(void *user_data) {
    repli_agent *agent = user_data;
    const uint64_t journal_ns = repli__journal_run(&agent->journal);
    const uint64_t hooks_ns = repli__hooks_run(&agent->hooks);
    return journal_ns < hooks_ns ? journal_ns : hooks_ns;
}

static uint64_t run_teller(void *user_data) {
    return repli__feed_run(&((repli_agent *)user_data)->feed);
}

/* Called by the store, on whichever thread commits. */
static void on_events(void *user_data) {
    repli_agent *agent = user_data;
    if (atomic_load(&agent->feed.wanted))
        repli__worker_tell(&agent->teller);
    if (atomic_load(&agent->hooks.wanted))
        repli__worker_tell(&agent->events);
}

/* Making an agent, part by part. */

static int32_t check_config(const repli_config *config, repli_error *err) {
    if (repli__config_text(config, REPLI__KEY_NODE_ID) == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "\"node_id\" must be set");
    if (!config->has_driver)
        return repli__error(err, REPLI_EINVALID, "agent", "a driver must be set");
    size_t size = 0;
    const char *json = repli__config_driver_json(config, &size);
    const int32_t code = repli__shop_check(config, err);
    return code == REPLI_OK ? repli__driver_config_check(&config->driver.driver, json, size, err)
                            : code;
}

static int32_t open_store(repli_agent *agent, repli_error *err) {
    const repli_config *config = agent->config;
    const char *synchronous = repli__config_text(config, REPLI__KEY_STORE_SYNCHRONOUS);
    const char *damaged = repli__config_text(config, REPLI__KEY_STORE_DAMAGED);
    const repli__store_options options = {
        .path = repli__config_text(config, REPLI__KEY_STORE_PATH),
        .full_sync = synchronous[0] == 'f',
        .set_aside = damaged[0] == 's',
        .queue_limit = (uint64_t)repli__config_integer(config, REPLI__KEY_ACTIONS_QUEUE_LIMIT),
        .mem = &agent->mem,
        .log = &agent->log,
    };
    const int32_t code = repli__store_open(&options, &agent->store, err);
    if (code != REPLI_OK)
        return code;
    repli__maintenance_configure(&agent->facts.maintenance, agent->config);
    return repli__facts_read(&agent->facts, agent->store, err);
}

int32_t repli__agent_open_ports(repli_agent *agent, const repli_config *config,
                                repli__port **ret_observes, repli__port **ret_acts,
                                repli_error *err) {
    size_t size = 0;
    const char *json = repli__config_driver_json(config, &size);
    repli__port *observes = NULL;
    repli__port *acts = NULL;
    int32_t code =
        repli__port_open(&config->driver, json, size, &agent->mem, &agent->log, &observes, err);
    if (code != REPLI_OK)
        return code;
    if ((config->driver.driver.capabilities & REPLI_CAP_CONCURRENT) != 0)
        acts = repli__port_ref(observes);
    else
        code = repli__port_open(&config->driver, json, size, &agent->mem, &agent->log, &acts, err);
    if (code != REPLI_OK) {
        repli__port_unref(observes);
        return code;
    }
    *ret_observes = observes;
    *ret_acts = acts;
    return REPLI_OK;
}

static int32_t register_host_actions(repli_agent *agent, repli_error *err) {
    for (size_t i = 0; i < agent->config->action_count; i++) {
        const repli__config_action *action = &agent->config->actions[i];
        const repli__handler handler = {.kind = action->kind,
                                        .validate = action->validate,
                                        .step = action->step,
                                        .user_data = action->user_data};
        const int32_t code = repli__registry_add(agent->registry, REPLI__OWNER_HOST, &handler, err);
        if (code != REPLI_OK)
            return code;
    }
    return REPLI_OK;
}

static int32_t make_registry(repli_agent *agent, repli_error *err) {
    int32_t code = repli__registry_new(&agent->mem, &agent->registry, err);
    if (code == REPLI_OK)
        code = repli__registry_add_tests(agent->registry, err);
    if (code == REPLI_OK)
        code = repli__actor_register(&agent->actor, agent->registry, &agent->mem, err);
    if (code == REPLI_OK)
        code = register_host_actions(agent, err);
    if (code == REPLI_OK)
        code = repli__shop_open(&agent->shop, agent->config, &agent->log, agent->registry, on_news,
                                agent, err);
    return code;
}

repli__executor_options repli__agent_executor_options(const repli_config *config) {
    return (repli__executor_options){
        .step_timeout_ms = 1000 * repli__config_integer(config, REPLI__KEY_ACTIONS_STEP_TIMEOUT),
        .max_interval_ms =
            1000 * repli__config_integer(config, REPLI__KEY_ACTIONS_EXECUTE_INTERVAL),
    };
}

static int32_t make_executor(repli_agent *agent, repli_error *err) {
    int32_t code = repli__host_new("action", &agent->mem, &agent->log, &agent->host, err);
    if (code != REPLI_OK)
        return code;
    const repli__executor_options options = repli__agent_executor_options(agent->config);
    code = repli__executor_new(agent->store, agent->registry, repli__host_table(agent->host),
                               &options, &agent->mem, &agent->log, &agent->executor, err);
    if (code == REPLI_OK) {
        repli__executor_on_cancel(agent->executor, repli__actor_cancel, &agent->actor);
        repli__executor_on_watch(agent->executor, on_tick, agent);
    }
    return code;
}

static int32_t make_observer(repli_agent *agent, repli__port *port, repli_error *err) {
    const repli__observer_options options = {
        .config = agent->config,
        .port = port,
        .facts = &agent->facts,
        .calls = agent->observe_calls,
        .log = &agent->log,
        .mem = &agent->mem,
        .hooks = {.tick = on_tick,
                  .work = on_work,
                  .detect = on_detect,
                  .record = on_record,
                  .running = on_running,
                  .seen = on_seen,
                  .user_data = agent},
    };
    return repli__observer_new(&options, &agent->observer, err);
}

static int32_t make_workers(repli_agent *agent, repli_error *err) {
    int32_t code = repli__worker_init(&agent->loop, "repli-loop", run_loop, agent, err);
    if (code == REPLI_OK)
        code = repli__worker_init(&agent->driver, "repli-driver", run_driver, agent, err);
    if (code == REPLI_OK)
        code = repli__worker_init(&agent->chore, "repli-chores", run_chores, agent, err);
    if (code == REPLI_OK)
        code = repli__worker_init(&agent->events, "repli-events", run_events, agent, err);
    if (code == REPLI_OK)
        code = repli__worker_init(&agent->teller, "repli-teller", run_teller, agent, err);
    return code;
}

static int32_t make_drive(repli_agent *agent, repli_error *err) {
    const int32_t mode = agent->config->run_mode;
    if (mode == REPLI_RUN_THREADS)
        return REPLI_OK;
    const int32_t code = repli__drive_new(&agent->mem, &agent->drive, err);
    if (code != REPLI_OK)
        return code;
    const int lent = mode == REPLI_RUN_LENT;
    repli__drive_add(agent->drive, repli__store_worker(agent->store), 0);
    repli__drive_add(agent->drive, &agent->loop, 0);
    repli__drive_add(agent->drive, repli__executor_worker(agent->executor), lent);
    repli__drive_add(agent->drive, &agent->driver, lent);
    repli__drive_add(agent->drive, &agent->chore, 0);
    repli__drive_add(agent->drive, &agent->events, 0);
    repli__drive_add(agent->drive, &agent->teller, 0);
    return REPLI_OK;
}

static int32_t make_parts(repli_agent *agent, repli_error *err) {
    int32_t code = make_workers(agent, err);
    if (code == REPLI_OK)
        code = open_store(agent, err);
    if (code != REPLI_OK)
        return code;
    repli__chores_init(&agent->chores, agent->store, &agent->facts, &agent->log, agent->config);
    agent->chores.found = on_news;
    agent->chores.user_data = agent;
    repli__journal_init(&agent->journal, agent->store, &agent->mem, &agent->log);
    repli__feed_init(&agent->feed, agent->store, agent->node_id, &agent->mem, &agent->log);
    repli__hooks_init(&agent->hooks, agent->store, agent->node_id, &agent->mem, &agent->log);
    repli__store_on_events(agent->store, on_events, agent);
    const repli_config *config = agent->config;
    if (config->hook_count > 0)
        code = repli__hooks_set(&agent->hooks, config->hooks, config->hook_count, err);
    if (code != REPLI_OK)
        return code;

    repli__port *observes = NULL;
    repli__port *acts = NULL;
    code = repli__agent_open_ports(agent, agent->config, &observes, &acts, err);
    if (code != REPLI_OK)
        return code;
    repli__actor_init(&agent->actor, acts, &agent->step_calls, on_news, agent);
    repli__port_unref(acts);
    code = make_registry(agent, err);
    if (code == REPLI_OK)
        code = make_executor(agent, err);
    if (code == REPLI_OK)
        code = make_observer(agent, observes, err);
    if (code == REPLI_OK)
        code = make_drive(agent, err);
    repli__port_unref(observes);
    return code;
}

int32_t repli_agent_new(const repli_config *config, repli_agent **ret_agent, repli_error *err) {
    int32_t code = check_config(config, err);
    if (code != REPLI_OK)
        return code;
    repli_agent *agent = repli__calloc(&config->mem, 1, sizeof(*agent));
    if (agent == NULL)
        return repli__error_nomem(err, "agent", "making an agent");
    agent->mem = config->mem;
    agent->pid = getpid();
    pthread_mutex_init(&agent->mutex, NULL);
    pthread_mutex_init(&agent->metrics_mutex, NULL);
    repli__log_init(&agent->log);
    repli__log_set(&agent->log, config->log_level, config->log, config->log_data);
    repli__facts_init(&agent->facts);
    code = repli__config_copy(config, &agent->config, err);
    if (code == REPLI_OK) {
        agent->node_id = repli__strdup(&agent->mem, repli__config_text(config, REPLI__KEY_NODE_ID));
        if (agent->node_id == NULL)
            code = repli__error_nomem(err, "agent", "making an agent");
    }
    if (code == REPLI_OK)
        code = make_parts(agent, err);
    if (code != REPLI_OK) {
        repli_agent_free(agent);
        return code;
    }
    *ret_agent = agent;
    return REPLI_OK;
}
