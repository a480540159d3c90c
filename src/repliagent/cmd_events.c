#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <replicante/model.h>

#include "client.h"
#include "clock.h"
#include "commands.h"
#include "exits.h"
#include "show.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

/* How often a log that is followed is asked for news. */
enum { FOLLOW_MS = 500 };

static const char *word(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "-";
}

/* Where it stands, in words: the subject, or what stands for it. */
static char *subject_of(const json_t *event) {
    const json_t *action = json_object_get(event, "action");
    const json_int_t count = json_integer_value(json_object_get(event, "count"));
    if (strcmp(word(event, "type"), "action") == 0)
        return text_printf("%s %s", word(action, "kind"), word(action, "id"));
    if (count > 1)
        return text_printf("%" JSON_INTEGER_FORMAT " shards", count);
    return text_printf("%s", word(event, "subject"));
}

static char *cause_of(const json_t *event) {
    const json_t *action = json_object_get(event, "action");
    const char *cause = word(event, "cause");
    if (json_is_object(action) && strcmp(word(event, "type"), "action") != 0)
        return text_printf("%s %s", word(action, "kind"), word(action, "id"));
    return text_printf("%s%s", cause,
                       json_is_true(json_object_get(event, "away")) ? ", while away" : "");
}

/* Who holds actions up also says what for. */
static char *reason_of(const json_t *event) {
    const char *reason = json_string_value(json_object_get(event, "reason"));
    const int shown = reason != NULL && strcmp(word(event, "type"), "maintenance") == 0;
    return text_printf("%s%s", shown ? ": " : "", shown ? reason : "");
}

static int style_of(const json_t *event) {
    const char *type = word(event, "type");
    const char *new_value = word(event, "new");
    if (strcmp(type, "status") == 0)
        for (int32_t status = 1; repli_status_name(status) != NULL; status++)
            if (strcmp(repli_status_name(status), new_value) == 0)
                return show_status_style(status);
    if (strcmp(type, "action") == 0)
        for (int32_t phase = 1; repli_phase_name(phase) != NULL; phase++)
            if (strcmp(repli_phase_name(phase), new_value) == 0)
                return show_phase_style(phase);
    return TABLE_PLAIN;
}

static char *time_of(const json_t *event) {
    int64_t time_ns = REPLI_TIME_NONE;
    repli_time_parse(word(event, "time"), &time_ns, NULL);
    return text_time(time_ns);
}

static void add_row(struct table *table, const json_t *event) {
    char *time = time_of(event);
    char *subject = subject_of(event);
    char *cause = cause_of(event);
    char *reason = reason_of(event);
    table_add(table, TABLE_DIM, "%" JSON_INTEGER_FORMAT,
              json_integer_value(json_object_get(event, "number")));
    table_add(table, TABLE_PLAIN, "%s", time);
    table_add(table, TABLE_PLAIN, "%s", word(event, "type"));
    table_add(table, TABLE_PLAIN, "%s", subject);
    table_add(table, style_of(event), "%s -> %s%s", word(event, "old"), word(event, "new"), reason);
    table_add(table, TABLE_DIM, "%s", cause);
    free(time);
    free(subject);
    free(cause);
    free(reason);
}

static void show_table(const json_t *events, int with_head) {
    static const char *const head[] = {"NUMBER", "TIME", "TYPE", "WHAT", "CHANGE", "CAUSE", NULL};
    struct table *table = table_new("rlllll");
    if (with_head)
        table_head(table, head);
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event) add_row(table, event);
    table_print(table, stdout, terminal_colour(STDOUT_FILENO));
}

/* One event a line, for programs that read lines. */
static void show_lines(const json_t *events) {
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event) {
        char *line = json_dumps(event, JSON_COMPACT);
        if (line != NULL)
            puts(line);
        free(line);
    }
}

/* What stands between the events that were asked for and those that came is said. */
static void warn_of_gap(int64_t after, int64_t first) {
    if (after >= 0 && first > after + 1)
        fprintf(stderr, "repliagent: events %" PRId64 " to %" PRId64 " are not kept any more\n",
                after + 1, first - 1);
}

static int show_page(const struct client *client, const struct options *options,
                     const struct reply *reply, int64_t *after, size_t *ret_count) {
    json_error_t why;
    json_t *page = json_loadb(reply->body, reply->size, 0, &why);
    const json_t *events = json_object_get(page, "events");
    if (!json_is_array(events)) {
        json_decref(page);
        return client_nonsense(client, page != NULL ? "it has no events" : why.text);
    }
    *ret_count = json_array_size(events);
    warn_of_gap(*after, json_integer_value(json_object_get(page, "first")));
    if (options->json && !options->follow)
        printf("%s\n", reply->body);
    else if (options->json)
        show_lines(events);
    else if (*ret_count > 0)
        show_table(events, !options->follow || *after < 0);
    const json_t *newest = *ret_count > 0 ? json_array_get(events, *ret_count - 1) : NULL;
    if (newest != NULL)
        *after = json_integer_value(json_object_get(newest, "number"));
    else if (*after < 0)
        *after = json_integer_value(json_object_get(page, "last"));
    json_decref(page);
    return EXITS_OK;
}

static int ask_page(struct client *client, const struct options *options, int64_t *after,
                    size_t *ret_count) {
    const int64_t limit = options->limit > 0 ? options->limit : 100;
    char *from = *after >= 0 ? text_printf("&after=%" PRId64, *after) : text_printf("%s", "");
    char *path = text_printf("/events?limit=%" PRId64 "%s", limit, from);
    struct reply reply;
    int status = client_get(client, path, &reply);
    if (status == EXITS_OK)
        status = show_page(client, options, &reply, after, ret_count);
    client_reply_free(&reply);
    free(path);
    free(from);
    return status;
}

int cmd_events(const struct options *options) {
    struct client *client;
    int status = client_open(options, &client);
    if (status != EXITS_OK)
        return status;
    int64_t after = options->after;
    size_t count = 0;
    status = ask_page(client, options, &after, &count);
    while (status == EXITS_OK && options->follow && !ferror(stdout)) {
        fflush(stdout);
        if (count == 0)
            clock_pause_ms(FOLLOW_MS);
        status = ask_page(client, options, &after, &count);
    }
    client_close(client);
    return status;
}
