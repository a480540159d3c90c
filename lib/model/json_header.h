#ifndef REPLI_MODEL_JSON_HEADER_H
#define REPLI_MODEL_JSON_HEADER_H

#include "model/json_in.h"
#include "base/json_out.h"

/* Headers, which the HTTP API calls metadata. */

/* The object as a value. The headers are valid. */
void repli__headers_write(repli__json_out *out, const repli_header *headers, size_t count);

/* An object, in the order of the text; none if it is absent. Names may repeat: validation sees
 * that. */
void repli__headers_get(repli__json_in *in, const repli__json_member *member,
                        const repli_header **ret_headers, size_t *ret_count);

#endif
