#include "alldata/coordinator/state.h"

#include <stdio.h>
#include <string.h>

#include "alldata/coordinator/options.h"
#include "alldata/wire/event.h"
#include "base/clock.h"
#include "base/error.h"

/* What becomes of an event: the mutex is held throughout. */

/* Deadlines: most puts wait as long as each other, so the place of a new one is at the end. */

static void link_deadline(alldata_coordinator *c, alldata__item *item) {
    alldata__item *at = c->latest;
    while (at != NULL && at->deadline_ns > item->deadline_ns)
        at = at->sooner;
    item->sooner = at;
    item->later = at != NULL ? at->later : c->earliest;
    *(item->sooner != NULL ? &item->sooner->later : &c->earliest) = item;
    *(item->later != NULL ? &item->later->sooner : &c->latest) = item;
}

static void unlink_deadline(alldata_coordinator *c, alldata__item *item) {
    if (item->deadline_ns == 0)
        return;
    *(item->sooner != NULL ? &item->sooner->later : &c->earliest) = item->later;
    *(item->later != NULL ? &item->later->sooner : &c->latest) = item->sooner;
    item->deadline_ns = 0;
}

/* Results. */

static void keep_why(alldata_coordinator *c, alldata__item *item, const repli_error *error) {
    if (item->why == NULL)
        item->why = repli__alloc(&c->mem, sizeof(*item->why));
    if (item->why == NULL)
        return;
    *item->why = (repli_error)REPLI_ERROR_INIT;
    repli__error_copy(item->why, error);
}

/* Nothing more is to become of it. */
static void close_item(alldata_coordinator *c, alldata__item *item) {
    if (item->is_closed || !item->is_decided || item->is_writing || item->trying > 0 ||
        item->hinting > 0)
        return;
    item->is_closed = 1;
    if (!item->job->is_handed && item->is_put && item->replicas < c->options.replication_factor)
        c->counters.under_replicated++;
    if (--item->job->open == 0)
        alldata__coordinator_release(c, item->job);
}

static const repli_error *forgotten(void) {
    static const repli_error error = {(uint32_t)sizeof(error),
                                      REPLI_ENOMEM,
                                      ALLDATA__COORDINATOR,
                                      "",
                                      "there is no memory to say why this event was not put",
                                      ""};
    return &error;
}

static void count(alldata_coordinator *c, const alldata__item *item, int32_t code) {
    c->counters.waiting--;
    if (code != REPLI_OK)
        c->counters.failed++;
    else if (item->job->is_handed)
        c->counters.stored++;
    else
        c->counters.puts++;
}

static void decide(alldata_coordinator *c, alldata__item *item, int32_t code) {
    alldata__job *job = item->job;
    alldata_put_result *result = &job->results[item - job->items];
    result->code = code;
    result->replicas = item->replicas;
    result->needed = item->needed;
    result->hints = item->hinting + item->hinted;
    memcpy(result->key, item->key, sizeof(result->key));
    if (code != REPLI_OK)
        result->error = item->why != NULL ? item->why : forgotten();
    item->is_decided = 1;
    item->is_put = code == REPLI_OK;
    unlink_deadline(c, item);
    count(c, item, code);
    if (--job->undecided == 0) {
        if (!job->is_handed)
            alldata__hold_expect(c);
        job->next = NULL;
        *c->finished_end = job;
        c->finished_end = &job->next;
    }
}

/* What the last peer that failed has said; else what the disk has. */
static void quote_reason(const alldata__item *item, char *to, size_t size) {
    const alldata__attempt *it = item->attempts;
    while (it != NULL && it->state != ALLDATA__FAILED && it->state != ALLDATA__TRIED)
        it = it->next;
    if (it != NULL && it->state == ALLDATA__TRIED)
        snprintf(to, size, "%s has not answered", it->site->id);
    else if (it != NULL)
        snprintf(to, size, "%s: %s", it->site->id, it->site->trouble);
    else if (item->is_writing)
        snprintf(to, size, "the disk of this node is slow");
    else if (item->why != NULL)
        snprintf(to, size, "%.200s", item->why->message);
    else
        snprintf(to, size, "no more nodes%s are known to live",
                 item->is_late ? " that take what is so old" : "");
}

/* Too few have it: why, and what to do. What the disk said is part of it. */
static void tell_shortage(alldata_coordinator *c, alldata__item *item, int32_t code) {
    repli_error error = REPLI_ERROR_INIT;
    char reason[256];
    quote_reason(item, reason, sizeof(reason));
    repli__error(&error, code, ALLDATA__COORDINATOR,
                 "%d of %d replicas that are needed have the event%s; put it again under the same "
                 "key, %s: %s",
                 (int)item->replicas, (int)item->needed,
                 code == REPLI_ETIMEOUT ? " by its deadline" : "", item->key, reason);
    if (item->why != NULL)
        repli__error_cause(&error, item->why->message);
    keep_why(c, item, &error);
}

static int has_enough(const alldata__item *item) {
    return item->replicas >= item->needed && !(item->wants_local && item->is_writing);
}

/* Whether it can be answered by now. What is hinted is so before it is acknowledged. */
static void settle(alldata_coordinator *c, alldata__item *item) {
    if (item->is_decided || (item->code == REPLI_OK && item->hinting > 0))
        return;
    if (item->code != REPLI_OK) {
        decide(c, item, item->code);
    } else if (has_enough(item)) {
        decide(c, item, REPLI_OK);
    } else if (!item->is_writing && item->trying == 0) {
        if (item->attempts != NULL || item->why == NULL)
            tell_shortage(c, item, REPLI_ENOQUORUM);
        decide(c, item, item->why != NULL ? item->why->code : REPLI_ENOQUORUM);
    }
}

void alldata__put_written(alldata_coordinator *c, alldata__item *item, int32_t code,
                          const repli_error *error) {
    item->is_writing = 0;
    item->is_written = code == REPLI_OK;
    item->replicas += item->is_written;
    if (!item->is_decided && code != REPLI_OK)
        keep_why(c, item, error);
    /* The others would not take it either. */
    if (code == REPLI_ECONFLICT || code == REPLI_EINVALID || item->job->is_handed)
        item->code = code;
    if (code != REPLI_OK)
        alldata__put_spread(c, item);
    settle(c, item);
    close_item(c, item);
}

static void tell_conflict(alldata_coordinator *c, alldata__item *item, const alldata__site *site) {
    repli_error error = REPLI_ERROR_INIT;
    repli__error(&error, REPLI_ECONFLICT, ALLDATA__COORDINATOR,
                 "%s has another event under the key %s: events never change; give this one a key "
                 "of its own",
                 site->id, item->key);
    if (item->is_decided)
        repli__log_printf(&c->log, REPLI_LOG_ERROR, ALLDATA__COORDINATOR, "%s", error.message);
    else
        keep_why(c, item, &error);
    item->code = REPLI_ECONFLICT;
}

void alldata__put_answered(alldata_coordinator *c, alldata__attempt *attempt, int32_t code) {
    alldata__item *item = attempt->item;
    attempt->state = code == REPLI_OK ? ALLDATA__HELD : ALLDATA__FAILED;
    attempt->site->tries--;
    item->trying--;
    if (code == REPLI_OK)
        item->replicas++;
    if (code == REPLI_ECONFLICT)
        tell_conflict(c, item, attempt->site);
    else if (code != REPLI_OK)
        alldata__put_spread(c, item);
    settle(c, item);
    close_item(c, item);
}

void alldata__put_hinted(alldata_coordinator *c, alldata__attempt *attempt, int32_t code) {
    alldata__item *item = attempt->item;
    attempt->state = code == REPLI_OK ? ALLDATA__HINTED : ALLDATA__FAILED;
    item->hinting--;
    if (code == REPLI_OK)
        item->hinted++;
    settle(c, item);
    close_item(c, item);
}

void alldata__put_expire(alldata_coordinator *c, uint64_t now_ns) {
    while (c->earliest != NULL && c->earliest->deadline_ns <= now_ns) {
        alldata__item *item = c->earliest;
        const int32_t code = item->replicas >= item->needed ? REPLI_OK : REPLI_ETIMEOUT;
        if (code != REPLI_OK)
            tell_shortage(c, item, code);
        decide(c, item, code);
        close_item(c, item);
    }
}

static void cancel(alldata_coordinator *c, alldata__item *item) {
    repli_error error = REPLI_ERROR_INIT;
    repli__error(&error, REPLI_ECANCELLED, ALLDATA__COORDINATOR,
                 "the coordinator ended while %d of the %d replicas that are needed had the event "
                 "%s",
                 (int)item->replicas, (int)item->needed, item->key);
    keep_why(c, item, &error);
    decide(c, item, REPLI_ECANCELLED);
    close_item(c, item);
}

void alldata__put_cancel(alldata_coordinator *c) {
    while (c->earliest != NULL)
        cancel(c, c->earliest);
}

/* Beginning. */

static int32_t needed_for(const alldata_coordinator *c, int32_t commit) {
    const int32_t factor = c->options.replication_factor;
    return commit == ALLDATA_COMMIT_ONE      ? 1
           : commit == ALLDATA_COMMIT_QUORUM ? factor / 2 + 1
                                             : factor;
}

static int32_t check(alldata_coordinator *c, const alldata_put *put, int *ret_late,
                     repli_error *err) {
    if ((put->flags & ~ALLDATA_PUT_LATE) != 0)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "flags is %#x, with more than ALLDATA_PUT_LATE", (unsigned)put->flags);
    if (put->commit < ALLDATA_COMMIT_DEFAULT || put->commit > ALLDATA_COMMIT_ALL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "commit is %d, which is none of ALLDATA_COMMIT_*", (int)put->commit);
    if (put->timeout_ms > ALLDATA__TIMEOUT_MAX_MS)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "timeout_ms is %llu, more than an hour",
                            (unsigned long long)put->timeout_ms);
    const int32_t code =
        alldata__event_check(put->event, put->event != NULL ? put->event_size : 0, err);
    return code == REPLI_OK && put->key != NULL
               ? alldata__roll_accepts(c->options.storage, put->key, strlen(put->key), put->flags,
                                       ret_late, err)
               : code;
}

void alldata__put_prepare(alldata_coordinator *c, alldata__item *item, const alldata_put *put) {
    repli_error error;
    char key[ALLDATA_KEY_SIZE];
    int is_late = 0;
    repli__error_init(&error);
    item->code = check(c, put, &is_late, &error);
    item->flags = (uint8_t)put->flags;
    item->is_late = (uint8_t)is_late;
    if (item->code == REPLI_OK && put->key != NULL)
        memcpy(item->key, put->key, ALLDATA_KEY_LENGTH);
    else if (item->code == REPLI_OK)
        item->code = alldata_keygen_next(c->options.keygen, key, &error);
    if (item->code == REPLI_OK && put->key == NULL)
        memcpy(item->key, key, sizeof(key));
    if (item->code != REPLI_OK)
        keep_why(c, item, &error);
    const int32_t commit = put->commit != ALLDATA_COMMIT_DEFAULT ? put->commit : c->options.commit;
    item->needed = (uint8_t)needed_for(c, commit);
    item->wants_local = commit == ALLDATA_COMMIT_ONE;
    item->hash = alldata__placement_hash(item->key, ALLDATA_KEY_LENGTH);
    item->deadline_ns = repli__deadline_ns(
        (int64_t)(put->timeout_ms != 0 ? put->timeout_ms : c->options.timeout_ms));
}

void alldata__put_begin(alldata_coordinator *c, alldata__item *item) {
    c->counters.waiting++;
    if (item->code != REPLI_OK) {
        item->deadline_ns = 0;
        settle(c, item);
        close_item(c, item);
        return;
    }
    if (item->deadline_ns != 0) {
        link_deadline(c, item);
        alldata__coordinator_watch(c, item->deadline_ns);
    }
    alldata__queue *queue = item->is_late ? &c->late : &c->waiting;
    item->is_writing = 1;
    item->next = NULL;
    c->brings |= queue->first == NULL;
    *(queue->last != NULL ? &queue->last->next : &queue->first) = item;
    queue->last = item;
    queue->count++;
    queue->bytes += item->event_size;
    alldata__put_spread(c, item);
}
