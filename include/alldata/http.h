#ifndef ALLDATA_HTTP_H
#define ALLDATA_HTTP_H

/*
 * AllData over HTTP, in a library of its own (liballdata-http): what carries requests from node to
 * node, what answers those of clients and peers, and a client. See alldata-http(7) for what is
 * said.
 */

#include <stddef.h>
#include <stdint.h>

#include <alldata/coordinator.h>
#include <alldata/node.h>
#include <alldata/storage.h>
#include <alldata/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Who one is, and whom one trusts. Texts in PEM. Use ALLDATA_HTTP_SECURITY_INIT. */
typedef struct alldata_http_security {
    uint32_t struct_size;
    uint32_t reserved;
    const char *cert_pem; /**< own certificate and those between it and the CA; NULL: none */
    const char *key_pem;  /**< its private key; needed with cert_pem */
    const char *ca_pem;   /**< of which the other side must have a certificate; NULL: a server asks
                               for none, a client takes those that the system trusts */
    const char *secret;   /**< "Authorization: Bearer SECRET" is sent, or asked for; NULL: it is
                               not */
    const char *other_secret; /**< one that a server takes instead, while those who ask change from
                                   one to the other; needs secret; NULL: none. Nobody sends it */
} alldata_http_security;

#define ALLDATA_HTTP_SECURITY_INIT                                                                 \
    { (uint32_t)sizeof(alldata_http_security), 0, NULL, NULL, NULL, NULL, NULL }

/* From node to node. */

/** Use ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT. NULL and 0 mean the default. */
typedef struct alldata_http_transport_options {
    uint32_t struct_size;
    int32_t run_mode; /**< ALLDATA_RUN_* */
    /** NULL: plain text. With a certificate or a CA peers are spoken to over TLS. */
    const alldata_http_security *security;
    uint32_t max_connections;    /**< to one peer; others wait for one of them; default 4 */
    uint32_t connect_timeout_ms; /**< for a connection to stand; default 2000 */
} alldata_http_transport_options;

#define ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT                                                        \
    { (uint32_t)sizeof(alldata_http_transport_options), 0, NULL, 0, 0 }

/**
 * Carries requests over HTTP/1.1, on connections that are kept. Nothing is loaded, nor is a thread
 * started, before the first call. Redirects are not followed, and no proxy is used. options and
 * allocator may be NULL; libcurl, which does it, takes its memory from malloc().
 *
 * REPLI_EINVALID: an option is wrong. REPLI_EFULL: there are no more descriptors. Thread-safe.
 */
REPLI_API int32_t alldata_http_transport_new(const alldata_http_transport_options *options,
                                             const repli_allocator *allocator,
                                             alldata_transport **ret_transport, repli_error *err);
/**
 * New certificates and another secret, NULL for none: calls that begin afterwards have them, on
 * connections of their own. Calls under way end as they began, and then the old key and secret are
 * forgotten. On failure everything stays as it was. REPLI_EINVALID: the certificates or the secret
 * are no good, or the transport is none of alldata_http_transport_new(). REPLI_EFULL: there are no
 * more descriptors. Thread-safe.
 */
REPLI_API int32_t alldata_http_transport_reload(alldata_transport *transport,
                                                const alldata_http_security *security,
                                                repli_error *err);
/** End all calls with REPLI_ECANCELLED, and free. Not from within a reply. NULL is fine. */
REPLI_API void alldata_http_transport_free(alldata_transport *transport);

/* Clients. */

/** A client of a cluster: of any of its nodes. */
typedef struct alldata_client alldata_client;

/** Use ALLDATA_CLIENT_OPTIONS_INIT. NULL and 0 mean the default. */
typedef struct alldata_client_options {
    uint32_t struct_size;
    uint32_t max_connections; /**< at a time; further calls wait for one; default 16 */
    /** Where nodes serve clients: "http://host:port", "https://host:port", "unix:path". One is
     *  used until it fails, then the next. */
    const char *const *urls;
    size_t url_count;                      /**< 1 to 64 */
    const alldata_http_security *security; /**< NULL: none */
    uint64_t timeout_ms;                   /**< of a call, all its tries together; default 10000 */
} alldata_client_options;

#define ALLDATA_CLIENT_OPTIONS_INIT                                                                \
    { (uint32_t)sizeof(alldata_client_options), 0, NULL, 0, NULL, 0 }

/**
 * A client, which connects when it is used. allocator may be NULL; libcurl, which is loaded by the
 * first call, takes its memory from malloc(). REPLI_EINVALID: an option is wrong. Thread-safe.
 */
REPLI_API int32_t alldata_client_new(const alldata_client_options *options,
                                     const repli_allocator *allocator, alldata_client **ret_client,
                                     repli_error *err);
/** Calls and scans must have ended. NULL is fine. */
REPLI_API void alldata_client_free(alldata_client *client);

/**
 * Put an event, and wait until it is acknowledged. One without a key gets one here, so that a node
 * which is asked after another has failed does not store it twice. Returns what became of it:
 * REPLI_OK or the code that ret_result, which may be NULL and is filled in any case, has as well;
 * its error is NULL, as err tells it. A reference node tells no key, and makes another for each
 * try. REPLI_EAUTH: the secret or a certificate was refused. Thread-safe.
 */
REPLI_API int32_t alldata_client_put(alldata_client *client, const alldata_put *put,
                                     alldata_put_result *ret_result, repli_error *err);
/**
 * Put many events, in few requests. done, which may be NULL, is called within, with all results in
 * the order of the puts, some at a time. Returns REPLI_OK if all were acknowledged, else the code
 * of the first that was not. Thread-safe.
 */
REPLI_API int32_t alldata_client_put_many(alldata_client *client, const alldata_put *puts,
                                          size_t count, alldata_put_fn done, void *user_data,
                                          repli_error *err);

/** Ask for a document, such as "/_alldata/status", which is appended to ret_body. Whatever status
 *  the answer has, it is no error. timeout_ms 0: as the client is set. Thread-safe. */
REPLI_API int32_t alldata_client_get(alldata_client *client, const char *path, uint64_t timeout_ms,
                                     int32_t *ret_status, repli_buf *ret_body, repli_error *err);
/** Likewise, send a body, which may be empty; type may be NULL then. Another node is only tried if
 *  this one cannot have had it. Thread-safe. */
REPLI_API int32_t alldata_client_post(alldata_client *client, const char *path, const char *type,
                                      const char *body, size_t body_size, uint64_t timeout_ms,
                                      int32_t *ret_status, repli_buf *ret_body, repli_error *err);

/** A reader of events, merged over the cluster, in the order of their keys. */
typedef struct alldata_client_scan alldata_client_scan;

/** Use ALLDATA_CLIENT_SCAN_OPTIONS_INIT. */
typedef struct alldata_client_scan_options {
    uint32_t struct_size;
    int32_t local;        /**< not 0: what one node has, not the cluster */
    const char *from;     /**< first key, or the beginning of one; NULL: from the first */
    const char *after;    /**< the key after which it begins; NULL: none */
    const char *until;    /**< the key, or beginning of one, before which it ends; NULL: the last */
    const char *prefix;   /**< only keys that begin so; NULL: all */
    const char *interval; /**< only what is in the interval of that name; NULL: all */
    uint64_t limit;       /**< most events; 0: all */
} alldata_client_scan_options;

#define ALLDATA_CLIENT_SCAN_OPTIONS_INIT                                                           \
    { (uint32_t)sizeof(alldata_client_scan_options), 0, NULL, NULL, NULL, NULL, NULL, 0 }

/** Begin to read; options may be NULL. Nothing is asked before the first event is. The client must
 *  outlive the scan. Thread-safe. */
REPLI_API int32_t alldata_client_scan_new(alldata_client *client,
                                          const alldata_client_scan_options *options,
                                          alldata_client_scan **ret_scan, repli_error *err);
/**
 * The next event, which lives until the next call for this scan. If the connection breaks it is
 * gone on with after the last event, at another node if need be. REPLI_EDONE: there are no more.
 * REPLI_ENOQUORUM: so many nodes do not answer that events may be missing from here on. A scan
 * belongs to one thread at a time.
 */
REPLI_API int32_t alldata_client_scan_next(alldata_client_scan *scan, alldata_record *ret_record,
                                           repli_error *err);
/** NULL is fine. */
REPLI_API void alldata_client_scan_free(alldata_client_scan *scan);
/* Request in, response out. */

/** Which server a request came to. */
enum {
    ALLDATA_HTTP_CLIENTS = 1, /**< the one for clients */
    ALLDATA_HTTP_PEERS = 2    /**< the one for peers */
};

/** A request. Use ALLDATA_HTTP_REQUEST_INIT. */
typedef struct alldata_http_request {
    uint32_t struct_size;
    int32_t port;       /**< ALLDATA_HTTP_CLIENTS or ALLDATA_HTTP_PEERS */
    const char *method; /**< such as "POST" */
    const char *target; /**< path and query as in the request line, still percent-encoded */
    const char *body;   /**< NULL: none */
    size_t body_size;
    const char *type;       /**< header Content-Type; NULL: none, as with the others */
    const char *key;        /**< header AllData-Key */
    const char *commit;     /**< header AllData-Commit: one, quorum or all */
    const char *timeout_ms; /**< header AllData-Timeout-Ms */
} alldata_http_request;

#define ALLDATA_HTTP_REQUEST_INIT                                                                  \
    {                                                                                              \
        (uint32_t)sizeof(alldata_http_request), ALLDATA_HTTP_CLIENTS, NULL, NULL, NULL, 0, NULL,   \
            NULL, NULL, NULL                                                                       \
    }

/** A response. All of it dies when the function that takes it returns. */
typedef struct alldata_http_response {
    uint32_t struct_size;
    int32_t status;   /**< such as 201 */
    const char *type; /**< header Content-Type; NULL: there is no body */
    const char *body; /**< if the request was HEAD: what GET would get, not to be sent */
    size_t body_size;
    const char *key;       /**< header AllData-Key; NULL: none */
    const char *allow;     /**< header Allow; NULL: none */
    int32_t retry_after_s; /**< header Retry-After; 0: none */
    int32_t reserved;
} alldata_http_response;

/** Takes the response, on any thread, possibly before alldata_http_handle() returns. Must not
 *  block. */
typedef void (*alldata_http_respond_fn)(void *user_data, const alldata_http_response *response);

/**
 * Answer one request. respond is called exactly once, unless an error is returned (REPLI_EINVALID:
 * this is no request). Target and body have to stay until then, the other texts only for the call.
 * Puts never wait; what reads does so for the disk, and for peers if they are to be asked, and
 * answers before it returns. Events are answered a page at a time. Who may ask is the caller's
 * business. Thread-safe.
 */
REPLI_API int32_t alldata_http_handle(alldata_node *node, const alldata_http_request *request,
                                      alldata_http_respond_fn respond, void *user_data,
                                      repli_error *err);

/* Servers. */

/** Listens for the clients and the peers of a node. */
typedef struct alldata_http_server alldata_http_server;

/** Use ALLDATA_HTTP_SERVER_OPTIONS_INIT. NULL and 0 mean the default, or none where there is none.
 */
typedef struct alldata_http_server_options {
    uint32_t struct_size;
    int32_t run_mode;         /**< ALLDATA_RUN_* */
    const char *clients;      /**< "host:port" for clients, "[::1]:port"; port 0: any */
    const char *peers;        /**< "host:port" for peers */
    const char *unix_path;    /**< UNIX socket for clients, who need no secret and no certificate */
    uint32_t unix_mode;       /**< permissions of the socket; default 0600 */
    uint32_t max_connections; /**< at once, of all kinds; default 1024 */
    uint32_t request_timeout_ms; /**< a request that takes longer to arrive is cut; default 5000 */
    uint32_t keep_alive_ms;      /**< an idle connection is closed; default 5000 */
    uint64_t max_body;           /**< bytes of an event; default 1 MiB */
    uint64_t max_bulk_body;      /**< bytes of many; default 32 MiB */
    uint64_t max_receiving;      /**< bytes of all bodies in memory at once; default 256 MiB */
    const alldata_http_security *client_security; /**< NULL: plain text, no secret */
    const alldata_http_security *peer_security;   /**< likewise */
} alldata_http_server_options;

#define ALLDATA_HTTP_SERVER_OPTIONS_INIT                                                           \
    {                                                                                              \
        (uint32_t)sizeof(alldata_http_server_options), 0, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0,   \
            NULL, NULL                                                                             \
    }

/** Whether addresses, certificates and keys make sense, without listening: REPLI_EINVALID if a
 *  server could never start with them. Thread-safe. */
REPLI_API int32_t alldata_http_server_check(const alldata_http_server_options *options,
                                            repli_error *err);
/**
 * Listen. The node must outlive the server; it may be started later, as its peers are to be told
 * the port. allocator may be NULL. REPLI_EBUSY: an address is in use, the message says which.
 * REPLI_EINVALID: an option is wrong. Thread-safe.
 */
REPLI_API int32_t alldata_http_server_new(alldata_node *node,
                                          const alldata_http_server_options *options,
                                          const repli_allocator *allocator,
                                          alldata_http_server **ret_server, repli_error *err);
/** The port for clients; 0: none. Thread-safe. */
REPLI_API int32_t alldata_http_server_port(const alldata_http_server *server);
/** The port for peers; 0: none. Thread-safe. */
REPLI_API int32_t alldata_http_server_peer_port(const alldata_http_server *server);
/** New limits, certificates and secrets, without losing a connection. Addresses cannot change:
 *  another one than before is REPLI_EINVALID, NULL keeps what is. On failure everything stays as it
 *  was. Not at the same time as another call on this server. */
REPLI_API int32_t alldata_http_server_reload(alldata_http_server *server,
                                             const alldata_http_server_options *options,
                                             repli_error *err);
/**
 * What alldata_http_handle() does for the node, and what only a server can, which goes on later: an
 * export of a node with peers is begun, and its metrics have those of the server. The server must
 * outlive the answer. Thread-safe.
 */
REPLI_API int32_t alldata_http_server_handle(alldata_http_server *server,
                                             const alldata_http_request *request,
                                             alldata_http_respond_fn respond, void *user_data,
                                             repli_error *err);
/** Accept nothing more, answer what has begun, up to timeout_ms, then close and free. A thread that
 *  a disk does not return to is waited for nevertheless. Dispatches the node meanwhile if it is
 *  driven, so never within dispatch. NULL is fine. */
REPLI_API void alldata_http_server_free(alldata_http_server *server, int64_t timeout_ms);

/** Counted since the start, but for those said to be of now. */
typedef struct alldata_http_counters {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t open;         /**< connections, now */
    uint64_t open_clients; /**< of these: of clients over TCP */
    uint64_t open_peers;   /**< of peers */
    uint64_t open_unix;    /**< over the UNIX socket */
    uint64_t connections;  /**< accepted */
    uint64_t cut;          /**< of these: ended for a limit on time or number */
    uint64_t requests;     /**< that arrived as a whole, or were refused */
    uint64_t refused;      /**< of these: for the size of their body */
    uint64_t bytes_in;     /**< of bodies */
    uint64_t bytes_out;    /**< of bodies */
} alldata_http_counters;

#define ALLDATA_HTTP_COUNTERS_INIT                                                                 \
    { (uint32_t)sizeof(alldata_http_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Fill in the counters as far as the caller knows them. Thread-safe. */
REPLI_API int32_t alldata_http_server_count(const alldata_http_server *server,
                                            alldata_http_counters *counters, repli_error *err);

/** ALLDATA_RUN_DISPATCH: as alldata_node_fd(), alldata_node_deadline(), alldata_node_dispatch(). */
REPLI_API int32_t alldata_http_server_fd(const alldata_http_server *server);
REPLI_API uint64_t alldata_http_server_deadline(const alldata_http_server *server);
REPLI_API int32_t alldata_http_server_dispatch(alldata_http_server *server, repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
