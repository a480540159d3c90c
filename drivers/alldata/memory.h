#ifndef REPLI_ALLDATA_MEMORY_H
#define REPLI_ALLDATA_MEMORY_H

#include <alldata/alldata.h>

#include <replicante/driver.h>

/* The host's memory, as AllData's libraries take theirs. */
repli_allocator repli__alldata_memory(const repli_host *host);

#endif
