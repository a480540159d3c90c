#ifndef TESTS_WEB_FIXTURE_H
#define TESTS_WEB_FIXTURE_H

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#include "asking.h"
#include "failing.h"
#include "web/web.h"

enum {
    REQUEST_MS = 1000,
    KEEP_ALIVE_MS = 1500,
    CONNECTIONS = 16,
    BODY = 4096,
    MOST_KEPT = 64,
    PATIENCE_MS = 20000
};

/* Who turns the loop: threads of its own, one of the fixture's, or likewise threads, one of which
 * goes on when the other is blocked. */
enum { WEB_THREADS = 0, WEB_DRIVEN, WEB_RELIEVED };

/* Kinds of listeners. */
enum { KIND_MAIN = 7, KIND_SPARE, KIND_LOCAL };

/*
 * A server, with threads or driven by one of the fixture's, that answers by the path:
 *
 *   /now       at once, with a text that tells what the request was
 *   /worker    the same, by the worker
 *   /blocked   by the worker, once web_fixture_open() was called
 *   /later     when web_fixture_answer() is called
 *   /owned     with a body that has an owner
 *   /prepared  with an answer that was prepared
 *   /stream    with fixture.plan
 */
typedef struct web_fixture {
    int how; /* WEB_* */
    char directory[64];
    char socket_path[96];
    failing memory;
    repli__web *web;
    int32_t port;
    int32_t spare_port; /* of a privileged listener */
    char base[64];

    int driven;
    int fd;
    int wake_fd;
    pthread_t driver;

    repli__web_prepared *prepared;
    atomic_int released; /* bodies that had an owner */
    atomic_int begun;    /* requests */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    const repli__web_request *kept[MOST_KEPT]; /* those for /later */
    size_t kept_count;
    int open;
    int within;          /* requests, or ends of turns, that have waited for that */
    atomic_int passed;   /* of them those that do not any more */
    atomic_int blocks;   /* so many next turns end in waiting for it */
    atomic_int turns;    /* that ended */
    atomic_int mistakes; /* of the server */

    /* Streams. */
    struct {
        int pages;
        size_t size;      /* of a page */
        int verdict;      /* after each page but the last; 0: REPLI__WEB_MORE */
        int last;         /* after that; 0: REPLI__WEB_END */
        int wakes_itself; /* while it makes its pages */
        const char *first;
        repli__web_stream stream; /* for beats and endless */
    } plan;
    const repli__web_request *streaming; /* the last one */
    atomic_int made;                     /* pages */
    atomic_int ended;                    /* streams */
} web_fixture;

extern web_fixture fixture;

/* Serve on two ports of 127.0.0.1 and a UNIX socket. how: WEB_*. */
void web_fixture_setup(int how);
/* Free, and see that all memory is given back. */
void web_fixture_teardown(void);
repli__web_settings web_fixture_settings(void);
void web_fixture_reload(const repli__web_settings *settings);
/* Nobody turns a driven server any more but the caller. */
void web_fixture_end_driver(void);
/* Stop and free the server, by the end of ms. */
void web_fixture_stop(int64_t ms);

/* Wait until so many are kept; then the first of them. */
const repli__web_request *web_fixture_kept(size_t count);
/* Take the first one that is kept and answer it with text. */
void web_fixture_answer(const char *text);
void web_fixture_open(void);
/* Wait until *value is at least least. */
void wait_for(atomic_int *value, int least);

/* "GET PATH HTTP/1.1" by a connection of its own. */
http_reply web_get(const char *path);
http_reply web_ask(http_ask ask);
/* How often part is in text. */
int count_of(const char *text, const char *part);

int web_run_suite(Suite *suite);

#endif
