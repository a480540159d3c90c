#include "alldata/node/state.h"

#include <poll.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/thread.h"

int32_t alldata_node_put(alldata_node *node, const alldata_put *puts, size_t count,
                         alldata_put_fn done, void *user_data, repli_error *err) {
    const int32_t code = alldata__node_check(node, err);
    return code == REPLI_OK
               ? alldata_coordinator_put(node->coordinator, puts, count, done, user_data, err)
               : code;
}

/* Waiting. */

typedef struct wait {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int done;
    alldata_put_result result;
    repli_error error;
} wait;

static void wake(void *user_data, const alldata_put_result *results, size_t count) {
    wait *self = user_data;
    (void)count;
    pthread_mutex_lock(&self->mutex);
    repli__sized_copy(&self->result, sizeof(self->result), results);
    if (results->error != NULL)
        repli__error_copy(&self->error, results->error);
    self->done = 1;
    pthread_cond_signal(&self->cond);
    pthread_mutex_unlock(&self->mutex);
}

static int is_done(wait *self, uint64_t deadline_ns) {
    pthread_mutex_lock(&self->mutex);
    while (!self->done && repli__cond_wait_until(&self->cond, &self->mutex, deadline_ns))
        continue;
    const int done = self->done;
    pthread_mutex_unlock(&self->mutex);
    return done;
}

/* Where no thread does it, whoever waits has to. Another may be at it as well. */
static void dispatch_until_done(alldata_node *node, wait *self) {
    enum { LOOK_MS = 10 };
    while (!is_done(self, 0)) {
        struct pollfd fd = {.fd = node->epoll_fd, .events = POLLIN};
        poll(&fd, 1, LOOK_MS);
        if (alldata_node_dispatch(node, NULL) == REPLI_EBUSY)
            is_done(self, repli__deadline_ns(LOOK_MS));
    }
}

static int32_t wait_for(alldata_node *node, const alldata_put *put, wait *self, repli_error *err) {
    const int32_t code = alldata_node_put(node, put, 1, wake, self, err);
    if (code != REPLI_OK)
        return code;
    if (node->run_mode == ALLDATA_RUN_DISPATCH)
        dispatch_until_done(node, self);
    else
        is_done(self, UINT64_MAX);
    return self->result.code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &self->error);
}

int32_t alldata_node_put_wait(alldata_node *node, const alldata_put *put,
                              alldata_put_result *ret_result, repli_error *err) {
    wait self = {.error = REPLI_ERROR_INIT};
    int32_t code = repli__cond_init(&self.cond, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_init(&self.mutex, NULL);
    code = wait_for(node, put, &self, err);
    pthread_mutex_destroy(&self.mutex);
    pthread_cond_destroy(&self.cond);
    self.result.error = NULL;
    if (self.done && ret_result != NULL)
        repli__sized_fill(ret_result, &self.result, sizeof(self.result));
    return code;
}
