#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan.h"
#include "postgresql.h"
#include "text.h"

enum { MAX_PATH = 4096, MAX_FILE = 16 * 1024 * 1024 };

static int32_t io_failed(const repli__pg *pg, repli_error *err, const char *what,
                         const char *directory, const char *name) {
    const int reason = errno;
    return repli__pg_fail(pg, err, reason == ENOSPC ? REPLI_EFULL : REPLI_EIO, NULL,
                          "%s %s%s%s: %s", what, directory, *name ? "/" : "", name,
                          strerror(reason));
}

int32_t repli__pg_path(const repli__pg *pg, char *ret_path, size_t size, const char *directory,
                       const char *name, repli_error *err) {
    const int length = snprintf(ret_path, size, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= size)
        return repli__pg_fail(pg, err, REPLI_EINVALID, NULL, "the path of %s in %s is too long",
                              name, directory);
    return REPLI_OK;
}

int repli__pg_exists(const char *directory, const char *name) {
    char path[MAX_PATH];
    const int length = snprintf(path, sizeof(path), "%s/%s", directory, name);
    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0;
}

int32_t repli__pg_work_directory(const repli__pg *pg, const char **ret_path, repli_error *err) {
    const char *path = pg->config.work_directory;
    if (!path)
        return repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                              "this action needs data_directory in the driver's configuration");
    if (!pg->plan && mkdir(path, 0700) != 0 && errno != EEXIST)
        return repli__pg_fail(pg, err, REPLI_EIO, NULL,
                              "cannot make the directory %s: %s; set work_directory to one that "
                              "the agent may write to",
                              path, strerror(errno));
    *ret_path = path;
    return REPLI_OK;
}

static int write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t wrote = write(fd, data, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -1;
        data += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

static int sync_directory(int directory) {
    return fsync(directory) == 0 || errno == EINVAL ? 0 : -1;
}

/* Write name through a new file beside it. */
static int replace(int directory, const char *name, const char *content, mode_t mode) {
    char beside[300];
    snprintf(beside, sizeof(beside), "%s.new", name);
    const int fd =
        openat(directory, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -1;
    const int written = write_all(fd, content, strlen(content)) == 0 && fsync(fd) == 0;
    const int reason = errno;
    if (close(fd) == 0 && written)
        return renameat(directory, beside, directory, name) == 0 ? sync_directory(directory) : -1;
    unlinkat(directory, beside, 0);
    errno = reason;
    return -1;
}

int32_t repli__pg_write_file(const repli__pg *pg, const char *directory, const char *name,
                             const char *content, repli_error *err) {
    if (pg->plan)
        return repli__pg_plan_file(pg, 0, "write", directory, name);
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_failed(pg, err, "cannot open", directory, "");
    int32_t code = REPLI_OK;
    if (replace(fd, name, content, 0600) != 0)
        code = io_failed(pg, err, "cannot write", directory, name);
    close(fd);
    return code;
}

/* NULL with errno on failure; too big a file is EFBIG. */
static char *read_all(const repli__pg *pg, int fd) {
    struct stat info;
    if (fstat(fd, &info) != 0)
        return NULL;
    if (info.st_size > MAX_FILE)
        return errno = EFBIG, NULL;
    const size_t size = (size_t)info.st_size;
    char *content = pg->host->alloc(pg->host, size + 1);
    size_t used = 0;
    while (content && used < size) {
        const ssize_t got = read(fd, content + used, size - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            pg->host->release(pg->host, content);
            return NULL;
        }
        if (got == 0)
            break;
        used += (size_t)got;
    }
    if (content)
        content[used] = '\0';
    else
        errno = ENOMEM;
    return content;
}

int32_t repli__pg_read_file(const repli__pg *pg, const char *directory, const char *name,
                            char **ret_content, repli_error *err) {
    char path[MAX_PATH];
    const int32_t code = repli__pg_path(pg, path, sizeof(path), directory, name, err);
    if (code != REPLI_OK)
        return code;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return repli__pg_fail(pg, err, REPLI_ENOTFOUND, NULL, "there is no file %s", path);
    char *content = fd < 0 ? NULL : read_all(pg, fd);
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    if (!content)
        return io_failed(pg, err, "cannot read", directory, name);
    *ret_content = content;
    return REPLI_OK;
}

void repli__pg_read_tail(const char *directory, const char *name, char *ret_text, size_t size) {
    char path[MAX_PATH];
    ret_text[0] = '\0';
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const off_t end = lseek(fd, 0, SEEK_END);
    const off_t from = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
    const ssize_t got = pread(fd, ret_text, size - 1, from);
    close(fd);
    size_t length = got > 0 ? (size_t)got : 0;
    while (length > 0 && ret_text[length - 1] == '\n')
        length--;
    ret_text[length] = '\0';
    /* Begin with a whole line, if there is one. */
    char *first = from > 0 ? strchr(ret_text, '\n') : NULL;
    if (first)
        memmove(ret_text, first + 1, strlen(first + 1) + 1);
    repli__pg_clean(ret_text);
}

int32_t repli__pg_remove_file(const repli__pg *pg, const char *directory, const char *name,
                              repli_error *err) {
    if (pg->plan)
        return repli__pg_plan_file(pg, 0, "remove", directory, name);
    char path[MAX_PATH];
    const int32_t code = repli__pg_path(pg, path, sizeof(path), directory, name, err);
    if (code != REPLI_OK)
        return code;
    return unlink(path) == 0 || errno == ENOENT
               ? REPLI_OK
               : io_failed(pg, err, "cannot remove", directory, name);
}

/* Remove what is in the directory fd, which is closed. Links are removed, never followed. */
static int empty(int fd) {
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -1;
    }
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        const int inner = openat(dirfd(directory), entry->d_name,
                                 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (inner >= 0)
            result = empty(inner);
        if (result == 0)
            result = unlinkat(dirfd(directory), entry->d_name, inner >= 0 ? AT_REMOVEDIR : 0);
    }
    const int reason = errno;
    closedir(directory);
    errno = reason;
    return result;
}

int32_t repli__pg_empty_directory(const repli__pg *pg, const char *path, repli_error *err) {
    if (pg->plan)
        return repli__pg_plan_file(pg, 1, "remove all that is in", path, "");
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return REPLI_OK;
    return fd >= 0 && empty(fd) == 0 ? REPLI_OK : io_failed(pg, err, "cannot empty", path, "");
}

static int ends_with(const char *name, const char *suffix) {
    const size_t length = strlen(name), end = strlen(suffix);
    return length > end && strcmp(name + length - end, suffix) == 0;
}

int32_t repli__pg_copy_files(const repli__pg *pg, const char *from, const char *to,
                             const char *suffix, repli_error *err) {
    if (pg->plan)
        return repli__pg_plan_tell(pg, 0, "", "copy %s/*%s to %s", from, suffix, to);
    if (mkdir(to, 0700) != 0 && errno != EEXIST)
        return io_failed(pg, err, "cannot make", to, "");
    DIR *directory = opendir(from);
    if (!directory)
        return io_failed(pg, err, "cannot read", from, "");
    int32_t code = REPLI_OK;
    for (const struct dirent *entry; code == REPLI_OK && (entry = readdir(directory));) {
        if (!ends_with(entry->d_name, suffix))
            continue;
        char *content = NULL;
        code = repli__pg_read_file(pg, from, entry->d_name, &content, err);
        if (code == REPLI_OK)
            code = repli__pg_write_file(pg, to, entry->d_name, content, err);
        pg->host->release(pg->host, content);
    }
    closedir(directory);
    return code;
}
