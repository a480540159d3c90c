/* Makes a new table whenever it is asked for one: driver.constant, and open.repeated, as none is
 * ever given back. */
#include <stdlib.h>

#include "base/sound.h"

static const repli_driver driver = {SOUND_TABLE("other_table")};

ENTRY(other_table) {
    repli_driver *table = malloc(sizeof(*table));
    if (table == NULL || host_abi != REPLI_DRIVER_ABI)
        return NULL;
    *table = driver;
    return table;
}
