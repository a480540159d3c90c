#ifndef REPLI_BASE_PROCESS_H
#define REPLI_BASE_PROCESS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include <replicante/driver.h>

#include "base/error.h"

/*
 * Commands, by posix_spawn: no shell, a process group of their own, default signal dispositions and
 * an empty mask, NOTIFY_SOCKET and LISTEN_* taken out of the environment (a child that inherits the
 * notification socket can end a service). See repli_host for what each does.
 */

/* One that runs beside its caller, who looks after it. */
typedef struct repli__job {
    const char *name; /* borrowed from the command */
    pid_t pid;
    int pidfd;  /* -1 where there is none */
    int output; /* read end of a pipe; -1 once there is nothing more to read */
    char *buffer;
    size_t size;
    size_t used;
    uint64_t deadline_ns;
    int32_t killed;   /* REPLI_ETIMEOUT or REPLI_ECANCELLED; 0: it was not */
    uint64_t reap_ns; /* after a kill: not waited for any longer than that */
    int status;
    int lost; /* somebody else reaped the process */
} repli__job;

/* How often a job is to be looked after. */
enum { REPLI__JOB_TICK_MS = 20 };

/* output, and what command names, must stay until the end. */
int32_t repli__job_start(repli__job *job, const repli_command *command, uint64_t deadline_ns,
                         char *output, size_t output_size, repli_error *err);
/* Take its output, and kill it if its time is up or it is cancelled. Never waits. Not 0 once it is
 * over: repli__job_end() is next. */
int repli__job_look(repli__job *job, int cancelled);
/* Wait until there may be something to look at, at most a tick. */
void repli__job_wait(const repli__job *job);
int32_t repli__job_end(repli__job *job, int32_t *ret_exit_code, repli_error *err);

/* The same, waited for. cancelled may be NULL. */
int32_t repli__process_run(const repli_command *command, uint64_t deadline_ns,
                           const atomic_int *cancelled, char *output, size_t output_size,
                           int32_t *ret_exit_code, repli_error *err);
int32_t repli__process_start(const repli_command *command, repli_process *ret_process,
                             repli_error *err);
int32_t repli__process_poll(repli_process *process, repli_error *err);
int32_t repli__process_signal(const repli_process *process, int32_t signal_number,
                              repli_error *err);
/* Fill in when the process that runs under pid began. REPLI_ENOTFOUND: there is none. */
int32_t repli__process_identify(int64_t pid, repli_process *ret_process, repli_error *err);
/* Send a signal (0: none) to what is left of the group that the process began, also after its own
 * end. Not 0 if there was anything. */
int repli__process_group(const repli_process *process, int signal_number);
/* Wait until the process may have ended, at most until deadline_ns. */
void repli__process_await(const repli_process *process, uint64_t deadline_ns);

#endif
