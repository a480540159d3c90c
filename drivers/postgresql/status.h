#ifndef REPLI_PG_STATUS_H
#define REPLI_PG_STATUS_H

#include <replicante/driver.h>

#include "observe.h"

/* The class of an error that the server reported. */
int32_t repli__pg_sqlstate_code(const char *sqlstate);

/* What a server that answered makes of this node. reason is written when the status needs one. */
int32_t repli__pg_status(const repli__pg *pg, const char *running_action, char *ret_reason,
                         size_t reason_size);
/* Role in the one shard there is; *ret_reason is static text for REPLI_ROLE_OTHER, else NULL. */
int32_t repli__pg_role(const repli__pg_observation *seen, const char **ret_reason);
/* Not 0 if the receiver streams, and was heard of recently enough for its lag to mean something. */
int repli__pg_lag_is_known(const repli__pg_observation *seen);

#endif
