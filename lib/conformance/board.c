#include "conformance/board.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/text.h"

struct board *board_new(void) {
    struct board *board =
        mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return NULL;
    board->circumstances = "";
    return board;
}

void board_free(struct board *board) {
    if (board != NULL)
        munmap(board, sizeof(*board));
}

/* Threads of one process may call and judge at once; each process has a copy of its own. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* Later results win over earlier ones of the same rank or a lower one, but the first failure is the
 * one to tell of. */
static __attribute__((format(printf, 4, 0))) void
judge(struct board *board, enum rule_id rule, int result, const char *format, va_list args) {
    struct board_verdict *verdict = &board->verdicts[rule];
    char text[2 * BOARD_EVIDENCE_SIZE];
    vsnprintf(text, sizeof(text), format, args);
    pthread_mutex_lock(&turn);
    const int before = atomic_load(&verdict->result);
    if (before != BOARD_FAILED && (result != BOARD_SKIPPED || before == BOARD_OPEN)) {
        repli__text_clean(verdict->evidence, sizeof(verdict->evidence), text);
        atomic_store(&verdict->result, result);
    }
    pthread_mutex_unlock(&turn);
}

void board_pass(struct board *board, enum rule_id rule, const char *format, ...) {
    va_list args;
    va_start(args, format);
    judge(board, rule, BOARD_PASSED, format, args);
    va_end(args);
}

void board_fail(struct board *board, enum rule_id rule, const char *format, ...) {
    va_list args;
    va_start(args, format);
    judge(board, rule, BOARD_FAILED, format, args);
    va_end(args);
}

void board_skip(struct board *board, enum rule_id rule, const char *format, ...) {
    va_list args;
    va_start(args, format);
    judge(board, rule, BOARD_SKIPPED, format, args);
    va_end(args);
}

void board_presume(struct board *board, enum rule_id rule, const char *format, ...) {
    va_list args;
    va_start(args, format);
    judge(board, rule, BOARD_PRESUMED, format, args);
    va_end(args);
}

int board_failed(const struct board *board, enum rule_id rule) {
    return atomic_load(&board->verdicts[rule].result) >= BOARD_PRESUMED;
}

void board_enter(struct board *board, const char *method, uint64_t deadline_ns) {
    pthread_mutex_lock(&turn);
    board->running++;
    atomic_store(&board->method, method);
    atomic_store(&board->deadline_ns, deadline_ns);
    atomic_store(&board->entered_ns, repli__mono_ns());
    pthread_mutex_unlock(&turn);
}

void board_leave(struct board *board) {
    pthread_mutex_lock(&turn);
    if (--board->running == 0)
        board_forget_calls(board);
    pthread_mutex_unlock(&turn);
}

const char *board_method(const struct board *board) {
    const char *method = atomic_load(&board->method);
    return method != NULL ? method : "";
}

void board_forget_calls(struct board *board) {
    board->running = 0;
    atomic_store(&board->entered_ns, 0);
    atomic_store(&board->method, NULL);
}
