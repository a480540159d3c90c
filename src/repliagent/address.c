#include "address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "exits.h"
#include "text.h"

#define DEFAULT_ADDRESS "http://localhost:8000"

static int starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int from_text(const char *text, struct address *ret_address) {
    struct address address = {0};
    if (starts_with(text, "unix:")) {
        const char *path = text + strlen("unix:");
        while (path[0] == '/' && path[1] == '/')
            path++;
        if (path[0] == '\0')
            return cli_misused("\"%s\" names no socket: expected unix:/path", text);
        address.base = text_printf("http://localhost");
        address.unix_socket = text_printf("%s", path);
        address.shown = text_printf("unix:%s", path);
    } else {
        const int has_scheme = starts_with(text, "http://") || starts_with(text, "https://");
        if (!has_scheme && strstr(text, "://") != NULL)
            return cli_misused("\"%s\": expected http://, https:// or unix:/path", text);
        address.base = text_printf("%s%s", has_scheme ? "" : "http://", text);
        size_t size = strlen(address.base);
        while (size > 0 && address.base[size - 1] == '/')
            address.base[--size] = '\0';
        address.shown = text_printf("%s", address.base);
    }
    *ret_address = address;
    return EXITS_OK;
}

/* An agent that listens everywhere is asked here. */
static const char *reachable_host(const char *host, size_t size) {
    static const char *const everywhere[] = {"", "*", "0.0.0.0", "[::]", "::"};
    for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++)
        if (strlen(everywhere[i]) == size && strncmp(everywhere[i], host, size) == 0)
            return "localhost";
    return NULL;
}

static int from_settings(const struct config *config, struct address *ret_address) {
    const char *path = settings_text(&config->all, "http.unix_socket");
    const char *bind = settings_text(&config->all, "http.bind");
    char *text;
    if (path != NULL && path[0] != '\0') {
        text = text_printf("unix:%s", path);
    } else {
        const char *colon = strrchr(bind, ':');
        const int tls = settings_text(&config->all, "http.tls.server_private_cert") != NULL &&
                        settings_find(&config->all, "http.tls.enabled")->number;
        if (colon == NULL || strcmp(colon, ":0") == 0) {
            fprintf(stderr, "repliagent: %s: http.bind \"%s\" does not tell the port; use -a\n",
                    config->all.path, bind);
            return EXITS_CONFIG;
        }
        const char *host = reachable_host(bind, (size_t)(colon - bind));
        text = text_printf("%s://%.*s%s", tls ? "https" : "http",
                           host != NULL ? (int)strlen(host) : (int)(colon - bind),
                           host != NULL ? host : bind, colon);
    }
    const int status = from_text(text, ret_address);
    free(text);
    return status;
}

static int from_config(const char *path, struct address *ret_address) {
    struct problems problems;
    problems_init(&problems, path);
    struct config *config = config_load_part(path, &problems);
    problems_print(&problems, stderr);
    problems_dispose(&problems);
    const int status = config != NULL ? from_settings(config, ret_address) : EXITS_CONFIG;
    config_free(config);
    return status;
}

int address_find(const struct options *options, struct address *ret_address) {
    if (options->agent != NULL)
        return from_text(options->agent, ret_address);
    if (options->config != NULL)
        return from_config(options->config, ret_address);
    const char *url = getenv("REPLIAGENT_URL");
    return from_text(url != NULL && url[0] != '\0' ? url : DEFAULT_ADDRESS, ret_address);
}

void address_dispose(struct address *address) {
    free(address->shown);
    free(address->base);
    free(address->unix_socket);
}
