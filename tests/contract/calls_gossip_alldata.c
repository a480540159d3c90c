#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

/* Membership. */

static int32_t open_gossip(const char *id, const repli_allocator *allocator, alldata_gossip **ret,
                           repli_error *err) {
    char own_id[64];
    char listen[] = "127.0.0.1:0";
    char seed[] = "127.0.0.1:9";
    char zone[] = "A";
    const char *seeds[] = {seed};
    snprintf(own_id, sizeof(own_id), "%s", id);
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    options.id = own_id;
    options.listen = listen;
    options.seeds = seeds;
    options.seed_count = 1;
    options.http_port = 8881;
    options.zone = zone;
    const int32_t code = alldata_gossip_new(&options, allocator, ret, err);
    SCRIBBLE(own_id);
    SCRIBBLE(listen);
    SCRIBBLE(seed);
    SCRIBBLE(zone);
    SCRIBBLE(options);
    return code;
}

static int32_t make_gossip(const char *id, const repli_allocator *allocator, repli_error *err) {
    alldata_gossip *gossip = UNSET;
    const int32_t code = open_gossip(id, allocator, &gossip, err);
    if (code != REPLI_OK) {
        REQUIRE(gossip == UNSET);
        return code;
    }
    REQUIRE(alldata_gossip_port(gossip) > 0);
    REQUIRE(alldata_gossip_fd(gossip) >= 0);
    alldata_gossip_free(gossip);
    return code;
}

int32_t call_alldata_gossip_new(world *w, repli_error *err) {
    (void)w;
    return make_gossip("ad1", NULL, err);
}

int32_t fail_alldata_gossip_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return make_gossip("constructor", NULL, err);
}

int32_t fail_alldata_gossip_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    return make_gossip("ad1", no_memory(), err);
}

int32_t fail_alldata_gossip_new_REPLI_EBUSY(world *w, repli_error *err) {
    char listen[32];
    alldata_gossip *gossip = UNSET;
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", (int)alldata_gossip_port(w->gossip));
    options.id = "ad2";
    options.listen = listen;
    const int32_t code = alldata_gossip_new(&options, NULL, &gossip, err);
    REQUIRE(gossip == UNSET);
    return code;
}

int32_t fail_alldata_gossip_new_REPLI_EIO(world *w, repli_error *err) {
    (void)w;
    alldata_gossip *gossip = UNSET;
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    options.id = "ad2";
    /* For documentation, and so on no machine. */
    options.listen = "192.0.2.1:0";
    const int32_t code = alldata_gossip_new(&options, NULL, &gossip, err);
    REQUIRE(gossip == UNSET);
    return code;
}

int32_t call_alldata_gossip_free(world *w, repli_error *err) {
    alldata_gossip_free(NULL);
    if (!w->forked)
        return call_alldata_gossip_new(w, err);
    alldata_gossip_free(w->gossip);
    return REPLI_OK;
}

/* Driving. */

typedef int32_t (*use_fn)(alldata_gossip *gossip, repli_error *err);

static int32_t use_own(world *w, use_fn use, repli_error *err) {
    alldata_gossip *gossip = NULL;
    if (w->forked)
        return use(w->gossip, err);
    REQUIRE(open_gossip("ad3", NULL, &gossip, NULL) == REPLI_OK);
    const int32_t code = use(gossip, err);
    alldata_gossip_free(gossip);
    return code;
}

static int32_t dispatch_twice(alldata_gossip *gossip, repli_error *err) {
    const int32_t code = alldata_gossip_dispatch(gossip, err);
    return code == REPLI_OK ? alldata_gossip_dispatch(gossip, err) : code;
}

static int32_t start_twice(alldata_gossip *gossip, repli_error *err) {
    const int32_t code = alldata_gossip_start(gossip, err);
    return code == REPLI_OK ? alldata_gossip_start(gossip, err) : code;
}

static int32_t dispatch_started(alldata_gossip *gossip, repli_error *err) {
    const int32_t code = alldata_gossip_start(gossip, err);
    return code == REPLI_OK ? alldata_gossip_dispatch(gossip, err) : code;
}

int32_t call_alldata_gossip_start(world *w, repli_error *err) {
    return use_own(w, alldata_gossip_start, err);
}

int32_t fail_alldata_gossip_start_REPLI_ESTATE(world *w, repli_error *err) {
    return use_own(w, start_twice, err);
}

int32_t call_alldata_gossip_dispatch(world *w, repli_error *err) {
    return use_own(w, dispatch_twice, err);
}

int32_t fail_alldata_gossip_dispatch_REPLI_ESTATE(world *w, repli_error *err) {
    return use_own(w, dispatch_started, err);
}

/* From an event, of its own: a reference node that is not there brings none, so one of ours does.
 */
typedef struct nested {
    alldata_gossip *gossip;
    repli_error *err;
    int32_t code;
} nested;

static void dispatch_within(const alldata_gossip_event *event, void *user_data) {
    nested *within = user_data;
    (void)event;
    within->code = alldata_gossip_dispatch(within->gossip, within->err);
}

int32_t fail_alldata_gossip_dispatch_REPLI_EBUSY(world *w, repli_error *err) {
    (void)w;
    nested within = {.err = err, .code = REPLI_OK};
    alldata_gossip *other = NULL;
    char seed[32];
    const char *seeds[] = {seed};
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    REQUIRE(open_gossip("ad4", NULL, &other, NULL) == REPLI_OK);
    snprintf(seed, sizeof(seed), "127.0.0.1:%d", (int)alldata_gossip_port(other));
    options.id = "ad5";
    options.listen = "127.0.0.1:0";
    options.seeds = seeds;
    options.seed_count = 1;
    options.round_ms = 50;
    options.event = dispatch_within;
    options.event_data = &within;
    REQUIRE(alldata_gossip_new(&options, NULL, &within.gossip, NULL) == REPLI_OK);
    for (int i = 0; i < 10000 && within.code == REPLI_OK; i++) {
        struct pollfd fds[2] = {{.fd = alldata_gossip_fd(other), .events = POLLIN},
                                {.fd = alldata_gossip_fd(within.gossip), .events = POLLIN}};
        poll(fds, 2, 1000);
        alldata_gossip_dispatch(other, NULL);
        alldata_gossip_dispatch(within.gossip, NULL);
    }
    alldata_gossip_free(within.gossip);
    alldata_gossip_free(other);
    return within.code;
}

int32_t call_alldata_gossip_fd(world *w, repli_error *err) {
    (void)err;
    REQUIRE((alldata_gossip_fd(w->gossip) == -1) == w->forked);
    return REPLI_OK;
}

int32_t call_alldata_gossip_deadline(world *w, repli_error *err) {
    (void)err;
    REQUIRE((alldata_gossip_deadline(w->gossip) == UINT64_MAX) == w->forked);
    return REPLI_OK;
}

int32_t call_alldata_gossip_port(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_gossip_port(w->gossip) > 0);
    return REPLI_OK;
}

/* Keys and peers. */

static int32_t set(world *w, const char *key, const char *json, repli_error *err) {
    char own_key[128];
    char own_json[64];
    snprintf(own_key, sizeof(own_key), "%s", key);
    snprintf(own_json, sizeof(own_json), "%s", json);
    const int32_t code = alldata_gossip_set(w->gossip, own_key, own_json, strlen(own_json), err);
    SCRIBBLE(own_key);
    SCRIBBLE(own_json);
    return code;
}

int32_t call_alldata_gossip_set(world *w, repli_error *err) {
    return set(w, "weight", "{ \"is\" : 1 }", err);
}

int32_t fail_alldata_gossip_set_REPLI_EINVALID(world *w, repli_error *err) {
    return set(w, "weight", "null", err);
}

int32_t fail_alldata_gossip_set_REPLI_EFULL(world *w, repli_error *err) {
    int32_t code = REPLI_OK;
    for (int i = 0; i < 5 && code == REPLI_OK; i++) {
        char key[16];
        snprintf(key, sizeof(key), "full%d", i);
        code = set(w, key, "1", err);
    }
    return code;
}

int32_t call_alldata_gossip_get(world *w, repli_error *err) {
    repli_buf json = REPLI_BUF_INIT;
    const int32_t code = alldata_gossip_get(w->gossip, "ad1", "location", &json, err);
    REQUIRE((json.size > 0) == (code == REPLI_OK));
    REQUIRE(code != REPLI_OK || strcmp(json.data, "{\"zone\":\"A\"}") == 0);
    repli_buf_dispose(&json);
    return code;
}

int32_t fail_alldata_gossip_get_REPLI_ENOTFOUND(world *w, repli_error *err) {
    repli_buf json = REPLI_BUF_INIT;
    const int32_t code = alldata_gossip_get(w->gossip, "nobody", "location", &json, err);
    REQUIRE(json.size == 0);
    return code;
}

int32_t fail_alldata_gossip_get_REPLI_EINVALID(world *w, repli_error *err) {
    repli_buf json = REPLI_BUF_INIT;
    return alldata_gossip_get(w->gossip, NULL, "location", &json, err);
}

int32_t fail_alldata_gossip_get_REPLI_ENOMEM(world *w, repli_error *err) {
    repli_buf json = {NULL, 0, 0, no_memory()};
    return alldata_gossip_get(w->gossip, "ad1", "location", &json, err);
}

static int32_t count_peer(const alldata_peer *peer, void *user_data) {
    (void)peer;
    (*(int *)user_data)++;
    return 0;
}

int32_t call_alldata_gossip_peers(world *w, repli_error *err) {
    int count = 0;
    const int32_t code = alldata_gossip_peers(w->gossip, count_peer, &count, err);
    REQUIRE(count == 0);
    return code;
}

int32_t call_alldata_gossip_count(world *w, repli_error *err) {
    alldata_gossip_counters counters = ALLDATA_GOSSIP_COUNTERS_INIT;
    const int32_t code = alldata_gossip_count(w->gossip, &counters, err);
    REQUIRE(counters.live == 0);
    return code;
}

int32_t gossip_begin(world *w, repli_error *err) {
    return open_gossip("ad1", NULL, &w->gossip, err);
}

void gossip_end(world *w) {
    alldata_gossip_free(w->gossip);
}
