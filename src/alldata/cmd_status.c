#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "exits.h"
#include "session.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

/* status, peers and intervals: ask, and print what was answered. */

/* The member as text, "-" if there is none; to be freed. */
static char *value_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (json_is_string(value) && json_string_length(value) > 0)
        return text_printf("%s", json_string_value(value));
    if (json_is_integer(value))
        return text_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_boolean(value))
        return text_printf("%s", json_is_true(value) ? "yes" : "no");
    return text_printf("-");
}

static void add(struct table *table, int style, const json_t *object, const char *name) {
    char *value = value_of(object, name);
    table_add(table, style, "%s", value);
    free(value);
}

/* Not 0 if the member is a number above 0, or true. */
static int is_set(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_true(value) || json_integer_value(value) > 0;
}

static void show_status(const json_t *status, int colour) {
    static const struct {
        const char *shown;
        const char *name;
        int bad; /* how it looks if it is set */
    } facts[] = {{"node", "id", TABLE_BOLD},
                 {"cluster", "cluster", TABLE_PLAIN},
                 {"version", "version", TABLE_PLAIN},
                 {"zone", "zone", TABLE_PLAIN},
                 {"region", "region", TABLE_PLAIN},
                 {"gossip", "gossip", TABLE_PLAIN},
                 {"peers' port", "peers", TABLE_PLAIN},
                 {"started", "started", TABLE_PLAIN},
                 {"replicas wanted", "replication_factor", TABLE_PLAIN},
                 {"peers that live", "peers_live", TABLE_PLAIN},
                 {"peers that are dead", "peers_dead", TABLE_BAD},
                 {"hints that wait", "hints_pending", TABLE_WARN},
                 {"replicas missing", "missing", TABLE_WARN},
                 {"repaired", "repaired", TABLE_PLAIN},
                 {"repairing", "repairing", TABLE_PLAIN},
                 {"writable", "writable", TABLE_PLAIN},
                 {"storage", "storage_error", TABLE_BAD}};
    struct table *table = table_new("ll");
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        const json_t *value = json_object_get(status, facts[i].name);
        if (value == NULL || json_is_null(value))
            continue;
        table_add(table, TABLE_DIM, "%s", facts[i].shown);
        add(table,
            json_is_string(value) || is_set(status, facts[i].name) ? facts[i].bad : TABLE_PLAIN,
            status, facts[i].name);
    }
    table_print(table, stdout, colour);
}

int cmd_status(const struct options *options) {
    alldata_client *client;
    repli_buf body = REPLI_BUF_INIT;
    int status = session_open(options, 0, &client);
    if (status != EXITS_OK)
        return status;
    status = session_get(client, "/_alldata/status", &body);
    json_t *document = status == EXITS_OK ? session_document(&body) : NULL;
    if (status == EXITS_OK && document == NULL)
        status = EXITS_AGENT;
    else if (status == EXITS_OK && options->json)
        printf("%.*s\n", (int)strcspn(body.data, "\n"), body.data);
    else if (status == EXITS_OK)
        show_status(document, terminal_colour(STDOUT_FILENO));
    json_decref(document);
    free(body.data);
    alldata_client_free(client);
    return status;
}

/* A line each. */
typedef void (*row_fn)(struct table *table, const json_t *object);

static int show_lines(const repli_buf *body, const char *columns, const char *const *names,
                      row_fn row) {
    struct table *table = table_new(columns);
    int status = EXITS_OK;
    table_head(table, names);
    for (size_t at = 0; at < body->size && status == EXITS_OK;) {
        const repli_buf line = {.data = body->data + at, .size = strcspn(body->data + at, "\n")};
        json_t *object = session_document(&line);
        if (object != NULL)
            row(table, object);
        else
            status = EXITS_AGENT;
        json_decref(object);
        at += line.size + 1;
    }
    table_print(table, stdout, terminal_colour(STDOUT_FILENO));
    return status;
}

static int list(const struct options *options, const char *path, const char *columns,
                const char *const *names, row_fn row) {
    alldata_client *client;
    repli_buf body = REPLI_BUF_INIT;
    int status = session_open(options, 0, &client);
    if (status != EXITS_OK)
        return status;
    status = session_get(client, path, &body);
    if (status == EXITS_OK && options->json)
        fwrite(body.data, 1, body.size, stdout);
    else if (status == EXITS_OK)
        status = show_lines(&body, columns, names, row);
    free(body.data);
    alldata_client_free(client);
    return status;
}

static void add_peer(struct table *table, const json_t *peer) {
    const char *state = json_string_value(json_object_get(peer, "state"));
    const int dead = state != NULL && strcmp(state, "dead") == 0;
    const json_t *native = json_object_get(peer, "native");
    add(table, TABLE_BOLD, peer, "id");
    add(table, dead ? TABLE_BAD : TABLE_GOOD, peer, "state");
    add(table, TABLE_DIM, peer, "since");
    add(table, TABLE_PLAIN, peer, "zone");
    add(table, TABLE_PLAIN, peer, "region");
    add(table, TABLE_PLAIN, peer, "http");
    add(table, TABLE_PLAIN, peer, "gossip");
    add(table, is_set(peer, "hints") ? TABLE_WARN : TABLE_PLAIN, peer, "hints");
    table_add(table, TABLE_DIM, "%s", json_is_false(native) ? "reference" : "ours");
}

int cmd_peers(const struct options *options) {
    static const char *const names[] = {"PEER", "STATE",  "SINCE", "ZONE", "REGION",
                                        "HTTP", "GOSSIP", "HINTS", "MAKE", NULL};
    return list(options, "/_alldata/peers", "lllllllrl", names, add_peer);
}

static void add_interval(struct table *table, const json_t *interval) {
    add(table, TABLE_BOLD, interval, "name");
    add(table, TABLE_PLAIN, interval, "state");
    add(table, TABLE_PLAIN, interval, "events");
    add(table, is_set(interval, "missing") ? TABLE_WARN : TABLE_PLAIN, interval, "missing");
    add(table, TABLE_PLAIN, interval, "last_time");
    table_add(table, TABLE_DIM, "%s", is_set(interval, "repairing") ? "in progress" : "-");
}

int cmd_intervals(const struct options *options) {
    static const char *const names[] = {"INTERVAL", "STATE", "EVENTS", "MISSING", "LAST", "", NULL};
    return list(options, "/_alldata/intervals", "llrrll", names, add_interval);
}
