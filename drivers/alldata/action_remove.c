#include <string.h>

#include "task.h"

typedef struct search {
    const char *node; /* id, or address for gossip */
    int found;
    repli__alldata_peer peer;
} search;

static int32_t match(void *user_data, const repli__alldata_peer *peer) {
    search *it = user_data;
    if (strcmp(peer->id, it->node) == 0 || strcmp(peer->gossip, it->node) == 0) {
        it->peer = *peer;
        it->found = 1;
    }
    return REPLI_OK;
}

static int32_t refuse_self(const repli__alldata_task *task, repli_error *err) {
    return repli__alldata_fail(task->alldata, err, REPLI_EINVALID, NULL,
                               "this is the node itself, which cannot forget itself: stop it, and "
                               "remove it through one that stays");
}

int32_t repli__alldata_act_remove(repli__alldata_task *task, repli_error *err) {
    search wanted = {.node = task->args.node};
    repli__alldata_status seen;
    int32_t code = repli__alldata_look(task->alldata, task->op, &seen, err);
    if (code != REPLI_OK)
        return code;
    if (strcmp(seen.id, wanted.node) == 0 || strcmp(seen.gossip, wanted.node) == 0)
        return refuse_self(task, err);
    code = repli__alldata_peers(task->alldata, task->op, match, &wanted, err);
    if (code != REPLI_OK || !wanted.found)
        return code ? code : repli__alldata_task_done(task);
    if (wanted.peer.live)
        return repli__alldata_fail(task->alldata, err, REPLI_ECONFLICT, NULL,
                                   "the node %s lives, and would be known again at once: stop it "
                                   "first",
                                   wanted.peer.id);
    if (task->plans)
        return repli__alldata_task_tell(
            task, "forget", "id", wanted.peer.id, NULL,
            "forget the dead node %s, and the %lld events that are kept for it", wanted.peer.id,
            (long long)wanted.peer.hints);
    repli__alldata_answer answer;
    repli_error error = REPLI_ERROR_INIT;
    code = repli__alldata_task_post(task, "forget", "id", wanted.peer.id, &answer, &error);
    if (code == REPLI_ENOTFOUND) /* another has been faster */
        return repli__alldata_task_done(task);
    if (code != REPLI_OK)
        return repli__alldata_pass(task->alldata, err, &error, NULL);
    const repli_host *host = task->alldata->host;
    task->number_name = "hints";
    host->json_integer(host, answer.body, answer.size, "hints", &task->number, NULL);
    repli__alldata_answer_free(task->alldata, &answer);
    return repli__alldata_task_done(task);
}
