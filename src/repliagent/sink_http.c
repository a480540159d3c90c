#include "sink_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libcurl.h"

enum { NODES_MAX = 32, NODE_SIZE = 300, CONNECT_MS = 3000, TOTAL_MS = 15000, BODY_MAX = 4 << 20 };

/* An event may come days after it happened, and its key tells when it did. */
#define PATH "/_alldata/events?late=1"
#define RECORDS "Content-Type: application/x-alldata-records"

struct sink_http {
    repli__libcurl curl;
    int loaded;
    CURL *handle;
    struct curl_slist *headers;
    char *secret; /* NULL: none */
    char *ca;     /* likewise */
    const atomic_int *ends;
    char scheme[8];
    char nodes[NODES_MAX][NODE_SIZE]; /* "host:port", or the path of a socket */
    size_t count;
    size_t at; /* who is asked next */
    struct sink_answer answer;
    size_t capacity;
    char error[CURL_ERROR_SIZE];
    char message[CURL_ERROR_SIZE + NODE_SIZE + 64];
};

static const struct {
    const char *begin;
    const char *scheme;
} schemes[] = {{"alldata://", "http"}, {"alldata+https://", "https"}, {"alldata+unix:/", "unix"}};

static size_t scheme_of(const char *address) {
    size_t i = 0;
    while (i < 3 && strncmp(address, schemes[i].begin, strlen(schemes[i].begin)) != 0)
        i++;
    return i;
}

/* "host:port" or "[address]:port", of size bytes. */
static int is_node(const char *text, size_t size) {
    size_t digits = 0;
    unsigned long port = 0;
    while (digits < size && text[size - 1 - digits] >= '0' && text[size - 1 - digits] <= '9')
        digits++;
    if (digits == 0 || digits > 5 || size < digits + 2 || size >= NODE_SIZE ||
        text[size - digits - 1] != ':')
        return 0;
    port = strtoul(text + size - digits, NULL, 10);
    for (size_t i = 0; i < size - digits - 1; i++)
        if (text[i] <= ' ' || strchr("/?#@\\", text[i]) != NULL)
            return 0;
    return port > 0 && port <= 65535;
}

int sink_http_check(const char *address, const char **ret_why) {
    const size_t scheme = scheme_of(address);
    *ret_why = "expected alldata://HOST:PORT, alldata+https://HOST:PORT or alldata+unix:/PATH";
    if (scheme == 3)
        return 0;
    if (strcmp(schemes[scheme].scheme, "unix") == 0)
        return strlen(strchr(address, '/')) < 108;
    *ret_why = "after alldata:// come HOST:PORT of up to 32 nodes, with commas between them";
    const char *node = address + strlen(schemes[scheme].begin);
    for (size_t count = 1; count <= NODES_MAX; count++) {
        const size_t size = strcspn(node, ",");
        if (!is_node(node, size))
            return 0;
        if (node[size] == '\0')
            return 1;
        node += size + 1;
    }
    return 0;
}

static void split(struct sink_http *http, const char *address) {
    const size_t scheme = scheme_of(address);
    snprintf(http->scheme, sizeof(http->scheme), "%s", schemes[scheme].scheme);
    if (strcmp(http->scheme, "unix") == 0) {
        snprintf(http->nodes[http->count++], NODE_SIZE, "%s", strchr(address, '/'));
        return;
    }
    const char *node = address + strlen(schemes[scheme].begin);
    for (;;) {
        const int size = (int)strcspn(node, ",");
        snprintf(http->nodes[http->count++], NODE_SIZE, "%.*s", size, node);
        if (node[size] == '\0' || http->count == NODES_MAX)
            return;
        node += size + 1;
    }
}

struct sink_http *sink_http_new(const char *address, const char *secret, const char *ca,
                                const atomic_int *ends) {
    struct sink_http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return NULL;
    http->ends = ends;
    http->secret = secret != NULL ? strdup(secret) : NULL;
    http->ca = ca != NULL ? strdup(ca) : NULL;
    if ((secret != NULL && http->secret == NULL) || (ca != NULL && http->ca == NULL)) {
        sink_http_free(http);
        return NULL;
    }
    split(http, address);
    return http;
}

void sink_http_free(struct sink_http *http) {
    if (http == NULL)
        return;
    if (http->loaded) {
        http->curl.easy_cleanup(http->handle);
        http->curl.slist_free_all(http->headers);
        http->curl.global_cleanup();
    }
    free(http->answer.body);
    free(http->secret);
    free(http->ca);
    free(http);
}

static size_t receive(char *data, size_t one, size_t size, void *user_data) {
    (void)one;
    struct sink_http *http = user_data;
    struct sink_answer *answer = &http->answer;
    if (size > BODY_MAX - answer->size)
        return 0;
    if (http->capacity <= answer->size + size) {
        const size_t capacity = 2 * (answer->size + size) + 1;
        char *body = realloc(answer->body, capacity);
        if (body == NULL)
            return 0;
        answer->body = body;
        http->capacity = capacity;
    }
    memcpy(answer->body + answer->size, data, size);
    answer->size += size;
    answer->body[answer->size] = '\0';
    return size;
}

static int look_for_end(void *user_data, curl_off_t down, curl_off_t down_now, curl_off_t up,
                        curl_off_t up_now) {
    const struct sink_http *http = user_data;
    (void)down, (void)down_now, (void)up, (void)up_now;
    return atomic_load(http->ends);
}

static int add_header(struct sink_http *http, const char *text) {
    struct curl_slist *more = http->curl.slist_append(http->headers, text);
    if (more != NULL)
        http->headers = more;
    return more != NULL;
}

static void configure(struct sink_http *http) {
    const repli__libcurl *curl = &http->curl;
    CURL *handle = http->handle;
    curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(handle, CURLOPT_ERRORBUFFER, http->error);
    curl->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl->easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
    curl->easy_setopt(handle, CURLOPT_NOPROXY, "*");
    curl->easy_setopt(handle, CURLOPT_HTTPHEADER, http->headers);
    curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl->easy_setopt(handle, CURLOPT_WRITEDATA, http);
    curl->easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl->easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_for_end);
    curl->easy_setopt(handle, CURLOPT_XFERINFODATA, http);
    if (http->ca != NULL) {
        curl->easy_setopt(handle, CURLOPT_CAINFO, http->ca);
        curl->easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    if (strcmp(http->scheme, "unix") == 0)
        curl->easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, http->nodes[0]);
}

/* Returns 0 after having said why it does not work. */
static int load(struct sink_http *http) {
    if (http->loaded)
        return 1;
    const char *problem = repli__libcurl_load(&http->curl);
    if (problem != NULL) {
        snprintf(http->message, sizeof(http->message), "libcurl cannot be loaded: %.300s", problem);
        return 0;
    }
    http->curl.global_init(CURL_GLOBAL_DEFAULT);
    http->loaded = 1;
    http->handle = http->curl.easy_init();
    /* The first keeps curl from asking for permission to send a body. */
    int complete = http->handle != NULL && add_header(http, "Expect:") && add_header(http, RECORDS);
    if (complete && http->secret != NULL) {
        const size_t size = strlen(http->secret) + 32;
        char *bearer = malloc(size);
        complete = bearer != NULL;
        if (complete) {
            snprintf(bearer, size, "Authorization: Bearer %s", http->secret);
            complete = add_header(http, bearer);
        }
        free(bearer);
    }
    if (complete) {
        configure(http);
        return 1;
    }
    http->curl.easy_cleanup(http->handle);
    http->curl.slist_free_all(http->headers);
    http->headers = NULL;
    http->loaded = 0;
    snprintf(http->message, sizeof(http->message), "out of memory");
    return 0;
}

static int ask(struct sink_http *http, const char *body, size_t size) {
    const repli__libcurl *curl = &http->curl;
    CURL *handle = http->handle;
    char url[NODE_SIZE + sizeof(PATH) + 16];
    const int local = strcmp(http->scheme, "unix") == 0;
    snprintf(url, sizeof(url), "%s://%s" PATH, local ? "http" : http->scheme,
             local ? "localhost" : http->nodes[http->at]);
    http->answer.size = 0;
    http->answer.status = 0;
    http->error[0] = '\0';
    curl->easy_setopt(handle, CURLOPT_URL, url);
    curl->easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl->easy_setopt(handle, CURLOPT_POSTFIELDS, body);
    const CURLcode code = curl->easy_perform(handle);
    if (code == CURLE_OK) {
        curl->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &http->answer.status);
        return 1;
    }
    /* What curl says of a socket is about a host and a port that there are not. */
    const int told = http->error[0] != '\0' && !local;
    snprintf(http->message, sizeof(http->message), "%s: %s", http->nodes[http->at],
             told ? http->error : curl->easy_strerror(code));
    return 0;
}

void sink_http_turn(struct sink_http *http) {
    http->at = (http->at + 1) % http->count;
}

int sink_http_post(struct sink_http *http, const char *body, size_t size,
                   struct sink_answer *ret_answer) {
    if (!load(http))
        return -1;
    for (size_t i = 0; i < http->count && !atomic_load(http->ends); i++) {
        if (ask(http, body, size)) {
            *ret_answer = http->answer;
            return 0;
        }
        sink_http_turn(http);
    }
    return -1;
}

const char *sink_http_message(const struct sink_http *http) {
    return http->message;
}

const char *sink_http_node(const struct sink_http *http) {
    return http->nodes[http->at];
}
