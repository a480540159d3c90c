#ifndef EXAMPLE_WORKER_H
#define EXAMPLE_WORKER_H

#include <replicante/driver.h>

const repli_driver *repli_driver_worker_entry(uint32_t host_abi);

#endif
