#ifndef REPLI_HTTP_REPLY_H
#define REPLI_HTTP_REPLY_H

#include <pthread.h>

#include <replicante/http.h>

#include "web/web.h"

enum { REPLI__HTTP_REPLY_SLOTS = 3 };

/* Replies made from parts of snapshots, one for each part that is asked for: as long as nothing
 * changes they are sent again, so that the same question a thousand times costs one encoding. */
typedef struct repli__http_replies {
    pthread_mutex_t mutex;
    struct repli__http_reply_slot {
        repli__web_prepared *reply; /* holds a reference to the snapshot */
        const char *body;
        int64_t age_s;
    } slots[REPLI__HTTP_REPLY_SLOTS];
    size_t next; /* to be replaced */
} repli__http_replies;

void repli__http_replies_init(repli__http_replies *replies);
void repli__http_replies_dispose(repli__http_replies *replies);

/* Answer request. Any thread. */
void repli__http_reply(repli__http_replies *replies, const repli__web_request *request,
                       const repli_http_response *response);

#endif
