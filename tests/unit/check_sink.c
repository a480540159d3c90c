#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "driver/instance.h"
#include "driver/sink.h"
#include "failing.h"

static repli__host *host;
static const repli_host *table;
static repli_sink sink;

static void setup(void) {
    ck_assert_int_eq(repli__host_new("driver.test", NULL, NULL, &host, NULL), REPLI_OK);
    table = repli__host_table(host);
}

static void teardown(void) {
    repli__sink_dispose(&sink);
    repli__host_free(host);
}

static void take(int32_t takes) {
    repli__sink_init(&sink, takes, NULL);
}

/* The sink holds on to a refusal whose message says text. */
static void assert_refused(int32_t returned, int32_t code, const char *text) {
    ck_assert_int_eq(returned, code);
    ck_assert_int_eq(sink.error.code, code);
    if (strstr(sink.error.message, text) == NULL)
        ck_abort_msg("\"%s\" is not in: %s", text, sink.error.message);
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_OK, &err), code);
    ck_assert_str_eq(err.message, sink.error.message);
    repli__sink_dispose(&sink);
}

static repli_shard shard_of(const char *id) {
    repli_shard shard = REPLI_SHARD_INIT;
    shard.id = id;
    shard.role = REPLI_ROLE_PRIMARY;
    return shard;
}

static repli_attribute text_attribute(const char *name, const char *value) {
    repli_attribute attribute = REPLI_ATTRIBUTE_INIT;
    attribute.name = name;
    attribute.type = REPLI_VALUE_STRING;
    attribute.string = value;
    return attribute;
}

static char *text_of(char c, size_t size) {
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, c, size);
    text[size] = '\0';
    return text;
}

START_TEST(keeps_copies) {
    take(REPLI__SINK_NODE);
    char text[] = "because";
    char name[] = "client";
    char address_text[] = "127.0.0.1:1";
    ck_assert_int_eq(table->emit_status(&sink, REPLI_STATUS_UNHEALTHY, text), REPLI_OK);
    repli_address address = REPLI_ADDRESS_INIT;
    address.name = name;
    address.address = address_text;
    ck_assert_int_eq(table->emit_address(&sink, &address), REPLI_OK);
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    char number[] = "15.3.0";
    version.number = number;
    ck_assert_int_eq(table->emit_version(&sink, &version), REPLI_OK);
    memset(text, 'x', strlen(text));
    memset(name, 'x', strlen(name));
    memset(address_text, 'x', strlen(address_text));
    memset(number, 'x', strlen(number));
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_OK, NULL), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_UNHEALTHY);
    ck_assert_str_eq(sink.status_reason, "because");
    ck_assert_uint_eq(sink.address_count, 1);
    ck_assert_str_eq(sink.addresses[0].name, "client");
    ck_assert_str_eq(sink.addresses[0].address, "127.0.0.1:1");
    ck_assert_str_eq(sink.version.number, "15.3.0");
    ck_assert_ptr_null(sink.version.checkout);
}
END_TEST

START_TEST(last_of_a_name_wins) {
    take(REPLI__SINK_NODE);
    static const char *const names[] = {"b.test/b", "c.test/c", "a.test/a", "b.test/b", "a.test/a"};
    static const char *const values[] = {"1", "2", "3", "4", "5"};
    for (size_t i = 0; i < 5; i++) {
        const repli_attribute attribute = text_attribute(names[i], values[i]);
        ck_assert_int_eq(table->emit_attribute(&sink, &attribute), REPLI_OK);
    }
    ck_assert_uint_eq(sink.attribute_count, 3);
    ck_assert_str_eq(sink.attributes[0].name, "a.test/a");
    ck_assert_str_eq(sink.attributes[0].string, "5");
    ck_assert_str_eq(sink.attributes[1].name, "b.test/b");
    ck_assert_str_eq(sink.attributes[1].string, "4");
    ck_assert_str_eq(sink.attributes[2].name, "c.test/c");

    for (int i = 0; i < 3; i++) {
        repli_address address = REPLI_ADDRESS_INIT;
        address.name = i == 1 ? "member" : "client";
        address.address = values[i];
        ck_assert_int_eq(table->emit_address(&sink, &address), REPLI_OK);
    }
    ck_assert_uint_eq(sink.address_count, 2);
    ck_assert_str_eq(sink.addresses[0].address, "3");

    ck_assert_int_eq(table->emit_status(&sink, REPLI_STATUS_HEALTHY, NULL), REPLI_OK);
    ck_assert_int_eq(table->emit_status(&sink, REPLI_STATUS_UNHEALTHY, "no"), REPLI_OK);
    ck_assert_int_eq(sink.status, REPLI_STATUS_UNHEALTHY);
}
END_TEST

START_TEST(refuses_nonsense_about_the_node) {
    take(REPLI__SINK_NODE);
    assert_refused(table->emit_status(&sink, 99, NULL), REPLI_EINVALID, "99");
    assert_refused(table->emit_status(&sink, REPLI_STATUS_UNKNOWN, NULL), REPLI_EINVALID, "reason");
    assert_refused(table->emit_status(&sink, REPLI_STATUS_UNKNOWN, ""), REPLI_EINVALID, "reason");
    assert_refused(table->emit_version(&sink, NULL), REPLI_EINVALID, "version");
    repli_store_version version = REPLI_STORE_VERSION_INIT;
    assert_refused(table->emit_version(&sink, &version), REPLI_EINVALID, "version");
    version.number = "fifteen";
    assert_refused(table->emit_version(&sink, &version), REPLI_EINVALID, "version");
    assert_refused(table->emit_address(&sink, NULL), REPLI_EINVALID, "address");
    repli_address address = REPLI_ADDRESS_INIT;
    address.name = "client";
    assert_refused(table->emit_address(&sink, &address), REPLI_EINVALID, "client");
    address.address = "a\nb";
    assert_refused(table->emit_address(&sink, &address), REPLI_EINVALID, "client");
    address.struct_size = 4;
    assert_refused(table->emit_address(&sink, &address), REPLI_EINVALID, "struct_size");
}
END_TEST

START_TEST(refuses_bad_attributes) {
    take(REPLI__SINK_STORE);
    static const char *const names[] = {NULL, "", "plain", "Big.Domain/x", "a.test/with space"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const repli_attribute attribute = text_attribute(names[i], "x");
        assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "attribute");
    }
    repli_attribute attribute = text_attribute("agent.replicante.io/x", "x");
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "replicante.io");
    attribute = text_attribute("a.test/a", NULL);
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "a.test/a");
    attribute = text_attribute("a.test/a", "bad \xC3\x28 text");
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "UTF-8");
    attribute.type = 77;
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "77");
    attribute.type = REPLI_VALUE_REAL;
    attribute.real = strtod("nan", NULL);
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "finite");
    attribute.type = REPLI_VALUE_BOOLEAN;
    attribute.integer = 2;
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "boolean");
    char *huge = text_of('x', 1 << 20);
    attribute = text_attribute("a.test/a", huge);
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "longer");
    char *name = text_of('x', 1000);
    memcpy(name, "a.test/", 7);
    attribute = text_attribute(name, "x");
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID, "attribute");
    free(huge);
    free(name);
    assert_refused(table->emit_cluster_id(&sink, NULL), REPLI_EINVALID, "cluster id");
    assert_refused(table->emit_cluster_id(&sink, ""), REPLI_EINVALID, "cluster id");
    assert_refused(table->emit_cluster_id(&sink, "\xFF"), REPLI_EINVALID, "cluster id");
}
END_TEST

START_TEST(refuses_too_many_attributes) {
    take(REPLI__SINK_NODE);
    int32_t code = REPLI_OK;
    unsigned count = 0;
    while (code == REPLI_OK && count < 100000) {
        char name[40];
        snprintf(name, sizeof(name), "a.test/n%u", count);
        const repli_attribute attribute = text_attribute(name, "x");
        code = table->emit_attribute(&sink, &attribute);
        count += code == REPLI_OK;
    }
    ck_assert_uint_eq(count, REPLI__SINK_MAX_ATTRIBUTES);
    assert_refused(code, REPLI_EFULL, "emit_attribute");
}
END_TEST

/* What people read must not be lost because a store wrote it in another encoding. */
START_TEST(cleans_prose) {
    take(REPLI__SINK_NODE);
    ck_assert_int_eq(table->emit_status(&sink, REPLI_STATUS_UNKNOWN, "caf\xE9 \xC3\xA9\nline"),
                     REPLI_OK);
    ck_assert_str_eq(sink.status_reason, "caf? \xC3\xA9 line");
    char *text = text_of('a', 5000);
    memcpy(text + REPLI__SINK_MAX_PROSE - 1, "\xC3\xA9", 2); /* straddles the cut */
    ck_assert_int_eq(table->emit_status(&sink, REPLI_STATUS_UNKNOWN, text), REPLI_OK);
    ck_assert_uint_eq(strlen(sink.status_reason), REPLI__SINK_MAX_PROSE - 1);
    free(text);
    repli__sink_dispose(&sink);
    take(REPLI__SINK_SHARDS);
    repli_shard shard = shard_of("a");
    shard.role = REPLI_ROLE_OTHER;
    shard.role_reason = "\x80 odd";
    ck_assert_int_eq(table->emit_shard(&sink, &shard), REPLI_OK);
    ck_assert_str_eq(sink.shards[0].role_reason, "? odd");
}
END_TEST

START_TEST(refuses_bad_shards) {
    take(REPLI__SINK_SHARDS);
    assert_refused(table->emit_shard(&sink, NULL), REPLI_EINVALID, "shard");
    repli_shard shard = shard_of(NULL);
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "shard");
    shard = shard_of("\xED\xA0\x80");
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "UTF-8");
    shard = shard_of("a");
    shard.role = 0;
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "role");
    shard.role = REPLI_ROLE_OTHER;
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "reason");
    shard = shard_of("a");
    shard.lag_unit = "";
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "unit");
    shard = shard_of("a");
    shard.struct_size = 12;
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "struct_size");
    char *id = text_of('i', 100000);
    shard = shard_of(id);
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "longer");
    free(id);
    shard = shard_of("a");
    ck_assert_int_eq(table->emit_shard(&sink, &shard), REPLI_OK);
    assert_refused(table->emit_shard(&sink, &shard), REPLI_ECONFLICT, "\"a\" was emitted twice");
}
END_TEST

/* A driver that was compiled against a later release has more in its records. */
START_TEST(takes_larger_records) {
    struct {
        repli_shard shard;
        const char *more;
    } later = {.shard = shard_of("a"), .more = "from the future"};
    later.shard.struct_size = sizeof(later);
    take(REPLI__SINK_SHARDS);
    ck_assert_int_eq(table->emit_shard(&sink, &later.shard), REPLI_OK);
    ck_assert_uint_eq(sink.shards[0].struct_size, sizeof(repli_shard));
    repli__sink_dispose(&sink);

    struct {
        repli_outcome outcome;
        const char *more;
    } outcome = {.outcome = REPLI_OUTCOME_INIT, .more = "also"};
    outcome.outcome.struct_size = sizeof(outcome);
    take(REPLI__SINK_STEP);
    ck_assert_int_eq(table->emit_outcome(&sink, &outcome.outcome), REPLI_OK);
    ck_assert_uint_eq(sink.outcome.struct_size, sizeof(repli_outcome));
}
END_TEST

START_TEST(refuses_what_does_not_belong) {
    take(REPLI__SINK_NODE);
    const repli_shard shard = shard_of("a");
    assert_refused(table->emit_shard(&sink, &shard), REPLI_EINVALID, "only in shards");
    take(REPLI__SINK_SHARDS);
    assert_refused(table->emit_status(&sink, REPLI_STATUS_HEALTHY, NULL), REPLI_EINVALID,
                   "only in node_info");
    const repli_attribute attribute = text_attribute("a.test/a", "x");
    assert_refused(table->emit_attribute(&sink, &attribute), REPLI_EINVALID,
                   "node_info and store_info");
    assert_refused(table->emit_cluster_id(&sink, "x"), REPLI_EINVALID, "only in store_info");
    const repli_outcome outcome = REPLI_OUTCOME_INIT;
    assert_refused(table->emit_outcome(&sink, &outcome), REPLI_EINVALID, "only in action_step");
    take(REPLI__SINK_STEP);
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    assert_refused(table->emit_action_kind(&sink, &kind), REPLI_EINVALID,
                   "only in actions_describe");
}
END_TEST

/* Drivers that ignore what emit functions return do not get away with it. */
START_TEST(first_refusal_stands) {
    take(REPLI__SINK_NODE);
    ck_assert_int_eq(table->emit_status(&sink, 50, NULL), REPLI_EINVALID);
    ck_assert_int_eq(table->emit_status(&sink, REPLI_STATUS_HEALTHY, NULL), REPLI_EINVALID);
    ck_assert_int_eq(sink.status, 0);
    const repli_attribute attribute = text_attribute("bad", "x");
    ck_assert_int_eq(table->emit_attribute(&sink, &attribute), REPLI_EINVALID);
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_OK, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "50"));
}
END_TEST

START_TEST(finish_explains) {
    repli_error err = REPLI_ERROR_INIT;
    take(REPLI__SINK_NODE);
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_OK, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "without emitting a status"));
    take(REPLI__SINK_STORE);
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_OK, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "cluster id"));
    take(REPLI__SINK_SHARDS);
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_OK, &err), REPLI_OK);

    repli_error_clear(&err);
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_EREFUSED, &err), REPLI_EREFUSED);
    ck_assert_int_eq(err.code, REPLI_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "did not say why"));

    repli__error(&err, REPLI_ELOST, "driver.test", "the link broke");
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_ELOST, &err), REPLI_ELOST);
    ck_assert_str_eq(err.message, "the link broke");

    repli_error_clear(&err);
    ck_assert_int_eq(repli__sink_finish(&sink, 7, &err), REPLI_EINTERNAL);
    ck_assert_ptr_nonnull(strstr(err.message, "7"));

    /* A driver that stops and passes the sink's code on has no error of its own to give. */
    repli_error_clear(&err);
    const repli_shard bad = shard_of("");
    const int32_t code = table->emit_shard(&sink, &bad);
    ck_assert_int_eq(repli__sink_finish(&sink, code, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "shard"));
}
END_TEST

START_TEST(outcomes) {
    take(REPLI__SINK_STEP);
    ck_assert_int_eq(repli__sink_finish(&sink, REPLI_OK, NULL), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, 0);

    repli_outcome outcome = REPLI_OUTCOME_INIT;
    outcome.payload_json = "{\"a\":1}";
    ck_assert_int_eq(table->emit_outcome(&sink, &outcome), REPLI_OK);
    outcome.phase = REPLI_PHASE_FAILED;
    outcome.payload_json = NULL;
    outcome.error = "broken\xFF";
    outcome.error_cause = "cause";
    ck_assert_int_eq(table->emit_outcome(&sink, &outcome), REPLI_OK);
    ck_assert_int_eq(sink.outcome.phase, REPLI_PHASE_FAILED);
    ck_assert_str_eq(sink.outcome.error, "broken?");
    ck_assert_str_eq(sink.outcome.error_cause, "cause");
    ck_assert_ptr_null(sink.outcome.payload_json);

    outcome.phase = REPLI_PHASE_DONE;
    assert_refused(table->emit_outcome(&sink, &outcome), REPLI_EINVALID, "DONE");
    outcome.error = NULL;
    outcome.error_cause = NULL;
    outcome.phase = REPLI_PHASE_NEW;
    assert_refused(table->emit_outcome(&sink, &outcome), REPLI_EINVALID, "phase");
    outcome.phase = REPLI_PHASE_FAILED;
    assert_refused(table->emit_outcome(&sink, &outcome), REPLI_EINVALID, "without an error");
    outcome.phase = REPLI_PHASE_RUNNING;
    outcome.payload_json = "{";
    assert_refused(table->emit_outcome(&sink, &outcome), REPLI_EINVALID, "payload");
    char *huge = text_of('1', 2 << 20);
    outcome.payload_json = huge;
    assert_refused(table->emit_outcome(&sink, &outcome), REPLI_EINVALID, "payload");
    free(huge);
    assert_refused(table->emit_outcome(&sink, NULL), REPLI_EINVALID, "NULL");
}
END_TEST

START_TEST(kinds) {
    take(REPLI__SINK_KINDS);
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "a.test/do";
    assert_refused(table->emit_action_kind(&sink, &kind), REPLI_EINVALID, "summary");
    kind.summary = "Does it";
    ck_assert_int_eq(table->emit_action_kind(&sink, &kind), REPLI_OK);
    ck_assert_str_eq(sink.kinds[0].kind, "a.test/do");
    ck_assert_str_eq(sink.kinds[0].summary, "Does it");
    ck_assert_ptr_null(sink.kinds[0].arguments);
    assert_refused(table->emit_action_kind(&sink, &kind), REPLI_ECONFLICT, "twice");
    kind.kind = "do";
    assert_refused(table->emit_action_kind(&sink, &kind), REPLI_EINVALID, "kind");
    kind.kind = NULL;
    assert_refused(table->emit_action_kind(&sink, &kind), REPLI_EINVALID, "kind");
}
END_TEST

/* A linear search for repeated ids would take longer than the test may. */
START_TEST(many_shards) {
    enum { COUNT = 1000000 };
    take(REPLI__SINK_SHARDS);
    int32_t code = REPLI_OK;
    for (int i = 0; i < COUNT && code == REPLI_OK; i++) {
        char id[32];
        snprintf(id, sizeof(id), "db-%d", i);
        const repli_shard shard = shard_of(id);
        code = table->emit_shard(&sink, &shard);
    }
    ck_assert_int_eq(code, REPLI_OK);
    ck_assert_uint_eq(sink.shard_count, COUNT);
    ck_assert_str_eq(sink.shards[0].id, "db-0");
    ck_assert_str_eq(sink.shards[COUNT - 1].id, "db-999999");
    const repli_shard again = shard_of("db-500000");
    assert_refused(table->emit_shard(&sink, &again), REPLI_ECONFLICT, "db-500000");
}
END_TEST

static int32_t emit_everything(int32_t takes) {
    int32_t code = REPLI_OK;
    for (int i = 0; i < 100 && code == REPLI_OK; i++) {
        char name[32];
        snprintf(name, sizeof(name), "a.test/%d", i);
        const repli_shard shard = shard_of(name);
        const repli_attribute attribute = text_attribute(name, "text");
        repli_address address = REPLI_ADDRESS_INIT;
        address.name = address.address = name;
        repli_action_kind kind = REPLI_ACTION_KIND_INIT;
        kind.kind = kind.summary = kind.arguments = name;
        repli_outcome outcome = REPLI_OUTCOME_INIT;
        outcome.payload_json = "[1]";
        repli_store_version version = REPLI_STORE_VERSION_INIT;
        version.number = "1.2.3";
        if (takes == REPLI__SINK_SHARDS)
            code = table->emit_shard(&sink, &shard);
        else if (takes == REPLI__SINK_KINDS)
            code = table->emit_action_kind(&sink, &kind);
        else if (takes == REPLI__SINK_STEP)
            code = table->emit_outcome(&sink, &outcome);
        else
            code = table->emit_attribute(&sink, &attribute);
        if (takes == REPLI__SINK_STORE && code == REPLI_OK)
            code = table->emit_cluster_id(&sink, name);
        if (takes == REPLI__SINK_NODE && code == REPLI_OK && i < 64)
            code = table->emit_address(&sink, &address);
        if (takes == REPLI__SINK_NODE && code == REPLI_OK)
            code = table->emit_version(&sink, &version);
        if (takes == REPLI__SINK_NODE && code == REPLI_OK)
            code = table->emit_status(&sink, REPLI_STATUS_UNKNOWN, name);
    }
    return code;
}

static void emit_lagging(const char *id, const char *offset_unit, const char *lag_unit) {
    repli_shard shard = shard_of(id);
    shard.commit_offset_unit = offset_unit;
    shard.lag_unit = lag_unit;
    ck_assert_int_eq(table->emit_shard(&sink, &shard), REPLI_OK);
}

START_TEST(units_are_kept_once) {
    take(REPLI__SINK_SHARDS);
    char unit[] = "bytes";
    emit_lagging("a", unit, "events");
    emit_lagging("b", unit, unit);
    emit_lagging("c", NULL, unit);
    unit[0] = 'B';
    emit_lagging("d", unit, NULL);
    const repli_shard *shards = sink.shards;
    ck_assert_str_eq(shards[0].commit_offset_unit, "bytes");
    ck_assert_str_eq(shards[0].lag_unit, "events");
    ck_assert_ptr_eq(shards[1].commit_offset_unit, shards[0].commit_offset_unit);
    ck_assert_ptr_eq(shards[1].lag_unit, shards[0].commit_offset_unit);
    ck_assert_ptr_null(shards[2].commit_offset_unit);
    ck_assert_ptr_eq(shards[2].lag_unit, shards[0].commit_offset_unit);
    ck_assert_str_eq(shards[3].commit_offset_unit, "Bytes");
    ck_assert_ptr_null(shards[3].lag_unit);
}
END_TEST

START_TEST(shards_outlive_the_sink) {
    repli_shard *shards;
    size_t count;
    repli__arena arena;
    for (int some = 0; some < 2; some++) {
        take(REPLI__SINK_SHARDS);
        if (some) {
            emit_lagging("a", "bytes", NULL);
            emit_lagging("b", NULL, NULL);
        }
        repli__sink_take_shards(&sink, &shards, &count, &arena);
        ck_assert_uint_eq(sink.shard_count, 0);
        repli__sink_dispose(&sink);
        ck_assert_uint_eq(count, some ? 2 : 0);
        if (some) {
            ck_assert_str_eq(shards[0].commit_offset_unit, "bytes");
            ck_assert_str_eq(shards[1].id, "b");
        }
        repli__free(&repli__mem_default, shards);
        repli__arena_dispose(&arena);
    }
}
END_TEST

START_TEST(says_when_memory_is_out) {
    failing memory;
    failing_init(&memory);
    for (int32_t takes = REPLI__SINK_NODE; takes <= REPLI__SINK_STEP; takes++) {
        int32_t code = REPLI_ENOMEM;
        for (size_t fail_at = 1; code != REPLI_OK; fail_at++) {
            ck_assert_uint_lt(fail_at, 1000);
            failing_arm(&memory, fail_at, 0);
            repli__sink_init(&sink, takes, &memory.allocator);
            code = emit_everything(takes);
            if (code != REPLI_OK)
                assert_refused(code, REPLI_ENOMEM, "out of memory");
            repli__sink_dispose(&sink);
            ck_assert_uint_eq(atomic_load(&memory.live), 0);
        }
    }
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("sink");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, keeps_copies);
    tcase_add_test(tcase, last_of_a_name_wins);
    tcase_add_test(tcase, refuses_nonsense_about_the_node);
    tcase_add_test(tcase, refuses_bad_attributes);
    tcase_add_test(tcase, refuses_too_many_attributes);
    tcase_add_test(tcase, cleans_prose);
    tcase_add_test(tcase, refuses_bad_shards);
    tcase_add_test(tcase, takes_larger_records);
    tcase_add_test(tcase, refuses_what_does_not_belong);
    tcase_add_test(tcase, first_refusal_stands);
    tcase_add_test(tcase, finish_explains);
    tcase_add_test(tcase, outcomes);
    tcase_add_test(tcase, kinds);
    tcase_add_test(tcase, many_shards);
    tcase_add_test(tcase, units_are_kept_once);
    tcase_add_test(tcase, shards_outlive_the_sink);
    tcase_add_test(tcase, says_when_memory_is_out);
    Suite *suite = suite_create("sink");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
