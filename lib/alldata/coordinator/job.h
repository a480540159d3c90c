#ifndef ALLDATA_JOB_H
#define ALLDATA_JOB_H

#include <alldata/coordinator.h>

#include "base/mem.h"

/* One call's events, with all that is needed until the last of them is where it is to be. */

typedef struct alldata__job alldata__job;
typedef struct alldata__item alldata__item;
typedef struct alldata__site alldata__site;

enum {
    ALLDATA__TRIED,   /* waits to be sent, or for the answer */
    ALLDATA__HELD,    /* it has the event */
    ALLDATA__FAILED,  /* it has not */
    ALLDATA__HINTING, /* that it is to have the event later is about to be written down */
    ALLDATA__HINTED   /* and is */
};

/* One event and one peer that is to have it. */
typedef struct alldata__attempt {
    struct alldata__attempt *next;   /* of the same event */
    struct alldata__attempt *behind; /* in a queue, or on the same errand */
    alldata__item *item;
    alldata__site *site;
    uint64_t since_ns;
    int32_t state;
    int32_t code;    /* of the answer */
    int is_second;   /* after one of the same site that failed */
    int is_borrowed; /* from the job */
} alldata__attempt;

/* An event on its way. */
struct alldata__item {
    alldata__job *job;
    alldata__item *next;           /* that waits for the disk */
    alldata__item *sooner, *later; /* with a deadline */
    alldata__attempt *attempts;
    uint64_t deadline_ns; /* 0: none */
    uint64_t hash;        /* of the key */
    const char *event;
    size_t event_size;
    char key[ALLDATA_KEY_SIZE];
    int32_t code;        /* REPLI_OK as long as nothing forbids it */
    repli_error *why;    /* NULL: nothing to be told of */
    uint8_t flags;       /* ALLDATA_PUT_*, for the disk */
    uint8_t is_late;     /* its interval is closed, and only nodes of our own make open it again */
    uint8_t needed;      /* replicas */
    uint8_t replicas;    /* that there are */
    uint8_t trying;      /* attempts */
    uint8_t hinting;     /* attempts */
    uint8_t hinted;      /* attempts */
    uint8_t wants_local; /* ONE: others count only if this node cannot */
    uint8_t is_writing;  /* it waits for the disk */
    uint8_t is_written;  /* the disk has it */
    uint8_t is_decided;  /* its result is there */
    uint8_t is_put;      /* that it was acknowledged */
    uint8_t is_closed;   /* nothing more is to become of it */
};

struct alldata__job {
    alldata__job *next; /* to be told */
    alldata_put_fn done;
    void *user_data;
    alldata_put_result *results;
    alldata__attempt *spare; /* attempts that were not used yet */
    size_t spares;
    size_t count;
    size_t undecided; /* items */
    size_t open;      /* items that something is still to become of */
    size_t bytes;     /* that it takes */
    int is_handed;    /* by another node: to be stored here only */
    int is_told;
    alldata__item items[];
};

/* Copies the events, and has room for some attempts for each; NULL when out of memory. */
alldata__job *alldata__job_of_puts(const repli__mem *mem, const alldata_put *puts, size_t count,
                                   size_t attempts);
/* The keys as well; one that has none gets an empty one. */
alldata__job *alldata__job_of_records(const repli__mem *mem, const alldata_record *records,
                                      size_t count, uint32_t flags);
void alldata__job_free(const repli__mem *mem, alldata__job *job);
/* Another attempt for an item; NULL when out of memory. */
alldata__attempt *alldata__job_attempt(const repli__mem *mem, alldata__item *item);

#endif
