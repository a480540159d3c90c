#include <string.h>

#include "alldata-http/answer.h"
#include "alldata/wire/event.h"
#include "base/error.h"

enum { RETRY_S = 1 };

/* The reference answers with 500 whatever is not the client's fault, so that everything else can be
 * tried again elsewhere. */
static int32_t status_of_put(const alldata_put_result *result) {
    switch (result->code) {
    case REPLI_OK: return 201;
    case REPLI_ETIMEOUT:
    case REPLI_ENOQUORUM: return 500;
    default: return alldata__http_status_of(result->code);
    }
}

static void answer_put(alldata__http_call *call, int32_t status, const alldata_put_result *result) {
    alldata_http_response response = {.struct_size = sizeof(response), .status = status};
    repli_buf json = REPLI_BUF_INIT;
    if (result->key[0] != '\0')
        response.key = result->key;
    if (result->code != REPLI_OK &&
        alldata__http_write_failure(&json, result->error, result) == REPLI_OK) {
        response.type = alldata__http_json;
        response.body = json.data;
        response.body_size = json.size;
    }
    response.retry_after_s = status == 503 ? RETRY_S : 0;
    alldata__http_answer(call, &response);
    repli_buf_dispose(&json);
}

static void done(void *user_data, const alldata_put_result *results, size_t count) {
    (void)count;
    answer_put(user_data, status_of_put(results), results);
}

/* The reference's coordinators try the next peer whatever the failure is. */
static void peer_done(void *user_data, const alldata_put_result *results, size_t count) {
    (void)count;
    const int refused = results->code == REPLI_EINVALID;
    answer_put(user_data, refused ? 500 : status_of_put(results), results);
}

/* Not 0 if the body is the one JSON text that is no event. */
static int is_null(const alldata__http_call *call) {
    static const char space[] = " \t\r\n";
    size_t at = 0, end = call->body_size;
    while (at < end && memchr(space, call->body[at], sizeof(space) - 1) != NULL)
        at++;
    while (end > at && memchr(space, call->body[end - 1], sizeof(space) - 1) != NULL)
        end--;
    return end - at == 4 && memcmp(call->body + at, "null", 4) == 0;
}

int32_t alldata__http_put(alldata__http_call *call, const repli__web_target *query,
                          repli_error *err) {
    (void)query;
    if (is_null(call)) {
        repli_error error = REPLI_ERROR_INIT;
        repli__error(&error, REPLI_EINVALID, ALLDATA__HTTP_ORIGIN,
                     "the event is null, which is none");
        alldata__http_answer_error(call, 500, NULL, &error);
        return REPLI_OK;
    }
    alldata_put put = ALLDATA_PUT_INIT;
    put.commit = call->commit;
    put.key = call->key[0] != '\0' ? call->key : NULL;
    put.event = call->body;
    put.event_size = call->body_size;
    put.timeout_ms = call->timeout_ms;
    put.flags = call->put_flags;
    return alldata_node_put(call->node, &put, 1, done, call, err);
}

int32_t alldata__http_peer_put(alldata__http_call *call, const repli__web_target *query,
                               repli_error *err) {
    (void)query;
    alldata_record record = ALLDATA_RECORD_INIT;
    const int32_t code = alldata__body_read(call->body, call->body_size, &record, err);
    if (code != REPLI_OK && record.key == NULL)
        return code;
    if (code != REPLI_OK) {
        alldata__http_answer_error(call, 500, NULL, err);
        return REPLI_OK;
    }
    return alldata_coordinator_store(alldata_node_coordinator(call->node), &record, 1,
                                     call->put_flags, peer_done, call, err);
}
