#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <check.h>
#include <pthread.h>
#include <replicante/http.h>
#include <stdatomic.h>

#include "asking.h"

enum { HTTP_FIXTURE_OBSERVE_TIMEOUT_MS = 600 };

/*
 * An agent with the fake driver in a directory of its own, a server on it, and clients.
 *
 * With REPLI_TEST_RUN_MODE=lent in the environment the library has no threads of its own: one of
 * the fixture's dispatches, and one is lent for calls of the driver.
 */
typedef struct http_fixture {
    char directory[64];
    char script[96];      /* what the fake store does; see drivers/fake */
    char socket_path[96]; /* for a UNIX socket */
    repli_agent *agent;
    repli_http_server *server;
    int32_t port;
    char base[64]; /* such as "http://127.0.0.1:4711" */
    int lends;
    atomic_int ends; /* the thread that dispatches does */
    pthread_t dispatcher;
    pthread_t worker;
} http_fixture;

/* Makes the directory; the configuration of an agent. */
repli_config *http_fixture_config(http_fixture *fixture, int64_t queue_limit);
/* The same, and starts the agent. queue_limit 0: the default. */
void http_fixture_agent(http_fixture *fixture, int64_t queue_limit);
/* Starts the server; base is for bind and TLS as options say. */
void http_fixture_serve(http_fixture *fixture, const repli_http_options *options);
/* An agent, served on a loopback port and on the UNIX socket. */
void http_fixture_setup(http_fixture *fixture);
void http_fixture_stop_server(http_fixture *fixture);
void http_fixture_teardown(http_fixture *fixture);

/* Replace the script. */
void http_fixture_script(http_fixture *fixture, const char *json);
/* Replace it and wait until a new snapshot says so. */
void http_fixture_store(http_fixture *fixture, const char *json);
/* Wait until the latest snapshot has this status. */
void http_fixture_wait_status(http_fixture *fixture, int32_t status);

/* Requests. */

http_reply http_do(const http_fixture *fixture, const http_ask *ask);
http_reply http_get(const http_fixture *fixture, const char *url);
http_reply http_post(const http_fixture *fixture, const char *body);
/* The reply has this status and an error body, whose message contains part. Frees it. */
void http_expect_error(http_reply reply, long status, const char *part);

/* Schedule kind with args (JSON) and return its id. */
void http_schedule(const http_fixture *fixture, const char *kind, const char *args, char id[64]);
/* Wait until an action has that phase. */
void http_wait_phase(const http_fixture *fixture, const char *id, int32_t phase);

/* Runs a suite; the exit status of the program. */
int run_suite(Suite *suite);

#endif
