#include <string.h>

#include "peer.h"
#include "plan.h"
#include "redis.h"

/* Make this replica a primary: what is done when the primary is gone. */

/* An election may come to nothing, and is then asked for again. */
enum { ASK_AGAIN_S = 6 };

#define AGREEMENT "the cluster to agree that this replica takes over"

static int32_t done(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    int32_t code = REPLI_OK;
    if (!here->seen.cluster_mode)
        code = repli__redis_peer_persist(task, here, err);
    return code ? code : repli__redis_task_done(task, err);
}

static int32_t promote_plain(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const repli__redis_observation *seen = &here->seen;
    if (seen->link_up && !task->args.force && !*task->stage)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "the primary %s:%s is alive, and there would be two of them: run "
                                 "redis.io/failover there, or give \"force\": true",
                                 seen->primary_host, seen->primary_port);
    int32_t code = repli__redis_peer_persist(task, here, err);
    if (code == REPLI_OK)
        code =
            repli__redis_peer_do(task, here, REPLI__REDIS_COMMAND("REPLICAOF", "NO", "ONE"), err);
    if (code == REPLI_OK && task->plan)
        return done(task, here, err);
    return code ? code : repli__redis_task_go(task, "promote", 0, err);
}

/* A promotion that was asked for before may have come about between the look and the command. */
static int became_primary(repli__redis_task *task, repli__redis_peer *here) {
    repli_error ignored = REPLI_ERROR_INIT;
    repli__redis_observation_free(task->redis, &here->seen);
    return repli__redis_look(task->redis, task->op, &here->link, &here->seen, &ignored) ==
               REPLI_OK &&
           !here->seen.replica;
}

static int32_t promote_cluster(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const int asked =
        repli__redis_task_in(task, "promote") && repli__redis_task_seconds(task) < ASK_AGAIN_S;
    if (asked || repli__redis_task_late(task))
        return repli__redis_task_wait(task, err, AGREEMENT);
    const char *how = task->args.takeover ? "TAKEOVER" : task->args.force ? "FORCE" : NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        repli__redis_peer_do(task, here, REPLI__REDIS_COMMAND("CLUSTER", "FAILOVER", how), &error);
    if (code != REPLI_OK)
        return became_primary(task, here) ? done(task, here, err)
                                          : repli__redis_pass(task->redis, err, &error, NULL);
    repli__redis_plan_then(task, AGREEMENT);
    return repli__redis_task_go(task, "promote", 100, err);
}

int32_t repli__redis_act_promote(repli__redis_task *task, repli_error *err) {
    repli__redis_peer here = REPLI__REDIS_PEER_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__redis_peer_here(task, &here, &error);
    if (code != REPLI_OK && *task->stage && code != REPLI_EAUTH && code != REPLI_EPERMISSION)
        code = repli__redis_task_wait(task, err, "this node to answer (%s)", error.message);
    else if (code != REPLI_OK)
        code = repli__redis_pass(task->redis, err, &error, NULL);
    else if (here.seen.loading)
        code = repli__redis_task_wait(task, err, "the server to load its data");
    else if (!here.seen.replica)
        code = done(task, &here, err);
    else
        code = here.seen.cluster_mode ? promote_cluster(task, &here, err)
                                      : promote_plain(task, &here, err);
    repli__redis_peer_close(task, &here);
    return code;
}
