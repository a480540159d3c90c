#include "model/validate.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json_check.h"
#include "base/utf8.h"
#include "model/doc.h"
#include "model/names.h"
#include "model/record.h"

/* Text. */

static int32_t check_text(const char *text, size_t max, int controls, const char *what,
                          repli_error *err) {
    if (text == NULL)
        return repli__error(err, REPLI_EINVALID, "model", "%s is missing", what);
    const size_t size = strnlen(text, max + 1);
    if (size > max)
        return repli__error(err, REPLI_EINVALID, "model", "%s is longer than %zu bytes", what, max);
    for (size_t at = 0; at < size;) {
        const unsigned char byte = (unsigned char)text[at];
        if (byte >= 0x20 && byte < 0x7F) {
            at++;
            continue;
        }
        uint32_t c = 0;
        const size_t length = repli__utf8_next(text + at, size - at, &c);
        if (length == 0)
            return repli__error(err, REPLI_EINVALID, "model",
                                "%s is not UTF-8: byte 0x%02X at offset %zu", what, byte, at);
        if (!controls && repli__utf8_is_control(c))
            return repli__error(err, REPLI_EINVALID, "model",
                                "%s contains the control character U+%04X at offset %zu", what,
                                (unsigned)c, at);
        at += length;
    }
    return REPLI_OK;
}

int32_t repli__text_validate(const char *text, size_t max, const char *what, repli_error *err) {
    if (text != NULL && text[0] == '\0')
        return repli__error(err, REPLI_EINVALID, "model", "%s is empty", what);
    return check_text(text, max, 0, what, err);
}

int32_t repli__prose_validate(const char *text, size_t max, const char *what, repli_error *err) {
    return check_text(text, max, 1, what, err);
}

/* word is the status or role that has the reason. */
static int32_t check_reason(const char *reason, int needed, const char *word, repli_error *err) {
    if (needed && (reason == NULL || reason[0] == '\0'))
        return repli__error(err, REPLI_EINVALID, "model", "%s needs a reason", word);
    if (reason == NULL)
        return REPLI_OK;
    const int32_t code = repli__prose_validate(reason, REPLI__PROSE_MAX, "the reason", err);
    return code == REPLI_OK ? code : repli__error_within(err, code, "%s", word);
}

/* Attributes and addresses. */

static int32_t check_value(const repli_attribute *attribute, repli_error *err) {
    switch (attribute->type) {
    case REPLI_VALUE_NULL:
    case REPLI_VALUE_INTEGER: return REPLI_OK;
    case REPLI_VALUE_STRING:
        return repli__prose_validate(attribute->string, REPLI__PROSE_MAX, "the string", err);
    case REPLI_VALUE_REAL:
        if (isfinite(attribute->real))
            return REPLI_OK;
        return repli__error(err, REPLI_EINVALID, "model", "the number is not finite");
    case REPLI_VALUE_BOOLEAN:
        if (attribute->integer == 0 || attribute->integer == 1)
            return REPLI_OK;
        return repli__error(err, REPLI_EINVALID, "model",
                            "the boolean is %lld: expected 0 or 1 in integer",
                            (long long)attribute->integer);
    default:
        return repli__error(err, REPLI_EINVALID, "model",
                            "the type %d is not known: expected REPLI_VALUE_*",
                            (int)attribute->type);
    }
}

static int32_t check_attribute(const repli_attribute *attribute, repli_error *err) {
    int32_t code = repli_scoped_name_validate(attribute->name, err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "attribute");
    code = check_value(attribute, err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "attribute %s", attribute->name);
    return REPLI_OK;
}

int32_t repli__attribute_validate(const repli_attribute *attribute, repli_error *err) {
    repli_attribute local;
    const int32_t code = repli__attribute_read(&local, attribute, err);
    return code == REPLI_OK ? check_attribute(&local, err) : code;
}

static int32_t check_attributes(const repli_attribute *attributes, size_t count, repli_error *err) {
    const void *next = attributes;
    const char *before = NULL;
    for (size_t i = 0; i < count; i++) {
        repli_attribute attribute;
        int32_t code = repli__attribute_read(&attribute, next, err);
        if (code == REPLI_OK)
            code = check_attribute(&attribute, err);
        if (code != REPLI_OK)
            return code;
        if (before != NULL && strcmp(before, attribute.name) >= 0)
            return repli__error(err, REPLI_EINVALID, "model",
                                "attribute %s comes after %s: attributes are ordered by name, "
                                "and each name is there once",
                                attribute.name, before);
        before = attribute.name;
        next = repli__record_next(next);
    }
    return REPLI_OK;
}

static int32_t check_address(const repli_address *address, repli_error *err) {
    int32_t code = repli__text_validate(address->name, REPLI__NAME_MAX, "the name", err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "address");
    code = repli__text_validate(address->address, REPLI__ID_MAX, "the address", err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "address.%s", address->name);
    return REPLI_OK;
}

int32_t repli__address_validate(const repli_address *address, repli_error *err) {
    repli_address local;
    const int32_t code = repli__address_read(&local, address, err);
    return code == REPLI_OK ? check_address(&local, err) : code;
}

static int32_t check_addresses(const repli_address *addresses, size_t count, repli_error *err) {
    repli__names names = {.count = 0};
    const void *next = addresses;
    for (size_t i = 0; i < count; i++) {
        repli_address address;
        int32_t code = repli__address_read(&address, next, err);
        if (code == REPLI_OK)
            code = check_address(&address, err);
        if (code == REPLI_OK)
            code = repli__names_add(&names, address.name, err);
        if (code != REPLI_OK)
            return repli__error_within(err, code, "addresses");
        next = repli__record_next(next);
    }
    return REPLI_OK;
}

/* Versions. */

static int32_t check_optional(const char *text, const char *what, repli_error *err) {
    return text != NULL ? repli__prose_validate(text, REPLI__PROSE_MAX, what, err) : REPLI_OK;
}

static int32_t check_store_version(const repli_store_version *version, repli_error *err) {
    int32_t code = check_optional(version->checkout, "store_version.checkout", err);
    if (code == REPLI_OK)
        code = check_optional(version->extra, "store_version.extra", err);
    return code;
}

int32_t repli__store_version_validate(const repli_store_version *version, repli_error *err) {
    repli_store_version local;
    int32_t code = repli__store_version_read(&local, version, err);
    if (code != REPLI_OK)
        return code;
    code = repli_semver_validate(local.number, err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "store_version.number");
    return check_store_version(&local, err);
}

static int32_t check_agent_version(const repli_agent_version *version, repli_error *err) {
    int32_t code = repli_semver_validate(version->number, err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "agent_version.number");
    code = check_optional(version->checkout, "agent_version.checkout", err);
    if (code == REPLI_OK)
        code = check_optional(version->taint, "agent_version.taint", err);
    return code;
}

/* Node, store and shards. */

int32_t repli__node_check(const repli_node *node, repli_error *err) {
    int32_t code = repli__text_validate(node->node_id, REPLI__ID_MAX, "node_id", err);
    if (code == REPLI_OK)
        code = repli__text_validate(node->store_id, REPLI__NAME_MAX, "store_id", err);
    if (code != REPLI_OK)
        return code;
    if (repli_status_name(node->status) == NULL)
        return repli__error(err, REPLI_EINVALID, "model",
                            "node_status %d is not known: expected REPLI_STATUS_*",
                            (int)node->status);
    code = check_reason(node->status_reason, node->status == REPLI_STATUS_UNKNOWN,
                        repli_status_name(node->status), err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "node_status");
    code = check_agent_version(&node->agent_version, err);
    if (code == REPLI_OK && node->store_version.number != NULL) {
        code = repli_semver_validate(node->store_version.number, err);
        if (code != REPLI_OK)
            return repli__error_within(err, code, "store_version.number");
    }
    if (code == REPLI_OK)
        code = check_store_version(&node->store_version, err);
    if (code == REPLI_OK)
        code = check_addresses(node->addresses, node->address_count, err);
    if (code == REPLI_OK)
        code = check_attributes(node->attributes, node->attribute_count, err);
    return code;
}

int32_t repli_node_validate(const repli_node *node, repli_error *err) {
    repli_node local;
    const int32_t code = repli__node_read(&local, node, err);
    return code == REPLI_OK ? repli__node_check(&local, err) : code;
}

int32_t repli__store_extras_check(const repli_store_extras *extras, repli_error *err) {
    const int32_t code = repli__text_validate(extras->cluster_id, REPLI__ID_MAX, "cluster_id", err);
    if (code != REPLI_OK)
        return code;
    return check_attributes(extras->attributes, extras->attribute_count, err);
}

int32_t repli_store_extras_validate(const repli_store_extras *extras, repli_error *err) {
    repli_store_extras local;
    const int32_t code = repli__store_extras_read(&local, extras, err);
    return code == REPLI_OK ? repli__store_extras_check(&local, err) : code;
}

static int32_t check_role(const repli_shard *shard, repli_error *err) {
    if (repli_role_name(shard->role) == NULL)
        return repli__error(err, REPLI_EINVALID, "model",
                            "role %d is not known: expected REPLI_ROLE_*", (int)shard->role);
    if (shard->role != REPLI_ROLE_OTHER && shard->role_reason != NULL)
        return repli__error(err, REPLI_EINVALID, "model",
                            "role %s takes no reason: only REPLI_ROLE_OTHER does",
                            repli_role_name(shard->role));
    return check_reason(shard->role_reason, shard->role == REPLI_ROLE_OTHER,
                        repli_role_name(shard->role), err);
}

static int32_t check_unit(const char *unit, const char *what, repli_error *err) {
    return unit != NULL ? repli__text_validate(unit, REPLI__NAME_MAX, what, err) : REPLI_OK;
}

int32_t repli__shard_check(const repli_shard *shard, repli_error *err) {
    int32_t code = repli__text_validate(shard->id, REPLI__ID_MAX, "the id", err);
    if (code != REPLI_OK)
        return repli__error_within(err, code, "shard");
    code = check_role(shard, err);
    if (code == REPLI_OK)
        code = check_unit(shard->commit_offset_unit, "commit_offset.unit", err);
    if (code == REPLI_OK)
        code = check_unit(shard->lag_unit, "lag.unit", err);
    if (code != REPLI_OK) {
        char quote[REPLI__QUOTE_SIZE];
        return repli__error_within(err, code, "shard %s", repli__utf8_quote(quote, shard->id));
    }
    return REPLI_OK;
}

int32_t repli_shard_validate(const repli_shard *shard, repli_error *err) {
    repli_shard local;
    const int32_t code = repli__shard_read(&local, shard, err);
    return code == REPLI_OK ? repli__shard_check(&local, err) : code;
}

int32_t repli__json_validate(const char *json, size_t size, size_t max, const char *what,
                             repli_error *err) {
    if (size > max)
        return repli__error(err, REPLI_EINVALID, "model", "%s is longer than %zu bytes", what, max);
    return repli__json_check(json, size, REPLI__VALUE_DEPTH, what, err);
}
