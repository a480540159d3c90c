#include <stdlib.h>
#include <string.h>

#include "damage.h"
#include "fuzz.h"
#include "store_use.h"

/* Databases that are damaged: the pages of a good one, patched. Opening one never crashes, and if
 * it is refused then it stays as it is, for whoever wants to save what can be saved. If it is not,
 * then every action is there, or it is told that some may not be. */

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
        damage(&input, file, &file_size);
    store_use_replace(file, file_size);

    repli__store *store = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = store_use_open(&store, &error);
    fuzz_outcome(code, &error);
    if (code == REPLI_OK) {
        const store_use_counts counts = store_use(store, ways);
        HOLDS(counts.damaged || counts.listed == ACTIONS);
        HOLDS(!untouched || !counts.damaged);
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
