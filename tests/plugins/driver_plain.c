#include "plugin.h"

PLUGIN(plain) {
    return host_abi == REPLI_DRIVER_ABI ? table : NULL;
}
