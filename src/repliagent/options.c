#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>
#include <replicante/version.h>

#include "clock.h"
#include "exits.h"

enum {
    OPT_AGENT = 'a',
    OPT_CONFIG = 'c',
    OPT_HELP = 'h',
    OPT_FIRST = 256,
    OPT_CA,
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
    OPT_FORCE,
    OPT_VERSION
};

static const struct spec {
    const char *name;
    int value;
    uint32_t group;       /* 0: for every command, or none */
    const char *argument; /* NULL: takes none */
    const char *summary;
} specs[] = {
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
    {"help", OPT_HELP, 0, NULL, "print this"},
    {"version", OPT_VERSION, 0, NULL, "print the version"},
};

enum { SPEC_COUNT = sizeof(specs) / sizeof(specs[0]) };

static const struct spec *spec_of(int value) {
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if (specs[i].value == value)
            return &specs[i];
    return NULL;
}

int options_misused(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("repliagent: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\nTry 'repliagent --help'.\n", stderr);
    va_end(args);
    return EXITS_USAGE;
}

static void print_options(uint32_t groups) {
    puts("\nOptions:");
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        const struct spec *spec = &specs[i];
        if (spec->group != 0 && !(spec->group & groups))
            continue;
        char left[64];
        snprintf(left, sizeof(left), "%c%c%s --%s%s%s", spec->value < OPT_FIRST ? '-' : ' ',
                 spec->value < OPT_FIRST ? spec->value : ' ', spec->value < OPT_FIRST ? "," : " ",
                 spec->name, spec->argument != NULL ? " " : "",
                 spec->argument != NULL ? spec->argument : "");
        printf("  %-28s %s\n", left, spec->summary);
    }
}

static void print_help(const struct command *commands, const struct command *command) {
    if (command != NULL) {
        printf("Usage: repliagent %s%s%s [options]\n\n%s\n", command->name,
               command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
        print_options(command->takes);
    } else {
        puts("Usage: repliagent COMMAND [arguments] [options]\n\n"
             "Agent of a datastore node, and client of a running agent.\n\nCommands:");
        for (; commands->name != NULL; commands++) {
            char left[64];
            snprintf(left, sizeof(left), "%s %s", commands->name, commands->usage);
            printf("  %-28s %s\n", left, commands->summary);
        }
        print_options(OPTIONS_CONNECTION | OPTIONS_JSON);
        puts("\n'repliagent COMMAND --help' names the options of a command; see repliagent(1).");
    }
}

static int parse_number(const char *name, const char *text, int64_t min, int64_t max,
                        int64_t *ret_number) {
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max)
        return options_misused("--%s %s: expected a whole number from %d", name, text, (int)min);
    *ret_number = number;
    return EXITS_OK;
}

static int parse_count(const char *name, const char *text, int64_t *ret_count) {
    return parse_number(name, text, 1, UINT32_MAX, ret_count);
}

static int parse_seconds(const char *name, const char *text, int64_t *ret_ms) {
    char *end;
    const double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > 1e9)
        return options_misused("--%s %s: expected a number of seconds", name, text);
    *ret_ms = (int64_t)(seconds * 1000);
    return EXITS_OK;
}

/* A time, or +N with a unit: from now. */
static int parse_when(const char *name, const char *text, int64_t *ret_ns) {
    static const char units[] = "smhd";
    static const int64_t seconds[] = {1, 60, 3600, 24 * 3600};
    if (text[0] != '+')
        return repli_time_parse(text, ret_ns, NULL) == REPLI_OK
                   ? EXITS_OK
                   : options_misused("--%s %s: expected a time such as 2026-01-02T03:04:05Z, or "
                                     "+30s, +5m, +2h, +1d",
                                     name, text);
    char *end;
    const double count = strtod(text + 1, &end);
    const char *unit = end > text + 1 && *end != '\0' ? strchr(units, *end) : NULL;
    if (unit == NULL || end[1] != '\0' || !isfinite(count) || count < 0 || count > 1e6)
        return options_misused("--%s %s: expected a number and s, m, h or d behind the +", name,
                               text);
    *ret_ns = clock_wall_ns() + (int64_t)(count * (double)seconds[unit - units] * 1e9);
    return EXITS_OK;
}

static int add_metadata(struct options *options, char *text) {
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return options_misused("--metadata %s: expected NAME=VALUE", text);
    *equals = '\0';
    for (size_t i = 0; i < options->metadata_count; i++)
        if (strcmp(options->metadata[i].name, text) == 0)
            return options_misused("--metadata %s is given twice", text);
    repli_header *list = realloc(options->metadata, (options->metadata_count + 1) * sizeof(*list));
    if (list == NULL)
        return options_misused("out of memory");
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
    case OPT_LIMIT: return parse_count("limit", text, &options->limit);
    case OPT_BEFORE: options->before = text; break;
    case OPT_ID: options->id = text; break;
    case OPT_REQUESTER: options->requester = text; break;
    case OPT_METADATA: return add_metadata(options, text);
    case OPT_DEADLINE: return parse_when("deadline", text, &options->deadline_ns);
    case OPT_NOT_BEFORE: return parse_when("not-before", text, &options->not_before_ns);
    case OPT_WAIT: options->wait = 1; break;
    case OPT_TIMEOUT: return parse_seconds("timeout", text, &options->timeout_ms);
    case OPT_DRY_RUN: options->dry_run = 1; break;
    case OPT_OWNER: options->owner = text; break;
    case OPT_REASON: options->reason = text; break;
    case OPT_FOR: options->span = text; break;
    case OPT_UNTIL: options->until = text; break;
    case OPT_FORCE: options->force = 1; break;
    case OPT_INTERVAL: return parse_seconds("interval", text, &options->interval_ms);
    case OPT_COUNT: return parse_count("count", text, &options->count);
    case OPT_AFTER: return parse_number("after", text, 0, INT64_MAX - 1, &options->after);
    case OPT_FOLLOW: options->follow = 1; break;
    case OPT_DRIVER_DIR: options->driver_dir = text; break;
    case OPT_DRIVER: options->driver = text; break;
    case OPT_TAP: options->tap = 1; break;
    case OPT_STRICT: options->strict = 1; break;
    default: break;
    }
    return EXITS_OK;
}

static int check_arguments(const struct command *command, const struct options *options) {
    if (options->argument_count < command->arguments_min)
        return options_misused("%s needs more: repliagent %s %s", command->name, command->name,
                               command->usage);
    if (options->argument_count > command->arguments_max)
        return options_misused("%s: unexpected argument \"%s\"", command->name,
                               options->arguments[command->arguments_max]);
    if (options->agent != NULL && options->config != NULL)
        return options_misused("-a and -c exclude each other: both say where the agent is");
    if ((command->takes & OPTIONS_WAIT) != 0 && options->timeout_ms >= 0 && !options->wait)
        return options_misused("--timeout needs --wait");
    if ((options->cert == NULL) != (options->key == NULL))
        return options_misused("--cert and --key belong together");
    return EXITS_OK;
}

static const struct command *find(const struct command *commands, const char *name) {
    for (; commands->name != NULL; commands++)
        if (strcmp(commands->name, name) == 0)
            return commands;
    return NULL;
}

/* What getopt found, to be judged once the command is known. */
struct seen {
    int help, version;
    int values[SPEC_COUNT];
    size_t count;
};

static int scan(int argc, char **argv, struct options *options, struct seen *seen) {
    struct option longs[SPEC_COUNT + 1] = {{0}};
    for (size_t i = 0; i < SPEC_COUNT; i++)
        longs[i] = (struct option){specs[i].name, specs[i].argument != NULL, NULL, specs[i].value};
    int value;
    while ((value = getopt_long(argc, argv, "a:c:h", longs, NULL)) != -1) {
        if (value == '?') {
            fputs("Try 'repliagent --help'.\n", stderr);
            return EXITS_USAGE;
        }
        seen->help |= value == OPT_HELP;
        seen->version |= value == OPT_VERSION;
        const int status = take(options, value, optarg);
        if (status != EXITS_OK)
            return status;
        int known = 0;
        for (size_t i = 0; i < seen->count; i++)
            known |= seen->values[i] == value;
        if (!known)
            seen->values[seen->count++] = value;
    }
    return EXITS_OK;
}

static int check_allowed(const struct command *command, const struct seen *seen) {
    for (size_t i = 0; i < seen->count; i++) {
        const struct spec *spec = spec_of(seen->values[i]);
        if (spec->group != 0 && !(spec->group & command->takes))
            return options_misused("%s takes no --%s", command->name, spec->name);
    }
    return EXITS_OK;
}

const struct command *options_parse(int argc, char **argv, const struct command *commands,
                                    struct options *ret_options, int *ret_status) {
    memset(ret_options, 0, sizeof(*ret_options));
    ret_options->timeout_ms = -1;
    ret_options->deadline_ns = ret_options->not_before_ns = REPLI_TIME_NONE;
    ret_options->interval_ms = 2000;
    ret_options->after = -1;
    struct seen seen = {0};
    *ret_status = scan(argc, argv, ret_options, &seen);
    if (*ret_status != EXITS_OK)
        return NULL;
    const struct command *command = optind < argc ? find(commands, argv[optind]) : NULL;
    if (seen.version) {
        printf("repliagent %s\n", repli_version());
        return NULL;
    }
    if (optind < argc && command == NULL) {
        *ret_status = options_misused("there is no command \"%s\"", argv[optind]);
        return NULL;
    }
    if (seen.help) {
        print_help(commands, command);
        return NULL;
    }
    if (command == NULL) {
        *ret_status = options_misused("a command is needed");
        return NULL;
    }
    ret_options->arguments = argv + optind + 1;
    ret_options->argument_count = argc - optind - 1;
    *ret_status = check_allowed(command, &seen);
    if (*ret_status == EXITS_OK)
        *ret_status = check_arguments(command, ret_options);
    return *ret_status == EXITS_OK ? command : NULL;
}

void options_dispose(struct options *options) {
    free(options->metadata);
    options->metadata = NULL;
}
