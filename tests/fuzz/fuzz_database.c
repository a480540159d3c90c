#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store_use.h"

/* Databases that are damaged: the pages of a good one, patched. Opening one never crashes, and if
 * it is refused then it stays as it is, for whoever wants to save what can be saved. */

enum { ACTIONS = 12, GROWN_MAX = 3 * 4096 };

static char *good;
static size_t good_size;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    store_use_create(ACTIONS);
    good = fuzz_read_file(store_use_path(), &good_size);
    HOLDS(good != NULL);
    return 0;
}

/* A place in the file: a page, and more often than not its header or its cell pointers. */
static size_t place(fuzz_input *input, size_t size) {
    const size_t page = fuzz_byte(input);
    const size_t offset = fuzz_number(input, 2);
    const size_t within = offset & 0x8000 ? offset & 0xfff : offset & 0x3f;
    return (page * 4096 + within) % size;
}

static void patch(fuzz_input *input, uint8_t *file, size_t *size) {
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = FUZZ_INPUT(data, size);
    uint8_t *file = calloc(1, good_size + GROWN_MAX);
    HOLDS(file != NULL);
    memcpy(file, good, good_size);
    const uint8_t ways = fuzz_byte(&input);
    size_t file_size = good_size + fuzz_number(&input, 2) % GROWN_MAX;
    if (ways & 128)
        file_size = good_size;
    const int untouched = input.size == 0 && file_size == good_size;
    for (int i = 0; i < 32 && input.size > 0; i++)
        patch(&input, file, &file_size);
    store_use_replace(file, file_size);

    repli__store *store = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = store_use_open(&store, &error);
    fuzz_outcome(code, &error);
    if (code == REPLI_OK) {
        const store_use_counts counts = store_use(store, ways);
        HOLDS(!untouched || (counts.listed == ACTIONS && !counts.damaged));
        repli__store_close(store);
    } else {
        size_t size_after = 0;
        char *after = fuzz_read_file(store_use_path(), &size_after);
        HOLDS(!untouched);
        HOLDS_FOR(size_after == file_size && memcmp(after, file, file_size) == 0, error.message);
        free(after);
    }
    free(file);
    fuzz_input_end(&input);
    return 0;
}
