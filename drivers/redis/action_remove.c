#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "redis.h"

/* Replication. A primary keeps no list of its replicas, so that only the one which goes has
 * something to do. */

static int32_t leave(repli__redis_task *task, repli__redis_peer *leaver, repli_error *err) {
    const repli__redis_observation *seen = &leaver->seen;
    if (!seen->replica && seen->followers > 0)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "Redis at %s is the primary of %lld others: fail over first",
                                 leaver->link.name, (long long)seen->followers);
    if (!seen->replica)
        return repli__redis_task_done(task, err);
    int32_t code = repli__redis_peer_persist(task, leaver, err);
    if (code == REPLI_OK)
        code =
            repli__redis_peer_do(task, leaver, REPLI__REDIS_COMMAND("REPLICAOF", "NO", "ONE"), err);
    if (code == REPLI_OK)
        code = repli__redis_peer_persist(task, leaver, err);
    return code ? code : repli__redis_task_done(task, err);
}

static int is_down(int32_t code) {
    return code == REPLI_EREFUSED || code == REPLI_ETIMEOUT || code == REPLI_ELOST;
}

static int32_t remove_plain(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    if (!*task->args.node)
        return leave(task, here, err);
    repli__redis_peer there = REPLI__REDIS_PEER_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__redis_peer_at(task, task->args.node, &there, &error);
    if (code == REPLI_OK) {
        code = leave(task, &there, err);
    } else if (is_down(code)) {
        repli__redis_log(task->redis, REPLI_LOG_WARNING,
                         "the node that was removed does not answer; should it come back, it goes "
                         "on as it was: %s",
                         error.message);
        code = repli__redis_task_done(task, err);
    } else {
        code = repli__redis_pass(task->redis, err, &error, NULL);
    }
    repli__redis_peer_close(task, &there);
    return code;
}

/*
 * Cluster mode. A node is forgotten once every other one was told so within a minute, since those
 * that were not tell the others of it again.
 */

static int32_t refuse_followers(const repli__redis_task *task, const char *id, size_t followers,
                                repli_error *err) {
    return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                             "the node %s has %zu replicas: have them replicate another primary, "
                             "or fail over, first",
                             id, followers);
}

static int32_t check_leaver(const repli__redis_task *task, const repli__redis_nodes *nodes,
                            const repli__redis_node *leaver, repli_error *err) {
    if (*leaver->slots && !task->args.force)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "the node %s holds the slots %s: move them to another primary or "
                                 "fail over first, or give \"force\": true to lose them",
                                 leaver->id, leaver->slots);
    const size_t followers = repli__redis_nodes_followers(nodes, leaver->id);
    return followers > 0 ? refuse_followers(task, leaver->id, followers, err) : REPLI_OK;
}

/* Make the node one that has met nobody, with a new id. A primary with keys would refuse. */
static int32_t reset(repli__redis_task *task, repli__redis_peer *leaver, repli_error *err) {
    int32_t code = REPLI_OK;
    if (leaver->seen.keys > 0 && !leaver->seen.replica) {
        if (!task->args.force)
            return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                     "Redis at %s holds %lld keys, which leaving would delete: "
                                     "empty it, or give \"force\": true",
                                     leaver->link.name, (long long)leaver->seen.keys);
        code = repli__redis_peer_do(task, leaver, REPLI__REDIS_COMMAND("FLUSHALL"), err);
    }
    if (code == REPLI_OK)
        code = repli__redis_peer_do(task, leaver, REPLI__REDIS_COMMAND("CLUSTER", "RESET", "HARD"),
                                    err);
    return code;
}

static void address_of(const repli__redis_node *node, char *ret_text, size_t size) {
    snprintf(ret_text, size, strchr(node->ip, ':') ? "[%s]:%s" : "%s:%s", node->ip, node->port);
}

typedef int32_t (*visit_fn)(repli__redis_task *task, repli__redis_peer *member, const char *id,
                            repli_error *err);

/* Ask something of all members but this one and the one that goes. *ret_missed counts those that
 * do not answer. */
static int32_t visit_others(repli__redis_task *task, const repli__redis_nodes *nodes,
                            const char *id, visit_fn visit, size_t *ret_missed, repli_error *err) {
    *ret_missed = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        const repli__redis_node *node = &nodes->items[i];
        if ((node->flags & REPLI__REDIS_MYSELF) || strcmp(node->id, id) == 0 || !*node->ip ||
            (node->flags & (REPLI__REDIS_HANDSHAKE | REPLI__REDIS_NO_ADDRESS)))
            continue;
        char address[80];
        address_of(node, address, sizeof(address));
        repli__redis_peer member = REPLI__REDIS_PEER_INIT;
        repli_error error = REPLI_ERROR_INIT;
        int32_t code = repli__redis_peer_at(task, address, &member, &error);
        if (code == REPLI_OK)
            code = visit(task, &member, id, &error);
        repli__redis_peer_close(task, &member);
        if (is_down(code)) {
            repli__redis_log(task->redis, REPLI_LOG_WARNING,
                             "%s cannot be told that the node %s goes: %s", address, id,
                             error.message);
            ++*ret_missed;
        } else if (code != REPLI_OK) {
            return repli__redis_pass(task->redis, err, &error, NULL);
        }
    }
    return REPLI_OK;
}

/* Whom a node follows it knows itself, others hear of it later. */
static int32_t check_follower(repli__redis_task *task, repli__redis_peer *member, const char *id,
                              repli_error *err) {
    const repli__redis_node *self = member->seen.self;
    return self && strcmp(self->primary, id) == 0 ? refuse_followers(task, id, 1, err) : REPLI_OK;
}

static int32_t forget(repli__redis_task *task, repli__redis_peer *member, const char *id,
                      repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        repli__redis_peer_do(task, member, REPLI__REDIS_COMMAND("CLUSTER", "FORGET", id), &error);
    if (code == REPLI_OK || code == REPLI_ENOTFOUND)
        return REPLI_OK;
    return repli__redis_pass(task->redis, err, &error, NULL);
}

/* The one that goes is another node. It is reset first, so that nobody can be told of it again. */
static int32_t remove_other(repli__redis_task *task, repli__redis_peer *here,
                            const repli__redis_node *leaver, repli_error *err) {
    char address[80];
    address_of(leaver, address, sizeof(address));
    repli__redis_peer there = REPLI__REDIS_PEER_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code =
        *leaver->ip ? repli__redis_peer_at(task, address, &there, &error) : REPLI_EREFUSED;
    /* Somebody else may live at that address by now. */
    if (code == REPLI_OK && there.seen.self && strcmp(there.seen.self->id, leaver->id) == 0)
        code = reset(task, &there, &error);
    repli__redis_peer_close(task, &there);
    if (code != REPLI_OK && !is_down(code))
        return repli__redis_pass(task->redis, err, &error, NULL);

    size_t missed = 0;
    code = visit_others(task, &here->seen.nodes, leaver->id, forget, &missed, err);
    if (code == REPLI_OK && missed > 0) {
        code = repli__redis_task_wait(task, err, "%zu nodes to answer, to forget the one that goes",
                                      missed);
        if (!task->plan)
            return code;
    }
    if (code == REPLI_OK)
        code = forget(task, here, leaver->id, err);
    return code ? code : repli__redis_task_done(task, err);
}

static int32_t remove_self(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    size_t missed = 0;
    int32_t code = visit_others(task, &here->seen.nodes, here->seen.self->id, forget, &missed, err);
    if (code == REPLI_OK && missed > 0) {
        code = repli__redis_task_wait(task, err, "%zu nodes to answer, to forget this one", missed);
        if (!task->plan)
            return code;
    }
    if (code == REPLI_OK)
        code = reset(task, here, err);
    return code ? code : repli__redis_task_done(task, err);
}

static int32_t remove_cluster(repli__redis_task *task, repli__redis_peer *here, repli_error *err) {
    const repli__redis_nodes *nodes = &here->seen.nodes;
    const char *wanted = task->args.node;
    const repli__redis_node *leaver = here->seen.self;
    if (*wanted) {
        leaver = repli__redis_nodes_by_id(nodes, wanted);
        if (!leaver)
            leaver = repli__redis_nodes_by_address(nodes, wanted);
    }
    if (!leaver || !repli__redis_is_formed(&here->seen))
        return repli__redis_task_done(task, err);
    size_t missed = 0;
    int32_t code = check_leaver(task, nodes, leaver, err);
    if (code == REPLI_OK)
        code = visit_others(task, nodes, leaver->id, check_follower, &missed, err);
    if (code != REPLI_OK)
        return code;
    return leaver == here->seen.self ? remove_self(task, here, err)
                                     : remove_other(task, here, leaver, err);
}

int32_t repli__redis_act_remove(repli__redis_task *task, repli_error *err) {
    repli__redis_peer here = REPLI__REDIS_PEER_INIT;
    int32_t code = repli__redis_peer_here(task, &here, err);
    if (code == REPLI_OK && here.seen.loading)
        code = repli__redis_task_wait(task, err, "the server to load its data");
    else if (code == REPLI_OK)
        code = here.seen.cluster_mode ? remove_cluster(task, &here, err)
                                      : remove_plain(task, &here, err);
    repli__redis_peer_close(task, &here);
    return code;
}
