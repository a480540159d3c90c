#ifndef REPLI_DRIVER_NEAREST_H
#define REPLI_DRIVER_NEAREST_H

#include <replicante/driver.h>

/* The key whose name is most like name, which is none of them; NULL if none is alike. */
const repli_config_key *repli__nearest_key(const repli_config_key *const *keys, const char *name);

#endif
