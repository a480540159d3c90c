#ifndef REPLI_STORE_SCHEMA_H
#define REPLI_STORE_SCHEMA_H

#include "store/sql.h"

/* Marks a database as one of ours: PRAGMA application_id. */
#define REPLI__SCHEMA_APPLICATION_ID 0x52706c41

/* Step i leads from user_version i to i + 1. Steps that were released never change. */
extern const char *const repli__schema_steps[];
extern const size_t repli__schema_step_count;

/* REPLI_EINVALID if the database is another program's, or a newer release's. Changes nothing. */
int32_t repli__schema_check(repli__sql *sql, size_t newest, repli_error *err);
/* Run the steps that the database lacks, each in a transaction of its own. */
int32_t repli__schema_migrate(repli__sql *sql, const char *const *steps, size_t count,
                              repli_error *err);

#endif
