#ifndef ALLDATA_STORAGE_H
#define ALLDATA_STORAGE_H

/*
 * Where one node keeps events: under their keys, for ever as they came. Time is divided into
 * intervals, each a store of its own. Events are accepted for three of them, the one that the clock
 * is in, the one before and the one after; older ones are closed, and only read.
 */

#include <stddef.h>
#include <stdint.h>

#include <alldata/keygen.h>
#include <replicante/alloc.h>
#include <replicante/error.h>
#include <replicante/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An event and its key. Neither need end with a NUL. */
typedef struct alldata_record {
    uint32_t struct_size;
    int32_t code; /**< what became of it, filled by alldata_storage_put() */
    const char *key;
    size_t key_size;
    const char *event;
    size_t event_size;
} alldata_record;

#define ALLDATA_RECORD_INIT                                                                        \
    { (uint32_t)sizeof(alldata_record), 0, NULL, 0, NULL, 0 }

/** A setting of a module, both as text. */
typedef struct alldata_setting {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;
    const char *value;
} alldata_setting;

/** The longest name of an interval, YYYYMMDDThhmmss, with its NUL. */
#define ALLDATA_INTERVAL_SIZE 16

/* Modules: what intervals are kept in. */

/** Changes only when an old module could no longer be used. */
#define ALLDATA_MODULE_ABI 1u

/** Make the interval if there is none. */
#define ALLDATA_INTERVAL_CREATE (1u << 0)

/** Takes text that lives as long as the call: a name, a key or an event. Not 0: no more of them. */
typedef int32_t (*alldata_take_fn)(void *user_data, const char *text, size_t size);

/** What a module is opened with. All of it outlives the module. */
typedef struct alldata_module_args {
    uint32_t struct_size;
    int32_t log_level;    /**< REPLI_LOG_*, the least important that is wanted; 0: none */
    const char *location; /**< such as a directory */
    const alldata_setting *settings;
    size_t setting_count;
    const repli_allocator *allocator;
    repli_log_fn log; /**< NULL if nothing is wanted */
    void *log_data;
} alldata_module_args;

/**
 * A module. Writing calls for one interval come one at a time, reading ones at any time from any
 * thread. What is not known to an older module is NULL. Texts that are handed to a method die when
 * it returns. Methods return REPLI_OK or a negative code, and then have filled err.
 */
typedef struct alldata_storage_module {
    uint32_t struct_size;
    uint32_t abi_version; /**< ALLDATA_MODULE_ABI */
    const char *name;
    int32_t (*open)(const alldata_module_args *args, void **ret_self, repli_error *err);
    void (*close)(void *self);
    /** The names of all intervals that there are, in any order. */
    int32_t (*list)(void *self, alldata_take_fn take, void *user_data, repli_error *err);
    /** flags: ALLDATA_INTERVAL_CREATE. REPLI_ENOTFOUND: there is none. */
    int32_t (*interval_open)(void *self, const char *name, uint32_t flags, void **ret_interval,
                             repli_error *err);
    void (*interval_close)(void *interval);
    /** Store records whose keys are not known to exist. flags: ALLDATA_PUT_SYNC. One that alone
     * cannot be stored gets a code, such as REPLI_ECONFLICT if its key has another event after all,
     * and the others are stored. After a failure of the whole the interval is closed and opened
     * again before the next call. */
    int32_t (*put)(void *interval, alldata_record *const *records, size_t count, uint32_t flags,
                   repli_error *err);
    /** All that was put is on disk when it returns. At any time, also beside a put. */
    int32_t (*sync)(void *interval, repli_error *err);
    /** The event of a key. REPLI_ENOTFOUND: there is none. */
    int32_t (*get)(void *interval, const char *key, size_t key_size, alldata_take_fn take,
                   void *user_data, repli_error *err);
    /** The last key in the order of bytes. REPLI_ENOTFOUND: there is none. */
    int32_t (*newest)(void *interval, alldata_take_fn take, void *user_data, repli_error *err);
    /** Read in the order of keys, beginning with the first that is not before from. flags:
     *  ALLDATA_SCAN_VERIFY. */
    int32_t (*cursor_open)(void *interval, const char *from, size_t from_size, uint32_t flags,
                           void **ret_cursor, repli_error *err);
    /** The next record, which lives until the next call. REPLI_EDONE: there are no more. */
    int32_t (*cursor_next)(void *cursor, alldata_record *ret_record, repli_error *err);
    void (*cursor_close)(void *cursor);
} alldata_storage_module;

/** LevelDB: a directory with a database for each interval, as the reference has. Static. */
REPLI_API const alldata_storage_module *alldata_storage_leveldb(void);

/* Storage. */

typedef struct alldata_storage alldata_storage;

/** Who closes intervals when their time is over. */
enum {
    ALLDATA_RUN_THREADS = 0, /**< a thread of the storage */
    ALLDATA_RUN_DISPATCH = 1 /**< the caller, by alldata_storage_dispatch() */
};

/** An interval was closed: nothing is added to it any more, except by ALLDATA_PUT_LATE, after which
 *  it is called again. From the storage's thread or within dispatch; may read from the storage. */
typedef void (*alldata_closed_fn)(void *user_data, const char *interval);

typedef struct alldata_storage_options {
    uint32_t struct_size;
    int32_t run_mode;                     /**< ALLDATA_RUN_* */
    uint32_t put_flags;                   /**< ALLDATA_PUT_SYNC: of every put */
    int32_t log_level;                    /**< REPLI_LOG_*; 0: silent */
    const char *location;                 /**< of the module, such as a directory; needed */
    const char *interval;                 /**< "P1D", "PT3H", "PT1H", "PT15M", "PT5M"; NULL: P1D */
    const alldata_storage_module *module; /**< NULL: LevelDB */
    const alldata_setting *settings;      /**< of the module */
    size_t setting_count;
    alldata_clock_fn clock; /**< NULL: that of the system */
    void *clock_data;
    alldata_closed_fn closed; /**< NULL: nobody wants to know */
    void *closed_data;
    repli_log_fn log; /**< NULL: silent */
    void *log_data;
} alldata_storage_options;

#define ALLDATA_STORAGE_OPTIONS_INIT                                                               \
    {                                                                                              \
        (uint32_t)sizeof(alldata_storage_options), ALLDATA_RUN_THREADS, 0, 0, NULL, NULL, NULL,    \
            NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL                                            \
    }

/**
 * Open a storage, with the intervals of now and the one before, which are made if there are none.
 * REPLI_EBUSY: another process has it; REPLI_ECORRUPT: it is damaged, and nothing was changed.
 * allocator may be NULL. Thread-safe.
 */
REPLI_API int32_t alldata_storage_new(const alldata_storage_options *options,
                                      const repli_allocator *allocator,
                                      alldata_storage **ret_storage, repli_error *err);
/** Close it. Nobody may be using it, scans included. In a child made by fork() it only gives memory
 *  back, and not all of it. NULL is fine. */
REPLI_API void alldata_storage_free(alldata_storage *storage);

/** The event is on disk, not only with the operating system, when the call returns. */
#define ALLDATA_PUT_SYNC (1u << 0)
/** Keys of closed intervals are accepted, too: for repair, import, and what had to wait. */
#define ALLDATA_PUT_LATE (1u << 1)

/**
 * Store events. Each record's code tells what became of it; the result is the first of them that is
 * not REPLI_OK, with its error, while the others are stored all the same. A key that exists is
 * REPLI_OK if it has the same event, else REPLI_ECONFLICT. REPLI_EINVALID: no key, no event, or a
 * key whose interval is closed or too far in the future. Calls of several threads at once share
 * commits. Thread-safe.
 */
REPLI_API int32_t alldata_storage_put(alldata_storage *storage, alldata_record *records,
                                      size_t count, uint32_t flags, repli_error *err);

/** All that was put before is on disk when it returns. Thread-safe. */
REPLI_API int32_t alldata_storage_sync(alldata_storage *storage, repli_error *err);

/** ALLDATA_RUN_DISPATCH: when dispatch has something to do, in monotonic nanoseconds. Thread-safe.
 */
REPLI_API uint64_t alldata_storage_deadline(alldata_storage *storage);
/** ALLDATA_RUN_DISPATCH: close what is to be closed. Waits for nothing but the disk. */
REPLI_API int32_t alldata_storage_dispatch(alldata_storage *storage, repli_error *err);

/** State of an interval. */
enum {
    ALLDATA_INTERVAL_CLOSED = 1, /**< only read */
    ALLDATA_INTERVAL_OPEN = 2    /**< accepts events */
};

/** Takes an interval; not 0: no more of them. */
typedef int32_t (*alldata_interval_fn)(void *user_data, const char *name, int32_t state);

/** The intervals that there are, oldest first. Thread-safe. */
REPLI_API int32_t alldata_storage_intervals(alldata_storage *storage, alldata_interval_fn take,
                                            void *user_data, repli_error *err);

/** Counted since the storage was opened. */
typedef struct alldata_storage_stats {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t stored;      /**< events */
    uint64_t event_bytes; /**< of them, keys not counted */
    uint64_t duplicates;  /**< puts of what was there already */
    uint64_t conflicts;   /**< puts of another event under a key */
    uint64_t refused;     /**< keys that are none, closed or too far in the future */
    uint64_t failed;      /**< events that the module could not store */
    uint64_t lookups;     /**< puts for which had to be read */
    uint64_t commits;     /**< writes to the module */
    uint64_t syncs;       /**< of them, those that waited for the disk */
} alldata_storage_stats;

/** Fill stats, of which struct_size is set. Thread-safe. */
REPLI_API void alldata_storage_stats_get(alldata_storage *storage, alldata_storage_stats *stats);

/* Reading. */

/** A reader of events in the order of their keys. */
typedef struct alldata_scan alldata_scan;

/** Checksums of what is read are compared, which takes about half as long again. */
#define ALLDATA_SCAN_VERIFY (1u << 0)

typedef struct alldata_scan_options {
    uint32_t struct_size;
    uint32_t flags;       /**< ALLDATA_SCAN_VERIFY */
    const char *from;     /**< first key, or the beginning of one; NULL: from the first */
    const char *until;    /**< the key, or beginning of one, before which it ends; NULL: the last */
    const char *prefix;   /**< only keys that begin so, such as "20261121T"; NULL: all */
    const char *interval; /**< only what is in the interval of that name; NULL: all */
} alldata_scan_options;

#define ALLDATA_SCAN_OPTIONS_INIT                                                                  \
    { (uint32_t)sizeof(alldata_scan_options), 0, NULL, NULL, NULL, NULL }

/**
 * Begin to read. Events that come later may or may not be seen. options may be NULL.
 * REPLI_ENOTFOUND: there is no such interval. Thread-safe; readers and writers do not wait for each
 * other.
 */
REPLI_API int32_t alldata_scan_new(alldata_storage *storage, const alldata_scan_options *options,
                                   alldata_scan **ret_scan, repli_error *err);
/** The next record, which lives until the next call for this scan. REPLI_EDONE: there are no more.
 * A scan belongs to one thread at a time. */
REPLI_API int32_t alldata_scan_next(alldata_scan *scan, alldata_record *ret_record,
                                    repli_error *err);
/** NULL is fine. */
REPLI_API void alldata_scan_free(alldata_scan *scan);

/**
 * The last key of a node among those that lie ahead of the clock: what the generator of a new
 * process goes on after, in case that the clock was set back since. REPLI_ENOTFOUND: there is none,
 * and any key will be new. Thread-safe.
 */
REPLI_API int32_t alldata_storage_last_key(alldata_storage *storage, int32_t node,
                                           char ret_key[ALLDATA_KEY_SIZE], repli_error *err);

/**
 * Write a closed interval into a file, which appears whole or not at all. See alldata-export(5).
 * REPLI_ESTATE: it is not closed; REPLI_ENOTFOUND: there is none. Thread-safe.
 */
REPLI_API int32_t alldata_storage_export(alldata_storage *storage, const char *interval,
                                         const char *path, repli_error *err);

#ifdef __cplusplus
}
#endif

#endif
