#include "stores.h"

#include <stdatomic.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Shell. */

static char output[64 * 1024];

static const char *shell_v(const char *format, va_list args) {
    char command[4096];
    ck_assert_int_lt(vsnprintf(command, sizeof(command), format, args), (int)sizeof(command));
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t used = fread(output, 1, sizeof(output) - 1, pipe);
    while (used > 0 && output[used - 1] == '\n')
        used--;
    output[used] = '\0';
    const int status = pclose(pipe);
    ck_assert_msg(status == 0, "status %d of: %s\n%s", status, command, output);
    return output;
}

const char *shell(const char *format, ...) {
    va_list args;
    va_start(args, format);
    shell_v(format, args);
    va_end(args);
    return output;
}

/* Agents. */

void agent_stop(repli_agent *agent) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_stop(agent, 20000, &error) == REPLI_OK, "%s", error.message);
    repli_agent_free(agent);
}

typedef struct awaited {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    repli_snapshot *snapshot;
} awaited;

static void observed(void *user_data, repli_snapshot *snapshot) {
    awaited *wait = user_data;
    pthread_mutex_lock(&wait->mutex);
    wait->snapshot = repli_snapshot_ref(snapshot);
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->mutex);
}

repli_snapshot *look(repli_agent *agent) {
    awaited wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_observe(agent, 0, 20000, observed, &wait, &error);
    ck_assert_msg(code == REPLI_OK, "%s", error.message);
    pthread_mutex_lock(&wait.mutex);
    while (!wait.snapshot)
        pthread_cond_wait(&wait.cond, &wait.mutex);
    pthread_mutex_unlock(&wait.mutex);
    pthread_mutex_destroy(&wait.mutex);
    pthread_cond_destroy(&wait.cond);
    return wait.snapshot;
}

repli_snapshot *latest(repli_agent *agent) {
    repli_snapshot *snapshot = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_snapshot(agent, &snapshot, &error);
    ck_assert_msg(code == REPLI_OK, "%s", error.message);
    return snapshot;
}

repli_snapshot *look_for(repli_agent *agent, int32_t status, int seconds) {
    const int64_t end = now_ms() + seconds * 1000;
    for (;;) {
        repli_snapshot *snapshot = look(agent);
        const repli_node *node = repli_snapshot_node(snapshot);
        if (node->status == status)
            return snapshot;
        ck_assert_msg(now_ms() < end, "after %d s the status is %s (%s), not %s", seconds,
                      repli_status_name(node->status),
                      node->status_reason ? node->status_reason : "no reason",
                      repli_status_name(status));
        repli_snapshot_unref(snapshot);
        pause_ms(50);
    }
}

void assert_status(repli_agent *agent, int32_t status, const char *reason) {
    repli_snapshot *seen = look(agent);
    const repli_node *node = repli_snapshot_node(seen);
    ck_assert_msg(
        node->status == status, "the status is %s (%s), not %s", repli_status_name(node->status),
        node->status_reason ? node->status_reason : "no reason", repli_status_name(status));
    if (reason)
        assert_reason(seen, reason);
    repli_snapshot_unref(seen);
}

const repli_shard *shard_of(const repli_snapshot *snapshot) {
    const repli_shards *shards = repli_snapshot_shards(snapshot, NULL);
    return shards && shards->shard_count == 1 ? &shards->shards[0] : NULL;
}

static const repli_attribute *find(const repli_attribute *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        const char *scoped = strchr(list[i].name, '/');
        if (scoped && strcmp(scoped + 1, name) == 0)
            return &list[i];
    }
    return NULL;
}

const repli_attribute *attribute_of(const repli_snapshot *snapshot, const char *name) {
    const repli_store_extras *store = repli_snapshot_store(snapshot, NULL);
    const repli_node *node = repli_snapshot_node(snapshot);
    const repli_attribute *found =
        store ? find(store->attributes, store->attribute_count, name) : NULL;
    return found ? found : find(node->attributes, node->attribute_count, name);
}

void assert_attribute(const repli_snapshot *snapshot, const char *name, const char *text) {
    const repli_attribute *attribute = attribute_of(snapshot, name);
    char value[64] = "nothing";
    const char *shown = value;
    if (attribute && attribute->type == REPLI_VALUE_STRING)
        shown = attribute->string;
    else if (attribute && attribute->type == REPLI_VALUE_BOOLEAN)
        shown = attribute->integer ? "true" : "false";
    else if (attribute)
        snprintf(value, sizeof(value), "%lld", (long long)attribute->integer);
    ck_assert_msg(strcmp(shown, text) == 0, "%s is %s, not %s", name, shown, text);
}

void assert_reason(const repli_snapshot *snapshot, const char *text) {
    const char *reason = repli_snapshot_node(snapshot)->status_reason;
    ck_assert_msg(reason && strstr(reason, text), "\"%s\" is not in the reason: %s", text,
                  reason ? reason : "(none)");
}

/* Actions. */

static char id[REPLI_UUID_SIZE];

static const char *schedule_v(repli_agent *agent, int within_ms, const char *kind,
                              const char *format, va_list args) {
    char json[1024];
    vsnprintf(json, sizeof(json), format, args);
    repli_request request = REPLI_REQUEST_INIT;
    repli_error error = REPLI_ERROR_INIT;
    request.kind = kind;
    request.args_json = json;
    if (within_ms > 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        request.deadline_ns =
            (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + (int64_t)within_ms * 1000000;
    }
    const int32_t code = repli_agent_schedule(agent, &request, id, &error);
    ck_assert_msg(code == REPLI_OK, "%s %s: %s", kind, json, error.message);
    return id;
}

const char *schedule(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    schedule_v(agent, 0, kind, format, args);
    va_end(args);
    return id;
}

const char *schedule_within(repli_agent *agent, int milliseconds, const char *kind,
                            const char *format, ...) {
    va_list args;
    va_start(args, format);
    schedule_v(agent, milliseconds, kind, format, args);
    va_end(args);
    return id;
}

const char *must_end(repli_agent *agent, const char *which, int32_t outcome) {
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, which, 60, &doc);
    snprintf(output, sizeof(output), "%s", action->error_json ? action->error_json : "");
    ck_assert_msg(action->outcome == outcome, "%s, not %s: %s", repli_ended_name(action->outcome),
                  repli_ended_name(outcome), output);
    repli_doc_free(doc);
    return output;
}

const repli_action *finish(repli_agent *agent, const char *which, int seconds,
                           repli_doc **ret_doc) {
    const int64_t end = now_ms() + seconds * 1000;
    for (;;) {
        const repli_action *action = NULL;
        repli_error error = REPLI_ERROR_INIT;
        const int32_t code = repli_agent_action(agent, which, ret_doc, &action, &error);
        ck_assert_msg(code == REPLI_OK, "%s", error.message);
        if (action->phase == REPLI_PHASE_DONE || action->phase == REPLI_PHASE_FAILED)
            return action;
        ck_assert_msg(now_ms() < end, "%s is not finished after %d s: %s", action->kind, seconds,
                      action->payload_json ? action->payload_json : "no payload");
        repli_doc_free(*ret_doc);
        pause_ms(20);
    }
}

static const char *end_of(repli_agent *agent, int32_t phase) {
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_msg(action->phase == phase, "%s is %s: %s %s", action->kind,
                  repli_phase_name(action->phase), action->payload_json ? action->payload_json : "",
                  action->error_json ? action->error_json : "");
    const char *text = phase == REPLI_PHASE_DONE ? action->payload_json : action->error_json;
    snprintf(output, sizeof(output), "%s", text ? text : "");
    repli_doc_free(doc);
    return output;
}

/* Plans. */

static atomic_int planned;
static int32_t plan_code;
static char plan_text[16384];

static void take_plan(void *user_data, int32_t code, const repli_plan *plan,
                      const repli_error *error) {
    (void)user_data;
    plan_code = code;
    snprintf(plan_text, sizeof(plan_text), "%s", plan ? plan->json : error->message);
    atomic_fetch_add(&planned, 1);
}

static int32_t plan_v(repli_agent *agent, const char *kind, const char *format, va_list args) {
    char json[1024];
    vsnprintf(json, sizeof(json), format, args);
    repli_request request = REPLI_REQUEST_INIT;
    repli_error error = REPLI_ERROR_INIT;
    request.kind = kind;
    request.args_json = json;
    const int before = atomic_load(&planned);
    const int32_t code = repli_agent_plan(agent, &request, take_plan, NULL, &error);
    ck_assert_msg(code == REPLI_OK, "%s %s: %s", kind, json, error.message);
    const int64_t end = now_ms() + 60000;
    while (atomic_load(&planned) == before) {
        ck_assert_msg(now_ms() < end, "no plan of %s after 60 s", kind);
        pause_ms(5);
    }
    /* Passwords of the accounts that tests use. */
    static const char *const secrets[] = {"agentpw", "actorpw", "replpw", "rewinderpw"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
        ck_assert_msg(!strstr(plan_text, secrets[i]), "%s", plan_text);
    return plan_code;
}

const char *must_plan(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int32_t code = plan_v(agent, kind, format, args);
    va_end(args);
    ck_assert_msg(code == REPLI_OK, "%s: %s", kind, plan_text);
    return plan_text;
}

const char *must_not_plan(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int32_t code = plan_v(agent, kind, format, args);
    va_end(args);
    ck_assert_msg(code != REPLI_OK, "%s: %s", kind, plan_text);
    return plan_text;
}

const char *must_do(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int32_t code = plan_v(agent, kind, format, args);
    va_end(args);
    ck_assert_msg(code == REPLI_OK, "the plan of %s: %s", kind, plan_text);
    va_start(args, format);
    schedule_v(agent, 0, kind, format, args);
    va_end(args);
    return end_of(agent, REPLI_PHASE_DONE);
}

const char *must_fail(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    schedule_v(agent, 0, kind, format, args);
    va_end(args);
    return end_of(agent, REPLI_PHASE_FAILED);
}

/* Events. */

repli_event role_after(repli_agent *agent, int64_t after) {
    static repli_doc *kept;
    for (const int64_t end = now_ms() + 30000;; pause_ms(20)) {
        const repli_event *events;
        size_t count;
        repli_doc_free(kept);
        kept = NULL;
        ck_assert_int_eq(
            repli_agent_events(agent, after, 0, &kept, &events, &count, NULL, NULL, NULL),
            REPLI_OK);
        for (size_t i = 0; i < count; i++)
            if (events[i].type == REPLI_EVENT_ROLE)
                return events[i];
        ck_assert_int_lt(now_ms(), end);
    }
}

/* Small things. */

void assert_contains(const char *text, const char *part) {
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void pause_ms(int milliseconds) {
    const struct timespec pause = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}
