#include <string.h>

#include "contract.h"

/* Records. */

static repli_node a_node(void) {
    return (repli_node){.struct_size = sizeof(repli_node),
                        .status = REPLI_STATUS_HEALTHY,
                        .node_id = "n",
                        .store_id = "s",
                        .agent_version = {sizeof(repli_agent_version), 0, "1.2.3", "c", "clean"},
                        .store_version = {sizeof(repli_store_version), 0, "1.2.3", NULL, NULL}};
}

static repli_store_extras some_extras(void) {
    return (repli_store_extras){.struct_size = sizeof(repli_store_extras), .cluster_id = "c"};
}

static repli_shard a_shard(void) {
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = "one";
    shard.role = REPLI_ROLE_PRIMARY;
    return shard;
}

static repli_action an_action(void) {
    return (repli_action){.struct_size = sizeof(repli_action),
                          .phase = REPLI_PHASE_NEW,
                          .id = "01a1fd55-b8c4-7256-9b52-39a2eb510ac3",
                          .kind = "example.com/kind",
                          .args_json = "null",
                          .requester = "me",
                          .created_ns = 1,
                          .scheduled_ns = 1,
                          .finished_ns = REPLI_TIME_NONE};
}

static repli_request a_request(void) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "example.com/kind";
    return request;
}

/* A buffer that was empty, and may have been given room. */
static int is_as_it_was(repli_buf *text) {
    const int empty = text->size == 0 && (text->data == NULL || text->data[0] == '\0');
    repli_buf_dispose(text);
    return empty;
}

/* To JSON, and back. */

#define TO_AND_FROM(what, type, make, same)                                                        \
    int32_t call_repli_##what##_to_json(world *w, repli_error *err) {                              \
        (void)w;                                                                                   \
        type record = make;                                                                        \
        repli_buf text = REPLI_BUF_INIT;                                                           \
        const int32_t code = repli_##what##_to_json(&record, &text, err);                          \
        const int good = text.data != NULL && text.size == strlen(text.data) && text.size > 2;     \
        repli_buf_dispose(&text);                                                                  \
        REQUIRE(code != REPLI_OK || good);                                                         \
        return code;                                                                               \
    }                                                                                              \
    int32_t call_repli_##what##_from_json(world *w, repli_error *err) {                            \
        (void)w;                                                                                   \
        type record = make;                                                                        \
        repli_buf text = REPLI_BUF_INIT;                                                           \
        REQUIRE(repli_##what##_to_json(&record, &text, NULL) == REPLI_OK);                         \
        repli_doc *doc = UNSET;                                                                    \
        const type *read = UNSET;                                                                  \
        const int32_t code = repli_##what##_from_json(text.data, text.size, &doc, &read, err);     \
        memset(text.data, 'x', text.size);                                                         \
        const int good = code == REPLI_OK && (same);                                               \
        repli_doc_free(doc);                                                                       \
        repli_buf_dispose(&text);                                                                  \
        REQUIRE(code != REPLI_OK || good);                                                         \
        return code;                                                                               \
    }                                                                                              \
    int32_t fail_repli_##what##_to_json_REPLI_EINVALID(world *w, repli_error *err) {               \
        (void)w;                                                                                   \
        repli_buf text = REPLI_BUF_INIT;                                                           \
        const int32_t code = repli_##what##_to_json(NULL, &text, err);                             \
        REQUIRE(is_as_it_was(&text));                                                              \
        return code;                                                                               \
    }                                                                                              \
    int32_t fail_repli_##what##_to_json_REPLI_ENOMEM(world *w, repli_error *err) {                 \
        (void)w;                                                                                   \
        type record = make;                                                                        \
        repli_buf text = {.allocator = no_memory()};                                               \
        const int32_t code = repli_##what##_to_json(&record, &text, err);                          \
        REQUIRE(is_as_it_was(&text));                                                              \
        return code;                                                                               \
    }                                                                                              \
    int32_t fail_repli_##what##_from_json_REPLI_EINVALID(world *w, repli_error *err) {             \
        (void)w;                                                                                   \
        repli_doc *doc = UNSET;                                                                    \
        const type *read = UNSET;                                                                  \
        const int32_t code = repli_##what##_from_json("[1", 2, &doc, &read, err);                  \
        REQUIRE(doc == UNSET && read == UNSET);                                                    \
        return code;                                                                               \
    }

TO_AND_FROM(node, repli_node, a_node(), strcmp(read->node_id, "n") == 0)
TO_AND_FROM(store_extras, repli_store_extras, some_extras(), strcmp(read->cluster_id, "c") == 0)
TO_AND_FROM(action, repli_action, an_action(), strcmp(read->kind, "example.com/kind") == 0)
TO_AND_FROM(request, repli_request, a_request(), strcmp(read->kind, "example.com/kind") == 0)

static repli_maintenance a_maintenance(void) {
    repli_maintenance record = REPLI_MAINTENANCE_INIT;
    record.owner = "me";
    record.until_ns = 0;
    return record;
}
TO_AND_FROM(maintenance, repli_maintenance, a_maintenance(), strcmp(read->owner, "me") == 0)

static const repli_shard the_shard = {
    .struct_size = sizeof(repli_shard), .role = REPLI_ROLE_PRIMARY, .id = "one"};
#define THE_SHARDS                                                                                 \
    { sizeof(repli_shards), 0, &the_shard, 1 }
TO_AND_FROM(shards, repli_shards, THE_SHARDS,
            read->shard_count == 1 && strcmp(read->shards[0].id, "one") == 0)

static const repli_action_summary summaries[1] = {{sizeof(repli_action_summary), REPLI_PHASE_NEW,
                                                   "01a1fd55-b8c4-7256-9b52-39a2eb510ac3",
                                                   "example.com/kind"}};

int32_t call_repli_action_summaries_to_json(world *w, repli_error *err) {
    (void)w;
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = repli_action_summaries_to_json(summaries, 1, &text, err);
    const int good = text.data != NULL && strstr(text.data, "example.com/kind") != NULL;
    repli_buf_dispose(&text);
    REQUIRE(code != REPLI_OK || good);
    return code;
}

int32_t call_repli_action_summaries_from_json(world *w, repli_error *err) {
    (void)w;
    repli_buf text = REPLI_BUF_INIT;
    REQUIRE(repli_action_summaries_to_json(summaries, 1, &text, NULL) == REPLI_OK);
    repli_doc *doc = UNSET;
    const repli_action_summary *read = UNSET;
    size_t count = 77;
    const int32_t code =
        repli_action_summaries_from_json(text.data, text.size, &doc, &read, &count, err);
    memset(text.data, 'x', text.size);
    const int good =
        code == REPLI_OK && count == 1 && strcmp(read[0].kind, "example.com/kind") == 0;
    repli_doc_free(doc);
    repli_buf_dispose(&text);
    REQUIRE(code != REPLI_OK || good);
    return code;
}

int32_t fail_repli_action_summaries_to_json_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    repli_action_summary bad = summaries[0];
    bad.id = NULL;
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = repli_action_summaries_to_json(&bad, 1, &text, err);
    REQUIRE(is_as_it_was(&text));
    return code;
}

int32_t fail_repli_action_summaries_to_json_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    repli_buf text = {.allocator = no_memory()};
    const int32_t code = repli_action_summaries_to_json(summaries, 1, &text, err);
    REQUIRE(is_as_it_was(&text));
    return code;
}

int32_t fail_repli_action_summaries_from_json_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    repli_doc *doc = UNSET;
    const repli_action_summary *read = UNSET;
    size_t count = 77;
    const int32_t code = repli_action_summaries_from_json("{", 1, &doc, &read, &count, err);
    REQUIRE(doc == UNSET && read == UNSET && count == 77);
    return code;
}

static int32_t write_event(int32_t type, const repli_allocator *allocator, repli_error *err) {
    repli_event event = REPLI_EVENT_INIT;
    event.type = type;
    event.number = 1;
    repli_buf text = {.allocator = allocator};
    const int32_t code = repli_event_to_json(&event, &text, err);
    const int good = text.data != NULL && strncmp(text.data, "{\"number\":1,", 12) == 0;
    REQUIRE(code == REPLI_OK ? good : is_as_it_was(&text));
    repli_buf_dispose(&text);
    return code;
}

int32_t call_repli_event_to_json(world *w, repli_error *err) {
    (void)w;
    return write_event(REPLI_EVENT_AGENT, NULL, err);
}

int32_t fail_repli_event_to_json_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return write_event(0, NULL, err);
}

int32_t fail_repli_event_to_json_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    return write_event(REPLI_EVENT_AGENT, no_memory(), err);
}

int32_t call_repli_error_to_json(world *w, repli_error *err) {
    (void)w;
    repli_error error = REPLI_ERROR_INIT;
    repli_buf text = REPLI_BUF_INIT;
    strcpy(error.message, "broken");
    const int32_t code = repli_error_to_json(&error, &text, err);
    const int good = text.data != NULL && strstr(text.data, "broken") != NULL;
    repli_buf_dispose(&text);
    REQUIRE(code != REPLI_OK || good);
    return code;
}

int32_t fail_repli_error_to_json_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    const repli_error error = REPLI_ERROR_INIT;
    repli_buf text = {.allocator = no_memory()};
    const int32_t code = repli_error_to_json(&error, &text, err);
    REQUIRE(is_as_it_was(&text));
    return code;
}

int32_t call_repli_error_from_json(world *w, repli_error *err) {
    (void)w;
    char json[] = "{\"error\": true, \"error_msg\": \"broken\"}";
    repli_error told = REPLI_ERROR_INIT;
    const int32_t code = repli_error_from_json(json, strlen(json), &told, err);
    SCRIBBLE(json);
    REQUIRE(code != REPLI_OK || strcmp(told.message, "broken") == 0);
    return code;
}

int32_t fail_repli_error_from_json_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    const repli_error before = REPLI_ERROR_INIT;
    repli_error told = before;
    const int32_t code = repli_error_from_json("[", 1, &told, err);
    REQUIRE(memcmp(&told, &before, sizeof(told)) == 0);
    return code;
}

/* Checks. */

#define VALIDATE(what, good, bad)                                                                  \
    int32_t call_repli_##what##_validate(world *w, repli_error *err) {                             \
        (void)w;                                                                                   \
        return repli_##what##_validate(good, err);                                                 \
    }                                                                                              \
    int32_t fail_repli_##what##_validate_REPLI_EINVALID(world *w, repli_error *err) {              \
        (void)w;                                                                                   \
        REQUIRE(repli_##what##_validate(NULL, NULL) == REPLI_EINVALID);                            \
        return repli_##what##_validate(bad, err);                                                  \
    }

static const repli_node bad_node = {.struct_size = sizeof(repli_node)};
static const repli_store_extras bad_extras = {.struct_size = 8};
static const repli_shard bad_shard = REPLI_SHARD_INIT;

VALIDATE(node, &(const repli_node[]){a_node()}[0], &bad_node)
VALIDATE(store_extras, &(const repli_store_extras[]){some_extras()}[0], &bad_extras)
VALIDATE(shard, &(const repli_shard[]){a_shard()}[0], &bad_shard)
VALIDATE(semver, "1.2.3", "1.2")
VALIDATE(uuid, "01a1fd55-b8c4-7256-9b52-39a2eb510ac3", "01a1fd55")
VALIDATE(scoped_name, "example.com/name", "name")

int32_t call_repli_scoped_name_reserved(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(repli_scoped_name_reserved("agent.replicante.io/x") == 1);
    REQUIRE(repli_scoped_name_reserved("example.com/x") == 0);
    return REPLI_OK;
}

/* Words, times, identifiers. */

int32_t call_repli_status_name(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(strcmp(repli_status_name(REPLI_STATUS_HEALTHY), "HEALTHY") == 0);
    REQUIRE(repli_status_name(0) == NULL);
    return REPLI_OK;
}

int32_t call_repli_role_name(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(strcmp(repli_role_name(REPLI_ROLE_PRIMARY), "Primary") == 0);
    REQUIRE(repli_role_name(0) == NULL);
    return REPLI_OK;
}

int32_t call_repli_phase_name(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(strcmp(repli_phase_name(REPLI_PHASE_DONE), "DONE") == 0);
    REQUIRE(repli_phase_name(0) == NULL);
    return REPLI_OK;
}

int32_t call_repli_ended_name(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(strcmp(repli_ended_name(REPLI_ENDED_TIMED_OUT), "timed_out") == 0);
    REQUIRE(repli_ended_name(0) == NULL);
    return REPLI_OK;
}

int32_t call_repli_event_type_name(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(strcmp(repli_event_type_name(REPLI_EVENT_ROLE), "role") == 0);
    REQUIRE(repli_event_type_name(0) == NULL);
    return REPLI_OK;
}

int32_t call_repli_time_format(world *w, repli_error *err) {
    (void)w;
    char text[REPLI_TIME_SIZE];
    const int32_t code = repli_time_format(1500000000, text, sizeof(text), err);
    REQUIRE(code != REPLI_OK || strcmp(text, "1970-01-01T00:00:01.500Z") == 0);
    return code;
}

int32_t fail_repli_time_format_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    char text[REPLI_TIME_SIZE] = "before";
    REQUIRE(repli_time_format(0, text, 3, NULL) == REPLI_EINVALID);
    const int32_t code = repli_time_format(REPLI_TIME_NONE, text, sizeof(text), err);
    REQUIRE(strcmp(text, "before") == 0);
    return code;
}

int32_t call_repli_time_parse(world *w, repli_error *err) {
    (void)w;
    int64_t time_ns = 0;
    const int32_t code = repli_time_parse("1970-01-01T00:00:01.5Z", &time_ns, err);
    REQUIRE(code != REPLI_OK || time_ns == 1500000000);
    return code;
}

int32_t fail_repli_time_parse_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    int64_t time_ns = 77;
    REQUIRE(repli_time_parse(NULL, &time_ns, NULL) == REPLI_EINVALID);
    const int32_t code = repli_time_parse("yesterday", &time_ns, err);
    REQUIRE(time_ns == 77);
    return code;
}

int32_t call_repli_uuid_generate(world *w, repli_error *err) {
    (void)w;
    char text[REPLI_UUID_SIZE];
    const int32_t code = repli_uuid_generate(text, err);
    REQUIRE(code != REPLI_OK || repli_uuid_validate(text, NULL) == REPLI_OK);
    return code;
}

/* What belongs to the caller. */

int32_t call_repli_doc_free(world *w, repli_error *err) {
    (void)w;
    repli_doc_free(NULL);
    repli_doc *doc = NULL;
    const repli_store_extras *read;
    static const char json[] = "{\"cluster_id\":\"c\",\"attributes\":{}}";
    const int32_t code = repli_store_extras_from_json(json, strlen(json), &doc, &read, err);
    repli_doc_free(doc);
    return code;
}

int32_t call_repli_buf_dispose(world *w, repli_error *err) {
    (void)w;
    repli_buf_dispose(NULL);
    repli_buf text = REPLI_BUF_INIT;
    repli_buf_dispose(&text);
    const repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_error_to_json(&error, &text, err);
    repli_buf_dispose(&text);
    repli_buf_dispose(&text);
    REQUIRE(text.data == NULL && text.size == 0);
    return code;
}

int32_t call_repli_error_name(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(strcmp(repli_error_name(REPLI_EFORK), "fork") == 0);
    REQUIRE(strcmp(repli_error_name(-9999), "unknown") == 0);
    return REPLI_OK;
}

int32_t call_repli_error_clear(world *w, repli_error *err) {
    (void)w, (void)err;
    repli_error_clear(NULL);
    repli_error error = REPLI_ERROR_INIT;
    REQUIRE(repli_uuid_validate("x", &error) == REPLI_EINVALID && error.code == REPLI_EINVALID);
    repli_error_clear(&error);
    REQUIRE(error.code == REPLI_OK && error.message[0] == '\0');
    return REPLI_OK;
}

int32_t call_repli_version(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(strcmp(repli_version(), REPLI_VERSION_STRING) == 0);
    return REPLI_OK;
}

int32_t call_repli_version_number(world *w, repli_error *err) {
    (void)w, (void)err;
    REQUIRE(repli_version_number() == REPLI_VERSION_NUMBER);
    return REPLI_OK;
}
