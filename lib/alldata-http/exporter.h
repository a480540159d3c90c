#ifndef ALLDATA_HTTP_EXPORTER_H
#define ALLDATA_HTTP_EXPORTER_H

#include <pthread.h>

#include <alldata/node.h>

#include "base/worker.h"

/* Exports of intervals that wait or whose failure was not told yet. */
enum { ALLDATA__HTTP_EXPORTS = 16 };

typedef struct alldata__http_job {
    int state;
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
    alldata__http_job jobs[ALLDATA__HTTP_EXPORTS];
} alldata__http_exporter;

enum { ALLDATA__HTTP_PATH_SIZE = 4096 };

/* REPLI_OK and the path if the file is there. REPLI_ENOTREADY: it is not, but could be written;
 * REPLI_ENOTFOUND, REPLI_ESTATE: there is no such interval, or it is not closed. */
int32_t alldata__http_export_find(alldata_node *node, const char *interval,
                                  char path[ALLDATA__HTTP_PATH_SIZE], repli_error *err);
/* Write what this node has of it, which takes as long as it takes. */
int32_t alldata__http_export_write(alldata_node *node, const char *interval, repli_error *err);

/* The thread, if there is to be one, is begun with the first export. */
int32_t alldata__http_exporter_init(alldata__http_exporter *exporter, alldata_node *node,
                                    repli_error *err);
/* Have it written. REPLI_OK: it will be. REPLI_EBUSY: too many wait. Another code: the last attempt
 * failed so; the next one begins anew. */
int32_t alldata__http_exporter_add(alldata__http_exporter *exporter, const char *interval,
                                   repli_error *err);
/* Gives up the export in progress. Fine on a zeroed one, and a second time. */
void alldata__http_exporter_dispose(alldata__http_exporter *exporter);

#endif
