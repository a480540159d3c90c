#ifndef ALLDATA_HINTS_H
#define ALLDATA_HINTS_H

#include <stddef.h>
#include <stdint.h>

#include <alldata/keygen.h>
#include <replicante/error.h>

#include "base/mem.h"

/*
 * What peers missed, on disk: for each its id, the key of the event, how often it has refused it,
 * and the event itself, unless the storage of this node has it. Calls come one at a time.
 */

typedef struct alldata__hints alldata__hints;

/* A hint that is read or changed. */
typedef struct alldata__hint {
    char key[ALLDATA_KEY_SIZE];
    int32_t code;      /* what became of its delivery */
    int32_t refusals;  /* by the peer */
    const char *event; /* NULL: the storage has it */
    size_t event_size;
    char *own; /* the event, if whoever reads has copied it */
} alldata__hint;

int32_t alldata__hints_open(const repli__mem *mem, const char *path, alldata__hints **ret_hints,
                            repli_error *err);
/* NULL is fine. */
void alldata__hints_close(alldata__hints *hints);

/* Add to what is to be written. */
void alldata__hints_add(alldata__hints *hints, const char *peer, const alldata__hint *hint);
void alldata__hints_remove(alldata__hints *hints, const char *peer, const char *key);
/* Write what was added and removed, onto the disk if it is to be durable. */
int32_t alldata__hints_write(alldata__hints *hints, int durable, repli_error *err);

/* Takes a hint of a peer; all of it dies when it returns. Not 0: no more of them. */
typedef int32_t (*alldata__hint_fn)(void *user_data, const char *peer, size_t peer_size,
                                    const alldata__hint *hint);

/* Read in the order of peers and keys. peer NULL: of all; from: the first key, "" for the first
 * there is. */
int32_t alldata__hints_read(alldata__hints *hints, const char *peer, const char *from,
                            alldata__hint_fn take, void *user_data, repli_error *err);

#endif
