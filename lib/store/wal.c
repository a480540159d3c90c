#include "store/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

/* The formats of PATH-wal and of the head of PATH-shm, as SQLite documents them. */
enum {
    HEADER_SIZE = 32,
    FRAME_HEADER_SIZE = 24,
    SALTS_SIZE = 8,
    INDEX_SIZE = 48,
    VERSION = 3007000
};

#define MAGIC UINT32_C(0x377f0682) /* plus 1 if checksums are of big-endian words */

static uint32_t big(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t little(const unsigned char *at) {
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static uint32_t native(const unsigned char *at) {
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

typedef struct checksum {
    uint32_t (*word)(const unsigned char *at);
    uint32_t a, b;
} checksum;

static void add(checksum *sum, const unsigned char *data, size_t size) {
    for (size_t i = 0; i + 8 <= size; i += 8) {
        sum->a += sum->word(data + i) + sum->b;
        sum->b += sum->word(data + i + 4) + sum->a;
    }
}

/* What PATH-shm says. */
typedef struct wal_index {
    int valid;
    uint32_t frames; /* committed */
    uint32_t copied; /* of them, into the database */
    unsigned char salts[SALTS_SIZE];
} wal_index;

static ssize_t read_at(int fd, void *to, size_t size, off_t offset) {
    ssize_t got;
    do
        got = pread(fd, to, size, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Two copies of the head, and after them how much was copied. Whatever is odd about it makes it
 * say nothing: SQLite builds the index anew. */
static void read_index(int fd, wal_index *index) {
    unsigned char head[2 * INDEX_SIZE + 4];
    memset(index, 0, sizeof(*index));
    if (read_at(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
        memcmp(head, head + INDEX_SIZE, INDEX_SIZE) != 0 || native(head) != VERSION)
        return;
    checksum sum = {.word = native};
    add(&sum, head, INDEX_SIZE - 8);
    if (sum.a != native(head + INDEX_SIZE - 8) || sum.b != native(head + INDEX_SIZE - 4))
        return;
    index->valid = 1;
    index->frames = native(head + 16);
    memcpy(index->salts, head + 32, SALTS_SIZE);
    index->copied = native(head + 2 * INDEX_SIZE);
}

/* A log being read. */
typedef struct wal {
    int fd;
    checksum sum; /* of all frames so far */
    size_t frame_size;
    unsigned char salts[SALTS_SIZE];
    unsigned char *frame;
    uint32_t frames; /* that fit */
    uint32_t behind; /* transactions that were completed behind them */
} wal;

/* Returns 0 if it is no head of a log. */
static int read_header(wal *log) {
    unsigned char header[HEADER_SIZE];
    if (read_at(log->fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        (big(header) & ~UINT32_C(1)) != MAGIC || big(header + 4) != VERSION)
        return 0;
    log->sum = (checksum){.word = big(header) & 1 ? big : little};
    add(&log->sum, header, HEADER_SIZE - 8);
    const uint32_t page_size = big(header + 8);
    if (log->sum.a != big(header + 24) || log->sum.b != big(header + 28) || page_size < 512 ||
        page_size > 65536 || (page_size & (page_size - 1)) != 0)
        return 0;
    log->frame_size = FRAME_HEADER_SIZE + page_size;
    memcpy(log->salts, header + 16, SALTS_SIZE);
    return 1;
}

/* Frames with other salts are from before the log began anew. */
static int is_of_log(const wal *log) {
    return memcmp(log->frame + 8, log->salts, SALTS_SIZE) == 0;
}

static int ends_transaction(const wal *log) {
    return big(log->frame + 4) != 0;
}

static int fits(wal *log) {
    if (!is_of_log(log) || big(log->frame) == 0)
        return 0;
    add(&log->sum, log->frame, 8);
    add(&log->sum, log->frame + FRAME_HEADER_SIZE, log->frame_size - FRAME_HEADER_SIZE);
    return log->sum.a == big(log->frame + 16) && log->sum.b == big(log->frame + 20);
}

/* Read on to the end, or to the first thing that cannot be read. */
static void read_frames(wal *log) {
    uint32_t seen = 0;
    int broken = 0;
    off_t offset = HEADER_SIZE;
    while (read_at(log->fd, log->frame, log->frame_size, offset) == (ssize_t)log->frame_size) {
        offset += (off_t)log->frame_size;
        seen++;
        broken = broken || !fits(log);
        if (!broken && ends_transaction(log))
            log->frames = seen;
        else if (broken && is_of_log(log) && ends_transaction(log))
            log->behind++;
    }
}

/* One transaction behind the last that fits may be the one that a power cut ended. */
static int has_lost(const wal *log, int has_header, const wal_index *index) {
    if (!has_header)
        return index->valid && index->frames > index->copied;
    if (index->valid && memcmp(index->salts, log->salts, SALTS_SIZE) == 0 &&
        index->frames > log->frames && index->frames > index->copied)
        return 1;
    return log->behind > 1;
}

static int32_t inspect(wal *log, const wal_index *index, const char *path, const repli__mem *mem,
                       repli_error *err) {
    const int has_header = log->fd >= 0 && read_header(log);
    if (has_header) {
        log->frame = repli__alloc(mem, log->frame_size);
        if (log->frame == NULL)
            return repli__error_nomem(err, "store", "opening the database");
        read_frames(log);
        repli__free(mem, log->frame);
    }
    if (!has_lost(log, has_header, index))
        return REPLI_OK;
    return repli__error(
        err, REPLI_ECORRUPT, "store",
        "%s-wal, the write-ahead log of the database, is damaged or cut: only %" PRIu32
        " of its frames can be read, and actions that were accepted are in the "
        "others; nothing was changed: put a backup in the place of %s and its log",
        path, log->frames, path);
}

static int32_t open_beside(const char *path, const char *suffix, const repli__mem *mem, int *ret_fd,
                           repli_error *err) {
    repli_buf name = {.allocator = mem};
    if (repli__buf_printf(&name, "%s%s", path, suffix) != REPLI_OK)
        return repli__error_nomem(err, "store", "opening the database");
    *ret_fd = open(name.data, O_RDONLY | O_CLOEXEC);
    int32_t code = REPLI_OK;
    if (*ret_fd < 0 && errno != ENOENT)
        code =
            repli__error(err, REPLI_EIO, "store", "cannot read %s: %s", name.data, strerror(errno));
    repli_buf_dispose(&name);
    return code;
}

int32_t repli__wal_check(const char *path, const repli__mem *mem, repli_error *err) {
    wal log = {.fd = -1};
    int index_fd = -1;
    wal_index index = {0};
    int32_t code = open_beside(path, "-wal", mem, &log.fd, err);
    if (code == REPLI_OK)
        code = open_beside(path, "-shm", mem, &index_fd, err);
    if (index_fd >= 0) {
        read_index(index_fd, &index);
        close(index_fd);
    }
    if (code == REPLI_OK)
        code = inspect(&log, &index, path, mem, err);
    if (log.fd >= 0)
        close(log.fd);
    return code;
}
