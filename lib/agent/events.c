#include "agent/agent.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/doc.h"

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
    code = repli__store_events(agent->store, after, limit, &doc, &events, &count, &first, err);
    repli__calls_record(&agent->store_calls[REPLI__OP_EVENTS], code, repli__mono_ns() - start_ns);
    if (code != REPLI_OK)
        return code;
    const char *node_id = repli__arena_strdup(&doc->arena, agent->node_id);
    if (node_id == NULL) {
        repli_doc_free(doc);
        return repli__error_nomem(err, "agent", "reading events");
    }
    for (size_t i = 0; i < count; i++)
        events[i].node_id = node_id;
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
