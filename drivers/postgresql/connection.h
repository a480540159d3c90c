#ifndef REPLI_PG_CONNECTION_H
#define REPLI_PG_CONNECTION_H

#include <libpq-fe.h>

#include <replicante/driver.h>

#include "config.h"

/* A connection, or none, and how the last statement on it failed. */
typedef struct repli__pg_link {
    PGconn *conn;
    char sqlstate[6];
} repli__pg_link;

/* Where to connect, and as whom. */
typedef struct repli__pg_target {
    const char *conninfo; /* what it says gives way to the rest */
    const char *host;
    const char *port;
    const char *dbname;
    const repli__pg_account *account;
    int replication; /* speak the replication protocol */
} repli__pg_target;

/* This node, with an account of ours. */
repli__pg_target repli__pg_here(const repli__pg *pg, const repli__pg_account *account);

/* Connect by the deadline of op. */
int32_t repli__pg_connect(repli__pg *pg, const repli_op *op, const repli__pg_target *target,
                          repli__pg_link *link, repli_error *err);
void repli__pg_disconnect(repli__pg_link *link);

/* Run one statement by the deadline of op. The caller clears *ret_result. When the connection is no
 * longer of use it is closed, and link->conn is NULL. */
int32_t repli__pg_query(repli__pg *pg, const repli_op *op, repli__pg_link *link, const char *sql,
                        int parameter_count, const char *const *parameters, PGresult **ret_result,
                        repli_error *err);

/* The same for a statement whose result does not matter. */
int32_t repli__pg_execute(repli__pg *pg, const repli_op *op, repli__pg_link *link, const char *sql,
                          int parameter_count, const char *const *parameters, repli_error *err);

#endif
