#include "action/executor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "driver/op.h"
#include "driver/sink.h"
#include "model/doc.h"

enum { SHORTEST_PAUSE_MS = 10, LONGEST_RETRY_MS = 1000, KIND_SIZE = 256 };

/* What is done next. */
enum stage { TAKE, STEP, RECORD };

/* What became of a step. */
typedef struct step_result {
    int32_t phase;
    const char *payload; /* NULL: as it was */
    const char *error;   /* for FAILED: JSON */
    repli_buf error_text;
    int64_t next_ms;
} step_result;

/* An action while it runs: from TAKE to TAKE. */
typedef struct action_run {
    repli__claim claim;
    const repli__handler *handler; /* NULL: nobody offers this kind any more */
    uint64_t steps;                /* recorded so far */
    uint32_t flags;                /* for the next step */
    const char *payload;           /* as recorded */
    repli__arena payload_arena;    /* owns payload, unless the claim does */
    int64_t pause_ms;              /* of the last pause that the library chose; 0: none */

    /* Of the step that is to be recorded. */
    repli_sink sink;
    step_result result;
} action_run;

struct repli__executor {
    repli__mem mem;
    repli__log *log;
    repli__store *store;
    const repli__registry *registry;
    const repli_host *host;
    void (*cancel)(void *user_data, repli_op *op);
    void *cancel_data;
    repli__worker worker;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t idle;   /* those who pause: no step is in progress */
    repli__executor_options options;
    repli__executor_stats stats;
    char kind[KIND_SIZE]; /* of the action that runs; empty: none does */
    int stops;
    int pauses;
    int stepping;

    pthread_mutex_t op_mutex; /* keeps op while it is being cancelled */
    repli_op *op;             /* the step in progress, or NULL */

    /* Of the worker. */
    enum stage stage;
    uint64_t pause_ns; /* nothing is done before */
    int64_t retry_ms;  /* the last pause after a failure; 0: there was none */
    action_run run;
};

/* Each part of the work returns when to go on; 0: at once. */

static uint64_t pause_for(repli__executor *executor, int64_t ms) {
    executor->pause_ns = ms > 0 ? repli__deadline_ns(ms) : 0;
    return executor->pause_ns;
}

/* After a failure that may pass. */
static uint64_t retry_later(repli__executor *executor, const char *what, const repli_error *error) {
    if (executor->retry_ms == 0)
        repli__log_printf(executor->log, REPLI_LOG_ERROR, "agent", "%s, trying again: %s", what,
                          error->message);
    executor->retry_ms = executor->retry_ms == 0 ? SHORTEST_PAUSE_MS : executor->retry_ms * 2;
    if (executor->retry_ms > LONGEST_RETRY_MS)
        executor->retry_ms = LONGEST_RETRY_MS;
    pthread_mutex_lock(&executor->mutex);
    executor->stats.errors++;
    pthread_mutex_unlock(&executor->mutex);
    return pause_for(executor, executor->retry_ms);
}

/* Actions. */

static void set_running(repli__executor *executor, const char *kind) {
    pthread_mutex_lock(&executor->mutex);
    snprintf(executor->kind, sizeof(executor->kind), "%s", kind != NULL ? kind : "");
    executor->stats.running = kind != NULL;
    executor->stats.loops += kind != NULL;
    pthread_mutex_unlock(&executor->mutex);
}

static void begin_action(repli__executor *executor, const repli__claim *claim) {
    const repli_action *action = claim->action;
    action_run *run = &executor->run;
    *run = (action_run){.claim = *claim,
                        .handler = repli__registry_find(executor->registry, action->kind),
                        .steps = claim->steps,
                        .flags = claim->interrupted ? REPLI_STEP_INTERRUPTED : 0,
                        .payload = action->payload_json};
    repli__arena_init(&run->payload_arena, &executor->mem);
    repli__log_printf(executor->log, REPLI_LOG_INFO, "agent", "action %s (%s) %s", action->id,
                      action->kind,
                      claim->interrupted ? "is resumed after an interruption" : "begins");
    set_running(executor, action->kind);
    executor->stage = STEP;
}

static void end_action(repli__executor *executor) {
    set_running(executor, NULL);
    repli__arena_dispose(&executor->run.payload_arena);
    repli_doc_free(executor->run.claim.doc);
    executor->stage = TAKE;
}

static uint64_t take(repli__executor *executor) {
    repli__claim claim;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__store_take(executor->store, &claim, &error);
    if (code == REPLI_ENOTFOUND)
        return UINT64_MAX;
    if (code != REPLI_OK)
        return retry_later(executor, "cannot read the action that is to run", &error);
    executor->retry_ms = 0;
    begin_action(executor, &claim);
    return 0;
}

/* Steps. */

/* Returns 0 if there may be no step now; else it is in progress. */
static int begin_step(repli__executor *executor, repli_op *op) {
    pthread_mutex_lock(&executor->mutex);
    const int may = executor->pauses == 0 && !executor->stops;
    if (may) {
        executor->stepping = 1;
        executor->stats.step_since_ns = repli__mono_ns();
        op->deadline_ns = repli__deadline_ns(executor->options.step_timeout_ms);
        pthread_mutex_lock(&executor->op_mutex);
        executor->op = op;
        pthread_mutex_unlock(&executor->op_mutex);
    }
    pthread_mutex_unlock(&executor->mutex);
    return may;
}

static void end_step(repli__executor *executor, const repli_op *op) {
    pthread_mutex_lock(&executor->op_mutex);
    executor->op = NULL;
    pthread_mutex_unlock(&executor->op_mutex);
    const repli_action *action = executor->run.claim.action;
    const uint64_t now = repli__mono_ns();
    pthread_mutex_lock(&executor->mutex);
    const uint64_t took_ns = now - executor->stats.step_since_ns;
    const int overran = now > op->deadline_ns;
    executor->stats.steps++;
    executor->stats.overruns += overran != 0;
    executor->stats.busy_ns += took_ns;
    executor->stats.step_since_ns = 0;
    executor->stepping = 0;
    pthread_cond_broadcast(&executor->idle);
    pthread_mutex_unlock(&executor->mutex);
    if (overran)
        repli__log_printf(executor->log, REPLI_LOG_WARNING, "agent",
                          "a step of action %s (%s) took %" PRIu64
                          " ms and did not return by its deadline",
                          action->id, action->kind, took_ns / (uint64_t)REPLI__NS_PER_MS);
}

static void fail(step_result *result, const char *message, const char *cause) {
    result->phase = REPLI_PHASE_FAILED;
    result->error = "{\"error_msg\":\"out of memory while writing down why the action failed\"}";
    if (repli__failure_to_json(message, cause, &result->error_text, NULL) == REPLI_OK)
        result->error = result->error_text.data;
}

static void fail_unknown(step_result *result, const char *kind) {
    char message[KIND_SIZE + 128];
    snprintf(message, sizeof(message),
             "this agent does not offer actions of kind %.*s any more; it did when the action was "
             "scheduled",
             KIND_SIZE, kind);
    fail(result, message, NULL);
}

static void take_outcome(step_result *result, const repli_outcome *outcome) {
    if (outcome->phase == 0)
        return;
    result->phase = outcome->phase;
    result->payload = outcome->payload_json;
    result->next_ms = outcome->next_step_ms;
    if (outcome->phase == REPLI_PHASE_FAILED)
        fail(result, outcome->error != NULL ? outcome->error : "the action failed",
             outcome->error_cause);
}

/* Returns 0 if there is nothing to record: what a step says that was cancelled so that the agent
 * can stop is no reason to fail the action. */
static int do_step(repli__executor *executor) {
    action_run *run = &executor->run;
    repli_action action = *run->claim.action;
    action.payload_json = run->payload;
    const repli_step step = {
        .struct_size = sizeof(step), .flags = run->flags, .number = run->steps, .action = &action};
    repli_op op = {.running_action = action.kind};
    atomic_init(&op.cancelled, 0);
    if (!begin_step(executor, &op))
        return 0;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code =
        run->handler->step(run->handler->user_data, executor->host, &op, &step, &run->sink, &error);
    end_step(executor, &op);
    code = repli__sink_finish(&run->sink, code, &error);
    if (code == REPLI_OK)
        take_outcome(&run->result, &run->sink.outcome);
    else if (atomic_load(&op.cancelled))
        return 0;
    else
        fail(&run->result, error.message, error.cause[0] != '\0' ? error.cause : NULL);
    return 1;
}

static void drop_result(action_run *run) {
    repli_buf_dispose(&run->result.error_text);
    repli__sink_dispose(&run->sink);
}

static uint64_t step(repli__executor *executor) {
    action_run *run = &executor->run;
    repli__sink_init(&run->sink, REPLI__SINK_STEP, &executor->mem);
    run->result = (step_result){
        .phase = REPLI_PHASE_RUNNING, .error_text = {.allocator = &executor->mem}, .next_ms = -1};
    if (run->handler == NULL) {
        fail_unknown(&run->result, run->claim.action->kind);
    } else if (!do_step(executor)) {
        drop_result(run);
        return UINT64_MAX;
    }
    executor->stage = RECORD;
    return 0;
}

/* How long to wait for the next step: what the driver asks for; else not at all while there is
 * progress, and twice as long each time while there is none. */
static int64_t pause_before_next(repli__executor *executor) {
    action_run *run = &executor->run;
    const step_result *result = &run->result;
    if (result->next_ms >= 0)
        return result->next_ms;
    const int progress = result->payload != NULL &&
                         (run->payload == NULL || strcmp(result->payload, run->payload) != 0);
    if (progress) {
        run->pause_ms = 0;
        return 0;
    }
    pthread_mutex_lock(&executor->mutex);
    const int64_t longest = executor->options.max_interval_ms;
    pthread_mutex_unlock(&executor->mutex);
    run->pause_ms = run->pause_ms == 0 ? SHORTEST_PAUSE_MS : run->pause_ms * 2;
    if (run->pause_ms > longest)
        run->pause_ms = longest;
    return run->pause_ms;
}

static void keep_payload(repli__executor *executor) {
    action_run *run = &executor->run;
    if (run->result.payload == NULL)
        return;
    repli__arena_dispose(&run->payload_arena);
    run->payload_arena = run->sink.arena;
    run->payload = run->result.payload;
    repli__arena_init(&run->sink.arena, &executor->mem);
}

static void log_end(const repli__executor *executor) {
    const action_run *run = &executor->run;
    const int failed = run->result.phase == REPLI_PHASE_FAILED;
    repli__log_printf(executor->log, failed ? REPLI_LOG_WARNING : REPLI_LOG_INFO, "agent",
                      "action %s (%s) is %s%s%s", run->claim.action->id, run->claim.action->kind,
                      repli_phase_name(run->result.phase), failed ? ": " : "",
                      failed ? run->result.error : "");
}

static void count_end(repli__executor *executor, int32_t phase) {
    pthread_mutex_lock(&executor->mutex);
    if (phase == REPLI_PHASE_DONE)
        executor->stats.done++;
    else
        executor->stats.failed++;
    pthread_mutex_unlock(&executor->mutex);
}

/* The outcome is recorded. The end of an action may have claimed the next one, which the store
 * tells. */
static uint64_t go_on(repli__executor *executor) {
    action_run *run = &executor->run;
    if (run->result.phase != REPLI_PHASE_RUNNING) {
        count_end(executor, run->result.phase);
        log_end(executor);
        drop_result(run);
        end_action(executor);
        return UINT64_MAX;
    }
    const int64_t pause_ms = pause_before_next(executor);
    run->steps++;
    run->flags = 0;
    keep_payload(executor);
    drop_result(run);
    executor->stage = STEP;
    return pause_for(executor, pause_ms);
}

/* What was done must be written down before anything else happens, however long that takes: the
 * step is not done again. */
static uint64_t record(repli__executor *executor) {
    const action_run *run = &executor->run;
    repli_error error = REPLI_ERROR_INIT;
    if (repli__store_advance(executor->store, run->claim.sequence, run->result.phase,
                             run->result.payload, run->result.error, &error) != REPLI_OK)
        return retry_later(executor, "cannot record the outcome of a step", &error);
    if (executor->retry_ms > 0)
        repli__log_printf(executor->log, REPLI_LOG_INFO, "agent",
                          "the outcome of the step is recorded");
    executor->retry_ms = 0;
    return go_on(executor);
}

/* At the end. An action that is not brought to its own is resumed by the next executor. */
static void give_up(repli__executor *executor) {
    const repli_action *action = executor->run.claim.action;
    if (executor->stage == RECORD) {
        repli__log_printf(executor->log, REPLI_LOG_ERROR, "agent",
                          "stopping without having recorded a step of action %s (%s), which will "
                          "be asked for again",
                          action->id, action->kind);
        drop_result(&executor->run);
    }
    if (executor->stage != TAKE)
        end_action(executor);
}

static int is_stopping(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    const int stops = executor->stops;
    pthread_mutex_unlock(&executor->mutex);
    return stops;
}

/* At most one step, and its outcome. */
static uint64_t work(void *user_data) {
    repli__executor *executor = user_data;
    if (is_stopping(executor)) {
        give_up(executor);
        return UINT64_MAX;
    }
    if (executor->pause_ns != 0 && repli__mono_ns() < executor->pause_ns)
        return executor->pause_ns;
    executor->pause_ns = 0;
    uint64_t next_ns = 0;
    if (executor->stage == TAKE)
        next_ns = take(executor);
    if (executor->stage == STEP && next_ns == 0)
        next_ns = step(executor);
    if (executor->stage == RECORD && next_ns == 0)
        next_ns = record(executor);
    return next_ns;
}

/* Called by the store, on whichever thread commits. */
static void on_claim(void *user_data) {
    repli__worker_tell(&((repli__executor *)user_data)->worker);
}

/* Life. */

int32_t repli__executor_new(repli__store *store, const repli__registry *registry,
                            const repli_host *host, const repli__executor_options *options,
                            const repli__mem *mem, repli__log *log, repli__executor **ret_executor,
                            repli_error *err) {
    repli__executor *executor = repli__calloc(mem, 1, sizeof(*executor));
    if (executor == NULL)
        return repli__error_nomem(err, "agent", "making the executor of actions");
    const int32_t code =
        repli__worker_init(&executor->worker, "repli-executor", work, executor, err);
    if (code != REPLI_OK) {
        repli__free(mem, executor);
        return code;
    }
    pthread_cond_init(&executor->idle, NULL);
    pthread_mutex_init(&executor->mutex, NULL);
    pthread_mutex_init(&executor->op_mutex, NULL);
    executor->mem = *mem;
    executor->log = log;
    executor->store = store;
    executor->registry = registry;
    executor->host = host;
    executor->options = *options;
    *ret_executor = executor;
    return REPLI_OK;
}

void repli__executor_free(repli__executor *executor) {
    if (executor == NULL)
        return;
    if (executor->worker.started) {
        repli__worker_forget(&executor->worker);
        return;
    }
    pthread_mutex_destroy(&executor->op_mutex);
    pthread_mutex_destroy(&executor->mutex);
    pthread_cond_destroy(&executor->idle);
    repli__worker_dispose(&executor->worker);
    const repli__mem mem = executor->mem;
    repli__free(&mem, executor);
}

repli__worker *repli__executor_worker(repli__executor *executor) {
    return &executor->worker;
}

int32_t repli__executor_start(repli__executor *executor, repli_error *err) {
    const int32_t code = repli__worker_start(&executor->worker, err);
    if (code != REPLI_OK)
        return code;
    /* What fails now is logged by the store, and claims are made as soon as it works again. */
    repli__store_claims_on(executor->store, on_claim, executor, NULL);
    return REPLI_OK;
}

static void cancel_step(repli__executor *executor) {
    pthread_mutex_lock(&executor->op_mutex);
    if (executor->op != NULL) {
        atomic_store(&executor->op->cancelled, 1);
        if (executor->cancel != NULL)
            executor->cancel(executor->cancel_data, executor->op);
    }
    pthread_mutex_unlock(&executor->op_mutex);
}

int32_t repli__executor_stop(repli__executor *executor, int64_t timeout_ms, repli_error *err) {
    if (!executor->worker.started)
        return REPLI_OK;
    const uint64_t deadline = repli__deadline_ns(timeout_ms);
    pthread_mutex_lock(&executor->mutex);
    executor->stops = 1;
    pthread_mutex_unlock(&executor->mutex);
    repli__worker_quit(&executor->worker);
    cancel_step(executor);
    if (!repli__worker_join(&executor->worker, deadline))
        return repli__error(err, REPLI_ETIMEOUT, "agent",
                            "the step of the running action did not return when it was cancelled; "
                            "its thread is given up");
    repli__store_claims_off(executor->store);
    return REPLI_OK;
}

void repli__executor_on_cancel(repli__executor *executor,
                               void (*cancel)(void *user_data, repli_op *op), void *user_data) {
    executor->cancel = cancel;
    executor->cancel_data = user_data;
}

void repli__executor_set_options(repli__executor *executor,
                                 const repli__executor_options *options) {
    pthread_mutex_lock(&executor->mutex);
    executor->options = *options;
    pthread_mutex_unlock(&executor->mutex);
}

void repli__executor_running(repli__executor *executor, char *ret_kind, size_t size) {
    pthread_mutex_lock(&executor->mutex);
    snprintf(ret_kind, size, "%s", executor->kind);
    pthread_mutex_unlock(&executor->mutex);
}

void repli__executor_stats_get(repli__executor *executor, repli__executor_stats *ret_stats) {
    pthread_mutex_lock(&executor->mutex);
    *ret_stats = executor->stats;
    pthread_mutex_unlock(&executor->mutex);
}

void repli__executor_pause(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    executor->pauses++;
    while (executor->stepping)
        pthread_cond_wait(&executor->idle, &executor->mutex);
    pthread_mutex_unlock(&executor->mutex);
}

void repli__executor_resume(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    executor->pauses--;
    pthread_mutex_unlock(&executor->mutex);
    repli__worker_tell(&executor->worker);
}
