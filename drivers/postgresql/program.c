#include "program.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datadir.h"
#include "postgresql.h"
#include "text.h"

/* Messages are read by code in places. A password in the agent's environment is for its own
 * account, and would win over the password file, even in a server that is started from here. */
const char *const repli__pg_environment[] = {"LC_ALL=C", "PGCONNECT_TIMEOUT=30",
                                             "PGPASSWORD=", NULL};

/* Where packages put the programs of each major version. */
static const struct {
    const char *parent, *prefix, *suffix;
} layouts[] = {
    {"/usr/lib/postgresql", "", "/bin"},          /* Debian, Ubuntu */
    {"/usr", "pgsql-", "/bin"},                   /* PostgreSQL's own RPMs */
    {"/usr/libexec", "postgresql", ""},           /* Alpine */
    {"/opt/homebrew/opt", "postgresql@", "/bin"}, /* Homebrew */
};

static int find_in(const char *directory, const char *name, char *ret_path, size_t size) {
    const int length = snprintf(ret_path, size, "%s/%s", directory, name);
    return length > 0 && (size_t)length < size && access(ret_path, X_OK) == 0;
}

/* The newest version of name below one parent, or that of major. Returns the version, or 0. */
static long find_version(const char *parent, const char *prefix, const char *suffix,
                         const char *name, int major, char *ret_path, size_t size) {
    DIR *directory = opendir(parent);
    long best = 0;
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        char *end = NULL;
        const long version = strtol(entry->d_name + strlen(prefix), &end, 10);
        if (*end || version <= best || (major > 0 && version != major))
            continue;
        char folder[512], path[600];
        snprintf(folder, sizeof(folder), "%s/%s%s", parent, entry->d_name, suffix);
        if (find_in(folder, name, path, sizeof(path)) && strlen(path) < size) {
            memcpy(ret_path, path, strlen(path) + 1);
            best = version;
        }
    }
    if (directory)
        closedir(directory);
    return best;
}

int32_t repli__pg_program(const repli__pg *pg, const char *name, int major, char *ret_path,
                          size_t size, repli_error *err) {
    const repli__pg_config *config = &pg->config;
    if (config->bin_directory) {
        if (find_in(config->bin_directory, name, ret_path, size))
            return REPLI_OK;
        return repli__pg_fail(pg, err, REPLI_ENOTFOUND, NULL,
                              "there is no program %s in bin_directory %s", name,
                              config->bin_directory);
    }
    const int own = config->data_directory ? repli__pg_datadir_major(config->data_directory) : 0;
    major = own > 0 ? own : major;
    for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
        if (find_version(layouts[i].parent, layouts[i].prefix, layouts[i].suffix, name, major,
                         ret_path, size))
            return REPLI_OK;
    /* argv[0] without a slash is looked up in PATH. */
    snprintf(ret_path, size, "%s", name);
    return REPLI_OK;
}

int32_t repli__pg_run(const repli__pg *pg, const repli_op *op, const char *const *argv,
                      const char *input, char *words, size_t words_size, int32_t *ret_exit_code,
                      repli_error *err) {
    repli_command command = REPLI_COMMAND_INIT;
    command.argv = argv;
    command.env = repli__pg_environment;
    command.directory = "/";
    command.input = input;
    command.input_size = input ? strlen(input) : 0;
    words[0] = '\0';
    const int32_t code =
        pg->host->process_run(pg->host, op, &command, words, words_size, ret_exit_code, err);
    size_t length = strlen(words);
    while (length > 0 && words[length - 1] == '\n')
        words[--length] = '\0';
    return code;
}

/* "postgres (PostgreSQL) 15.20 (Debian …)" */
static void take_version(repli__pg *pg, const char *line) {
    static const char before[] = "(PostgreSQL) ";
    const char *text = strstr(line, before);
    if (!text)
        return;
    text += strlen(before);
    char *end = NULL;
    const long major = strtol(text, &end, 10);
    const long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    if (major < 10 || major > 999 || minor < 0 || minor > 9999)
        return;
    snprintf(pg->version_number, sizeof(pg->version_number), "%ld.%ld.0", major, minor);
    snprintf(pg->version_text, sizeof(pg->version_text), "%s", text);
    repli__pg_clean(pg->version_text);
}

void repli__pg_program_version(repli__pg *pg, const repli_op *op) {
    const repli__pg_config *config = &pg->config;
    const int certain =
        config->bin_directory ||
        (config->data_directory && repli__pg_datadir_major(config->data_directory) > 0);
    char path[600], words[256];
    if (!certain || repli__pg_program(pg, "postgres", 0, path, sizeof(path), NULL) != REPLI_OK)
        return;
    const char *const argv[] = {path, "--version", NULL};
    int32_t exit_code = 0;
    if (repli__pg_run(pg, op, argv, NULL, words, sizeof(words), &exit_code, NULL) == REPLI_OK &&
        exit_code == 0)
        take_version(pg, words);
}
