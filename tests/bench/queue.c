#include "queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plain.h"

static atomic_ullong stepped_at_ns;
static uint64_t ended;
static uint64_t awaited;
static pthread_mutex_t ended_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_ended = PTHREAD_COND_INITIALIZER;

void queue_need(int32_t code, const repli_error *error) {
    if (code == REPLI_OK)
        return;
    fprintf(stderr, "bench: %s\n", error->message);
    exit(1);
}

/* The log tells when an action is done, without anybody having to ask. */
static void note_end(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)level;
    (void)origin;
    (void)user_data;
    if (strstr(message, " is DONE") == NULL)
        return;
    pthread_mutex_lock(&ended_mutex);
    const int last = ++ended == awaited;
    pthread_mutex_unlock(&ended_mutex);
    if (last)
        pthread_cond_signal(&all_ended);
}

void queue_wait(uint64_t number) {
    pthread_mutex_lock(&ended_mutex);
    awaited = number;
    while (ended < number)
        pthread_cond_wait(&all_ended, &ended_mutex);
    pthread_mutex_unlock(&ended_mutex);
}

uint64_t queue_stepped_ns(void) {
    return atomic_load(&stepped_at_ns);
}

void queue_open(queue *it, const char *path) {
    *it = (queue){0};
    const repli__store_options options = {.path = path,
                                          .full_sync = 1,
                                          .queue_limit = UINT64_MAX,
                                          .mem = &repli__mem_default,
                                          .log = &it->log};
    repli__log_init(&it->log);
    repli__log_set(&it->log, REPLI_LOG_INFO, note_end, NULL);
    repli_error error = REPLI_ERROR_INIT;
    queue_need(repli__store_open(&options, &it->store, &error), &error);
    queue_need(repli__store_start(it->store, &error), &error);
}

void queue_close(queue *it) {
    repli__store_close(it->store);
    repli__log_dispose(&it->log);
}

void queue_schedule(queue *it, const char *id) {
    char own_id[REPLI_UUID_SIZE];
    if (id == NULL)
        repli_uuid_generate(own_id, NULL);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/work";
    request.args_json = plain_args;
    request.id = id != NULL ? id : own_id;
    request.created_ns = repli__wall_ns();
    request.requester = "AGENT_API";
    repli_error error = REPLI_ERROR_INIT;
    queue_need(repli__store_insert(it->store, &request, &error), &error);
}

static int32_t step_once(void *user_data, const repli_host *host, repli_op *op,
                         const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data;
    (void)op;
    (void)step;
    (void)err;
    atomic_store(&stepped_at_ns, repli__mono_ns());
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.phase = REPLI_PHASE_DONE;
    return host->emit_outcome(sink, &outcome);
}

void queue_start(queue *it) {
    static const repli__executor_options options = {.step_timeout_ms = 10000,
                                                    .max_interval_ms = 1000};
    repli__handler handler = {.kind = REPLI_ACTION_KIND_INIT, .step = step_once};
    handler.kind.kind = "example.com/work";
    repli_error error = REPLI_ERROR_INIT;
    const repli__mem *mem = &repli__mem_default;
    ended = 0;
    queue_need(repli__registry_new(mem, &it->registry, &error), &error);
    queue_need(repli__registry_add(it->registry, REPLI__OWNER_HOST, &handler, &error), &error);
    queue_need(repli__host_new("bench", mem, &it->log, &it->host, &error), &error);
    queue_need(repli__executor_new(it->store, it->registry, repli__host_table(it->host), &options,
                                   mem, &it->log, &it->executor, &error),
               &error);
    queue_need(repli__executor_start(it->executor, &error), &error);
}

void queue_stop(queue *it) {
    repli__executor_stop(it->executor, 10000, NULL);
    repli__executor_free(it->executor);
    repli__host_free(it->host);
    repli__registry_free(it->registry);
}

double queue_drain(queue *it, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        queue_schedule(it, NULL);
    queue_start(it);
    const uint64_t since = repli__mono_ns();
    queue_wait(count);
    const double actions = (double)count * 1e9 / (double)(repli__mono_ns() - since);
    queue_stop(it);
    return actions;
}

const char *queue_path(const char *directory, const char *name) {
    static char paths[4][600];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}
