#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/thread.h"
#include "store/internal.h"
#include "store/schema.h"

/* The file. */

/* One name for a file, however it was spelled, so that one lock guards it. */
static int32_t resolve(const repli__mem *mem, const char *path, char **ret_path, repli_error *err) {
    char *whole = realpath(path, NULL);
    char *directory = NULL;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (whole == NULL && errno == ENOENT && name[0] != '\0') {
        char *parent = strndup(path, (size_t)(name - path));
        if (parent != NULL)
            directory = realpath(parent[0] != '\0' ? parent : ".", NULL);
        free(parent);
    }
    const int failure = errno;
    repli_buf joined = {.allocator = mem};
    int32_t code = REPLI_OK;
    if (whole == NULL && directory == NULL)
        code = repli__error(err, failure == ENOMEM ? REPLI_ENOMEM : REPLI_EIO, "store",
                            "cannot find the directory of the database %s: %s", path,
                            strerror(failure));
    else if ((whole != NULL ? repli__buf_text(&joined, whole)
                            : repli__buf_printf(&joined, "%s/%s", directory, name)) != REPLI_OK)
        code = repli__error_nomem(err, "store", "opening the database");
    else
        *ret_path = joined.data;
    free(whole);
    free(directory);
    return code;
}

/* Size of PATH or PATH-wal; 0 if there is none. */
static int32_t file_size(const repli__store *store, const char *suffix, off_t *ret_size,
                         repli_error *err) {
    repli_buf name = {.allocator = &store->mem};
    if (repli__buf_printf(&name, "%s%s", store->path, suffix) != REPLI_OK)
        return repli__error_nomem(err, "store", "opening the database");
    struct stat status;
    *ret_size = stat(name.data, &status) == 0 ? status.st_size : 0;
    repli_buf_dispose(&name);
    return REPLI_OK;
}

/* SQLite throws away a log whose database is missing or empty, and with it all that was not copied
 * yet. */
static int32_t check_log(const repli__store *store, off_t size, off_t wal_size, repli_error *err) {
    if (size > 0 || wal_size == 0)
        return REPLI_OK;
    return repli__error(err, REPLI_ECORRUPT, "store",
                        "the database %s is missing or empty, but %s-wal holds records that "
                        "belong to it; nothing was changed: put the database back, or move the "
                        "other file away to begin with an empty one",
                        store->path, store->path);
}

/* Nor does it mind a last page that is cut short, unless the log has it. */
static int32_t check_size(repli__sql *sql, off_t size, off_t wal_size, repli_error *err) {
    int64_t page_size = 0;
    const int code = repli__sql_integer(sql, "PRAGMA page_size", &page_size);
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot read the database", err);
    if (wal_size == 0 && page_size > 0 && size % page_size != 0)
        return repli__sql_error(sql, SQLITE_CORRUPT, "cannot use the database", err);
    return REPLI_OK;
}

static int32_t create_file(const repli__store *store, repli_error *err) {
    const int fd = open(store->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return repli__error(err, errno == ENOSPC ? REPLI_EFULL : REPLI_EIO, "store",
                            "cannot create the database %s: %s", store->path, strerror(errno));
    return REPLI_OK;
}

/* Connections. */

static int32_t use_wal(repli__sql *sql, repli_error *err) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(sql->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot set up the database", err);
    code = sqlite3_step(statement);
    const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    const int is_wal = mode != NULL && strcmp(mode, "wal") == 0;
    const int finished = sqlite3_finalize(statement);
    if (finished != SQLITE_OK)
        return repli__sql_error(sql, finished, "cannot set up the database", err);
    if (!is_wal)
        return repli__error(err, REPLI_EIO, "store",
                            "cannot keep a write-ahead log for the database %s: the file system "
                            "lacks shared memory or locks; put it on a local disk",
                            sql->path);
    return REPLI_OK;
}

static int note_frames(void *user_data, sqlite3 *db, const char *name, int frames) {
    (void)db;
    (void)name;
    ((repli__store *)user_data)->wal_frames = frames;
    return SQLITE_OK;
}

/* Until the database is known to be ours it must stay as it is: even closing it would copy a log
 * that a crash left behind. */
static int32_t accept(repli__store *store, off_t wal_size, repli_error *err) {
    repli__sql *sql = &store->writer;
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wal_size > 0, NULL);
    int32_t code = repli__schema_check(sql, repli__schema_step_count, err);
    off_t size = 0;
    if (code == REPLI_OK)
        code = file_size(store, "", &size, err);
    if (code == REPLI_OK)
        code = check_size(sql, size, wal_size, err);
    if (code != REPLI_OK)
        return code;
    if (sqlite3_db_readonly(sql->db, "main"))
        return repli__error(err, REPLI_EIO, "store", "the database %s is not writable",
                            store->path);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return REPLI_OK;
}

static int32_t open_writer(repli__store *store, repli_error *err) {
    repli__sql *sql = &store->writer;
    off_t size = 0;
    off_t wal_size = 0;
    int32_t code = file_size(store, "", &size, err);
    if (code == REPLI_OK)
        code = file_size(store, "-wal", &wal_size, err);
    if (code == REPLI_OK)
        code = check_log(store, size, wal_size, err);
    if (code == REPLI_OK)
        code = create_file(store, err);
    if (code == REPLI_OK)
        code = repli__sql_open(sql, store->path, err);
    if (code == REPLI_OK)
        code = accept(store, wal_size, err);
    if (code == REPLI_OK)
        code = use_wal(sql, err);
    if (code == REPLI_OK)
        code = repli__writer_settings(sql, store->full_sync, err);
    if (code == REPLI_OK)
        code = repli__schema_migrate(sql, repli__schema_steps, repli__schema_step_count, err);
    if (code == REPLI_OK)
        code = repli__sql_prepare(sql, repli__sql_writes, REPLI__SQL_WRITES, store->writes, err);
    if (code == REPLI_OK)
        sqlite3_wal_hook(sql->db, note_frames, store);
    return code;
}

static int32_t open_reader(repli__store *store, repli_error *err) {
    repli__sql *sql = &store->reader;
    int32_t code = repli__sql_open(sql, store->path, err);
    if (code != REPLI_OK)
        return code;
    const int set = repli__sql_run(sql, "PRAGMA query_only = 1");
    if (set != SQLITE_OK)
        return repli__sql_error(sql, set, "cannot set up the database", err);
    return repli__sql_prepare(sql, repli__sql_reads, REPLI__SQL_READS, store->reads, err);
}

static int32_t load_state(repli__store *store, repli_error *err) {
    repli__sql *sql = &store->writer;
    int64_t newest = 0;
    int64_t oldest = 1;
    int64_t unfinished = 0;
    int64_t running = 0;
    int code = repli__sql_integer(sql, "SELECT max(seq) FROM actions", &newest);
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql, "SELECT coalesce(min(seq), 1) FROM actions", &oldest);
    /* Numbers are given from 1 on, 0 means none, and there must be one for the next action. */
    if (code == SQLITE_OK && (oldest < 1 || newest == INT64_MAX))
        code = SQLITE_CORRUPT;
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql,
                                  "SELECT count(*) FROM actions INDEXED BY actions_unfinished"
                                  " WHERE finished_ns IS NULL",
                                  &unfinished);
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql,
                                  "SELECT seq FROM actions INDEXED BY actions_unfinished"
                                  " WHERE finished_ns IS NULL AND phase = 2 ORDER BY seq LIMIT 1",
                                  &running);
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot read the database", err);
    store->state.next_seq = newest + 1;
    store->state.unfinished = (uint64_t)unfinished;
    store->state.running = running;
    store->stepped = running;
    repli__log_printf(store->log, REPLI_LOG_INFO, "store",
                      "opened %s: %" PRId64 " unfinished actions%s", store->path, unfinished,
                      running != 0 ? ", one of which was running" : "");
    return REPLI_OK;
}

/* The store. */

static void close_database(repli__store *store) {
    repli__sql_finalize(store->reads, REPLI__SQL_READS);
    repli__sql_close(&store->reader);
    repli__sql_finalize(store->writes, REPLI__SQL_WRITES);
    repli__sql_close(&store->writer);
}

static void free_store(repli__store *store) {
    repli__claim_drop(&store->to_take);
    repli__claim_drop(&store->ahead);
    pthread_cond_destroy(&store->writer_wake);
    pthread_mutex_destroy(&store->read_mutex);
    pthread_mutex_destroy(&store->mutex);
    const repli__mem mem = store->mem;
    repli__free(&mem, store->path);
    repli__free(&mem, store);
}

static int32_t open_store(repli__store *store, const char *path, repli_error *err) {
    int32_t code = resolve(&store->mem, path, &store->path, err);
    if (code == REPLI_OK)
        code = repli__owner_acquire(&store->owner, store->path, &store->mem, err);
    if (code == REPLI_OK)
        code = open_writer(store, err);
    if (code == REPLI_OK)
        code = load_state(store, err);
    if (code == REPLI_OK)
        code = open_reader(store, err);
    return code;
}

int32_t repli__store_open(const repli__store_options *options, repli__store **ret_store,
                          repli_error *err) {
    int32_t code = repli__sql_check_threads(err);
    if (code != REPLI_OK)
        return code;
    repli__store *store = repli__calloc(options->mem, 1, sizeof(*store));
    if (store == NULL)
        return repli__error_nomem(err, "store", "opening the database");
    code = repli__cond_init(&store->writer_wake, err);
    if (code != REPLI_OK) {
        repli__free(options->mem, store);
        return code;
    }
    pthread_mutex_init(&store->mutex, NULL);
    pthread_mutex_init(&store->read_mutex, NULL);
    store->mem = *options->mem;
    store->log = options->log;
    store->pid = getpid();
    store->owner.fd = -1;
    store->full_sync = options->full_sync;
    atomic_init(&store->queue_limit, options->queue_limit);
    code = open_store(store, options->path, err);
    if (code != REPLI_OK) {
        close_database(store);
        repli__owner_release(&store->owner, 0);
        free_store(store);
        return code;
    }
    *ret_store = store;
    return REPLI_OK;
}

void repli__store_close(repli__store *store) {
    if (store == NULL)
        return;
    /* In a forked child the connections and the lock are the parent's; even to close them would do
     * harm. */
    const int forked = getpid() != store->pid;
    if (!forked) {
        repli__store_stop(store);
        pthread_mutex_lock(&store->mutex);
        if (store->first != NULL)
            repli__commit_queued(store);
        pthread_mutex_unlock(&store->mutex);
        close_database(store);
    }
    repli__owner_release(&store->owner, forked);
    free_store(store);
}

void repli__store_set_queue_limit(repli__store *store, uint64_t limit) {
    atomic_store(&store->queue_limit, limit);
}
