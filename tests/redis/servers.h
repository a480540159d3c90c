#ifndef TESTS_REDIS_SERVERS_H
#define TESTS_REDIS_SERVERS_H

#include "stores.h"

/* Real servers for tests. Everything here fails the running test if something goes wrong. */

/* A main() of its own: prepares, runs the suite, and ends every server that is left over. */
int run_redis_suite(Suite *suite);

/* The servers of the test case. */
typedef struct servers {
    char directory[80];
    int port; /* of node N: port + N */
} servers;

extern servers the_servers;

/* A primary and its replicas, spares that follow nobody. */
void servers_up(int nodes, int spares);
/* In cluster mode: three primaries with replicas, spares that have met nobody. */
void servers_up_in_cluster_mode(int nodes, int spares);
void servers_down(void);
/* A verb of tests/clusters/redis.sh: start, stop, crash, pause, resume. */
void servers_do(const char *verb, int node);
/* Run a command as the default user; the reply lives until the next call. */
const char *servers_cli(int node, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Wait until the reply has text in it. */
void servers_cli_until(int node, const char *text, const char *command);

/* An agent beside a node. */
typedef struct options {
    const char *user;     /* which account observes (agent) */
    const char *password; /* its password */
    const char *more;     /* more members of the driver's configuration, each after a comma */
    const char *database; /* name of its file (agent.db) */
    int port;             /* instead of the node's own */
    int timeout_ms;       /* of observations */
} options;

repli_agent *agent_start(int node, const options *given);

#endif
