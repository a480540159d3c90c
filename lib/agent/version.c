#include "agent/version.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "model/doc.h"

/* Set by the build from the revision that it builds. */
#ifndef REPLI_CHECKOUT
#define REPLI_CHECKOUT "unknown"
#endif
#ifndef REPLI_TAINT
#define REPLI_TAINT "unknown"
#endif

enum { OUTPUT_SIZE = 4096 };

static int32_t decode(const char *text, const char *source, repli__version *ret_version,
                      repli_error *err) {
    repli__version version = {.source = source};
    const int32_t code = repli__semver_find(text, version.number, sizeof(version.number), err);
    if (code == REPLI_OK)
        *ret_version = version;
    return code;
}

static int32_t by_command(const repli_config *config, const atomic_int *cancelled,
                          repli__version *ret_version, repli_error *err) {
    repli_command command = REPLI_COMMAND_INIT;
    command.argv = repli__config_strings(config, REPLI__KEY_VERSION_COMMAND);
    const int64_t timeout_ms = repli__config_integer(config, REPLI__KEY_VERSION_TIMEOUT);
    char output[OUTPUT_SIZE] = "";
    int32_t exit_code = 0;
    const int32_t code = repli__process_run(&command, repli__deadline_ns(timeout_ms), cancelled,
                                            output, sizeof(output), &exit_code, err);
    if (code != REPLI_OK)
        return code;
    if (exit_code != 0)
        return repli__error(err, REPLI_EIO, "agent", "\"%s\" ended with code %d", command.argv[0],
                            (int)exit_code);
    return decode(output, "command", ret_version, err);
}

static int32_t by_file(const repli_config *config, repli__version *ret_version, repli_error *err) {
    const char *path = repli__config_text(config, REPLI__KEY_VERSION_FILE);
    /* A pipe at that path must not hold us up. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[OUTPUT_SIZE];
    ssize_t size = -1;
    if (fd >= 0) {
        do
            size = read(fd, text, sizeof(text) - 1);
        while (size < 0 && errno == EINTR);
    }
    const int problem = errno;
    if (fd >= 0)
        close(fd);
    if (size < 0)
        return repli__error(err, REPLI_EIO, "agent", "cannot read \"%s\": %s", path,
                            strerror(problem));
    text[size] = '\0';
    return decode(text, "file", ret_version, err);
}

int32_t repli__version_find(const repli_config *config, const atomic_int *cancelled,
                            repli__log *log, repli__version *ret_version) {
    repli_error error = REPLI_ERROR_INIT;
    if (repli__config_strings(config, REPLI__KEY_VERSION_COMMAND) != NULL) {
        if (by_command(config, cancelled, ret_version, &error) == REPLI_OK)
            return REPLI_OK;
        repli__log_printf(log, REPLI_LOG_WARNING, "agent",
                          "version.command did not tell the store's version: %s", error.message);
    }
    if (repli__config_text(config, REPLI__KEY_VERSION_FILE) != NULL) {
        if (by_file(config, ret_version, &error) == REPLI_OK)
            return REPLI_OK;
        repli__log_printf(log, REPLI_LOG_WARNING, "agent",
                          "version.file did not tell the store's version: %s", error.message);
    }
    const char *fixed = repli__config_text(config, REPLI__KEY_VERSION_FIXED);
    return fixed != NULL ? decode(fixed, "configuration", ret_version, NULL) : REPLI_ENOTFOUND;
}

repli_agent_version repli__version_of_agent(void) {
    repli_agent_version version = REPLI_AGENT_VERSION_INIT;
    version.number = repli_version();
    version.checkout = REPLI_CHECKOUT;
    version.taint = REPLI_TAINT;
    return version;
}
