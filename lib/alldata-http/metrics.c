#include <stdint.h>

#include <alldata/gossip.h>

#include "alldata-http/answer.h"
#include "alldata-http/office.h"
#include "base/error.h"
#include "base/prometheus.h"

/* A number of a structure and how it is called. */
typedef struct metric {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
} metric;

static const char counter[] = "counter";
static const char gauge[] = "gauge";

#define LABELS(...)                                                                                \
    (const repli__label[]) {                                                                       \
        __VA_ARGS__, {                                                                             \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

static void write_all(repli__prometheus *out, const metric *metrics, size_t count,
                      const void *from) {
    for (size_t i = 0; i < count; i++) {
        const metric *it = &metrics[i];
        repli__prometheus_metric(out, it->name, it->type, it->help);
        repli__prometheus_count(out, it->name, NULL,
                                *(const uint64_t *)((const char *)from + it->offset));
    }
}

#define WRITE(out, metrics, from)                                                                  \
    write_all(out, metrics, sizeof(metrics) / sizeof((metrics)[0]), from)

static void write_node(repli__prometheus *out, const alldata_node_status *status) {
#define OF(member) offsetof(alldata_node_status, member)
    static const metric metrics[] = {
        {"alldata_peers_live", gauge, "Peers that live.", OF(peers_live)},
        {"alldata_peers_dead", gauge, "Peers that give no sign of life.", OF(peers_dead)},
        {"alldata_hints_pending", gauge, "Copies of events that wait for peers that are away.",
         OF(hints_pending)},
        {"alldata_missing", gauge, "Copies of events that the repair has to hand over.",
         OF(missing)},
        {"alldata_repairs_asked", counter, "Repairs that were asked for.", OF(repairs_asked)},
        {"alldata_repairs_done", counter, "Of those, the ones that ended.", OF(repairs_done)},
        {"alldata_events", gauge, "Events that this node has, as far as they are counted.",
         OF(events)},
    };
#undef OF
    repli__prometheus_metric(out, "alldata_build", gauge, "Always 1; the node and its version.");
    repli__prometheus_count(
        out, "alldata_build",
        LABELS({"version", status->version}, {"node", status->id}, {"cluster", status->cluster}),
        1);
    repli__prometheus_metric(out, "alldata_writable", gauge,
                             "0 if the last commit to the storage failed.");
    repli__prometheus_count(out, "alldata_writable", NULL, status->writable != 0);
    WRITE(out, metrics, status);
}

static void write_coordinator(repli__prometheus *out, alldata_node *node) {
#define OF(member) offsetof(alldata_coordinator_counters, member)
    static const metric metrics[] = {
        {"alldata_puts", counter, "Events that reached their commit level.", OF(puts)},
        {"alldata_puts_failed", counter, "Events that did not.", OF(failed)},
        {"alldata_puts_refused", counter, "Events for which there was no room in memory.",
         OF(refused)},
        {"alldata_peer_events_stored", counter, "Events stored for other nodes.", OF(stored)},
        {"alldata_under_replicated", counter,
         "Events acknowledged with fewer replicas than wanted by then.", OF(under_replicated)},
        {"alldata_hints_written", counter, "Copies written down for peers that were away.",
         OF(hints_written)},
        {"alldata_hints_delivered", counter, "Of those, the ones handed over.",
         OF(hints_delivered)},
        {"alldata_hints_dropped", counter, "Of those, the ones given up.", OF(hints_dropped)},
        {"alldata_peer_requests", counter, "Requests sent to peers.", OF(peer_sends)},
        {"alldata_peer_events", counter, "Events in them.", OF(peer_records)},
        {"alldata_peer_failures", counter, "Requests to peers that failed.", OF(peer_failures)},
        {"alldata_puts_waiting", gauge, "Events that wait to be acknowledged.", OF(waiting)},
        {"alldata_puts_waiting_bytes", gauge, "Memory that they take.", OF(waiting_bytes)},
    };
#undef OF
    alldata_coordinator_counters counters = ALLDATA_COORDINATOR_COUNTERS_INIT;
    if (alldata_coordinator_count(alldata_node_coordinator(node), &counters, NULL) == REPLI_OK)
        WRITE(out, metrics, &counters);
}

static void write_storage(repli__prometheus *out, alldata_node *node) {
#define OF(member) offsetof(alldata_storage_stats, member)
    static const metric metrics[] = {
        {"alldata_storage_events", counter, "Events stored here.", OF(stored)},
        {"alldata_storage_bytes", counter, "Bytes of them, without their keys.", OF(event_bytes)},
        {"alldata_storage_duplicates", counter, "Puts of what was there already.", OF(duplicates)},
        {"alldata_storage_conflicts", counter, "Puts of another event under a key.", OF(conflicts)},
        {"alldata_storage_refused", counter,
         "Keys that are none, or whose interval is closed or too far in the future.", OF(refused)},
        {"alldata_storage_failed", counter, "Events that could not be stored.", OF(failed)},
        {"alldata_storage_commits", counter, "Writes to the store.", OF(commits)},
        {"alldata_storage_syncs", counter, "Writes that waited for the disk.", OF(syncs)},
    };
#undef OF
    alldata_storage_stats stats = {.struct_size = sizeof(stats)};
    alldata_storage_stats_get(alldata_node_storage(node), &stats);
    WRITE(out, metrics, &stats);
}

static void write_gossip(repli__prometheus *out, alldata_node *node) {
#define OF(member) offsetof(alldata_gossip_counters, member)
    static const metric metrics[] = {
        {"alldata_gossip_deaths", counter, "Times that a peer died.", OF(deaths)},
        {"alldata_gossip_returns", counter, "Times that a peer came, or came back.", OF(returns)},
        {"alldata_gossip_restarts", counter, "Times that a peer was another process.",
         OF(restarts)},
        {"alldata_gossip_frames_in", counter, "Frames received.", OF(frames_in)},
        {"alldata_gossip_frames_out", counter, "Frames sent.", OF(frames_out)},
        {"alldata_gossip_bytes_in", counter, "Bytes received.", OF(bytes_in)},
        {"alldata_gossip_bytes_out", counter, "Bytes sent.", OF(bytes_out)},
        {"alldata_gossip_frames_bad", counter, "Frames that made no sense.", OF(bad_frames)},
        {"alldata_gossip_namesakes", counter, "Frames of others under this node's id.",
         OF(namesakes)},
    };
#undef OF
    alldata_gossip_counters counters = ALLDATA_GOSSIP_COUNTERS_INIT;
    alldata_gossip *gossip = alldata_node_gossip(node);
    if (gossip != NULL && alldata_gossip_count(gossip, &counters, NULL) == REPLI_OK)
        WRITE(out, metrics, &counters);
}

static void write_web(repli__prometheus *out, const alldata__http_office *office) {
#define OF(member) offsetof(repli__web_counts, member)
    static const metric metrics[] = {
        {"alldata_http_connections_accepted", counter, "Connections accepted.", OF(connections)},
        {"alldata_http_connections_cut", counter,
         "Connections ended for a limit on time or number.", OF(cut)},
        {"alldata_http_requests", counter, "Requests.", OF(requests)},
        {"alldata_http_requests_refused", counter, "Requests refused for the size of their body.",
         OF(refused)},
        {"alldata_http_bytes_in", counter, "Bytes of requests' bodies.", OF(bytes_in)},
        {"alldata_http_bytes_out", counter, "Bytes of answers' bodies.", OF(bytes_out)},
    };
#undef OF
    static const char *const kinds[] = {"clients", "peers", "unix"};
    repli__web_counts counts;
    if (office == NULL)
        return;
    repli__web_count(office->web, &counts);
    repli__prometheus_metric(out, "alldata_http_connections", gauge,
                             "Connections that are open, by where they came in.");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        repli__prometheus_count(out, "alldata_http_connections", LABELS({"from", kinds[i]}),
                                counts.open_of[i]);
    WRITE(out, metrics, &counts);
}

int32_t alldata__http_metrics(alldata__http_call *call, const repli__web_target *query,
                              repli_error *err) {
    (void)query;
    repli_buf text = REPLI_BUF_INIT;
    repli__prometheus out = {.text = &text, .code = REPLI_OK};
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    int32_t code = alldata_node_status_get(call->node, &status, err);
    if (code != REPLI_OK)
        return code;
    write_node(&out, &status);
    write_coordinator(&out, call->node);
    write_storage(&out, call->node);
    write_gossip(&out, call->node);
    write_web(&out, call->office);
    if (out.code != REPLI_OK)
        code = repli__error_nomem(err, ALLDATA__HTTP_ORIGIN, "writing metrics");
    return alldata__http_answer_buf(call, "text/plain; version=0.0.4; charset=utf-8", &text, code);
}
