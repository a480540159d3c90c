#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include <replicante/model.h>

#include "address.h"
#include "exits.h"
#include "text.h"

enum { CONNECT_MS = 5000, ANSWER_MS = 30000, BODY_MAX = 256 * 1024 * 1024 };

struct client {
    CURL *curl;
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
    reply->body = text_realloc(reply->body, reply->size + size + 1);
    memcpy(reply->body + reply->size, data, size);
    reply->size += size;
    reply->body[reply->size] = '\0';
    return size;
}

static void set_text(CURL *curl, CURLoption option, const char *text) {
    if (text != NULL)
        curl_easy_setopt(curl, option, text);
}

static void configure(struct client *client, const struct options *options) {
    CURL *curl = client->curl;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    set_text(curl, CURLOPT_UNIX_SOCKET_PATH, client->address.unix_socket);
    set_text(curl, CURLOPT_SSLCERT, options->cert);
    set_text(curl, CURLOPT_SSLKEY, options->key);
    if (options->ca != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
}

int client_open(const struct options *options, struct client **ret_client) {
    struct client *client = text_alloc(sizeof(*client));
    const int status = address_find(options, &client->address);
    if (status != EXITS_OK) {
        free(client);
        return status;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->curl = curl_easy_init();
    /* The first keeps curl from asking for permission to send a body. */
    client->headers = curl_slist_append(NULL, "Expect:");
    client->headers = curl_slist_append(client->headers, "Content-Type: application/json");
    if (client->curl == NULL || client->headers == NULL) {
        fputs("repliagent: libcurl cannot be used\n", stderr);
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
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    curl_global_cleanup();
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
    const char *reason = client->error[0] != '\0' ? client->error : curl_easy_strerror(code);
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
    CURL *curl = client->curl;
    *ret_reply = (struct reply){0, text_alloc(1), 0};
    char *url = text_printf("%s/api/unstable%s", client->address.base, path);
    client->error[0] = '\0';
    client->maybe_done = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_reply);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    const CURLcode code = curl_easy_perform(curl);
    free(url);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret_reply->status);
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
