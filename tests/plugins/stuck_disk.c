/* To be preloaded: while there is a file called $STUCK_DISK.stuck, no write to a file below the
 * directory $STUCK_DISK returns, as on a disk that does not answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char directory[4096], mark[4096];

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("STUCK_DISK");
    if (text == NULL || realpath(text, directory) == NULL)
        directory[0] = '\0';
    snprintf(mark, sizeof(mark), "%s.stuck", text != NULL ? text : "");
}

static int is_below(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, path, sizeof(path) - 1);
    const size_t prefix = strlen(directory);
    return prefix > 0 && size > (ssize_t)prefix && memcmp(path, directory, prefix) == 0 &&
           path[prefix] == '/';
}

#pragma GCC visibility push(default)

ssize_t write(int fd, const void *bytes, size_t size) {
    while (access(mark, F_OK) == 0 && is_below(fd))
        usleep(1000);
    return syscall(SYS_write, fd, bytes, size);
}
