#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include <replicante/model.h>

#include "client.h"
#include "commands.h"
#include "exits.h"
#include "maintenance.h"
#include "show.h"
#include "terminal.h"
#include "text.h"

/* Out of an answer. */

int maintenance_read(const struct reply *reply, repli_doc **ret_doc,
                     const repli_maintenance **ret_maintenance) {
    json_t *answer = json_loadb(reply->body, reply->size, 0, NULL);
    json_t *member = json_object_get(answer, "maintenance");
    char *text = json_is_object(member) ? json_dumps(member, JSON_COMPACT) : NULL;
    const int lasts = text != NULL && repli_maintenance_from_json(text, strlen(text), ret_doc,
                                                                  ret_maintenance, NULL) == 0;
    free(text);
    json_decref(answer);
    return lasts;
}

char *maintenance_line(const repli_maintenance *maintenance) {
    char *until = text_time(maintenance->until_ns);
    char *line = text_printf("%s holds actions up%s%s%s%s",
                             maintenance->owner != NULL ? maintenance->owner : "somebody",
                             maintenance->until_ns != REPLI_TIME_NONE ? " until " : "",
                             maintenance->until_ns != REPLI_TIME_NONE ? until : "",
                             maintenance->reason != NULL ? ": " : "",
                             maintenance->reason != NULL ? maintenance->reason : "");
    free(until);
    return line;
}

static int show(const struct client *client, const struct reply *reply, int json) {
    (void)client;
    repli_doc *doc = NULL;
    const repli_maintenance *maintenance = NULL;
    if (json)
        printf("%s\n", reply->body);
    else if (maintenance_read(reply, &doc, &maintenance))
        show_maintenance(maintenance, stdout, terminal_colour(STDOUT_FILENO));
    else
        puts("off");
    repli_doc_free(doc);
    return EXITS_OK;
}

/* The command line. */

/* "90", "90s", "30m", "2h", "7d" */
static int parse_span(const char *text, int64_t *ret_ns) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    const double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (end != text && strcmp(end, units[i].name) == 0 && isfinite(number) && number > 0 &&
            number * units[i].seconds < 1e9) {
            *ret_ns = (int64_t)(number * units[i].seconds * 1e9);
            return EXITS_OK;
        }
    return cli_misused("--for %s: expected a span of time, such as 90s, 30m, 2h or 7d", text);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int find_end(const struct options *options, int64_t *ret_until_ns) {
    repli_error err = REPLI_ERROR_INIT;
    int64_t span_ns = 0;
    if (options->span != NULL && options->until != NULL)
        return cli_misused("--for and --until exclude each other: both say when it ends");
    if (options->until != NULL && repli_time_parse(options->until, ret_until_ns, &err) != REPLI_OK)
        return cli_misused("--until %s: %s", options->until, err.message);
    if (options->span == NULL)
        return EXITS_OK;
    const int status = parse_span(options->span, &span_ns);
    if (status == EXITS_OK)
        *ret_until_ns = (now_ns() + span_ns) / 1000000 * 1000000;
    return status;
}

static int compose(const struct options *options, repli_buf *ret_json) {
    repli_error err = REPLI_ERROR_INIT;
    repli_maintenance wanted = REPLI_MAINTENANCE_INIT;
    wanted.owner = options->owner;
    wanted.reason = options->reason;
    const int status = find_end(options, &wanted.until_ns);
    if (status == EXITS_OK && repli_maintenance_to_json(&wanted, ret_json, &err) != REPLI_OK)
        return cli_misused("%s", err.message);
    return status;
}

static int ask(const struct options *options, const char *method, const char *path,
               const char *body) {
    struct client *client;
    int status = client_open(options, &client);
    if (status != EXITS_OK)
        return status;
    struct reply reply;
    status = client_ask(client, method, path, body, &reply);
    status =
        status == EXITS_OK ? show(client, &reply, options->json) : client_complain(client, status);
    client_reply_free(&reply);
    client_close(client);
    return status;
}

int cmd_maintenance(const struct options *options) {
    const char *what = options->argument_count > 0 ? options->arguments[0] : "";
    const int given = options->owner != NULL || options->reason != NULL || options->span != NULL ||
                      options->until != NULL || options->force;
    if (strcmp(what, "on") == 0) {
        repli_buf json = REPLI_BUF_INIT;
        int status = compose(options, &json);
        if (status == EXITS_OK)
            status = ask(options, "PUT",
                         options->force ? "/maintenance?force=true" : "/maintenance", json.data);
        repli_buf_dispose(&json);
        return status;
    }
    if (*what != '\0' && strcmp(what, "off") != 0)
        return cli_misused("maintenance %s: expected on or off", what);
    if (given)
        return cli_misused("--owner, --reason, --for, --until and --force are for "
                               "'maintenance on'");
    return ask(options, *what != '\0' ? "DELETE" : "GET", "/maintenance", NULL);
}
