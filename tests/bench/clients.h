#ifndef TESTS_CLIENTS_H
#define TESTS_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * HTTP clients that cost next to nothing: connections that are kept, all driven by the caller's
 * thread through epoll, each of which asks again as soon as it was answered. Ends the program when
 * an answer is another than is expected.
 */
typedef struct clients clients;

/* count clients of a port of 127.0.0.1 that all send the same request, which is answered with 200.
 */
clients *clients_new(int port, int count, const char *request, size_t size);
/* The same, in turns of some ports, and with that status. */
clients *clients_new_of(const int *ports, int port_count, int count, const char *request,
                        size_t size, int status);
/* Answers a second until the monotonic time until_ns. */
double clients_run(clients *all, uint64_t until_ns);
/* The time, in ms, within which that part of the answers of the last run came. */
double clients_latency_ms(clients *all, double part);
void clients_free(clients *all);

#endif
