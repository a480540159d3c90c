#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <replicante/model.h>

#include "client.h"
#include "commands.h"
#include "exits.h"
#include "show.h"
#include "terminal.h"

/* node, store and shards: ask, and print what was answered by one of these. */
typedef int (*show_fn)(const struct client *client, const struct reply *reply, int colour);

static int show_node(const struct client *client, const struct reply *reply, int colour) {
    repli_error err = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_node *node;
    if (repli_node_from_json(reply->body, reply->size, &doc, &node, &err) != REPLI_OK)
        return client_nonsense(client, err.message);
    show_node_facts(node, stdout, colour);
    show_attributes(node->attributes, node->attribute_count, stdout, colour);
    repli_doc_free(doc);
    return EXITS_OK;
}

static int show_store(const struct client *client, const struct reply *reply, int colour) {
    repli_error err = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_store_extras *extras;
    if (repli_store_extras_from_json(reply->body, reply->size, &doc, &extras, &err) != REPLI_OK)
        return client_nonsense(client, err.message);
    show_fact("cluster", extras->cluster_id, stdout, colour);
    show_attributes(extras->attributes, extras->attribute_count, stdout, colour);
    repli_doc_free(doc);
    return EXITS_OK;
}

static int show_shards(const struct client *client, const struct reply *reply, int colour) {
    repli_error err = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_shards *shards;
    if (repli_shards_from_json(reply->body, reply->size, &doc, &shards, &err) != REPLI_OK)
        return client_nonsense(client, err.message);
    show_shard_table(shards, stdout, colour);
    repli_doc_free(doc);
    return EXITS_OK;
}

static int ask(const struct options *options, const char *path, const char *fresh_path,
               show_fn show) {
    struct client *client;
    int status = client_open(options, &client);
    if (status != EXITS_OK)
        return status;
    struct reply reply;
    status = client_get(client, options->fresh ? fresh_path : path, &reply);
    if (status == EXITS_OK && options->json)
        printf("%s\n", reply.body);
    else if (status == EXITS_OK)
        status = show(client, &reply, terminal_colour(STDOUT_FILENO));
    client_reply_free(&reply);
    client_close(client);
    return status;
}

int cmd_node(const struct options *options) {
    return ask(options, "/info/node", "/info/node?max_age=0", show_node);
}

int cmd_store(const struct options *options) {
    return ask(options, "/info/store", "/info/store?max_age=0", show_store);
}

int cmd_shards(const struct options *options) {
    return ask(options, "/info/shards", "/info/shards?max_age=0", show_shards);
}
