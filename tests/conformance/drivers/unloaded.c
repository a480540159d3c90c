/* Is not linked with -z nodelete (see conformance.mk), so that unloading it would pull the code
 * from under a thread of it: driver.resident. */
#include "base/sound.h"

DRIVER(unloaded, .open = sound_open)
