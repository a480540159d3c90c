#ifndef CONFORMANCE_WATCH_H
#define CONFORMANCE_WATCH_H

#include "conformance/bench.h"
#include "conformance/own.h"

struct scene {
    enum scene_id id;
    const char *title; /* for progress: what goes on */
    void (*run)(struct bench *bench);
    int acts; /* with all rights, and connects to whom it likes */
};

/* Run a scene in a process of its own, and see to it that the store is as it was when it is over.
 * 0, or an error if no such process can be had. own may be NULL. REPLI_ECANCELLED: a signal came
 * that is to end this process. */
int32_t watch_scene(struct bench *bench, const struct scene *scene, const struct own *own,
                    repli_error *err);

#endif
