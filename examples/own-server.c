/* A host that has an HTTP server already, and lets it answer for the agent below /agent/, so that
 * the agent needs no port of its own.
 *
 *   cc own-server.c app.c $(pkg-config --cflags --libs replicante-agent-http libmicrohttpd) \
 *       -o own-server
 *   ./own-server DIRECTORY
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

enum { MOST_BODY = 1024 * 1024 };

static const char mount[] = "/agent";

/* A request and its response. */
typedef struct exchange {
    struct MHD_Connection *connection;
    char target[2048]; /* path and query, as they came */
    int calls;         /* of the handler, but for the body */
    char *body;
    size_t body_size;
    struct MHD_Response *response; /* NULL: not there yet */
    unsigned status;
} exchange;

/* The path that libmicrohttpd gives to its handler is decoded already; the agent wants this. */
static void *begin(void *user_data, const char *target, struct MHD_Connection *connection) {
    (void)user_data;
    exchange *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->connection = connection;
        snprintf(self->target, sizeof(self->target), "%s", target);
    }
    return self;
}

static void end(void *user_data, struct MHD_Connection *connection, void **request,
                enum MHD_RequestTerminationCode code) {
    (void)user_data, (void)connection, (void)code;
    exchange *self = *request;
    if (self == NULL)
        return;
    if (self->response != NULL)
        MHD_destroy_response(self->response);
    free(self->body);
    free(self);
}

static void add_number(struct MHD_Response *response, const char *name, int64_t number) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)number);
    MHD_add_response_header(response, name, text);
}

/* Within repli_http_handle() or on a thread of the agent: so the connection is suspended. */
static void respond(void *user_data, const repli_http_response *answer) {
    exchange *self = user_data;
    self->status = (unsigned)answer->status;
    self->response = MHD_create_response_from_buffer(answer->body_size, (void *)answer->body,
                                                     MHD_RESPMEM_MUST_COPY);
    if (self->response != NULL) {
        MHD_add_response_header(self->response, "Cache-Control", "no-store");
        if (answer->content_type != NULL)
            MHD_add_response_header(self->response, "Content-Type", answer->content_type);
        if (answer->allow != NULL)
            MHD_add_response_header(self->response, "Allow", answer->allow);
        if (answer->age_ms >= 0)
            add_number(self->response, "Age", answer->age_ms / 1000);
        if (answer->retry_after_s > 0)
            add_number(self->response, "Retry-After", answer->retry_after_s);
    }
    MHD_resume_connection(self->connection);
}

/* Browsers name the page on whose behalf they ask, and no page is to change anything here. */
static uint32_t rights(const exchange *self) {
    const char *page = MHD_lookup_connection_value(self->connection, MHD_HEADER_KIND, "Origin");
    return page == NULL ? REPLI_HTTP_MAY_WRITE : 0;
}

static enum MHD_Result ask_agent(repli_agent *agent, exchange *self, const char *method) {
    repli_http_request request = REPLI_HTTP_REQUEST_INIT;
    request.flags = rights(self);
    request.method = method;
    request.target = self->target + strlen(mount);
    request.body = self->body;
    request.body_size = self->body_size;
    MHD_suspend_connection(self->connection);
    if (repli_http_handle(agent, &request, respond, self, NULL) != REPLI_OK)
        MHD_resume_connection(self->connection); /* to be closed, for want of a response */
    return MHD_YES;
}

static enum MHD_Result welcome(exchange *self) {
    static char text[] = "The host's own page. The agent is below /agent/.\n";
    self->response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);
    return MHD_queue_response(self->connection, MHD_HTTP_OK, self->response);
}

static enum MHD_Result keep(exchange *self, const char *data, size_t size) {
    if (size > MOST_BODY - self->body_size)
        return MHD_NO;
    char *body = realloc(self->body, self->body_size + size);
    if (body == NULL)
        return MHD_NO;
    memcpy(body + self->body_size, data, size);
    self->body = body;
    self->body_size += size;
    return MHD_YES;
}

/* Called again and again for a request: with its headers, its body, at its end, once resumed. */
static enum MHD_Result handle(void *agent, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request) {
    (void)connection, (void)url, (void)version;
    exchange *self = *request;
    if (self == NULL)
        return MHD_NO;
    if (*size > 0) {
        const size_t taken = *size;
        *size = 0;
        return keep(self, data, taken);
    }
    switch (self->calls++) {
    case 0: return MHD_YES; /* the headers */
    case 1:
        if (strncmp(self->target, mount, strlen(mount)) != 0 || self->target[strlen(mount)] != '/')
            return welcome(self);
        return ask_agent(agent, self, method);
    default:
        return self->response != NULL
                   ? MHD_queue_response(self->connection, self->status, self->response)
                   : MHD_NO;
    }
}

static struct MHD_Daemon *serve(repli_agent *agent) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                            handle, agent, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
                            MHD_OPTION_URI_LOG_CALLBACK, begin, NULL, MHD_OPTION_NOTIFY_COMPLETED,
                            end, NULL, MHD_OPTION_CONNECTION_TIMEOUT, 5u, MHD_OPTION_END);
}

int main(int argc, char **argv) {
    app app;
    sigset_t ends;
    int received;

    /* Before there are threads, so that the signals wait for sigwait() in all of them. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    if (app_new(&app, argc > 1 ? argv[1] : ".", REPLI_RUN_THREADS) != 0)
        return 1;
    struct MHD_Daemon *server = app_start(&app) == 0 ? serve(app.agent) : NULL;
    if (server != NULL) {
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT);
        printf("listening on http://127.0.0.1:%d/agent\n", info->port);
        app_wait(&app);
        sigwait(&ends, &received);
        /* What still waits for the agent is answered by its stop, so that none is left suspended.
         */
        repli_agent_stop(app.agent, 5000, NULL);
        MHD_stop_daemon(server);
    }
    app_free(&app);
    return server == NULL;
}
