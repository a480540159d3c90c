#include "event/feed.h"

#include "base/clock.h"
#include "base/error.h"
#include "model/doc.h"

/* Handed out in one run, so that others of the thread get their turn. */
enum { PAGE = 100, RETRY_MS = 1000 };

/* How it was removed, beside 1: then whoever tells it gives it back. */
enum { BY_ITSELF = 2 };

void repli__feed_init(repli__feed *feed, repli__store *store, const char *node_id,
                      const repli__mem *mem, repli__log *log) {
    *feed = (repli__feed){.mem = *mem, .log = log, .store = store, .node_id = node_id};
    pthread_mutex_init(&feed->mutex, NULL);
    pthread_cond_init(&feed->told, NULL);
}

void repli__feed_dispose(repli__feed *feed) {
    while (feed->first != NULL) {
        repli_subscription *subscription = feed->first;
        feed->first = subscription->next;
        repli__free(&feed->mem, subscription);
    }
    pthread_cond_destroy(&feed->told);
    pthread_mutex_destroy(&feed->mutex);
}

static int64_t last_event(repli__feed *feed) {
    repli__store_stats stats;
    repli__store_stats_get(feed->store, &stats);
    return stats.last_event;
}

int32_t repli__feed_add(repli__feed *feed, int64_t after, repli_event_fn told, void *user_data,
                        repli_subscription **ret_subscription, repli_error *err) {
    const int64_t last = last_event(feed);
    if (after > last)
        return repli__error(err, REPLI_ECONFLICT, "agent",
                            "the log of events ends with number %lld, so %lld is of another "
                            "database; begin anew after 0",
                            (long long)last, (long long)after);
    repli_subscription *subscription = repli__calloc(&feed->mem, 1, sizeof(*subscription));
    if (subscription == NULL)
        return repli__error_nomem(err, "agent", "subscribing to events");
    subscription->told = told;
    subscription->user_data = user_data;
    subscription->after = after < 0 ? last : after;
    *ret_subscription = subscription;
    pthread_mutex_lock(&feed->mutex);
    /* At the end, as the first in need is served and then goes there. */
    repli_subscription **link = &feed->first;
    while (*link != NULL)
        link = &(*link)->next;
    *link = subscription;
    atomic_store(&feed->wanted, 1);
    pthread_mutex_unlock(&feed->mutex);
    return REPLI_OK;
}

/* The mutex is held. */
static void unlink_from(repli__feed *feed, const repli_subscription *subscription) {
    repli_subscription **link = &feed->first;
    while (*link != NULL && *link != subscription)
        link = &(*link)->next;
    if (*link != NULL)
        *link = subscription->next;
}

void repli__feed_remove(repli__feed *feed, repli_subscription *subscription) {
    pthread_mutex_lock(&feed->mutex);
    unlink_from(feed, subscription);
    atomic_store(&feed->wanted, feed->first != NULL);
    const int telling = feed->telling == subscription;
    const int within = telling && pthread_equal(feed->teller, pthread_self());
    subscription->removed = within ? BY_ITSELF : telling;
    while (!within && feed->telling == subscription)
        pthread_cond_wait(&feed->told, &feed->mutex);
    pthread_mutex_unlock(&feed->mutex);
    if (!within)
        repli__free(&feed->mem, subscription);
}

void repli__feed_end(repli__feed *feed) {
    pthread_mutex_lock(&feed->mutex);
    feed->ends = 1;
    pthread_mutex_unlock(&feed->mutex);
}

int32_t repli__feed_read(repli__store *store, const char *node_id, int64_t after, uint32_t limit,
                         repli_doc **ret_doc, repli_event **ret_events, size_t *ret_count,
                         int64_t *ret_first, repli_error *err) {
    const int32_t code =
        repli__store_events(store, after, limit, ret_doc, ret_events, ret_count, ret_first, err);
    if (code != REPLI_OK)
        return code;
    const char *id = repli__arena_strdup(&(*ret_doc)->arena, node_id);
    if (id == NULL) {
        repli_doc_free(*ret_doc);
        return repli__error_nomem(err, "agent", "reading events");
    }
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_events)[i].node_id = id;
    return REPLI_OK;
}

/* The next who lacks events, who is being told from now on and goes to the end of the list; NULL if
 * nobody does. */
static repli_subscription *begin(repli__feed *feed, int64_t last) {
    pthread_mutex_lock(&feed->mutex);
    repli_subscription *found = feed->ends ? NULL : feed->first;
    while (found != NULL && found->after >= last)
        found = found->next;
    if (found != NULL) {
        unlink_from(feed, found);
        repli_subscription **link = &feed->first;
        while (*link != NULL)
            link = &(*link)->next;
        found->next = NULL;
        *link = found;
        feed->telling = found;
        feed->teller = pthread_self();
    }
    pthread_mutex_unlock(&feed->mutex);
    return found;
}

static void end(repli__feed *feed, repli_subscription *subscription) {
    pthread_mutex_lock(&feed->mutex);
    feed->telling = NULL;
    if (subscription->removed == BY_ITSELF)
        repli__free(&feed->mem, subscription);
    pthread_cond_broadcast(&feed->told);
    pthread_mutex_unlock(&feed->mutex);
}

static int is_over(repli__feed *feed, const repli_subscription *subscription) {
    pthread_mutex_lock(&feed->mutex);
    const int over = subscription->removed || feed->ends;
    pthread_mutex_unlock(&feed->mutex);
    return over;
}

/* What was purged before it could be handed out shows as a gap. */
static int tell(repli__feed *feed, repli_subscription *subscription) {
    repli_doc *doc;
    repli_event *events;
    size_t count;
    int64_t first;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = repli__feed_read(feed->store, feed->node_id, subscription->after, PAGE,
                                          &doc, &events, &count, &first, &error);
    if (code != REPLI_OK) {
        if (!feed->failed)
            repli__log_printf(feed->log, REPLI_LOG_ERROR, "agent",
                              "events cannot be read for those who subscribed, trying again: %s",
                              error.message);
        feed->failed = 1;
        return 0;
    }
    feed->failed = 0;
    for (size_t i = 0; i < count && !is_over(feed, subscription); i++) {
        subscription->told(subscription->user_data, &events[i]);
        subscription->after = events[i].number;
    }
    repli_doc_free(doc);
    return count > 0;
}

uint64_t repli__feed_run(repli__feed *feed) {
    const int64_t last = last_event(feed);
    repli_subscription *subscription = begin(feed, last);
    if (subscription == NULL)
        return UINT64_MAX;
    const int told = tell(feed, subscription);
    end(feed, subscription);
    return told ? 0 : repli__deadline_ns(RETRY_MS);
}
