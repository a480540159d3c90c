#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "config.h"
#include "config_keys.h"
#include "drivers.h"
#include "exits.h"
#include "terminal.h"
#include "text.h"

static const char prefix[] = "driver_", suffix[] = ".so";

static int is_driver(const struct dirent *entry) {
    const size_t size = strlen(entry->d_name), least = strlen(prefix) + strlen(suffix);
    return size > least && strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
           strcmp(entry->d_name + size - strlen(suffix), suffix) == 0;
}

static void load(const char *directory, const char *file, struct driver_file *found) {
    *found = (struct driver_file){.error = REPLI_ERROR_INIT};
    const size_t size = strlen(file) - strlen(prefix) - strlen(suffix);
    found->name = text_printf("%.*s", (int)size, file + strlen(prefix));
    found->path = text_printf("%s/%s", directory, file);
    if (repli_config_new(NULL, &found->config, &found->error) == REPLI_OK &&
        repli_config_load_driver(found->config, found->name, directory, &found->error) == REPLI_OK)
        found->driver = repli_config_driver(found->config);
}

static void dispose(struct driver_file *found) {
    repli_config_free(found->config);
    free(found->name);
    free(found->path);
}

static int report(const struct options *options, const struct driver_file *found, size_t count) {
    const int colour = terminal_colour(STDOUT_FILENO);
    if (options->json)
        drivers_print_json(found, count);
    else if (options->argument_count == 0)
        drivers_show_all(found, count, colour);
    else if (found[0].driver != NULL)
        drivers_show_one(&found[0], colour);
    int status = EXITS_OK;
    for (size_t i = 0; i < count; i++) {
        if (found[i].driver != NULL)
            continue;
        fflush(stdout);
        fprintf(stderr, "repliagent: %s cannot be used: %s\n", found[i].path,
                found[i].error.message);
        status = EXITS_NEGATIVE;
    }
    return status;
}

static int cannot_look(const char *directory) {
    fprintf(stderr, "repliagent: cannot look into %s: %s\n", directory, strerror(errno));
    return EXITS_NEGATIVE;
}

static int list_in(const struct options *options, const char *directory) {
    struct dirent **entries;
    const int entry_count = scandir(directory, &entries, is_driver, alphasort);
    if (entry_count < 0)
        return cannot_look(directory);
    const char *wanted = options->argument_count > 0 ? options->arguments[0] : NULL;
    struct driver_file *found = text_alloc(((size_t)entry_count + 1) * sizeof(*found));
    size_t count = 0;
    for (int i = 0; i < entry_count; i++) {
        load(directory, entries[i]->d_name, &found[count]);
        if (wanted == NULL || strcmp(found[count].name, wanted) == 0)
            count++;
        else
            dispose(&found[count]);
        free(entries[i]);
    }
    free(entries);
    int status;
    if (wanted != NULL && count == 0) {
        fprintf(stderr, "repliagent: there is no driver \"%s\" in %s\n", wanted, directory);
        status = EXITS_NEGATIVE;
    } else {
        status = report(options, found, count);
    }
    for (size_t i = 0; i < count; i++)
        dispose(&found[i]);
    free(found);
    return status;
}

/* Drivers are loaded by absolute paths only. */
static int list(const struct options *options, const char *directory) {
    char *absolute = realpath(directory, NULL);
    if (absolute == NULL)
        return cannot_look(directory);
    const int status = list_in(options, absolute);
    free(absolute);
    return status;
}

int cmd_drivers(const struct options *options) {
    if (options->driver_dir != NULL)
        return list(options, options->driver_dir);
    if (options->config == NULL)
        return list(options, config_keys_driver_dir());
    struct problems problems;
    problems_init(&problems, options->config);
    struct config *config = config_load_part(options->config, &problems);
    problems_print(&problems, stderr);
    problems_dispose(&problems);
    const int status =
        config != NULL ? list(options, settings_text(&config->all, "driver_dir")) : EXITS_CONFIG;
    config_free(config);
    return status;
}
