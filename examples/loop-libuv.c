/* A host with a libuv loop, in which the agent runs without a thread.
 *
 *   cc loop-libuv.c app.c $(pkg-config --cflags --libs replicante-agent-http libuv) -o loop-libuv
 *   ./loop-libuv DIRECTORY
 */
#include <signal.h>
#include <stdio.h>
#include <uv.h>

#include "app.h"

/* An agent's handles in the loop. */
typedef struct agent_handles {
    app app;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_signal_t signals[2];
} agent_handles;

static void on_timer(uv_timer_t *timer);

static void dispatch(agent_handles *handles) {
    app_dispatch(&handles->app);
    const int ms = app_ms_until(repli_agent_deadline(handles->app.agent));
    if (ms < 0) {
        uv_timer_stop(&handles->timer);
        return;
    }
    uv_update_time(handles->timer.loop); /* what the timer counts from */
    uv_timer_start(&handles->timer, on_timer, (uint64_t)ms, 0);
}

static void on_timer(uv_timer_t *timer) {
    dispatch(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    dispatch(poll->data);
}

/* With its last handle the loop ends. */
static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    agent_handles *handles = signal->data;
    uv_close((uv_handle_t *)&handles->poll, NULL);
    uv_close((uv_handle_t *)&handles->timer, NULL);
    uv_close((uv_handle_t *)&handles->signals[0], NULL);
    uv_close((uv_handle_t *)&handles->signals[1], NULL);
}

static int add(uv_loop_t *loop, agent_handles *handles) {
    static const int ends[] = {SIGINT, SIGTERM};
    int code = uv_poll_init(loop, &handles->poll, repli_agent_fd(handles->app.agent));
    if (code != 0)
        return code;
    uv_timer_init(loop, &handles->timer);
    handles->poll.data = handles->timer.data = handles;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop, &handles->signals[i]);
        handles->signals[i].data = handles;
        uv_signal_start(&handles->signals[i], on_signal, ends[i]);
    }
    code = uv_poll_start(&handles->poll, UV_READABLE, on_readable);
    dispatch(handles); /* arms the timer */
    return code;
}

int main(int argc, char **argv) {
    agent_handles handles;
    uv_loop_t loop;
    uv_loop_init(&loop);
    if (app_new(&handles.app, argc > 1 ? argv[1] : ".", REPLI_RUN_DISPATCH) != 0)
        return 1;
    int failed = app_start(&handles.app) != 0 || app_serve(&handles.app) != 0;
    if (!failed) {
        failed = add(&loop, &handles);
        if (failed)
            fprintf(stderr, "libuv: %s\n", uv_strerror(failed));
        else
            uv_run(&loop, UV_RUN_DEFAULT);
    }
    app_free(&handles.app);
    uv_loop_close(&loop);
    return failed != 0;
}
