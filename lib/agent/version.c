#include "agent/version.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/doc.h"

/* Set by the build from the revision that it builds. */
#ifndef REPLI_CHECKOUT
#define REPLI_CHECKOUT "unknown"
#endif
#ifndef REPLI_TAINT
#define REPLI_TAINT "unknown"
#endif

static int32_t decode(const char *text, const char *source, repli__version *ret_version,
                      repli_error *err) {
    repli__version version = {.source = source};
    const int32_t code = repli__semver_find(text, version.number, sizeof(version.number), err);
    if (code == REPLI_OK)
        *ret_version = version;
    return code;
}

static int32_t start_command(repli__search *search, repli_error *err) {
    const repli_config *config = search->config;
    repli_command command = REPLI_COMMAND_INIT;
    command.argv = repli__config_strings(config, REPLI__KEY_VERSION_COMMAND);
    const int64_t timeout_ms = repli__config_integer(config, REPLI__KEY_VERSION_TIMEOUT);
    return repli__job_start(&search->job, &command, repli__deadline_ns(timeout_ms), search->output,
                            sizeof(search->output), err);
}

/* REPLI_EBUSY: it runs. */
static int32_t by_command(repli__search *search, repli__version *ret_version, repli_error *err) {
    if (!search->runs) {
        const int32_t code = start_command(search, err);
        if (code != REPLI_OK)
            return code;
        search->runs = 1;
    }
    if (!repli__job_look(&search->job, 0))
        return REPLI_EBUSY;
    search->runs = 0;
    int32_t exit_code = 0;
    const int32_t code = repli__job_end(&search->job, &exit_code, err);
    if (code != REPLI_OK)
        return code;
    if (exit_code != 0)
        return repli__error(err, REPLI_EIO, "agent", "\"%s\" ended with code %d", search->job.name,
                            (int)exit_code);
    return decode(search->output, "command", ret_version, err);
}

static int32_t by_file(const repli_config *config, repli__version *ret_version, repli_error *err) {
    const char *path = repli__config_text(config, REPLI__KEY_VERSION_FILE);
    /* A pipe at that path must not hold us up. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[4096];
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

static int32_t find(repli__search *search, repli__version *ret_version) {
    const repli_config *config = search->config;
    repli_error error = REPLI_ERROR_INIT;
    if (repli__config_strings(config, REPLI__KEY_VERSION_COMMAND) != NULL) {
        const int32_t code = by_command(search, ret_version, &error);
        if (code == REPLI_OK || code == REPLI_EBUSY)
            return code;
        repli__log_printf(search->log, REPLI_LOG_WARNING, "agent",
                          "version.command did not tell the store's version: %s", error.message);
    }
    if (repli__config_text(config, REPLI__KEY_VERSION_FILE) != NULL) {
        if (by_file(config, ret_version, &error) == REPLI_OK)
            return REPLI_OK;
        repli__log_printf(search->log, REPLI_LOG_WARNING, "agent",
                          "version.file did not tell the store's version: %s", error.message);
    }
    const char *fixed = repli__config_text(config, REPLI__KEY_VERSION_FIXED);
    return fixed != NULL ? decode(fixed, "configuration", ret_version, NULL) : REPLI_ENOTFOUND;
}

void repli__search_begin(repli__search *search, repli_config *config, repli__log *log) {
    if (search->config != NULL)
        return;
    search->config = repli__config_ref(config);
    search->log = log;
    search->runs = 0;
}

int repli__search_is_on(const repli__search *search) {
    return search->config != NULL;
}

static void end(repli__search *search) {
    repli__config_unref(search->config);
    search->config = NULL;
}

int32_t repli__search_go_on(repli__search *search, repli__version *ret_version) {
    const int32_t code = find(search, ret_version);
    if (code != REPLI_EBUSY)
        end(search);
    return code;
}

void repli__search_cancel(repli__search *search) {
    while (search->runs && !repli__job_look(&search->job, 1))
        repli__job_wait(&search->job);
    if (search->runs)
        repli__job_end(&search->job, NULL, NULL);
    search->runs = 0;
    end(search);
}

repli_agent_version repli__version_of_agent(void) {
    repli_agent_version version = REPLI_AGENT_VERSION_INIT;
    version.number = repli_version();
    version.checkout = REPLI_CHECKOUT;
    version.taint = REPLI_TAINT;
    return version;
}
