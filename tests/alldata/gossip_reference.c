#include "gossip_reference.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A peer is an object: {"id", "transport", "max", "data": {key: [value, version]}, "live",
 * "lastTime" or none, "count", "sum"}. */
struct reference {
    reference_options options;
    json_t *self;
    json_t *peers;
    uint64_t due_ms;
};

/* Peers. */

static json_t *new_peer(const char *id, json_t *transport, uint64_t now_ms) {
    json_t *peer = json_pack("{s:s, s:O, s:i, s:{}, s:b, s:i, s:i}", "id", id, "transport",
                             transport, "max", 0, "data", "live", 1, "count", 1, "sum", 750);
    ck_assert_ptr_nonnull(peer);
    if (now_ms > 0)
        json_object_set_new(peer, "lastTime", json_integer((json_int_t)now_ms));
    return peer;
}

static json_int_t number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static int is_live(const json_t *peer) {
    return json_is_true(json_object_get(peer, "live"));
}

static void mark_contact(json_t *peer, uint64_t now_ms) {
    const json_t *last = json_object_get(peer, "lastTime");
    const json_int_t interval =
        last != NULL ? (json_int_t)now_ms - json_integer_value(last) : (json_int_t)750;
    json_object_set_new(peer, "lastTime", json_integer((json_int_t)now_ms));
    /* The window of 100 is left out: no test runs for so long. */
    json_object_set_new(peer, "sum", json_integer(number(peer, "sum") + interval));
    json_object_set_new(peer, "count", json_integer(number(peer, "count") + 1));
}

static double phi(const json_t *peer, uint64_t now_ms) {
    const json_t *last = json_object_get(peer, "lastTime");
    const double silence = last != NULL ? (double)now_ms - (double)json_integer_value(last) : 750;
    const double mean = (double)number(peer, "sum") / (double)number(peer, "count");
    return silence / mean / log(10);
}

/* What kills it. */

static void must(int condition, const char *what, const char *frame, size_t size) {
    ck_assert_msg(condition, "this ends a reference node, for want of %s: %.*s", what, (int)size,
                  frame);
}

static int is_inherited(const char *name) {
    static const char *const names[] = {"__proto__", "constructor", "toString", "valueOf",
                                        "hasOwnProperty"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return 1;
    return 0;
}

static void check_address(const json_t *transport, const char *frame, size_t size) {
    const json_t *port = json_object_get(transport, "port");
    must(json_is_string(json_object_get(transport, "host")), "a host", frame, size);
    must(json_is_integer(port) && json_integer_value(port) > 0 && json_integer_value(port) < 65536,
         "a port", frame, size);
}

static void check_peer(const json_t *peer, const char *frame, size_t size) {
    must(json_is_object(peer), "an object", frame, size);
    const char *id = json_string_value(json_object_get(peer, "id"));
    must(id != NULL && !is_inherited(id), "an id", frame, size);
    check_address(json_object_get(peer, "transport"), frame, size);
}

static void check_frame(const json_t *root, const char *frame, size_t size) {
    size_t i;
    json_t *item;
    must(json_is_object(root), "an object", frame, size);
    for (size_t at = 0; at < size; at++)
        must((unsigned char)frame[at] < 0x80, "ASCII", frame, size);
    check_peer(json_object_get(root, "sender"), frame, size);
    json_t *deltas = json_object_get(root, "deltas");
    json_t *digest = json_object_get(root, "digest");
    must(deltas == NULL || json_is_array(deltas), "an array", frame, size);
    must(digest == NULL || json_is_array(digest), "an array", frame, size);
    json_array_foreach(deltas, i, item) {
        must(json_is_array(item) && json_array_size(item) == 4, "a delta", frame, size);
        must(!is_inherited(json_string_value(json_array_get(item, 0))), "an id", frame, size);
    }
    json_array_foreach(digest, i, item) check_peer(item, frame, size);
}

/* Sending. */

static void send_to(const reference *node, const json_t *transport, json_t *frame) {
    json_object_set_new(frame, "sender",
                        json_pack("{s:O, s:O}", "id", json_object_get(node->self, "id"),
                                  "transport", json_object_get(node->self, "transport")));
    char *text = json_dumps(frame, JSON_COMPACT);
    char *line = NULL;
    const int size = asprintf(&line, "%s\r\n", text);
    ck_assert_int_gt(size, 0);
    node->options.send(node->options.user_data,
                       json_string_value(json_object_get(transport, "host")),
                       (int32_t)number(transport, "port"), line, (size_t)size);
    free(line);
    free(text);
    json_decref(frame);
}

static void list(json_t *digest, const json_t *peer) {
    json_array_append_new(digest, json_pack("{s:O, s:I, s:O}", "id", json_object_get(peer, "id"),
                                            "maxVersionSeen", number(peer, "max"), "transport",
                                            json_object_get(peer, "transport")));
}

static void send_digest(const reference *node, const json_t *transport) {
    const char *id;
    json_t *peer;
    json_t *digest = json_array();
    json_object_foreach(node->peers, id, peer) if (is_live(peer)) list(digest, peer);
    list(digest, node->self);
    send_to(node, transport, json_pack("{s:o}", "digest", digest));
}

/* Receiving. */

static void take_deltas(reference *node, json_t *deltas) {
    size_t i;
    json_t *delta;
    json_array_foreach(deltas, i, delta) {
        json_t *peer = json_object_get(node->peers, json_string_value(json_array_get(delta, 0)));
        const json_int_t version = json_integer_value(json_array_get(delta, 3));
        if (peer == NULL || version <= number(peer, "max"))
            continue;
        json_object_set_new(peer, "max", json_integer(version));
        json_object_set_new(json_object_get(peer, "data"),
                            json_string_value(json_array_get(delta, 1)),
                            json_pack("[O, I]", json_array_get(delta, 2), version));
    }
}

static int by_version(const void *a, const void *b) {
    const json_int_t left = json_integer_value(json_array_get(*(json_t *const *)a, 3));
    const json_int_t right = json_integer_value(json_array_get(*(json_t *const *)b, 3));
    return (left > right) - (left < right);
}

/* The deltas of one peer above a version, ascending. */
static size_t collect(const json_t *peer, json_int_t version, json_t **ret, size_t most) {
    const char *key;
    json_t *value;
    size_t count = 0;
    json_object_foreach(json_object_get(peer, "data"), key, value) {
        if (json_integer_value(json_array_get(value, 1)) > version && count < most)
            ret[count++] = json_pack("[O, s, O, O]", json_object_get(peer, "id"), key,
                                     json_array_get(value, 0), json_array_get(value, 1));
    }
    qsort(ret, count, sizeof(json_t *), by_version);
    return count;
}

/* Peers with most deltas come first; that peers of as many keep their order is left to chance. */
static void take_digest(reference *node, const json_t *sender, json_t *digest) {
    enum { MOST = 16, DELTAS = 5 };
    json_t *found[MOST];
    json_t *deltas = json_array();
    size_t i;
    json_t *listed;
    for (size_t wanted = MOST; wanted > 0; wanted--) {
        json_array_foreach(digest, i, listed) {
            const char *id = json_string_value(json_object_get(listed, "id"));
            json_t *peer =
                strcmp(id, node->options.id) == 0 ? node->self : json_object_get(node->peers, id);
            if (peer == NULL) {
                peer = new_peer(id, json_object_get(listed, "transport"), 0);
                json_object_set_new(node->peers, id, peer);
            }
            const size_t count = collect(peer, number(listed, "maxVersionSeen"), found, MOST);
            for (size_t d = 0; d < count; d++) {
                if (count == wanted && json_array_size(deltas) < DELTAS)
                    json_array_append(deltas, found[d]);
                json_decref(found[d]);
            }
        }
    }
    if (json_array_size(deltas) > 0)
        send_to(node, json_object_get(sender, "transport"), json_pack("{s:o}", "deltas", deltas));
    else
        json_decref(deltas);
}

void reference_receive(reference *node, uint64_t now_ms, const char *frame, size_t size) {
    json_t *root = json_loadb(frame, size, JSON_DECODE_ANY, NULL);
    check_frame(root, frame, size);
    const json_t *sender = json_object_get(root, "sender");
    json_t *deltas = json_object_get(root, "deltas");
    json_t *digest = json_object_get(root, "digest");
    if (deltas != NULL || digest != NULL) {
        const char *id = json_string_value(json_object_get(sender, "id"));
        json_t *peer = json_object_get(node->peers, id);
        if (peer == NULL)
            json_object_set_new(node->peers, id,
                                new_peer(id, json_object_get(sender, "transport"), now_ms));
        else
            mark_contact(peer, now_ms);
    }
    if (deltas != NULL)
        take_deltas(node, deltas);
    else if (digest != NULL)
        take_digest(node, sender, digest);
    json_decref(root);
}

/* Rounds. */

static json_t *pick(const reference *node, int live, size_t *ret_count) {
    const char *id;
    json_t *peer;
    json_t *chosen = NULL;
    size_t count = 0;
    json_object_foreach(node->peers, id, peer) {
        if (is_live(peer) != live)
            continue;
        count++;
        if (node->options.random(node->options.user_data) % count == 0)
            chosen = peer;
    }
    *ret_count = count;
    return chosen;
}

static void ask_seed(const reference *node) {
    const uint64_t chosen =
        node->options.random(node->options.user_data) % node->options.seed_count;
    const int32_t port = node->options.seed_ports[chosen];
    if (port == node->options.port)
        return;
    json_t *transport = json_pack("{s:s, s:i}", "host", "127.0.0.1", "port", port);
    send_digest(node, transport);
    json_decref(transport);
}

void reference_round(reference *node, uint64_t now_ms) {
    size_t live;
    size_t dead;
    const json_t *peer = pick(node, 1, &live);
    if (peer != NULL)
        send_digest(node, json_object_get(peer, "transport"));
    peer = pick(node, 0, &dead);
    if (peer != NULL &&
        (live == 0 || node->options.random(node->options.user_data) % (live + 1) < dead))
        send_digest(node, json_object_get(peer, "transport"));
    if (live == 0 && node->options.seed_count > 0)
        ask_seed(node);
    const char *id;
    json_t *each;
    json_object_foreach(node->peers, id, each) {
        const double value = phi(each, now_ms);
        if (is_live(each) ? value > 8 : value < 8)
            json_object_set_new(each, "live", json_boolean(value < 8));
    }
    node->due_ms = now_ms + 1000;
}

uint64_t reference_due_ms(const reference *node) {
    return node->due_ms;
}

/* Life. */

reference *reference_new(const reference_options *options, uint64_t now_ms) {
    reference *node = calloc(1, sizeof(*node));
    ck_assert_ptr_nonnull(node);
    node->options = *options;
    json_t *transport = json_pack("{s:s, s:i}", "host", "127.0.0.1", "port", options->port);
    node->self = new_peer(options->id, transport, 0);
    json_decref(transport);
    node->peers = json_object();
    node->due_ms = now_ms;
    return node;
}

void reference_free(reference *node) {
    if (node == NULL)
        return;
    json_decref(node->self);
    json_decref(node->peers);
    free(node);
}

void reference_update(reference *node, const char *key, const char *value) {
    const json_int_t version = number(node->self, "max") + 1;
    json_t *parsed = json_loads(value, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(parsed);
    json_object_set_new(node->self, "max", json_integer(version));
    json_object_set_new(json_object_get(node->self, "data"), key,
                        json_pack("[o, I]", parsed, version));
}

int reference_knows(const reference *node, const char *id) {
    const json_t *peer = json_object_get(node->peers, id);
    return peer == NULL ? -1 : is_live(peer);
}

char *reference_value(const reference *node, const char *id, const char *key) {
    const json_t *data = json_object_get(json_object_get(node->peers, id), "data");
    const json_t *value = json_array_get(json_object_get(data, key), 0);
    return value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

size_t reference_count(const reference *node) {
    return json_object_size(node->peers);
}
