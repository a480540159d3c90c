/* A host with a GLib main loop, in which the agent runs without a thread.
 *
 *   cc loop-glib.c app.c $(pkg-config --cflags --libs replicante-agent-http glib-2.0) -o loop-glib
 *   ./loop-glib DIRECTORY
 */
#include <glib-unix.h>
#include <signal.h>

#include "app.h"

/* An agent as a source of a main context: its descriptor, and its deadline as the ready time. */
typedef struct agent_source {
    GSource source;
    app *app;
} agent_source;

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer user_data) {
    (void)callback, (void)user_data;
    app *app = ((agent_source *)source)->app;
    app_dispatch(app);
    const uint64_t deadline_ns = repli_agent_deadline(app->agent);
    /* Both clocks are CLOCK_MONOTONIC; the ready time is in microseconds. */
    g_source_set_ready_time(source,
                            deadline_ns == UINT64_MAX ? -1 : (gint64)(deadline_ns / 1000 + 1));
    return G_SOURCE_CONTINUE;
}

/* Nothing to prepare or to check: GLib looks at the descriptor and at the ready time. */
static GSourceFuncs functions = {.dispatch = dispatch};

static GSource *agent_source_new(app *app) {
    GSource *source = g_source_new(&functions, sizeof(agent_source));
    ((agent_source *)source)->app = app;
    g_source_set_name(source, "replicante-agent");
    g_source_add_unix_fd(source, repli_agent_fd(app->agent), G_IO_IN);
    g_source_set_ready_time(source, 0); /* at once, which arms it */
    return source;
}

static gboolean end(gpointer loop) {
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

static void run(app *app) {
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GSource *source = agent_source_new(app);
    g_source_attach(source, NULL);
    const guint interrupted = g_unix_signal_add(SIGINT, end, loop);
    const guint terminated = g_unix_signal_add(SIGTERM, end, loop);
    g_main_loop_run(loop);
    g_source_remove(interrupted);
    g_source_remove(terminated);
    g_source_destroy(source);
    g_source_unref(source);
    g_main_loop_unref(loop);
}

int main(int argc, char **argv) {
    app app;
    if (app_new(&app, argc > 1 ? argv[1] : ".", REPLI_RUN_DISPATCH) != 0)
        return 1;
    const int good = app_start(&app) == 0 && app_serve(&app) == 0;
    if (good)
        run(&app);
    app_free(&app);
    return !good;
}
