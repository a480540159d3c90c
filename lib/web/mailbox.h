#ifndef REPLI_WEB_MAILBOX_H
#define REPLI_WEB_MAILBOX_H

#include <stdatomic.h>

#include "web/source.h"
#include "web/web.h"

typedef struct repli__web_exchange repli__web_exchange;

/* Where answers from other threads wait for the loop, and what there is to be known for giving one:
 * it lives as long as the last request. */
typedef struct repli__web_mailbox {
    repli__web_source source;
    int wake_fd; /* readable once something waits */
    atomic_uint references;
    _Atomic(repli__web_exchange *) newest; /* linked by next; the mailbox itself: it is closed */
    atomic_ulong news;                     /* how often all streams were woken */
    atomic_int wakes;                      /* streams were woken */

    repli__mem mem;
    repli__web_handler handler;
    repli__web_prepared *no_memory;
} repli__web_mailbox;

int32_t repli__web_mailbox_new(const repli__mem *mem, const repli__web_handler *handler,
                               repli__web_mailbox **ret_mailbox, repli_error *err);
void repli__web_mailbox_unref(repli__web_mailbox *mailbox);
/* Wake the loop. */
void repli__web_mailbox_ring(repli__web_mailbox *mailbox);
/* Takes over a reference to the exchange, which is not to be touched after this. */
void repli__web_mailbox_post(repli__web_mailbox *mailbox, repli__web_exchange *exchange);
/* Everything that waits, oldest first, linked by next, each with a reference that the caller takes
 * over. */
repli__web_exchange *repli__web_mailbox_take(repli__web_mailbox *mailbox);
/* Answers that come from now on are thrown away. */
void repli__web_mailbox_close(repli__web_mailbox *mailbox);
/* Have the loop look which streams were woken. */
void repli__web_mailbox_wake(repli__web_mailbox *mailbox);

#endif
