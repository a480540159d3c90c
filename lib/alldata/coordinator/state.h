#ifndef ALLDATA_COORDINATOR_STATE_H
#define ALLDATA_COORDINATOR_STATE_H

#include <pthread.h>

#include <alldata/coordinator.h>

#include "alldata/coordinator/hints.h"
#include "alldata/coordinator/job.h"
#include "alldata/placement.h"
#include "alldata/internal.h"
#include "alldata/rouser.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"

#define ALLDATA__COORDINATOR "coordinator"

/* Most records that are written, sent or read at a time. */
enum { ALLDATA__WRITES = 4096 };

/* A peer, as somebody who is to have events. */
struct alldata__site {
    char *id;
    char *host;
    int32_t port;
    int is_native;
    int is_known; /* else there are only hints for it, or attempts that are not over */
    int is_live;
    int64_t started_ns;
    size_t at;   /* among the sites */
    size_t refs; /* attempts and errands that know it */

    alldata__attempt *first, *last; /* that wait to be sent */
    size_t queued, queued_bytes;
    uint64_t held_ns;      /* until when they are held for others to join them; 0: they are not */
    uint64_t held_most_ns; /* and at the most */
    size_t awaited;        /* of returning, when that began */
    size_t tries;          /* attempts that are not over */
    size_t errands;
    uint32_t failures; /* one after the other */
    uint64_t away_ns;  /* until when it is not to be asked */
    char trouble[160]; /* what it last said, or why it did not */

    uint64_t hints;                  /* that wait for it */
    uint64_t due_ns;                 /* when the next are to be delivered */
    size_t delivering;               /* errands */
    size_t window;                   /* hints that may be delivered at a time */
    uint64_t refused;                /* since the first hint was begun with */
    int is_dropped;                  /* no more hints for it */
    int is_forgotten;                /* nor are those to be kept that there are */
    char from[ALLDATA_KEY_SIZE + 1]; /* where to go on reading them; empty: at the first */
};

/* Events in their order. */
typedef struct alldata__queue {
    alldata__item *first, *last;
    size_t count, bytes;
} alldata__queue;

/* A request to a peer: to take what was put, or what it missed. */
typedef struct alldata__errand {
    struct alldata__errand *next;          /* in a queue */
    struct alldata__errand *prior, *after; /* of all that are not over */
    alldata_coordinator *owner;
    alldata__site *site;
    char *host; /* where it was when it was begun */
    int32_t port;
    int is_native;
    int is_cancelled;
    int is_late;             /* of the events some may be for closed intervals */
    alldata__attempt *first; /* NULL: hints are delivered */
    size_t count;            /* of attempts or hints */
    alldata__hint *hints;
    repli_buf body;
    repli_error error;
    int32_t code; /* of the whole */
} alldata__errand;

/*
 * The inside of a coordinator, for the files that it is made of. What is told or sent is collected
 * under the mutex, and told and sent when it is let go: see alldata__coordinator_leave().
 */
struct alldata_coordinator {
    repli__mem mem;
    repli__log log;
    alldata__owner owner;
    alldata_coordinator_options options; /* its texts are not used after the beginning */
    alldata__rule rule;
    alldata__rouser rouser;
    repli__worker writer; /* to the disk */
    repli__worker clock;  /* for what is late */
    int has_writer, has_clock;

    alldata__hints *hints; /* the writer's; NULL: there are none */

    /* Whose turn it is to write. */
    alldata_record *records;
    alldata__item **items;

    pthread_mutex_t mutex;  /* guards what follows */
    pthread_cond_t ended;   /* an errand was, and somebody waits for it */
    pthread_cond_t written; /* by another thread, for which the writer waits */
    int is_writing;         /* somebody */
    int writer_waits;       /* and so is next */
    alldata__site **sites;
    alldata__place *places; /* of the sites */
    uint8_t *roles;         /* scratch, for each site */
    size_t site_count, site_room;
    alldata__queue waiting;                   /* for the disk */
    alldata__queue late;                      /* likewise, those that are late */
    alldata__attempt *hint_first, *hint_last; /* likewise */
    alldata__item *earliest, *latest;         /* by their deadlines, of those that have one */
    uint64_t clock_ns;                        /* when the clock looks next */
    int is_used;                              /* since it looked last */
    int is_holding;                           /* likewise, something was held */
    int wakes_writer;                         /* before the mutex is given back */
    int brings;                               /* likewise: events wait, and nobody is to write */
    int corks;                                /* but not while there are some */
    size_t returning;       /* clients that were answered lately and have not put again */
    uint64_t moved_ns;      /* when one was answered last, or has put */
    uint64_t hold_again_ns; /* nothing is held for them before */
    int is_stopping;
    alldata__job *finished, **finished_end; /* to be told */
    alldata__errand *ready, **ready_end;    /* to be sent */
    alldata__errand *errands;               /* that are not over */
    size_t flying;                          /* of them, those that wait for an answer */
    alldata__errand *delivered;             /* whose hints are to be settled */
    size_t guests;                          /* threads of the transport that are inside */
    uint64_t lacking_told;                  /* of under_replicated, what the log was told */
    alldata_coordinator_counters counters;
};

/* Take the mutex, to be given back with leave, which then tells and sends what there is. */
void alldata__coordinator_enter(alldata_coordinator *c);
void alldata__coordinator_leave(alldata_coordinator *c);

/* The mutex is held for all that follows, if nothing else is said. */

/* Nothing more is to become of a job's events. */
void alldata__coordinator_release(alldata_coordinator *c, alldata__job *job);
/* Have the clock look by then. */
void alldata__coordinator_watch(alldata_coordinator *c, uint64_t deadline_ns);

/* put.c: what becomes of an event. */

/* Without the mutex: look whether it is fit to be put, and under which key. */
void alldata__put_prepare(alldata_coordinator *c, alldata__item *item, const alldata_put *put);
void alldata__put_begin(alldata_coordinator *c, alldata__item *item);
/* The disk has it, or says why not. */
void alldata__put_written(alldata_coordinator *c, alldata__item *item, int32_t code,
                          const repli_error *error);
/* A peer has it, or says why not. */
void alldata__put_answered(alldata_coordinator *c, alldata__attempt *attempt, int32_t code);
/* A hint for it is written down, or cannot be. */
void alldata__put_hinted(alldata_coordinator *c, alldata__attempt *attempt, int32_t code);
/* Answer all that were not. */
void alldata__put_cancel(alldata_coordinator *c);
/* Answer those whose deadline has passed. */
void alldata__put_expire(alldata_coordinator *c, uint64_t now_ns);

/* spread.c: which peers are to have an event. */

/* See that so many peers as are lacking are asked, or get a hint. */
void alldata__put_spread(alldata_coordinator *c, alldata__item *item);

/* site.c: the peers. */

/* NULL: not known. */
alldata__site *alldata__site_find(const alldata_coordinator *c, const char *id);
/* Found, or made; NULL when out of memory. */
alldata__site *alldata__site_make(alldata_coordinator *c, const char *id, size_t size);
/* Free it if nobody needs it any more. */
void alldata__site_drop(alldata_coordinator *c, alldata__site *site);
void alldata__site_unref(alldata_coordinator *c, alldata__site *site);
void alldata__sites_free(alldata_coordinator *c);
/* It has answered. */
void alldata__site_answers(alldata_coordinator *c, alldata__site *site);
/* It has not, or nothing sensible: it is left alone for a while, and what waits for it goes
 * elsewhere. */
void alldata__site_fails(alldata_coordinator *c, alldata__site *site, const repli_error *error);
/* What waits to be sent to it goes elsewhere, if it has waited since then or longer. */
void alldata__site_flush(alldata_coordinator *c, alldata__site *site, uint64_t since_ns);

/* send.c: requests. */

/* Have an attempt sent. */
void alldata__send(alldata_coordinator *c, alldata__attempt *attempt);
/* Send what waits, unless it is to wait longer. Returns until when. */
uint64_t alldata__send_held(alldata_coordinator *c);
/* A request, in the list of those that are not over; NULL when out of memory. */
alldata__errand *alldata__errand_new(alldata_coordinator *c, alldata__site *site);
/* Without the mutex: add a record to its body. REPLI_OK or REPLI_ENOMEM. */
int alldata__errand_add(alldata__errand *errand, const alldata_record *record);
/* Have it sent when the mutex is given back. */
void alldata__errand_send(alldata_coordinator *c, alldata__errand *errand);
/* Without the mutex: send it. On failure it is to be ended. */
int32_t alldata__errand_begin(alldata__errand *errand);
/* The peer has answered, as its code and those of its parts say. */
void alldata__errand_end(alldata_coordinator *c, alldata__errand *errand);
/* Take it from the list, and free it. */
void alldata__errand_free(alldata_coordinator *c, alldata__errand *errand);

/* hold.c: for how long. */

/* A client was answered and may put again, or has put. */
void alldata__hold_expect(alldata_coordinator *c);
void alldata__hold_expected(alldata_coordinator *c);
/* Whether what waits for a peer is to wait for more. */
int alldata__hold(alldata_coordinator *c, alldata__site *site);

/* deliver.c: the writer hands over hints. Without the mutex. */

/* Settle what was delivered, and begin what is due. Returns when there is more to do. */
uint64_t alldata__deliver(alldata_coordinator *c);

/* write.c */

/* Whether the caller may write what waits now, as that takes no longer than to have it done. */
int alldata__may_write(const alldata_coordinator *c);
/* Without the mutex, after c->is_writing was set by the caller: write what waits. */
void alldata__write_here(alldata_coordinator *c);

/* The work of the two workers, without the mutex (write.c, clock.c). */

uint64_t alldata__coordinator_write(void *user_data);
uint64_t alldata__coordinator_tick(void *user_data);

#endif
