#include "alldata/coordinator/state.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"

/* How long a peer that does not answer is left alone: longer each time. */
enum { AWAY_MS = 250, AWAY_MAX_MS = 8000, AWAY_DOUBLINGS = 5, ID_MAX = 255 };

/* The list. */

alldata__site *alldata__site_find(const alldata_coordinator *c, const char *id) {
    for (size_t i = 0; i < c->site_count; i++)
        if (strcmp(c->sites[i]->id, id) == 0)
            return c->sites[i];
    return NULL;
}

/* The three arrays grow as one. */
static int make_room(alldata_coordinator *c) {
    if (c->site_count < c->site_room)
        return 1;
    const size_t room = c->site_room + 16;
    alldata__site **sites = repli__realloc(&c->mem, c->sites, room * sizeof(*sites));
    c->sites = sites != NULL ? sites : c->sites;
    alldata__place *places = repli__realloc(&c->mem, c->places, room * sizeof(*places));
    c->places = places != NULL ? places : c->places;
    uint8_t *roles = repli__realloc(&c->mem, c->roles, room);
    c->roles = roles != NULL ? roles : c->roles;
    if (sites == NULL || places == NULL || roles == NULL)
        return 0;
    c->site_room = room;
    return 1;
}

alldata__site *alldata__site_make(alldata_coordinator *c, const char *id, size_t size) {
    char text[ID_MAX + 1];
    if (size > ID_MAX)
        return NULL;
    memcpy(text, id, size);
    text[size] = '\0';
    alldata__site *site = alldata__site_find(c, text);
    if (site != NULL || !make_room(c))
        return site;
    site = repli__calloc(&c->mem, 1, sizeof(*site));
    char *copy = repli__strdup(&c->mem, text);
    if (site == NULL || copy == NULL) {
        repli__free(&c->mem, copy);
        repli__free(&c->mem, site);
        return NULL;
    }
    site->id = copy;
    site->at = c->site_count;
    site->window = 1;
    c->places[site->at] = alldata__place_of(text, NULL, NULL);
    c->sites[c->site_count++] = site;
    return site;
}

static void free_site(alldata_coordinator *c, alldata__site *site) {
    repli__free(&c->mem, site->host);
    repli__free(&c->mem, site->id);
    repli__free(&c->mem, site);
}

void alldata__site_drop(alldata_coordinator *c, alldata__site *site) {
    if (site->is_known || site->refs > 0 || site->hints > 0 || site->is_forgotten)
        return;
    const size_t at = site->at, last = --c->site_count;
    c->sites[at] = c->sites[last];
    c->places[at] = c->places[last];
    c->sites[at]->at = at;
    free_site(c, site);
}

void alldata__site_unref(alldata_coordinator *c, alldata__site *site) {
    site->refs--;
    alldata__site_drop(c, site);
}

void alldata__sites_free(alldata_coordinator *c) {
    for (size_t i = 0; i < c->site_count; i++)
        free_site(c, c->sites[i]);
    repli__free(&c->mem, c->roles);
    repli__free(&c->mem, c->places);
    repli__free(&c->mem, c->sites);
}

/* Health. */

void alldata__site_flush(alldata_coordinator *c, alldata__site *site, uint64_t since_ns) {
    site->refs++;
    while (site->first != NULL && site->first->since_ns <= since_ns) {
        alldata__attempt *attempt = site->first;
        site->first = attempt->behind;
        if (site->first == NULL)
            site->last = NULL;
        site->queued--;
        site->queued_bytes -= attempt->item->event_size;
        alldata__put_answered(c, attempt, REPLI_ETIMEOUT);
    }
    site->refs--;
}

void alldata__site_answers(alldata_coordinator *c, alldata__site *site) {
    if (site->failures > 0)
        repli__log_printf(&c->log, REPLI_LOG_INFO, ALLDATA__COORDINATOR, "%s answers again",
                          site->id);
    site->failures = 0;
    site->away_ns = 0;
}

void alldata__site_fails(alldata_coordinator *c, alldata__site *site, const repli_error *error) {
    c->counters.peer_failures++;
    snprintf(site->trouble, sizeof(site->trouble), "%.150s", error->message);
    /* What was on its way together fails together. */
    if (c->is_stopping || (site->failures > 0 && repli__mono_ns() < site->away_ns))
        return;
    const uint32_t doublings = site->failures < AWAY_DOUBLINGS ? site->failures : AWAY_DOUBLINGS;
    int64_t ms = (int64_t)AWAY_MS << doublings;
    ms = ms < AWAY_MAX_MS ? ms : AWAY_MAX_MS;
    site->failures++;
    site->away_ns = repli__deadline_ns(ms);
    site->window = 1;
    repli__log_printf(&c->log, site->failures > 1 ? REPLI_LOG_DEBUG : REPLI_LOG_WARNING,
                      ALLDATA__COORDINATOR,
                      "%s does not take events, and is left alone for %lld ms: %s", site->id,
                      (long long)ms, error->message);
    alldata__site_flush(c, site, repli__mono_ns());
}

/* What the host tells of them. */

static int32_t check_peer(const alldata_coordinator *c, const alldata_peer *peer,
                          repli_error *err) {
    if (peer == NULL || repli__sized(peer) < REPLI__SIZE_TO(alldata_peer, native) ||
        peer->id == NULL || peer->id[0] == '\0' || strlen(peer->id) > ID_MAX)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "the peer is missing, too small a record, or has no id of 1 to %d "
                            "bytes",
                            ID_MAX);
    if (c->options.transport == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "peer %s cannot be reached: this coordinator has no transport",
                            peer->id);
    if (alldata__placement_hash(peer->id, strlen(peer->id)) == c->rule.self.id)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "peer %s has the id of this node", peer->id);
    if (peer->http_host == NULL || peer->http_port < 1 || peer->http_port > UINT16_MAX)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "peer %s has not said where it takes events", peer->id);
    return REPLI_OK;
}

static void update(alldata_coordinator *c, alldata__site *site, const alldata_peer *peer,
                   char *host) {
    const int is_live = peer->state == ALLDATA_PEER_LIVE;
    const int is_new = !site->is_live || site->started_ns != peer->started_ns ||
                       site->port != peer->http_port || strcmp(site->host, host) != 0;
    repli__free(&c->mem, site->host);
    site->host = host;
    site->port = peer->http_port;
    site->is_native = peer->native != 0;
    site->is_known = 1;
    site->is_dropped = 0;
    site->is_live = is_live;
    site->started_ns = peer->started_ns;
    c->places[site->at] = alldata__place_of(peer->id, peer->zone, peer->region);
    if (!is_live) {
        alldata__site_flush(c, site, UINT64_MAX);
    } else if (is_new) {
        site->failures = 0;
        site->due_ns = site->away_ns = 0;
        site->window = 1;
        c->wakes_writer |= site->hints > 0;
    }
}

int32_t alldata_coordinator_set_peer(alldata_coordinator *c, const alldata_peer *peer,
                                     repli_error *err) {
    int32_t code = alldata__owner_check(&c->owner, ALLDATA__COORDINATOR, err);
    if (code == REPLI_OK)
        code = check_peer(c, peer, err);
    if (code != REPLI_OK)
        return code;
    char *host = repli__strdup(&c->mem, peer->http_host);
    alldata__coordinator_enter(c);
    alldata__site *site = host != NULL ? alldata__site_make(c, peer->id, strlen(peer->id)) : NULL;
    if (site != NULL)
        update(c, site, peer, host);
    alldata__coordinator_leave(c);
    if (site == NULL) {
        repli__free(&c->mem, host);
        return repli__error_nomem(err, ALLDATA__COORDINATOR, "adding a peer");
    }
    return REPLI_OK;
}

int32_t alldata_coordinator_drop_peer(alldata_coordinator *c, const char *id, int32_t forget_hints,
                                      repli_error *err) {
    const int32_t code = alldata__owner_check(&c->owner, ALLDATA__COORDINATOR, err);
    if (code != REPLI_OK)
        return code;
    alldata__coordinator_enter(c);
    alldata__site *site = id != NULL ? alldata__site_find(c, id) : NULL;
    if (site != NULL) {
        site->is_known = site->is_live = 0;
        site->is_dropped = 1;
        /* Once is enough: it may be told again that it is gone, and may keep its hints then. */
        site->is_forgotten |= forget_hints && site->hints > 0;
        c->wakes_writer |= site->is_forgotten;
        alldata__site_flush(c, site, UINT64_MAX);
        alldata__site_drop(c, site);
    }
    alldata__coordinator_leave(c);
    if (site == NULL)
        return repli__error(err, REPLI_ENOTFOUND, ALLDATA__COORDINATOR, "there is no peer %.255s",
                            id != NULL ? id : "without an id");
    return REPLI_OK;
}

int64_t alldata_coordinator_hints(alldata_coordinator *c, const char *id) {
    if (alldata__owner_check(&c->owner, ALLDATA__COORDINATOR, NULL) != REPLI_OK)
        return 0;
    pthread_mutex_lock(&c->mutex);
    const alldata__site *site = id != NULL ? alldata__site_find(c, id) : NULL;
    const uint64_t count = id == NULL ? c->counters.hints_pending : site != NULL ? site->hints : 0;
    pthread_mutex_unlock(&c->mutex);
    return (int64_t)count;
}
