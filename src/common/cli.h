#ifndef COMMON_CLI_H
#define COMMON_CLI_H

#include <stddef.h>
#include <stdint.h>

/* A command line: a command, its arguments and options. */

struct options; /* what options say: each program has its own */

struct command {
    const char *name;
    const char *usage; /* arguments, for people */
    const char *summary;
    uint32_t takes; /* groups of options */
    int arguments_min, arguments_max;
    int (*run)(const struct options *options); /* returns an exit status */
};

struct cli_option {
    const char *name;
    int value;            /* below CLI_LONG: its letter */
    uint32_t group;       /* 0: for every command, or none */
    const char *argument; /* NULL: takes none */
    const char *summary;
};

/* Values that every program has, and the first that has no letter. */
enum { CLI_HELP = 'h', CLI_LONG = 256, CLI_VERSION = CLI_LONG };

struct cli {
    const char *purpose; /* what the program is, in a sentence */
    const char *manual;  /* such as "repliagent(1)" */
    const char *version;
    const char *letters;            /* for getopt() */
    const struct command *commands; /* the last has no name */
    const struct cli_option *options;
    size_t option_count; /* at most CLI_OPTIONS */
    uint32_t groups;     /* of options that the help without a command shows */
    /* Take an option; an exit status. */
    int (*take)(struct options *options, int value, char *text);
};

enum { CLI_OPTIONS = 64 };

/* What is left of the command line. */
struct cli_rest {
    char **arguments; /* after the command */
    int argument_count;
};

/* Take argv apart and find the command. Returns NULL when there is nothing to run: help was
 * printed, or the mistake was; *ret_status says which. */
const struct command *cli_parse(const struct cli *cli, int argc, char **argv,
                                struct options *options, struct cli_rest *ret_rest,
                                int *ret_status);

/* A mistake that only the command can see: prints it, and returns EXITS_USAGE. */
int cli_misused(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Values of the option called name. Each returns EXITS_OK, or EXITS_USAGE after having said why. */
int cli_number(const char *name, const char *text, int64_t min, int64_t max, int64_t *ret_number);
int cli_count(const char *name, const char *text, int64_t *ret_count);
int cli_seconds(const char *name, const char *text, int64_t *ret_ms);

#endif
