#include "alldata-http/client.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_check.h"
#include "base/json_span.h"

int32_t alldata__code_named(const char *name) {
    for (int32_t code = REPLI_OK; code >= REPLI_EFORK; code--)
        if (strcmp(repli_error_name(code), name) == 0)
            return code;
    return REPLI_EINTERNAL;
}

static int32_t read_code(repli__json_span name) {
    char text[32];
    repli__json_decode(name, text, sizeof(text));
    return alldata__code_named(text);
}

static void take_number(repli__json_span value, int32_t *ret_number) {
    int64_t number;
    if (repli__json_type(value) == REPLI__JSON_INTEGER && repli__json_to_integer(value, &number) &&
        number >= 0 && number <= INT32_MAX)
        *ret_number = (int32_t)number;
}

static void take_member(repli__json_span name, repli__json_span value, alldata__verdict *verdict) {
    static const struct {
        const char *name;
        size_t offset;
    } numbers[] = {{"replicas", offsetof(alldata__verdict, replicas)},
                   {"needed", offsetof(alldata__verdict, needed)},
                   {"hints", offsetof(alldata__verdict, hints)}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (repli__json_string_is(name, numbers[i].name, strlen(numbers[i].name)))
            take_number(value, (int32_t *)(void *)((char *)verdict + numbers[i].offset));
    if (repli__json_type(value) != REPLI__JSON_STRING)
        return;
    if (repli__json_string_is(name, "code", 4))
        verdict->code = read_code(value);
    else if (repli__json_string_is(name, "key", 3) &&
             repli__json_length(value) == ALLDATA_KEY_LENGTH)
        repli__json_decode(value, verdict->key, sizeof(verdict->key));
    else if (repli__json_string_is(name, "error_msg", 9))
        repli__json_decode(value, verdict->message, sizeof(verdict->message));
}

int alldata__verdict_read(const char *json, size_t size, alldata__verdict *ret_verdict) {
    alldata__verdict verdict = {.code = 1};
    if (size == 0 ||
        repli__json_check(json, size, REPLI__DOCUMENT_DEPTH, "an answer", NULL) != REPLI_OK)
        return 0;
    const repli__json_span object = repli__json_root(json, size);
    repli__json_span name;
    repli__json_span value;
    if (repli__json_type(object) != REPLI__JSON_OBJECT)
        return 0;
    for (size_t at = 0; repli__json_next_member(object, &at, &name, &value);)
        take_member(name, value, &verdict);
    if (verdict.code > 0 && verdict.message[0] == '\0')
        return 0;
    *ret_verdict = verdict;
    return 1;
}

/* What a status means if nothing else is said. A reference node says nothing else. */
static int32_t code_of(int32_t status) {
    switch (status) {
    case 400:
    case 413: return REPLI_EINVALID;
    case 401:
    case 403: return REPLI_EAUTH;
    case 404: return REPLI_ENOTFOUND;
    case 405:
    case 501: return REPLI_ENOTSUP;
    case 409: return REPLI_ECONFLICT;
    case 503: return REPLI_EFULL;
    case 500: return REPLI_ENOQUORUM;
    default: return REPLI_EPROTOCOL;
    }
}

int alldata__verdict_refused(const alldata__answer *answer, alldata__verdict *ret_verdict) {
    const int told = alldata__verdict_read(answer->body.data, answer->body.size, ret_verdict);
    if (!told)
        *ret_verdict = (alldata__verdict){.code = 1};
    /* What is too large is so for good, though the node's word for it is that there is no room. */
    if (ret_verdict->code >= 0 || answer->status == 413)
        ret_verdict->code = code_of(answer->status);
    if (ret_verdict->message[0] == '\0')
        snprintf(ret_verdict->message, sizeof(ret_verdict->message),
                 "the node answered with status %d%s", (int)answer->status,
                 told                    ? ""
                 : answer->status == 405 ? ": one of the reference takes puts and nothing else"
                                         : " and does not say why");
    return told;
}

int32_t alldata__verdict_error(const alldata__verdict *verdict, repli_error *err) {
    return repli__error(err, verdict->code, ALLDATA__CLIENT, "%s", verdict->message);
}
