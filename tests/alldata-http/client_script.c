#include "client_script.h"

#include <stdio.h>
#include <string.h>

static const char *answer_of(const script *s, int at) {
    while (at > 0 && s->answers[at] == NULL)
        at--;
    return s->answers[at];
}

int script_play(void *user_data, const peer_request *request, char *answer, size_t size) {
    script *s = user_data;
    const int at = atomic_fetch_add(&s->asked, 1);
    ck_assert_int_lt(at, SEEN);
    peer_header(request, "AllData-Key", s->keys[at], sizeof(s->keys[at]));
    snprintf(s->bodies[at], TEXT, "%.*s", (int)request->body_size, request->body);
    snprintf(s->paths[at], TEXT, "%s %s", request->method, request->path);
    snprintf(s->headers[at], TEXT, "%s", request->headers);
    const char *told = answer_of(s, at);
    if (strcmp(told, "hang") == 0)
        return PEER_HANG;
    if (strstr(told, "KEY") != NULL) {
        const char *key = strstr(told, "KEY");
        snprintf(answer, size, "%.*s%s%s", (int)(key - told), told, s->keys[at], key + 3);
    } else {
        snprintf(answer, size, "%s", told);
    }
    return s->closes[at] ? PEER_CLOSE : PEER_KEEP;
}

/* With a body of its size. */
const char *script_document(char *to, const char *status, const char *body) {
    snprintf(to, 2048, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    return to;
}

alldata_client *client_make(const char *const *urls, size_t count, uint64_t timeout_ms) {
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    repli_error err = REPLI_ERROR_INIT;
    alldata_client *client = NULL;
    options.urls = urls;
    options.url_count = count;
    options.timeout_ms = timeout_ms;
    ck_assert_msg(alldata_client_new(&options, NULL, &client, &err) == REPLI_OK, "%s", err.message);
    return client;
}

alldata_client *client_make_for(const peer *p) {
    char url[64];
    const char *const urls[] = {url};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", peer_port(p));
    return client_make(urls, 1, 20000);
}
