#include "action/executor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/thread.h"
#include "driver/op.h"
#include "driver/sink.h"
#include "model/doc.h"

enum { SHORTEST_PAUSE_MS = 10, LONGEST_RETRY_MS = 1000, KIND_SIZE = 256 };

struct repli__executor {
    repli__mem mem;
    repli__log *log;
    repli__store *store;
    const repli__registry *registry;
    const repli_host *host;
    void (*cancel)(void *user_data, repli_op *op);
    void *cancel_data;
    pthread_t thread;
    int started;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;   /* the thread: a claim, a resumption, or the end */
    pthread_cond_t idle;   /* those who pause: no step is in progress */
    repli__executor_options options;
    repli__executor_stats stats;
    char kind[KIND_SIZE]; /* of the action that runs; empty: none does */
    int claimed;
    int stops;
    int pauses;
    int stepping;

    pthread_mutex_t op_mutex; /* keeps op while it is being cancelled */
    repli_op *op;             /* the step in progress, or NULL */
};

/* An action while it runs. */
typedef struct action_run {
    repli__executor *executor;
    const repli__claim *claim;
    const repli__handler *handler; /* NULL: nobody offers this kind any more */
    uint64_t steps;                /* recorded so far */
    uint32_t flags;                /* for the next step */
    const char *payload;           /* as recorded */
    repli__arena payload_arena;    /* owns payload, unless the claim does */
    int64_t pause_ms;              /* of the last pause that the library chose; 0: none */
} action_run;

/* What became of a step. */
typedef struct step_result {
    int32_t phase;
    const char *payload; /* NULL: as it was */
    const char *error;   /* for FAILED: JSON */
    repli_buf error_text;
    int64_t next_ms;
} step_result;

/* Waiting. */

/* Sleep until there is an action to execute. Returns 0 if it is time to end. */
static int wait_for_claim(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    while (!executor->claimed && !executor->stops)
        pthread_cond_wait(&executor->wake, &executor->mutex);
    executor->claimed = 0;
    executor->stats.loops++;
    const int goes_on = !executor->stops;
    pthread_mutex_unlock(&executor->mutex);
    return goes_on;
}

/* Returns 0 if it is time to end. */
static int sleep_ms(repli__executor *executor, int64_t ms) {
    const uint64_t until = repli__deadline_ns(ms);
    pthread_mutex_lock(&executor->mutex);
    while (!executor->stops && ms > 0 && repli__mono_ns() < until)
        repli__cond_wait_until(&executor->wake, &executor->mutex, until);
    const int goes_on = !executor->stops;
    pthread_mutex_unlock(&executor->mutex);
    return goes_on;
}

/* After a failure that may pass. Returns 0 if it is time to end. */
static int retry_later(repli__executor *executor, const char *what, const repli_error *error,
                       int64_t *pause_ms) {
    if (*pause_ms == 0)
        repli__log_printf(executor->log, REPLI_LOG_ERROR, "agent", "%s, trying again: %s", what,
                          error->message);
    *pause_ms = *pause_ms == 0 ? SHORTEST_PAUSE_MS : *pause_ms * 2;
    if (*pause_ms > LONGEST_RETRY_MS)
        *pause_ms = LONGEST_RETRY_MS;
    pthread_mutex_lock(&executor->mutex);
    executor->stats.errors++;
    pthread_mutex_unlock(&executor->mutex);
    return sleep_ms(executor, *pause_ms);
}

/* Steps. */

/* Returns 0 if it is time to end; else the step is in progress. */
static int begin_step(repli__executor *executor, repli_op *op) {
    pthread_mutex_lock(&executor->mutex);
    while (executor->pauses > 0 && !executor->stops)
        pthread_cond_wait(&executor->wake, &executor->mutex);
    const int goes_on = !executor->stops;
    if (goes_on) {
        executor->stepping = 1;
        executor->stats.step_since_ns = repli__mono_ns();
        op->deadline_ns = repli__deadline_ns(executor->options.step_timeout_ms);
        pthread_mutex_lock(&executor->op_mutex);
        executor->op = op;
        pthread_mutex_unlock(&executor->op_mutex);
    }
    pthread_mutex_unlock(&executor->mutex);
    return goes_on;
}

static void end_step(const action_run *run, const repli_op *op) {
    repli__executor *executor = run->executor;
    pthread_mutex_lock(&executor->op_mutex);
    executor->op = NULL;
    pthread_mutex_unlock(&executor->op_mutex);
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
        repli__log_printf(
            executor->log, REPLI_LOG_WARNING, "agent",
            "a step of action %s (%s) took %" PRIu64 " ms and did not return by its deadline",
            run->claim->action->id, run->claim->action->kind, took_ns / (uint64_t)REPLI__NS_PER_MS);
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

/* Returns 0 if it is time to end, with nothing to record: what a step says that was cancelled so
 * that the agent can stop is no reason to fail the action. */
static int do_step(const action_run *run, repli_sink *sink, step_result *result) {
    repli__executor *executor = run->executor;
    repli_action action = *run->claim->action;
    action.payload_json = run->payload;
    const repli_step step = {
        .struct_size = sizeof(step), .flags = run->flags, .number = run->steps, .action = &action};
    repli_op op = {.running_action = action.kind};
    atomic_init(&op.cancelled, 0);
    if (!begin_step(executor, &op))
        return 0;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code =
        run->handler->step(run->handler->user_data, executor->host, &op, &step, sink, &error);
    end_step(run, &op);
    code = repli__sink_finish(sink, code, &error);
    if (code == REPLI_OK)
        take_outcome(result, &sink->outcome);
    else if (atomic_load(&op.cancelled))
        return 0;
    else
        fail(result, error.message, error.cause[0] != '\0' ? error.cause : NULL);
    return 1;
}

/* What was done must be written down before anything else happens, however long that takes: the
 * step is not done again. Returns 0 if it is time to end, recorded or not. */
static int record(const action_run *run, const step_result *result) {
    repli__executor *executor = run->executor;
    int64_t pause_ms = 0;
    repli_error error = REPLI_ERROR_INIT;
    while (repli__store_advance(executor->store, run->claim->sequence, result->phase,
                                result->payload, result->error, &error) != REPLI_OK) {
        if (retry_later(executor, "cannot record the outcome of a step", &error, &pause_ms))
            continue;
        repli__log_printf(executor->log, REPLI_LOG_ERROR, "agent",
                          "stopping without having recorded a step of action %s (%s), which will "
                          "be asked for again",
                          run->claim->action->id, run->claim->action->kind);
        return 0;
    }
    if (pause_ms > 0)
        repli__log_printf(executor->log, REPLI_LOG_INFO, "agent",
                          "the outcome of the step is recorded");
    return 1;
}

/* How long to wait for the next step: what the driver asks for; else not at all while there is
 * progress, and twice as long each time while there is none. */
static int64_t pause_before_next(action_run *run, const step_result *result) {
    if (result->next_ms >= 0)
        return result->next_ms;
    const int progress = result->payload != NULL &&
                         (run->payload == NULL || strcmp(result->payload, run->payload) != 0);
    if (progress) {
        run->pause_ms = 0;
        return 0;
    }
    repli__executor *executor = run->executor;
    pthread_mutex_lock(&executor->mutex);
    const int64_t longest = executor->options.max_interval_ms;
    pthread_mutex_unlock(&executor->mutex);
    run->pause_ms = run->pause_ms == 0 ? SHORTEST_PAUSE_MS : run->pause_ms * 2;
    if (run->pause_ms > longest)
        run->pause_ms = longest;
    return run->pause_ms;
}

static void keep_payload(action_run *run, repli_sink *sink, const step_result *result) {
    if (result->payload == NULL)
        return;
    repli__arena_dispose(&run->payload_arena);
    run->payload_arena = sink->arena;
    run->payload = result->payload;
    repli__arena_init(&sink->arena, &run->executor->mem);
}

static void log_end(const action_run *run, const step_result *result) {
    const int failed = result->phase == REPLI_PHASE_FAILED;
    repli__log_printf(run->executor->log, failed ? REPLI_LOG_WARNING : REPLI_LOG_INFO, "agent",
                      "action %s (%s) is %s%s%s", run->claim->action->id, run->claim->action->kind,
                      repli_phase_name(result->phase), failed ? ": " : "",
                      failed ? result->error : "");
}

static void count_end(repli__executor *executor, int32_t phase) {
    pthread_mutex_lock(&executor->mutex);
    if (phase == REPLI_PHASE_DONE)
        executor->stats.done++;
    else
        executor->stats.failed++;
    pthread_mutex_unlock(&executor->mutex);
}

/* One step and its outcome. Returns 0 if there is no next one, now or ever. */
static int advance(action_run *run) {
    repli__executor *executor = run->executor;
    repli_sink sink;
    repli__sink_init(&sink, REPLI__SINK_STEP, &executor->mem);
    step_result result = {
        .phase = REPLI_PHASE_RUNNING, .error_text = {.allocator = &executor->mem}, .next_ms = -1};
    int goes_on = 1;
    if (run->handler == NULL)
        fail_unknown(&result, run->claim->action->kind);
    else
        goes_on = do_step(run, &sink, &result);
    if (goes_on)
        goes_on = record(run, &result);
    if (goes_on && result.phase != REPLI_PHASE_RUNNING) {
        count_end(executor, result.phase);
        log_end(run, &result);
        goes_on = 0;
    } else if (goes_on) {
        const int64_t pause_ms = pause_before_next(run, &result);
        run->steps++;
        run->flags = 0;
        keep_payload(run, &sink, &result);
        goes_on = sleep_ms(executor, pause_ms);
    }
    repli_buf_dispose(&result.error_text);
    repli__sink_dispose(&sink);
    return goes_on;
}

/* Actions. */

static void set_running(repli__executor *executor, const char *kind) {
    pthread_mutex_lock(&executor->mutex);
    snprintf(executor->kind, sizeof(executor->kind), "%s", kind != NULL ? kind : "");
    executor->stats.running = kind != NULL;
    pthread_mutex_unlock(&executor->mutex);
}

static void execute(repli__executor *executor, const repli__claim *claim) {
    const repli_action *action = claim->action;
    action_run run = {.executor = executor,
                      .claim = claim,
                      .handler = repli__registry_find(executor->registry, action->kind),
                      .steps = claim->steps,
                      .flags = claim->interrupted ? REPLI_STEP_INTERRUPTED : 0,
                      .payload = action->payload_json};
    repli__arena_init(&run.payload_arena, &executor->mem);
    repli__log_printf(executor->log, REPLI_LOG_INFO, "agent", "action %s (%s) %s", action->id,
                      action->kind,
                      claim->interrupted ? "is resumed after an interruption" : "begins");
    set_running(executor, action->kind);
    while (advance(&run))
        continue;
    set_running(executor, NULL);
    repli__arena_dispose(&run.payload_arena);
}

/* Returns 0 if there was none after all, or it is time to end. */
static int take(repli__executor *executor, repli__claim *ret_claim) {
    int64_t pause_ms = 0;
    for (;;) {
        repli_error error = REPLI_ERROR_INIT;
        const int32_t code = repli__store_take(executor->store, ret_claim, &error);
        if (code == REPLI_OK || code == REPLI_ENOTFOUND)
            return code == REPLI_OK;
        if (!retry_later(executor, "cannot read the action that is to run", &error, &pause_ms))
            return 0;
    }
}

static void *run_thread(void *argument) {
    repli__executor *executor = argument;
    while (wait_for_claim(executor)) {
        repli__claim claim;
        if (!take(executor, &claim))
            continue;
        execute(executor, &claim);
        repli_doc_free(claim.doc);
    }
    return NULL;
}

/* Called by the store, on whichever thread commits. Only the executor's thread waits for it. */
static void on_claim(void *user_data) {
    repli__executor *executor = user_data;
    pthread_mutex_lock(&executor->mutex);
    executor->claimed = 1;
    pthread_mutex_unlock(&executor->mutex);
    pthread_cond_signal(&executor->wake);
}

/* Life. */

int32_t repli__executor_new(repli__store *store, const repli__registry *registry,
                            const repli_host *host, const repli__executor_options *options,
                            const repli__mem *mem, repli__log *log, repli__executor **ret_executor,
                            repli_error *err) {
    repli__executor *executor = repli__calloc(mem, 1, sizeof(*executor));
    if (executor == NULL)
        return repli__error_nomem(err, "agent", "making the executor of actions");
    int32_t code = repli__cond_init(&executor->wake, err);
    if (code == REPLI_OK) {
        code = repli__cond_init(&executor->idle, err);
        if (code != REPLI_OK)
            pthread_cond_destroy(&executor->wake);
    }
    if (code != REPLI_OK) {
        repli__free(mem, executor);
        return code;
    }
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
    if (executor->started) {
        pthread_detach(executor->thread);
        return;
    }
    pthread_mutex_destroy(&executor->op_mutex);
    pthread_mutex_destroy(&executor->mutex);
    pthread_cond_destroy(&executor->idle);
    pthread_cond_destroy(&executor->wake);
    const repli__mem mem = executor->mem;
    repli__free(&mem, executor);
}

int32_t repli__executor_start(repli__executor *executor, repli_error *err) {
    const int32_t code =
        repli__thread_start(&executor->thread, "repli-executor", run_thread, executor, err);
    if (code != REPLI_OK)
        return code;
    executor->started = 1;
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
    if (!executor->started)
        return REPLI_OK;
    const uint64_t deadline = repli__deadline_ns(timeout_ms);
    pthread_mutex_lock(&executor->mutex);
    executor->stops = 1;
    pthread_cond_broadcast(&executor->wake);
    pthread_mutex_unlock(&executor->mutex);
    cancel_step(executor);
    if (!repli__thread_join_until(executor->thread, deadline))
        return repli__error(err, REPLI_ETIMEOUT, "agent",
                            "the step of the running action did not return when it was cancelled; "
                            "its thread is given up");
    executor->started = 0;
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
    pthread_cond_broadcast(&executor->wake);
    pthread_mutex_unlock(&executor->mutex);
}
