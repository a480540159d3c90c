#include <string.h>

#include "base/error.h"
#include "model/json_documents.h"
#include "model/json_in.h"
#include "base/json_out.h"
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

static const char *read_unit(repli__json_in *in, const repli__json_member *member) {
    static const char expected[] = "\"seconds\", \"milliseconds\" or {\"unit\": \"any other\"}";
    char word[REPLI__WORD_SIZE];
    if (repli__json_get_word(in, member->value, word)) {
        if (!is_plain_unit(word))
            repli__json_refuse_word(in, member, expected, word);
        return repli__json_copy_string(in, member->value);
    }
    repli__json_member other = {.name = "unit"};
    repli__json_members(in, member->value, &other, 1);
    if (repli__json_type(other.value) != REPLI__JSON_STRING) {
        repli__json_refuse(in, member, expected);
        return NULL;
    }
    return repli__json_copy_string(in, other.value);
}

/* An amount that is absent has no unit. */
static void read_amount(repli__json_in *in, const repli__json_member *member, const char *path,
                        int64_t *ret_value, const char **ret_unit) {
    enum { UNIT, VALUE, COUNT };
    repli__json_member m[COUNT] = {{.name = "unit"}, {.name = "value"}};
    const repli__json_span amount = repli__json_get_object(in, member, REPLI__OPTIONAL);
    if (amount.text == NULL)
        return;
    in->path = path;
    repli__json_members(in, amount, m, COUNT);
    *ret_unit = read_unit(in, &m[UNIT]);
    *ret_value = repli__json_get_integer(in, &m[VALUE]);
    in->path = "";
}

static void read_role(repli__json_in *in, const repli__json_member *member, repli_shard *shard) {
    static const char expected[] =
        "\"Primary\", \"Secondary\", \"Recovering\" or {\"Other\": \"reason\"}";
    char word[REPLI__WORD_SIZE];
    if (repli__json_get_word(in, member->value, word)) {
        shard->role = repli__role_find(word);
        if (shard->role == 0 || shard->role == REPLI_ROLE_OTHER)
            repli__json_refuse_word(in, member, expected, word);
        return;
    }
    repli__json_member reason = {.name = repli_role_name(REPLI_ROLE_OTHER)};
    repli__json_members(in, member->value, &reason, 1);
    if (repli__json_type(reason.value) != REPLI__JSON_STRING) {
        repli__json_refuse(in, member, expected);
        return;
    }
    shard->role = REPLI_ROLE_OTHER;
    shard->role_reason = repli__json_copy_string(in, reason.value);
}

static void read_shard(repli__json_in *in, repli__json_span object, repli_shard *shard) {
    enum { ID, ROLE, COMMIT_OFFSET, LAG, COUNT };
    repli__json_member m[COUNT] = {
        {.name = "id"}, {.name = "role"}, {.name = "commit_offset"}, {.name = "lag"}};
    repli__json_members(in, object, m, COUNT);
    *shard = (repli_shard)REPLI_SHARD_INIT;
    shard->id = repli__json_get_text(in, &m[ID], REPLI__REQUIRED);
    read_role(in, &m[ROLE], shard);
    read_amount(in, &m[COMMIT_OFFSET], "commit_offset.", &shard->commit_offset,
                &shard->commit_offset_unit);
    read_amount(in, &m[LAG], "lag.", &shard->lag, &shard->lag_unit);
    if (in->code == REPLI_OK)
        in->code = repli__shard_check(shard, in->err);
}

static void read_shards(repli__json_in *in, repli__json_span root, void *record) {
    repli__json_member list = {.name = "shards"};
    repli__json_members(in, root, &list, 1);
    repli_shards *shards = record;
    shards->struct_size = sizeof(*shards);
    const repli__json_span items = repli__json_get_array(in, &list, REPLI__REQUIRED);
    const size_t count = repli__json_count(items);
    if (count == 0)
        return;
    repli_shard *copies = repli__json_new_array(in, count, sizeof(*copies));
    size_t at = 0;
    for (size_t i = 0; in->code == REPLI_OK && i < count; i++) {
        read_shard(in, repli__json_next_object(in, items, &at), &copies[i]);
        repli__json_within(in, "shards", i);
    }
    shards->shards = copies;
    shards->shard_count = count;
}

int32_t repli__shards_from_json(const repli__mem *mem, const char *json, size_t size,
                                repli_doc **ret_doc, const repli_shards **ret_shards,
                                repli_error *err) {
    const void *shards = NULL;
    const int32_t code = repli__json_read(mem, json, size, "the list of shards",
                                          sizeof(repli_shards), read_shards, ret_doc, &shards, err);
    if (code == REPLI_OK)
        *ret_shards = shards;
    return code;
}

int32_t repli_shards_from_json(const char *json, size_t size, repli_doc **ret_doc,
                               const repli_shards **ret_shards, repli_error *err) {
    return repli__shards_from_json(NULL, json, size, ret_doc, ret_shards, err);
}
