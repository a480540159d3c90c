#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <replicante/model.h>

#include "base/clock.h"
#include "base/thread.h"
#include "conformance/track.h"
#include "model/doc.h"

/* Something is done to the store: it is written to, hangs, is stopped and started, or refuses the
 * credentials. */

enum { SHORT_MS = 300, PAUSE_MS = 50, LOOKS = 3, CANCEL_AFTER_MS = 300, CANCEL_WITHIN_MS = 1000 };

/* Open and look at a store that runs. 0 if it does; skips the scene otherwise. */
static int begin(struct subject *s, struct bench *bench, enum scene_id scene, struct look *look) {
    repli_error err = REPLI_ERROR_INIT;
    char text[200];
    if (subject_open(s, bench, NULL, &err) != REPLI_OK) {
        bench_skip(bench, scene, "open() failed: %s", err.message);
        return -1;
    }
    look_take(s, bench->options->deadline_ms, look);
    if (track_is_up(look->status))
        return 0;
    bench_skip(bench, scene, "the store could not be reached: %s",
               track_status(look, text, sizeof(text)));
    look_free(look);
    subject_close(s);
    return -1;
}

/* Have it done; skips the scene if that does not work. */
static int done(struct bench *bench, enum scene_id scene, int command, const char *circumstances) {
    if (bench_command(bench, command) == 0) {
        bench->board->circumstances = circumstances;
        return 1;
    }
    bench_skip(bench, scene, "%s", bench->board->command_error);
    return 0;
}

static uint64_t since_ms(uint64_t begun_ns) {
    return (repli__mono_ns() - begun_ns) / (uint64_t)REPLI__NS_PER_MS;
}

/* Offsets. */

/* Not 0 if some offset is greater than before. */
static int moved(const repli_sink *before, const repli_sink *now) {
    for (size_t i = 0; i < before->shard_count && i < now->shard_count; i++)
        for (size_t j = 0; j < now->shard_count; j++)
            if (strcmp(before->shards[i].id, now->shards[j].id) == 0 &&
                now->shards[j].commit_offset > before->shards[i].commit_offset)
                return 1;
    return 0;
}

static void look_until_moved(struct subject *s, const struct look *before) {
    const uint64_t begun = repli__mono_ns();
    int has_moved = 0;
    while (!has_moved && since_ms(begun) < (uint64_t)s->bench->options->settle_ms) {
        struct look look;
        look_take(s, s->bench->options->deadline_ms, &look);
        track_next(s->bench->board, before, &look);
        has_moved =
            moved(&before->answers[REPLI__ASK_SHARDS].sink, &look.answers[REPLI__ASK_SHARDS].sink);
        look_free(&look);
        if (!has_moved)
            poll(NULL, 0, PAUSE_MS);
    }
    if (has_moved)
        board_pass(s->bench->board, RULE_SHARDS_MOVES, "within %llu ms",
                   (unsigned long long)since_ms(begun));
    else
        board_fail(s->bench->board, RULE_SHARDS_MOVES, "none moved within %llu ms of check.write",
                   (unsigned long long)since_ms(begun));
}

void scene_write(struct bench *bench) {
    struct subject s;
    struct look look;
    if (!bench_needs(bench, SCENE_WRITE, CONFORMANCE_WRITE, CONFORMANCE_WRITE) ||
        begin(&s, bench, SCENE_WRITE, &look) != 0)
        return;
    const repli_sink *shards = &look.answers[REPLI__ASK_SHARDS].sink;
    size_t with_offset = 0;
    for (size_t i = 0; i < shards->shard_count; i++)
        with_offset += shards->shards[i].commit_offset_unit != NULL;
    if (with_offset == 0)
        bench_skip(bench, SCENE_WRITE, "no shard has an offset");
    else if (done(bench, SCENE_WRITE, CONFORMANCE_WRITE, "after a write"))
        look_until_moved(&s, &look);
    look_free(&look);
    subject_close(&s);
}

/* Stores that are not there. */

/* Look so often; each time the store must be Unavailable, with a reason. */
static void expect_unavailable(struct subject *s, enum rule_id rule, int64_t deadline_ms,
                               int looks) {
    struct board *board = s->bench->board;
    char text[BOARD_EVIDENCE_SIZE];
    board_presume(board, rule, "the call did not return");
    for (int i = 0; i < looks; i++) {
        struct look look;
        look_take(s, deadline_ms, &look);
        track_status(&look, text, sizeof(text));
        const struct subject_answer *node = &look.answers[REPLI__ASK_NODE];
        if (look.status != REPLI_STATUS_UNAVAILABLE || look.reason[0] == '\0')
            board_fail(board, rule, "%s", text);
        else if (node->code == REPLI_OK && track_is_up(node->sink.status))
            board_fail(board, rule, "node_info says %s %s", repli_status_name(node->sink.status),
                       board->circumstances);
        else
            board_pass(board, rule, "%s", text);
        look_free(&look);
    }
}

/* Until the instance says of the store what it said before. */
static void expect_back(struct subject *s, enum rule_id rule, int32_t status) {
    struct board *board = s->bench->board;
    const uint64_t begun = repli__mono_ns();
    char text[200] = "";
    for (;;) {
        struct look look;
        look_take(s, s->bench->options->deadline_ms, &look);
        const int back = look.status == status;
        track_status(&look, text, sizeof(text));
        look_free(&look);
        if (back)
            board_pass(board, rule, "%s again after %llu ms, by the same instance", text,
                       (unsigned long long)since_ms(begun));
        else if (since_ms(begun) >= (uint64_t)s->bench->options->settle_ms)
            board_fail(board, rule, "it was %s before, and %llu ms after it is %s",
                       repli_status_name(status), (unsigned long long)since_ms(begun), text);
        if (back || board_failed(board, rule))
            return;
        poll(NULL, 0, PAUSE_MS);
    }
}

static void judge_stale(struct subject *s) {
    struct board *board = s->bench->board;
    struct look look;
    look_take(s, s->bench->options->deadline_ms, &look);
    for (int ask = REPLI__ASK_STORE; ask < REPLI__ASK_COUNT; ask++)
        if (look.answers[ask].code == REPLI_OK)
            board_fail(board, RULE_STORE_STOPPED, "%s succeeds", subject_method(ask));
    board_pass(board, RULE_STORE_STOPPED, "store_info: %s",
               look.answers[REPLI__ASK_STORE].error.message);
    look_free(&look);
}

static int version_by_command(struct bench *bench, char *number, size_t size) {
    return bench_can(bench, CONFORMANCE_VERSION) &&
           bench_command(bench, CONFORMANCE_VERSION) == 0 &&
           repli__semver_find(bench->board->command_output, number, size, NULL) == REPLI_OK;
}

/* The driver does not know it: an agent then tries what the configuration has. */
static void judge_version_by_agent(struct bench *bench) {
    struct board *board = bench->board;
    const char *text = bench->options->version_text;
    char number[64];
    if (version_by_command(bench, number, sizeof(number)))
        board_pass(board, RULE_VERSION_STOPPED, "%s, by version.command", number);
    else if (text != NULL && repli__semver_find(text, number, sizeof(number), NULL) == REPLI_OK)
        board_pass(board, RULE_VERSION_STOPPED, "%s, by the configuration", number);
    else if (text != NULL || bench_can(bench, CONFORMANCE_VERSION))
        board_fail(board, RULE_VERSION_STOPPED,
                   "neither the driver knows it, nor do the settings below version tell one");
    else
        board_fail(board, RULE_VERSION_STOPPED,
                   "the driver does not know it, and the configuration has no version.command, "
                   "version.file or version.fixed");
}

/* As an agent that is started while the store is down. */
static void open_stopped(struct bench *bench) {
    struct board *board = bench->board;
    struct subject s;
    struct look look;
    if (subject_must_open(&s, bench, RULE_OPEN_STOPPED) != 0)
        return;
    board_pass(board, RULE_OPEN_STOPPED, "opened");
    look_take(&s, bench->options->deadline_ms, &look);
    const repli_store_version *version = &look.answers[REPLI__ASK_NODE].sink.version;
    if (version->number != NULL)
        board_pass(board, RULE_VERSION_STOPPED, "%.200s, by the driver", version->number);
    else
        judge_version_by_agent(bench);
    look_free(&look);
    subject_close(&s);
}

void scene_stopped(struct bench *bench) {
    struct subject s;
    struct look look;
    if (!bench_needs(bench, SCENE_STOPPED, CONFORMANCE_STOP, CONFORMANCE_START) ||
        begin(&s, bench, SCENE_STOPPED, &look) != 0)
        return;
    const int32_t status = look.status;
    look_free(&look);
    if (!done(bench, SCENE_STOPPED, CONFORMANCE_STOP, "while the store is stopped"))
        return;
    expect_unavailable(&s, RULE_STATUS_STOPPED, bench->options->deadline_ms, LOOKS);
    judge_stale(&s);
    open_stopped(bench);
    if (!done(bench, SCENE_STOPPED, CONFORMANCE_START, "after the store was started again"))
        return;
    expect_back(&s, RULE_STATUS_RESTARTED, status);
    look_take(&s, bench->options->deadline_ms, &look);
    track_same_identity(bench->board, RULE_IDENTITY_STORE, &look, "after a restart of the store");
    look_free(&look);
    subject_close_clean(&s);
}

/* Calls that wait. */

struct waiting {
    struct subject *subject;
    repli_op op;
    struct subject_answer answer;
    uint64_t returned_ns;
};

static void *wait_for_it(void *argument) {
    struct waiting *waiting = argument;
    subject_ask(waiting->subject, REPLI__ASK_NODE, &waiting->op, &waiting->answer);
    waiting->returned_ns = repli__mono_ns();
    return NULL;
}

static void cancel(struct subject *s) {
    struct board *board = s->bench->board;
    struct waiting waiting = {.subject = s};
    waiting.op.deadline_ns = repli__deadline_ns(4 * CANCEL_WITHIN_MS + CANCEL_AFTER_MS);
    atomic_init(&waiting.op.cancelled, 0);
    pthread_t thread;
    if (repli__thread_start(&thread, "check", wait_for_it, &waiting, NULL) != REPLI_OK)
        return;
    poll(NULL, 0, CANCEL_AFTER_MS);
    const uint64_t begun = repli__mono_ns();
    atomic_store(&waiting.op.cancelled, 1);
    s->driver.cancel(s->self, &waiting.op);
    pthread_join(thread, NULL);
    if (waiting.returned_ns < begun)
        board_skip(board, RULE_CALLS_CANCEL, "the call returned before it was cancelled");
    else if (waiting.returned_ns - begun > CANCEL_WITHIN_MS * (uint64_t)REPLI__NS_PER_MS)
        board_fail(
            board, RULE_CALLS_CANCEL, "node_info returned %llu ms after cancel()",
            (unsigned long long)((waiting.returned_ns - begun) / (uint64_t)REPLI__NS_PER_MS));
    else
        board_pass(
            board, RULE_CALLS_CANCEL, "node_info returned %llu ms after cancel()",
            (unsigned long long)((waiting.returned_ns - begun) / (uint64_t)REPLI__NS_PER_MS));
    repli__sink_dispose(&waiting.answer.sink);
}

/* An instance that was open before, and one that is opened now. */
static void look_while_hung(struct subject *s) {
    struct bench *bench = s->bench;
    struct subject fresh;
    const int64_t deadline = bench->options->deadline_ms;
    expect_unavailable(s, RULE_STATUS_HUNG, deadline, 1);
    expect_unavailable(s, RULE_STATUS_HUNG, deadline < SHORT_MS ? deadline : SHORT_MS, 1);
    if (subject_must_open(&fresh, bench, RULE_STATUS_HUNG) == 0) {
        expect_unavailable(&fresh, RULE_STATUS_HUNG, deadline < SHORT_MS ? deadline : SHORT_MS, 1);
        subject_close(&fresh);
    }
    if (s->driver.capabilities & REPLI_CAP_CANCEL)
        cancel(s);
    else
        board_skip(bench->board, RULE_CALLS_CANCEL, "the driver does not say REPLI_CAP_CANCEL");
}

void scene_hung(struct bench *bench) {
    struct subject s;
    struct look look;
    if (!bench_needs(bench, SCENE_HUNG, CONFORMANCE_HANG, CONFORMANCE_RESUME) ||
        begin(&s, bench, SCENE_HUNG, &look) != 0)
        return;
    const int32_t status = look.status;
    look_free(&look);
    if (!done(bench, SCENE_HUNG, CONFORMANCE_HANG, "while the store hangs"))
        return;
    look_while_hung(&s);
    if (!done(bench, SCENE_HUNG, CONFORMANCE_RESUME, "after the store went on"))
        return;
    expect_back(&s, RULE_STATUS_RESUMED, status);
    subject_close_clean(&s);
}

/* Credentials. */

void scene_credentials(struct bench *bench) {
    struct subject s;
    struct look look;
    char text[BOARD_EVIDENCE_SIZE];
    repli_error err = REPLI_ERROR_INIT;
    if (bench->options->wrong_config_json == NULL) {
        bench_skip(bench, SCENE_CREDENTIALS,
                   "there is no check.wrong_credentials in the "
                   "configuration");
        return;
    }
    if (subject_open(&s, bench, bench->options->wrong_config_json, &err) != REPLI_OK) {
        board_fail(bench->board, RULE_STATUS_CREDENTIALS, "open() failed: %s", err.message);
        return;
    }
    bench->board->circumstances = "with wrong credentials";
    look_take(&s, bench->options->deadline_ms, &look);
    track_status(&look, text, sizeof(text));
    if (look.status == REPLI_STATUS_UNKNOWN && look.reason[0] != '\0')
        board_pass(bench->board, RULE_STATUS_CREDENTIALS, "%s", text);
    else
        board_fail(bench->board, RULE_STATUS_CREDENTIALS, "%s", text);
    look_free(&look);
    subject_close_clean(&s);
}
