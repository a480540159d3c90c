#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

/* What a node does with all of its cluster: reading, exporting, repair. */

static void count_repairs(void *user_data, int32_t code, uint64_t looked_at, uint64_t repaired,
                          uint64_t missing) {
    (void)looked_at;
    (void)repaired;
    *(int *)user_data += code == REPLI_OK && missing == 0;
}

int32_t call_alldata_node_repair(world *w, repli_error *err) {
    int count = 0;
    const int32_t code =
        alldata_node_repair(w->node, "20261121T000000", count_repairs, &count, err);
    REQUIRE((count == 1) == (code == REPLI_OK));
    return code;
}

int32_t fail_alldata_node_repair_REPLI_EINVALID(world *w, repli_error *err) {
    return alldata_node_repair(w->node, "yesterday", NULL, NULL, err);
}

static int32_t serve(world *w, const char *target, repli_error *err) {
    repli_buf text = REPLI_BUF_INIT;
    const int32_t code = alldata_node_serve(w->node, target, &text, err);
    REQUIRE((text.size > 0) == (code == REPLI_OK));
    repli_buf_dispose(&text);
    return code;
}

int32_t call_alldata_node_serve(world *w, repli_error *err) {
    return serve(w, "/_alldata/intervals", err);
}

int32_t fail_alldata_node_serve_REPLI_EINVALID(world *w, repli_error *err) {
    return serve(w, "/_alldata/digests?length=99", err);
}

int32_t fail_alldata_node_serve_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return serve(w, "/_alldata/nothing", err);
}

static int32_t export_whole(world *w, const char *interval, const char *path, repli_error *err) {
    char own[ALLDATA_INTERVAL_SIZE];
    char own_path[256];
    snprintf(own, sizeof(own), "%s", interval);
    snprintf(own_path, sizeof(own_path), "%s", path);
    const int32_t code = alldata_cluster_export(w->node, own, own_path, err);
    SCRIBBLE(own);
    SCRIBBLE(own_path);
    return code;
}

int32_t call_alldata_cluster_export(world *w, repli_error *err) {
    char path[256];
    fresh_directory(w, path);
    const int32_t code = export_whole(w, "20261101T000000", path, err);
    REQUIRE((access(path, F_OK) == 0) == (code == REPLI_OK));
    unlink(path);
    return code;
}

int32_t fail_alldata_cluster_export_REPLI_EINVALID(world *w, repli_error *err) {
    return export_whole(w, "yesterday", "/nowhere", err);
}

int32_t fail_alldata_cluster_export_REPLI_ESTATE(world *w, repli_error *err) {
    return export_whole(w, "99990101T000000", "/nowhere", err);
}

int32_t fail_alldata_cluster_export_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return export_whole(w, "20261101T000000", "/nowhere/at/all", err);
}

static void be_told(void *user_data) {
    (void)user_data;
}

/* On success there is one, which the caller frees. */
static int32_t begin_exporter(world *w, const char *interval, const char *path,
                              alldata_exporter **ret_exporter, repli_error *err) {
    char own[64];
    char own_path[256];
    *ret_exporter = UNSET;
    snprintf(own, sizeof(own), "%s", interval);
    snprintf(own_path, sizeof(own_path), "%s", path);
    const int32_t code =
        alldata_exporter_new(w->node, own, own_path, be_told, w, ret_exporter, err);
    SCRIBBLE(own);
    SCRIBBLE(own_path);
    REQUIRE((*ret_exporter == UNSET) == (code != REPLI_OK));
    return code;
}

int32_t call_alldata_exporter_new(world *w, repli_error *err) {
    char path[256];
    alldata_exporter *exporter;
    fresh_directory(w, path);
    const int32_t code = begin_exporter(w, "20261101T000000", path, &exporter, err);
    if (code == REPLI_OK)
        alldata_exporter_free(exporter);
    REQUIRE(access(path, F_OK) != 0);
    return code;
}

static int32_t begin_badly(world *w, const char *interval, const char *path, repli_error *err) {
    alldata_exporter *exporter;
    return begin_exporter(w, interval, path, &exporter, err);
}

int32_t fail_alldata_exporter_new_REPLI_EINVALID(world *w, repli_error *err) {
    return begin_badly(w, "yesterday", "/nowhere", err);
}

int32_t fail_alldata_exporter_new_REPLI_ESTATE(world *w, repli_error *err) {
    return begin_badly(w, "99990101T000000", "/nowhere", err);
}

int32_t fail_alldata_exporter_new_REPLI_ENOTFOUND(world *w, repli_error *err) {
    return begin_badly(w, "20261101T000000", "/nowhere/at/all", err);
}

/* What is small is written in one piece. */
static int32_t write_whole(world *w, repli_error *err) {
    char path[256];
    alldata_exporter *exporter;
    fresh_directory(w, path);
    int32_t code = begin_exporter(w, "20261101T000000", path, &exporter, err);
    if (code != REPLI_OK)
        return code;
    code = alldata_exporter_step(exporter, err);
    REQUIRE(alldata_exporter_step(exporter, NULL) == code);
    alldata_exporter_free(exporter);
    REQUIRE((access(path, F_OK) == 0) == (code == REPLI_EDONE));
    unlink(path);
    return code;
}

int32_t call_alldata_exporter_step(world *w, repli_error *err) {
    if (w->forked)
        return alldata_exporter_step(w->exporter, err);
    const int32_t code = write_whole(w, NULL);
    return code == REPLI_EDONE ? REPLI_OK : code;
}

int32_t fail_alldata_exporter_step_REPLI_EDONE(world *w, repli_error *err) {
    return write_whole(w, err);
}

int32_t call_alldata_exporter_free(world *w, repli_error *err) {
    alldata_exporter_free(NULL);
    if (!w->forked)
        return call_alldata_exporter_new(w, err);
    alldata_exporter_free(w->exporter);
    return REPLI_OK;
}

int32_t call_alldata_cluster_scan_new(world *w, repli_error *err) {
    char from[] = "2026";
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_cluster_scan *scan = UNSET;
    options.from = from;
    const int32_t code = alldata_cluster_scan_new(w->node, &options, &scan, err);
    SCRIBBLE(from);
    SCRIBBLE(options);
    if (code == REPLI_OK)
        alldata_cluster_scan_free(scan);
    else
        REQUIRE(scan == UNSET);
    return code;
}

int32_t fail_alldata_cluster_scan_new_REPLI_EINVALID(world *w, repli_error *err) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_cluster_scan *scan = UNSET;
    options.interval = "yesterday";
    const int32_t code = alldata_cluster_scan_new(w->node, &options, &scan, err);
    REQUIRE(scan == UNSET);
    return code;
}

/* alldata_cluster_scan_next() or _try() */
typedef int32_t scan_read(alldata_cluster_scan *scan, alldata_record *ret_record, repli_error *err);

static int32_t read_one(world *w, scan_read *read, repli_error *err) {
    alldata_cluster_scan *scan = w->cluster_scan;
    alldata_record record = ALLDATA_RECORD_INIT;
    if (w->forked)
        return read(scan, &record, err);
    REQUIRE(call_alldata_node_put_wait(w, NULL) == REPLI_OK);
    REQUIRE(alldata_cluster_scan_new(w->node, NULL, &scan, NULL) == REPLI_OK);
    const int32_t code = read(scan, &record, err);
    REQUIRE((record.key_size == ALLDATA_KEY_LENGTH) == (code == REPLI_OK));
    alldata_cluster_scan_free(scan);
    return code;
}

static int32_t read_nothing(world *w, scan_read *read, repli_error *err) {
    alldata_cluster_scan *scan = NULL;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_record record = ALLDATA_RECORD_INIT;
    options.until = "0001";
    REQUIRE(alldata_cluster_scan_new(w->node, &options, &scan, NULL) == REPLI_OK);
    const int32_t code = read(scan, &record, err);
    alldata_cluster_scan_free(scan);
    return code;
}

int32_t call_alldata_cluster_scan_next(world *w, repli_error *err) {
    return read_one(w, alldata_cluster_scan_next, err);
}

int32_t fail_alldata_cluster_scan_next_REPLI_EDONE(world *w, repli_error *err) {
    return read_nothing(w, alldata_cluster_scan_next, err);
}

int32_t call_alldata_cluster_scan_try(world *w, repli_error *err) {
    return read_one(w, alldata_cluster_scan_try, err);
}

int32_t fail_alldata_cluster_scan_try_REPLI_EDONE(world *w, repli_error *err) {
    return read_nothing(w, alldata_cluster_scan_try, err);
}

int32_t call_alldata_cluster_scan_set_ready(world *w, repli_error *err) {
    return alldata_cluster_scan_set_ready(w->cluster_scan, be_told, w, err);
}

int32_t call_alldata_cluster_scan_free(world *w, repli_error *err) {
    alldata_cluster_scan_free(NULL);
    if (!w->forked)
        return call_alldata_cluster_scan_new(w, err);
    alldata_cluster_scan_free(w->cluster_scan);
    return REPLI_OK;
}
