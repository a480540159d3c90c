#ifndef ALLDATA_JOB_H
#define ALLDATA_JOB_H

#include <alldata/coordinator.h>

#include "base/mem.h"

/* One call's events, with all that is needed until the last of them is where it is to be. */

typedef struct alldata__job alldata__job;

/* An event on its way. */
typedef struct alldata__item {
    alldata__job *job;
    struct alldata__item *next;           /* that waits for the disk */
    struct alldata__item *sooner, *later; /* with a deadline */
    uint64_t deadline_ns;                 /* 0: none */
    const char *event;
    size_t event_size;
    char key[ALLDATA_KEY_SIZE];
    int32_t needed;
    int32_t replicas;
    int32_t code;     /* REPLI_OK as long as nothing forbids it */
    repli_error *why; /* NULL: nothing to be told of */
    int is_writing;   /* it waits for the disk */
    int is_written;   /* the disk has it */
    int is_decided;   /* its result is there */
} alldata__item;

struct alldata__job {
    alldata__job *next; /* to be told */
    alldata_put_fn done;
    void *user_data;
    alldata_put_result *results;
    size_t count;
    size_t undecided; /* items */
    size_t open;      /* items that something is still to become of */
    size_t bytes;     /* that it takes */
    uint32_t flags;   /* ALLDATA_PUT_* */
    int is_handed;    /* by another node: to be stored here only */
    int is_told;
    alldata__item items[];
};

/* One of several, which are as large as the caller knows them. */
void alldata__job_read_put(const alldata_put *puts, size_t i, alldata_put *ret_put);
/* Copies the events; NULL when out of memory. */
alldata__job *alldata__job_of_puts(const repli__mem *mem, const alldata_put *puts, size_t count);
/* The keys as well; one that has none gets an empty one. */
alldata__job *alldata__job_of_records(const repli__mem *mem, const alldata_record *records,
                                      size_t count);
void alldata__job_free(const repli__mem *mem, alldata__job *job);

#endif
