#ifndef ALLDATA_HTTP_H
#define ALLDATA_HTTP_H

/*
 * AllData over HTTP, in a library of its own (liballdata-http): what carries requests from node to
 * node.
 */

#include <stddef.h>
#include <stdint.h>

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
} alldata_http_security;

#define ALLDATA_HTTP_SECURITY_INIT                                                                 \
    { (uint32_t)sizeof(alldata_http_security), 0, NULL, NULL, NULL, NULL }

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
/** End all calls with REPLI_ECANCELLED, and free. Not from within a reply. NULL is fine. */
REPLI_API void alldata_http_transport_free(alldata_transport *transport);

#ifdef __cplusplus
}
#endif

#endif
