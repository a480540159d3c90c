#ifndef REPLI_DRIVER_OP_H
#define REPLI_DRIVER_OP_H

#include <stdatomic.h>
#include <stdint.h>

#include <replicante/driver.h>

/* One call to a driver. Lives in the caller's frame or object for as long as the call does. */
struct repli_op {
    uint64_t deadline_ns; /* monotonic */
    atomic_int cancelled;
    const char *running_action; /* or NULL; outlives the call */
};

#endif
