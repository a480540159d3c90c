/* A host with a loop of its own around poll(), in which the agent runs without a thread.
 *
 *   cc loop-poll.c app.c $(pkg-config --cflags --libs replicante-agent-http) -o loop-poll
 *   ./loop-poll DIRECTORY
 */
#include <poll.h>
#include <signal.h>

#include "app.h"

static app host;
static volatile sig_atomic_t ends;

/* What it wakes up is poll(), even if that has not begun yet. */
static void end(int number) {
    (void)number;
    ends = 1;
    repli_agent_wakeup(host.agent);
}

static void loop(void) {
    struct pollfd fds[] = {
        {.fd = repli_agent_fd(host.agent), .events = POLLIN},
        /* and those of the host */
    };
    while (!ends) {
        poll(fds, 1, app_ms_until(repli_agent_deadline(host.agent)));
        app_dispatch(&host); /* if nothing is due it does nothing */
    }
}

int main(int argc, char **argv) {
    const struct sigaction action = {.sa_handler = end};
    if (app_new(&host, argc > 1 ? argv[1] : ".", REPLI_RUN_DISPATCH) != 0)
        return 1;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    const int good = app_start(&host) == 0 && app_serve(&host) == 0;
    if (good)
        loop();
    app_free(&host);
    return !good;
}
