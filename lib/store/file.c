#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

/* The database first: what is left of an interrupted renaming is a log without its database, which
 * is noticed, and never a database without its log, which is not. */
static const char *const suffixes[] = {"", "-wal", "-shm"};

enum { FILES = sizeof(suffixes) / sizeof(suffixes[0]) };

/* NULL when out of memory. */
static char *join(const repli__mem *mem, const char *path, const char *middle, const char *suffix) {
    repli_buf name = {.allocator = mem};
    return repli__buf_printf(&name, "%s%s%s", path, middle, suffix) == REPLI_OK ? name.data : NULL;
}

static int32_t no_memory(repli_error *err) {
    return repli__error_nomem(err, "store", "naming the database");
}

int32_t repli__file_resolve(const repli__mem *mem, const char *path, char **ret_path,
                            repli_error *err) {
    char *whole = realpath(path, NULL);
    char *directory = NULL;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (whole == NULL && errno == ENOENT && name[0] != '\0') {
        char *parent = strndup(path, (size_t)(name - path));
        if (parent != NULL)
            directory = realpath(parent[0] != '\0' ? parent : ".", NULL);
        free(parent);
    }
    const int failure = errno;
    int32_t code = REPLI_OK;
    char *resolved = NULL;
    if (whole != NULL || directory != NULL)
        resolved = whole != NULL ? join(mem, whole, "", "") : join(mem, directory, "/", name);
    else
        code = repli__error(err, failure == ENOMEM ? REPLI_ENOMEM : REPLI_EIO, "store",
                            "cannot find the directory of the database %s: %s", path,
                            strerror(failure));
    if (resolved != NULL)
        *ret_path = resolved;
    else if (code == REPLI_OK)
        code = no_memory(err);
    free(whole);
    free(directory);
    return code;
}

int32_t repli__file_check(const char *path, repli_error *err) {
    struct stat status;
    const char *what = NULL;
    if (lstat(path, &status) != 0) {
        if (errno != ENOENT)
            return repli__error(err, REPLI_EIO, "store", "cannot look at the database %s: %s", path,
                                strerror(errno));
        return REPLI_OK;
    }
    if (S_ISLNK(status.st_mode))
        what = "a symbolic link that leads nowhere";
    else if (S_ISDIR(status.st_mode))
        what = "a directory";
    else if (!S_ISREG(status.st_mode))
        what = "a device, pipe or socket";
    if (what == NULL)
        return REPLI_OK;
    return repli__error(err, REPLI_EIO, "store",
                        "cannot use %s as the database: it is %s, and must be a file, or missing",
                        path, what);
}

int32_t repli__file_size(const repli__mem *mem, const char *path, const char *suffix,
                         off_t *ret_size, repli_error *err) {
    char *name = join(mem, path, suffix, "");
    if (name == NULL)
        return no_memory(err);
    struct stat status;
    int32_t code = REPLI_OK;
    if (stat(name, &status) == 0)
        *ret_size = status.st_size;
    else if (errno == ENOENT)
        *ret_size = 0;
    else
        code =
            repli__error(err, REPLI_EIO, "store", "cannot look at %s: %s", name, strerror(errno));
    repli__free(mem, name);
    return code;
}

/* Making one. */

/* What cannot be removed is in the way of the next attempt, which then says so. */
static void remove_all(const repli__mem *mem, const char *path) {
    for (size_t i = 0; i < FILES; i++) {
        char *name = join(mem, path, suffixes[i], "");
        if (name != NULL)
            unlink(name);
        repli__free(mem, name);
    }
}

int32_t repli__file_create(const repli__mem *mem, const char *path, char **ret_path,
                           repli_error *err) {
    char *name = join(mem, path, "-new", "");
    if (name == NULL)
        return no_memory(err);
    remove_all(mem, name);
    const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        repli__free(mem, name);
        return repli__error(err, errno == ENOSPC ? REPLI_EFULL : REPLI_EIO, "store",
                            "cannot create the database %s: %s", path, strerror(errno));
    }
    close(fd);
    *ret_path = name;
    return REPLI_OK;
}

/* A name is on disk once its directory is. */
static void sync_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    char *directory = strndup(path, slash != NULL ? (size_t)(slash - path) + 1 : 0);
    const int fd = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(directory);
}

int32_t repli__file_created(const repli__mem *mem, const char *path, char *made_path, int made,
                            repli_error *err) {
    int32_t code = REPLI_OK;
    if (made && rename(made_path, path) != 0)
        code = repli__error(err, REPLI_EIO, "store", "cannot rename %s to %s: %s", made_path, path,
                            strerror(errno));
    if (made && code == REPLI_OK)
        sync_directory(path);
    else
        remove_all(mem, made_path);
    repli__free(mem, made_path);
    return code;
}

/* Setting one aside. */

/* NULL when out of memory. */
static char *name_aside(const repli__mem *mem, const char *path) {
    const time_t now = time(NULL);
    struct tm utc;
    char stamp[32] = "";
    if (gmtime_r(&now, &utc) != NULL)
        strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
    for (int attempt = 1;; attempt++) {
        char middle[64];
        char number[16] = "";
        if (attempt > 1)
            snprintf(number, sizeof(number), "-%d", attempt);
        snprintf(middle, sizeof(middle), ".damaged-%s%s", stamp, number);
        char *name = join(mem, path, middle, "");
        struct stat status;
        if (name == NULL || lstat(name, &status) != 0)
            return name;
        repli__free(mem, name);
    }
}

static int32_t rename_one(const repli__mem *mem, const char *from, const char *to,
                          const char *suffix, repli_error *err) {
    char *old = join(mem, from, suffix, "");
    char *fresh = join(mem, to, suffix, "");
    int32_t code = REPLI_OK;
    if (old == NULL || fresh == NULL)
        code = no_memory(err);
    else if (rename(old, fresh) != 0 && errno != ENOENT)
        code = repli__error(err, REPLI_EIO, "store", "cannot rename %s to %s: %s", old, fresh,
                            strerror(errno));
    repli__free(mem, old);
    repli__free(mem, fresh);
    return code;
}

int32_t repli__file_set_aside(const repli__mem *mem, const char *path, char **ret_path,
                              repli_error *err) {
    char *aside = name_aside(mem, path);
    if (aside == NULL)
        return no_memory(err);
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < FILES && code == REPLI_OK; i++)
        code = rename_one(mem, path, aside, suffixes[i], err);
    if (code == REPLI_OK) {
        sync_directory(path);
        *ret_path = aside;
    } else {
        repli__free(mem, aside);
    }
    return code;
}
