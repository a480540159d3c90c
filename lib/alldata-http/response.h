#ifndef ALLDATA_HTTP_RESPONSE_H
#define ALLDATA_HTTP_RESPONSE_H

#include <stdint.h>

#include <replicante/alloc.h>

/* An answer in HTTP/1.1 (RFC 9112), while it comes. */
typedef struct alldata__response {
    int32_t status;
    int headed;  /* the head was read */
    int keep;    /* the connection may be used again */
    int chunked; /* how the body ends: by chunks, or by */
    int sized;   /* its size; else with the connection */
    size_t head_size;
    size_t body_size; /* of the body; of one with chunks, when it is whole */
} alldata__response;

enum {
    ALLDATA__RESPONSE_PART = 0,
    ALLDATA__RESPONSE_WHOLE,
    ALLDATA__RESPONSE_TOO_LARGE, /* the body, for most */
    ALLDATA__RESPONSE_NONE       /* it is none */
};

/* Look at what has come so far; ended: nothing more will. What is whole has its body behind
 * head_size, chunks put together. */
int alldata__response_read(alldata__response *response, repli_buf *text, size_t most, int ended);

#endif
