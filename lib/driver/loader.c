#include "driver/instance.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "driver/check.h"
#include "driver/object.h"

#define ORIGIN "driver"
#define PREFIX "driver_"
#define SUFFIX ".so"

enum { LISTED_SIZE = 200 };

/* NAME of a file called driver_NAME.so; its size is 0 if the file is called otherwise. */
static const char *name_in(const char *file, size_t *ret_size) {
    const size_t size = strlen(file);
    const size_t prefix = strlen(PREFIX);
    const size_t suffix = strlen(SUFFIX);
    *ret_size = 0;
    if (size <= prefix + suffix || strncmp(file, PREFIX, prefix) != 0 ||
        strcmp(file + size - suffix, SUFFIX) != 0)
        return file;
    if (repli__driver_name_ok(file + prefix, size - prefix - suffix))
        *ret_size = size - prefix - suffix;
    return file + prefix;
}

static int32_t path_from_path(const char *path, char name[], char ret_path[PATH_MAX],
                              repli_error *err) {
    char quote[REPLI__QUOTE_SIZE];
    if (path[0] != '/')
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "%s is a relative path: give a driver's name or an absolute path",
                            repli__utf8_quote(quote, path));
    size_t size;
    const char *found = name_in(strrchr(path, '/') + 1, &size);
    if (size == 0)
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "%s cannot be a driver's file: it must be called driver_NAME.so, where "
                            "NAME is the driver's",
                            repli__utf8_quote(quote, path));
    if (strlen(path) >= PATH_MAX)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "the driver's path is too long");
    memcpy(ret_path, path, strlen(path) + 1);
    memcpy(name, found, size);
    name[size] = '\0';
    return REPLI_OK;
}

static int32_t path_from_name(const char *name, const char *directory, char ret_path[PATH_MAX],
                              repli_error *err) {
    char quote[REPLI__QUOTE_SIZE];
    if (!repli__driver_name_ok(name, strlen(name)))
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "%s cannot be a driver's name: it must be a lower-case letter followed "
                            "by lower-case letters, digits and '_', %u bytes at most",
                            repli__utf8_quote(quote, name), REPLI__DRIVER_NAME_MAX);
    if (directory[0] != '/')
        return repli__error(err, REPLI_EINVALID, ORIGIN,
                            "the directory of drivers must be an absolute path, and is %s",
                            repli__utf8_quote(quote, directory));
    const int size = snprintf(ret_path, PATH_MAX, "%s/" PREFIX "%s" SUFFIX, directory, name);
    if (size < 0 || size >= PATH_MAX)
        return repli__error(err, REPLI_EINVALID, ORIGIN, "the directory's path is too long");
    return REPLI_OK;
}

/* Names of the drivers in a directory, for people. */
static void list_drivers(const char *directory, char listed[LISTED_SIZE]) {
    size_t used = 0;
    listed[0] = '\0';
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        size_t size;
        const char *name = name_in(entry->d_name, &size);
        if (size == 0 || used + size + 3 > LISTED_SIZE)
            continue;
        used += (size_t)snprintf(listed + used, LISTED_SIZE - used, "%s%.*s", used > 0 ? ", " : "",
                                 (int)size, name);
    }
    closedir(entries);
}

static int32_t not_found(const char *path, const char *directory, const char *name,
                         repli_error *err) {
    if (directory == NULL)
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN, "there is no driver file %.300s", path);
    char listed[LISTED_SIZE];
    list_drivers(directory, listed);
    if (listed[0] == '\0')
        return repli__error(err, REPLI_ENOTFOUND, ORIGIN,
                            "there is no driver %s: looked for %.200s, and there is no driver at "
                            "all in that directory",
                            name, path);
    return repli__error(err, REPLI_ENOTFOUND, ORIGIN,
                        "there is no driver %s: looked for %.200s; drivers there are %s", name,
                        path, listed);
}

/* Whoever can write to the file or replace it has all rights of this process. */
static int32_t check_trust(const char *path, const struct stat *info, const char *what,
                           repli_error *err) {
    if (info->st_uid != 0 && info->st_uid != geteuid())
        return repli__error(err, REPLI_EPERMISSION, ORIGIN,
                            "%s %.300s belongs to user %lu: it is only loaded if it belongs to "
                            "root or to user %lu, who runs this process",
                            what, path, (unsigned long)info->st_uid, (unsigned long)geteuid());
    if ((info->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return repli__error(err, REPLI_EPERMISSION, ORIGIN,
                            "%s %.300s may be written to by %s: a driver is not loaded from there, "
                            "try: chmod go-w",
                            what, path, (info->st_mode & S_IWOTH) != 0 ? "everybody" : "its group");
    return REPLI_OK;
}

static int32_t check_directory(const char *path, repli_error *err) {
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t size = slash > path ? (size_t)(slash - path) : 1;
    memcpy(directory, path, size);
    directory[size] = '\0';
    struct stat info;
    if (stat(directory, &info) == -1)
        return repli__error(err, REPLI_EIO, ORIGIN, "cannot look at directory %.300s: %s",
                            directory, strerror(errno));
    return check_trust(directory, &info, "directory", err);
}

/* What the path leads to, without symbolic links. directory: where a name was looked for, or NULL.
 */
static int32_t check_file(const char *path, const char *directory, const char *name,
                          char ret_real[PATH_MAX], repli_error *err) {
    struct stat info;
    if (realpath(path, ret_real) == NULL || stat(ret_real, &info) == -1) {
        const int reason = errno;
        if (reason == ENOENT || reason == ENOTDIR)
            return not_found(path, directory, name, err);
        return repli__error(err, reason == EACCES ? REPLI_EPERMISSION : REPLI_EIO, ORIGIN,
                            "cannot look at driver file %.300s: %s", path, strerror(reason));
    }
    if (!S_ISREG(info.st_mode))
        return repli__error(err, REPLI_EINVALID, ORIGIN, "driver file %.300s is no regular file",
                            ret_real);
    const int32_t code = check_trust(ret_real, &info, "driver file", err);
    return code == REPLI_OK ? check_directory(ret_real, err) : code;
}

/* What the dynamic linker says holds the path already. */
static const char *linker_error(char text[REPLI_ERROR_CAUSE_SIZE]) {
    const char *reason = dlerror();
    repli__text_clean(text, REPLI_ERROR_CAUSE_SIZE, reason != NULL ? reason : "no reason given");
    return text;
}

static int32_t load(const char *path, const char *name, repli__driver_table *ret_table,
                    repli_error *err) {
    char reason[REPLI_ERROR_CAUSE_SIZE];
    /* All symbols now, rather than a crash later. It is never unloaded: too much may point into it.
     */
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == NULL)
        return repli__error(err, REPLI_EIO, ORIGIN,
                            "cannot load driver file %.200s: it is damaged, for another machine, "
                            "or needs a library or symbol that is not there (%.200s)",
                            path, linker_error(reason));
    char symbol[sizeof("repli_driver__entry") + REPLI__DRIVER_NAME_MAX];
    snprintf(symbol, sizeof(symbol), "repli_driver_%s_entry", name);
    void *address = dlsym(object, symbol);
    if (address == NULL) {
        dlclose(object);
        return repli__error(err, REPLI_EABI, ORIGIN,
                            "%.200s is no driver, or that of another name: it does not export %s",
                            path, symbol);
    }
    repli_driver_entry_fn entry;
    memcpy(&entry, &address, sizeof(entry)); /* C has no cast from data to function */
    const int32_t code = repli__driver_from_entry(entry, name, ret_table, err);
    if (code != REPLI_OK)
        dlclose(object);
    return code;
}

int32_t repli__driver_load(const char *name_or_path, const char *directory,
                           repli__driver_table *ret_table, repli_error *err) {
    if (name_or_path == NULL || name_or_path[0] == '\0')
        return repli__error(err, REPLI_EINVALID, ORIGIN, "a driver's name or path is needed");
    char name[REPLI__DRIVER_NAME_MAX + 1];
    char path[PATH_MAX];
    char real[PATH_MAX];
    int32_t code;
    if (strchr(name_or_path, '/') != NULL) {
        directory = NULL;
        code = path_from_path(name_or_path, name, path, err);
    } else {
        directory = directory != NULL ? directory : REPLI_DRIVERDIR;
        code = path_from_name(name_or_path, directory, path, err);
        if (code == REPLI_OK)
            memcpy(name, name_or_path, strlen(name_or_path) + 1);
    }
    if (code == REPLI_OK)
        code = check_file(path, directory, name, real, err);
    if (code == REPLI_OK)
        code = repli__object_check(real, err);
    if (code == REPLI_OK)
        code = load(real, name, ret_table, err);
    return code;
}
