#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "alldata.h"
#include "clock.h"
#include "node.h"

enum { CLOSED, OPENING, OPEN };

/*
 * A node is opened by a thread of its own, as that may take longer than a call:
 * its storage is recovered first. Who finds that another process or instance
 * has it asks that one, by its socket.
 */
typedef struct embedded {
    repli__alldata_source source; /* first, so that it is both */
    const repli__alldata *alldata;
    repli__alldata_source *other; /* whoever has the node, if this one cannot get it */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    int state;
    int has_opener; /* to be joined */
    pthread_t opener;
    repli__alldata_node node;
    repli_error error; /* why the node is CLOSED */
} embedded;

/* Waits for a change until the deadline of op. The mutex is held. Returns 0
 * once that is over. */
static int wait_for_change(embedded *it, const repli_op *op) {
    const uint64_t left_ms = repli__alldata_left_ms(it->alldata, op);
    if (left_ms == 0)
        return 0;
    const struct timespec until = repli__alldata_after_ms(left_ms);
    pthread_cond_timedwait(&it->changed, &it->mutex, &until);
    return 1;
}

/* Opening. */

static void *open_node(void *arg) {
    embedded *it = arg;
    repli__alldata_node node = {.node = NULL};
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__alldata_node_open(it->alldata, &node, &error);
    pthread_mutex_lock(&it->mutex);
    it->node = node;
    it->error = error;
    it->state = code == REPLI_OK ? OPEN : CLOSED;
    pthread_cond_broadcast(&it->changed);
    pthread_mutex_unlock(&it->mutex);
    return NULL;
}

/* The mutex is held. */
static int32_t begin_opening(embedded *it, repli_error *err) {
    sigset_t all, before;
    if (it->has_opener)
        pthread_join(it->opener, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int problem = pthread_create(&it->opener, NULL, open_node, it);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    it->has_opener = problem == 0;
    if (problem != 0)
        return repli__alldata_fail(it->alldata, err, REPLI_EFULL, strerror(problem),
                                   "cannot start a thread to open the node in %s", it->source.name);
    it->state = OPENING;
    return REPLI_OK;
}

/* REPLI_OK: the node is there, and stays until the instance is closed. */
static int32_t need_node(embedded *it, const repli_op *op, repli_error *err) {
    int32_t code = REPLI_OK;
    pthread_mutex_lock(&it->mutex);
    if (it->state == CLOSED)
        code = begin_opening(it, err);
    while (code == REPLI_OK && it->state == OPENING)
        if (!wait_for_change(it, op))
            code = repli__alldata_fail(it->alldata, err, REPLI_ETIMEOUT, NULL,
                                       "the node in %s is still being opened", it->source.name);
    if (code == REPLI_OK && it->state == CLOSED)
        code = repli__alldata_pass(it->alldata, err, &it->error, NULL);
    pthread_mutex_unlock(&it->mutex);
    return code;
}

/* Asking. */

/* A question that the node may answer on another thread, or after whoever asked
 * has gone. */
typedef struct question {
    embedded *it;
    int owners; /* guarded by the mutex of it, as is the rest */
    int answered;
    int32_t code;
    repli__alldata_answer answer;
    char path[1024];
} question;

static void leave(question *asked) {
    const repli__alldata *alldata = asked->it->alldata;
    if (--asked->owners > 0)
        return;
    repli__alldata_answer_free(alldata, &asked->answer);
    alldata->host->release(alldata->host, asked);
}

static void take_answer(void *user_data, const alldata_http_response *response) {
    question *asked = user_data;
    embedded *it = asked->it;
    const repli_host *host = it->alldata->host;
    char *body = host->alloc(host, response->body_size + 1);
    pthread_mutex_lock(&it->mutex);
    asked->answered = 1;
    asked->code = body ? REPLI_OK : REPLI_ENOMEM;
    if (body) {
        if (response->body_size > 0)
            memcpy(body, response->body, response->body_size);
        body[response->body_size] = '\0';
        asked->answer = (repli__alldata_answer){response->status, body, response->body_size};
    }
    pthread_cond_broadcast(&it->changed);
    leave(asked);
    pthread_mutex_unlock(&it->mutex);
}

static int32_t await_answer(question *asked, const repli_op *op, repli__alldata_answer *ret_answer,
                            repli_error *err) {
    embedded *it = asked->it;
    int32_t code = REPLI_OK;
    pthread_mutex_lock(&it->mutex);
    while (code == REPLI_OK && !asked->answered)
        if (!wait_for_change(it, op))
            code = repli__alldata_fail(it->alldata, err, REPLI_ETIMEOUT, NULL,
                                       "the node in %s does not answer by the deadline",
                                       it->source.name);
    if (code == REPLI_OK && asked->code != REPLI_OK)
        code = repli__alldata_nomem(it->alldata, err);
    if (code == REPLI_OK) {
        *ret_answer = asked->answer;
        asked->answer.body = NULL;
    }
    leave(asked);
    pthread_mutex_unlock(&it->mutex);
    return code;
}

static int32_t ask_node(embedded *it, const repli_op *op, const char *method, const char *path,
                        repli__alldata_answer *ret_answer, repli_error *err) {
    const repli_host *host = it->alldata->host;
    question *asked = host->alloc(host, sizeof(*asked));
    if (!asked)
        return repli__alldata_nomem(it->alldata, err);
    *asked = (question){.it = it, .owners = 2};
    snprintf(asked->path, sizeof(asked->path), "%s", path);
    alldata_http_request request = ALLDATA_HTTP_REQUEST_INIT;
    request.method = method;
    request.target = asked->path;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code =
        alldata_http_server_handle(it->node.server, &request, take_answer, asked, &error);
    if (code == REPLI_OK)
        return await_answer(asked, op, ret_answer, err);
    host->release(host, asked);
    return repli__alldata_pass(it->alldata, err, &error, NULL);
}

static int32_t ask(repli__alldata_source *source, const repli_op *op, const char *method,
                   const char *path, repli__alldata_answer *ret_answer, repli_error *err) {
    embedded *it = (embedded *)source;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = need_node(it, op, &error);
    if (code == REPLI_OK)
        return ask_node(it, op, method, path, ret_answer, err);
    /* Another instance has it, of this agent while it reloads, or another
     * process. */
    if (code == REPLI_EBUSY && it->other->ask(it->other, op, method, path, ret_answer, NULL) == 0)
        return REPLI_OK;
    return repli__alldata_pass(it->alldata, err, &error, NULL);
}

/* Its life. */

static void close_embedded(repli__alldata_source *source) {
    embedded *it = (embedded *)source;
    const repli_host *host = it->alldata->host;
    if (it->has_opener)
        pthread_join(it->opener, NULL);
    repli__alldata_node_close(&it->node);
    if (it->other)
        it->other->close(it->other);
    pthread_cond_destroy(&it->changed);
    pthread_mutex_destroy(&it->mutex);
    host->release(host, it);
}

int32_t repli__alldata_embedded_new(const repli__alldata *alldata,
                                    repli__alldata_source **ret_source, repli_error *err) {
    const repli_host *host = alldata->host;
    embedded *it = host->alloc(host, sizeof(*it));
    if (!it)
        return repli__alldata_nomem(alldata, err);
    *it = (embedded){
        .source = {.ask = ask, .close = close_embedded, .name = alldata->config.location},
        .alldata = alldata};
    pthread_mutex_init(&it->mutex, NULL);
    repli__alldata_monotonic_cond(&it->changed);
    char url[REPLI__ALLDATA_SOCKET_SIZE + 8];
    char path[REPLI__ALLDATA_SOCKET_SIZE];
    int32_t code = repli__alldata_socket_path(alldata, path, err);
    if (code == REPLI_OK) {
        snprintf(url, sizeof(url), "unix:%s", path);
        code = repli__alldata_remote_new(alldata, url, &it->other, err);
    }
    if (code != REPLI_OK) {
        close_embedded(&it->source);
        return code;
    }
    *ret_source = &it->source;
    return REPLI_OK;
}
