#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <replicante/model.h>

#include "client.h"
#include "clock.h"
#include "commands.h"
#include "exits.h"
#include "show.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

#define CLEAR_SCREEN "\033[H\033[2J"

/* One look at the agent. What could not be had is NULL. */
struct look {
    int status; /* of the first question */
    char *problem;
    repli_doc *docs[4];
    const repli_node *node;
    const repli_shards *shards;
    const repli_action_summary *queue;
    size_t queue_count;
    const repli_action *running;
};

/* Ctrl-C is how watching ends, so it is no failure. */
static void end_watching(int signal_number) {
    (void)signal_number;
    _exit(EXITS_OK);
}

static void take_shards(struct client *client, struct look *look) {
    struct reply reply;
    if (client_ask(client, "GET", "/info/shards", NULL, &reply) == EXITS_OK)
        repli_shards_from_json(reply.body, reply.size, &look->docs[1], &look->shards, NULL);
    client_reply_free(&reply);
}

static void take_queue(struct client *client, struct look *look) {
    struct reply reply;
    if (client_ask(client, "GET", "/actions/queue", NULL, &reply) == EXITS_OK)
        repli_action_summaries_from_json(reply.body, reply.size, &look->docs[2], &look->queue,
                                         &look->queue_count, NULL);
    client_reply_free(&reply);
}

static void take_running(struct client *client, struct look *look) {
    if (look->queue_count == 0 || look->queue[0].phase != REPLI_PHASE_RUNNING)
        return;
    char *path = text_printf("/action/%s", look->queue[0].id);
    struct reply reply;
    if (client_ask(client, "GET", path, NULL, &reply) == EXITS_OK)
        repli_action_from_json(reply.body, reply.size, &look->docs[3], &look->running, NULL);
    client_reply_free(&reply);
    free(path);
}

static void take_look(struct client *client, struct look *look) {
    struct reply reply;
    repli_error err = REPLI_ERROR_INIT;
    memset(look, 0, sizeof(*look));
    look->status = client_ask(client, "GET", "/info/node", NULL, &reply);
    if (look->status != EXITS_OK) {
        look->problem = text_printf("%s", client_message(client));
    } else if (repli_node_from_json(reply.body, reply.size, &look->docs[0], &look->node, &err) !=
               REPLI_OK) {
        look->status = EXITS_AGENT;
        look->problem = text_printf("the answer makes no sense: %s", err.message);
    } else {
        take_shards(client, look);
        take_queue(client, look);
        take_running(client, look);
    }
    client_reply_free(&reply);
}

static void dispose(struct look *look) {
    for (size_t i = 0; i < sizeof(look->docs) / sizeof(look->docs[0]); i++)
        repli_doc_free(look->docs[i]);
    free(look->problem);
}

static char *time_of_day(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return text_time((int64_t)now.tv_sec * 1000000000);
}

/* Made in full before it is shown, so that the screen does not flicker. */
static void show_screen(const struct client *client, const struct look *look, int colour) {
    char *screen;
    size_t size;
    FILE *to = open_memstream(&screen, &size);
    if (to == NULL)
        return;
    char *now = time_of_day();
    fprintf(to, CLEAR_SCREEN "%s  %s  Ctrl-C ends this\n\n", client_address(client), now);
    free(now);
    if (look->node != NULL)
        show_node_facts(look->node, to, colour);
    else
        fprintf(to, "%s\n", look->problem);
    if (look->shards != NULL) {
        fputc('\n', to);
        show_shard_table(look->shards, to, colour);
    }
    if (look->queue_count > 0) {
        fputc('\n', to);
        show_summaries(look->queue, look->queue_count < 20 ? look->queue_count : 20, to, colour);
    }
    char *waiting = look->running != NULL ? show_awaited(look->running) : NULL;
    if (waiting != NULL)
        fprintf(to, "The first is %s\n", waiting);
    free(waiting);
    if (look->queue_count > 20)
        fprintf(to, "… and %zu more\n", look->queue_count - 20);
    if (fclose(to) == 0)
        fwrite(screen, 1, size, stdout);
    free(screen);
}

static void add_shard(FILE *to, const repli_shard *shard) {
    char *role = show_role(shard);
    char *offset = show_amount(shard->commit_offset, shard->commit_offset_unit);
    char *lag = show_amount(shard->lag, shard->lag_unit);
    fprintf(to, "  %s %s offset %s lag %s", shard->id, role, offset, lag);
    free(role);
    free(offset);
    free(lag);
}

/* All on one line, for logs and pipes. */
static void show_line(const struct look *look) {
    char *now = time_of_day(), *line;
    size_t size;
    FILE *to = open_memstream(&line, &size);
    if (to != NULL && look->node != NULL) {
        fprintf(to, "%s %s%s%s", look->node->node_id, repli_status_name(look->node->status),
                look->node->status_reason != NULL ? ": " : "",
                look->node->status_reason != NULL ? look->node->status_reason : "");
        for (size_t i = 0; look->shards != NULL && i < look->shards->shard_count; i++)
            add_shard(to, &look->shards->shards[i]);
        fprintf(to, "  queue %zu", look->queue_count);
        if (look->queue_count > 0 && look->queue[0].phase == REPLI_PHASE_RUNNING)
            fprintf(to, " running %s", look->queue[0].kind);
        char *waiting = look->running != NULL ? show_awaited(look->running) : NULL;
        if (waiting != NULL)
            fprintf(to, " %s", waiting);
        free(waiting);
    } else if (to != NULL) {
        fprintf(to, "%s", look->problem);
    }
    if (to != NULL && fclose(to) == 0) {
        for (char *c = line; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7F)
                *c = '?';
        printf("%s  %s\n", now, line);
    }
    free(line);
    free(now);
}

int cmd_watch(const struct options *options) {
    struct client *client;
    int status = client_open(options, &client);
    if (status != EXITS_OK)
        return status;
    signal(SIGINT, end_watching);
    const int terminal = isatty(STDOUT_FILENO), colour = terminal_colour(STDOUT_FILENO);
    for (int64_t looks = 0; !ferror(stdout);) {
        struct look look;
        take_look(client, &look);
        status = look.status;
        if (terminal)
            show_screen(client, &look, colour);
        else
            show_line(&look);
        fflush(stdout);
        dispose(&look);
        if (++looks == options->count)
            break;
        clock_pause_ms(options->interval_ms);
    }
    client_close(client);
    return status;
}
