#include <string.h>
#include <unistd.h>

#include "contract.h"

/* Agents that their host drives. In a child the parent's is tried; otherwise one is made for each
 * call, as only one thread at a time may dispatch. */

static int32_t make(party *own, int32_t run_mode) {
    const party_options options = {.run_mode = run_mode};
    return party_make(own, &options, NULL);
}

#define MAKE(own, mode)                                                                            \
    party own;                                                                                     \
    REQUIRE(make(&(own), mode) == REPLI_OK)

#define DONE_WITH(own, result)                                                                     \
    const int32_t code = (result);                                                                 \
    party_end(&(own));                                                                             \
    return code

int32_t call_repli_agent_fd(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_agent_fd(w->host.agent) == -1);
    REQUIRE((repli_agent_fd(w->driven.agent) == -1) == w->forked);
    return REPLI_OK;
}

int32_t call_repli_agent_deadline(world *w, repli_error *err) {
    (void)err;
    REQUIRE(repli_agent_deadline(w->host.agent) == UINT64_MAX);
    if (w->forked) {
        REQUIRE(repli_agent_deadline(w->driven.agent) == UINT64_MAX);
        return REPLI_OK;
    }
    MAKE(own, REPLI_RUN_DISPATCH);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    DONE_WITH(own, repli_agent_deadline(own.agent) == UINT64_MAX ? __LINE__ : REPLI_OK);
}

int32_t call_repli_agent_dispatch(world *w, repli_error *err) {
    if (w->forked)
        return repli_agent_dispatch(w->driven.agent, err);
    MAKE(own, REPLI_RUN_DISPATCH);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    for (int i = 0; i < PARTY_TURNS && party_status(&own) != REPLI_STATUS_HEALTHY; i++)
        REQUIRE(repli_agent_dispatch(own.agent, NULL) == REPLI_OK);
    REQUIRE(party_status(&own) == REPLI_STATUS_HEALTHY);
    DONE_WITH(own, repli_agent_dispatch(own.agent, err));
}

int32_t fail_repli_agent_dispatch_REPLI_ESTATE(world *w, repli_error *err) {
    return repli_agent_dispatch(w->host.agent, err);
}

/* A call from a callback. */
typedef struct within {
    repli_agent *agent;
    int32_t (*call)(repli_agent *agent, repli_error *err);
    repli_error *err;
    int32_t code;
} within;

static uint64_t call_within(void *user_data) {
    within *self = user_data;
    self->code = self->call(self->agent, self->err);
    return UINT64_MAX;
}

static int32_t do_within(int32_t (*what)(repli_agent *agent, repli_error *err), repli_error *err) {
    MAKE(own, REPLI_RUN_DISPATCH);
    within self = {.agent = own.agent, .call = what, .err = err, .code = __LINE__};
    repli_source *source = NULL;
    REQUIRE(repli_agent_add_source(own.agent, -1, call_within, &self, &source, NULL) == REPLI_OK);
    REQUIRE(repli_agent_dispatch(own.agent, NULL) == REPLI_OK);
    DONE_WITH(own, self.code);
}

static int32_t run_at_once(repli_agent *agent, repli_error *err) {
    return repli_agent_run(agent, 0, err);
}

static int32_t stop_at_once(repli_agent *agent, repli_error *err) {
    return repli_agent_stop(agent, 0, err);
}

int32_t fail_repli_agent_dispatch_REPLI_EBUSY(world *w, repli_error *err) {
    (void)w;
    return do_within(repli_agent_dispatch, err);
}

int32_t fail_repli_agent_run_REPLI_EBUSY(world *w, repli_error *err) {
    (void)w;
    return do_within(run_at_once, err);
}

int32_t fail_repli_agent_stop_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    return do_within(stop_at_once, err);
}

int32_t call_repli_agent_wakeup(world *w, repli_error *err) {
    (void)err;
    repli_agent_wakeup(w->host.agent);
    if (w->forked) {
        repli_agent_wakeup(w->driven.agent);
        return REPLI_OK;
    }
    MAKE(own, REPLI_RUN_DISPATCH);
    repli_agent_wakeup(own.agent);
    DONE_WITH(own, repli_agent_run(own.agent, 20000, NULL));
}

int32_t call_repli_agent_run(world *w, repli_error *err) {
    if (w->forked)
        return repli_agent_run(w->driven.agent, -1, err);
    MAKE(own, REPLI_RUN_LENT);
    repli_agent_wakeup(own.agent);
    DONE_WITH(own, repli_agent_run(own.agent, 20000, err));
}

int32_t fail_repli_agent_run_REPLI_ETIMEOUT(world *w, repli_error *err) {
    (void)w;
    MAKE(own, REPLI_RUN_DISPATCH);
    DONE_WITH(own, repli_agent_run(own.agent, 0, err));
}

int32_t fail_repli_agent_run_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own, REPLI_RUN_DISPATCH);
    REQUIRE(repli_agent_stop(own.agent, 0, NULL) == REPLI_OK);
    DONE_WITH(own, repli_agent_run(own.agent, -1, err));
}

int32_t call_repli_agent_work(world *w, repli_error *err) {
    if (w->forked)
        return repli_agent_work(w->driven.agent, -1, err);
    MAKE(own, REPLI_RUN_LENT);
    REQUIRE(repli_agent_stop(own.agent, 0, NULL) == REPLI_OK);
    DONE_WITH(own, repli_agent_work(own.agent, -1, err));
}

int32_t fail_repli_agent_work_REPLI_ETIMEOUT(world *w, repli_error *err) {
    (void)w;
    MAKE(own, REPLI_RUN_LENT);
    DONE_WITH(own, repli_agent_work(own.agent, 0, err));
}

int32_t fail_repli_agent_work_REPLI_ESTATE(world *w, repli_error *err) {
    return repli_agent_work(w->driven.agent, 0, err);
}

static uint64_t never(void *user_data) {
    (void)user_data;
    return UINT64_MAX;
}

static int32_t add(repli_agent *agent, int32_t fd, repli_source_fn ready, repli_error *err) {
    repli_source *source = UNSET;
    const int32_t code = repli_agent_add_source(agent, fd, ready, NULL, &source, err);
    if (code != REPLI_OK)
        REQUIRE(source == UNSET);
    else
        repli_agent_remove_source(agent, source);
    return code;
}

int32_t call_repli_agent_add_source(world *w, repli_error *err) {
    return add(w->driven.agent, -1, never, err);
}

int32_t fail_repli_agent_add_source_REPLI_EINVALID(world *w, repli_error *err) {
    REQUIRE(add(w->driven.agent, 1000000, never, NULL) == REPLI_EINVALID);
    return add(w->driven.agent, -1, NULL, err);
}

int32_t fail_repli_agent_add_source_REPLI_ECONFLICT(world *w, repli_error *err) {
    (void)w;
    int ends[2];
    MAKE(own, REPLI_RUN_DISPATCH);
    repli_source *source = NULL;
    REQUIRE(pipe(ends) == 0);
    REQUIRE(repli_agent_add_source(own.agent, ends[0], never, NULL, &source, NULL) == REPLI_OK);
    const int32_t again = add(own.agent, ends[0], never, err);
    repli_agent_remove_source(own.agent, source);
    close(ends[0]);
    close(ends[1]);
    DONE_WITH(own, again);
}

int32_t fail_repli_agent_add_source_REPLI_ESTATE(world *w, repli_error *err) {
    return add(w->host.agent, -1, never, err);
}

int32_t call_repli_agent_remove_source(world *w, repli_error *err) {
    repli_agent_remove_source(w->driven.agent, NULL);
    if (w->forked) {
        repli_agent_remove_source(w->driven.agent, UNSET);
        return REPLI_OK;
    }
    return add(w->driven.agent, -1, never, err);
}
