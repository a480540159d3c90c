#ifndef REPLI_BASE_THREAD_H
#define REPLI_BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "base/error.h"

/* A condition that waits by the monotonic clock, so that a set clock neither hurries nor holds it.
 */
int32_t repli__cond_init(pthread_cond_t *cond, repli_error *err);
/* Wait until signalled or deadline_ns (monotonic; UINT64_MAX: for ever). Returns 0 once the
 * deadline has passed, else not 0; may wake for no reason. */
int repli__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns);

/* Start a joinable thread, called name (15 bytes at most), that takes no asynchronous signal: those
 * belong to the host. */
int32_t repli__thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *),
                            void *argument, repli_error *err);
/* Join by deadline_ns; 0 if it had not ended by then (and is still joinable). */
int repli__thread_join_until(pthread_t thread, uint64_t deadline_ns);

#endif
