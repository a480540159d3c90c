#ifndef ALLDATA_GOSSIP_OPTIONS_H
#define ALLDATA_GOSSIP_OPTIONS_H

#include <alldata/gossip.h>

#include "alldata/gossip/frame.h"
#include "base/mem.h"

/* Options, checked and with all defaults. The texts are the caller's, but for the seeds. */
typedef struct alldata__options {
    alldata_gossip_options given;
    alldata__address *seeds; /* to be freed */
    size_t seed_count;
} alldata__options;

int32_t alldata__options_read(const repli__mem *mem, const alldata_gossip_options *options,
                              alldata__options *ret_options, repli_error *err);
/* Where others reach the node, which listens on that port. */
int32_t alldata__options_address(const alldata__options *options, uint16_t port, int anywhere,
                                 alldata__address *ret_address, repli_error *err);

/* "host:port", with a port other than 0. 0 if it is none. */
int alldata__options_read_address(const char *text, alldata__address *ret_address);

#endif
