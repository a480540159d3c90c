#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exits.h"
#include "name.h"

static const struct cli_option *option_of(const struct cli *cli, int value) {
    for (size_t i = 0; i < cli->option_count; i++)
        if (cli->options[i].value == value)
            return &cli->options[i];
    return NULL;
}

int cli_misused(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nTry '%s --help'.\n", program_name);
    va_end(args);
    return EXITS_USAGE;
}

/* Help. */

static void print_options(const struct cli *cli, uint32_t groups) {
    puts("\nOptions:");
    for (size_t i = 0; i < cli->option_count; i++) {
        const struct cli_option *option = &cli->options[i];
        const int lettered = option->value < CLI_LONG;
        if (option->group != 0 && !(option->group & groups))
            continue;
        char left[64];
        snprintf(left, sizeof(left), "%c%c%s --%s%s%s", lettered ? '-' : ' ',
                 lettered ? option->value : ' ', lettered ? "," : " ", option->name,
                 option->argument != NULL ? " " : "",
                 option->argument != NULL ? option->argument : "");
        printf("  %-28s %s\n", left, option->summary);
    }
}

static void print_help(const struct cli *cli, const struct command *command) {
    if (command != NULL) {
        printf("Usage: %s %s%s%s [options]\n\n%s\n", program_name, command->name,
               command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
        print_options(cli, command->takes);
        return;
    }
    printf("Usage: %s COMMAND [arguments] [options]\n\n%s\n\nCommands:\n", program_name,
           cli->purpose);
    for (command = cli->commands; command->name != NULL; command++) {
        char left[64];
        snprintf(left, sizeof(left), "%s %s", command->name, command->usage);
        printf("  %-28s %s\n", left, command->summary);
    }
    print_options(cli, cli->groups);
    printf("\n'%s COMMAND --help' names the options of a command; see %s.\n", program_name,
           cli->manual);
}

/* Values. */

int cli_number(const char *name, const char *text, int64_t min, int64_t max, int64_t *ret_number) {
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max)
        return cli_misused("--%s %s: expected a whole number from %d", name, text, (int)min);
    *ret_number = number;
    return EXITS_OK;
}

int cli_count(const char *name, const char *text, int64_t *ret_count) {
    return cli_number(name, text, 1, UINT32_MAX, ret_count);
}

int cli_seconds(const char *name, const char *text, int64_t *ret_ms) {
    char *end;
    const double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > 1e9)
        return cli_misused("--%s %s: expected a number of seconds", name, text);
    *ret_ms = (int64_t)(seconds * 1000);
    return EXITS_OK;
}

/* Taking it apart. */

static const struct command *find(const struct command *commands, const char *name) {
    for (; commands->name != NULL; commands++)
        if (strcmp(commands->name, name) == 0)
            return commands;
    return NULL;
}

/* What getopt found, to be judged once the command is known. */
struct seen {
    int help, version;
    int values[CLI_OPTIONS];
    size_t count;
};

static int scan(const struct cli *cli, int argc, char **argv, struct options *options,
                struct seen *seen) {
    struct option longs[CLI_OPTIONS + 1] = {{0}};
    for (size_t i = 0; i < cli->option_count; i++)
        longs[i] = (struct option){cli->options[i].name, cli->options[i].argument != NULL, NULL,
                                   cli->options[i].value};
    int value;
    while ((value = getopt_long(argc, argv, cli->letters, longs, NULL)) != -1) {
        if (value == '?') {
            fprintf(stderr, "Try '%s --help'.\n", program_name);
            return EXITS_USAGE;
        }
        seen->help |= value == CLI_HELP;
        seen->version |= value == CLI_VERSION;
        const int status = cli->take(options, value, optarg);
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

static int check_allowed(const struct cli *cli, const struct command *command,
                         const struct seen *seen) {
    for (size_t i = 0; i < seen->count; i++) {
        const struct cli_option *option = option_of(cli, seen->values[i]);
        if (option->group != 0 && !(option->group & command->takes))
            return cli_misused("%s takes no --%s", command->name, option->name);
    }
    return EXITS_OK;
}

static int check_arguments(const struct command *command, const struct cli_rest *rest) {
    if (rest->argument_count < command->arguments_min)
        return cli_misused("%s needs more: %s %s %s", command->name, program_name, command->name,
                           command->usage);
    if (rest->argument_count > command->arguments_max)
        return cli_misused("%s: unexpected argument \"%s\"", command->name,
                           rest->arguments[command->arguments_max]);
    return EXITS_OK;
}

const struct command *cli_parse(const struct cli *cli, int argc, char **argv,
                                struct options *options, struct cli_rest *ret_rest,
                                int *ret_status) {
    struct seen seen = {0};
    *ret_status = scan(cli, argc, argv, options, &seen);
    if (*ret_status != EXITS_OK)
        return NULL;
    const struct command *command = optind < argc ? find(cli->commands, argv[optind]) : NULL;
    if (seen.version) {
        printf("%s %s\n", program_name, cli->version);
        return NULL;
    }
    if (optind < argc && command == NULL) {
        *ret_status = cli_misused("there is no command \"%s\"", argv[optind]);
        return NULL;
    }
    if (seen.help) {
        print_help(cli, command);
        return NULL;
    }
    if (command == NULL) {
        *ret_status = cli_misused("a command is needed");
        return NULL;
    }
    *ret_rest = (struct cli_rest){argv + optind + 1, argc - optind - 1};
    *ret_status = check_allowed(cli, command, &seen);
    if (*ret_status == EXITS_OK)
        *ret_status = check_arguments(command, ret_rest);
    return *ret_status == EXITS_OK ? command : NULL;
}
