#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/doc.h"

/* What readers refuse, and what they say about it. */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

typedef struct member {
    const char *name;
    const char *value;
} member;

/* An object of members, of which one has another value, or is left out if that is NULL, or is added
 * if there is none of its name. */
static repli_buf object_with(const member *members, const char *name, const char *value) {
    repli_buf json = REPLI_BUF_INIT;
    const char *comma = "";
    int found = 0;
    repli__buf_text(&json, "{");
    for (const member *m = members; m->name != NULL; m++) {
        const int chosen = strcmp(m->name, name) == 0;
        found |= chosen;
        if (chosen && value == NULL)
            continue;
        repli__buf_printf(&json, "%s\"%s\":%s", comma, m->name, chosen ? value : m->value);
        comma = ",";
    }
    if (!found && value != NULL)
        repli__buf_printf(&json, "%s\"%s\":%s", comma, name, value);
    repli__buf_text(&json, "}");
    return json;
}

typedef struct refusal {
    const char *name;
    const char *value;
    const char *why;
} refusal;

static void expect(int32_t code, const repli_error *err, const repli_buf *json, const char *what,
                   const char *why) {
    ck_assert_msg(code == REPLI_EINVALID, "%s: code %d", json->data, code);
    ck_assert_msg(strstr(err->message, why) != NULL, "%s\n\"%s\" does not say \"%s\"", json->data,
                  err->message, why);
    ck_assert_msg(strncmp(err->message, what, strlen(what)) == 0, "\"%s\" does not begin with %s",
                  err->message, what);
    ck_assert_str_eq(err->origin, "model");
}

#define REFUSES(name, record, what)                                                                \
    static void name##_refuses(repli_buf json, const char *why) {                                  \
        repli_doc *doc = (repli_doc *)&json;                                                       \
        const record *read = (const record *)&json;                                                \
        repli_error err = REPLI_ERROR_INIT;                                                        \
        expect(repli_##name##_from_json(json.data, json.size, &doc, &read, &err), &err, &json,     \
               what, why);                                                                         \
        ck_assert_ptr_eq(doc, &json);                                                              \
        ck_assert_ptr_eq(read, &json);                                                             \
        ck_assert_int_eq(repli_##name##_from_json(json.data, json.size, &doc, &read, NULL),        \
                         REPLI_EINVALID);                                                          \
        repli_buf_dispose(&json);                                                                  \
    }

REFUSES(node, repli_node, "the node")
REFUSES(store_extras, repli_store_extras, "the store's information")
REFUSES(shards, repli_shards, "the list of shards")
REFUSES(action, repli_action, "the action")
REFUSES(request, repli_request, "the request")

static repli_buf text(const char *json) {
    repli_buf buf = REPLI_BUF_INIT;
    ck_assert_int_eq(repli__buf_text(&buf, json), REPLI_OK);
    return buf;
}

/* Any document */

static const struct {
    const char *json;
    const char *why;
} documents[] = {
    {"", "is empty"},
    {" ", "is not valid JSON"},
    {"null", "must be an object, not null"},
    {"[]", "must be an object, not an array"},
    {"\"x\"", "must be an object, not a string"},
    {"1.5", "must be an object, not a number"},
    {"true", "must be an object, not a boolean"},
    {"{", "it ends too early"},
    {"{}}", "line 1, column 3"},
    {"{\n\n  'a': 1}", "line 3"},
    {"{\"a\": 01}", "is not valid JSON"},
    {"{\"a\": +1}", "is not valid JSON"},
    {"{\"a\": .5}", "is not valid JSON"},
    {"{\"a\": 1.}", "is not valid JSON"},
    {"{\"a\": NaN}", "is not valid JSON"},
    {"{\"a\": 1e999}", "a number is too large"},
    {"{\"a\": \"\\u0000\"}", "contains \\u0000"},
    {"{\"\\u0000\": 1}", "contains \\u0000"},
    {"{\"a\": \"\x01\"}", "control character"},
    {"{\"a\": \"\xFF\"}", "is not valid JSON"},
    {"{\"a\": \"\\ud800\"}", "is not valid JSON"},
    {"{\"a\": \"\\x\"}", "is not valid JSON"},
    {"{\"a\": 1,}", "is not valid JSON"},
    {"\xEF\xBB\xBF{}", "is not valid JSON"},
};

START_TEST(document) {
    node_refuses(text(documents[_i].json), documents[_i].why);
    store_extras_refuses(text(documents[_i].json), documents[_i].why);
    shards_refuses(text(documents[_i].json), documents[_i].why);
    action_refuses(text(documents[_i].json), documents[_i].why);
    request_refuses(text(documents[_i].json), documents[_i].why);
}
END_TEST

START_TEST(document_missing) {
    repli_doc *doc = NULL;
    const repli_node *node = NULL;
    ck_assert_int_eq(repli_node_from_json(NULL, 5, &doc, &node, NULL), REPLI_EINVALID);
}
END_TEST

/* Nesting */

static repli_buf nested(const char *before, size_t depth, const char *after) {
    repli_buf json = text(before);
    for (size_t i = 0; i < depth; i++)
        repli__buf_text(&json, i % 2 == 0 ? "[" : "{\"a\":");
    repli__buf_text(&json, "1");
    for (size_t i = depth; i-- > 0;)
        repli__buf_text(&json, i % 2 == 0 ? "]" : "}");
    repli__buf_text(&json, after);
    return json;
}

START_TEST(nesting_is_bounded) {
    static const char before[] = "{\"kind\":\"a.b/c\",\"args\":";
    repli_buf json = nested(before, 100, "}");
    repli_doc *doc = NULL;
    const repli_request *request = NULL;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_request_from_json(json.data, json.size, &doc, &request, &err) == REPLI_OK,
                  "%s", err.message);
    repli_buf again = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_request_to_json(request, &again, NULL), REPLI_OK);
    ck_assert_str_eq(again.data, json.data);
    repli_buf_dispose(&again);
    repli_buf_dispose(&json);
    repli_doc_free(doc);

    request_refuses(nested(before, 101, "}"), "args is nested deeper than 100 levels");
    request_refuses(nested(before, 110, "}"), "is nested deeper than 110 levels");
    request_refuses(nested(before, 1000000, "}"), "is nested deeper than 110 levels");

    repli_buf bomb = REPLI_BUF_INIT;
    for (int i = 0; i < 1000000; i++)
        repli__buf_text(&bomb, "[");
    request_refuses(bomb, "is nested deeper than 110 levels");

    /* Brackets in strings do not count. */
    repli_buf brackets = text("\"");
    for (int i = 0; i < 1000; i++)
        repli__buf_text(&brackets, "[\\\"");
    repli__buf_text(&brackets, "\"");
    ck_assert_int_eq(repli__json_validate(brackets.data, brackets.size, 10000, "x", &err),
                     REPLI_OK);
    repli_buf_dispose(&brackets);
}
END_TEST

START_TEST(values_alone) {
    static const char *const good[] = {"1",
                                       " null ",
                                       "\"\"",
                                       "[]",
                                       "1e308",
                                       "-0",
                                       "99999999999999999999999999999999999999",
                                       "{\"a\":[]}"};
    repli_error err = REPLI_ERROR_INIT;
    for (int i = 0; i < COUNT(good); i++)
        ck_assert_msg(repli__json_validate(good[i], strlen(good[i]), 50, "args", &err) == REPLI_OK,
                      "%s: %s", good[i], err.message);
    ck_assert_int_eq(repli__json_validate("[1]", 3, 2, "args", &err), REPLI_EINVALID);
    ck_assert_str_eq(err.message, "args is longer than 2 bytes");
    ck_assert_int_eq(repli__json_validate("", 0, 2, "args", &err), REPLI_EINVALID);
    ck_assert_str_eq(err.message, "args is empty: expected JSON");
    ck_assert_int_eq(repli__json_validate("[1] x", 5, 9, "args", &err), REPLI_EINVALID);
    ck_assert_int_eq(repli__json_validate("[1]\0", 4, 9, "args", &err), REPLI_EINVALID);
}
END_TEST

START_TEST(long_arguments) {
    enum { MAX = 1024 * 1024 };
    char *args = malloc(MAX + 2);
    ck_assert_ptr_nonnull(args);
    memset(args, 'x', MAX + 1);
    args[0] = '"';
    args[MAX - 1] = '"';
    args[MAX] = '\0';
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "a.b/c";
    request.args_json = args;
    repli_buf json = REPLI_BUF_INIT;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_request_to_json(&request, &json, &err), REPLI_OK);
    repli_buf_dispose(&json);
    args[MAX - 1] = 'x';
    args[MAX] = '"';
    args[MAX + 1] = '\0';
    ck_assert_int_eq(repli_request_to_json(&request, &json, &err), REPLI_EINVALID);
    ck_assert_str_eq(err.message, "args is longer than 1048576 bytes");
    free(args);
}
END_TEST

/* Nodes */

static const member node[] = {
    {"address", "{\"client\":\"h:1\",\"member\":null}"},
    {"agent_version", "{\"checkout\":\"c\",\"number\":\"1.2.3\",\"taint\":\"clean\"}"},
    {"attributes", "{}"},
    {"node_id", "\"n\""},
    {"node_status", "\"HEALTHY\""},
    {"store_id", "\"s\""},
    {"store_version", "{\"checkout\":null,\"number\":\"1.2.3\",\"extra\":null}"},
    {NULL, NULL},
};

static const refusal node_refusals[] = {
    {"address", NULL, "address is missing: expected an object"},
    {"address", "null", "address is missing"},
    {"address", "\"h:1\"", "address must be an object, not a string"},
    {"address", "{\"client\":1}", "address.\"client\" must be a string or null, not an integer"},
    {"address", "{\"x\":[]}", "address.\"x\" must be a string or null, not an array"},
    {"address", "{\"\":\"x\"}", "address: the name is empty"},
    {"address", "{\"a\\nb\":\"x\"}", "address: the name contains the control character"},
    {"address", "{\"client\":\"\"}", "address.client: the address is empty"},
    {"agent_version", NULL, "agent_version is missing"},
    {"agent_version", "\"1.2.3\"", "agent_version must be an object, not a string"},
    {"agent_version", "{}", "agent_version.number is missing"},
    {"agent_version", "{\"number\":1}", "agent_version.number must be a string, not an integer"},
    {"agent_version", "{\"number\":\"1.2\"}", "agent_version.number: \"1.2\" is not a semantic"},
    {"agent_version", "{\"number\":\"1.2.3\",\"taint\":true}",
     "agent_version.taint must be a string, not a boolean"},
    {"attributes", "[]", "attributes must be an object, not an array"},
    {"attributes", "{\"a.b/c\":{}}",
     "attributes.\"a.b/c\" must be a string, a number, a boolean or null, not an object"},
    {"attributes", "{\"a.b/c\":[1]}", "not an array"},
    {"attributes", "{\"plain\":1}", "attribute: \"plain\" is not a scoped name"},
    {"attributes", "{\"a.b/c\":9223372036854775808}",
     "attributes.\"a.b/c\" must be a string, a real number or a 64-bit integer, not an integer of "
     "more than 64 bits"},
    {"attributes", "{\"a.b/c\":1,\"a.b/c\":2}", "attribute a.b/c comes after a.b/c"},
    {"address", "{\"client\":\"x\",\"client\":\"x\"}", "addresses: \"client\" is there twice"},
    {"node_id", "\"n\",\"node_id\":\"n\"", "node_id is there twice"},
    {"node_id", "\"n\",\"node\\u005Fid\":\"n\"", "node_id is there twice"},
    {"store_version", "{\"number\":\"1.2.3\",\"number\":\"1.2.4\"}",
     "store_version.number is there twice"},
    {"attributes", "{\"a.b/c\":-9223372036854775809}", "not an integer of more than 64 bits"},
    {"node_id", NULL, "node_id is missing"},
    {"node_id", "7", "node_id must be a string, not an integer"},
    {"node_id", "\"\"", "node_id is empty"},
    {"node_id", "\"a\\u0007\"", "node_id contains the control character U+0007"},
    {"node_status", NULL, "node_status is missing: expected a status"},
    {"node_status", "\"healthy\"", "node_status must be a status such as \"HEALTHY\""},
    {"node_status", "\"healthy\"", "not \"healthy\""},
    {"node_status", "\"UNKNOWN\"", "or {\"UNKNOWN\": \"reason\"}, not \"UNKNOWN\""},
    {"node_status", "{\"UNKNOWN\":null}", "node_status must be"},
    {"node_status", "{\"UNKNOWN\":\"\"}", "node_status: UNKNOWN needs a reason"},
    {"node_status", "{\"HEALTHY\":\"x\"}", "node_status must be"},
    {"node_status", "[]", "node_status must be"},
    {"node_status", "5", "node_status must be"},
    {"store_id", NULL, "store_id is missing"},
    {"store_id", "false", "store_id must be a string, not a boolean"},
    {"store_version", NULL, "store_version is missing"},
    {"store_version", "{\"extra\":\"x\"}", "store_version.number is missing"},
    {"store_version", "{\"number\":null}", "store_version.number is missing"},
    {"store_version", "{\"number\":\"15\"}", "store_version.number: \"15\" is not a semantic"},
    {"store_version", "{\"number\":\"1.2.3\",\"checkout\":{}}",
     "store_version.checkout must be a string, not an object"},
};

START_TEST(nodes) {
    const refusal *r = &node_refusals[_i];
    node_refuses(object_with(node, r->name, r->value), r->why);
}
END_TEST

/* Stores */

static const member store[] = {
    {"cluster_id", "\"c\""},
    {"attributes", "{}"},
    {NULL, NULL},
};

static const refusal store_refusals[] = {
    {"cluster_id", NULL, "cluster_id is missing"},
    {"cluster_id", "{}", "cluster_id must be a string, not an object"},
    {"cluster_id", "\"\"", "cluster_id is empty"},
    {"attributes", "1", "attributes must be an object, not an integer"},
    {"attributes", "{\"a.b/\":1}", "\"a.b/\" is not a scoped name"},
};

START_TEST(stores) {
    const refusal *r = &store_refusals[_i];
    store_extras_refuses(object_with(store, r->name, r->value), r->why);
}
END_TEST

/* Shards */

static const member shard[] = {
    {"id", "\"s\""},
    {"role", "\"Primary\""},
    {"commit_offset", "{\"unit\":\"seconds\",\"value\":1}"},
    {"lag", "null"},
    {NULL, NULL},
};

static const refusal shard_refusals[] = {
    {"id", NULL, "shards[1]: id is missing"},
    {"id", "1", "shards[1]: id must be a string, not an integer"},
    {"id", "\"\"", "shards[1]: shard: the id is empty"},
    {"role", NULL, "shards[1]: role is missing: expected \"Primary\""},
    {"role", "\"primary\"", "not \"primary\""},
    {"role", "\"Other\"", "or {\"Other\": \"reason\"}, not \"Other\""},
    {"role", "{\"Other\":1}", "role must be"},
    {"role", "{\"Other\":\"\"}", "shard \"s\": Other needs a reason"},
    {"role", "{\"Primary\":\"x\"}", "role must be"},
    {"role", "1", "role must be"},
    {"commit_offset", "1", "commit_offset must be an object, not an integer"},
    {"commit_offset", "{}", "commit_offset.unit is missing: expected \"seconds\""},
    {"commit_offset", "{\"unit\":\"seconds\"}", "commit_offset.value is missing"},
    {"commit_offset", "{\"unit\":\"seconds\",\"value\":1.5}",
     "commit_offset.value must be a 64-bit integer, not a number"},
    {"commit_offset", "{\"unit\":\"seconds\",\"value\":\"1\"}",
     "commit_offset.value must be a 64-bit integer, not a string"},
    {"commit_offset", "{\"unit\":\"seconds\",\"value\":9223372036854775808}",
     "commit_offset.value must be a 64-bit integer, not an integer of more than 64 bits"},
    {"commit_offset", "{\"unit\":\"bytes\",\"value\":1}",
     "commit_offset.unit must be \"seconds\", \"milliseconds\" or {\"unit\": \"any other\"}, not "
     "\"bytes\""},
    {"commit_offset", "{\"unit\":{},\"value\":1}", "commit_offset.unit must be"},
    {"commit_offset", "{\"unit\":{\"unit\":1},\"value\":1}", "commit_offset.unit must be"},
    {"commit_offset", "{\"unit\":{\"unit\":\"\"},\"value\":1}", "commit_offset.unit is empty"},
    {"commit_offset", "{\"unit\":5,\"value\":1}", "commit_offset.unit must be"},
    {"lag", "[]", "lag must be an object, not an array"},
    {"lag", "{\"value\":1}", "lag.unit is missing"},
    {"lag", "{\"unit\":\"seconds\",\"value\":null}", "lag.value is missing"},
};

START_TEST(shards) {
    const refusal *r = &shard_refusals[_i];
    repli_buf good = object_with(shard, "id", "\"first\"");
    repli_buf bad = object_with(shard, r->name, r->value);
    repli_buf json = REPLI_BUF_INIT;
    repli__buf_printf(&json, "{\"shards\":[%s,%s]}", good.data, bad.data);
    shards_refuses(json, r->why);
    repli_buf_dispose(&good);
    repli_buf_dispose(&bad);
}
END_TEST

START_TEST(shard_lists) {
    shards_refuses(text("{}"), "shards is missing: expected an array");
    shards_refuses(text("{\"shards\":null}"), "shards is missing");
    shards_refuses(text("{\"shards\":{}}"), "shards must be an array, not an object");
    shards_refuses(text("{\"shards\":[1]}"),
                   "shards[0]: the item must be an object, not an integer");
    shards_refuses(text("{\"shards\":[null]}"), "shards[0]: the item must be an object, not null");
}
END_TEST

/* Actions */

static const member action[] = {
    {"args", "{}"},
    {"created_time", "\"2026-01-02T03:04:05.678Z\""},
    {"finished_time", "null"},
    {"id", "\"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\""},
    {"kind", "\"a.b/c\""},
    {"metadata", "{}"},
    {"scheduled_time", "\"2026-01-02T03:04:05.678Z\""},
    {"state", "{\"error\":null,\"payload\":null,\"phase\":\"NEW\"}"},
    {NULL, NULL},
};

static const refusal action_refusals[] = {
    {"created_time", "\"yesterday\"", "created_time: \"yesterday\" is not a time in UTC"},
    {"created_time", "1767323045", "created_time must be a string, not an integer"},
    {"finished_time", "\"2026-01-02T03:04:05+01:00\"", "finished_time: \"2026-01-02T03:04:05+01"},
    {"scheduled_time", "\"\"", "scheduled_time: \"\" is not a time in UTC"},
    {"id", NULL, "id is missing"},
    {"id", "\"5f0c3a52\"", "id: \"5f0c3a52\" is not a UUID"},
    {"kind", NULL, "kind is missing"},
    {"kind", "\"c\"", "kind: \"c\" is not a scoped name"},
    {"metadata", "[]", "metadata must be an object, not an array"},
    {"metadata", "{\"k\":1}", "metadata.\"k\" must be a string, not an integer"},
    {"metadata", "{\"k\":null}", "metadata.\"k\" must be a string, not null"},
    {"metadata", "{\"\":\"x\"}", "metadata: a name is empty"},
    {"state", NULL, "state is missing"},
    {"state", "\"NEW\"", "state must be an object, not a string"},
    {"state", "{}", "state.phase is missing: expected \"NEW\""},
    {"state", "{\"phase\":\"new\"}", "state.phase must be \"NEW\""},
    {"state", "{\"phase\":1}", "state.phase must be \"NEW\""},
    {"requester", "1", "requester must be a string, not an integer"},
    {"requester", "\"\"", "requester is empty"},
    {"history", "{}", "history must be an array, not an object"},
    {"history", "[1]", "history[0]: the item must be an object, not an integer"},
    {"history", "[{\"phase\":\"NEW\"},{}]", "history[1]: phase is missing"},
    {"history", "[{\"phase\":\"NEW\",\"time\":\"x\"}]", "history[0]: time: \"x\" is not a time"},
};

START_TEST(actions) {
    const refusal *r = &action_refusals[_i];
    action_refuses(object_with(action, r->name, r->value), r->why);
}
END_TEST

START_TEST(action_lists) {
    static const struct {
        const char *json;
        const char *why;
    } cases[] = {
        {"{}", "actions is missing: expected an array"},
        {"{\"actions\":1}", "actions must be an array, not an integer"},
        {"{\"actions\":[[]]}", "actions[0]: the item must be an object, not an array"},
        {"{\"actions\":[{\"id\":\"x\"}]}", "actions[0]: id: \"x\" is not a UUID"},
        {"{\"actions\":[{\"id\":\"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\",\"kind\":\"x\","
         "\"phase\":\"NEW\"}]}",
         "actions[0]: kind: \"x\" is not a scoped name"},
        {"{\"actions\":[{\"id\":\"5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11\",\"kind\":\"a.b/c\","
         "\"phase\":\"OLD\"}]}",
         "actions[0]: phase must be \"NEW\", \"RUNNING\", \"DONE\" or \"FAILED\", not \"OLD\""},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        repli_doc *doc = NULL;
        const repli_action_summary *summaries = NULL;
        size_t count = 77;
        repli_error err = REPLI_ERROR_INIT;
        const repli_buf json = text(cases[i].json);
        expect(
            repli_action_summaries_from_json(json.data, json.size, &doc, &summaries, &count, &err),
            &err, &json, "the list of actions", cases[i].why);
        ck_assert_uint_eq(count, 77);
        ck_assert_ptr_null(doc);
        repli_buf_dispose(&(repli_buf){json.data, json.size, json.capacity, NULL});
    }
    const repli_action_summary bad[] = {
        {sizeof(bad[0]), REPLI_PHASE_NEW, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", "a.b/c"},
        {sizeof(bad[0]), 0, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", "a.b/c"},
    };
    repli_buf json = text("before");
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_action_summaries_to_json(bad, 2, &json, &err), REPLI_EINVALID);
    ck_assert_str_eq(err.message, "actions[1]: phase 0 is not known: expected REPLI_PHASE_*");
    ck_assert_str_eq(json.data, "before");
    ck_assert_uint_eq(json.size, 6);
    repli_buf_dispose(&json);
}
END_TEST

/* Requests */

static const member request[] = {
    {"kind", "\"a.b/c\""},
    {"args", "1"},
    {NULL, NULL},
};

static const refusal request_refusals[] = {
    {"kind", NULL, "kind is missing: expected a string"},
    {"kind", "null", "kind is missing"},
    {"kind", "1", "kind must be a string, not an integer"},
    {"kind", "\"\"", "kind: \"\" is not a scoped name"},
    {"kind", "\"test.success\"", "kind: \"test.success\" is not a scoped name"},
    {"created_time", "\"2026-01-02T03:04:05+01:00\"",
     "created_time: \"2026-01-02T03:04:05+01:00\" is not a time in UTC: it has another offset"},
    {"created_time", "\"2026-01-02T03:04:05\"", "created_time: \"2026-01-02T03:04:05\" is not"},
    {"created_time", "\"2026-02-30T03:04:05Z\"", "there is no such day"},
    {"created_time", "1", "created_time must be a string, not an integer"},
    {"id", "\"\"", "id: \"\" is not a UUID"},
    {"id", "\"7\"", "id: \"7\" is not a UUID"},
    {"id", "7", "id must be a string, not an integer"},
    {"metadata", "\"x\"", "metadata must be an object, not a string"},
    {"metadata", "{\"k\":1}", "metadata.\"k\" must be a string, not an integer"},
    {"metadata", "{\"k\":{}}", "metadata.\"k\" must be a string, not an object"},
    {"metadata", "{\"k\\n\":\"v\"}", "metadata: a name contains the control character U+000A"},
    {"headers", "{\"k\":true}", "headers.\"k\" must be a string, not a boolean"},
    {"headers", "7", "headers must be an object, not an integer"},
    {"headers", "{}, \"metadata\": {}", "metadata and its alias headers are both given"},
    {"requester", "{}", "requester must be a string, not an object"},
    {"requester", "\"\"", "requester is empty"},
    {"requester", "\"a\\u0000b\"", "contains \\u0000"},
    {"args", "1, \"args\": 2", "args is there twice"},
    {"args", "null, \"args\": 2", "args is there twice"},
    {"kind", "\"a.b/c\",\"kind\":\"a.b/d\"", "kind is there twice"},
    {"metadata", "{\"k\":\"v\",\"k\":\"w\"}", "metadata: \"k\" is there twice"},
    {"metadata", "{\"k\":\"v\",\"\\u006b\":\"w\"}", "metadata: \"k\" is there twice"},
};

START_TEST(requests) {
    const refusal *r = &request_refusals[_i];
    request_refuses(object_with(request, r->name, r->value), r->why);
}
END_TEST

START_TEST(too_many_headers) {
    repli_buf json = text("{\"kind\":\"a.b/c\",\"metadata\":{");
    for (int i = 0; i < 257; i++)
        repli__buf_printf(&json, "%s\"k%d\":\"v\"", i > 0 ? "," : "", i);
    repli__buf_text(&json, "}}");
    request_refuses(json, "metadata: there are more than 256 names");
}
END_TEST

/* Errors */

START_TEST(errors) {
    static const char *const bad[] = {
        "{}",
        "[]",
        "\"error\"",
        "{\"error\":true}",
        "{\"error\":true,\"error_msg\":1}",
        "{\"error\":false,\"error_msg\":\"m\"}",
        "{\"error\":\"yes\",\"error_msg\":\"m\"}",
    };
    for (int i = 0; i < COUNT(bad); i++) {
        repli_error read = REPLI_ERROR_INIT;
        repli_error err = REPLI_ERROR_INIT;
        ck_assert_int_eq(repli_error_from_json(bad[i], strlen(bad[i]), &read, &err),
                         REPLI_EINVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "not the body of an error"));
        ck_assert_int_eq(read.code, REPLI_OK);
    }
    repli_error read = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_error_from_json("<html>", 6, &read, NULL), REPLI_EINVALID);
    ck_assert_int_eq(repli_error_from_json("", 0, &read, NULL), REPLI_EINVALID);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("refusals");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, document, 0, COUNT(documents));
    tcase_add_test(tcase, document_missing);
    tcase_add_test(tcase, nesting_is_bounded);
    tcase_add_test(tcase, values_alone);
    tcase_add_test(tcase, long_arguments);
    tcase_add_loop_test(tcase, nodes, 0, COUNT(node_refusals));
    tcase_add_loop_test(tcase, stores, 0, COUNT(store_refusals));
    tcase_add_loop_test(tcase, shards, 0, COUNT(shard_refusals));
    tcase_add_test(tcase, shard_lists);
    tcase_add_loop_test(tcase, actions, 0, COUNT(action_refusals));
    tcase_add_test(tcase, action_lists);
    tcase_add_loop_test(tcase, requests, 0, COUNT(request_refusals));
    tcase_add_test(tcase, too_many_headers);
    tcase_add_test(tcase, errors);
    Suite *suite = suite_create("model: refusals");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
