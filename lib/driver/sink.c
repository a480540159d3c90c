#include "driver/sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <replicante/model.h>

#include "base/error.h"
#include "base/json_span.h"
#include "base/sized.h"
#include "base/text.h"
#include "base/utf8.h"
#include "driver/host.h"
#include "driver/shard_index.h"
#include "model/doc.h"
#include "model/record.h"
#include "model/validate.h"

#define ORIGIN "driver"

void repli__sink_init(repli_sink *sink, int32_t takes, const repli__mem *mem) {
    *sink = (repli_sink){.takes = takes,
                         .error = REPLI_ERROR_INIT,
                         .version = REPLI_STORE_VERSION_INIT,
                         .outcome = {.struct_size = sizeof(repli_outcome), .next_step_ms = -1}};
    repli__arena_init(&sink->arena, mem != NULL ? mem : &repli__mem_default);
}

void repli__sink_dispose(repli_sink *sink) {
    const repli__mem *mem = sink->arena.mem;
    repli__free(mem, sink->addresses);
    repli__free(mem, sink->attributes);
    repli__free(mem, sink->shards);
    repli__free(mem, sink->kinds);
    repli__free(mem, sink->plan);
    repli__shard_index_free(sink->index, mem);
    repli__arena_dispose(&sink->arena);
    repli__sink_init(sink, sink->takes, mem);
}

/* The first refusal stands, and nothing comes after it. */
static __attribute__((format(printf, 3, 4))) int32_t refuse(repli_sink *sink, int32_t code,
                                                            const char *format, ...) {
    char message[REPLI_ERROR_MESSAGE_SIZE + 8]; /* repli__error() cuts it at a character */
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return repli__error(&sink->error, code, ORIGIN, "%s", message);
}

static int32_t refuse_nomem(repli_sink *sink) {
    return repli__error_nomem(&sink->error, ORIGIN, "taking what a driver emitted");
}

static const char *method_name(int32_t takes) {
    switch (takes) {
    case REPLI__SINK_NODE: return "node_info";
    case REPLI__SINK_STORE: return "store_info";
    case REPLI__SINK_SHARDS: return "shards";
    case REPLI__SINK_KINDS: return "actions_describe";
    case REPLI__SINK_PLAN: return "action_plan";
    default: return "action_step";
    }
}

/* May what be emitted now? takes and or_takes are the calls it belongs to. */
static int32_t enter(repli_sink *sink, const char *what, int32_t takes, int32_t or_takes) {
    if (sink->takes == REPLI__SINK_CLOSED)
        return REPLI_ESTATE;
    if (sink->error.code != REPLI_OK)
        return sink->error.code;
    if (sink->takes != takes && sink->takes != or_takes)
        return refuse(sink, REPLI_EINVALID, "%s may not be called in %s, only in %s%s%s", what,
                      method_name(sink->takes), method_name(takes),
                      or_takes != takes ? " and " : "",
                      or_takes != takes ? method_name(or_takes) : "");
    return REPLI_OK;
}

/* For records that are no part of the model. */
static int32_t take_record(repli_sink *sink, const char *what, void *to, uint32_t size,
                           const void *from, size_t least) {
    if (from == NULL)
        return refuse(sink, REPLI_EINVALID, "%s was given NULL", what);
    if (repli__sized(from) < least)
        return refuse(sink, REPLI_EINVALID,
                      "%s was given a record with struct_size %u where at least %zu is needed: "
                      "initialise it with its REPLI_…_INIT",
                      what, (unsigned)repli__sized(from), least);
    repli__sized_copy(to, size, from);
    return REPLI_OK;
}

/* Keep text for people. Such text comes from anywhere; a status must not get lost because its
 * reason is in the wrong encoding. */
static int32_t keep_prose(repli_sink *sink, const char *text, const char **ret_text) {
    char clean[REPLI__SINK_MAX_PROSE + 1];
    if (text == NULL || repli__text_clean(clean, sizeof(clean), text) == 0) {
        *ret_text = NULL;
        return REPLI_OK;
    }
    const char *kept = repli__arena_strdup(&sink->arena, clean);
    if (kept == NULL)
        return refuse_nomem(sink);
    *ret_text = kept;
    return REPLI_OK;
}

/* Room for one more in an array of the sink's. */
static int32_t reserve(repli_sink *sink, const char *what, void **array, size_t *capacity,
                       size_t count, size_t size, size_t max) {
    if (count >= max)
        return refuse(sink, REPLI_EFULL, "%s was called for more than %zu records", what, max);
    if (repli__grow(sink->arena.mem, array, capacity, count, size) != REPLI_OK)
        return refuse_nomem(sink);
    return REPLI_OK;
}

static int32_t emit_status(repli_sink *sink, int32_t status, const char *reason) {
    int32_t code = enter(sink, "emit_status", REPLI__SINK_NODE, REPLI__SINK_NODE);
    if (code != REPLI_OK)
        return code;
    if (repli_status_name(status) == NULL)
        return refuse(sink, REPLI_EINVALID, "emit_status was given %d, which is no status", status);
    const char *kept;
    code = keep_prose(sink, reason, &kept);
    if (code != REPLI_OK)
        return code;
    if (status == REPLI_STATUS_UNKNOWN && kept == NULL)
        return refuse(sink, REPLI_EINVALID, "emit_status was given UNKNOWN without a reason");
    sink->status = status;
    sink->status_reason = kept;
    return REPLI_OK;
}

static int32_t emit_version(repli_sink *sink, const repli_store_version *version) {
    int32_t code = enter(sink, "emit_version", REPLI__SINK_NODE, REPLI__SINK_NODE);
    if (code == REPLI_OK)
        code = repli__store_version_validate(version, &sink->error);
    if (code != REPLI_OK)
        return code;
    repli_store_version kept;
    if (repli__store_version_copy(&sink->arena, &kept, version) != REPLI_OK)
        return refuse_nomem(sink);
    sink->version = kept;
    return REPLI_OK;
}

static size_t find_address(const repli_sink *sink, const char *name) {
    size_t i = 0;
    while (i < sink->address_count && strcmp(sink->addresses[i].name, name) != 0)
        i++;
    return i;
}

static int32_t emit_address(repli_sink *sink, const repli_address *address) {
    int32_t code = enter(sink, "emit_address", REPLI__SINK_NODE, REPLI__SINK_NODE);
    if (code == REPLI_OK)
        code = repli__address_validate(address, &sink->error);
    if (code != REPLI_OK)
        return code;
    const size_t at = find_address(sink, address->name);
    if (at == sink->address_count)
        code = reserve(sink, "emit_address", (void **)&sink->addresses, &sink->address_capacity,
                       sink->address_count, sizeof(*address), REPLI__SINK_MAX_ADDRESSES);
    if (code != REPLI_OK)
        return code;
    repli_address kept;
    if (repli__address_copy(&sink->arena, &kept, address) != REPLI_OK)
        return refuse_nomem(sink);
    sink->addresses[at] = kept;
    if (at == sink->address_count)
        sink->address_count++;
    return REPLI_OK;
}

/* Where an attribute of that name is, or belongs. */
static size_t find_attribute(const repli_sink *sink, const char *name, int *ret_found) {
    size_t low = 0;
    size_t high = sink->attribute_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(name, sink->attributes[middle].name);
        if (order == 0) {
            *ret_found = 1;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_found = 0;
    return low;
}

static int32_t emit_attribute(repli_sink *sink, const repli_attribute *attribute) {
    int32_t code = enter(sink, "emit_attribute", REPLI__SINK_NODE, REPLI__SINK_STORE);
    if (code == REPLI_OK)
        code = repli__attribute_validate(attribute, &sink->error);
    if (code != REPLI_OK)
        return code;
    if (repli_scoped_name_reserved(attribute->name))
        return refuse(sink, REPLI_EINVALID,
                      "attribute %s: names under replicante.io belong to the library, use a domain "
                      "of the driver's own",
                      attribute->name);
    int found;
    const size_t at = find_attribute(sink, attribute->name, &found);
    if (!found)
        code =
            reserve(sink, "emit_attribute", (void **)&sink->attributes, &sink->attribute_capacity,
                    sink->attribute_count, sizeof(*attribute), REPLI__SINK_MAX_ATTRIBUTES);
    if (code != REPLI_OK)
        return code;
    repli_attribute kept;
    if (repli__attribute_copy(&sink->arena, &kept, attribute) != REPLI_OK)
        return refuse_nomem(sink);
    if (!found) {
        memmove(&sink->attributes[at + 1], &sink->attributes[at],
                (sink->attribute_count - at) * sizeof(kept));
        sink->attribute_count++;
    }
    sink->attributes[at] = kept;
    return REPLI_OK;
}

static int32_t emit_cluster_id(repli_sink *sink, const char *cluster_id) {
    int32_t code = enter(sink, "emit_cluster_id", REPLI__SINK_STORE, REPLI__SINK_STORE);
    if (code != REPLI_OK)
        return code;
    code = repli__text_validate(cluster_id, REPLI__ID_MAX, "the cluster id", &sink->error);
    if (code != REPLI_OK)
        return code;
    const char *kept = repli__arena_strdup(&sink->arena, cluster_id);
    if (kept == NULL)
        return refuse_nomem(sink);
    sink->cluster_id = kept;
    return REPLI_OK;
}

/* Shards mostly have the units of the one before them, whose texts will do. */
static int32_t keep_unit(repli_sink *sink, const char *unit, const char **ret_unit) {
    const repli_shard *before = sink->shard_count > 0 ? &sink->shards[sink->shard_count - 1] : NULL;
    if (unit == NULL)
        *ret_unit = NULL;
    else if (before != NULL && before->commit_offset_unit != NULL &&
             strcmp(unit, before->commit_offset_unit) == 0)
        *ret_unit = before->commit_offset_unit;
    else if (before != NULL && before->lag_unit != NULL && strcmp(unit, before->lag_unit) == 0)
        *ret_unit = before->lag_unit;
    else
        *ret_unit = repli__arena_strdup(&sink->arena, unit);
    return unit == NULL || *ret_unit != NULL ? REPLI_OK : REPLI_ENOMEM;
}

static int32_t keep_shard(repli_sink *sink, const repli_shard *shard, repli_shard *ret_kept) {
    repli_shard unitless = *shard;
    unitless.commit_offset_unit = unitless.lag_unit = NULL;
    if (repli__shard_copy(&sink->arena, ret_kept, &unitless) != REPLI_OK ||
        keep_unit(sink, shard->commit_offset_unit, &ret_kept->commit_offset_unit) != REPLI_OK ||
        keep_unit(sink, shard->lag_unit, &ret_kept->lag_unit) != REPLI_OK)
        return refuse_nomem(sink);
    return REPLI_OK;
}

static int32_t emit_shard(repli_sink *sink, const repli_shard *shard) {
    int32_t code = enter(sink, "emit_shard", REPLI__SINK_SHARDS, REPLI__SINK_SHARDS);
    repli_shard record;
    if (code == REPLI_OK)
        code = repli__shard_read(&record, shard, &sink->error);
    if (code != REPLI_OK)
        return code;
    char reason[REPLI__SINK_MAX_PROSE + 1];
    if (record.role_reason != NULL) {
        repli__text_clean(reason, sizeof(reason), record.role_reason);
        record.role_reason = reason;
    }
    code = repli__shard_check(&record, &sink->error);
    if (code == REPLI_OK)
        code = reserve(sink, "emit_shard", (void **)&sink->shards, &sink->shard_capacity,
                       sink->shard_count, sizeof(record), REPLI__SINK_MAX_SHARDS);
    if (code != REPLI_OK)
        return code;
    repli_shard *kept = &sink->shards[sink->shard_count];
    code = keep_shard(sink, &record, kept);
    if (code != REPLI_OK)
        return code;
    code = repli__shard_index_add(&sink->index, sink->arena.mem, sink->shards, sink->shard_count);
    if (code == REPLI_ENOMEM)
        return refuse_nomem(sink);
    if (code != REPLI_OK) {
        char quote[REPLI__QUOTE_SIZE];
        return refuse(sink, code, "shard %s was emitted twice", repli__utf8_quote(quote, kept->id));
    }
    sink->shard_count++;
    return REPLI_OK;
}

static int32_t check_kind(repli_sink *sink, const repli_action_kind *kind) {
    const int32_t code = repli_scoped_name_validate(kind->kind, &sink->error);
    if (code != REPLI_OK)
        return repli__error_within(&sink->error, code, "kind of action");
    if (kind->summary == NULL || kind->summary[0] == '\0')
        return refuse(sink, REPLI_EINVALID, "action kind \"%s\" has no summary", kind->kind);
    for (size_t i = 0; i < sink->kind_count; i++)
        if (strcmp(sink->kinds[i].kind, kind->kind) == 0)
            return refuse(sink, REPLI_ECONFLICT, "action kind \"%s\" was emitted twice",
                          kind->kind);
    return REPLI_OK;
}

static int32_t emit_action_kind(repli_sink *sink, const repli_action_kind *kind) {
    int32_t code = enter(sink, "emit_action_kind", REPLI__SINK_KINDS, REPLI__SINK_KINDS);
    if (code != REPLI_OK)
        return code;
    repli_action_kind record;
    code = take_record(sink, "emit_action_kind", &record, sizeof(record), kind,
                       REPLI__SIZE_TO(repli_action_kind, arguments));
    if (code == REPLI_OK)
        code = check_kind(sink, &record);
    if (code == REPLI_OK)
        code = reserve(sink, "emit_action_kind", (void **)&sink->kinds, &sink->kind_capacity,
                       sink->kind_count, sizeof(record), REPLI__SINK_MAX_KINDS);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.summary, &record.summary);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.arguments, &record.arguments);
    if (code != REPLI_OK)
        return code;
    record.kind = repli__arena_strdup(&sink->arena, record.kind);
    if (record.kind == NULL)
        return refuse_nomem(sink);
    sink->kinds[sink->kind_count++] = record;
    return REPLI_OK;
}

static int32_t check_outcome(repli_sink *sink, const repli_outcome *outcome) {
    const int32_t phase = outcome->phase;
    if (phase != REPLI_PHASE_RUNNING && phase != REPLI_PHASE_DONE && phase != REPLI_PHASE_FAILED)
        return refuse(sink, REPLI_EINVALID,
                      "emit_outcome was given phase %d: it must be RUNNING, DONE or FAILED", phase);
    if (phase == REPLI_PHASE_FAILED && (outcome->error == NULL || outcome->error[0] == '\0'))
        return refuse(sink, REPLI_EINVALID, "emit_outcome was given FAILED without an error");
    if (phase != REPLI_PHASE_FAILED && (outcome->error != NULL || outcome->error_cause != NULL))
        return refuse(sink, REPLI_EINVALID, "emit_outcome was given an error with phase %s",
                      repli_phase_name(phase));
    if (phase != REPLI_PHASE_RUNNING && outcome->waiting_for != NULL)
        return refuse(sink, REPLI_EINVALID, "emit_outcome was given waiting_for with phase %s",
                      repli_phase_name(phase));
    if (outcome->payload_json == NULL)
        return REPLI_OK;
    const size_t size = strnlen(outcome->payload_json, REPLI__VALUE_MAX + 1);
    const int32_t code = repli__json_validate(outcome->payload_json, size, REPLI__VALUE_MAX,
                                              "payload", &sink->error);
    if (code != REPLI_OK || outcome->waiting_for == NULL ||
        repli__json_type(repli__json_root(outcome->payload_json, size)) == REPLI__JSON_OBJECT)
        return code;
    return refuse(sink, REPLI_EINVALID,
                  "emit_outcome was given waiting_for with a payload that is no object");
}

static int32_t emit_outcome(repli_sink *sink, const repli_outcome *outcome) {
    int32_t code = enter(sink, "emit_outcome", REPLI__SINK_STEP, REPLI__SINK_STEP);
    if (code != REPLI_OK)
        return code;
    repli_outcome record;
    code = take_record(sink, "emit_outcome", &record, sizeof(record), outcome,
                       REPLI__SIZE_TO(repli_outcome, next_step_ms));
    if (code == REPLI_OK)
        code = check_outcome(sink, &record);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.error, &record.error);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.error_cause, &record.error_cause);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.waiting_for, &record.waiting_for);
    if (code != REPLI_OK)
        return code;
    if (record.payload_json != NULL) {
        record.payload_json = repli__arena_strdup(&sink->arena, record.payload_json);
        if (record.payload_json == NULL)
            return refuse_nomem(sink);
    }
    sink->outcome = record;
    return REPLI_OK;
}

static int32_t emit_plan_step(repli_sink *sink, const repli_plan_step *step) {
    int32_t code = enter(sink, "emit_plan_step", REPLI__SINK_PLAN, REPLI__SINK_PLAN);
    repli_plan_step record;
    if (code == REPLI_OK)
        code = take_record(sink, "emit_plan_step", &record, sizeof(record), step,
                           REPLI__SIZE_TO(repli_plan_step, waits_for));
    if (code == REPLI_OK)
        code = reserve(sink, "emit_plan_step", (void **)&sink->plan, &sink->plan_capacity,
                       sink->plan_count, sizeof(record), REPLI__SINK_MAX_PLAN_STEPS);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.summary, &record.summary);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.command, &record.command);
    if (code == REPLI_OK)
        code = keep_prose(sink, record.waits_for, &record.waits_for);
    if (code == REPLI_OK && record.summary == NULL)
        code = refuse(sink, REPLI_EINVALID, "emit_plan_step was given a step without a summary");
    if (code == REPLI_OK)
        sink->plan[sink->plan_count++] = record;
    return code;
}

void repli__host_add_sink(repli_host *table) {
    table->emit_status = emit_status;
    table->emit_version = emit_version;
    table->emit_address = emit_address;
    table->emit_attribute = emit_attribute;
    table->emit_cluster_id = emit_cluster_id;
    table->emit_shard = emit_shard;
    table->emit_action_kind = emit_action_kind;
    table->emit_outcome = emit_outcome;
    table->emit_plan_step = emit_plan_step;
}

void repli__sink_take_shards(repli_sink *sink, repli_shard **ret_shards, size_t *ret_count,
                             repli__arena *ret_arena) {
    const repli__mem *mem = sink->arena.mem;
    repli_shard *trimmed =
        repli__realloc(mem, sink->shards, sink->shard_count * sizeof(*sink->shards));
    *ret_shards = trimmed != NULL ? trimmed : sink->shards;
    *ret_count = sink->shard_count;
    *ret_arena = sink->arena;
    sink->shards = NULL;
    sink->shard_count = sink->shard_capacity = 0;
    repli__shard_index_free(sink->index, mem);
    sink->index = NULL;
    repli__arena_init(&sink->arena, mem);
}

void repli__sink_close(repli_sink *sink) {
    sink->takes = REPLI__SINK_CLOSED;
}

/* What a call that succeeded must have emitted. */
static int32_t check_complete(repli_sink *sink) {
    if (sink->takes == REPLI__SINK_NODE && sink->status == 0)
        return refuse(sink, REPLI_EINVALID, "node_info succeeded without emitting a status");
    if (sink->takes == REPLI__SINK_STORE && sink->cluster_id == NULL)
        return refuse(sink, REPLI_EINVALID, "store_info succeeded without emitting a cluster id");
    return REPLI_OK;
}

int32_t repli__sink_finish(repli_sink *sink, int32_t driver_code, repli_error *err) {
    if (driver_code > REPLI_OK)
        return repli__error(err, REPLI_EINTERNAL, ORIGIN,
                            "%s returned %d, which is neither 0 nor an error code",
                            method_name(sink->takes), driver_code);
    if (driver_code == REPLI_OK && sink->error.code == REPLI_OK)
        check_complete(sink);
    if (driver_code == REPLI_OK)
        return sink->error.code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &sink->error);
    /* Emit functions fill no error, so a driver that only passed their code on has none. */
    if (err != NULL && err->message[0] == '\0') {
        if (sink->error.code == driver_code)
            repli__error_copy(err, &sink->error);
        else
            repli__error(err, driver_code, ORIGIN, "%s failed (%s) and did not say why",
                         method_name(sink->takes), repli_error_name(driver_code));
    }
    if (err != NULL)
        err->code = driver_code;
    return driver_code;
}
