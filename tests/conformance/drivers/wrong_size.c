/* Says that its table is smaller than the first release of the interface had it: driver.loads. */
#include "base/sound.h"

DRIVER(wrong_size, .struct_size = 64)
