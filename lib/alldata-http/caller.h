#ifndef ALLDATA_HTTP_CALLER_H
#define ALLDATA_HTTP_CALLER_H

#include "alldata-http/identity.h"
#include "libcurl/libcurl.h"

/* What all who call have in common: libcurl, and how it is to behave. */

typedef struct alldata__caller {
    repli__libcurl curl;
    int usable;
} alldata__caller;

/* Load libcurl, unless that was done. REPLI_ENOTSUP: it cannot be. */
int32_t alldata__caller_load(alldata__caller *caller, repli_error *err);
void alldata__caller_dispose(alldata__caller *caller);

/* A handle that keeps to itself: no signals, proxies, redirects, cookies, other protocols. why has
 * room for CURL_ERROR_SIZE bytes and stays as long as the handle. NULL: no memory. */
CURL *alldata__caller_handle(const alldata__caller *caller, const alldata__identity *identity,
                             char *why);

/* Append a header; 0 if there is no memory. */
int alldata__caller_header(const alldata__caller *caller, struct curl_slist **headers,
                           const char *text);
/* Those of every request: the secret, and none that libcurl would add of its own accord. type:
 * NULL: none. NULL if there is no memory. */
struct curl_slist *alldata__caller_headers(const alldata__caller *caller,
                                           const alldata__identity *identity, const char *type);
/* NULL is fine. */
void alldata__caller_free_headers(const alldata__caller *caller, struct curl_slist *headers);

/* What a failure is called here. */
int32_t alldata__caller_code(CURLcode code);
/* "cannot reach WHO at WHERE: WHY". Returns the code. */
int32_t alldata__caller_error(const alldata__caller *caller, repli_error *err, CURLcode code,
                              const char *who, const char *where, const char *why);

#endif
