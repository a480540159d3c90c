#ifndef COMMON_EXITS_H
#define COMMON_EXITS_H

/* Exit statuses, as repliagent(1) promises them. */
enum {
    EXITS_OK = 0,
    EXITS_NEGATIVE = 1, /* the answer is no, or run could not do what it should */
    EXITS_USAGE = 2,
    EXITS_UNREACHABLE = 3,
    EXITS_REFUSED = 4, /* 4xx */
    EXITS_AGENT = 5,   /* 5xx, or an answer that makes no sense */
    EXITS_TIMEOUT = 6,
    EXITS_CONFIG = 78 /* EX_CONFIG of sysexits.h; the unit file does not restart after it */
};

#endif
