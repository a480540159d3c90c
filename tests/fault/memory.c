#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trap.h"

#pragma GCC visibility push(default) /* to stand before the libraries' own */

/* malloc and its kin, for the whole process: what the library stands on runs out of memory, too. */

#ifdef TRAP_ABSENT

int trap_sees_memory(void) {
    return 0;
}

long trap_live(void) {
    return -1;
}

#else

static atomic_long live;

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
} next;

/* For whoever looks for the real ones, and wants memory for that. Never given back. */
static _Alignas(16) char first_aid[16384];
static size_t first_aid_used;
static _Thread_local int looking;

static void *help(size_t size) {
    const size_t rounded = (size + 15) / 16 * 16;
    if (rounded > sizeof(first_aid) - first_aid_used)
        return NULL;
    void *piece = first_aid + first_aid_used;
    first_aid_used += rounded;
    return piece;
}

static int is_help(const void *piece) {
    return (const char *)piece >= first_aid && (const char *)piece < first_aid + sizeof(first_aid);
}

/* C has no cast from data to function. */
#define FIND(name)                                                                                 \
    do {                                                                                           \
        void *const found = trap_next(#name);                                                      \
        memcpy(&next.name, &found, sizeof(found));                                                 \
    } while (0)

/* Returns 0 within itself. */
static int found(void) {
    if (next.free != NULL)
        return 1;
    if (looking)
        return 0;
    looking = 1;
    FIND(malloc);
    FIND(calloc);
    FIND(realloc);
    FIND(posix_memalign);
    FIND(aligned_alloc);
    FIND(free);
    looking = 0;
    return 1;
}

/* GnuTLS and what it stands on get their memory: without it GMP and nettle end the process,
 * libtasn1 crashes, and GnuTLS leaks, or calls a good certificate a bad one. So does LevelDB, which
 * is C++ and ends the process, too. */
static const char *const spared[] = {"/libgmp.",     "/libgnutls.", "/libhogweed.", "/libleveldb.",
                                     "/libnettle.", "/libstdc++.", "/libtasn1."};

enum { SPARED = sizeof(spared) / sizeof(spared[0]) };

static struct { const char *begin, *end; } ranges[SPARED];

static int look_for_spared(struct dl_phdr_info *info, size_t size, void *user_data) {
    (void)size;
    (void)user_data;
    for (size_t i = 0; i < SPARED; i++) {
        if (strstr(info->dlpi_name, spared[i]) == NULL)
            continue;
        for (int j = 0; j < info->dlpi_phnum; j++) {
            const ElfW(Phdr) *segment = &info->dlpi_phdr[j];
            if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0)
                continue;
            ranges[i].begin = (const char *)info->dlpi_addr + segment->p_vaddr;
            ranges[i].end = ranges[i].begin + segment->p_memsz;
        }
    }
    return 0;
}

static int is_spared(const void *caller) {
    for (size_t i = 0; i < SPARED; i++)
        if ((const char *)caller >= ranges[i].begin && (const char *)caller < ranges[i].end)
            return 1;
    return 0;
}

/* Before there are threads. */
__attribute__((constructor)) static void find_early(void) {
    found();
    dl_iterate_phdr(look_for_spared, NULL);
}

/* No machine has that much; sanitizers stop the program rather than refuse. */
static int is_absurd(size_t size) {
    return size > SIZE_MAX >> 16;
}

static int fails(size_t size, const void *caller) {
    if (!is_absurd(size) && (is_spared(caller) || !trap_hit(TRAP_MEMORY, caller, ENOMEM)))
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *piece) {
    if (piece != NULL)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return piece;
}

void *malloc(size_t size) {
    if (!found())
        return help(size);
    return fails(size, TRAP_CALLER) ? NULL : counted(next.malloc(size));
}

void *calloc(size_t count, size_t size) {
    if (!found())
        return help(count * size);
    return fails(size, TRAP_CALLER) ? NULL : counted(next.calloc(count, size));
}

void *realloc(void *piece, size_t size) {
    if (!found() || is_help(piece))
        abort();
    if (size > 0 && fails(size, TRAP_CALLER))
        return NULL;
    void *moved = next.realloc(piece, size);
    if (piece == NULL)
        counted(moved);
    else if (moved == NULL && size == 0)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    return moved;
}

void free(void *piece) {
    if (piece == NULL || is_help(piece) || !found())
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    next.free(piece);
}

int posix_memalign(void **ret_piece, size_t alignment, size_t size) {
    if (!found() || fails(size, TRAP_CALLER))
        return ENOMEM;
    const int failed = next.posix_memalign(ret_piece, alignment, size);
    if (failed == 0)
        counted(*ret_piece);
    return failed;
}

void *aligned_alloc(size_t alignment, size_t size) {
    if (!found() || fails(size, TRAP_CALLER))
        return NULL;
    return counted(next.aligned_alloc(alignment, size));
}

int trap_sees_memory(void) {
    return 1;
}

long trap_live(void) {
    return atomic_load(&live);
}

#endif
