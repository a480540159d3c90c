#include "damage.h"

#include <string.h>

/* A place in the file: a page, and more often than not its header or its cell pointers. */
static size_t place(fuzz_input *input, size_t size) {
    const size_t page = fuzz_byte(input);
    const size_t offset = fuzz_number(input, 2);
    const size_t within = offset & 0x8000 ? offset & 0xfff : offset & 0x3f;
    return (page * 4096 + within) % size;
}

void damage(fuzz_input *input, uint8_t *file, size_t *size) {
    const uint8_t kind = fuzz_byte(input);
    if (*size == 0)
        return;
    const size_t at = place(input, *size);
    const size_t room = *size - at;
    size_t count = 1 + fuzz_byte(input);
    count = count < room ? count : room;
    switch (kind % 6) {
    case 0: file[at] = fuzz_byte(input); break;
    case 1: file[at] ^= (uint8_t)(1u << fuzz_byte(input) % 8); break;
    case 2: memset(file + at, kind, count); break;
    case 3: memmove(file + at, file + place(input, *size - count + 1), count); break;
    case 4: *size = at; break;
    default:
        for (size_t i = 0; i < count % 9; i++)
            file[at + i % room] = fuzz_byte(input);
        break;
    }
}
