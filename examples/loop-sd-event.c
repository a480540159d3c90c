/* A host with an sd-event loop, in which the agent runs without a thread.
 *
 *   cc loop-sd-event.c app.c \
 *       $(pkg-config --cflags --libs replicante-agent-http libsystemd) -o loop-sd-event
 *   ./loop-sd-event DIRECTORY
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "app.h"

/* An agent's event sources. */
typedef struct agent_sources {
    app app;
    sd_event_source *io;
    sd_event_source *time;
} agent_sources;

static int dispatch(agent_sources *sources) {
    app_dispatch(&sources->app);
    const uint64_t deadline_ns = repli_agent_deadline(sources->app.agent);
    if (deadline_ns == UINT64_MAX)
        return sd_event_source_set_enabled(sources->time, SD_EVENT_OFF);
    const int failed = sd_event_source_set_time(sources->time, deadline_ns / 1000 + 1);
    return failed < 0 ? failed : sd_event_source_set_enabled(sources->time, SD_EVENT_ONESHOT);
}

static int on_readable(sd_event_source *io, int fd, uint32_t events, void *sources) {
    (void)io, (void)fd, (void)events;
    return dispatch(sources);
}

static int on_time(sd_event_source *time, uint64_t usec, void *sources) {
    (void)time, (void)usec;
    return dispatch(sources);
}

/* A negative errno, as everywhere in sd-event. */
static int add(sd_event *event, agent_sources *sources) {
    int code = sd_event_add_io(event, &sources->io, repli_agent_fd(sources->app.agent), EPOLLIN,
                               on_readable, sources);
    if (code >= 0) /* at once, which arms it; accurate to a millisecond */
        code = sd_event_add_time(event, &sources->time, CLOCK_MONOTONIC, 0, 1000, on_time, sources);
    return code;
}

static int run(agent_sources *sources) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);

    sd_event *event = NULL;
    int code = sd_event_new(&event);
    if (code >= 0)
        code = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL); /* NULL: ends the loop */
    if (code >= 0)
        code = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
    if (code >= 0)
        code = add(event, sources);
    if (code >= 0)
        code = sd_event_loop(event);
    if (code < 0)
        fprintf(stderr, "sd-event: %s\n", strerror(-code));
    sd_event_source_unref(sources->time);
    sd_event_source_unref(sources->io);
    sd_event_unref(event);
    return code;
}

int main(int argc, char **argv) {
    agent_sources sources = {.io = NULL};
    if (app_new(&sources.app, argc > 1 ? argv[1] : ".", REPLI_RUN_DISPATCH) != 0)
        return 1;
    const int good =
        app_start(&sources.app) == 0 && app_serve(&sources.app) == 0 && run(&sources) >= 0;
    app_free(&sources.app);
    return !good;
}
