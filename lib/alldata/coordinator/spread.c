#include "alldata/coordinator/state.h"

#include "base/clock.h"

/*
 * Which peers are to have an event: those that the placement says, as far as they live and answer.
 * If these do not suffice for the commit level, those that live but are slow, or did not answer
 * lately, are asked all the same, and once more those that failed. For what is lacking then a hint
 * is kept for peers that are known and away.
 */

/* Of the bytes that may wait at all, those that may wait for a peer that others can stand in for.
 */
enum { SHARES = 2 };

static int has_room(const alldata_coordinator *c, const alldata__site *site) {
    return site->queued_bytes < c->options.max_waiting_bytes / SHARES;
}

static int may_be_asked(const alldata_coordinator *c, const alldata__site *site) {
    (void)c;
    return site->is_known && site->is_live;
}

/* One that did not answer is tried with one event first, when its time has come. */
static int answers(const alldata_coordinator *c, const alldata__site *site) {
    return may_be_asked(c, site) && has_room(c, site) &&
           (site->failures == 0 || (site->tries == 0 && repli__mono_ns() >= site->away_ns));
}

static int may_have_hint(const alldata_coordinator *c, const alldata__site *site) {
    (void)c;
    return !site->is_dropped;
}

/* A reference node takes nothing for an interval that it has closed, now or later. Of one that is
 * only known by its hints it is not known what it is. */
static int takes(const alldata__site *site, const alldata__item *item) {
    return !item->is_late || site->is_native || !site->is_known;
}

typedef int (*fits_fn)(const alldata_coordinator *c, const alldata__site *site);

static int is_hint(const alldata__attempt *attempt) {
    return attempt->state == ALLDATA__HINTING || attempt->state == ALLDATA__HINTED;
}

/* Whether those that failed may be had as well; always, for hints, which are taken for an event
 * that is there. One with a hint may be asked all the same. */
enum { NEVER_AGAIN, ONCE_AGAIN, ALWAYS_AGAIN };

/* NULL: there is none. */
static alldata__site *pick(alldata_coordinator *c, const alldata__item *item, fits_fn fits,
                           int again) {
    for (size_t i = 0; i < c->site_count; i++)
        c->roles[i] = fits(c, c->sites[i]) && takes(c->sites[i], item) ? ALLDATA__PLACE_FREE
                                                                       : ALLDATA__PLACE_OUT;
    for (const alldata__attempt *it = item->attempts; it != NULL; it = it->next) {
        uint8_t *role = &c->roles[it->site->at];
        if (it->state == ALLDATA__TRIED || it->state == ALLDATA__HELD)
            *role = ALLDATA__PLACE_TAKEN;
        else if (is_hint(it) && again == ALWAYS_AGAIN)
            *role = ALLDATA__PLACE_TAKEN;
        else if (!is_hint(it) && (again == NEVER_AGAIN || (again == ONCE_AGAIN && it->is_second)))
            *role = *role == ALLDATA__PLACE_TAKEN ? *role : ALLDATA__PLACE_OUT;
    }
    const size_t at =
        alldata__placement_next(&c->rule, c->places, c->roles, c->site_count, item->hash);
    return at < c->site_count ? c->sites[at] : NULL;
}

static alldata__attempt *begin(alldata_coordinator *c, alldata__item *item, alldata__site *site) {
    alldata__attempt *attempt = alldata__job_attempt(&c->mem, item);
    if (attempt == NULL)
        return NULL;
    attempt->site = site;
    site->refs++;
    return attempt;
}

/* That have it, or are about to. */
static int32_t expected(const alldata__item *item) {
    return item->replicas + item->trying + item->is_writing;
}

static void ask(alldata_coordinator *c, alldata__item *item) {
    while (!c->is_stopping && expected(item) < c->options.replication_factor) {
        const int lacks = expected(item) < item->needed;
        int is_second = 0;
        alldata__site *site = pick(c, item, answers, NEVER_AGAIN);
        if (site == NULL && lacks)
            site = pick(c, item, may_be_asked, NEVER_AGAIN);
        if (site == NULL && lacks) {
            site = pick(c, item, may_be_asked, ONCE_AGAIN);
            is_second = 1;
        }
        alldata__attempt *attempt = site != NULL ? begin(c, item, site) : NULL;
        if (attempt == NULL)
            return;
        attempt->is_second = is_second;
        attempt->state = ALLDATA__TRIED;
        item->trying++;
        site->tries++;
        alldata__send(c, attempt);
    }
}

static int is_with(const alldata__item *item, const alldata__site *site) {
    for (const alldata__attempt *it = item->attempts; it != NULL; it = it->next)
        if (it->site == site && (it->state == ALLDATA__TRIED || it->state == ALLDATA__HELD))
            return 1;
    return 0;
}

/* Peers that are to get it later, and are not asked meanwhile. */
static int32_t promised(const alldata__item *item) {
    int32_t count = 0;
    if (item->hinting + item->hinted > 0)
        for (const alldata__attempt *it = item->attempts; it != NULL; it = it->next)
            count += is_hint(it) && !is_with(item, it->site);
    return count;
}

static void hint(alldata_coordinator *c, alldata__item *item) {
    while (c->hints != NULL && expected(item) + promised(item) < c->options.replication_factor) {
        alldata__site *site = pick(c, item, may_have_hint, ALWAYS_AGAIN);
        alldata__attempt *attempt = site != NULL ? begin(c, item, site) : NULL;
        if (attempt == NULL)
            return;
        attempt->state = ALLDATA__HINTING;
        item->hinting++;
        c->wakes_writer |= c->hint_first == NULL;
        *(c->hint_last != NULL ? &c->hint_last->behind : &c->hint_first) = attempt;
        c->hint_last = attempt;
    }
}

void alldata__put_spread(alldata_coordinator *c, alldata__item *item) {
    if (c->site_count == 0 || item->job->is_handed || item->code != REPLI_OK)
        return;
    ask(c, item);
    hint(c, item);
}
