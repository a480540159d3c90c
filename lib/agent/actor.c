#include "agent/actor.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"

void repli__actor_init(repli__actor *actor, repli__port *port, repli__calls *calls,
                       void (*ended)(void *user_data), void *user_data) {
    pthread_mutex_init(&actor->mutex, NULL);
    actor->port = repli__port_ref(port);
    actor->stepping = NULL;
    actor->calls = calls;
    actor->ended = ended;
    actor->user_data = user_data;
}

void repli__actor_dispose(repli__actor *actor) {
    repli__port_unref(actor->port);
    pthread_mutex_destroy(&actor->mutex);
}

static repli__port *present_port(repli__actor *actor) {
    pthread_mutex_lock(&actor->mutex);
    repli__port *port = repli__port_ref(actor->port);
    pthread_mutex_unlock(&actor->mutex);
    return port;
}

void repli__actor_swap(repli__actor *actor, repli__port *port) {
    repli__port_ref(port);
    pthread_mutex_lock(&actor->mutex);
    repli__port *old = actor->port;
    actor->port = port;
    pthread_mutex_unlock(&actor->mutex);
    repli__port_unref(old);
}

static int32_t validate(void *user_data, const char *kind, const char *args_json, size_t args_size,
                        repli_error *err) {
    repli__port *port = present_port(user_data);
    const int32_t code =
        repli__instance_action_validate(port->instance, kind, args_json, args_size, err);
    repli__port_unref(port);
    return code;
}

static void set_stepping(repli__actor *actor, repli__port *port) {
    pthread_mutex_lock(&actor->mutex);
    actor->stepping = port;
    pthread_mutex_unlock(&actor->mutex);
}

static int32_t do_step(void *user_data, const repli_host *host, repli_op *op,
                       const repli_step *step, repli_sink *sink, repli_error *err) {
    (void)host; /* the instance has its own */
    repli__actor *actor = user_data;
    repli__port *port = present_port(actor);
    set_stepping(actor, port);
    const uint64_t start_ns = repli__mono_ns();
    const int32_t code = repli__instance_action_step(port->instance, op, step, sink, err);
    repli__calls_record(actor->calls, code, repli__mono_ns() - start_ns);
    set_stepping(actor, NULL);
    repli__port_unref(port);
    if (code != REPLI_OK || sink->outcome.phase == REPLI_PHASE_DONE ||
        sink->outcome.phase == REPLI_PHASE_FAILED)
        actor->ended(actor->user_data);
    return code;
}

static int32_t plan(void *user_data, const repli_host *host, repli_op *op, const char *kind,
                    const char *args_json, size_t args_size, repli_sink *sink, repli_error *err) {
    (void)host;
    repli__actor *actor = user_data;
    repli__port *port = present_port(actor);
    set_stepping(actor, port);
    const int32_t code =
        repli__instance_action_plan(port->instance, op, kind, args_json, args_size, sink, err);
    set_stepping(actor, NULL);
    repli__port_unref(port);
    return code;
}

void repli__actor_cancel(void *user_data, repli_op *op) {
    repli__actor *actor = user_data;
    pthread_mutex_lock(&actor->mutex);
    repli__port *port = actor->stepping != NULL ? repli__port_ref(actor->stepping) : NULL;
    pthread_mutex_unlock(&actor->mutex);
    if (port != NULL)
        repli__instance_cancel(port->instance, op);
    repli__port_unref(port);
}

static int32_t add_kinds(repli__actor *actor, repli__registry *registry, const repli_sink *sink,
                         repli_error *err) {
    for (size_t i = 0; i < sink->kind_count; i++) {
        const repli__handler handler = {.kind = sink->kinds[i],
                                        .validate = validate,
                                        .step = do_step,
                                        .user_data = actor,
                                        .plan = plan};
        const int32_t code = repli__registry_add(registry, REPLI__OWNER_DRIVER, &handler, err);
        if (code != REPLI_OK)
            return code;
    }
    return REPLI_OK;
}

/* Into the sink; nothing, which is fine, from a driver without actions. */
static int32_t describe(repli__port *port, repli_sink *sink, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__instance_actions_describe(port->instance, sink, &error);
    if (code == REPLI_OK || code == REPLI_ENOTSUP)
        return REPLI_OK;
    repli__error_copy(err, &error);
    return code;
}

int32_t repli__actor_register(repli__actor *actor, repli__registry *registry, const repli__mem *mem,
                              repli_error *err) {
    repli_sink sink;
    repli__sink_init(&sink, REPLI__SINK_KINDS, mem);
    int32_t code = describe(actor->port, &sink, err);
    if (code == REPLI_OK)
        code = add_kinds(actor, registry, &sink, err);
    repli__sink_dispose(&sink);
    return code;
}

static size_t count_own(const repli__actor *actor, const repli__registry *registry) {
    size_t count = 0;
    for (size_t i = 0; i < repli__registry_count(registry); i++)
        count += repli__registry_at(registry, i)->user_data == actor;
    return count;
}

static int offers_same(const repli__actor *actor, const repli__registry *registry,
                       const repli_sink *sink) {
    for (size_t i = 0; i < sink->kind_count; i++) {
        const repli__handler *known = repli__registry_find(registry, sink->kinds[i].kind);
        if (known == NULL || known->user_data != actor)
            return 0;
    }
    return sink->kind_count == count_own(actor, registry);
}

int32_t repli__actor_agrees(const repli__actor *actor, const repli__registry *registry,
                            repli__port *other, const repli__mem *mem, repli_error *err) {
    repli_sink sink;
    repli__sink_init(&sink, REPLI__SINK_KINDS, mem);
    int32_t code = describe(other, &sink, err);
    if (code == REPLI_OK && !offers_same(actor, registry, &sink))
        code = repli__error(err, REPLI_EINVALID, "agent",
                            "the driver's configuration changes the kinds of action that it "
                            "offers, which needs a restart of the agent");
    repli__sink_dispose(&sink);
    return code;
}
