#ifndef ALLDATA_COORDINATOR_OPTIONS_H
#define ALLDATA_COORDINATOR_OPTIONS_H

#include <alldata/coordinator.h>

/* Longest that a put may wait. */
enum { ALLDATA__TIMEOUT_MAX_MS = 3600000 };

/* What the caller knows of them, with the defaults for the rest. */
int32_t alldata__coordinator_options(const alldata_coordinator_options *options,
                                     alldata_coordinator_options *ret_options, repli_error *err);

#endif
