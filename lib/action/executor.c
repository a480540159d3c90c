#include "action/executor_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "driver/op.h"
#include "driver/sink.h"
#include "model/doc.h"

enum { SHORTEST_PAUSE_MS = 10, LONGEST_RETRY_MS = 1000 };

/* Who waits for an answer until the deadline may give up a little earlier. */
static const uint64_t slack_ns = 50 * (uint64_t)REPLI__NS_PER_MS;

/* Each part of the work returns when to go on; 0: at once. */

static uint64_t pause_for(repli__executor *executor, int64_t ms) {
    executor->pause_ns = ms > 0 ? repli__deadline_ns(ms) : 0;
    return executor->pause_ns;
}

static int is_stopping(repli__executor *executor) {
    pthread_mutex_lock(&executor->mutex);
    const int stops = executor->stops;
    pthread_mutex_unlock(&executor->mutex);
    return stops;
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

/* Remember which action ran last, for whoever sees what came of it. */
static void set_recent(repli__executor *executor, const repli_action *action, uint64_t ended_ns) {
    pthread_mutex_lock(&executor->mutex);
    if (action != NULL) {
        snprintf(executor->recent.id, sizeof(executor->recent.id), "%s", action->id);
        snprintf(executor->recent.kind, sizeof(executor->recent.kind), "%s", action->kind);
    }
    executor->recent.ended_ns = ended_ns;
    pthread_mutex_unlock(&executor->mutex);
}

static void begin_action(repli__executor *executor, const repli__claim *claim) {
    const repli_action *action = claim->action;
    repli__run *run = &executor->run;
    *run = (repli__run){.claim = *claim,
                        .handler = repli__registry_find(executor->registry, action->kind),
                        .steps = claim->steps,
                        .flags = claim->interrupted ? REPLI_STEP_INTERRUPTED : 0,
                        .payload = action->payload_json};
    repli__arena_init(&run->payload_arena, &executor->mem);
    repli__log_printf(executor->log, REPLI_LOG_INFO, "agent", "action %s (%s) %s", action->id,
                      action->kind,
                      claim->interrupted ? "is resumed after an interruption" : "begins");
    set_running(executor, action->kind);
    set_recent(executor, action, UINT64_MAX);
    executor->stage = REPLI__STEP;
}

static void end_action(repli__executor *executor) {
    set_running(executor, NULL);
    set_recent(executor, NULL, repli__mono_ns());
    repli__arena_dispose(&executor->run.payload_arena);
    repli_doc_free(executor->run.claim.doc);
    executor->stage = REPLI__TAKE;
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

/* Whether the action has to end before it does so by itself: REPLI_STEP_CANCELLED and _DEADLINE. */
static uint32_t called_to_end(const repli__executor *executor) {
    const repli__run *run = &executor->run;
    const repli_action *action = run->claim.action;
    if (run->late ||
        (action->deadline_ns != REPLI_TIME_NONE && repli__wall_ns() >= action->deadline_ns))
        return REPLI_STEP_CANCELLED | REPLI_STEP_DEADLINE;
    if (action->cancel_requested_ns != REPLI_TIME_NONE ||
        repli__store_is_asked(executor->store, run->claim.sequence))
        return REPLI_STEP_CANCELLED;
    return 0;
}

/* The action's deadline, as far as it concerns the next step; UINT64_MAX: none. */
static uint64_t deadline_of(const repli__run *run) {
    const int64_t wall_ns = run->claim.action->deadline_ns;
    return wall_ns == REPLI_TIME_NONE || (run->flags & REPLI_STEP_DEADLINE) != 0
               ? UINT64_MAX
               : repli__mono_of(wall_ns);
}

static void end_step(repli__executor *executor, const repli_op *op) {
    const repli_action *action = executor->run.claim.action;
    const uint64_t took_ns = repli__step_leave(executor);
    const int overran = repli__mono_ns() > op->deadline_ns;
    pthread_mutex_lock(&executor->mutex);
    executor->stats.steps++;
    executor->stats.overruns += overran != 0;
    executor->stats.busy_ns += took_ns;
    pthread_mutex_unlock(&executor->mutex);
    if (overran)
        repli__log_printf(executor->log, REPLI_LOG_WARNING, "agent",
                          "a step of action %s (%s) took %" PRIu64
                          " ms and did not return by its deadline",
                          action->id, action->kind, took_ns / (uint64_t)REPLI__NS_PER_MS);
}

/* What there is after a step. */
enum after_step { RESULT, NOTHING, CUT };

/* What a step says that was cancelled so that the agent can stop, or cut short by the deadline, is
 * no reason to fail the action. */
static enum after_step judge(repli__executor *executor, const repli_op *op, int32_t code,
                             const repli_error *error) {
    repli__run *run = &executor->run;
    if (code == REPLI_OK && repli__run_take(run, repli__wall_ns()) != REPLI_OK)
        repli__log_printf(executor->log, REPLI_LOG_WARNING, "agent",
                          "out of memory: the payload does not say what the action waits for");
    if (code != REPLI_OK && atomic_load(&op->cancelled) && is_stopping(executor))
        return NOTHING;
    const int was_late = (run->flags & REPLI_STEP_DEADLINE) != 0;
    if (code != REPLI_OK && !was_late && deadline_of(run) <= repli__mono_ns() + slack_ns) {
        run->late = 1;
        run->flags = REPLI_STEP_INTERRUPTED;
        return CUT;
    }
    if ((run->flags & REPLI_STEP_CANCELLED) != 0)
        repli__run_take_end(run, code, error);
    else if (code != REPLI_OK)
        repli__run_fail(run, error);
    return RESULT;
}

static enum after_step do_step(repli__executor *executor) {
    repli__run *run = &executor->run;
    repli_action action = *run->claim.action;
    action.payload_json = run->payload;
    const repli_step step = {
        .struct_size = sizeof(step), .flags = run->flags, .number = run->steps, .action = &action};
    repli_op op = {.running_action = action.kind};
    atomic_init(&op.cancelled, 0);
    if (!repli__step_begin(executor, &op, deadline_of(run)))
        return NOTHING;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code =
        run->handler->step(run->handler->user_data, executor->host, &op, &step, &run->sink, &error);
    end_step(executor, &op);
    code = repli__sink_finish(&run->sink, code, &error);
    return judge(executor, &op, code, &error);
}

static void drop_result(repli__run *run) {
    repli__result_dispose(&run->result);
    repli__sink_dispose(&run->sink);
}

static uint64_t step(repli__executor *executor) {
    repli__run *run = &executor->run;
    repli__sink_init(&run->sink, REPLI__SINK_STEP, &executor->mem);
    repli__result_init(&run->result, &executor->mem);
    const uint32_t call = called_to_end(executor);
    enum after_step after = RESULT;
    if (run->handler == NULL) {
        repli__run_fail_unknown(run);
    } else if (run->claim.interrupted && run->steps == run->claim.steps &&
               repli__run_heeds(run, REPLI_KIND_NO_RESUME)) {
        repli__result_fail(&run->result, REPLI_ENDED_INTERRUPTED,
                           "the agent stopped while it ran, and actions of its kind are not "
                           "resumed: its effect is unknown",
                           NULL);
    } else if (repli__run_ends_here(run, call)) {
        repli__run_end_here(run, call);
    } else {
        run->answered = repli__run_heeds(run, REPLI_KIND_CANCEL_BY_STEP) ? call : 0;
        run->flags |= run->answered;
        after = do_step(executor);
    }
    if (after != RESULT) {
        drop_result(run);
        return after == CUT ? 0 : UINT64_MAX;
    }
    executor->stage = REPLI__RECORD;
    return 0;
}

/* How long to wait for the next step: what the driver asks for; else not at all while there is
 * progress, and twice as long each time while there is none. */
static int64_t pause_before_next(repli__executor *executor) {
    repli__run *run = &executor->run;
    const repli__result *result = &run->result;
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
    repli__run *run = &executor->run;
    if (run->result.payload == NULL)
        return;
    repli__arena_dispose(&run->payload_arena);
    run->payload_arena = run->sink.arena;
    run->payload = run->result.payload;
    repli__arena_init(&run->sink.arena, &executor->mem);
}

static void log_end(const repli__executor *executor) {
    const repli__run *run = &executor->run;
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

/* When to go on; 0: now. A pause between steps ends early if the action is called to end. */
static uint64_t pause_left(const repli__executor *executor) {
    const uint64_t now_ns = repli__mono_ns();
    if (executor->pause_ns == 0 || now_ns >= executor->pause_ns)
        return 0;
    if (executor->stage != REPLI__STEP)
        return executor->pause_ns;
    if (called_to_end(executor) != executor->run.answered)
        return 0;
    const int64_t wall_ns = executor->run.claim.action->deadline_ns;
    const uint64_t look_ns = wall_ns == REPLI_TIME_NONE ? UINT64_MAX : repli__look_at(wall_ns);
    return look_ns < executor->pause_ns ? look_ns : executor->pause_ns;
}

/* The outcome is recorded. The end of an action may have claimed the next one, which the store
 * tells. */
static uint64_t go_on(repli__executor *executor) {
    repli__run *run = &executor->run;
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
    run->waits = run->sink.outcome.waiting_for != NULL;
    keep_payload(executor);
    drop_result(run);
    executor->stage = REPLI__STEP;
    pause_for(executor, pause_ms);
    return pause_left(executor);
}

/* What was done must be written down before anything else happens, however long that takes: the
 * step is not done again. */
static uint64_t record(repli__executor *executor) {
    const repli__run *run = &executor->run;
    repli_error error = REPLI_ERROR_INIT;
    if (repli__store_advance(executor->store, run->claim.sequence, run->result.phase,
                             run->result.ended, run->result.payload, run->result.error,
                             &error) != REPLI_OK)
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
    if (executor->stage == REPLI__RECORD) {
        repli__log_printf(executor->log, REPLI_LOG_ERROR, "agent",
                          "stopping without having recorded a step of action %s (%s), which will "
                          "be asked for again",
                          action->id, action->kind);
        drop_result(&executor->run);
    }
    if (executor->stage != REPLI__TAKE)
        end_action(executor);
}

/* At most one step, and its outcome. */
static uint64_t work(void *user_data) {
    repli__executor *executor = user_data;
    if (is_stopping(executor)) {
        give_up(executor);
        return UINT64_MAX;
    }
    if (repli__executor_answer_plan(executor))
        return 0;
    uint64_t next_ns = pause_left(executor);
    if (next_ns != 0)
        return next_ns;
    executor->pause_ns = 0;
    if (executor->stage == REPLI__TAKE)
        next_ns = take(executor);
    if (executor->stage == REPLI__STEP && next_ns == 0)
        next_ns = step(executor);
    if (executor->stage == REPLI__RECORD && next_ns == 0)
        next_ns = record(executor);
    return next_ns;
}

/* Called by the store, on whichever thread commits: there is an action, or the one that runs is to
 * end. */
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

int32_t repli__executor_stop(repli__executor *executor, int64_t timeout_ms, repli_error *err) {
    if (!executor->worker.started)
        return REPLI_OK;
    const uint64_t deadline = repli__deadline_ns(timeout_ms);
    pthread_mutex_lock(&executor->mutex);
    executor->stops = 1;
    pthread_mutex_unlock(&executor->mutex);
    repli__worker_quit(&executor->worker);
    repli__step_cancel(executor, UINT64_MAX);
    const int ended = repli__worker_join(&executor->worker, deadline);
    repli__executor_refuse_plans(executor);
    if (!ended)
        return repli__error(err, REPLI_ETIMEOUT, "agent",
                            "the step of the running action did not return when it was cancelled; "
                            "its thread is given up");
    repli__store_claims_off(executor->store);
    return REPLI_OK;
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

void repli__executor_recent_get(repli__executor *executor, repli__executor_recent *ret_recent) {
    pthread_mutex_lock(&executor->mutex);
    *ret_recent = executor->recent;
    pthread_mutex_unlock(&executor->mutex);
}

void repli__executor_stats_get(repli__executor *executor, repli__executor_stats *ret_stats) {
    pthread_mutex_lock(&executor->mutex);
    *ret_stats = executor->stats;
    pthread_mutex_unlock(&executor->mutex);
}
