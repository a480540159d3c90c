#ifndef ALLDATA_HTTP_SCANNER_H
#define ALLDATA_HTTP_SCANNER_H

#include <pthread.h>

#include "alldata-http/call.h"
#include "base/worker.h"
#include "web/web.h"

/*
 * Streams of events to clients, each as fast as its client reads. What this node has is read by the
 * server's worker. What has to be asked of peers is read here, in a thread of its own, so that
 * putting it together takes no time from the worker, who answers the peers' requests; in a server
 * without threads, it is read in its turns. Either way a peer that does not answer is not waited
 * for: its answer brings the stream back.
 */
typedef struct alldata__http_flow alldata__http_flow;

typedef struct alldata__http_scanner {
    repli__worker worker;
    int made;
    pthread_mutex_t mutex; /* guards what follows */
    int stopping;
    alldata__http_flow *first, *last; /* that want a page, in turn */
} alldata__http_scanner;

/* The thread is begun with the first stream that needs it. */
int32_t alldata__http_scanner_init(alldata__http_scanner *scanner, repli_error *err);
/* After the last stream ended. Waits for the page in progress, but for no peer. Fine on a zeroed
 * one. */
void alldata__http_scanner_dispose(alldata__http_scanner *scanner);

/* Answer a call for events, which came as request, with a stream, or with an error. scanner NULL:
 * nothing of ours may run in a thread. The worker. */
void alldata__http_flow_begin(alldata__http_scanner *scanner, alldata__http_call *call,
                              const repli__web_request *request);

#endif
