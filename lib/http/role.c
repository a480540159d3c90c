#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "http/call.h"

/*
 * Role URLs for load balancers: 200 if this node should get the traffic, else 503 with the reason.
 *
 * A balancer knows nothing of shards and sends whatever it has, so that a node with several shards
 * must have the role for all of them; who knows better asks for one, with ?shard=ID.
 *
 * Only a HEALTHY node has a role to offer: UNHEALTHY means that a fault is confirmed. A snapshot
 * that became too old says UNAVAILABLE by itself, so nothing here looks at its age.
 */

typedef struct question {
    int32_t role;
    const char *shard; /* NULL: all */
    int64_t max_lag;   /* in the unit of the shard's lag; -1: any */
} question;

static int32_t check_shard(const question *asked, const repli_shard *shard, repli_error *err) {
    if (shard->role != asked->role)
        return repli__error(err, REPLI_ENOTREADY, "http", "shard %s is %s on this node", shard->id,
                            repli_role_name(shard->role));
    if (asked->max_lag < 0)
        return REPLI_OK;
    if (shard->lag_unit == NULL)
        return repli__error(err, REPLI_ENOTREADY, "http", "the lag of shard %s is not known",
                            shard->id);
    if (shard->lag > asked->max_lag)
        return repli__error(err, REPLI_ENOTREADY, "http",
                            "shard %s lags by %" PRId64 " %s, more than %" PRId64, shard->id,
                            shard->lag, shard->lag_unit, asked->max_lag);
    return REPLI_OK;
}

static int32_t check_shards(const question *asked, const repli_shards *shards, repli_error *err) {
    size_t seen = 0;
    for (size_t i = 0; i < shards->shard_count; i++) {
        if (asked->shard != NULL && strcmp(asked->shard, shards->shards[i].id) != 0)
            continue;
        seen++;
        const int32_t code = check_shard(asked, &shards->shards[i], err);
        if (code != REPLI_OK)
            return code;
    }
    if (seen == 0)
        return repli__error(err, REPLI_ENOTREADY, "http",
                            asked->shard != NULL ? "this node has no such shard"
                                                 : "this node has no shards");
    return REPLI_OK;
}

static int32_t check(const question *asked, const repli_snapshot *snapshot, repli_error *err) {
    const repli_node *node = repli_snapshot_node(snapshot);
    if (node->status != REPLI_STATUS_HEALTHY)
        return repli__error(err, REPLI_ENOTREADY, "http", "the node is %s: %s",
                            repli_status_name(node->status),
                            node->status_reason != NULL ? node->status_reason : "no reason given");
    const repli_shards *shards = repli_snapshot_shards(snapshot, err);
    return shards != NULL ? check_shards(asked, shards, err) : REPLI_ENOTREADY;
}

static int32_t answer(const repli__http_call *call, repli__http_asker asker, const question *asked,
                      repli_error *err) {
    repli_snapshot *snapshot;
    const int32_t code = repli_agent_snapshot(call->agent, &snapshot, err);
    if (code != REPLI_OK)
        return code;
    static const char primary[] = "{\"role\":\"Primary\"}";
    static const char secondary[] = "{\"role\":\"Secondary\"}";
    repli_error error = REPLI_ERROR_INIT;
    if (check(asked, snapshot, &error) != REPLI_OK)
        repli__http_answer_error(asker, 503, NULL, &error);
    else if (asked->role == REPLI_ROLE_PRIMARY)
        repli__http_answer_text(asker, 200, repli__http_json, primary, sizeof(primary) - 1);
    else
        repli__http_answer_text(asker, 200, repli__http_json, secondary, sizeof(secondary) - 1);
    repli_snapshot_unref(snapshot);
    return REPLI_OK;
}

int32_t repli__http_role_primary(const repli__http_call *call, repli__http_asker asker,
                                 repli_error *err) {
    const question asked = {.role = REPLI_ROLE_PRIMARY,
                            .shard = repli__web_target_param(&call->target, "shard"),
                            .max_lag = -1};
    return answer(call, asker, &asked, err);
}

int32_t repli__http_role_secondary(const repli__http_call *call, repli__http_asker asker,
                                   repli_error *err) {
    question asked = {.role = REPLI_ROLE_SECONDARY,
                      .shard = repli__web_target_param(&call->target, "shard"),
                      .max_lag = -1};
    const int32_t code =
        repli__web_target_number(&call->target, "max_lag", 0, INT64_MAX, &asked.max_lag, err);
    return code != REPLI_OK ? code : answer(call, asker, &asked, err);
}
