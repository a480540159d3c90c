#ifndef ALLDATA_ALLDATA_H
#define ALLDATA_ALLDATA_H

/*
 * AllData: a distributed store of events without a master. Everything that it is made of has a
 * header of its own and can be used alone; this one has them all.
 *
 * Conventions are those of libreplicante-agent, with which it shares types but no code: objects are
 * opaque, NULL is fine where they are freed, outputs are untouched on failure, inputs are copied
 * before a call returns, memory and log are the caller's, and nothing is kept in globals.
 */

#include <stdint.h>

#include <alldata/coordinator.h>
#include <alldata/gossip.h>
#include <alldata/keygen.h>
#include <alldata/node.h>
#include <alldata/storage.h>
#include <alldata/transport.h>
#include <replicante/alloc.h>
#include <replicante/error.h>
#include <replicante/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Short stable name of a code, such as "timeout" for REPLI_ETIMEOUT; "unknown" for others.
 *  Static text. Thread-safe. */
REPLI_API const char *alldata_error_name(int32_t code);

/** Make an error look as if nothing had happened. err may be NULL. Thread-safe. */
REPLI_API void alldata_error_clear(repli_error *err);

/** Free a text that AllData handed out, and make the buffer empty again. NULL and repeated calls are
 *  fine. Different buffers may be used by different threads. */
REPLI_API void alldata_buf_dispose(repli_buf *buf);

/** Release of the library in use at run time, as "MAJOR.MINOR.PATCH". Static text. Thread-safe. */
REPLI_API const char *alldata_version(void);

#ifdef __cplusplus
}
#endif

#endif
