#ifndef REPLI_ACTION_SERVICE_STATE_H
#define REPLI_ACTION_SERVICE_STATE_H

#include "action/service.h"

#define REPLI__SERVICE_START "agent.replicante.io/service.start"
#define REPLI__SERVICE_STOP "agent.replicante.io/service.stop"
#define REPLI__SERVICE_RESTART "agent.replicante.io/service.restart"

enum { REPLI__SERVICE_ARGS = 8, REPLI__SERVICE_RUN_SIZE = 64 };

/* What the service does. */
typedef struct repli__service_state {
    enum { REPLI__SERVICE_STOPPED, REPLI__SERVICE_CHANGING, REPLI__SERVICE_RUNNING } state;
    int failed;                        /* it is stopped because it failed */
    char run[REPLI__SERVICE_RUN_SIZE]; /* the same for as long as it runs without a restart */
} repli__service_state;

/* The command that tells the state. made has room for one that is made up. */
const char *const *repli__service_look(const repli__service *service,
                                       const char *made[REPLI__SERVICE_ARGS]);
/* The command for "start", "stop" or "restart"; NULL: there is none. */
const char *const *repli__service_command(const repli__service *service, const char *verb,
                                          const char *made[REPLI__SERVICE_ARGS]);
/* Make sense of what the command that tells the state wrote. */
int32_t repli__service_read(const repli__service *service, const char *output, int exit_code,
                            repli__service_state *ret_state, repli_error *err);
/* Not 0 if the run of a state that was read before is not over. */
int repli__service_goes_on(const repli__service *service, const char *run,
                           const repli__service_state *now);
/* What each of the kinds would do now; user_data is a repli__service. */
int32_t repli__service_plan(void *user_data, const repli_host *host, repli_op *op, const char *kind,
                            const char *args_json, size_t args_size, repli_sink *sink,
                            repli_error *err);

#endif
