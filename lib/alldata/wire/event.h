#ifndef ALLDATA_WIRE_EVENT_H
#define ALLDATA_WIRE_EVENT_H

#include <alldata/storage.h>

/* Deepest nesting of an event. */
enum { ALLDATA__EVENT_DEPTH = 256 };

/* Is it an event: one JSON text (RFC 8259) other than null, in UTF-8 without a BOM? Nothing else is
 * asked of it: numbers of any size and any escapes are kept as they are. REPLI_OK or
 * REPLI_EINVALID.
 */
int32_t alldata__event_check(const char *event, size_t size, repli_error *err);

/* Append an event that was checked as one line, without its end. REPLI_OK or REPLI_ENOMEM. */
int alldata__event_line(repli_buf *to, const char *event, size_t size);

/*
 * What the reference's nodes hand each other: {"key":"20261121T005824640353920860","event":…}
 */

/* The key is one that alldata_key_validate() accepts. REPLI_OK or REPLI_ENOMEM, and then nothing
 * was appended. */
int alldata__body_write(repli_buf *to, const alldata_record *record);
/* The members may come in any order, others are ignored, and of two of one name the last counts.
 * The record points into the body, where the event is byte for byte as it came. REPLI_EINVALID:
 * there is no key as alldata_key_validate() accepts it, or no event, in which case the record has
 * the key. */
int32_t alldata__body_read(const char *body, size_t size, alldata_record *ret_record,
                           repli_error *err);

#endif
