#include "agent/facts.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"

static const char cluster_key[] = "cluster.id";
static const char version_key[] = "store.version";

void repli__facts_init(repli__facts *facts) {
    *facts = (repli__facts){0};
    pthread_mutex_init(&facts->mutex, NULL);
    repli__maintenance_init(&facts->maintenance);
}

void repli__facts_dispose(repli__facts *facts) {
    repli__maintenance_dispose(&facts->maintenance);
    pthread_mutex_destroy(&facts->mutex);
}

static int32_t read_fact(repli__fact *fact, const char *key, repli__store *store,
                         repli_error *err) {
    char value[sizeof(fact->value)];
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__store_recall(store, key, value, sizeof(value), &error);
    if (code == REPLI_ENOTFOUND) /* a new database knows nothing yet */
        return REPLI_OK;
    if (code != REPLI_OK)
        return repli__error_copy(err, &error);
    memcpy(fact->value, value, sizeof(value));
    return REPLI_OK;
}

int32_t repli__facts_read(repli__facts *facts, repli__store *store, repli_error *err) {
    int32_t code = read_fact(&facts->cluster_id, cluster_key, store, err);
    if (code == REPLI_OK)
        code = read_fact(&facts->version, version_key, store, err);
    return code != REPLI_OK ? code : repli__maintenance_load(&facts->maintenance, store, err);
}

/* The lock is not held while the disk works. */
static int32_t write_fact(repli__facts *facts, repli__fact *fact, const char *key,
                          repli__store *store, repli_error *err) {
    char value[sizeof(fact->value)];
    pthread_mutex_lock(&facts->mutex);
    const int changed = fact->changed;
    memcpy(value, fact->value, sizeof(value));
    fact->changed = 0;
    pthread_mutex_unlock(&facts->mutex);
    if (!changed)
        return REPLI_OK;
    const int32_t code = repli__store_remember(store, key, value, err);
    if (code != REPLI_OK) {
        pthread_mutex_lock(&facts->mutex);
        fact->changed = 1;
        pthread_mutex_unlock(&facts->mutex);
    }
    return code;
}

int32_t repli__facts_write(repli__facts *facts, repli__store *store, repli_error *err) {
    const int32_t code = write_fact(facts, &facts->cluster_id, cluster_key, store, err);
    return code != REPLI_OK ? code : write_fact(facts, &facts->version, version_key, store, err);
}

int repli__facts_changed(repli__facts *facts) {
    pthread_mutex_lock(&facts->mutex);
    const int changed = facts->cluster_id.changed || facts->version.changed;
    pthread_mutex_unlock(&facts->mutex);
    return changed;
}

/* Not 0 if value is another than before. One that has no room is not remembered. */
static int set_fact(repli__fact *fact, const char *value) {
    const size_t size = strlen(value) + 1;
    if (size > sizeof(fact->value) || strcmp(fact->value, value) == 0)
        return 0;
    memcpy(fact->value, value, size);
    fact->changed = 1;
    return 1;
}

int repli__facts_set_cluster(repli__facts *facts, const char *cluster_id, char *ret_previous,
                             size_t size) {
    pthread_mutex_lock(&facts->mutex);
    char before[sizeof(facts->cluster_id.value)];
    memcpy(before, facts->cluster_id.value, sizeof(before));
    const int moved = set_fact(&facts->cluster_id, cluster_id) && before[0] != '\0';
    if (moved) {
        memcpy(facts->previous_id, before, sizeof(before));
        facts->cluster_changes++;
        snprintf(ret_previous, size, "%s", before);
    }
    pthread_mutex_unlock(&facts->mutex);
    return moved;
}

void repli__facts_previous_cluster(repli__facts *facts, char *ret_id, size_t size) {
    pthread_mutex_lock(&facts->mutex);
    snprintf(ret_id, size, "%s", facts->previous_id);
    pthread_mutex_unlock(&facts->mutex);
}

uint64_t repli__facts_cluster_changes(repli__facts *facts) {
    pthread_mutex_lock(&facts->mutex);
    const uint64_t changes = facts->cluster_changes;
    pthread_mutex_unlock(&facts->mutex);
    return changes;
}

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

void repli__facts_set_told(repli__facts *facts, const repli_store_version *version) {
    char text[sizeof(facts->version.value)];
    const char *checkout = or_empty(version->checkout);
    const int size =
        snprintf(text, sizeof(text), "%s\t%s\t%s", version->number,
                 strchr(checkout, '\t') == NULL ? checkout : "", or_empty(version->extra));
    if (size < 0 || (size_t)size >= sizeof(text))
        return;
    pthread_mutex_lock(&facts->mutex);
    set_fact(&facts->version, text);
    facts->found = (repli__version){0};
    pthread_mutex_unlock(&facts->mutex);
}

int repli__facts_set_found(repli__facts *facts, const repli__version *version) {
    static const repli__version none = {0};
    const repli__version *fresh = version != NULL ? version : &none;
    pthread_mutex_lock(&facts->mutex);
    const int news = strcmp(facts->found.number, fresh->number) != 0;
    facts->found = *fresh;
    pthread_mutex_unlock(&facts->mutex);
    return news;
}

/* The part of text up to the next tab, or all of it; what follows it. A part without room counts as
 * absent. */
static const char *take_part(const char *text, int last, char *ret_part, size_t size) {
    const size_t length = last ? strlen(text) : strcspn(text, "\t");
    if (length < size) {
        memcpy(ret_part, text, length);
        ret_part[length] = '\0';
    }
    return text[length] == '\t' ? text + length + 1 : text + length;
}

void repli__facts_version(repli__facts *facts, repli__version *ret_version) {
    pthread_mutex_lock(&facts->mutex);
    repli__version version = facts->found;
    if (version.number[0] == '\0') {
        const char *rest =
            take_part(facts->version.value, 0, version.number, sizeof(version.number));
        rest = take_part(rest, 0, version.checkout, sizeof(version.checkout));
        take_part(rest, 1, version.extra, sizeof(version.extra));
        version.source = "memory";
    }
    pthread_mutex_unlock(&facts->mutex);
    *ret_version = version;
}
