#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <replicante/error.h>

#include "base/mem.h"

static const repli__mem *memory_of(const repli_buf *buf) {
    return buf->allocator != NULL ? buf->allocator : &repli__mem_default;
}

/* From here on memory counts for more than the time to grow. */
enum { LARGE = 1 << 20 };

/* Room for size more bytes and the NUL. */
static int reserve(repli_buf *buf, size_t size) {
    if (size > SIZE_MAX / 2 - buf->size - 1)
        return REPLI_ENOMEM;
    size_t needed = buf->size + size + 1;
    if (needed <= buf->capacity)
        return REPLI_OK;
    size_t capacity = buf->capacity > 0 ? buf->capacity : 128;
    while (capacity < needed)
        capacity += capacity < LARGE ? capacity : capacity / 4;
    char *data = repli__realloc(memory_of(buf), buf->data, capacity);
    if (data == NULL)
        return REPLI_ENOMEM;
    buf->data = data;
    buf->capacity = capacity;
    return REPLI_OK;
}

int repli__buf_append(repli_buf *buf, const char *data, size_t size) {
    if (reserve(buf, size) != REPLI_OK)
        return REPLI_ENOMEM;
    if (size > 0)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
    return REPLI_OK;
}

int repli__buf_text(repli_buf *buf, const char *text) {
    return repli__buf_append(buf, text, strlen(text));
}

int repli__buf_printf(repli_buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || reserve(buf, (size_t)size) != REPLI_OK)
        return REPLI_ENOMEM;
    va_start(args, format);
    vsnprintf(buf->data + buf->size, (size_t)size + 1, format, args);
    va_end(args);
    buf->size += (size_t)size;
    return REPLI_OK;
}

void repli__buf_trim(repli_buf *buf) {
    if (buf->data == NULL)
        return;
    char *data = repli__realloc(memory_of(buf), buf->data, buf->size + 1);
    if (data == NULL)
        return;
    buf->data = data;
    buf->capacity = buf->size + 1;
}

void repli_buf_dispose(repli_buf *buf) {
    if (buf == NULL)
        return;
    repli__free(memory_of(buf), buf->data);
    buf->data = NULL;
    buf->size = 0;
    buf->capacity = 0;
}
