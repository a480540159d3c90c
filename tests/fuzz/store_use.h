#ifndef TESTS_FUZZ_STORE_USE_H
#define TESTS_FUZZ_STORE_USE_H

#include "store/store.h"

/* A store as the agent uses it, whatever is in its database. */

/* Where the database is; in a directory of the process's own. */
const char *store_use_path(void);
/* A database with that many actions in every phase and some history, closed. */
void store_use_create(unsigned actions);
/* A database of these bytes, and nothing beside it. */
void store_use_replace(const void *data, size_t size);
/* "PATH-wal" and such; static for each of up to two calls. */
const char *store_use_beside(const char *suffix);
/* Actions number from to until - 1, which wait. */
void store_use_insert(repli__store *store, unsigned from, unsigned until);
/* Open it. */
int32_t store_use_open(repli__store **ret_store, repli_error *err);

typedef struct store_use_counts {
    uint64_t inserted;
    uint64_t purged;
    uint64_t listed; /* actions in the lists, before anything was changed */
    int32_t damaged; /* not 0: some call said that the database is */
} store_use_counts;

/* Ask everything, then change what can be changed, as the bits in ways say. What is handed out must
 * be fit for a client; a refusal must say why. */
store_use_counts store_use(repli__store *store, uint8_t ways);

/* Actions in the database, which nobody has open. */
uint64_t store_use_count(void);

#endif
