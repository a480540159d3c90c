#ifndef REPLI_HTTP_SERVE_H
#define REPLI_HTTP_SERVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/reply.h"

/* What a server answers from. It lives until the last answer, which may come after the server is
 * gone. */
typedef struct repli__http_desk {
    atomic_uint references;
    repli_agent *agent;
    repli__web *web;   /* through which the server is asked */
    atomic_int writes; /* REPLI_HTTP_WRITES_* */
    repli__http_replies replies;

    /* Clients that follow events. */
    pthread_mutex_t mutex;
    size_t followers;
    repli_subscription *news; /* while there are any */
} repli__http_desk;

/* Listeners of a server. */
enum { REPLI__HTTP_API = 1, REPLI__HTTP_UNIX, REPLI__HTTP_HEALTH };

int32_t repli__http_desk_new(repli_agent *agent, repli__http_desk **ret_desk, repli_error *err);
void repli__http_desk_unref(repli__http_desk *desk);
/* In a forked child: only give back the memory. */
void repli__http_desk_abandon(repli__http_desk *desk);
/* Answers from it. */
repli__web_handler repli__http_desk_handler(repli__http_desk *desk);

#endif
