#ifndef TESTS_AGENT_FIXTURE_H
#define TESTS_AGENT_FIXTURE_H

#include <stdatomic.h>

#include <replicante/agent.h>

/*
 * An agent on the fake driver, in a directory of its own. What the fake store does is said by
 * agent_fixture_script(), at any time.
 */
typedef struct agent_fixture {
    char directory[64];
    char store[96];  /* database of actions */
    char script[96]; /* of the fake driver */
    char calls[96];  /* a line for each call to it */
    repli_config *config;
    repli_agent *agent;
} agent_fixture;

/* A directory, and a configuration with node_id, store_path and the driver. */
void agent_fixture_setup(agent_fixture *fixture);
/* The same, and it observes often and loses patience soon. */
void agent_fixture_setup_quick(agent_fixture *fixture);
/* Frees the agent and the configuration and removes the directory. */
void agent_fixture_teardown(agent_fixture *fixture);

/* The driver's configuration: script and calls_file, and more members (", \"a\": 1"), or "". */
void agent_fixture_driver(agent_fixture *fixture, const char *more);
/* What the fake store does from now on: members of a JSON object, such as "\"fail\": -1". */
void agent_fixture_script(const agent_fixture *fixture, const char *members);
void agent_fixture_set(agent_fixture *fixture, const char *key, int64_t value);
/* Make and start. */
void agent_fixture_start(agent_fixture *fixture);
/* Stop within the time and free. */
void agent_fixture_stop(agent_fixture *fixture);
/* How many calls of that name the fake driver has had. */
size_t agent_fixture_calls(const agent_fixture *fixture, const char *name);

/* Wait up to 10 s until the node has that status; the snapshot, which is to be given back. */
repli_snapshot *agent_fixture_await(agent_fixture *fixture, int32_t status);
/* Wait up to 10 s for the end of an action; its phase. */
int32_t agent_fixture_await_end(agent_fixture *fixture, const char *id);
/* Schedule, and check that it went well. */
void agent_fixture_schedule(agent_fixture *fixture, const char *kind, const char *args,
                            char ret_id[REPLI_UUID_SIZE]);

/* The value of a string attribute of the node, or NULL. */
const char *node_attribute(const repli_snapshot *snapshot, const char *name);

/* Wait up to 10 s until count is what is wanted, and check that it is not more. */
void await_count(atomic_int *count, int wanted);

void pause_ms(long ms);
int64_t now_ms(void);

/* Messages of a log, one after the other. Thread-safe as the agent's log is. */
typedef struct test_log {
    char text[65536];
    size_t size;
} test_log;
void test_log_write(int32_t level, const char *origin, const char *message, void *user_data);

const repli_driver *repli_driver_fake_entry(uint32_t host_abi);

#endif
