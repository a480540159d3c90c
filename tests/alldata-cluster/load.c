#include "load.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { TIMEOUT_MS = 2000, RETRY_PAUSE_MS = 5 };

void load_init(load *l, cluster *c, size_t threads) {
    *l = (load){.cluster = c, .threads = threads};
    pthread_mutex_init(&l->mutex, NULL);
}

void load_dispose(load *l) {
    pthread_mutex_destroy(&l->mutex);
    free(l->puts);
}

/* Text of more than one byte a character, a number that no double holds, and white space: all of it
 * is to come back as it was. */
size_t load_event(const char *key, char *to) {
    return (size_t)snprintf(
        to, 160, "{ \"of\":\"%s\", \"n\":12345678901234567890,\n\"text\":\"é€😀 %.*s\" }", key,
        (int)(key[26] - '0') * 4, "0123456789012345678901234567890123456789");
}

static size_t remember(load *l, const char *key) {
    pthread_mutex_lock(&l->mutex);
    if (l->count == l->capacity) {
        l->capacity = l->capacity > 0 ? 2 * l->capacity : 4096;
        l->puts = realloc(l->puts, l->capacity * sizeof(*l->puts));
        ck_assert_ptr_nonnull(l->puts);
    }
    const size_t at = l->count++;
    snprintf(l->puts[at].key, sizeof(l->puts[at].key), "%s", key);
    l->puts[at].acknowledged = 0;
    pthread_mutex_unlock(&l->mutex);
    return at;
}

static void conclude(load *l, size_t at, int acknowledged) {
    pthread_mutex_lock(&l->mutex);
    l->puts[at].acknowledged = (char)acknowledged;
    l->acknowledged += acknowledged != 0;
    l->failed += acknowledged == 0;
    pthread_mutex_unlock(&l->mutex);
}

static alldata_client *client_of(const load *l, size_t node) {
    const char *urls[1] = {l->cluster->nodes[node].url};
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    options.urls = urls;
    options.url_count = 1;
    options.timeout_ms = l->timeout_ms > 0 ? l->timeout_ms : TIMEOUT_MS;
    alldata_client *client = NULL;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_client_new(&options, NULL, &client, &err) == REPLI_OK, "%s", err.message);
    return client;
}

static int32_t level(const char *commit) {
    return commit == NULL                  ? ALLDATA_COMMIT_DEFAULT
           : strcmp(commit, "one") == 0    ? ALLDATA_COMMIT_ONE
           : strcmp(commit, "quorum") == 0 ? ALLDATA_COMMIT_QUORUM
                                           : ALLDATA_COMMIT_ALL;
}

static int put(const load *l, alldata_client *const *clients, size_t count, size_t turn,
               const char *key) {
    char event[160];
    alldata_put one = ALLDATA_PUT_INIT;
    one.key = key;
    one.event = event;
    one.event_size = load_event(key, event);
    one.commit = level(l->commit);
    for (size_t try = 0; try < (l->once ? 1 : count); try++) {
        alldata_put_result result = {.struct_size = sizeof(result)};
        if (alldata_client_put(clients[(turn + try) % count], &one, &result, NULL) == REPLI_OK)
            return 1;
    }
    return 0;
}

static void rest(load *l) {
    atomic_fetch_add(&l->resting, 1);
    while (atomic_load(&l->paused) && !atomic_load(&l->stop))
        program_pause_ms(1);
    atomic_fetch_sub(&l->resting, 1);
}

static void *run(void *argument) {
    load *l = argument;
    alldata_client *clients[CLUSTER_NODES];
    const size_t count = l->nodes != NULL ? l->node_count : l->cluster->count;
    for (size_t i = 0; i < count; i++)
        clients[i] = client_of(l, l->nodes != NULL ? l->nodes[i] : i);
    alldata_keygen *keygen;
    ck_assert_int_eq(alldata_keygen_new(NULL, NULL, &keygen, NULL), REPLI_OK);
    for (size_t turn = 0; !atomic_load(&l->stop); turn++) {
        if (atomic_load(&l->paused)) {
            rest(l);
            continue;
        }
        char key[ALLDATA_KEY_SIZE];
        ck_assert_int_eq(alldata_keygen_next(keygen, key, NULL), REPLI_OK);
        const size_t at = remember(l, key);
        const int acknowledged = put(l, clients, count, turn, key);
        conclude(l, at, acknowledged);
        if (!acknowledged)
            program_pause_ms(RETRY_PAUSE_MS);
    }
    for (size_t i = 0; i < count; i++)
        alldata_client_free(clients[i]);
    alldata_keygen_free(keygen);
    return NULL;
}

void load_start(load *l) {
    atomic_store(&l->stop, 0);
    for (size_t i = 0; i < l->threads; i++)
        ck_assert_int_eq(pthread_create(&l->ids[i], NULL, run, l), 0);
}

void load_pause(load *l) {
    atomic_store(&l->paused, 1);
    while (atomic_load(&l->resting) < l->threads)
        program_pause_ms(1);
}

void load_resume(load *l) {
    atomic_store(&l->paused, 0);
}

void load_stop(load *l) {
    atomic_store(&l->stop, 1);
    for (size_t i = 0; i < l->threads; i++)
        pthread_join(l->ids[i], NULL);
    atomic_store(&l->paused, 0);
}
