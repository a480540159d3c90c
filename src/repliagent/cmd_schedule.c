#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <replicante/model.h>

#include "client.h"
#include "commands.h"
#include "exits.h"
#include "table.h"
#include "terminal.h"
#include "text.h"
#include "wait.h"

enum { ARGUMENTS_MAX = 16 * 1024 * 1024 };

/* All of a stream, or NULL. */
static char *read_stream(FILE *from) {
    size_t size = 0, capacity = 4096;
    char *text = text_alloc(capacity);
    while (!feof(from) && !ferror(from) && size < ARGUMENTS_MAX) {
        if (size + 1 == capacity)
            text = text_realloc(text, capacity *= 2);
        size += fread(text + size, 1, capacity - size - 1, from);
    }
    text[size] = '\0';
    if (!ferror(from) && size < ARGUMENTS_MAX)
        return text;
    free(text);
    return NULL;
}

/* "@FILE", "-" or the text itself. NULL after having said why. */
static char *read_arguments(const char *argument) {
    const int is_input = strcmp(argument, "-") == 0;
    if (!is_input && argument[0] != '@')
        return text_printf("%s", argument);
    const char *name = is_input ? "standard input" : argument + 1;
    FILE *from = is_input ? stdin : fopen(name, "re");
    char *text = from != NULL ? read_stream(from) : NULL;
    if (text == NULL)
        fprintf(stderr, "repliagent: cannot read the arguments from %s: %s\n", name,
                errno != 0 ? strerror(errno) : "too long");
    if (from != NULL && !is_input)
        fclose(from);
    return text;
}

/* Mistakes in JSON are found here, where the place can be told. */
static int check_arguments(const char *text) {
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (value == NULL)
        return cli_misused("the arguments are not JSON: %s (line %d, column %d)", error.text,
                               error.line, error.column);
    json_decref(value);
    return EXITS_OK;
}

/* The id is made here if none was given, so that a request without an answer can be repeated. */
static int make_request(const struct options *options, const char *arguments,
                        char id[REPLI_UUID_SIZE], repli_buf *ret_json) {
    repli_error err = REPLI_ERROR_INIT;
    if (options->id == NULL && repli_uuid_generate(id, &err) != REPLI_OK)
        return cli_misused("%s", err.message);
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = options->arguments[0];
    request.args_json = arguments;
    request.id = options->id != NULL ? options->id : id;
    request.requester = options->requester;
    request.deadline_ns = options->deadline_ns;
    request.not_before_ns = options->not_before_ns;
    request.headers = options->metadata;
    request.header_count = options->metadata_count;
    if (repli_request_to_json(&request, ret_json, &err) != REPLI_OK)
        return cli_misused("%s", err.message);
    if (options->id != NULL)
        snprintf(id, REPLI_UUID_SIZE, "%s", options->id);
    return EXITS_OK;
}

static char *id_of(const struct reply *reply) {
    json_t *answer = json_loadb(reply->body, reply->size, 0, NULL);
    const char *id = json_string_value(json_object_get(answer, "id"));
    char *copy =
        id != NULL && repli_uuid_validate(id, NULL) == REPLI_OK ? text_printf("%s", id) : NULL;
    json_decref(answer);
    return copy;
}

static int schedule(struct client *client, const struct options *options, const char *asked_id,
                    const char *request) {
    struct reply reply;
    int status = client_ask(client, "POST", "/action", request, &reply);
    char *id = status == EXITS_OK ? id_of(&reply) : NULL;
    if (status != EXITS_OK) {
        client_complain(client, status);
        if (client_maybe_done(client))
            fprintf(stderr,
                    "repliagent: it may have been scheduled; it is safe to repeat this with "
                    "--id %s\n",
                    asked_id);
    } else if (id == NULL) {
        status = client_nonsense(client, "it has no id");
    } else if (options->json && !options->wait) {
        printf("%s\n", reply.body);
    } else if (!options->json) {
        printf("%s\n", id);
        fflush(stdout);
    }
    if (status == EXITS_OK && options->wait)
        status = wait_for_action(client, id, options->timeout_ms, options->json, REPLI_ENDED_DONE);
    free(id);
    client_reply_free(&reply);
    return status;
}

/* Dry run. */

static const char *text_in(const json_t *step, const char *name) {
    const char *text = json_string_value(json_object_get(step, name));
    return text != NULL ? text : "";
}

static void add_line(struct table *table, int style, const char *before, const char *text) {
    if (*text == '\0')
        return;
    table_add(table, TABLE_PLAIN, "%s", "");
    table_add(table, style, "%s%s", before, text);
}

static void show_steps(const json_t *steps) {
    struct table *table = table_new("rl");
    size_t index;
    const json_t *step;
    json_array_foreach(steps, index, step) {
        const int destructive = json_is_true(json_object_get(step, "destructive"));
        table_add(table, TABLE_DIM, "%zu", index + 1);
        table_add(table, destructive ? TABLE_BAD : TABLE_PLAIN, "%s%s", text_in(step, "summary"),
                  destructive ? " (DESTRUCTIVE)" : "");
        add_line(table, TABLE_DIM, "$ ", text_in(step, "command"));
        add_line(table, TABLE_DIM, "then wait for ", text_in(step, "waits_for"));
    }
    table_print(table, stdout, terminal_colour(STDOUT_FILENO));
}

static int plan(struct client *client, const struct options *options, const char *request) {
    struct reply reply;
    int status = client_ask(client, "POST", "/plan", request, &reply);
    json_t *answer = status == EXITS_OK ? json_loadb(reply.body, reply.size, 0, NULL) : NULL;
    const json_t *steps = json_object_get(answer, "steps");
    if (status != EXITS_OK)
        client_complain(client, status);
    else if (!json_is_array(steps))
        status = client_nonsense(client, "it has no steps");
    else if (options->json)
        printf("%s\n", reply.body);
    else if (json_array_size(steps) == 0)
        puts("nothing to do");
    else
        show_steps(steps);
    json_decref(answer);
    client_reply_free(&reply);
    return status;
}

static int send_request(const struct options *options, const char *arguments) {
    repli_buf request = REPLI_BUF_INIT;
    struct client *client = NULL;
    char id[REPLI_UUID_SIZE];
    int status = make_request(options, arguments, id, &request);
    if (status == EXITS_OK)
        status = client_open(options, &client);
    if (status == EXITS_OK)
        status = options->dry_run ? plan(client, options, request.data)
                                  : schedule(client, options, id, request.data);
    client_close(client);
    repli_buf_dispose(&request);
    return status;
}

int cmd_schedule(const struct options *options) {
    if (options->dry_run && options->wait)
        return cli_misused("--dry-run does nothing that could be waited for");
    if (options->argument_count < 2)
        return send_request(options, NULL);
    char *arguments = read_arguments(options->arguments[1]);
    if (arguments == NULL)
        return EXITS_USAGE;
    int status = check_arguments(arguments);
    if (status == EXITS_OK)
        status = send_request(options, arguments);
    free(arguments);
    return status;
}
