#include "agent/changes.h"

#include <string.h>

#include "driver/shard_index.h"

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

/* Shards in which others are looked up: mostly they are in the same order, and when they are not,
 * there may be many. */
typedef struct lookup {
    const repli_shards *in;
    const repli__mem *mem;
    size_t next;               /* after the one found last */
    repli__shard_index *index; /* made for the first that is not there */
} lookup;

/* Returns 0 when out of memory. */
static int make_index(lookup *it) {
    for (size_t i = 0; i < it->in->shard_count; i++)
        if (repli__shard_index_add(&it->index, it->mem, it->in->shards, i) == REPLI_ENOMEM)
            return 0;
    return 1;
}

/* Returns 0 when out of memory; *ret_shard is NULL if there is none. */
static int find(lookup *it, const char *id, const repli_shard **ret_shard) {
    const repli_shard *shards = it->in->shards;
    const size_t at = it->next;
    *ret_shard = NULL;
    if (at < it->in->shard_count && strcmp(shards[at].id, id) == 0)
        *ret_shard = &shards[at];
    else if (it->index == NULL && !make_index(it))
        return 0;
    else
        *ret_shard = repli__shard_index_find(it->index, shards, id);
    if (*ret_shard != NULL)
        it->next = (size_t)(*ret_shard - shards) + 1;
    return 1;
}

/* Those of new that are not in old or have another role there, or, if absent, those of old that are
 * not in new. Returns 0 when out of memory, or when visit does. */
static int compare(const repli__mem *mem, const repli_shards *these, const repli_shards *others,
                   int absent, repli__changes_fn visit, void *user_data) {
    lookup look = {.in = others, .mem = mem};
    int goes_on = 1;
    for (size_t i = 0; goes_on && i < these->shard_count; i++) {
        const repli_shard *shard = &these->shards[i];
        const repli_shard *other;
        goes_on = find(&look, shard->id, &other);
        if (goes_on && absent && other == NULL)
            goes_on = visit(user_data, shard, NULL);
        else if (goes_on && !absent && (other == NULL || other->role != shard->role))
            goes_on = visit(user_data, other, shard);
    }
    repli__shard_index_free(look.index, mem);
    return goes_on;
}

int repli__changes_each(const repli__mem *mem, const repli_shards *old, const repli_shards *new,
                        repli__changes_fn visit, void *user_data) {
    return compare(mem, new, old, 0, visit, user_data) &&
           compare(mem, old, new, 1, visit, user_data);
}

typedef struct log_of_roles {
    repli__log *log;
    const char *action;
} log_of_roles;

static int log_role(void *user_data, const repli_shard *old, const repli_shard *new) {
    const log_of_roles *self = user_data;
    const char *id = old != NULL ? old->id : new->id;
    repli__log_printf(self->log, REPLI_LOG_INFO, "agent", "shard \"%s\": %s -> %s%s%s", id,
                      old != NULL ? repli_role_name(old->role) : "absent",
                      new != NULL ? repli_role_name(new->role) : "absent",
                      cause(self->action, "; while running "), self->action);
    return 1;
}

void repli__changes_roles(repli__log *log, const repli__mem *mem, const repli_snapshot *before,
                          const repli_snapshot *after, const char *action) {
    if (before == NULL || after == NULL || !repli__log_on(log, REPLI_LOG_INFO))
        return;
    const repli_shards *old = repli_snapshot_shards(before, NULL);
    const repli_shards *new = repli_snapshot_shards(after, NULL);
    if (old == NULL || new == NULL)
        return;
    log_of_roles self = {log, action};
    if (!repli__changes_each(mem, old, new, log_role, &self))
        repli__log_printf(log, REPLI_LOG_WARNING, "agent",
                          "out of memory: some roles of shards that changed are not logged");
}
