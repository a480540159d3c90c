#ifndef ALLDATA_KEY_H
#define ALLDATA_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <alldata/keygen.h>

/* Digits at the end of a key that tell its node. */
enum { ALLDATA__NODE_LENGTH = 5 };

#define ALLDATA__TICK_NS INT64_C(100)
#define ALLDATA__TICKS_PER_S INT64_C(10000000)

/* The key of a time, in ticks of 100 ns since 1970, and a node. */
void alldata__key_write(uint64_t tick, int32_t node, char to[ALLDATA_KEY_SIZE]);
/* The time of a key, in ticks; 0 if this is none. */
int alldata__key_read(const char *key, size_t size, int64_t *ret_tick);

/* A number of a node, by chance. REPLI_EINTERNAL: there is none. */
int32_t alldata__keygen_draw(int32_t *ret_node, repli_error *err);

#endif
