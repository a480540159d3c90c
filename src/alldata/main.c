#include <stdio.h>

#include "commands.h"
#include "exits.h"
#include "options.h"

#define ASKS (OPTIONS_CONNECTION | OPTIONS_JSON)

static const struct command commands[] = {
    {"serve", "-c FILE", "run a node", OPTIONS_SERVE, 0, 0, cmd_serve},
    {"put", "[EVENT]", "put an event, or each line of the standard input", ASKS | OPTIONS_PUT, 0, 1,
     cmd_put},
    {"scan", "", "read events, in the order of their keys",
     OPTIONS_CONNECTION | OPTIONS_SCAN | OPTIONS_LOCAL, 0, 0, cmd_scan},
    {"status", "", "what a node says of itself", ASKS, 0, 0, cmd_status},
    {"peers", "", "the other nodes, as a node sees them", ASKS, 0, 0, cmd_peers},
    {"intervals", "", "what a node has, by interval", ASKS, 0, 0, cmd_intervals},
    {"repair", "[INTERVAL]", "have a node look for what replicas lack", ASKS | OPTIONS_WAIT, 0, 1,
     cmd_repair},
    {"export", "INTERVAL FILE", "write an interval into a file", OPTIONS_CONNECTION | OPTIONS_LOCAL,
     2, 2, cmd_export},
    {NULL, NULL, NULL, 0, 0, 0, NULL},
};

int main(int argc, char **argv) {
    struct options options;
    int status;
    const struct command *command = options_parse(argc, argv, commands, &options, &status);
    if (command != NULL)
        status = command->run(&options);
    /* An answer that could not be written is no answer. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXITS_OK) {
        perror("alldata: cannot write the output");
        status = EXITS_NEGATIVE;
    }
    return status;
}
