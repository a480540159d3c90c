#include "model/words.h"

#include <string.h>

#include <replicante/model.h>

static const char *const statuses[] = {
    [REPLI_STATUS_UNAVAILABLE] = "UNAVAILABLE",
    [REPLI_STATUS_NOT_IN_CLUSTER] = "NOT_IN_CLUSTER",
    [REPLI_STATUS_JOINING_CLUSTER] = "JOINING_CLUSTER",
    [REPLI_STATUS_LEAVING_CLUSTER] = "LEAVING_CLUSTER",
    [REPLI_STATUS_UNHEALTHY] = "UNHEALTHY",
    [REPLI_STATUS_HEALTHY] = "HEALTHY",
    [REPLI_STATUS_UNKNOWN] = "UNKNOWN",
};

static const char *const roles[] = {
    [REPLI_ROLE_PRIMARY] = "Primary",
    [REPLI_ROLE_SECONDARY] = "Secondary",
    [REPLI_ROLE_RECOVERING] = "Recovering",
    [REPLI_ROLE_OTHER] = "Other",
};

static const char *const phases[] = {
    [REPLI_PHASE_NEW] = "NEW",
    [REPLI_PHASE_RUNNING] = "RUNNING",
    [REPLI_PHASE_DONE] = "DONE",
    [REPLI_PHASE_FAILED] = "FAILED",
};

static const char *const ends[] = {
    [REPLI_ENDED_DONE] = "done",
    [REPLI_ENDED_FAILED] = "failed",
    [REPLI_ENDED_TIMED_OUT] = "timed_out",
    [REPLI_ENDED_CANCELLED] = "cancelled",
    [REPLI_ENDED_INTERRUPTED] = "interrupted",
};

static const char *const event_types[] = {
    [REPLI_EVENT_STATUS] = "status",           [REPLI_EVENT_ROLE] = "role",
    [REPLI_EVENT_MEMBERSHIP] = "membership",   [REPLI_EVENT_VERSION] = "version",
    [REPLI_EVENT_ACTION] = "action",           [REPLI_EVENT_AGENT] = "agent",
    [REPLI_EVENT_MAINTENANCE] = "maintenance",
};

enum {
    STATUSES = sizeof(statuses) / sizeof(statuses[0]),
    ROLES = sizeof(roles) / sizeof(roles[0]),
    PHASES = sizeof(phases) / sizeof(phases[0]),
    ENDS = sizeof(ends) / sizeof(ends[0]),
    EVENT_TYPES = sizeof(event_types) / sizeof(event_types[0])
};

/* Numbers begin at 1, so the first entry of each table is NULL. */
static const char *name_of(const char *const *names, int32_t count, int32_t number) {
    return number > 0 && number < count ? names[number] : NULL;
}

static int32_t find(const char *const *names, int32_t count, const char *name) {
    for (int32_t i = 1; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return 0;
}

const char *repli_status_name(int32_t status) {
    return name_of(statuses, STATUSES, status);
}

const char *repli_role_name(int32_t role) {
    return name_of(roles, ROLES, role);
}

const char *repli_phase_name(int32_t phase) {
    return name_of(phases, PHASES, phase);
}

const char *repli_ended_name(int32_t outcome) {
    return name_of(ends, ENDS, outcome);
}

const char *repli_event_type_name(int32_t type) {
    return name_of(event_types, EVENT_TYPES, type);
}

int32_t repli__status_find(const char *name) {
    return find(statuses, STATUSES, name);
}

int32_t repli__role_find(const char *name) {
    return find(roles, ROLES, name);
}

int32_t repli__phase_find(const char *name) {
    return find(phases, PHASES, name);
}

int32_t repli__ended_find(const char *name) {
    return find(ends, ENDS, name);
}
