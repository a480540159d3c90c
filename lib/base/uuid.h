#ifndef REPLI_BASE_UUID_H
#define REPLI_BASE_UUID_H

#include <stdatomic.h>
#include <stdint.h>

#include <replicante/model.h>

/*
 * UUIDs of version 7 that only ever grow: the first 64 bits that carry no version or variant are a
 * stamp, milliseconds since 1970 followed by 16 bits of their fraction, and no stamp is given out
 * twice; 58 random bits follow.
 */

/* The stamp of time now_ns, or one more than *last if that is not later: the clock may stand still
 * or step back. Any thread. */
uint64_t repli__uuid_stamp(_Atomic uint64_t *last, int64_t now_ns);

/* One of now, after *last, which is 0 at first. REPLI_EINTERNAL: no random numbers. Any thread. */
int32_t repli__uuid_generate(_Atomic uint64_t *last, char ret_text[REPLI_UUID_SIZE],
                             repli_error *err);

/* The text of a UUID of version 7. */
void repli__uuid_format(uint64_t stamp, uint64_t random, char ret_text[REPLI_UUID_SIZE]);

/* The canonical, lower-case form of a UUID: REPLI_OK, or REPLI_EINVALID with the reason. */
int32_t repli__uuid_canonical(const char *text, char ret_text[REPLI_UUID_SIZE], repli_error *err);

#endif
