/*
 * bench_alldata DIRECTORY: AllData's storage beside LevelDB used directly, on the same disk and in
 * the same run. Events have 100 bytes; both sides make their keys with our generator. Then puts
 * through a coordinator beside those of threads that call the storage.
 */
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <leveldb/c.h>

#include <alldata/alldata.h>

#include "base/clock.h"
#include "figures.h"

#define ROUND_NS ((uint64_t)(200 * REPLI__NS_PER_MS))

enum { EVENT = 100, BULK = 1000, MOST_THREADS = 64 };

static char our_path[600];
static char raw_path[600];
static char event[EVENT + 1];
static alldata_keygen *keygen;

typedef struct raw {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_writeoptions_t *write;
    leveldb_readoptions_t *read;
} raw;

static alldata_storage *ours;
static raw theirs;

static void die(const char *what, const char *why) {
    fprintf(stderr, "bench_alldata: %s: %s\n", what, why);
    exit(1);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void open_both(int syncs) {
    alldata_storage_options options = ALLDATA_STORAGE_OPTIONS_INIT;
    repli_error err = REPLI_ERROR_INIT;
    char *text = NULL;
    options.location = our_path;
    options.put_flags = syncs ? ALLDATA_PUT_SYNC : 0;
    if (alldata_storage_new(&options, NULL, &ours, &err) != REPLI_OK)
        die(err.message, err.cause);
    theirs.options = leveldb_options_create();
    theirs.cache = leveldb_cache_create_lru(8 << 20);
    theirs.write = leveldb_writeoptions_create();
    theirs.read = leveldb_readoptions_create();
    leveldb_options_set_create_if_missing(theirs.options, 1);
    leveldb_options_set_compression(theirs.options, leveldb_no_compression);
    leveldb_options_set_cache(theirs.options, theirs.cache);
    leveldb_writeoptions_set_sync(theirs.write, (uint8_t)syncs);
    theirs.db = leveldb_open(theirs.options, raw_path, &text);
    if (theirs.db == NULL)
        die(raw_path, text);
}

static void close_both(void) {
    alldata_storage_free(ours);
    leveldb_close(theirs.db);
    leveldb_options_destroy(theirs.options);
    leveldb_cache_destroy(theirs.cache);
    leveldb_writeoptions_destroy(theirs.write);
    leveldb_readoptions_destroy(theirs.read);
    nftw(our_path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    nftw(raw_path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_key(char key[ALLDATA_KEY_SIZE]) {
    repli_error err = REPLI_ERROR_INIT;
    if (alldata_keygen_next(keygen, key, &err) != REPLI_OK)
        die("key", err.message);
}

/* One put, or one call with many. */

static void our_put(size_t count) {
    static _Thread_local char keys[BULK][ALLDATA_KEY_SIZE];
    static _Thread_local alldata_record records[BULK];
    repli_error err = REPLI_ERROR_INIT;
    for (size_t i = 0; i < count; i++) {
        make_key(keys[i]);
        records[i] = (alldata_record){.struct_size = sizeof(records[i]),
                                      .key = keys[i],
                                      .key_size = ALLDATA_KEY_LENGTH,
                                      .event = event,
                                      .event_size = EVENT};
    }
    if (alldata_storage_put(ours, records, count, 0, &err) != REPLI_OK)
        die(err.message, err.cause);
}

static void raw_put(size_t count) {
    char key[ALLDATA_KEY_SIZE];
    char *text = NULL;
    if (count == 1) {
        make_key(key);
        leveldb_put(theirs.db, theirs.write, key, ALLDATA_KEY_LENGTH, event, EVENT, &text);
    } else {
        leveldb_writebatch_t *batch = leveldb_writebatch_create();
        for (size_t i = 0; i < count; i++) {
            make_key(key);
            leveldb_writebatch_put(batch, key, ALLDATA_KEY_LENGTH, event, EVENT);
        }
        leveldb_write(theirs.db, theirs.write, batch, &text);
        leveldb_writebatch_destroy(batch);
    }
    if (text != NULL)
        die(raw_path, text);
}

typedef struct putters {
    void (*put)(size_t count);
    size_t bulk;
    uint64_t until_ns;
    atomic_ullong count;
} putters;

static void *put_on(void *argument) {
    putters *all = argument;
    uint64_t count = 0;
    while (repli__mono_ns() < all->until_ns) {
        all->put(all->bulk);
        count += all->bulk;
    }
    atomic_fetch_add(&all->count, count);
    return NULL;
}

static double put_rate(void (*put)(size_t count), size_t bulk, int threads) {
    const uint64_t since = repli__mono_ns();
    putters all = {.put = put, .bulk = bulk, .until_ns = since + ROUND_NS};
    pthread_t ids[MOST_THREADS];
    for (int i = 1; i < threads; i++)
        if (pthread_create(&ids[i], NULL, put_on, &all) != 0)
            die("thread", strerror(errno));
    put_on(&all);
    for (int i = 1; i < threads; i++)
        pthread_join(ids[i], NULL);
    return (double)atomic_load(&all.count) * 1e9 / (double)(repli__mono_ns() - since);
}

static void bench_puts(size_t bulk, int threads, int syncs, figures_target target) {
    figures both = {0};
    char what[80];
    open_both(syncs);
    for (int i = 0; i < figures_rounds(); i++) {
        const double rate = put_rate(our_put, bulk, threads);
        figures_add(&both, rate, put_rate(raw_put, bulk, threads));
    }
    snprintf(what, sizeof(what), "%s, %d thread%s%s", bulk == 1 ? "puts" : "bulk puts of 1000",
             threads, threads == 1 ? "" : "s", syncs ? ", synced" : "");
    figures_print(&both, what, "events/s", target);
    close_both();
}

/* Reading. */

static size_t our_scan(void) {
    alldata_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    size_t count = 0;
    if (alldata_scan_new(ours, NULL, &scan, &err) != REPLI_OK)
        die(err.message, err.cause);
    size_t sum = 0;
    for (; alldata_scan_next(scan, &record, NULL) == REPLI_OK; count++)
        sum += (size_t)record.event[0];
    alldata_scan_free(scan);
    return sum > 0 ? count : 0;
}

static size_t raw_scan(void) {
    leveldb_iterator_t *iterator = leveldb_create_iterator(theirs.db, theirs.read);
    size_t count = 0;
    size_t sum = 0;
    for (leveldb_iter_seek_to_first(iterator); leveldb_iter_valid(iterator);
         leveldb_iter_next(iterator), count++) {
        size_t size = 0;
        sum += (size_t)leveldb_iter_key(iterator, &size)[0];
        sum += (size_t)leveldb_iter_value(iterator, &size)[0];
    }
    leveldb_iter_destroy(iterator);
    return sum > 0 ? count : 0;
}

static double scan_rate(size_t (*scan)(void)) {
    const uint64_t since = repli__mono_ns();
    const size_t count = scan();
    return (double)count * 1e9 / (double)(repli__mono_ns() - since);
}

static void fill_both(size_t count) {
    for (size_t i = 0; i < count; i += BULK) {
        our_put(BULK);
        raw_put(BULK);
    }
}

static void bench_scan(void) {
    figures both = {0};
    open_both(0);
    fill_both(figures_quick() ? 100000 : 1000000);
    for (int i = 0; i < figures_rounds(); i++) {
        const double rate = scan_rate(our_scan);
        figures_add(&both, rate, scan_rate(raw_scan));
    }
    figures_print(&both, "scan / iteration", "events/s", AT_LEAST(0.7));
    close_both();
}

/* A writer beside a reader. */

static atomic_int stop;

static void *scan_on(void *argument) {
    size_t (*scan)(void) = *(size_t(**)(void))argument;
    while (!atomic_load(&stop))
        scan();
    return NULL;
}

static double beside_reader(void (*put)(size_t count), size_t (*scan)(void), size_t bulk) {
    pthread_t reader;
    atomic_store(&stop, 0);
    if (pthread_create(&reader, NULL, scan_on, &scan) != 0)
        die("thread", strerror(errno));
    const double rate = put_rate(put, bulk, 1);
    atomic_store(&stop, 1);
    pthread_join(reader, NULL);
    return rate;
}

/* What is measured second has to do what LevelDB put off in the first, so they take turns. */
static void add_beside(figures *to, void (*put)(size_t count), size_t (*scan)(void), int turn) {
    const double first = turn ? put_rate(put, 1, 1) : beside_reader(put, scan, 1);
    const double second = turn ? beside_reader(put, scan, 1) : put_rate(put, 1, 1);
    figures_add(to, turn ? second : first, turn ? first : second);
}

static void bench_beside(int syncs, figures_target target) {
    figures us = {0};
    figures them = {0};
    open_both(syncs);
    fill_both(figures_quick() ? 50000 : 200000);
    for (int i = 0; i < figures_rounds(); i++) {
        add_beside(&us, our_put, our_scan, i % 2);
        add_beside(&them, raw_put, raw_scan, i % 2);
    }
    char what[80];
    snprintf(what, sizeof(what), "a writer beside a reader / alone%s", syncs ? ", synced" : "");
    figures_print(&us, what, "events/s", target);
    figures_print(&them, "  the same with LevelDB alone", "events/s", NO_TARGET);
    close_both();
}

/* Puts through a coordinator: so many clients, each of which puts its next event when it is told of
 * the last, beside as many threads that call the storage. */

static alldata_coordinator *coordinator;
static atomic_size_t answered;
static atomic_int waiting;

static void put_next(void *user_data, const alldata_put_result *results, size_t count) {
    alldata_put put = ALLDATA_PUT_INIT;
    repli_error err = REPLI_ERROR_INIT;
    for (size_t i = 0; i < count; i++)
        if (results[i].code != REPLI_OK)
            die("coordinator", results[i].error->message);
    atomic_fetch_add(&answered, count);
    if (atomic_load(&stop)) {
        atomic_fetch_sub(&waiting, 1);
        return;
    }
    put.event = event;
    put.event_size = EVENT;
    if (alldata_coordinator_put(coordinator, &put, 1, put_next, user_data, &err) != REPLI_OK)
        die("coordinator", err.message);
}

static double coordinated_rate(int clients) {
    const struct timespec pause = {.tv_nsec = 1000000};
    atomic_store(&stop, 0);
    atomic_store(&answered, 0);
    atomic_store(&waiting, clients);
    const uint64_t since = repli__mono_ns();
    for (int i = 0; i < clients; i++)
        put_next(NULL, NULL, 0);
    while (repli__mono_ns() < since + ROUND_NS)
        nanosleep(&pause, NULL);
    const double rate = (double)atomic_load(&answered) * 1e9 / (double)(repli__mono_ns() - since);
    atomic_store(&stop, 1);
    while (atomic_load(&waiting) > 0)
        nanosleep(&pause, NULL);
    return rate;
}

static void bench_coordinator(int clients, int syncs) {
    figures both = {0};
    char what[80];
    alldata_coordinator_options options = ALLDATA_COORDINATOR_OPTIONS_INIT;
    open_both(syncs);
    options.storage = ours;
    options.keygen = keygen;
    if (alldata_coordinator_new(&options, NULL, &coordinator, NULL) != REPLI_OK)
        die("coordinator", "cannot be made");
    for (int i = 0; i < figures_rounds(); i++) {
        const double rate = coordinated_rate(clients);
        figures_add(&both, rate, put_rate(our_put, 1, clients));
    }
    snprintf(what, sizeof(what), "a coordinator's clients / threads, %d%s", clients,
             syncs ? ", synced" : "");
    figures_print(&both, what, "events/s", NO_TARGET);
    alldata_coordinator_free(coordinator);
    close_both();
}

/* Keys. */

static void bench_keys(void) {
    enum { COUNT = 1000000 };
    char key[ALLDATA_KEY_SIZE];
    const uint64_t since = repli__mono_ns();
    for (int i = 0; i < COUNT; i++)
        make_key(key);
    figures_alone("a key", (double)(repli__mono_ns() - since) / COUNT / 1000, "µs", AT_MOST(1));
}

int main(int argc, char **argv) {
    char directory[512];
    alldata_keygen_options options = ALLDATA_KEYGEN_OPTIONS_INIT;
    if (argc < 2 || (size_t)snprintf(directory, sizeof(directory), "%s/bench-XXXXXX", argv[1]) >=
                        sizeof(directory)) {
        fprintf(stderr, "usage: bench_alldata DIRECTORY\n");
        return 2;
    }
    if (mkdtemp(directory) == NULL)
        die(argv[1], strerror(errno));
    snprintf(our_path, sizeof(our_path), "%s/ours", directory);
    snprintf(raw_path, sizeof(raw_path), "%s/raw", directory);
    memset(event, 'e', EVENT);
    memcpy(event, "{\"stuff\":\"", 10);
    memcpy(event + EVENT - 2, "\"}", 2);
    options.node = 1;
    if (alldata_keygen_new(&options, NULL, &keygen, NULL) != REPLI_OK)
        die("keygen", "cannot be made");

    printf("AllData's storage beside LevelDB %d.%d: events of %d bytes, medians of %d rounds\n\n",
           leveldb_major_version(), leveldb_minor_version(), EVENT, figures_rounds());
    figures_head("storage", "LevelDB");
    static const int threads[] = {1, 16, 64};
    for (int syncs = 0; syncs < 2; syncs++)
        for (size_t i = 0; i < 3; i++)
            bench_puts(1, threads[i], syncs, NO_TARGET);
    bench_puts(BULK, 1, 0, AT_LEAST(0.8));
    bench_puts(BULK, 16, 0, AT_LEAST(0.8));
    bench_puts(BULK, 1, 1, AT_LEAST(0.8));
    bench_scan();
    bench_beside(0, AT_LEAST(0.8));
    bench_beside(1, AT_LEAST(0.8));
    for (int syncs = 0; syncs < 2; syncs++)
        for (size_t i = 0; i < 3; i++)
            bench_coordinator(threads[i], syncs);
    bench_keys();
    alldata_keygen_free(keygen);
    rmdir(directory);
    return 0;
}
