#ifndef CONFORMANCE_BOARD_H
#define CONFORMANCE_BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "conformance/rules.h"

/*
 * What was found out, in memory that the process with the driver in it shares with the one that
 * watches it, so that a crash takes nothing away.
 */

enum { BOARD_EVIDENCE_SIZE = 480, BOARD_ID_SIZE = 1025, BOARD_LIST_SIZE = 160 };

enum { BOARD_OPEN = 0, BOARD_SKIPPED, BOARD_PASSED, BOARD_PRESUMED, BOARD_FAILED };

struct board_verdict {
    atomic_int result; /* BOARD_* */
    char evidence[BOARD_EVIDENCE_SIZE];
};

/* What must be the same in every process. Empty: not seen yet. */
struct board_identity {
    char cluster[BOARD_ID_SIZE];
    char version[256];
    size_t shard_count;
    uint64_t shard_sum; /* of their ids, in whatever order */
    char shards[BOARD_LIST_SIZE];
};

struct board {
    struct board_verdict verdicts[RULE_COUNT];

    /* The calls in progress, for whoever watches: how many, and the last that began. */
    int running;
    _Atomic(const char *) method;                 /* NULL: none; static text */
    atomic_uint_fast64_t entered_ns, deadline_ns; /* 0: none */

    const char *circumstances; /* such as "while the store hangs"; "" */
    atomic_uint_fast64_t calls, failures, looks;
    atomic_uint_fast64_t latest_ns; /* the most that a call was late */
    atomic_int finished;            /* the scene got to its end */
    atomic_uint_fast64_t open_ns;   /* how long open() took; 0: it never succeeded */
    char contact[BOARD_LIST_SIZE];  /* of the own node; empty: none */
    int unseen;                     /* there may have been connections that nobody saw */
    char command_output[200];       /* of the last command */
    char command_error[BOARD_EVIDENCE_SIZE];

    struct board_identity identity;
};

struct board *board_new(void);
void board_free(struct board *board);

/* A failure stays, whatever comes later; a rule that was not applicable here may be elsewhere. */
void board_pass(struct board *board, enum rule_id rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void board_fail(struct board *board, enum rule_id rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void board_skip(struct board *board, enum rule_id rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A failure unless board_pass() or board_fail() comes: for what the driver may not survive. */
void board_presume(struct board *board, enum rule_id rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int board_failed(const struct board *board, enum rule_id rule);

/* Around every call to the driver, also of several threads at once. method is static text. */
void board_enter(struct board *board, const char *method, uint64_t deadline_ns);
void board_leave(struct board *board);
/* The method that runs; empty: none. */
const char *board_method(const struct board *board);
/* No call is in progress, whatever became of the process in which one was. */
void board_forget_calls(struct board *board);

#endif
