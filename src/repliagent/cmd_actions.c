#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <replicante/model.h>

#include "client.h"
#include "commands.h"
#include "exits.h"
#include "maintenance.h"
#include "show.h"
#include "terminal.h"
#include "text.h"
#include "wait.h"

static int is_uuid(const char *id) {
    return repli_uuid_validate(id, NULL) == REPLI_OK;
}

static int no_uuid(const char *id) {
    return cli_misused("\"%s\" is no id of an action: those are UUIDs", id);
}

/* Lists. */

static char *list_path(const struct options *options) {
    if (!options->finished)
        return text_printf("/actions/queue");
    char *limit = options->limit > 0 ? text_printf("limit=%" PRId64 "&", options->limit)
                                     : text_printf("%s", "");
    char *path =
        text_printf("/actions/finished?%s%s%s", limit, options->before != NULL ? "before=" : "",
                    options->before != NULL ? options->before : "");
    free(limit);
    return path;
}

/* What is NEW waits for more than its turn. */
static void show_why(const struct reply *reply) {
    repli_doc *doc = NULL;
    const repli_maintenance *maintenance = NULL;
    if (!maintenance_read(reply, &doc, &maintenance))
        return;
    char *line = maintenance_line(maintenance);
    printf("\nMaintenance: %s\n", line);
    const char *const *allowed = maintenance->allowed;
    printf(allowed != NULL && allowed[0] != NULL ? "Only these start:" : "Nothing starts.");
    for (; allowed != NULL && *allowed != NULL; allowed++)
        printf(" %s", *allowed);
    putchar('\n');
    free(line);
    repli_doc_free(doc);
}

static int show_list(const struct client *client, const struct reply *reply) {
    repli_error err = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count;
    if (repli_action_summaries_from_json(reply->body, reply->size, &doc, &summaries, &count,
                                         &err) != REPLI_OK)
        return client_nonsense(client, err.message);
    show_summaries(summaries, count, stdout, terminal_colour(STDOUT_FILENO));
    show_why(reply);
    repli_doc_free(doc);
    return EXITS_OK;
}

int cmd_actions(const struct options *options) {
    if (!options->finished && (options->limit > 0 || options->before != NULL))
        return cli_misused("--limit and --before need --finished: the queue is always whole");
    if (options->before != NULL && !is_uuid(options->before))
        return no_uuid(options->before);
    struct client *client;
    int status = client_open(options, &client);
    if (status != EXITS_OK)
        return status;
    char *path = list_path(options);
    struct reply reply;
    status = client_get(client, path, &reply);
    if (status == EXITS_OK && options->json)
        printf("%s\n", reply.body);
    else if (status == EXITS_OK)
        status = show_list(client, &reply);
    client_reply_free(&reply);
    free(path);
    client_close(client);
    return status;
}

/* One. */

static int show_one(const struct client *client, const struct reply *reply) {
    repli_error err = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_action *action;
    if (repli_action_from_json(reply->body, reply->size, &doc, &action, &err) != REPLI_OK)
        return client_nonsense(client, err.message);
    show_action(action, stdout, terminal_colour(STDOUT_FILENO));
    repli_doc_free(doc);
    return EXITS_OK;
}

/* 404 comes without a body: clients of old want it so. */
static int complain(const struct client *client, int status, const struct reply *reply,
                    const char *id) {
    if (reply->status != 404 || reply->size > 0)
        return client_complain(client, status);
    fprintf(stderr, "repliagent: the agent at %s knows no action %s\n", client_address(client), id);
    return status;
}

static int about_one(const struct options *options, const char *method,
                     int (*show)(const struct client *client, const struct reply *reply)) {
    const char *id = options->arguments[0];
    if (!is_uuid(id))
        return no_uuid(id);
    struct client *client;
    int status = client_open(options, &client);
    if (status != EXITS_OK)
        return status;
    char *path = text_printf("/action/%s", id);
    struct reply reply;
    status = client_ask(client, method, path, NULL, &reply);
    if (status != EXITS_OK)
        status = complain(client, status, &reply, id);
    else if (options->json && !options->wait)
        printf("%s\n", reply.body);
    else
        status = show(client, &reply);
    client_reply_free(&reply);
    free(path);
    client_close(client);
    return status;
}

int cmd_action(const struct options *options) {
    return about_one(options, "GET", show_one);
}

static int show_nothing(const struct client *client, const struct reply *reply) {
    (void)client;
    (void)reply;
    return EXITS_OK;
}

static int show_cancelled(const struct client *client, const struct reply *reply) {
    (void)client;
    puts(reply->status == 200 ? "cancelled"
                              : "asked to end: it does so at a safe point, or carries on");
    return EXITS_OK;
}

/* It is no failure that an action was cancelled that was to be; that it FAILED otherwise is. */
static int wait_for_cancel(const struct options *options) {
    struct client *client;
    const int opened = client_open(options, &client);
    if (opened != EXITS_OK)
        return opened;
    const int status = wait_for_action(client, options->arguments[0], options->timeout_ms,
                                       options->json, REPLI_ENDED_CANCELLED);
    client_close(client);
    return status;
}

int cmd_cancel(const struct options *options) {
    const int status = about_one(options, "DELETE", options->wait ? show_nothing : show_cancelled);
    return status == EXITS_OK && options->wait ? wait_for_cancel(options) : status;
}
