#include "party.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void pause_ms(long ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

int party_directory(party *self) {
    const char *base = getenv("TMPDIR");
    *self = (party){.port = 0};
    snprintf(self->directory, sizeof(self->directory), "%.40s/repli-party-XXXXXX",
             base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (mkdtemp(self->directory) == NULL)
        return 0;
    snprintf(self->store, sizeof(self->store), "%s/agent.db", self->directory);
    return 1;
}

int32_t party_config(const party *self, const party_options *options, repli_config **ret_config,
                     repli_error *err) {
    const char *driver = options->driver != NULL ? options->driver : "{}";
    const char *node_id = options->node_id != NULL ? options->node_id : "node-1";
    repli_config *config = NULL;
    int32_t code = repli_config_new(options->allocator, &config, err);
    if (code != REPLI_OK)
        return code;
    code = repli_config_set_str(config, "node_id", node_id, err);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "store_path", self->store, err);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.interval_ms", 50, err);
    if (code == REPLI_OK)
        code = repli_config_set_driver(config, repli_driver_fake_entry, err);
    if (code == REPLI_OK)
        code = repli_config_set_run_mode(config, options->run_mode, err);
    if (code == REPLI_OK)
        code = repli_config_set_driver_config(config, driver, strlen(driver), err);
    if (code == REPLI_OK && options->log != NULL)
        code = repli_config_set_log(config, REPLI_LOG_DEBUG, options->log, options->log_data, err);
    if (code == REPLI_OK)
        *ret_config = config;
    else
        repli_config_free(config);
    return code;
}

int32_t party_make(party *self, const party_options *options, repli_error *err) {
    if (!party_directory(self))
        return REPLI_EIO;
    repli_config *config = NULL;
    int32_t code = party_config(self, options, &config, err);
    if (code == REPLI_OK)
        code = repli_agent_new(config, &self->agent, err);
    repli_config_free(config);
    repli_http_options http = REPLI_HTTP_OPTIONS_INIT;
    http.bind = "127.0.0.1:0";
    if (code == REPLI_OK && options->serve)
        code = repli_http_server_new(self->agent, &http, &self->server, err);
    if (self->server != NULL)
        self->port = repli_http_server_port(self->server);
    return code;
}

int32_t party_start(party *self, const party_options *options, repli_error *err) {
    int32_t code = party_make(self, options, err);
    if (code == REPLI_OK)
        code = repli_agent_start(self->agent, err);
    for (int i = 0; code == REPLI_OK && party_status(self) != REPLI_STATUS_HEALTHY; i++) {
        if (i == PARTY_TURNS)
            code = REPLI_ETIMEOUT;
        pause_ms(5);
    }
    return code;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)info, (void)type, (void)place;
    return remove(path);
}

void party_end(party *self) {
    repli_http_server_free(self->server, 2000);
    /* With patience: where all is slow a thread would be given up, and what it uses left. */
    if (self->agent != NULL)
        repli_agent_stop(self->agent, 60000, NULL);
    repli_agent_free(self->agent);
    /* Not by a shell: system() changes how signals are handled. */
    nftw(self->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    *self = (party){.port = 0};
}

int32_t party_status(const party *self) {
    repli_snapshot *snapshot;
    if (repli_agent_snapshot(self->agent, &snapshot, NULL) != REPLI_OK)
        return 0;
    const int32_t status = repli_snapshot_node(snapshot)->status;
    repli_snapshot_unref(snapshot);
    return status;
}

int32_t party_phase(repli_agent *agent, const char *id) {
    repli_doc *doc;
    const repli_action *action;
    if (repli_agent_action(agent, id, &doc, &action, NULL) != REPLI_OK)
        return 0;
    const int32_t phase = action->phase;
    repli_doc_free(doc);
    return phase;
}

int party_await_phase(repli_agent *agent, const char *id, int32_t phase) {
    for (int i = 0; i < PARTY_TURNS && party_phase(agent, id) != phase; i++)
        pause_ms(5);
    return party_phase(agent, id) == phase;
}

int party_act(repli_agent *agent) {
    repli_request request = REPLI_REQUEST_INIT;
    request.kind = "agent.replicante.io/test.success";
    char id[REPLI_UUID_SIZE];
    return repli_agent_schedule(agent, &request, id, NULL) == REPLI_OK &&
           party_await_phase(agent, id, REPLI_PHASE_DONE);
}

int party_get(int32_t port, const char *target) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct timeval patience = {.tv_sec = 20};
    char text[4096];
    int status = 0;
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
             target);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text)) {
        ssize_t got;
        do
            got = recv(fd, text, sizeof(text) - 1, 0);
        while (got < 0 && errno == EINTR);
        text[got > 0 ? got : 0] = '\0';
        if (sscanf(text, "HTTP/1.1 %d", &status) != 1)
            status = 0;
    }
    close(fd);
    return status;
}
