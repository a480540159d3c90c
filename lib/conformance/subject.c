#include "conformance/subject.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>

#include "base/clock.h"
#include "base/error.h"
#include "conformance/surroundings.h"
#include "driver/check.h"

/* What a busy machine may add to a deadline before somebody is to blame. */
enum { TOLERANCE_MS = 500, CLOSED_MS = 2000 };

/* The emit functions of the library, with notes taken. Each is refused without being asked when its
 * turn has come. */

static repli_host library(void) {
    repli_host table = {0};
    repli__host_add_sink(&table);
    return table;
}

static int is_to_refuse(repli_sink *sink) {
    struct subject_answer *answer = (struct subject_answer *)sink;
    answer->late = sink->takes == REPLI__SINK_CLOSED;
    if (++answer->emitted != answer->refuse_at)
        return 0;
    repli__error(&sink->error, REPLI_EFULL, "check", "refused to see what happens");
    return 1;
}

static int32_t note(repli_sink *sink, int which, int32_t code) {
    struct subject_answer *answer = (struct subject_answer *)sink;
    if (code != REPLI_OK && answer->refused == 0)
        answer->refused = which;
    return code;
}

#define EMIT(which, function, ...)                                                                 \
    if (sink == NULL)                                                                              \
        return REPLI_EINVALID;                                                                     \
    return note(sink, which, is_to_refuse(sink) ? REPLI_EFULL : library().function(__VA_ARGS__))

static int32_t emit_status(repli_sink *sink, int32_t status, const char *reason) {
    EMIT(EMIT_STATUS, emit_status, sink, status, reason);
}
static int32_t emit_version(repli_sink *sink, const repli_store_version *version) {
    EMIT(EMIT_VERSION, emit_version, sink, version);
}
static int32_t emit_address(repli_sink *sink, const repli_address *address) {
    EMIT(EMIT_ADDRESS, emit_address, sink, address);
}
static int is_own_name(const repli_attribute *attribute) {
    return attribute != NULL && attribute->name != NULL &&
           repli_scoped_name_validate(attribute->name, NULL) == REPLI_OK &&
           !repli_scoped_name_reserved(attribute->name);
}
static int32_t emit_attribute(repli_sink *sink, const repli_attribute *attribute) {
    const int which = is_own_name(attribute) ? EMIT_ATTRIBUTE : EMIT_ATTRIBUTE_NAME;
    EMIT(which, emit_attribute, sink, attribute);
}
static int32_t emit_cluster_id(repli_sink *sink, const char *cluster_id) {
    EMIT(EMIT_CLUSTER_ID, emit_cluster_id, sink, cluster_id);
}
static int32_t emit_shard(repli_sink *sink, const repli_shard *shard) {
    EMIT(EMIT_SHARD, emit_shard, sink, shard);
}
static int32_t emit_action_kind(repli_sink *sink, const repli_action_kind *kind) {
    EMIT(EMIT_KIND, emit_action_kind, sink, kind);
}
static int32_t emit_outcome(repli_sink *sink, const repli_outcome *outcome) {
    EMIT(EMIT_OUTCOME, emit_outcome, sink, outcome);
}

static void listen_in(repli_host *table) {
    table->emit_status = emit_status;
    table->emit_version = emit_version;
    table->emit_address = emit_address;
    table->emit_attribute = emit_attribute;
    table->emit_cluster_id = emit_cluster_id;
    table->emit_shard = emit_shard;
    table->emit_action_kind = emit_action_kind;
    table->emit_outcome = emit_outcome;
}

int32_t subject_load(const struct bench *bench, repli__driver_table *ret_table, repli_error *err) {
    return repli__driver_load(bench->driver, NULL, ret_table, err);
}

static int32_t open_it(struct subject *s, const char *config, repli_error *err) {
    const uint64_t before = repli__mono_ns();
    board_enter(s->bench->board, "open", 0);
    const int32_t code = s->driver.open(&s->host.table, config, strlen(config), &s->self, err);
    board_leave(s->bench->board);
    if (code == REPLI_OK)
        atomic_store(&s->bench->board->open_ns, repli__mono_ns() - before);
    return code;
}

int32_t subject_init(struct subject *s, struct bench *bench, repli_error *err) {
    *s = (struct subject){.bench = bench,
                          .descriptors = surroundings_descriptors(),
                          .threads = surroundings_threads()};
    memory_init(&s->memory, bench->board);
    repli__driver_table table;
    const int32_t code = subject_load(bench, &table, err);
    if (code != REPLI_OK)
        return code;
    s->driver = table.driver;
    s->has_actions = table.has_actions;
    repli__host_init(&s->host, "driver", &s->memory.allocator, NULL);
    listen_in(&s->host.table);
    return REPLI_OK;
}

int32_t subject_open_now(struct subject *s, const char *config_json, repli_error *err) {
    if (config_json == NULL)
        config_json = s->bench->options->config_json;
    char *config;
    int32_t code =
        repli__driver_config_complete(&s->driver, config_json, strlen(config_json), &config, err);
    if (code != REPLI_OK)
        return code;
    code = open_it(s, config, err);
    memory_end_loan(config);
    free(config);
    if (code > REPLI_OK)
        return repli__error(err, REPLI_EINTERNAL, "check", "open() returned %d", code);
    return code;
}

int32_t subject_open(struct subject *s, struct bench *bench, const char *config_json,
                     repli_error *err) {
    const int32_t code = subject_init(s, bench, err);
    return code == REPLI_OK ? subject_open_now(s, config_json, err) : code;
}

void subject_close(struct subject *s) {
    board_enter(s->bench->board, "close", 0);
    s->driver.close(s->self);
    board_leave(s->bench->board);
}

static void judge_closed(const struct subject *s) {
    struct board *board = s->bench->board;
    const size_t pieces = atomic_load(&s->memory.live);
    const uint64_t until = repli__deadline_ns(CLOSED_MS); /* a thread's end is seen late */
    while (surroundings_threads() > s->threads && repli__mono_ns() < until)
        poll(NULL, 0, 1);
    if (pieces > 0)
        board_fail(board, RULE_PROCESS_CLOSED, "%zu pieces of host->alloc were not released %s",
                   pieces, board->circumstances);
    if (surroundings_descriptors() < s->descriptors)
        board_fail(board, RULE_PROCESS_CLOSED, "%zu descriptors were closed that are not its own",
                   s->descriptors - surroundings_descriptors());
    if (surroundings_descriptors() > s->descriptors)
        board_fail(board, RULE_PROCESS_CLOSED, "%zu descriptors are still open %s",
                   surroundings_descriptors() - s->descriptors, board->circumstances);
    if (surroundings_threads() > s->threads)
        board_fail(board, RULE_PROCESS_CLOSED, "%zu threads still run %s",
                   surroundings_threads() - s->threads, board->circumstances);
    board_pass(board, RULE_PROCESS_CLOSED, "memory, descriptors and threads");
}

void subject_close_clean(struct subject *s) {
    subject_close(s);
    judge_closed(s);
}

int subject_must_open(struct subject *s, struct bench *bench, enum rule_id rule) {
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code = subject_open(s, bench, NULL, &err);
    if (code != REPLI_OK)
        board_fail(bench->board, rule, "open() failed (%s): %s", repli_error_name(code),
                   err.message);
    return code == REPLI_OK ? 0 : -1;
}

const char *subject_method(int ask) {
    static const char *const names[REPLI__ASK_COUNT] = {"node_info", "store_info", "shards"};
    return names[ask];
}

void subject_answer_init(struct subject_answer *answer, int32_t takes) {
    memset(answer, 0, sizeof(*answer));
    repli__sink_init(&answer->sink, takes, NULL);
    answer->error = (repli_error)REPLI_ERROR_INIT;
}

static void judge_time(struct subject *s, const char *method, uint64_t deadline_ns) {
    struct board *board = s->bench->board;
    const uint64_t now = repli__mono_ns();
    const uint64_t late = now > deadline_ns ? now - deadline_ns : 0;
    if (late > atomic_load(&board->latest_ns))
        atomic_store(&board->latest_ns, late);
    if (late > TOLERANCE_MS * (uint64_t)REPLI__NS_PER_MS)
        board_fail(board, RULE_CALLS_DEADLINE, "%s returned %.0f ms after its deadline %s", method,
                   (double)late / 1e6, board->circumstances);
}

static void judge_code(struct subject *s, const char *method, const struct subject_answer *answer) {
    struct board *board = s->bench->board;
    const int32_t code = answer->raw;
    atomic_fetch_add(&board->calls, 1);
    if (code > REPLI_OK || strcmp(repli_error_name(code), "unknown") == 0)
        board_fail(board, RULE_CALLS_CODES, "%s returned %d, which is neither 0 nor an error code",
                   method, code);
    if (code == REPLI_OK)
        return;
    atomic_fetch_add(&board->failures, 1);
    if (answer->error.message[0] == '\0' && answer->refused == 0)
        board_fail(board, RULE_CALLS_ERRORS, "%s failed (%s) and did not say why %s", method,
                   repli_error_name(code), board->circumstances);
}

/* The rule that a record which is refused breaks. */
static void judge_refusal(struct subject *s, const char *method,
                          const struct subject_answer *answer) {
    const enum rule_id rule = answer->refused == EMIT_SHARD            ? RULE_SHARDS_VALID
                              : answer->refused == EMIT_ATTRIBUTE_NAME ? RULE_ATTRIBUTES_SCOPED
                                                                       : RULE_EMIT_ACCEPTED;
    if (answer->refused != 0 && answer->sink.error.code != REPLI_OK &&
        answer->sink.error.code != REPLI_ENOMEM && answer->refuse_at == 0)
        board_fail(s->bench->board, rule, "%s: %s", method, answer->sink.error.message);
}

void subject_conclude(struct subject *s, const char *method, uint64_t deadline_ns,
                      struct subject_answer *answer) {
    board_leave(s->bench->board);
    if (deadline_ns != 0)
        judge_time(s, method, deadline_ns);
    answer->error.message[sizeof(answer->error.message) - 1] = '\0';
    judge_code(s, method, answer);
    answer->code = repli__sink_finish(&answer->sink, answer->raw, &answer->error);
    judge_refusal(s, method, answer);
    repli__sink_close(&answer->sink);
}

void subject_ask(struct subject *s, int ask, repli_op *op, struct subject_answer *answer) {
    static const int32_t takes[REPLI__ASK_COUNT] = {REPLI__SINK_NODE, REPLI__SINK_STORE,
                                                    REPLI__SINK_SHARDS};
    int32_t (*const methods[REPLI__ASK_COUNT])(void *, repli_op *, repli_sink *, repli_error *) = {
        s->driver.node_info, s->driver.store_info, s->driver.shards};
    const size_t refuse_at = answer->refuse_at;
    subject_answer_init(answer, takes[ask]);
    answer->refuse_at = refuse_at;
    board_enter(s->bench->board, subject_method(ask), op->deadline_ns);
    answer->raw = methods[ask](s->self, op, &answer->sink, &answer->error);
    subject_conclude(s, subject_method(ask), op->deadline_ns, answer);
}
