#include "conformance/bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int bench_can(const struct bench *bench, int command) {
    return bench->options->commands[command] != NULL;
}

const char *bench_command_name(int command) {
    static const char *const names[CONFORMANCE_COMMAND_COUNT] = {"check.stop",  "check.start",
                                                                 "check.hang",  "check.resume",
                                                                 "check.write", "version.command"};
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

void bench_skip(struct bench *bench, enum scene_id scene, const char *format, ...) {
    char text[BOARD_EVIDENCE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (int i = 0; i < RULE_COUNT; i++)
        if (rules[i].scene == scene)
            board_skip(bench->board, (enum rule_id)i, "%s", text);
}

int bench_needs(struct bench *bench, enum scene_id scene, int command, int other) {
    const int missing = bench_can(bench, command) ? other : command;
    if (bench_can(bench, missing))
        return 1;
    bench_skip(bench, scene, "there is no %s in the configuration", bench_command_name(missing));
    return 0;
}
