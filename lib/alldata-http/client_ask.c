#include "alldata-http/client.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

#define KEY_HEADER "AllData-Key:"

enum { CONNECT_MS = 2000, MOST_BODY = 256 * 1024 * 1024 };

/* Channels. */

static alldata__channel *make_channel(alldata_client *client) {
    alldata__channel *channel = repli__calloc(&client->mem, 1, sizeof(*channel));
    if (channel == NULL)
        return NULL;
    channel->handle = alldata__caller_handle(&client->caller, &client->identity, channel->why);
    if (channel->handle != NULL)
        return channel;
    repli__free(&client->mem, channel);
    return NULL;
}

static void give_back(alldata_client *client, alldata__channel *channel) {
    pthread_mutex_lock(&client->mutex);
    if (channel != NULL) {
        channel->next = client->idle;
        client->idle = channel;
    } else {
        client->made--;
    }
    pthread_cond_signal(&client->freed);
    pthread_mutex_unlock(&client->mutex);
}

static int32_t take_channel(alldata_client *client, uint64_t deadline_ns,
                            alldata__channel **ret_channel, repli_error *err) {
    int in_time = 1;
    pthread_mutex_lock(&client->mutex);
    while (client->idle == NULL && client->made >= client->max_connections && in_time)
        in_time = repli__cond_wait_until(&client->freed, &client->mutex, deadline_ns);
    alldata__channel *channel = client->idle;
    const int may_make = channel == NULL && client->made < client->max_connections;
    if (channel != NULL)
        client->idle = channel->next;
    client->made += (uint32_t)may_make;
    pthread_mutex_unlock(&client->mutex);
    if (channel == NULL && !may_make)
        return repli__error(err, REPLI_ETIMEOUT, ALLDATA__CLIENT,
                            "none of the client's %u connections became free in time",
                            client->max_connections);
    if (may_make) {
        channel = make_channel(client);
        if (channel == NULL) {
            give_back(client, NULL);
            return repli__error_nomem(err, ALLDATA__CLIENT, "calling a node");
        }
    }
    *ret_channel = channel;
    return REPLI_OK;
}

/* One call. */

static size_t take_body(char *data, size_t one, size_t size, void *user_data) {
    (void)one;
    alldata__answer *answer = user_data;
    if (size > MOST_BODY - answer->body.size ||
        repli__buf_append(&answer->body, data, size) != REPLI_OK)
        return 0;
    return size;
}

static size_t take_header(char *data, size_t one, size_t size, void *user_data) {
    alldata__answer *answer = user_data;
    static const size_t name = sizeof(KEY_HEADER) - 1;
    size_t from = name;
    if (size <= name || strncasecmp(data, KEY_HEADER, name) != 0)
        return one * size;
    while (from < size && data[from] == ' ')
        from++;
    if (alldata_key_validate(data + from,
                             size - from < ALLDATA_KEY_LENGTH ? size - from : ALLDATA_KEY_LENGTH,
                             NULL) == REPLI_OK) {
        memcpy(answer->key, data + from, ALLDATA_KEY_LENGTH);
        answer->key[ALLDATA_KEY_LENGTH] = '\0';
    }
    return one * size;
}

static struct curl_slist *make_headers(const alldata_client *client, const alldata__ask *ask) {
    const alldata__caller *caller = &client->caller;
    struct curl_slist *headers = alldata__caller_headers(caller, &client->identity, ask->type);
    for (size_t i = 0; i < ALLDATA__ASK_HEADERS && headers != NULL; i++)
        if (ask->headers[i] != NULL && !alldata__caller_header(caller, &headers, ask->headers[i])) {
            alldata__caller_free_headers(caller, headers);
            headers = NULL;
        }
    return headers;
}

static void configure(const alldata_client *client, alldata__channel *channel,
                      const alldata__ask *ask, uint64_t left_ms, alldata__answer *answer) {
    const repli__libcurl *curl = &client->caller.curl;
    CURL *handle = channel->handle;
    curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl->easy_setopt(handle, CURLOPT_WRITEDATA, answer);
    curl->easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
    curl->easy_setopt(handle, CURLOPT_HEADERDATA, answer);
    curl->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl->easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                      (long)(left_ms < INT32_MAX ? left_ms : INT32_MAX));
    if (strcmp(ask->method, "GET") == 0) {
        curl->easy_setopt(handle, CURLOPT_HTTPGET, 1L);
        return;
    }
    curl->easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body_size);
    curl->easy_setopt(handle, CURLOPT_POSTFIELDS, ask->body != NULL ? ask->body : "");
}

static int32_t carry(alldata_client *client, alldata__channel *channel, size_t place,
                     const alldata__ask *ask, uint64_t left_ms, alldata__answer *answer,
                     repli_error *err) {
    const repli__libcurl *curl = &client->caller.curl;
    struct curl_slist *headers = make_headers(client, ask);
    if (headers == NULL || !alldata__client_direct(client, channel->handle, place, ask->path)) {
        alldata__caller_free_headers(&client->caller, headers);
        return repli__error_nomem(err, ALLDATA__CLIENT, "calling a node");
    }
    configure(client, channel, ask, left_ms, answer);
    curl->easy_setopt(channel->handle, CURLOPT_HTTPHEADER, headers);
    channel->why[0] = '\0';
    const CURLcode code = curl->easy_perform(channel->handle);
    curl->easy_setopt(channel->handle, CURLOPT_HTTPHEADER, NULL);
    alldata__caller_free_headers(&client->caller, headers);
    if (code == CURLE_WRITE_ERROR)
        return repli__error(err, REPLI_EPROTOCOL, ALLDATA__CLIENT,
                            "the answer of %s is larger than there is room for",
                            client->places[place].shown);
    if (code != CURLE_OK)
        return alldata__caller_error(&client->caller, err, code, "the node",
                                     client->places[place].shown, channel->why);
    long status = 0;
    curl->easy_getinfo(channel->handle, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int32_t)status;
    return REPLI_OK;
}

int32_t alldata__client_ask(alldata_client *client, size_t place, const alldata__ask *ask,
                            uint64_t deadline_ns, alldata__answer *answer, repli_error *err) {
    alldata__channel *channel = NULL;
    int32_t code = alldata__client_load(client, err);
    if (code == REPLI_OK)
        code = take_channel(client, deadline_ns, &channel, err);
    if (code != REPLI_OK)
        return code;
    const uint64_t now_ns = repli__mono_ns();
    const uint64_t left_ms =
        deadline_ns > now_ns ? (deadline_ns - now_ns) / REPLI__NS_PER_MS + 1 : 1;
    const size_t before = answer->body.size;
    answer->status = 0;
    answer->key[0] = '\0';
    code = carry(client, channel, place, ask, left_ms, answer, err);
    give_back(client, channel);
    if (code != REPLI_OK)
        answer->body.size = before;
    return code;
}

/* One place after the other. */

void alldata__client_round_begin(alldata__tour *tour, alldata_client *client, uint64_t timeout_ms) {
    const uint64_t ms = timeout_ms > 0 ? timeout_ms : client->timeout_ms;
    *tour = (alldata__tour){
        .client = client,
        .deadline_ns = repli__deadline_ns((int64_t)(ms < INT32_MAX ? ms : INT32_MAX)),
        .first = atomic_load(&client->favourite),
    };
}

/* One that hangs leaves time for the others. */
static uint64_t share_ns(const alldata__tour *tour, uint64_t now_ns) {
    const uint64_t left_ns = tour->deadline_ns - now_ns;
    const uint64_t least_ns = tour->least_ms * REPLI__NS_PER_MS;
    uint64_t share = left_ns / (tour->client->place_count - tour->tries);
    if (share < least_ns)
        share = least_ns;
    return share < left_ns ? share : left_ns;
}

int alldata__client_round_ask(alldata__tour *tour, const alldata__ask *ask, alldata__answer *answer,
                              int32_t *ret_code, repli_error *err) {
    alldata_client *client = tour->client;
    const uint64_t now_ns = repli__mono_ns();
    if (tour->tries >= client->place_count || (tour->tries > 0 && now_ns >= tour->deadline_ns))
        return 0;
    const size_t place = (tour->first + tour->tries) % client->place_count;
    const uint64_t deadline_ns =
        now_ns < tour->deadline_ns ? now_ns + share_ns(tour, now_ns) : tour->deadline_ns;
    tour->tries++;
    *ret_code = alldata__client_ask(client, place, ask, deadline_ns, answer, err);
    if (*ret_code == REPLI_OK)
        atomic_store(&client->favourite, place);
    return 1;
}

/* Documents. */

static int32_t exchange(alldata_client *client, const alldata__ask *ask, uint64_t timeout_ms,
                        int32_t *ret_status, repli_buf *ret_body, repli_error *err) {
    int32_t code = alldata__client_check(client, err);
    if (code != REPLI_OK)
        return code;
    if (!alldata__client_is_path(ask->path))
        return repli__error(err, REPLI_EINVALID, ALLDATA__CLIENT,
                            "that is no path: it begins with a slash, and other characters than "
                            "letters, digits and signs of ASCII are encoded");
    repli_error why = REPLI_ERROR_INIT; /* of one try, after which another may do */
    alldata__tour tour;
    alldata__answer answer = {.status = 0, .body = *ret_body};
    const int again = strcmp(ask->method, "GET") == 0;
    alldata__client_round_begin(&tour, client, timeout_ms);
    while (alldata__client_round_ask(&tour, ask, &answer, &code, &why) && code != REPLI_OK &&
           (again || code == REPLI_EREFUSED))
        continue;
    *ret_body = answer.body;
    if (code != REPLI_OK)
        return repli__error_copy(err, &why);
    *ret_status = answer.status;
    return REPLI_OK;
}

int32_t alldata_client_get(alldata_client *client, const char *path, uint64_t timeout_ms,
                           int32_t *ret_status, repli_buf *ret_body, repli_error *err) {
    const alldata__ask ask = {.method = "GET", .path = path};
    return exchange(client, &ask, timeout_ms, ret_status, ret_body, err);
}

int32_t alldata_client_post(alldata_client *client, const char *path, const char *type,
                            const char *body, size_t body_size, uint64_t timeout_ms,
                            int32_t *ret_status, repli_buf *ret_body, repli_error *err) {
    const alldata__ask ask = {
        .method = "POST", .path = path, .type = type, .body = body, .body_size = body_size};
    return exchange(client, &ask, timeout_ms, ret_status, ret_body, err);
}
