/* The datastore is the server that this process belongs to: shared memory and pg_control say it
 * all, without a connection, a session or a transaction. */
#include "postgres.h"

#include "access/xlog.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "postmaster/bgwriter.h"
#include "replication/walreceiver.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/guc.h"

#include "worker.h"

#ifndef CHECKPOINT_FAST /* as it is called from PostgreSQL 19 on */
#define CHECKPOINT_FAST CHECKPOINT_IMMEDIATE
#endif

typedef struct {
    const repli_host *host;
} instance;

static int32_t worker_open(const repli_host *host, const char *config_json, size_t config_size,
                           void **ret_self, repli_error *err) {
    (void)config_json;
    (void)config_size;
    instance *self = host->alloc(host, sizeof(*self));
    if (self == NULL)
        return host->error(host, err, REPLI_ENOMEM, NULL, "out of memory", NULL);
    self->host = host;
    *ret_self = self;
    return REPLI_OK;
}

static void worker_close(void *opened) {
    instance *self = opened;
    self->host->release(self->host, self);
}

/* What the server is doing. */

typedef struct {
    int in_recovery;
    int streams;
    int64_t offset;     /* flushed by a primary, replayed by a standby */
    int64_t received;   /* flushed by a standby */
    int64_t inserted;   /* by a primary */
    int64_t checkpoint; /* where the last one is that was finished */
    int64_t timeline;
    int version; /* such as 150018 */
    char version_text[64];
    char system_identifier[24];
} facts;

static int is_streaming(void) {
    SpinLockAcquire(&WalRcv->mutex);
    const int streams = WalRcv->walRcvState == WALRCV_STREAMING;
    SpinLockRelease(&WalRcv->mutex);
    return streams;
}

static int64_t flushed(TimeLineID *ret_timeline) {
#if PG_VERSION_NUM >= 150000
    return (int64_t)GetFlushRecPtr(ret_timeline);
#else
    *ret_timeline = ThisTimeLineID;
    return (int64_t)GetFlushRecPtr();
#endif
}

static void read_checkpoint(facts *seen) {
    bool is_sound = false;
    LWLockAcquire(ControlFileLock, LW_SHARED);
    ControlFileData *control = get_controlfile(DataDir, &is_sound);
    LWLockRelease(ControlFileLock);
    seen->checkpoint = (int64_t)control->checkPoint;
    pfree(control);
    if (!is_sound)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("pg_control is damaged")));
}

static void look_unguarded(facts *seen) {
    TimeLineID timeline = 0;
    memset(seen, 0, sizeof(*seen));
    read_checkpoint(seen);
    seen->version = atoi(GetConfigOption("server_version_num", false, false));
    snprintf(seen->version_text, sizeof(seen->version_text), "%s",
             GetConfigOption("server_version", false, false));
    /* Signed, as SQL shows it. */
    snprintf(seen->system_identifier, sizeof(seen->system_identifier), "%lld",
             (long long)GetSystemIdentifier());
    seen->in_recovery = RecoveryInProgress();
    if (seen->in_recovery) {
        seen->streams = is_streaming();
        seen->offset = (int64_t)GetXLogReplayRecPtr(&timeline);
        seen->received = (int64_t)GetWalRcvFlushRecPtr(NULL, NULL);
    } else {
        seen->offset = flushed(&timeline);
        seen->inserted = (int64_t)GetXLogInsertRecPtr();
    }
    seen->timeline = timeline;
}

/* An error of the server's becomes one of ours. */
static int32_t caught(const instance *self, MemoryContext context, repli_error *err) {
    MemoryContextSwitchTo(context);
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    LWLockReleaseAll();
    const int32_t code = error->sqlerrcode == ERRCODE_OUT_OF_MEMORY ? REPLI_ENOMEM : REPLI_EIO;
    self->host->error(self->host, err, code, unpack_sql_state(error->sqlerrcode), error->message,
                      error->detail);
    FreeErrorData(error);
    return code;
}

/* ereport(ERROR) jumps to the innermost PG_TRY. One that is further out would be reached across
 * the library, which nothing may unwind: so all that may raise an error is called from here. */
static int32_t guarded(const instance *self, void (*body)(facts *seen), facts *seen,
                       repli_error *err) {
    MemoryContext context = CurrentMemoryContext;
    volatile int32_t code = REPLI_OK;
    PG_TRY();
    { body(seen); }
    PG_CATCH();
    { code = caught(self, context, err); }
    PG_END_TRY();
    return code;
}

static int32_t look(const instance *self, facts *ret_seen, repli_error *err) {
    return guarded(self, look_unguarded, ret_seen, err);
}

/* The node, the store, its shard. */

static int32_t node_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    const instance *self = opened;
    facts seen;
    int32_t code = look(self, &seen, err);
    if (code != REPLI_OK)
        return code;
    char number[40];
    snprintf(number, sizeof(number), "%d.%d.0", seen.version / 10000, seen.version % 10000);
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    version.number = number;
    version.extra = seen.version_text;
    code = self->host->emit_version(sink, &version);
    if (code != REPLI_OK)
        return code;
    if (seen.in_recovery && !seen.streams)
        return self->host->emit_status(sink, REPLI_STATUS_UNHEALTHY,
                                       "the standby does not stream from its primary");
    return self->host->emit_status(sink, REPLI_STATUS_HEALTHY, NULL);
}

static int32_t store_info(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    const instance *self = opened;
    facts seen;
    int32_t code = look(self, &seen, err);
    if (code == REPLI_OK)
        code = self->host->emit_cluster_id(sink, seen.system_identifier);
    repli_attribute timeline = REPLI_ATTRIBUTE_INIT;
    timeline.name = "postgresql.org/timeline";
    timeline.type = REPLI_VALUE_INTEGER;
    timeline.integer = seen.timeline;
    if (code == REPLI_OK)
        code = self->host->emit_attribute(sink, &timeline);
    repli_attribute recovery = REPLI_ATTRIBUTE_INIT;
    recovery.name = "postgresql.org/in_recovery";
    recovery.type = REPLI_VALUE_BOOLEAN;
    recovery.integer = seen.in_recovery;
    return code == REPLI_OK ? self->host->emit_attribute(sink, &recovery) : code;
}

static int32_t shards(void *opened, repli_op *op, repli_sink *sink, repli_error *err) {
    (void)op;
    const instance *self = opened;
    facts seen;
    const int32_t code = look(self, &seen, err);
    if (code != REPLI_OK)
        return code;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = seen.system_identifier;
    shard.role = REPLI_ROLE_PRIMARY;
    shard.commit_offset = seen.offset;
    shard.commit_offset_unit = "bytes";
    if (seen.in_recovery)
        shard.role = seen.streams ? REPLI_ROLE_SECONDARY : REPLI_ROLE_RECOVERING;
    if (seen.streams) {
        shard.lag = Max(seen.received - seen.offset, 0);
        shard.lag_unit = "bytes"; /* received and not replayed */
    }
    return self->host->emit_shard(sink, &shard);
}

/* The action: a checkpoint, which the checkpointer makes while the worker goes on. */

static int32_t actions_describe(void *opened, repli_sink *sink, repli_error *err) {
    (void)err;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "postgresql.org/checkpoint";
    kind.summary = "Make a checkpoint, so that the next start or switchover is quick";
    return ((const instance *)opened)->host->emit_action_kind(sink, &kind);
}

static int32_t action_validate(void *opened, const char *kind, const char *args_json,
                               size_t args_size, repli_error *err) {
    (void)kind;
    (void)args_size;
    const repli_host *host = ((const instance *)opened)->host;
    return strcmp(args_json, "null") == 0 || strcmp(args_json, "{}") == 0
               ? REPLI_OK
               : host->error(host, err, REPLI_EINVALID, NULL, "checkpoint takes no arguments",
                             NULL);
}

static void request_checkpoint(facts *seen) {
    (void)seen;
    RequestCheckpoint(CHECKPOINT_FAST | CHECKPOINT_FORCE);
}

/* The payload is where the log ended when the checkpoint was asked for: one that lies behind it
 * has everything that had been written by then. This holds across crashes, since recovery ends
 * with a checkpoint. */
static int32_t action_step(void *opened, repli_op *op, const repli_step *step, repli_sink *sink,
                           repli_error *err) {
    (void)op;
    const instance *self = opened;
    const repli_host *host = self->host;
    facts seen;
    int32_t code = look(self, &seen, err);
    if (code != REPLI_OK)
        return code;
    if (seen.in_recovery)
        return host->error(host, err, REPLI_ENOTLEADER, NULL,
                           "this is a standby, which cannot make a checkpoint: ask its primary",
                           NULL);
    char payload[64];
    int64_t after = 0;
    const char *left = step->action->payload_json;
    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.next_step_ms = 50;
    if (left != NULL &&
        host->json_integer(host, left, strlen(left), "after", &after, NULL) == REPLI_OK) {
        if (seen.checkpoint >= after)
            outcome.phase = REPLI_PHASE_DONE;
    } else {
        snprintf(payload, sizeof(payload), "{\"after\":%lld}", (long long)seen.inserted);
        outcome.payload_json = payload;
        code = guarded(self, request_checkpoint, &seen, err);
    }
    return code == REPLI_OK ? host->emit_outcome(sink, &outcome) : code;
}

static const repli_driver driver = {
    .struct_size = sizeof(repli_driver),
    .abi_version = REPLI_DRIVER_ABI,
    .name = "worker",
    .version = "0.1.0",
    .store_id = "postgresql",
    .summary = "The PostgreSQL server that this runs in",
    .open = worker_open,
    .close = worker_close,
    .node_info = node_info,
    .store_info = store_info,
    .shards = shards,
    .actions_describe = actions_describe,
    .action_validate = action_validate,
    .action_step = action_step,
};

const repli_driver *repli_driver_worker_entry(uint32_t host_abi) {
    return host_abi == REPLI_DRIVER_ABI ? &driver : NULL;
}
