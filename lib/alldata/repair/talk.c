#include "alldata/repair/talk.h"

#include <string.h>

#include "alldata/wire/frame.h"
#include "base/buf.h"
#include "base/error.h"

enum { TIMEOUT_MS = 15000 };

int alldata__talk_init(alldata__talk *talk, const repli__mem *mem, const char *id, const char *host,
                       int32_t port) {
    repli_buf *const bufs[] = {&talk->path, &talk->body, &talk->answer, &talk->reply};
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        bufs[i]->allocator = mem;
    talk->host = repli__strdup(mem, host);
    if (talk->host == NULL)
        return REPLI_ENOMEM;
    talk->id = id;
    talk->port = port;
    pthread_mutex_init(&talk->mutex, NULL);
    return REPLI_OK;
}

void alldata__talk_dispose(alldata__talk *talk) {
    if (talk->host == NULL)
        return;
    if (talk->asked)
        talk->transport->cancel(talk->transport->self, talk);
    pthread_mutex_destroy(&talk->mutex);
    repli__free(talk->path.allocator, talk->host);
    talk->host = NULL;
    repli_buf_dispose(&talk->path);
    repli_buf_dispose(&talk->body);
    repli_buf_dispose(&talk->answer);
    repli_buf_dispose(&talk->reply);
}

/* All under the mutex: once it is let go, the talk may be gone. */
static void take_reply(void *user_data, const alldata_reply *reply) {
    alldata__talk *talk = user_data;
    pthread_mutex_lock(&talk->mutex);
    talk->status = reply->error == NULL ? reply->status : 0;
    talk->reply.size = 0;
    if (reply->error != NULL)
        repli__error_copy(&talk->error, reply->error);
    else if (repli__buf_append(&talk->reply, reply->body, reply->body_size) != REPLI_OK) {
        talk->status = 0;
        repli__error_nomem(&talk->error, "repair", "reading the answer of a peer");
    }
    talk->answered = 1;
    talk->wake(talk->wake_data);
    pthread_mutex_unlock(&talk->mutex);
}

int32_t alldata__talk_ask(alldata__talk *talk, size_t max_reply, repli_error *err) {
    alldata_call call = ALLDATA_CALL_INIT;
    const int posts = talk->body.size > 0;
    call.host = talk->host;
    call.port = talk->port;
    call.method = posts ? "POST" : "GET";
    call.path = talk->path.data;
    call.type = posts ? ALLDATA__FRAMES_TYPE : NULL;
    call.body = posts ? talk->body.data : NULL;
    call.body_size = talk->body.size;
    call.timeout_ms = TIMEOUT_MS;
    call.max_reply = max_reply;
    call.reply = take_reply;
    call.user_data = talk;
    talk->answered = 0;
    talk->error = (repli_error)REPLI_ERROR_INIT;
    talk->asked = 1;
    const int32_t code = talk->transport->begin(talk->transport->self, &call, err);
    if (code != REPLI_OK)
        talk->asked = 0;
    return code;
}

static int32_t refusal(const alldata__talk *talk, repli_error *err) {
    if (talk->status != 0)
        return repli__error(err, REPLI_EPROTOCOL, "repair", "%s answers with status %d: %.200s",
                            talk->id, (int)talk->status,
                            talk->answer.size > 0 ? talk->answer.data : "nothing");
    repli__error_copy(err, &talk->error);
    return repli__error_within(err, talk->error.code, "%s", talk->id);
}

int32_t alldata__talk_look(alldata__talk *talk, repli_error *err) {
    int32_t code = REPLI_EBUSY;
    pthread_mutex_lock(&talk->mutex);
    if (talk->asked && talk->answered) {
        const repli_buf old = talk->answer;
        talk->answer = talk->reply;
        talk->reply = old;
        talk->asked = 0;
        code = REPLI_OK;
    }
    pthread_mutex_unlock(&talk->mutex);
    if (code != REPLI_OK || talk->status == 200 || talk->status == 201)
        return code;
    return refusal(talk, err);
}
