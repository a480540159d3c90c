#include <string.h>

#include "config.h"

#define TEXT SETTINGS_TEXT
#define NUMBER SETTINGS_NUMBER
#define BOOLEAN SETTINGS_BOOLEAN
#define LIST SETTINGS_LIST
#define CHOICE SETTINGS_CHOICE

enum { HOUR_MS = 3600000, PORT_MAX = 65535, BODY_MIN = 1024, BODY_MAX = 1 << 30 };

/* Unless it is said otherwise, nobody beyond this machine can connect: without a secret or an
 * authority for certificates nothing else keeps anybody out. */
static const repli_config_key *const keys[] = {
    TEXT("clients.bind", 0, "127.0.0.1:8080", "host:port for clients; empty: no TCP"),
    TEXT("clients.other_secret", REPLI_CONFIG_SECRET, NULL,
         "what they may present instead, while it is changed"),
    TEXT("clients.secret", REPLI_CONFIG_SECRET, NULL, "what clients must present as a token"),
    TEXT("clients.tls.ca", 0, NULL,
         "PEM file of authorities; with it clients must present a certificate"),
    TEXT("clients.tls.cert", 0, NULL, "PEM file of the certificate chain shown to clients"),
    TEXT("clients.tls.key", 0, NULL, "PEM file of its private key"),
    TEXT("clients.unix_mode", 0, "0600", "permissions of the UNIX socket, in octal"),
    TEXT("clients.unix_socket", 0, NULL, "path of a UNIX socket for clients"),
    TEXT("cluster", 0, "alldata", "name of the cluster"),
    TEXT("data_dir", REPLI_CONFIG_REQUIRED, NULL, "directory of this node, made if there is none"),
    TEXT("gossip.advertise", 0, NULL, "host or host:port by which others reach gossip.bind"),
    TEXT("gossip.bind", 0, "127.0.0.1:9742", "host:port to gossip on"),
    NUMBER("gossip.round_ms", "1000", 50, 60000, "milliseconds between rounds"),
    LIST("gossip.seeds", "host:port of nodes that lead to all others"),
    NUMBER("limits.body", "1048576", BODY_MIN, BODY_MAX, "bytes an event may have"),
    NUMBER("limits.bulk_body", "33554432", BODY_MIN, BODY_MAX,
           "bytes that many events in one request may have"),
    NUMBER("limits.connections", "1024", 1, PORT_MAX, "connections at the same time"),
    NUMBER("limits.waiting_bytes", "67108864", BODY_MIN, INT64_MAX,
           "bytes that puts may take while they wait; more are refused for the moment"),
    CHOICE("log.level", "info", "critical|error|warning|info|debug|trace",
           "least important messages that are logged"),
    CHOICE("log.mode", "auto", "auto|json|terminal", "how log lines look"),
    TEXT("node_id", 0, NULL, "id of this node, like no other's; one is made and kept if not given"),
    TEXT("peers.advertise", 0, NULL, "host by which others reach peers.bind"),
    TEXT("peers.bind", 0, "127.0.0.1:8880", "host:port for other nodes"),
    TEXT("peers.other_secret", REPLI_CONFIG_SECRET, NULL,
         "what they may present instead, while it is changed"),
    TEXT("peers.secret", REPLI_CONFIG_SECRET, NULL, "what nodes present to each other as a token"),
    TEXT("peers.tls.ca", 0, NULL, "PEM file of authorities that all nodes have certificates of"),
    TEXT("peers.tls.cert", 0, NULL, "PEM file of the certificate chain shown to other nodes"),
    TEXT("peers.tls.key", 0, NULL, "PEM file of its private key"),
    TEXT("region", 0, NULL, "region that this node is in"),
    CHOICE("replication.commit", "quorum", "one|quorum|all",
           "how many replicas must have an event before a put is acknowledged"),
    NUMBER("replication.factor", "1", 1, 15, "nodes that each event is to be on"),
    NUMBER("replication.other_regions", "0", 0, 14, "of them, in other regions"),
    NUMBER("replication.other_zones", "0", 0, 14, "of them, in other zones of the region"),
    NUMBER("replication.peer_timeout_ms", "1000", 10, HOUR_MS,
           "milliseconds for a node to answer before another is tried"),
    NUMBER("replication.timeout_ms", "5000", 10, HOUR_MS, "milliseconds that a put may take"),
    NUMBER("repair.bytes_per_s", "33554432", 1024, INT64_MAX,
           "bytes a second that the repair may read and send"),
    NUMBER("repair.interval_s", "60", 0, 86400,
           "seconds between rounds of the repair; 0: only when it is asked for"),
    NUMBER("repair.settle_ms", "5000", 1, HOUR_MS,
           "milliseconds for which a new event is left alone by the repair"),
    NUMBER("stop_timeout", "10", 1, 3600, "seconds that stopping may take"),
    CHOICE("storage.interval", "P1D", "P1D|PT3H|PT1H|PT15M|PT5M", "length of an interval"),
    TEXT("storage.location", 0, NULL, "where the module has events; data_dir/events for leveldb"),
    CHOICE("storage.module", "leveldb", "leveldb|nats", "what intervals are kept in"),
    BOOLEAN("storage.sync", "false", "true: nothing is acknowledged before it is on disk"),
    TEXT("zone", 0, NULL, "zone that this node is in"),
    NULL};

const repli_config_key *const *config_keys(void) {
    return keys;
}

/* Where a certificate stays under its name, and is renewed there, it is read again. */
int config_needs_restart(const char *name) {
    static const char *const others[] = {"clients.other_secret",
                                         "clients.secret",
                                         "clients.tls.ca",
                                         "clients.tls.cert",
                                         "clients.tls.key",
                                         "limits.body",
                                         "limits.bulk_body",
                                         "limits.connections",
                                         "log.level",
                                         "log.mode",
                                         "peers.other_secret",
                                         "peers.secret",
                                         "peers.tls.ca",
                                         "peers.tls.cert",
                                         "peers.tls.key",
                                         "stop_timeout"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(name, others[i]) == 0)
            return 0;
    return 1;
}
