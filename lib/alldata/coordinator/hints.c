#include "alldata/coordinator/hints.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alldata/leveldb.h"
#include "alldata/system.h"
#include "base/error.h"

#define ORIGIN "hints"

/* Keys of the database: the peer's id, a NUL, the event's key. Values: a digit, and the event. */
enum { PEER_MAX = 256, BUFFER_BYTES = 1 << 20, CACHE_BYTES = 1 << 18, REFUSALS_MAX = 9 };

struct alldata__hints {
    repli__mem mem;
    char *path;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_readoptions_t *reading;
    leveldb_writeoptions_t *lazy, *durable;
    leveldb_writebatch_t *batch;
    leveldb_t *db;
    int directory;
    int64_t synced_ns;
    int lacks;  /* there was no memory for what was to be added */
    int broken; /* a write failed: to be opened anew, since it may be in the middle of something */
};

static int32_t open_database(alldata__hints *hints, repli_error *err) {
    char *text = NULL;
    if (mkdir(hints->path, 0777) != 0 && errno != EEXIST)
        return alldata__system_error(err, ORIGIN, "make the directory", hints->path);
    hints->db = leveldb_open(hints->options, hints->path, &text);
    if (hints->db == NULL)
        return alldata__leveldb_error(err, text, "open the hints", hints->path);
    hints->directory = open(hints->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (hints->directory < 0)
        return alldata__system_error(err, ORIGIN, "open the directory", hints->path);
    return REPLI_OK;
}

static void make_options(alldata__hints *hints) {
    hints->options = leveldb_options_create();
    hints->cache = leveldb_cache_create_lru(CACHE_BYTES);
    leveldb_options_set_cache(hints->options, hints->cache);
    leveldb_options_set_create_if_missing(hints->options, 1);
    leveldb_options_set_paranoid_checks(hints->options, 1);
    leveldb_options_set_write_buffer_size(hints->options, BUFFER_BYTES);
    leveldb_options_set_compression(hints->options, leveldb_no_compression);
    hints->reading = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(hints->reading, 1);
    leveldb_readoptions_set_fill_cache(hints->reading, 0);
    hints->lazy = leveldb_writeoptions_create();
    hints->durable = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(hints->durable, 1);
    hints->batch = leveldb_writebatch_create();
}

int32_t alldata__hints_open(const repli__mem *mem, const char *path, alldata__hints **ret_hints,
                            repli_error *err) {
    alldata__hints *hints = repli__calloc(mem, 1, sizeof(*hints));
    if (hints == NULL)
        return repli__error_nomem(err, ORIGIN, "opening the hints");
    hints->mem = *mem;
    hints->directory = -1;
    hints->path = repli__strdup(mem, path);
    make_options(hints);
    int32_t code = hints->path != NULL ? open_database(hints, err)
                                       : repli__error_nomem(err, ORIGIN, "opening the hints");
    if (code != REPLI_OK) {
        alldata__hints_close(hints);
        return code;
    }
    *ret_hints = hints;
    return REPLI_OK;
}

void alldata__hints_close(alldata__hints *hints) {
    if (hints == NULL)
        return;
    if (hints->directory >= 0)
        close(hints->directory);
    if (hints->db != NULL)
        leveldb_close(hints->db);
    leveldb_writebatch_destroy(hints->batch);
    leveldb_writeoptions_destroy(hints->durable);
    leveldb_writeoptions_destroy(hints->lazy);
    leveldb_readoptions_destroy(hints->reading);
    leveldb_options_destroy(hints->options);
    leveldb_cache_destroy(hints->cache);
    const repli__mem mem = hints->mem;
    repli__free(&mem, hints->path);
    repli__free(&mem, hints);
}

/* Returns its size. */
static size_t write_key(char to[PEER_MAX + 1 + ALLDATA_KEY_SIZE], const char *peer,
                        const char *key) {
    const size_t size = strlen(peer), key_size = strlen(key);
    memcpy(to, peer, size + 1);
    memcpy(to + size + 1, key, key_size);
    return size + 1 + key_size;
}

void alldata__hints_add(alldata__hints *hints, const char *peer, const alldata__hint *hint) {
    char key[PEER_MAX + 1 + ALLDATA_KEY_SIZE];
    const size_t size = write_key(key, peer, hint->key);
    const char count =
        (char)('0' + (hint->refusals < REFUSALS_MAX ? hint->refusals : REFUSALS_MAX));
    if (hint->event == NULL) {
        leveldb_writebatch_put(hints->batch, key, size, &count, 1);
        return;
    }
    char *value = repli__alloc(&hints->mem, 1 + hint->event_size);
    if (value == NULL) {
        hints->lacks = 1;
        return;
    }
    value[0] = count;
    memcpy(value + 1, hint->event, hint->event_size);
    leveldb_writebatch_put(hints->batch, key, size, value, 1 + hint->event_size);
    repli__free(&hints->mem, value);
}

void alldata__hints_remove(alldata__hints *hints, const char *peer, const char *key) {
    char name[PEER_MAX + 1 + ALLDATA_KEY_SIZE];
    leveldb_writebatch_delete(hints->batch, name, write_key(name, peer, key));
}

static int32_t mend(alldata__hints *hints, repli_error *err) {
    if (hints->db != NULL)
        leveldb_close(hints->db);
    if (hints->directory >= 0)
        close(hints->directory);
    hints->db = NULL;
    hints->directory = -1;
    const int32_t code = open_database(hints, err);
    hints->broken = code != REPLI_OK;
    return code;
}

int32_t alldata__hints_write(alldata__hints *hints, int durable, repli_error *err) {
    const int32_t code = hints->broken ? mend(hints, err) : REPLI_OK;
    if (code != REPLI_OK) {
        leveldb_writebatch_clear(hints->batch);
        return code;
    }
    char *marker = strdup("");
    char *text = marker;
    const int lacks = hints->lacks || marker == NULL;
    hints->lacks = 0;
    /* Without a marker what LevelDB cannot say for want of memory would look like success. */
    if (!lacks)
        leveldb_write(hints->db, durable ? hints->durable : hints->lazy, hints->batch, &text);
    leveldb_writebatch_clear(hints->batch);
    if (lacks) {
        free(marker);
        return repli__error_nomem(err, ORIGIN, "writing hints");
    }
    if (text != marker) {
        hints->broken = 1;
        return alldata__leveldb_error(err, text, "write hints to", hints->path);
    }
    free(marker);
    return durable
               ? alldata__leveldb_sync_names(hints->directory, hints->path, &hints->synced_ns, err)
               : REPLI_OK;
}

/* Returns 0 if it is none. */
static int read_hint(leveldb_iterator_t *at, const char **ret_peer, size_t *ret_size,
                     alldata__hint *ret_hint) {
    size_t key_size = 0, value_size = 0;
    const char *key = leveldb_iter_key(at, &key_size);
    const char *value = leveldb_iter_value(at, &value_size);
    const char *end = memchr(key, '\0', key_size);
    if (end == NULL || (size_t)(key + key_size - end) != ALLDATA_KEY_SIZE || value_size == 0)
        return 0;
    *ret_peer = key;
    *ret_size = (size_t)(end - key);
    *ret_hint = (alldata__hint){.refusals = value[0] - '0',
                                .event = value_size > 1 ? value + 1 : NULL,
                                .event_size = value_size - 1};
    memcpy(ret_hint->key, end + 1, ALLDATA_KEY_LENGTH);
    return 1;
}

static int32_t end_read(const alldata__hints *hints, leveldb_iterator_t *at, repli_error *err) {
    char *marker = strdup("");
    char *text = marker;
    leveldb_iter_get_error(at, &text);
    leveldb_iter_destroy(at);
    if (text != marker)
        return alldata__leveldb_error(err, text, "read hints from", hints->path);
    free(marker);
    return REPLI_OK;
}

int32_t alldata__hints_read(alldata__hints *hints, const char *peer, const char *from,
                            alldata__hint_fn take, void *user_data, repli_error *err) {
    char key[PEER_MAX + 1 + ALLDATA_KEY_SIZE];
    if (hints->broken && mend(hints, err) != REPLI_OK)
        return REPLI_EIO;
    leveldb_iterator_t *at = leveldb_create_iterator(hints->db, hints->reading);
    if (peer != NULL)
        leveldb_iter_seek(at, key, write_key(key, peer, from));
    else
        leveldb_iter_seek_to_first(at);
    for (; leveldb_iter_valid(at); leveldb_iter_next(at)) {
        alldata__hint hint;
        const char *name = NULL;
        size_t size = 0;
        if (!read_hint(at, &name, &size, &hint))
            continue;
        if (peer != NULL && strcmp(name, peer) != 0)
            break;
        if (take(user_data, name, size, &hint) != 0)
            break;
    }
    return end_read(hints, at, err);
}
