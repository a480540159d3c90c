#include "datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "files.h"
#include "postgresql.h"
#include "text.h"

static const char mark[] = "unfinished";
static const char settings_file[] = "postgresql.auto.conf";

/* 1: empty or missing, 0: not, -1: cannot tell. */
static int is_empty(const char *path) {
    DIR *directory = opendir(path);
    if (!directory)
        return errno == ENOENT ? 1 : -1;
    int found = 0;
    for (const struct dirent *entry; !found && (entry = readdir(directory));)
        found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return !found;
}

/* The mark names the directory that it is for, so that one left behind by another configuration
 * gives nothing away. */
static int is_marked(const repli__pg *pg) {
    char *content = NULL;
    if (repli__pg_read_file(pg, pg->config.work_directory, mark, &content, NULL) != REPLI_OK)
        return 0;
    const size_t length = strlen(pg->config.data_directory);
    const int ours = strncmp(content, pg->config.data_directory, length) == 0 &&
                     strcmp(content + length, "\n") == 0;
    pg->host->release(pg->host, content);
    return ours;
}

int32_t repli__pg_datadir_state(const repli__pg *pg) {
    const char *directory = pg->config.data_directory;
    if (is_marked(pg))
        return REPLI__PG_DATADIR_UNFINISHED;
    const int empty = is_empty(directory);
    if (empty == 1)
        return REPLI__PG_DATADIR_EMPTY;
    return empty == 0 && repli__pg_exists(directory, "PG_VERSION") &&
                   repli__pg_exists(directory, "global/pg_control")
               ? REPLI__PG_DATADIR_COMPLETE
               : REPLI__PG_DATADIR_FOREIGN;
}

int32_t repli__pg_datadir_look(const repli__pg *pg, int32_t *ret_state, repli_error *err) {
    if (!pg->config.data_directory)
        return repli__pg_fail(pg, err, REPLI_EINVALID, NULL,
                              "this action needs data_directory in the driver's configuration");
    if (geteuid() == 0)
        return repli__pg_fail(pg, err, REPLI_EPERMISSION, NULL,
                              "PostgreSQL's programs refuse to be run by root: run the agent as "
                              "the account that owns %s",
                              pg->config.data_directory);
    *ret_state = repli__pg_datadir_state(pg);
    return REPLI_OK;
}

int32_t repli__pg_datadir_mark(const repli__pg *pg, repli_error *err) {
    const char *work = NULL;
    int32_t code = repli__pg_work_directory(pg, &work, err);
    if (code != REPLI_OK)
        return code;
    repli__pg_text text;
    repli__pg_text_init(&text, pg->host);
    repli__pg_text_printf(&text, "%s\n", pg->config.data_directory);
    const char *content = repli__pg_text_get(&text);
    code = content ? repli__pg_write_file(pg, work, mark, content, err) : repli__pg_nomem(pg, err);
    repli__pg_text_free(&text);
    return code;
}

int32_t repli__pg_datadir_unmark(const repli__pg *pg, repli_error *err) {
    return repli__pg_remove_file(pg, pg->config.work_directory, mark, err);
}

int32_t repli__pg_datadir_empty(const repli__pg *pg, repli_error *err) {
    if (pg->plan && is_empty(pg->config.data_directory) == 1)
        return REPLI_OK;
    if (!pg->plan && !is_marked(pg))
        return repli__pg_fail(pg, err, REPLI_ECONFLICT, NULL,
                              "%s was not made by this agent, which therefore removes nothing from "
                              "it",
                              pg->config.data_directory);
    return repli__pg_empty_directory(pg, pg->config.data_directory, err);
}

/* The identifier is the first member of the control file, where every version has it. As SQL prints
 * it, it is signed. */
void repli__pg_datadir_identifier(const char *directory, char *ret_text, size_t size) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/global/pg_control", directory);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    int64_t identifier = 0;
    if (read(fd, &identifier, sizeof(identifier)) == (ssize_t)sizeof(identifier))
        snprintf(ret_text, size, "%" PRId64, identifier);
    close(fd);
}

int repli__pg_datadir_major(const char *directory) {
    char text[16];
    repli__pg_read_tail(directory, "PG_VERSION", text, sizeof(text));
    const long major = strtol(text, NULL, 10);
    return major > 0 && major < 1000 ? (int)major : 0;
}

static int is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '$';
}

/* Whether line sets name. */
static int sets(const char *line, const char *name) {
    const size_t length = strlen(name);
    while (*line == ' ' || *line == '\t')
        line++;
    return strncasecmp(line, name, length) == 0 && !is_name_character(line[length]);
}

static int sets_any(const char *line, const repli__pg_setting *settings, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (sets(line, settings[i].name))
            return 1;
    return 0;
}

/* What the settings file becomes: the lines that set something else, and then ours. */
static void compose(repli__pg_text *text, const char *old, const repli__pg_setting *settings,
                    size_t count) {
    while (*old) {
        const size_t length = strcspn(old, "\n");
        if (length > 0 && !sets_any(old, settings, count)) {
            repli__pg_text_add_bytes(text, old, length);
            repli__pg_text_add(text, "\n");
        }
        old += length + (old[length] == '\n');
    }
    for (size_t i = 0; i < count; i++) {
        if (!settings[i].value)
            continue;
        repli__pg_text_printf(text, "%s = ", settings[i].name);
        repli__pg_text_setting(text, settings[i].value);
        repli__pg_text_add(text, "\n");
    }
}

static int32_t write_settings(const repli__pg *pg, const repli__pg_setting *settings, size_t count,
                              int *ret_changed, repli_error *err) {
    const char *directory = pg->config.data_directory;
    char *old = NULL;
    int32_t code = repli__pg_read_file(pg, directory, settings_file, &old, err);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        return code;
    repli__pg_text text;
    repli__pg_text_init(&text, pg->host);
    compose(&text, old ? old : "", settings, count);
    const char *content = repli__pg_text_get(&text);
    *ret_changed = content && (!old || strcmp(old, content) != 0);
    code = REPLI_OK;
    if (!content)
        code = repli__pg_nomem(pg, err);
    else if (*ret_changed)
        code = repli__pg_write_file(pg, directory, settings_file, content, err);
    repli__pg_text_free(&text);
    pg->host->release(pg->host, old);
    return code;
}

int32_t repli__pg_datadir_configure(const repli__pg *pg, const repli__pg_setting *settings,
                                    size_t count, int *ret_changed, repli_error *err) {
    const repli__pg_config *config = &pg->config;
    size_t own = 0;
    while (config->settings && config->settings[own])
        own++;
    /* The names of configured settings, cut out of "name=value", need memory of their own. */
    repli__pg_setting *all = pg->host->alloc(pg->host, (own + count + 1) * (sizeof(*all) + 64));
    if (!all)
        return repli__pg_nomem(pg, err);
    char(*names)[64] = (void *)(all + own + count + 1);
    size_t used = 0;
    /* Of two lines the later one counts, so that a port among the settings wins. */
    if (repli__pg_config_port(config))
        all[used++] = (repli__pg_setting){"port", repli__pg_config_port(config)};
    for (size_t i = 0; i < own; i++) {
        const char *equals = strchr(config->settings[i], '=');
        snprintf(names[i], sizeof(names[i]), "%.*s", (int)(equals - config->settings[i]),
                 config->settings[i]);
        all[used++] = (repli__pg_setting){names[i], equals + 1};
    }
    if (count > 0)
        memcpy(all + used, settings, count * sizeof(*settings));
    const int32_t code = write_settings(pg, all, used + count, ret_changed, err);
    pg->host->release(pg->host, all);
    return code;
}
