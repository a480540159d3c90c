#ifndef TESTS_EXECUTOR_FIXTURE_H
#define TESTS_EXECUTOR_FIXTURE_H

#include <stdatomic.h>

#include "action/executor.h"
#include "driver/instance.h"
#include "store_fixture.h"

enum { PATIENCE_MS = 20000 };

/* What the handler of example.com/work does, and what it saw. */
typedef struct test_script {
    int32_t (*step)(const repli_host *host, repli_op *op, const repli_step *step, repli_sink *sink,
                    repli_error *err);
    atomic_int steps;
    atomic_int inside; /* steps in progress */
    atomic_int overlaps;
    atomic_int flag; /* for the tests' own use */
    atomic_uint last_flags;
} test_script;

/* An executor on a store of its own. One at a time, as steps find their script here. */
typedef struct executor_fixture {
    store_fixture database;
    repli__registry *registry;
    repli__host *host;
    repli__executor *executor;
    repli__executor_options options;
    repli__log log;
    test_script work;
} executor_fixture;

extern executor_fixture exec;

void executor_setup(void);
/* Stops the executor if need be. */
void executor_teardown(void);
void executor_start(void);
/* Stops and frees it. */
void executor_stop(void);
repli__executor_stats executor_stats(void);

void executor_schedule(uint64_t number, const char *kind, const char *args);
void executor_wait_for_end(uint64_t number);
void executor_wait_for_count(const atomic_int *count, int least);

/* Emit an outcome. */
int32_t executor_emit(const repli_host *table, repli_sink *sink, int32_t phase, const char *payload,
                      int64_t next_ms);

#endif
