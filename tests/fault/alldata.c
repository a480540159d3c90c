#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <alldata/nats.h>

#include "operation.h"

/* Key generator. */

static int32_t make_keygen(world *w, repli_error *err) {
    alldata_keygen *keygen;
    const int32_t code = alldata_keygen_new(NULL, &w->memory, &keygen, err);
    if (code == REPLI_OK)
        w->made = keygen;
    return code;
}

static int32_t make_key(world *w, repli_error *err) {
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.node = 1;
    alldata_keygen *keygen;
    char key[ALLDATA_KEY_SIZE];
    int32_t code = alldata_keygen_new(&options, &w->memory, &keygen, err);
    if (code != REPLI_OK)
        return code;
    code = alldata_keygen_set_node(keygen, 2, err);
    if (code == REPLI_OK)
        code = alldata_keygen_next(keygen, key, err);
    EXPECT(w, code != REPLI_OK || alldata_key_validate(key, strlen(key), NULL) == REPLI_OK);
    EXPECT(w, alldata_keygen_node(keygen) == 2);
    alldata_keygen_free(keygen);
    return code;
}

static void drop_keygen(void *made) {
    alldata_keygen_free(made);
}

static int32_t use_words(world *w, repli_error *err) {
    repli_error own = REPLI_ERROR_INIT;
    (void)err;
    EXPECT(w, alldata_key_validate("", 0, &own) == REPLI_EINVALID);
    alldata_error_clear(&own);
    EXPECT(w, own.code == REPLI_OK);
    EXPECT(w, strcmp(alldata_error_name(REPLI_EIO), "io") == 0);
    EXPECT(w, strcmp(alldata_version(), REPLI_VERSION_STRING) == 0);
    return REPLI_OK;
}

/* Storage. */

#define STORED "20261121T115900000000000001"
#define CLOSED "20261121T100000000000000001"
#define AHEAD "20261121T120100000000000017"
#define KEY "20261121T120000000000000001"

static int64_t noon(void *user_data) {
    (void)user_data;
    return INT64_C(1795262400000000000); /* 2026-11-21T12:00:00Z */
}

static int32_t open_events(const world *w, alldata_storage **ret_storage, repli_error *err) {
    char path[128];
    alldata_storage_options options = ALLDATA_STORAGE_OPTIONS_INIT;
    snprintf(path, sizeof(path), "%s/events", w->directory);
    options.location = path;
    options.interval = "PT1H";
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.clock = noon;
    return alldata_storage_new(&options, &w->memory, ret_storage, err);
}

static int32_t put(const world *w, const char *key, uint32_t flags, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    record.key = key;
    record.key_size = ALLDATA_KEY_LENGTH;
    record.event = key;
    record.event_size = ALLDATA_KEY_LENGTH;
    return alldata_storage_put(w->events, &record, 1, flags, err);
}

static void prepare_events(world *w) {
    ck_assert_int_eq(open_events(w, &w->events, NULL), REPLI_OK);
    ck_assert_int_eq(put(w, STORED, 0, NULL), REPLI_OK);
    ck_assert_int_eq(put(w, AHEAD, 0, NULL), REPLI_OK);
    ck_assert_int_eq(put(w, CLOSED, ALLDATA_PUT_LATE, NULL), REPLI_OK);
}

/* All that was acknowledged is there, in its order, also for the one who opens it next. */
static void verify_events(world *w) {
    static const char *const keys[] = {CLOSED, STORED, KEY, AHEAD};
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata_storage_free(w->events);
    w->events = NULL;
    ck_assert_int_eq(open_events(w, &w->events, NULL), REPLI_OK);
    ck_assert_int_eq(alldata_scan_new(w->events, NULL, &scan, NULL), REPLI_OK);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(alldata_scan_next(scan, &record, NULL), REPLI_OK);
        ck_assert_int_eq(memcmp(record.key, keys[i], ALLDATA_KEY_LENGTH), 0);
        ck_assert_int_eq(memcmp(record.event, keys[i], ALLDATA_KEY_LENGTH), 0);
    }
    ck_assert_int_eq(alldata_scan_next(scan, &record, NULL), REPLI_EDONE);
    alldata_scan_free(scan);
}

static int32_t open_storage(world *w, repli_error *err) {
    alldata_storage *storage;
    const int32_t code = open_events(w, &storage, err);
    if (code == REPLI_OK)
        w->made = storage;
    return code;
}

static void drop_storage(void *made) {
    alldata_storage_free(made);
}

/* What a key is followed by in other nodes' stores does not matter to them. */
static int32_t put_lazily(world *w, repli_error *err) {
    return put(w, KEY, 0, err);
}

static int32_t put_durably(world *w, repli_error *err) {
    return put(w, KEY, ALLDATA_PUT_SYNC, err);
}

static int32_t put_late(world *w, repli_error *err) {
    const int32_t code = put(w, "20261121T080000000000000001", ALLDATA_PUT_LATE, err);
    return code == REPLI_OK ? put(w, CLOSED, ALLDATA_PUT_LATE, err) : code;
}

static int32_t sync_events(world *w, repli_error *err) {
    const int32_t code = put(w, KEY, 0, err);
    return code == REPLI_OK ? alldata_storage_sync(w->events, err) : code;
}

static int32_t scan_events(world *w, repli_error *err) {
    alldata_scan *scan;
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code = alldata_scan_new(w->events, NULL, &scan, err);
    if (code != REPLI_OK)
        return code;
    int count = 0;
    repli_error end = REPLI_ERROR_INIT;
    while ((code = alldata_scan_next(scan, &record, &end)) == REPLI_OK)
        count++;
    alldata_scan_free(scan);
    if (code != REPLI_EDONE) {
        *err = end;
        return code;
    }
    EXPECT(w, count == 3);
    return REPLI_OK;
}

static int32_t find_last_key(world *w, repli_error *err) {
    char key[ALLDATA_KEY_SIZE] = "";
    const int32_t code = alldata_storage_last_key(w->events, 17, key, err);
    EXPECT(w, (strcmp(key, AHEAD) == 0) == (code == REPLI_OK));
    return code;
}

static int32_t export_interval(world *w, repli_error *err) {
    char path[128];
    snprintf(path, sizeof(path), "%s/export", w->directory);
    return alldata_storage_export(w->events, "20261121T100000", path, err);
}

static void verify_export(world *w) {
    char path[128];
    struct stat info;
    snprintf(path, sizeof(path), "%s/export", w->directory);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_size, 101);
}

static int32_t count_interval(void *user_data, const char *name, int32_t state) {
    (void)name;
    (void)state;
    ++*(int *)user_data;
    return 0;
}

static int32_t look_around(world *w, repli_error *err) {
    int count = 0;
    alldata_storage_stats stats = {.struct_size = sizeof(stats)};
    int32_t code = alldata_storage_dispatch(w->events, err);
    if (code == REPLI_OK)
        code = alldata_storage_intervals(w->events, count_interval, &count, err);
    EXPECT(w, code != REPLI_OK || count == 3);
    alldata_storage_stats_get(w->events, &stats);
    EXPECT(w, stats.stored == 3);
    EXPECT(w, alldata_storage_deadline(w->events) != UINT64_MAX);
    EXPECT(w, alldata_storage_leveldb()->struct_size == sizeof(alldata_storage_module));
#ifdef WITH_NATS
    EXPECT(w, alldata_nats_module()->struct_size == sizeof(alldata_storage_module));
#endif
    return code;
}

static int32_t close_storage(world *w, repli_error *err) {
    (void)err;
    alldata_storage_free(w->events);
    w->events = NULL;
    return REPLI_OK;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void world_end_alldata(world *w) {
    alldata_scan_free(w->scan);
    alldata_storage_free(w->events);
    nftw(w->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Coordinator. */

/* The peer answers at once that it has taken all. */
typedef struct network {
    alldata_call call;
    int is_asked;
} network;

static int32_t begin_call(void *self, const alldata_call *call, repli_error *err) {
    network *to = self;
    (void)err;
    to->call = *call;
    to->is_asked = 1;
    return REPLI_OK;
}

static void cancel_call(void *self, void *user_data) {
    network *to = self;
    repli_error error = REPLI_ERROR_INIT;
    const alldata_reply reply = {.struct_size = sizeof(reply), .body = "", .error = &error};
    error.code = REPLI_ECANCELLED;
    if (!to->is_asked || to->call.user_data != user_data)
        return;
    to->is_asked = 0;
    to->call.reply(user_data, &reply);
}

static void answer_call(network *to) {
    const alldata_reply reply = {.struct_size = sizeof(reply), .status = 201, .body = ""};
    if (!to->is_asked)
        return;
    to->is_asked = 0;
    to->call.reply(to->call.user_data, &reply);
}

static int32_t open_coordinator(const world *w, alldata_keygen *keygen,
                                const alldata_transport *transport,
                                alldata_coordinator **ret_coordinator, repli_error *err) {
    char hints[96];
    snprintf(hints, sizeof(hints), "%s/hints", w->directory);
    alldata_coordinator_options options = ALLDATA_COORDINATOR_OPTIONS_INIT;
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.storage = w->events;
    options.keygen = keygen;
    options.transport = transport;
    options.id = "ad1";
    options.hints = hints;
    options.replication_factor = 2;
    options.commit = ALLDATA_COMMIT_ONE;
    return alldata_coordinator_new(&options, &w->memory, ret_coordinator, err);
}

typedef struct outcome {
    pthread_mutex_t mutex; /* where threads tell */
    int told;
    repli_error *err;
} outcome;

static void take_result(void *user_data, const alldata_put_result *results, size_t count) {
    outcome *to = user_data;
    for (size_t i = 0; i < count; i++)
        if (results[i].code != REPLI_OK)
            *to->err = *results[i].error;
    to->told++;
}

static int32_t set_peer(alldata_coordinator *coordinator, int32_t state, repli_error *err) {
    const alldata_peer peer = {.struct_size = sizeof(peer),
                               .state = state,
                               .id = "ad2",
                               .http_host = "127.0.0.1",
                               .http_port = 9,
                               .native = 1};
    return alldata_coordinator_set_peer(coordinator, &peer, err);
}

/* One through the peer, and one that it is to get later. */
static int32_t put_through(alldata_coordinator *coordinator, network *net, outcome *out,
                           repli_error *err) {
    alldata_put given = ALLDATA_PUT_INIT;
    alldata_record record = ALLDATA_RECORD_INIT;
    given.event = record.event = "12345678";
    given.event_size = record.event_size = 8;
    given.key = record.key = KEY;
    record.key_size = ALLDATA_KEY_LENGTH;
    int32_t code = set_peer(coordinator, ALLDATA_PEER_LIVE, err);
    if (code == REPLI_OK)
        code = alldata_coordinator_put(coordinator, &given, 1, take_result, out, err);
    answer_call(net);
    if (code == REPLI_OK)
        code = set_peer(coordinator, ALLDATA_PEER_DEAD, err);
    if (code == REPLI_OK)
        code = alldata_coordinator_put(coordinator, &given, 1, take_result, out, err);
    if (code == REPLI_OK)
        code = alldata_coordinator_store(coordinator, &record, 1, 0, take_result, out, err);
    while (code == REPLI_OK && out->told < 3)
        code = alldata_coordinator_dispatch(coordinator, err);
    if (code == REPLI_OK && out->err->code != REPLI_OK)
        *err = *out->err;
    return code == REPLI_OK ? out->err->code : code;
}

static int32_t use_coordinator(world *w, repli_error *err) {
    alldata_coordinator_counters counters = ALLDATA_COORDINATOR_COUNTERS_INIT;
    repli_error result = REPLI_ERROR_INIT;
    outcome out = {.mutex = PTHREAD_MUTEX_INITIALIZER, .err = &result};
    network net = {.is_asked = 0};
    const alldata_transport transport = {
        .struct_size = sizeof(transport), .self = &net, .begin = begin_call, .cancel = cancel_call};
    alldata_coordinator *coordinator = NULL;
    alldata_keygen *keygen = NULL;
    int32_t code = alldata_keygen_new(NULL, &w->memory, &keygen, err);
    if (code == REPLI_OK)
        code = open_coordinator(w, keygen, &transport, &coordinator, err);
    if (code == REPLI_OK) {
        EXPECT(w, alldata_coordinator_fd(coordinator) >= 0);
        EXPECT(w, alldata_coordinator_deadline(coordinator) != UINT64_MAX);
        alldata_coordinator_cork(coordinator);
        alldata_coordinator_uncork(coordinator);
        code = put_through(coordinator, &net, &out, err);
        EXPECT(w, alldata_coordinator_count(coordinator, &counters, NULL) == REPLI_OK);
        EXPECT(w, code != REPLI_OK || (counters.puts == 2 && counters.stored == 1));
        EXPECT(w, counters.waiting == 0 || code != REPLI_OK);
        EXPECT(w, alldata_coordinator_hints(coordinator, "ad2") == (int64_t)counters.hints_pending);
        EXPECT(w, code != REPLI_OK ||
                      alldata_coordinator_drop_peer(coordinator, "ad2", 1, NULL) == REPLI_OK);
    }
    alldata_coordinator_free(coordinator);
    alldata_keygen_free(keygen);
    return code;
}

static void take_here(void *user_data, const alldata_put_result *results, size_t count) {
    outcome *to = user_data;
    pthread_mutex_lock(&to->mutex);
    take_result(to, results, count);
    pthread_mutex_unlock(&to->mutex);
}

static int is_told(outcome *out) {
    pthread_mutex_lock(&out->mutex);
    const int told = out->told;
    pthread_mutex_unlock(&out->mutex);
    return told;
}

/* What the caller's thread has written, or the coordinator's if that was at it. */
static int32_t write_here(world *w, repli_error *err) {
    repli_error result = REPLI_ERROR_INIT;
    outcome out = {.mutex = PTHREAD_MUTEX_INITIALIZER, .err = &result};
    alldata_coordinator_options options = ALLDATA_COORDINATOR_OPTIONS_INIT;
    alldata_put given = ALLDATA_PUT_INIT;
    alldata_coordinator *coordinator = NULL;
    alldata_keygen *keygen = NULL;
    given.key = KEY;
    given.event = "1";
    given.event_size = 1;
    int32_t code = alldata_keygen_new(NULL, &w->memory, &keygen, err);
    options.storage = w->events;
    options.keygen = keygen;
    if (code == REPLI_OK)
        code = alldata_coordinator_new(&options, &w->memory, &coordinator, err);
    if (code == REPLI_OK) {
        alldata_coordinator_cork(coordinator);
        code = alldata_coordinator_put(coordinator, &given, 1, take_here, &out, err);
        alldata_coordinator_uncork_and_write(coordinator);
    }
    while (code == REPLI_OK && !is_told(&out))
        pause_ms(1);
    alldata_coordinator_free(coordinator);
    alldata_keygen_free(keygen);
    if (code == REPLI_OK && result.code != REPLI_OK)
        *err = result;
    return code == REPLI_OK ? result.code : code;
}

#ifdef WITH_NATS
#define NATS " alldata_nats_module"
#else
#define NATS
#endif

const operation alldata_operations[] = {
    {.name = "draw a number for a generator of keys",
     .functions = "alldata_keygen_new",
     .also = REPLI_EINTERNAL,
     .act = make_keygen,
     .drop = drop_keygen},
    {.name = "make a key",
     .functions = "alldata_keygen_new alldata_keygen_next alldata_keygen_node "
                  "alldata_keygen_set_node alldata_keygen_free",
     .act = make_key},
    {.name = "use words of AllData",
     .functions = "alldata_key_validate alldata_error_clear alldata_error_name alldata_version",
     .act = use_words},
    {.name = "open a storage",
     .functions = "alldata_storage_new",
     .also = REPLI_EPERMISSION,
     .act = open_storage,
     .drop = drop_storage},
    {.name = "store an event",
     .functions = "alldata_storage_put",
     .prepare = prepare_events,
     .act = put_lazily,
     .verify = verify_events},
    {.name = "store a durable event",
     .functions = "alldata_storage_put",
     .prepare = prepare_events,
     .act = put_durably,
     .verify = verify_events},
    {.name = "store late events",
     .functions = "alldata_storage_put",
     .prepare = prepare_events,
     .act = put_late},
    {.name = "sync a storage",
     .functions = "alldata_storage_sync",
     .prepare = prepare_events,
     .act = sync_events,
     .verify = verify_events},
    {.name = "scan",
     .functions = "alldata_scan_new alldata_scan_next alldata_scan_free",
     .prepare = prepare_events,
     .act = scan_events},
    {.name = "find the last key",
     .functions = "alldata_storage_last_key",
     .prepare = prepare_events,
     .act = find_last_key},
    {.name = "export an interval",
     .functions = "alldata_storage_export",
     .also = REPLI_EPERMISSION,
     .prepare = prepare_events,
     .act = export_interval,
     .verify = verify_export},
    {.name = "look around in a storage",
     .functions = "alldata_storage_dispatch alldata_storage_intervals alldata_storage_stats_get "
                  "alldata_storage_deadline alldata_storage_leveldb" NATS,
     .prepare = prepare_events,
     .act = look_around},
    {.name = "close a storage",
     .functions = "alldata_storage_free",
     .flags = OPERATION_ONCE,
     .prepare = prepare_events,
     .act = close_storage},
    {.name = "put through a coordinator",
     .functions = "alldata_coordinator_new alldata_coordinator_put alldata_coordinator_store "
                  "alldata_coordinator_fd alldata_coordinator_deadline alldata_coordinator_count "
                  "alldata_coordinator_dispatch alldata_coordinator_set_peer "
                  "alldata_coordinator_drop_peer alldata_coordinator_hints "
                  "alldata_coordinator_cork alldata_coordinator_uncork "
                  "alldata_coordinator_free",
     .also = REPLI_EINTERNAL,
     .prepare = prepare_events,
     .act = use_coordinator},
    {.name = "write what was brought",
     .functions = "alldata_coordinator_uncork_and_write",
     .also = REPLI_EINTERNAL,
     .prepare = prepare_events,
     .act = write_here},
    {.name = NULL},
};
