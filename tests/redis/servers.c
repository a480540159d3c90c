#include "servers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

servers the_servers;

static char base[64];
static char scripts[1024];
static repli_config *config;

static void prepare(void) {
    const char *build = getenv("BUILD"), *top = getenv("TOP");
    char driver[1024], relative[1000];
    repli_error error = REPLI_ERROR_INIT;
    snprintf(relative, sizeof(relative), "%s/drivers/driver_redis.so", build ? build : "build");
    if (!realpath(relative, driver) || repli_config_new(NULL, &config, &error) != REPLI_OK ||
        repli_config_load_driver(config, driver, NULL, &error) != REPLI_OK) {
        fprintf(stderr, "%s: %s\n", relative, error.message);
        exit(EXIT_FAILURE);
    }
    snprintf(scripts, sizeof(scripts), "%s/tests/clusters/redis.sh", top ? top : ".");
    snprintf(base, sizeof(base), "/tmp/repli-redis-XXXXXX");
    if (!mkdtemp(base))
        exit(EXIT_FAILURE);
}

int run_redis_suite(Suite *suite) {
    prepare();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    repli_config_free(config);
    char command[2200];
    snprintf(command, sizeof(command),
             "for d in %s/s-*; do [ ! -e $d/.cluster ] || %s down $d; done; %s rm -rf %s", base,
             scripts, failed && getenv("KEEP") ? ": #" : "", base);
    if (system(command) != 0)
        fprintf(stderr, "%s could not be removed\n", base);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void up(int nodes, int spares, int cluster_mode) {
    static int count;
    snprintf(the_servers.directory, sizeof(the_servers.directory), "%s/s-%d-%d", base,
             (int)getpid(), count++);
    shell("NODES=%d SPARES=%d CLUSTER=%d %s up %s", nodes, spares, cluster_mode, scripts,
          the_servers.directory);
    the_servers.port = atoi(shell(". %s/env && echo $PORT", the_servers.directory));
}

void servers_up(int nodes, int spares) {
    up(nodes, spares, 0);
}

void servers_up_in_cluster_mode(int nodes, int spares) {
    up(nodes, spares, 1);
}

void servers_down(void) {
    shell("%s down %s", scripts, the_servers.directory);
}

void servers_do(const char *verb, int node) {
    shell("%s %s %s %d", scripts, verb, the_servers.directory, node);
}

const char *servers_cli(int node, const char *format, ...) {
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return shell("%s cli %s %d %s 2>&1 | tr -d '\\r'", scripts, the_servers.directory, node,
                 command);
}

void servers_cli_until(int node, const char *text, const char *command) {
    const int64_t end = now_ms() + 30000;
    for (const char *now; !strstr(now = servers_cli(node, "%s", command), text);) {
        ck_assert_msg(now_ms() < end, "%s does not say %s but %s", command, text, now);
        pause_ms(50);
    }
}

repli_agent *agent_start(int node, const options *given) {
    static const options defaults;
    given = given ? given : &defaults;
    char json[2048], path[200], name[16];
    const int length = snprintf(
        json, sizeof(json),
        "{\"cluster_id\":\"scratch\",\"port\":%d,\"user\":\"%s\",\"password\":\"%s\","
        "\"admin\":{\"user\":\"actor\",\"password\":\"actorpw\"}%s}",
        given->port ? given->port : the_servers.port + node, given->user ? given->user : "agent",
        given->password ? given->password : "agentpw", given->more ? given->more : "");
    ck_assert_int_lt(length, (int)sizeof(json));
    snprintf(path, sizeof(path), "%s/n%d/%s", the_servers.directory, node,
             given->database ? given->database : "agent.db");
    snprintf(name, sizeof(name), "node%d", node);
    repli_error error = REPLI_ERROR_INIT;
    int32_t code = repli_config_set_str(config, "node_id", name, &error);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "store_path", path, &error);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.interval_ms", 1000, &error);
    if (code == REPLI_OK)
        code = repli_config_set_int(config, "observe.timeout_ms",
                                    given->timeout_ms ? given->timeout_ms : 5000, &error);
    if (code == REPLI_OK)
        code = repli_config_set_driver_config(config, json, strlen(json), &error);
    repli_agent *agent = NULL;
    if (code == REPLI_OK)
        code = repli_agent_new(config, &agent, &error);
    if (code == REPLI_OK)
        code = repli_agent_start(agent, &error);
    ck_assert_msg(code == REPLI_OK, "%s", error.message);
    return agent;
}
