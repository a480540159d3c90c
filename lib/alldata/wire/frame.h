#ifndef ALLDATA_WIRE_FRAME_H
#define ALLDATA_WIRE_FRAME_H

#include <alldata/storage.h>

/*
 * Records one after the other, as in alldata-export(5), so that nobody has to look into an event to
 * find its end:
 *
 *     27 41 20261121T005824640353920860 {"timestamp":1795222614995,"stuff":"foo"}
 */

#define ALLDATA__FRAMES_TYPE "application/x-alldata-records"

/* Most bytes of the two sizes, a blank behind each. */
enum { ALLDATA__FRAME_HEAD = 42 };

/* The sizes of a record, without a NUL. Returns how many bytes they take. */
size_t alldata__frame_head(char to[ALLDATA__FRAME_HEAD], const alldata_record *record);
/* Append a record. REPLI_OK or REPLI_ENOMEM, and then nothing was. */
int alldata__frame_write(repli_buf *to, const alldata_record *record);

/* Records that stand in memory; at is 0 at first. */
typedef struct alldata__frames {
    const char *text;
    size_t size;
    size_t at;
} alldata__frames;

/* The next, which points into the text; key or event may be empty. REPLI_EDONE, without a message:
 * what stands at in->at, which may be the end, does not begin with a digit, and so is no record.
 * REPLI_EPROTOCOL: it is none all the same, or not whole. */
int32_t alldata__frame_next(alldata__frames *in, alldata_record *ret_record, repli_error *err);

#endif
