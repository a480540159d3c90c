#include "asking.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

int64_t test_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void test_sleep_ms(int64_t ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* libcurl. */

static size_t take(void *data, size_t size, size_t count, void *user_data) {
    return fwrite(data, size, count, user_data) * size;
}

typedef struct upload {
    const char *data;
    size_t left;
} upload;

static size_t give(char *to, size_t size, size_t count, void *user_data) {
    upload *from = user_data;
    const size_t most = size * count;
    const size_t now = from->left < most ? from->left : most;
    memcpy(to, from->data, now);
    from->data += now;
    from->left -= now;
    return now;
}

static void set_body(CURL *curl, const http_ask *ask, upload *from, struct curl_slist **headers) {
    const size_t size = ask->body_size > 0 ? ask->body_size : strlen(ask->body);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (ask->chunked) {
        *from = (upload){.data = ask->body, .left = size};
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(curl, CURLOPT_READDATA, from);
        *headers = curl_slist_append(*headers, "Transfer-Encoding: chunked");
    } else {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ask->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    }
}

http_reply http_ask_at(const char *base, const char *socket_path, const http_ask *ask) {
    CURL *curl = ask->curl != NULL ? ask->curl : curl_easy_init();
    ck_assert_ptr_nonnull(curl);
    curl_easy_reset(curl);
    http_reply reply = {0};
    size_t header_size = 0;
    FILE *body = open_memstream(&reply.body, &reply.size);
    FILE *head = open_memstream(&reply.headers, &header_size);
    char url[4096];
    snprintf(url, sizeof(url), "%s%s",
             *ask->url != '/' ? "" : (ask->unix_socket ? "http://agent" : base), ask->url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, head);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)PATIENCE_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (ask->unix_socket)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    struct curl_slist *headers = NULL;
    for (size_t i = 0; i < 4 && ask->headers[i] != NULL; i++)
        headers = curl_slist_append(headers, ask->headers[i]);
    upload from;
    if (ask->body != NULL)
        set_body(curl, ask, &from, &headers);
    if (ask->method != NULL && strcmp(ask->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (ask->method != NULL)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (ask->ca != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ask->ca);
    if (ask->certificate != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, ask->certificate);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, ask->key);
    }
    const int64_t start_ms = test_now_ms();
    reply.failed = curl_easy_perform(curl);
    reply.ms = test_now_ms() - start_ms;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &reply.connects);
    fclose(body);
    fclose(head);
    curl_slist_free_all(headers);
    if (ask->curl == NULL)
        curl_easy_cleanup(curl);
    return reply;
}

void http_reply_free(http_reply *reply) {
    free(reply->body);
    free(reply->headers);
}

const char *http_header(const http_reply *reply, const char *name, char *text, size_t size) {
    text[0] = '\0';
    const size_t length = strlen(name);
    for (const char *line = reply->headers; line != NULL && *line != '\0';) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1;
            value += strspn(value, " ");
            snprintf(text, size, "%.*s", (int)strcspn(value, "\r\n"), value);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return text;
}

void http_expect(http_reply reply, long status) {
    ck_assert_msg(reply.failed == CURLE_OK, "%s", curl_easy_strerror(reply.failed));
    ck_assert_msg(reply.status == status, "%ld instead of %ld: %s", reply.status, status,
                  reply.body);
    http_reply_free(&reply);
}

/* Sockets. */

int raw_connect(int32_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

int raw_connect_unix(const char *path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void raw_send(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        const ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* cut off: what comes back will tell */
        at += sent;
        size -= (size_t)sent;
    }
}

void raw_text(int fd, const char *text) {
    raw_send(fd, text, strlen(text));
}

size_t raw_read(int fd, char *text, size_t size, const char *part, int64_t ms, int *ret_end) {
    const int64_t until_ms = test_now_ms() + ms;
    size_t used = 0;
    int end = 0;
    text[0] = '\0';
    while (!end && used + 1 < size && (part == NULL || strstr(text, part) == NULL)) {
        const int64_t left_ms = until_ms - test_now_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) <= 0)
            break;
        const ssize_t got = recv(fd, text + used, size - 1 - used, 0);
        end = got <= 0;
        used += got > 0 ? (size_t)got : 0;
        text[used] = '\0';
    }
    if (ret_end != NULL)
        *ret_end = end;
    return used;
}

int64_t raw_wait_end(int fd, int64_t ms) {
    char text[4096];
    const int64_t start_ms = test_now_ms();
    int end = 0;
    while (!end && test_now_ms() - start_ms < ms)
        raw_read(fd, text, sizeof(text), NULL, ms - (test_now_ms() - start_ms), &end);
    return end ? test_now_ms() - start_ms : -1;
}
