#include "alldata-http/client.h"

#include <stdio.h>
#include <string.h>

#include "alldata/wire/frame.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/sized.h"

/* What a request carries at most: a node takes no more of either. */
enum { MOST_EVENTS = 16384, MOST_BYTES = 8 * 1024 * 1024, LEAST_MS = 500 };

/* Requests. */

/* The headers of a put, in the order in which they stand. */
typedef struct headers {
    char key[64];
    char commit[64];
    char timeout[64];
} headers;

static int is_late(const alldata_put *put) {
    return (put->flags & ALLDATA_PUT_LATE) != 0;
}

static void set_headers(alldata__ask *ask, headers *to, const alldata_put *put, const char *key) {
    static const char *const levels[] = {NULL, "one", "quorum", "all"};
    if (key != NULL) {
        snprintf(to->key, sizeof(to->key), "AllData-Key: %s", key);
        ask->headers[0] = to->key;
    }
    if (put->commit != ALLDATA_COMMIT_DEFAULT) {
        snprintf(to->commit, sizeof(to->commit), "AllData-Commit: %s", levels[put->commit]);
        ask->headers[1] = to->commit;
    }
    if (put->timeout_ms > 0) {
        snprintf(to->timeout, sizeof(to->timeout), "AllData-Timeout-Ms: %llu",
                 (unsigned long long)put->timeout_ms);
        ask->headers[2] = to->timeout;
    }
}

/* A node is given as long as the put is, and something for the way. */
static void begin_tour(alldata__tour *tour, alldata_client *client, const alldata_put *put) {
    uint64_t ms = client->timeout_ms;
    if (put->timeout_ms < INT32_MAX && ms < put->timeout_ms + LEAST_MS)
        ms = put->timeout_ms + LEAST_MS;
    alldata__client_round_begin(tour, client, ms);
    tour->least_ms =
        put->timeout_ms > 0 && put->timeout_ms < INT32_MAX ? put->timeout_ms + LEAST_MS : 0;
}

static int32_t check_put(const alldata_put *put, repli_error *err) {
    const char *wrong = NULL;
    if (put->commit < ALLDATA_COMMIT_DEFAULT || put->commit > ALLDATA_COMMIT_ALL)
        wrong = "its commit level is no ALLDATA_COMMIT_*";
    else if ((put->flags & ~ALLDATA_PUT_LATE) != 0)
        wrong = "of flags it may have ALLDATA_PUT_LATE alone";
    else if (put->event == NULL || put->event_size == 0)
        wrong = "there is no event";
    if (wrong != NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__CLIENT, "cannot put: %s", wrong);
    return put->key == NULL ? REPLI_OK : alldata_key_validate(put->key, strlen(put->key), err);
}

/* Another node may do better. What it says of the event itself is final. */
static int is_worth_another(int32_t code) {
    switch (code) {
    case REPLI_EREFUSED:
    case REPLI_ETIMEOUT:
    case REPLI_ELOST:
    case REPLI_EPROTOCOL:
    case REPLI_ENOTREADY:
    case REPLI_ENOQUORUM:
    case REPLI_ECANCELLED:
    case REPLI_EFULL:
    case REPLI_EIO: return 1;
    default: return 0;
    }
}

/* One. */

/* Returns whether there is nothing more to try. */
static int judge(const alldata__answer *answer, const char *key, alldata_put_result *result,
                 repli_error *why) {
    alldata__verdict verdict = {.code = REPLI_OK};
    if (answer->status == 201) {
        result->code = REPLI_OK;
        /* A node that does not take ours has made one that it does not tell. */
        memcpy(result->key, answer->key, sizeof(result->key));
        return 1;
    }
    const int told = alldata__verdict_refused(answer, &verdict);
    result->code = alldata__verdict_error(&verdict, why);
    result->replicas = verdict.replicas;
    result->needed = verdict.needed;
    result->hints = verdict.hints;
    if (verdict.key[0] != '\0')
        snprintf(result->key, sizeof(result->key), "%s", key);
    /* One that says nothing has no use for our key, so another try would double the event. */
    return !told || !is_worth_another(verdict.code);
}

static int32_t put_one(alldata_client *client, const alldata_put *put, const char *key,
                       alldata_put_result *result, repli_error *why) {
    headers texts;
    alldata__ask ask = {.method = "POST",
                        .path = is_late(put) ? "/?late=1" : "/",
                        .body = put->event,
                        .body_size = put->event_size};
    alldata__answer answer = {.body = {NULL, 0, 0, &client->mem}};
    alldata__tour tour;
    int32_t code = REPLI_OK;
    set_headers(&ask, &texts, put, key);
    begin_tour(&tour, client, put);
    while (alldata__client_round_ask(&tour, &ask, &answer, &code, why)) {
        result->code = code;
        if (code == REPLI_OK && judge(&answer, key, result, why))
            break;
        if (!is_worth_another(result->code))
            break;
        answer.body.size = 0;
    }
    repli_buf_dispose(&answer.body);
    return result->code;
}

static int32_t put_checked(alldata_client *client, const alldata_put *given,
                           alldata_put_result *result, repli_error *why) {
    alldata_put put;
    char key[ALLDATA_KEY_SIZE];
    repli__sized_copy(&put, sizeof(put), given);
    int32_t code = check_put(&put, why);
    if (code == REPLI_OK && put.key == NULL)
        code = alldata__client_key(client, key, why);
    else if (code == REPLI_OK)
        snprintf(key, sizeof(key), "%s", put.key);
    result->code = code;
    return code == REPLI_OK ? put_one(client, &put, key, result, why) : code;
}

int32_t alldata_client_put(alldata_client *client, const alldata_put *put,
                           alldata_put_result *ret_result, repli_error *err) {
    alldata_put_result result = {.struct_size = sizeof(result)};
    repli_error why = REPLI_ERROR_INIT;
    result.code = alldata__client_check(client, &why);
    if (result.code == REPLI_OK)
        result.code = put_checked(client, put, &result, &why);
    if (ret_result != NULL)
        repli__sized_fill(ret_result, &result, sizeof(result));
    return result.code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &why);
}

/* Many. */

/* Those of one request. */
typedef struct batch {
    alldata_client *client;
    const alldata_put *puts;
    size_t count;
    char (*keys)[ALLDATA_KEY_SIZE];
    repli_buf frames;
    alldata_put_fn done;
    void *user_data;
    int32_t code; /* of the first that was not acknowledged */
    repli_error why;
} batch;

static void report(batch *b, alldata_put_result *result, const repli_error *why) {
    result->error = result->code == REPLI_OK ? NULL : why;
    if (result->code != REPLI_OK && b->code == REPLI_OK)
        b->code = repli__error_copy(&b->why, why);
    if (b->done != NULL)
        b->done(b->user_data, result, 1);
}

static void report_all(batch *b, size_t from, const repli_error *why) {
    for (size_t i = from; i < b->count; i++) {
        alldata_put_result result = {.struct_size = sizeof(result), .code = why->code};
        report(b, &result, why);
    }
}

/* A line for each put, in their order. Returns how many there were. */
static size_t report_lines(batch *b, const alldata__answer *answer) {
    const char *line = answer->body.data;
    const char *end = line + answer->body.size;
    size_t reported = 0;
    for (; line < end && reported < b->count; reported++) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        alldata__verdict verdict;
        repli_error why = REPLI_ERROR_INIT;
        if (feed == NULL || !alldata__verdict_read(line, (size_t)(feed - line), &verdict) ||
            verdict.code > 0)
            break;
        alldata_put_result result = {.struct_size = sizeof(result),
                                     .code = verdict.code,
                                     .replicas = verdict.replicas,
                                     .needed = verdict.needed,
                                     .hints = verdict.hints};
        memcpy(result.key, verdict.key, sizeof(result.key));
        if (verdict.code != REPLI_OK)
            repli__error(&why, verdict.code, ALLDATA__CLIENT, "%s",
                         verdict.message[0] != '\0' ? verdict.message
                                                    : repli_error_name(verdict.code));
        report(b, &result, &why);
        line = feed + 1;
    }
    return reported;
}

/* A node that does not know how to take many, or not as many, takes them one after the other. */
static void put_each(batch *b) {
    for (size_t i = 0; i < b->count; i++) {
        alldata_put put;
        repli_error why = REPLI_ERROR_INIT;
        alldata_put_result result = {.struct_size = sizeof(result)};
        repli__sized_copy(&put, sizeof(put), repli__sized_at(b->puts, i));
        put.key = b->keys[i];
        put_one(b->client, &put, b->keys[i], &result, &why);
        report(b, &result, &why);
    }
}

/* Returns whether there is nothing more to try; else why is told. */
static int judge_many(batch *b, const alldata__answer *answer, repli_error *why) {
    alldata__verdict verdict;
    if (answer->status == 200 || answer->status == 201) {
        const size_t reported = report_lines(b, answer);
        repli__error(why, REPLI_EPROTOCOL, ALLDATA__CLIENT,
                     "the node's answer to many puts is not whole");
        report_all(b, reported, why);
        return 1;
    }
    const int told = alldata__verdict_refused(answer, &verdict);
    alldata__verdict_error(&verdict, why);
    if ((!told && (answer->status == 400 || answer->status == 405)) ||
        (answer->status == 413 && b->count > 1)) {
        put_each(b);
        return 1;
    }
    if (told && is_worth_another(verdict.code))
        return 0;
    report_all(b, 0, why);
    return 1;
}

static void send_batch(batch *b) {
    headers texts;
    alldata__ask ask = {.method = "POST",
                        .type = ALLDATA__FRAMES_TYPE,
                        .body = b->frames.data,
                        .body_size = b->frames.size};
    alldata__answer answer = {.body = {NULL, 0, 0, &b->client->mem}};
    alldata__tour tour;
    alldata_put first;
    repli_error why = REPLI_ERROR_INIT;
    int32_t code = REPLI_OK;
    int over = 0;
    repli__sized_copy(&first, sizeof(first), b->puts);
    ask.path = is_late(&first) ? "/_alldata/events?late=1" : "/_alldata/events";
    set_headers(&ask, &texts, &first, NULL);
    begin_tour(&tour, b->client, &first);
    while (!over && alldata__client_round_ask(&tour, &ask, &answer, &code, &why)) {
        over = code == REPLI_OK && judge_many(b, &answer, &why);
        if (code != REPLI_OK && !is_worth_another(code))
            break;
        answer.body.size = 0;
    }
    if (!over)
        report_all(b, 0, &why);
    repli_buf_dispose(&answer.body);
}

/* Add puts from the first on, as many as go into one request. */
static int32_t fill_batch(batch *b, size_t left, repli_error *err) {
    alldata_put first;
    repli__sized_copy(&first, sizeof(first), b->puts);
    b->frames.size = 0;
    for (b->count = 0; b->count < left && b->count < MOST_EVENTS; b->count++) {
        alldata_put put;
        alldata_record record = ALLDATA_RECORD_INIT;
        char *key = b->keys[b->count];
        repli__sized_copy(&put, sizeof(put), repli__sized_at(b->puts, b->count));
        if (put.commit != first.commit || put.timeout_ms != first.timeout_ms ||
            put.flags != first.flags ||
            (b->count > 0 && b->frames.size + put.event_size > MOST_BYTES))
            break;
        if (put.key == NULL) {
            const int32_t code = alldata__client_key(b->client, key, err);
            if (code != REPLI_OK)
                return code;
        } else {
            snprintf(key, ALLDATA_KEY_SIZE, "%s", put.key);
        }
        record.key = key;
        record.key_size = ALLDATA_KEY_LENGTH;
        record.event = put.event;
        record.event_size = put.event_size;
        if (alldata__frame_write(&b->frames, &record) != REPLI_OK)
            return repli__error_nomem(err, ALLDATA__CLIENT, "putting many events");
    }
    return REPLI_OK;
}

static int32_t check_puts(const alldata_put *puts, size_t count, repli_error *err) {
    for (size_t i = 0; i < count; i++) {
        alldata_put put;
        repli__sized_copy(&put, sizeof(put), repli__sized_at(puts, i));
        const int32_t code = check_put(&put, err);
        if (code != REPLI_OK)
            return repli__error_within(err, code, "put %zu", i);
    }
    return REPLI_OK;
}

int32_t alldata_client_put_many(alldata_client *client, const alldata_put *puts, size_t count,
                                alldata_put_fn done, void *user_data, repli_error *err) {
    int32_t code = alldata__client_check(client, err);
    if (code == REPLI_OK)
        code = check_puts(puts, count, err);
    if (code != REPLI_OK || count == 0)
        return code;
    batch b = {.client = client,
               .frames = {NULL, 0, 0, &client->mem},
               .done = done,
               .user_data = user_data,
               .why = REPLI_ERROR_INIT};
    b.keys =
        repli__calloc(&client->mem, count < MOST_EVENTS ? count : MOST_EVENTS, sizeof(*b.keys));
    if (b.keys == NULL)
        return repli__error_nomem(err, ALLDATA__CLIENT, "putting many events");
    for (size_t at = 0; at < count; at += b.count) {
        b.puts = repli__sized_at(puts, at);
        code = fill_batch(&b, count - at, &b.why);
        if (code != REPLI_OK) {
            b.count = count - at;
            report_all(&b, 0, &b.why);
            break;
        }
        send_batch(&b);
    }
    repli__free(&client->mem, b.keys);
    repli_buf_dispose(&b.frames);
    return b.code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &b.why);
}
