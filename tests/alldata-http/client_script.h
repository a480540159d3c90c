#ifndef TESTS_CLIENT_SCRIPT_H
#define TESTS_CLIENT_SCRIPT_H

#include <check.h>
#include <stdatomic.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "peer.h"

/* Clients, and servers that answer as nodes of our own, as those of the reference, or as none
 * should. */

enum { SEEN = 64, TEXT = 512 };

/* What servers were asked, in order, and what they are to answer. */
typedef struct script {
    const char *answers[SEEN]; /* in turn; the last is given ever after; NULL: hang */
    int closes[SEEN];
    atomic_int asked;
    char keys[SEEN][64];
    char bodies[SEEN][TEXT];
    char paths[SEEN][TEXT];
    char headers[SEEN][TEXT];
} script;

/* For peer_start(), with a script. Where an answer says KEY, it is that of the request; "hang" is
 * none. */
int script_play(void *user_data, const peer_request *request, char *answer, size_t size);

#define CREATED "HTTP/1.1 201 Created\r\nAllData-Key: KEY\r\nContent-Length: 0\r\n\r\n"
/* As the reference's nodes answer. */
#define REFERENCE_CREATED                                                                          \
    "HTTP/1.1 201 Created\r\nDate: Sat, 21 Nov 2026 00:58:24 GMT\r\nConnection: keep-alive\r\n"    \
    "Keep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n"
#define REFERENCE_500                                                                              \
    "HTTP/1.1 500 Internal Server Error\r\nDate: Sat, 21 Nov 2026 00:58:24 GMT\r\n"                \
    "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n"        \
    "0\r\n\r\n"
#define REFERENCE_400                                                                              \
    "HTTP/1.1 400 Bad Request\r\nDate: Sat, 21 Nov 2026 00:58:24 GMT\r\n"                          \
    "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n"

/* In to, which has room for 2048 bytes: with a body of its size. */
const char *script_document(char *to, const char *status, const char *body);

/* To be freed. */
alldata_client *client_make(const char *const *urls, size_t count, uint64_t timeout_ms);
alldata_client *client_make_for(const peer *p);

#endif
