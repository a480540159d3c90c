#ifndef REPLIAGENT_LIBCURL_H
#define REPLIAGENT_LIBCURL_H

#include <curl/curl.h>

/*
 * libcurl, loaded by the first command that asks an agent. With all that it needs itself it takes
 * 2.5 MiB, which an agent that runs would hold without ever using it.
 */

#define LIBCURL_FUNCTIONS(each)                                                                    \
    each(global_init) each(global_cleanup) each(easy_init) each(easy_cleanup) each(easy_setopt)    \
        each(easy_perform) each(easy_getinfo) each(easy_strerror) each(slist_append)               \
            each(slist_free_all)

/* Without the prefix curl_. */
struct libcurl {
#define LIBCURL_MEMBER(name) __typeof__(&curl_##name) name;
    LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
#undef LIBCURL_MEMBER
};

/* NULL after having said why. It stays loaded. */
const struct libcurl *libcurl_load(void);

#endif
