#ifndef ALLDATA_HTTP_FLOW_H
#define ALLDATA_HTTP_FLOW_H

#include "alldata-http/call.h"
#include "web/web.h"

/* Streams of events to clients, each as fast as its client reads. */

/* Answer a call for events, which came as request, with a stream, or with an error. The worker. */
void alldata__http_flow_begin(alldata__http_call *call, const repli__web_request *request);

#endif
