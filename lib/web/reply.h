#ifndef REPLI_WEB_REPLY_H
#define REPLI_WEB_REPLY_H

#include <microhttpd.h>

#include "web/web.h"

/* An answer on its way to its connection, made by whatever thread has it. */
typedef struct repli__web_reply {
    struct MHD_Response *mhd;      /* NULL: there is none */
    repli__web_prepared *prepared; /* that mhd belongs to; NULL: it is this reply's own */
    int32_t status;
    size_t size; /* bytes of body; 0 for a stream */
} repli__web_reply;

/* Both release the response's body once it is no longer needed, failed or not. Not 0 on success. */
int repli__web_reply_make(repli__web_reply *reply, const repli__web_response *response);
/* Its body, except what response has of it, is what give() gives. */
int repli__web_reply_stream(repli__web_reply *reply, const repli__web_response *response,
                            MHD_ContentReaderCallback give, MHD_ContentReaderFreeCallback ended,
                            void *cls);
void repli__web_reply_share(repli__web_reply *reply, repli__web_prepared *prepared);
/* Queue it, and be without it. last: the connection ends with it. MHD_NO: out of memory. */
enum MHD_Result repli__web_reply_send(repli__web_reply *reply, struct MHD_Connection *mhd,
                                      int last);
void repli__web_reply_drop(repli__web_reply *reply);

#endif
