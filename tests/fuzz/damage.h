#ifndef TESTS_FUZZ_DAMAGE_H
#define TESTS_FUZZ_DAMAGE_H

#include "fuzz.h"

/* Damage a file of pages in memory as the input says: single bits and bytes, stretches that are
 * overwritten or come from elsewhere, an end too early. */
void damage(fuzz_input *input, uint8_t *file, size_t *size);

#endif
