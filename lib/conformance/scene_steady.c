#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <replicante/model.h>

#include "base/clock.h"
#include "base/thread.h"
#include "conformance/object.h"
#include "conformance/subject.h"
#include "conformance/surroundings.h"
#include "conformance/track.h"

/* A store that runs is looked at, again and again. */

enum { PAUSE_MS = 50, LOOKS = 20, THREADS = 4, DESCRIPTORS = 1024 };

static void judge_status(struct board *board, const struct look *look) {
    char text[BOARD_EVIDENCE_SIZE];
    track_status(look, text, sizeof(text));
    if (!track_is_up(look->status))
        board_fail(board, RULE_STATUS_RUNNING, "%s", text);
    else
        board_pass(board, RULE_STATUS_RUNNING, "%s", text);
}

static void judge_identity(struct board *board, const struct look *look) {
    const struct subject_answer *store = &look->answers[REPLI__ASK_STORE];
    const struct subject_answer *shards = &look->answers[REPLI__ASK_SHARDS];
    const int outside = look->status == REPLI_STATUS_NOT_IN_CLUSTER;
    if (store->code == REPLI_OK)
        board_pass(board, RULE_IDENTITY_CLUSTER, "%.200s", store->sink.cluster_id);
    else if (outside)
        board_skip(board, RULE_IDENTITY_CLUSTER, "the node is in no cluster");
    else
        board_fail(board, RULE_IDENTITY_CLUSTER, "%s", store->error.message);
    if (shards->code != REPLI_OK && !outside)
        board_fail(board, RULE_SHARDS_LISTED, "%s", shards->error.message);
    else if (shards->sink.shard_count == 0 && outside)
        board_skip(board, RULE_SHARDS_LISTED, "the node is in no cluster");
    else if (shards->sink.shard_count == 0)
        board_fail(board, RULE_SHARDS_LISTED,
                   "none: a store without sharding is a store with one shard");
    else
        board_pass(board, RULE_SHARDS_LISTED, "%zu, the first is %.120s, %s",
                   shards->sink.shard_count, shards->sink.shards[0].id,
                   repli_role_name(shards->sink.shards[0].role));
}

static void judge_version(struct board *board, const struct look *look) {
    const repli_store_version *version = &look->answers[REPLI__ASK_NODE].sink.version;
    if (version->number != NULL)
        board_pass(board, RULE_VERSION_RUNNING, "%.200s", version->number);
    else
        board_fail(board, RULE_VERSION_RUNNING, "node_info emitted no version");
}

static void judge_lag(struct board *board, const repli_sink *sink) {
    size_t others = 0;
    for (size_t i = 0; i < sink->shard_count; i++) {
        const repli_shard *shard = &sink->shards[i];
        if (shard->role != REPLI_ROLE_SECONDARY && shard->role != REPLI_ROLE_RECOVERING)
            continue;
        others++;
        if (shard->lag_unit == NULL)
            board_fail(board, RULE_SHARDS_LAG_REPLICA, "shard %.60s is %s and has no lag",
                       shard->id, repli_role_name(shard->role));
    }
    if (others > 0)
        board_pass(board, RULE_SHARDS_LAG_REPLICA, "%zu shards", others);
    else
        board_skip(board, RULE_SHARDS_LAG_REPLICA, "the node is secondary for no shard");
}

static void judge_split(struct board *board, const struct look *look) {
    const repli_sink *node = &look->answers[REPLI__ASK_NODE].sink;
    const repli_sink *store = &look->answers[REPLI__ASK_STORE].sink;
    for (size_t i = 0; i < node->attribute_count; i++)
        for (size_t j = 0; j < store->attribute_count; j++)
            if (strcmp(node->attributes[i].name, store->attributes[j].name) == 0)
                board_fail(board, RULE_ATTRIBUTES_SPLIT,
                           "%.200s is emitted by node_info, and by "
                           "store_info as well",
                           node->attributes[i].name);
    board_pass(board, RULE_ATTRIBUTES_SPLIT, "%zu of node_info, %zu of store_info",
               node->attribute_count, store->attribute_count);
}

static void judge_first(struct board *board, const struct look *look) {
    track_identity(look, &board->identity);
    judge_status(board, look);
    judge_identity(board, look);
    judge_version(board, look);
    judge_lag(board, &look->answers[REPLI__ASK_SHARDS].sink);
    judge_split(board, look);
}

/* A store that was just started may still be busy finding the others. */
static void wait_until_settled(struct subject *s) {
    const uint64_t until = repli__deadline_ns(s->bench->options->settle_ms);
    int32_t status;
    do {
        struct look look;
        look_take(s, s->bench->options->deadline_ms, &look);
        status = look.status;
        look_free(&look);
        if (status != REPLI_STATUS_UNHEALTHY && status != REPLI_STATUS_JOINING_CLUSTER)
            return;
        poll(NULL, 0, PAUSE_MS);
    } while (repli__mono_ns() < until);
}

static void look_often(struct subject *s) {
    struct board *board = s->bench->board;
    struct look looks[2];
    wait_until_settled(s);
    look_take(s, s->bench->options->deadline_ms, &looks[0]);
    judge_first(board, &looks[0]);
    for (int i = 1; i < LOOKS; i++) {
        look_take(s, s->bench->options->deadline_ms, &looks[1]);
        judge_status(board, &looks[1]);
        track_next(board, &looks[0], &looks[1]);
        look_free(&looks[0]);
        looks[0] = looks[1];
    }
    look_free(&looks[0]);
}

/* Nothing is left of the time, as when a call before it took all. */
static void look_late(struct subject *s) {
    struct look look;
    const uint64_t before = repli__mono_ns();
    s->bench->board->circumstances = "when it was called after it";
    look_take(s, 0, &look);
    s->bench->board->circumstances = "";
    const double ms = (double)(repli__mono_ns() - before) / 1e6;
    look_free(&look);
    if (board_failed(s->bench->board, RULE_CALLS_DEADLINE))
        board_fail(s->bench->board, RULE_CALLS_EXPIRED, "three calls took %.1f ms", ms);
    else
        board_pass(s->bench->board, RULE_CALLS_EXPIRED, "three calls took %.1f ms", ms);
}

struct errand {
    struct subject *subject;
    int32_t status;
};

static void *look_from_thread(void *argument) {
    struct errand *errand = argument;
    struct look look;
    look_take(errand->subject, errand->subject->bench->options->deadline_ms, &look);
    errand->status = look.status;
    look_free(&look);
    return NULL;
}

static void look_from_threads(struct subject *s) {
    struct board *board = s->bench->board;
    struct errand errand = {s, 0};
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        repli_error err = REPLI_ERROR_INIT;
        if (repli__thread_start(&thread, "check", look_from_thread, &errand, &err) != REPLI_OK) {
            board_skip(board, RULE_CALLS_THREADS, "%s", err.message);
            return;
        }
        pthread_join(thread, NULL);
        if (!track_is_up(errand.status) && !board_failed(board, RULE_STATUS_RUNNING))
            board_fail(board, RULE_CALLS_THREADS, "called by another thread it says %s",
                       repli_status_name(errand.status));
    }
    board_pass(board, RULE_CALLS_THREADS, "%d threads, one after the other", THREADS);
}

/* One to observe and one to act, as an agent has them. */
static void open_another(struct subject *first) {
    struct bench *bench = first->bench;
    struct subject second;
    struct look look;
    if (subject_must_open(&second, bench, RULE_OPEN_TWICE) != 0)
        return;
    look_take(&second, bench->options->deadline_ms, &look);
    track_same_identity(bench->board, RULE_OPEN_TWICE, &look, "from a second instance");
    look_free(&look);
    subject_close(&second);
    look_take(first, bench->options->deadline_ms, &look);
    track_same_identity(bench->board, RULE_OPEN_TWICE, &look,
                        "from the first after the second was closed");
    look_free(&look);
}

static void judge_inherited(struct board *board, const unsigned char *known) {
    char where[200];
    const int fd = surroundings_inherited(known, DESCRIPTORS, where, sizeof(where));
    if (fd >= 0)
        board_fail(board, RULE_PROCESS_CLOEXEC, "descriptor %d (%s) would be inherited by programs",
                   fd, where);
    else
        board_pass(board, RULE_PROCESS_CLOEXEC, "none is inherited by programs");
}

static void use(struct bench *bench, const unsigned char *known) {
    struct subject s;
    if (subject_must_open(&s, bench, RULE_STATUS_RUNNING) != 0)
        return;
    look_often(&s);
    look_late(&s);
    look_from_threads(&s);
    open_another(&s);
    judge_inherited(bench->board, known);
    subject_close_clean(&s);
}

static void judge_constants(struct bench *bench, repli_driver_entry_fn entry,
                            const repli_driver *first, const struct object_data *data) {
    struct board *board = bench->board;
    size_t where = 0;
    const size_t changed = data != NULL ? object_data_changed(data, &where) : 0;
    if (entry(REPLI_DRIVER_ABI) != first || entry(REPLI_DRIVER_ABI) != first)
        board_fail(board, RULE_DRIVER_CONSTANT, "the entry function returned another table");
    if (changed > 0)
        board_fail(board, RULE_DRIVER_GLOBALS,
                   "%zu bytes of its data changed, the first at %#zx: see what nm tells is there",
                   changed, where);
    else if (data != NULL)
        board_pass(board, RULE_DRIVER_GLOBALS, "its data is as it was");
    else
        board_skip(board, RULE_DRIVER_GLOBALS, "its data was not found");
}

void scene_steady(struct bench *bench) {
    static unsigned char known[DESCRIPTORS];
    unsigned char table_before[sizeof(repli_driver)];
    repli_error err = REPLI_ERROR_INIT;
    repli__driver_table table;
    if (subject_load(bench, &table, &err) != REPLI_OK)
        return;
    const repli_driver_entry_fn entry = object_entry(bench->driver, &table);
    const repli_driver *first = entry != NULL ? entry(REPLI_DRIVER_ABI) : NULL;
    if (first == NULL)
        return;
    const size_t size =
        first->struct_size < sizeof(table_before) ? first->struct_size : sizeof(table_before);
    memcpy(table_before, first, size);
    struct object_data *data = object_data_take(entry);
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        known[fd] = surroundings_is_open(fd);
    use(bench, known);
    judge_constants(bench, entry, first, data);
    if (memcmp(table_before, first, size) != 0)
        board_fail(bench->board, RULE_DRIVER_CONSTANT, "the table was changed while it was used");
    board_pass(bench->board, RULE_DRIVER_CONSTANT, "the same whenever it was asked for");
    object_data_free(data);
}

void scene_again(struct bench *bench) {
    struct subject s;
    struct look look;
    if (subject_must_open(&s, bench, RULE_IDENTITY_DRIVER) != 0)
        return;
    look_take(&s, bench->options->deadline_ms, &look);
    track_same_identity(bench->board, RULE_IDENTITY_DRIVER, &look, "in another process");
    look_free(&look);
    subject_close(&s);
}
