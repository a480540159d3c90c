#include "cluster.h"

#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

cluster the_cluster;

static char base[64];
static repli_config *config;
static int verbose;

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
    for (const char *now; strcmp(now = cluster_sql(node, "%s", statement), text) != 0;) {
        ck_assert_msg(now_ms() < end, "%s is still %s", statement, now);
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
