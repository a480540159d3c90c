#include "options.h"

#include <string.h>

#include <alldata/alldata.h>
#include <alldata/coordinator.h>

#include "exits.h"

enum {
    OPT_ADDRESS = 'a',
    OPT_CONFIG = 'c',
    OPT_FILE = 'f',
    OPT_CA = CLI_LONG + 1,
    OPT_CERT,
    OPT_CERT_KEY,
    OPT_SECRET_FILE,
    OPT_JSON,
    OPT_KEY,
    OPT_LATE,
    OPT_COMMIT,
    OPT_TIMEOUT,
    OPT_FROM,
    OPT_AFTER,
    OPT_UNTIL,
    OPT_PREFIX,
    OPT_INTERVAL,
    OPT_LOCAL,
    OPT_LIMIT,
    OPT_WAIT,
    OPT_CHECK_CONFIG,
    OPT_PRINT_CONFIG
};

static const struct cli_option specs[] = {
    {"address", OPT_ADDRESS, OPTIONS_CONNECTION, "ADDRESS",
     "a node: http://host:port, https://host:port or unix:/path; several are tried in turn"},
    {"ca", OPT_CA, OPTIONS_CONNECTION, "FILE", "trust the authorities in this PEM file only"},
    {"cert", OPT_CERT, OPTIONS_CONNECTION, "FILE", "present this certificate (PEM)"},
    {"cert-key", OPT_CERT_KEY, OPTIONS_CONNECTION, "FILE", "private key of the certificate (PEM)"},
    {"secret-file", OPT_SECRET_FILE, OPTIONS_CONNECTION, "FILE", "the secret of the cluster"},
    {"json", OPT_JSON, OPTIONS_JSON, NULL, "print the answer as JSON"},
    {"key", OPT_KEY, OPTIONS_PUT, "KEY", "put the event under this key"},
    {"file", OPT_FILE, OPTIONS_PUT, "FILE", "put what is in the file as one event"},
    {"late", OPT_LATE, OPTIONS_PUT, NULL, "the key may be of an interval that is closed"},
    {"commit", OPT_COMMIT, OPTIONS_PUT, "LEVEL",
     "replicas to wait for: one, quorum or all (as the node is set)"},
    {"wait", OPT_WAIT, OPTIONS_WAIT, NULL, "wait for the end"},
    {"timeout", OPT_TIMEOUT, OPTIONS_PUT | OPTIONS_WAIT, "SECONDS", "wait no longer than that"},
    {"from", OPT_FROM, OPTIONS_SCAN, "KEY", "from this key on, or the first that begins so"},
    {"after", OPT_AFTER, OPTIONS_SCAN, "KEY", "after this key"},
    {"until", OPT_UNTIL, OPTIONS_SCAN, "KEY", "up to this key, or the first that begins so"},
    {"prefix", OPT_PREFIX, OPTIONS_SCAN, "TEXT", "only keys that begin so, such as 20261121T"},
    {"interval", OPT_INTERVAL, OPTIONS_SCAN, "NAME", "only what is in this interval"},
    {"limit", OPT_LIMIT, OPTIONS_SCAN, "N", "at most so many events"},
    {"local", OPT_LOCAL, OPTIONS_LOCAL, NULL, "what one node has, not the cluster"},
    {"config", OPT_CONFIG, OPTIONS_SERVE, "FILE", "the node's configuration file"},
    {"check-config", OPT_CHECK_CONFIG, OPTIONS_SERVE, NULL, "only check the configuration"},
    {"print-config", OPT_PRINT_CONFIG, OPTIONS_SERVE, NULL,
     "check, and print all settings but secrets"},
    {"help", CLI_HELP, 0, NULL, "print this"},
    {"version", CLI_VERSION, 0, NULL, "print the version"},
};

/* Several may stand in one, with commas between them. */
static int add_addresses(struct options *options, char *text) {
    for (char *rest = text, *one; (one = strtok_r(rest, ",", &rest)) != NULL;) {
        if (options->address_count == OPTIONS_ADDRESSES)
            return cli_misused("more than %d addresses", OPTIONS_ADDRESSES);
        options->addresses[options->address_count++] = one;
    }
    return EXITS_OK;
}

static int take_commit(struct options *options, const char *text) {
    static const char *const levels[] = {"one", "quorum", "all"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, levels[i]) == 0) {
            options->commit = ALLDATA_COMMIT_ONE + i;
            return EXITS_OK;
        }
    return cli_misused("--commit %s: expected one, quorum or all", text);
}

static int take(struct options *options, int value, char *text) {
    switch (value) {
    case OPT_ADDRESS: return add_addresses(options, text);
    case OPT_CA: options->ca = text; break;
    case OPT_CERT: options->cert = text; break;
    case OPT_CERT_KEY: options->cert_key = text; break;
    case OPT_SECRET_FILE: options->secret_file = text; break;
    case OPT_CONFIG: options->config = text; break;
    case OPT_CHECK_CONFIG: options->check_config = 1; break;
    case OPT_PRINT_CONFIG: options->print_config = 1; break;
    case OPT_JSON: options->json = 1; break;
    case OPT_KEY: options->key = text; break;
    case OPT_LATE: options->late = 1; break;
    case OPT_FILE: options->file = text; break;
    case OPT_COMMIT: return take_commit(options, text);
    case OPT_TIMEOUT: return cli_seconds("timeout", text, &options->timeout_ms);
    case OPT_FROM: options->from = text; break;
    case OPT_AFTER: options->after = text; break;
    case OPT_UNTIL: options->until = text; break;
    case OPT_PREFIX: options->prefix = text; break;
    case OPT_INTERVAL: options->interval = text; break;
    case OPT_LIMIT: return cli_count("limit", text, &options->limit);
    case OPT_LOCAL: options->local = 1; break;
    case OPT_WAIT: options->wait = 1; break;
    default: break;
    }
    return EXITS_OK;
}

static int check_combination(const struct command *command, const struct options *options) {
    if ((options->cert == NULL) != (options->cert_key == NULL))
        return cli_misused("--cert and --cert-key belong together");
    if ((command->takes & OPTIONS_WAIT) != 0 && options->timeout_ms >= 0 && !options->wait)
        return cli_misused("--timeout needs --wait");
    if (options->file != NULL && options->argument_count > 0)
        return cli_misused("the event is given twice: in a file, and as an argument");
    if (options->key != NULL && options->file == NULL && options->argument_count == 0)
        return cli_misused("--key is for one event; those of the standard input each get one");
    if (options->late && options->key == NULL)
        return cli_misused("--late needs --key: a key that is made is that of now");
    return EXITS_OK;
}

const struct command *options_parse(int argc, char **argv, const struct command *commands,
                                    struct options *ret_options, int *ret_status) {
    const struct cli cli = {
        .purpose = "Node of AllData, a store of events without a master, and client of its nodes.",
        .manual = "alldata(1)",
        .version = alldata_version(),
        .letters = "a:c:f:h",
        .commands = commands,
        .options = specs,
        .option_count = sizeof(specs) / sizeof(specs[0]),
        .groups = OPTIONS_CONNECTION | OPTIONS_JSON,
        .take = take,
    };
    struct cli_rest rest;
    memset(ret_options, 0, sizeof(*ret_options));
    ret_options->timeout_ms = -1;
    const struct command *command = cli_parse(&cli, argc, argv, ret_options, &rest, ret_status);
    if (command == NULL)
        return NULL;
    ret_options->arguments = rest.arguments;
    ret_options->argument_count = rest.argument_count;
    *ret_status = check_combination(command, ret_options);
    return *ret_status == EXITS_OK ? command : NULL;
}
