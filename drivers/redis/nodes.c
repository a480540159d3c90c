#include "nodes.h"

#include <stdio.h>
#include <string.h>

#include "redis.h"

/* Words of a line. */

typedef struct word {
    const char *text;
    size_t size;
} word;

static word next_word(const char **at) {
    *at += strspn(*at, " ");
    const word found = {*at, strcspn(*at, " \r\n")};
    *at += found.size;
    return found;
}

static void copy_word(word from, char *ret_text, size_t size) {
    snprintf(ret_text, size, "%.*s", (int)from.size, from.text);
}

static int word_is(word one, const char *text) {
    return one.size == strlen(text) && strncmp(one.text, text, one.size) == 0;
}

static unsigned read_flags(word list) {
    static const struct {
        const char *name;
        unsigned flag;
    } known[] = {{"myself", REPLI__REDIS_MYSELF},    {"master", REPLI__REDIS_PRIMARY},
                 {"slave", REPLI__REDIS_REPLICA},    {"fail", REPLI__REDIS_FAIL},
                 {"fail?", REPLI__REDIS_MAYBE_FAIL}, {"handshake", REPLI__REDIS_HANDSHAKE},
                 {"noaddr", REPLI__REDIS_NO_ADDRESS}};
    unsigned flags = 0;
    for (size_t at = 0; at < list.size; at++) {
        word one = {list.text + at, 0};
        while (at < list.size && list.text[at] != ',')
            at++, one.size++;
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            if (word_is(one, known[i].name))
                flags |= known[i].flag;
    }
    return flags;
}

/* "ip:port@busport", then perhaps a comma and more. The last colon counts, for the sake of IPv6. */
static void read_address(word from, repli__redis_node *node) {
    char text[128];
    copy_word(from, text, sizeof(text));
    text[strcspn(text, ",")] = '\0';
    char *bus = strchr(text, '@');
    if (bus)
        *bus++ = '\0';
    char *port = strrchr(text, ':');
    if (port)
        *port++ = '\0';
    snprintf(node->ip, sizeof(node->ip), "%.63s", text);
    snprintf(node->port, sizeof(node->port), "%.7s", port ? port : "");
    snprintf(node->bus_port, sizeof(node->bus_port), "%.7s", bus ? bus : "");
}

/* What is in brackets is a slot on its way, which belongs to the other side as long as it is. */
static char *read_slots(const repli__redis *redis, const char *at) {
    const size_t size = strcspn(at, "\r\n") + 1;
    char *slots = redis->host->alloc(redis->host, size);
    size_t used = 0;
    if (!slots)
        return NULL;
    for (word range = next_word(&at); range.size > 0; range = next_word(&at)) {
        if (*range.text == '[')
            continue;
        if (used > 0)
            slots[used++] = ',';
        memcpy(slots + used, range.text, range.size);
        used += range.size;
    }
    slots[used] = '\0';
    return slots;
}

static int read_line(const repli__redis *redis, const char *line, repli__redis_node *node) {
    const char *at = line;
    copy_word(next_word(&at), node->id, sizeof(node->id));
    read_address(next_word(&at), node);
    node->flags = read_flags(next_word(&at));
    const word primary = next_word(&at);
    if (!word_is(primary, "-"))
        copy_word(primary, node->primary, sizeof(node->primary));
    for (int skipped = 0; skipped < 3; skipped++) /* pings and epoch */
        next_word(&at);
    node->connected = word_is(next_word(&at), "connected");
    node->slots = read_slots(redis, at);
    return node->slots != NULL;
}

int32_t repli__redis_nodes_read(const repli__redis *redis, const char *text,
                                repli__redis_nodes *ret_nodes, repli_error *err) {
    size_t lines = 0;
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
        lines++;
    repli__redis_nodes nodes = {redis->host->alloc(redis->host, (lines + 1) * sizeof(*nodes.items)),
                                0};
    int ok = nodes.items != NULL;
    for (const char *at = text; ok && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        repli__redis_node *node = &nodes.items[nodes.count];
        *node = (repli__redis_node){.slots = NULL};
        ok = read_line(redis, at, node);
        nodes.count += ok != 0;
    }
    if (!ok) {
        repli__redis_nodes_free(redis, &nodes);
        return repli__redis_nomem(redis, err);
    }
    *ret_nodes = nodes;
    return REPLI_OK;
}

void repli__redis_nodes_free(const repli__redis *redis, repli__redis_nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++)
        redis->host->release(redis->host, nodes->items[i].slots);
    redis->host->release(redis->host, nodes->items);
    *nodes = (repli__redis_nodes){NULL, 0};
}

const repli__redis_node *repli__redis_nodes_self(const repli__redis_nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++)
        if (nodes->items[i].flags & REPLI__REDIS_MYSELF)
            return &nodes->items[i];
    return NULL;
}

const repli__redis_node *repli__redis_nodes_by_id(const repli__redis_nodes *nodes, const char *id) {
    for (size_t i = 0; i < nodes->count; i++)
        if (strcmp(nodes->items[i].id, id) == 0)
            return &nodes->items[i];
    return NULL;
}

const repli__redis_node *repli__redis_nodes_by_address(const repli__redis_nodes *nodes,
                                                       const char *address) {
    const size_t size = strcspn(address, "@");
    for (size_t i = 0; i < nodes->count; i++) {
        char text[80];
        snprintf(text, sizeof(text), "%s:%s", nodes->items[i].ip, nodes->items[i].port);
        if (strlen(text) == size && strncmp(text, address, size) == 0)
            return &nodes->items[i];
    }
    return NULL;
}

const repli__redis_node *repli__redis_nodes_owner(const repli__redis_nodes *nodes,
                                                  const repli__redis_node *node) {
    return node && *node->primary ? repli__redis_nodes_by_id(nodes, node->primary) : node;
}

size_t repli__redis_nodes_with(const repli__redis_nodes *nodes, unsigned flags) {
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++)
        count += (nodes->items[i].flags & flags) != 0;
    return count;
}

size_t repli__redis_nodes_followers(const repli__redis_nodes *nodes, const char *id) {
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++)
        count += strcmp(nodes->items[i].primary, id) == 0;
    return count;
}
