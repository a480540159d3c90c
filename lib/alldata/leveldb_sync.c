#include "alldata/leveldb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alldata/system.h"
#include "base/clock.h"
#include "base/error.h"

/* Times of files are those of the last tick of the kernel's clock, a hundredth of a second at most:
 * what happens within two of them may look as if it had happened at once. */
#define TICKS_NS INT64_C(20000000)

static int32_t failed(repli_error *err, const char *what, const char *path) {
    return alldata__system_error(err, ALLDATA__LEVELDB, what, path);
}

static int32_t sync_log(int directory, const char *name, const char *path, repli_error *err) {
    const int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    /* Its events went into a table, which was synced, and it was removed. */
    if (fd < 0 && errno == ENOENT)
        return REPLI_OK;
    if (fd < 0)
        return failed(err, "open a log in", path);
    const int32_t code = fdatasync(fd) == 0 ? REPLI_OK : failed(err, "sync a log in", path);
    close(fd);
    return code;
}

static int is_log(const char *name) {
    const size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".log") == 0;
}

int32_t alldata__leveldb_sync_logs(const char *path, repli_error *err) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        return failed(err, "read", path);
    int32_t code = REPLI_OK;
    const struct dirent *entry;
    while (code == REPLI_OK && (entry = readdir(directory)) != NULL)
        if (is_log(entry->d_name))
            code = sync_log(dirfd(directory), entry->d_name, path, err);
    if (code == REPLI_OK && fsync(dirfd(directory)) != 0)
        code = failed(err, "sync", path);
    closedir(directory);
    return code;
}

int32_t alldata__leveldb_sync_names(int directory, const char *path, int64_t *last_ns,
                                    repli_error *err) {
    struct stat info;
    if (fstat(directory, &info) != 0)
        return failed(err, "look at", path);
    const int64_t changed_ns =
        (int64_t)info.st_mtim.tv_sec * REPLI__NS_PER_S + info.st_mtim.tv_nsec;
    if (changed_ns == *last_ns)
        return REPLI_OK;
    const int64_t now_ns = repli__wall_ns();
    if (fsync(directory) != 0)
        return failed(err, "sync", path);
    if (now_ns - changed_ns > TICKS_NS)
        *last_ns = changed_ns;
    return REPLI_OK;
}

/* LevelDB ends what it says with the system's own words, in the language of the process. */
static int cause_of(const char *text) {
    static const int causes[] = {ENOSPC, EDQUOT, EFBIG,  EMFILE, ENFILE, EACCES,
                                 EPERM,  EROFS,  ENOENT, ENOMEM, EAGAIN};
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (strstr(text, strerror(causes[i])) != NULL)
            return causes[i];
    return EIO;
}

static int is_locked(const char *text, int cause) {
    return strstr(text, "lock") != NULL &&
           (cause == EAGAIN || cause == EACCES || strstr(text, "already held") != NULL);
}

int32_t alldata__leveldb_error(repli_error *err, char *text, const char *what, const char *path) {
    if (text == NULL)
        return repli__error_nomem(err, ALLDATA__LEVELDB, "saying what LevelDB said");
    const int cause = cause_of(text);
    int32_t code = alldata__system_code(cause);
    const char *advice = "";
    if (strncmp(text, "Corruption", 10) == 0) {
        code = REPLI_ECORRUPT;
        advice = ": it is damaged; nothing was changed; copy it before anything is tried, and read "
                 "what there is with the setting \"damaged\" as \"skip\"";
    } else if (is_locked(text, cause)) {
        code = REPLI_EBUSY;
        advice = ": another process, or another storage in this one, has it open";
    } else if (strstr(text, "does not exist") != NULL) {
        code = REPLI_ENOTFOUND;
    } else if (cause == EMFILE || cause == ENFILE) {
        advice = ": this process has as many files open as it may";
    } else if (code == REPLI_EFULL) {
        advice = ": the disk is full; what is stored is not touched";
    } else if (code == REPLI_EPERMISSION) {
        advice = ": this process may not write there, which reading needs as well";
    }
    repli__error(err, code, ALLDATA__LEVELDB, "cannot %s %.200s%s", what, path, advice);
    repli__error_cause(err, text);
    leveldb_free(text);
    return code;
}
