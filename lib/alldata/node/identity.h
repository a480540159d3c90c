#ifndef ALLDATA_NODE_IDENTITY_H
#define ALLDATA_NODE_IDENTITY_H

#include <stdint.h>

#include <replicante/error.h>

#include "base/mem.h"

/* Who a node is, in a file of its directory, so that it is the same after a restart. */

enum { ALLDATA__NODE_NAME_SIZE = 129 };

typedef struct alldata__identity {
    char id[ALLDATA__NODE_NAME_SIZE];
    char cluster[ALLDATA__NODE_NAME_SIZE];
    int32_t number; /* in its keys */
} alldata__identity;

/* Read it, or make one and write it. id and cluster are what they are to be, id NULL if it does not
 * matter. REPLI_ECONFLICT: they are others; REPLI_ECORRUPT: the file makes no sense. */
int32_t alldata__identity_open(const repli__mem *mem, const char *path, const char *id,
                               const char *cluster, alldata__identity *ret, repli_error *err);
int32_t alldata__identity_write(const repli__mem *mem, const char *path,
                                const alldata__identity *identity, repli_error *err);

#endif
