#include "agent/changes.h"

#include <string.h>

static const char *cause(const char *action, const char *word) {
    return action[0] != '\0' ? word : "";
}

void repli__changes_status(repli__log *log, const repli_snapshot *before,
                           const repli_snapshot *after, const char *action) {
    const repli_node *old = repli_snapshot_node(before);
    const repli_node *new = repli_snapshot_node(after);
    if (old->status == new->status)
        return;
    const char *reason = new->status_reason;
    repli__log_printf(log, REPLI_LOG_INFO, "agent", "status %s -> %s%s%s%s%s",
                      repli_status_name(old->status), repli_status_name(new->status),
                      reason != NULL ? ": " : "", reason != NULL ? reason : "",
                      cause(action, "; while running "), action);
}

static void log_role(repli__log *log, const repli_shard *old, const repli_shard *new,
                     const char *action) {
    const char *id = old != NULL ? old->id : new->id;
    repli__log_printf(log, REPLI_LOG_INFO, "agent", "shard \"%s\": %s -> %s%s%s", id,
                      old != NULL ? repli_role_name(old->role) : "absent",
                      new != NULL ? repli_role_name(new->role) : "absent",
                      cause(action, "; while running "), action);
}

/* Look from where the last one was found: shards mostly keep their order. */
static const repli_shard *find(const repli_shards *shards, const char *id, size_t *from) {
    for (size_t i = 0; i < shards->shard_count; i++) {
        const size_t at = (*from + i) % shards->shard_count;
        if (strcmp(shards->shards[at].id, id) == 0) {
            *from = at + 1;
            return &shards->shards[at];
        }
    }
    return NULL;
}

void repli__changes_roles(repli__log *log, const repli_snapshot *before,
                          const repli_snapshot *after, const char *action) {
    if (before == NULL || after == NULL || !repli__log_on(log, REPLI_LOG_INFO))
        return;
    const repli_shards *old = repli_snapshot_shards(before, NULL);
    const repli_shards *new = repli_snapshot_shards(after, NULL);
    if (old == NULL || new == NULL)
        return;
    size_t from = 0;
    for (size_t i = 0; i < new->shard_count; i++) {
        const repli_shard *was = find(old, new->shards[i].id, &from);
        if (was == NULL || was->role != new->shards[i].role)
            log_role(log, was, &new->shards[i], action);
    }
    from = 0;
    for (size_t i = 0; i < old->shard_count; i++)
        if (find(new, old->shards[i].id, &from) == NULL)
            log_role(log, &old->shards[i], NULL, action);
}
