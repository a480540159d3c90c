#ifndef REPLIAGENT_MAINTENANCE_H
#define REPLIAGENT_MAINTENANCE_H

#include <replicante/model.h>

#include "client.h"

/* The maintenance that an answer tells of. Returns 0 if there is none. */
int maintenance_read(const struct reply *reply, repli_doc **ret_doc,
                     const repli_maintenance **ret_maintenance);
/* To be freed: who holds actions up, until when, and why. */
char *maintenance_line(const repli_maintenance *maintenance);

#endif
