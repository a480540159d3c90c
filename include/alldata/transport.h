#ifndef ALLDATA_TRANSPORT_H
#define ALLDATA_TRANSPORT_H

/*
 * How a node reaches its peers: something that carries a request to the address of a peer and
 * brings back the answer. liballdata-http has one that speaks HTTP (alldata_http_transport_new());
 * a host may have its own. What requests mean is the coordinator's and the repair's business.
 */

#include <stddef.h>
#include <stdint.h>

#include <replicante/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An answer. All of it dies when the function that takes it returns. */
typedef struct alldata_reply {
    uint32_t struct_size;
    int32_t status;   /**< of HTTP, such as 201; 0: there was no answer, and error says why */
    const char *body; /**< NUL-terminated, never NULL */
    size_t body_size;
    const repli_error *error; /**< NULL if there was an answer */
} alldata_reply;

#define ALLDATA_REPLY_INIT                                                                         \
    { (uint32_t)sizeof(alldata_reply), 0, "", 0, NULL }

/** Takes the answer: once for each call, on any thread of the transport's, within its dispatch, or
 *  on a thread that cancels, but never within begin; must not block. May begin other calls. */
typedef void (*alldata_reply_fn)(void *user_data, const alldata_reply *reply);

/** A request to a peer. The texts and the body live until reply was called; the record itself is
 *  copied. Use ALLDATA_CALL_INIT. */
typedef struct alldata_call {
    uint32_t struct_size;
    int32_t port;
    const char *host;   /**< an address or a name */
    const char *method; /**< "POST" or "GET" */
    const char *path;   /**< with its query, such as "/" */
    const char *type;   /**< of the body; NULL: not said, as the reference does */
    const char *body;   /**< NULL: none */
    size_t body_size;
    uint64_t
        timeout_ms;   /**< until the answer must be there, waiting for others included; 0: 5000 */
    size_t max_reply; /**< most bytes of an answer's body; more is REPLI_EPROTOCOL; 0: 65536 */
    alldata_reply_fn reply;
    void *user_data;
} alldata_call;

#define ALLDATA_CALL_INIT                                                                          \
    { (uint32_t)sizeof(alldata_call), 0, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL, NULL }

/**
 * A transport: methods and what they are called with. It outlives everything that uses it. Methods
 * may be called from any thread. What an older transport does not know is NULL.
 */
typedef struct alldata_transport {
    uint32_t struct_size;
    uint32_t reserved;
    void *self;
    /** Begin a call, without waiting. On failure reply is not called: REPLI_EINVALID: this is no
     *  call; REPLI_ESTATE: the transport is being freed; REPLI_EFORK. Connections are kept for the
     *  next call. */
    int32_t (*begin)(void *self, const alldata_call *call, repli_error *err);
    /** End all calls whose user_data that is, with REPLI_ECANCELLED; returns when reply was called
     *  for each of them. Not from within reply. */
    void (*cancel)(void *self, void *user_data);
    /** Of one without threads: a descriptor that is readable when there is something to do, when
     *  there is, in monotonic ns, and do it without waiting. NULL: it has threads of its own. */
    int32_t (*fd)(void *self);
    uint64_t (*deadline)(void *self);
    int32_t (*dispatch)(void *self, repli_error *err);
} alldata_transport;

#ifdef __cplusplus
}
#endif

#endif
