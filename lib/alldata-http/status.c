#include <stdio.h>
#include <string.h>
#include <time.h>

#include <alldata/gossip.h>

#include "alldata-http/answer.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json_out.h"

/* The node, its peers and its intervals, as JSON. */

/* A member with a time, in UTC with milliseconds; null if it is 0. */
static void put_time(repli__json_out *out, const char *name, int64_t ns) {
    char text[64];
    struct tm utc;
    const time_t second = (time_t)(ns / REPLI__NS_PER_S);
    repli__json_name(out, name);
    if (ns <= 0 || gmtime_r(&second, &utc) == NULL) {
        repli__json_null(out);
        return;
    }
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             (int)(ns % REPLI__NS_PER_S / REPLI__NS_PER_MS));
    repli__json_string(out, text);
}

static void put_string(repli__json_out *out, const char *name, const char *text) {
    repli__json_name(out, name);
    repli__json_string(out, text);
}

static void put_count(repli__json_out *out, const char *name, uint64_t count) {
    repli__json_name(out, name);
    repli__json_integer(out, (int64_t)count);
}

static void put_truth(repli__json_out *out, const char *name, int value) {
    repli__json_name(out, name);
    repli__json_boolean(out, value);
}

static void put_address(repli__json_out *out, const char *name, const char *host, int32_t port) {
    char text[512];
    repli__json_name(out, name);
    if (host == NULL || port == 0) {
        repli__json_null(out);
        return;
    }
    snprintf(text, sizeof(text), strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, (int)port);
    repli__json_string(out, text);
}

/* Status. */

static int32_t write_status(const alldata_node_status *status, repli_buf *json, repli_error *err) {
    repli__json_out out;
    repli__json_begin(&out, json);
    repli__json_open(&out, '{');
    put_string(&out, "id", status->id);
    put_string(&out, "cluster", status->cluster);
    put_string(&out, "version", status->version);
    put_string(&out, "zone", status->zone);
    put_string(&out, "region", status->region);
    put_string(&out, "gossip", status->gossip);
    put_string(&out, "peers", status->peers);
    put_time(&out, "started", status->started_ns);
    put_count(&out, "number", (uint64_t)status->number);
    put_count(&out, "replication_factor", (uint64_t)status->replication_factor);
    put_count(&out, "peers_live", status->peers_live);
    put_count(&out, "peers_dead", status->peers_dead);
    put_count(&out, "hints_pending", status->hints_pending);
    put_count(&out, "missing", status->missing);
    put_time(&out, "repaired", status->repaired_ns);
    put_truth(&out, "repairing", status->repairing);
    put_count(&out, "repairs_asked", status->repairs_asked);
    put_count(&out, "repairs_done", status->repairs_done);
    repli__json_name(&out, "clock_ahead_ms");
    repli__json_integer(&out, status->clock_ahead_ms);
    put_count(&out, "events", status->events);
    put_count(&out, "uncounted", status->uncounted);
    put_truth(&out, "writable", status->writable);
    put_string(&out, "storage_error", status->writable ? NULL : status->storage_error);
    repli__json_close(&out, '}');
    return repli__json_end(&out, err);
}

int32_t alldata__http_status(alldata__http_call *call, const repli__web_target *query,
                             repli_error *err) {
    (void)query;
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    repli_buf json = REPLI_BUF_INIT;
    int32_t code = alldata_node_status_get(call->node, &status, err);
    if (code == REPLI_OK)
        code = write_status(&status, &json, err);
    return alldata__http_answer_buf(call, alldata__http_json, &json, code);
}

/* Lists, a line for each. */

typedef struct list {
    alldata_node *node;
    repli_buf text;
    int32_t code;
    repli_error *err;
} list;

static int32_t end_line(list *all, repli__json_out *out) {
    repli__json_close(out, '}');
    all->code = repli__json_end(out, all->err);
    if (all->code == REPLI_OK && repli__buf_append(&all->text, "\n", 1) != REPLI_OK)
        all->code = repli__error_nomem(all->err, ALLDATA__HTTP_ORIGIN, "listing");
    return all->code;
}

static int32_t add_peer(const alldata_peer *peer, void *user_data) {
    list *all = user_data;
    const int64_t hints = alldata_coordinator_hints(alldata_node_coordinator(all->node), peer->id);
    repli__json_out out;
    repli__json_begin(&out, &all->text);
    repli__json_open(&out, '{');
    put_string(&out, "id", peer->id);
    put_string(&out, "state", peer->state == ALLDATA_PEER_LIVE ? "live" : "dead");
    put_address(&out, "gossip", peer->gossip_host, peer->gossip_port);
    put_address(&out, "http", peer->http_host, peer->http_port);
    put_string(&out, "zone", peer->zone);
    put_string(&out, "region", peer->region);
    put_time(&out, "since", peer->since_ns);
    put_count(&out, "hints", hints > 0 ? (uint64_t)hints : 0);
    put_truth(&out, "native", peer->native);
    return end_line(all, &out);
}

int32_t alldata__http_peers(alldata__http_call *call, const repli__web_target *query,
                            repli_error *err) {
    (void)query;
    list all = {.node = call->node, .err = err};
    alldata_gossip *gossip = alldata_node_gossip(call->node);
    const int32_t code =
        gossip != NULL ? alldata_gossip_peers(gossip, add_peer, &all, err) : REPLI_OK;
    return alldata__http_answer_buf(call, alldata__http_lines, &all.text,
                                    code != REPLI_OK ? code : all.code);
}

static int32_t add_interval(void *user_data, const alldata_node_interval *interval) {
    list *all = user_data;
    repli__json_out out;
    repli__json_begin(&out, &all->text);
    repli__json_open(&out, '{');
    put_string(&out, "name", interval->name);
    put_string(&out, "state", interval->state == ALLDATA_INTERVAL_OPEN ? "open" : "closed");
    put_count(&out, "events", interval->events);
    put_truth(&out, "counted", interval->counted);
    put_truth(&out, "repairing", interval->repairing);
    put_count(&out, "missing", interval->missing);
    put_string(&out, "last_key", interval->last_key[0] != '\0' ? interval->last_key : NULL);
    put_time(&out, "last_time", interval->last_ns);
    return end_line(all, &out);
}

int32_t alldata__http_intervals(alldata__http_call *call, const repli__web_target *query,
                                repli_error *err) {
    (void)query;
    list all = {.node = call->node, .err = err};
    const int32_t code = alldata_node_intervals(call->node, add_interval, &all, err);
    return alldata__http_answer_buf(call, alldata__http_lines, &all.text,
                                    code != REPLI_OK ? code : all.code);
}

/* Health. */

static const char ok[] = "{\"ok\":true}";

int32_t alldata__http_live(alldata__http_call *call, const repli__web_target *query,
                           repli_error *err) {
    (void)query;
    (void)err;
    alldata__http_answer_text(call, 200, alldata__http_json, ok, sizeof(ok) - 1);
    return REPLI_OK;
}

/* Whoever cannot write can still find others that do, but need not be asked first. */
int32_t alldata__http_ready(alldata__http_call *call, const repli__web_target *query,
                            repli_error *err) {
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    const int32_t code = alldata_node_status_get(call->node, &status, err);
    if (code != REPLI_OK)
        return code;
    if (!status.writable)
        return repli__error(err, REPLI_ENOTREADY, ALLDATA__HTTP_ORIGIN,
                            "the last commit to the storage failed: %s", status.storage_error);
    return alldata__http_live(call, query, err);
}
