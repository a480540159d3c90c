#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 65536 };

static char *fail(char why[SECRETS_WHY_SIZE], const char *reason) {
    snprintf(why, SECRETS_WHY_SIZE, "%s", reason);
    return NULL;
}

/* The permissions of what was opened, not of what has that name a moment later. */
static int is_private(int fd, char why[SECRETS_WHY_SIZE]) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        fail(why, strerror(errno));
        return 0;
    }
    if ((info.st_mode & S_IRWXO) == 0)
        return 1;
    snprintf(why, SECRETS_WHY_SIZE,
             "every user of this machine may use it (mode %03o): run chmod o-rwx on it",
             (unsigned)info.st_mode & 0777U);
    return 0;
}

/* Twice the room for a text of size bytes. */
static char *enlarge(struct pool *pool, const char *text, size_t size, size_t *capacity) {
    *capacity = *capacity > 0 ? 2 * *capacity : 4096;
    char *larger = pool_alloc(pool, *capacity);
    if (larger != NULL && size > 0)
        memcpy(larger, text, size);
    return larger;
}

static char *read_all(struct pool *pool, int fd, size_t max, char why[SECRETS_WHY_SIZE]) {
    char *text = NULL;
    size_t size = 0, capacity = 0;
    for (;;) {
        if (size + 1 >= capacity && (text = enlarge(pool, text, size, &capacity)) == NULL)
            return fail(why, "out of memory");
        const ssize_t got = read(fd, text + size, capacity - 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(why, strerror(errno));
        if (got == 0)
            break;
        size += (size_t)got;
        if (size > max) {
            snprintf(why, SECRETS_WHY_SIZE, "it has more than %zu bytes", max);
            return NULL;
        }
    }
    if (memchr(text, '\0', size) != NULL)
        return fail(why, "it holds a NUL character, so it is not a text");
    return text;
}

static char *read_file(struct pool *pool, const char *path, size_t max, int private,
                       char why[SECRETS_WHY_SIZE]) {
    /* A named pipe without a writer must not hold up the agent; one with a writer may be read. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fail(why, strerror(errno));
    (void)fcntl(fd, F_SETFL, O_RDONLY);
    char *text = NULL;
    if (!private || is_private(fd, why))
        text = read_all(pool, fd, max, why);
    close(fd);
    return text;
}

char *secrets_read_public(struct pool *pool, const char *path, size_t max,
                          char why[SECRETS_WHY_SIZE]) {
    return read_file(pool, path, max, 0, why);
}

char *secrets_read_private(struct pool *pool, const char *path, size_t max,
                           char why[SECRETS_WHY_SIZE]) {
    return read_file(pool, path, max, 1, why);
}

char *secrets_read(struct pool *pool, const char *path, char why[SECRETS_WHY_SIZE]) {
    char *text = secrets_read_private(pool, path, SECRET_MAX, why);
    if (text == NULL)
        return NULL;
    size_t size = strlen(text);
    if (size > 0 && text[size - 1] == '\n')
        text[--size] = '\0';
    if (size > 0 && text[size - 1] == '\r')
        text[--size] = '\0';
    return size > 0 ? text : fail(why, "it is empty");
}

int secrets_exposed(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && (info.st_mode & S_IROTH) != 0;
}
