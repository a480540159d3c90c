#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

#include "alldata/wire/event.h"
#include "fuzz.h"

/* Requests to a node of AllData, as clients and peers send them. Each is answered once and
 * properly, and what was accepted is there byte for byte. */

enum { REQUESTS_MAX = 8, TURNS = 1000, INPUTS = 2000 };

static alldata_node *node;
static int inputs;

static struct {
    int count;
    int32_t status;
    int has_type;
    int has_allow;
    char key[ALLDATA_KEY_SIZE];
    char *body;
    size_t size;
} got;

static void respond(void *user_data, const alldata_http_response *response) {
    (void)user_data;
    got.count++;
    got.status = response->status;
    got.has_type = response->type != NULL;
    got.has_allow = response->allow != NULL;
    snprintf(got.key, sizeof(got.key), "%s", response->key != NULL ? response->key : "");
    HOLDS(response->body_size == 0 || response->body != NULL);
    HOLDS(response->retry_after_s >= 0);
    got.size = response->body_size;
    got.body = malloc(response->body_size + 1);
    HOLDS(got.body != NULL);
    if (response->body_size > 0)
        memcpy(got.body, response->body, response->body_size);
    got.body[response->body_size] = '\0';
}

static void ask(const alldata_http_request *request) {
    repli_error error = REPLI_ERROR_INIT;
    free(got.body);
    memset(&got, 0, sizeof(got));
    const int32_t code = alldata_http_handle(node, request, respond, NULL, &error);
    fuzz_outcome(code, &error);
    HOLDS(code == REPLI_OK);
    for (int i = 0; i < TURNS && got.count == 0; i++)
        HOLDS(alldata_node_dispatch(node, NULL) == REPLI_OK);
    HOLDS(got.count == 1);
    HOLDS(got.status >= 200 && got.status < 600);
    HOLDS(got.status != 405 || got.has_allow);
    HOLDS(got.size == 0 || got.has_type);
    if (got.status >= 400)
        HOLDS_FOR(strstr(got.body, "{\"error\":true,\"error_msg\":\"") == got.body, got.body);
}

static int32_t compare(void *user_data, const char *event, size_t size) {
    const alldata_http_request *request = user_data;
    HOLDS(size == request->body_size && memcmp(event, request->body, size) == 0);
    return 0;
}

/* What was accepted is what came, and is an event. */
static void expect_event(const alldata_http_request *request) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_scan *scan;
    alldata_record record = ALLDATA_RECORD_INIT;
    HOLDS(got.size == 0);
    HOLDS(alldata_key_validate(got.key, strlen(got.key), NULL) == REPLI_OK);
    HOLDS(alldata__event_check(request->body, request->body_size, NULL) == REPLI_OK);
    options.from = got.key;
    HOLDS(alldata_scan_new(alldata_node_storage(node), &options, &scan, NULL) == REPLI_OK);
    HOLDS(alldata_scan_next(scan, &record, NULL) == REPLI_OK);
    HOLDS(memcmp(record.key, got.key, ALLDATA_KEY_LENGTH) == 0);
    compare((void *)request, record.event, record.event_size);
    alldata_scan_free(scan);
}

static const char *target_of(fuzz_input *input) {
    static const char *const targets[] = {
        "/",
        "/_alldata/events",
        "/_alldata/records",
        "/_alldata/records?late=1",
        "/_alldata/status",
        "/_alldata/intervals",
        "/_alldata/events?form=records&limit=2",
        "/_alldata/repair",
        "/metrics",
        "/health/ready",
        "/_alldata/peers",
    };
    static const char *const prefixes[] = {
        "/_alldata/events?", "/_alldata/export?interval=", "/_alldata/", "/_alldata/keys?"};
    const uint8_t choice = fuzz_byte(input);
    if (choice % 16 < 11)
        return targets[choice % 16];
    const char *rest = fuzz_text(input, NULL);
    if (choice % 16 == 15)
        return rest;
    const size_t room = strlen(rest) + 64;
    char *whole = malloc(room);
    HOLDS(whole != NULL);
    const int size = snprintf(whole, room, "%s%s", prefixes[choice % 16 - 11], rest);
    char *kept = fuzz_keep(input, whole, (size_t)size + 1);
    free(whole);
    return kept;
}

/* A body in which "KEY" is a key of now, so that something gets past the checks of keys. */
static void take_body(fuzz_input *input, alldata_http_request *request, uint8_t choice) {
    size_t size;
    char *text = fuzz_text(input, &size);
    char *place = choice & 8 ? strstr(text, "KEY") : NULL;
    if (place != NULL) {
        char key[ALLDATA_KEY_SIZE];
        struct tm utc;
        const time_t now = time(NULL);
        HOLDS(gmtime_r(&now, &utc) != NULL);
        strftime(key, sizeof(key), "%Y%m%dT%H%M%S000000000000", &utc);
        char *whole = malloc(size + ALLDATA_KEY_LENGTH);
        HOLDS(whole != NULL);
        const size_t before = (size_t)(place - text);
        memcpy(whole, text, before);
        memcpy(whole + before, key, ALLDATA_KEY_LENGTH);
        memcpy(whole + before + ALLDATA_KEY_LENGTH, place + 3, size - before - 3);
        size += ALLDATA_KEY_LENGTH - 3;
        request->body = fuzz_keep(input, whole, size);
        free(whole);
    } else {
        request->body = fuzz_keep(input, text, size);
    }
    request->body_size = size;
}

static void ask_once(fuzz_input *input) {
    static const char *const methods[] = {"POST", "GET", "HEAD", "PUT"};
    static const char *const types[] = {"application/x-ndjson", "application/x-alldata-records",
                                        NULL, "text/plain"};
    alldata_http_request request = ALLDATA_HTTP_REQUEST_INIT;
    const uint8_t choice = fuzz_byte(input);
    request.port = choice & 1 ? ALLDATA_HTTP_PEERS : ALLDATA_HTTP_CLIENTS;
    request.method = methods[choice >> 6];
    request.type = types[choice >> 4 & 3];
    request.target = target_of(input);
    if (choice & 2)
        take_body(input, &request, choice);
    if (choice & 4) {
        request.key = fuzz_text(input, NULL);
        request.commit = fuzz_text(input, NULL);
        request.timeout_ms = fuzz_text(input, NULL);
    }
    ask(&request);
    const int puts = request.port == ALLDATA_HTTP_CLIENTS && request.method == methods[0] &&
                     strstr(request.target, "/_alldata/") != request.target &&
                     strstr(request.target, "://") == NULL;
    if (puts && got.status == 201)
        expect_event(&request);
}

/* Anew after so many inputs, or it would be full of events some time. */
static void open_node(void) {
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    char command[600];
    if (node != NULL && ++inputs < INPUTS)
        return;
    alldata_node_free(node);
    snprintf(command, sizeof(command), "rm -rf '%s'", fuzz_path("alldata"));
    HOLDS(system(command) == 0);
    inputs = 0;
    options.location = fuzz_path("alldata");
    options.run_mode = ALLDATA_RUN_DISPATCH;
    repli_error error = REPLI_ERROR_INIT;
    HOLDS_FOR(alldata_node_new(&options, NULL, &node, &error) == REPLI_OK, error.message);
    HOLDS(alldata_node_start(node, NULL) == REPLI_OK);
}

static void end(void) {
    alldata_node_free(node);
    free(got.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int ends;
    fuzz_input input = FUZZ_INPUT(data, size);
    open_node();
    if (!ends)
        ends = atexit(end) == 0;
    for (int i = 0; i < REQUESTS_MAX && input.size > 0; i++)
        ask_once(&input);
    fuzz_input_end(&input);
    return 0;
}
