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

enum { ROOM = 1 << 16, PATH_SIZE = 4096, PIECE = 1 << 18 };

struct alldata__draft {
    const repli__mem *mem;
    alldata__export what;
    unsigned long long count;
    int fd;          /* -1: it is not open yet, or has become the file */
    repli_error end; /* how it ended, if it has */
    char to[PATH_SIZE];
    char path[PATH_SIZE];
    size_t used;
    char room[ROOM];
};

static int32_t file_error(const char *what, const char *path, repli_error *err) {
    return alldata__system_error(err, ALLDATA__ORIGIN, what, path);
}

static int32_t write_all(alldata__draft *out, const char *data, size_t size, repli_error *err) {
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

static int32_t flush(alldata__draft *out, repli_error *err) {
    const int32_t code = write_all(out, out->room, out->used, err);
    out->used = 0;
    return code;
}

static int32_t add(alldata__draft *out, const char *data, size_t size, repli_error *err) {
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

static int32_t add_record(alldata__draft *out, const alldata_record *record, repli_error *err) {
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

/* The file's name is on disk only when its directory is. */
static int32_t sync_directory(const char *path, repli_error *err) {
    char directory[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return alldata__system_sync_names(".", ALLDATA__ORIGIN, err);
    snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return alldata__system_sync_names(directory, ALLDATA__ORIGIN, err);
}

static int32_t open_draft(alldata__draft *out, const char *path, repli_error *err) {
    if ((size_t)snprintf(out->path, sizeof(out->path), "%s.part", path) >= sizeof(out->path))
        return repli__error(err, REPLI_EINVALID, ALLDATA__ORIGIN, "the path is too long");
    snprintf(out->to, sizeof(out->to), "%s", path);
    out->fd = open(out->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return out->fd >= 0 ? REPLI_OK : file_error("write the file", out->path, err);
}

int32_t alldata__draft_new(const repli__mem *mem, const alldata__export *what, const char *path,
                           alldata__draft **ret_draft, repli_error *err) {
    char line[64];
    const int size = snprintf(line, sizeof(line), "alldata-export 1 %s\n", what->interval);
    alldata__draft *out = repli__calloc(mem, 1, sizeof(*out));
    if (out == NULL)
        return repli__error_nomem(err, ALLDATA__ORIGIN, "exporting an interval");
    out->mem = mem;
    out->what = *what;
    out->fd = -1;
    out->end = (repli_error)REPLI_ERROR_INIT;
    int32_t code = open_draft(out, path, err);
    if (code == REPLI_OK)
        code = add(out, line, (size_t)size, err);
    if (code != REPLI_OK) {
        alldata__draft_free(out, 1);
        return code;
    }
    *ret_draft = out;
    return REPLI_OK;
}

/* Have it be the file. */
static int32_t finish(alldata__draft *out, repli_error *err) {
    char line[64];
    const int size = snprintf(line, sizeof(line), "end %llu\n", out->count);
    int32_t code = add(out, line, (size_t)size, err);
    if (code == REPLI_OK)
        code = flush(out, err);
    if (code == REPLI_OK && fsync(out->fd) != 0)
        code = file_error("sync", out->path, err);
    if (code == REPLI_OK && rename(out->path, out->to) != 0)
        code = file_error("rename the file to", out->to, err);
    if (code != REPLI_OK)
        return code;
    close(out->fd);
    out->fd = -1;
    code = sync_directory(out->to, err);
    return code == REPLI_OK
               ? repli__error(err, REPLI_EDONE, ALLDATA__ORIGIN, "%.400s is there", out->to)
               : code;
}

static int32_t write_piece(alldata__draft *out, repli_error *err) {
    for (size_t written = 0; written < PIECE; out->count++) {
        alldata_record record = ALLDATA_RECORD_INIT;
        int32_t code = out->what.next(out->what.source, &record, err);
        if (code == REPLI_EDONE)
            return finish(out, err);
        if (code == REPLI_OK)
            code = add_record(out, &record, err);
        if (code != REPLI_OK)
            return code;
        written += record.key_size + record.event_size;
    }
    return REPLI_OK;
}

int32_t alldata__draft_write(alldata__draft *out, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    if (out->end.code != REPLI_OK)
        return repli__error_copy(err, &out->end);
    const int32_t code = write_piece(out, &error);
    if (code == REPLI_OK)
        return REPLI_OK;
    if (code != REPLI_ENOTREADY)
        out->end = error;
    return repli__error_copy(err, &error);
}

void alldata__draft_free(alldata__draft *out, int is_ours) {
    if (out == NULL)
        return;
    if (out->fd >= 0) {
        close(out->fd);
        if (is_ours)
            unlink(out->path);
    }
    repli__free(out->mem, out);
}

int32_t alldata__export_write(const repli__mem *mem, const alldata__export *what, const char *path,
                              repli_error *err) {
    alldata__draft *out = NULL;
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = alldata__draft_new(mem, what, path, &out, &error);
    while (code == REPLI_OK)
        code = alldata__draft_write(out, &error);
    alldata__draft_free(out, 1);
    return code == REPLI_EDONE ? REPLI_OK : repli__error_copy(err, &error);
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
