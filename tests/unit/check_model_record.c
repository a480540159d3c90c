#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "model/doc.h"
#include "model/record.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static char long_text[100 * 1024];

static void fill_long_text(void) {
    memset(long_text, 'x', sizeof(long_text) - 1);
}

/* Checks that code is REPLI_EINVALID and that the message says why; why NULL: REPLI_OK. */
static void expect(int32_t code, const repli_error *err, const char *why) {
    if (why == NULL) {
        ck_assert_msg(code == REPLI_OK, "refused: %s", err->message);
        return;
    }
    ck_assert_msg(code == REPLI_EINVALID, "accepted, but: %s", why);
    ck_assert_msg(strstr(err->message, why) != NULL, "\"%s\" does not say \"%s\"", err->message,
                  why);
    ck_assert_str_eq(err->origin, "model");
}

/* Attributes */

static repli_attribute attribute(const char *name, int32_t type) {
    repli_attribute a = REPLI_ATTRIBUTE_INIT;
    a.name = name;
    a.type = type;
    return a;
}

START_TEST(attributes) {
    repli_error err = REPLI_ERROR_INIT;
    repli_attribute a = attribute("a.b/c", REPLI_VALUE_NULL);
    expect(repli__attribute_validate(&a, &err), &err, NULL);
    a.type = REPLI_VALUE_INTEGER;
    a.integer = INT64_MIN;
    expect(repli__attribute_validate(&a, &err), &err, NULL);
    a.type = REPLI_VALUE_BOOLEAN;
    expect(repli__attribute_validate(&a, &err), &err, "attribute a.b/c: the boolean is -9223");
    a.integer = 1;
    expect(repli__attribute_validate(&a, &err), &err, NULL);
    a.type = REPLI_VALUE_REAL;
    a.real = -0.5;
    expect(repli__attribute_validate(&a, &err), &err, NULL);
    a.real = (double)NAN;
    expect(repli__attribute_validate(&a, &err), &err, "a.b/c: the number is not finite");
    a.real = -(double)INFINITY;
    expect(repli__attribute_validate(&a, &err), &err, "a.b/c: the number is not finite");
    a.type = REPLI_VALUE_STRING;
    expect(repli__attribute_validate(&a, &err), &err, "a.b/c: the string is missing");
    a.string = "";
    expect(repli__attribute_validate(&a, &err), &err, NULL);
    a.string = "several\nlines\t\x1B";
    expect(repli__attribute_validate(&a, &err), &err, NULL);
    a.string = "ab\xC3(";
    expect(repli__attribute_validate(&a, &err), &err,
           "a.b/c: the string is not UTF-8: byte 0xC3 at offset 2");
    a.string = long_text;
    expect(repli__attribute_validate(&a, &err), &err, "the string is longer than 65536 bytes");
    a.type = 5;
    expect(repli__attribute_validate(&a, &err), &err, "the type 5 is not known");
    a.type = -1;
    expect(repli__attribute_validate(&a, &err), &err, "the type -1 is not known");
    a.name = "bad";
    expect(repli__attribute_validate(&a, &err), &err, "attribute: \"bad\" is not a scoped name");
    a.name = NULL;
    expect(repli__attribute_validate(&a, &err), &err, "attribute: the name is missing");
    expect(repli__attribute_validate(NULL, &err), &err, "the attribute is missing");
    ck_assert_int_eq(repli__attribute_validate(&a, NULL), REPLI_EINVALID);
}
END_TEST

/* Addresses and texts */

static repli_address address(const char *name, const char *where) {
    repli_address a = REPLI_ADDRESS_INIT;
    a.name = name;
    a.address = where;
    return a;
}

START_TEST(addresses) {
    static const struct {
        const char *name;
        const char *address;
        const char *why;
    } cases[] = {
        {"client", "h:1", NULL},
        {"any ž", "unix:/run/x", NULL},
        {"", "h:1", "address: the name is empty"},
        {NULL, "h:1", "address: the name is missing"},
        {"a\nb", "h:1", "address: the name contains the control character U+000A at offset 1"},
        {long_text, "h:1", "address: the name is longer than 255 bytes"},
        {"client", NULL, "address.client: the address is missing"},
        {"client", "", "address.client: the address is empty"},
        {"client", "h\x7F", "address.client: the address contains the control character U+007F"},
        {"client", "h\xC2\x85",
         "address.client: the address contains the control character U+0085"},
        {"client", "h\xFF", "address.client: the address is not UTF-8: byte 0xFF at offset 1"},
        {"client", long_text, "address.client: the address is longer than 1024 bytes"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        repli_error err = REPLI_ERROR_INIT;
        const repli_address a = address(cases[i].name, cases[i].address);
        expect(repli__address_validate(&a, &err), &err, cases[i].why);
    }
}
END_TEST

/* Store versions */

START_TEST(store_versions) {
    repli_error err = REPLI_ERROR_INIT;
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    expect(repli__store_version_validate(&version, &err), &err,
           "store_version.number: the version is missing");
    version.number = "15";
    expect(repli__store_version_validate(&version, &err), &err,
           "store_version.number: \"15\" is not a semantic version");
    version.number = "15.0.0";
    expect(repli__store_version_validate(&version, &err), &err, NULL);
    version.checkout = "\xFF";
    expect(repli__store_version_validate(&version, &err), &err,
           "store_version.checkout is not UTF-8");
    version.checkout = "abc";
    version.extra = long_text;
    expect(repli__store_version_validate(&version, &err), &err, "store_version.extra is longer");
    version.extra = "a\nb";
    expect(repli__store_version_validate(&version, &err), &err, NULL);
}
END_TEST

/* Nodes */

static repli_node good_node(void) {
    return (repli_node){
        .struct_size = sizeof(repli_node),
        .status = REPLI_STATUS_HEALTHY,
        .node_id = "n-1",
        .store_id = "postgresql",
        .agent_version = {sizeof(repli_agent_version), 0, "1.2.3", "abc", "clean"},
        .store_version = {sizeof(repli_store_version), 0, "15.3.0", NULL, NULL},
    };
}

START_TEST(nodes) {
    repli_error err = REPLI_ERROR_INIT;
    repli_node node = good_node();
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.store_version.number = NULL;
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.store_version.number = "x";
    expect(repli_node_validate(&node, &err), &err, "store_version.number: \"x\"");

    node = good_node();
    node.node_id = NULL;
    expect(repli_node_validate(&node, &err), &err, "node_id is missing");
    node.node_id = "";
    expect(repli_node_validate(&node, &err), &err, "node_id is empty");
    node = good_node();
    node.store_id = "\n";
    expect(repli_node_validate(&node, &err), &err, "store_id contains the control character");

    node = good_node();
    node.status = 0;
    expect(repli_node_validate(&node, &err), &err, "node_status 0 is not known");
    node.status = REPLI_STATUS_UNKNOWN;
    expect(repli_node_validate(&node, &err), &err, "node_status: UNKNOWN needs a reason");
    node.status_reason = "";
    expect(repli_node_validate(&node, &err), &err, "node_status: UNKNOWN needs a reason");
    node.status_reason = "several\nlines";
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.status = REPLI_STATUS_UNAVAILABLE;
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.status_reason = "\xFF";
    expect(repli_node_validate(&node, &err), &err,
           "node_status: UNAVAILABLE: the reason is not UTF-8");

    node = good_node();
    node.agent_version.number = NULL;
    expect(repli_node_validate(&node, &err), &err, "agent_version.number: the version is missing");
    node.agent_version = (repli_agent_version){sizeof(repli_agent_version), 0, "1.2.3", NULL, NULL};
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.agent_version.taint = "\xFF";
    expect(repli_node_validate(&node, &err), &err, "agent_version.taint is not UTF-8");
}
END_TEST

START_TEST(lists_of_a_node) {
    repli_error err = REPLI_ERROR_INIT;
    repli_node node = good_node();
    const repli_address twice[] = {address("a", "h:1"), address("b", "h:1"), address("a", "h:2")};
    node.addresses = twice;
    node.address_count = 2;
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.address_count = 3;
    expect(repli_node_validate(&node, &err), &err, "addresses: \"a\" is there twice");
    node.addresses = NULL;
    expect(repli_node_validate(&node, &err), &err, "addresses: the address is missing");

    node = good_node();
    const repli_attribute ordered[] = {attribute("a.b/a", 0), attribute("a.b/b", 0),
                                       attribute("a.b/b", 0), attribute("a.b/a", 0)};
    node.attributes = ordered;
    node.attribute_count = 2;
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.attribute_count = 3;
    expect(repli_node_validate(&node, &err), &err, "attribute a.b/b comes after a.b/b");
    node.attributes = ordered + 2;
    node.attribute_count = 2;
    expect(repli_node_validate(&node, &err), &err, "attribute a.b/a comes after a.b/b");
    expect(repli_node_validate(NULL, &err), &err, "the node is missing");

    enum { MANY = 257 };
    static repli_address many[MANY];
    static char names[MANY][8];
    for (int i = 0; i < MANY; i++) {
        names[i][0] = (char)('a' + i / 26);
        names[i][1] = (char)('a' + i % 26);
        many[i] = address(names[i], "h:1");
    }
    node = good_node();
    node.addresses = many;
    node.address_count = MANY - 1;
    expect(repli_node_validate(&node, &err), &err, NULL);
    node.address_count = MANY;
    expect(repli_node_validate(&node, &err), &err, "addresses: there are more than 256 names");
}
END_TEST

START_TEST(store_extras) {
    repli_error err = REPLI_ERROR_INIT;
    repli_store_extras extras = {.struct_size = sizeof(extras), .cluster_id = "c"};
    expect(repli_store_extras_validate(&extras, &err), &err, NULL);
    extras.cluster_id = NULL;
    expect(repli_store_extras_validate(&extras, &err), &err, "cluster_id is missing");
    extras.cluster_id = "c";
    const repli_attribute bad = attribute("c", 0);
    extras.attributes = &bad;
    extras.attribute_count = 1;
    expect(repli_store_extras_validate(&extras, &err), &err, "\"c\" is not a scoped name");
}
END_TEST

/* Shards */

START_TEST(shards) {
    repli_error err = REPLI_ERROR_INIT;
    repli_shard shard = REPLI_SHARD_INIT;
    expect(repli_shard_validate(&shard, &err), &err, "shard: the id is missing");
    shard.id = "s\x01";
    expect(repli_shard_validate(&shard, &err), &err, "shard: the id contains the control");
    shard.id = "s";
    expect(repli_shard_validate(&shard, &err), &err, "shard \"s\": role 0 is not known");
    shard.role = REPLI_ROLE_OTHER;
    expect(repli_shard_validate(&shard, &err), &err, "shard \"s\": Other needs a reason");
    shard.role_reason = "r";
    expect(repli_shard_validate(&shard, &err), &err, NULL);
    shard.role = REPLI_ROLE_PRIMARY;
    expect(repli_shard_validate(&shard, &err), &err, "role Primary takes no reason");
    shard.role_reason = NULL;
    expect(repli_shard_validate(&shard, &err), &err, NULL);
    shard.commit_offset_unit = "";
    expect(repli_shard_validate(&shard, &err), &err, "shard \"s\": commit_offset.unit is empty");
    shard.commit_offset_unit = "bytes";
    shard.commit_offset = INT64_MIN;
    shard.lag_unit = "b\n";
    expect(repli_shard_validate(&shard, &err), &err, "shard \"s\": lag.unit contains the control");
    shard.lag_unit = "bytes";
    shard.lag = INT64_MAX;
    expect(repli_shard_validate(&shard, &err), &err, NULL);
}
END_TEST

/* Sizes: records of other releases */

typedef struct new_shard {
    repli_shard shard;
    uint64_t added[3];
} new_shard;

START_TEST(a_record_of_a_later_release_is_read) {
    new_shard sent[3];
    memset(sent, 0xEE, sizeof(sent));
    for (size_t i = 0; i < 3; i++) {
        sent[i].shard = (repli_shard)REPLI_SHARD_INIT;
        sent[i].shard.struct_size = sizeof(new_shard);
        sent[i].shard.id = i == 0 ? "a" : i == 1 ? "b" : "c";
        sent[i].shard.role = REPLI_ROLE_PRIMARY;
    }
    repli_error err = REPLI_ERROR_INIT;
    repli_shard read;
    ck_assert_int_eq(repli__shard_read(&read, sent, &err), REPLI_OK);
    ck_assert_uint_eq(read.struct_size, sizeof(repli_shard));
    ck_assert_str_eq(read.id, "a");
    ck_assert_int_eq(repli_shard_validate(&sent[2].shard, &err), REPLI_OK);

    const repli_shards list = {sizeof(list), 0, &sent[0].shard, 3};
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_shards_to_json(&list, &json, &err), REPLI_OK);
    ck_assert_str_eq(json.data, "{\"shards\":["
                                "{\"id\":\"a\",\"role\":\"Primary\",\"lag\":null},"
                                "{\"id\":\"b\",\"role\":\"Primary\",\"lag\":null},"
                                "{\"id\":\"c\",\"role\":\"Primary\",\"lag\":null}]}");
    repli_buf_dispose(&json);
}
END_TEST

START_TEST(a_record_smaller_than_the_first_release_is_refused) {
    repli_error err = REPLI_ERROR_INIT;
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = "a";
    shard.role = REPLI_ROLE_PRIMARY;
    shard.struct_size = 0;
    expect(repli_shard_validate(&shard, &err), &err,
           "the shard has struct_size 0, but at least 56");
    shard.struct_size = sizeof(shard) - 1;
    expect(repli_shard_validate(&shard, &err), &err, "the shard has struct_size 55");

    /* The least size is where the first release ended, and none may ever ask for more. */
#define CHECK(name, size)                                                                          \
    do {                                                                                           \
        repli_##name record = {.struct_size = (size)-1};                                           \
        repli_##name read;                                                                         \
        ck_assert_int_eq(repli__##name##_read(&read, &record, &err), REPLI_EINVALID);              \
        ck_assert_ptr_nonnull(strstr(err.message, "struct_size"));                                 \
        record.struct_size = (size);                                                               \
        ck_assert_int_eq(repli__##name##_read(&read, &record, &err), REPLI_OK);                    \
        ck_assert_uint_eq(read.struct_size, sizeof(read));                                         \
        ck_assert_int_eq(repli__##name##_read(&read, NULL, &err), REPLI_EINVALID);                 \
    } while (0)
    if (sizeof(void *) != 8)
        return;
    CHECK(attribute, 40);
    CHECK(address, 24);
    CHECK(store_version, 32);
    CHECK(shard, 56);
    CHECK(node, 128);
    CHECK(store_extras, 32);
    CHECK(shards, 24);
    CHECK(header, 24);
    CHECK(transition, 32);
    CHECK(action, 112);
    CHECK(action_summary, 24);
    CHECK(request, 64);
    CHECK(error, 840);
#undef CHECK
}
END_TEST

/* Copies */

/* Text that is gone as soon as it was copied. */
static char *scratch(const char *text) {
    char *copy = strdup(text);
    ck_assert_ptr_nonnull(copy);
    return copy;
}

static void forget(const char *text) {
    char *writable = (char *)(uintptr_t)text;
    memset(writable, '#', strlen(writable));
    free(writable);
}

static repli_header header(const char *name, const char *value) {
    return (repli_header){sizeof(repli_header), 0, name, value};
}

START_TEST(copies_are_deep) {
    repli_doc *doc = repli__doc_new(NULL);
    ck_assert_ptr_nonnull(doc);

    repli_attribute a = attribute(scratch("a.b/c"), REPLI_VALUE_STRING);
    a.string = scratch("text");
    repli_attribute a2;
    ck_assert_int_eq(repli__attribute_copy(&doc->arena, &a2, &a), REPLI_OK);
    forget(a.name);
    forget(a.string);
    ck_assert_str_eq(a2.name, "a.b/c");
    ck_assert_str_eq(a2.string, "text");

    /* A string that belongs to no string value may be anything. */
    a = attribute("a.b/c", REPLI_VALUE_INTEGER);
    a.integer = 7;
    a.string = (const char *)(uintptr_t)1;
    ck_assert_int_eq(repli__attribute_copy(&doc->arena, &a2, &a), REPLI_OK);
    ck_assert_ptr_null(a2.string);
    ck_assert_int_eq(a2.integer, 7);

    repli_address w = address(scratch("client"), scratch("h:1"));
    repli_address w2;
    ck_assert_int_eq(repli__address_copy(&doc->arena, &w2, &w), REPLI_OK);
    forget(w.name);
    forget(w.address);
    ck_assert_str_eq(w2.name, "client");
    ck_assert_str_eq(w2.address, "h:1");

    repli_store_version v = REPLI_STORE_VERSION_INIT;
    v.number = scratch("1.2.3");
    v.extra = scratch("e");
    repli_store_version v2;
    ck_assert_int_eq(repli__store_version_copy(&doc->arena, &v2, &v), REPLI_OK);
    forget(v.number);
    forget(v.extra);
    ck_assert_str_eq(v2.number, "1.2.3");
    ck_assert_ptr_null(v2.checkout);
    ck_assert_str_eq(v2.extra, "e");

    repli_shard s = REPLI_SHARD_INIT;
    s.id = scratch("s");
    s.role = REPLI_ROLE_OTHER;
    s.role_reason = scratch("r");
    s.commit_offset_unit = scratch("bytes");
    s.commit_offset = -1;
    repli_shard s2;
    ck_assert_int_eq(repli__shard_copy(&doc->arena, &s2, &s), REPLI_OK);
    forget(s.id);
    forget(s.role_reason);
    forget(s.commit_offset_unit);
    ck_assert_str_eq(s2.id, "s");
    ck_assert_str_eq(s2.role_reason, "r");
    ck_assert_str_eq(s2.commit_offset_unit, "bytes");
    ck_assert_int_eq(s2.commit_offset, -1);
    ck_assert_ptr_null(s2.lag_unit);
    repli_doc_free(doc);
    repli_doc_free(NULL);
}
END_TEST

static const repli_transition history[] = {
    {sizeof(repli_transition), REPLI_PHASE_FAILED, 2, "{\"n\":1}", "{\"error_msg\":\"x\"}"},
    {sizeof(repli_transition), REPLI_PHASE_NEW, 1, NULL, NULL},
};

static repli_action good_action(const repli_header *headers) {
    return (repli_action){
        .struct_size = sizeof(repli_action),
        .phase = REPLI_PHASE_FAILED,
        .id = "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11",
        .kind = "a.b/c",
        .args_json = "[1]",
        .requester = "AGENT_API",
        .headers = headers,
        .header_count = 2,
        .created_ns = 1,
        .scheduled_ns = 2,
        .finished_ns = 3,
        .payload_json = "{}",
        .error_json = "{\"error_msg\":\"x\"}",
        .history = history,
        .history_count = 2,
    };
}

START_TEST(actions_and_requests_are_copied) {
    const repli_header headers[] = {header("k", "v"), header("l", "w")};
    repli_doc *doc = repli__doc_new(NULL);
    const repli_action action = good_action(headers);
    repli_action copy;
    ck_assert_int_eq(repli__action_copy(&doc->arena, &copy, &action), REPLI_OK);
    ck_assert_ptr_ne(copy.id, action.id);
    ck_assert_str_eq(copy.id, action.id);
    ck_assert_str_eq(copy.kind, "a.b/c");
    ck_assert_str_eq(copy.args_json, "[1]");
    ck_assert_str_eq(copy.requester, "AGENT_API");
    ck_assert_str_eq(copy.payload_json, "{}");
    ck_assert_str_eq(copy.error_json, action.error_json);
    ck_assert_int_eq(copy.created_ns, 1);
    ck_assert_int_eq(copy.scheduled_ns, 2);
    ck_assert_int_eq(copy.finished_ns, 3);
    ck_assert_uint_eq(copy.header_count, 2);
    ck_assert_ptr_ne(copy.headers, headers);
    ck_assert_str_eq(copy.headers[1].name, "l");
    ck_assert_str_eq(copy.headers[1].value, "w");
    ck_assert_uint_eq(copy.history_count, 2);
    ck_assert_ptr_ne(copy.history, history);
    ck_assert_int_eq(copy.history[0].time_ns, 2);
    ck_assert_str_eq(copy.history[0].payload_json, "{\"n\":1}");
    ck_assert_ptr_ne(copy.history[0].error_json, history[0].error_json);
    ck_assert_ptr_null(copy.history[1].payload_json);

    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "a.b/c";
    request.headers = headers;
    request.header_count = 2;
    repli_request request_copy;
    ck_assert_int_eq(repli__request_copy(&doc->arena, &request_copy, &request), REPLI_OK);
    ck_assert_str_eq(request_copy.kind, "a.b/c");
    ck_assert_ptr_null(request_copy.args_json);
    ck_assert_ptr_null(request_copy.id);
    ck_assert_int_eq(request_copy.created_ns, REPLI_TIME_NONE);
    ck_assert_str_eq(request_copy.headers[0].value, "v");

    /* Hosts of the first release know no deadlines, and those who fill a record with zeros mean
     * none. */
    ck_assert_int_eq(request_copy.deadline_ns, REPLI_TIME_NONE);
    request.deadline_ns = request.not_before_ns = 0;
    ck_assert_int_eq(repli__request_copy(&doc->arena, &request_copy, &request), REPLI_OK);
    ck_assert_int_eq(request_copy.not_before_ns, REPLI_TIME_NONE);
    request.deadline_ns = request.not_before_ns = 5;
    request.struct_size = offsetof(repli_request, deadline_ns);
    ck_assert_int_eq(repli__request_copy(&doc->arena, &request_copy, &request), REPLI_OK);
    ck_assert_int_eq(request_copy.deadline_ns, REPLI_TIME_NONE);
    ck_assert_int_eq(request_copy.not_before_ns, REPLI_TIME_NONE);

    /* An empty list may come with any pointer. */
    request.headers = (const repli_header *)(uintptr_t)8;
    request.header_count = 0;
    ck_assert_int_eq(repli__request_copy(&doc->arena, &request_copy, &request), REPLI_OK);
    ck_assert_ptr_null(request_copy.headers);
    repli_doc_free(doc);
}
END_TEST

START_TEST(copies_report_what_they_cannot) {
    const repli_header headers[] = {header("k", "v"), {0}};
    const repli_action action = good_action(headers);
    repli_doc *doc = repli__doc_new(NULL);
    repli_action copy = {.struct_size = 77};
    ck_assert_int_eq(repli__action_copy(&doc->arena, &copy, &action), REPLI_EINVALID);
    repli_shard shard = {.struct_size = 8};
    repli_shard shard_copy = {.struct_size = 77};
    ck_assert_int_eq(repli__shard_copy(&doc->arena, &shard_copy, &shard), REPLI_EINVALID);
    ck_assert_uint_eq(copy.struct_size, 77);
    ck_assert_uint_eq(shard_copy.struct_size, 77);
    repli_doc_free(doc);
}
END_TEST

/* Actions: what JSON cannot bring about, or the store could. */

START_TEST(actions) {
    const repli_header headers[] = {header("k", "v"), header("k", "w"), header("", "")};
    repli_error err = REPLI_ERROR_INIT;
    repli_buf json = REPLI_BUF_INIT;
    static const struct {
        const char *args;
        const char *id;
        const char *payload;
        const char *error;
        const char *why;
    } cases[] = {
        {NULL, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", NULL, NULL, "args is missing"},
        {"", "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", NULL, NULL, "args is empty"},
        {"{", "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", NULL, NULL, "args is not valid JSON"},
        {"1 2", "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", NULL, NULL, "args is not valid JSON"},
        {"1", "5F0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", NULL, NULL, "is not in lower case"},
        {"1", NULL, NULL, NULL, "id: the UUID is missing"},
        {"1", "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", "x", NULL, "state.payload is not valid"},
        {"1", "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", NULL, "[", "state.error is not valid"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        repli_action action = good_action(headers);
        action.header_count = 1;
        action.args_json = cases[i].args;
        action.id = cases[i].id;
        action.payload_json = cases[i].payload;
        action.error_json = cases[i].error;
        expect(repli_action_to_json(&action, &json, &err), &err, cases[i].why);
    }
    repli_action action = good_action(headers);
    expect(repli_action_to_json(&action, &json, &err), &err, "metadata: \"k\" is there twice");
    action.headers = headers + 2;
    action.header_count = 1;
    expect(repli_action_to_json(&action, &json, &err), &err, "metadata: a name is empty");
    action = good_action(headers);
    action.header_count = 1;
    action.created_ns = INT64_MAX;
    expect(repli_action_to_json(&action, &json, &err), &err, "created_time: the time 9223");
    action.created_ns = REPLI_TIME_NONE;
    action.phase = 5;
    expect(repli_action_to_json(&action, &json, &err), &err, "phase 5 is not known");
    action.phase = REPLI_PHASE_NEW;
    action.requester = "";
    expect(repli_action_to_json(&action, &json, &err), &err, "requester is empty");
    action.requester = "x";
    const repli_transition bad = {sizeof(bad), REPLI_PHASE_NEW, 1, "nul", NULL};
    action.history = &bad;
    action.history_count = 1;
    expect(repli_action_to_json(&action, &json, &err), &err, "history[0]: payload is not valid");
    ck_assert_uint_eq(json.size, 0);
    action.history_count = 0;
    expect(repli_action_to_json(&action, &json, &err), &err, NULL);
    repli_buf_dispose(&json);
}
END_TEST

int main(void) {
    fill_long_text();
    Suite *suite = suite_create("model: records");
    TCase *validate = tcase_create("validation");
    tcase_add_test(validate, attributes);
    tcase_add_test(validate, addresses);
    tcase_add_test(validate, store_versions);
    tcase_add_test(validate, nodes);
    tcase_add_test(validate, lists_of_a_node);
    tcase_add_test(validate, store_extras);
    tcase_add_test(validate, shards);
    tcase_add_test(validate, actions);
    suite_add_tcase(suite, validate);
    TCase *sizes = tcase_create("sizes and copies");
    tcase_add_test(sizes, a_record_of_a_later_release_is_read);
    tcase_add_test(sizes, a_record_smaller_than_the_first_release_is_refused);
    tcase_add_test(sizes, copies_are_deep);
    tcase_add_test(sizes, actions_and_requests_are_copied);
    tcase_add_test(sizes, copies_report_what_they_cannot);
    suite_add_tcase(suite, sizes);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
