#ifndef TESTS_DRIVEN_H
#define TESTS_DRIVEN_H

#include <stdatomic.h>

#include <replicante/agent.h>

/* An agent without threads, on the fake driver, in a directory of its own. */
typedef struct driven {
    char directory[300];
    char script[320]; /* of the fake driver */
    repli_config *config;
    repli_agent *agent;
} driven;

enum { PATIENCE_MS = 20000 };

/* A configuration with all that is needed; it observes once an hour. */
void driven_setup(driven *it, int32_t run_mode);
/* Frees the agent and the configuration, and removes the directory. */
void driven_teardown(driven *it);
void driven_set(driven *it, const char *key, int64_t value);
/* Offer example.com/work, whose steps are step. */
void driven_add_work(driven *it, repli_action_step_fn step, void *user_data);
void driven_make(driven *it);
/* Make and start. */
void driven_start(driven *it);
/* What the fake store does from now on: members of a JSON object. */
void driven_script(const driven *it, const char *members);

void driven_schedule(driven *it, const char *kind, const char *args, char ret_id[REPLI_UUID_SIZE]);
int32_t driven_phase(driven *it, const char *id);
int32_t driven_status(driven *it);

/* The descriptor says that there is something to do. */
int driven_readable(const driven *it);
void driven_dispatch(driven *it);
/* Wait for the descriptor alone, and dispatch. Fails after PATIENCE_MS. */
void driven_turn(driven *it);
/* Turns until the action has ended; its phase. */
int32_t driven_turn_until_end(driven *it, const char *id);
/* Turns until the node has that status. */
void driven_turn_until_status(driven *it, int32_t status);
/* Dispatch until nothing is left to do. */
void driven_settle(driven *it);

/* Threads of this process. */
int thread_count(void);
/* This thread's number, for await_sleep(). */
int thread_id(void);
/* Wait until a thread sleeps. */
void await_sleep(int thread);
void await(const atomic_int *count, int least);

const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

#endif
