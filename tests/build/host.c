/* The smallest host, built by install.sh from the installed tree alone. */
#include <replicante/agent.h>
#ifdef USE_AGENT_HTTP
#include <replicante/http.h>
#endif

#include <stdio.h>

int main(int argc, char **argv) {
    repli_error err = REPLI_ERROR_INIT;
    repli_config *config = NULL;
    if (repli_config_new(NULL, &config, &err) != REPLI_OK ||
        repli_config_load_driver(config, argv[argc - 1], NULL, &err) != REPLI_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("%s with %s\n", repli_version(), repli_config_driver(config)->name);
    repli_config_free(config);
#ifdef USE_AGENT_HTTP
    repli_http_server_free(NULL, 0);
#endif
    return 0;
}
