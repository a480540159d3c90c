#ifndef REPLI_PG_SOURCE_H
#define REPLI_PG_SOURCE_H

#include "task.h"
#include "text.h"

/* The server that an action copies from or follows: the one named by its argument "source". */

typedef struct repli__pg_source {
    char system_identifier[24];
    char timeline[16];
    int major; /* version */
} repli__pg_source;

/* Ask who it is, over the replication protocol and with the replication account: so this also
 * shows that copying and following will be allowed. */
int32_t repli__pg_source_identify(repli__pg_task *task, repli__pg_source *ret_source,
                                  repli_error *err);
/* See to it that the slot of the arguments exists there; nothing without one. */
int32_t repli__pg_source_slot(repli__pg_task *task, repli_error *err);
/* With the account of pg_rewind: check that it is the primary of the cluster with that identifier,
 * and that its control file knows of the present timeline, by a checkpoint if need be. */
int32_t repli__pg_source_checkpoint(repli__pg_task *task, const char *system_identifier,
                                    repli_error *err);

/* Append a connection string without a password, for programs and for primary_conninfo. */
void repli__pg_source_conninfo(const repli__pg_task *task, const repli__pg_account *account,
                               const char *application_name, repli__pg_text *text);
/* Write the accounts' passwords to where such a connection string points. */
int32_t repli__pg_source_passwords(const repli__pg *pg, repli_error *err);

#endif
