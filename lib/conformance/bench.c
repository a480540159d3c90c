#include "conformance/bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int bench_can(const struct bench *bench, int command) {
    return bench->options->commands[command] != NULL;
}

const char *bench_command_name(int command) {
    static const char *const names[CONFORMANCE_COMMAND_COUNT] = {
        "check.stop", "check.start", "check.hang", "check.resume", "check.write"};
    return names[command];
}

int bench_command(struct bench *bench, int command) {
    const char request = (char)command;
    char answer = 0;
    ssize_t size;
    if (write(bench->channel, &request, 1) != 1)
        answer = 0;
    do
        size = read(bench->channel, &answer, 1);
    while (size == -1 && errno == EINTR);
    if (size != 1)
        snprintf(bench->board->command_error, sizeof(bench->board->command_error), "nobody ran %s",
                 bench_command_name(command));
    return size == 1 && answer == 1 ? 0 : -1;
}
