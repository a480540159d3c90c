/* What the hosts in this folder have in common: a datastore, an agent on it, and its HTTP API. */
#ifndef APP_H
#define APP_H

#include <replicante/http.h>

typedef struct app {
    repli_agent *agent;
    repli_http_server *server; /* NULL if the host has a server of its own */
    char action[REPLI_UUID_SIZE];
    int done; /* that action is finished, and was shown */
} app;

/* An agent with its database in directory, configured without a file; run_mode says who runs it.
 * Not started yet. 0: good, otherwise what is wrong was printed. */
int app_new(app *app, const char *directory, int32_t run_mode);
/* Start it, schedule an action, and listen on a free port of the loopback. */
int app_start(app *app);
int app_serve(app *app);
/* Show how the action ended, once it did. */
void app_show(app *app);
/* The same, and wait for it: for hosts that have a thread to spare. */
void app_wait(app *app);
void app_free(app *app);

/* For hosts that drive the agent: do what is due, and show what came of it. */
void app_dispatch(app *app);
/* Milliseconds until a deadline of the agent's, rounded up; -1: there is none. */
int app_ms_until(uint64_t deadline_ns);

#endif
