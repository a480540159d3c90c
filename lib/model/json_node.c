#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "model/json_attribute.h"
#include "model/json_documents.h"
#include "model/record.h"
#include "model/validate.h"
#include "model/words.h"

/* Clients need a semantic version even while nobody knows it. A pre-release of 0.0.0 is the lowest
 * there is, and says itself what it means. */
static const char unknown_number[] = "0.0.0-unknown";

/* To text. */

/* NULL if the node has no address of that name. */
static const char *find_address(const repli_node *node, const char *name) {
    const void *next = node->addresses;
    for (size_t i = 0; i < node->address_count; i++) {
        repli_address address;
        if (repli__address_read(&address, next, NULL) != REPLI_OK)
            break;
        if (strcmp(address.name, name) == 0)
            return address.address;
        next = repli__record_next(next);
    }
    return NULL;
}

static void write_addresses(repli__json_out *out, const repli_node *node) {
    repli__json_open(out, '{');
    repli__json_name(out, "client");
    repli__json_string(out, find_address(node, "client"));
    repli__json_name(out, "member");
    repli__json_string(out, find_address(node, "member"));
    const void *next = node->addresses;
    for (size_t i = 0; i < node->address_count; i++) {
        repli_address address;
        if (repli__address_read(&address, next, NULL) != REPLI_OK)
            break;
        if (strcmp(address.name, "client") != 0 && strcmp(address.name, "member") != 0) {
            repli__json_any_name(out, address.name);
            repli__json_string(out, address.address);
        }
        next = repli__record_next(next);
    }
    repli__json_close(out, '}');
}

static const char *or_unknown(const char *text) {
    return text != NULL ? text : "unknown";
}

static void write_agent_version(repli__json_out *out, const repli_agent_version *version) {
    repli__json_open(out, '{');
    repli__json_name(out, "checkout");
    repli__json_string(out, or_unknown(version->checkout));
    repli__json_name(out, "number");
    repli__json_string(out, version->number);
    repli__json_name(out, "taint");
    repli__json_string(out, or_unknown(version->taint));
    repli__json_close(out, '}');
}

static void write_status(repli__json_out *out, const repli_node *node) {
    if (node->status != REPLI_STATUS_UNKNOWN) {
        repli__json_string(out, repli_status_name(node->status));
        return;
    }
    repli__json_open(out, '{');
    repli__json_name(out, repli_status_name(node->status));
    repli__json_string(out, node->status_reason);
    repli__json_close(out, '}');
}

static void write_store_version(repli__json_out *out, const repli_store_version *version) {
    repli__json_open(out, '{');
    repli__json_name(out, "checkout");
    repli__json_string(out, version->checkout);
    repli__json_name(out, "number");
    repli__json_string(out, version->number != NULL ? version->number : unknown_number);
    repli__json_name(out, "extra");
    repli__json_string(out, version->extra);
    repli__json_close(out, '}');
}

int32_t repli_node_to_json(const repli_node *node, repli_buf *ret_json, repli_error *err) {
    repli_node local;
    int32_t code = repli__node_read(&local, node, err);
    if (code == REPLI_OK)
        code = repli__node_check(&local, err);
    if (code != REPLI_OK)
        return code;
    repli__json_out out;
    repli__json_begin(&out, ret_json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "address");
    write_addresses(&out, &local);
    repli__json_name(&out, "agent_version");
    write_agent_version(&out, &local.agent_version);
    repli__json_name(&out, "attributes");
    repli__attributes_write(&out, local.attributes, local.attribute_count);
    repli__json_name(&out, "node_id");
    repli__json_string(&out, local.node_id);
    repli__json_name(&out, "node_status");
    write_status(&out, &local);
    repli__json_name(&out, "store_id");
    repli__json_string(&out, local.store_id);
    repli__json_name(&out, "store_version");
    write_store_version(&out, &local.store_version);
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

/* From text. */

static void read_addresses(repli__json_in *in, const json_t *root, repli_node *node) {
    json_t *map = repli__json_get_object(in, root, "address", REPLI__REQUIRED);
    const size_t count = json_object_size(map);
    repli_address *addresses = NULL;
    if (count > 0)
        addresses = repli__json_copy_array(in, count, sizeof(*addresses));
    size_t used = 0;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value) {
        if (in->code != REPLI_OK)
            return;
        if (json_is_null(value))
            continue;
        if (!json_is_string(value)) {
            char quote[REPLI__QUOTE_SIZE];
            in->path = "address.";
            repli__json_refuse(in, repli__utf8_quote(quote, name), "a string or null", value);
            in->path = "";
            return;
        }
        addresses[used] = (repli_address)REPLI_ADDRESS_INIT;
        addresses[used].name = repli__json_copy_text(in, name);
        addresses[used].address = repli__json_copy_text(in, json_string_value(value));
        used++;
    }
    node->addresses = used > 0 ? addresses : NULL;
    node->address_count = used;
}

static void read_agent_version(repli__json_in *in, const json_t *root,
                               repli_agent_version *version) {
    const json_t *object = repli__json_get_object(in, root, "agent_version", REPLI__REQUIRED);
    in->path = "agent_version.";
    version->struct_size = sizeof(*version);
    version->number = repli__json_get_text(in, object, "number", REPLI__REQUIRED);
    version->checkout = or_unknown(repli__json_get_text(in, object, "checkout", REPLI__OPTIONAL));
    version->taint = or_unknown(repli__json_get_text(in, object, "taint", REPLI__OPTIONAL));
    in->path = "";
}

static void read_status(repli__json_in *in, const json_t *root, repli_node *node) {
    static const char expected[] = "a status such as \"HEALTHY\", or {\"UNKNOWN\": \"reason\"}";
    const json_t *value = repli__json_get(in, root, "node_status");
    if (json_is_string(value)) {
        const char *word = json_string_value(value);
        node->status = repli__status_find(word);
        if (node->status != 0 && node->status != REPLI_STATUS_UNKNOWN)
            return;
        char quote[REPLI__QUOTE_SIZE];
        in->code = repli__error(in->err, REPLI_EINVALID, "model", "node_status must be %s, not %s",
                                expected, repli__utf8_quote(quote, word));
        return;
    }
    const json_t *reason = json_object_get(value, repli_status_name(REPLI_STATUS_UNKNOWN));
    if (!json_is_string(reason)) {
        repli__json_refuse(in, "node_status", expected, value);
        return;
    }
    node->status = REPLI_STATUS_UNKNOWN;
    node->status_reason = repli__json_copy_text(in, json_string_value(reason));
}

static void read_store_version(repli__json_in *in, const json_t *root,
                               repli_store_version *version) {
    const json_t *object = repli__json_get_object(in, root, "store_version", REPLI__REQUIRED);
    in->path = "store_version.";
    version->struct_size = sizeof(*version);
    version->number = repli__json_get_text(in, object, "number", REPLI__REQUIRED);
    version->checkout = repli__json_get_text(in, object, "checkout", REPLI__OPTIONAL);
    version->extra = repli__json_get_text(in, object, "extra", REPLI__OPTIONAL);
    in->path = "";
    if (version->number != NULL && strcmp(version->number, unknown_number) == 0)
        version->number = NULL;
}

/* On the wire only UNKNOWN has room for a reason, so the others have it as an attribute. */
static const char *reason_attribute(const repli_node *node) {
    for (size_t i = 0; i < node->attribute_count; i++) {
        const repli_attribute *attribute = &node->attributes[i];
        if (attribute->type == REPLI_VALUE_STRING &&
            strcmp(attribute->name, REPLI__STATUS_REASON_ATTRIBUTE) == 0)
            return attribute->string;
    }
    return NULL;
}

static void read_node(repli__json_in *in, const json_t *root, repli__json_span text, void *record) {
    (void)text;
    repli_node *node = record;
    node->struct_size = sizeof(*node);
    read_addresses(in, root, node);
    read_agent_version(in, root, &node->agent_version);
    repli__attributes_get(in, root, &node->attributes, &node->attribute_count);
    node->node_id = repli__json_get_text(in, root, "node_id", REPLI__REQUIRED);
    read_status(in, root, node);
    node->store_id = repli__json_get_text(in, root, "store_id", REPLI__REQUIRED);
    read_store_version(in, root, &node->store_version);
    if (in->code == REPLI_OK && node->status_reason == NULL)
        node->status_reason = reason_attribute(node);
    if (in->code == REPLI_OK)
        in->code = repli__node_check(node, in->err);
}

int32_t repli__node_from_json(const repli__mem *mem, const char *json, size_t size,
                              repli_doc **ret_doc, const repli_node **ret_node, repli_error *err) {
    const repli__json_source source = {json, size, 0, "the node"};
    const void *node = NULL;
    const int32_t code =
        repli__json_read(&source, mem, sizeof(repli_node), read_node, ret_doc, &node, err);
    if (code == REPLI_OK)
        *ret_node = node;
    return code;
}

int32_t repli_node_from_json(const char *json, size_t size, repli_doc **ret_doc,
                             const repli_node **ret_node, repli_error *err) {
    return repli__node_from_json(NULL, json, size, ret_doc, ret_node, err);
}
