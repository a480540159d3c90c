#include "conformance/track.h"

#include <stdio.h>
#include <string.h>

#include <replicante/model.h>

#include "driver/shard_index.h"

int track_is_up(int32_t status) {
    return status != REPLI_STATUS_UNAVAILABLE && status != REPLI_STATUS_UNKNOWN;
}

const char *track_status(const struct look *look, char *text, size_t size) {
    const char *name = repli_status_name(look->status);
    snprintf(text, size, "%s%s%s", name != NULL ? name : "no status",
             look->reason[0] != '\0' ? ": " : "", look->reason);
    return text;
}

static uint64_t sum_of(const char *text) {
    uint64_t sum = 1469598103934665603u; /* FNV-1a */
    for (; *text != '\0'; text++)
        sum = (sum ^ (unsigned char)*text) * 1099511628211u;
    return sum;
}

void track_identity(const struct look *look, struct board_identity *identity) {
    const repli_sink *node = &look->answers[REPLI__ASK_NODE].sink;
    const repli_sink *store = &look->answers[REPLI__ASK_STORE].sink;
    const repli_sink *shards = &look->answers[REPLI__ASK_SHARDS].sink;
    memset(identity, 0, sizeof(*identity));
    if (store->cluster_id != NULL)
        snprintf(identity->cluster, sizeof(identity->cluster), "%s", store->cluster_id);
    if (node->version.number != NULL)
        snprintf(identity->version, sizeof(identity->version), "%s", node->version.number);
    size_t used = 0;
    for (size_t i = 0; i < shards->shard_count; i++) {
        const char *id = shards->shards[i].id;
        identity->shard_sum += sum_of(id);
        if (used + strlen(id) + 3 < sizeof(identity->shards))
            used += (size_t)snprintf(identity->shards + used, sizeof(identity->shards) - used,
                                     "%s%s", used > 0 ? ", " : "", id);
    }
    identity->shard_count = shards->shard_count;
}

static int same_shards(const struct board_identity *one, const struct board_identity *other) {
    return one->shard_count == other->shard_count && one->shard_sum == other->shard_sum;
}

void track_same_identity(struct board *board, enum rule_id rule, const struct look *look,
                         const char *when) {
    const struct board_identity *before = &board->identity;
    struct board_identity now;
    track_identity(look, &now);
    if (before->cluster[0] == '\0' && before->shard_count == 0)
        board_skip(board, rule, "no id was told at the beginning");
    else if (board_failed(board, RULE_IDENTITY_CALLS) || board_failed(board, RULE_SHARDS_STABLE))
        board_skip(board, rule, "ids change from call to call");
    else if (rule == RULE_IDENTITY_STORE && board_failed(board, RULE_IDENTITY_DRIVER))
        board_skip(board, rule, "ids are other ones in each process");
    else if (strcmp(before->cluster, now.cluster) != 0)
        board_fail(board, rule, "the cluster's id was %.120s, and is %.120s %s", before->cluster,
                   now.cluster[0] != '\0' ? now.cluster : "not told", when);
    else if (!same_shards(before, &now))
        board_fail(board, rule, "there were %zu shards (%s), and %s there are %zu (%s)",
                   before->shard_count, before->shards, when, now.shard_count, now.shards);
    else
        board_pass(board, rule, "cluster %.120s and %zu shard%s %s", now.cluster, now.shard_count,
                   now.shard_count == 1 ? "" : "s", when);
}

static void compare_ids(struct board *board, const struct look *before, const struct look *now) {
    struct board_identity one;
    struct board_identity other;
    track_identity(before, &one);
    track_identity(now, &other);
    if (one.cluster[0] != '\0' && other.cluster[0] != '\0' &&
        strcmp(one.cluster, other.cluster) != 0)
        board_fail(board, RULE_IDENTITY_CALLS, "the cluster's id was %.120s, then %.120s",
                   one.cluster, other.cluster);
    if (one.version[0] != '\0' && strcmp(one.version, other.version) != 0)
        board_fail(board, RULE_VERSION_STABLE, "the version was %s, then %s", one.version,
                   other.version[0] != '\0' ? other.version : "not told");
    if (now->answers[REPLI__ASK_SHARDS].code == REPLI_OK && !same_shards(&one, &other))
        board_fail(board, RULE_SHARDS_STABLE, "%zu shards (%s), then %zu (%s)", one.shard_count,
                   one.shards, other.shard_count, other.shards);
}

static int differ(const char *one, const char *other) {
    return one == NULL || other == NULL ? one != other : strcmp(one, other) != 0;
}

static const char *or_none(const char *unit) {
    return unit != NULL ? unit : "no unit";
}

static void compare_shard(struct board *board, const repli_shard *before, const repli_shard *now) {
    if (differ(before->commit_offset_unit, now->commit_offset_unit))
        board_fail(board, RULE_SHARDS_UNIT, "the offset of shard %.60s was in %.60s, then in %.60s",
                   now->id, or_none(before->commit_offset_unit), or_none(now->commit_offset_unit));
    else if (now->commit_offset_unit != NULL && now->commit_offset < before->commit_offset)
        board_fail(board, RULE_SHARDS_OFFSET, "the offset of shard %.60s was %lld, then %lld",
                   now->id, (long long)before->commit_offset, (long long)now->commit_offset);
}

static void compare_shards(struct board *board, const repli_sink *before, const repli_sink *now) {
    for (size_t i = 0; i < now->shard_count; i++) {
        const repli_shard *shard = &now->shards[i];
        const repli_shard *old = repli__shard_index_find(before->index, before->shards, shard->id);
        if (old != NULL)
            compare_shard(board, old, shard);
    }
}

/* Both are sorted by name. A value that is null has no type. */
static void compare_attributes(struct board *board, const repli_sink *before,
                               const repli_sink *now) {
    size_t i = 0;
    size_t j = 0;
    while (i < before->attribute_count && j < now->attribute_count) {
        const repli_attribute *one = &before->attributes[i];
        const repli_attribute *other = &now->attributes[j];
        const int order = strcmp(one->name, other->name);
        if (order == 0 && one->type != other->type && one->type != REPLI_VALUE_NULL &&
            other->type != REPLI_VALUE_NULL)
            board_fail(board, RULE_ATTRIBUTES_TYPES, "%.200s changed from type %d to %d", one->name,
                       one->type, other->type);
        i += order <= 0;
        j += order >= 0;
    }
}

void track_next(struct board *board, const struct look *before, const struct look *now) {
    compare_ids(board, before, now);
    if (before->answers[REPLI__ASK_SHARDS].code == REPLI_OK)
        compare_shards(board, &before->answers[REPLI__ASK_SHARDS].sink,
                       &now->answers[REPLI__ASK_SHARDS].sink);
    for (int i = REPLI__ASK_NODE; i <= REPLI__ASK_STORE; i++)
        compare_attributes(board, &before->answers[i].sink, &now->answers[i].sink);
}
