#include "plugin.h"

/* Serves no host at all. */
PLUGIN(refuses) {
    (void)table;
    (void)host_abi;
    return NULL;
}
