#ifndef ALLDATA_GOSSIP_VALUE_H
#define ALLDATA_GOSSIP_VALUE_H

#include <replicante/alloc.h>

#include "alldata/gossip/limits.h"
#include "base/json_span.h"
#include "base/mem.h"

/*
 * Values of keys, as they are kept and sent: compact JSON in ASCII, since a reference node decodes
 * what it reads piece by piece and spoils characters that are cut in two.
 *
 * The two keys that reference nodes act on are reduced to what they mean: `transport` to hostname
 * and port, `location` to zone and region. Whatever else stands there, such as the method and path
 * that a reference node leaves in the addresses of its peers, would be given to its HTTP client as
 * an option, and can end it.
 */
#define ALLDATA__KEY_TRANSPORT "transport"
#define ALLDATA__KEY_LOCATION "location"

/* A value that repli__json_check() has accepted. REPLI_OK with *ret_value to be freed,
 * REPLI_ENOMEM, or REPLI_EINVALID if it may not be kept. */
int32_t alldata__value_read(const repli__mem *mem, const char *key, repli__json_span value,
                            char **ret_value);

/* Of a peer's transport and location; 0 if value is NULL or has none. */
int alldata__value_address(const char *value, char ret_host[ALLDATA__HOST_SIZE], int32_t *ret_port);
int alldata__value_word(const char *value, const char *member, char ret_word[ALLDATA__WORD_SIZE]);

/* What others must know of a node, as JSON to be read by alldata__value_read(). zone and region may
 * be NULL. */
int32_t alldata__value_transport(repli_buf *ret_json, const char *host, int32_t port);
int32_t alldata__value_location(repli_buf *ret_json, const char *zone, const char *region);

/* A string as JSON in ASCII, to be freed. NULL when out of memory. */
char *alldata__value_quote(const repli__mem *mem, const char *text);

#endif
