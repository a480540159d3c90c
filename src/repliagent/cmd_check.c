#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "config.h"
#include "conformance.h"
#include "exits.h"
#include "report.h"
#include "secrets.h"
#include "terminal.h"
#include "text.h"

enum { VERSION_FILE_MAX = 4095 };

static int cannot_run(const repli_error *err) {
    fprintf(stderr, "repliagent: the check cannot be run: %s%s%s\n", err->message,
            err->cause[0] != '\0' ? ": " : "", err->cause);
    return EXITS_USAGE;
}

static struct config *load(const char *path,
                           struct config *(*how)(const char *, const char *, struct problems *),
                           const char *driver) {
    struct problems problems;
    problems_init(&problems, path);
    struct config *config = how(path, driver, &problems);
    problems_print(&problems, stderr);
    problems_dispose(&problems);
    return config;
}

static struct config *load_part(const char *path, const char *driver, struct problems *problems) {
    (void)driver;
    return config_load_part(path, problems);
}

/* Absolute path of the driver's file, to be freed; NULL if nobody says which driver. */
static char *driver_path(const struct options *options) {
    struct config *part = load(options->config, load_part, NULL);
    if (part == NULL)
        return NULL;
    const char *driver =
        options->driver != NULL ? options->driver : settings_text(&part->all, "driver");
    const char *directory =
        options->driver_dir != NULL ? options->driver_dir : settings_text(&part->all, "driver_dir");
    char *path = NULL;
    if (driver == NULL) {
        cli_misused("check needs --driver, since %s names none", options->config);
    } else {
        char *given = strchr(driver, '/') != NULL
                          ? text_printf("%s", driver)
                          : text_printf("%s/driver_%s.so", directory, driver);
        path = realpath(given, NULL);
        if (path == NULL)
            path = given; /* the loader says what is wrong with it */
        else
            free(given);
    }
    config_free(part);
    return path;
}

/* Ends with NULL; NULL if it is not there. */
static const char *const *list_of(struct config *config, const char *name) {
    const struct setting *setting = settings_find(&config->all, name);
    if (setting->item_count == 0)
        return NULL;
    const size_t size = setting->item_count * sizeof(*setting->items);
    const char **list = pool_alloc(&config->all.pool, size + sizeof(*list));
    return list != NULL ? memcpy(list, setting->items, size) : NULL;
}

static int64_t number_of(const struct config *config, const char *name) {
    return settings_find(&config->all, name)->number;
}

/* The driver's configuration with check.wrong_credentials in it; NULL if there are none. */
static char *wrong_json(struct config *config, struct problems *problems) {
    const struct setting *wrong = settings_find(&config->all, "check.wrong_credentials");
    if (wrong->item_count == 0)
        return NULL;
    for (size_t i = 0; i < wrong->item_count; i++) {
        const char *equals = strchr(wrong->items[i], '=');
        const char *name =
            pool_printf(&config->all.pool, "%s.%.*s", repli_config_driver(config->agent)->name,
                        equals != NULL ? (int)(equals - wrong->items[i]) : 0, wrong->items[i]);
        struct setting *setting =
            name != NULL ? (struct setting *)settings_find(&config->all, name) : NULL;
        if (equals == NULL || setting == NULL)
            problems_error(problems, wrong->at,
                           "check.wrong_credentials: \"%s\" is not KEY=VALUE with a key of the "
                           "driver's section",
                           wrong->items[i]);
        else
            settings_set_text(&config->all, setting, SETTING_OPTION, wrong->items[i], equals + 1,
                              problems);
    }
    return config_driver_json(config);
}

/* What tells an agent the version while the store is down, if it is no command. */
static const char *version_text(struct config *config) {
    const char *path = settings_text(&config->all, "version.file");
    char why[SECRETS_WHY_SIZE];
    const char *text =
        path != NULL ? secrets_read_public(&config->all.pool, path, VERSION_FILE_MAX, why) : NULL;
    return text != NULL ? text : settings_text(&config->all, "version.fixed");
}

static void show_progress(const char *what, void *user_data) {
    (void)user_data;
    fprintf(stderr, TERMINAL_CLEAR_LINE "%s ...", what);
    fflush(stderr);
}

static int run(const struct options *options, struct config *config, const char *path,
               struct conformance *conformance) {
    struct problems problems;
    problems_init(&problems, options->config);
    char *json = config_driver_json(config);
    char *wrong = wrong_json(config, &problems);
    const int bad = problems.errors > 0;
    problems_print(&problems, stderr);
    problems_dispose(&problems);
    const int terminal = isatty(STDERR_FILENO);
    const struct conformance_options wanted = {
        .driver = path,
        .config_json = json,
        .wrong_config_json = wrong,
        .commands = {list_of(config, "check.stop"), list_of(config, "check.start"),
                     list_of(config, "check.hang"), list_of(config, "check.resume"),
                     list_of(config, "check.write"), list_of(config, "version.command")},
        .own_addresses = list_of(config, "check.own_addresses"),
        .actions = list_of(config, "check.actions"),
        .version_text = version_text(config),
        .calls = number_of(config, "check.calls"),
        .deadline_ms = number_of(config, "check.deadline"),
        .settle_ms = number_of(config, "check.settle") * 1000,
        .progress = terminal ? show_progress : NULL,
    };
    repli_error err = REPLI_ERROR_INIT;
    int status = bad ? EXITS_CONFIG : EXITS_OK;
    if (!bad && json != NULL && conformance_run(conformance, &wanted, &err) != REPLI_OK)
        status = cannot_run(&err);
    if (terminal)
        fputs(TERMINAL_CLEAR_LINE, stderr);
    free(json);
    free(wrong);
    return status;
}

static int report(const struct options *options, const struct conformance *conformance,
                  const char *path) {
    const struct report_sum sum = report_sum(conformance);
    if (options->json)
        report_json(conformance, path, stdout);
    else if (options->tap)
        report_tap(conformance, options->strict, stdout);
    else
        report_table(conformance, isatty(STDOUT_FILENO) ? terminal_columns(STDOUT_FILENO) : 0,
                     stdout, terminal_colour(STDOUT_FILENO));
    return sum.failed_musts + (options->strict ? sum.failed_shoulds : 0) > 0 ? EXITS_NEGATIVE
                                                                             : EXITS_OK;
}

/* The driver is loaded by a process of its own first, since nobody knows what it does. */
static int check(const struct options *options, const char *path, struct conformance *conformance) {
    int status = EXITS_OK;
    if (conformance_load(conformance, path)) {
        struct config *config = load(options->config, config_load_for, path);
        status = config != NULL ? run(options, config, path, conformance) : EXITS_CONFIG;
        config_free(config);
    }
    return status == EXITS_OK ? report(options, conformance, path) : status;
}

int cmd_check(const struct options *options) {
    if (options->config == NULL)
        return cli_misused("check needs -c FILE");
    if (options->json && options->tap)
        return cli_misused("--json and --tap exclude each other");
    char *path = driver_path(options);
    if (path == NULL)
        return EXITS_USAGE;
    struct conformance *conformance = NULL;
    repli_error err = REPLI_ERROR_INIT;
    int status;
    if (conformance_new(&conformance, &err) == REPLI_OK)
        status = check(options, path, conformance);
    else
        status = cannot_run(&err);
    conformance_free(conformance);
    free(path);
    return status;
}
