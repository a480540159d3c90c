#include "agent/status.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

int32_t repli__status_of_code(int32_t code) {
    switch (code) {
    case REPLI_OK: return REPLI_STATUS_HEALTHY;
    case REPLI_EREFUSED:
    case REPLI_ETIMEOUT:
    case REPLI_ELOST: return REPLI_STATUS_UNAVAILABLE;
    case REPLI_ENOTREADY: return REPLI_STATUS_UNHEALTHY;
    default: return REPLI_STATUS_UNKNOWN;
    }
}

/* What a reason begins with, so that it explains itself without the class of the error. */
static const char *preface(int32_t code) {
    switch (code) {
    case REPLI_EAUTH: return "authentication failed";
    case REPLI_EPERMISSION: return "missing privilege";
    default: return NULL;
    }
}

/* Whatever a driver says, a reason is proper text: the status must not get lost for its sake. */
static void say(char ret_reason[REPLI__REASON_SIZE], const char *first, const char *text) {
    char line[REPLI__REASON_SIZE + 64];
    snprintf(line, sizeof(line), "%s%s%s", first != NULL ? first : "", first != NULL ? ": " : "",
             text);
    repli__text_clean(ret_reason, REPLI__REASON_SIZE, line);
}

static int32_t of_error(const repli__answer *answer, char ret_reason[REPLI__REASON_SIZE]) {
    const char *message = answer->error.message;
    const char *first = preface(answer->code);
    if (first != NULL && strncmp(message, first, strlen(first)) == 0)
        first = NULL;
    say(ret_reason, first, message);
    return repli__status_of_code(answer->code);
}

int32_t repli__status_of_probe(const repli__probe *probe, char ret_reason[REPLI__REASON_SIZE]) {
    const repli__answer *node = &probe->answers[REPLI__ASK_NODE];
    if (node->code != REPLI_OK)
        return of_error(node, ret_reason);
    /* It was there for node_info and is gone now. */
    for (int i = REPLI__ASK_STORE; i < REPLI__ASK_COUNT; i++)
        if (node->sink.status != REPLI_STATUS_UNAVAILABLE &&
            repli__status_of_code(probe->answers[i].code) == REPLI_STATUS_UNAVAILABLE)
            return of_error(&probe->answers[i], ret_reason);
    if (node->sink.status == 0) {
        say(ret_reason, NULL, "the driver gave no status");
        return REPLI_STATUS_UNKNOWN;
    }
    say(ret_reason, NULL, node->sink.status_reason != NULL ? node->sink.status_reason : "");
    return node->sink.status;
}
