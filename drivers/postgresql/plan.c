#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "postgresql.h"

int32_t repli__pg_plan_end(const repli__pg *pg) {
    repli__pg_plan *plan = pg->plan;
    if (!*plan->summary || plan->code != REPLI_OK)
        return plan->code;
    repli_plan_step step = REPLI_PLAN_STEP_INIT;
    step.flags = plan->destructive ? REPLI_PLAN_DESTRUCTIVE : 0;
    step.summary = plan->summary;
    step.command = *plan->command ? plan->command : NULL;
    step.waits_for = *plan->waits_for ? plan->waits_for : NULL;
    plan->code = pg->host->emit_plan_step(plan->sink, &step);
    *plan->summary = *plan->command = *plan->waits_for = '\0';
    return plan->code;
}

int32_t repli__pg_plan_tell(const repli__pg *pg, int destructive, const char *command,
                            const char *format, ...) {
    repli__pg_plan *plan = pg->plan;
    const int32_t code = repli__pg_plan_end(pg);
    va_list args;
    va_start(args, format);
    vsnprintf(plan->summary, sizeof(plan->summary), format, args);
    va_end(args);
    snprintf(plan->command, sizeof(plan->command), "%s", command);
    plan->destructive = destructive;
    plan->moved = 1;
    return code;
}

int32_t repli__pg_plan_program(const repli__pg *pg, int destructive, const char *const *argv,
                               const char *summary) {
    char command[sizeof(pg->plan->command)] = "";
    size_t used = 0;
    for (size_t i = 0; argv[i] && used < sizeof(command); i++) {
        const char *quote = *argv[i] && !strpbrk(argv[i], " '\"$") ? "" : "'";
        used += (size_t)snprintf(command + used, sizeof(command) - used, "%s%s%s%s",
                                 i > 0 ? " " : "", quote, argv[i], quote);
    }
    return repli__pg_plan_tell(pg, destructive, command, "%s", summary);
}

/* What a statement does, by the words that it begins with. */
static const struct {
    const char *words;
    const char *summary;
    int destructive;
} meanings[] = {
    {"SELECT pg_promote", "promote this standby", 0},
    {"SELECT pg_create_physical_replication_slot", "make a replication slot", 0},
    {"SELECT pg_terminate_backend", "end the connection that uses the slot", 1},
    {"SELECT pg_drop_replication_slot", "drop the replication slot", 1},
    {"SELECT pg_reload_conf", "have the server read its configuration", 0},
    {"CREATE ROLE", "make the account that the others replicate with", 0},
    {"CREATE_REPLICATION_SLOT", "make a replication slot on the source, unless it is there", 0},
    {"CHECKPOINT", "make a checkpoint on the source", 0},
};

int32_t repli__pg_plan_statement(const repli__pg *pg, const char *sql, int count,
                                 const char *const *parameters) {
    char statement[sizeof(pg->plan->command)];
    /* Hashed or not, a password is nobody's business. */
    const char *secret = strstr(sql, " PASSWORD ");
    const char *place = count > 0 ? strstr(sql, "$1") : NULL;
    if (secret)
        snprintf(statement, sizeof(statement), "%.*s PASSWORD '...'", (int)(secret - sql), sql);
    else if (place)
        snprintf(statement, sizeof(statement), "%.*s'%s'%s", (int)(place - sql), sql, parameters[0],
                 place + 2);
    else
        snprintf(statement, sizeof(statement), "%s", sql);
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        if (strncmp(sql, meanings[i].words, strlen(meanings[i].words)) == 0)
            return repli__pg_plan_tell(pg, meanings[i].destructive, statement, "%s",
                                       meanings[i].summary);
    return repli__pg_plan_tell(pg, 0, statement, "run a statement");
}

int32_t repli__pg_plan_file(const repli__pg *pg, int destructive, const char *what,
                            const char *directory, const char *name) {
    const char *work = pg->config.work_directory;
    const size_t length = work ? strlen(work) : 0;
    if (work && strncmp(directory, work, length) == 0 &&
        (directory[length] == '/' || !directory[length]))
        return REPLI_OK;
    return repli__pg_plan_tell(pg, destructive, "", "%s %s%s%s", what, directory, *name ? "/" : "",
                               name);
}

void repli__pg_plan_wait(const repli__pg *pg, const char *waits_for) {
    repli__pg_plan *plan = pg->plan;
    if (!*plan->summary)
        snprintf(plan->summary, sizeof(plan->summary), "wait");
    snprintf(plan->waits_for, sizeof(plan->waits_for), "%s", waits_for);
}
