#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <alldata/nats.h>

#include "contract.h"

int32_t call_alldata_error_name(world *w, repli_error *err) {
    (void)w;
    (void)err;
    REQUIRE(strcmp(alldata_error_name(REPLI_ECONFLICT), "conflict") == 0);
    REQUIRE(strcmp(alldata_error_name(1), "unknown") == 0);
    return REPLI_OK;
}

int32_t call_alldata_error_clear(world *w, repli_error *err) {
    (void)w;
    (void)err;
    repli_error own = REPLI_ERROR_INIT;
    REQUIRE(alldata_key_validate("", 0, &own) == REPLI_EINVALID);
    alldata_error_clear(&own);
    alldata_error_clear(NULL);
    REQUIRE(own.code == REPLI_OK && own.message[0] == '\0');
    return REPLI_OK;
}

int32_t call_alldata_buf_dispose(world *w, repli_error *err) {
    (void)w;
    (void)err;
    repli_buf text = REPLI_BUF_INIT;
    alldata_buf_dispose(&text);
    text.data = strdup("a text");
    text.size = text.capacity = 6;
    alldata_buf_dispose(&text);
    alldata_buf_dispose(&text);
    alldata_buf_dispose(NULL);
    REQUIRE(text.data == NULL && text.size == 0);
    return REPLI_OK;
}

int32_t call_alldata_version(world *w, repli_error *err) {
    (void)w;
    (void)err;
    REQUIRE(strcmp(alldata_version(), REPLI_VERSION_STRING) == 0);
    return REPLI_OK;
}

/* Keys. */

static int32_t make_keygen(int32_t node, const repli_allocator *allocator, repli_error *err) {
    char after[] = "20261121T005824640353920860";
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.node = node;
    options.after = after;
    alldata_keygen *keygen = UNSET;
    const int32_t code = alldata_keygen_new(&options, allocator, &keygen, err);
    SCRIBBLE(after);
    SCRIBBLE(options);
    if (code != REPLI_OK) {
        REQUIRE(keygen == UNSET);
        return code;
    }
    char key[ALLDATA_KEY_SIZE];
    REQUIRE(alldata_keygen_next(keygen, key, NULL) == REPLI_OK);
    REQUIRE(alldata_keygen_node(keygen) == node);
    alldata_keygen_free(keygen);
    return code;
}

int32_t call_alldata_keygen_new(world *w, repli_error *err) {
    (void)w;
    return make_keygen(7, NULL, err);
}

int32_t fail_alldata_keygen_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return make_keygen(ALLDATA_KEYGEN_NODES, NULL, err);
}

int32_t fail_alldata_keygen_new_REPLI_ENOMEM(world *w, repli_error *err) {
    (void)w;
    return make_keygen(7, no_memory(), err);
}

int32_t call_alldata_keygen_free(world *w, repli_error *err) {
    alldata_keygen_free(NULL);
    return call_alldata_keygen_new(w, err);
}

int32_t call_alldata_keygen_next(world *w, repli_error *err) {
    char key[ALLDATA_KEY_SIZE] = "";
    const int32_t code = alldata_keygen_next(w->keygen, key, err);
    REQUIRE((strlen(key) == ALLDATA_KEY_LENGTH) == (code == REPLI_OK));
    return code;
}

static int64_t long_ago(void *user_data) {
    (void)user_data;
    return INT64_C(1000000000000000000);
}

int32_t fail_alldata_keygen_next_REPLI_ENOTREADY(world *w, repli_error *err) {
    (void)w;
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    options.after = "20261121T005824640353920860";
    options.clock = long_ago;
    alldata_keygen *keygen = NULL;
    REQUIRE(alldata_keygen_new(&options, NULL, &keygen, NULL) == REPLI_OK);
    char key[ALLDATA_KEY_SIZE] = "";
    const int32_t code = alldata_keygen_next(keygen, key, err);
    alldata_keygen_free(keygen);
    REQUIRE(key[0] == '\0');
    return code;
}

int32_t call_alldata_keygen_node(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_keygen_node(w->keygen) == 4711);
    return REPLI_OK;
}

int32_t call_alldata_keygen_set_node(world *w, repli_error *err) {
    return alldata_keygen_set_node(w->keygen, 4711, err);
}

int32_t fail_alldata_keygen_set_node_REPLI_EINVALID(world *w, repli_error *err) {
    return alldata_keygen_set_node(w->keygen, -1, err);
}

int32_t call_alldata_key_validate(world *w, repli_error *err) {
    (void)w;
    return alldata_key_validate("20261121T005824640353920860", ALLDATA_KEY_LENGTH, err);
}

int32_t fail_alldata_key_validate_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return alldata_key_validate("20261121T", 9, err);
}

/* Storage. */

static int64_t noon(void *user_data) {
    (void)user_data;
    return INT64_C(1795262400000000000); /* 2026-11-21T12:00:00Z */
}

static int32_t open_storage(const char *location, const alldata_storage_module *module,
                            const repli_allocator *allocator, alldata_storage **ret_storage,
                            repli_error *err) {
    char own[256];
    char interval[] = "PT1H";
    alldata_storage_options options = ALLDATA_STORAGE_OPTIONS_INIT;
    snprintf(own, sizeof(own), "%s", location);
    options.location = own;
    options.interval = interval;
    options.module = module;
    options.run_mode = ALLDATA_RUN_DISPATCH;
    options.clock = noon;
    const int32_t code = alldata_storage_new(&options, allocator, ret_storage, err);
    SCRIBBLE(own);
    SCRIBBLE(interval);
    SCRIBBLE(options);
    return code;
}

static void put_in_place(const world *w, char path[256], const char *name) {
    snprintf(path, 256, "%s/%s", w->host.directory, name);
}

void fresh_directory(const world *w, char path[256]) {
    char uuid[REPLI_UUID_SIZE];
    repli_uuid_generate(uuid, NULL);
    put_in_place(w, path, uuid);
}

void remove_directory(const char *path) {
    char command[300];
    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    if (system(command) != 0)
        return;
}

#ifdef WITH_NATS
int32_t call_alldata_nats_module(world *w, repli_error *err) {
    (void)w;
    (void)err;
    REQUIRE(strcmp(alldata_nats_module()->name, "nats") == 0);
    return REPLI_OK;
}
#endif

int32_t call_alldata_storage_leveldb(world *w, repli_error *err) {
    (void)w;
    (void)err;
    REQUIRE(strcmp(alldata_storage_leveldb()->name, "leveldb") == 0);
    return REPLI_OK;
}

int32_t call_alldata_storage_new(world *w, repli_error *err) {
    char path[256];
    alldata_storage *storage = UNSET;
    fresh_directory(w, path);
    const int32_t code = open_storage(path, NULL, NULL, &storage, err);
    REQUIRE((storage == UNSET) == (code != REPLI_OK));
    if (code == REPLI_OK)
        alldata_storage_free(storage);
    remove_directory(path);
    return code;
}

static int32_t open_badly(const char *location, const alldata_storage_module *module,
                          const repli_allocator *allocator, repli_error *err) {
    alldata_storage *storage = UNSET;
    const int32_t code = open_storage(location, module, allocator, &storage, err);
    REQUIRE(storage == UNSET);
    return code;
}

int32_t fail_alldata_storage_new_REPLI_EINVALID(world *w, repli_error *err) {
    (void)w;
    return open_badly("", NULL, NULL, err);
}

int32_t fail_alldata_storage_new_REPLI_EABI(world *w, repli_error *err) {
    alldata_storage_module module = *alldata_storage_leveldb();
    char path[256];
    fresh_directory(w, path);
    module.struct_size = 16;
    return open_badly(path, &module, NULL, err);
}

int32_t fail_alldata_storage_new_REPLI_EBUSY(world *w, repli_error *err) {
    char path[256];
    put_in_place(w, path, "events");
    return open_badly(path, NULL, NULL, err);
}

int32_t fail_alldata_storage_new_REPLI_ENOTFOUND(world *w, repli_error *err) {
    (void)w;
    return open_badly("/nowhere/to/be/found", NULL, NULL, err);
}

int32_t fail_alldata_storage_new_REPLI_ENOMEM(world *w, repli_error *err) {
    char path[256];
    fresh_directory(w, path);
    return open_badly(path, NULL, no_memory(), err);
}

int32_t call_alldata_storage_free(world *w, repli_error *err) {
    alldata_storage_free(NULL);
    if (!w->forked)
        return call_alldata_storage_new(w, err);
    alldata_storage_free(w->events);
    return REPLI_OK;
}

static int32_t put(world *w, const char *key_text, const char *event_text, repli_error *err) {
    char key[64];
    char event[64];
    snprintf(key, sizeof(key), "%s", key_text);
    snprintf(event, sizeof(event), "%s", event_text);
    alldata_record record = ALLDATA_RECORD_INIT;
    record.key = key;
    record.key_size = strlen(key);
    record.event = event;
    record.event_size = strlen(event);
    const int32_t code = alldata_storage_put(w->events, &record, 1, 0, err);
    SCRIBBLE(key);
    SCRIBBLE(event);
    REQUIRE(record.code == code || code == REPLI_EFORK);
    return code;
}

#define KEY "20261121T120000000000000001"

int32_t call_alldata_storage_put(world *w, repli_error *err) {
    return put(w, KEY, "{\"a\":1}", err);
}

int32_t fail_alldata_storage_put_REPLI_EINVALID(world *w, repli_error *err) {
    return put(w, "20261122T120000000000000001", "1", err);
}

int32_t fail_alldata_storage_put_REPLI_ECONFLICT(world *w, repli_error *err) {
    REQUIRE(put(w, KEY, "{\"a\":1}", NULL) == REPLI_OK);
    return put(w, KEY, "{\"a\":2}", err);
}

int32_t call_alldata_storage_sync(world *w, repli_error *err) {
    return alldata_storage_sync(w->events, err);
}

int32_t call_alldata_storage_deadline(world *w, repli_error *err) {
    (void)err;
    REQUIRE(alldata_storage_deadline(w->events) > 0);
    REQUIRE((alldata_storage_deadline(w->events) == UINT64_MAX) == w->forked);
    return REPLI_OK;
}

int32_t call_alldata_storage_dispatch(world *w, repli_error *err) {
    return alldata_storage_dispatch(w->events, err);
}

int32_t fail_alldata_storage_dispatch_REPLI_ESTATE(world *w, repli_error *err) {
    char path[256];
    alldata_storage *storage = NULL;
    alldata_storage_options options = ALLDATA_STORAGE_OPTIONS_INIT;
    fresh_directory(w, path);
    options.location = path;
    REQUIRE(alldata_storage_new(&options, NULL, &storage, NULL) == REPLI_OK);
    const int32_t code = alldata_storage_dispatch(storage, err);
    alldata_storage_free(storage);
    remove_directory(path);
    return code;
}

static int32_t count_interval(void *user_data, const char *name, int32_t state) {
    ++*(int *)user_data;
    return strlen(name) + 1 != ALLDATA_INTERVAL_SIZE ||
           (state != ALLDATA_INTERVAL_OPEN && state != ALLDATA_INTERVAL_CLOSED);
}

int32_t call_alldata_storage_intervals(world *w, repli_error *err) {
    int count = 0;
    const int32_t code = alldata_storage_intervals(w->events, count_interval, &count, err);
    REQUIRE((count >= 2) == (code == REPLI_OK));
    return code;
}

int32_t call_alldata_storage_stats_get(world *w, repli_error *err) {
    alldata_storage_stats stats = {.struct_size = sizeof(stats)};
    REQUIRE(w->forked || put(w, KEY, "{\"a\":1}", err) == REPLI_OK);
    alldata_storage_stats_get(w->events, &stats);
    REQUIRE(w->forked || stats.stored >= 3);
    return REPLI_OK;
}

int32_t call_alldata_storage_last_key(world *w, repli_error *err) {
    char key[ALLDATA_KEY_SIZE] = "";
    const int32_t code = alldata_storage_last_key(w->events, 4711, key, err);
    REQUIRE((strcmp(key, "20261121T123000000000004711") == 0) == (code == REPLI_OK));
    return code;
}

static int32_t last_of_nobody(world *w, int32_t node, repli_error *err) {
    char key[ALLDATA_KEY_SIZE] = "";
    const int32_t code = alldata_storage_last_key(w->events, node, key, err);
    REQUIRE(key[0] == '\0');
    return code;
}

int32_t fail_alldata_storage_last_key_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return last_of_nobody(w, 4712, err);
}

int32_t fail_alldata_storage_last_key_REPLI_EINVALID(world *w, repli_error *err) {
    return last_of_nobody(w, -1, err);
}

/* A scan of its own for the caller; in a child the parent's. */
static int32_t scan_events(world *w, const char *interval, alldata_scan **ret_scan,
                           repli_error *err) {
    char own[64] = "";
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    if (interval != NULL) {
        snprintf(own, sizeof(own), "%s", interval);
        options.interval = own;
    }
    const int32_t code = alldata_scan_new(w->events, &options, ret_scan, err);
    SCRIBBLE(own);
    SCRIBBLE(options);
    return code;
}

int32_t call_alldata_scan_new(world *w, repli_error *err) {
    alldata_scan *scan = UNSET;
    const int32_t code = scan_events(w, NULL, &scan, err);
    REQUIRE((scan == UNSET) == (code != REPLI_OK));
    if (code == REPLI_OK)
        alldata_scan_free(scan);
    return code;
}

static int32_t scan_badly(world *w, const char *interval, repli_error *err) {
    alldata_scan *scan = UNSET;
    const int32_t code = scan_events(w, interval, &scan, err);
    REQUIRE(scan == UNSET);
    return code;
}

int32_t fail_alldata_scan_new_REPLI_EINVALID(world *w, repli_error *err) {
    return scan_badly(w, "yesterday", err);
}

int32_t fail_alldata_scan_new_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return scan_badly(w, "20200101T000000", err);
}

int32_t call_alldata_scan_next(world *w, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    if (w->forked)
        return alldata_scan_next(w->scan, &record, err);
    alldata_scan *scan = NULL;
    REQUIRE(scan_events(w, NULL, &scan, NULL) == REPLI_OK);
    const int32_t code = alldata_scan_next(scan, &record, err);
    REQUIRE(code != REPLI_OK || record.key_size == ALLDATA_KEY_LENGTH);
    alldata_scan_free(scan);
    return code;
}

int32_t fail_alldata_scan_next_REPLI_EDONE(world *w, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata_scan *scan = NULL;
    REQUIRE(scan_events(w, "20261121T110000", &scan, NULL) == REPLI_OK);
    const int32_t code = alldata_scan_next(scan, &record, err);
    REQUIRE(record.key == NULL);
    alldata_scan_free(scan);
    return code;
}

int32_t call_alldata_scan_free(world *w, repli_error *err) {
    alldata_scan_free(NULL);
    if (!w->forked)
        return call_alldata_scan_new(w, err);
    alldata_scan_free(w->scan);
    return REPLI_OK;
}

static int32_t export_to(world *w, const char *interval, const char *path, repli_error *err) {
    char own[64];
    char own_path[256];
    snprintf(own, sizeof(own), "%s", interval);
    snprintf(own_path, sizeof(own_path), "%s", path);
    const int32_t code = alldata_storage_export(w->events, own, own_path, err);
    SCRIBBLE(own);
    SCRIBBLE(own_path);
    return code;
}

int32_t call_alldata_storage_export(world *w, repli_error *err) {
    char path[256];
    fresh_directory(w, path);
    const int32_t code = export_to(w, "20261121T100000", path, err);
    REQUIRE((access(path, F_OK) == 0) == (code == REPLI_OK));
    unlink(path);
    return code;
}

int32_t fail_alldata_storage_export_REPLI_EINVALID(world *w, repli_error *err) {
    return export_to(w, "20261121T100000", "", err);
}

int32_t fail_alldata_storage_export_REPLI_ESTATE(world *w, repli_error *err) {
    return export_to(w, "20261121T110000", "/nowhere", err);
}

int32_t fail_alldata_storage_export_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return export_to(w, "20201121T100000", "/nowhere", err);
}

/* What is there from the beginning: an event that lies ahead of the clock, and a closed interval.
 */
int32_t alldata_begin(world *w, repli_error *err) {
    char path[256];
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    alldata_record late = ALLDATA_RECORD_INIT;
    options.node = 4711;
    put_in_place(w, path, "events");
    int32_t code = alldata_keygen_new(&options, NULL, &w->keygen, err);
    if (code == REPLI_OK)
        code = gossip_begin(w, err);
    if (code == REPLI_OK)
        code = http_alldata_begin(w, err);
    if (code == REPLI_OK)
        code = node_begin(w, err);
    if (code == REPLI_OK)
        code = server_alldata_begin(w, err);
    if (code == REPLI_OK)
        code = open_storage(path, NULL, NULL, &w->events, err);
    late.key = "20261121T100000000000000000";
    late.key_size = ALLDATA_KEY_LENGTH;
    late.event = "1";
    late.event_size = 1;
    if (code == REPLI_OK)
        code = coordinator_begin(w, err);
    if (code == REPLI_OK)
        code = put(w, "20261121T123000000000004711", "{}", err);
    if (code == REPLI_OK)
        code = alldata_storage_put(w->events, &late, 1, ALLDATA_PUT_LATE, err);
    if (code == REPLI_OK)
        code = alldata_scan_new(w->events, NULL, &w->scan, err);
    return code == REPLI_OK ? alldata_scan_next(w->scan, &late, err) : code;
}

void alldata_end(world *w) {
    alldata_scan_free(w->scan);
    coordinator_end(w);
    alldata_storage_free(w->events);
    alldata_keygen_free(w->keygen);
    gossip_end(w);
    http_alldata_end(w);
    server_alldata_end(w);
    node_end(w);
    char path[256];
    put_in_place(w, path, "events");
    remove_directory(path);
}
