#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http_fixture.h"

/* The API without a listener, as a host with a server of its own uses it. */

static http_fixture fixture;

static void setup(void) {
    http_fixture_agent(&fixture, 0);
}

static void teardown(void) {
    http_fixture_teardown(&fixture);
}

/* What was answered, and how often. */
typedef struct answer {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int count;
    int32_t status;
    char *body;
    size_t body_size;
    const char *content_type;
    const char *allow;
    int64_t age_ms;
    int32_t retry_after_s;
    repli_snapshot *snapshot;
    const char *body_at;
} answer;

static void answer_init(answer *got) {
    *got = (answer){.status = 0};
    pthread_mutex_init(&got->mutex, NULL);
    pthread_cond_init(&got->changed, NULL);
}

static void answer_dispose(answer *got) {
    free(got->body);
    repli_snapshot_unref(got->snapshot);
    pthread_cond_destroy(&got->changed);
    pthread_mutex_destroy(&got->mutex);
}

static void respond(void *user_data, const repli_http_response *response) {
    answer *got = user_data;
    pthread_mutex_lock(&got->mutex);
    got->count++;
    got->status = response->status;
    got->body_size = response->body_size;
    got->body = strndup(response->body != NULL ? response->body : "", response->body_size);
    got->body_at = response->body;
    got->content_type = response->content_type;
    got->allow = response->allow;
    got->age_ms = response->age_ms;
    got->retry_after_s = response->retry_after_s;
    if (response->snapshot != NULL)
        got->snapshot = repli_snapshot_ref(response->snapshot);
    pthread_cond_signal(&got->changed);
    pthread_mutex_unlock(&got->mutex);
}

static int32_t handle(const repli_http_request *request, answer *got) {
    answer_init(got);
    const int32_t code = repli_http_handle(fixture.agent, request, respond, got, NULL);
    pthread_mutex_lock(&got->mutex);
    while (code == REPLI_OK && got->count == 0)
        pthread_cond_wait(&got->changed, &got->mutex);
    pthread_mutex_unlock(&got->mutex);
    return code;
}

START_TEST(an_answer_may_be_kept_with_its_snapshot) {
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    request.method = "GET";
    request.target = "/api/unstable/info/node";
    answer got;
    ck_assert_int_eq(handle(&request, &got), REPLI_OK);
    ck_assert_int_eq(got.count, 1);
    ck_assert_int_eq(got.status, 200);
    ck_assert_ptr_nonnull(got.snapshot);
    ck_assert_int_ge(got.age_ms, 0);
    ck_assert_str_eq(got.content_type, "application/json");
    /* Long after the call, and after newer snapshots. */
    http_fixture_store(&fixture, "{\"version\": \"9.9.9\"}");
    ck_assert_uint_eq(strlen(got.body), got.body_size);
    ck_assert_int_eq(memcmp(got.body, got.body_at, got.body_size), 0);
    answer_dispose(&got);

    request.method = "HEAD";
    ck_assert_int_eq(handle(&request, &got), REPLI_OK);
    ck_assert_ptr_nonnull(strstr(got.body, "9.9.9"));
    answer_dispose(&got);
}
END_TEST

START_TEST(rights_come_with_the_request) {
    static const char body[] = "{\"kind\": \"agent.replicante.io/test.success\"}";
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    request.method = "POST";
    request.target = "/api/unstable/action";
    request.body = body;
    request.body_size = sizeof(body) - 1;
    answer got;
    ck_assert_int_eq(handle(&request, &got), REPLI_OK);
    ck_assert_int_eq(got.status, 403);
    answer_dispose(&got);
    static const char *const methods[] = {"PUT", "DELETE"};
    for (size_t i = 0; i < 2; i++) {
        repli_http_request freeze = REPLI_HTTP_REQUEST_INIT;
        freeze.method = methods[i];
        freeze.target = "/api/unstable/maintenance";
        freeze.body = "{\"owner\": \"me\"}";
        freeze.body_size = strlen(freeze.body);
        ck_assert_int_eq(handle(&freeze, &got), REPLI_OK);
        ck_assert_int_eq(got.status, 403);
        answer_dispose(&got);
    }

    request.flags = REPLI_HTTP_MAY_WRITE;
    request.peer = "CN=somebody";
    ck_assert_int_eq(handle(&request, &got), REPLI_OK);
    ck_assert_int_eq(got.status, 200);
    ck_assert_int_eq(got.count, 1);
    ck_assert_int_eq(got.age_ms, -1);
    ck_assert_ptr_null(got.snapshot);
    char id[64];
    ck_assert_int_eq(sscanf(got.body, "{\"id\":\"%36[0-9a-f-]\"}", id), 1);
    answer_dispose(&got);
    repli_doc *doc;
    const repli_action *action;
    ck_assert_int_eq(repli_agent_action(fixture.agent, id, &doc, &action, NULL), REPLI_OK);
    ck_assert_str_eq(action->requester, "CN=somebody");
    ck_assert_uint_eq(action->header_count, 0);
    repli_doc_free(doc);
}
END_TEST

START_TEST(a_health_listener_is_a_flag) {
    static const struct {
        const char *target;
        int32_t status;
    } all[] = {{"/health/live", 200},
               {"/role/primary", 200},
               {"/metrics", 404},
               {"/api/unstable/info/node", 404},
               {"/api/unstable/action", 404}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        repli_http_request request = REPLI_HTTP_REQUEST_INIT;
        request.flags = REPLI_HTTP_HEALTH_ONLY | REPLI_HTTP_MAY_WRITE;
        request.method = "GET";
        request.target = all[i].target;
        answer got;
        ck_assert_int_eq(handle(&request, &got), REPLI_OK);
        ck_assert_int_eq(got.status, all[i].status);
        answer_dispose(&got);
    }
}
END_TEST

/* Strange but possible in a request line; none may be read beyond its end. */
static const struct {
    const char *target;
    int32_t status;
} targets[] = {
    {"", 400},
    {"*", 400},
    {"metrics", 400},
    {"http://", 404},
    {"http://host", 404},
    {"http://host?x", 404},
    {"http://host/metrics", 200},
    {"/metrics?", 200},
    {"/metrics?&&&", 200},
    {"/metrics?=", 200},
    {"/metrics?a=%", 400},
    {"/metrics?a=%1", 400},
    {"/metrics%", 400},
    {"/?", 404},
    {"//metrics", 404},
    {"/metrics#x", 404},
    {"/metrics?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16", 200},
    {"/metrics?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", 400},
    {"/role/secondary?max_lag=1&max_lag=x", 503},
};

START_TEST(targets_are_taken_apart) {
    /* On the heap, so that a sanitizer sees its end. */
    char *target = strdup(targets[_i].target);
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    request.method = "GET";
    request.target = target;
    answer got;
    ck_assert_int_eq(handle(&request, &got), REPLI_OK);
    ck_assert_msg(got.status == targets[_i].status, "%d: %s", got.status, got.body);
    answer_dispose(&got);
    free(target);
}
END_TEST

START_TEST(what_is_no_request_is_not_answered) {
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    answer got;
    ck_assert_int_eq(handle(&request, &got), REPLI_EINVALID);
    request.method = "GET";
    ck_assert_int_eq(handle(&request, &got), REPLI_EINVALID);
    request.target = "/metrics";
    request.body_size = 1;
    ck_assert_int_eq(handle(&request, &got), REPLI_EINVALID);
    request.body_size = 0;
    request.struct_size = 4;
    ck_assert_int_eq(handle(&request, &got), REPLI_EINVALID);
    ck_assert_int_eq(repli_http_handle(fixture.agent, NULL, respond, &got, NULL), REPLI_EINVALID);
    ck_assert_int_eq(got.count, 0);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("handle");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_answer_may_be_kept_with_its_snapshot);
    tcase_add_test(tcase, rights_come_with_the_request);
    tcase_add_test(tcase, a_health_listener_is_a_flag);
    tcase_add_loop_test(tcase, targets_are_taken_apart, 0, sizeof(targets) / sizeof(targets[0]));
    tcase_add_test(tcase, what_is_no_request_is_not_answered);
    Suite *suite = suite_create("http_handle");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
