#include <string.h>

#include <replicante/model.h>

#include "golden.h"
#include "operation.h"

/* <replicante/model.h>, <replicante/alloc.h>, <replicante/error.h> and <replicante/version.h> */

/* JSON, both ways: what was read and written again is what was there. */

static void verify_text(world *w) {
    ck_assert_str_eq(w->text.data + strlen("untouched"), w->json);
}

#define JSON(name, file)                                                                           \
    static void prepare_##name(world *w) {                                                         \
        const repli_##name *record = NULL;                                                         \
        w->json = golden_read_compact(file);                                                       \
        ck_assert_int_eq(                                                                          \
            repli_##name##_from_json(w->json, strlen(w->json), &w->source_doc, &record, NULL),     \
            REPLI_OK);                                                                             \
        w->source = record;                                                                        \
    }                                                                                              \
    static int32_t read_##name(world *w, repli_error *err) {                                       \
        const repli_##name *record = w->record;                                                    \
        const int32_t code =                                                                       \
            repli_##name##_from_json(w->json, strlen(w->json), &w->doc, &record, err);             \
        w->record = record;                                                                        \
        return code;                                                                               \
    }                                                                                              \
    static int32_t write_##name(world *w, repli_error *err) {                                      \
        return repli_##name##_to_json(w->source, &w->text, err);                                   \
    }                                                                                              \
    static void verify_##name(world *w) {                                                          \
        ck_assert_int_eq(repli_##name##_to_json(w->record, &w->text, NULL), REPLI_OK);             \
        verify_text(w);                                                                            \
    }

JSON(node, "node-healthy.json")
JSON(store_extras, "store.json")
JSON(shards, "shards.json")
JSON(action, "action-failed.json")
JSON(request, "request-full.json")
JSON(maintenance, "maintenance.json")

static void prepare_summaries(world *w) {
    const repli_action_summary *summaries = NULL;
    w->json = golden_read_compact("actions.json");
    ck_assert_int_eq(repli_action_summaries_from_json(w->json, strlen(w->json), &w->source_doc,
                                                      &summaries, &w->source_count, NULL),
                     REPLI_OK);
    w->source = summaries;
}

static int32_t read_summaries(world *w, repli_error *err) {
    const repli_action_summary *summaries = w->record;
    const int32_t code = repli_action_summaries_from_json(w->json, strlen(w->json), &w->doc,
                                                          &summaries, &w->count, err);
    w->record = summaries;
    return code;
}

static int32_t write_summaries(world *w, repli_error *err) {
    return repli_action_summaries_to_json(w->source, w->source_count, &w->text, err);
}

static void verify_summaries(world *w) {
    ck_assert_int_eq(repli_action_summaries_to_json(w->record, w->count, &w->text, NULL), REPLI_OK);
    verify_text(w);
}

static const repli_event an_event = {.struct_size = sizeof(an_event),
                                     .type = REPLI_EVENT_ROLE,
                                     .number = 46,
                                     .time_ns = INT64_C(1767323045678000000),
                                     .flags = REPLI_EVENT_AWAY,
                                     .node_id = "pg-2",
                                     .subject = "a \"shard\"",
                                     .old_value = "Secondary",
                                     .new_value = "Primary",
                                     .count = 1,
                                     .cause = "action",
                                     .action_id = "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11",
                                     .action_kind = "postgresql.org/promote"};

static void prepare_event(world *w) {
    w->json = golden_read_compact("event.json");
}

static int32_t write_event(world *w, repli_error *err) {
    return repli_event_to_json(&an_event, &w->text, err);
}

static void prepare_error(world *w) {
    w->json = golden_read_compact("error-cause.json");
}

static int32_t read_error(world *w, repli_error *err) {
    repli_error read = REPLI_ERROR_INIT;
    const int32_t code = repli_error_from_json(w->json, strlen(w->json), &read, err);
    EXPECT(w, read.code == (code == REPLI_OK ? REPLI_EINTERNAL : REPLI_OK));
    return code;
}

static int32_t write_error(world *w, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_error_from_json(w->json, strlen(w->json), &error, err);
    return code == REPLI_OK ? repli_error_to_json(&error, &w->text, err) : code;
}

/* What needs no memory, nor anything else. */

static int32_t validate(world *w, repli_error *err) {
    static const repli_shard shard = {
        (uint32_t)sizeof(shard), REPLI_ROLE_PRIMARY, "s", NULL, 1, "bytes", 0, NULL};
    (void)w;
    int32_t code = repli_semver_validate("1.2.3-rc.1+build", err);
    if (code == REPLI_OK)
        code = repli_uuid_validate("5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11", err);
    if (code == REPLI_OK)
        code = repli_scoped_name_validate("example.com/name", err);
    if (code == REPLI_OK)
        code = repli_shard_validate(&shard, err);
    return code;
}

static int32_t validate_node(world *w, repli_error *err) {
    return repli_node_validate(w->source, err);
}

static int32_t validate_store(world *w, repli_error *err) {
    return repli_store_extras_validate(w->source, err);
}

static int32_t generate(world *w, repli_error *err) {
    return repli_uuid_generate(w->id, err);
}

static void verify_uuid(world *w) {
    ck_assert_int_eq(repli_uuid_validate(w->id, NULL), REPLI_OK);
}

static int32_t use_time(world *w, repli_error *err) {
    char text[REPLI_TIME_SIZE];
    int64_t time_ns = 0;
    int32_t code = repli_time_format(1234567890123456789, text, sizeof(text), err);
    if (code == REPLI_OK)
        code = repli_time_parse(text, &time_ns, err);
    EXPECT(w, code != REPLI_OK || time_ns == 1234567890123456789);
    return code;
}

static int32_t use_words(world *w, repli_error *err) {
    EXPECT(w, strcmp(repli_status_name(REPLI_STATUS_HEALTHY), "HEALTHY") == 0);
    EXPECT(w, strcmp(repli_role_name(REPLI_ROLE_PRIMARY), "Primary") == 0);
    EXPECT(w, strcmp(repli_phase_name(REPLI_PHASE_NEW), "NEW") == 0);
    EXPECT(w, strcmp(repli_ended_name(REPLI_ENDED_DONE), "done") == 0);
    EXPECT(w, strcmp(repli_event_type_name(REPLI_EVENT_ROLE), "role") == 0);
    EXPECT(w, strcmp(repli_error_name(REPLI_EIO), "io") == 0);
    EXPECT(w, repli_scoped_name_reserved("agent.replicante.io/x"));
    EXPECT(w, strcmp(repli_version(), REPLI_VERSION_STRING) == 0);
    EXPECT(w, repli_version_number() == REPLI_VERSION_NUMBER);
    repli_error_clear(err);
    return REPLI_OK;
}

/* These are how others clean up; that they can do so without memory is what is to be seen. */
static int32_t clean_up(world *w, repli_error *err) {
    (void)err;
    repli_doc_free(w->source_doc);
    w->source_doc = NULL;
    repli_buf text = REPLI_BUF_INIT;
    repli_buf_dispose(&text);
    return REPLI_OK;
}

/* clang-format off */
#define BOTH(type)                                                                                 \
    {.name = "read " #type,                                                                        \
     .functions = "repli_" #type "_from_json",                                                     \
     .prepare = prepare_##type,                                                                    \
     .act = read_##type,                                                                           \
     .verify = verify_##type},                                                                     \
    {.name = "write " #type,                                                                       \
     .functions = "repli_" #type "_to_json",                                                       \
     .prepare = prepare_##type,                                                                    \
     .act = write_##type,                                                                          \
     .verify = verify_text}
/* clang-format on */

const operation model_operations[] = {
    BOTH(node),
    BOTH(store_extras),
    BOTH(shards),
    BOTH(action),
    BOTH(request),
    BOTH(maintenance),
    {.name = "read action summaries",
     .functions = "repli_action_summaries_from_json",
     .prepare = prepare_summaries,
     .act = read_summaries,
     .verify = verify_summaries},
    {.name = "write action summaries",
     .functions = "repli_action_summaries_to_json",
     .prepare = prepare_summaries,
     .act = write_summaries,
     .verify = verify_text},
    {.name = "write an event",
     .functions = "repli_event_to_json",
     .prepare = prepare_event,
     .act = write_event,
     .verify = verify_text},
    {.name = "read an error",
     .functions = "repli_error_from_json",
     .prepare = prepare_error,
     .act = read_error},
    {.name = "write an error",
     .functions = "repli_error_from_json repli_error_to_json",
     .prepare = prepare_error,
     .act = write_error,
     .verify = verify_text},
    {.name = "validate",
     .functions = "repli_semver_validate repli_uuid_validate repli_scoped_name_validate "
                  "repli_shard_validate",
     .act = validate},
    {.name = "validate a node",
     .functions = "repli_node_validate",
     .prepare = prepare_node,
     .act = validate_node},
    {.name = "validate a store",
     .functions = "repli_store_extras_validate",
     .prepare = prepare_store_extras,
     .act = validate_store},
    {.name = "make a UUID",
     .functions = "repli_uuid_generate",
     .also = REPLI_EINTERNAL,
     .act = generate,
     .verify = verify_uuid},
    {.name = "use times", .functions = "repli_time_format repli_time_parse", .act = use_time},
    {.name = "use words",
     .functions = "repli_status_name repli_role_name repli_phase_name repli_ended_name "
                  "repli_event_type_name repli_error_name repli_scoped_name_reserved "
                  "repli_version repli_version_number "
                  "repli_error_clear",
     .act = use_words},
    {.name = "clean up",
     .functions = "repli_doc_free repli_buf_dispose",
     .flags = OPERATION_ONCE,
     .prepare = prepare_node,
     .act = clean_up},
    {.name = NULL},
};
