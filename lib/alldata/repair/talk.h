#ifndef ALLDATA_REPAIR_TALK_H
#define ALLDATA_REPAIR_TALK_H

#include <pthread.h>

#include <alldata/transport.h>
#include <replicante/alloc.h>

#include "base/mem.h"

/*
 * One question to a peer at a time, and its answer, which waits until somebody looks. Asking and
 * looking belong to one thread at a time; the answer comes on any.
 */
typedef struct alldata__talk {
    const alldata_transport *transport;
    void (*wake)(void *user_data); /* an answer came; must not block, nor look for it */
    void *wake_data;
    char *host;
    int32_t port;
    const char *id; /* of the peer, for messages; not copied */
    repli_buf path; /* of the question */
    repli_buf body; /* of the question */
    repli_buf answer;
    int asked;

    pthread_mutex_t mutex; /* guards what follows */
    int answered;
    int32_t status; /* 0: there was no answer */
    repli_buf reply;
    repli_error error;
} alldata__talk;

/* mem and id stay as long as it does. REPLI_ENOMEM. */
int alldata__talk_init(alldata__talk *talk, const repli__mem *mem, const char *id, const char *host,
                       int32_t port);
/* Waits for a question in progress to be called off. A zeroed one is fine. */
void alldata__talk_dispose(alldata__talk *talk);

/* Ask with GET of talk->path, or with POST if talk->body is not empty. */
int32_t alldata__talk_ask(alldata__talk *talk, size_t max_reply, repli_error *err);
/* REPLI_EBUSY, without a message: there is no answer yet. REPLI_OK: talk->answer is that of status
 * 200 or 201. Else why there is none, with the peer's name. */
int32_t alldata__talk_look(alldata__talk *talk, repli_error *err);

#endif
