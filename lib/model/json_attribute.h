#ifndef REPLI_MODEL_JSON_ATTRIBUTE_H
#define REPLI_MODEL_JSON_ATTRIBUTE_H

#include "model/json_in.h"
#include "base/json_out.h"

/* The map of attributes that nodes and stores have in common. */

/* The object as a value. The attributes are valid. */
void repli__attributes_write(repli__json_out *out, const repli_attribute *attributes, size_t count);

/* An object, ordered by name; none if it is absent. Names may repeat: validation sees that. */
void repli__attributes_get(repli__json_in *in, const repli__json_member *member,
                           const repli_attribute **ret_attributes, size_t *ret_count);

#endif
