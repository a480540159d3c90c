#ifndef ALLDATA_GOSSIP_TRANSPORT_H
#define ALLDATA_GOSSIP_TRANSPORT_H

#include <replicante/error.h>

#include "alldata/gossip/frame.h"
#include "base/mem.h"

/*
 * Frames over TCP, one a connection: whoever sends connects, writes and closes; whoever receives
 * reads up to the end, and never writes. Nothing here waits: it is driven by an epoll set of the
 * owner's and by the time.
 *
 * All that others can make it hold is counted: connections, bytes of a frame and of all frames that
 * are not complete, and time. The oldest goes when there is too much, unless it has only just come.
 */
enum {
    ALLDATA__INBOUND = 256, /* connections */
    ALLDATA__INBOUND_BYTES = 4 * 1024 * 1024,
    ALLDATA__OUTBOUND = 64, /* connections */
    ALLDATA__WAITING = 256, /* frames, with those of the connections */
    ALLDATA__OUTBOUND_BYTES = 4 * 1024 * 1024,
    ALLDATA__GRACE_MS = 200,     /* for one that is in the way of others */
    ALLDATA__PATIENCE_MS = 5000, /* for one frame, from its connection on */
    ALLDATA__PATIENCE_OUT_MS = 2000
};

typedef struct alldata__traffic {
    uint64_t in_frames;
    uint64_t in_bytes;
    uint64_t out_frames;
    uint64_t out_bytes;
    uint64_t in_dropped;  /* connections: too many, too slow, too large */
    uint64_t out_dropped; /* frames: too many, or there is no such name */
    uint64_t out_failed;  /* connections */
} alldata__traffic;

typedef struct alldata__transport alldata__transport;

typedef void (*alldata__received_fn)(void *user_data, const char *frame, size_t size);

/* Where a name leads; 0 if that is not known (yet). */
typedef int (*alldata__find_fn)(void *user_data, const alldata__address *address, void *ret_storage,
                                uint32_t *ret_size);

/* Listen on "host:port". Adds itself to the epoll set, with events of which data.u64 is less than
 * ALLDATA__TRANSPORT_EVENTS. */
enum { ALLDATA__TRANSPORT_EVENTS = 1024 };

int32_t alldata__transport_new(const repli__mem *mem, int epoll_fd, const char *listen,
                               alldata__received_fn received, alldata__find_fn find,
                               void *user_data, alldata__transport **ret_transport,
                               repli_error *err);
void alldata__transport_free(alldata__transport *transport);
uint16_t alldata__transport_port(const alldata__transport *transport);
/* Whether it listens on all addresses of the machine, none of which is the one for others. */
int alldata__transport_is_anywhere(const alldata__transport *transport);

void alldata__transport_send(alldata__transport *transport, uint64_t now_ns,
                             const alldata__address *to, const char *frame, size_t size);
/* Something happened to what an event of the epoll set stands for. */
void alldata__transport_ready(alldata__transport *transport, uint64_t now_ns, uint64_t event);
/* Give up what takes too long. */
void alldata__transport_tick(alldata__transport *transport, uint64_t now_ns);
uint64_t alldata__transport_due_ns(const alldata__transport *transport);
const alldata__traffic *alldata__transport_traffic(const alldata__transport *transport);

#endif
