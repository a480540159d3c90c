#include <string.h>

#include <replicante/model.h>

#include "base/clock.h"
#include "conformance/subject.h"

/* What an agent would say of the node: it has the same answers before it. */
static void sum_up(struct look *look) {
    repli__probe probe;
    memset(&probe, 0, sizeof(probe));
    for (int i = 0; i < REPLI__ASK_COUNT; i++) {
        probe.answers[i].sink = look->answers[i].sink;
        probe.answers[i].code = look->answers[i].code;
        probe.answers[i].error = look->answers[i].error;
    }
    look->status = repli__status_of_probe(&probe, look->reason);
}

static void judge_reason(struct board *board, const struct look *look) {
    if (look->reason[0] == '\0' &&
        (look->status == REPLI_STATUS_UNKNOWN || look->status == REPLI_STATUS_UNAVAILABLE ||
         look->status == REPLI_STATUS_UNHEALTHY))
        board_fail(board, RULE_STATUS_REASON, "%s without a reason %s",
                   repli_status_name(look->status), board->circumstances);
}

static void judge_shards(struct board *board, const repli_sink *sink) {
    for (size_t i = 0; i < sink->shard_count; i++) {
        const repli_shard *shard = &sink->shards[i];
        if (shard->role == REPLI_ROLE_PRIMARY && shard->lag_unit != NULL)
            board_fail(board, RULE_SHARDS_LAG_PRIMARY,
                       "shard %.60s is primary and has a lag of %lld %.60s", shard->id,
                       (long long)shard->lag, shard->lag_unit);
    }
}

void look_take(struct subject *s, int64_t deadline_ms, struct look *look) {
    repli_op op = {.deadline_ns = repli__deadline_ns(deadline_ms)};
    atomic_init(&op.cancelled, 0);
    memset(look, 0, sizeof(*look));
    for (int i = 0; i < REPLI__ASK_COUNT; i++)
        subject_ask(s, i, &op, &look->answers[i]);
    for (int i = 0; i < REPLI__ASK_COUNT; i++)
        if (look->answers[i].late)
            board_fail(s->bench->board, RULE_EMIT_ACCEPTED,
                       "something was emitted to the sink of %s after that had returned",
                       subject_method(i));
    sum_up(look);
    judge_reason(s->bench->board, look);
    judge_shards(s->bench->board, &look->answers[REPLI__ASK_SHARDS].sink);
    atomic_fetch_add(&s->bench->board->looks, 1);
}

void look_free(struct look *look) {
    for (int i = 0; i < REPLI__ASK_COUNT; i++)
        repli__sink_dispose(&look->answers[i].sink);
}
