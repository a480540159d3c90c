#include "box.h"

#include <check.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t tell(void *user_data) {
    return atomic_load(&((box *)user_data)->now_ns);
}

static void take_closed(void *user_data, const char *interval) {
    box *b = user_data;
    const size_t at = atomic_load(&b->closed_count);
    if (at < BOX_CLOSED)
        memcpy(b->closed[at], interval, ALLDATA_INTERVAL_SIZE);
    atomic_store(&b->closed_count, at + 1);
}

static void take_log(int32_t level, const char *origin, const char *message, void *user_data) {
    box *b = user_data;
    (void)level;
    snprintf(b->last_log, sizeof(b->last_log), "%s: %s", origin, message);
}

void box_begin(box *b) {
    const char *root = getenv("TMPDIR");
    memset(b, 0, sizeof(*b));
    snprintf(b->directory, sizeof(b->directory), "%s/alldata-XXXXXX",
             root != NULL && strlen(root) < 64 ? root : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(b->directory));
    snprintf(b->location, sizeof(b->location), "%s/events", b->directory);
    atomic_store(&b->now_ns, BOX_THEN);
    b->options = (alldata_storage_options)ALLDATA_STORAGE_OPTIONS_INIT;
    b->options.run_mode = ALLDATA_RUN_DISPATCH;
    b->options.location = b->location;
    b->options.interval = "PT5M";
    b->options.clock = tell;
    b->options.clock_data = b;
    b->options.closed = take_closed;
    b->options.closed_data = b;
    b->options.log = take_log;
    b->options.log_level = REPLI_LOG_DEBUG;
    b->options.log_data = b;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void box_end(box *b) {
    box_close(b);
    nftw(b->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void box_open(box *b) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_storage_new(&b->options, NULL, &b->storage, &err) == REPLI_OK, "%s: %s",
                  err.message, err.cause);
}

void box_close(box *b) {
    alldata_storage_free(b->storage);
    b->storage = NULL;
}

int32_t box_open_badly(box *b, repli_error *err) {
    alldata_storage *const untouched = (alldata_storage *)(void *)b;
    alldata_storage *storage = untouched;
    repli_error own = REPLI_ERROR_INIT;
    err = err != NULL ? err : &own;
    const int32_t code = alldata_storage_new(&b->options, NULL, &storage, err);
    ck_assert_int_ne(code, REPLI_OK);
    ck_assert_ptr_eq(storage, untouched);
    ck_assert_int_eq(err->code, code);
    ck_assert_str_ne(err->message, "");
    return code;
}

int32_t box_put(box *b, const char *key, const char *event, uint32_t flags, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    record.key = key;
    record.key_size = key != NULL ? strlen(key) : 0;
    record.event = event;
    record.event_size = event != NULL ? strlen(event) : 0;
    const int32_t code = alldata_storage_put(b->storage, &record, 1, flags, err);
    ck_assert(record.code == code || code == REPLI_EFORK);
    return code;
}

void box_store(box *b, const char *key, const char *event) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(box_put(b, key, event, 0, &err) == REPLI_OK, "%s: %s: %s", key, err.message,
                  err.cause);
}

char *box_read(box *b, const alldata_scan_options *options) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    alldata_scan *scan = NULL;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_ptr_nonnull(out);
    ck_assert_msg(alldata_scan_new(b->storage, options, &scan, &err) == REPLI_OK, "%s",
                  err.message);
    alldata_record record = ALLDATA_RECORD_INIT;
    int32_t code;
    while ((code = alldata_scan_next(scan, &record, &err)) == REPLI_OK)
        fprintf(out, "%.*s %.*s\n", (int)record.key_size, record.key, (int)record.event_size,
                record.event);
    ck_assert_msg(code == REPLI_EDONE, "%s: %s", err.message, err.cause);
    alldata_scan_free(scan);
    fclose(out);
    return text;
}

void box_dispatch(box *b) {
    repli_error err = REPLI_ERROR_INIT;
    struct timespec now;
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (alldata_storage_deadline(b->storage) >
            (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec)
            return;
        ck_assert_msg(alldata_storage_dispatch(b->storage, &err) == REPLI_OK, "%s", err.message);
    }
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

const char *box_names(const char *directory, char *to, size_t size) {
    struct dirent **entries;
    const int count = scandir(directory, &entries, is_shown, alphasort);
    size_t used = 0;
    to[0] = '\0';
    ck_assert_int_ge(count, 0);
    for (int i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(to + used, size - used, "%s%s", i > 0 ? " " : "", entries[i]->d_name);
        ck_assert_uint_lt(used, size);
        free(entries[i]);
    }
    free(entries);
    return to;
}
