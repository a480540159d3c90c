#include "info.h"
#include "peer.h"
#include "plan.h"
#include "redis.h"

/* Without cluster mode a cluster begins with any primary. */
static int32_t init_plain(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const repli__redis_observation *seen = &here->seen;
    if (seen->replica && !task->args.force)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "this node is a replica of %s:%s: give \"force\": true to make it "
                                 "the primary of a cluster of its own",
                                 seen->primary_host, seen->primary_port);
    int32_t code = repli__redis_peer_persist(task, here, err);
    if (code != REPLI_OK || !seen->replica)
        return code ? code : repli__redis_task_done(task, err);
    code = repli__redis_peer_do(task, here, REPLI__REDIS_COMMAND("REPLICAOF", "NO", "ONE"), err);
    if (code == REPLI_OK)
        code = repli__redis_peer_persist(task, here, err);
    return code ? code : repli__redis_task_done(task, err);
}

#define CLUSTER_OK "the state of the cluster to be \"ok\""

static int32_t init_cluster(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const repli__redis_observation *seen = &here->seen;
    if (seen->slots_assigned == 16384)
        return seen->cluster_ok ? repli__redis_task_done(task, err)
                                : repli__redis_task_wait(task, err, CLUSTER_OK);
    if (seen->slots_assigned > 0)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "the cluster has been made already, in part: %lld of 16384 slots "
                                 "are assigned; give the others to its primaries by hand",
                                 (long long)seen->slots_assigned);
    if (seen->replica)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "this node is a replica, which holds no slots");
    const int32_t code = repli__redis_peer_do(
        task, here, REPLI__REDIS_COMMAND("CLUSTER", "ADDSLOTSRANGE", "0", "16383"), err);
    repli__redis_plan_then(task, CLUSTER_OK);
    return code ? code : repli__redis_task_go(task, "slots", 200, err);
}

int32_t repli__redis_act_init(repli__redis_task *task, repli_error *err) {
    repli__redis_peer here = REPLI__REDIS_PEER_INIT;
    int32_t code = repli__redis_peer_here(task, &here, err);
    if (code == REPLI_OK && here.seen.loading)
        code = repli__redis_task_wait(task, err, "the server to load its data");
    else if (code == REPLI_OK)
        code =
            here.seen.cluster_mode ? init_cluster(task, &here, err) : init_plain(task, &here, err);
    repli__redis_peer_close(task, &here);
    return code;
}
