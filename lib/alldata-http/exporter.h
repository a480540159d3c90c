#ifndef ALLDATA_HTTP_EXPORTER_H
#define ALLDATA_HTTP_EXPORTER_H

#include <pthread.h>

#include <alldata/node.h>

#include "base/worker.h"

/* Exports of intervals that wait, and the last that ended. */
enum { ALLDATA__HTTP_EXPORTS = 16 };

typedef struct alldata__http_job {
    int state;
    uint64_t number;
    char interval[ALLDATA_INTERVAL_SIZE];
    repli_error error;
} alldata__http_job;

/* Writes intervals into files, one after the other and piece by piece, since it may take minutes:
 * in a thread of its own, or in a driven server's turns. */
typedef struct alldata__http_exporter {
    alldata_node *node;
    repli__worker worker;
    int made;
    alldata_exporter *writing; /* whoever runs the worker; NULL: nothing */
    pthread_mutex_t mutex;     /* guards what follows */
    int stopping;
    uint64_t begun; /* jobs, which is the number of the last */
    alldata__http_job jobs[ALLDATA__HTTP_EXPORTS];
} alldata__http_exporter;

enum { ALLDATA__HTTP_PATH_SIZE = 4096 };

/* A file of alldata-export(5). */
typedef struct alldata__http_file {
    char path[ALLDATA__HTTP_PATH_SIZE];
    uint64_t events; /* in it */
} alldata__http_file;

/* REPLI_OK if the file is there. REPLI_ENOTREADY: it is not, but could be written; REPLI_ENOTFOUND,
 * REPLI_ESTATE: there is no such interval, or it is not closed. */
int32_t alldata__http_export_find(alldata_node *node, const char *interval,
                                  alldata__http_file *ret_file, repli_error *err);
/* Write what this node has of it, which takes as long as it takes. */
int32_t alldata__http_export_write(alldata_node *node, const char *interval, repli_error *err);

/* The thread, if there is to be one, is begun with the first export. */
int32_t alldata__http_exporter_init(alldata__http_exporter *exporter, alldata_node *node,
                                    repli_error *err);
/* Have it written. again: with all that there is now, so that what has begun already will not do;
 * otherwise what waits or is at it does, and if the last attempt failed, its error is returned
 * once. REPLI_EBUSY: too many wait. */
int32_t alldata__http_exporter_add(alldata__http_exporter *exporter, const char *interval,
                                   int again, uint64_t *ret_number, repli_error *err);
/* What became of it. REPLI_OK: it was written; REPLI_ENOTREADY: it waits, or is at it;
 * REPLI_ENOTFOUND: there is none of that number, or it is long ago. Another code: it failed so. */
int32_t alldata__http_exporter_look(alldata__http_exporter *exporter, const char *interval,
                                    uint64_t number, repli_error *err);
/* Gives up the export in progress. Fine on a zeroed one, and a second time. */
void alldata__http_exporter_dispose(alldata__http_exporter *exporter);

#endif
