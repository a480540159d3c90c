#ifndef REPLICANTE_HTTP_H
#define REPLICANTE_HTTP_H

/*
 * The agent's JSON API over HTTP, in a library of its own (libreplicante-agent-http). It comes in
 * two layers: a function from request to response for hosts that have their own server, and
 * listeners for those that have not.
 */

#include <stddef.h>
#include <stdint.h>

#include <replicante/agent.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Request in, response out. */

/** The request may schedule and cancel actions. Decided by whoever knows the peer. */
#define REPLI_HTTP_MAY_WRITE (1u << 0)
/** Only /health and /role exist; everything else is 404. */
#define REPLI_HTTP_HEALTH_ONLY (1u << 1)

typedef struct repli_http_request {
    uint32_t struct_size;
    uint32_t flags;     /**< REPLI_HTTP_MAY_WRITE, REPLI_HTTP_HEALTH_ONLY */
    const char *method; /**< such as "GET" */
    const char *target; /**< path and query as in the request line, still percent-encoded */
    const char *body;
    size_t body_size; /**< bytes */
    /** Identity that the peer has proven, such as its certificate's subject: it becomes the
     *  requester of what is scheduled. NULL: none. */
    const char *peer;
} repli_http_request;

#define REPLI_HTTP_REQUEST_INIT                                                                    \
    { (uint32_t)sizeof(repli_http_request), 0, NULL, NULL, NULL, 0, NULL }

/** To be sent with "Cache-Control: no-store". */
typedef struct repli_http_response {
    uint32_t struct_size;
    int32_t status;           /**< such as 200 */
    const char *content_type; /**< NULL if there is no body; static text */
    const char *body;         /**< if the request was HEAD: what a GET would get, not to be sent */
    size_t body_size;         /**< bytes */
    const char *allow;        /**< for 405 and OPTIONS: the methods, static text; else NULL */
    repli_snapshot *snapshot; /**< the body is part of this snapshot, so a listener may keep a
                                   reference instead of a copy; NULL: body dies with the call */
    int64_t age_ms;           /**< age of the snapshot that was used, -1 if none was */
    int32_t retry_after_s;    /**< seconds, for the header of that name; 0: none */
    int32_t reserved;
} repli_http_response;

/** Takes the response, borrowed for the call. Any thread, possibly before repli_http_handle()
 *  returns; must not block. */
typedef void (*repli_http_respond_fn)(void *user_data, const repli_http_response *response);

/**
 * Answer one request. respond is called exactly once, unless an error is returned (REPLI_EINVALID:
 * this is no request). Never waits for the datastore, nor for a schedule to be on disk; what lists,
 * looks up or cancels actions takes as long as the database of actions does. Thread-safe. In a
 * child made by fork() it returns REPLI_EFORK.
 */
REPLI_API int32_t repli_http_handle(repli_agent *agent, const repli_http_request *request,
                                    repli_http_respond_fn respond, void *user_data,
                                    repli_error *err);

/* Listeners. */

typedef struct repli_http_server repli_http_server;

/** Who may schedule and cancel actions over TCP. Over a UNIX socket it is whoever can open it. */
enum {
    REPLI_HTTP_WRITES_AUTO = 0,   /**< over mutual TLS, or on a loopback address */
    REPLI_HTTP_WRITES_ALWAYS = 1, /**< everybody: the operator said so */
    REPLI_HTTP_WRITES_NEVER = 2
};

typedef struct repli_http_options {
    uint32_t struct_size;
    int32_t writes;                /**< REPLI_HTTP_WRITES_* */
    const char *bind;              /**< "host:port", "[::1]:port"; port 0: any; NULL: no TCP */
    const char *unix_path;         /**< UNIX socket; NULL: none */
    uint32_t unix_mode;            /**< permissions of the socket; 0: 0600 */
    uint32_t max_connections;      /**< 0: 256 */
    const char *tls_cert_pem;      /**< text of the server's certificate chain; NULL: no TLS */
    const char *tls_key_pem;       /**< text of its private key */
    const char *tls_client_ca_pem; /**< text of the CA bundle: clients must present a certificate */
    const char *health_bind;       /**< second listener for /health and /role only, without TLS */
    uint32_t request_timeout_ms;   /**< a request that takes longer to arrive is cut; 0: 5000 */
    uint32_t keep_alive_ms;        /**< an idle connection is closed; 0: request_timeout_ms */
    uint64_t max_body;             /**< bytes; 0: 1 MiB */
} repli_http_options;

#define REPLI_HTTP_OPTIONS_INIT                                                                    \
    { (uint32_t)sizeof(repli_http_options), 0, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0 }

/**
 * Whether addresses, certificates and key make sense, without listening: REPLI_EINVALID if a server
 * could never start with them. One that is NULL is not looked at, so that each can be asked about
 * alone.
 */
REPLI_API int32_t repli_http_options_check(const repli_http_options *options, repli_error *err);

/**
 * Listen, in threads of the server's own or, if the host drives the agent, in the agent's loop,
 * without any. The agent must outlive the server. REPLI_EBUSY: the address or the socket is in use;
 * REPLI_EINVALID: an address or certificate is no good. Thread-safe. In a child made by fork() it returns REPLI_EFORK, and so does reload.
 */
REPLI_API int32_t repli_http_server_new(repli_agent *agent, const repli_http_options *options,
                                        repli_http_server **ret_server, repli_error *err);
/** The TCP port in use, 0 if there is none. */
REPLI_API int32_t repli_http_server_port(const repli_http_server *server);
/** The port of the health listener, 0 if there is none. */
REPLI_API int32_t repli_http_server_health_port(const repli_http_server *server);
/** New certificates, limits and rights, without losing a connection. Addresses cannot change:
 *  another one than before is REPLI_EINVALID, NULL keeps what is. On failure everything stays as
 *  it was. Not at the same time as another call on this server. */
REPLI_API int32_t repli_http_server_reload(repli_http_server *server,
                                           const repli_http_options *options, repli_error *err);
/** Accept nothing more, answer what has begun, up to timeout_ms, then close and free. Dispatches the
 *  agent meanwhile if the host drives it, so never within dispatch. In a child made by fork() it
 *  only closes the child's copies of the listening sockets, on which clients would wait in vain if
 *  the parent ended, and gives memory back. NULL is fine. */
REPLI_API void repli_http_server_free(repli_http_server *server, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
