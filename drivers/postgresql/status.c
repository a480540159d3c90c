#include "status.h"

#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "postgresql.h"

/* From the particular to the general: the first prefix that fits wins. */
static const struct {
    const char *prefix;
    int32_t code;
} classes[] = {
    {"08P01", REPLI_EPROTOCOL},   /* protocol violation */
    {"08", REPLI_ELOST},          /* connection exception */
    {"0A", REPLI_ENOTSUP},        /* feature not supported */
    {"25006", REPLI_ENOTLEADER},  /* read only: this is a standby */
    {"28", REPLI_EAUTH},          /* invalid authorization */
    {"3D000", REPLI_ENOTFOUND},   /* no such database */
    {"42501", REPLI_EPERMISSION}, /* insufficient privilege */
    {"42704", REPLI_ENOTFOUND},   /* undefined object */
    {"42710", REPLI_EDONE},       /* duplicate object */
    {"53", REPLI_EFULL},          /* out of memory, disk, connections */
    {"55006", REPLI_ECONFLICT},   /* object in use */
    {"55000", REPLI_ESTATE},      /* not in the state that it takes */
    {"57014", REPLI_ETIMEOUT},    /* query cancelled: by the session's statement_timeout */
    {"57P03", REPLI_ENOTREADY},   /* cannot connect now: starting, stopping, no hot standby */
    {"57P", REPLI_ELOST},         /* shut down, or the session was ended */
    {"58", REPLI_EIO},            /* system error */
    {"XX00", REPLI_ECORRUPT},     /* internal error, data or index corrupted */
    {"22", REPLI_EINVALID},       /* data exception: a bad argument */
};

int32_t repli__pg_sqlstate_code(const char *sqlstate) {
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].code;
    return REPLI_EINTERNAL;
}

static int streams(const repli__pg_observation *seen) {
    return seen->receiver && strcmp(seen->receiver, "streaming") == 0;
}

static int is_silent(const repli__pg_observation *seen) {
    return seen->silence_limit_ms > 0 && seen->silent_ms > seen->silence_limit_ms;
}

/* A receiver that is cut off has replayed all it received, which looks like no lag at all. */
int repli__pg_lag_is_known(const repli__pg_observation *seen) {
    return seen->lag >= 0 && streams(seen) && !is_silent(seen);
}

static int32_t standby_status(const repli__pg_observation *seen, char *ret_reason, size_t size) {
    if (!seen->receiver) {
        snprintf(ret_reason, size,
                 "the standby receives nothing: its WAL receiver is not connected");
    } else if (!streams(seen)) {
        snprintf(ret_reason, size, "the standby does not stream: its WAL receiver is \"%s\"",
                 seen->receiver);
    } else if (seen->replay_paused) {
        snprintf(ret_reason, size,
                 "replay is paused on the standby; pg_wal_replay_resume() continues it");
    } else if (is_silent(seen)) {
        snprintf(ret_reason, size,
                 "the standby has heard nothing from %s:%s for %lld ms; up to %lld ms is normal",
                 seen->receiver_host ? seen->receiver_host : "its upstream",
                 seen->receiver_port ? seen->receiver_port : "", (long long)seen->silent_ms,
                 (long long)seen->silence_limit_ms);
    } else {
        return REPLI_STATUS_HEALTHY;
    }
    return REPLI_STATUS_UNHEALTHY;
}

int32_t repli__pg_status(const repli__pg *pg, const char *running_action, char *ret_reason,
                         size_t reason_size) {
    const repli__pg_observation *seen = &pg->last;
    ret_reason[0] = '\0';
    if (!seen->in_recovery) {
        const int lone = seen->followers == 0 && seen->slots == 0 && !seen->replication_role;
        return lone && !repli__pg_config_lone_is_member(&pg->config) ? REPLI_STATUS_NOT_IN_CLUSTER
                                                                     : REPLI_STATUS_HEALTHY;
    }
    const int32_t status = standby_status(seen, ret_reason, reason_size);
    if (status == REPLI_STATUS_UNHEALTHY && repli__pg_action_joins(running_action))
        return REPLI_STATUS_JOINING_CLUSTER;
    return status;
}

int32_t repli__pg_role(const repli__pg_observation *seen, const char **ret_reason) {
    *ret_reason = NULL;
    if (!seen->in_recovery)
        return REPLI_ROLE_PRIMARY;
    if (streams(seen))
        return REPLI_ROLE_SECONDARY;
    if (!seen->receiver || strcmp(seen->receiver, "starting") == 0)
        return REPLI_ROLE_RECOVERING;
    *ret_reason = "the WAL receiver neither streams nor starts";
    return REPLI_ROLE_OTHER;
}
