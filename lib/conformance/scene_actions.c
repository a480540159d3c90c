#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>

#include "base/clock.h"
#include "conformance/order.h"
#include "conformance/track.h"

/* The actions of the configuration are done. Each is done twice: first as if the agent was stopped
 * in every step of it, and then plainly. */

enum { STEP_MS = 60000, PAUSE_MS = 20, PAUSE_MAX_MS = 1000, SETTLES = 10 };

int order_at(const struct conformance_options *options, size_t index, struct order *ret_order) {
    size_t count = 0;
    while (options->actions != NULL && options->actions[count] != NULL)
        count++;
    if (index >= count)
        return 0;
    const char *text = options->actions[index];
    const size_t size = strcspn(text, " ");
    snprintf(ret_order->kind, sizeof(ret_order->kind), "%.*s", (int)size, text);
    ret_order->args = text + size + strspn(text + size, " ");
    if (ret_order->args[0] == '\0')
        ret_order->args = "null";
    return 1;
}

/* An action in progress. */
struct deed {
    struct bench *bench;
    struct subject subject;
    const struct order *order;
    char *args;    /* as the last step had them: not to be freed before others are there, which
                      would else take their place */
    char *payload; /* what the last step left; NULL: nothing */
    uint64_t number;
    int32_t phase;
    char why[BOARD_EVIDENCE_SIZE]; /* it FAILED */
    int64_t next_ms;
};

static int open_deed(struct deed *deed) {
    repli_error err = REPLI_ERROR_INIT;
    if (subject_open(&deed->subject, deed->bench, NULL, &err) == REPLI_OK)
        return 0;
    deed->phase = REPLI_PHASE_FAILED;
    snprintf(deed->why, sizeof(deed->why), "open() failed: %.400s", err.message);
    return -1;
}

/* What a step said; ret_payload is the caller's. */
static void take_outcome(struct deed *deed, const struct subject_answer *answer,
                         char **ret_payload) {
    const repli_outcome *outcome = &answer->sink.outcome;
    deed->phase = outcome->phase != 0 ? outcome->phase : REPLI_PHASE_RUNNING;
    deed->next_ms = outcome->next_step_ms;
    *ret_payload = NULL;
    if (answer->code != REPLI_OK) {
        deed->phase = REPLI_PHASE_FAILED;
        snprintf(deed->why, sizeof(deed->why), "%.460s", answer->error.message);
    } else if (deed->phase == REPLI_PHASE_FAILED) {
        snprintf(deed->why, sizeof(deed->why), "%.300s%s%.150s", outcome->error,
                 outcome->error_cause != NULL ? ": " : "",
                 outcome->error_cause != NULL ? outcome->error_cause : "");
    }
    const char *payload = outcome->payload_json != NULL ? outcome->payload_json : deed->payload;
    if (payload != NULL)
        *ret_payload = strdup(payload);
}

static void do_step(struct deed *deed, uint32_t flags, char **ret_payload) {
    struct subject *s = &deed->subject;
    struct subject_answer answer;
    char *args = memory_lend(deed->order->args);
    free(deed->args);
    deed->args = args;
    const repli_action action = {.struct_size = sizeof(action),
                                 .phase = REPLI_PHASE_RUNNING,
                                 .id = "00000000-0000-4000-8000-000000000001",
                                 .kind = deed->order->kind,
                                 .args_json = args != NULL ? args : "null",
                                 .requester = "check",
                                 .created_ns = repli__wall_ns(),
                                 .scheduled_ns = repli__wall_ns(),
                                 .finished_ns = REPLI_TIME_NONE,
                                 .payload_json = deed->payload};
    const repli_step step = {
        .struct_size = sizeof(step), .flags = flags, .number = deed->number, .action = &action};
    repli_op op = {.deadline_ns = repli__deadline_ns(STEP_MS), .running_action = action.kind};
    atomic_init(&op.cancelled, 0);
    subject_answer_init(&answer, REPLI__SINK_STEP);
    board_enter(deed->bench->board, "action_step", op.deadline_ns);
    answer.raw = s->driver.action_step(s->self, &op, &step, &answer.sink, &answer.error);
    subject_conclude(s, "action_step", op.deadline_ns, &answer);
    memory_end_loan(args);
    take_outcome(deed, &answer, ret_payload);
    repli__sink_dispose(&answer.sink);
}

/* The agent was stopped before it could write down what the step did, and is there again. */
static void do_step_again(struct deed *deed, char **payload) {
    const int32_t phase = deed->phase;
    subject_close(&deed->subject);
    free(*payload);
    *payload = NULL;
    if (open_deed(deed) != 0)
        return;
    do_step(deed, REPLI_STEP_INTERRUPTED, payload);
    if (deed->phase == REPLI_PHASE_FAILED)
        board_fail(deed->bench->board, RULE_ACTIONS_INTERRUPTED,
                   "%.100s: step %llu was %s, and FAILED when it was repeated: %s",
                   deed->order->kind, (unsigned long long)deed->number, repli_phase_name(phase),
                   deed->why);
}

static void pause_before_next(const struct deed *deed) {
    int64_t pause = deed->next_ms >= 0 ? deed->next_ms : PAUSE_MS;
    poll(NULL, 0, pause < PAUSE_MAX_MS ? (int)pause : PAUSE_MAX_MS);
}

/* Not 0 if it was done. */
static int do_it(struct bench *bench, const struct order *order, int interrupted,
                 enum rule_id rule) {
    struct deed deed = {.bench = bench, .order = order, .phase = REPLI_PHASE_RUNNING};
    const uint64_t limit = repli__deadline_ns(SETTLES * bench->options->settle_ms);
    if (open_deed(&deed) != 0) {
        board_fail(bench->board, rule, "%.100s: %s", order->kind, deed.why);
        return 0;
    }
    while (deed.phase == REPLI_PHASE_RUNNING && repli__mono_ns() < limit) {
        char *payload;
        do_step(&deed, 0, &payload);
        if (interrupted && deed.phase != REPLI_PHASE_FAILED) {
            do_step_again(&deed, &payload);
            if (deed.phase == REPLI_PHASE_FAILED) {
                free(payload);
                break; /* told already */
            }
        }
        if (deed.phase == REPLI_PHASE_FAILED)
            board_fail(bench->board, rule, "%.100s FAILED: %s", order->kind, deed.why);
        free(deed.payload);
        deed.payload = payload;
        deed.number++;
        if (deed.phase == REPLI_PHASE_RUNNING)
            pause_before_next(&deed);
    }
    if (deed.phase == REPLI_PHASE_RUNNING)
        board_fail(bench->board, rule, "%.100s is still RUNNING after %llu steps", order->kind,
                   (unsigned long long)deed.number);
    free(deed.payload);
    free(deed.args);
    subject_close(&deed.subject);
    return deed.phase == REPLI_PHASE_DONE;
}

static int same_roles(const repli_sink *one, const repli_sink *other) {
    for (size_t i = 0; i < one->shard_count && i < other->shard_count; i++)
        for (size_t j = 0; j < other->shard_count; j++)
            if (strcmp(one->shards[i].id, other->shards[j].id) == 0 &&
                one->shards[i].role != other->shards[j].role)
                return 0;
    return 1;
}

/* What differs, or NULL. */
static const char *difference(const struct look *before, const struct look *now) {
    struct board_identity one;
    struct board_identity other;
    track_identity(before, &one);
    track_identity(now, &other);
    if (before->status != now->status)
        return "the status";
    if (strcmp(one.cluster, other.cluster) != 0)
        return "the cluster's id";
    if (one.shard_count != other.shard_count || one.shard_sum != other.shard_sum)
        return "the shards";
    if (!same_roles(&before->answers[REPLI__ASK_SHARDS].sink,
                    &now->answers[REPLI__ASK_SHARDS].sink))
        return "a role";
    return NULL;
}

/* A store that is restarted by an action takes its time to be what it was. */
static void expect_same(struct subject *s, const struct order *order, const struct look *before) {
    const uint64_t until = repli__deadline_ns(s->bench->options->settle_ms);
    const char *what;
    if (board_failed(s->bench->board, RULE_IDENTITY_CALLS) ||
        board_failed(s->bench->board, RULE_SHARDS_STABLE))
        return; /* looks differ whatever is done */
    do {
        struct look now;
        look_take(s, s->bench->options->deadline_ms, &now);
        what = difference(before, &now);
        look_free(&now);
        if (what != NULL)
            poll(NULL, 0, PAUSE_MS);
    } while (what != NULL && repli__mono_ns() < until);
    if (what != NULL)
        board_fail(s->bench->board, RULE_ACTIONS_REPEATABLE, "%.100s, done again, changed %s",
                   order->kind, what);
}

static void wait_until_up(struct subject *s, struct look *look) {
    const uint64_t until = repli__deadline_ns(s->bench->options->settle_ms);
    for (;;) {
        look_take(s, s->bench->options->deadline_ms, look);
        if (look->status == REPLI_STATUS_HEALTHY || repli__mono_ns() >= until)
            return;
        look_free(look);
        poll(NULL, 0, PAUSE_MS);
    }
}

static void do_twice(struct bench *bench, const struct order *order) {
    struct board *board = bench->board;
    struct subject s;
    struct look before;
    if (!do_it(bench, order, 1, RULE_ACTIONS_RUN) ||
        subject_must_open(&s, bench, RULE_ACTIONS_REPEATABLE) != 0)
        return;
    board_pass(board, RULE_ACTIONS_RUN, "%.100s was the last that was DONE", order->kind);
    board_pass(board, RULE_ACTIONS_INTERRUPTED, "each step of %.100s, the last, was done twice",
               order->kind);
    wait_until_up(&s, &before);
    if (do_it(bench, order, 0, RULE_ACTIONS_REPEATABLE)) {
        expect_same(&s, order, &before);
        board_pass(board, RULE_ACTIONS_REPEATABLE, "%.100s was the last that was DONE again",
                   order->kind);
    }
    look_free(&before);
    subject_close(&s);
}

void scene_actions(struct bench *bench) {
    repli__driver_table table;
    repli_error err = REPLI_ERROR_INIT;
    struct order order;
    if (subject_load(bench, &table, &err) != REPLI_OK)
        return;
    if (!table.has_actions)
        bench_skip(bench, SCENE_ACTIONS, "the driver offers no actions");
    else if (bench->options->actions == NULL)
        bench_skip(bench, SCENE_ACTIONS, "there is no check.actions in the configuration");
    else
        for (size_t i = 0; order_at(bench->options, i, &order); i++)
            do_twice(bench, &order);
}
