#ifndef REPLI_WEB_INTERRUPT_H
#define REPLI_WEB_INTERRUPT_H

#include "web/web.h"

struct repli__web_connection;

/* Answer in the midst of a request's body, where libmicrohttpd takes no answer: past it, on a
 * connection that then ends. Best effort. */
void repli__web_interrupt(struct repli__web_connection *connection,
                          const repli__web_response *response);

#endif
