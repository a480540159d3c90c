#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

/* Coordinator. Its storage's clock stands at noon, so puts bring a key of then. */

enum { ROOM = 4096 };

/* A network that nobody can be reached by. */

static int32_t begin_nothing(void *self, const alldata_call *request, repli_error *err) {
    (void)self;
    (void)request;
    if (err != NULL)
        err->code = REPLI_EREFUSED;
    return REPLI_EREFUSED;
}

static void cancel_nothing(void *self, void *user_data) {
    (void)self;
    (void)user_data;
}

static const alldata_transport nowhere_to = {
    .struct_size = sizeof(nowhere_to), .begin = begin_nothing, .cancel = cancel_nothing};

static int32_t open_coordinator(const world *w, int32_t mode, int32_t factor,
                                const repli_allocator *allocator, alldata_coordinator **ret,
                                repli_error *err) {
    char id[] = "ad1";
    char zone[] = "A";
    alldata_coordinator_options options = ALLDATA_COORDINATOR_OPTIONS_INIT;
    options.run_mode = mode;
    options.storage = w->events;
    options.keygen = w->keygen;
    options.replication_factor = factor;
    options.max_waiting_bytes = ROOM;
    options.transport = &nowhere_to;
    options.id = id;
    options.zone = zone;
    const int32_t code = alldata_coordinator_new(&options, allocator, ret, err);
    SCRIBBLE(id);
    SCRIBBLE(zone);
    SCRIBBLE(options);
    return code;
}

static int32_t make_coordinator(const world *w, int32_t factor, const repli_allocator *allocator,
                                repli_error *err) {
    alldata_coordinator *coordinator = UNSET;
    const int32_t code =
        open_coordinator(w, ALLDATA_RUN_DISPATCH, factor, allocator, &coordinator, err);
    REQUIRE((coordinator == UNSET) == (code != REPLI_OK));
    if (code == REPLI_OK)
        alldata_coordinator_free(coordinator);
    return code;
}

int32_t call_alldata_coordinator_new(world *w, repli_error *err) {
    return make_coordinator(w, 1, NULL, err);
}

int32_t fail_alldata_coordinator_new_REPLI_EINVALID(world *w, repli_error *err) {
    return make_coordinator(w, 16, NULL, err);
}

int32_t fail_alldata_coordinator_new_REPLI_ENOMEM(world *w, repli_error *err) {
    return make_coordinator(w, 1, no_memory(), err);
}

/* Where there are hints of another, or no place for any. */
static int32_t open_hints(const world *w, const char *path, repli_error *err) {
    alldata_coordinator *coordinator = UNSET;
    alldata_coordinator_options options = ALLDATA_COORDINATOR_OPTIONS_INIT;
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.storage = w->events;
    options.keygen = w->keygen;
    options.hints = path;
    const int32_t code = alldata_coordinator_new(&options, NULL, &coordinator, err);
    if (code == REPLI_OK)
        alldata_coordinator_free(coordinator);
    REQUIRE(code == REPLI_OK || coordinator == UNSET);
    return code;
}

int32_t fail_alldata_coordinator_new_REPLI_EBUSY(world *w, repli_error *err) {
    char path[256];
    snprintf(path, sizeof(path), "%s/events/20261121T120000", w->host.directory);
    return open_hints(w, path, err);
}

int32_t fail_alldata_coordinator_new_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return open_hints(w, "/nowhere/to/be/found", err);
}

int32_t call_alldata_coordinator_free(world *w, repli_error *err) {
    alldata_coordinator_free(NULL);
    if (!w->forked)
        return call_alldata_coordinator_new(w, err);
    alldata_coordinator_free(w->coordinator);
    return REPLI_OK;
}

/* Puts. */

typedef struct answer {
    int32_t code;
    int replicas;
    size_t count;
} answer;

static void take(void *user_data, const alldata_put_result *results, size_t count) {
    answer *to = user_data;
    to->count += count;
    to->code = results[0].code;
    to->replicas = results[0].replicas;
}

/* Another thread may dispatch as well. */
static int32_t put(const world *w, alldata_coordinator *coordinator, size_t size, answer *ret,
                   repli_error *err) {
    char key[] = "20261121T123100000000000099";
    char event[ROOM];
    alldata_put given = ALLDATA_PUT_INIT;
    (void)w;
    memset(event, '1', sizeof(event));
    given.key = key;
    given.event = event;
    given.event_size = size;
    const int32_t code = alldata_coordinator_put(coordinator, &given, 1, take, ret, err);
    SCRIBBLE(key);
    SCRIBBLE(event);
    SCRIBBLE(given);
    return code;
}

static int32_t store(const world *w, alldata_coordinator *coordinator, size_t size, answer *ret,
                     repli_error *err) {
    char key[] = "20261121T123200000000000099";
    char event[ROOM];
    alldata_record given = ALLDATA_RECORD_INIT;
    (void)w;
    memset(event, '1', sizeof(event));
    given.key = key;
    given.key_size = ALLDATA_KEY_LENGTH;
    given.event = event;
    given.event_size = size;
    const int32_t code = alldata_coordinator_store(coordinator, &given, 1, 0, take, ret, err);
    SCRIBBLE(key);
    SCRIBBLE(event);
    SCRIBBLE(given);
    return code;
}

typedef int32_t (*put_fn)(const world *w, alldata_coordinator *coordinator, size_t size,
                          answer *ret, repli_error *err);

static int32_t use(world *w, put_fn act, size_t size, repli_error *err) {
    answer got = {.code = REPLI_EINTERNAL};
    alldata_coordinator *own = NULL;
    if (w->forked)
        return act(w, w->coordinator, size, &got, err);
    REQUIRE(open_coordinator(w, ALLDATA_RUN_DISPATCH, 1, NULL, &own, NULL) == REPLI_OK);
    const int32_t code = act(w, own, size, &got, err);
    for (int i = 0; code == REPLI_OK && got.count == 0 && i < 100; i++) {
        struct pollfd fd = {.fd = alldata_coordinator_fd(own), .events = POLLIN};
        poll(&fd, 1, 1000);
        alldata_coordinator_dispatch(own, NULL);
    }
    alldata_coordinator_free(own);
    REQUIRE(code != REPLI_OK || (got.count == 1 && got.code == REPLI_OK && got.replicas == 1));
    REQUIRE(code == REPLI_OK || got.count == 0);
    return code;
}

int32_t call_alldata_coordinator_put(world *w, repli_error *err) {
    return use(w, put, 9, err);
}

int32_t fail_alldata_coordinator_put_REPLI_EINVALID(world *w, repli_error *err) {
    return alldata_coordinator_put(w->coordinator, NULL, 1, take, NULL, err);
}

int32_t fail_alldata_coordinator_put_REPLI_EFULL(world *w, repli_error *err) {
    return use(w, put, ROOM, err);
}

int32_t call_alldata_coordinator_store(world *w, repli_error *err) {
    return use(w, store, 9, err);
}

int32_t fail_alldata_coordinator_store_REPLI_EINVALID(world *w, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    return alldata_coordinator_store(w->coordinator, &record, 1, 1u << 7, take, NULL, err);
}

int32_t fail_alldata_coordinator_store_REPLI_EFULL(world *w, repli_error *err) {
    return use(w, store, ROOM, err);
}

int32_t call_alldata_coordinator_count(world *w, repli_error *err) {
    alldata_coordinator_counters counters = ALLDATA_COORDINATOR_COUNTERS_INIT;
    const int32_t code = alldata_coordinator_count(w->coordinator, &counters, err);
    REQUIRE(counters.waiting == 0 && counters.struct_size == sizeof(counters));
    return code;
}

/* Peers. */

static int32_t set_peer(const world *w, const char *id, repli_error *err) {
    char own[16];
    char host[] = "127.0.0.1";
    snprintf(own, sizeof(own), "%s", id);
    alldata_peer peer = {.struct_size = sizeof(peer),
                         .state = ALLDATA_PEER_DEAD,
                         .id = own,
                         .http_host = host,
                         .http_port = 9,
                         .native = 1};
    const int32_t code = alldata_coordinator_set_peer(w->coordinator, &peer, err);
    SCRIBBLE(own);
    SCRIBBLE(host);
    SCRIBBLE(peer);
    return code;
}

int32_t call_alldata_coordinator_set_peer(world *w, repli_error *err) {
    return set_peer(w, "ad2", err);
}

int32_t fail_alldata_coordinator_set_peer_REPLI_EINVALID(world *w, repli_error *err) {
    return set_peer(w, "ad1", err);
}

int32_t call_alldata_coordinator_drop_peer(world *w, repli_error *err) {
    char id[16];
    if (w->forked)
        return alldata_coordinator_drop_peer(w->coordinator, "ad2", 1, err);
    /* Of several threads, each has its own. */
    snprintf(id, sizeof(id), "%p", (void *)id);
    const int32_t code = set_peer(w, id, err);
    return code == REPLI_OK ? alldata_coordinator_drop_peer(w->coordinator, id, 1, err) : code;
}

int32_t fail_alldata_coordinator_drop_peer_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return alldata_coordinator_drop_peer(w->coordinator, "ad9", 0, err);
}

int32_t call_alldata_coordinator_hints(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_coordinator_hints(w->coordinator, NULL) == 0);
    REQUIRE(alldata_coordinator_hints(w->coordinator, "ad9") == 0);
    return REPLI_OK;
}

int32_t call_alldata_coordinator_cork(world *w, repli_error *err) {
    (void)err;
    alldata_coordinator_cork(w->coordinator);
    alldata_coordinator_uncork(w->coordinator);
    return REPLI_OK;
}

int32_t call_alldata_coordinator_uncork(world *w, repli_error *err) {
    return call_alldata_coordinator_cork(w, err);
}

int32_t call_alldata_coordinator_uncork_and_write(world *w, repli_error *err) {
    (void)err;
    alldata_coordinator_cork(w->coordinator);
    alldata_coordinator_uncork_and_write(w->coordinator);
    return REPLI_OK;
}

/* Driving. */

int32_t call_alldata_coordinator_fd(world *w, repli_error *err) {
    (void)err;
    REQUIRE((alldata_coordinator_fd(w->coordinator) == -1) == w->forked);
    return REPLI_OK;
}

int32_t call_alldata_coordinator_deadline(world *w, repli_error *err) {
    (void)err;
    REQUIRE(!w->forked || alldata_coordinator_deadline(w->coordinator) == UINT64_MAX);
    return REPLI_OK;
}

int32_t call_alldata_coordinator_dispatch(world *w, repli_error *err) {
    alldata_coordinator *own = NULL;
    if (w->forked)
        return alldata_coordinator_dispatch(w->coordinator, err);
    REQUIRE(open_coordinator(w, ALLDATA_RUN_DISPATCH, 1, NULL, &own, NULL) == REPLI_OK);
    const int32_t code = alldata_coordinator_dispatch(own, err);
    alldata_coordinator_free(own);
    return code;
}

int32_t fail_alldata_coordinator_dispatch_REPLI_ESTATE(world *w, repli_error *err) {
    alldata_coordinator *own = NULL;
    REQUIRE(open_coordinator(w, ALLDATA_RUN_THREADS, 1, NULL, &own, NULL) == REPLI_OK);
    const int32_t code = alldata_coordinator_dispatch(own, err);
    alldata_coordinator_free(own);
    return code;
}

int32_t coordinator_begin(world *w, repli_error *err) {
    return open_coordinator(w, ALLDATA_RUN_DISPATCH, 1, NULL, &w->coordinator, err);
}

void coordinator_end(world *w) {
    alldata_coordinator_free(w->coordinator);
}
