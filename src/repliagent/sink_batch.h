#ifndef REPLIAGENT_SINK_BATCH_H
#define REPLIAGENT_SINK_BATCH_H

#include <stddef.h>

#include <replicante/agent.h>

/* Events as the records that AllData takes, each under its key. */
struct sink_batch {
    char *text;
    size_t size;
    size_t capacity;
    size_t count;
};

/* What an event's key is made of beside the event. */
struct sink_naming {
    int64_t time_ns;  /* instead of the event's, unless it is 0 */
    unsigned attempt; /* see sink_key() */
};

void sink_batch_free(struct sink_batch *batch);
void sink_batch_clear(struct sink_batch *batch);
/* Returns 0, or -1: out of memory, and the batch is as it was. */
int sink_batch_add(struct sink_batch *batch, const repli_event *event,
                   const struct sink_naming *naming);

enum {
    SINK_TAKEN = 0,
    SINK_KEY_TAKEN,   /* by another event */
    SINK_KEY_REFUSED, /* its time is none that AllData accepts */
    SINK_FAILED
};

/*
 * How many of a batch's records were taken, counted from the first up to the one that was not, and
 * what became of that: SINK_TAKEN if there is none. why is filled for SINK_FAILED.
 */
size_t sink_batch_judge(const struct sink_batch *batch, long status, const char *body, size_t size,
                        int *ret_end, char *why, size_t why_size);

#endif
