#include <string.h>

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

static void read_addresses(repli__json_in *in, const repli__json_member *member, repli_node *node) {
    const repli__json_span map = repli__json_get_object(in, member, REPLI__REQUIRED);
    const size_t count = repli__json_count(map);
    if (count == 0)
        return;
    repli_address *addresses = repli__json_new_array(in, count, sizeof(*addresses));
    repli__json_span name;
    repli__json_span value;
    size_t used = 0;
    size_t at = 0;
    while (in->code == REPLI_OK && repli__json_next_member(map, &at, &name, &value)) {
        const int type = repli__json_type(value);
        if (type == REPLI__JSON_NULL)
            continue;
        if (type != REPLI__JSON_STRING) {
            repli__json_refuse_entry(in, member, name, "a string or null", value);
            return;
        }
        addresses[used] = (repli_address)REPLI_ADDRESS_INIT;
        addresses[used].name = repli__json_copy_string(in, name);
        addresses[used].address = repli__json_copy_string(in, value);
        used++;
    }
    node->addresses = addresses;
    node->address_count = used;
}

static void read_agent_version(repli__json_in *in, const repli__json_member *member,
                               repli_agent_version *version) {
    enum { CHECKOUT, NUMBER, TAINT, COUNT };
    repli__json_member m[COUNT] = {{.name = "checkout"}, {.name = "number"}, {.name = "taint"}};
    const repli__json_span object = repli__json_get_object(in, member, REPLI__REQUIRED);
    in->path = "agent_version.";
    repli__json_members(in, object, m, COUNT);
    version->struct_size = sizeof(*version);
    version->number = repli__json_get_text(in, &m[NUMBER], REPLI__REQUIRED);
    version->checkout = or_unknown(repli__json_get_text(in, &m[CHECKOUT], REPLI__OPTIONAL));
    version->taint = or_unknown(repli__json_get_text(in, &m[TAINT], REPLI__OPTIONAL));
    in->path = "";
}

static void read_status(repli__json_in *in, const repli__json_member *member, repli_node *node) {
    static const char expected[] = "a status such as \"HEALTHY\", or {\"UNKNOWN\": \"reason\"}";
    char word[REPLI__WORD_SIZE];
    if (repli__json_get_word(in, member->value, word)) {
        node->status = repli__status_find(word);
        if (node->status == 0 || node->status == REPLI_STATUS_UNKNOWN)
            repli__json_refuse_word(in, member, expected, word);
        return;
    }
    repli__json_member reason = {.name = repli_status_name(REPLI_STATUS_UNKNOWN)};
    repli__json_members(in, member->value, &reason, 1);
    if (repli__json_type(reason.value) != REPLI__JSON_STRING) {
        repli__json_refuse(in, member, expected);
        return;
    }
    node->status = REPLI_STATUS_UNKNOWN;
    node->status_reason = repli__json_copy_string(in, reason.value);
}

static void read_store_version(repli__json_in *in, const repli__json_member *member,
                               repli_store_version *version) {
    enum { CHECKOUT, NUMBER, EXTRA, COUNT };
    repli__json_member m[COUNT] = {{.name = "checkout"}, {.name = "number"}, {.name = "extra"}};
    const repli__json_span object = repli__json_get_object(in, member, REPLI__REQUIRED);
    in->path = "store_version.";
    repli__json_members(in, object, m, COUNT);
    version->struct_size = sizeof(*version);
    version->number = repli__json_get_text(in, &m[NUMBER], REPLI__REQUIRED);
    version->checkout = repli__json_get_text(in, &m[CHECKOUT], REPLI__OPTIONAL);
    version->extra = repli__json_get_text(in, &m[EXTRA], REPLI__OPTIONAL);
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

static void read_node(repli__json_in *in, repli__json_span root, void *record) {
    enum { ADDRESS, AGENT_VERSION, ATTRIBUTES, NODE_ID, STATUS, STORE_ID, STORE_VERSION, COUNT };
    repli__json_member m[COUNT] = {
        [ADDRESS] = {.name = "address"},
        [AGENT_VERSION] = {.name = "agent_version"},
        [ATTRIBUTES] = {.name = "attributes"},
        [NODE_ID] = {.name = "node_id"},
        [STATUS] = {.name = "node_status"},
        [STORE_ID] = {.name = "store_id"},
        [STORE_VERSION] = {.name = "store_version"},
    };
    repli__json_members(in, root, m, COUNT);
    repli_node *node = record;
    node->struct_size = sizeof(*node);
    read_addresses(in, &m[ADDRESS], node);
    read_agent_version(in, &m[AGENT_VERSION], &node->agent_version);
    repli__attributes_get(in, &m[ATTRIBUTES], &node->attributes, &node->attribute_count);
    node->node_id = repli__json_get_text(in, &m[NODE_ID], REPLI__REQUIRED);
    read_status(in, &m[STATUS], node);
    node->store_id = repli__json_get_text(in, &m[STORE_ID], REPLI__REQUIRED);
    read_store_version(in, &m[STORE_VERSION], &node->store_version);
    if (in->code == REPLI_OK && node->status_reason == NULL)
        node->status_reason = reason_attribute(node);
    if (in->code == REPLI_OK)
        in->code = repli__node_check(node, in->err);
}

int32_t repli__node_from_json(const repli__mem *mem, const char *json, size_t size,
                              repli_doc **ret_doc, const repli_node **ret_node, repli_error *err) {
    const void *node = NULL;
    const int32_t code = repli__json_read(mem, json, size, "the node", sizeof(repli_node),
                                          read_node, ret_doc, &node, err);
    if (code == REPLI_OK)
        *ret_node = node;
    return code;
}

int32_t repli_node_from_json(const char *json, size_t size, repli_doc **ret_doc,
                             const repli_node **ret_node, repli_error *err) {
    return repli__node_from_json(NULL, json, size, ret_doc, ret_node, err);
}
