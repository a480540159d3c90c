#include "node.h"

#include <stdio.h>
#include <string.h>

#include "alldata.h"
#include "memory.h"

/* How long those who are being answered may take when the node is closed. */
enum { ANSWER_MS = 1000 };

static void log_line(int32_t level, const char *origin, const char *message, void *user_data) {
    const repli__alldata *alldata = user_data;
    (void)origin;
    alldata->host->log(alldata->host, level, message);
}

int32_t repli__alldata_socket_path(const repli__alldata *alldata,
                                   char ret_path[REPLI__ALLDATA_SOCKET_SIZE], repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    const size_t size = REPLI__ALLDATA_SOCKET_SIZE;
    const int length = config->clients_socket
                           ? snprintf(ret_path, size, "%s", config->clients_socket)
                           : snprintf(ret_path, size, "%s/clients.sock", config->location);
    if (length < (int)size)
        return REPLI_OK;
    return repli__alldata_fail(alldata, err, REPLI_EINVALID, NULL,
                               "configuration: the path of the socket for clients is longer than "
                               "%zu bytes: give another one as clients.unix_socket",
                               size - 1);
}

static int32_t commit_of(const char *word) {
    if (word && strcmp(word, "one") == 0)
        return ALLDATA_COMMIT_ONE;
    return word && strcmp(word, "all") == 0 ? ALLDATA_COMMIT_ALL : ALLDATA_COMMIT_QUORUM;
}

/* What reaches the peers, if the node is to have some. */
static int32_t make_transport(const repli__alldata *alldata, const repli_allocator *memory,
                              repli__alldata_node *node, repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    if (!config->gossip_bind)
        return REPLI_OK;
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.cert_pem = config->tls_cert;
    security.key_pem = config->tls_key;
    security.ca_pem = config->tls_ca;
    security.secret = config->peers_secret;
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    options.security = &security;
    return alldata_http_transport_new(&options, memory, &node->transport, err);
}

static int32_t make_node(const repli__alldata *alldata, const repli_allocator *memory,
                         repli__alldata_node *node, repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    options.transport = node->transport;
    options.gossip_listen = config->gossip_bind;
    options.gossip_advertise = config->gossip_advertise;
    options.seeds = (const char *const *)config->seeds;
    options.seed_count = config->seed_count;
    options.other_zones = (int32_t)config->other_zones;
    options.other_regions = (int32_t)config->other_regions;
    options.id = config->node_id;
    options.cluster = config->cluster;
    options.location = config->location;
    options.interval = config->interval;
    options.put_flags = config->sync ? ALLDATA_PUT_SYNC : 0;
    options.commit = commit_of(config->commit);
    options.replication_factor = (int32_t)config->factor;
    options.zone = config->zone;
    options.region = config->region;
    options.log = log_line;
    options.log_data = (void *)alldata;
    return alldata_node_new(&options, memory, &node->node, err);
}

static int32_t listen_for(const repli__alldata *alldata, const repli_allocator *memory,
                          repli__alldata_node *node, repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    alldata_http_security clients = ALLDATA_HTTP_SECURITY_INIT, peers = ALLDATA_HTTP_SECURITY_INIT;
    char path[REPLI__ALLDATA_SOCKET_SIZE];
    int32_t code = repli__alldata_socket_path(alldata, path, err);
    if (code != REPLI_OK)
        return code;
    clients.cert_pem = peers.cert_pem = config->tls_cert;
    clients.key_pem = peers.key_pem = config->tls_key;
    clients.ca_pem = peers.ca_pem = config->tls_ca;
    clients.secret = config->secret;
    peers.secret = config->peers_secret;
    alldata_http_server_options options = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    options.clients = config->clients_bind;
    options.peers = config->peers_bind;
    options.unix_path = path;
    options.client_security = &clients;
    options.peer_security = &peers;
    code = alldata_http_server_new(node->node, &options, memory, &node->server, err);
    if (code != REPLI_OK || !config->peers_bind)
        return code;
    return alldata_node_set_http_port(node->node, alldata_http_server_peer_port(node->server), err);
}

int32_t repli__alldata_node_open(const repli__alldata *alldata, repli__alldata_node *ret_node,
                                 repli_error *err) {
    const repli_allocator memory = repli__alldata_memory(alldata->host);
    repli__alldata_node node = {.node = NULL};
    int32_t code = make_transport(alldata, &memory, &node, err);
    if (code == REPLI_OK)
        code = make_node(alldata, &memory, &node, err);
    if (code == REPLI_OK)
        code = listen_for(alldata, &memory, &node, err);
    if (code == REPLI_OK)
        code = alldata_node_start(node.node, err);
    if (code != REPLI_OK) {
        repli__alldata_node_close(&node);
        return code;
    }
    *ret_node = node;
    return REPLI_OK;
}

void repli__alldata_node_close(repli__alldata_node *node) {
    alldata_http_server_free(node->server, ANSWER_MS);
    alldata_node_free(node->node);
    alldata_http_transport_free(node->transport);
    *node = (repli__alldata_node){.node = NULL};
}
