#ifndef REPLI_PG_SESSION_H
#define REPLI_PG_SESSION_H

#include "connection.h"
#include "task.h"

/* Connect to this node with the account that acts. The caller disconnects. */
int32_t repli__pg_admin(repli__pg_task *task, repli__pg_link *link, repli_error *err);

/* Look at the server afresh; it must be a primary: otherwise REPLI_ENOTLEADER. */
int32_t repli__pg_need_primary(repli__pg_task *task, repli_error *err);

#endif
