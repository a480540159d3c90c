#include "v1.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * program DRIVER DATABASE: a program of the first release, for the shared library of any other. It
 * gives each kind of structure there was to give, reads each there was to read, and prints what is
 * the same whatever the library's release.
 */

/* What is behind a structure that the library fills must not be touched. */
typedef struct guarded_error {
    v1_error it;
    unsigned char guard[256];
} guarded_error;

static guarded_error err;
static atomic_int allocations;
static atomic_int logged;

static void fail(const char *what) {
    fprintf(stderr, "%s: %s: %s\n", what, err.it.origin, err.it.message);
    _exit(1);
}

static void guard(guarded_error *error) {
    memset(error, 0, sizeof(*error));
    error->it.struct_size = sizeof(error->it);
    memset(error->guard, 0xA5, sizeof(error->guard));
}

static void check_guard(const guarded_error *error) {
    for (size_t i = 0; i < sizeof(error->guard); i++)
        if (error->guard[i] != 0xA5)
            fail("what is behind an error was overwritten");
}

static void must(int32_t code, const char *what) {
    if (code != 0)
        fail(what);
}

static void *count_malloc(size_t size, void *user_data) {
    (void)user_data;
    atomic_fetch_add(&allocations, 1);
    return malloc(size);
}

static void *count_realloc(void *ptr, size_t size, void *user_data) {
    (void)user_data;
    if (ptr == NULL)
        atomic_fetch_add(&allocations, 1);
    return realloc(ptr, size);
}

static void count_free(void *ptr, void *user_data) {
    (void)user_data;
    atomic_fetch_sub(&allocations, ptr != NULL);
    free(ptr);
}

static void note(int32_t level, const char *origin, const char *message, void *user_data) {
    (void)user_data;
    if (level == V1_LOG_INFO && strncmp(origin, "driver.", 7) == 0 &&
        strcmp(message, "opened") == 0)
        atomic_store(&logged, 1);
}

static int32_t double_step(void *user_data, const v1_host *host, v1_op *op, const v1_step *step,
                           v1_sink *sink, v1_error *error) {
    (void)user_data;
    int64_t number = 0;
    const char *args = step->action->args_json;
    if (host->cancelled(op) ||
        host->json_integer(host, args, strlen(args), "", &number, error) != 0)
        return host->error(host, error, V1_EINVALID, NULL, "there is no number", NULL);
    char payload[32];
    snprintf(payload, sizeof(payload), "%d", 2 * (int)number);
    const v1_outcome outcome = {sizeof(outcome), V1_DONE, payload, NULL, NULL, -1};
    return host->emit_outcome(sink, &outcome);
}

static v1_config *configure(const char *driver, const char *database) {
    /* Its memory goes after the call, as that of a program's may. */
    v1_allocator *allocator = malloc(sizeof(*allocator));
    const v1_action_kind kind = {sizeof(kind), 0, "program.test/double", "Doubles", "a number"};
    v1_config *config = NULL;
    *allocator =
        (v1_allocator){sizeof(*allocator), 0, count_malloc, count_realloc, count_free, NULL};
    must(repli_config_new(allocator, &config, &err.it), "repli_config_new");
    free(allocator);
    must(repli_config_set_str(config, "node_id", "node-1", &err.it), "node_id");
    must(repli_config_set_str(config, "store_path", database, &err.it), "store_path");
    must(repli_config_set_int(config, "observe.interval_ms", 20, &err.it), "observe.interval_ms");
    must(repli_config_set_log(config, V1_LOG_INFO, note, NULL, &err.it), "set_log");
    must(repli_config_load_driver(config, driver, NULL, &err.it), "load_driver");
    must(repli_config_set_driver_config(config, "{\"port\":7}", 10, &err.it), "driver_config");
    must(repli_config_add_action(config, &kind, NULL, double_step, NULL, &err.it), "add_action");
    const v1_driver *table = repli_config_driver(config);
    printf("driver %s with key %s\n", table->version, table->config_keys[0]->name);
    return config;
}

static void pause_ms(long ms) {
    const struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

static void show_attributes(const v1_attribute *attributes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strncmp(attributes[i].name, "abi.test/", 9) == 0)
            printf("attribute %s %d %s %d %g\n", attributes[i].name, attributes[i].type,
                   attributes[i].string != NULL ? attributes[i].string : "",
                   (int)attributes[i].integer, attributes[i].real);
}

static void show_node(v1_agent *agent) {
    v1_snapshot *snapshot = NULL;
    for (int i = 0; i < 500 && repli_agent_ready(agent, &err.it) != 0; i++)
        pause_ms(20);
    must(repli_agent_ready(agent, &err.it), "repli_agent_ready");
    must(repli_agent_snapshot(agent, &snapshot, &err.it), "repli_agent_snapshot");
    const v1_node *node = repli_snapshot_node(snapshot);
    printf("node %s status %d version %s address %s\n", node->node_id, node->status,
           node->store_version.number, node->addresses[0].address);
    show_attributes(node->attributes, node->attribute_count);
    const v1_store_extras *store = repli_snapshot_store(snapshot, &err.it);
    const v1_shards *shards = repli_snapshot_shards(snapshot, &err.it);
    if (store == NULL || shards == NULL)
        fail("snapshot");
    printf("cluster %s\n", store->cluster_id);
    show_attributes(store->attributes, store->attribute_count);
    for (size_t i = 0; i < shards->shard_count; i++)
        printf("shard %s role %d offset %d\n", shards->shards[i].id, shards->shards[i].role,
               (int)shards->shards[i].commit_offset);
    repli_snapshot_unref(snapshot);
}

/* Schedules it and waits for its end. */
static void act(v1_agent *agent, const char *kind, const char *args) {
    const v1_header headers[] = {{sizeof(headers[0]), 0, "first", "1"},
                                 {sizeof(headers[1]), 0, "second", "2"}};
    const v1_request request = {sizeof(request), 0,    kind,    args, NULL,
                                V1_TIME_NONE,    NULL, headers, 2};
    char id[37];
    must(repli_agent_schedule(agent, &request, id, &err.it), kind);
    v1_doc *doc = NULL;
    const v1_action *action = NULL;
    for (int i = 0; i < 500; i++) {
        must(repli_agent_action(agent, id, &doc, &action, &err.it), "repli_agent_action");
        if (action->phase == V1_DONE || action->phase == V1_FAILED)
            break;
        repli_doc_free(doc);
        doc = NULL;
        pause_ms(20);
    }
    if (doc == NULL)
        fail("an action does not end");
    printf("action %s phase %d args %s payload %s error %s\n", action->kind, action->phase,
           action->args_json, action->payload_json,
           action->error_json != NULL ? action->error_json : "none");
    for (size_t i = 0; i < action->header_count; i++)
        printf("header %s %s\n", action->headers[i].name, action->headers[i].value);
    printf("history %d", action->history[0].phase);
    printf(" ... %d\n", action->history[action->history_count - 1].phase);
    repli_doc_free(doc);
}

static int32_t show_kind(void *user_data, const v1_action_kind *kind) {
    (void)user_data;
    if (strstr(kind->kind, ".test/") != NULL)
        printf("kind %s: %s\n", kind->kind, kind->summary);
    return 0;
}

static void show_actions(v1_agent *agent) {
    must(repli_agent_action_kinds(agent, show_kind, NULL, &err.it), "repli_agent_action_kinds");
    act(agent, "abi.test/count", "{\"to\":3}");
    act(agent, "program.test/double", "21");
    const v1_request bad = {
        .struct_size = sizeof(bad), .kind = "abi.test/count", .created_ns = V1_TIME_NONE};
    char id[37];
    printf("refused %d", repli_agent_schedule(agent, &bad, id, &err.it));
    printf(" %s: %s (%s)\n", err.it.native, err.it.message, err.it.cause);
    v1_doc *doc = NULL;
    const v1_action_summary *summaries = NULL;
    size_t count = 0;
    must(repli_agent_finished(agent, 10, NULL, &doc, &summaries, &count, &err.it), "finished");
    for (size_t i = 0; i < count; i++)
        printf("finished %s phase %d\n", summaries[i].kind, summaries[i].phase);
    repli_doc_free(doc);
}

static void show_json(void) {
    static const char text[] = "{\"error\":true,\"error_msg\":\"why\",\"error_cause\":\"because\"}";
    const v1_attribute attributes[] = {
        {sizeof(attributes[0]), V1_STRING, "a.test/a", "first", 0, 0},
        {sizeof(attributes[1]), V1_INTEGER, "b.test/b", NULL, 2, 0}};
    const v1_node node = {sizeof(node),
                          V1_HEALTHY,
                          NULL,
                          "node-2",
                          "v1",
                          {sizeof(v1_version), 0, "1.0.0", "unknown", "clean"},
                          {sizeof(v1_version), 0, "3.2.1", NULL, NULL},
                          NULL,
                          0,
                          attributes,
                          2};
    guarded_error read;
    guard(&read);
    v1_buf json = {NULL, 0, 0, NULL};
    must(repli_node_to_json(&node, &json, &err.it), "repli_node_to_json");
    printf("attributes %d\n", strstr(json.data, "{\"a.test/a\":\"first\",\"b.test/b\":2}") != NULL);
    repli_buf_dispose(&json);
    must(repli_error_from_json(text, sizeof(text) - 1, &read.it, &err.it), "error_from_json");
    printf("error %s (%s)\n", read.it.message, read.it.cause);
    check_guard(&read);
}

#ifdef WITH_HTTP
static atomic_int answered;

static void respond(void *user_data, const v1_http_response *response) {
    printf("http %s: %d %s\n", (const char *)user_data, response->status,
           response->content_type != NULL ? response->content_type : "");
    atomic_fetch_add(&answered, 1);
}

static void show_http(v1_agent *agent) {
    static char get[] = "get";
    static char post[] = "post";
    static const char body[] = "{\"kind\":\"program.test/double\",\"args\":1}";
    v1_http_request request = {
        .struct_size = sizeof(request), .method = "GET", .target = "/api/unstable/info/node"};
    must(repli_http_handle(agent, &request, respond, get, &err.it), "repli_http_handle");
    request =
        (v1_http_request){sizeof(request),  V1_MAY_WRITE, "POST", "/api/unstable/action", body,
                          sizeof(body) - 1, "peer"};
    must(repli_http_handle(agent, &request, respond, post, &err.it), "repli_http_handle");
    for (int i = 0; i < 500 && atomic_load(&answered) < 2; i++)
        pause_ms(20);
    const v1_http_options options = {.struct_size = sizeof(options), .bind = "127.0.0.1:0"};
    v1_http_server *server = NULL;
    must(repli_http_server_new(agent, &options, &server, &err.it), "repli_http_server_new");
    printf("listens %d\n", repli_http_server_port(server) > 0);
    repli_http_server_free(server, 1000);
}
#endif

int main(int argc, char **argv) {
    guard(&err);
    if (argc != 3)
        fail("usage: program DRIVER DATABASE");
    v1_config *config = configure(argv[1], argv[2]);
    v1_agent *agent = NULL;
    must(repli_agent_new(config, &agent, &err.it), "repli_agent_new");
    repli_config_free(config);
    must(repli_agent_start(agent, &err.it), "repli_agent_start");
    show_node(agent);
    show_actions(agent);
    show_json();
#ifdef WITH_HTTP
    show_http(agent);
#endif
    must(repli_agent_stop(agent, 10000, &err.it), "repli_agent_stop");
    repli_agent_free(agent);
    check_guard(&err);
    printf("logged %d, %d allocations left\n", atomic_load(&logged), atomic_load(&allocations));
    return 0;
}
