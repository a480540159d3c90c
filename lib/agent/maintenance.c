#include "agent/maintenance.h"

#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "model/json_documents.h"
#include "model/record.h"

static const char key[] = "maintenance";

enum { LOOK_AGAIN_MS = 60000 };

void repli__maintenance_init(repli__maintenance *maintenance) {
    *maintenance = (repli__maintenance){.config = NULL};
    pthread_mutex_init(&maintenance->changing, NULL);
    pthread_mutex_init(&maintenance->mutex, NULL);
}

void repli__maintenance_dispose(repli__maintenance *maintenance) {
    repli__config_unref(maintenance->config);
    pthread_mutex_destroy(&maintenance->mutex);
    pthread_mutex_destroy(&maintenance->changing);
}

void repli__maintenance_get(repli__maintenance *maintenance, repli__maintenance_state *ret_state) {
    pthread_mutex_lock(&maintenance->mutex);
    *ret_state = maintenance->state;
    pthread_mutex_unlock(&maintenance->mutex);
}

static void put(repli__maintenance *maintenance, const repli__maintenance_state *state) {
    pthread_mutex_lock(&maintenance->mutex);
    maintenance->state = *state;
    pthread_mutex_unlock(&maintenance->mutex);
}

static repli_config *present_config(repli__maintenance *maintenance) {
    pthread_mutex_lock(&maintenance->mutex);
    repli_config *config =
        maintenance->config != NULL ? repli__config_ref(maintenance->config) : NULL;
    pthread_mutex_unlock(&maintenance->mutex);
    return config;
}

void repli__maintenance_configure(repli__maintenance *maintenance, repli_config *config) {
    repli__config_ref(config);
    pthread_mutex_lock(&maintenance->mutex);
    repli_config *old = maintenance->config;
    maintenance->config = config;
    pthread_mutex_unlock(&maintenance->mutex);
    repli__config_unref(old);
}

/* What is allowed. */

static const char *const *allowed_by(const repli_config *config) {
    return config != NULL ? repli__config_strings(config, REPLI__KEY_MAINTENANCE_ALLOWED) : NULL;
}

static int fits(const char *pattern, const char *kind) {
    const size_t size = strlen(pattern);
    return size > 0 && pattern[size - 1] == '*' ? strncmp(pattern, kind, size - 1) == 0
                                                : strcmp(pattern, kind) == 0;
}

static int passes(void *user_data, const char *kind) {
    repli_config *config = present_config(user_data);
    const char *const *allowed = allowed_by(config);
    int pass = 0;
    for (size_t i = 0; !pass && allowed != NULL && allowed[i] != NULL; i++)
        pass = fits(allowed[i], kind);
    repli__config_unref(config);
    return pass;
}

/* To and from the database. */

static const char *reason_of(const repli__maintenance_state *state) {
    return state->reason[0] != '\0' ? state->reason : NULL;
}

static repli_maintenance record_of(const repli__maintenance_state *state) {
    repli_maintenance record = REPLI_MAINTENANCE_INIT;
    record.owner = state->owner;
    record.reason = reason_of(state);
    record.since_ns = state->since_ns;
    record.until_ns = state->until_ns;
    return record;
}

static void state_of(const repli_maintenance *record, repli__maintenance_state *ret_state) {
    *ret_state = (repli__maintenance_state){
        .on = 1, .since_ns = record->since_ns, .until_ns = record->until_ns};
    snprintf(ret_state->owner, sizeof(ret_state->owner), "%s", record->owner);
    snprintf(ret_state->reason, sizeof(ret_state->reason), "%s",
             record->reason != NULL ? record->reason : "");
}

/* What cannot be understood was written for some reason, and can be ended by anyone. */
static void parse(const char *json, repli__maintenance_state *ret_state) {
    repli_doc *doc = NULL;
    const repli_maintenance *record = NULL;
    repli_maintenance unknown = REPLI_MAINTENANCE_INIT;
    unknown.owner = "unknown";
    unknown.reason = "the database says so, but not who wanted it, and why";
    if (repli__maintenance_from_json(NULL, json, strlen(json), &doc, &record, NULL) != REPLI_OK ||
        record->owner == NULL)
        record = &unknown;
    state_of(record, ret_state);
    repli_doc_free(doc);
}

int32_t repli__maintenance_load(repli__maintenance *maintenance, repli__store *store,
                                repli_error *err) {
    char json[4096] = "";
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__store_recall(store, key, json, sizeof(json), &error);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return repli__error_copy(err, &error);
    repli__maintenance_state state = {.on = 0};
    if (json[0] != '\0')
        parse(json, &state);
    put(maintenance, &state);
    repli__store_gate_init(store, state.on, passes, maintenance);
    return REPLI_OK;
}

static int differs(const repli__maintenance_state *a, const repli__maintenance_state *b) {
    return a->on != b->on || a->until_ns != b->until_ns || strcmp(a->owner, b->owner) != 0 ||
           strcmp(a->reason, b->reason) != 0;
}

/* With the event that tells of it; flags: of that. */
static int32_t write_down(repli__maintenance *maintenance, repli__store *store,
                          const repli__maintenance_state *state, uint32_t flags, repli_error *err) {
    const repli__maintenance_state *before = &maintenance->state;
    const repli__note event = {.type = REPLI_EVENT_MAINTENANCE,
                               .flags = flags,
                               .from = before->on ? before->owner : NULL,
                               .value = state->on ? state->owner : NULL,
                               .reason = reason_of(state)};
    repli_buf json = REPLI_BUF_INIT;
    int32_t code = REPLI_OK;
    if (state->on) {
        const repli_maintenance record = record_of(state);
        code = repli_maintenance_to_json(&record, &json, err);
    }
    if (code == REPLI_OK)
        code = repli__store_set_gate(store, state->on, key, state->on ? json.data : "",
                                     differs(before, state) ? &event : NULL, err);
    repli_buf_dispose(&json);
    if (code == REPLI_OK)
        put(maintenance, state);
    return code;
}

/* Changes. */

static void log_begin(repli__log *log, const repli__maintenance_state *state) {
    char until[REPLI_TIME_SIZE] = "it is ended";
    if (state->until_ns != REPLI_TIME_NONE)
        repli_time_format(state->until_ns, until, sizeof(until), NULL);
    repli__log_printf(log, REPLI_LOG_INFO, "agent", "maintenance: %s holds actions up until %s%s%s",
                      state->owner, until, state->reason[0] != '\0' ? ": " : "", state->reason);
}

static int32_t begin(repli__maintenance *maintenance, repli__store *store,
                     const repli_maintenance *wanted, uint32_t flags, repli__log *log,
                     repli_error *err) {
    const repli__maintenance_state *present = &maintenance->state;
    repli__maintenance_state state;
    char quote[REPLI__QUOTE_SIZE];
    state_of(wanted, &state);
    state.since_ns = repli__wall_ns();
    const int same = present->on && strcmp(present->owner, state.owner) == 0;
    if (present->on && !same && (flags & REPLI_MAINTENANCE_FORCE) == 0)
        return repli__error(err, REPLI_ECONFLICT, "agent",
                            "%s holds actions up already: end that maintenance first, or force "
                            "this one",
                            repli__utf8_quote(quote, present->owner));
    if (state.until_ns != REPLI_TIME_NONE && state.until_ns <= state.since_ns)
        return repli__error(err, REPLI_EINVALID, "agent",
                            "the end of the maintenance has passed already");
    if (same)
        state.since_ns = present->since_ns;
    const int32_t code = write_down(maintenance, store, &state, 0, err);
    if (code == REPLI_OK)
        log_begin(log, &state);
    return code;
}

static int32_t end(repli__maintenance *maintenance, repli__store *store, const char *how,
                   uint32_t flags, repli__log *log, repli_error *err) {
    static const repli__maintenance_state off = {.on = 0};
    char owner[sizeof(off.owner)];
    memcpy(owner, maintenance->state.owner, sizeof(owner));
    const int32_t code = write_down(maintenance, store, &off, flags, err);
    if (code == REPLI_OK)
        repli__log_printf(log, REPLI_LOG_INFO, "agent", "the maintenance of %s %s", owner, how);
    return code;
}

int32_t repli__maintenance_change(repli__maintenance *maintenance, repli__store *store,
                                  const repli_maintenance *wanted, uint32_t flags, repli__log *log,
                                  repli_error *err) {
    pthread_mutex_lock(&maintenance->changing);
    int32_t code = REPLI_OK;
    if (wanted != NULL)
        code = begin(maintenance, store, wanted, flags, log, err);
    else if (maintenance->state.on)
        code = end(maintenance, store, "is ended", 0, log, err);
    pthread_mutex_unlock(&maintenance->changing);
    return code;
}

static int64_t left_ns(const repli__maintenance_state *state) {
    if (!state->on || state->until_ns == REPLI_TIME_NONE)
        return INT64_MAX;
    const int64_t now_ns = repli__wall_ns();
    return state->until_ns > now_ns ? state->until_ns - now_ns : 0;
}

uint64_t repli__maintenance_due_ns(repli__maintenance *maintenance) {
    repli__maintenance_state state;
    repli__maintenance_get(maintenance, &state);
    const int64_t most_ns = LOOK_AGAIN_MS * REPLI__NS_PER_MS;
    const int64_t left = left_ns(&state);
    if (left == INT64_MAX)
        return UINT64_MAX;
    if (left == 0)
        return 0;
    return repli__mono_ns() + (uint64_t)(left < most_ns ? left : most_ns);
}

int repli__maintenance_expire(repli__maintenance *maintenance, repli__store *store,
                              repli__log *log) {
    pthread_mutex_lock(&maintenance->changing);
    const int over =
        left_ns(&maintenance->state) == 0 && end(maintenance, store, "is over, as its end has come",
                                                 REPLI__NOTE_OWN, log, NULL) == REPLI_OK;
    pthread_mutex_unlock(&maintenance->changing);
    return over;
}

/* For hosts. */

static void tell(repli_agent *agent) {
    repli__worker_tell(&agent->chore);
    repli__observer_refresh(agent->observer);
}

int32_t repli_agent_set_maintenance(repli_agent *agent, const repli_maintenance *maintenance,
                                    uint32_t flags, repli_error *err) {
    repli_maintenance wanted;
    int32_t code = repli__agent_check(agent, err);
    if (code == REPLI_OK && maintenance != NULL)
        code = repli__maintenance_read(&wanted, maintenance, err);
    if (code == REPLI_OK && maintenance != NULL && wanted.owner == NULL)
        code = repli__error(err, REPLI_EINVALID, "agent", "a maintenance needs an owner");
    if (code == REPLI_OK && maintenance != NULL)
        code = repli__maintenance_check(&wanted, err);
    if (code == REPLI_OK)
        code = repli__maintenance_change(&agent->facts.maintenance, agent->store,
                                         maintenance != NULL ? &wanted : NULL, flags, &agent->log,
                                         err);
    if (code == REPLI_OK)
        tell(agent);
    return code;
}

static const char *const *copy_strings(repli__arena *arena, const char *const *strings) {
    size_t count = 0;
    while (strings != NULL && strings[count] != NULL)
        count++;
    const char **copy = repli__arena_calloc(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = repli__arena_strdup(arena, strings[i]);
        if (copy[i] == NULL)
            return NULL;
    }
    return copy;
}

/* In memory of doc. */
static const repli_maintenance *copy_record(repli_doc *doc, const repli__maintenance_state *state,
                                            const repli_config *config) {
    if (doc == NULL)
        return NULL;
    repli_maintenance *record = repli__arena_calloc(&doc->arena, 1, sizeof(*record));
    if (record == NULL)
        return NULL;
    *record = record_of(state);
    record->owner = repli__arena_strdup(&doc->arena, state->owner);
    if (record->reason != NULL)
        record->reason = repli__arena_strdup(&doc->arena, state->reason);
    record->allowed = copy_strings(&doc->arena, allowed_by(config));
    const int whole = record->owner != NULL && record->allowed != NULL &&
                      (record->reason != NULL || state->reason[0] == '\0');
    return whole ? record : NULL;
}

int32_t repli_agent_maintenance(repli_agent *agent, repli_doc **ret_doc,
                                const repli_maintenance **ret_maintenance, repli_error *err) {
    const int32_t code = repli__agent_check(agent, err);
    if (code != REPLI_OK)
        return code;
    repli__maintenance_state state;
    repli__maintenance_get(&agent->facts.maintenance, &state);
    if (!state.on)
        return repli__error(err, REPLI_ENOTFOUND, "agent", "nobody holds actions up");
    repli_config *config = present_config(&agent->facts.maintenance);
    repli_doc *doc = repli__doc_new(&agent->mem);
    const repli_maintenance *record = copy_record(doc, &state, config);
    repli__config_unref(config);
    if (record == NULL) {
        repli_doc_free(doc);
        return repli__error_nomem(err, "agent", "telling about the maintenance");
    }
    *ret_doc = doc;
    *ret_maintenance = record;
    return REPLI_OK;
}
