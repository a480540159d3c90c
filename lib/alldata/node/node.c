#include "alldata/node/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alldata/system.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"

int32_t alldata__node_check(const alldata_node *node, repli_error *err) {
    return alldata__owner_check(&node->owner, ALLDATA__NODE, err);
}

/* The host's log is told one thing at a time, whichever part speaks. */
static void forward(int32_t level, const char *origin, const char *message, void *user_data) {
    repli__log_printf(user_data, level, origin, "%s", message);
}

/* Chores: what is done a piece at a time, beside everything else. */

static uint64_t work(void *user_data) {
    alldata_node *node = user_data;
    if (atomic_load(&node->stopping))
        return UINT64_MAX;
    const uint64_t tally_ns = alldata__tally_work(&node->tally);
    const uint64_t clocks_ns = alldata__clocks_work(node);
    return tally_ns < clocks_ns ? tally_ns : clocks_ns;
}

static void take_closed(void *user_data, const char *interval) {
    alldata_node *node = user_data;
    if (atomic_load(&node->tallies))
        alldata__tally_closed(&node->tally, interval);
}

/* The directory. */

static int32_t nomem(repli_error *err) {
    return repli__error_nomem(err, ALLDATA__NODE, "making a node");
}

static char *path_of(const alldata_node *node, const char *location, const char *name) {
    const size_t size = strlen(location) + strlen(name) + 2;
    char *path = repli__alloc(&node->mem, size);
    if (path != NULL)
        snprintf(path, size, "%s/%s", location, name);
    return path;
}

/* So that no second process takes the same directory for its own. A child made by fork() does not
 * keep it. */
static int32_t lock(alldata_node *node, const char *location, repli_error *err) {
    char *path = path_of(node, location, "lock");
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int32_t code = REPLI_OK;
    if (path == NULL)
        return nomem(err);
    node->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (node->lock < 0)
        code = alldata__system_error(err, ALLDATA__NODE, "open", path);
    else if (fcntl(node->lock, F_SETLK, &whole) != 0)
        code = errno == EACCES || errno == EAGAIN
                   ? repli__error(err, REPLI_EBUSY, ALLDATA__NODE,
                                  "another process has the directory %.300s: end it, or give this "
                                  "node another",
                                  location)
                   : alldata__system_error(err, ALLDATA__NODE, "lock", path);
    repli__free(&node->mem, path);
    return code;
}

static int32_t open_storage(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    alldata_storage_options options = ALLDATA_STORAGE_OPTIONS_INIT;
    char *events = o->events == NULL ? path_of(node, o->location, "events") : NULL;
    if (o->events == NULL && events == NULL)
        return nomem(err);
    options.run_mode = o->run_mode;
    options.put_flags = o->put_flags;
    options.log_level = o->log_level;
    options.location = o->events != NULL ? o->events : events;
    options.interval = o->interval;
    options.module = o->module;
    options.settings = o->settings;
    options.setting_count = o->setting_count;
    options.clock = o->clock;
    options.clock_data = o->clock_data;
    options.closed = take_closed;
    options.closed_data = node;
    options.log = forward;
    options.log_data = &node->log;
    const int32_t code = alldata_storage_new(&options, &node->mem, &node->storage, err);
    repli__free(&node->mem, events);
    return code;
}

/* Who it is, once nobody else can be in the directory. */
static int32_t identify(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    node->identity_path = path_of(node, o->location, "node");
    node->tally_path = path_of(node, o->location, "counts");
    if (node->identity_path == NULL || node->tally_path == NULL)
        return nomem(err);
    int32_t code = lock(node, o->location, err);
    if (code == REPLI_OK)
        code = alldata__identity_open(&node->mem, node->identity_path, o->id,
                                      o->cluster != NULL ? o->cluster : "alldata", &node->identity,
                                      err);
    return code;
}

static int32_t open_directory(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    if (mkdir(o->location, 0777) != 0 && errno != EEXIST)
        return alldata__system_error(err, ALLDATA__NODE, "make the directory", o->location);
    int32_t code = open_storage(node, o, err);
    if (code == REPLI_OK)
        code = identify(node, o, err);
    if (code != REPLI_OK)
        return code;
    code = alldata__digests_new(node->storage, &node->mem, &node->digests, err);
    if (code != REPLI_OK)
        return code;
    code = alldata__tally_init(&node->tally, &node->mem, &node->log, node->storage, node->digests,
                               node->tally_path, err);
    atomic_store(&node->tallies, code == REPLI_OK);
    return code;
}

/* Its parts. */

/* Keys go on after the last, even if the clock was set back since. */
static int32_t make_keygen(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    char after[ALLDATA_KEY_SIZE] = "";
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    repli_error error = REPLI_ERROR_INIT;
    options.node = node->identity.number;
    options.clock = o->clock;
    options.clock_data = o->clock_data;
    const int32_t code = alldata_storage_last_key(node->storage, options.node, after, &error);
    if (code == REPLI_OK)
        options.after = after;
    else if (code != REPLI_ENOTFOUND)
        return repli__error_copy(err, &error);
    return alldata_keygen_new(&options, &node->mem, &node->keygen, err);
}

static int32_t make_gossip(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    alldata_gossip_options options = ALLDATA_GOSSIP_OPTIONS_INIT;
    options.http_port = o->http_port;
    options.id = node->identity.id;
    options.listen = o->gossip_listen;
    options.advertise = o->gossip_advertise;
    options.seeds = o->seeds;
    options.seed_count = o->seed_count;
    options.http_host = o->http_host;
    options.zone = o->zone;
    options.region = o->region;
    options.round_ms = o->round_ms;
    options.event = alldata__members_hear;
    options.event_data = node;
    options.log = forward;
    options.log_data = &node->log;
    options.log_level = o->log_level;
    const int32_t code = alldata_gossip_new(&options, &node->mem, &node->gossip, err);
    return code == REPLI_OK ? alldata__members_begin(node, o->http_port, err) : code;
}

static int32_t make_coordinator(alldata_node *node, const alldata_node_options *o,
                                repli_error *err) {
    alldata_coordinator_options options = ALLDATA_COORDINATOR_OPTIONS_INIT;
    char *hints = node->gossip != NULL ? path_of(node, o->location, "hints") : NULL;
    if (node->gossip != NULL && hints == NULL)
        return nomem(err);
    options.run_mode = o->run_mode;
    options.storage = node->storage;
    options.keygen = node->keygen;
    options.transport = node->transport;
    options.id = node->identity.id;
    options.zone = o->zone;
    options.region = o->region;
    options.replication_factor = o->replication_factor;
    options.other_zones = o->other_zones;
    options.other_regions = o->other_regions;
    options.commit = o->commit;
    options.timeout_ms = o->timeout_ms;
    options.peer_timeout_ms = o->peer_timeout_ms;
    options.max_waiting_bytes = o->max_waiting_bytes;
    options.hints = hints;
    options.log = forward;
    options.log_data = &node->log;
    options.log_level = o->log_level;
    const int32_t code = alldata_coordinator_new(&options, &node->mem, &node->coordinator, err);
    repli__free(&node->mem, hints);
    return code;
}

static int32_t make_repair(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    const alldata__repair_options options = {
        .storage = node->storage,
        .digests = node->digests,
        .transport = node->transport,
        .id = node->identity.id,
        .zone = o->zone,
        .region = o->region,
        .replication_factor = o->replication_factor,
        .other_zones = o->other_zones,
        .other_regions = o->other_regions,
        .interval_ms = o->repair_interval_ms,
        .settle_ms = o->repair_settle_ms,
        .bytes_per_s = o->repair_bytes_per_s,
        .clock = o->clock,
        .clock_data = o->clock_data,
        .ring = o->run_mode == ALLDATA_RUN_DISPATCH ? alldata__drive_ring : NULL,
        .ring_data = node,
        .log = forward,
        .log_data = &node->log,
        .log_level = o->log_level,
    };
    return alldata__repair_new(&options, &node->mem, &node->repair, err);
}

static int32_t make_chores(alldata_node *node, repli_error *err) {
    const int32_t code = repli__worker_init(&node->chores, "alldata-node", work, node, err);
    node->has_chores = code == REPLI_OK;
    if (node->has_chores && node->run_mode == ALLDATA_RUN_DISPATCH)
        repli__worker_drive(&node->chores, alldata__drive_ring, node);
    return code;
}

static int32_t copy_texts(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    node->location = repli__strdup(&node->mem, o->location);
    node->zone = repli__strdup(&node->mem, o->zone);
    node->region = repli__strdup(&node->mem, o->region);
    node->http_host = repli__strdup(&node->mem, o->http_host);
    if (node->location == NULL || (node->zone == NULL) != (o->zone == NULL) ||
        (node->region == NULL) != (o->region == NULL) ||
        (node->http_host == NULL) != (o->http_host == NULL))
        return nomem(err);
    return REPLI_OK;
}

static int32_t make_parts(alldata_node *node, const alldata_node_options *o, repli_error *err) {
    int32_t code = copy_texts(node, o, err);
    if (code == REPLI_OK)
        code = open_directory(node, o, err);
    if (code == REPLI_OK)
        code = make_keygen(node, o, err);
    if (code == REPLI_OK && o->gossip_listen != NULL)
        code = make_gossip(node, o, err);
    if (code == REPLI_OK)
        code = make_coordinator(node, o, err);
    if (code == REPLI_OK && node->gossip != NULL)
        code = make_repair(node, o, err);
    if (code == REPLI_OK)
        code = make_chores(node, err);
    if (code == REPLI_OK && node->run_mode == ALLDATA_RUN_DISPATCH)
        code = alldata__drive_open(node, err);
    return code;
}

/* Life. */

static void set_defaults(alldata_node_options *o) {
    if (o->replication_factor == 0)
        o->replication_factor = 1;
    if (o->repair_interval_ms == 0)
        o->repair_interval_ms = 60000;
    if (o->repair_settle_ms == 0)
        o->repair_settle_ms = 5000;
    if (o->log_level == 0)
        o->log_level = REPLI_LOG_INFO;
}

int32_t alldata_node_new(const alldata_node_options *options, const repli_allocator *allocator,
                         alldata_node **ret_node, repli_error *err) {
    alldata_node_options own;
    if (options == NULL || repli__sized(options) < REPLI__SIZE_TO(alldata_node_options, reserved2))
        return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                            "the options are missing or too small: initialise them with "
                            "ALLDATA_NODE_OPTIONS_INIT");
    repli__sized_copy(&own, sizeof(own), options);
    set_defaults(&own);
    int32_t code = alldata__node_options_check(&own, err);
    if (code != REPLI_OK)
        return code;
    repli__mem mem;
    repli__mem_init(&mem, allocator);
    alldata_node *node = repli__calloc(&mem, 1, sizeof(*node));
    if (node == NULL)
        return nomem(err);
    node->mem = mem;
    node->run_mode = own.run_mode;
    node->replication_factor = own.replication_factor;
    node->transport = own.gossip_listen != NULL ? own.transport : NULL;
    node->started_ns = repli__wall_ns();
    node->lock = node->epoll_fd = node->event_fd = node->timer_fd = -1;
    alldata__owner_init(&node->owner);
    pthread_mutex_init(&node->dispatching, NULL);
    pthread_mutex_init(&node->mutex, NULL);
    repli__log_init(&node->log);
    repli__log_set(&node->log, own.log_level, own.log, own.log_data);
    code = make_parts(node, &own, err);
    if (code != REPLI_OK) {
        alldata_node_free(node);
        return code;
    }
    *ret_node = node;
    return REPLI_OK;
}

static int32_t start_parts(alldata_node *node, repli_error *err) {
    int32_t code = repli__worker_start(&node->chores, err);
    if (code == REPLI_OK && node->repair != NULL)
        code = alldata__repair_start(node->repair, err);
    if (code == REPLI_OK && node->gossip != NULL && node->run_mode == ALLDATA_RUN_THREADS)
        code = alldata_gossip_start(node->gossip, err);
    return code;
}

int32_t alldata_node_start(alldata_node *node, repli_error *err) {
    int32_t code = alldata__node_check(node, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_lock(&node->mutex);
    const int started = node->started;
    node->started = 1;
    pthread_mutex_unlock(&node->mutex);
    if (started)
        return repli__error(err, REPLI_ESTATE, ALLDATA__NODE, "this node was started before");
    return start_parts(node, err);
}

static void stop_chores(alldata_node *node) {
    atomic_store(&node->stopping, 1);
    if (!node->has_chores)
        return;
    repli__worker_quit(&node->chores);
    repli__worker_join(&node->chores, UINT64_MAX);
    repli__worker_dispose(&node->chores);
}

/* Whoever tells others ends before those it tells. */
static void free_parts(alldata_node *node) {
    const int is_self = alldata__owner_is_self(&node->owner);
    if (is_self)
        stop_chores(node);
    alldata_gossip_free(node->gossip);
    if (is_self)
        alldata__repair_free(node->repair);
    alldata_coordinator_free(node->coordinator);
    alldata__tally_stop(&node->tally);
    /* The numbers must not be of more than what is on disk. */
    const int keeps = is_self && atomic_load(&node->tallies) &&
                      alldata_storage_sync(node->storage, NULL) == REPLI_OK;
    alldata__digests_free(node->digests);
    alldata_storage_free(node->storage);
    alldata__tally_dispose(&node->tally, keeps);
    alldata_keygen_free(node->keygen);
    alldata__drive_close(node);
    if (node->lock >= 0)
        close(node->lock);
}

void alldata_node_free(alldata_node *node) {
    if (node == NULL)
        return;
    const repli__mem mem = node->mem;
    free_parts(node);
    repli__free(&mem, node->location);
    repli__free(&mem, node->gossip_text);
    for (size_t i = 0; i < node->place_count; i++)
        repli__free(&mem, node->places[i]);
    repli__free(&mem, node->places);
    repli__free(&mem, node->zone);
    repli__free(&mem, node->region);
    repli__free(&mem, node->http_host);
    repli__free(&mem, node->identity_path);
    repli__free(&mem, node->tally_path);
    pthread_mutex_destroy(&node->dispatching);
    pthread_mutex_destroy(&node->mutex);
    repli__log_dispose(&node->log);
    alldata__owner_dispose(&node->owner);
    repli__free(&mem, node);
}
