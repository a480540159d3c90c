#include "sink_cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 128 };

int sink_cursor_load(const char *path, struct sink_cursor *ret_cursor) {
    char line[LINE_SIZE];
    struct sink_cursor read_back = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *ret_cursor = read_back;
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    const ssize_t size = read(fd, line, sizeof(line) - 1);
    const int why = errno;
    close(fd);
    errno = why;
    if (size < 0)
        return -1;
    line[size] = '\0';
    if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &read_back.number,
               &read_back.time_ns, &read_back.odd_number, &read_back.odd_ns) != 4 ||
        read_back.number < 0) {
        errno = EINVAL;
        return -1;
    }
    *ret_cursor = read_back;
    return 0;
}

static int write_whole(int fd, const char *line, size_t size) {
    while (size > 0) {
        const ssize_t written = write(fd, line, size);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            line += written;
            size -= (size_t)written;
        }
    }
    return fsync(fd);
}

/* The new name is on disk once its folder is. */
static int sync_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int length = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);
    snprintf(folder, sizeof(folder), "%.*s", length > 0 ? length : 1, length > 0 ? path : ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const int bad = fsync(fd);
    const int why = errno;
    close(fd);
    errno = why;
    return bad;
}

int sink_cursor_save(const char *path, const struct sink_cursor *cursor) {
    char line[LINE_SIZE], fresh[PATH_MAX];
    const int size =
        snprintf(line, sizeof(line), "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                 cursor->number, cursor->time_ns, cursor->odd_number, cursor->odd_ns);
    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    int bad = write_whole(fd, line, (size_t)size);
    int why = errno;
    if (close(fd) != 0 && !bad) {
        bad = -1;
        why = errno;
    }
    errno = why;
    return bad != 0 || rename(fresh, path) != 0 || sync_folder(path) != 0 ? -1 : 0;
}
