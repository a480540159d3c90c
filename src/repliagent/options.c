#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>
#include <replicante/version.h>

#include "clock.h"
#include "exits.h"

enum {
    OPT_AGENT = 'a',
    OPT_CONFIG = 'c',
    OPT_CA = CLI_LONG + 1,
    OPT_CERT,
    OPT_KEY,
    OPT_JSON,
    OPT_FRESH,
    OPT_CHECK_CONFIG,
    OPT_PRINT_CONFIG,
    OPT_FINISHED,
    OPT_LIMIT,
    OPT_BEFORE,
    OPT_ID,
    OPT_REQUESTER,
    OPT_METADATA,
    OPT_DEADLINE,
    OPT_NOT_BEFORE,
    OPT_WAIT,
    OPT_TIMEOUT,
    OPT_INTERVAL,
    OPT_COUNT,
    OPT_AFTER,
    OPT_FOLLOW,
    OPT_DRIVER_DIR,
    OPT_DRIVER,
    OPT_TAP,
    OPT_STRICT,
    OPT_DRY_RUN,
    OPT_OWNER,
    OPT_REASON,
    OPT_FOR,
    OPT_UNTIL,
    OPT_FORCE
};

static const struct cli_option specs[] = {
    {"agent", OPT_AGENT, OPTIONS_CONNECTION, "ADDRESS",
     "the agent: http://host:port, https://host:port or unix:/path"},
    {"config", OPT_CONFIG, OPTIONS_CONNECTION | OPTIONS_CONFIG | OPTIONS_DRIVERS, "FILE",
     "the agent's configuration file"},
    {"ca", OPT_CA, OPTIONS_CONNECTION, "FILE", "trust the authorities in this PEM file only"},
    {"cert", OPT_CERT, OPTIONS_CONNECTION, "FILE", "present this certificate (PEM)"},
    {"key", OPT_KEY, OPTIONS_CONNECTION, "FILE", "private key of the certificate (PEM)"},
    {"json", OPT_JSON, OPTIONS_JSON, NULL, "print the answer as JSON"},
    {"fresh", OPT_FRESH, OPTIONS_FRESH, NULL, "ask the datastore now"},
    {"check-config", OPT_CHECK_CONFIG, OPTIONS_RUN, NULL, "only check the configuration"},
    {"print-config", OPT_PRINT_CONFIG, OPTIONS_RUN, NULL,
     "check, and print all settings but secrets"},
    {"finished", OPT_FINISHED, OPTIONS_FINISHED, NULL, "finished actions, newest first"},
    {"limit", OPT_LIMIT, OPTIONS_FINISHED | OPTIONS_EVENTS, "N",
     "at most so many finished actions, or events"},
    {"before", OPT_BEFORE, OPTIONS_FINISHED, "ID", "only those finished before this one"},
    {"id", OPT_ID, OPTIONS_SCHEDULE, "UUID", "id of the new action"},
    {"requester", OPT_REQUESTER, OPTIONS_SCHEDULE, "NAME", "record that NAME asked for it"},
    {"metadata", OPT_METADATA, OPTIONS_SCHEDULE, "NAME=VALUE", "keep this with the action"},
    {"dry-run", OPT_DRY_RUN, OPTIONS_SCHEDULE, NULL, "tell the steps without doing them"},
    {"deadline", OPT_DEADLINE, OPTIONS_SCHEDULE, "WHEN",
     "let it end by then, done or not: a time, or +30s, +5m, +2h"},
    {"not-before", OPT_NOT_BEFORE, OPTIONS_SCHEDULE, "WHEN", "do not begin before then"},
    {"wait", OPT_WAIT, OPTIONS_WAIT, NULL, "wait for the end, showing progress"},
    {"timeout", OPT_TIMEOUT, OPTIONS_WAIT, "SECONDS", "wait no longer than that"},
    {"owner", OPT_OWNER, OPTIONS_MAINTENANCE, "NAME", "who holds actions up"},
    {"reason", OPT_REASON, OPTIONS_MAINTENANCE, "TEXT", "why"},
    {"for", OPT_FOR, OPTIONS_MAINTENANCE, "SPAN", "end it after that time, such as 90s, 30m or 2h"},
    {"until", OPT_UNTIL, OPTIONS_MAINTENANCE, "TIME", "end it then (2026-01-02T03:04:05Z)"},
    {"force", OPT_FORCE, OPTIONS_MAINTENANCE, NULL, "even if somebody else holds them up"},
    {"interval", OPT_INTERVAL, OPTIONS_WATCH, "SECONDS", "time between two looks (2)"},
    {"count", OPT_COUNT, OPTIONS_WATCH, "N", "end after so many looks"},
    {"after", OPT_AFTER, OPTIONS_EVENTS, "NUMBER", "events after this one (the newest)"},
    {"follow", OPT_FOLLOW, OPTIONS_EVENTS, NULL, "show new events as they come"},
    {"driver-dir", OPT_DRIVER_DIR, OPTIONS_DRIVERS | OPTIONS_DRIVER_DIR, "DIRECTORY",
     "where the drivers are"},
    {"driver", OPT_DRIVER, OPTIONS_CHECK, "DRIVER", "name of the driver, or path of its file"},
    {"tap", OPT_TAP, OPTIONS_CHECK, NULL,
     "print the answer in the form of the Test Anything Protocol"},
    {"strict", OPT_STRICT, OPTIONS_CHECK, NULL, "a SHOULD that is not kept counts as well"},
    {"help", CLI_HELP, 0, NULL, "print this"},
    {"version", CLI_VERSION, 0, NULL, "print the version"},
};

/* A time, or +N with a unit: from now. */
static int parse_when(const char *name, const char *text, int64_t *ret_ns) {
    static const char units[] = "smhd";
    static const int64_t seconds[] = {1, 60, 3600, 24 * 3600};
    if (text[0] != '+')
        return repli_time_parse(text, ret_ns, NULL) == REPLI_OK
                   ? EXITS_OK
                   : cli_misused("--%s %s: expected a time such as 2026-01-02T03:04:05Z, or "
                                 "+30s, +5m, +2h, +1d",
                                 name, text);
    char *end;
    const double count = strtod(text + 1, &end);
    const char *unit = end > text + 1 && *end != '\0' ? strchr(units, *end) : NULL;
    if (unit == NULL || end[1] != '\0' || !isfinite(count) || count < 0 || count > 1e6)
        return cli_misused("--%s %s: expected a number and s, m, h or d behind the +", name, text);
    *ret_ns = clock_wall_ns() + (int64_t)(count * (double)seconds[unit - units] * 1e9);
    return EXITS_OK;
}

static int add_metadata(struct options *options, char *text) {
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return cli_misused("--metadata %s: expected NAME=VALUE", text);
    *equals = '\0';
    for (size_t i = 0; i < options->metadata_count; i++)
        if (strcmp(options->metadata[i].name, text) == 0)
            return cli_misused("--metadata %s is given twice", text);
    repli_header *list = realloc(options->metadata, (options->metadata_count + 1) * sizeof(*list));
    if (list == NULL)
        return cli_misused("out of memory");
    options->metadata = list;
    repli_header header = REPLI_HEADER_INIT;
    header.name = text;
    header.value = equals + 1;
    list[options->metadata_count++] = header;
    return EXITS_OK;
}

static int take(struct options *options, int value, char *text) {
    switch (value) {
    case OPT_AGENT: options->agent = text; break;
    case OPT_CONFIG: options->config = text; break;
    case OPT_CA: options->ca = text; break;
    case OPT_CERT: options->cert = text; break;
    case OPT_KEY: options->key = text; break;
    case OPT_JSON: options->json = 1; break;
    case OPT_FRESH: options->fresh = 1; break;
    case OPT_CHECK_CONFIG: options->check_config = 1; break;
    case OPT_PRINT_CONFIG: options->print_config = 1; break;
    case OPT_FINISHED: options->finished = 1; break;
    case OPT_LIMIT: return cli_count("limit", text, &options->limit);
    case OPT_BEFORE: options->before = text; break;
    case OPT_ID: options->id = text; break;
    case OPT_REQUESTER: options->requester = text; break;
    case OPT_METADATA: return add_metadata(options, text);
    case OPT_DEADLINE: return parse_when("deadline", text, &options->deadline_ns);
    case OPT_NOT_BEFORE: return parse_when("not-before", text, &options->not_before_ns);
    case OPT_WAIT: options->wait = 1; break;
    case OPT_TIMEOUT: return cli_seconds("timeout", text, &options->timeout_ms);
    case OPT_DRY_RUN: options->dry_run = 1; break;
    case OPT_OWNER: options->owner = text; break;
    case OPT_REASON: options->reason = text; break;
    case OPT_FOR: options->span = text; break;
    case OPT_UNTIL: options->until = text; break;
    case OPT_FORCE: options->force = 1; break;
    case OPT_INTERVAL: return cli_seconds("interval", text, &options->interval_ms);
    case OPT_COUNT: return cli_count("count", text, &options->count);
    case OPT_AFTER: return cli_number("after", text, 0, INT64_MAX - 1, &options->after);
    case OPT_FOLLOW: options->follow = 1; break;
    case OPT_DRIVER_DIR: options->driver_dir = text; break;
    case OPT_DRIVER: options->driver = text; break;
    case OPT_TAP: options->tap = 1; break;
    case OPT_STRICT: options->strict = 1; break;
    default: break;
    }
    return EXITS_OK;
}

static int check_combination(const struct command *command, const struct options *options) {
    if (options->agent != NULL && options->config != NULL)
        return cli_misused("-a and -c exclude each other: both say where the agent is");
    if ((command->takes & OPTIONS_WAIT) != 0 && options->timeout_ms >= 0 && !options->wait)
        return cli_misused("--timeout needs --wait");
    if ((options->cert == NULL) != (options->key == NULL))
        return cli_misused("--cert and --key belong together");
    return EXITS_OK;
}

const struct command *options_parse(int argc, char **argv, const struct command *commands,
                                    struct options *ret_options, int *ret_status) {
    const struct cli cli = {
        .purpose = "Agent of a datastore node, and client of a running agent.",
        .manual = "repliagent(1)",
        .version = repli_version(),
        .letters = "a:c:h",
        .commands = commands,
        .options = specs,
        .option_count = sizeof(specs) / sizeof(specs[0]),
        .groups = OPTIONS_CONNECTION | OPTIONS_JSON,
        .take = take,
    };
    struct cli_rest rest;
    memset(ret_options, 0, sizeof(*ret_options));
    ret_options->timeout_ms = -1;
    ret_options->deadline_ns = ret_options->not_before_ns = REPLI_TIME_NONE;
    ret_options->interval_ms = 2000;
    ret_options->after = -1;
    const struct command *command = cli_parse(&cli, argc, argv, ret_options, &rest, ret_status);
    if (command == NULL)
        return NULL;
    ret_options->arguments = rest.arguments;
    ret_options->argument_count = rest.argument_count;
    *ret_status = check_combination(command, ret_options);
    return *ret_status == EXITS_OK ? command : NULL;
}

void options_dispose(struct options *options) {
    free(options->metadata);
    options->metadata = NULL;
}
