#include "alldata/node/state.h"

#include <stdio.h>
#include <string.h>

#include "alldata/gossip/gossip.h"
#include "alldata/gossip/name.h"
#include "alldata/key.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/json_span.h"

/* What nodes of our own make publish beside what the reference's do. */
#define KEY "alldata"

static int32_t publish(alldata_node *node, repli_error *err) {
    repli_buf json = {NULL, 0, 0, &node->mem};
    repli__json_out out;
    repli__json_begin(&out, &json);
    repli__json_open(&out, '{');
    repli__json_name(&out, "cluster");
    repli__json_string(&out, node->identity.cluster);
    repli__json_name(&out, "number");
    repli__json_integer(&out, alldata_keygen_node(node->keygen));
    repli__json_close(&out, '}');
    int32_t code = repli__json_end(&out, err);
    if (code == REPLI_OK)
        code = alldata_gossip_set(node->gossip, KEY, json.data, json.size, err);
    repli_buf_dispose(&json);
    return code;
}

/* Where others reach it. */

static char *write_address(const alldata_node *node, const char *host, int32_t port) {
    char text[ALLDATA__HOST_SIZE + 16];
    const int is_v6 = strchr(host, ':') != NULL;
    snprintf(text, sizeof(text), "%s%s%s:%d", is_v6 ? "[" : "", host, is_v6 ? "]" : "", (int)port);
    return repli__strdup(&node->mem, text);
}

static int32_t note_http(alldata_node *node, int32_t port, repli_error *err) {
    alldata__address own;
    alldata__gossip_address(node->gossip, &own);
    char *text = write_address(node, node->http_host != NULL ? node->http_host : own.host, port);
    if (text == NULL || repli__grow(&node->mem, (void **)&node->places, &node->place_capacity,
                                    node->place_count, sizeof(*node->places)) != REPLI_OK) {
        repli__free(&node->mem, text);
        return repli__error_nomem(err, ALLDATA__NODE, "taking a port");
    }
    /* Whoever was told of the one before may still read it. */
    node->places[node->place_count++] = text;
    atomic_store(&node->peers_text, text);
    return REPLI_OK;
}

int32_t alldata__members_begin(alldata_node *node, int32_t http_port, repli_error *err) {
    alldata__address own;
    alldata__gossip_address(node->gossip, &own);
    node->gossip_text = write_address(node, own.host, own.port);
    if (node->gossip_text == NULL)
        return repli__error_nomem(err, ALLDATA__NODE, "making a node");
    const int32_t code = http_port != 0 ? note_http(node, http_port, err) : REPLI_OK;
    return code == REPLI_OK ? publish(node, err) : code;
}

/* Numbers. */

/* Of two nodes with one number the one with the greater id takes another. That number may be taken
 * as well, which is then seen in the same way. */
static void renumber(alldata_node *node, const char *other) {
    alldata__identity identity;
    repli_error error = REPLI_ERROR_INIT;
    int32_t number = 0;
    int32_t code = alldata__keygen_draw(&number, &error);
    if (code != REPLI_OK || alldata_keygen_set_node(node->keygen, number, &error) != REPLI_OK) {
        repli__log_printf(&node->log, REPLI_LOG_ERROR, ALLDATA__NODE, "%s", error.message);
        return;
    }
    pthread_mutex_lock(&node->mutex);
    node->identity.number = number;
    identity = node->identity;
    pthread_mutex_unlock(&node->mutex);
    repli__log_printf(&node->log, REPLI_LOG_INFO, ALLDATA__NODE,
                      "peer %s has the same number in its keys: this node takes %d", other,
                      (int)number);
    code = alldata__identity_write(&node->mem, node->identity_path, &identity, &error);
    if (code == REPLI_OK)
        code = publish(node, &error);
    if (code != REPLI_OK)
        repli__log_printf(&node->log, REPLI_LOG_WARNING, ALLDATA__NODE,
                          "cannot tell of the new number: %s", error.message);
}

static void compare_number(alldata_node *node, const char *id, repli__json_span value) {
    int64_t number = -1;
    if (repli__json_type(value) == REPLI__JSON_INTEGER && repli__json_to_integer(value, &number) &&
        number == alldata_keygen_node(node->keygen) && strcmp(node->identity.id, id) > 0)
        renumber(node, id);
}

/* Clusters. */

/* A reference node does not say, and so is of ours. */
static int is_ours(const alldata_node *node, const char *id, repli_buf *json) {
    if (alldata_gossip_get(node->gossip, id, KEY, json, NULL) != REPLI_OK)
        return 1;
    const repli__json_span cluster =
        alldata__member(repli__json_root(json->data, json->size), "cluster");
    const char *own = node->identity.cluster;
    return repli__json_type(cluster) != REPLI__JSON_STRING ||
           repli__json_string_is(cluster, own, strlen(own));
}

static void warn_stranger(alldata_node *node, const alldata_gossip_event *event) {
    if (event->kind == ALLDATA_GOSSIP_KEY && strcmp(event->key, KEY) == 0)
        repli__log_printf(&node->log, REPLI_LOG_WARNING, ALLDATA__NODE,
                          "peer %s, at %s port %d, is of another cluster, and gets no events: %s",
                          event->peer->id, event->peer->gossip_host, (int)event->peer->gossip_port,
                          event->value);
}

/* Both who write to peers and who repair what they lack. */
static int32_t drop(alldata_node *node, const char *id, int forget_hints, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    alldata__repair_drop_peer(node->repair, id);
    const int32_t code = alldata_coordinator_drop_peer(node->coordinator, id, forget_hints, &error);
    return code == REPLI_OK || code == REPLI_ENOTFOUND ? REPLI_OK : repli__error_copy(err, &error);
}

static int32_t set(alldata_node *node, const alldata_peer *peer, repli_error *err) {
    const int32_t code = alldata_coordinator_set_peer(node->coordinator, peer, err);
    return code == REPLI_OK ? alldata__repair_set_peer(node->repair, peer, err) : code;
}

static int32_t tell_parts(alldata_node *node, const alldata_gossip_event *event, repli_error *err) {
    repli_buf json = {NULL, 0, 0, &node->mem};
    int32_t code = REPLI_OK;
    if (event->kind == ALLDATA_GOSSIP_FORGOTTEN) {
        code = drop(node, event->peer->id, 0, err);
    } else if (!is_ours(node, event->peer->id, &json)) {
        warn_stranger(node, event);
        code = drop(node, event->peer->id, 1, err);
    } else if (event->peer->http_port != 0) {
        code = set(node, event->peer, err);
    }
    repli_buf_dispose(&json);
    return code;
}

void alldata__members_hear(const alldata_gossip_event *event, void *user_data) {
    alldata_node *node = user_data;
    repli_error error = REPLI_ERROR_INIT;
    if (event->kind == ALLDATA_GOSSIP_KEY && strcmp(event->key, KEY) == 0)
        compare_number(
            node, event->peer->id,
            alldata__member(repli__json_root(event->value, strlen(event->value)), "number"));
    if (tell_parts(node, event, &error) != REPLI_OK)
        repli__log_printf(&node->log, REPLI_LOG_WARNING, ALLDATA__NODE,
                          "cannot take what became of peer %s: %s", event->peer->id, error.message);
}

static int32_t check_peers(const alldata_node *node, repli_error *err) {
    const int32_t code = alldata__node_check(node, err);
    if (code == REPLI_OK && node->gossip == NULL)
        return repli__error(err, REPLI_ESTATE, ALLDATA__NODE, "this node has no peers");
    return code;
}

int32_t alldata_node_join(alldata_node *node, const char *address, repli_error *err) {
    const int32_t code = check_peers(node, err);
    return code == REPLI_OK ? alldata__gossip_join(node->gossip, address, err) : code;
}

int32_t alldata_node_forget(alldata_node *node, const char *id, uint64_t *ret_hints,
                            repli_error *err) {
    int32_t code = check_peers(node, err);
    if (code == REPLI_OK && id == NULL)
        code = repli__error(err, REPLI_EINVALID, ALLDATA__NODE, "the id is missing");
    if (code == REPLI_OK)
        code = alldata__gossip_forget(node->gossip, id, err);
    if (code != REPLI_OK)
        return code;
    const int64_t hints = alldata_coordinator_hints(node->coordinator, id);
    code = drop(node, id, 1, err);
    if (code != REPLI_OK)
        return code;
    if (ret_hints != NULL)
        *ret_hints = hints > 0 ? (uint64_t)hints : 0;
    return REPLI_OK;
}

int32_t alldata_node_set_http_port(alldata_node *node, int32_t port, repli_error *err) {
    int32_t code = check_peers(node, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_lock(&node->mutex);
    const int started = node->started;
    pthread_mutex_unlock(&node->mutex);
    if (started)
        return repli__error(err, REPLI_ESTATE, ALLDATA__NODE,
                            "this node was started: its peers know it by now");
    code = alldata__gossip_serve(node->gossip, node->http_host, port, err);
    return code == REPLI_OK ? note_http(node, port, err) : code;
}
