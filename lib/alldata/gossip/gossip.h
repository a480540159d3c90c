#ifndef ALLDATA_GOSSIP_GOSSIP_H
#define ALLDATA_GOSSIP_GOSSIP_H

#include <alldata/gossip.h>

#include "alldata/gossip/frame.h"

/* What a node wants of its membership beyond what every host may. Thread-safe. */

/* Publish where this node's server for peers is; host NULL: where it gossips. */
int32_t alldata__gossip_serve(alldata_gossip *gossip, const char *host, int32_t port,
                              repli_error *err);
/* Where others reach it. */
void alldata__gossip_address(alldata_gossip *gossip, alldata__address *ret_address);

/* Ask "host:port" as a seed, now and from now on. REPLI_EDONE: it is one already. */
int32_t alldata__gossip_join(alldata_gossip *gossip, const char *address, repli_error *err);
/* A dead peer is forgotten as soon as possible. REPLI_ENOTFOUND: there is none; REPLI_ECONFLICT: it
 * lives. */
int32_t alldata__gossip_forget(alldata_gossip *gossip, const char *id, repli_error *err);

#endif
