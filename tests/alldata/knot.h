#ifndef TESTS_ALLDATA_KNOT_H
#define TESTS_ALLDATA_KNOT_H

#include <stdatomic.h>
#include <stdint.h>

#include <alldata/alldata.h>
#include <alldata/node.h>

/* A node in a directory of its own, with a clock that the test sets. What goes wrong here fails the
 * test. */

typedef struct knot {
    char directory[96];
    char location[128]; /* below the directory */
    _Atomic int64_t now_ns;
    alldata_node_options options; /* of the next knot_open() */
    alldata_node *node;
    char last_log[1024];
} knot;

/* Intervals of five minutes, no threads and no peers until the options say otherwise. */
void knot_begin(knot *k);
void knot_end(knot *k);

/* Make it and start it. */
void knot_open(knot *k);
void knot_close(knot *k);
/* The code of making it, which must fail. */
int32_t knot_open_badly(knot *k, repli_error *err);

/* Put an event and wait: its key, which lives until the next call. */
const char *knot_put(knot *k, const char *event);
/* Store an event under a key, past the coordinator. */
void knot_store(knot *k, const char *key, uint32_t flags);
alldata_node_status knot_status(knot *k);
/* Until all events are counted. */
void knot_count(knot *k);
/* "NAME EVENTS LASTKEY\n" for each interval, a "?" before what is not counted. Lives until the next
 * call. */
const char *knot_intervals(knot *k);
/* The path of a file in the location; likewise. */
const char *knot_path(const knot *k, const char *name);

#endif
