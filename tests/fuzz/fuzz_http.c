#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <replicante/http.h>

#include "fuzz.h"
#include "http_agent.h"

/* Requests as a host hands them over. Each is answered once and properly, no right is given away,
 * and what was accepted is there. */

enum { REQUESTS_MAX = 8, PATIENCE_S = 60 };

typedef struct answer {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int count;
    int32_t status;
    int32_t retry_after_s;
    char type[64];
    char *body;
    size_t size;
    int has_allow;
} answer;

static answer got = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static repli_agent *agent;

static void respond(void *user_data, const repli_http_response *response) {
    (void)user_data;
    pthread_mutex_lock(&got.mutex);
    got.count++;
    got.status = response->status;
    got.retry_after_s = response->retry_after_s;
    got.has_allow = response->allow != NULL;
    snprintf(got.type, sizeof(got.type), "%s",
             response->content_type != NULL ? response->content_type : "");
    got.size = response->body_size;
    got.body = malloc(response->body_size + 1);
    HOLDS(got.body != NULL);
    if (response->body_size > 0)
        memcpy(got.body, response->body, response->body_size);
    got.body[response->body_size] = '\0';
    pthread_cond_signal(&got.changed);
    pthread_mutex_unlock(&got.mutex);
}

static void await(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&got.mutex);
    while (got.count == 0)
        HOLDS(pthread_cond_timedwait(&got.changed, &got.mutex, &until) == 0);
    HOLDS(got.count == 1);
    pthread_mutex_unlock(&got.mutex);
}

static void ask(const repli_http_request *request) {
    repli_error error = REPLI_ERROR_INIT;
    got.count = 0;
    const int32_t code = repli_http_handle(agent, request, respond, NULL, &error);
    fuzz_outcome(code, &error);
    HOLDS(code == REPLI_OK);
    await();
    http_agent_expect(got.status, got.type[0] != '\0' ? got.type : NULL, got.body, got.size);
    HOLDS(got.status != 405 || got.has_allow);
    /* Until the store was observed there is nothing to tell of it. */
    HOLDS_FOR(got.status != 500 || strstr(request->target, "inf") != NULL ||
                  strchr(request->target, '%') != NULL,
              got.body);
    HOLDS(got.retry_after_s >= 0);
}

/* What was accepted can be looked up. */
static void expect_action(void) {
    char id[REPLI_UUID_SIZE];
    HOLDS_FOR(sscanf(got.body, "{\"id\":\"%36[0-9a-f-]\"}", id) == 1, got.body);
    HOLDS_FOR(repli_uuid_validate(id, NULL) == REPLI_OK, id);
    free(got.body);
    char target[96];
    snprintf(target, sizeof(target), "/api/unstable/action/%s", id);
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    request.method = "GET";
    request.target = target;
    ask(&request);
    HOLDS_FOR(got.status == 200, got.body);
    repli_doc *doc;
    const repli_action *action;
    repli_error error = REPLI_ERROR_INIT;
    HOLDS_FOR(repli_action_from_json(got.body, got.size, &doc, &action, &error) == REPLI_OK,
              error.message);
    HOLDS(strcmp(action->id, id) == 0);
    repli_doc_free(doc);
}

static const char *method_of(fuzz_input *input) {
    static const char *const methods[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT"};
    const uint8_t choice = fuzz_byte(input);
    return choice % 8 < 6 ? methods[choice % 8] : fuzz_text(input, NULL);
}

static const char *target_of(fuzz_input *input) {
    static const char *const targets[] = {"/api/unstable/action",
                                          "/api/unstable/info/node",
                                          "/api/unstable/info/store",
                                          "/metrics",
                                          "/api/unstable/info/shards",
                                          "/api/unstable/actions/queue",
                                          "/health/live",
                                          "/api/unstable/actions/finished",
                                          "/role/primary"};
    const uint8_t choice = fuzz_byte(input);
    if (choice % 16 < 9)
        return targets[choice % 16];
    const char *rest = fuzz_text(input, NULL);
    if (choice % 16 < 12)
        return rest;
    static const char *const prefixes[] = {"/api/unstable/actions/finished?",
                                           "/api/unstable/action/", "/api/unstable/info/node?",
                                           "http://host"};
    char *whole = malloc(strlen(rest) + 64);
    HOLDS(whole != NULL);
    const int size = snprintf(whole, strlen(rest) + 64, "%s%s", prefixes[choice % 4], rest);
    char *kept = fuzz_keep(input, whole, (size_t)size + 1);
    free(whole);
    return kept;
}

static void ask_once(fuzz_input *input) {
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    const uint8_t choice = fuzz_byte(input);
    request.flags =
        (choice & 1 ? 0 : REPLI_HTTP_MAY_WRITE) | (choice % 16 == 15 ? REPLI_HTTP_HEALTH_ONLY : 0);
    request.method = method_of(input);
    request.target = target_of(input);
    if (choice & 2) {
        const char *body = fuzz_text(input, &request.body_size);
        request.body = fuzz_keep(input, body, request.body_size);
    }
    if (choice & 4)
        request.peer = fuzz_text(input, NULL);
    ask(&request);
    if (strcmp(request.method, "POST") == 0 && got.status == 200) {
        HOLDS((request.flags & REPLI_HTTP_MAY_WRITE) != 0);
        expect_action();
    }
    if ((request.flags & REPLI_HTTP_HEALTH_ONLY) != 0 && got.status == 200)
        HOLDS(strstr(request.target, "health") != NULL || strstr(request.target, "role") != NULL ||
              strchr(request.target, '%') != NULL);
    free(got.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = FUZZ_INPUT(data, size);
    agent = http_agent();
    for (int i = 0; i < REQUESTS_MAX && input.size > 0; i++)
        ask_once(&input);
    fuzz_input_end(&input);
    return 0;
}
