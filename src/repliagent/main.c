#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "exits.h"
#include "options.h"

#define ASKS (OPTIONS_CONNECTION | OPTIONS_JSON)

static const struct command commands[] = {
    {"run", "-c FILE", "run an agent", OPTIONS_CONFIG | OPTIONS_RUN, 0, 0, cmd_run},
    {"node", "", "status, versions and attributes of the node", ASKS | OPTIONS_FRESH, 0, 0,
     cmd_node},
    {"store", "", "what only a running datastore can tell", ASKS | OPTIONS_FRESH, 0, 0, cmd_store},
    {"shards", "", "roles, offsets and lag", ASKS | OPTIONS_FRESH, 0, 0, cmd_shards},
    {"actions", "", "actions that run and wait, or are finished", ASKS | OPTIONS_FINISHED, 0, 0,
     cmd_actions},
    {"action", "ID", "one action with its history", ASKS, 1, 1, cmd_action},
    {"schedule", "KIND [ARGUMENTS]", "schedule an action, and wait for it if asked to",
     ASKS | OPTIONS_SCHEDULE | OPTIONS_WAIT, 1, 2, cmd_schedule},
    {"cancel", "ID", "cancel an action that waits, or ask one that runs to end",
     ASKS | OPTIONS_WAIT, 1, 1, cmd_cancel},
    {"maintenance", "[on | off]", "hold actions up, or no more, or tell whether somebody does",
     ASKS | OPTIONS_MAINTENANCE, 0, 1, cmd_maintenance},
    {"events", "", "what changed, oldest first", ASKS | OPTIONS_EVENTS, 0, 0, cmd_events},
    {"watch", "", "node, shards and queue, again and again", OPTIONS_CONNECTION | OPTIONS_WATCH, 0,
     0, cmd_watch},
    {"drivers", "[NAME]", "the drivers of this machine, and their settings",
     OPTIONS_JSON | OPTIONS_DRIVERS, 0, 1, cmd_drivers},
    {"check", "-c FILE", "does a driver keep the rules, on a live store?",
     OPTIONS_JSON | OPTIONS_CONFIG | OPTIONS_DRIVER_DIR | OPTIONS_CHECK, 0, 0, cmd_check},
    {NULL, NULL, NULL, 0, 0, 0, NULL},
};

int main(int argc, char **argv) {
    struct options options;
    int status;
    const struct command *command = options_parse(argc, argv, commands, &options, &status);
    if (command != NULL)
        status = command->run(&options);
    options_dispose(&options);
    /* An answer that could not be written is no answer. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXITS_OK) {
        perror("repliagent: cannot write the output");
        status = EXITS_NEGATIVE;
    }
    return status;
}
