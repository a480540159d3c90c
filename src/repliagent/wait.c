#include "wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <replicante/model.h>

#include "clock.h"
#include "exits.h"
#include "maintenance.h"
#include "show.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

/* An agent that restarts, be it by the very action that is waited for, is missed for a while. */
enum { PAUSE_MIN_MS = 20, PAUSE_MAX_MS = 1000, MISSED_MS = 30000, PAYLOAD_SHOWN = 200 };

struct progress {
    int in_place;   /* standard error is a terminal */
    char *shown;    /* the last line */
    int64_t since;  /* monotonic ms */
    int64_t seen;   /* when the agent answered last */
    int32_t wanted; /* outcome */
    int waits;      /* the action was NEW then */
};

/* Takes line over. */
static void show_line(struct progress *progress, char *line) {
    if (progress->in_place) {
        char *span = text_duration(clock_now_ms() - progress->since);
        char *shown = text_printf("%s  %s", span, line);
        /* A line that wraps could not be taken back. */
        terminal_cut(shown, terminal_columns(STDERR_FILENO) - 1);
        fprintf(stderr, TERMINAL_CLEAR_LINE "%s", shown);
        free(shown);
        free(span);
    } else if (progress->shown == NULL || strcmp(progress->shown, line) != 0) {
        fprintf(stderr, "%s\n", line);
    }
    free(progress->shown);
    progress->shown = line;
}

static void end_line(const struct progress *progress) {
    if (progress->in_place && progress->shown != NULL)
        fputs(TERMINAL_CLEAR_LINE, stderr);
}

static void show_progress(struct progress *progress, const repli_action *action) {
    char *waiting = show_awaited(action);
    const char *payload = waiting != NULL ? waiting : action->payload_json;
    char *line =
        text_printf("%s%s%.*s", repli_phase_name(action->phase), payload != NULL ? "  " : "",
                    (int)PAYLOAD_SHOWN, payload != NULL ? payload : "");
    free(waiting);
    for (char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
    show_line(progress, line);
}

static int is_final(int32_t phase) {
    return phase == REPLI_PHASE_DONE || phase == REPLI_PHASE_FAILED;
}

/* Agents of old know no outcomes. */
static int is_wanted(const struct progress *progress, const repli_action *action) {
    if (progress->wanted == REPLI_ENDED_DONE)
        return action->phase == REPLI_PHASE_DONE;
    return action->outcome == progress->wanted;
}

static void show_outcome(const repli_action *action) {
    const int colour = terminal_colour(STDOUT_FILENO);
    struct table *table = table_new("lll");
    char *took = text_duration((action->finished_ns - action->scheduled_ns) / 1000000);
    char *detail = action->error_json != NULL     ? show_error(action->error_json)
                   : action->payload_json != NULL ? text_printf("%s", action->payload_json)
                                                  : text_printf("%s", "");
    char *phase = show_phase(action);
    table_add(table, show_phase_style(action->phase), "%s", phase);
    free(phase);
    table_add(table, TABLE_PLAIN, "after %s", took);
    table_add(table, TABLE_PLAIN, "%s", detail);
    table_print(table, stdout, colour);
    free(took);
    free(detail);
}

/* Look at one answer; *ret_ended says whether there is nothing more to wait for. */
static int look(struct client *client, struct progress *progress, const struct reply *reply,
                int json, int *ret_ended) {
    repli_error err = REPLI_ERROR_INIT;
    repli_doc *doc;
    const repli_action *action;
    *ret_ended = 1;
    if (repli_action_from_json(reply->body, reply->size, &doc, &action, &err) != REPLI_OK) {
        end_line(progress);
        return client_nonsense(client, err.message);
    }
    int status = EXITS_OK;
    *ret_ended = is_final(action->phase);
    progress->waits = action->phase == REPLI_PHASE_NEW && action->not_before_ns <= clock_wall_ns();
    if (progress->waits) {
        /* Why is asked for apart. */
    } else if (!*ret_ended) {
        show_progress(progress, action);
    } else {
        end_line(progress);
        if (json)
            printf("%s\n", reply->body);
        else
            show_outcome(action);
        status = is_wanted(progress, action) ? EXITS_OK : EXITS_NEGATIVE;
    }
    repli_doc_free(doc);
    return status;
}

/* An action that has not begun: is it held up? */
static void show_waiting(struct client *client, struct progress *progress) {
    struct reply reply;
    repli_doc *doc = NULL;
    const repli_maintenance *maintenance = NULL;
    char *line = NULL;
    if (client_ask(client, "GET", "/maintenance", NULL, &reply) == EXITS_OK &&
        maintenance_read(&reply, &doc, &maintenance))
        line = maintenance_line(maintenance);
    show_line(progress, text_printf("NEW%s%s", line != NULL ? "  maintenance: " : "",
                                    line != NULL ? line : ""));
    free(line);
    repli_doc_free(doc);
    client_reply_free(&reply);
}

/* One question. */
static int ask(struct client *client, struct progress *progress, const char *path, int json,
               int *ret_ended) {
    struct reply reply;
    int status = client_ask(client, "GET", path, NULL, &reply);
    const int64_t now = clock_now_ms();
    if (status == EXITS_OK) {
        progress->seen = now;
        status = look(client, progress, &reply, json, ret_ended);
        if (status == EXITS_OK && progress->waits)
            show_waiting(client, progress);
    } else if (status != EXITS_REFUSED && now - progress->seen < MISSED_MS) {
        show_line(progress, text_printf("the agent does not answer, trying again"));
        *ret_ended = 0;
    } else {
        end_line(progress);
        client_complain(client, status);
        *ret_ended = 1;
    }
    client_reply_free(&reply);
    return status;
}

int wait_for_action(struct client *client, const char *id, int64_t timeout_ms, int json,
                    int32_t wanted) {
    const int64_t begin = clock_now_ms();
    struct progress progress = {
        .in_place = isatty(STDERR_FILENO), .since = begin, .seen = begin, .wanted = wanted};
    char *path = text_printf("/action/%s", id);
    int64_t pause = PAUSE_MIN_MS;
    int status, ended;
    for (;;) {
        status = ask(client, &progress, path, json, &ended);
        const int64_t spent = clock_now_ms() - begin;
        if (ended)
            break;
        if (timeout_ms >= 0 && spent >= timeout_ms) {
            end_line(&progress);
            fprintf(stderr, "repliagent: stopped waiting; the action goes on: %s\n", id);
            status = EXITS_TIMEOUT;
            break;
        }
        /* Often at first, since most actions are short. */
        pause = spent / 4 > PAUSE_MAX_MS ? PAUSE_MAX_MS : spent / 4 > pause ? spent / 4 : pause;
        clock_pause_ms(timeout_ms >= 0 && timeout_ms - spent < pause ? timeout_ms - spent : pause);
    }
    free(path);
    free(progress.shown);
    return status;
}
