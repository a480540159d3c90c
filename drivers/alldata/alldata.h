#ifndef REPLI_ALLDATA_H
#define REPLI_ALLDATA_H

#include <pthread.h>

#include <replicante/driver.h>

#include "config.h"
#include "source.h"

/* An instance of the driver. Calls may come at once. */
struct repli__alldata {
    const repli_host *host;
    repli__alldata_config config;
    repli__alldata_source *source;

    /* Known from earlier, when the node does not answer. Empty: never seen. */
    pthread_mutex_t mutex; /* guards what follows */
    char version[64];
    char id[160];
};

/* Fill err and return code; cause may be NULL. */
int32_t repli__alldata_fail(const repli__alldata *alldata, repli_error *err, int32_t code,
                            const char *cause, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int32_t repli__alldata_nomem(const repli__alldata *alldata, repli_error *err);
/* Pass an error on, with "doing: " in front of its message. */
int32_t repli__alldata_pass(const repli__alldata *alldata, repli_error *err,
                            const repli_error *from, const char *doing);
void repli__alldata_log(const repli__alldata *alldata, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A text out of JSON, of any length, to be released. REPLI_ENOTFOUND: there is
 * none. */
int32_t repli__alldata_json_text(const repli__alldata *alldata, const char *json, size_t size,
                                 const char *path, char **ret_text, repli_error *err);

#endif
