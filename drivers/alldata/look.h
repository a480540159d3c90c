#ifndef REPLI_ALLDATA_LOOK_H
#define REPLI_ALLDATA_LOOK_H

#include "source.h"

/* What a node tells of itself. Texts are empty if there are none. */
typedef struct repli__alldata_status {
    char id[160];
    char cluster[256];
    char version[64];
    char zone[160];
    char region[160];
    char started[48];  /* when its process did */
    char repaired[48]; /* when the last whole round of its repair ended */
    char gossip[300];  /* where others gossip with it */
    char peers[300];   /* where others have its server for peers */
    char storage_error[400];
    int64_t replication_factor;
    int64_t peers_live;
    int64_t peers_dead;
    int64_t hints_pending;
    int64_t missing;
    int64_t repairs_asked;
    int64_t repairs_done;
    int32_t repairing;
    int32_t writable;
} repli__alldata_status;

typedef struct repli__alldata_interval {
    char name[64];
    char last_key[64];  /* empty: there is no event in it */
    char last_time[48]; /* of that */
    int open;
    int32_t repairing;
    int32_t counted; /* 0: there are more events than said, which are being counted */
    int64_t events;
    int64_t missing;
} repli__alldata_interval;

typedef struct repli__alldata_peer {
    char id[160];
    char gossip[300];
    int live;
    int64_t hints; /* events kept here until it is back */
} repli__alldata_peer;

int32_t repli__alldata_look(const repli__alldata *alldata, const repli_op *op,
                            repli__alldata_status *ret_status, repli_error *err);

/* Take one; other than REPLI_OK ends the walk and is its result. */
typedef int32_t (*repli__alldata_interval_fn)(void *user_data,
                                              const repli__alldata_interval *interval);
typedef int32_t (*repli__alldata_peer_fn)(void *user_data, const repli__alldata_peer *peer);

/* Oldest first. */
int32_t repli__alldata_intervals(const repli__alldata *alldata, const repli_op *op,
                                 repli__alldata_interval_fn take, void *user_data,
                                 repli_error *err);
int32_t repli__alldata_peers(const repli__alldata *alldata, const repli_op *op,
                             repli__alldata_peer_fn take, void *user_data, repli_error *err);

#endif
