#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>

#include "address.h"
#include "exits.h"
#include "libcurl.h"
#include "text.h"

enum { CONNECT_MS = 5000, SILENCE_S = 30, BODY_MAX = 256 * 1024 * 1024 };

struct client {
    repli__libcurl curl;
    int loaded;
    CURL *handle;
    struct curl_slist *headers;
    struct address address;
    char *message;
    int maybe_done;
    char error[CURL_ERROR_SIZE];
};

static size_t receive(char *data, size_t one, size_t size, void *user_data) {
    (void)one;
    struct reply *reply = user_data;
    if (size > BODY_MAX - reply->size)
        return 0;
    if (reply->capacity <= reply->size + size) {
        reply->capacity = 2 * (reply->size + size) + 1;
        reply->body = text_realloc(reply->body, reply->capacity);
    }
    memcpy(reply->body + reply->size, data, size);
    reply->size += size;
    reply->body[reply->size] = '\0';
    return size;
}

static void set_text(const struct client *client, CURLoption option, const char *text) {
    if (text != NULL)
        client->curl.easy_setopt(client->handle, option, text);
}

static void configure(struct client *client, const struct options *options) {
    const repli__libcurl *curl = &client->curl;
    CURL *handle = client->handle;
    curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(handle, CURLOPT_ERRORBUFFER, client->error);
    curl->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    /* Of an agent that hangs nothing comes; a large answer may take its time. */
    curl->easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl->easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    curl->easy_setopt(handle, CURLOPT_NOPROXY, "*");
    curl->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(handle, CURLOPT_HTTPHEADER, client->headers);
    curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    set_text(client, CURLOPT_UNIX_SOCKET_PATH, client->address.unix_socket);
    set_text(client, CURLOPT_SSLCERT, options->cert);
    set_text(client, CURLOPT_SSLKEY, options->key);
    if (options->ca != NULL) {
        curl->easy_setopt(handle, CURLOPT_CAINFO, options->ca);
        curl->easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
}

/* Returns 0 after having said why not. */
static int load(struct client *client) {
    const char *problem = repli__libcurl_load(&client->curl);
    client->loaded = problem == NULL;
    if (problem != NULL)
        fprintf(stderr,
                "repliagent: cannot load libcurl, which it needs to ask an agent: %s; install the "
                "package that has it\n",
                problem);
    return client->loaded;
}

/* Returns 0 after having said that it does not work. */
static int start(struct client *client) {
    const repli__libcurl *curl = &client->curl;
    curl->global_init(CURL_GLOBAL_DEFAULT);
    client->handle = curl->easy_init();
    /* The first keeps curl from asking for permission to send a body. */
    client->headers = curl->slist_append(NULL, "Expect:");
    client->headers = curl->slist_append(client->headers, "Content-Type: application/json");
    if (client->handle != NULL && client->headers != NULL)
        return 1;
    fputs("repliagent: libcurl cannot be used\n", stderr);
    return 0;
}

int client_open(const struct options *options, struct client **ret_client) {
    struct client *client = text_alloc(sizeof(*client));
    const int status = address_find(options, &client->address);
    if (status != EXITS_OK) {
        free(client);
        return status;
    }
    if (!load(client) || !start(client)) {
        client_close(client);
        return EXITS_NEGATIVE;
    }
    configure(client, options);
    *ret_client = client;
    return EXITS_OK;
}

void client_close(struct client *client) {
    if (client == NULL)
        return;
    if (client->loaded) {
        client->curl.easy_cleanup(client->handle);
        client->curl.slist_free_all(client->headers);
        client->curl.global_cleanup();
    }
    address_dispose(&client->address);
    free(client->message);
    free(client);
}

static void set_message(struct client *client, char *message) {
    free(client->message);
    client->message = message;
}

static int unreachable(struct client *client, CURLcode code) {
    client->maybe_done = code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST;
    /* Of a socket libcurl tells the port of a URL that nobody has given. */
    const int is_socket =
        code == CURLE_COULDNT_CONNECT && strncmp(client->address.shown, "unix:", 5) == 0;
    const char *reason =
        client->error[0] != '\0' && !is_socket ? client->error : client->curl.easy_strerror(code);
    const char *hint = code == CURLE_COULDNT_CONNECT ? "; does it run there?" : "";
    set_message(client, text_printf("cannot reach the agent at %s: %s%s", client->address.shown,
                                    reason, hint));
    return EXITS_UNREACHABLE;
}

/* What the agent says is wrong, out of the body that it sends with every error. */
static int refused(struct client *client, const struct reply *reply) {
    repli_error said = REPLI_ERROR_INIT;
    const char *who = reply->status < 500 ? "the agent refused" : "the agent failed";
    if (reply->size > 0 && repli_error_from_json(reply->body, reply->size, &said, NULL) == REPLI_OK)
        set_message(client, text_printf("%s (%ld): %s%s%s", who, reply->status, said.message,
                                        said.cause[0] != '\0' ? ": " : "", said.cause));
    else
        set_message(client, text_printf("%s: status %ld from %s", who, reply->status,
                                        client->address.shown));
    return reply->status < 500 ? EXITS_REFUSED : EXITS_AGENT;
}

int client_ask(struct client *client, const char *method, const char *path, const char *body,
               struct reply *ret_reply) {
    const repli__libcurl *curl = &client->curl;
    CURL *handle = client->handle;
    *ret_reply = (struct reply){.body = text_alloc(1), .capacity = 1};
    char *url = text_printf("%s/api/unstable%s", client->address.base, path);
    client->error[0] = '\0';
    client->maybe_done = 0;
    curl->easy_setopt(handle, CURLOPT_URL, url);
    curl->easy_setopt(handle, CURLOPT_WRITEDATA, ret_reply);
    curl->easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    if (body != NULL) {
        curl->easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl->easy_setopt(handle, CURLOPT_POSTFIELDS, body);
    }
    curl->easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
    const CURLcode code = curl->easy_perform(handle);
    free(url);
    curl->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &ret_reply->status);
    if (code != CURLE_OK)
        return unreachable(client, code);
    if (ret_reply->status >= 200 && ret_reply->status < 300)
        return EXITS_OK;
    if (ret_reply->status < 400) {
        set_message(client, text_printf("%s answered with status %ld: that is no agent",
                                        client->address.shown, ret_reply->status));
        return EXITS_AGENT;
    }
    return refused(client, ret_reply);
}

int client_get(struct client *client, const char *path, struct reply *ret_reply) {
    const int status = client_ask(client, "GET", path, NULL, ret_reply);
    return status == EXITS_OK ? EXITS_OK : client_complain(client, status);
}

void client_reply_free(struct reply *reply) {
    free(reply->body);
    reply->body = NULL;
}

int client_maybe_done(const struct client *client) {
    return client->maybe_done;
}

const char *client_message(const struct client *client) {
    return client->message;
}

int client_complain(const struct client *client, int status) {
    fprintf(stderr, "repliagent: %s\n", client->message);
    return status;
}

int client_nonsense(const struct client *client, const char *reason) {
    fprintf(stderr, "repliagent: the answer of %s makes no sense: %s\n", client->address.shown,
            reason);
    return EXITS_AGENT;
}

const char *client_address(const struct client *client) {
    return client->address.shown;
}
