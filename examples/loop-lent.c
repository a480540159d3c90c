/* A host whose loop must not wait for the datastore: the agent runs in the loop, but for calls of
 * the driver and steps of actions, for which the host lends two threads.
 *
 *   cc loop-lent.c app.c $(pkg-config --cflags --libs replicante-agent-http) -pthread -o loop-lent
 *   ./loop-lent DIRECTORY
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "app.h"

static app host;
static volatile sig_atomic_t ends;

static void end(int number) {
    (void)number;
    ends = 1;
    repli_agent_wakeup(host.agent);
}

/* Until the agent stops. A pool of the host's can lend threads for a while instead. */
static void *lend(void *agent) {
    repli_agent_work(agent, -1, NULL);
    return NULL;
}

static void loop(void) {
    struct pollfd fds[] = {{.fd = repli_agent_fd(host.agent), .events = POLLIN}};
    while (!ends) {
        poll(fds, 1, app_ms_until(repli_agent_deadline(host.agent)));
        app_dispatch(&host);
    }
}

int main(int argc, char **argv) {
    const struct sigaction action = {.sa_handler = end};
    pthread_t lent[2]; /* one can be busy with the node's status, and one with an action */
    if (app_new(&host, argc > 1 ? argv[1] : ".", REPLI_RUN_LENT) != 0)
        return 1;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&lent[i], NULL, lend, host.agent);
    const int good = app_start(&host) == 0 && app_serve(&host) == 0;
    if (good)
        loop();
    repli_http_server_free(host.server, 1000);
    host.server = NULL;
    repli_agent_stop(host.agent, 5000, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(lent[i], NULL);
    app_free(&host);
    return !good;
}
