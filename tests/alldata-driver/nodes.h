#ifndef TESTS_ALLDATA_DRIVER_NODES_H
#define TESTS_ALLDATA_DRIVER_NODES_H

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "stores.h"

/* Real nodes for tests. Everything here fails the running test if something goes wrong. */

/* A main() of its own: prepares, runs the suite, and ends every node that is left over. */
int run_alldata_suite(Suite *suite);

/* A folder for a test, which is made by its fixture. */
void folder_new(void);
const char *folder(void);

/* Nodes that run as programs: see tests/clusters/alldata.sh. settings: its variables, or "". */
void nodes_up(int nodes, int spares, const char *settings);
void nodes_down(void);
/* A verb: start, stop, crash, pause, resume. */
void nodes_do(const char *verb, int node);
/* Of a node, from 1 on. */
const char *node_url(int node);
int node_port(int node, const char *kind); /* CLIENTS, PEERS or GOSSIP */

/* A client of one node; to be freed. */
alldata_client *client_of(const char *url);
/* Put events at a node until all of them are acknowledged. */
void put_events(const char *url, int count);
/* Put one under a key of an interval that may be closed, until all replicas have it. */
void put_late(const char *url, const char *key, const char *event);
/* How many events a node has itself, which may wait for it to be asked again. */
int count_events(const char *url);
void await_events(const char *url, int count);

/* An agent whose driver has this configuration, a JSON object. */
repli_agent *agent_with(const char *name, const char *driver_format, ...)
    __attribute__((format(printf, 2, 3)));
/* Beside a node, with timeout_ms for an observation. */
repli_agent *agent_beside(int node, int timeout_ms);
/* The shard of an interval. */
const repli_shard *shard_called(const repli_snapshot *snapshot, const char *id);
/* Look until that attribute of the store, an integer, has that value. */
void await_attribute(repli_agent *agent, const char *name, int64_t value);

/* The name of the interval of a day that many days ago, as P1D has them. */
const char *day_before(int days);

#endif
