#include <stdio.h>
#include <string.h>

#include "info.h"
#include "peer.h"
#include "plan.h"
#include "redis.h"

/*
 * cluster.join, on the new node, and cluster.add, on a member, do the same from the two sides: one
 * of them is here, the other one is reached by its address.
 */
typedef struct pair {
    repli__redis_peer here, there;
    repli__redis_peer *newcomer, *member;
    const char *member_address; /* as the newcomer is to reach it */
} pair;

#define COPY "the copy of the primary's data"

/* Following would end in the loss of what the newcomer holds. */
static int32_t check_keys(const repli__redis_task *task, const repli__redis_peer *newcomer,
                          repli_error *err) {
    if (newcomer->seen.keys == 0 || task->args.force)
        return REPLI_OK;
    return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                             "Redis at %s holds %lld keys, which joining would delete: empty it, "
                             "or give \"force\": true",
                             newcomer->link.name, (long long)newcomer->seen.keys);
}

/* Replication. */

static int follows(const repli__redis_peer *newcomer, const char *address) {
    char text[300];
    snprintf(text, sizeof(text), strchr(newcomer->seen.primary_host, ':') ? "[%s]:%s" : "%s:%s",
             newcomer->seen.primary_host, newcomer->seen.primary_port);
    return newcomer->seen.replica && strcmp(text, address) == 0;
}

static int32_t follow(repli__redis_task *task, pair *both, repli_error *err) {
    repli__redis_address to;
    if (!repli__redis_address_parse(both->member_address, &to))
        return repli__redis_fail(task->redis, err, REPLI_EINVALID, NULL,
                                 "\"%s\" is no address of the primary: configure member",
                                 both->member_address);
    int32_t code = REPLI_OK;
    if (!both->newcomer->seen.replica)
        code = check_keys(task, both->newcomer, err);
    if (code == REPLI_OK)
        code = repli__redis_peer_persist(task, both->newcomer, err);
    if (code == REPLI_OK)
        code = repli__redis_peer_do(task, both->newcomer,
                                    REPLI__REDIS_COMMAND("REPLICAOF", to.host, to.port), err);
    if (code == REPLI_OK)
        code = repli__redis_peer_persist(task, both->newcomer, err);
    snprintf(task->primary, sizeof(task->primary), "%s", both->member_address);
    repli__redis_plan_then(task, COPY);
    if (code == REPLI_OK && task->plan)
        code = repli__redis_peer_persist(task, both->newcomer, err);
    return code ? code : repli__redis_task_go(task, "link", 100, err);
}

static int32_t join_plain(repli__redis_task *task, pair *both, repli_error *err) {
    const repli__redis_observation *newcomer = &both->newcomer->seen;
    const repli__redis_observation *member = &both->member->seen;
    if (strcmp(newcomer->run_id, member->run_id) == 0)
        return repli__redis_fail(task->redis, err, REPLI_EINVALID, NULL,
                                 "%s and %s are the same server: a node cannot follow itself",
                                 both->here.link.name, both->there.link.name);
    if (member->replica)
        return repli__redis_fail(task->redis, err, REPLI_ENOTLEADER, NULL,
                                 "Redis at %s is a replica itself, of %s:%s: name the primary",
                                 both->member->link.name, member->primary_host,
                                 member->primary_port);
    if (!follows(both->newcomer, both->member_address)) {
        if (repli__redis_task_in(task, "link"))
            return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                     "Redis at %s was made to follow %s and does not any more: "
                                     "somebody else changed its role",
                                     both->newcomer->link.name, both->member_address);
        return follow(task, both, err);
    }
    if (!newcomer->link_up)
        return repli__redis_task_wait(task, err, "%s",
                                      newcomer->syncing ? COPY : "the link to the primary");
    snprintf(task->primary, sizeof(task->primary), "%s", both->member_address);
    const int32_t code = repli__redis_peer_persist(task, both->newcomer, err);
    return code ? code : repli__redis_task_done(task, err);
}

/* Cluster mode. */

static int knows(const repli__redis_observation *one, const repli__redis_observation *other) {
    const repli__redis_node *node = repli__redis_nodes_by_id(&one->nodes, other->self->id);
    return node && !(node->flags & REPLI__REDIS_HANDSHAKE);
}

static int32_t meet(repli__redis_task *task, pair *both, repli_error *err) {
    const repli__redis_observation *there = &both->there.seen;
    char ip[64];
    if (!repli__redis_is_formed(&both->member->seen))
        return repli__redis_fail(task->redis, err, REPLI_ESTATE, NULL,
                                 "Redis at %s is in no cluster: run cluster.init there first",
                                 both->member->link.name);
    if (repli__redis_is_formed(&both->newcomer->seen) && !task->args.force)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "Redis at %s is in another cluster: the two would become one, and "
                                 "one of them would lose slots and data; remove the node there "
                                 "first, or give \"force\": true",
                                 both->newcomer->link.name);
    int32_t code = check_keys(task, both->newcomer, err);
    if (code != REPLI_OK)
        return code;
    /* MEET takes no names, and says OK to whatever it is told. */
    if (!repli__redis_peer_ip(&both->there, ip))
        return repli__redis_fail(task->redis, err, REPLI_EIO, NULL,
                                 "the numeric address of %s is not known", both->there.link.name);
    code = repli__redis_peer_do(
        task, &both->here,
        REPLI__REDIS_COMMAND("CLUSTER", "MEET", ip, there->self->port, there->self->bus_port), err);
    return code ? code : repli__redis_task_go(task, "meet", 200, err);
}

/* The primary that has the fewest replicas. NULL: there is none. */
static const repli__redis_node *neediest(const repli__redis_nodes *nodes) {
    const repli__redis_node *found = NULL;
    size_t fewest = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        const repli__redis_node *node = &nodes->items[i];
        const unsigned bad = REPLI__REDIS_FAIL | REPLI__REDIS_MAYBE_FAIL | REPLI__REDIS_HANDSHAKE |
                             REPLI__REDIS_NO_ADDRESS;
        if (!(node->flags & REPLI__REDIS_PRIMARY) || (node->flags & bad) || !*node->slots)
            continue;
        const size_t followers = repli__redis_nodes_followers(nodes, node->id);
        if (!found || followers < fewest) {
            found = node;
            fewest = followers;
        }
    }
    return found;
}

/* Whom the newcomer is to replicate goes into task->primary. */
static int32_t choose(repli__redis_task *task, const pair *both, repli_error *err) {
    const repli__redis_nodes *nodes = &both->member->seen.nodes;
    const char *wanted = task->args.replicate;
    const repli__redis_node *chosen = repli__redis_nodes_by_id(nodes, wanted);
    if (strcmp(wanted, "auto") == 0)
        chosen = neediest(nodes);
    if (!chosen)
        chosen = repli__redis_nodes_by_address(nodes, wanted);
    if (!chosen || !(chosen->flags & REPLI__REDIS_PRIMARY))
        return repli__redis_fail(task->redis, err, REPLI_ENOTFOUND, NULL,
                                 "the cluster has no primary \"%s\" to replicate", wanted);
    snprintf(task->primary, sizeof(task->primary), "%s", chosen->id);
    return REPLI_OK;
}

static int32_t replicate(repli__redis_task *task, pair *both, repli_error *err) {
    const repli__redis_observation *newcomer = &both->newcomer->seen;
    const repli__redis_node *primary = repli__redis_nodes_by_id(&newcomer->nodes, task->primary);
    if (!task->plan && (!primary || (primary->flags & REPLI__REDIS_HANDSHAKE)))
        return repli__redis_task_wait(task, err, "the new node to know its primary %s",
                                      task->primary);
    if (*newcomer->self->slots)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "Redis at %s holds the slots %s: move them to another primary "
                                 "first",
                                 both->newcomer->link.name, newcomer->self->slots);
    int32_t code = check_keys(task, both->newcomer, err);
    /* Only an empty node may become a replica. */
    if (code == REPLI_OK && newcomer->keys > 0 && !newcomer->replica)
        code = repli__redis_peer_do(task, both->newcomer, REPLI__REDIS_COMMAND("FLUSHALL"), err);
    if (code == REPLI_OK)
        code = repli__redis_peer_do(
            task, both->newcomer, REPLI__REDIS_COMMAND("CLUSTER", "REPLICATE", task->primary), err);
    repli__redis_plan_then(task, COPY);
    return code ? code : repli__redis_task_go(task, "replicate", 100, err);
}

/* The two know each other. */
static int32_t join_known(repli__redis_task *task, pair *both, repli_error *err) {
    const repli__redis_observation *newcomer = &both->newcomer->seen;
    if (!*task->args.replicate)
        return repli__redis_task_done(task, err);
    if (!*task->primary) {
        const int any = strcmp(task->args.replicate, "auto") == 0 && newcomer->replica;
        if (any)
            snprintf(task->primary, sizeof(task->primary), "%s", newcomer->self->primary);
        const int32_t code = any ? REPLI_OK : choose(task, both, err);
        if (code != REPLI_OK)
            return code;
    }
    if (strcmp(newcomer->self->primary, task->primary) != 0)
        return replicate(task, both, err);
    if (!newcomer->link_up)
        return repli__redis_task_wait(task, err, COPY);
    return repli__redis_task_done(task, err);
}

static int32_t join_cluster(repli__redis_task *task, pair *both, repli_error *err) {
    const repli__redis_observation *newcomer = &both->newcomer->seen;
    const repli__redis_observation *member = &both->member->seen;
    if (strcmp(newcomer->self->id, member->self->id) == 0)
        return repli__redis_fail(task->redis, err, REPLI_EINVALID, NULL,
                                 "%s and %s are the same server: a node cannot meet itself",
                                 both->here.link.name, both->there.link.name);
    const int met = knows(newcomer, member) && knows(member, newcomer);
    int32_t code = REPLI_OK;
    /* A handshake that comes to nothing is given up by the servers and has to be begun anew. */
    if (!met && (!repli__redis_task_in(task, "meet") || repli__redis_task_seconds(task) >= 15))
        code = meet(task, both, err);
    else if (!met)
        code = repli__redis_task_wait(task, err, "%s and %s to know each other",
                                      both->here.link.name, both->there.link.name);
    else if (newcomer->known_nodes < member->known_nodes ||
             repli__redis_nodes_with(&newcomer->nodes, REPLI__REDIS_HANDSHAKE) > 0)
        code = repli__redis_task_wait(task, err, "the new node to know the whole cluster");
    else
        return join_known(task, both, err);
    if (code != REPLI_OK || !task->plan)
        return code;
    /* A plan goes on as if they had met. */
    if (!met)
        repli__redis_plan_then(task, "the new node to know the whole cluster");
    return join_known(task, both, err);
}

/* Both. */

static int32_t join(repli__redis_task *task, pair *both, const char *address, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli__redis_peer_here(task, &both->here, &error);
    if (code == REPLI_OK)
        code = repli__redis_peer_at(task, address, &both->there, &error);
    /* Once something was done, what is away may come back. */
    if (code != REPLI_OK && *task->stage && code != REPLI_EAUTH && code != REPLI_EPERMISSION)
        return repli__redis_task_wait(task, err, "both servers to answer (%s)", error.message);
    if (code != REPLI_OK)
        return repli__redis_pass(task->redis, err, &error, NULL);
    if (both->here.seen.loading || both->there.seen.loading)
        return repli__redis_task_wait(task, err, "both servers to load their data");
    if (both->here.seen.cluster_mode != both->there.seen.cluster_mode)
        return repli__redis_fail(task->redis, err, REPLI_ECONFLICT, NULL,
                                 "one of %s and %s is in cluster mode and the other one is not",
                                 both->here.link.name, both->there.link.name);
    return both->here.seen.cluster_mode ? join_cluster(task, both, err)
                                        : join_plain(task, both, err);
}

int32_t repli__redis_act_join(repli__redis_task *task, repli_error *err) {
    pair both = {.here = REPLI__REDIS_PEER_INIT, .there = REPLI__REDIS_PEER_INIT};
    both.newcomer = &both.here;
    both.member = &both.there;
    both.member_address = task->args.source;
    const int32_t code = join(task, &both, task->args.source, err);
    repli__redis_peer_close(task, &both.here);
    repli__redis_peer_close(task, &both.there);
    return code;
}

int32_t repli__redis_act_add(repli__redis_task *task, repli_error *err) {
    const repli__redis_config *config = &task->redis->config;
    char own[300];
    snprintf(own, sizeof(own), strchr(config->host, ':') ? "[%s]:%s" : "%s:%s", config->host,
             config->port);
    pair both = {.here = REPLI__REDIS_PEER_INIT, .there = REPLI__REDIS_PEER_INIT};
    both.newcomer = &both.there;
    both.member = &both.here;
    both.member_address = *config->member ? config->member : own;
    const int32_t code = join(task, &both, task->args.address, err);
    repli__redis_peer_close(task, &both.here);
    repli__redis_peer_close(task, &both.there);
    return code;
}
