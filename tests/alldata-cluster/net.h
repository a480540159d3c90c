#ifndef TESTS_NET_H
#define TESTS_NET_H

#include "cluster.h"

/*
 * A network of machines for the nodes of a cluster: a network namespace each, joined by a bridge in
 * one of the test's own, so that nothing of it is seen outside. A partition loses what is sent, as
 * a real one does: nobody is told.
 */

/* Not 0 if this process may make such a network here; else why tells the reason. */
int net_possible(const char **ret_why);

/* Between cluster_init() and the first start: a machine for each node. The calling process moves
 * into the bridge's namespace for good. */
void net_make(cluster *c);
/* After cluster_dispose(). */
void net_dispose(cluster *c);

/* Cut the nodes with a bit in side off from all others, both ways. */
void net_split(const cluster *c, unsigned side);
void net_heal(const cluster *c);

#endif
