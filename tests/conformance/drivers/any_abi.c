/* Gives its table to hosts of every interface version, those to come included: driver.abi. */
#include "base/sound.h"

static const repli_driver driver = {SOUND_TABLE("any_abi")};

ENTRY(any_abi) {
    (void)host_abi;
    return &driver;
}
