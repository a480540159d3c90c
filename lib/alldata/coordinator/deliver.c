#include "alldata/coordinator/state.h"

#include <string.h>

#include <alldata/alldata.h>

#include "base/clock.h"
#include "base/error.h"

/*
 * Hands over what peers missed, in the order of keys, as soon as they are back: a few events first,
 * then more at a time. What a peer refuses is tried a few times more, and dropped then, so that it
 * does not stand in the way of the rest for ever.
 */

enum { WINDOW_MAX = 512, REFERENCE_WINDOW_MAX = 16, BATCH_BYTES = 512 << 10, REFUSALS = 5 };
/* Records that are passed over before the next one is looked for otherwise. */
enum { STEPS = 64, RETRY_TIMEOUTS = 10 };

/* Reading. */

/* Events of ascending keys in the storage. */
typedef struct reader {
    alldata_storage *storage;
    alldata_scan *scan;
    alldata_record record;
    int has; /* a record */
} reader;

static int compare(const reader *in, const char *key) {
    const size_t size =
        in->record.key_size < ALLDATA_KEY_LENGTH ? in->record.key_size : ALLDATA_KEY_LENGTH;
    const int order = memcmp(in->record.key, key, size);
    return order != 0 ? order : (in->record.key_size > size) - (size < ALLDATA_KEY_LENGTH);
}

static int32_t step(reader *in, repli_error *err) {
    const int32_t code = alldata_scan_next(in->scan, &in->record, err);
    in->has = code == REPLI_OK;
    return code;
}

static int32_t seek(reader *in, const char *key, repli_error *err) {
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    options.from = key;
    alldata_scan_free(in->scan);
    in->scan = NULL;
    in->has = 0;
    const int32_t code = alldata_scan_new(in->storage, &options, &in->scan, err);
    return code == REPLI_OK ? step(in, err) : code;
}

/* REPLI_EDONE or REPLI_ENOTFOUND: it is not there. */
static int32_t find(reader *in, const char *key, repli_error *err) {
    int32_t code = in->scan == NULL ? seek(in, key, err) : in->has ? REPLI_OK : REPLI_EDONE;
    for (int i = 0; code == REPLI_OK && compare(in, key) < 0; i++)
        code = i < STEPS ? step(in, err) : seek(in, key, err);
    return code == REPLI_OK && compare(in, key) != 0 ? REPLI_ENOTFOUND : code;
}

/* Hints of one peer that are to be delivered. */
typedef struct batch {
    const alldata_coordinator *c;
    alldata__hint *hints;
    size_t count, most;
    size_t bytes;
    int lacks; /* memory */
} batch;

static int32_t take_hint(void *user_data, const char *peer, size_t size,
                         const alldata__hint *hint) {
    batch *to = user_data;
    (void)peer;
    (void)size;
    if (to->count == to->most || to->bytes >= BATCH_BYTES)
        return 1;
    alldata__hint *own = &to->hints[to->count];
    *own = *hint;
    if (hint->event != NULL) {
        own->own = repli__alloc(&to->c->mem, hint->event_size);
        to->lacks = own->own == NULL;
        if (to->lacks)
            return 1;
        memcpy(own->own, hint->event, hint->event_size);
        own->event = own->own;
        to->bytes += hint->event_size;
    }
    to->count++;
    return 0;
}

/* Sending. */

/* What a site was found like, since it may change meanwhile. */
typedef struct target {
    alldata__site *site; /* NULL: there is none; it stays, as there are hints for it */
    size_t most;
    char from[ALLDATA_KEY_SIZE + 1];
} target;

static alldata__errand *new_errand(alldata_coordinator *c, alldata__site *site, size_t most) {
    alldata__hint *hints = repli__calloc(&c->mem, most, sizeof(*hints));
    alldata__coordinator_enter(c);
    alldata__errand *errand = hints != NULL ? alldata__errand_new(c, site) : NULL;
    if (errand != NULL)
        errand->hints = hints;
    else
        repli__free(&c->mem, hints);
    alldata__coordinator_leave(c);
    return errand;
}

/* REPLI_ENOTFOUND: its event is gone. */
static int32_t load(reader *in, alldata__errand *errand, alldata__hint *hint, repli_error *err) {
    alldata_record record = ALLDATA_RECORD_INIT;
    record.key = hint->key;
    record.key_size = ALLDATA_KEY_LENGTH;
    record.event = hint->event;
    record.event_size = hint->event_size;
    if (hint->event == NULL) {
        const int32_t code = find(in, hint->key, err);
        if (code != REPLI_OK)
            return code == REPLI_EDONE ? REPLI_ENOTFOUND : code;
        record.event = in->record.event;
        record.event_size = in->record.event_size;
    }
    if (alldata__errand_add(errand, &record) != REPLI_OK)
        return repli__error_nomem(err, ALLDATA__COORDINATOR, "delivering hints");
    errand->hints[errand->count++] = *hint;
    hint->own = NULL;
    return REPLI_OK;
}

/* Not if there is nothing in it. */
static void send(alldata_coordinator *c, alldata__errand *errand) {
    alldata__coordinator_enter(c);
    if (errand->count == 0 || c->is_stopping) {
        alldata__errand_free(c, errand);
    } else {
        errand->site->delivering++;
        alldata__errand_send(c, errand);
    }
    alldata__coordinator_leave(c);
}

/* Returns how many events are gone. */
static size_t send_batch(alldata_coordinator *c, alldata__site *site, batch *from) {
    reader in = {.storage = c->options.storage, .record = ALLDATA_RECORD_INIT};
    repli_error error = REPLI_ERROR_INIT;
    alldata__errand *errand = NULL;
    size_t lost = 0;
    int32_t code = REPLI_OK;
    for (size_t i = 0; i < from->count && (code == REPLI_OK || code == REPLI_ENOTFOUND); i++) {
        if (errand == NULL)
            errand = new_errand(c, site, from->count - i);
        if (errand == NULL)
            break;
        code = load(&in, errand, &from->hints[i], &error);
        if (code == REPLI_ENOTFOUND) {
            alldata__hints_remove(c->hints, site->id, from->hints[i].key);
            lost++;
        }
        if (code == REPLI_OK && !errand->is_native) {
            send(c, errand);
            errand = NULL;
        }
    }
    if (errand != NULL)
        send(c, errand);
    alldata_scan_free(in.scan);
    if (code != REPLI_OK && code != REPLI_ENOTFOUND)
        repli__log_printf(&c->log, REPLI_LOG_ERROR, ALLDATA__COORDINATOR,
                          "cannot read what %s missed: %s", site->id, error.message);
    return lost;
}

/* Keeping count. The mutex is held. */

static void forget(alldata_coordinator *c, alldata__site *site, uint64_t count) {
    count = count < site->hints ? count : site->hints;
    site->hints -= count;
    c->counters.hints_pending -= count;
}

static int is_due(const alldata_coordinator *c, const alldata__site *site, uint64_t *due_ns) {
    if (c->is_stopping || site->hints == 0 || !site->is_known || !site->is_live ||
        site->is_forgotten || site->delivering > 0)
        return 0;
    const uint64_t at_ns =
        site->failures > 0 && site->away_ns > site->due_ns ? site->away_ns : site->due_ns;
    if (at_ns <= repli__mono_ns())
        return 1;
    if (at_ns < *due_ns)
        *due_ns = at_ns;
    return 0;
}

static target find_due(alldata_coordinator *c, uint64_t *due_ns) {
    target to = {.site = NULL};
    pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; i < c->site_count && to.site == NULL; i++) {
        alldata__site *site = c->sites[i];
        if (!is_due(c, site, due_ns))
            continue;
        const size_t most = site->is_native ? WINDOW_MAX : REFERENCE_WINDOW_MAX;
        to.site = site;
        to.most = site->window < most ? site->window : most;
        memcpy(to.from, site->from, sizeof(to.from));
    }
    pthread_mutex_unlock(&c->mutex);
    return to;
}

/* The last was reached: begin again, at once if there may be some that came meanwhile. */
static void end_pass(alldata_coordinator *c, alldata__site *site) {
    if (site->from[0] == '\0')
        forget(c, site, site->hints);
    if (site->refused > 0)
        site->due_ns = repli__deadline_ns((int64_t)(c->options.peer_timeout_ms * RETRY_TIMEOUTS));
    site->from[0] = '\0';
    site->refused = 0;
    alldata__site_drop(c, site);
}

static void go_on_after(alldata__site *site, const char *key) {
    memcpy(site->from, key, ALLDATA_KEY_LENGTH);
    memcpy(site->from + ALLDATA_KEY_LENGTH, "\1", 2);
}

static void deliver_to(alldata_coordinator *c, const target *to) {
    batch all = {.c = c, .most = to->most};
    repli_error error = REPLI_ERROR_INIT;
    size_t lost = 0;
    all.hints = repli__calloc(&c->mem, all.most, sizeof(*all.hints));
    int32_t code = all.hints != NULL ? alldata__hints_read(c->hints, to->site->id, to->from,
                                                           take_hint, &all, &error)
                                     : REPLI_ENOMEM;
    if (code == REPLI_OK && all.count > 0)
        lost = send_batch(c, to->site, &all);
    if (lost > 0)
        alldata__hints_write(c->hints, 0, NULL);
    alldata__coordinator_enter(c);
    if (code == REPLI_OK && all.count > 0)
        go_on_after(to->site, all.hints[all.count - 1].key);
    else if (code == REPLI_OK && !all.lacks)
        end_pass(c, to->site);
    else
        to->site->due_ns = repli__deadline_ns((int64_t)c->options.peer_timeout_ms);
    c->counters.hints_dropped += lost;
    if (lost > 0)
        forget(c, to->site, lost);
    alldata__coordinator_leave(c);
    for (size_t i = 0; i < all.count; i++)
        repli__free(&c->mem, all.hints[i].own);
    repli__free(&c->mem, all.hints);
}

/* Settling. */

/* What is to be removed, and what for. */
typedef struct tally {
    uint64_t delivered, dropped, refused;
} tally;

static void settle_hint(alldata_coordinator *c, const alldata__errand *errand, alldata__hint *hint,
                        tally *to) {
    const char *peer = errand->site->id;
    hint->refusals += hint->code == REPLI_EINVALID;
    const int drops = hint->code == REPLI_ECONFLICT || hint->refusals >= REFUSALS;
    if (hint->code == REPLI_OK || drops)
        alldata__hints_remove(c->hints, peer, hint->key);
    else
        alldata__hints_add(c->hints, peer, hint);
    if (drops)
        repli__log_printf(&c->log, REPLI_LOG_ERROR, ALLDATA__COORDINATOR,
                          "%s does not take the event %s, and is not asked to any more: %s", peer,
                          hint->key, alldata_error_name(hint->code));
    to->delivered += hint->code == REPLI_OK;
    to->dropped += drops;
    to->refused += hint->code != REPLI_OK && !drops;
}

static void settle(alldata_coordinator *c, alldata__errand *errand) {
    alldata__site *site = errand->site;
    repli_error error = REPLI_ERROR_INIT;
    tally all = {0};
    int32_t code = errand->code;
    for (size_t i = 0; code == REPLI_OK && i < errand->count; i++)
        settle_hint(c, errand, &errand->hints[i], &all);
    if (code == REPLI_OK)
        code = alldata__hints_write(c->hints, 0, &error);
    if (error.code != REPLI_OK)
        repli__log_printf(&c->log, REPLI_LOG_ERROR, ALLDATA__COORDINATOR, "%s", error.message);
    alldata__coordinator_enter(c);
    site->delivering--;
    if (code == REPLI_OK) {
        forget(c, site, all.delivered + all.dropped);
        c->counters.hints_delivered += all.delivered;
        c->counters.hints_dropped += all.dropped;
        site->refused += all.refused;
        if (all.delivered > 0 && site->window < WINDOW_MAX)
            site->window *= 2;
    } else {
        site->from[0] = '\0';
        site->due_ns = repli__deadline_ns((int64_t)c->options.peer_timeout_ms);
    }
    alldata__errand_free(c, errand);
    alldata__coordinator_leave(c);
}

static int settle_all(alldata_coordinator *c) {
    pthread_mutex_lock(&c->mutex);
    alldata__errand *list = c->delivered;
    c->delivered = NULL;
    pthread_mutex_unlock(&c->mutex);
    const int some = list != NULL;
    while (list != NULL) {
        alldata__errand *errand = list;
        list = errand->next;
        settle(c, errand);
    }
    return some;
}

/* Forgetting. */

static int32_t take_forgotten(void *user_data, const char *peer, size_t size,
                              const alldata__hint *hint) {
    batch *to = user_data;
    (void)size;
    alldata__hints_remove(to->c->hints, peer, hint->key);
    return ++to->count == to->most;
}

static int forget_some(alldata_coordinator *c) {
    alldata__site *site = NULL;
    pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; i < c->site_count && site == NULL; i++)
        if (c->sites[i]->is_forgotten)
            site = c->sites[i];
    pthread_mutex_unlock(&c->mutex);
    if (site == NULL)
        return 0;
    batch all = {.c = c, .most = ALLDATA__WRITES};
    int32_t code = alldata__hints_read(c->hints, site->id, "", take_forgotten, &all, NULL);
    if (all.count > 0)
        code = alldata__hints_write(c->hints, 0, NULL);
    const int ended = code != REPLI_OK || all.count < all.most;
    alldata__coordinator_enter(c);
    c->counters.hints_dropped += all.count;
    forget(c, site, ended ? site->hints : all.count);
    if (ended) {
        site->is_forgotten = 0;
        alldata__site_drop(c, site);
    }
    alldata__coordinator_leave(c);
    return !ended;
}

uint64_t alldata__deliver(alldata_coordinator *c) {
    uint64_t due_ns = UINT64_MAX;
    if (c->hints == NULL)
        return UINT64_MAX;
    const int settled = settle_all(c);
    const int forgot = forget_some(c);
    const target to = find_due(c, &due_ns);
    if (to.site != NULL)
        deliver_to(c, &to);
    return settled || forgot || to.site != NULL ? 0 : due_ns;
}
