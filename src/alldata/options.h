#ifndef ALLDATA_OPTIONS_H
#define ALLDATA_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "cli.h"

enum { OPTIONS_ADDRESSES = 64 };

/* The command line, taken apart. Text is borrowed from argv. */
struct options {
    /* Where nodes are, and who asks. */
    char *addresses[OPTIONS_ADDRESSES];
    size_t address_count;
    const char *ca, *cert, *cert_key, *secret_file;
    int json;
    /* serve */
    const char *config;
    int check_config, print_config;
    /* put */
    const char *key, *file;
    int late;
    int32_t commit; /* ALLDATA_COMMIT_* */
    /* put, repair, export */
    int64_t timeout_ms; /* -1: not given */
    /* scan */
    const char *from, *after, *until, *prefix, *interval;
    int local;
    int64_t limit; /* 0: not given */
    /* repair */
    int wait;

    char **arguments; /* after the command */
    int argument_count;
};

/* Groups of options that a command takes. */
#define OPTIONS_CONNECTION (1u << 0)
#define OPTIONS_JSON (1u << 1)
#define OPTIONS_PUT (1u << 2)
#define OPTIONS_SCAN (1u << 3)
#define OPTIONS_WAIT (1u << 4)
#define OPTIONS_LOCAL (1u << 5)
#define OPTIONS_SERVE (1u << 6)

/* Take argv apart and find the command among commands, which end with one without a name. Returns
 * NULL when there is nothing to run: help was printed, or the mistake was; *ret_status says which.
 */
const struct command *options_parse(int argc, char **argv, const struct command *commands,
                                    struct options *ret_options, int *ret_status);

#endif
