#ifndef REPLI_HTTP_REPLY_H
#define REPLI_HTTP_REPLY_H

#include <microhttpd.h>

#include <replicante/http.h>

enum { REPLI__HTTP_REPLY_SLOTS = 3 };

/* Replies made from parts of snapshots, one for each part that is asked for: as long as nothing
 * changes they are sent again, so that the same question a thousand times costs one encoding. */
typedef struct repli__http_replies {
    struct repli__http_reply_slot {
        struct MHD_Response *reply; /* holds a reference to the snapshot */
        const char *body;
        int64_t age_s;
    } slots[REPLI__HTTP_REPLY_SLOTS];
    size_t next; /* to be replaced */
} repli__http_replies;

void repli__http_replies_clear(repli__http_replies *replies);

/* Queue a reply to what connection asked. last: the connection ends with it. own_body, if not NULL,
 * is response->body, and freed in any case. MHD_NO: out of memory. */
enum MHD_Result repli__http_reply(repli__http_replies *replies, struct MHD_Connection *connection,
                                  const repli_http_response *response, char *own_body, int last);

#endif
