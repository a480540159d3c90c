#ifndef REPLI_BASE_PROCESS_H
#define REPLI_BASE_PROCESS_H

#include <stdatomic.h>
#include <stdint.h>

#include <replicante/driver.h>

#include "base/error.h"

/*
 * Commands, by posix_spawn: no shell, a process group of their own, default signal dispositions and
 * an empty mask, NOTIFY_SOCKET and LISTEN_* taken out of the environment (a child that inherits the
 * notification socket can end a service). See repli_host for what each does.
 */

/* cancelled may be NULL. */
int32_t repli__process_run(const repli_command *command, uint64_t deadline_ns,
                           const atomic_int *cancelled, char *output, size_t output_size,
                           int32_t *ret_exit_code, repli_error *err);
int32_t repli__process_start(const repli_command *command, repli_process *ret_process,
                             repli_error *err);
int32_t repli__process_poll(repli_process *process, repli_error *err);
int32_t repli__process_signal(const repli_process *process, int32_t signal_number,
                              repli_error *err);

#endif
