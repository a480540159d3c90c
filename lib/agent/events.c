#include "agent/agent.h"

#include "base/clock.h"
#include "base/error.h"

int32_t repli_agent_events(repli_agent *agent, int64_t after, uint32_t limit, repli_doc **ret_doc,
                           const repli_event **ret_events, size_t *ret_count, int64_t *ret_first,
                           int64_t *ret_last, repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (after < 0)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "events are numbered from 1, so after is 0 or more");
    repli_doc *doc;
    repli_event *events;
    size_t count;
    int64_t first;
    const uint64_t start_ns = repli__mono_ns();
    code = repli__feed_read(agent->store, agent->node_id, after, limit, &doc, &events, &count,
                            &first, err);
    repli__calls_record(&agent->store_calls[REPLI__OP_EVENTS], code, repli__mono_ns() - start_ns);
    if (code != REPLI_OK)
        return code;
    repli__store_stats stats;
    repli__store_stats_get(agent->store, &stats);
    *ret_doc = doc;
    *ret_events = events;
    *ret_count = count;
    if (ret_first != NULL)
        *ret_first = first;
    if (ret_last != NULL)
        *ret_last = stats.last_event;
    return REPLI_OK;
}

int32_t repli_agent_subscribe(repli_agent *agent, int64_t after, repli_event_fn told,
                              void *user_data, repli_subscription **ret_subscription,
                              repli_error *err) {
    int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    if (after < REPLI_EVENTS_NEW || told == NULL)
        return repli__error(err, REPLI_EINVALID, "agent", "%s",
                            told == NULL ? "nobody is to be told: told is NULL"
                                         : "events are numbered from 1, so after is 0 or more, or "
                                           "REPLI_EVENTS_NEW");
    code = repli__feed_add(&agent->feed, after, told, user_data, ret_subscription, err);
    if (code == REPLI_OK)
        repli__worker_tell(&agent->teller);
    return code;
}

void repli_agent_unsubscribe(repli_agent *agent, repli_subscription *subscription) {
    if (subscription != NULL && repli__agent_check(agent, NULL) == REPLI_OK)
        repli__feed_remove(&agent->feed, subscription);
}
