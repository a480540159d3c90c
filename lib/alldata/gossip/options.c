#include "alldata/gossip/options.h"

#include <string.h>

#include "alldata/gossip/name.h"
#include "base/address.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/utf8.h"

#define ORIGIN "gossip"

static int32_t bad(repli_error *err, const char *what, const char *value, const char *expected) {
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_EINVALID, ORIGIN, "%s is %s: it must be %s", what,
                        repli__utf8_quote(quote, value), expected);
}

static int is_name(const char *name, size_t size) {
    const size_t length = strnlen(name, size);
    return length < size && alldata__name_check(name, length);
}

static int32_t check_names(const alldata_gossip_options *o, repli_error *err) {
    static const char expected[] = "1 to 128 bytes of UTF-8 without control characters";
    if (o->id == NULL || !is_name(o->id, ALLDATA__ID_SIZE))
        return bad(err, "the node's id", o->id, expected);
    if (o->zone != NULL && !is_name(o->zone, ALLDATA__WORD_SIZE))
        return bad(err, "the zone", o->zone, expected);
    if (o->region != NULL && !is_name(o->region, ALLDATA__WORD_SIZE))
        return bad(err, "the region", o->region, expected);
    return REPLI_OK;
}

static int32_t check_number(uint64_t number, uint64_t least, uint64_t most, const char *what,
                            repli_error *err) {
    if (number >= least && number <= most)
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ORIGIN, "%s is %llu: it must be from %llu to %llu",
                        what, (unsigned long long)number, (unsigned long long)least,
                        (unsigned long long)most);
}

static int32_t check_numbers(const alldata_gossip_options *o, repli_error *err) {
    int32_t code = REPLI_OK;
    if (o->http_port != 0)
        code = check_number((uint64_t)(uint32_t)o->http_port, 1, UINT16_MAX, "http_port", err);
    if (code == REPLI_OK)
        code = check_number(o->round_ms, 50, 60000, "round_ms", err);
    if (code == REPLI_OK)
        code = check_number(o->max_peers, 1, 100000, "max_peers", err);
    if (code == REPLI_OK)
        code = check_number(o->forget_ms, 1, INT64_MAX / 1000000, "forget_ms", err);
    return code;
}

int alldata__options_read_address(const char *text, alldata__address *ret_address) {
    uint16_t port;
    if (!repli__address_split(text, ret_address->host, ALLDATA__HOST_SIZE, &port) || port == 0)
        return 0;
    ret_address->port = port;
    return alldata__host_check(ret_address->host, strlen(ret_address->host));
}

static int32_t read_seeds(const repli__mem *mem, alldata__options *options, repli_error *err) {
    const size_t count = options->given.seed_count;
    if (count == 0)
        return REPLI_OK;
    if (options->given.seeds == NULL)
        return bad(err, "seeds", NULL, "as many addresses as seed_count says");
    options->seeds = repli__calloc(mem, count, sizeof(*options->seeds));
    if (options->seeds == NULL)
        return repli__error_nomem(err, ORIGIN, "reading seeds");
    options->seed_count = count;
    for (size_t i = 0; i < count; i++) {
        const char *seed = options->given.seeds[i];
        if (seed != NULL && alldata__options_read_address(seed, &options->seeds[i]))
            continue;
        repli__free(mem, options->seeds);
        return bad(err, "a seed", seed, "host:port, such as 10.0.0.1:9742 or [fd00::1]:9742");
    }
    return REPLI_OK;
}

static void set_defaults(alldata_gossip_options *o) {
    if (o->listen == NULL)
        o->listen = "127.0.0.1:9742";
    if (o->round_ms == 0)
        o->round_ms = 1000;
    if (o->max_peers == 0)
        o->max_peers = ALLDATA__PEERS;
    if (o->forget_ms == 0)
        o->forget_ms = UINT64_C(86400000);
    if (o->log_level == 0)
        o->log_level = REPLI_LOG_INFO;
}

int32_t alldata__options_read(const repli__mem *mem, const alldata_gossip_options *options,
                              alldata__options *ret_options, repli_error *err) {
    if (options == NULL || repli__sized(options) < REPLI__SIZE_TO(alldata_gossip_options, reserved))
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "there are no options, or their struct_size is too small: initialise "
                            "them with ALLDATA_GOSSIP_OPTIONS_INIT");
    *ret_options = (alldata__options){.seed_count = 0};
    repli__sized_copy(&ret_options->given, sizeof(ret_options->given), options);
    set_defaults(&ret_options->given);
    int32_t code = check_names(&ret_options->given, err);
    if (code == REPLI_OK)
        code = check_numbers(&ret_options->given, err);
    return code == REPLI_OK ? read_seeds(mem, ret_options, err) : code;
}

int32_t alldata__options_address(const alldata__options *options, uint16_t port, int anywhere,
                                 alldata__address *ret_address, repli_error *err) {
    const alldata_gossip_options *o = &options->given;
    const char *text = o->advertise != NULL ? o->advertise : o->listen;
    uint16_t own_port = 0;
    if (o->advertise == NULL && anywhere)
        return bad(err, "listen", o->listen,
                   "the address of this machine that others know, or be told by advertise");
    const size_t size = strlen(text);
    if (o->advertise != NULL && strchr(text, ':') == NULL && size < ALLDATA__HOST_SIZE)
        memcpy(ret_address->host, text, size + 1);
    else if (!repli__address_split(text, ret_address->host, ALLDATA__HOST_SIZE, &own_port))
        return bad(err, "advertise", text, "host:port or host");
    if (!alldata__host_check(ret_address->host, strlen(ret_address->host)))
        return bad(err, "advertise", text, "a host name or address");
    ret_address->port = own_port != 0 ? own_port : port;
    return REPLI_OK;
}
