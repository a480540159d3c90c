#include "look.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "alldata.h"

/* A member of an object and where its value goes. */
typedef struct member {
    const char *name;
    int type; /* REPLI_CONFIG_STRING, _INTEGER or _BOOLEAN */
    int needed;
    size_t offset;
    size_t size;
} member;

#define TEXT(record, name, needed)                                                                 \
    { #name, REPLI_CONFIG_STRING, needed, offsetof(record, name), sizeof(((record *)NULL)->name) }
#define INTEGER(record, name, needed)                                                              \
    { #name, REPLI_CONFIG_INTEGER, needed, offsetof(record, name), 0 }
#define BOOLEAN(record, name, needed)                                                              \
    { #name, REPLI_CONFIG_BOOLEAN, needed, offsetof(record, name), 0 }

static const member status_members[] = {
    TEXT(repli__alldata_status, id, 1),
    TEXT(repli__alldata_status, cluster, 1),
    TEXT(repli__alldata_status, version, 1),
    TEXT(repli__alldata_status, zone, 0),
    TEXT(repli__alldata_status, region, 0),
    TEXT(repli__alldata_status, started, 1),
    TEXT(repli__alldata_status, repaired, 0),
    TEXT(repli__alldata_status, gossip, 0),
    TEXT(repli__alldata_status, peers, 0),
    TEXT(repli__alldata_status, storage_error, 0),
    INTEGER(repli__alldata_status, replication_factor, 1),
    INTEGER(repli__alldata_status, peers_live, 0),
    INTEGER(repli__alldata_status, peers_dead, 0),
    INTEGER(repli__alldata_status, hints_pending, 0),
    INTEGER(repli__alldata_status, missing, 0),
    INTEGER(repli__alldata_status, repairs_asked, 0),
    INTEGER(repli__alldata_status, repairs_done, 0),
    BOOLEAN(repli__alldata_status, repairing, 0),
    BOOLEAN(repli__alldata_status, writable, 1),
};

static const member interval_members[] = {
    TEXT(repli__alldata_interval, name, 1),       TEXT(repli__alldata_interval, last_key, 0),
    TEXT(repli__alldata_interval, last_time, 0),  INTEGER(repli__alldata_interval, events, 1),
    INTEGER(repli__alldata_interval, missing, 0), BOOLEAN(repli__alldata_interval, repairing, 0),
    BOOLEAN(repli__alldata_interval, counted, 1),
};

static const member peer_members[] = {
    TEXT(repli__alldata_peer, id, 1),
    TEXT(repli__alldata_peer, gossip, 0),
    INTEGER(repli__alldata_peer, hints, 1),
};

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

/* One object, or a line of several. */
typedef struct object {
    const repli__alldata *alldata;
    const char *json;
    size_t size;
} object;

static int32_t read_member(const object *from, const member *it, char *record, repli_error *err) {
    const repli_host *host = from->alldata->host;
    char *to = record + it->offset;
    switch (it->type) {
    case REPLI_CONFIG_STRING:
        return host->json_string(host, from->json, from->size, it->name, to, it->size, err);
    case REPLI_CONFIG_INTEGER: {
        int64_t value = 0;
        const int32_t code =
            host->json_integer(host, from->json, from->size, it->name, &value, err);
        if (code == REPLI_OK)
            memcpy(to, &value, sizeof(value));
        return code;
    }
    default: {
        int32_t value = 0;
        const int32_t code =
            host->json_boolean(host, from->json, from->size, it->name, &value, err);
        if (code == REPLI_OK)
            memcpy(to, &value, sizeof(value));
        return code;
    }
    }
}

static int32_t nonsense(const repli__alldata *alldata, const char *what, const repli_error *why,
                        repli_error *err) {
    return repli__alldata_fail(alldata, err, REPLI_EPROTOCOL, NULL,
                               "what answers at %s is no AllData node that could be asked: the %s "
                               "it tells makes no sense: %s",
                               alldata->source->name, what, why->message);
}

static int32_t read_members(const object *from, const char *what, const member *members,
                            size_t count, void *record, repli_error *err) {
    for (size_t i = 0; i < count; i++) {
        repli_error error = REPLI_ERROR_INIT;
        const int32_t code = read_member(from, &members[i], record, &error);
        if (code != REPLI_OK && (code != REPLI_ENOTFOUND || members[i].needed))
            return nonsense(from->alldata, what, &error, err);
    }
    return REPLI_OK;
}

int32_t repli__alldata_look(const repli__alldata *alldata, const repli_op *op,
                            repli__alldata_status *ret_status, repli_error *err) {
    repli__alldata_answer answer;
    int32_t code = repli__alldata_ask(alldata, op, "GET", "/_alldata/status", &answer, err);
    if (code != REPLI_OK)
        return code;
    const object from = {alldata, answer.body, answer.size};
    *ret_status = (repli__alldata_status){.writable = 0};
    code = read_members(&from, "status", status_members, COUNT(status_members), ret_status, err);
    repli__alldata_answer_free(alldata, &answer);
    return code;
}

/* Whether the member state of an object is this word. */
static int is_in_state(const object *from, const char *word) {
    const repli_host *host = from->alldata->host;
    char state[16] = "";
    host->json_string(host, from->json, from->size, "state", state, sizeof(state), NULL);
    return strcmp(state, word) == 0;
}

/* Lines that are an object each. */
typedef int32_t (*line_fn)(const object *from, void *user_data, repli_error *err);

static int32_t each_line(const repli__alldata *alldata, const repli__alldata_answer *answer,
                         line_fn take, void *user_data, repli_error *err) {
    const char *at = answer->body, *end = answer->body + answer->size;
    int32_t code = REPLI_OK;
    while (code == REPLI_OK && at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        const object from = {alldata, at, (size_t)((feed ? feed : end) - at)};
        code = from.size > 0 ? take(&from, user_data, err) : REPLI_OK;
        at += from.size + 1;
    }
    return code;
}

/* Intervals. */

typedef struct interval_taker {
    repli__alldata_interval_fn take;
    void *user_data;
} interval_taker;

static int32_t take_interval(const object *from, void *user_data, repli_error *err) {
    const interval_taker *taker = user_data;
    repli__alldata_interval interval = {.open = is_in_state(from, "open")};
    const int32_t code =
        read_members(from, "interval", interval_members, COUNT(interval_members), &interval, err);
    return code ? code : taker->take(taker->user_data, &interval);
}

static int32_t look_whether_counted(void *user_data, const repli__alldata_interval *interval) {
    *(int *)user_data &= interval->counted;
    return REPLI_OK;
}

/* A node that was just started counts what it has, which is soon done unless it is much. */
int32_t repli__alldata_intervals(const repli__alldata *alldata, const repli_op *op,
                                 repli__alldata_interval_fn take, void *user_data,
                                 repli_error *err) {
    const struct timespec pause = {.tv_nsec = 20000000};
    for (int tries = 10;; tries--) {
        int counted = 1;
        interval_taker looker = {look_whether_counted, &counted}, taker = {take, user_data};
        repli__alldata_answer answer;
        int32_t code = repli__alldata_ask(alldata, op, "GET", "/_alldata/intervals", &answer, err);
        if (code != REPLI_OK)
            return code;
        code = each_line(alldata, &answer, take_interval, &looker, err);
        const int done = code != REPLI_OK || counted || tries == 0;
        if (code == REPLI_OK && done)
            code = each_line(alldata, &answer, take_interval, &taker, err);
        repli__alldata_answer_free(alldata, &answer);
        if (done)
            return code;
        nanosleep(&pause, NULL);
    }
}

/* Peers. */

typedef struct peer_taker {
    repli__alldata_peer_fn take;
    void *user_data;
} peer_taker;

static int32_t take_peer(const object *from, void *user_data, repli_error *err) {
    const peer_taker *taker = user_data;
    repli__alldata_peer peer = {.live = is_in_state(from, "live")};
    const int32_t code = read_members(from, "peer", peer_members, COUNT(peer_members), &peer, err);
    return code ? code : taker->take(taker->user_data, &peer);
}

int32_t repli__alldata_peers(const repli__alldata *alldata, const repli_op *op,
                             repli__alldata_peer_fn take, void *user_data, repli_error *err) {
    peer_taker taker = {take, user_data};
    repli__alldata_answer answer;
    int32_t code = repli__alldata_ask(alldata, op, "GET", "/_alldata/peers", &answer, err);
    if (code != REPLI_OK)
        return code;
    code = each_line(alldata, &answer, take_peer, &taker, err);
    repli__alldata_answer_free(alldata, &answer);
    return code;
}
