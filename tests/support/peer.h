#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include <stddef.h>

/* A server on sockets, which answers as a test wants it to: well, badly or not at all. */

typedef struct peer_request {
    const char *method;
    const char *path;
    const char *headers; /* all of them, as they came */
    const char *body;
    size_t body_size;
    int connection; /* counted from 1 */
    int number;     /* of all requests, counted from 1 */
} peer_request;

enum {
    PEER_KEEP = 0,  /* send the answer */
    PEER_CLOSE = 1, /* and close */
    PEER_HANG = 2   /* never answer */
};

/* Writes the whole answer, NUL-terminated, and says what to do. In the peer's thread. */
typedef int (*peer_fn)(void *user_data, const peer_request *request, char *answer, size_t size);

typedef struct peer peer;

/* Listens on 127.0.0.1 or, if there is a path, on a UNIX socket. */
peer *peer_start(const char *unix_path, peer_fn fn, void *user_data);
int peer_port(const peer *self);
/* So far. */
int peer_connections(peer *self);
int peer_requests(peer *self);
/* Close all that is open. */
void peer_cut(peer *self);
void peer_stop(peer *self);

/* A port that nobody listens on. */
int peer_free_port(void);

/* The value of a header of a request, or "". */
const char *peer_header(const peer_request *request, const char *name, char *to, size_t size);

#endif
