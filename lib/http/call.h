#ifndef REPLI_HTTP_CALL_H
#define REPLI_HTTP_CALL_H

#include <replicante/http.h>

#include "http/answer.h"
#include "web/target.h"

typedef struct repli__http_call repli__http_call;

/* Answers a call: either asker hears of it, now or later, or an error is returned, which the caller
 * then answers with. */
typedef int32_t (*repli__http_handler_fn)(const repli__http_call *call, repli__http_asker asker,
                                          repli_error *err);

/* A request that was understood, or is to be refused. The texts belong to the request. */
struct repli__http_call {
    repli_agent *agent;
    uint32_t flags; /* of the request */
    const char *body;
    size_t body_size;
    const char *peer;
    repli__web_target target;

    repli__http_handler_fn handler; /* NULL: refused */
    int database;                   /* the handler waits for the database of actions */
    int options;                    /* wanted is no more than the status and allow */
    int32_t status;                 /* without a handler */
    const char *allow;              /* methods of the resource; NULL: there is none */
    repli_error error;              /* unless status is 204 */
    int64_t *cursor; /* of a stream: the event that was told last; REPLI__HTTP_CURSOR_* */
};

/* Never fails: what makes no sense becomes a refusal. */
void repli__http_call_init(repli__http_call *call, repli_agent *agent,
                           const repli_http_request *request);
/* REPLI_EFORK if the agent belongs to another process, of which this one is a fork. */
int32_t repli__http_check_agent(repli_agent *agent, repli_error *err);
void repli__http_call_answer(const repli__http_call *call, repli__http_asker asker);

/* Not 0 if the call may change something; else it has been answered. */
int repli__http_may_write(const repli__http_call *call, repli__http_asker asker);
/* Append "maintenance": with the one that lasts, or nothing if none does. */
int32_t repli__http_maintenance_append(repli_agent *agent, repli_buf *json, int *ret_lasts,
                                       repli_error *err);

/* By room: info.c, actions.c, plan.c, maintenance.c, events.c, health.c, role.c, metrics.c. */
int32_t repli__http_info_node(const repli__http_call *call, repli__http_asker asker,
                              repli_error *err);
int32_t repli__http_info_store(const repli__http_call *call, repli__http_asker asker,
                               repli_error *err);
int32_t repli__http_info_shards(const repli__http_call *call, repli__http_asker asker,
                                repli_error *err);
int32_t repli__http_actions_queue(const repli__http_call *call, repli__http_asker asker,
                                  repli_error *err);
int32_t repli__http_actions_finished(const repli__http_call *call, repli__http_asker asker,
                                     repli_error *err);
int32_t repli__http_action_get(const repli__http_call *call, repli__http_asker asker,
                               repli_error *err);
int32_t repli__http_action_schedule(const repli__http_call *call, repli__http_asker asker,
                                    repli_error *err);
int32_t repli__http_plan(const repli__http_call *call, repli__http_asker asker, repli_error *err);
int32_t repli__http_action_cancel(const repli__http_call *call, repli__http_asker asker,
                                  repli_error *err);
int32_t repli__http_maintenance_get(const repli__http_call *call, repli__http_asker asker,
                                    repli_error *err);
int32_t repli__http_maintenance_put(const repli__http_call *call, repli__http_asker asker,
                                    repli_error *err);
int32_t repli__http_maintenance_delete(const repli__http_call *call, repli__http_asker asker,
                                       repli_error *err);
/* No event was told yet; from where is said by the target. */
#define REPLI__HTTP_CURSOR_NONE (-1)
/* A page of events for a stream, after *call->cursor, which is moved. */
int32_t repli__http_events_stream(const repli__http_call *call, repli__http_asker asker,
                                  repli_error *err);
int32_t repli__http_events(const repli__http_call *call, repli__http_asker asker, repli_error *err);
int32_t repli__http_health_live(const repli__http_call *call, repli__http_asker asker,
                                repli_error *err);
int32_t repli__http_health_ready(const repli__http_call *call, repli__http_asker asker,
                                 repli_error *err);
int32_t repli__http_role_primary(const repli__http_call *call, repli__http_asker asker,
                                 repli_error *err);
int32_t repli__http_role_secondary(const repli__http_call *call, repli__http_asker asker,
                                   repli_error *err);
int32_t repli__http_metrics(const repli__http_call *call, repli__http_asker asker,
                            repli_error *err);

#endif
