/* A host with threads: the agent has its own, and those of the host call it as they like.
 *
 *   cc threads.c app.c $(pkg-config --cflags --libs replicante-agent-http) -pthread -o threads
 *   ./threads DIRECTORY
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "app.h"

/* Somebody who waits for an observation, which a thread of the agent brings. */
typedef struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t observed;
    repli_snapshot *snapshot;
} waiter;

static void take(void *user_data, repli_snapshot *snapshot) {
    waiter *waiting = user_data;
    pthread_mutex_lock(&waiting->mutex);
    waiting->snapshot = repli_snapshot_ref(snapshot);
    pthread_cond_signal(&waiting->observed);
    pthread_mutex_unlock(&waiting->mutex);
}

static void *show_node(void *user_data) {
    app *app = user_data;
    waiter waiting = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
    if (repli_agent_observe(app->agent, 0, 5000, take, &waiting, NULL) != REPLI_OK)
        return NULL;
    pthread_mutex_lock(&waiting.mutex);
    while (waiting.snapshot == NULL)
        pthread_cond_wait(&waiting.observed, &waiting.mutex);
    pthread_mutex_unlock(&waiting.mutex);
    const repli_node *node = repli_snapshot_node(waiting.snapshot);
    printf("%s is %s\n", node->node_id, repli_status_name(node->status));
    repli_snapshot_unref(waiting.snapshot);
    return NULL;
}

static void *show_action(void *user_data) {
    app_wait(user_data);
    return NULL;
}

int main(int argc, char **argv) {
    app app;
    pthread_t shows[2];
    sigset_t ends;
    int received;

    /* Before there are threads, so that the signals wait for sigwait() in all of them. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    if (app_new(&app, argc > 1 ? argv[1] : ".", REPLI_RUN_THREADS) != 0)
        return 1;
    const int good = app_start(&app) == 0 && app_serve(&app) == 0;
    if (good) {
        pthread_create(&shows[0], NULL, show_node, &app);
        pthread_create(&shows[1], NULL, show_action, &app);
        sigwait(&ends, &received);
        pthread_join(shows[0], NULL);
        pthread_join(shows[1], NULL);
    }
    app_free(&app);
    return !good;
}
