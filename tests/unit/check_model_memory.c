#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "golden.h"
#include "model/doc.h"
#include "model/json_documents.h"
#include "model/json_in.h"

/* Every request for memory fails once, and once with all that follow: in jansson, in documents and
 * in buffers. */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* jansson's allocator takes no user data. */
static failing memory;

static void *json_malloc(size_t size) {
    return failing_malloc(size, &memory);
}

static void json_free(void *ptr) {
    failing_free(ptr, &memory);
}

/* Read a golden file, and append it again to buf. */
typedef int32_t (*work_fn)(const char *json, size_t size, repli_buf *buf, repli_error *err);

#define WORK(name, record)                                                                         \
    static int32_t name##_work(const char *json, size_t size, repli_buf *buf, repli_error *err) {  \
        repli_doc *doc = NULL;                                                                     \
        const record *read = NULL;                                                                 \
        int32_t code = repli__##name##_from_json(&memory.allocator, json, size, &doc, &read, err); \
        if (code == REPLI_OK)                                                                      \
            code = repli_##name##_to_json(read, buf, err);                                         \
        else                                                                                       \
            ck_assert_ptr_null(doc);                                                               \
        repli_doc_free(doc);                                                                       \
        return code;                                                                               \
    }

WORK(node, repli_node)
WORK(store_extras, repli_store_extras)
WORK(shards, repli_shards)
WORK(action, repli_action)
WORK(request, repli_request)

static int32_t action_summaries_work(const char *json, size_t size, repli_buf *buf,
                                     repli_error *err) {
    repli_doc *doc = NULL;
    const repli_action_summary *read = NULL;
    size_t count = 0;
    int32_t code =
        repli__action_summaries_from_json(&memory.allocator, json, size, &doc, &read, &count, err);
    if (code == REPLI_OK)
        code = repli_action_summaries_to_json(read, count, buf, err);
    repli_doc_free(doc);
    return code;
}

static int32_t error_work(const char *json, size_t size, repli_buf *buf, repli_error *err) {
    repli_error read = REPLI_ERROR_INIT;
    int32_t code = repli_error_from_json(json, size, &read, err);
    if (code == REPLI_OK)
        code = repli_error_to_json(&read, buf, err);
    if (code == REPLI_OK)
        code = repli__failure_to_json("message", "cause", buf, err);
    return code;
}

static const struct {
    const char *file;
    work_fn work;
} cases[] = {
    {"node-healthy.json", node_work},        {"node-unknown.json", node_work},
    {"store.json", store_extras_work},       {"shards.json", shards_work},
    {"action-done.json", action_work},       {"action-failed.json", action_work},
    {"actions.json", action_summaries_work}, {"request-full.json", request_work},
    {"error-cause.json", error_work},
};

static const char before[] = "what was there";

/* Not 0 once a run met no failure. */
static int run(int index, const char *json, size_t fail_at, int for_good) {
    failing_arm(&memory, 0, 0);
    repli_buf buf = REPLI_BUF_INIT;
    buf.allocator = &memory.allocator;
    ck_assert_ptr_nonnull(buf.data = memory.allocator.malloc_fn(sizeof(before), &memory));
    memcpy(buf.data, before, sizeof(before));
    buf.size = sizeof(before) - 1;
    buf.capacity = sizeof(before);

    failing_arm(&memory, fail_at, for_good);
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code = cases[index].work(json, strlen(json), &buf, &err);
    const int untouched = memory.failures == 0;
    if (untouched) {
        ck_assert_msg(code == REPLI_OK, "%s: %s", cases[index].file, err.message);
    } else {
        ck_assert_msg(code == REPLI_ENOMEM, "%s, request %zu: %d %s", cases[index].file, fail_at,
                      code, err.message);
        ck_assert_int_eq(err.code, REPLI_ENOMEM);
        ck_assert_ptr_nonnull(strstr(err.message, "out of memory"));
        ck_assert_int_eq(strncmp(buf.data, before, sizeof(before) - 1), 0);
        ck_assert_uint_eq(strlen(buf.data), buf.size);
    }
    repli_buf_dispose(&buf);
    ck_assert_uint_eq(memory.live, 0);
    return untouched;
}

START_TEST(documents) {
    char *json = golden_read(cases[_i].file);
    for (int for_good = 0; for_good <= 1; for_good++) {
        size_t fail_at = 1;
        while (!run(_i, json, fail_at, for_good))
            fail_at++;
        ck_assert_uint_gt(fail_at, 3);
    }
    free(json);
}
END_TEST

/* Copies */

static const repli_header header = {sizeof(header), 0, "k", "v"};
static const repli_transition transition = {sizeof(transition), REPLI_PHASE_NEW, 1, "1", "{}"};

static char large[3000];

static int32_t copy_all(repli__arena *arena) {
    const repli_attribute attribute = {sizeof(attribute), REPLI_VALUE_STRING, "a.b/c", large, 0, 0};
    repli_attribute attribute_copy;
    int32_t code = repli__attribute_copy(arena, &attribute_copy, &attribute);
    const repli_address address = {sizeof(address), 0, "client", large};
    repli_address address_copy;
    if (code == REPLI_OK)
        code = repli__address_copy(arena, &address_copy, &address);
    const repli_store_version version = {sizeof(version), 0, "1.2.3", large, large};
    repli_store_version version_copy;
    if (code == REPLI_OK)
        code = repli__store_version_copy(arena, &version_copy, &version);
    const repli_shard shard = {sizeof(shard), REPLI_ROLE_OTHER, large, large, 0, large, 0, large};
    repli_shard shard_copy;
    if (code == REPLI_OK)
        code = repli__shard_copy(arena, &shard_copy, &shard);
    repli_action action = {.struct_size = sizeof(action),
                           .id = large,
                           .kind = large,
                           .args_json = large,
                           .requester = large,
                           .headers = &header,
                           .header_count = 1,
                           .payload_json = large,
                           .error_json = large,
                           .history = &transition,
                           .history_count = 1};
    repli_action action_copy;
    if (code == REPLI_OK)
        code = repli__action_copy(arena, &action_copy, &action);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = large;
    request.headers = &header;
    request.header_count = 1;
    repli_request request_copy;
    if (code == REPLI_OK)
        code = repli__request_copy(arena, &request_copy, &request);
    return code;
}

START_TEST(copies) {
    memset(large, 'x', sizeof(large) - 1);
    for (int for_good = 0; for_good <= 1; for_good++) {
        size_t fail_at = 1;
        for (;; fail_at++) {
            failing_arm(&memory, fail_at, for_good);
            repli_doc *doc = repli__doc_new(&memory.allocator);
            const int32_t code = doc != NULL ? copy_all(&doc->arena) : REPLI_ENOMEM;
            repli_doc_free(doc);
            ck_assert_uint_eq(memory.live, 0);
            if (memory.failures == 0) {
                ck_assert_int_eq(code, REPLI_OK);
                break;
            }
            ck_assert_int_eq(code, REPLI_ENOMEM);
        }
        ck_assert_uint_gt(fail_at, 3);
    }
}
END_TEST

/* A document may outlive the allocator's table it was made with. */
START_TEST(document_keeps_its_allocator) {
    failing_arm(&memory, 0, 0);
    repli_allocator *table = malloc(sizeof(*table));
    ck_assert_ptr_nonnull(table);
    *table = memory.allocator;
    repli_doc *doc = repli__doc_new(table);
    memset(table, 0, sizeof(*table));
    free(table);
    ck_assert_ptr_nonnull(repli__arena_alloc(&doc->arena, 100000));
    repli_doc_free(doc);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(void) {
    failing_init(&memory);
    json_set_alloc_funcs(json_malloc, json_free);
    TCase *tcase = tcase_create("memory");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, documents, 0, COUNT(cases));
    tcase_add_test(tcase, copies);
    tcase_add_test(tcase, document_keeps_its_allocator);
    Suite *suite = suite_create("model: memory");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
