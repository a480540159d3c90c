#ifndef TESTS_POSTGRESQL_CLUSTER_H
#define TESTS_POSTGRESQL_CLUSTER_H

#include <check.h>
#include <stdint.h>

#include <replicante/agent.h>

#include "stores.h"

/*
 * Real servers for tests. Everything here fails the running test if something goes wrong.
 *
 * Servers refuse to be root, and agents that start them must not be root either: as root, the whole
 * test program becomes the account "postgres" before the first test.
 */

/* A main() of its own: prepares, runs the suite, and ends every cluster that is left over. */
int run_postgresql_suite(Suite *suite);

/* The cluster of the test case; one at a time. */
typedef struct cluster {
    char directory[80];
    char bin_directory[200];
    int port; /* of node N: port + N */
} cluster;

extern cluster the_cluster;

/* nodes that run, spares that have an address and nothing else. */
void cluster_up(int nodes, int spares);
void cluster_down(void);
/* A directory for an agent, and no servers. */
void cluster_pretend(void);
/* A verb of tests/clusters/pg.sh: start, stop, crash, pause, resume. */
void cluster_do(const char *verb, int node);
/* Run SQL as superuser; the result, without its last newline, lives until the next call. */
const char *cluster_sql(int node, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Wait until a query's result is text. */
void cluster_sql_until(int node, const char *text, const char *statement);

/* An agent beside a node of the cluster. */
typedef struct options {
    int silent;              /* never observes but when asked */
    const char *password;    /* of the monitoring account */
    const char *user;        /* which account observes */
    const char *replication; /* the replication account's name */
    const char *more;        /* more members of the driver's configuration, each after a comma */
    const char *address;     /* host or socket directory to connect to */
    int port;                /* instead of the node's own */
    int no_directory;        /* without data_directory */
    int timeout_ms;          /* of observations */
} options;

repli_agent *agent_start(int node, const options *given);
#endif
