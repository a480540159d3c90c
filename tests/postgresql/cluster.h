#ifndef TESTS_POSTGRESQL_CLUSTER_H
#define TESTS_POSTGRESQL_CLUSTER_H

#include <check.h>
#include <stdint.h>

#include <replicante/agent.h>

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

/* A shell command; its output as with cluster_sql(). */
const char *shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

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
/* Stop it as a host that ends would; its record of actions stays. */
void agent_stop(repli_agent *agent);

/* The latest snapshot, as a client gets it. Give it back, as all of them. */
repli_snapshot *latest(repli_agent *agent);
/* A snapshot that was begun now. */
repli_snapshot *look(repli_agent *agent);
/* Look until the status is that one. */
repli_snapshot *look_for(repli_agent *agent, int32_t status, int seconds);
/* Look, and expect that status and text in its reason (NULL: no matter). */
void assert_status(repli_agent *agent, int32_t status, const char *reason);
/* The one shard, or NULL. */
const repli_shard *shard_of(const repli_snapshot *snapshot);
/* An attribute of the store or, if it has none such, of the node; NULL. name without its domain. */
const repli_attribute *attribute_of(const repli_snapshot *snapshot, const char *name);
void assert_attribute(const repli_snapshot *snapshot, const char *name, const char *text);
/* The reason of the status must contain text. */
void assert_reason(const repli_snapshot *snapshot, const char *text);

/* Schedule; the id lives until the next call. */
const char *schedule(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));
/* Wait until it is finished; the caller frees *ret_doc. */
const repli_action *finish(repli_agent *agent, const char *id, int seconds, repli_doc **ret_doc);
/* Schedule, wait and expect it to be DONE; the payload lives until the next call. */
const char *must_do(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for FAILED; the error. */
const char *must_fail(repli_agent *agent, const char *kind, const char *args_format, ...)
    __attribute__((format(printf, 3, 4)));

void assert_contains(const char *text, const char *part);
int64_t now_ms(void);
void pause_ms(int milliseconds);

#endif
