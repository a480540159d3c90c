#ifndef REPLI_AGENT_MAINTENANCE_H
#define REPLI_AGENT_MAINTENANCE_H

#include <pthread.h>

#include "agent/config.h"
#include "base/log.h"
#include "model/validate.h"
#include "store/store.h"

/* Whether somebody holds actions up, and who. Remembered next to the actions. Any thread. */

typedef struct repli__maintenance_state {
    int on;
    char owner[REPLI__NAME_MAX + 1];
    char reason[REPLI__ID_MAX + 1]; /* empty: none was given */
    int64_t since_ns;
    int64_t until_ns;
} repli__maintenance_state;

typedef struct repli__maintenance {
    pthread_mutex_t changing; /* one change at a time; held while the disk works */
    pthread_mutex_t mutex;    /* guards what follows; held for moments */
    repli__maintenance_state state;
    repli_config *config; /* says what is allowed; NULL: nothing */
} repli__maintenance;

void repli__maintenance_init(repli__maintenance *maintenance);
void repli__maintenance_dispose(repli__maintenance *maintenance);
/* Before the start: find out whether it lasts, and have the store's gate follow. */
int32_t repli__maintenance_load(repli__maintenance *maintenance, repli__store *store,
                                repli_error *err);
/* Other kinds may be allowed from now on. The caller sees to the gate. */
void repli__maintenance_configure(repli__maintenance *maintenance, repli_config *config);
/* See repli_agent_set_maintenance(); wanted is complete and valid, or NULL. */
int32_t repli__maintenance_change(repli__maintenance *maintenance, repli__store *store,
                                  const repli_maintenance *wanted, uint32_t flags, repli__log *log,
                                  repli_error *err);
void repli__maintenance_get(repli__maintenance *maintenance, repli__maintenance_state *ret_state);
/* When it is to be looked at whether its end has come: monotonic; 0: now; UINT64_MAX: never. The
 * clock may be set meanwhile, so that may be earlier. */
uint64_t repli__maintenance_due_ns(repli__maintenance *maintenance);
/* End it if its end has come. Not 0 if that was so. */
int repli__maintenance_expire(repli__maintenance *maintenance, repli__store *store,
                              repli__log *log);

#endif
