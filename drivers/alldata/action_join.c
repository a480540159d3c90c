#include <stdio.h>
#include <string.h>

#include "task.h"

typedef struct search {
    const char *address;
    int live;    /* a peer at that address lives */
    size_t dead; /* how many peers are dead there */
} search;

static int32_t match(void *user_data, const repli__alldata_peer *peer) {
    search *it = user_data;
    const int same = strcmp(peer->gossip, it->address) == 0;
    it->live |= same && peer->live;
    it->dead += same && !peer->live;
    return REPLI_OK;
}

/* A node is a member as soon as it and another have gossiped; the rest comes by
 * hearsay. */
int32_t repli__alldata_act_join(repli__alldata_task *task, repli_error *err) {
    const char *source = task->args.source;
    search found = {.address = source};
    repli__alldata_status seen;
    int32_t code = repli__alldata_look(task->alldata, task->op, &seen, err);
    if (code != REPLI_OK)
        return code;
    if (!*seen.gossip)
        return repli__alldata_fail(task->alldata, err, REPLI_ECONFLICT, NULL,
                                   "the node has no peers: its configuration has no address for "
                                   "gossip");
    if (strcmp(seen.gossip, source) == 0)
        return repli__alldata_fail(task->alldata, err, REPLI_EINVALID, NULL,
                                   "%s is this node itself: give the address of another one",
                                   source);
    code = repli__alldata_peers(task->alldata, task->op, match, &found, err);
    if (code != REPLI_OK || found.live)
        return code ? code : repli__alldata_task_done(task);
    char waits_for[400];
    snprintf(waits_for, sizeof(waits_for), "a node that gossips at %s", source);
    if (task->plans)
        return repli__alldata_task_tell(task, "join", "address", source, waits_for,
                                        "have the node gossip with the one at %s", source);
    repli__alldata_answer answer;
    code = repli__alldata_task_post(task, "join", "address", source, &answer, err);
    if (code != REPLI_OK)
        return code;
    repli__alldata_answer_free(task->alldata, &answer);
    return repli__alldata_task_wait(task, err, "%s", waits_for);
}
