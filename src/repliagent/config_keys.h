#ifndef REPLIAGENT_CONFIG_KEYS_H
#define REPLIAGENT_CONFIG_KEYS_H

#include <stddef.h>

#include <replicante/driver.h>

/* The keys of the program's own, described as those of the library and of drivers are. */
const repli_config_key *const *config_keys_program(void);

/* Where drivers are unless the configuration says otherwise. */
const char *config_keys_driver_dir(void);

/* Not 0 if a change of this key (of the program) only takes effect with the next start. */
int config_keys_needs_restart(const char *name);

#endif
