#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "info.h"
#include "peer.h"
#include "plan.h"
#include "redis.h"

/*
 * A planned failover, asked of the primary. In either mode it counts as done once this node is a
 * replica of its successor and the link to it stands.
 */

enum {
    ASK_AGAIN_S = 6, /* an election may come to nothing */
    NEWS_S = 10      /* what changed elsewhere takes a moment to be known here */
};

#define CATCH_UP "the replica to catch up and take over"

static void primary_of(const repli__redis_observation *seen, char *ret_text, size_t size) {
    snprintf(ret_text, size, strchr(seen->primary_host, ':') ? "[%s]:%s" : "%s:%s",
             seen->primary_host, seen->primary_port);
}

/* Both have changed their roles while running, and forget that unless it is written down. */
static int32_t persist_both(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    repli__redis_peer successor = REPLI__REDIS_PEER_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__redis_peer_at(task, task->primary, &successor, &error);
    if (code == REPLI_OK)
        code = repli__redis_peer_persist(task, &successor, &error);
    repli__redis_peer_close(task, &successor);
    if (code != REPLI_OK)
        repli__redis_log(task->redis, REPLI_LOG_WARNING,
                         "the new primary %s may come back as a replica after a restart: %s",
                         task->primary, error.message);
    return repli__redis_peer_persist(task, here, err);
}

/* This node is a replica. */
static int32_t settle(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const repli__redis_observation *seen = &here->seen;
    char primary[sizeof(task->primary)];
    primary_of(seen, primary, sizeof(primary));
    const int ours = *task->stage || task->interrupted || strcmp(task->args.to, primary) == 0;
    if (!ours)
        return repli__redis_fail(task->redis, err, REPLI_ENOTLEADER, NULL,
                                 "this node is a replica of %s: run redis.io/failover there, or "
                                 "redis.io/promote here",
                                 primary);
    if (!seen->link_up)
        return repli__redis_task_wait(task, err, "the link to the new primary %s", primary);
    snprintf(task->primary, sizeof(task->primary), "%s", primary);
    int32_t code = REPLI_OK;
    if (!seen->cluster_mode)
        code = persist_both(task, here, err);
    return code ? code : repli__redis_task_done(task, err);
}

/* Replication. */

/* What comes after the server has done its part. Who will be the successor it chooses itself if it
 * is not told. */
static int32_t plan_rest(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    repli__redis_plan_then(task, CATCH_UP);
    repli__redis_plan_then(task, "the link to the new primary");
    snprintf(task->primary, sizeof(task->primary), "%s", task->args.to);
    return *task->args.to ? persist_both(task, here, err)
                          : repli__redis_peer_persist(task, here, err);
}

static int32_t begin(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const repli__redis_observation *seen = &here->seen;
    repli__redis_address to = {"", "", ""};
    if (seen->followers == 0)
        return repli__redis_fail(task->redis, err, REPLI_ESTATE, NULL,
                                 "nobody follows this primary, so nobody could take over");
    if (*task->args.to && (!repli__redis_address_parse(task->args.to, &to) ||
                           !repli__redis_info_follower(repli__redis_info(seen), to.host, to.port)))
        return repli__redis_fail(task->redis, err, REPLI_ENOTFOUND, NULL,
                                 "\"%s\" is none of the replicas of this primary, as INFO "
                                 "replication lists them",
                                 task->args.to);
    int32_t code = repli__redis_peer_persist(task, here, err);
    if (code != REPLI_OK)
        return code;
    char milliseconds[24];
    snprintf(milliseconds, sizeof(milliseconds), "%" PRId64, task->args.timeout_s * 1000);
    code = repli__redis_peer_do(
        task, here,
        *to.host ? REPLI__REDIS_COMMAND("FAILOVER", "TO", to.host, to.port, "TIMEOUT", milliseconds)
                 : REPLI__REDIS_COMMAND("FAILOVER", "TIMEOUT", milliseconds),
        err);
    if (code == REPLI_OK && task->plan)
        return plan_rest(task, here, err);
    return code ? code : repli__redis_task_go(task, "failover", 20, err);
}

/* Towards the end of it the server calls itself a replica already. */
static int is_in_progress(const repli__redis_observation *seen) {
    return repli__redis_info_differs(repli__redis_info(seen), "master_failover_state",
                                     "no-failover");
}

static int32_t ended(repli__redis_task *task, repli__redis_peer *here, repli_error *err);

/* The server ends it as well, at its own timeout or once the replica has caught up, and perhaps
 * since it was asked. */
static int has_ended_meanwhile(repli__redis_task *task, repli__redis_peer *here) {
    repli_error error = REPLI_ERROR_INIT;
    repli__redis_observation_free(task->redis, &here->seen);
    return repli__redis_look(task->redis, task->op, &here->link, &here->seen, &error) == REPLI_OK &&
           !is_in_progress(&here->seen);
}

/* The server's own timeout does not cover the last phase, in which it takes no writes: a replica
 * that hangs would hold it there for ever. */
static int32_t abort_it(repli__redis_task *task, repli__redis_peer *here, int32_t code,
                        const char *why, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t aborted =
        repli__redis_peer_do(task, here, REPLI__REDIS_COMMAND("FAILOVER", "ABORT"), &error);
    if (aborted != REPLI_OK && has_ended_meanwhile(task, here))
        return ended(task, here, err);
    if (aborted != REPLI_OK)
        return repli__redis_pass(task->redis, err, &error,
                                 "the failover is to end, but could not be aborted");
    return repli__redis_fail(task->redis, err, code, NULL,
                             "the failover was aborted %s, and this node is the primary as before: "
                             "the replica did not catch up or does not answer",
                             why);
}

static int32_t give_up(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    char why[40];
    snprintf(why, sizeof(why), "after %" PRId64 " s", task->args.timeout_s);
    return abort_it(task, here, REPLI_ETIMEOUT, why, err);
}

/* It is to end. What has happened is not undone: the node would have to take over once more. */
static int32_t cancel(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    if (is_in_progress(&here->seen))
        return abort_it(task, here, REPLI_ECANCELLED, task->ends ? "at its deadline" : "on request",
                        err);
    if (!here->seen.replica)
        return repli__redis_fail(task->redis, err, REPLI_ECANCELLED, NULL,
                                 "no failover is in progress, and this node is the primary");
    if (here->seen.link_up || !task->ends)
        return settle(task, here, err);
    return repli__redis_fail(task->redis, err, REPLI_ECANCELLED, NULL,
                             "the failover took place, but the link of this node to the new "
                             "primary does not stand yet");
}

/* No failover is in progress any more. */
static int32_t ended(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    if (task->cancelled)
        return cancel(task, here, err);
    if (here->seen.replica)
        return settle(task, here, err);
    return repli__redis_fail(task->redis, err, REPLI_ETIMEOUT, NULL,
                             "the failover was given up by the server, and this node is the "
                             "primary as before; the server's log tells why");
}

static int32_t failover_plain(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const int ours = repli__redis_task_in(task, "failover");
    if (is_in_progress(&here->seen)) {
        if (!ours && !task->interrupted)
            return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                     "another failover is in progress, which is none of this "
                                     "agent's");
        if (task->cancelled)
            return cancel(task, here, err);
        return repli__redis_task_late(task) ? give_up(task, here, err)
                                            : repli__redis_task_wait(task, err, CATCH_UP);
    }
    return ours || task->cancelled || here->seen.replica ? ended(task, here, err)
                                                         : begin(task, here, err);
}

/* Cluster mode: a replica is told to take over. */

static const repli__redis_node *successor(const repli__redis_task *task,
                                          const repli__redis_observation *seen) {
    const char *to = task->args.to;
    for (size_t i = 0; i < seen->nodes.count; i++) {
        const repli__redis_node *node = &seen->nodes.items[i];
        char address[80];
        snprintf(address, sizeof(address), "%s:%s", node->ip, node->port);
        if (strcmp(node->primary, seen->self->id) != 0 || !node->connected ||
            (node->flags & (REPLI__REDIS_FAIL | REPLI__REDIS_MAYBE_FAIL)))
            continue;
        if (!*to || strcmp(to, node->id) == 0 || strcmp(to, address) == 0)
            return node;
    }
    return NULL;
}

static int32_t failover_cluster(repli__redis_task *task, repli__redis_peer *here,
                                repli_error *err) {
    if (here->seen.replica)
        return settle(task, here, err);
    /* A replica that was told so takes over or gives up by itself within seconds. */
    if (task->cancelled && repli__redis_task_in(task, "failover") &&
        repli__redis_task_seconds(task) < ASK_AGAIN_S)
        return repli__redis_task_wait(task, err, "the replica to take over");
    if (task->cancelled)
        return repli__redis_fail(task->redis, err, REPLI_ECANCELLED, NULL,
                                 "no replica has taken over, and this node is the primary");
    if (repli__redis_task_in(task, "failover") && repli__redis_task_seconds(task) < ASK_AGAIN_S)
        return repli__redis_task_wait(task, err, "the replica to take over");
    if (repli__redis_task_late(task))
        return repli__redis_task_wait(task, err, "the replica to take over");
    const repli__redis_node *node = successor(task, &here->seen);
    if (!node && repli__redis_task_seconds(task) < NEWS_S)
        return repli__redis_task_wait(task, err, "a replica of this primary that works");
    if (!node)
        return repli__redis_fail(task->redis, err, REPLI_ESTATE, NULL,
                                 "no replica of this primary that works%s%s%s",
                                 *task->args.to ? " is \"" : " is there to take over",
                                 task->args.to, *task->args.to ? "\"" : "");
    char address[80];
    snprintf(address, sizeof(address), strchr(node->ip, ':') ? "[%s]:%s" : "%s:%s", node->ip,
             node->port);
    repli__redis_peer there = REPLI__REDIS_PEER_INIT;
    int32_t code = repli__redis_peer_at(task, address, &there, err);
    if (code == REPLI_OK)
        code = repli__redis_peer_do(task, &there, REPLI__REDIS_COMMAND("CLUSTER", "FAILOVER"), err);
    repli__redis_peer_close(task, &there);
    repli__redis_plan_then(task, CATCH_UP);
    return code ? code : repli__redis_task_go(task, "failover", 100, err);
}

int32_t repli__redis_act_failover(repli__redis_task *task, repli_error *err) {
    repli__redis_peer here = REPLI__REDIS_PEER_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__redis_peer_here(task, &here, &error);
    if (code != REPLI_OK && *task->stage && code != REPLI_EAUTH && code != REPLI_EPERMISSION)
        code = repli__redis_task_wait(task, err, "this node to answer (%s)", error.message);
    else if (code != REPLI_OK)
        code = repli__redis_pass(task->redis, err, &error, NULL);
    else
        code = here.seen.cluster_mode ? failover_cluster(task, &here, err)
                                      : failover_plain(task, &here, err);
    repli__redis_peer_close(task, &here);
    return code;
}
