#ifndef REPLI_HTTP_SOURCE_H
#define REPLI_HTTP_SOURCE_H

/* What the loop waits for. The first member of everything that epoll gives back. */
typedef enum repli__http_source {
    REPLI__HTTP_SOURCE_LISTENER = 1,
    REPLI__HTTP_SOURCE_DAEMON,
    REPLI__HTTP_SOURCE_MAILBOX,
    REPLI__HTTP_SOURCE_LINGERER
} repli__http_source;

#endif
