#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <replicante/model.h>

#include "conformance/order.h"
#include "conformance/track.h"
#include "model/validate.h"

/* What a driver says about its actions, without doing any. */

enum { LIST_SIZE = 300, VALIDATE_MAX = 64 };

static int32_t describe(struct subject *s, struct subject_answer *answer) {
    subject_answer_init(answer, REPLI__SINK_KINDS);
    board_enter(s->bench->board, "actions_describe", 0);
    answer->raw = s->driver.actions_describe(s->self, &answer->sink, &answer->error);
    subject_conclude(s, "actions_describe", 0, answer);
    return answer->code;
}

static void judge_kinds(struct board *board, const repli_sink *sink) {
    char list[LIST_SIZE] = "";
    size_t used = 0;
    for (size_t i = 0; i < sink->kind_count; i++) {
        const repli_action_kind *kind = &sink->kinds[i];
        if (used + strlen(kind->kind) + 3 < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "",
                                     kind->kind);
        if (repli_scoped_name_reserved(kind->kind) && !repli__kind_for_drivers(kind->kind))
            board_fail(board, RULE_ACTIONS_NAMES,
                       "%.200s: of replicante.io's names only agent.replicante.io/cluster.init, "
                       ".add, .join and .remove may be used",
                       kind->kind);
        if (kind->arguments == NULL || kind->arguments[0] == '\0')
            board_fail(board, RULE_ACTIONS_DESCRIBED, "nothing is said of the arguments of %.200s",
                       kind->kind);
    }
    board_pass(board, RULE_ACTIONS_OFFERED, "%s", list);
    board_pass(board, RULE_ACTIONS_NAMES, "%zu kinds", sink->kind_count);
    board_pass(board, RULE_ACTIONS_DESCRIBED, "%zu kinds", sink->kind_count);
}

static void judge_stable(struct board *board, const repli_sink *one, const repli_sink *other) {
    int same = one->kind_count == other->kind_count;
    for (size_t i = 0; same && i < one->kind_count; i++)
        same = strcmp(one->kinds[i].kind, other->kinds[i].kind) == 0;
    if (same)
        board_pass(board, RULE_ACTIONS_STABLE, "%zu kinds, twice", one->kind_count);
    else
        board_fail(board, RULE_ACTIONS_STABLE, "%zu kinds, then others (%zu)", one->kind_count,
                   other->kind_count);
}

static int32_t validate(struct subject *s, const char *kind, const char *args, repli_error *err) {
    char *lent = memory_lend(args);
    if (lent == NULL)
        return REPLI_ENOMEM;
    board_enter(s->bench->board, "action_validate", 0);
    const int32_t code = s->driver.action_validate(s->self, kind, lent, strlen(lent), err);
    board_leave(s->bench->board);
    memory_end_loan(lent);
    free(lent);
    return code;
}

/* What is configured is good. No argument is an object with a member called like that. */
static void validate_order(struct subject *s, const struct order *order, size_t *changed) {
    struct board *board = s->bench->board;
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code = validate(s, order->kind, order->args, &err);
    if (code != REPLI_OK)
        board_fail(board, RULE_ACTIONS_VALIDATE, "%.100s refuses %.100s, which is configured: %s",
                   order->kind, order->args, err.message);
    json_t *args = json_loads(order->args, JSON_DECODE_ANY, NULL);
    const char *name;
    json_t *value;
    json_object_foreach(args, name, value) {
        json_t *wrong = json_copy(args);
        json_object_set_new(wrong, name, json_pack("{sb}", "no_such_argument", 1));
        char *text = json_dumps(wrong, JSON_COMPACT);
        if (text != NULL && validate(s, order->kind, text, NULL) == REPLI_OK)
            board_fail(board, RULE_ACTIONS_VALIDATE, "%.100s accepts %.200s", order->kind, text);
        ++*changed;
        free(text);
        json_decref(wrong);
    }
    json_decref(args);
}

static void validate_all(struct subject *s) {
    struct board *board = s->bench->board;
    size_t changed = 0;
    struct order order;
    for (size_t i = 0; order_at(s->bench->options, i, &order); i++)
        validate_order(s, &order, &changed);
    if (s->bench->options->actions == NULL)
        board_skip(board, RULE_ACTIONS_VALIDATE, "there is no check.actions in the configuration");
    else
        board_pass(board, RULE_ACTIONS_VALIDATE,
                   "what is configured is accepted; refused %zu times when an argument was of "
                   "another type",
                   changed);
}

void scene_kinds(struct bench *bench) {
    struct subject s;
    struct subject_answer answers[2];
    repli_error err = REPLI_ERROR_INIT;
    if (subject_open(&s, bench, NULL, &err) != REPLI_OK) {
        bench_skip(bench, SCENE_KINDS, "open() failed: %s", err.message);
        return;
    }
    if (!s.has_actions) {
        bench_skip(bench, SCENE_KINDS, "the driver offers no actions");
    } else if (describe(&s, &answers[0]) != REPLI_OK) {
        board_fail(bench->board, RULE_ACTIONS_STABLE, "%s", answers[0].error.message);
        repli__sink_dispose(&answers[0].sink);
    } else {
        judge_kinds(bench->board, &answers[0].sink);
        validate_all(&s);
        describe(&s, &answers[1]);
        judge_stable(bench->board, &answers[0].sink, &answers[1].sink);
        repli__sink_dispose(&answers[0].sink);
        repli__sink_dispose(&answers[1].sink);
    }
    subject_close(&s);
}
