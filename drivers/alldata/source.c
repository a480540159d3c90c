#include "source.h"

#include <string.h>

#include "alldata.h"

/* Kept back for what is to be said when the node does not answer. */
#define MARGIN_NS UINT64_C(20000000)

uint64_t repli__alldata_left_ms(const repli__alldata *alldata, const repli_op *op) {
    const repli_host *host = alldata->host;
    const uint64_t deadline = host->deadline_ns(op);
    const uint64_t now = host->now_ns(host);
    if (host->cancelled(op) || deadline <= now)
        return 0;
    const uint64_t left = deadline - now;
    if (left / 1000000 > 3600000)
        return 3600000;
    return left > MARGIN_NS + 1000000 ? (left - MARGIN_NS) / 1000000 : 1;
}

void repli__alldata_answer_free(const repli__alldata *alldata, repli__alldata_answer *answer) {
    alldata->host->release(alldata->host, answer->body);
    *answer = (repli__alldata_answer){.status = 0};
}

static const struct {
    int32_t status;
    int32_t code;
} meanings[] = {
    {400, REPLI_EINVALID}, {403, REPLI_EPERMISSION}, {404, REPLI_ENOTFOUND}, {409, REPLI_ECONFLICT},
    {413, REPLI_EFULL},    {501, REPLI_ENOTSUP},     {503, REPLI_ENOTREADY},
};

int32_t repli__alldata_refused(const repli__alldata *alldata, const repli__alldata_answer *answer,
                               const char *path, repli_error *err) {
    const repli_host *host = alldata->host;
    const char *where = alldata->source->name;
    char message[REPLI_ERROR_MESSAGE_SIZE / 2] = "";
    if (answer->status == 401)
        return repli__alldata_fail(alldata, err, REPLI_EAUTH, NULL,
                                   "authentication failed at AllData at %s: check the secret",
                                   where);
    const int32_t code = host->json_string(host, answer->body, answer->size, "error_msg", message,
                                           sizeof(message), NULL);
    if (code != REPLI_OK && code != REPLI_EFULL)
        return repli__alldata_fail(alldata, err, REPLI_EPROTOCOL, NULL,
                                   "what answers at %s is no AllData node that could be asked: it "
                                   "answers %s with status %d%s",
                                   where, path, (int)answer->status,
                                   answer->status == 405 ? ", as a reference node does" : "");
    int32_t found = answer->status >= 500 ? REPLI_EIO : REPLI_ESTATE;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        if (meanings[i].status == answer->status)
            found = meanings[i].code;
    return repli__alldata_fail(alldata, err, found, NULL, "AllData at %s refused %s: %s", where,
                               path, message);
}

int32_t repli__alldata_ask(const repli__alldata *alldata, const repli_op *op, const char *method,
                           const char *path, repli__alldata_answer *ret_answer, repli_error *err) {
    repli__alldata_answer answer = {.status = 0};
    int32_t code = alldata->source->ask(alldata->source, op, method, path, &answer, err);
    if (code != REPLI_OK)
        return code;
    if (answer.status >= 200 && answer.status < 300) {
        *ret_answer = answer;
        return REPLI_OK;
    }
    code = repli__alldata_refused(alldata, &answer, path, err);
    repli__alldata_answer_free(alldata, &answer);
    return code;
}
