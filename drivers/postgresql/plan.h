#ifndef REPLI_PG_PLAN_H
#define REPLI_PG_PLAN_H

#include "config.h"

/*
 * A plan is an action that is run to its end at once while everything that would change something
 * only tells of itself: the action's own code looks, decides and refuses. What was told counts as
 * done, as far as the following stages ask for it; what is waited for counts as having come.
 */
typedef struct repli__pg_plan {
    repli_sink *sink;
    int32_t code;     /* of what was passed on */
    int service;      /* REPLI__PG_SERVICE_* after what was told; 0: as it is */
    char job[16];     /* the one that was started last */
    int checkpointed; /* the source was */
    int moved;        /* something was told, or another stage begun */
    int over;         /* the action has come to its end */

    /* What was told last, to which what is waited for then is added. */
    int destructive;
    char summary[400]; /* empty: nothing */
    char command[1000];
    char waits_for[320];
} repli__pg_plan;

/* Tell what would be done; command may be "". Code of the call that tells. */
int32_t repli__pg_plan_tell(const repli__pg *pg, int destructive, const char *command,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same of a program with its arguments, and of a statement with its parameters. */
int32_t repli__pg_plan_program(const repli__pg *pg, int destructive, const char *const *argv,
                               const char *summary);
int32_t repli__pg_plan_statement(const repli__pg *pg, const char *sql, int count,
                                 const char *const *parameters);
/* A change to a file or directory; those of the agent's own are not worth telling. */
int32_t repli__pg_plan_file(const repli__pg *pg, int destructive, const char *what,
                            const char *directory, const char *name);
void repli__pg_plan_wait(const repli__pg *pg, const char *waits_for);
/* Pass on what was told last. */
int32_t repli__pg_plan_end(const repli__pg *pg);

#endif
