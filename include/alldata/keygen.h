#ifndef ALLDATA_KEYGEN_H
#define ALLDATA_KEYGEN_H

/*
 * Keys of events: 27 characters, the time in UTC and nine digits, as in
 *
 *     20261121T005824640353920860    YYYYMMDDThhmmssmmm ddddddddd
 *
 * Of the nine digits the first four go on with the time, in units of 100 ns, and the last five are
 * the number of the node. The order of keys as strings is the order of their times.
 */

#include <stddef.h>
#include <stdint.h>

#include <replicante/alloc.h>
#include <replicante/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ALLDATA_KEY_LENGTH 27
/** With the NUL. */
#define ALLDATA_KEY_SIZE 28
/** Numbers of nodes go from 0 to one less than this. */
#define ALLDATA_KEYGEN_NODES 100000

/** Tells the time: nanoseconds since 1970 in UTC. Called from any thread, by several at once. */
typedef int64_t (*alldata_clock_fn)(void *user_data);

/** A generator of keys, for one node. */
typedef struct alldata_keygen alldata_keygen;

typedef struct alldata_keygen_options {
    uint32_t struct_size;
    int32_t node;           /**< number of this node, below ALLDATA_KEYGEN_NODES; -1: random */
    uint64_t max_ahead_ms;  /**< how far keys may run ahead of the clock; 0: 300000 */
    const char *after;      /**< a key: those that are made come after it; NULL: any */
    alldata_clock_fn clock; /**< NULL: that of the system */
    void *clock_data;       /**< for clock */
} alldata_keygen_options;

#define ALLDATA_KEYGEN_OPTIONS_INIT                                                                \
    { (uint32_t)sizeof(alldata_keygen_options), -1, 0, NULL, NULL, NULL }

/** A generator. options and allocator may be NULL. Thread-safe. */
REPLI_API int32_t alldata_keygen_new(const alldata_keygen_options *options,
                                     const repli_allocator *allocator, alldata_keygen **ret_keygen,
                                     repli_error *err);
/** NULL is fine. */
REPLI_API void alldata_keygen_free(alldata_keygen *keygen);

/**
 * The next key, NUL-terminated. Each is greater than all that this generator made before, whatever
 * the clock does: while the clock stands still or is set back, keys go on after the last one.
 * REPLI_ENOTREADY: they would run further ahead of the clock than they may. Thread-safe, without
 * locks. In a child made by fork(), where the parent's keys would come again, it returns
 * REPLI_EFORK.
 */
REPLI_API int32_t alldata_keygen_next(alldata_keygen *keygen, char ret_key[ALLDATA_KEY_SIZE],
                                      repli_error *err);

/** The number of the node, to be compared with those of other nodes. Thread-safe. */
REPLI_API int32_t alldata_keygen_node(const alldata_keygen *keygen);
/** Another number, when that of another node is the same. REPLI_EINVALID: there is no such number.
 *  Thread-safe; keys that are in the making may still have the old one. */
REPLI_API int32_t alldata_keygen_set_node(alldata_keygen *keygen, int32_t node, repli_error *err);

/**
 * Whether size bytes are a key: 27 characters with a date and a time of day that exist. The nine
 * digits may be any, since nodes of other makes put something else there. Thread-safe.
 */
REPLI_API int32_t alldata_key_validate(const char *key, size_t size, repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
