#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "model/json_documents.h"
#include "model/json_in.h"
#include "model/json_out.h"
#include "model/record.h"
#include "model/validate.h"
#include "model/words.h"

/* Units that are written as they are; others are wrapped. */
static int is_plain_unit(const char *unit) {
    return strcmp(unit, REPLI_UNIT_SECONDS) == 0 || strcmp(unit, REPLI_UNIT_MILLISECONDS) == 0;
}

/* To text. */

static void write_amount(repli__json_out *out, int64_t value, const char *unit) {
    repli__json_open(out, '{');
    repli__json_name(out, "unit");
    if (is_plain_unit(unit)) {
        repli__json_string(out, unit);
    } else {
        repli__json_open(out, '{');
        repli__json_name(out, "unit");
        repli__json_string(out, unit);
        repli__json_close(out, '}');
    }
    repli__json_name(out, "value");
    repli__json_integer(out, value);
    repli__json_close(out, '}');
}

static void write_role(repli__json_out *out, const repli_shard *shard) {
    const char *name = repli_role_name(shard->role);
    if (shard->role != REPLI_ROLE_OTHER) {
        repli__json_string(out, name);
        return;
    }
    repli__json_open(out, '{');
    repli__json_name(out, name);
    repli__json_string(out, shard->role_reason);
    repli__json_close(out, '}');
}

static void write_shard(repli__json_out *out, const repli_shard *shard) {
    repli__json_open(out, '{');
    repli__json_name(out, "id");
    repli__json_string(out, shard->id);
    repli__json_name(out, "role");
    write_role(out, shard);
    if (shard->commit_offset_unit != NULL) {
        repli__json_name(out, "commit_offset");
        write_amount(out, shard->commit_offset, shard->commit_offset_unit);
    }
    repli__json_name(out, "lag");
    if (shard->lag_unit != NULL)
        write_amount(out, shard->lag, shard->lag_unit);
    else
        repli__json_null(out);
    repli__json_close(out, '}');
}

int32_t repli_shards_to_json(const repli_shards *shards, repli_buf *ret_json, repli_error *err) {
    repli_shards local;
    const int32_t read = repli__shards_read(&local, shards, err);
    if (read != REPLI_OK)
        return read;
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "shards");
    repli__json_open(&out, '[');
    const void *next = local.shards;
    for (size_t i = 0; i < local.shard_count; i++) {
        repli_shard shard;
        int32_t code = repli__shard_read(&shard, next, err);
        if (code == REPLI_OK)
            code = repli__shard_check(&shard, err);
        if (code != REPLI_OK)
            return repli__json_abandon(&out, repli__error_within(err, code, "shards[%zu]", i));
        write_shard(&out, &shard);
        next = repli__record_next(next);
    }
    repli__json_close(&out, ']');
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

/* From text. */

static const char *read_unit(repli__json_in *in, const json_t *amount) {
    static const char expected[] = "\"seconds\", \"milliseconds\" or {\"unit\": \"any other\"}";
    const json_t *value = repli__json_get(in, amount, "unit");
    const char *unit =
        json_string_value(json_is_object(value) ? json_object_get(value, "unit") : value);
    if (unit == NULL) {
        repli__json_refuse(in, "unit", expected, value);
        return NULL;
    }
    if (json_is_string(value) && !is_plain_unit(unit)) {
        char quote[REPLI__QUOTE_SIZE];
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "%sunit must be %s, not %s",
                                in->path, expected, repli__utf8_quote(quote, unit));
        return NULL;
    }
    return repli__json_copy_text(in, unit);
}

/* An amount that is absent has no unit. */
static void read_amount(repli__json_in *in, const json_t *shard, const char *name, const char *path,
                        int64_t *ret_value, const char **ret_unit) {
    const json_t *amount = repli__json_get_object(in, shard, name, REPLI__OPTIONAL);
    if (amount == NULL)
        return;
    in->path = path;
    *ret_unit = read_unit(in, amount);
    *ret_value = repli__json_get_integer(in, amount, "value");
    in->path = "";
}

static void read_role(repli__json_in *in, const json_t *object, repli_shard *shard) {
    static const char expected[] =
        "\"Primary\", \"Secondary\", \"Recovering\" or {\"Other\": \"reason\"}";
    const json_t *value = repli__json_get(in, object, "role");
    if (json_is_string(value)) {
        const char *word = json_string_value(value);
        shard->role = repli__role_find(word);
        if (shard->role != 0 && shard->role != REPLI_ROLE_OTHER)
            return;
        char quote[REPLI__QUOTE_SIZE];
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "role must be %s, not %s",
                                expected, repli__utf8_quote(quote, word));
        return;
    }
    const json_t *reason = json_object_get(value, repli_role_name(REPLI_ROLE_OTHER));
    if (!json_is_string(reason)) {
        repli__json_refuse(in, "role", expected, value);
        return;
    }
    shard->role = REPLI_ROLE_OTHER;
    shard->role_reason = repli__json_copy_text(in, json_string_value(reason));
}

static void read_shard(repli__json_in *in, const json_t *object, repli_shard *shard) {
    *shard = (repli_shard)REPLI_SHARD_INIT;
    shard->id = repli__json_get_text(in, object, "id", REPLI__REQUIRED);
    read_role(in, object, shard);
    read_amount(in, object, "commit_offset", "commit_offset.", &shard->commit_offset,
                &shard->commit_offset_unit);
    read_amount(in, object, "lag", "lag.", &shard->lag, &shard->lag_unit);
    if (in->code == REPLI_OK)
        in->code = repli__shard_check(shard, in->err);
}

static void read_shards(repli__json_in *in, const json_t *root, repli__json_span text,
                        void *record) {
    (void)text;
    repli_shards *shards = record;
    shards->struct_size = sizeof(*shards);
    const json_t *list = repli__json_get_array(in, root, "shards", REPLI__REQUIRED);
    const size_t count = json_array_size(list);
    if (count == 0)
        return;
    repli_shard *copies = repli__json_copy_array(in, count, sizeof(*copies));
    for (size_t i = 0; i < count && in->code == REPLI_OK; i++) {
        read_shard(in, repli__json_object_at(in, list, i), &copies[i]);
        if (in->code != REPLI_OK)
            repli__error_within(in->err, in->code, "shards[%zu]", i);
    }
    shards->shards = copies;
    shards->shard_count = count;
}

int32_t repli__shards_from_json(const repli__mem *mem, const char *json, size_t size,
                                repli_doc **ret_doc, const repli_shards **ret_shards,
                                repli_error *err) {
    const repli__json_source source = {json, size, 0, "the list of shards"};
    const void *shards = NULL;
    const int32_t code =
        repli__json_read(&source, mem, sizeof(repli_shards), read_shards, ret_doc, &shards, err);
    if (code == REPLI_OK)
        *ret_shards = shards;
    return code;
}

int32_t repli_shards_from_json(const char *json, size_t size, repli_doc **ret_doc,
                               const repli_shards **ret_shards, repli_error *err) {
    return repli__shards_from_json(NULL, json, size, ret_doc, ret_shards, err);
}
