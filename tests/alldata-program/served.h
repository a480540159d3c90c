#ifndef TESTS_SERVED_H
#define TESTS_SERVED_H

#include <sys/types.h>

#include "program.h"

/* A node that alldata serve runs, in a directory of its own. What goes wrong here fails the test.
 */

typedef struct served {
    pid_t pid; /* 0: does not run */
    char directory[64];
    char config[96], socket[96], log[96], data[96];
    char address[104]; /* unix:SOCKET, for -a */
} served;

/* Make the directory, and a configuration with a UNIX socket and without TCP, to which the text in
 * more is added. */
void served_init(served *node, const char *more);
/* Write the configuration anew. */
void served_configure(served *node, const char *more);
/* Kill it if it runs, and remove the directory. */
void served_dispose(served *node);

void served_spawn(served *node);
/* Start it and wait until it listens. */
void served_start(served *node);
/* Send a signal, or none, and wait for the end. Returns the exit status. */
int served_stop(served *node, int signal_number);

/* The whole log; to be freed. */
char *served_log(const served *node);
/* Wait until the log has text count times. */
void served_expect(const served *node, const char *text, int count);

/* Run alldata with arguments, NULL-terminated. The output lives until the next call. */
const struct program_output *served_run(const char *input, const char *const *arguments);
#define RUN(...) served_run(NULL, (const char *[]){__VA_ARGS__, NULL})
/* The same, of a node. */
#define ASK(node, ...) served_run(NULL, (const char *[]){__VA_ARGS__, "-a", (node)->address, NULL})
/* Wait until a node itself has so many events. */
void served_await_events(const served *node, int count);

#endif
