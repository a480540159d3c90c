#ifndef REPLIAGENT_OPTIONS_H
#define REPLIAGENT_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <replicante/types.h>

#include "cli.h"

/* The command line, taken apart. Text is borrowed from argv. */
struct options {
    /* Where the agent is. */
    const char *agent, *config, *ca, *cert, *key;
    int json;
    /* node, store, shards */
    int fresh;
    /* run */
    int check_config, print_config;
    /* actions */
    int finished;
    int64_t limit; /* 0: not given */
    const char *before;
    /* schedule */
    const char *id, *requester;
    repli_header *metadata;
    size_t metadata_count;
    int64_t deadline_ns, not_before_ns; /* or REPLI_TIME_NONE */
    int dry_run;
    /* schedule, cancel */
    int wait;
    int64_t timeout_ms; /* -1: for ever */
    /* maintenance */
    const char *owner, *reason, *span, *until;
    int force;
    /* watch */
    int64_t interval_ms;
    int64_t count; /* 0: until interrupted */
    /* events */
    int64_t after; /* -1: not given */
    int follow;
    /* drivers, check */
    const char *driver_dir;
    /* check */
    const char *driver;
    int tap, strict;

    char **arguments; /* after the command */
    int argument_count;
};

/* Groups of options that a command takes. */
#define OPTIONS_CONNECTION (1u << 0)
#define OPTIONS_JSON (1u << 1)
#define OPTIONS_CONFIG (1u << 2)
#define OPTIONS_RUN (1u << 3)
#define OPTIONS_FINISHED (1u << 4)
#define OPTIONS_SCHEDULE (1u << 5)
#define OPTIONS_WATCH (1u << 6)
#define OPTIONS_DRIVERS (1u << 7)
#define OPTIONS_FRESH (1u << 8)
#define OPTIONS_WAIT (1u << 12)
#define OPTIONS_EVENTS (1u << 9)
#define OPTIONS_DRIVER_DIR (1u << 20)
#define OPTIONS_CHECK (1u << 21)
#define OPTIONS_MAINTENANCE (1u << 9)

/* Take argv apart and find the command among commands, which end with one without a name. Returns
 * NULL when there is nothing to run: help was printed, or the mistake was; *ret_status says which.
 */
const struct command *options_parse(int argc, char **argv, const struct command *commands,
                                    struct options *ret_options, int *ret_status);
void options_dispose(struct options *options);

#endif
