#include "knot.h"

#include <check.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"

enum { PATIENCE = 6000, WAIT_MS = 10 };

static int64_t tell(void *user_data) {
    return atomic_load(&((knot *)user_data)->now_ns);
}

static void take_log(int32_t level, const char *origin, const char *message, void *user_data) {
    knot *k = user_data;
    (void)level;
    snprintf(k->last_log, sizeof(k->last_log), "%s: %s", origin, message);
}

void knot_begin(knot *k) {
    const char *root = getenv("TMPDIR");
    memset(k, 0, sizeof(*k));
    snprintf(k->directory, sizeof(k->directory), "%s/alldata-XXXXXX",
             root != NULL && strlen(root) < 64 ? root : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(k->directory));
    snprintf(k->location, sizeof(k->location), "%s/node", k->directory);
    atomic_store(&k->now_ns, BOX_THEN);
    k->options = (alldata_node_options)ALLDATA_NODE_OPTIONS_INIT;
    k->options.run_mode = ALLDATA_RUN_DISPATCH;
    k->options.location = k->location;
    k->options.interval = "PT5M";
    k->options.clock = tell;
    k->options.clock_data = k;
    k->options.log = take_log;
    k->options.log_level = REPLI_LOG_DEBUG;
    k->options.log_data = k;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void knot_end(knot *k) {
    knot_close(k);
    nftw(k->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void knot_open(knot *k) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_node_new(&k->options, NULL, &k->node, &err) == REPLI_OK, "%s: %s",
                  err.message, err.cause);
    ck_assert_msg(alldata_node_start(k->node, &err) == REPLI_OK, "%s", err.message);
}

void knot_close(knot *k) {
    alldata_node_free(k->node);
    k->node = NULL;
}

int32_t knot_open_badly(knot *k, repli_error *err) {
    alldata_node *const untouched = (alldata_node *)(void *)k;
    alldata_node *node = untouched;
    repli_error own = REPLI_ERROR_INIT;
    err = err != NULL ? err : &own;
    const int32_t code = alldata_node_new(&k->options, NULL, &node, err);
    ck_assert_int_ne(code, REPLI_OK);
    ck_assert_ptr_eq(node, untouched);
    ck_assert_int_eq(err->code, code);
    ck_assert_str_ne(err->message, "");
    return code;
}

const char *knot_put(knot *k, const char *event) {
    static char key[ALLDATA_KEY_SIZE];
    alldata_put put = ALLDATA_PUT_INIT;
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_error err = REPLI_ERROR_INIT;
    put.event = event;
    put.event_size = strlen(event);
    ck_assert_msg(alldata_node_put_wait(k->node, &put, &result, &err) == REPLI_OK, "%s: %s",
                  err.message, err.cause);
    memcpy(key, result.key, sizeof(key));
    return key;
}

void knot_store(knot *k, const char *key, uint32_t flags) {
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    record.key = record.event = key;
    record.key_size = record.event_size = strlen(key);
    ck_assert_msg(alldata_storage_put(alldata_node_storage(k->node), &record, 1, flags, &err) ==
                      REPLI_OK,
                  "%s: %s: %s", key, err.message, err.cause);
}

alldata_node_status knot_status(knot *k) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_node_status_get(k->node, &status, &err) == REPLI_OK, "%s", err.message);
    return status;
}

void knot_count(knot *k) {
    for (int i = 0; i < PATIENCE && knot_status(k).uncounted > 0; i++) {
        struct pollfd fd = {.fd = alldata_node_fd(k->node), .events = POLLIN};
        poll(&fd, 1, WAIT_MS);
        if (k->options.run_mode == ALLDATA_RUN_DISPATCH)
            ck_assert_int_eq(alldata_node_dispatch(k->node, NULL), REPLI_OK);
    }
    ck_assert_uint_eq(knot_status(k).uncounted, 0);
}

static int32_t take_interval(void *user_data, const alldata_node_interval *interval) {
    fprintf(user_data, "%s%s %llu %s\n", interval->counted ? "" : "?", interval->name,
            (unsigned long long)interval->events, interval->last_key);
    ck_assert((interval->last_ns == 0) == (interval->last_key[0] == '\0'));
    return 0;
}

const char *knot_intervals(knot *k) {
    static char text[4096];
    repli_error err = REPLI_ERROR_INIT;
    memset(text, 0, sizeof(text));
    FILE *out = fmemopen(text, sizeof(text), "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_msg(alldata_node_intervals(k->node, take_interval, out, &err) == REPLI_OK, "%s",
                  err.message);
    fclose(out);
    return text;
}

const char *knot_path(const knot *k, const char *name) {
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", k->location, name);
    return path;
}
