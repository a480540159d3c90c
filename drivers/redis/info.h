#ifndef REPLI_REDIS_INFO_H
#define REPLI_REDIS_INFO_H

#include <stddef.h>
#include <stdint.h>

/* Reading what INFO and CLUSTER INFO answer: lines "name:value", ended by CR LF. */

/* Copy a value, cut if need be; "" if there is none. Returns not 0 if there is one. */
int repli__redis_info_text(const char *info, const char *name, char *ret_value, size_t size);
int64_t repli__redis_info_integer(const char *info, const char *name, int64_t otherwise);
/* Whether the value is there and is text. */
int repli__redis_info_is(const char *info, const char *name, const char *text);
/* Whether the value is there and is not text. */
int repli__redis_info_differs(const char *info, const char *name, const char *text);
/* Keys in all databases together. */
int64_t repli__redis_info_keys(const char *info);
/* Whether one of the followers is at that address. */
int repli__redis_info_follower(const char *info, const char *host, const char *port);

#endif
