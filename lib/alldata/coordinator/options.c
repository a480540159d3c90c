#include "alldata/coordinator/options.h"

#include "alldata/placement.h"
#include "base/error.h"
#include "base/sized.h"

#define ORIGIN "coordinator"

enum { TIMEOUT_MS = 5000, PEER_TIMEOUT_MS = 1000 };
#define WAITING_BYTES (UINT64_C(64) << 20)

static int32_t check_number(int64_t number, int64_t least, int64_t most, const char *what,
                            repli_error *err) {
    if (number >= least && number <= most)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ORIGIN, "%s is %lld: it must be from %lld to %lld",
                        what, (long long)number, (long long)least, (long long)most);
}

static int32_t check(const alldata_coordinator_options *o, repli_error *err) {
    if (o->storage == NULL || o->keygen == NULL)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "the storage or the keygen is missing");
    if (o->transport != NULL && (o->id == NULL || o->id[0] == '\0'))
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "the id is missing, by which this node differs from its peers");
    if ((o->put_flags & ~ALLDATA_PUT_SYNC) != 0)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "put_flags is %#x: only ALLDATA_PUT_SYNC can be given once for all",
                            (unsigned)o->put_flags);
    int32_t code =
        check_number(o->run_mode, ALLDATA_RUN_THREADS, ALLDATA_RUN_DISPATCH, "run_mode", err);
    if (code == REPLI_OK)
        code = check_number(o->replication_factor, 1, ALLDATA__REPLICAS_MAX, "replication_factor",
                            err);
    if (code == REPLI_OK)
        code = check_number(o->commit, ALLDATA_COMMIT_ONE, ALLDATA_COMMIT_ALL, "commit", err);
    if (code == REPLI_OK)
        code = check_number(o->other_zones, 0, ALLDATA__REPLICAS_MAX, "other_zones", err);
    if (code == REPLI_OK)
        code = check_number(o->other_regions, 0, ALLDATA__REPLICAS_MAX, "other_regions", err);
    if (code == REPLI_OK)
        code = check_number((int64_t)o->peer_timeout_ms, 1, ALLDATA__TIMEOUT_MAX_MS,
                            "peer_timeout_ms", err);
    if (code == REPLI_OK)
        code = check_number((int64_t)o->timeout_ms, 1, ALLDATA__TIMEOUT_MAX_MS, "timeout_ms", err);
    return code;
}

static void set_defaults(alldata_coordinator_options *o) {
    if (o->replication_factor == 0)
        o->replication_factor = 1;
    if (o->commit == ALLDATA_COMMIT_DEFAULT)
        o->commit = ALLDATA_COMMIT_QUORUM;
    if (o->timeout_ms == 0)
        o->timeout_ms = TIMEOUT_MS;
    if (o->peer_timeout_ms == 0)
        o->peer_timeout_ms = PEER_TIMEOUT_MS;
    if (o->max_waiting_bytes == 0)
        o->max_waiting_bytes = WAITING_BYTES;
    if (o->log_level == 0)
        o->log_level = REPLI_LOG_INFO;
}

int32_t alldata__coordinator_options(const alldata_coordinator_options *options,
                                     alldata_coordinator_options *ret_options, repli_error *err) {
    if (options == NULL ||
        repli__sized(options) < REPLI__SIZE_TO(alldata_coordinator_options, log_data))
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "the options are missing or too small: initialise them with "
                            "ALLDATA_COORDINATOR_OPTIONS_INIT");
    repli__sized_copy(ret_options, sizeof(*ret_options), options);
    set_defaults(ret_options);
    return check(ret_options, err);
}
