/* Many agents in one process, each with memory, log, database and server of its own. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "party.h"

enum { AGENTS = 16, THREADS = 4, LIVES = 3 };

/* Memory that knows whose it is. */
typedef struct purse {
    repli_allocator allocator;
    atomic_long live;
    atomic_long taken;
    atomic_long strangers; /* pieces of others that were given back here */
} purse;

typedef struct piece {
    purse *owner;
    uint64_t pad; /* keeps the alignment of malloc */
} piece;

static void *take(size_t size, void *user_data) {
    purse *self = user_data;
    piece *memory = malloc(sizeof(*memory) + size);
    if (memory == NULL)
        return NULL;
    memory->owner = self;
    atomic_fetch_add(&self->live, 1);
    atomic_fetch_add(&self->taken, 1);
    return memory + 1;
}

static void give(void *ptr, void *user_data) {
    purse *self = user_data;
    if (ptr == NULL)
        return;
    piece *memory = (piece *)ptr - 1;
    if (memory->owner != self)
        atomic_fetch_add(&self->strangers, 1);
    atomic_fetch_sub(&memory->owner->live, 1);
    free(memory);
}

static void *change(void *ptr, size_t size, void *user_data) {
    purse *self = user_data;
    if (ptr == NULL)
        return take(size, user_data);
    if (((piece *)ptr - 1)->owner != self)
        atomic_fetch_add(&self->strangers, 1);
    piece *moved = realloc((piece *)ptr - 1, sizeof(*moved) + size);
    return moved != NULL ? moved + 1 : NULL;
}

/* An agent and what belongs to it alone. */
typedef struct guest {
    purse memory;
    party agent;
    char node_id[32];
    char driver[64];
    pthread_mutex_t mutex; /* guards what the log noted */
    size_t lines;
    char wrong[256]; /* a line that is another's */
} guest;

static guest guests[AGENTS];

/* A line that names a database names that of its own agent. */
static void note(int32_t level, const char *origin, const char *message, void *user_data) {
    guest *self = user_data;
    (void)level;
    pthread_mutex_lock(&self->mutex);
    self->lines++;
    if (strstr(message, "repli-party-") != NULL && strstr(message, self->agent.directory) == NULL)
        snprintf(self->wrong, sizeof(self->wrong), "%s: %s", origin, message);
    pthread_mutex_unlock(&self->mutex);
}

static void guest_init(guest *self, size_t number) {
    *self = (guest){.lines = 0};
    self->memory.allocator = (repli_allocator){.struct_size = sizeof(repli_allocator),
                                               .malloc_fn = take,
                                               .realloc_fn = change,
                                               .free_fn = give,
                                               .user_data = &self->memory};
    pthread_mutex_init(&self->mutex, NULL);
    snprintf(self->node_id, sizeof(self->node_id), "node-%zu", number);
    snprintf(self->driver, sizeof(self->driver), "{\"shard_count\": %zu}", number);
}

static int32_t guest_start(guest *self, repli_error *err) {
    const party_options options = {.allocator = &self->memory.allocator,
                                   .log = note,
                                   .log_data = self,
                                   .node_id = self->node_id,
                                   .driver = self->driver,
                                   .serve = 1};
    return party_start(&self->agent, &options, err);
}

/* 0, or the line of what is not as it should be. */
static int guest_looks_wrong(guest *self, size_t number) {
    repli_snapshot *snapshot;
    if (repli_agent_snapshot(self->agent.agent, &snapshot, NULL) != REPLI_OK)
        return __LINE__;
    const repli_shards *shards = repli_snapshot_shards(snapshot, NULL);
    const int own = strcmp(repli_snapshot_node(snapshot)->node_id, self->node_id) == 0 &&
                    shards != NULL && shards->shard_count == number;
    repli_snapshot_unref(snapshot);
    if (!own)
        return __LINE__;
    if (!party_act(self->agent.agent))
        return __LINE__;
    return party_get(self->agent.port, "/api/unstable/info/shards") == 200 ? 0 : __LINE__;
}

static void guest_end(guest *self) {
    party_end(&self->agent);
    ck_assert_int_gt(atomic_load(&self->memory.taken), 0);
    ck_assert_int_eq(atomic_load(&self->memory.live), 0);
    ck_assert_int_eq(atomic_load(&self->memory.strangers), 0);
    ck_assert_int_gt(self->lines, 0);
    ck_assert_msg(self->wrong[0] == '\0', "the log of %s got %s", self->node_id, self->wrong);
    pthread_mutex_destroy(&self->mutex);
}

static void start_all(size_t count) {
    for (size_t i = 0; i < count; i++) {
        repli_error err = REPLI_ERROR_INIT;
        guest_init(&guests[i], i);
        ck_assert_msg(guest_start(&guests[i], &err) == REPLI_OK, "%s", err.message);
    }
}

static void look_at_all(size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int wrong = guest_looks_wrong(&guests[i], i);
        ck_assert_msg(wrong == 0, "line %d of agent %zu", wrong, i);
    }
}

START_TEST(two_agents_share_nothing) {
    start_all(2);
    look_at_all(2);
    ck_assert_int_eq(repli_agent_stop(guests[0].agent.agent, 10000, NULL), REPLI_OK);
    ck_assert_int_eq(guest_looks_wrong(&guests[1], 1), 0);
    guest_end(&guests[0]);
    ck_assert_int_eq(guest_looks_wrong(&guests[1], 1), 0);
    guest_end(&guests[1]);
}
END_TEST

START_TEST(sixteen_agents_end_in_any_order) {
    start_all(AGENTS);
    look_at_all(AGENTS);
    for (size_t i = 0; i < AGENTS; i++) {
        const size_t next = i * 7 % AGENTS;
        guest_end(&guests[next]);
        const size_t last = (AGENTS - 1) * 7 % AGENTS;
        if (next != last)
            ck_assert_int_eq(guest_looks_wrong(&guests[last], last), 0);
    }
}
END_TEST

typedef struct liver {
    pthread_t thread;
    size_t number;
    int wrong;
} liver;

static void *live(void *argument) {
    liver *self = argument;
    guest *own = &guests[self->number];
    for (int i = 0; i < LIVES && self->wrong == 0; i++) {
        if (guest_start(own, NULL) != REPLI_OK)
            self->wrong = __LINE__;
        else
            self->wrong = guest_looks_wrong(own, self->number);
        party_end(&own->agent);
    }
    return NULL;
}

START_TEST(threads_begin_and_end_agents_at_once) {
    liver livers[THREADS] = {{0}};
    for (size_t i = 0; i < THREADS; i++) {
        guest_init(&guests[i], i);
        livers[i].number = i;
        ck_assert_int_eq(pthread_create(&livers[i].thread, NULL, live, &livers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(livers[i].thread, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_msg(livers[i].wrong == 0, "line %d of agent %zu", livers[i].wrong, i);
        guest_end(&guests[i]);
    }
}
END_TEST

/* Another agent on that path: its code. */
static int32_t another(const char *path) {
    const party_options options = {.node_id = "other"};
    party other = {.agent = NULL};
    snprintf(other.store, sizeof(other.store), "%s", path);
    repli_config *config = NULL;
    ck_assert_int_eq(party_config(&other, &options, &config, NULL), REPLI_OK);
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_new(config, &other.agent, &err);
    repli_config_free(config);
    repli_agent_free(other.agent);
    char own[24];
    snprintf(own, sizeof(own), "process %ld ", (long)getpid());
    if (code == REPLI_EBUSY)
        ck_assert_msg(strstr(err.message, own) != NULL, "%s", err.message);
    return code;
}

START_TEST(one_database_has_one_agent) {
    char linked[128];
    char store[96];
    start_all(1);
    guest *first = &guests[0];
    memcpy(store, first->agent.store, sizeof(store));
    snprintf(linked, sizeof(linked), "%s/link.db", first->agent.directory);
    ck_assert_int_eq(symlink(store, linked), 0);
    ck_assert_int_eq(another(store), REPLI_EBUSY);
    ck_assert_int_eq(another(linked), REPLI_EBUSY);
    ck_assert_int_eq(guest_looks_wrong(first, 0), 0);
    /* Stopped, it still owns it: what is there can be looked up. */
    ck_assert_int_eq(repli_agent_stop(first->agent.agent, 10000, NULL), REPLI_OK);
    ck_assert_int_eq(another(store), REPLI_EBUSY);
    repli_http_server_free(first->agent.server, 0);
    first->agent.server = NULL;
    repli_agent_free(first->agent.agent);
    first->agent.agent = NULL;
    ck_assert_int_eq(another(linked), REPLI_OK);
    guest_end(first);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("many");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, two_agents_share_nothing);
    tcase_add_test(tcase, sixteen_agents_end_in_any_order);
    tcase_add_test(tcase, threads_begin_and_end_agents_at_once);
    tcase_add_test(tcase, one_database_has_one_agent);
    Suite *suite = suite_create("many agents");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
