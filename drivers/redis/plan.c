#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "redis.h"

/* What a command does, by the words that it begins with. */
static const struct {
    const char *words;
    const char *summary; /* about the server */
    int destructive;
} meanings[] = {
    {"CONFIG REWRITE", "have %s write its configuration file, so that its role outlasts a restart",
     0},
    {"REPLICAOF NO ONE", "make %s a primary", 0},
    {"REPLICAOF", "make %s a replica, which copies the primary's data", 0},
    {"FAILOVER", "have %s hand the role of primary over", 0},
    {"CLUSTER ADDSLOTSRANGE", "give %s all slots", 0},
    {"CLUSTER MEET", "have %s and the other node meet", 0},
    {"CLUSTER REPLICATE", "make %s a replica, which copies the primary's data", 0},
    {"CLUSTER FORGET", "have %s forget the node that goes", 0},
    {"CLUSTER FAILOVER", "have %s take over from its primary", 0},
    {"CLUSTER RESET", "make %s a node that has met nobody, with a new id", 1},
    {"FLUSHALL", "delete all keys of %s", 1},
};

int32_t repli__redis_plan_end(repli__redis_task *task) {
    repli__redis_plan *plan = task->plan;
    if (!*plan->summary)
        return REPLI_OK;
    repli_plan_step step = REPLI_PLAN_STEP_INIT;
    step.flags = plan->destructive ? REPLI_PLAN_DESTRUCTIVE : 0;
    step.summary = plan->summary;
    step.command = *plan->command ? plan->command : NULL;
    step.waits_for = *plan->waits_for ? plan->waits_for : NULL;
    const int32_t code = task->redis->host->emit_plan_step(task->sink, &step);
    *plan = (repli__redis_plan){.destructive = 0};
    return code;
}

static void join_words(repli__redis_command command, char *ret_text, size_t size) {
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; command[i] && used < size; i++)
        used +=
            (size_t)snprintf(ret_text + used, size - used, "%s%s", i > 0 ? " " : "", command[i]);
}

int32_t repli__redis_plan_command(repli__redis_task *task, const repli__redis_peer *peer,
                                  repli__redis_command command) {
    const int32_t code = repli__redis_plan_end(task);
    if (code != REPLI_OK)
        return code;
    repli__redis_plan *plan = task->plan;
    char words[300];
    join_words(command, words, sizeof(words));
    snprintf(plan->command, sizeof(plan->command), "%s> %s", peer->link.name, words);
    snprintf(plan->summary, sizeof(plan->summary), "ask %s", peer->link.name);
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
        const size_t length = strlen(meanings[i].words);
        if (strncmp(words, meanings[i].words, length) != 0)
            continue;
        const char *blank = strstr(meanings[i].summary, "%s");
        snprintf(plan->summary, sizeof(plan->summary), "%.*s%s%s",
                 (int)(blank - meanings[i].summary), meanings[i].summary, peer->link.name,
                 blank + 2);
        /* A replica has the data of its primary. */
        plan->destructive = meanings[i].destructive || (strstr(meanings[i].summary, "copies") &&
                                                        !peer->seen.replica && peer->seen.keys > 0);
        break;
    }
    return REPLI_OK;
}

void repli__redis_plan_then(repli__redis_task *task, const char *format, ...) {
    repli__redis_plan *plan = task->plan;
    if (!plan)
        return;
    char waits_for[sizeof(plan->waits_for)];
    va_list args;
    va_start(args, format);
    vsnprintf(waits_for, sizeof(waits_for), format, args);
    va_end(args);
    if (!*plan->summary)
        snprintf(plan->summary, sizeof(plan->summary), "wait");
    const size_t length = strlen(plan->waits_for);
    snprintf(plan->waits_for + length, sizeof(plan->waits_for) - length, "%s%s",
             length > 0 ? ", and for " : "", waits_for);
}
