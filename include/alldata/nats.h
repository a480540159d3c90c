#ifndef ALLDATA_NATS_H
#define ALLDATA_NATS_H

/*
 * A module of AllData's storage on NATS JetStream, in a library of its own (liballdata-nats), for
 * fleets that outgrow the disks of their nodes: the servers replicate, and all nodes may share one
 * stream.
 */

#include <alldata/storage.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The module. Its location is the URL of a server, or several with commas between them. Settings:
 *
 *   stream     name of the stream, which is made if there is none; "ALLDATA"
 *   replicas   of a stream that is made, 1 to 5; "1"
 *   max_age    seconds that a stream which is made keeps events; "0": for ever
 *   timeout_ms how long is waited for a server; "5000"
 *
 * Static. Thread-safe.
 */
REPLI_API const alldata_storage_module *alldata_nats_module(void);

#ifdef __cplusplus
}
#endif

#endif
