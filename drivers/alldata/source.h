#ifndef REPLI_ALLDATA_SOURCE_H
#define REPLI_ALLDATA_SOURCE_H

#include <replicante/driver.h>

typedef struct repli__alldata repli__alldata;

/* What a node answers. */
typedef struct repli__alldata_answer {
    int32_t status; /* as of HTTP */
    char *body;     /* NUL-terminated, owned */
    size_t size;
} repli__alldata_answer;

/*
 * Who answers for the node: itself, in this process, or its port for clients,
 * elsewhere. Both say the same. Any thread may ask at any time.
 */
typedef struct repli__alldata_source {
    /* Returns by the deadline of op. An answer of any status is REPLI_OK. */
    int32_t (*ask)(struct repli__alldata_source *source, const repli_op *op, const char *method,
                   const char *path, repli__alldata_answer *ret_answer, repli_error *err);
    void (*close)(struct repli__alldata_source *source);
    const char *name; /* for people: where the node is */
} repli__alldata_source;

/* A node elsewhere, of the instance's configuration or at another url. Does not
 * connect. */
int32_t repli__alldata_remote_new(const repli__alldata *alldata, const char *url,
                                  repli__alldata_source **ret_source, repli_error *err);
/* A node in this process. It is opened when it is asked first, and again if
 * that failed. */
int32_t repli__alldata_embedded_new(const repli__alldata *alldata,
                                    repli__alldata_source **ret_source, repli_error *err);

/* Ask, and take nothing but an answer of status 200 to 299 for one: others
 * become errors. */
int32_t repli__alldata_ask(const repli__alldata *alldata, const repli_op *op, const char *method,
                           const char *path, repli__alldata_answer *ret_answer, repli_error *err);
void repli__alldata_answer_free(const repli__alldata *alldata, repli__alldata_answer *answer);
/* An answer of another status as an error, in the node's own words. */
int32_t repli__alldata_refused(const repli__alldata *alldata, const repli__alldata_answer *answer,
                               const char *path, repli_error *err);
/* How long is left for a call, at least 1 ms; 0: nothing is. */
uint64_t repli__alldata_left_ms(const repli__alldata *alldata, const repli_op *op);

#endif
