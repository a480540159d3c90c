#include "model/record.h"

#include "base/error.h"
#include "base/sized.h"

static int32_t read_record(void *to, size_t size, size_t least, const void *from, const char *what,
                           repli_error *err) {
    if (from == NULL)
        return repli__error(err, REPLI_EINVALID, "model", "the %s is missing", what);
    if (repli__sized(from) < least)
        return repli__error(err, REPLI_EINVALID, "model",
                            "the %s has struct_size %u, but at least %zu is needed: set it to the "
                            "sizeof of the record",
                            what, (unsigned)repli__sized(from), least);
    repli__sized_copy(to, (uint32_t)size, from);
    return REPLI_OK;
}

/* last is the last member that the record had in the first release. Never change it. */
#define READER(name, last, what)                                                                   \
    int32_t repli__##name##_read(repli_##name *to, const void *from, repli_error *err) {           \
        const size_t least = REPLI__SIZE_TO(repli_##name, last);                                   \
        return read_record(to, sizeof(*to), least, from, what, err);                               \
    }

READER(attribute, real, "attribute")
READER(address, address, "address")
READER(store_version, extra, "store version")
READER(shard, lag_unit, "shard")
READER(node, attribute_count, "node")
READER(store_extras, attribute_count, "store extras")
READER(shards, shard_count, "list of shards")
READER(header, value, "header")
READER(transition, error_json, "transition")
READER(action_summary, kind, "action summary")
READER(error, cause, "error")
READER(maintenance, allowed, "maintenance")

static void unset_zero(int64_t *time_ns) {
    if (*time_ns == 0)
        *time_ns = REPLI_TIME_NONE;
}

int32_t repli__action_read(repli_action *to, const void *from, repli_error *err) {
    const int32_t code = read_record(to, sizeof(*to), REPLI__SIZE_TO(repli_action, history_count),
                                     from, "action", err);
    if (code == REPLI_OK) {
        unset_zero(&to->deadline_ns);
        unset_zero(&to->not_before_ns);
        unset_zero(&to->cancel_requested_ns);
    }
    return code;
}

int32_t repli__request_read(repli_request *to, const void *from, repli_error *err) {
    const int32_t code = read_record(to, sizeof(*to), REPLI__SIZE_TO(repli_request, header_count),
                                     from, "request", err);
    if (code == REPLI_OK) {
        unset_zero(&to->deadline_ns);
        unset_zero(&to->not_before_ns);
    }
    return code;
}

const void *repli__record_next(const void *record) {
    return (const char *)record + repli__sized(record);
}
