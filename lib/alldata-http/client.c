#include "alldata-http/client.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/thread.h"

enum { MAX_CONNECTIONS = 16, TIMEOUT_MS = 10000, MOST_PLACES = 64 };

int32_t alldata__client_check(const alldata_client *client, repli_error *err) {
    if (getpid() == client->pid)
        return REPLI_OK;
    return repli__error(err, REPLI_EFORK, ALLDATA__CLIENT,
                        "this client belongs to the parent process; a child makes one of its own");
}

int32_t alldata__client_key(alldata_client *client, char ret_key[ALLDATA_KEY_SIZE],
                            repli_error *err) {
    return alldata_keygen_next(client->keygen, ret_key, err);
}

int32_t alldata__client_load(alldata_client *client, repli_error *err) {
    pthread_mutex_lock(&client->mutex);
    const int32_t code = alldata__caller_load(&client->caller, err);
    pthread_mutex_unlock(&client->mutex);
    return code;
}

int alldata__client_is_path(const char *path) {
    if (path == NULL || path[0] != '/')
        return 0;
    for (const char *c = path; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '#')
            return 0;
    return 1;
}

int alldata__client_direct(const alldata_client *client, CURL *handle, size_t place,
                           const char *path) {
    const alldata__place *to = &client->places[place];
    const repli__libcurl *curl = &client->caller.curl;
    repli_buf url = {NULL, 0, 0, &client->mem};
    int done = repli__buf_text(&url, to->base) == REPLI_OK &&
               repli__buf_text(&url, path) == REPLI_OK &&
               curl->easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, to->unix_path) == CURLE_OK &&
               curl->easy_setopt(handle, CURLOPT_URL, url.data) == CURLE_OK;
    repli_buf_dispose(&url);
    return done;
}

/* Places. */

static int32_t wrong_url(const char *url, repli_error *err) {
    return repli__error(
        err, REPLI_EINVALID, ALLDATA__CLIENT,
        "\"%s\" is no place of a node: write http://host:port, https://host:port or "
        "unix:/path",
        url != NULL ? url : "");
}

static int begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* Bytes of a host and what else belongs to it, without slashes behind it; 0: there is more, or
 * less. */
static size_t host_size(const char *host) {
    const size_t size = strcspn(host, "/?#@\\ \t\r\n\"");
    return host[size + strspn(host + size, "/")] == '\0' ? size : 0;
}

static int32_t read_place(const repli__mem *mem, const char *url, alldata__place *ret_place,
                          repli_error *err) {
    static const char unix_scheme[] = "unix:";
    if (url == NULL)
        return wrong_url(url, err);
    const int is_unix = begins(url, unix_scheme);
    const size_t scheme = begins(url, "http://") ? 7 : begins(url, "https://") ? 8 : 0;
    const size_t size = scheme > 0 ? host_size(url + scheme) : 0;
    if (is_unix ? url[sizeof(unix_scheme) - 1] == '\0' : size == 0)
        return wrong_url(url, err);
    ret_place->shown = repli__strdup(mem, url);
    ret_place->base = repli__strdup(mem, is_unix ? "http://localhost" : url);
    if (is_unix)
        ret_place->unix_path = repli__strdup(mem, url + sizeof(unix_scheme) - 1);
    else if (ret_place->base != NULL)
        ret_place->base[scheme + size] = '\0';
    if (ret_place->shown == NULL || ret_place->base == NULL ||
        (is_unix && ret_place->unix_path == NULL))
        return repli__error_nomem(err, ALLDATA__CLIENT, "making a client");
    return REPLI_OK;
}

static int32_t read_places(alldata_client *client, const alldata_client_options *options,
                           repli_error *err) {
    if (options->url_count == 0 || options->url_count > MOST_PLACES || options->urls == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__CLIENT,
                            "a client needs 1 to %d places of nodes, and has %zu", MOST_PLACES,
                            options->url_count);
    client->places = repli__calloc(&client->mem, options->url_count, sizeof(*client->places));
    if (client->places == NULL)
        return repli__error_nomem(err, ALLDATA__CLIENT, "making a client");
    client->place_count = options->url_count;
    for (size_t i = 0; i < options->url_count; i++) {
        const int32_t code = read_place(&client->mem, options->urls[i], &client->places[i], err);
        if (code != REPLI_OK)
            return code;
    }
    /* Not all clients begin with the same. */
    atomic_init(&client->favourite, (size_t)repli__mono_ns() / 1000 % client->place_count);
    return REPLI_OK;
}

/* Life. */

static void free_channels(alldata_client *client) {
    const repli__libcurl *curl = &client->caller.curl;
    const int mine = getpid() == client->pid;
    for (alldata__channel *channel = client->idle, *next; channel != NULL; channel = next) {
        next = channel->next;
        curl_socket_t fd = CURL_SOCKET_BAD;
        /* libcurl would take leave of the node on a connection that is the parent's. */
        if (mine)
            curl->easy_cleanup(channel->handle);
        else if (curl->easy_getinfo(channel->handle, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
                 fd != CURL_SOCKET_BAD)
            close(fd);
        repli__free(&client->mem, channel);
    }
    if (mine)
        alldata__caller_dispose(&client->caller);
}

void alldata_client_free(alldata_client *client) {
    if (client == NULL)
        return;
    const repli__mem mem = client->mem;
    free_channels(client);
    alldata__identity_dispose(&client->identity);
    for (size_t i = 0; i < client->place_count; i++) {
        repli__free(&mem, client->places[i].shown);
        repli__free(&mem, client->places[i].base);
        repli__free(&mem, client->places[i].unix_path);
    }
    repli__free(&mem, client->places);
    alldata_keygen_free(client->keygen);
    if (getpid() == client->pid) {
        pthread_cond_destroy(&client->freed);
        pthread_mutex_destroy(&client->mutex);
    }
    repli__free(&mem, client);
}

static int32_t init(alldata_client *client, const alldata_client_options *options,
                    repli_error *err) {
    client->max_connections =
        options->max_connections > 0 ? options->max_connections : MAX_CONNECTIONS;
    client->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    int32_t code = alldata__identity_init(&client->identity, &client->mem, options->security, err);
    if (code == REPLI_OK)
        code = read_places(client, options, err);
    if (code == REPLI_OK)
        code = alldata_keygen_new(NULL, &client->mem, &client->keygen, err);
    return code;
}

int32_t alldata_client_new(const alldata_client_options *options, const repli_allocator *allocator,
                           alldata_client **ret_client, repli_error *err) {
    repli__mem mem;
    alldata_client_options own;
    repli__mem_init(&mem, allocator);
    repli__sized_copy(&own, sizeof(own), options);
    alldata_client *client = repli__calloc(&mem, 1, sizeof(*client));
    if (client == NULL)
        return repli__error_nomem(err, ALLDATA__CLIENT, "making a client");
    client->mem = mem;
    client->pid = getpid();
    client->identity = (alldata__identity){&client->mem, -1, -1, -1, NULL};
    int32_t code = repli__cond_init(&client->freed, err);
    if (code != REPLI_OK) {
        repli__free(&mem, client);
        return code;
    }
    pthread_mutex_init(&client->mutex, NULL);
    code = init(client, &own, err);
    if (code != REPLI_OK) {
        alldata_client_free(client);
        return code;
    }
    *ret_client = client;
    return REPLI_OK;
}
