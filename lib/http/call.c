#include "http/call.h"

#include <string.h>

#include "base/error.h"
#include "base/sized.h"

enum {
    HEALTH = 1 << 0,   /* also on a health listener; OPTIONS asks as GET does, as proxies use it */
    DATABASE = 1 << 1, /* all methods but POST wait for the database of actions */
    PUTS = 1 << 2      /* what stands for POST is for PUT */
};

typedef struct resource {
    const char *segments[REPLI__WEB_SEGMENTS]; /* "*" is any but the empty one; ends with NULL */
    unsigned flags;
    const char *allow;
    repli__http_handler_fn get;
    repli__http_handler_fn post;
    repli__http_handler_fn delete;
} resource;

static const char only_get[] = "GET, HEAD, OPTIONS";
static const char only_post[] = "POST, OPTIONS";
static const char get_and_delete[] = "GET, HEAD, DELETE, OPTIONS";
static const char get_put_delete[] = "GET, HEAD, PUT, DELETE, OPTIONS";

static const resource resources[] = {
    {{"api", "unstable", "info", "node"}, 0, only_get, repli__http_info_node, NULL, NULL},
    {{"api", "unstable", "info", "store"}, 0, only_get, repli__http_info_store, NULL, NULL},
    {{"api", "unstable", "info", "shards"}, 0, only_get, repli__http_info_shards, NULL, NULL},
    {{"api", "unstable", "action"}, 0, only_post, NULL, repli__http_action_schedule, NULL},
    {{"api", "unstable", "action", ""}, 0, only_post, NULL, repli__http_action_schedule, NULL},
    {{"api", "unstable", "action", "*"},
     DATABASE,
     get_and_delete,
     repli__http_action_get,
     NULL,
     repli__http_action_cancel},
    {{"api", "unstable", "actions", "queue"},
     DATABASE,
     only_get,
     repli__http_actions_queue,
     NULL,
     NULL},
    {{"api", "unstable", "actions", "finished"},
     DATABASE,
     only_get,
     repli__http_actions_finished,
     NULL,
     NULL},
    {{"api", "unstable", "plan"}, 0, only_post, NULL, repli__http_plan, NULL},
    {{"api", "unstable", "maintenance"},
     DATABASE | PUTS,
     get_put_delete,
     repli__http_maintenance_get,
     repli__http_maintenance_put,
     repli__http_maintenance_delete},
    {{"api", "unstable", "events"}, DATABASE, only_get, repli__http_events, NULL, NULL},
    {{"events"}, DATABASE, only_get, repli__http_events, NULL, NULL},
    {{"metrics"}, 0, only_get, repli__http_metrics, NULL, NULL},
    {{"health", "live"}, HEALTH, only_get, repli__http_health_live, NULL, NULL},
    {{"health", "ready"}, HEALTH, only_get, repli__http_health_ready, NULL, NULL},
    {{"role", "primary"}, HEALTH, only_get, repli__http_role_primary, NULL, NULL},
    {{"role", "secondary"}, HEALTH, only_get, repli__http_role_secondary, NULL, NULL},
};

static int matches(const resource *candidate, const repli__web_target *target) {
    size_t i = 0;
    for (; candidate->segments[i] != NULL; i++) {
        if (i == target->segment_count)
            return 0;
        const int any = strcmp(candidate->segments[i], "*") == 0 && *target->segments[i] != '\0';
        if (!any && strcmp(candidate->segments[i], target->segments[i]) != 0)
            return 0;
    }
    return i == target->segment_count;
}

static const resource *find(const repli__web_target *target, uint32_t flags) {
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        if (matches(&resources[i], target)) {
            const int visible =
                (flags & REPLI_HTTP_HEALTH_ONLY) == 0 || (resources[i].flags & HEALTH) != 0;
            return visible ? &resources[i] : NULL;
        }
    return NULL;
}

static void refuse(repli__http_call *call, int32_t status, int32_t code, const char *why) {
    call->status = status;
    call->error = (repli_error)REPLI_ERROR_INIT;
    repli__error(&call->error, code, "http", "%s", why);
}

static void refuse_method(repli__http_call *call) {
    call->status = 405;
    call->error = (repli_error)REPLI_ERROR_INIT;
    repli__error(&call->error, REPLI_EINVALID, "http",
                 "this method is not possible here; the URL takes %s", call->allow);
}

/* The handler for method, or the reason why there is none. */
static void choose(repli__http_call *call, const resource *found, const char *method) {
    call->allow = found->allow;
    call->database = (found->flags & DATABASE) != 0;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        call->handler = found->get;
    } else if (strcmp(method, (found->flags & PUTS) != 0 ? "PUT" : "POST") == 0) {
        call->handler = found->post;
    } else if (strcmp(method, "DELETE") == 0) {
        call->handler = found->delete;
    } else if (strcmp(method, "OPTIONS") == 0) {
        call->options = 1;
        call->status = 204;
        call->handler = (found->flags & HEALTH) != 0 ? found->get : NULL;
        return;
    }
    if (call->handler == NULL)
        refuse_method(call);
}

void repli__http_call_init(repli__http_call *call, repli_agent *agent,
                           const repli_http_request *request) {
    call->agent = agent;
    call->flags = request->flags;
    call->body = request->body;
    call->body_size = request->body_size;
    call->peer = request->peer;
    call->handler = NULL;
    call->database = 0;
    call->options = 0;
    call->allow = NULL;
    call->cursor = NULL;

    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__web_target_parse(&call->target, request->target, &error);
    if (code != REPLI_OK) {
        refuse(call, code == REPLI_EFULL ? 414 : 400, code, error.message);
        return;
    }
    const resource *found = find(&call->target, call->flags);
    if (found == NULL)
        refuse(call, 404, REPLI_ENOTFOUND, "there is nothing at this URL");
    else
        choose(call, found, request->method);
}

/* Turns the answer to a GET into the answer to OPTIONS. */
typedef struct options_asker {
    repli__http_asker asker;
    const char *allow;
} options_asker;

static void respond_to_options(void *user_data, const repli_http_response *response) {
    const options_asker *options = user_data;
    repli__http_answer_empty(options->asker, response->status, options->allow);
}

void repli__http_call_answer(const repli__http_call *call, repli__http_asker asker) {
    /* Outlives the call of the handler only: those that OPTIONS asks answer at once. */
    options_asker options = {.asker = asker, .allow = call->allow};
    if (call->options)
        asker = (repli__http_asker){.respond = respond_to_options, .user_data = &options};

    if (call->handler != NULL) {
        repli_error error = REPLI_ERROR_INIT;
        if (call->handler(call, asker, &error) != REPLI_OK)
            repli__http_answer_failure(asker, &error);
    } else if (call->options) {
        repli__http_answer_empty(asker, call->status, call->allow);
    } else {
        repli__http_answer_error(asker, call->status, call->allow, &call->error);
    }
}

static int32_t end_at_first(void *user_data, const repli_action_kind *kind) {
    (void)user_data;
    (void)kind;
    return 1;
}

int32_t repli__http_check_agent(repli_agent *agent, repli_error *err) {
    /* Of all that an agent can be asked this costs least: it takes no lock. */
    const int32_t code = repli_agent_action_kinds(agent, end_at_first, NULL, err);
    return code < REPLI_OK ? code : REPLI_OK;
}

int32_t repli_http_handle(repli_agent *agent, const repli_http_request *request,
                          repli_http_respond_fn respond, void *user_data, repli_error *err) {
    if (agent == NULL || respond == NULL || request == NULL ||
        request->struct_size < REPLI__SIZE_TO(repli_http_request, peer) ||
        request->method == NULL || request->target == NULL ||
        (request->body == NULL && request->body_size > 0))
        return repli__error(err, REPLI_EINVALID, "http",
                            "a request needs its struct_size, a method and a target");
    const int32_t code = repli__http_check_agent(agent, err);
    if (code != REPLI_OK)
        return code;
    repli_http_request known;
    repli__sized_copy(&known, sizeof(known), request);
    repli__http_call call;
    repli__http_call_init(&call, agent, &known);
    repli__http_call_answer(&call, (repli__http_asker){.respond = respond, .user_data = user_data});
    return REPLI_OK;
}
