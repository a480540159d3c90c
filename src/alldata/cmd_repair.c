#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "exits.h"
#include "name.h"
#include "session.h"

enum { TICK_MS = 200 };

/* What is waited for: a node that was started anew has forgotten what it was asked. */
struct request {
    int64_t number;
    char started[64];
};

static json_t *ask_status(alldata_client *client, int *ret_status) {
    repli_buf body = REPLI_BUF_INIT;
    *ret_status = session_get(client, "/_alldata/status", &body);
    json_t *document = *ret_status == EXITS_OK ? session_document(&body) : NULL;
    if (*ret_status == EXITS_OK && document == NULL)
        *ret_status = EXITS_AGENT;
    free(body.data);
    return document;
}

static void remember_start(struct request *request, const json_t *status) {
    const char *started = json_string_value(json_object_get(status, "started"));
    snprintf(request->started, sizeof(request->started), "%s", started != NULL ? started : "");
}

/* Returns an exit status, and in *ret_done whether that is the last word. */
static int look(alldata_client *client, const struct request *request, int *ret_done) {
    struct request now = {.number = 0};
    int status;
    json_t *document = ask_status(client, &status);
    *ret_done = 1;
    if (document == NULL)
        return status;
    remember_start(&now, document);
    const json_int_t done = json_integer_value(json_object_get(document, "repairs_done"));
    const json_int_t missing = json_integer_value(json_object_get(document, "missing"));
    json_decref(document);
    if (strcmp(now.started, request->started) != 0) {
        fprintf(stderr, "%s: the node was started anew, and does not go on with it\n",
                program_name);
        return EXITS_AGENT;
    }
    *ret_done = done >= request->number;
    if (!*ret_done)
        return EXITS_OK;
    if (missing > 0)
        fprintf(stderr, "%s: %" JSON_INTEGER_FORMAT " replicas are still missing\n", program_name,
                missing);
    return missing > 0 ? EXITS_NEGATIVE : EXITS_OK;
}

static int await(alldata_client *client, const struct request *request, int64_t timeout_ms) {
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    const int64_t begin_ns = clock_wall_ns();
    for (;;) {
        int done;
        const int status = look(client, request, &done);
        if (done)
            return status;
        if (timeout_ms >= 0 && clock_wall_ns() - begin_ns >= timeout_ms * 1000000) {
            fprintf(stderr, "%s: the repair goes on; nobody waits for it any more\n", program_name);
            return EXITS_TIMEOUT;
        }
        nanosleep(&tick, NULL);
    }
}

static int ask(alldata_client *client, const struct options *options) {
    struct request request = {.number = 0};
    repli_buf body = REPLI_BUF_INIT;
    int status;
    json_t *document = ask_status(client, &status);
    if (document == NULL)
        return status;
    remember_start(&request, document);
    json_decref(document);
    const char *interval = options->argument_count > 0 ? options->arguments[0] : NULL;
    char *path = session_path("/_alldata/repair", "interval", interval);
    status = session_post(client, path, &body);
    document = status == EXITS_OK ? session_document(&body) : NULL;
    if (status == EXITS_OK && document == NULL)
        status = EXITS_AGENT;
    request.number = json_integer_value(json_object_get(document, "request"));
    if (status == EXITS_OK && options->json)
        printf("%.*s\n", (int)strcspn(body.data, "\n"), body.data);
    if (status == EXITS_OK && options->wait)
        status = await(client, &request, options->timeout_ms);
    json_decref(document);
    free(path);
    free(body.data);
    return status;
}

int cmd_repair(const struct options *options) {
    alldata_client *client;
    int status = session_open(options, 0, &client);
    if (status != EXITS_OK)
        return status;
    status = ask(client, options);
    alldata_client_free(client);
    return status;
}
