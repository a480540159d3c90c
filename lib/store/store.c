#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "store/file.h"
#include "store/health.h"
#include "store/internal.h"
#include "store/schema.h"
#include "store/wal.h"

/* The file. */

/* SQLite takes a file of one byte for an empty one. */
enum { EMPTY_SIZE = 1 };

/* SQLite throws away a log whose database is missing or empty, and with it all that was not copied
 * yet; and an empty file it takes for a new database, which is never made that way here. */
static int32_t check_present(const repli__store *store, off_t size, off_t wal_size,
                             repli_error *err) {
    if (size > EMPTY_SIZE)
        return REPLI_OK;
    if (wal_size > 0)
        return repli__error(err, REPLI_ECORRUPT, "store",
                            "the database %s is missing or empty, but %s-wal holds records that "
                            "belong to it; nothing was changed: put the database back, or move the "
                            "other file away to begin with an empty one",
                            store->path, store->path);
    if (access(store->path, F_OK) == 0)
        return repli__error(err, REPLI_ECORRUPT, "store",
                            "the database %s is an empty file, which the agent never leaves: put a "
                            "backup in its place, or remove it to begin with an empty database",
                            store->path);
    return REPLI_OK;
}

/* The rest of a log that was damaged is missed only by who needs every commit to be on disk: if a
 * commit is not synced, a power cut leaves the same. */
static int32_t check_log(const repli__store *store, repli_error *err) {
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__wal_check(store->path, &store->mem, &error);
    if (code == REPLI_ECORRUPT && !store->full_sync) {
        repli__log_printf(store->log, REPLI_LOG_WARNING, "store", "%s", error.message);
        return REPLI_OK;
    }
    return code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &error);
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

/* Connections. */

static int note_frames(void *user_data, sqlite3 *db, const char *name, int frames) {
    (void)db;
    (void)name;
    ((repli__store *)user_data)->wal_frames = frames;
    return SQLITE_OK;
}

/* The newest format of files, as the byte there says, that SQLite writes. */
enum { FORMAT_AT = 18, NEWEST_FORMAT = 2 };

/* SQLite reads only what it could not open for writing, or what has a format that it does not know.
 * That closing the file gives its locks away is no harm: it is not going to be used. */
static int32_t refuse_read_only(const repli__store *store, repli_error *err) {
    unsigned char format = 0;
    const int fd = open(store->path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return repli__error(err, REPLI_EIO, "store", "the database %s is not writable: %s",
                            store->path, strerror(errno));
    const ssize_t got = pread(fd, &format, 1, FORMAT_AT);
    close(fd);
    if (got == 1 && format > NEWEST_FORMAT)
        return repli__sql_error(&store->writer, SQLITE_CORRUPT, "cannot write the database", err);
    return repli__error(err, REPLI_EIO, "store",
                        "the database %s could be opened for reading only, for reasons that have "
                        "passed; try again",
                        store->path);
}

static int32_t look_through(repli__store *store, off_t size, repli_error *err) {
    int whole = 0;
    const int32_t code = repli__health_check(&store->writer, size, &whole, err);
    if (code == REPLI_OK && !whole)
        repli__log_printf(store->log, REPLI_LOG_INFO, "store",
                          "%s is larger than %d MB, so it is not looked through for damage",
                          store->path, REPLI__HEALTH_WHOLE_MB);
    return code;
}

/* Until the database is known to be ours and sound it must stay as it is: even closing it would
 * copy a log that a crash left behind. */
static int32_t accept(repli__store *store, off_t size, off_t wal_size, repli_error *err) {
    repli__sql *sql = &store->writer;
    repli__sql_keep_log(sql, wal_size > 0);
    int32_t code = repli__schema_check(sql, repli__schema_step_count, err);
    if (code == REPLI_OK)
        code = check_size(sql, size, wal_size, err);
    if (code == REPLI_OK && sqlite3_db_readonly(sql->db, "main"))
        code = refuse_read_only(store, err);
    if (code == REPLI_OK)
        code = look_through(store, size, err);
    return code;
}

/* Closing does that, too, but does not tell when it fails. */
static int32_t empty_log(repli__sql *sql, repli_error *err) {
    const int code =
        sqlite3_wal_checkpoint_v2(sql->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK ? REPLI_OK
                             : repli__sql_error(sql, code, "cannot set up the database", err);
}

/* A database comes to be all at once: an empty one is never mistaken for what was in its place. */
static int32_t create(const repli__store *store, repli_error *err) {
    char *path;
    int32_t code = repli__file_create(&store->mem, store->path, &path, err);
    if (code != REPLI_OK)
        return code;
    repli__sql sql = {.db = NULL};
    code = repli__sql_open(&sql, path, err);
    if (code == REPLI_OK)
        code = repli__sql_use_wal(&sql, err);
    if (code == REPLI_OK)
        code = repli__writer_settings(&sql, 1, err);
    if (code == REPLI_OK)
        code = repli__schema_migrate(&sql, repli__schema_steps, repli__schema_step_count, err);
    if (code == REPLI_OK)
        code = empty_log(&sql, err);
    repli__sql_close(&sql);
    const int32_t put = repli__file_created(&store->mem, store->path, path, code == REPLI_OK, err);
    return code != REPLI_OK ? code : put;
}

static int32_t find(repli__store *store, off_t *ret_size, off_t *ret_wal_size, repli_error *err) {
    int32_t code = repli__file_check(store->path, err);
    if (code == REPLI_OK)
        code = repli__file_size(&store->mem, store->path, "", ret_size, err);
    if (code == REPLI_OK)
        code = repli__file_size(&store->mem, store->path, "-wal", ret_wal_size, err);
    if (code == REPLI_OK)
        code = check_present(store, *ret_size, *ret_wal_size, err);
    if (code == REPLI_OK && *ret_size > EMPTY_SIZE)
        code = check_log(store, err);
    if (code == REPLI_OK && *ret_size <= EMPTY_SIZE) {
        code = create(store, err);
        if (code == REPLI_OK)
            code = repli__file_size(&store->mem, store->path, "", ret_size, err);
    }
    return code;
}

static int32_t open_writer(repli__store *store, repli_error *err) {
    repli__sql *sql = &store->writer;
    off_t size = 0;
    off_t wal_size = 0;
    int32_t code = find(store, &size, &wal_size, err);
    if (code == REPLI_OK)
        code = repli__sql_open(sql, store->path, err);
    if (code == REPLI_OK)
        code = accept(store, size, wal_size, err);
    if (code == REPLI_OK)
        code = repli__sql_use_wal(sql, err);
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

/* More than could have been given. */
#define SEQ_MAX (INT64_MAX / 2)

static int32_t load_state(repli__store *store, repli_error *err) {
    repli__sql *sql = &store->writer;
    int64_t newest = 0;
    int64_t oldest = 1;
    int64_t unfinished = 0;
    int64_t running = 0;
    int code = repli__sql_integer(sql, "SELECT max(seq) FROM actions", &newest);
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql, "SELECT coalesce(min(seq), 1) FROM actions", &oldest);
    /* Numbers are given from 1 on, and 0 means none. */
    if (code == SQLITE_OK && (oldest < 1 || newest > SEQ_MAX))
        code = SQLITE_CORRUPT;
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql,
                                  "SELECT count(*) FROM actions INDEXED BY actions_queue"
                                  " WHERE finished_ns IS NULL",
                                  &unfinished);
    if (code == SQLITE_OK)
        code = repli__sql_integer(sql,
                                  "SELECT seq FROM actions INDEXED BY actions_queue"
                                  " WHERE finished_ns IS NULL AND held_ns IS NULL AND phase = 2"
                                  " ORDER BY seq LIMIT 1",
                                  &running);
    if (code == SQLITE_OK)
        code = repli__timed_load(store, &store->state);
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot read the database", err);
    store->state.next_seq = newest + 1;
    store->state.unfinished = (uint64_t)unfinished;
    store->state.running = running;
    store->stepped = running;
    code = repli__event_load(store);
    if (code != SQLITE_OK)
        return repli__sql_error(sql, code, "cannot read the database", err);
    repli__log_printf(store->log, REPLI_LOG_INFO, "store",
                      "opened %s: %" PRId64 " unfinished actions%s", store->path, unfinished,
                      running != 0 ? ", one of which was running" : "");
    return REPLI_OK;
}

/* The store. */

static void close_database(repli__store *store) {
    /* What is damaged stays as it was found. */
    if (repli__damage_seen(store)) {
        repli__sql_keep_log(&store->reader, 1);
        repli__sql_keep_log(&store->writer, 1);
    }
    repli__sql_finalize(store->reads, REPLI__SQL_READS);
    repli__sql_close(&store->reader);
    repli__sql_finalize(store->writes, REPLI__SQL_WRITES);
    repli__sql_close(&store->writer);
}

static void free_store(repli__store *store) {
    repli__claim_drop(&store->to_take);
    repli__claim_drop(&store->ahead);
    repli__worker_dispose(&store->worker);
    pthread_mutex_destroy(&store->read_mutex);
    pthread_mutex_destroy(&store->mutex);
    const repli__mem mem = store->mem;
    repli__free(&mem, store->path);
    repli__free(&mem, store);
}

static int32_t open_database(repli__store *store, repli_error *err) {
    int32_t code = open_writer(store, err);
    if (code == REPLI_OK)
        code = load_state(store, err);
    if (code == REPLI_OK)
        code = open_reader(store, err);
    if (code == REPLI_OK)
        repli__sql_keep_log(&store->writer, 0);
    else
        close_database(store);
    return code;
}

/* Only if whoever runs the agent asked for that. */
static int32_t begin_anew(repli__store *store, const repli_error *damage, repli_error *err) {
    char *aside;
    int32_t code = repli__file_set_aside(&store->mem, store->path, &aside, err);
    if (code != REPLI_OK)
        return code;
    repli__log_printf(store->log, REPLI_LOG_ERROR, "store", "%s", damage->message);
    repli__log_printf(store->log, REPLI_LOG_ERROR, "store",
                      "the damaged database is now %s, and an empty one takes its place "
                      "(store_damaged is set_aside): the actions in it are not known any more",
                      aside);
    repli__free(&store->mem, aside);
    return open_database(store, err);
}

static int32_t open_store(repli__store *store, const repli__store_options *options,
                          repli_error *err) {
    int32_t code = repli__file_resolve(&store->mem, options->path, &store->path, err);
    if (code == REPLI_OK)
        code = repli__owner_acquire(&store->owner, store->path, &store->mem, err);
    if (code != REPLI_OK)
        return code;
    repli_error error = REPLI_ERROR_INIT;
    code = open_database(store, &error);
    if (code == REPLI_ECORRUPT && options->set_aside)
        return begin_anew(store, &error, err);
    return code == REPLI_OK ? REPLI_OK : repli__error_copy(err, &error);
}

int32_t repli__store_open(const repli__store_options *options, repli__store **ret_store,
                          repli_error *err) {
    int32_t code = repli__sql_check_threads(err);
    if (code != REPLI_OK)
        return code;
    repli__store *store = repli__calloc(options->mem, 1, sizeof(*store));
    if (store == NULL)
        return repli__error_nomem(err, "store", "opening the database");
    code = repli__writer_init(store, err);
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
    code = open_store(store, options, err);
    if (code != REPLI_OK) {
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

void repli__store_abandon(repli__store *store) {
    repli__owner_release(&store->owner, 1);
}

void repli__store_set_queue_limit(repli__store *store, uint64_t limit) {
    atomic_store(&store->queue_limit, limit);
}
