#include "cluster.h"

#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

cluster the_cluster;

static char base[64];
static repli_config *config;
static int verbose;

/* Shell. */

static char output[64 * 1024];

static const char *shell_v(const char *format, va_list args) {
    char command[4096];
    ck_assert_int_lt(vsnprintf(command, sizeof(command), format, args), (int)sizeof(command));
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t used = fread(output, 1, sizeof(output) - 1, pipe);
    while (used > 0 && output[used - 1] == '\n')
        used--;
    output[used] = '\0';
    const int status = pclose(pipe);
    ck_assert_msg(status == 0, "status %d of: %s\n%s", status, command, output);
    return output;
}

const char *shell(const char *format, ...) {
    va_list args;
    va_start(args, format);
    shell_v(format, args);
    va_end(args);
    return output;
}

/* Preparation. */

static const char *top(void) {
    const char *path = getenv("TOP");
    return path ? path : ".";
}

/* Scripts and driver come from where the account that runs the servers may not look. */
static void prepare(void) {
    const char *build = getenv("BUILD");
    char driver[1024];
    char *whole = realpath(build ? build : "build", NULL);
    if (!whole)
        exit(EXIT_FAILURE);
    snprintf(driver, sizeof(driver), "%s/drivers/driver_postgresql.so", whole);
    free(whole);
    repli_error error = REPLI_ERROR_INIT;
    if (repli_config_new(NULL, &config, &error) != REPLI_OK ||
        repli_config_load_driver(config, driver, NULL, &error) != REPLI_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(EXIT_FAILURE);
    }
    snprintf(base, sizeof(base), "/tmp/repli-pg-XXXXXX");
    if (!mkdtemp(base))
        exit(EXIT_FAILURE);
    char command[2048];
    snprintf(command, sizeof(command),
             "mkdir -p %s/tests && cp -r '%s/tests/clusters' %s/tests && cp -r '%s/tools' %s", base,
             top(), base, top(), base);
    if (system(command) != 0)
        exit(EXIT_FAILURE);
    const struct passwd *account = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (account) {
        snprintf(command, sizeof(command), "chown -R %u %s", (unsigned)account->pw_uid, base);
        if (system(command) != 0 || initgroups("postgres", account->pw_gid) != 0 ||
            setgid(account->pw_gid) != 0 || setuid(account->pw_uid) != 0)
            exit(EXIT_FAILURE);
    }
    /* A process that changed its account is hidden from leak checkers, unless it says otherwise. */
    prctl(PR_SET_DUMPABLE, 1);
    if (chdir(base) != 0)
        exit(EXIT_FAILURE);
    verbose = getenv("VERBOSE") != NULL;
}

int run_postgresql_suite(Suite *suite) {
    prepare();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    repli_config_free(config);

    char command[512];
    snprintf(command, sizeof(command),
             "for d in %s/c-*; do [ ! -e $d/.cluster ] || %s/tests/clusters/pg.sh down $d; done; "
             "%s rm -rf %s",
             base, base, failed && getenv("KEEP") ? ": #" : "", base);
    if (system(command) != 0)
        fprintf(stderr, "%s could not be removed\n", base);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Clusters. */

static void new_directory(void) {
    static int count;
    snprintf(the_cluster.directory, sizeof(the_cluster.directory), "%s/c-%d-%d", base,
             (int)getpid(), count++);
}

void cluster_pretend(void) {
    new_directory();
    shell("mkdir -p %s/n1", the_cluster.directory);
    snprintf(the_cluster.bin_directory, sizeof(the_cluster.bin_directory), "/nowhere");
}

void cluster_up(int nodes, int spares) {
    cluster *c = &the_cluster;
    new_directory();
    shell("NODES=%d SPARES=%d %s/tests/clusters/pg.sh up %s", nodes, spares, base, c->directory);
    c->port = atoi(shell(". %s/env && echo $PORT", c->directory));
    snprintf(c->bin_directory, sizeof(c->bin_directory), "%s",
             shell(". %s/env && echo $PG_BINDIR", c->directory));
}

void cluster_down(void) {
    shell("%s/tests/clusters/pg.sh down %s", base, the_cluster.directory);
}

void cluster_do(const char *verb, int node) {
    shell("%s/tests/clusters/pg.sh %s %s %d", base, verb, the_cluster.directory, node);
}

const char *cluster_sql(int node, const char *format, ...) {
    char statement[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(statement, sizeof(statement), format, args);
    va_end(args);
    return shell("%s/tests/clusters/pg.sh sql %s %d \"%s\" 2>&1", base, the_cluster.directory, node,
                 statement);
}

void cluster_sql_until(int node, const char *text, const char *statement) {
    const int64_t end = now_ms() + 20000;
    while (strcmp(cluster_sql(node, "%s", statement), text) != 0) {
        ck_assert_msg(now_ms() < end, "%s is still %s", statement, output);
        pause_ms(50);
    }
}

/* Agents. */

static void log_line(int32_t level, const char *origin, const char *message, void *unused) {
    (void)unused;
    fprintf(stderr, "[%d] %s: %s\n", (int)level, origin, message);
}

static void driver_config(int node, const options *given, char *ret_json, size_t size) {
    const cluster *c = &the_cluster;
    const int port = given->port ? given->port : c->port + node;
    char directory[400] = "";
    if (!given->no_directory)
        snprintf(directory, sizeof(directory), ",\"data_directory\":\"%s/n%d/data\"", c->directory,
                 node);
    const int length = snprintf(
        ret_json, size,
        "{\"host\":\"%s\",\"port\":%d,\"user\":\"%s\",\"password\":\"%s\","
        "\"admin\":{\"user\":\"actor\",\"password\":\"actorpw\"},"
        "\"replication\":{\"user\":\"%s\",\"password\":\"replpw\"},"
        "\"rewind\":{\"user\":\"rewinder\",\"password\":\"rewinderpw\"},"
        "\"bin_directory\":\"%s\",\"slot_name\":\"node%d\","
        "\"settings\":[\"unix_socket_directories=%s/n%d\",\"listen_addresses=127.0.0.1\"]%s%s}",
        given->address ? given->address : "127.0.0.1", port, given->user ? given->user : "agent",
        given->password ? given->password : "agentpw",
        given->replication ? given->replication : "repl", c->bin_directory, node, c->directory,
        node, directory, given->more ? given->more : "");
    ck_assert_int_lt(length, (int)size);
}

repli_agent *agent_start(int node, const options *given) {
    static const options defaults;
    given = given ? given : &defaults;
    char json[4096], path[200], name[16];
    repli_error error = REPLI_ERROR_INIT;
    driver_config(node, given, json, sizeof(json));
    snprintf(path, sizeof(path), "%s/n%d/agent.db", the_cluster.directory, node);
    snprintf(name, sizeof(name), "node%d", node);
    int32_t code = repli_config_set_str(config, "node_id", name, &error);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "store_path", path, &error);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.interval_ms", given->silent ? 600000 : 1000,
                                    &error);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.timeout_ms",
                                    given->timeout_ms ? given->timeout_ms : 5000, &error);
    if (code == REPLI_OK)
        code = repli_config_set_driver_config(config, json, strlen(json), &error);
    if (code == REPLI_OK && verbose)
        code = repli_config_set_log(config, REPLI_LOG_DEBUG, log_line, NULL, &error);
    repli_agent *agent = NULL;
    if (code == REPLI_OK)
        code = repli_agent_new(config, &agent, &error);
    if (code == REPLI_OK)
        code = repli_agent_start(agent, &error);
    ck_assert_msg(code == REPLI_OK, "%s", error.message);
    return agent;
}

void agent_stop(repli_agent *agent) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_agent_stop(agent, 20000, &error) == REPLI_OK, "%s", error.message);
    repli_agent_free(agent);
}

typedef struct awaited {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    repli_snapshot *snapshot;
} awaited;

static void observed(void *user_data, repli_snapshot *snapshot) {
    awaited *wait = user_data;
    pthread_mutex_lock(&wait->mutex);
    wait->snapshot = repli_snapshot_ref(snapshot);
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->mutex);
}

repli_snapshot *look(repli_agent *agent) {
    awaited wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_observe(agent, 0, 20000, observed, &wait, &error);
    ck_assert_msg(code == REPLI_OK, "%s", error.message);
    pthread_mutex_lock(&wait.mutex);
    while (!wait.snapshot)
        pthread_cond_wait(&wait.cond, &wait.mutex);
    pthread_mutex_unlock(&wait.mutex);
    pthread_mutex_destroy(&wait.mutex);
    pthread_cond_destroy(&wait.cond);
    return wait.snapshot;
}

repli_snapshot *latest(repli_agent *agent) {
    repli_snapshot *snapshot = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli_agent_snapshot(agent, &snapshot, &error);
    ck_assert_msg(code == REPLI_OK, "%s", error.message);
    return snapshot;
}

repli_snapshot *look_for(repli_agent *agent, int32_t status, int seconds) {
    const int64_t end = now_ms() + seconds * 1000;
    for (;;) {
        repli_snapshot *snapshot = look(agent);
        const repli_node *node = repli_snapshot_node(snapshot);
        if (node->status == status)
            return snapshot;
        ck_assert_msg(now_ms() < end, "after %d s the status is %s (%s), not %s", seconds,
                      repli_status_name(node->status),
                      node->status_reason ? node->status_reason : "no reason",
                      repli_status_name(status));
        repli_snapshot_unref(snapshot);
        pause_ms(50);
    }
}

void assert_status(repli_agent *agent, int32_t status, const char *reason) {
    repli_snapshot *seen = look(agent);
    const repli_node *node = repli_snapshot_node(seen);
    ck_assert_msg(
        node->status == status, "the status is %s (%s), not %s", repli_status_name(node->status),
        node->status_reason ? node->status_reason : "no reason", repli_status_name(status));
    if (reason)
        assert_reason(seen, reason);
    repli_snapshot_unref(seen);
}

const repli_shard *shard_of(const repli_snapshot *snapshot) {
    const repli_shards *shards = repli_snapshot_shards(snapshot, NULL);
    return shards && shards->shard_count == 1 ? &shards->shards[0] : NULL;
}

static const repli_attribute *find(const repli_attribute *list, size_t count, const char *name) {
    static const char domain[] = "postgresql.org/";
    for (size_t i = 0; i < count; i++)
        if (strncmp(list[i].name, domain, strlen(domain)) == 0 &&
            strcmp(list[i].name + strlen(domain), name) == 0)
            return &list[i];
    return NULL;
}

const repli_attribute *attribute_of(const repli_snapshot *snapshot, const char *name) {
    const repli_store_extras *store = repli_snapshot_store(snapshot, NULL);
    const repli_node *node = repli_snapshot_node(snapshot);
    const repli_attribute *found =
        store ? find(store->attributes, store->attribute_count, name) : NULL;
    return found ? found : find(node->attributes, node->attribute_count, name);
}

void assert_attribute(const repli_snapshot *snapshot, const char *name, const char *text) {
    const repli_attribute *attribute = attribute_of(snapshot, name);
    char value[64] = "nothing";
    const char *shown = value;
    if (attribute && attribute->type == REPLI_VALUE_STRING)
        shown = attribute->string;
    else if (attribute && attribute->type == REPLI_VALUE_BOOLEAN)
        shown = attribute->integer ? "true" : "false";
    else if (attribute)
        snprintf(value, sizeof(value), "%lld", (long long)attribute->integer);
    ck_assert_msg(strcmp(shown, text) == 0, "%s is %s, not %s", name, shown, text);
}

void assert_reason(const repli_snapshot *snapshot, const char *text) {
    const char *reason = repli_snapshot_node(snapshot)->status_reason;
    ck_assert_msg(reason && strstr(reason, text), "\"%s\" is not in the reason: %s", text,
                  reason ? reason : "(none)");
}

/* Actions. */

static char id[REPLI_UUID_SIZE];

static const char *schedule_v(repli_agent *agent, const char *kind, const char *format,
                              va_list args) {
    char json[1024];
    vsnprintf(json, sizeof(json), format, args);
    repli_request request = REPLI_REQUEST_INIT;
    repli_error error = REPLI_ERROR_INIT;
    request.kind = kind;
    request.args_json = json;
    const int32_t code = repli_agent_schedule(agent, &request, id, &error);
    ck_assert_msg(code == REPLI_OK, "%s %s: %s", kind, json, error.message);
    return id;
}

const char *schedule(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    schedule_v(agent, kind, format, args);
    va_end(args);
    return id;
}

const repli_action *finish(repli_agent *agent, const char *which, int seconds,
                           repli_doc **ret_doc) {
    const int64_t end = now_ms() + seconds * 1000;
    for (;;) {
        const repli_action *action = NULL;
        repli_error error = REPLI_ERROR_INIT;
        const int32_t code = repli_agent_action(agent, which, ret_doc, &action, &error);
        ck_assert_msg(code == REPLI_OK, "%s", error.message);
        if (action->phase == REPLI_PHASE_DONE || action->phase == REPLI_PHASE_FAILED)
            return action;
        ck_assert_msg(now_ms() < end, "%s is not finished after %d s: %s", action->kind, seconds,
                      action->payload_json ? action->payload_json : "no payload");
        repli_doc_free(*ret_doc);
        pause_ms(20);
    }
}

static const char *end_of(repli_agent *agent, int32_t phase) {
    repli_doc *doc = NULL;
    const repli_action *action = finish(agent, id, 60, &doc);
    ck_assert_msg(action->phase == phase, "%s is %s: %s %s", action->kind,
                  repli_phase_name(action->phase), action->payload_json ? action->payload_json : "",
                  action->error_json ? action->error_json : "");
    const char *text = phase == REPLI_PHASE_DONE ? action->payload_json : action->error_json;
    snprintf(output, sizeof(output), "%s", text ? text : "");
    repli_doc_free(doc);
    return output;
}

const char *must_do(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    schedule_v(agent, kind, format, args);
    va_end(args);
    return end_of(agent, REPLI_PHASE_DONE);
}

const char *must_fail(repli_agent *agent, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    schedule_v(agent, kind, format, args);
    va_end(args);
    return end_of(agent, REPLI_PHASE_FAILED);
}

/* Small things. */

void assert_contains(const char *text, const char *part) {
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void pause_ms(int milliseconds) {
    const struct timespec pause = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}
