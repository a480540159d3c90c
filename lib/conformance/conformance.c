#include "conformance/conformance.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "conformance/watch.h"

struct conformance {
    struct bench bench;
};

/* In the order in which they are played. */
static const struct scene scenes[] = {
    {SCENE_STEADY, "a store that runs", scene_steady, 0},
    {SCENE_AGAIN, "another process", scene_again, 0},
    {SCENE_REOPEN, "opening and closing", scene_reopen, 0},
    {SCENE_SCARCE, "memory runs out", scene_scarce, 0},
    {SCENE_REFUSED, "records are refused", scene_refused, 0},
    {SCENE_CONCURRENT, "calls at once", scene_concurrent, 0},
    {SCENE_MANY, "many calls", scene_many, 0},
    {SCENE_WRITE, "something is written", scene_write, 0},
    {SCENE_CREDENTIALS, "wrong credentials", scene_credentials, 0},
    {SCENE_HUNG, "the store hangs", scene_hung, 0},
    {SCENE_STOPPED, "the store is stopped and started", scene_stopped, 0},
    {SCENE_KINDS, "kinds of action", scene_kinds, 0},
    {SCENE_ACTIONS, "actions", scene_actions, 1},
};

int32_t conformance_new(struct conformance **ret_conformance, repli_error *err) {
    struct conformance *c = calloc(1, sizeof(*c));
    if (c != NULL)
        c->bench.board = board_new();
    if (c == NULL || c->bench.board == NULL) {
        conformance_free(c);
        return repli__error_nomem(err, "check", "preparing");
    }
    *ret_conformance = c;
    return REPLI_OK;
}

void conformance_free(struct conformance *c) {
    if (c != NULL)
        board_free(c->bench.board);
    free(c);
}

int conformance_load(struct conformance *c, const char *driver) {
    static const struct scene load = {SCENE_LOAD, "loading the driver", scene_load, 0};
    repli_error err = REPLI_ERROR_INIT;
    c->bench.driver = driver;
    if (watch_scene(&c->bench, &load, NULL, &err) != REPLI_OK)
        board_fail(c->bench.board, RULE_DRIVER_LOADS, "%s", err.message);
    return !board_failed(c->bench.board, RULE_DRIVER_LOADS);
}

static int passed(const struct board *board, enum rule_id rule) {
    return atomic_load(&board->verdicts[rule].result) == BOARD_PASSED;
}

/* Failures are there already. */
static void sum_up_connections(struct board *board) {
    static const enum rule_id only[] = {RULE_OPEN_OFFLINE, RULE_NETWORK_OWN_NODE};
    static const enum rule_id partly[] = {RULE_ACTIONS_STABLE, RULE_ACTIONS_VALIDATE};
    for (size_t i = 0; board->unseen && i < 2; i++) {
        board_skip(board, only[i], "this system does not let connections be watched");
        if (passed(board, partly[i]))
            board_pass(board, partly[i], "%s; connections could not be watched",
                       board->verdicts[partly[i]].evidence);
    }
    if (board->unseen)
        return;
    if (atomic_load(&board->open_ns) > 0)
        board_pass(board, RULE_OPEN_OFFLINE, "took %.1f ms",
                   (double)atomic_load(&board->open_ns) / 1e6);
    if (board->contact[0] != '\0')
        board_pass(board, RULE_NETWORK_OWN_NODE, "connected to %s only", board->contact);
    else
        board_pass(board, RULE_NETWORK_OWN_NODE, "no connection was made");
}

/* What was looked for in every call, and not found. */
static void sum_up(struct board *board) {
    const unsigned long long calls = atomic_load(&board->calls);
    const unsigned long long looks = atomic_load(&board->looks);
    if (calls == 0)
        return;
    board_pass(board, RULE_CALLS_DEADLINE, "%llu calls, the latest %.1f ms after it", calls,
               (double)atomic_load(&board->latest_ns) / 1e6);
    board_pass(board, RULE_CALLS_CODES, "%llu calls", calls);
    if (atomic_load(&board->failures) > 0)
        board_pass(board, RULE_CALLS_ERRORS, "%llu calls that failed",
                   (unsigned long long)atomic_load(&board->failures));
    else
        board_skip(board, RULE_CALLS_ERRORS, "no call failed");
    static const enum rule_id of_looks[] = {
        RULE_EMIT_ACCEPTED,      RULE_STATUS_REASON,     RULE_VERSION_STABLE,  RULE_IDENTITY_CALLS,
        RULE_SHARDS_VALID,       RULE_SHARDS_STABLE,     RULE_SHARDS_OFFSET,   RULE_SHARDS_UNIT,
        RULE_SHARDS_LAG_PRIMARY, RULE_ATTRIBUTES_SCOPED, RULE_ATTRIBUTES_TYPES};
    for (size_t i = 0; i < sizeof(of_looks) / sizeof(of_looks[0]); i++)
        board_pass(board, of_looks[i], "%llu observations", looks);
    board_pass(board, RULE_PROCESS_SURVIVES, "%llu calls", calls);
    board_pass(board, RULE_PROCESS_QUIET, "%llu calls", calls);
    sum_up_connections(board);
}

int32_t conformance_run(struct conformance *c, const struct conformance_options *options,
                        repli_error *err) {
    struct own own;
    int32_t code = own_init(&own, options, err);
    c->bench.driver = options->driver;
    c->bench.options = options;
    for (size_t i = 0; code == REPLI_OK && i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        if (options->progress != NULL)
            options->progress(scenes[i].title, options->user_data);
        code = watch_scene(&c->bench, &scenes[i], &own, err);
    }
    own_dispose(&own);
    sum_up(c->bench.board);
    return code;
}

size_t conformance_count(void) {
    return RULE_COUNT;
}

struct conformance_result conformance_result(const struct conformance *c, size_t index) {
    static const int verdicts[] = {[BOARD_OPEN] = CONFORMANCE_NOT_APPLICABLE,
                                   [BOARD_SKIPPED] = CONFORMANCE_NOT_APPLICABLE,
                                   [BOARD_PASSED] = CONFORMANCE_PASS,
                                   [BOARD_PRESUMED] = CONFORMANCE_FAIL,
                                   [BOARD_FAILED] = CONFORMANCE_FAIL};
    const struct board_verdict *verdict = &c->bench.board->verdicts[index];
    const int result = atomic_load(&verdict->result);
    return (struct conformance_result){
        .id = rules[index].id,
        .title = rules[index].title,
        .level = rules[index].level,
        .verdict = verdicts[result],
        .evidence = result != BOARD_OPEN ? verdict->evidence : "not reached",
    };
}
