#include "alldata/node/state.h"

#include <string.h>

#include "alldata/gossip/name.h"
#include "base/error.h"
#include "base/utf8.h"

static int32_t bad(repli_error *err, const char *what, const char *value, const char *expected) {
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_EINVALID, ALLDATA__NODE, "%s is %s: it must be %s", what,
                        repli__utf8_quote(quote, value), expected);
}

static int32_t check_name(const char *what, const char *name, repli_error *err) {
    const size_t length = name != NULL ? strnlen(name, ALLDATA__NODE_NAME_SIZE) : 1;
    if (name == NULL || (length < ALLDATA__NODE_NAME_SIZE && alldata__name_check(name, length)))
        return REPLI_OK;
    return bad(err, what, name, "1 to 128 bytes of UTF-8 without control characters");
}

static int32_t check_alone(const alldata_node_options *o, repli_error *err) {
    if (o->replication_factor > 1 || o->other_zones > 0 || o->other_regions > 0)
        return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                            "events are to be on %d nodes, but this one has no peers: give it a "
                            "transport and an address to gossip on",
                            (int)o->replication_factor);
    return REPLI_OK;
}

static int32_t check_peers(const alldata_node_options *o, repli_error *err) {
    if (o->transport == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                            "this node is to gossip, but has no transport to reach its peers by");
    if (o->run_mode == ALLDATA_RUN_THREADS && o->transport->fd != NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                            "the transport has no threads of its own, as one of a node that has "
                            "them must");
    return REPLI_OK;
}

int32_t alldata__node_options_check(const alldata_node_options *o, repli_error *err) {
    if (o->location == NULL || o->location[0] == '\0')
        return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                            "the location is missing: say in which directory this node lives");
    if (o->run_mode != ALLDATA_RUN_THREADS && o->run_mode != ALLDATA_RUN_DISPATCH)
        return repli__error(err, REPLI_EINVALID, ALLDATA__NODE,
                            "run_mode is %d, which is none of ALLDATA_RUN_*", (int)o->run_mode);
    int32_t code = check_name("the node's id", o->id, err);
    if (code == REPLI_OK)
        code = check_name("the cluster", o->cluster, err);
    if (code == REPLI_OK)
        code = check_name("the zone", o->zone, err);
    if (code == REPLI_OK)
        code = check_name("the region", o->region, err);
    if (code != REPLI_OK)
        return code;
    return o->gossip_listen != NULL ? check_peers(o, err) : check_alone(o, err);
}
