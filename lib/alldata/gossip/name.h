#ifndef ALLDATA_GOSSIP_NAME_H
#define ALLDATA_GOSSIP_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/json_span.h"

/*
 * What may stand in a frame, in either direction. The rules for both are the same: what is not fit
 * to be sent is not kept, so that nothing is forwarded that a reference node dies of.
 */

/* A peer's id, the name of a key, a zone or a region: 1 byte or more of UTF-8 without control
 * characters. Names that every JavaScript object has members of are refused, for a reference node
 * takes those members for peers. */
int alldata__name_check(const char *name, size_t size);
/* A host name or a numeric address. */
int alldata__host_check(const char *host, size_t size);

/* From a string of JSON, NUL-terminated; 0 if it is none, is too long or does not pass. */
int alldata__name_read(repli__json_span value, char *ret_name, size_t size);
int alldata__host_read(repli__json_span value, char *ret_host, size_t size);
/* 1 to 65535; 0 if it is none. */
int32_t alldata__port_read(repli__json_span value);

/* A member of an object; none if there is none. Of several of one name the last counts, as in
 * JavaScript. */
repli__json_span alldata__member(repli__json_span object, const char *name);

#endif
