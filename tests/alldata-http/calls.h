#ifndef TESTS_ALLDATA_HTTP_CALLS_H
#define TESTS_ALLDATA_HTTP_CALLS_H

#include <semaphore.h>
#include <stdatomic.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "peer.h"

/* Calls through a transport, with a thread and driven. What goes wrong here fails the test. */

/* mode: 0: with a thread; 1: driven. */
enum { CALLS_MODES = 2, CALLS_PATIENCE_S = 30 };

typedef struct calls_outcome {
    sem_t came;
    atomic_int times;
    int32_t status;
    char body[4096];
    size_t body_size;
    repli_error error;
} calls_outcome;

alldata_transport *calls_make(int mode, uint32_t max_connections,
                              const alldata_http_security *security);
/* A GET to 127.0.0.1, whose reply is kept in to. */
alldata_call calls_call(int port, const char *path, calls_outcome *to);
void calls_reset(calls_outcome *to);
/* What such a call has as its reply. */
void calls_take(void *user_data, const alldata_reply *reply);

void calls_begin(const alldata_transport *t, const alldata_call *call);
/* Wait until it was answered, exactly once; drives it if need be. */
void calls_await(const alldata_transport *t, calls_outcome *to);
void calls_ask(const alldata_transport *t, const alldata_call *call);
/* Wait until a peer has had so many requests. */
void calls_await_requests(const alldata_transport *t, peer *p, int count);

#endif
