#ifndef TESTS_CLIENTS_H
#define TESTS_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * HTTP clients that cost next to nothing: connections that are kept, all driven by the caller's
 * thread through epoll, each of which asks again as soon as it was answered. Ends the program when
 * an answer is not 200.
 */
typedef struct clients clients;

/* count clients of a port of 127.0.0.1 that all send the same request. */
clients *clients_new(int port, int count, const char *request, size_t size);
/* Answers a second until the monotonic time until_ns. */
double clients_run(clients *all, uint64_t until_ns);
void clients_free(clients *all);

#endif
