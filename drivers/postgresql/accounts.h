#ifndef REPLI_PG_ACCOUNTS_H
#define REPLI_PG_ACCOUNTS_H

#include "task.h"

/* Make the configured accounts with exactly the privileges that they need, in a data directory that
 * was just initialised and never served anybody. Passwords take no way but standard input. */
int32_t repli__pg_accounts_make(repli__pg_task *task, repli_error *err);
/* Let accounts with a password in over the UNIX socket, if that is where the agent connects. */
int32_t repli__pg_accounts_admit(const repli__pg *pg, repli_error *err);

/* Make the replication account on the running server. */
int32_t repli__pg_accounts_add_replication(repli__pg_task *task, repli_error *err);

#endif
