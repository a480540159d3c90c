#ifndef REPLI_PG_FOLLOW_H
#define REPLI_PG_FOLLOW_H

#include "task.h"

/* The stages that cluster.join and rejoin end with: make the stopped data directory a standby of
 * the source ("configure"), start it ("start"), wait until it streams ("stream"). */
int32_t repli__pg_follow(repli__pg_task *task, repli_error *err);

/* Not 0 if the server that was just observed streams from the source. */
int repli__pg_follows(const repli__pg_task *task);

/* Ask the server to stop if it runs, and go to stage next once it does not. */
int32_t repli__pg_stop(repli__pg_task *task, const char *next, repli_error *err);

/* Start the server and go to stage next, once it is not running any more. */
int32_t repli__pg_start(repli__pg_task *task, const char *next, repli_error *err);

/* After repli__pg_observe() failed with error while waiting for the started server: wait on, or
 * fail if it will not come. */
int32_t repli__pg_start_failed(repli__pg_task *task, const repli_error *error, repli_error *err);

#endif
