#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "http/call.h"

/*
 * The node, its store and its shards. Answered at once from the latest snapshot, unless the client
 * asks for a younger one: ?max_age=MS, and ?timeout=MS for how long it would wait for that. After
 * the timeout it gets what there is; the Age header tells.
 */

enum { DAY_MS = 24 * 60 * 60 * 1000, WAIT_MS = 5000, LONGEST_WAIT_MS = 60 * 1000 };

typedef const char *(*json_fn)(const repli_snapshot *snapshot, size_t *ret_size, repli_error *err);

static const char *node_json(const repli_snapshot *snapshot, size_t *ret_size, repli_error *err) {
    (void)err;
    return repli_snapshot_node_json(snapshot, ret_size);
}

static void answer(repli__http_asker asker, repli_snapshot *snapshot, json_fn json_of) {
    repli_error error = REPLI_ERROR_INIT;
    size_t size = 0;
    const char *json = json_of(snapshot, &size, &error);
    repli__http_answer_snapshot(asker, snapshot, json, size, &error);
}

/* Someone who waits for a snapshot. */
typedef struct waiter {
    repli__http_asker asker;
    json_fn json_of;
} waiter;

static void answer_waiter(void *user_data, repli_snapshot *snapshot) {
    const waiter waiting = *(waiter *)user_data;
    repli__free(&repli__mem_default, user_data);
    answer(waiting.asker, snapshot, waiting.json_of);
}

static int32_t answer_later(repli_agent *agent, repli__http_asker asker, json_fn json_of,
                            int64_t max_age_ms, int64_t timeout_ms, repli_error *err) {
    waiter *waiting = repli__alloc(&repli__mem_default, sizeof(*waiting));
    if (waiting == NULL)
        return repli__error_nomem(err, "http", "waiting for a snapshot");
    *waiting = (waiter){.asker = asker, .json_of = json_of};
    const int32_t code =
        repli_agent_observe(agent, max_age_ms, timeout_ms, answer_waiter, waiting, err);
    if (code != REPLI_OK)
        repli__free(&repli__mem_default, waiting);
    return code;
}

static int32_t info(const repli__http_call *call, repli__http_asker asker, json_fn json_of,
                    repli_error *err) {
    int64_t max_age_ms = -1;
    int64_t timeout_ms = WAIT_MS;
    int32_t code = repli__web_target_number(&call->target, "max_age", 0, DAY_MS, &max_age_ms, err);
    if (code == REPLI_OK)
        code = repli__web_target_number(&call->target, "timeout", 0, LONGEST_WAIT_MS, &timeout_ms,
                                         err);
    if (code != REPLI_OK)
        return code;
    if (max_age_ms >= 0)
        return answer_later(call->agent, asker, json_of, max_age_ms, timeout_ms, err);
    repli_snapshot *snapshot;
    code = repli_agent_snapshot(call->agent, &snapshot, err);
    if (code != REPLI_OK)
        return code;
    answer(asker, snapshot, json_of);
    repli_snapshot_unref(snapshot);
    return REPLI_OK;
}

int32_t repli__http_info_node(const repli__http_call *call, repli__http_asker asker,
                              repli_error *err) {
    return info(call, asker, node_json, err);
}

int32_t repli__http_info_store(const repli__http_call *call, repli__http_asker asker,
                               repli_error *err) {
    return info(call, asker, repli_snapshot_store_json, err);
}

int32_t repli__http_info_shards(const repli__http_call *call, repli__http_asker asker,
                                repli_error *err) {
    return info(call, asker, repli_snapshot_shards_json, err);
}
