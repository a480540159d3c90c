#include "conformance/own.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <jansson.h>

#include "base/error.h"
#include "driver/check.h"
#include "driver/instance.h"

static void add_port(struct own *own, long long port) {
    if (port > 0 && port <= 65535 && own->port_count < OWN_MAX)
        own->ports[own->port_count++] = (int)port;
}

static void add_address(struct own *own, const char *text) {
    const size_t size = strlen(text) + 1;
    if (own->address_count < OWN_MAX && size <= sizeof(own->addresses[0]))
        memcpy(own->addresses[own->address_count++], text, size);
}

/* Only names of hosts are looked up: a password is nothing to ask a name server about. */
static void add_host(struct own *own, const char *name) {
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(name, NULL, &wanted, &found) != 0)
        return;
    for (const struct addrinfo *info = found; info != NULL; info = info->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), NULL, 0,
                        NI_NUMERICHOST) == 0)
            add_address(own, text);
    }
    freeaddrinfo(found);
}

/* "HOST", "HOST:PORT", "[HOST]:PORT", a path, or something else altogether. */
static void add_text(struct own *own, const char *name, const char *text) {
    char host[256];
    unsigned char binary[16];
    const char *colon = strrchr(text, ':');
    const int has_port = colon != NULL && strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
                         inet_pton(AF_INET6, text, binary) != 1;
    if (has_port)
        add_port(own, atoll(colon + 1));
    snprintf(host, sizeof(host), "%.*s", (int)(has_port ? colon - text : (long)strlen(text)), text);
    char *inner = host;
    if (inner[0] == '[' && inner[strlen(inner) - 1] == ']') {
        inner[strlen(inner) - 1] = '\0';
        inner++;
    }
    if (inet_pton(AF_INET, inner, binary) == 1 || inet_pton(AF_INET6, inner, binary) == 1)
        add_address(own, inner);
    else if (inner[0] != '\0' && inner[0] != '/' &&
             (strstr(name, "host") != NULL || strstr(name, "addr") != NULL))
        add_host(own, inner);
}

static void add_values(struct own *own, const char *name, json_t *value) {
    const char *member;
    size_t index;
    json_t *inner;
    if (json_is_integer(value))
        add_port(own, json_integer_value(value));
    else if (json_is_string(value))
        add_text(own, name, json_string_value(value));
    json_object_foreach(value, member, inner) add_values(own, member, inner);
    json_array_foreach(value, index, inner) add_values(own, name, inner);
}

int32_t own_init(struct own *own, const struct conformance_options *options, repli_error *err) {
    repli__driver_table table;
    *own = (struct own){.named = options->own_addresses};
    int32_t code = repli__driver_load(options->driver, NULL, &table, err);
    if (code == REPLI_OK)
        code = repli__driver_config_complete(&table.driver, options->config_json,
                                             strlen(options->config_json), &own->config, err);
    if (code != REPLI_OK)
        return code;
    json_t *config = json_loads(own->config, 0, NULL);
    add_values(own, "", config);
    json_decref(config);
    if (own->address_count == 0)
        add_host(own, "localhost");
    return REPLI_OK;
}

void own_dispose(struct own *own) {
    free(own->config);
    own->config = NULL;
}

static int is_named(const struct own *own, const char *where) {
    for (size_t i = 0; own->named != NULL && own->named[i] != NULL; i++)
        if (strcmp(own->named[i], where) == 0)
            return 1;
    return 0;
}

/* Who answers for names of hosts and users. */
static int is_of_the_system(const struct network_contact *contact) {
    static const char *const paths[] = {"unix:/run/nscd", "unix:/var/run/nscd", "unix:/run/systemd",
                                        "unix:/var/lib/sss"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (strncmp(contact->where, paths[i], strlen(paths[i])) == 0)
            return 1;
    return contact->port == 53;
}

/* A socket's path is the driver's own if some value of its configuration leads there. */
static int is_own_path(const struct own *own, const char *path) {
    char directory[NETWORK_TEXT];
    snprintf(directory, sizeof(directory), "%s", path);
    for (;;) {
        char quoted[NETWORK_TEXT + 2];
        snprintf(quoted, sizeof(quoted), "\"%s\"", directory);
        if (strstr(own->config, quoted) != NULL)
            return 1;
        char *slash = strrchr(directory, '/');
        if (slash == NULL || slash == directory)
            return 0;
        *slash = '\0';
    }
}

int own_has(const struct own *own, const struct network_contact *contact) {
    if (is_named(own, contact->where) || is_of_the_system(contact))
        return 1;
    if (contact->port == 0)
        return is_own_path(own, contact->where + strlen("unix:"));
    int port = 0;
    for (size_t i = 0; i < own->port_count; i++)
        port |= own->ports[i] == contact->port;
    for (size_t i = 0; port && i < own->address_count; i++) {
        char where[NETWORK_TEXT];
        const int six = strchr(own->addresses[i], ':') != NULL;
        snprintf(where, sizeof(where), "%s%s%s:%d", six ? "[" : "", own->addresses[i],
                 six ? "]" : "", contact->port);
        if (strcmp(where, contact->where) == 0)
            return 1;
    }
    return 0;
}
