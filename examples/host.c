/* A host in forty lines: shows the node behind a driver, and runs one action beside it.
 *
 *   cc host.c $(pkg-config --cflags --libs replicante-agent) -o host
 *   ./host /usr/local/lib/replicante/drivers/driver_postgresql.so '{"host": "127.0.0.1"}'
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <replicante/agent.h>

static void print_node(void *user_data, repli_snapshot *snapshot) {
    (void)user_data;
    puts(repli_snapshot_node_json(snapshot, NULL));
}

int main(int argc, char **argv) {
    repli_error err = REPLI_ERROR_INIT;
    repli_config *config = NULL;
    repli_agent *agent = NULL;
    repli_request request = REPLI_REQUEST_INIT;
    char id[REPLI_UUID_SIZE];
    const char *driver_config = argc > 2 ? argv[2] : "{}";

    if (argc > 1 && repli_config_new(NULL, &config, &err) == 0 &&
        repli_config_set_str(config, "node_id", "node-1", &err) == 0 &&
        repli_config_load_driver(config, argv[1], NULL, &err) == 0 &&
        repli_config_set_driver_config(config, driver_config, strlen(driver_config), &err) == 0 &&
        repli_agent_new(config, &agent, &err) == 0 && repli_agent_start(agent, &err) == 0) {
        request.kind = "agent.replicante.io/test.loop";
        if (repli_agent_schedule(agent, &request, id, &err) == 0)
            printf("scheduled %s\n", id);
        repli_agent_observe(agent, 0, 5000, print_node, NULL, &err);
        sleep(2);
    }
    if (err.code != 0)
        fprintf(stderr, "%s: %s\n", err.origin, err.message);
    repli_agent_free(agent);
    repli_config_free(config);
    return err.code != 0 || argc < 2;
}
