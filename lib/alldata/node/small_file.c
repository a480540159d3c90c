#include "alldata/node/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alldata/system.h"
#include "base/buf.h"
#include "base/error.h"

#define ORIGIN "node"

int32_t alldata__small_file_read(const char *path, size_t most, repli_buf *ret_text,
                                 repli_error *err) {
    char piece[4096];
    const size_t begin = ret_text->size;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return alldata__system_error(err, ORIGIN, "read", path);
    int32_t code = REPLI_OK;
    ssize_t got = 0;
    do {
        got = read(fd, piece, sizeof(piece));
        if (got > 0 && repli__buf_append(ret_text, piece, (size_t)got) != REPLI_OK)
            code = repli__error_nomem(err, ORIGIN, "reading a file");
        if (code == REPLI_OK && ret_text->size - begin > most)
            code = repli__error(err, REPLI_ECORRUPT, ORIGIN, "%.300s has more than %zu bytes", path,
                                most);
    } while (code == REPLI_OK && (got > 0 || (got < 0 && errno == EINTR)));
    if (code == REPLI_OK && got < 0)
        code = alldata__system_error(err, ORIGIN, "read", path);
    close(fd);
    return code;
}

static int32_t write_all(int fd, const repli_buf *text) {
    size_t done = 0;
    while (done < text->size) {
        const ssize_t size = write(fd, text->data + done, text->size - done);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return -1;
        done += (size_t)size;
    }
    return fsync(fd);
}

static int32_t sync_directory(const char *path, repli_error *err) {
    char directory[PATH_MAX];
    snprintf(directory, sizeof(directory), "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        slash[slash == directory] = '\0';
    return alldata__system_sync_names(slash != NULL ? directory : ".", ORIGIN, err);
}

int32_t alldata__small_file_write(const char *path, const repli_buf *text, repli_error *err) {
    char draft[PATH_MAX];
    if ((size_t)snprintf(draft, sizeof(draft), "%s.new", path) >= sizeof(draft))
        return repli__error(err, REPLI_EINVALID, ORIGIN, "the path is too long");
    const int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return alldata__system_error(err, ORIGIN, "write", draft);
    int32_t code =
        write_all(fd, text) == 0 ? REPLI_OK : alldata__system_error(err, ORIGIN, "write", draft);
    close(fd);
    if (code == REPLI_OK && rename(draft, path) != 0)
        code = alldata__system_error(err, ORIGIN, "replace", path);
    if (code != REPLI_OK) {
        unlink(draft);
        return code;
    }
    return sync_directory(path, err);
}
