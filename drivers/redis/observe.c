#include "observe.h"

#include <stdio.h>
#include <string.h>

#include "info.h"
#include "redis.h"

/* An observation's questions follow each other at once. */
#define REUSE_NS UINT64_C(1000000000)

const char *repli__redis_info(const repli__redis_observation *seen) {
    return seen->info ? seen->info->str : "";
}

int repli__redis_is_formed(const repli__redis_observation *seen) {
    return seen->known_nodes > 1 || seen->slots_assigned > 0;
}

void repli__redis_observation_free(const repli__redis *redis, repli__redis_observation *seen) {
    freeReplyObject(seen->info);
    freeReplyObject(seen->cluster_info);
    repli__redis_nodes_free(redis, &seen->nodes);
    *seen = (repli__redis_observation){.lag = -1};
}

static int is_text(const redisReply *reply) {
    return reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS);
}

/* Take the reply to a question that has to have a text as its answer. */
static int32_t need_text(const repli__redis *redis, const repli__redis_link *link,
                         const char *command, const redisReply *reply, repli_error *err) {
    if (is_text(reply))
        return REPLI_OK;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        return repli__redis_refused(redis, link, command, reply, err);
    return repli__redis_fail(redis, err, REPLI_EPROTOCOL, NULL,
                             "what answers at %s is no Redis: it does not answer %s with text",
                             link->name, command);
}

static void read_replication(repli__redis_observation *seen, const char *info) {
    seen->replica = repli__redis_info_is(info, "role", "slave");
    seen->link_up = repli__redis_info_is(info, "master_link_status", "up");
    seen->syncing = repli__redis_info_is(info, "master_sync_in_progress", "1");
    seen->never_linked = repli__redis_info_integer(info, "master_link_down_since_seconds", 0) == -1;
    seen->followers = repli__redis_info_integer(info, "connected_slaves", 0);
    repli__redis_info_text(info, "master_host", seen->primary_host, sizeof(seen->primary_host));
    repli__redis_info_text(info, "master_port", seen->primary_port, sizeof(seen->primary_port));
    /* On a replica master_repl_offset is its own, and counts what it passes on. */
    seen->offset = repli__redis_info_integer(
        info, seen->replica ? "slave_repl_offset" : "master_repl_offset", 0);
    const int64_t received = repli__redis_info_integer(info, "slave_read_repl_offset", -1);
    /* Without a link what the primary did meanwhile is unknown. Servers before 7.0 do not tell how
     * much they have read. */
    seen->lag =
        seen->replica && seen->link_up && received >= seen->offset ? received - seen->offset : -1;
}

static int32_t read_info(const repli__redis *redis, const repli__redis_link *link,
                         repli__redis_observation *seen, repli_error *err) {
    const char *info = seen->info->str;
    if (!repli__redis_info_text(info, "run_id", seen->run_id, sizeof(seen->run_id)) ||
        !(repli__redis_info_is(info, "role", "master") ||
          repli__redis_info_is(info, "role", "slave") ||
          repli__redis_info_is(info, "redis_mode", "sentinel")))
        return repli__redis_fail(redis, err, REPLI_EPROTOCOL, NULL,
                                 "what answers at %s is no Redis server: INFO tells no run_id or "
                                 "no role",
                                 link->name);
    seen->cluster_mode = repli__redis_info_is(info, "redis_mode", "cluster");
    if (repli__redis_info_is(info, "redis_mode", "sentinel"))
        return repli__redis_fail(redis, err, REPLI_ENOTSUP, NULL,
                                 "what answers at %s is a Sentinel; configure the address of the "
                                 "Redis server itself",
                                 link->name);
    seen->loading = repli__redis_info_is(info, "loading", "1");
    seen->keys = repli__redis_info_keys(info);
    read_replication(seen, info);
    return REPLI_OK;
}

static int32_t read_cluster(const repli__redis *redis, const repli__redis_link *link,
                            repli__redis_observation *seen, redisReply **replies,
                            repli_error *err) {
    int32_t code = need_text(redis, link, "CLUSTER INFO", replies[0], err);
    if (code == REPLI_OK)
        code = need_text(redis, link, "CLUSTER NODES", replies[1], err);
    if (code == REPLI_OK)
        code = repli__redis_nodes_read(redis, replies[1]->str, &seen->nodes, err);
    if (code != REPLI_OK)
        return code;
    seen->self = repli__redis_nodes_self(&seen->nodes);
    if (!seen->self)
        return repli__redis_fail(redis, err, REPLI_EPROTOCOL, NULL,
                                 "Redis at %s does not find itself among CLUSTER NODES",
                                 link->name);
    seen->cluster_info = replies[0];
    replies[0] = NULL;
    const char *info = seen->cluster_info->str;
    seen->cluster_ok = repli__redis_info_is(info, "cluster_state", "ok");
    seen->known_nodes = repli__redis_info_integer(info, "cluster_known_nodes", 0);
    seen->slots_assigned = repli__redis_info_integer(info, "cluster_slots_assigned", 0);
    /* Unknown to servers before 7.2, which say so. */
    if (is_text(replies[2]))
        snprintf(seen->shard_id, sizeof(seen->shard_id), "%.47s", replies[2]->str);
    return REPLI_OK;
}

static int32_t look_at_cluster(repli__redis *redis, const repli_op *op, repli__redis_link *link,
                               repli__redis_observation *seen, repli_error *err) {
    const repli__redis_command commands[] = {REPLI__REDIS_COMMAND("CLUSTER", "INFO"),
                                             REPLI__REDIS_COMMAND("CLUSTER", "NODES"),
                                             REPLI__REDIS_COMMAND("CLUSTER", "MYSHARDID")};
    redisReply *replies[3] = {NULL, NULL, NULL};
    int32_t code = repli__redis_ask(redis, op, link, commands, 3, replies, err);
    if (code == REPLI_OK)
        code = read_cluster(redis, link, seen, replies, err);
    for (int i = 0; i < 3; i++)
        freeReplyObject(replies[i]);
    return code;
}

int32_t repli__redis_look(repli__redis *redis, const repli_op *op, repli__redis_link *link,
                          repli__redis_observation *ret_seen, repli_error *err) {
    const repli__redis_command command = REPLI__REDIS_COMMAND("INFO");
    redisReply *reply = NULL;
    int32_t code = repli__redis_ask(redis, op, link, &command, 1, &reply, err);
    if (code != REPLI_OK)
        return code;
    code = need_text(redis, link, "INFO", reply, err);
    if (code != REPLI_OK) {
        freeReplyObject(reply);
        return code;
    }
    repli__redis_observation seen = {.info = reply, .lag = -1};
    code = read_info(redis, link, &seen, err);
    if (code == REPLI_OK && seen.cluster_mode)
        code = look_at_cluster(redis, op, link, &seen, err);
    if (code == REPLI_OK)
        *ret_seen = seen;
    else
        repli__redis_observation_free(redis, &seen);
    return code;
}

/* What is worth knowing when the server is down. */
static void remember(repli__redis *redis) {
    const repli__redis_observation *seen = &redis->last;
    const char *info = repli__redis_info(seen);
    char revision[48];
    repli__redis_info_text(info, "redis_version", redis->version_number,
                           sizeof(redis->version_number));
    repli__redis_info_text(info, "redis_git_sha1", revision, sizeof(revision));
    /* All zeros: built from an archive. */
    snprintf(redis->version_checkout, sizeof(redis->version_checkout), "%s",
             strspn(revision, "0") == strlen(revision) ? "" : revision);
    if (!seen->self)
        return;
    if (*redis->node_id && strcmp(redis->node_id, seen->self->id) != 0)
        repli__redis_log(redis, REPLI_LOG_WARNING,
                         "Redis at %s has another node id: it was %s and is %s", redis->watch.name,
                         redis->node_id, seen->self->id);
    snprintf(redis->node_id, sizeof(redis->node_id), "%s", seen->self->id);
    /* A node that has met nobody does not know its own address. */
    snprintf(redis->member, sizeof(redis->member), "%s:%s@%s",
             *seen->self->ip ? seen->self->ip : redis->config.host, seen->self->port,
             seen->self->bus_port);
}

/* A connection that was kept may have been closed meanwhile, so it gets a second chance. */
static int32_t look_here(repli__redis *redis, const repli_op *op, repli_error *err) {
    const repli__redis_target target = repli__redis_here(redis, &redis->config.monitor);
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = REPLI_ELOST;
    for (int tries = 0; code == REPLI_ELOST && tries < 2; tries++) {
        const int was_connected = redis->watch.fd >= 0;
        code = REPLI_OK;
        if (!was_connected)
            code = repli__redis_connect(redis, op, &target, &redis->watch, &error);
        if (code == REPLI_OK)
            code = repli__redis_look(redis, op, &redis->watch, &redis->last, &error);
        if (!was_connected)
            break;
    }
    /* An account may be given other rights, which an old connection never learns of. */
    if (code == REPLI_EAUTH || code == REPLI_EPERMISSION)
        repli__redis_disconnect(&redis->watch);
    if (code == REPLI_OK)
        remember(redis);
    return code ? repli__redis_pass(redis, err, &error, NULL) : REPLI_OK;
}

int32_t repli__redis_observe(repli__redis *redis, const repli_op *op, uint32_t question,
                             repli_error *err) {
    repli__redis_observation *seen = &redis->last;
    const uint64_t now = redis->host->now_ns(redis->host);
    if ((seen->unread & question) && now - seen->time_ns < REUSE_NS) {
        seen->unread &= ~question;
        return seen->code ? repli__redis_pass(redis, err, &seen->error, NULL) : REPLI_OK;
    }
    repli__redis_observation_free(redis, seen);
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = look_here(redis, op, &error);
    seen->code = code;
    seen->error = error;
    seen->time_ns = redis->host->now_ns(redis->host);
    /* Node comes first when the library looks, so it always gets a fresh answer. */
    seen->unread = (REPLI__REDIS_ASK_STORE | REPLI__REDIS_ASK_SHARDS) & ~question;
    return code ? repli__redis_pass(redis, err, &error, NULL) : REPLI_OK;
}
