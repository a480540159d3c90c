#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alldata/export.h"
#include "alldata/internal.h"
#include "alldata/system.h"
#include "alldata/wire/frame.h"
#include "base/error.h"

/*
 * A line that says what it is, then a line for each event, and a line at the end, without which the
 * file is not whole:
 *
 *     alldata-export 1 20261121T000000
 *     27 41 20261121T005824640353920860 {"timestamp":1795222614995,"stuff":"foo"}
 *     end 1
 *
 * An event may have newlines in it, so a reader goes by the sizes of key and event.
 */

enum { ROOM = 1 << 16, PATH_SIZE = 4096 };

typedef struct output {
    int fd;
    const char *path;
    size_t used;
    char room[ROOM];
} output;

static int32_t file_error(const char *what, const char *path, repli_error *err) {
    return alldata__system_error(err, ALLDATA__ORIGIN, what, path);
}

static int32_t write_all(output *out, const char *data, size_t size, repli_error *err) {
    while (size > 0) {
        const ssize_t written = write(out->fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return file_error("write to", out->path, err);
        data += written;
        size -= (size_t)written;
    }
    return REPLI_OK;
}

static int32_t flush(output *out, repli_error *err) {
    const int32_t code = write_all(out, out->room, out->used, err);
    out->used = 0;
    return code;
}

static int32_t add(output *out, const char *data, size_t size, repli_error *err) {
    if (size > ROOM - out->used) {
        const int32_t code = flush(out, err);
        if (code != REPLI_OK)
            return code;
    }
    if (size > ROOM)
        return write_all(out, data, size, err);
    memcpy(out->room + out->used, data, size);
    out->used += size;
    return REPLI_OK;
}

static int32_t add_record(output *out, const alldata_record *record, repli_error *err) {
    char head[ALLDATA__FRAME_HEAD];
    int32_t code = add(out, head, alldata__frame_head(head, record), err);
    if (code == REPLI_OK)
        code = add(out, record->key, record->key_size, err);
    if (code == REPLI_OK)
        code = add(out, " ", 1, err);
    if (code == REPLI_OK)
        code = add(out, record->event, record->event_size, err);
    return code == REPLI_OK ? add(out, "\n", 1, err) : code;
}

static int32_t write_all_of(output *out, const alldata__export *what, repli_error *err) {
    char line[64];
    unsigned long long count = 0;
    int size = snprintf(line, sizeof(line), "alldata-export 1 %s\n", what->interval);
    int32_t code = add(out, line, (size_t)size, err);
    repli_error end = REPLI_ERROR_INIT;
    while (code == REPLI_OK) {
        alldata_record record = ALLDATA_RECORD_INIT;
        const int32_t got = what->next(what->source, &record, &end);
        if (got == REPLI_EDONE)
            break;
        code = got == REPLI_OK ? add_record(out, &record, err) : repli__error_copy(err, &end);
        count++;
    }
    if (code != REPLI_OK)
        return code;
    size = snprintf(line, sizeof(line), "end %llu\n", count);
    code = add(out, line, (size_t)size, err);
    return code == REPLI_OK ? flush(out, err) : code;
}

/* The file's name is on disk only when its directory is. */
static int32_t sync_directory(const char *path, repli_error *err) {
    char directory[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return alldata__system_sync_names(".", ALLDATA__ORIGIN, err);
    snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return alldata__system_sync_names(directory, ALLDATA__ORIGIN, err);
}

int32_t alldata__export_write(const repli__mem *mem, const alldata__export *what, const char *path,
                              repli_error *err) {
    char draft[PATH_SIZE];
    if ((size_t)snprintf(draft, sizeof(draft), "%s.part", path) >= sizeof(draft))
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN, "the path is too long");
    output *out = repli__alloc(mem, sizeof(*out));
    if (out == NULL)
        return repli__error_nomem(err, ALLDATA__ORIGIN, "exporting an interval");
    out->path = draft;
    out->used = 0;
    out->fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int32_t code = out->fd >= 0 ? REPLI_OK : file_error("write the file", draft, err);
    if (code == REPLI_OK) {
        code = write_all_of(out, what, err);
        if (code == REPLI_OK && fsync(out->fd) != 0)
            code = file_error("sync", draft, err);
        close(out->fd);
        if (code == REPLI_OK && rename(draft, path) != 0)
            code = file_error("rename the file to", path, err);
        if (code == REPLI_OK)
            code = sync_directory(path, err);
        else
            unlink(draft);
    }
    repli__free(mem, out);
    return code;
}

int32_t alldata__export_check(alldata_storage *storage, const char *interval, const char *path,
                              repli_error *err) {
    int64_t start = 0;
    if (interval == NULL || path == NULL || path[0] == '\0')
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN,
                            "an interval and the path of a file are needed");
    if (alldata__interval_start(interval, strlen(interval), &start) &&
        start >= atomic_load(&storage->window_start))
        return repli__error(err, REPLI_ESTATE, ALLDATA__ORIGIN,
                            "the interval %s is not closed: events are still added to it",
                            interval);
    return REPLI_OK;
}

static int32_t next(void *scan, alldata_record *ret_record, repli_error *err) {
    return alldata_scan_next(scan, ret_record, err);
}

int32_t alldata_storage_export(alldata_storage *storage, const char *interval, const char *path,
                               repli_error *err) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_scan *scan = NULL;
    options.interval = interval;
    options.flags = ALLDATA_SCAN_VERIFY;
    int32_t code = interval != NULL ? alldata_scan_new(storage, &options, &scan, err) : REPLI_OK;
    if (code == REPLI_OK)
        code = alldata__export_check(storage, interval, path, err);
    const alldata__export what = {.interval = interval, .next = next, .source = scan};
    if (code == REPLI_OK)
        code = alldata__export_write(&storage->mem, &what, path, err);
    alldata_scan_free(scan);
    return code;
}
