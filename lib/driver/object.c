#include "driver/object.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* As much as there is: less than size only at the end of the file; -1 with errno. */
static ssize_t read_at(int fd, void *to, size_t size, uint64_t at) {
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(at + done));
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

/* 1 if the file has all that its headers announce, or is none that they are known of; 0 if not; -1
 * with errno if it cannot be read. */
static int is_complete(int fd, uint64_t size) {
    ElfW(Ehdr) header;
    const ssize_t header_size = read_at(fd, &header, sizeof(header), 0);
    if (header_size < 0)
        return -1;
    if (header_size != (ssize_t)sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        header.e_phentsize != sizeof(ElfW(Phdr)))
        return 1;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) segment;
        const uint64_t at = header.e_phoff + (uint64_t)i * sizeof(segment);
        const ssize_t got = at <= size ? read_at(fd, &segment, sizeof(segment), at) : 0;
        if (got != (ssize_t)sizeof(segment))
            return got < 0 ? -1 : 0;
        if (segment.p_type == PT_LOAD &&
            (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
            return 0;
    }
    return 1;
}

int32_t repli__object_check(const char *path, repli_error *err) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    int complete = -1;
    if (fd != -1 && fstat(fd, &info) == 0)
        complete = is_complete(fd, (uint64_t)info.st_size);
    const int reason = errno;
    if (fd != -1)
        close(fd);
    if (complete == -1)
        return repli__error(err, reason == EACCES ? REPLI_EPERMISSION : REPLI_EIO, "driver",
                            "cannot read driver file %.300s: %s", path, strerror(reason));
    if (!complete)
        return repli__error(err, REPLI_EIO, "driver",
                            "cannot load driver file %.300s: its end is missing, copy it again",
                            path);
    return REPLI_OK;
}
