#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

/* A transport. */

static int32_t open_transport(const repli_allocator *allocator, int32_t run_mode,
                              alldata_transport **ret, repli_error *err) {
    char secret[] = "open-sesame";
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.secret = secret;
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    options.security = &security;
    options.run_mode = run_mode;
    const int32_t code = alldata_http_transport_new(&options, allocator, ret, err);
    SCRIBBLE(secret);
    SCRIBBLE(security);
    SCRIBBLE(options);
    return code;
}

static int32_t make_transport(const repli_allocator *allocator, int32_t run_mode,
                              repli_error *err) {
    alldata_transport *transport = UNSET;
    const int32_t code = open_transport(allocator, run_mode, &transport, err);
    if (code != REPLI_OK) {
        REQUIRE(transport == UNSET);
        return code;
    }
    REQUIRE((transport->dispatch != NULL) == (run_mode == ALLDATA_RUN_DISPATCH));
    alldata_http_transport_free(transport);
    return code;
}

int32_t call_alldata_http_transport_new(world *w, repli_error *err) {
    (void)w;
    const int32_t code = make_transport(NULL, ALLDATA_RUN_DISPATCH, err);
    return code == REPLI_OK ? make_transport(NULL, ALLDATA_RUN_THREADS, err) : code;
}

int32_t fail_alldata_http_transport_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return make_transport(NULL, 4711, err);
}

int32_t fail_alldata_http_transport_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    return make_transport(no_memory(), ALLDATA_RUN_THREADS, err);
}

static void take_status(void *user_data, const alldata_reply *reply) {
    (void)user_data;
    (void)reply;
}

/* What the methods of an inherited one do. */
static int32_t use_inherited(const alldata_transport *transport) {
    alldata_call request = ALLDATA_CALL_INIT;
    request.host = "127.0.0.1";
    request.port = 9;
    request.method = "GET";
    request.path = "/";
    request.reply = take_status;
    repli_error err = REPLI_ERROR_INIT;
    REQUIRE(transport->begin(transport->self, &request, &err) == REPLI_EFORK);
    REQUIRE(err.code == REPLI_EFORK);
    transport->cancel(transport->self, NULL);
    return REPLI_OK;
}

int32_t call_alldata_http_transport_free(world *w, repli_error *err) {
    alldata_http_transport_free(NULL);
    if (!w->forked)
        return call_alldata_http_transport_new(w, err);
    const int32_t code = use_inherited(w->transport);
    alldata_http_transport_free(w->transport);
    return code;
}

/* The world's. */

typedef struct answer {
    sem_t came;
    int32_t status;
} answer;

static void take_answer(void *user_data, const alldata_reply *reply) {
    answer *taken = user_data;
    taken->status = reply->status;
    sem_post(&taken->came);
}

int32_t http_alldata_begin(world *w, repli_error *err) {
    answer taken = {.status = 0};
    const int32_t code = open_transport(NULL, ALLDATA_RUN_THREADS, &w->transport, err);
    if (code != REPLI_OK)
        return code;
    sem_init(&taken.came, 0, 0);
    alldata_call request = ALLDATA_CALL_INIT;
    request.host = "127.0.0.1";
    request.port = (int32_t)w->host.port;
    request.method = "GET";
    request.path = "/api/unstable/info/node";
    request.max_reply = 1 << 20;
    request.reply = take_answer;
    request.user_data = &taken;
    const int32_t begun = w->transport->begin(w->transport->self, &request, err);
    if (begun != REPLI_OK)
        return begun;
    while (sem_wait(&taken.came) != 0)
        continue;
    sem_destroy(&taken.came);
    REQUIRE(taken.status == 200);
    return REPLI_OK;
}

void http_alldata_end(world *w) {
    alldata_http_transport_free(w->transport);
}
