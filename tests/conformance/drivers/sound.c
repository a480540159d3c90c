/* Keeps every rule: what the others are compared with. */
#include "base/sound.h"

DRIVER(sound, .open = sound_open)
