#ifndef ALLDATA_GOSSIP_RESOLVE_H
#define ALLDATA_GOSSIP_RESOLVE_H

#include <pthread.h>
#include <sys/socket.h>

#include "alldata/gossip/frame.h"
#include "base/worker.h"

/*
 * Addresses of hosts. Numeric ones are what they say; names are looked up by a worker, since that
 * may take as long as a name server pleases, and remembered for a while. A frame to a name that is
 * not known yet is lost, as frames may be.
 */
enum { ALLDATA__NAMES = 128 };

typedef struct alldata__name {
    char host[ALLDATA__HOST_SIZE]; /* empty: free */
    int wanted;                    /* to be looked up */
    int found;
    uint64_t until_ns; /* then it is to be looked up anew */
    uint64_t used_ns;
    struct sockaddr_storage address; /* its port is of no meaning */
    socklen_t size;
} alldata__name;

typedef struct alldata__resolver {
    repli__worker worker;
    pthread_mutex_t mutex; /* guards the names */
    alldata__name names[ALLDATA__NAMES];
} alldata__resolver;

int32_t alldata__resolver_init(alldata__resolver *resolver, repli_error *err);
/* Give up what is to be looked up, and wait until the worker, if it was started, has ended. */
void alldata__resolver_stop(alldata__resolver *resolver);
void alldata__resolver_dispose(alldata__resolver *resolver);
/* 0 if it is not known, or not yet. */
int alldata__resolver_find(alldata__resolver *resolver, const alldata__address *address,
                           struct sockaddr_storage *ret_address, socklen_t *ret_size);

#endif
