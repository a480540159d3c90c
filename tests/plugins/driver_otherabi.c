#include "plugin.h"

/* Does not look at what the host speaks. */
PLUGIN(otherabi) {
    (void)host_abi;
    table->abi_version = REPLI_DRIVER_ABI + 1;
    return table;
}
