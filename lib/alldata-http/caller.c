#include "alldata-http/caller.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

#define ORIGIN "alldata.http"

int32_t alldata__caller_load(alldata__caller *caller, repli_error *err) {
    if (caller->usable)
        return REPLI_OK;
    const char *problem = repli__libcurl_load(&caller->curl);
    if (problem != NULL)
        return repli__error(err, REPLI_ENOTSUP, ORIGIN,
                            "cannot load libcurl, which is needed to call others: %s; install the "
                            "package that has it",
                            problem);
    if (caller->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return repli__error(err, REPLI_ENOTSUP, ORIGIN, "libcurl cannot be used");
    caller->usable = 1;
    return REPLI_OK;
}

void alldata__caller_dispose(alldata__caller *caller) {
    if (caller->usable)
        caller->curl.global_cleanup();
    caller->usable = 0;
}

static void set_file(const alldata__caller *caller, CURL *handle, CURLoption option, int fd) {
    char path[ALLDATA__IDENTITY_PATH];
    if (fd < 0)
        return;
    alldata__identity_path(fd, path);
    caller->curl.easy_setopt(handle, option, path);
}

static void set_protocols(const alldata__caller *caller, CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
    caller->curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    caller->curl.easy_setopt(handle, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

/* libcurl leaves its sockets to the programs that its host starts. */
static curl_socket_t open_socket(void *user_data, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
    (void)user_data;
    (void)purpose;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

CURL *alldata__caller_handle(const alldata__caller *caller, const alldata__identity *identity,
                             char *why) {
    const repli__libcurl *curl = &caller->curl;
    CURL *handle = curl->easy_init();
    if (handle == NULL)
        return NULL;
    curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl->easy_setopt(handle, CURLOPT_ERRORBUFFER, why);
    curl->easy_setopt(handle, CURLOPT_PROXY, "");
    curl->easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    set_protocols(caller, handle);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A name server that does not answer holds nobody up. */
    curl->easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
    set_file(caller, handle, CURLOPT_SSLCERT, identity->cert_fd);
    set_file(caller, handle, CURLOPT_SSLKEY, identity->key_fd);
    if (identity->ca_fd >= 0) {
        set_file(caller, handle, CURLOPT_CAINFO, identity->ca_fd);
        curl->easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    return handle;
}

int alldata__caller_header(const alldata__caller *caller, struct curl_slist **headers,
                           const char *text) {
    struct curl_slist *more = caller->curl.slist_append(*headers, text);
    if (more == NULL)
        return 0;
    *headers = more;
    return 1;
}

struct curl_slist *alldata__caller_headers(const alldata__caller *caller,
                                           const alldata__identity *identity, const char *type) {
    char content_type[128];
    snprintf(content_type, sizeof(content_type), "Content-Type:%s%s", type != NULL ? " " : "",
             type != NULL ? type : "");
    /* Without the second, large bodies would wait until they are asked for. */
    const char *const texts[] = {"Accept:", "Expect:", content_type, identity->authorization};
    struct curl_slist *headers = NULL;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i] != NULL && !alldata__caller_header(caller, &headers, texts[i])) {
            alldata__caller_free_headers(caller, headers);
            return NULL;
        }
    return headers;
}

void alldata__caller_free_headers(const alldata__caller *caller, struct curl_slist *headers) {
    /* The secret must not be found in memory that was given back. */
    for (const struct curl_slist *header = headers; header != NULL; header = header->next)
        explicit_bzero(header->data, strlen(header->data));
    caller->curl.slist_free_all(headers);
}

int32_t alldata__caller_code(CURLcode code) {
    switch (code) {
    case CURLE_OK: return REPLI_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED: return REPLI_EREFUSED;
    case CURLE_OPERATION_TIMEDOUT: return REPLI_ETIMEOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE: return REPLI_ELOST;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION: return REPLI_EAUTH;
    case CURLE_OUT_OF_MEMORY: return REPLI_ENOMEM;
    default: return REPLI_EPROTOCOL;
    }
}

int32_t alldata__caller_error(const alldata__caller *caller, repli_error *err, CURLcode code,
                              const char *who, const char *where, const char *why) {
    /* Of a socket it tells the port of a URL that nobody has given. */
    if (code == CURLE_COULDNT_CONNECT && strncmp(where, "unix:", 5) == 0)
        why = "";
    return repli__error(err, alldata__caller_code(code), ORIGIN, "cannot reach %s at %s: %s", who,
                        where, why[0] != '\0' ? why : caller->curl.easy_strerror(code));
}
