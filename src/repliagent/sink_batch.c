#include "sink_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <replicante/model.h>

#include "sink_key.h"

void sink_batch_free(struct sink_batch *batch) {
    free(batch->text);
    *batch = (struct sink_batch){.count = 0};
}

void sink_batch_clear(struct sink_batch *batch) {
    batch->size = batch->count = 0;
}

static int reserve(struct sink_batch *batch, size_t size) {
    if (batch->size + size <= batch->capacity)
        return 0;
    const size_t capacity = 2 * (batch->size + size);
    char *text = realloc(batch->text, capacity);
    if (text == NULL)
        return -1;
    batch->text = text;
    batch->capacity = capacity;
    return 0;
}

/* KEYSIZE EVENTSIZE KEY EVENT, as in a file of alldata-export(5). */
int sink_batch_add(struct sink_batch *batch, const repli_event *event,
                   const struct sink_naming *naming) {
    repli_buf json = REPLI_BUF_INIT;
    char key[SINK_KEY_SIZE];
    sink_key(key, naming->time_ns != 0 ? naming->time_ns : event->time_ns, event->number,
             event->node_id, naming->attempt);
    int bad = repli_event_to_json(event, &json, NULL) != REPLI_OK ||
              reserve(batch, json.size + sizeof(key) + 64) != 0;
    if (!bad) {
        batch->size += (size_t)snprintf(batch->text + batch->size, sizeof(key) + 64, "%zu %zu %s ",
                                        strlen(key), json.size, key);
        memcpy(batch->text + batch->size, json.data, json.size);
        batch->size += json.size;
        batch->text[batch->size++] = '\n';
        batch->count++;
    }
    repli_buf_dispose(&json);
    return bad ? -1 : 0;
}

/* What an answer that is no list of results says. */
static void explain(long status, const char *body, size_t size, char *why, size_t why_size) {
    repli_error said = REPLI_ERROR_INIT;
    if (status == 401)
        snprintf(why, why_size, "the secret is refused");
    else if (size > 0 && repli_error_from_json(body, size, &said, NULL) == REPLI_OK)
        snprintf(why, why_size, "%s", said.message);
    else
        snprintf(why, why_size, "status %ld: that is no AllData node that could be asked", status);
}

static int end_of(const json_t *line, char *why, size_t why_size) {
    const char *code = json_string_value(json_object_get(line, "code"));
    const char *message = json_string_value(json_object_get(line, "error_msg"));
    if (code != NULL && strcmp(code, "ok") == 0)
        return SINK_TAKEN;
    if (code != NULL && strcmp(code, "conflict") == 0)
        return SINK_KEY_TAKEN;
    if (code != NULL && strcmp(code, "invalid") == 0)
        return SINK_KEY_REFUSED;
    snprintf(why, why_size, "%s", message != NULL ? message : code != NULL ? code : "no reason");
    return SINK_FAILED;
}

size_t sink_batch_judge(const struct sink_batch *batch, long status, const char *body, size_t size,
                        int *ret_end, char *why, size_t why_size) {
    *ret_end = status == 201 ? SINK_TAKEN : SINK_FAILED;
    if (status == 201)
        return batch->count;
    explain(status, body, size, why, why_size);
    if (status != 200)
        return 0;
    const char *end = body + size;
    for (size_t taken = 0; taken < batch->count; taken++) {
        const char *feed = body < end ? memchr(body, '\n', (size_t)(end - body)) : NULL;
        json_t *line = feed != NULL ? json_loadb(body, (size_t)(feed - body), 0, NULL) : NULL;
        *ret_end = SINK_FAILED;
        if (line != NULL)
            *ret_end = end_of(line, why, why_size);
        json_decref(line);
        if (*ret_end != SINK_TAKEN)
            return taken;
        body = feed + 1;
    }
    return batch->count;
}
