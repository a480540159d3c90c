#include <stdlib.h>
#include <string.h>

#include "damage.h"
#include "fuzz.h"
#include "store_use.h"

/* What an agent leaves that was killed: a database, its write-ahead log, and the index of that. One
 * of them is damaged. No action is lost without a word, and what is refused stays as it is. */

enum { ACTIONS = 6, FILES = 3 };

static const char *const suffixes[FILES] = {"", "-wal", "-shm"};
static char *good[FILES];
static size_t good_sizes[FILES];

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    store_use_create(ACTIONS / 2);
    repli__store *store;
    HOLDS(store_use_open(&store, NULL) == REPLI_OK);
    store_use_insert(store, ACTIONS / 2, ACTIONS);
    for (int i = 0; i < FILES; i++) {
        good[i] = fuzz_read_file(store_use_beside(suffixes[i]), &good_sizes[i]);
        HOLDS(good[i] != NULL && good_sizes[i] > 0);
    }
    repli__store_close(store);
    return 0;
}

/* SQLite makes a new index whenever it wants one. */
static void expect_unchanged(uint8_t *const *files, const size_t *sizes) {
    for (int i = 0; i < FILES - 1; i++) {
        size_t size = 0;
        char *now = fuzz_read_file(store_use_beside(suffixes[i]), &size);
        HOLDS(now != NULL ? size == sizes[i] && memcmp(now, files[i], size) == 0 : sizes[i] == 0);
        free(now);
    }
}

static void use(uint8_t ways, int index_is_good, uint8_t *const *files, const size_t *sizes) {
    repli__store *store = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = store_use_open(&store, &error);
    fuzz_outcome(code, &error);
    if (code != REPLI_OK) {
        expect_unchanged(files, sizes);
        return;
    }
    const store_use_counts counts = store_use(store, ways);
    repli__store_close(store);
    /* Without the index nobody knows how long the log was. */
    HOLDS(counts.damaged || counts.listed == ACTIONS || !index_is_good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = FUZZ_INPUT(data, size);
    uint8_t *files[FILES];
    size_t sizes[FILES];
    for (int i = 0; i < FILES; i++) {
        files[i] = fuzz_keep(&input, good[i], good_sizes[i]);
        sizes[i] = good_sizes[i];
    }
    const uint8_t ways = fuzz_byte(&input);
    int index_is_good = 1;
    for (int i = 0; i < 16 && input.size > 0; i++) {
        const uint8_t choice = fuzz_byte(&input);
        const int which = choice == 0xff ? 2 : choice % 8 == 0 ? 0 : 1;
        index_is_good &= which != 2;
        damage(&input, files[which], &sizes[which]);
    }
    store_use_replace(files[0], sizes[0]);
    for (int i = 1; i < FILES; i++)
        fuzz_write_file(store_use_beside(suffixes[i]), files[i], sizes[i]);
    use(ways, index_is_good, files, sizes);
    fuzz_input_end(&input);
    return 0;
}
