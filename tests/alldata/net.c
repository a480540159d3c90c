#include "net.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alldata/wire/frame.h"
#include "base/buf.h"
#include "base/clock.h"

enum { PORT = 8880 };

/* Nodes. */

static void open_node(net_node *it) {
    box_open(&it->box);
    ck_assert_int_eq(alldata__digests_new(it->box.storage, &repli__mem_default, &it->digests, NULL),
                     REPLI_OK);
}

static void close_node(net_node *it) {
    alldata__repair_free(it->repair);
    it->repair = NULL;
    alldata__digests_free(it->digests);
    box_close(&it->box);
}

static int32_t begin_call(void *self, const alldata_call *call, repli_error *err);
static void cancel_calls(void *self, void *user_data);

void net_begin(net *n, int count) {
    memset(n, 0, sizeof(*n));
    pthread_mutex_init(&n->mutex, NULL);
    pthread_cond_init(&n->cond, NULL);
    n->count = count;
    for (int i = 0; i < count; i++) {
        net_node *it = &n->nodes[i];
        it->net = n;
        snprintf(it->id, sizeof(it->id), "ad%d", i);
        atomic_store(&it->answers_left, -1);
        it->transport = (alldata_transport){.struct_size = sizeof(it->transport),
                                            .self = it,
                                            .begin = begin_call,
                                            .cancel = cancel_calls};
        box_begin(&it->box);
        open_node(it);
    }
}

void net_end(net *n) {
    for (int i = 0; i < n->count; i++) {
        alldata__repair_free(n->nodes[i].repair);
        n->nodes[i].repair = NULL;
    }
    if (n->carries) {
        atomic_store(&n->stops, 1);
        pthread_mutex_lock(&n->mutex);
        pthread_cond_broadcast(&n->cond);
        pthread_mutex_unlock(&n->mutex);
        pthread_join(n->carrier, NULL);
    }
    ck_assert_uint_eq(n->call_count, 0);
    for (int i = 0; i < n->count; i++) {
        close_node(&n->nodes[i]);
        box_end(&n->nodes[i].box);
    }
    pthread_cond_destroy(&n->cond);
    pthread_mutex_destroy(&n->mutex);
}

/* Calls. */

static int32_t begin_call(void *self, const alldata_call *call, repli_error *err) {
    net *n = ((net_node *)self)->net;
    (void)err;
    pthread_mutex_lock(&n->mutex);
    ck_assert_uint_lt(n->call_count, NET_CALLS);
    n->calls[n->call_count++] = (struct net_call){.call = *call};
    pthread_cond_broadcast(&n->cond);
    pthread_mutex_unlock(&n->mutex);
    return REPLI_OK;
}

static void reply_error(const alldata_call *call, int32_t code, const char *why) {
    repli_error error = REPLI_ERROR_INIT;
    alldata_reply reply = ALLDATA_REPLY_INIT;
    error.code = code;
    snprintf(error.message, sizeof(error.message), "%s", why);
    reply.error = &error;
    call->reply(call->user_data, &reply);
}

/* The mutex is held. */
static void take_call(net *n, size_t at, alldata_call *ret_call) {
    *ret_call = n->calls[at].call;
    memmove(&n->calls[at], &n->calls[at + 1], (--n->call_count - at) * sizeof(n->calls[0]));
}

/* Those that are being carried are waited for. */
static void cancel_calls(void *self, void *user_data) {
    net *n = ((net_node *)self)->net;
    pthread_mutex_lock(&n->mutex);
    for (size_t i = 0; i < n->call_count;) {
        alldata_call call;
        if (n->calls[i].call.user_data != user_data) {
            i++;
        } else if (n->calls[i].carried) {
            pthread_cond_wait(&n->cond, &n->mutex);
            i = 0;
        } else {
            take_call(n, i, &call);
            pthread_mutex_unlock(&n->mutex);
            reply_error(&call, REPLI_ECANCELLED, "called off");
            pthread_mutex_lock(&n->mutex);
            i = 0;
        }
    }
    pthread_mutex_unlock(&n->mutex);
}

/* What the server of a node does with records. */
static int32_t store_frames(net_node *it, const alldata_call *call, repli_buf *answer) {
    alldata__frames in = {.text = call->body, .size = call->body_size};
    alldata_record record;
    repli_buf failures = REPLI_BUF_INIT;
    alldata_record *const records[] = {&record};
    atomic_fetch_add(&it->stored_calls, 1);
    ck_assert_str_eq(call->type, ALLDATA__FRAMES_TYPE);
    ck_assert_str_eq(call->path, "/_alldata/records?late=1");
    for (size_t i = 0; alldata__frame_next(&in, &record, NULL) == REPLI_OK; i++) {
        if (atomic_load(&it->manner) == NET_FULL)
            record.code = REPLI_EFULL;
        else
            alldata_storage_put(it->box.storage, &record, 1, ALLDATA_PUT_LATE, NULL);
        alldata__digests_touch(it->digests, records, 1);
        if (record.code != REPLI_OK)
            repli__buf_printf(&failures, "%zu %s\n", i, repli_error_name(record.code));
    }
    ck_assert_uint_eq(in.at, in.size);
    if (failures.size > 0)
        repli__buf_append(answer, failures.data, failures.size);
    const int32_t status = failures.size > 0 ? 200 : 201;
    repli_buf_dispose(&failures);
    return status;
}

static int32_t answer_call(net_node *it, const alldata_call *call, repli_buf *answer) {
    const alldata__source source = {
        .storage = it->box.storage, .digests = it->digests, .id = it->id};
    if (strcmp(call->method, "POST") == 0)
        return store_frames(it, call, answer);
    atomic_fetch_add(strstr(call->path, "digests") != NULL ? &it->digest_calls
                     : strstr(call->path, "/keys") != NULL ? &it->key_calls
                                                           : &it->record_calls,
                     1);
    const int32_t code = alldata__serve(&source, call->path, answer, NULL);
    return code == REPLI_OK ? 200 : code == REPLI_ENOTFOUND ? 404 : 400;
}

static void carry_call(net *n, const alldata_call *call) {
    net_node *it = &n->nodes[call->port - PORT];
    repli_buf answer = REPLI_BUF_INIT;
    alldata_reply reply = ALLDATA_REPLY_INIT;
    if (atomic_load(&it->answers_left) == 0)
        atomic_store(&it->manner, NET_REFUSES);
    else if (atomic_load(&it->answers_left) > 0)
        atomic_fetch_sub(&it->answers_left, 1);
    if (atomic_load(&it->manner) == NET_REFUSES) {
        reply_error(call, REPLI_EREFUSED, "nobody is there");
        return;
    }
    reply.status = answer_call(it, call, &answer);
    if (atomic_load(&it->manner) == NET_MANGLES)
        it->mangle(&answer, &reply.status);
    reply.body = answer.data != NULL ? answer.data : "";
    reply.body_size = answer.size;
    ck_assert_uint_le(reply.body_size, call->max_reply);
    call->reply(call->user_data, &reply);
    repli_buf_dispose(&answer);
}

/* Not 0 if there was one. */
static int carry(net *n) {
    alldata_call call = ALLDATA_CALL_INIT;
    int found = 0;
    pthread_mutex_lock(&n->mutex);
    for (size_t i = 0; i < n->call_count && !found; i++) {
        const net_node *to = &n->nodes[n->calls[i].call.port - PORT];
        if (atomic_load(&to->manner) == NET_HANGS)
            continue;
        found = 1;
        n->calls[i].carried = 1;
        call = n->calls[i].call;
    }
    pthread_mutex_unlock(&n->mutex);
    if (!found)
        return 0;
    carry_call(n, &call);
    pthread_mutex_lock(&n->mutex);
    size_t at = 0;
    while (!n->calls[at].carried)
        at++;
    take_call(n, at, &call);
    pthread_cond_broadcast(&n->cond);
    pthread_mutex_unlock(&n->mutex);
    return 1;
}

static void *carry_on(void *argument) {
    net *n = argument;
    while (!atomic_load(&n->stops)) {
        if (carry(n))
            continue;
        pthread_mutex_lock(&n->mutex);
        if (n->call_count == 0 && !atomic_load(&n->stops))
            pthread_cond_wait(&n->cond, &n->mutex);
        pthread_mutex_unlock(&n->mutex);
    }
    return NULL;
}

void net_start(net *n) {
    ck_assert_int_eq(pthread_create(&n->carrier, NULL, carry_on, n), 0);
    n->carries = 1;
}

int net_expire(net *n, int node) {
    alldata_call over[NET_CALLS];
    int count = 0;
    pthread_mutex_lock(&n->mutex);
    for (size_t i = n->call_count; i-- > 0;)
        if (n->calls[i].call.port == PORT + node)
            take_call(n, i, &over[count++]);
    pthread_mutex_unlock(&n->mutex);
    for (int i = 0; i < count; i++)
        reply_error(&over[i], REPLI_ETIMEOUT, "it does not answer");
    return count;
}

/* Events. */

void net_store(net *n, unsigned nodes, const char *key, const char *event) {
    for (int i = 0; i < n->count; i++) {
        alldata_record record = ALLDATA_RECORD_INIT;
        alldata_record *const records[] = {&record};
        repli_error err = REPLI_ERROR_INIT;
        if ((nodes & 1u << i) == 0)
            continue;
        record.key = key;
        record.key_size = strlen(key);
        record.event = event;
        record.event_size = strlen(event);
        ck_assert_msg(alldata_storage_put(n->nodes[i].box.storage, &record, 1, ALLDATA_PUT_LATE,
                                          &err) == REPLI_OK,
                      "%s", err.message);
        alldata__digests_touch(n->nodes[i].digests, records, 1);
    }
}

void net_empty(net *n, int node) {
    net_node *it = &n->nodes[node];
    ck_assert_ptr_null(it->repair);
    close_node(it);
    box_end(&it->box);
    box_begin(&it->box);
    open_node(it);
}

int net_replicas(net *n, const char *key, const char *event) {
    int count = 0;
    for (int i = 0; i < n->count; i++) {
        alldata_scan *scan = NULL;
        alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
        alldata_record record = ALLDATA_RECORD_INIT;
        options.prefix = key;
        ck_assert_int_eq(alldata_scan_new(n->nodes[i].box.storage, &options, &scan, NULL),
                         REPLI_OK);
        if (alldata_scan_next(scan, &record, NULL) == REPLI_OK) {
            count++;
            if (event != NULL) {
                ck_assert_uint_eq(record.event_size, strlen(event));
                ck_assert_mem_eq(record.event, event, record.event_size);
            }
        }
        alldata_scan_free(scan);
    }
    return count;
}

size_t net_count(net *n, int node) {
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    size_t count = 0;
    ck_assert_int_eq(alldata_scan_new(n->nodes[node].box.storage, NULL, &scan, NULL), REPLI_OK);
    while (alldata_scan_next(scan, &record, NULL) == REPLI_OK)
        count++;
    alldata_scan_free(scan);
    return count;
}

/* Repairs. */

static void ring(void *user_data) {
    (void)user_data;
}

void net_repairs(net *n, int rf, alldata__repair_options options) {
    for (int i = 0; i < n->count; i++) {
        net_node *it = &n->nodes[i];
        repli_error err = REPLI_ERROR_INIT;
        options.storage = it->box.storage;
        options.digests = it->digests;
        options.transport = &it->transport;
        options.id = it->id;
        options.zone = it->zone;
        options.region = it->region;
        options.replication_factor = rf;
        options.ring = n->carries ? NULL : ring;
        options.bytes_per_s = UINT64_MAX;
        options.log = it->box.options.log;
        options.log_data = &it->box;
        options.log_level = REPLI_LOG_INFO;
        if (options.interval_ms == 0)
            options.interval_ms = UINT64_MAX;
        ck_assert_msg(alldata__repair_new(&options, &repli__mem_default, &it->repair, &err) ==
                          REPLI_OK,
                      "%s", err.message);
        ck_assert_int_eq(alldata__repair_start(it->repair, &err), REPLI_OK);
    }
    for (int i = 0; i < n->count; i++)
        net_introduce(n, i);
}

void net_introduce(net *n, int node) {
    for (int i = 0; i < n->count; i++) {
        const net_node *it = &n->nodes[i];
        const int dead = atomic_load(&it->manner) == NET_REFUSES;
        const alldata_peer peer = {.struct_size = sizeof(peer),
                                   .state = dead ? ALLDATA_PEER_DEAD : ALLDATA_PEER_LIVE,
                                   .id = it->id,
                                   .http_host = "127.0.0.1",
                                   .http_port = PORT + i,
                                   .zone = it->zone,
                                   .region = it->region,
                                   .native = 1};
        if (i != node)
            ck_assert_int_eq(alldata__repair_set_peer(n->nodes[node].repair, &peer, NULL),
                             REPLI_OK);
    }
}

void net_settle(net *n) {
    for (int works = 1; works;) {
        works = carry(n);
        for (int i = 0; i < n->count; i++) {
            alldata__repair *repair = n->nodes[i].repair;
            if (repair == NULL || alldata__repair_due_ns(repair) > repli__mono_ns())
                continue;
            alldata__repair_run(repair);
            works = 1;
        }
    }
}

static void take_result(void *user_data, int32_t code, uint64_t looked_at, uint64_t repaired,
                        uint64_t missing) {
    net_node *it = user_data;
    it->code = code;
    it->looked_at = looked_at;
    it->repaired = repaired;
    it->missing = missing;
    it->done++;
}

int32_t net_round(net *n, int node) {
    net_node *it = &n->nodes[node];
    const int before = it->done;
    ck_assert_int_eq(alldata__repair_ask(it->repair, NULL, take_result, it, NULL), REPLI_OK);
    net_settle(n);
    ck_assert_int_eq(it->done, before + 1);
    return it->code;
}

uint64_t net_rounds(net *n) {
    uint64_t repaired = 0;
    for (int i = 0; i < n->count; i++) {
        if (atomic_load(&n->nodes[i].manner) == NET_REFUSES)
            continue;
        ck_assert_int_eq(net_round(n, i), REPLI_OK);
        ck_assert_uint_eq(n->nodes[i].missing, 0);
        repaired += n->nodes[i].repaired;
    }
    return repaired;
}

alldata__cluster net_cluster(net *n, int node, int rf, alldata__member members[NET_NODES]) {
    size_t count = 0;
    for (int i = 0; i < n->count; i++)
        if (i != node)
            members[count++] =
                (alldata__member){.id = n->nodes[i].id,
                                  .host = "127.0.0.1",
                                  .port = PORT + i,
                                  .answers = atomic_load(&n->nodes[i].manner) != NET_REFUSES};
    return (alldata__cluster){.storage = n->nodes[node].box.storage,
                              .transport = &n->nodes[node].transport,
                              .members = members,
                              .count = count,
                              .replication_factor = rf};
}
