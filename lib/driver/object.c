#include "driver/object.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Not 0 if the file has all that its headers announce, or is none that they are known of. */
static int is_complete(int fd, uint64_t size) {
    ElfW(Ehdr) header;
    if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        header.e_phentsize != sizeof(ElfW(Phdr)))
        return 1;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) segment;
        const uint64_t at = header.e_phoff + (uint64_t)i * sizeof(segment);
        if (at > size || pread(fd, &segment, sizeof(segment), (off_t)at) != sizeof(segment))
            return 0;
        if (segment.p_type == PT_LOAD &&
            (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
            return 0;
    }
    return 1;
}

int32_t repli__object_check(const char *path, repli_error *err) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd == -1 || fstat(fd, &info) == -1) {
        const int reason = errno;
        if (fd != -1)
            close(fd);
        return repli__error(err, reason == EACCES ? REPLI_EPERMISSION : REPLI_EIO, "driver",
                            "cannot read driver file %.300s: %s", path, strerror(reason));
    }
    const int complete = is_complete(fd, (uint64_t)info.st_size);
    close(fd);
    if (!complete)
        return repli__error(err, REPLI_EIO, "driver",
                            "cannot load driver file %.300s: its end is missing, copy it again",
                            path);
    return REPLI_OK;
}
