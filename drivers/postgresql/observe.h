#ifndef REPLI_PG_OBSERVE_H
#define REPLI_PG_OBSERVE_H

#include <libpq-fe.h>

#include <replicante/driver.h>

#include "config.h"

/* Questions that one observation answers; each of them once. */
enum {
    REPLI__PG_ASK_NODE = 1u << 0,
    REPLI__PG_ASK_STORE = 1u << 1,
    REPLI__PG_ASK_SHARDS = 1u << 2
};

/* What one look at the server brought: an answer or an error. Text belongs to result. */
typedef struct repli__pg_observation {
    int32_t code;
    repli_error error;
    PGresult *result;
    uint64_t time_ns;
    uint32_t unread; /* questions that may still be answered from it */

    int in_recovery;
    int replay_paused;
    int replication_role; /* the configured replication account exists */
    int64_t offset;
    int64_t lag;              /* below 0: unknown */
    int64_t silent_ms;        /* since anything came from the upstream; below 0: unknown */
    int64_t silence_limit_ms; /* what is still normal; 0: cannot be told */
    int64_t followers;
    int64_t slots;
    const char *system_identifier;
    const char *started;       /* when the server was started */
    const char *receiver;      /* status of the WAL receiver, or NULL */
    const char *receiver_host; /* or NULL */
    const char *receiver_port; /* or NULL */
    const char *timeline;      /* or NULL */
} repli__pg_observation;

/* All there is to know, in one round trip; the same text for a primary and a standby of every
 * version since 13. $1 is the replication account. */
extern const char repli__pg_statement[];

/* Look at the server, or take the look that was just made for another question. The observation is
 * pg->last; its code is returned. */
int32_t repli__pg_observe(repli__pg *pg, const repli_op *op, uint32_t question, repli_error *err);
void repli__pg_observation_clear(repli__pg *pg);

/* Emit what the observation says beyond the model. */
int32_t repli__pg_emit_attributes(const repli__pg *pg, repli_sink *sink);

#endif
