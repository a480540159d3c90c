#ifndef REPLICANTE_ALLOC_H
#define REPLICANTE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void *(*repli_malloc_fn)(size_t size, void *user_data);
typedef void *(*repli_realloc_fn)(void *ptr, size_t size, void *user_data);
typedef void (*repli_free_fn)(void *ptr, void *user_data);

/**
 * Where an object takes its memory from: all three functions or none. They behave as their C
 * namesakes, may be called from any thread at any time, and must outlive every object made with
 * them. Wherever one is expected, NULL means malloc, realloc and free.
 */
typedef struct repli_allocator {
    uint32_t struct_size;
    uint32_t reserved;
    repli_malloc_fn malloc_fn;
    repli_realloc_fn realloc_fn;
    repli_free_fn free_fn;
    void *user_data;
} repli_allocator;

/**
 * Owned text handed out by the library. data is NUL-terminated at data[size] once anything was
 * written, and NULL before. Initialise with REPLI_BUF_INIT, release with repli_buf_dispose().
 */
typedef struct repli_buf {
    char *data;
    size_t size;                      /**< bytes in use, without the NUL */
    size_t capacity;                  /**< bytes allocated; the library's business */
    const repli_allocator *allocator; /**< where data comes from; NULL for malloc */
} repli_buf;

#define REPLI_BUF_INIT                                                                             \
    { NULL, 0, 0, NULL }

/** Free the text and make the buffer empty again; NULL and repeated calls are fine. Different
 *  buffers may be used by different threads. */
REPLI_API void repli_buf_dispose(repli_buf *buf);

#ifdef __cplusplus
}
#endif

#endif
