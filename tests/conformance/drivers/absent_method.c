/* Leaves out a method that every driver has: driver.loads. */
#include "base/sound.h"

DRIVER(absent_method, .shards = NULL)
