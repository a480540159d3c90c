#ifndef TESTS_ASKING_H
#define TESTS_ASKING_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

int64_t test_now_ms(void);
void test_sleep_ms(int64_t ms);

/* Requests by libcurl, with a connection each unless curl is set. */

typedef struct http_ask {
    const char *method; /* NULL: GET, or POST if there is a body */
    const char *url;    /* such as "/metrics", or whole */
    const char *body;
    size_t body_size; /* 0: strlen(body) */
    int chunked;
    int unix_socket;
    const char *headers[4];
    const char *ca; /* PEM file that vouches for the server */
    const char *certificate;
    const char *key;
    CURL *curl;
} http_ask;

typedef struct http_reply {
    CURLcode failed; /* CURLE_OK, or no answer came */
    long status;
    char *body; /* NUL-terminated, never NULL */
    size_t size;
    char *headers; /* raw, never NULL */
    long connects; /* new connections that it took */
    int64_t ms;
} http_reply;

/* base: such as "http://127.0.0.1:4711"; socket_path: of the UNIX socket, NULL if it is not asked.
 */
http_reply http_ask_at(const char *base, const char *socket_path, const http_ask *ask);
void http_reply_free(http_reply *reply);

/* Value of a header into text, "" if it is not there. Returns text. */
const char *http_header(const http_reply *reply, const char *name, char *text, size_t size);

/* The reply has this status; frees it. */
void http_expect(http_reply reply, long status);

/* Requests by hand. */

/* A socket connected to a port of 127.0.0.1. */
int raw_connect(int32_t port);
int raw_connect_unix(const char *path);
void raw_send(int fd, const void *data, size_t size);
void raw_text(int fd, const char *text);
/* Read until what has come contains part, or the end, or ms have passed; NUL-terminated. Returns
 * the bytes, and in *ret_end (may be NULL) whether the other side closed. */
size_t raw_read(int fd, char *text, size_t size, const char *part, int64_t ms, int *ret_end);
/* Wait until the other side closes: milliseconds that took, -1 if it did not within ms. */
int64_t raw_wait_end(int fd, int64_t ms);

#endif
