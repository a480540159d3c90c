#ifndef REPLI_WEB_TLS_H
#define REPLI_WEB_TLS_H

#include <gnutls/gnutls.h>

#include "web/web.h"

/* No TLS before 1.2. */
#define REPLI__WEB_TLS_PRIORITIES "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"

struct repli__web_connection;

/* NULL: there is none. */
gnutls_session_t repli__web_connection_session(const struct repli__web_connection *connection);

/* Before the handshake: without a client certificate that the CA bundle vouches for, it fails. */
void repli__web_tls_require_client(gnutls_session_t session);

/* After it: the subject of the client's certificate (RFC 4514), or its SHA-256 digest if that
 * would be no name for anybody, to be freed with repli__free(). NULL if there is no certificate, or
 * no memory. */
char *repli__web_tls_subject(const repli__mem *mem, gnutls_session_t session);

#endif
