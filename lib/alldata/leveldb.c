#include "alldata/leveldb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alldata/system.h"
#include "base/error.h"
#include "base/utf8.h"

/*
 * What the reference has: keys in the order of their bytes, events as they are, no compression. The
 * filter is ours; a database that is opened without it does not look for it.
 *
 * LevelDB allocates with operator new, and ends the process where there is no memory. It has one
 * thread in a process, that it makes when a table is first to be written.
 */

enum { CACHE_BYTES = 8 << 20, FILTER_BITS = 10, PATH_SIZE = 4096 };

typedef struct database {
    alldata__leveldb *owner;
    leveldb_t *db;
    leveldb_writebatch_t *batch;
    char *marker;
    int directory;
    int64_t synced_ns;
    char path[];
} database;

/* LevelDB copies what it says about a failure, and where there is no memory for that, nothing is
 * said and it looks like success. It frees what was said before, though: so a text that is gone
 * tells of a failure as well. */
static char *make_marker(void) {
    return strdup("");
}

/* The module. */

static void close_leveldb(void *argument) {
    alldata__leveldb *self = argument;
    leveldb_writeoptions_destroy(self->durable);
    leveldb_writeoptions_destroy(self->lazy);
    leveldb_readoptions_destroy(self->verify);
    leveldb_readoptions_destroy(self->scan);
    leveldb_readoptions_destroy(self->get);
    leveldb_options_destroy(self->options);
    leveldb_filterpolicy_destroy(self->filter);
    leveldb_cache_destroy(self->cache);
    repli__log_dispose(&self->log);
    const repli__mem mem = self->mem;
    repli__free(&mem, self->directory);
    repli__free(&mem, self);
}

static int32_t take_settings(alldata__leveldb *self, const alldata_module_args *args,
                             repli_error *err) {
    for (size_t i = 0; i < args->setting_count; i++) {
        const alldata_setting *setting = &args->settings[i];
        char quote[REPLI__QUOTE_SIZE];
        if (strcmp(setting->name, "damaged") != 0)
            return repli__error(err, REPLI_EINVALID, ALLDATA__LEVELDB,
                                "there is no setting %s: LevelDB has \"damaged\" alone",
                                repli__utf8_quote(quote, setting->name));
        self->skips_damage = strcmp(setting->value, "skip") == 0;
        if (!self->skips_damage && strcmp(setting->value, "refuse") != 0)
            return repli__error(err, REPLI_EINVALID, ALLDATA__LEVELDB,
                                "\"damaged\" is %s, not \"refuse\" or \"skip\"",
                                repli__utf8_quote(quote, setting->value));
    }
    return REPLI_OK;
}

static int32_t make_directory(const char *path, repli_error *err) {
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return REPLI_OK;
    const int number = errno;
    if (number == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return REPLI_OK;
    errno = number;
    return alldata__system_error(err, ALLDATA__LEVELDB, "make the directory", path);
}

static void make_options(alldata__leveldb *self) {
    self->cache = leveldb_cache_create_lru(CACHE_BYTES);
    self->filter = leveldb_filterpolicy_create_bloom(FILTER_BITS);
    self->options = leveldb_options_create();
    leveldb_options_set_cache(self->options, self->cache);
    leveldb_options_set_filter_policy(self->options, self->filter);
    leveldb_options_set_compression(self->options, leveldb_no_compression);
    leveldb_options_set_paranoid_checks(self->options, !self->skips_damage);
    self->get = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(self->get, 1);
    self->scan = leveldb_readoptions_create();
    leveldb_readoptions_set_fill_cache(self->scan, 0);
    self->verify = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(self->verify, 1);
    leveldb_readoptions_set_fill_cache(self->verify, 0);
    self->lazy = leveldb_writeoptions_create();
    self->durable = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(self->durable, 1);
}

static int32_t open_leveldb(const alldata_module_args *args, void **ret_self, repli_error *err) {
    repli__mem mem;
    repli__mem_init(&mem, args->allocator);
    alldata__leveldb *self = repli__calloc(&mem, 1, sizeof(*self));
    char *directory = repli__strdup(&mem, args->location);
    int32_t code = REPLI_OK;
    if (self == NULL || directory == NULL)
        code = repli__error_nomem(err, ALLDATA__LEVELDB, "opening a storage");
    if (code == REPLI_OK)
        code = take_settings(self, args, err);
    if (code == REPLI_OK)
        code = make_directory(directory, err);
    if (code != REPLI_OK) {
        repli__free(&mem, directory);
        repli__free(&mem, self);
        return code;
    }
    self->mem = mem;
    self->directory = directory;
    repli__log_init(&self->log);
    repli__log_set(&self->log, args->log_level, args->log, args->log_data);
    make_options(self);
    *ret_self = self;
    return REPLI_OK;
}

static int32_t list(void *argument, alldata_take_fn take, void *user_data, repli_error *err) {
    const alldata__leveldb *self = argument;
    DIR *directory = opendir(self->directory);
    if (directory == NULL)
        return alldata__system_error(err, ALLDATA__LEVELDB, "read the directory", self->directory);
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        if (take(user_data, entry->d_name, strlen(entry->d_name)) != 0)
            break;
    closedir(directory);
    return REPLI_OK;
}

/* Intervals. */

static void close_interval(void *argument) {
    database *self = argument;
    leveldb_writebatch_destroy(self->batch);
    leveldb_close(self->db);
    free(self->marker);
    close(self->directory);
    repli__free(&self->owner->mem, self);
}

static int32_t open_database(database *self, uint32_t flags, int is_new, repli_error *err) {
    char *text = NULL;
    /* Whether one is made is said in the options, which all intervals share. */
    leveldb_options_set_create_if_missing(self->owner->options,
                                          (flags & ALLDATA_INTERVAL_CREATE) != 0);
    self->db = leveldb_open(self->owner->options, self->path, &text);
    if (self->db == NULL)
        return alldata__leveldb_error(err, text, "open the interval", self->path);
    self->batch = leveldb_writebatch_create();
    self->marker = make_marker();
    self->directory = open(self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int32_t code = REPLI_OK;
    if (self->marker == NULL)
        code = repli__error_nomem(err, ALLDATA__LEVELDB, "opening an interval");
    else if (self->directory < 0)
        code = alldata__system_error(err, ALLDATA__LEVELDB, "open the directory", self->path);
    if (code == REPLI_OK && is_new)
        code = alldata__system_sync_names(self->owner->directory, ALLDATA__LEVELDB, err);
    if (code != REPLI_OK) {
        leveldb_writebatch_destroy(self->batch);
        leveldb_close(self->db);
        free(self->marker);
        if (self->directory >= 0)
            close(self->directory);
    }
    return code;
}

static int32_t open_interval(void *argument, const char *name, uint32_t flags, void **ret_interval,
                             repli_error *err) {
    alldata__leveldb *owner = argument;
    const size_t size = strlen(owner->directory) + 1 + strlen(name) + 1;
    database *self = repli__calloc(&owner->mem, 1, sizeof(*self) + size);
    if (self == NULL)
        return repli__error_nomem(err, ALLDATA__LEVELDB, "opening an interval");
    self->owner = owner;
    snprintf(self->path, size, "%s/%s", owner->directory, name);
    struct stat info;
    const int is_new = stat(self->path, &info) != 0;
    int32_t code = REPLI_OK;
    /* LevelDB makes the directory before it sees that there is no database. */
    if (is_new && (flags & ALLDATA_INTERVAL_CREATE) == 0)
        code = repli__error(err, REPLI_ENOTFOUND, ALLDATA__LEVELDB, "there is no interval %.300s",
                            self->path);
    if (code == REPLI_OK)
        code = open_database(self, flags, is_new, err);
    if (code != REPLI_OK) {
        repli__free(&owner->mem, self);
        return code;
    }
    *ret_interval = self;
    return REPLI_OK;
}

/* Events. */

static int32_t put(void *argument, alldata_record *const *records, size_t count, uint32_t flags,
                   repli_error *err) {
    database *self = argument;
    const int syncs = (flags & ALLDATA_PUT_SYNC) != 0;
    char *text = self->marker;
    leveldb_writebatch_clear(self->batch);
    for (size_t i = 0; i < count; i++)
        leveldb_writebatch_put(self->batch, records[i]->key, records[i]->key_size,
                               records[i]->event, records[i]->event_size);
    leveldb_write(self->db, syncs ? self->owner->durable : self->owner->lazy, self->batch, &text);
    if (text != self->marker) {
        self->marker = NULL;
        return alldata__leveldb_error(err, text, "write to the interval", self->path);
    }
    return syncs ? alldata__leveldb_sync_names(self->directory, self->path, &self->synced_ns, err)
                 : REPLI_OK;
}

static int32_t sync_interval(void *argument, repli_error *err) {
    const database *self = argument;
    return alldata__leveldb_sync_logs(self->path, err);
}

static int32_t get(void *argument, const char *key, size_t key_size, alldata_take_fn take,
                   void *user_data, repli_error *err) {
    const database *self = argument;
    char *marker = make_marker();
    char *text = marker;
    size_t size = 0;
    if (marker == NULL)
        return repli__error_nomem(err, ALLDATA__LEVELDB, "looking for a key");
    char *event = leveldb_get(self->db, self->owner->get, key, key_size, &size, &text);
    if (text != marker)
        return alldata__leveldb_error(err, text, "read from the interval", self->path);
    free(marker);
    if (event == NULL)
        return repli__error(err, REPLI_ENOTFOUND, ALLDATA__LEVELDB, "there is no such key");
    take(user_data, event, size);
    leveldb_free(event);
    return REPLI_OK;
}

/* Cursors. */

typedef struct cursor {
    const database *owner;
    leveldb_iterator_t *iterator;
    int verifies;
    int moves; /* the next call has to go on first */
} cursor;

static int32_t state_of(const database *self, const leveldb_iterator_t *iterator,
                        repli_error *err) {
    char *marker = make_marker();
    char *text = marker;
    if (marker == NULL)
        return repli__error_nomem(err, ALLDATA__LEVELDB, "reading an interval");
    leveldb_iter_get_error(iterator, &text);
    if (text != marker)
        return alldata__leveldb_error(err, text, "read the interval", self->path);
    free(marker);
    return REPLI_OK;
}

static int32_t end_of(const database *self, const leveldb_iterator_t *iterator, int32_t code,
                      repli_error *err) {
    const int32_t state = state_of(self, iterator, err);
    if (state != REPLI_OK)
        return state;
    return repli__error(err, code, ALLDATA__LEVELDB, "there is nothing more in %.300s", self->path);
}

static int32_t newest(void *argument, alldata_take_fn take, void *user_data, repli_error *err) {
    const database *self = argument;
    leveldb_iterator_t *iterator = leveldb_create_iterator(self->db, self->owner->get);
    int32_t code = REPLI_OK;
    leveldb_iter_seek_to_last(iterator);
    if (leveldb_iter_valid(iterator)) {
        size_t size = 0;
        const char *key = leveldb_iter_key(iterator, &size);
        take(user_data, key, size);
    } else {
        code = end_of(self, iterator, REPLI_ENOTFOUND, err);
    }
    leveldb_iter_destroy(iterator);
    return code;
}

static int32_t open_cursor(void *argument, const char *from, size_t from_size, uint32_t flags,
                           void **ret_cursor, repli_error *err) {
    const database *owner = argument;
    cursor *self = repli__alloc(&owner->owner->mem, sizeof(*self));
    if (self == NULL)
        return repli__error_nomem(err, ALLDATA__LEVELDB, "reading an interval");
    const int verifies = (flags & ALLDATA_SCAN_VERIFY) != 0;
    const alldata__leveldb *module = owner->owner;
    *self = (cursor){
        .owner = owner,
        .iterator = leveldb_create_iterator(owner->db, verifies ? module->verify : module->scan),
        .verifies = verifies};
    if (from_size > 0)
        leveldb_iter_seek(self->iterator, from, from_size);
    else
        leveldb_iter_seek_to_first(self->iterator);
    *ret_cursor = self;
    return REPLI_OK;
}

static int32_t next(void *argument, alldata_record *ret_record, repli_error *err) {
    cursor *self = argument;
    if (self->moves)
        leveldb_iter_next(self->iterator);
    self->moves = leveldb_iter_valid(self->iterator);
    if (!self->moves)
        return end_of(self->owner, self->iterator, REPLI_EDONE, err);
    /* LevelDB goes on behind a block that is damaged, and tells of it when it is asked. */
    char *text = NULL;
    if (self->verifies)
        leveldb_iter_get_error(self->iterator, &text);
    if (text != NULL)
        return alldata__leveldb_error(err, text, "read the interval", self->owner->path);
    ret_record->key = leveldb_iter_key(self->iterator, &ret_record->key_size);
    ret_record->event = leveldb_iter_value(self->iterator, &ret_record->event_size);
    return REPLI_OK;
}

static void close_cursor(void *argument) {
    cursor *self = argument;
    leveldb_iter_destroy(self->iterator);
    repli__free(&self->owner->owner->mem, self);
}

const alldata_storage_module *alldata_storage_leveldb(void) {
    static const alldata_storage_module module = {
        .struct_size = sizeof(module),
        .abi_version = ALLDATA_MODULE_ABI,
        .name = "leveldb",
        .open = open_leveldb,
        .close = close_leveldb,
        .list = list,
        .interval_open = open_interval,
        .interval_close = close_interval,
        .put = put,
        .sync = sync_interval,
        .get = get,
        .newest = newest,
        .cursor_open = open_cursor,
        .cursor_next = next,
        .cursor_close = close_cursor,
    };
    return &module;
}
