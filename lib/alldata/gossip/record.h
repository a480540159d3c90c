#ifndef ALLDATA_GOSSIP_RECORD_H
#define ALLDATA_GOSSIP_RECORD_H

#include <alldata/gossip.h>

#include "alldata/gossip/membership.h"
#include "alldata/gossip/transport.h"

/* What others see of a peer, with the texts that it points to. */
typedef struct alldata__record {
    alldata_peer peer;
    char http_host[ALLDATA__HOST_SIZE];
    char zone[ALLDATA__WORD_SIZE];
    char region[ALLDATA__WORD_SIZE];
} alldata__record;

/* Valid as long as the peer is. */
void alldata__record_fill(alldata__record *record, const alldata__peer *peer, alldata__now now);

void alldata__record_count(alldata_gossip_counters *ret_counters,
                           const alldata__membership *membership, const alldata__traffic *traffic);

#endif
