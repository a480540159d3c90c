#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

/* Runs a program as a user would, from $BUILD. Whatever goes wrong here ends the test. */

/* What a command left behind. */
struct program_output {
    int status; /* exit status, or 128 + the signal that ended it */
    char *out, *err;
};

/* Which program it is, below $BUILD: bin/repliagent, unless a test wants another. */
extern const char *program_path;

/* Run it with these arguments, NULL-terminated, and collect what it writes. input may be
 * NULL. A command that takes longer than a minute is killed. */
void program_run_input(struct program_output *ret_output, const char *input,
                       const char *const *arguments);
void program_run(struct program_output *ret_output, const char *const *arguments);
void program_output_free(struct program_output *output);

/* Start it with these descriptors as 0, 1 and 2. */
pid_t program_spawn(const char *const *arguments, int input, int output, int error);
/* Its status, as above; it must end within timeout_ms. */
int program_wait(pid_t pid, int timeout_ms);

/* An agent with the fake driver, in a directory of its own. */
struct program_agent {
    pid_t pid; /* 0: does not run */
    char directory[64];
    char config[96], socket[96], log[96];
    char address[104]; /* unix:SOCKET, for -a */
};

/* Make the directory, and a configuration with a UNIX socket and without TCP, to which the text
 * in more is added (NULL: nothing). */
void program_agent_init(struct program_agent *agent, const char *more);
/* Write the configuration anew. */
void program_agent_configure(struct program_agent *agent, const char *more);
/* Start it and wait until it listens; the log is begun anew. */
void program_agent_start(struct program_agent *agent);
/* The same without waiting. */
void program_agent_spawn(struct program_agent *agent);
/* Wait until the socket can be connected to. 0, or -1 if the agent ended. */
int program_agent_wait(struct program_agent *agent);
/* Send a signal and wait for the end, which must come within timeout_ms. Returns the status as
 * above. */
int program_agent_stop(struct program_agent *agent, int signal_number, int timeout_ms);
/* Kill it if it runs, and remove the directory. */
void program_agent_dispose(struct program_agent *agent);

/* The whole log so far; to be freed. */
char *program_agent_log(const struct program_agent *agent);
/* Wait until the log has text count times, up to ten seconds. */
void program_agent_expect(const struct program_agent *agent, const char *text, size_t count);

void program_write_file(const char *path, const char *text);
char *program_read_file(const char *path);
long program_now_ms(void);
void program_pause_ms(long ms);
/* "$BUILD/NAME"; static for each of up to four calls. */
const char *program_build_path(const char *name);

#endif
