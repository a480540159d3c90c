#include "alldata/system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

int32_t alldata__system_code(int number) {
    switch (number) {
    case ENOMEM: return REPLI_ENOMEM;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE: return REPLI_EFULL;
    case EACCES:
    case EPERM:
    case EROFS: return REPLI_EPERMISSION;
    case ENOENT: return REPLI_ENOTFOUND;
    case ENOTDIR:
    case EEXIST:
    case EISDIR: return REPLI_EINVALID;
    default: return REPLI_EIO;
    }
}

int32_t alldata__system_error(repli_error *err, const char *origin, const char *what,
                              const char *path) {
    const int number = errno;
    return repli__error(err, alldata__system_code(number), origin, "cannot %s %.300s: %s", what,
                        path, strerror(number));
}

int32_t alldata__system_sync_names(const char *directory, const char *origin, repli_error *err) {
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return alldata__system_error(err, origin, "open", directory);
    const int32_t code =
        fsync(fd) == 0 ? REPLI_OK : alldata__system_error(err, origin, "sync", directory);
    close(fd);
    return code;
}
