#ifndef ALLDATA_HTTP_SERVER_H
#define ALLDATA_HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <alldata/http.h>

#include "alldata-http/office.h"
#include "alldata-http/scanner.h"
#include "base/mem.h"

/* The listeners, and so the kinds of requests. */
enum {
    ALLDATA__HTTP_TO_CLIENTS = 0,
    ALLDATA__HTTP_TO_PEERS,
    ALLDATA__HTTP_TO_UNIX, /* as clients, by whoever can open the socket */
    ALLDATA__HTTP_KINDS
};

/* The secret of each kind, and then, in the same order, those that are taken instead. */
enum { ALLDATA__HTTP_SECRETS = 2 * ALLDATA__HTTP_KINDS };

struct alldata_http_server {
    repli__mem mem;
    pid_t owner; /* the process whose connections these are */
    alldata_node *node;
    repli__web *web;
    int driven;
    uint16_t ports[ALLDATA__HTTP_KINDS];
    char *addresses[ALLDATA__HTTP_KINDS]; /* as they were given, to notice another */
    alldata__http_office office;
    alldata__http_exporter exporter;
    alldata__http_scanner scanner;

    /* What a reload may change. */
    pthread_mutex_t mutex;
    char *secrets[ALLDATA__HTTP_SECRETS]; /* NULL: none is needed, or there is no other */
    atomic_int secret_count;
    _Atomic uint64_t max_body; /* bytes, of one event, and of many */
    _Atomic uint64_t max_bulk_body;

    /* Driven. */
    int epoll_fd;
    int timer_fd;
    _Atomic uint64_t due_ns;
};

/* drive.c: without threads. */
int32_t alldata__http_drive(alldata_http_server *server, repli_error *err);
/* After the server was told to stop: go on until it has, or until then. */
void alldata__http_drive_end(alldata_http_server *server, uint64_t deadline_ns);
void alldata__http_drive_close(alldata_http_server *server);

/* door.c: what the server does with requests. */
extern const repli__web_response alldata__http_no_memory;
repli__web_handler alldata__http_door(alldata_http_server *server);

#endif
