#ifndef REPLI_WEB_SOURCE_H
#define REPLI_WEB_SOURCE_H

/* What the loop waits for. The first member of everything that epoll gives back. */
typedef enum repli__web_source {
    REPLI__WEB_SOURCE_LISTENER = 1,
    REPLI__WEB_SOURCE_DAEMON,
    REPLI__WEB_SOURCE_MAILBOX,
    REPLI__WEB_SOURCE_LINGERER
} repli__web_source;

#endif
