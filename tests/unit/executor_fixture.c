#include "executor_fixture.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

executor_fixture exec;

static int32_t run_script(void *user_data, const repli_host *table, repli_op *op,
                          const repli_step *step, repli_sink *sink, repli_error *err) {
    test_script *mine = user_data;
    if (atomic_fetch_add(&mine->inside, 1) != 0)
        atomic_fetch_add(&mine->overlaps, 1);
    atomic_store(&mine->last_flags, step->flags);
    atomic_fetch_add(&mine->steps, 1);
    const int32_t code = mine->step(table, op, step, sink, err);
    atomic_fetch_sub(&mine->inside, 1);
    return code;
}

int32_t executor_emit(const repli_host *table, repli_sink *sink, int32_t phase, const char *payload,
                      int64_t next_ms) {
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = phase;
    outcome.payload_json = payload;
    outcome.next_step_ms = next_ms;
    return table->emit_outcome(sink, &outcome);
}

void executor_start(void) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__executor_new(exec.database.store, exec.registry,
                                      repli__host_table(exec.host), &exec.options,
                                      &repli__mem_default, &exec.log, &exec.executor,
                                      &error) == REPLI_OK,
                  "%s", error.message);
    ck_assert_int_eq(repli__executor_start(exec.executor, &error), REPLI_OK);
}

void executor_stop(void) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__executor_stop(exec.executor, PATIENCE_MS, &error) == REPLI_OK, "%s",
                  error.message);
    repli__executor_free(exec.executor);
    exec.executor = NULL;
}

void executor_setup(void) {
    repli__log_init(&exec.log);
    store_fixture_setup(&exec.database);
    ck_assert_int_eq(repli__registry_new(&repli__mem_default, &exec.registry, NULL), REPLI_OK);
    ck_assert_int_eq(repli__registry_add_tests(exec.registry, NULL), REPLI_OK);
    memset(&exec.work, 0, sizeof(exec.work));
    repli__handler handler = {
        .kind = REPLI_ACTION_KIND_INIT, .step = run_script, .user_data = &exec.work};
    handler.kind.kind = "example.com/work";
    ck_assert_int_eq(repli__registry_add(exec.registry, REPLI__OWNER_HOST, &handler, NULL),
                     REPLI_OK);
    ck_assert_int_eq(repli__host_new("agent", &repli__mem_default, &exec.log, &exec.host, NULL),
                     REPLI_OK);
    exec.options =
        (repli__executor_options){.step_timeout_ms = PATIENCE_MS, .max_interval_ms = 1000};
}

void executor_teardown(void) {
    if (exec.executor != NULL)
        executor_stop();
    repli__host_free(exec.host);
    repli__registry_free(exec.registry);
    store_fixture_teardown(&exec.database);
    repli__log_dispose(&exec.log);
}

void executor_schedule(uint64_t number, const char *kind, const char *args) {
    char id[REPLI_UUID_SIZE];
    repli_request request = test_request(number, id);
    request.kind = kind;
    request.args_json = args;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli__store_insert(exec.database.store, &request, &error) == REPLI_OK, "%s",
                  error.message);
}

void executor_wait_for_end(uint64_t number) {
    const uint64_t until = repli__deadline_ns(PATIENCE_MS);
    int32_t phase;
    while ((phase = test_phase(exec.database.store, number)) != REPLI_PHASE_DONE &&
           phase != REPLI_PHASE_FAILED) {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(500);
    }
}

void executor_wait_for_count(const atomic_int *count, int least) {
    const uint64_t until = repli__deadline_ns(PATIENCE_MS);
    while (atomic_load(count) < least) {
        ck_assert_uint_lt(repli__mono_ns(), until);
        usleep(500);
    }
}

repli__executor_stats executor_stats(void) {
    repli__executor_stats now;
    repli__executor_stats_get(exec.executor, &now);
    return now;
}
