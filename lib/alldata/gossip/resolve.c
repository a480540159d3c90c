#include "alldata/gossip/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { KNOWN_S = 60, UNKNOWN_S = 5 };

static void set_port(struct sockaddr_storage *address, int32_t port) {
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
}

static int read_numeric(const char *host, struct sockaddr_storage *ret_address,
                        socklen_t *ret_size) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ret_address;
    memset(ret_address, 0, sizeof(*ret_address));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        ret_address->ss_family = AF_INET;
        *ret_size = sizeof(*v4);
        return 1;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        ret_address->ss_family = AF_INET6;
        *ret_size = sizeof(*v6);
        return 1;
    }
    return 0;
}

/* The worker's side. */

static int take_wanted(alldata__resolver *resolver, char ret_host[ALLDATA__HOST_SIZE]) {
    int found = 0;
    pthread_mutex_lock(&resolver->mutex);
    for (int i = 0; i < ALLDATA__NAMES && !found; i++) {
        if (!resolver->names[i].wanted)
            continue;
        memcpy(ret_host, resolver->names[i].host, ALLDATA__HOST_SIZE);
        found = 1;
    }
    pthread_mutex_unlock(&resolver->mutex);
    return found;
}

/* A reference node listens on the first address that a name has, so that is where to look. */
static void look_up(alldata__resolver *resolver, const char *host) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    const int found = getaddrinfo(host, NULL, &hints, &addresses) == 0 && addresses != NULL;
    pthread_mutex_lock(&resolver->mutex);
    for (int i = 0; i < ALLDATA__NAMES; i++) {
        alldata__name *name = &resolver->names[i];
        if (strcmp(name->host, host) != 0)
            continue;
        name->wanted = 0;
        name->until_ns = repli__deadline_ns((found ? KNOWN_S : UNKNOWN_S) * 1000);
        /* What a server does not know for the moment stays where it was. */
        if (!found)
            continue;
        name->found = 1;
        name->size = addresses->ai_addrlen;
        memcpy(&name->address, addresses->ai_addr, addresses->ai_addrlen);
    }
    pthread_mutex_unlock(&resolver->mutex);
    if (addresses != NULL)
        freeaddrinfo(addresses);
}

/* One at a time, so that whoever drives it gets a word in. */
static uint64_t work(void *user_data) {
    alldata__resolver *resolver = user_data;
    char host[ALLDATA__HOST_SIZE];
    if (!take_wanted(resolver, host))
        return UINT64_MAX;
    look_up(resolver, host);
    return take_wanted(resolver, host) ? 0 : UINT64_MAX;
}

int32_t alldata__resolver_init(alldata__resolver *resolver, repli_error *err) {
    memset(resolver, 0, sizeof(*resolver));
    const int32_t code = repli__worker_init(&resolver->worker, "gossip-names", work, resolver, err);
    if (code == REPLI_OK)
        pthread_mutex_init(&resolver->mutex, NULL);
    return code;
}

void alldata__resolver_stop(alldata__resolver *resolver) {
    pthread_mutex_lock(&resolver->mutex);
    for (int i = 0; i < ALLDATA__NAMES; i++)
        resolver->names[i].wanted = 0;
    pthread_mutex_unlock(&resolver->mutex);
    repli__worker_quit(&resolver->worker);
    repli__worker_join(&resolver->worker, UINT64_MAX);
}

void alldata__resolver_dispose(alldata__resolver *resolver) {
    pthread_mutex_destroy(&resolver->mutex);
    repli__worker_dispose(&resolver->worker);
}

/* The asker's side. */

static alldata__name *find_name(alldata__resolver *resolver, const char *host) {
    alldata__name *oldest = &resolver->names[0];
    for (int i = 0; i < ALLDATA__NAMES; i++) {
        alldata__name *name = &resolver->names[i];
        if (strcmp(name->host, host) == 0)
            return name;
        if (name->used_ns < oldest->used_ns)
            oldest = name;
    }
    *oldest = (alldata__name){.found = 0};
    snprintf(oldest->host, sizeof(oldest->host), "%s", host);
    return oldest;
}

int alldata__resolver_find(alldata__resolver *resolver, const alldata__address *address,
                           struct sockaddr_storage *ret_address, socklen_t *ret_size) {
    int found = read_numeric(address->host, ret_address, ret_size);
    int wanted = 0;
    if (!found) {
        const uint64_t now_ns = repli__mono_ns();
        pthread_mutex_lock(&resolver->mutex);
        alldata__name *name = find_name(resolver, address->host);
        name->used_ns = now_ns;
        wanted = !name->wanted && now_ns >= name->until_ns;
        name->wanted |= wanted;
        found = name->found;
        *ret_address = name->address;
        *ret_size = name->size;
        pthread_mutex_unlock(&resolver->mutex);
    }
    if (wanted)
        repli__worker_tell(&resolver->worker);
    if (found)
        set_port(ret_address, address->port);
    return found;
}
