#ifndef TESTS_CALLS_AGENT_H
#define TESTS_CALLS_AGENT_H

#include <stdatomic.h>

#include "contract.h"

/* What those share that call an agent. One is made for a call. */

#define MAKE(own)                                                                                  \
    party own;                                                                                     \
    const party_options options = {.serve = 0};                                                    \
    REQUIRE(party_make(&(own), &options, NULL) == REPLI_OK)

#define DONE_WITH(own, result)                                                                     \
    const int32_t code = (result);                                                                 \
    party_end(&(own));                                                                             \
    return code

/* calls_agent.c: memory for so many requests. */
extern atomic_int memory_left;
extern const repli_allocator some_memory;

/* DO with an agent whose memory has run out. */
#define WITHOUT_MEMORY(doing)                                                                      \
    (void)w;                                                                                       \
    party own;                                                                                     \
    const party_options options = {.allocator = &some_memory};                                     \
    atomic_store(&memory_left, 1000000);                                                           \
    REQUIRE(party_start(&own, &options, NULL) == REPLI_OK);                                        \
    atomic_store(&memory_left, 0);                                                                 \
    const int32_t code = (doing);                                                                  \
    atomic_store(&memory_left, 1000000);                                                           \
    party_end(&own);                                                                               \
    return code

#endif
