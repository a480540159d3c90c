#include "judge.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 200 };

/* What some node has under a key. */
typedef struct found {
    char key[ALLDATA_KEY_SIZE];
    unsigned char node;
    unsigned char good; /* it is the event that was put under that key */
} found;

typedef struct finds {
    found *items;
    size_t count, capacity;
} finds;

static void add(finds *all, const alldata_record *record, size_t node) {
    if (all->count == all->capacity) {
        all->capacity = all->capacity > 0 ? 2 * all->capacity : 65536;
        all->items = realloc(all->items, all->capacity * sizeof(*all->items));
        ck_assert_ptr_nonnull(all->items);
    }
    found *f = &all->items[all->count++];
    char event[160];
    ck_assert_uint_lt(record->key_size, sizeof(f->key));
    memcpy(f->key, record->key, record->key_size);
    f->key[record->key_size] = '\0';
    f->node = (unsigned char)node;
    f->good = record->key_size == ALLDATA_KEY_LENGTH &&
              load_event(f->key, event) == record->event_size &&
              memcmp(event, record->event, record->event_size) == 0;
}

static void read_node(cluster *c, size_t i, finds *all) {
    const char *urls[1] = {c->nodes[i].url};
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    options.urls = urls;
    options.url_count = 1;
    options.timeout_ms = 30000;
    alldata_client *client;
    alldata_client_scan *scan;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata_client_new(&options, NULL, &client, &err) == REPLI_OK, "%s", err.message);
    alldata_client_scan_options what = ALLDATA_CLIENT_SCAN_OPTIONS_INIT;
    what.local = 1;
    int32_t code = alldata_client_scan_new(client, &what, &scan, &err);
    ck_assert_msg(code == REPLI_OK, "%s: %s", c->nodes[i].id, err.message);
    while ((code = alldata_client_scan_next(scan, &record, &err)) == REPLI_OK)
        add(all, &record, i);
    alldata_client_scan_free(scan);
    alldata_client_free(client);
    ck_assert_msg(code == REPLI_EDONE, "%s: %s", c->nodes[i].id, err.message);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const found *)a)->key, ((const found *)b)->key);
}

static int put_by_key(const void *a, const void *b) {
    return strcmp(((const load_put *)a)->key, ((const load_put *)b)->key);
}

static size_t running(const cluster *c) {
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += c->nodes[i].pid != 0;
    return count;
}

/* Both sorted by key. */
static verdict compare(const finds *all, const load_put *puts, size_t count, size_t copies,
                       size_t nodes) {
    verdict v = {0};
    size_t at = 0;
    for (size_t p = 0; p <= count; p++) {
        size_t have = 0;
        while (at < all->count && (p == count || strcmp(all->items[at].key, puts[p].key) < 0)) {
            at++;
            v.invented++;
        }
        if (p == count)
            break;
        for (; at < all->count && strcmp(all->items[at].key, puts[p].key) == 0; at++) {
            v.altered += !all->items[at].good;
            have++;
        }
        v.events += have > 0;
        v.uneven += have > 0 && have < nodes;
        v.lost += puts[p].acknowledged && have == 0;
        v.short_of += puts[p].acknowledged && have < copies;
    }
    return v;
}

verdict judge(cluster *c, const load *l, size_t copies) {
    finds all = {0};
    for (size_t i = 0; i < c->count; i++)
        if (c->nodes[i].pid != 0)
            read_node(c, i, &all);
    load_put *puts = calloc(l->count + 1, sizeof(*puts));
    ck_assert_ptr_nonnull(puts);
    memcpy(puts, l->puts, l->count * sizeof(*puts));
    qsort(puts, l->count, sizeof(*puts), put_by_key);
    if (all.count > 0)
        qsort(all.items, all.count, sizeof(*all.items), by_key);
    const verdict v = compare(&all, puts, l->count, copies, running(c));
    free(puts);
    free(all.items);
    return v;
}

long judge_wait(cluster *c, const load *l, size_t copies, int even, long limit_ms) {
    const long since = cluster_now_ms();
    for (;;) {
        const verdict v = judge(c, l, copies);
        const long took = cluster_now_ms() - since;
        ck_assert_msg(v.altered == 0 && v.invented == 0 && v.lost == 0,
                      "%zu altered, %zu invented, %zu lost", v.altered, v.invented, v.lost);
        if (v.short_of == 0 && (!even || v.uneven == 0))
            return took;
        ck_assert_msg(took < limit_ms,
                      "after %ld ms %zu events are in fewer than %zu stores, %zu not in all: %s",
                      took, v.short_of, copies, v.uneven, cluster_log(c, 0));
        cluster_pause_ms(POLL_MS);
    }
}
