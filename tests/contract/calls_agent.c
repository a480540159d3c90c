#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls_agent.h"

/* Life. In a child the parent's agent is tried; otherwise one is made for the call. */

int32_t call_repli_agent_new(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.serve = 0};
    DONE_WITH(own, party_make(&own, &options, err));
}

/* A new agent on what is at own.store. */
static int32_t make_again(party *own, repli_config *config, repli_error *err) {
    repli_agent *agent = UNSET;
    const int32_t code = repli_agent_new(config, &agent, err);
    repli_config_free(config);
    if (code == REPLI_OK)
        repli_agent_free(agent);
    else
        REQUIRE(agent == UNSET);
    (void)own;
    return code;
}

static int32_t new_with(party *own, repli_error *err) {
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    REQUIRE(party_config(own, &options, &config, NULL) == REPLI_OK);
    return make_again(own, config, err);
}

int32_t fail_repli_agent_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    repli_config *config = NULL;
    REQUIRE(repli_config_new(NULL, &config, NULL) == REPLI_OK);
    return make_again(NULL, config, err);
}

int32_t fail_repli_agent_new_REPLI_EBUSY(world *w, repli_error *err) {
    return new_with(&w->host, err);
}

static int32_t no_step(void *user_data, const repli_host *host, repli_op *op,
                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    return REPLI_OK;
}

int32_t fail_repli_agent_new_REPLI_ECONFLICT(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "fake.test/echo"; /* the driver's */
    kind.summary = "Somebody else's";
    REQUIRE(party_directory(&own));
    REQUIRE(party_config(&own, &options, &config, NULL) == REPLI_OK);
    REQUIRE(repli_config_add_action(config, &kind, NULL, no_step, NULL, NULL) == REPLI_OK);
    DONE_WITH(own, make_again(&own, config, err));
}

int32_t fail_repli_agent_new_REPLI_ECORRUPT(world *w, repli_error *err) {
    (void)w;
    party own;
    static const char junk[] = "this was a database of actions once, or so it seems to me";
    REQUIRE(party_directory(&own));
    const int fd = open(own.store, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, junk, sizeof(junk)) == (ssize_t)sizeof(junk) && close(fd) == 0);
    DONE_WITH(own, new_with(&own, err));
}

int32_t fail_repli_agent_new_REPLI_EIO(world *w, repli_error *err) {
    (void)w;
    party own;
    REQUIRE(party_directory(&own));
    strcat(own.store, "/below/a/file");
    DONE_WITH(own, new_with(&own, err));
}

int32_t fail_repli_agent_new_REPLI_ENOMEM(world *w, repli_error *err);

atomic_int memory_left;

static void *malloc_some(size_t size, void *user_data) {
    (void)user_data;
    return atomic_fetch_sub(&memory_left, 1) > 0 ? malloc(size) : NULL;
}

static void *realloc_some(void *ptr, size_t size, void *user_data) {
    (void)user_data;
    return atomic_fetch_sub(&memory_left, 1) > 0 ? realloc(ptr, size) : NULL;
}

static void free_some(void *ptr, void *user_data) {
    (void)user_data;
    free(ptr);
}

const repli_allocator some_memory = {.struct_size = sizeof(repli_allocator),
                                     .malloc_fn = malloc_some,
                                     .realloc_fn = realloc_some,
                                     .free_fn = free_some};

int32_t fail_repli_agent_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.allocator = &some_memory};
    repli_config *config = NULL;
    REQUIRE(party_directory(&own));
    atomic_store(&memory_left, 1000000);
    REQUIRE(party_config(&own, &options, &config, NULL) == REPLI_OK);
    atomic_store(&memory_left, 1);
    DONE_WITH(own, make_again(&own, config, err));
}

int32_t call_repli_agent_start(world *w, repli_error *err) {
    if (w->forked)
        return repli_agent_start(w->host.agent, err);
    MAKE(own);
    DONE_WITH(own, repli_agent_start(own.agent, err));
}

int32_t fail_repli_agent_start_REPLI_ESTATE(world *w, repli_error *err) {
    return repli_agent_start(w->host.agent, err);
}

int32_t call_repli_agent_stop(world *w, repli_error *err) {
    if (w->forked)
        return repli_agent_stop(w->host.agent, 0, err);
    MAKE(own);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    REQUIRE(repli_agent_stop(own.agent, 10000, NULL) == REPLI_OK);
    DONE_WITH(own, repli_agent_stop(own.agent, 10000, err));
}

static atomic_int hangs;

static int32_t hanging_step(void *user_data, const repli_host *host, repli_op *op,
                            const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)user_data, (void)host, (void)op, (void)step, (void)sink, (void)err;
    atomic_store(&hangs, 1);
    while (atomic_load(&hangs))
        pause_ms(1);
    return REPLI_OK;
}

int32_t fail_repli_agent_stop_REPLI_ETIMEOUT(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    repli_action_kind kind = REPLI_ACTION_KIND_INIT;
    kind.kind = "example.com/hang";
    kind.summary = "Does not listen";
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = kind.kind;
    char id[REPLI_UUID_SIZE];
    REQUIRE(party_directory(&own));
    REQUIRE(party_config(&own, &options, &config, NULL) == REPLI_OK);
    REQUIRE(repli_config_add_action(config, &kind, NULL, hanging_step, NULL, NULL) == REPLI_OK);
    REQUIRE(repli_agent_new(config, &own.agent, NULL) == REPLI_OK);
    repli_config_free(config);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    REQUIRE(repli_agent_schedule(own.agent, &request, id, NULL) == REPLI_OK);
    for (int i = 0; i < PARTY_TURNS && !atomic_load(&hangs); i++)
        pause_ms(5);
    const int32_t late = repli_agent_stop(own.agent, 1, err);
    atomic_store(&hangs, 0);
    /* It may be waited for again. */
    REQUIRE(repli_agent_stop(own.agent, 30000, NULL) == REPLI_OK);
    DONE_WITH(own, late);
}

int32_t call_repli_agent_free(world *w, repli_error *err) {
    (void)err;
    repli_agent_free(NULL);
    if (w->forked) {
        repli_agent_free(w->host.agent);
        return REPLI_OK;
    }
    MAKE(own);
    DONE_WITH(own, repli_agent_start(own.agent, NULL));
}

static int32_t reload(repli_agent *agent, const party *where, const char *key, repli_error *err) {
    const party_options options = {.serve = 0};
    repli_config *config = NULL;
    REQUIRE(party_config(where, &options, &config, NULL) == REPLI_OK);
    if (key != NULL)
        REQUIRE(repli_config_set_str(config, key, "other", NULL) == REPLI_OK);
    const int32_t code = repli_agent_reload(agent, config, err);
    repli_config_free(config);
    return code;
}

int32_t call_repli_agent_reload(world *w, repli_error *err) {
    return reload(w->host.agent, &w->host, NULL, err);
}

int32_t fail_repli_agent_reload_REPLI_EINVALID(world *w, repli_error *err) {
    return reload(w->host.agent, &w->host, "node_id", err);
}

int32_t fail_repli_agent_reload_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    REQUIRE(repli_agent_stop(own.agent, 0, NULL) == REPLI_OK);
    DONE_WITH(own, reload(own.agent, &own, NULL, err));
}

static uint64_t never(void *user_data) {
    (void)user_data;
    return UINT64_MAX;
}

int32_t fail_repli_agent_add_source_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.allocator = &some_memory, .run_mode = REPLI_RUN_DISPATCH};
    repli_source *source = UNSET;
    atomic_store(&memory_left, 1000000);
    REQUIRE(party_make(&own, &options, NULL) == REPLI_OK);
    atomic_store(&memory_left, 0);
    const int32_t late = repli_agent_add_source(own.agent, -1, never, NULL, &source, err);
    atomic_store(&memory_left, 1000000);
    REQUIRE(source == UNSET);
    DONE_WITH(own, late);
}

/* The agent itself. */

int32_t call_repli_agent_live(world *w, repli_error *err) {
    return repli_agent_live(w->host.agent, err);
}

int32_t fail_repli_agent_live_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    DONE_WITH(own, repli_agent_live(own.agent, err));
}

int32_t call_repli_agent_ready(world *w, repli_error *err) {
    return repli_agent_ready(w->host.agent, err);
}

int32_t fail_repli_agent_ready_REPLI_ESTATE(world *w, repli_error *err) {
    (void)w;
    MAKE(own);
    DONE_WITH(own, repli_agent_ready(own.agent, err));
}

int32_t fail_repli_agent_ready_REPLI_ENOTREADY(world *w, repli_error *err) {
    (void)w;
    party own;
    const party_options options = {.driver = "{\"calls\": \"node_info\", \"delay_ms\": 1500}"};
    REQUIRE(party_make(&own, &options, NULL) == REPLI_OK);
    REQUIRE(repli_agent_start(own.agent, NULL) == REPLI_OK);
    DONE_WITH(own, repli_agent_ready(own.agent, err));
}

int32_t call_repli_agent_metrics(world *w, repli_error *err) {
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = repli_agent_metrics(w->host.agent, &text, err);
    const int good = code == REPLI_OK ? text.size > 100 : text.data == NULL && text.size == 0;
    repli_buf_dispose(&text);
    REQUIRE(good);
    return code;
}

int32_t fail_repli_agent_metrics_REPLI_ENOMEM(world *w, repli_error *err) {
    repli_buf text = {.allocator = no_memory()};
    const int32_t code = repli_agent_metrics(w->host.agent, &text, err);
    REQUIRE(text.data == NULL && text.size == 0);
    return code;
}

static const char *no_metrics(void *user_data) {
    (void)user_data;
    return NULL;
}

int32_t call_repli_agent_set_metrics(world *w, repli_error *err) {
    return repli_agent_set_metrics(w->host.agent, no_metrics, NULL, err);
}
