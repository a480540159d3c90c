#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "model/doc.h"
#include "base/json_out.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Text to record to text. */

/* Reads json and writes it again behind what is in ret_json. */
typedef int32_t (*again_fn)(const char *json, size_t size, repli_buf *ret_json, repli_error *err);

#define AGAIN(name, record)                                                                        \
    static int32_t name##_again(const char *json, size_t size, repli_buf *ret_json,                \
                                repli_error *err) {                                                \
        repli_doc *doc = NULL;                                                                     \
        const record *read = NULL;                                                                 \
        int32_t code = repli_##name##_from_json(json, size, &doc, &read, err);                     \
        if (code == REPLI_OK)                                                                      \
            code = repli_##name##_to_json(read, ret_json, err);                                    \
        repli_doc_free(doc);                                                                       \
        return code;                                                                               \
    }

AGAIN(node, repli_node)
AGAIN(store_extras, repli_store_extras)
AGAIN(shards, repli_shards)
AGAIN(action, repli_action)
AGAIN(request, repli_request)

static int32_t action_summaries_again(const char *json, size_t size, repli_buf *ret_json,
                                      repli_error *err) {
    repli_doc *doc = NULL;
    const repli_action_summary *read = NULL;
    size_t count = 0;
    int32_t code = repli_action_summaries_from_json(json, size, &doc, &read, &count, err);
    if (code == REPLI_OK)
        code = repli_action_summaries_to_json(read, count, ret_json, err);
    repli_doc_free(doc);
    return code;
}

static int32_t error_again(const char *json, size_t size, repli_buf *ret_json, repli_error *err) {
    repli_error read = REPLI_ERROR_INIT;
    int32_t code = repli_error_from_json(json, size, &read, err);
    if (code == REPLI_OK)
        code = repli_error_to_json(&read, ret_json, err);
    return code;
}

static const struct {
    const char *file;
    again_fn again;
} goldens[] = {
    {"node-healthy.json", node_again},
    {"node-unknown.json", node_again},
    {"node-down.json", node_again},
    {"store.json", store_extras_again},
    {"store-bare.json", store_extras_again},
    {"shards.json", shards_again},
    {"shards-none.json", shards_again},
    {"action-new.json", action_again},
    {"action-running.json", action_again},
    {"action-done.json", action_again},
    {"action-failed.json", action_again},
    {"actions.json", action_summaries_again},
    {"actions-none.json", action_summaries_again},
    {"request-minimal.json", request_again},
    {"request-full.json", request_again},
    {"error.json", error_again},
    {"error-cause.json", error_again},
};

START_TEST(golden_files_round_trip) {
    char *pretty = golden_read(goldens[_i].file);
    char *compact = golden_read_compact(goldens[_i].file);
    repli_error err = REPLI_ERROR_INIT;
    repli_buf json = REPLI_BUF_INIT;
    int32_t code = goldens[_i].again(pretty, strlen(pretty), &json, &err);
    ck_assert_msg(code == REPLI_OK, "%s: %s", goldens[_i].file, err.message);
    ck_assert_str_eq(json.data, compact);
    ck_assert_uint_eq(json.size, strlen(compact));

    /* Behind what is there already, and from the compact form. */
    code = goldens[_i].again(compact, strlen(compact), &json, &err);
    ck_assert_msg(code == REPLI_OK, "%s: %s", goldens[_i].file, err.message);
    ck_assert_uint_eq(json.size, 2 * strlen(compact));
    ck_assert_str_eq(json.data + strlen(compact), compact);
    repli_buf_dispose(&json);
    free(pretty);
    free(compact);
}
END_TEST

/* Every document cut anywhere is refused, and so is one with something behind it. */
START_TEST(golden_files_cut_short_are_refused) {
    char *text = golden_read_compact(goldens[_i].file);
    const size_t size = strlen(text);
    for (size_t cut = 0; cut < size; cut++) {
        /* Of exactly that size, so that reading past it is seen. */
        char *part = malloc(cut > 0 ? cut : 1);
        ck_assert_ptr_nonnull(part);
        memcpy(part, text, cut);
        repli_buf json = REPLI_BUF_INIT;
        repli_error err = REPLI_ERROR_INIT;
        const int32_t code = goldens[_i].again(part, cut, &json, &err);
        ck_assert_msg(code == REPLI_EINVALID, "%s, cut at %zu: %d", goldens[_i].file, cut, code);
        ck_assert_ptr_null(json.data);
        free(part);
    }
    char *longer = malloc(size + 2);
    ck_assert_ptr_nonnull(longer);
    memcpy(longer, text, size);
    longer[size] = 'x';
    longer[size + 1] = '\0';
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(goldens[_i].again(longer, size + 1, &json, NULL), REPLI_EINVALID);
    longer[size] = '\0';
    ck_assert_int_eq(goldens[_i].again(longer, size + 1, &json, NULL), REPLI_EINVALID);
    free(longer);
    free(text);
}
END_TEST

/* Bytes changed at random: whatever is still accepted must be written in a form that is read as the
 * same. The numbers are the same in every run. */
START_TEST(damaged_golden_files_do_no_harm) {
    char *text = golden_read(goldens[_i].file);
    const size_t size = strlen(text);
    uint64_t state = 88172645463325252u + (uint64_t)_i;
    for (int round = 0; round < 3000; round++) {
        char *damaged = malloc(size);
        ck_assert_ptr_nonnull(damaged);
        memcpy(damaged, text, size);
        static const char likely[] = "\"\\{}[]:,0-9eEtfnu. \x01\xC3\xFF";
        for (int i = 0; i < 1 + round % 3; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            damaged[state % size] = likely[(state >> 32) % (sizeof(likely) - 1)];
        }
        repli_buf first = REPLI_BUF_INIT;
        repli_buf second = REPLI_BUF_INIT;
        repli_error err = REPLI_ERROR_INIT;
        const int32_t code = goldens[_i].again(damaged, size, &first, &err);
        if (code == REPLI_OK) {
            ck_assert_msg(goldens[_i].again(first.data, first.size, &second, &err) == REPLI_OK,
                          "%s: %s", first.data, err.message);
            ck_assert_str_eq(first.data, second.data);
        } else {
            ck_assert_int_eq(code, REPLI_EINVALID);
            ck_assert_str_ne(err.message, "");
        }
        repli_buf_dispose(&first);
        repli_buf_dispose(&second);
        free(damaged);
    }
    free(text);
}
END_TEST

/* Record to text, and what was read. */

static void expect_golden(const repli_buf *json, const char *file) {
    char *golden = golden_read_compact(file);
    ck_assert_str_eq(json->data, golden);
    free(golden);
}

static repli_attribute integer(const char *name, int64_t value) {
    return (repli_attribute){sizeof(repli_attribute), REPLI_VALUE_INTEGER, name, NULL, value, 0};
}

START_TEST(node_to_text) {
    const repli_address addresses[] = {
        {sizeof(repli_address), 0, "metrics", "db1.example.com:9187"},
        {sizeof(repli_address), 0, "member", "10.0.0.1:5433"},
        {sizeof(repli_address), 0, "client", "db1.example.com:5432"},
    };
    repli_attribute attributes[] = {
        integer("agent.replicante.io/uptime", 86400),
        integer("postgresql.org/in_recovery", 0),
        integer("postgresql.org/timeline", 7),
    };
    attributes[1].type = REPLI_VALUE_BOOLEAN;
    const repli_node node = {
        .struct_size = sizeof(node),
        .status = REPLI_STATUS_HEALTHY,
        .node_id = "n-1",
        .store_id = "postgresql",
        .agent_version = {sizeof(repli_agent_version), 0, "1.2.3-rc.1+build.7",
                          "2a005ef0c3a526d0e4b0b9a360d9f3f7f2c11aaa", "clean"},
        .store_version = {sizeof(repli_store_version), 0, "15.3.0", "REL_15_3",
                          "Debian 15.3-0+deb12u1"},
        .addresses = addresses,
        .address_count = 3,
        .attributes = attributes,
        .attribute_count = 3,
    };
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_node_to_json(&node, &json, NULL), REPLI_OK);
    expect_golden(&json, "node-healthy.json");
    repli_buf_dispose(&json);
}
END_TEST

START_TEST(node_without_anything_known_to_text) {
    const repli_attribute reason = {sizeof(reason),
                                    REPLI_VALUE_STRING,
                                    REPLI__STATUS_REASON_ATTRIBUTE,
                                    "connection refused",
                                    0,
                                    0};
    const repli_address backup = {sizeof(backup), 0, "backup", "db1.example.com:8432"};
    const repli_node node = {
        .struct_size = sizeof(node),
        .status = REPLI_STATUS_UNAVAILABLE,
        .status_reason = "connection refused",
        .node_id = "n-3",
        .store_id = "postgresql",
        .agent_version = {sizeof(repli_agent_version), 0, "1.2.3", "2a005ef", "3 files changed"},
        .addresses = &backup,
        .address_count = 1,
        .attributes = &reason,
        .attribute_count = 1,
    };
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_node_to_json(&node, &json, NULL), REPLI_OK);
    expect_golden(&json, "node-down.json");

    repli_doc *doc = NULL;
    const repli_node *read = NULL;
    ck_assert_int_eq(repli_node_from_json(json.data, json.size, &doc, &read, NULL), REPLI_OK);
    ck_assert_int_eq(read->status, REPLI_STATUS_UNAVAILABLE);
    ck_assert_str_eq(read->status_reason, "connection refused");
    ck_assert_ptr_null(read->store_version.number);
    ck_assert_uint_eq(read->address_count, 1);
    ck_assert_uint_eq(read->struct_size, sizeof(*read));
    ck_assert_uint_eq(read->addresses[0].struct_size, sizeof(repli_address));
    ck_assert_uint_eq(read->attributes[0].struct_size, sizeof(repli_attribute));
    repli_doc_free(doc);
    repli_buf_dispose(&json);
}
END_TEST

START_TEST(every_status_to_text) {
    for (int32_t status = REPLI_STATUS_UNAVAILABLE; status <= REPLI_STATUS_UNKNOWN; status++) {
        const repli_node node = {
            .struct_size = sizeof(node),
            .status = status,
            .status_reason = "why",
            .node_id = "n",
            .store_id = "s",
            .agent_version = {.number = "1.2.3"},
        };
        char expected[400];
        const char *form = status == REPLI_STATUS_UNKNOWN ? "{\"%s\":\"why\"}" : "\"%s\"";
        char word[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(word, sizeof(word), form, repli_status_name(status));
#pragma GCC diagnostic pop
        snprintf(expected, sizeof(expected),
                 "{\"address\":{\"client\":null,\"member\":null},\"agent_version\":{\"checkout\":"
                 "\"unknown\",\"number\":\"1.2.3\",\"taint\":\"unknown\"},\"attributes\":{},"
                 "\"node_id\":\"n\",\"node_status\":%s,\"store_id\":\"s\",\"store_version\":{"
                 "\"checkout\":null,\"number\":\"0.0.0-unknown\",\"extra\":null}}",
                 word);
        repli_buf json = REPLI_BUF_INIT;
        ck_assert_int_eq(repli_node_to_json(&node, &json, NULL), REPLI_OK);
        ck_assert_str_eq(json.data, expected);
        repli_doc *doc = NULL;
        const repli_node *read = NULL;
        ck_assert_int_eq(repli_node_from_json(json.data, json.size, &doc, &read, NULL), REPLI_OK);
        ck_assert_int_eq(read->status, status);
        repli_doc_free(doc);
        repli_buf_dispose(&json);
    }
}
END_TEST

/* Clients of today and tomorrow: what they add is ignored, what they leave out has a meaning. */
START_TEST(node_from_other_text) {
    static const char text[] =
        "{\"new\": {\"a\": [1]}, \"node_id\": \"n\", \"node_status\": {\"UNKNOWN\": \"why\", "
        "\"new\": 1}, \"store_id\": \"s\", \"store_version\": {\"number\": \"1.2.3\"}, "
        "\"agent_version\": {\"number\": \"1.2.3\", \"checkout\": null}, \"address\": {}, "
        "\"attributes\": {\"z.b/c\": 1, \"a.b/c\": 2, \"agent.replicante.io/status.reason\": "
        "\"another\"}}";
    repli_doc *doc = NULL;
    const repli_node *node = NULL;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_node_from_json(text, strlen(text), &doc, &node, &err) == REPLI_OK, "%s",
                  err.message);
    ck_assert_str_eq(node->status_reason, "why");
    ck_assert_str_eq(node->agent_version.checkout, "unknown");
    ck_assert_str_eq(node->agent_version.taint, "unknown");
    ck_assert_str_eq(node->store_version.number, "1.2.3");
    ck_assert_uint_eq(node->address_count, 0);
    ck_assert_uint_eq(node->attribute_count, 3);
    ck_assert_str_eq(node->attributes[0].name, "a.b/c");
    ck_assert_int_eq(node->attributes[0].integer, 2);
    ck_assert_str_eq(node->attributes[2].name, "z.b/c");
    repli_doc_free(doc);
}
END_TEST

START_TEST(shards_to_text) {
    const repli_shard list[] = {
        {sizeof(repli_shard), REPLI_ROLE_PRIMARY, "primary", NULL, 41250, "seconds", 4096, "bytes"},
        {sizeof(repli_shard), REPLI_ROLE_SECONDARY, "secondary", NULL, INT64_MAX, "milliseconds",
         INT64_MIN, "milliseconds"},
        {sizeof(repli_shard), REPLI_ROLE_RECOVERING, "recovering/ž", NULL, 0, "bytes", 0, NULL},
        {sizeof(repli_shard), REPLI_ROLE_OTHER, "other", "paused by \"ops\"", 0, NULL, 0,
         "seconds"},
    };
    const repli_shards shards = {sizeof(shards), 0, list, COUNT(list)};
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_shards_to_json(&shards, &json, NULL), REPLI_OK);
    expect_golden(&json, "shards.json");

    repli_doc *doc = NULL;
    const repli_shards *read = NULL;
    ck_assert_int_eq(repli_shards_from_json(json.data, json.size, &doc, &read, NULL), REPLI_OK);
    ck_assert_uint_eq(read->shard_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const repli_shard *a = &read->shards[i];
        ck_assert_uint_eq(a->struct_size, sizeof(*a));
        ck_assert_str_eq(a->id, list[i].id);
        ck_assert_int_eq(a->role, list[i].role);
        ck_assert_pstr_eq(a->role_reason, list[i].role_reason);
        ck_assert_int_eq(a->commit_offset, list[i].commit_offset);
        ck_assert_pstr_eq(a->commit_offset_unit, list[i].commit_offset_unit);
        ck_assert_int_eq(a->lag, list[i].lag);
        ck_assert_pstr_eq(a->lag_unit, list[i].lag_unit);
    }
    repli_doc_free(doc);
    repli_buf_dispose(&json);
}
END_TEST

/* A unit with a spelling of its own is the same when it is wrapped. */
START_TEST(shards_from_other_text) {
    static const char text[] = "{\"shards\": [{\"id\": \"s\", \"role\": \"Primary\", \"lag\": "
                               "{\"unit\": {\"unit\": \"seconds\"}, \"value\": 1}}]}";
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(shards_again(text, strlen(text), &json, NULL), REPLI_OK);
    ck_assert_str_eq(json.data, "{\"shards\":[{\"id\":\"s\",\"role\":\"Primary\",\"lag\":"
                                "{\"unit\":\"seconds\",\"value\":1}}]}");
    repli_buf_dispose(&json);
}
END_TEST

START_TEST(action_to_text) {
    const repli_transition history[] = {
        {sizeof(repli_transition), REPLI_PHASE_RUNNING, INT64_C(1767323045000003000),
         " { \"count\" :\n3 } ", NULL},
        {sizeof(repli_transition), REPLI_PHASE_RUNNING, INT64_C(1767323045000002000), NULL, NULL},
        {sizeof(repli_transition), REPLI_PHASE_NEW, INT64_C(1767323045000001000), "null", "null"},
    };
    const repli_header headers[] = {
        {sizeof(repli_header), 0, "trace", "0af7651916cd43dd"},
        {sizeof(repli_header), 0, "empty", ""},
    };
    const repli_action action = {
        .struct_size = sizeof(action),
        .phase = REPLI_PHASE_RUNNING,
        .id = "01a1fd2a-e02c-7d1e-a1da-2c30f2a6b01c",
        .kind = "agent.replicante.io/test.loop",
        .args_json = "null",
        .requester = "CORE_PLAYBOOK",
        .headers = headers,
        .header_count = 2,
        .created_ns = INT64_C(1767323045000000000),
        .scheduled_ns = INT64_C(1767323045000001000),
        .finished_ns = REPLI_TIME_NONE,
        .payload_json = "{\"count\":3}",
        .history = history,
        .history_count = 3,
        .deadline_ns = INT64_C(1767323100500000000),
        .cancel_requested_ns = INT64_C(1767323045000004000),
    };
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_action_to_json(&action, &json, NULL), REPLI_OK);
    expect_golden(&json, "action-running.json");
    repli_buf_dispose(&json);
}
END_TEST

START_TEST(action_from_text) {
    char *text = golden_read("action-done.json");
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    ck_assert_int_eq(repli_action_from_json(text, strlen(text), &doc, &action, NULL), REPLI_OK);
    free(text);
    ck_assert_str_eq(action->args_json,
                     "{\"exact\":[9223372036854775807,-9223372036854775808,18446744073709551616],"
                     "\"digits\":[1.10,1E5,0.1000000000000000055511151231257827,-0],"
                     "\"text\":\"a \\/ \\u00e9 \\\"b\\\" \\\\ { [ ] } ,\","
                     "\"nested\":[[[{\"a\":[true,false,null]}]]]}");
    ck_assert_int_eq(action->phase, REPLI_PHASE_DONE);
    ck_assert_str_eq(action->payload_json, "[]");
    ck_assert_ptr_null(action->error_json);
    ck_assert_int_eq(action->created_ns, 0);
    ck_assert_int_eq(action->scheduled_ns, -1000000);
    ck_assert_int_eq(action->finished_ns, INT64_C(9214646399999999999));
    ck_assert_int_eq(action->deadline_ns, INT64_C(9214646399000000000));
    ck_assert_int_eq(action->not_before_ns, -1000000000);
    ck_assert_int_eq(action->cancel_requested_ns, REPLI_TIME_NONE);
    ck_assert_int_eq(action->outcome, REPLI_ENDED_DONE);
    ck_assert_str_eq(action->requester, "operator ž");
    ck_assert_uint_eq(action->header_count, 1);
    ck_assert_str_eq(action->headers[0].name, "note with \"quotes\"");
    ck_assert_str_eq(action->headers[0].value, "and\nlines");
    ck_assert_uint_eq(action->history_count, 0);
    repli_doc_free(doc);
}
END_TEST

/* As agents of other makes write it: no history, no requester, names with escapes. */
START_TEST(action_from_other_text) {
    static const char text[] =
        "{\"\\u0061rgs\" : [ 1 ] , \"nested\": {\"args\": 2, \"state\": {}}, \"args2\": 3,"
        "\"id\": \"5F0C3A52-6D0E-4B0B-9A36-0D9F3F7F2C11\", \"kind\": \"a.b/c\","
        "\"x\\\"\\\\\": \"}\\\"]\", \"stat\\u0065\": {\"ph\\u0061se\": \"DONE\","
        "\"payl\\u006Fad\" : {\"a\" : \"\\u0031\"}}}";
    repli_doc *doc = NULL;
    const repli_action *action = NULL;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_action_from_json(text, strlen(text), &doc, &action, &err) == REPLI_OK, "%s",
                  err.message);
    ck_assert_str_eq(action->args_json, "[1]");
    ck_assert_str_eq(action->id, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11");
    ck_assert_str_eq(action->payload_json, "{\"a\":\"\\u0031\"}");
    ck_assert_str_eq(action->requester, "AGENT_API");
    ck_assert_int_eq(action->created_ns, REPLI_TIME_NONE);
    ck_assert_int_eq(action->deadline_ns, REPLI_TIME_NONE);
    ck_assert_int_eq(action->outcome, 0);
    ck_assert_uint_eq(action->header_count, 0);
    ck_assert_uint_eq(action->history_count, 0);
    repli_doc_free(doc);
}
END_TEST

START_TEST(request_to_text) {
    const repli_header headers[] = {
        {sizeof(repli_header), 0, "first", "1"},
        {sizeof(repli_header), 0, "second", "zwei\tž"},
    };
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.success";
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(repli_request_to_json(&request, &json, NULL), REPLI_OK);
    expect_golden(&json, "request-minimal.json");
    repli_buf_dispose(&json);

    request.kind = "agent.replicante.io/test.loop";
    request.args_json = "{\"target\": 10, \"exact\": 340282366920938463463374607431768211456, "
                        "\"digits\": 2.50}\n";
    request.created_ns = INT64_C(1767323045678000000);
    request.id = "5F0C3A52-6D0E-4B0B-9A36-0D9F3F7F2C11";
    request.requester = "CORE_DECLARATIVE";
    request.headers = headers;
    request.header_count = 2;
    request.deadline_ns = INT64_C(1767326400000000000);
    request.not_before_ns = INT64_C(1767323100500000000);
    ck_assert_int_eq(repli_request_to_json(&request, &json, NULL), REPLI_OK);
    expect_golden(&json, "request-full.json");
    repli_buf_dispose(&json);
}
END_TEST

START_TEST(request_from_text) {
    static const char text[] =
        "\t{\"KIND\": 1, \"headers\": {\"b\": \"2\", \"a\": \"1\"}, \"metadata\": null, \"args\": "
        "null,"
        "\"id\": null, \"created_time\": null, \"requester\": null, \"kind\": \"a.b/c\"}\r\n";
    repli_doc *doc = NULL;
    const repli_request *request = NULL;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_request_from_json(text, strlen(text), &doc, &request, &err) == REPLI_OK,
                  "%s", err.message);
    ck_assert_uint_eq(request->struct_size, sizeof(*request));
    ck_assert_str_eq(request->kind, "a.b/c");
    ck_assert_ptr_null(request->args_json);
    ck_assert_ptr_null(request->id);
    ck_assert_ptr_null(request->requester);
    ck_assert_int_eq(request->created_ns, REPLI_TIME_NONE);
    ck_assert_uint_eq(request->header_count, 2);
    ck_assert_str_eq(request->headers[0].name, "b");
    ck_assert_str_eq(request->headers[1].value, "1");
    repli_doc_free(doc);
}
END_TEST

/* Errors */

START_TEST(error_to_text) {
    repli_buf json = REPLI_BUF_INIT;
    repli_error error = REPLI_ERROR_INIT;
    error.code = REPLI_EFULL;
    ck_assert_int_eq(repli_error_to_json(&error, &json, NULL), REPLI_OK);
    ck_assert_str_eq(json.data, "{\"error\":true,\"error_msg\":\"full\"}");
    repli_buf_dispose(&json);

    strcpy(error.message, "same");
    strcpy(error.cause, "same");
    ck_assert_int_eq(repli_error_to_json(&error, &json, NULL), REPLI_OK);
    ck_assert_str_eq(json.data, "{\"error\":true,\"error_msg\":\"same\"}");
    repli_buf_dispose(&json);

    /* An answer must come of it, whatever a driver wrote. */
    memset(error.message, 'm', sizeof(error.message));
    memcpy(error.message, "a\xFF\xC3(\xED\xA0\x80\n", 8);
    memset(error.cause, 'c', sizeof(error.cause));
    ck_assert_int_eq(repli_error_to_json(&error, &json, NULL), REPLI_OK);
    static const char start[] =
        "{\"error\":true,\"error_msg\":\"a\uFFFD\uFFFD(\uFFFD\uFFFD\uFFFD\\nmm";
    ck_assert_int_eq(strncmp(json.data, start, sizeof(start) - 1), 0);
    repli_error read = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_error_from_json(json.data, json.size, &read, NULL), REPLI_OK);
    ck_assert_uint_eq(strlen(read.cause), sizeof(read.cause) - 1);
    repli_buf_dispose(&json);

    error.struct_size = 8;
    ck_assert_int_eq(repli_error_to_json(&error, &json, NULL), REPLI_EINVALID);
    ck_assert_ptr_null(json.data);
}
END_TEST

START_TEST(error_with_a_trail_from_text) {
    char *text = golden_read("error-trail.json");
    repli_error read = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_error_from_json(text, strlen(text), &read, NULL), REPLI_OK);
    ck_assert_int_eq(read.code, REPLI_EINTERNAL);
    ck_assert_str_eq(read.message, "outermost: middle: inner");
    ck_assert_str_eq(read.cause, "root");
    free(text);
    static const char odd[] = "{\"error_msg\": \"m\", \"error_trail\": [\"m\", 1, null, \"r\"]}";
    ck_assert_int_eq(repli_error_from_json(odd, strlen(odd), &read, NULL), REPLI_OK);
    ck_assert_str_eq(read.message, "m");
    ck_assert_str_eq(read.cause, "r");
}
END_TEST

START_TEST(failure_of_an_action) {
    repli_buf json = REPLI_BUF_INIT;
    ck_assert_int_eq(repli__failure_to_json("m\"", NULL, &json, NULL), REPLI_OK);
    ck_assert_str_eq(json.data, "{\"error_msg\":\"m\\\"\"}");
    repli_buf_dispose(&json);
    ck_assert_int_eq(repli__failure_to_json("m", "c", &json, NULL), REPLI_OK);
    ck_assert_str_eq(json.data, "{\"error_msg\":\"m\",\"error_cause\":\"c\"}");
    repli_error read = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_error_from_json(json.data, json.size, &read, NULL), REPLI_OK);
    ck_assert_str_eq(read.message, "m");
    ck_assert_str_eq(read.cause, "c");
    repli_buf_dispose(&json);
}
END_TEST

/* Numbers */

static void expect_real(double number, const char *text) {
    repli_buf json = REPLI_BUF_INIT;
    repli__json_out out;
    repli__json_begin(&out, &json);
    repli__json_real(&out, number);
    ck_assert_int_eq(repli__json_end(&out, NULL), REPLI_OK);
    if (text != NULL)
        ck_assert_str_eq(json.data, text);
    ck_assert_ptr_eq(strchr(json.data, ','), NULL);
    ck_assert_ptr_ne(strpbrk(json.data, ".e"), NULL);
    repli_buf_dispose(&json);
}

static void expect_reals(void) {
    expect_real(0.0, "0.0");
    expect_real(-0.0, "-0.0");
    expect_real(1.0, "1.0");
    expect_real(0.1, "0.1");
    expect_real(-2.5, "-2.5");
    expect_real(1e15, "1e+15");
    expect_real(123456789012345678.0, "1.2345678901234568e+17");
    expect_real(1.0 / 3, "0.3333333333333333");
    expect_real(0.1 + 0.2, "0.30000000000000004");
    expect_real(DBL_MAX, "1.7976931348623157e+308");
    expect_real(DBL_MIN, "2.2250738585072014e-308");
    expect_real(5e-324, "4.94065645841247e-324");
}

START_TEST(reals_take_few_digits) {
    expect_reals();
}
END_TEST

/* A host may use a locale in which numbers are written with a comma. */
START_TEST(reals_do_not_follow_the_locale) {
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8",
                                          "de_DE.utf8",  "fr_FR.utf8",  "de_DE"};
    int found = 0;
    for (int i = 0; i < COUNT(locales); i++) {
        if (setlocale(LC_ALL, locales[i]) == NULL)
            continue;
        found = 1;
        expect_reals();
        char *text = golden_read("store.json");
        repli_buf json = REPLI_BUF_INIT;
        ck_assert_int_eq(store_extras_again(text, strlen(text), &json, NULL), REPLI_OK);
        expect_golden(&json, "store.json");
        repli_buf_dispose(&json);
        free(text);
    }
    setlocale(LC_ALL, "C");
    if (!found)
        puts("skip: no locale with a decimal comma is installed");
}
END_TEST

START_TEST(integers_are_exact) {
    static const struct {
        int64_t number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-1, "-1"},
        {10, "10"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        repli_buf json = REPLI_BUF_INIT;
        repli__json_out out;
        repli__json_begin(&out, &json);
        repli__json_integer(&out, cases[i].number);
        ck_assert_int_eq(repli__json_end(&out, NULL), REPLI_OK);
        ck_assert_str_eq(json.data, cases[i].text);
        repli_buf_dispose(&json);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model: JSON");
    TCase *golden = tcase_create("golden files");
    tcase_set_timeout(golden, 120);
    tcase_add_loop_test(golden, golden_files_round_trip, 0, COUNT(goldens));
    tcase_add_loop_test(golden, golden_files_cut_short_are_refused, 0, COUNT(goldens));
    tcase_add_loop_test(golden, damaged_golden_files_do_no_harm, 0, COUNT(goldens));
    suite_add_tcase(suite, golden);
    TCase *records = tcase_create("records");
    tcase_add_test(records, node_to_text);
    tcase_add_test(records, node_without_anything_known_to_text);
    tcase_add_test(records, every_status_to_text);
    tcase_add_test(records, node_from_other_text);
    tcase_add_test(records, shards_to_text);
    tcase_add_test(records, shards_from_other_text);
    tcase_add_test(records, action_to_text);
    tcase_add_test(records, action_from_text);
    tcase_add_test(records, action_from_other_text);
    tcase_add_test(records, request_to_text);
    tcase_add_test(records, request_from_text);
    suite_add_tcase(suite, records);
    TCase *rest = tcase_create("errors and numbers");
    tcase_add_test(rest, error_to_text);
    tcase_add_test(rest, error_with_a_trail_from_text);
    tcase_add_test(rest, failure_of_an_action);
    tcase_add_test(rest, reals_take_few_digits);
    tcase_add_test(rest, reals_do_not_follow_the_locale);
    tcase_add_test(rest, integers_are_exact);
    suite_add_tcase(suite, rest);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
