#ifndef CONFORMANCE_OBJECT_H
#define CONFORMANCE_OBJECT_H

#include <replicante/driver.h>

#include "driver/instance.h"

/* A driver's file in memory. */

/* Its entry function; NULL if there is none. */
repli_driver_entry_fn object_entry(const char *path, const repli__driver_table *table);
/* Not 0 if it says that it is never to be unloaded. */
int object_is_resident(const char *path);

/* All of its data that can be written to, as it is now; NULL if that cannot be found. */
struct object_data;
struct object_data *object_data_take(repli_driver_entry_fn entry);
/* How many bytes changed since, and where the first of them is, from the beginning of the object.
 */
size_t object_data_changed(const struct object_data *data, size_t *ret_where);
void object_data_free(struct object_data *data);

#endif
