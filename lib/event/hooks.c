#include "event/hook.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/gate.h"
#include "base/spawn.h"
#include "event/feed.h"

/* Running hooks. */

/* TICK_MS: how often a process is looked after. SKIPPED: events that do not matter to a hook are
 * passed over, which is written down now and then. */
enum { PAGE = 100, TICK_MS = 20, RETRY_MS = 1000, SKIPPED = 1000, LAST_MS = 500 };

struct repli__hook_run {
    repli__hook_run *next;
    repli__hook hook;
    repli__hook_stats stats;

    int known;     /* how far it has come was read */
    int64_t saved; /* as on disk */
    uint64_t retry_ns;

    int64_t number; /* of the event that its command runs for; 0: none does */
    repli_process process;
    int adopted; /* started by another agent */
    int killed;
    uint64_t deadline_ns;

    repli_doc *page; /* owner of events */
    repli_event *events;
    size_t event_count;
    size_t next_event;
};

void repli__hooks_init(repli__hooks *hooks, repli__store *store, const char *node_id,
                       const repli__mem *mem, repli__log *log) {
    repli__store_stats stats;
    repli__store_stats_get(store, &stats);
    *hooks = (repli__hooks){
        .mem = *mem, .log = log, .store = store, .node_id = node_id, .begin = stats.last_event};
    pthread_mutex_init(&hooks->mutex, NULL);
}

static void free_runs(repli__hooks *hooks, repli__hook_run *run) {
    while (run != NULL) {
        repli__hook_run *next = run->next;
        repli_doc_free(run->page);
        repli__hook_dispose(&run->hook, &hooks->mem);
        repli__free(&hooks->mem, run);
        run = next;
    }
}

void repli__hooks_dispose(repli__hooks *hooks) {
    free_runs(hooks, hooks->fresh);
    free_runs(hooks, hooks->runs);
    pthread_mutex_destroy(&hooks->mutex);
}

int32_t repli__hooks_set(repli__hooks *hooks, const repli__hook *list, size_t count,
                         repli_error *err) {
    repli__hook_run *fresh = NULL;
    for (size_t i = count; i-- > 0;) {
        repli__hook_run *run = repli__calloc(&hooks->mem, 1, sizeof(*run));
        if (run == NULL || repli__hook_copy(&run->hook, &list[i], &hooks->mem) != REPLI_OK) {
            repli__free(&hooks->mem, run);
            free_runs(hooks, fresh);
            return repli__error_nomem(err, "agent", "setting hooks");
        }
        snprintf(run->stats.name, sizeof(run->stats.name), "%s", run->hook.name);
        run->next = fresh;
        fresh = run;
    }
    pthread_mutex_lock(&hooks->mutex);
    repli__hook_run *dropped = hooks->fresh;
    hooks->fresh = fresh;
    hooks->changed = 1;
    atomic_store(&hooks->wanted, 1);
    pthread_mutex_unlock(&hooks->mutex);
    free_runs(hooks, dropped);
    return REPLI_OK;
}

void repli__hooks_end(repli__hooks *hooks) {
    pthread_mutex_lock(&hooks->mutex);
    hooks->ends = 1;
    pthread_mutex_unlock(&hooks->mutex);
}

size_t repli__hooks_stats_get(repli__hooks *hooks, repli__hook_stats *ret_stats) {
    pthread_mutex_lock(&hooks->mutex);
    const size_t count = hooks->stats_count;
    memcpy(ret_stats, hooks->stats, count * sizeof(*ret_stats));
    pthread_mutex_unlock(&hooks->mutex);
    return count;
}

/* How far it has come, on disk: "DONE NUMBER PID START", the last three of the process that runs.
 */

static void key_of(const repli__hook_run *run, char *key, size_t size) {
    snprintf(key, size, "hook.%s", run->hook.name);
}

static int save(repli__hooks *hooks, repli__hook_run *run) {
    char key[REPLI__HOOK_NAME_MAX + 8];
    char value[96];
    key_of(run, key, sizeof(key));
    snprintf(value, sizeof(value), "%" PRId64 " %" PRId64 " %" PRId64 " %" PRIu64, run->stats.done,
             run->number, run->process.pid, run->process.start_time);
    if (repli__store_remember(hooks->store, key, value, NULL) != REPLI_OK)
        return 0;
    run->saved = run->stats.done;
    return 1;
}

static int load(repli__hooks *hooks, repli__hook_run *run) {
    char key[REPLI__HOOK_NAME_MAX + 8];
    char value[96];
    key_of(run, key, sizeof(key));
    run->process = (repli_process)REPLI_PROCESS_INIT;
    run->stats.done = hooks->begin;
    const int32_t code = repli__store_recall(hooks->store, key, value, sizeof(value), NULL);
    if (code == REPLI_ENOTFOUND)
        return save(hooks, run);
    if (code != REPLI_OK)
        return 0;
    if (sscanf(value, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNu64, &run->stats.done,
               &run->number, &run->process.pid, &run->process.start_time) != 4)
        run->number = 0;
    run->saved = run->stats.done;
    run->adopted = run->number != 0;
    run->process.state = REPLI_PROCESS_RUNNING;
    run->deadline_ns = repli__deadline_ns(run->hook.timeout_ms);
    return 1;
}

/* Processes. */

static void kill_process(repli__hook_run *run) {
    run->killed = repli__process_signal(&run->process, SIGKILL, NULL) == REPLI_OK;
}

static void tell_end(repli__hooks *hooks, repli__hook_run *run) {
    const int32_t exit_code = run->process.exit_code;
    run->stats.runs++;
    if (run->killed) {
        run->stats.timeouts++;
        repli__log_printf(hooks->log, REPLI_LOG_WARNING, "agent",
                          "hook %s did not end within %" PRId64 " ms for event %" PRId64
                          " and was killed",
                          run->hook.name, run->hook.timeout_ms, run->number);
    } else if (run->process.state == REPLI_PROCESS_EXITED && exit_code != 0) {
        run->stats.failures++;
        repli__log_printf(hooks->log, REPLI_LOG_WARNING, "agent",
                          "hook %s failed for event %" PRId64 ": it ended with %d", run->hook.name,
                          run->number, (int)exit_code);
    }
}

static void forget_process(repli__hook_run *run) {
    run->number = 0;
    run->adopted = run->killed = 0;
    run->process = (repli_process)REPLI_PROCESS_INIT;
}

/* The event is done with, unless its process belonged to another agent and nobody killed it: how
 * that ended is not known. */
static uint64_t end_process(repli__hooks *hooks, repli__hook_run *run) {
    if (!run->adopted || run->killed) {
        tell_end(hooks, run);
        run->stats.done = run->number;
    }
    forget_process(run);
    save(hooks, run);
    return 0;
}

static uint64_t look_after(repli__hooks *hooks, repli__hook_run *run) {
    if (repli__process_poll(&run->process, NULL) != REPLI_OK)
        run->process.state = REPLI_PROCESS_GONE;
    if (run->process.state != REPLI_PROCESS_RUNNING)
        return end_process(hooks, run);
    if (repli__mono_ns() >= run->deadline_ns)
        kill_process(run);
    return repli__deadline_ns(TICK_MS);
}

/* The event as JSON for the command's input, and its parts in the environment, for shells. */
typedef struct letter {
    repli_buf json;
    repli_buf texts[5];
    const char *env[6];
} letter;

static void dispose(letter *it) {
    repli_buf_dispose(&it->json);
    for (size_t i = 0; i < 5; i++)
        repli_buf_dispose(&it->texts[i]);
}

static int32_t write_letter(letter *it, const repli_event *event, const repli__mem *mem) {
    const struct {
        const char *name;
        const char *value;
    } parts[] = {{"TYPE", repli_event_type_name(event->type)},
                 {"SUBJECT", event->subject},
                 {"OLD", event->old_value},
                 {"NEW", event->new_value}};
    *it = (letter){.json.allocator = mem};
    int32_t code = repli_event_to_json(event, &it->json, NULL);
    for (size_t i = 0; i < 5; i++)
        it->texts[i].allocator = mem;
    if (code == REPLI_OK)
        code = repli__buf_printf(&it->texts[4], "REPLICANTE_EVENT_NUMBER=%" PRId64, event->number);
    for (size_t i = 0; i < 4 && code == REPLI_OK; i++)
        code = repli__buf_printf(&it->texts[i], "REPLICANTE_EVENT_%s=%s", parts[i].name,
                                 parts[i].value != NULL ? parts[i].value : "");
    for (size_t i = 0; i < 5; i++)
        it->env[i] = it->texts[i].data;
    return code;
}

static uint64_t retry(repli__hook_run *run) {
    run->retry_ns = repli__deadline_ns(RETRY_MS);
    return run->retry_ns;
}

/* A process that is to become the command, once it is written down who it is. */
static int32_t fork_process(const repli_command *command, repli__gate *ret_gate, repli_error *err) {
    int output = -1;
    int32_t code = repli__spawn_output(command, &output, err);
    if (code == REPLI_OK)
        code = repli__gate_fork(&(repli__gate_options){.command = command, .record = output},
                                ret_gate, err);
    repli__spawn_close(&output);
    return code;
}

/* The next agent must find whatever runs, or it would run the same beside it. REPLI_EFULL: to be
 * tried again. */
static int32_t run_process(repli__hooks *hooks, repli__hook_run *run, int64_t number,
                           const letter *it, repli_error *err) {
    const repli_command command = {.struct_size = sizeof(command),
                                   .argv = (const char *const *)run->hook.command,
                                   .env = it->env,
                                   .input = it->json.data,
                                   .input_size = it->json.size};
    repli__gate gate;
    const int32_t code = fork_process(&command, &gate, err);
    if (code != REPLI_OK)
        return code;
    run->number = number;
    run->process = gate.process;
    run->deadline_ns = repli__deadline_ns(run->hook.timeout_ms);
    if (save(hooks, run))
        return repli__gate_open(&gate, &command, err);
    repli__gate_shut(&gate);
    return REPLI_EFULL;
}

/* What cannot be started is a failure like others, but for want of memory, processes or a disk. */
static uint64_t start_process(repli__hooks *hooks, repli__hook_run *run, const repli_event *event) {
    letter it;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = write_letter(&it, event, &hooks->mem);
    if (code == REPLI_OK)
        code = run_process(hooks, run, event->number, &it, &error);
    dispose(&it);
    if (code == REPLI_OK)
        return repli__deadline_ns(TICK_MS);
    forget_process(run);
    if (code == REPLI_ENOMEM || code == REPLI_EFULL)
        return retry(run);
    run->stats.runs++;
    run->stats.failures++;
    repli__log_printf(hooks->log, REPLI_LOG_ERROR, "agent", "hook %s: %s", run->hook.name,
                      error.message);
    run->stats.done = event->number;
    save(hooks, run);
    return 0;
}

/* Events. */

/* The first one that it is not done with, or NULL; *ret_code tells a failure. */
static const repli_event *next_event(repli__hooks *hooks, repli__hook_run *run, int32_t *ret_code) {
    *ret_code = REPLI_OK;
    for (; run->next_event < run->event_count; run->next_event++)
        if (run->events[run->next_event].number > run->stats.done)
            return &run->events[run->next_event];
    repli_doc_free(run->page);
    run->page = NULL;
    run->event_count = run->next_event = 0;
    int64_t first;
    *ret_code = repli__feed_read(hooks->store, hooks->node_id, run->stats.done, PAGE, &run->page,
                                 &run->events, &run->event_count, &first, NULL);
    return *ret_code == REPLI_OK && run->event_count > 0 ? run->events : NULL;
}

/* A page of events at most, up to the first one that matters. */
static uint64_t begin(repli__hooks *hooks, repli__hook_run *run) {
    for (int i = 0; i < PAGE; i++) {
        int32_t code;
        const repli_event *event = next_event(hooks, run, &code);
        if (code != REPLI_OK)
            return retry(run);
        if (event == NULL)
            return UINT64_MAX;
        if ((run->hook.types >> event->type & 1) != 0)
            return start_process(hooks, run, event);
        run->stats.done = event->number;
    }
    if (run->stats.done >= run->saved + SKIPPED)
        save(hooks, run);
    return 0;
}

static uint64_t go_on(repli__hooks *hooks, repli__hook_run *run) {
    if (repli__mono_ns() < run->retry_ns)
        return run->retry_ns;
    if (!run->known && !load(hooks, run))
        return retry(run);
    run->known = 1;
    if (run->number != 0)
        return look_after(hooks, run);
    return begin(hooks, run);
}

/* Changes. */

/* What a hook of that name was doing goes on in its successor. */
static void inherit(repli__hook_run *fresh, repli__hook_run *old) {
    for (; old != NULL; old = old->next) {
        if (!old->known || strcmp(old->hook.name, fresh->hook.name) != 0)
            continue;
        fresh->stats = old->stats;
        fresh->known = 1;
        fresh->saved = old->saved;
        fresh->number = old->number;
        fresh->process = old->process;
        fresh->adopted = old->adopted;
        fresh->killed = old->killed;
        fresh->deadline_ns = old->deadline_ns;
        old->number = 0;
    }
}

/* What has just ended is not run again. */
static void kill_all(repli__hooks *hooks) {
    for (repli__hook_run *run = hooks->runs; run != NULL; run = run->next) {
        if (run->number == 0)
            continue;
        look_after(hooks, run);
        if (run->number == 0)
            continue;
        repli__process_signal(&run->process, SIGKILL, NULL);
        const uint64_t until_ns = repli__deadline_ns(LAST_MS);
        const repli__job nobody = {.pidfd = -1, .output = -1, .deadline_ns = until_ns};
        while (repli__process_poll(&run->process, NULL) == REPLI_OK &&
               run->process.state == REPLI_PROCESS_RUNNING && repli__mono_ns() < until_ns)
            repli__job_wait(&nobody);
    }
}

static void change(repli__hooks *hooks, repli__hook_run *fresh) {
    for (repli__hook_run *run = fresh; run != NULL; run = run->next)
        inherit(run, hooks->runs);
    kill_all(hooks);
    free_runs(hooks, hooks->runs);
    hooks->runs = fresh;
    atomic_store(&hooks->wanted, fresh != NULL);
}

static void publish(repli__hooks *hooks) {
    size_t count = 0;
    pthread_mutex_lock(&hooks->mutex);
    for (const repli__hook_run *run = hooks->runs; run != NULL; run = run->next)
        hooks->stats[count++] = run->stats;
    hooks->stats_count = count;
    pthread_mutex_unlock(&hooks->mutex);
}

uint64_t repli__hooks_run(repli__hooks *hooks) {
    pthread_mutex_lock(&hooks->mutex);
    const int ends = hooks->ends;
    const int changed = hooks->changed;
    repli__hook_run *fresh = hooks->fresh;
    hooks->fresh = NULL;
    hooks->changed = 0;
    pthread_mutex_unlock(&hooks->mutex);
    if (changed)
        change(hooks, fresh);
    if (ends) {
        kill_all(hooks);
        return UINT64_MAX;
    }
    uint64_t next_ns = UINT64_MAX;
    for (repli__hook_run *run = hooks->runs; run != NULL; run = run->next) {
        const uint64_t run_ns = go_on(hooks, run);
        if (run_ns < next_ns)
            next_ns = run_ns;
    }
    publish(hooks);
    return next_ns;
}
