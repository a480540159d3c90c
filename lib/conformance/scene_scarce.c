#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "conformance/track.h"

/* What the library has to give runs out: its memory, and its willingness to take records. */

enum { TRIES_MAX = 100 };

/* How often open() asks for memory; -1 if it fails even when there is enough. */
static int64_t count_requests(struct bench *bench) {
    struct subject s;
    if (subject_must_open(&s, bench, RULE_OPEN_MEMORY) != 0)
        return -1;
    const size_t requests = atomic_load(&s.memory.requests);
    subject_close(&s);
    return (int64_t)requests;
}

static void open_without(struct bench *bench, size_t request) {
    struct board *board = bench->board;
    struct subject s;
    repli_error err = REPLI_ERROR_INIT;
    if (subject_init(&s, bench, &err) != REPLI_OK)
        return;
    atomic_store(&s.memory.fail_at, request);
    const int32_t code = subject_open_now(&s, NULL, &err);
    if (code == REPLI_OK)
        subject_close(&s);
    const size_t left = atomic_load(&s.memory.live);
    if (left > 0)
        board_fail(board, RULE_OPEN_MEMORY,
                   "when request %zu fails, open() returns %s and %zu pieces are left", request,
                   repli_error_name(code), left);
}

static void open_scarcely(struct bench *bench) {
    const int64_t requests = count_requests(bench);
    board_presume(bench->board, RULE_OPEN_MEMORY, "the process ended when host->alloc gave NULL");
    for (int64_t i = 1; i <= requests && i <= TRIES_MAX; i++)
        open_without(bench, (size_t)i);
    if (requests >= 0)
        board_pass(bench->board, RULE_OPEN_MEMORY, "each of %lld requests failed once",
                   (long long)requests);
}

/* Each request of an observation fails once; afterwards all is as before. */
static void look_scarcely(struct subject *s) {
    struct board *board = s->bench->board;
    const int64_t deadline = s->bench->options->deadline_ms;
    struct look look;
    look_take(s, deadline, &look); /* some is only needed the first time */
    look_free(&look);
    size_t before = atomic_load(&s->memory.requests);
    look_take(s, deadline, &look);
    const int32_t status = look.status;
    look_free(&look);
    const size_t requests = atomic_load(&s->memory.requests) - before;
    for (size_t i = 1; i <= requests && i <= TRIES_MAX; i++) {
        atomic_store(&s->memory.fail_at, atomic_load(&s->memory.requests) + i);
        look_take(s, deadline, &look);
        look_free(&look);
        atomic_store(&s->memory.fail_at, 0);
        look_take(s, deadline, &look);
        char text[200];
        if (look.status != status)
            board_fail(board, RULE_CALLS_MEMORY, "after request %zu failed it says %s", i,
                       track_status(&look, text, sizeof(text)));
        look_free(&look);
    }
    if (requests == 0)
        board_pass(board, RULE_CALLS_MEMORY, "an observation asks host->alloc for nothing");
    else
        board_pass(board, RULE_CALLS_MEMORY, "each of %zu requests failed once", requests);
}

void scene_scarce(struct bench *bench) {
    struct subject s;
    open_scarcely(bench);
    if (subject_must_open(&s, bench, RULE_CALLS_MEMORY) != 0)
        return;
    board_presume(bench->board, RULE_CALLS_MEMORY, "the process ended when host->alloc gave NULL");
    look_scarcely(&s);
    subject_close(&s);
}

/* Ask, and refuse the record of that number. Returns how many were emitted. */
static size_t ask_and_refuse(struct subject *s, int ask, size_t number) {
    struct subject_answer answer = {.refuse_at = number};
    repli_op op = {.deadline_ns = repli__deadline_ns(s->bench->options->deadline_ms)};
    atomic_init(&op.cancelled, 0);
    subject_ask(s, ask, &op, &answer);
    const size_t emitted = answer.emitted;
    if (number > 0 && emitted >= number && answer.raw != REPLI_EFULL)
        board_fail(s->bench->board, RULE_EMIT_REFUSED,
                   "record %zu of %s was refused with %s, and it returned %s", number,
                   subject_method(ask), repli_error_name(REPLI_EFULL),
                   repli_error_name(answer.raw));
    repli__sink_dispose(&answer.sink);
    return emitted;
}

void scene_refused(struct bench *bench) {
    struct subject s;
    size_t total = 0;
    if (subject_must_open(&s, bench, RULE_EMIT_REFUSED) != 0)
        return;
    for (int ask = 0; ask < REPLI__ASK_COUNT; ask++) {
        const size_t emitted = ask_and_refuse(&s, ask, 0);
        for (size_t i = 1; i <= emitted && i <= TRIES_MAX; i++, total++)
            ask_and_refuse(&s, ask, i);
    }
    board_pass(bench->board, RULE_EMIT_REFUSED, "each of %zu records was refused once", total);
    subject_close(&s);
}
