#ifndef TESTS_NATS_H
#define TESTS_NATS_H

#include <sys/types.h>

/* A NATS server with JetStream, in a directory that is there. What goes wrong here fails the test.
 */

typedef struct nats_server {
    const char *directory;
    pid_t pid;
    char url[64]; /* "": it did not run yet */
} nats_server;

/* Not 0 if it is installed. */
int nats_is_there(void);
/* Start it on a free port, or on the one that it had before. */
void nats_start(nats_server *server);
void nats_stop(nats_server *server);

#endif
