#ifndef ALLDATA_HTTP_CLIENT_H
#define ALLDATA_HTTP_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <alldata/keygen.h>

#include "alldata-http/caller.h"

/* The inside of a client, for the files that it is made of. */

#define ALLDATA__CLIENT "alldata.client"

/* Where a node serves clients. */
typedef struct alldata__place {
    char *shown;     /* as it was given */
    char *base;      /* of a URL, without a slash at its end */
    char *unix_path; /* NULL: TCP */
} alldata__place;

/* What carries one call at a time, on connections that are kept. */
typedef struct alldata__channel {
    struct alldata__channel *next;
    CURL *handle;
    char why[CURL_ERROR_SIZE];
} alldata__channel;

struct alldata_client {
    repli__mem mem;
    pid_t pid;
    alldata__identity identity;
    alldata__place *places;
    size_t place_count;
    atomic_size_t favourite; /* of the places: that answered last */
    uint64_t timeout_ms;
    uint32_t max_connections;
    alldata_keygen *keygen;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t freed;  /* a channel is idle again */
    alldata__caller caller;
    alldata__channel *idle;
    uint32_t made;
};

/* REPLI_EFORK in a forked child. */
int32_t alldata__client_check(const alldata_client *client, repli_error *err);
/* A key for an event that has none. */
int32_t alldata__client_key(alldata_client *client, char ret_key[ALLDATA_KEY_SIZE],
                            repli_error *err);
/* Load libcurl, unless that was done. */
int32_t alldata__client_load(alldata_client *client, repli_error *err);
/* Have a handle go to a place. path may have a query. 0: no memory. */
int alldata__client_direct(const alldata_client *client, CURL *handle, size_t place,
                           const char *path);
/* What goes into a request line. */
int alldata__client_is_path(const char *path);

/* client_ask.c: one request, one answer. */

enum { ALLDATA__ASK_HEADERS = 3 };

typedef struct alldata__ask {
    const char *method; /* GET or POST */
    const char *path;
    const char *type; /* NULL: none */
    const char *body;
    size_t body_size;
    const char *headers[ALLDATA__ASK_HEADERS]; /* others; NULL: none */
} alldata__ask;

typedef struct alldata__answer {
    int32_t status; /* 0: there was none */
    repli_buf body;
    char key[ALLDATA_KEY_SIZE]; /* of the header; empty: there was none */
} alldata__answer;

/* The answer's body is appended to. */
int32_t alldata__client_ask(alldata_client *client, size_t place, const alldata__ask *ask,
                            uint64_t deadline_ns, alldata__answer *answer, repli_error *err);

/* Places in turn: begins with the favourite. */
typedef struct alldata__tour {
    alldata_client *client;
    uint64_t deadline_ns; /* of all tries */
    uint64_t least_ms;    /* that each gets, if there is as much */
    size_t first;
    size_t tries;
} alldata__tour;

void alldata__client_round_begin(alldata__tour *tour, alldata_client *client, uint64_t timeout_ms);
/* Ask the next place, if there is one and time for it: else returns 0, and *ret_code is as it was
 * before. */
int alldata__client_round_ask(alldata__tour *tour, const alldata__ask *ask, alldata__answer *answer,
                              int32_t *ret_code, repli_error *err);

/* client_answer.c: what an answer says. */

/* What it says of one put, or of a request as a whole. */
typedef struct alldata__verdict {
    int32_t code;
    int32_t replicas;
    int32_t needed;
    int32_t hints;
    char key[ALLDATA_KEY_SIZE]; /* empty: it names none */
    char message[REPLI_ERROR_MESSAGE_SIZE];
} alldata__verdict;

/* 0 if it is no object of ours. */
int alldata__verdict_read(const char *json, size_t size, alldata__verdict *ret_verdict);
/* Of an answer that is no success: what its body says, or its status if that says nothing. Not 0 if
 * the body did. */
int alldata__verdict_refused(const alldata__answer *answer, alldata__verdict *ret_verdict);
/* Of the name of a code; REPLI_EINTERNAL if there is none of that name. */
int32_t alldata__code_named(const char *name);
int32_t alldata__verdict_error(const alldata__verdict *verdict, repli_error *err);

#endif
