#ifndef ALLDATA_HTTP_CALL_H
#define ALLDATA_HTTP_CALL_H

#include <alldata/http.h>

#include "base/mem.h"
#include "web/target.h"

#define ALLDATA__HTTP_ORIGIN "http"

typedef struct alldata__http_call alldata__http_call;
typedef struct alldata__http_office alldata__http_office;

/* Answers a call, with the query if it is for a path of ours, else NULL: it is answered with one of
 * those in answer.h, now or later, after which it may be gone, or an error is returned, which the
 * caller then answers with. */
typedef int32_t (*alldata__http_handler_fn)(alldata__http_call *call,
                                            const repli__web_target *query, repli_error *err);

/* Properties of what a handler does. */
enum {
    ALLDATA__HTTP_BLOCKS = 1 << 0,  /* it waits for the disk */
    ALLDATA__HTTP_CHANGES = 1 << 1, /* it changes more than that there is one more event */
    ALLDATA__HTTP_OPEN = 1 << 2,    /* what it tells is no secret */
    ALLDATA__HTTP_BULK = 1 << 3,    /* its body holds many events */
    ALLDATA__HTTP_STREAMS = 1 << 4  /* a server answers with a stream */
};

/* What a body says that it is. */
enum { ALLDATA__HTTP_OTHER = 0, ALLDATA__HTTP_FRAMES, ALLDATA__HTTP_LINES };

/* A request that was understood, or is to be refused. The body and the target belong to whoever
 * made it, and stay until it is answered; nothing else of the request is needed any more. */
struct alldata__http_call {
    alldata_node *node;
    alldata__http_office *office; /* of the server that it came to; NULL: of none */
    const char *target;
    const char *body;
    size_t body_size;
    alldata_http_respond_fn respond;
    void *user_data;

    alldata__http_handler_fn handler; /* NULL: refused */
    int resource;                     /* it is one of ours, which looks at the query */
    unsigned flags;                   /* ALLDATA__HTTP_BLOCKS, … */
    int port;                         /* ALLDATA_HTTP_CLIENTS or ALLDATA_HTTP_PEERS */
    int type;                         /* ALLDATA__HTTP_FRAMES, … */
    int owned;                        /* to be freed once it is answered */

    /* Of a put, from its headers, but for what is said to be from elsewhere. */
    int32_t commit;
    uint64_t timeout_ms;
    uint32_t put_flags;         /* ALLDATA_PUT_*, from the query */
    const char *bad_header;     /* the name of one that makes no sense; NULL: all do */
    char key[ALLDATA_KEY_SIZE]; /* empty: one is to be made */

    /* Of one that is refused. */
    int32_t status;
    const char *allow;
};

/* Find out what is asked for. Takes no memory and never fails: what makes no sense becomes a
 * refusal. Does not look at the body, which may be set later. */
void alldata__http_call_init(alldata__http_call *call, alldata_node *node,
                             const alldata_http_request *request);
/* What alldata_http_handle() does; office NULL: of no server. */
int32_t alldata__http_handle(alldata_node *node, alldata__http_office *office,
                             const alldata_http_request *request, alldata_http_respond_fn respond,
                             void *user_data, repli_error *err);
/* REPLI_EFORK if the node belongs to another process, of which this one is a fork. */
int32_t alldata__http_check_node(alldata_node *node, repli_error *err);
/* Not 0 if the body of such a request, of which port, method and target are set, holds many events.
 */
int alldata__http_takes_many(const alldata_http_request *request);
/* Answer it, now or later. */
void alldata__http_call_answer(alldata__http_call *call);

/* By room: put.c, bulk.c, peers.c, events.c, status.c, orders.c, metrics.c. */
int32_t alldata__http_put(alldata__http_call *call, const repli__web_target *query,
                          repli_error *err);
int32_t alldata__http_peer_put(alldata__http_call *call, const repli__web_target *query,
                               repli_error *err);
int32_t alldata__http_put_many(alldata__http_call *call, const repli__web_target *query,
                               repli_error *err);
int32_t alldata__http_peer_records(alldata__http_call *call, const repli__web_target *query,
                                   repli_error *err);
int32_t alldata__http_events(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err);
int32_t alldata__http_status(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err);
int32_t alldata__http_intervals(alldata__http_call *call, const repli__web_target *query,
                                repli_error *err);
int32_t alldata__http_live(alldata__http_call *call, const repli__web_target *query,
                           repli_error *err);
int32_t alldata__http_ready(alldata__http_call *call, const repli__web_target *query,
                            repli_error *err);
int32_t alldata__http_export(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err);
int32_t alldata__http_peer_read(alldata__http_call *call, const repli__web_target *query,
                                repli_error *err);
int32_t alldata__http_peers(alldata__http_call *call, const repli__web_target *query,
                            repli_error *err);
int32_t alldata__http_join(alldata__http_call *call, const repli__web_target *query,
                           repli_error *err);
int32_t alldata__http_forget(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err);
int32_t alldata__http_repair(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err);
int32_t alldata__http_metrics(alldata__http_call *call, const repli__web_target *query,
                              repli_error *err);

#endif
