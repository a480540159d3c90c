#ifndef REPLI_BASE_BUF_H
#define REPLI_BASE_BUF_H

#include <stddef.h>

#include <replicante/alloc.h>

/* Appending to a repli_buf. Each returns REPLI_OK or REPLI_ENOMEM; then the buffer is as before. */
int repli__buf_append(repli_buf *buf, const char *data, size_t size);
int repli__buf_text(repli_buf *buf, const char *text);
int repli__buf_printf(repli_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Give back what it has taken for more text, if that can be done. */
void repli__buf_trim(repli_buf *buf);

#endif
