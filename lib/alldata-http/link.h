#ifndef ALLDATA_HTTP_LINK_H
#define ALLDATA_HTTP_LINK_H

#include "alldata-http/transport.h"

/*
 * Connections in plain text to addresses, which is what most peers have: the transport's own, since
 * libcurl takes three times as long for a request, and 4 MiB as soon as it is loaded. It has what
 * is left: TLS, and names that must be looked up. The turn is held.
 */

/* Not 0 if it is for a link. */
int alldata__link_is_for(const alldata__transport *t, const alldata_call *call);
/* Begin to carry a call of a line that has room for it; its reply is called in any case. */
void alldata__link_start(alldata__transport *t, alldata__line *line, alldata__item *item);
/* Something happened to its socket. */
void alldata__link_ready(alldata__transport *t, alldata__link *link, uint32_t events);
/* End what takes too long. */
void alldata__link_tick(alldata__transport *t);
/* End those whose item fits, with why. */
void alldata__link_break(alldata__transport *t,
                         int (*fits)(const alldata__item *item, const void *user_data),
                         const void *user_data, const repli_error *why);
void alldata__link_dispose_all(alldata__transport *t);

#endif
