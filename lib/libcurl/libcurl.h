#ifndef REPLI_LIBCURL_LIBCURL_H
#define REPLI_LIBCURL_LIBCURL_H

#include <curl/curl.h>

/*
 * libcurl, loaded by whoever first has something to ask. With all that it needs itself it takes
 * 2.5 MiB, which a process that only answers would hold without ever using it.
 */

#define REPLI__LIBCURL_FUNCTIONS(each)                                                             \
    each(global_init) each(global_cleanup) each(version_info) each(easy_init) each(easy_cleanup)   \
        each(easy_setopt) each(easy_perform) each(easy_getinfo) each(easy_strerror)                \
            each(slist_append) each(slist_free_all) each(multi_init) each(multi_cleanup)           \
                each(multi_setopt) each(multi_add_handle) each(multi_remove_handle)                \
                    each(multi_socket_action) each(multi_perform) each(multi_poll)                 \
                        each(multi_info_read)

/* Without the prefix curl_. */
typedef struct repli__libcurl {
#define REPLI__LIBCURL_MEMBER(name) __typeof__(&curl_##name) name;
    REPLI__LIBCURL_FUNCTIONS(REPLI__LIBCURL_MEMBER)
#undef REPLI__LIBCURL_MEMBER
} repli__libcurl;

/* NULL, or why it cannot be loaded, which is valid until the calling thread loads something else.
 * It stays loaded. */
const char *repli__libcurl_load(repli__libcurl *ret_functions);

#endif
