#include <stdio.h>
#include <string.h>

#include <alldata/http.h>

#include "alldata.h"
#include "memory.h"

typedef struct remote {
    repli__alldata_source source; /* first, so that it is both */
    const repli__alldata *alldata;
    repli_allocator memory;
    alldata_client *client;
    char name[300];
} remote;

static int32_t ask(repli__alldata_source *source, const repli_op *op, const char *method,
                   const char *path, repli__alldata_answer *ret_answer, repli_error *err) {
    remote *it = (remote *)source;
    const uint64_t left_ms = repli__alldata_left_ms(it->alldata, op);
    repli_error error = REPLI_ERROR_INIT;
    repli_buf body = REPLI_BUF_INIT;
    body.allocator = &it->memory;
    if (left_ms == 0)
        return repli__alldata_fail(it->alldata, err, REPLI_ETIMEOUT, NULL,
                                   "asking AllData at %s: there was no time left for it", it->name);
    int32_t status = 0;
    const int32_t code =
        strcmp(method, "GET") == 0
            ? alldata_client_get(it->client, path, left_ms, &status, &body, &error)
            : alldata_client_post(it->client, path, NULL, NULL, 0, left_ms, &status, &body, &error);
    if (code != REPLI_OK) {
        it->alldata->host->release(it->alldata->host, body.data);
        return repli__alldata_pass(it->alldata, err, &error, NULL);
    }
    /* Both take their memory from the host. */
    *ret_answer = (repli__alldata_answer){.status = status, .body = body.data, .size = body.size};
    return REPLI_OK;
}

static void close_remote(repli__alldata_source *source) {
    remote *it = (remote *)source;
    alldata_client_free(it->client);
    it->alldata->host->release(it->alldata->host, it);
}

int32_t repli__alldata_remote_new(const repli__alldata *alldata, const char *url,
                                  repli__alldata_source **ret_source, repli_error *err) {
    const repli__alldata_config *config = &alldata->config;
    remote *it = alldata->host->alloc(alldata->host, sizeof(*it));
    if (!it)
        return repli__alldata_nomem(alldata, err);
    *it = (remote){.source = {.ask = ask, .close = close_remote},
                   .alldata = alldata,
                   .memory = repli__alldata_memory(alldata->host)};
    it->source.name = it->name;
    snprintf(it->name, sizeof(it->name), "%s", url);
    const alldata_http_security security = {.struct_size = (uint32_t)sizeof(security),
                                            .cert_pem = config->tls_cert,
                                            .key_pem = config->tls_key,
                                            .ca_pem = config->tls_ca,
                                            .secret = config->secret};
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    options.urls = &url;
    options.url_count = 1;
    options.security = &security;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = alldata_client_new(&options, &it->memory, &it->client, &error);
    if (code != REPLI_OK) {
        close_remote(&it->source);
        return repli__alldata_pass(alldata, err, &error, "configuration");
    }
    *ret_source = &it->source;
    return REPLI_OK;
}
