#ifndef CONFORMANCE_NETWORK_H
#define CONFORMANCE_NETWORK_H

#include <pthread.h>
#include <stddef.h>

#include "conformance/board.h"

/*
 * Sees every connection that a process and its children make, be it as short as it may: the kernel
 * holds the system call and asks here first (seccomp's notifications to user space). The process
 * gives up gaining privileges for it.
 */

enum { NETWORK_MAX = 64, NETWORK_TEXT = 128 };

struct network_contact {
    char where[NETWORK_TEXT]; /* "127.0.0.1:5432", "[::1]:5432" or "unix:PATH" */
    char method[24];          /* of the driver that ran; empty: none */
    int port;                 /* 0 for UNIX sockets */
};

struct network {
    struct board *board;
    int listener; /* -1: nothing is seen */
    int blind;    /* something was seen, but not where it led */
    int wake[2];
    pthread_t thread;
    struct network_contact contacts[NETWORK_MAX];
    size_t count;
};

/* In the process to be watched: begin, and hand what is needed to the other side of channel. */
void network_offer(int channel);
/* In the process that watches. 0, or -1 if nothing can be seen here. */
int network_start(struct network *network, struct board *board, int channel);
/* Contacts stay. */
void network_stop(struct network *network);

#endif
