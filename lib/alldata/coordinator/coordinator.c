#include "alldata/coordinator/state.h"

#include <string.h>

#include "alldata/coordinator/options.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"

static int32_t check_owner(const alldata_coordinator *c, repli_error *err) {
    return alldata__owner_check(&c->owner, ALLDATA__COORDINATOR, err);
}

/* The mutex. */

void alldata__coordinator_enter(alldata_coordinator *c) {
    pthread_mutex_lock(&c->mutex);
}

void alldata__coordinator_release(alldata_coordinator *c, alldata__job *job) {
    if (!job->is_told)
        return;
    c->counters.waiting_bytes -= job->bytes;
    for (size_t i = 0; i < job->count; i++)
        for (alldata__attempt *it = job->items[i].attempts; it != NULL; it = it->next)
            alldata__site_unref(c, it->site);
    alldata__job_free(&c->mem, job);
}

static void tell(alldata_coordinator *c) {
    alldata__job *first = c->finished;
    c->finished = NULL;
    c->finished_end = &c->finished;
    pthread_mutex_unlock(&c->mutex);
    for (alldata__job *job = first; job != NULL; job = job->next)
        job->done(job->user_data, job->results, job->count);
    pthread_mutex_lock(&c->mutex);
    for (alldata__job *job = first, *next; job != NULL; job = next) {
        next = job->next;
        job->is_told = 1;
        if (job->open == 0)
            alldata__coordinator_release(c, job);
    }
}

static void send(alldata_coordinator *c) {
    alldata__errand *errand = c->ready;
    c->ready = errand->next;
    if (c->ready == NULL)
        c->ready_end = &c->ready;
    int32_t code = REPLI_ECANCELLED;
    if (!c->is_stopping) {
        pthread_mutex_unlock(&c->mutex);
        code = alldata__errand_begin(errand);
        pthread_mutex_lock(&c->mutex);
    }
    if (code == REPLI_OK)
        return;
    errand->code = code;
    alldata__errand_end(c, errand);
}

static int is_writer_wanted(const alldata_coordinator *c) {
    return (c->wakes_writer || c->brings) && c->corks == 0;
}

void alldata__coordinator_leave(alldata_coordinator *c) {
    while (c->finished != NULL || c->ready != NULL || is_writer_wanted(c)) {
        if (is_writer_wanted(c)) {
            c->wakes_writer = c->brings = 0;
            repli__worker_tell(&c->writer);
        } else if (c->finished != NULL) {
            tell(c);
        } else {
            send(c);
        }
    }
    pthread_mutex_unlock(&c->mutex);
}

/* Making one. */

static int32_t init_worker(alldata_coordinator *c, repli__worker *worker, int *ret_has,
                           const char *name, repli__work_fn work, repli_error *err) {
    const int32_t code = repli__worker_init(worker, name, work, c, err);
    *ret_has = code == REPLI_OK;
    if (code == REPLI_OK && c->options.run_mode == ALLDATA_RUN_DISPATCH)
        repli__worker_drive(worker, alldata__rouser_ring, &c->rouser);
    return code;
}

static int32_t count_hint(void *user_data, const char *peer, size_t size,
                          const alldata__hint *hint) {
    alldata_coordinator *c = user_data;
    (void)hint;
    alldata__site *site = alldata__site_make(c, peer, size);
    if (site == NULL)
        return 1;
    site->hints++;
    c->counters.hints_pending++;
    return 0;
}

static int32_t open_hints(alldata_coordinator *c, repli_error *err) {
    if (c->options.hints == NULL)
        return REPLI_OK;
    int32_t code = alldata__hints_open(&c->mem, c->options.hints, &c->hints, err);
    if (code == REPLI_OK)
        code = alldata__hints_read(c->hints, NULL, "", count_hint, c, err);
    return code;
}

static int32_t init(alldata_coordinator *c, repli_error *err) {
    c->records = repli__calloc(&c->mem, ALLDATA__WRITES, sizeof(*c->records));
    c->items = repli__calloc(&c->mem, ALLDATA__WRITES, sizeof(alldata__item *));
    if (c->records == NULL || c->items == NULL)
        return repli__error_nomem(err, ALLDATA__COORDINATOR, "making a coordinator");
    int32_t code = open_hints(c, err);
    if (code == REPLI_OK && c->options.run_mode == ALLDATA_RUN_DISPATCH)
        code = alldata__rouser_init(&c->rouser, ALLDATA__COORDINATOR, err);
    if (code == REPLI_OK)
        code = init_worker(c, &c->writer, &c->has_writer, "alldata-write",
                           alldata__coordinator_write, err);
    if (code == REPLI_OK)
        code = init_worker(c, &c->clock, &c->has_clock, "alldata-clock", alldata__coordinator_tick,
                           err);
    if (code == REPLI_OK)
        code = repli__worker_start(&c->writer, err);
    if (code == REPLI_OK)
        code = repli__worker_start(&c->clock, err);
    return code;
}

int32_t alldata_coordinator_new(const alldata_coordinator_options *options,
                                const repli_allocator *allocator,
                                alldata_coordinator **ret_coordinator, repli_error *err) {
    alldata_coordinator_options own;
    int32_t code = alldata__coordinator_options(options, &own, err);
    if (code != REPLI_OK)
        return code;
    repli__mem mem;
    repli__mem_init(&mem, allocator);
    alldata_coordinator *c = repli__calloc(&mem, 1, sizeof(*c));
    if (c == NULL)
        return repli__error_nomem(err, ALLDATA__COORDINATOR, "making a coordinator");
    c->mem = mem;
    c->options = own;
    c->rouser.fd = -1;
    c->finished_end = &c->finished;
    c->ready_end = &c->ready;
    c->rule = (alldata__rule){.self = alldata__place_of(own.id, own.zone, own.region),
                              .other_zones = own.other_zones,
                              .other_regions = own.other_regions};
    c->clock_ns = UINT64_MAX;
    alldata__owner_init(&c->owner);
    repli__log_init(&c->log);
    repli__log_set(&c->log, own.log_level, own.log, own.log_data);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->ended, NULL);
    pthread_cond_init(&c->written, NULL);
    code = init(c, err);
    if (code != REPLI_OK) {
        alldata_coordinator_free(c);
        return code;
    }
    *ret_coordinator = c;
    return REPLI_OK;
}

static void end_worker(repli__worker *worker, int exists) {
    if (!exists)
        return;
    repli__worker_quit(worker);
    repli__worker_join(worker, UINT64_MAX);
    repli__worker_dispose(worker);
}

/* The next that was not cancelled. The mutex is held. */
static alldata__errand *next_errand(const alldata_coordinator *c) {
    alldata__errand *errand = c->errands;
    while (errand != NULL && errand->is_cancelled)
        errand = errand->after;
    return errand;
}

/* What peers were asked and have not answered becomes hints. */
static void cancel_errands(alldata_coordinator *c) {
    alldata__errand *errand;
    pthread_mutex_lock(&c->mutex);
    c->is_stopping = 1;
    while ((errand = next_errand(c)) != NULL) {
        errand->is_cancelled = 1;
        pthread_mutex_unlock(&c->mutex);
        c->options.transport->cancel(c->options.transport->self, errand);
        pthread_mutex_lock(&c->mutex);
    }
    while (c->flying > 0 || c->guests > 0)
        pthread_cond_wait(&c->ended, &c->mutex);
    for (size_t i = 0; i < c->site_count; i++)
        alldata__site_flush(c, c->sites[i], UINT64_MAX);
    alldata__coordinator_leave(c);
}

/* What waits for the disk is written; nothing is begun any more. */
static void stop(alldata_coordinator *c) {
    cancel_errands(c);
    end_worker(&c->writer, c->has_writer);
    end_worker(&c->clock, c->has_clock);
    alldata__coordinator_enter(c);
    alldata__put_cancel(c);
    alldata__coordinator_leave(c);
    alldata__rouser_dispose(&c->rouser);
    pthread_cond_destroy(&c->written);
    pthread_cond_destroy(&c->ended);
    pthread_mutex_destroy(&c->mutex);
    repli__log_dispose(&c->log);
    alldata__hints_close(c->hints);
    alldata__sites_free(c);
}

void alldata_coordinator_free(alldata_coordinator *c) {
    if (c == NULL)
        return;
    /* The threads of a child's parent are not there, nor is what they held ours to touch. */
    if (alldata__owner_is_self(&c->owner))
        stop(c);
    alldata__owner_dispose(&c->owner);
    const repli__mem mem = c->mem;
    repli__free(&mem, c->items);
    repli__free(&mem, c->records);
    repli__free(&mem, c);
}

/* Puts. */

static int32_t check_call(const alldata_coordinator *c, const void *list, size_t count,
                          alldata_put_fn done, repli_error *err) {
    const int32_t code = check_owner(c, err);
    if (code != REPLI_OK)
        return code;
    if (list == NULL || count == 0 || done == NULL)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "there is nothing to put, or nobody to take the result");
    if (repli__sized(list) >= sizeof(uint64_t))
        return REPLI_OK;
    return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                        "struct_size is %u: initialise what is put with ALLDATA_PUT_INIT or "
                        "ALLDATA_RECORD_INIT",
                        (unsigned)repli__sized(list));
}

static int32_t find_room(alldata_coordinator *c, const alldata__job *job, repli_error *err) {
    const uint64_t limit = c->options.max_waiting_bytes;
    if (job->bytes <= limit && c->counters.waiting_bytes <= limit - job->bytes) {
        c->counters.waiting_bytes += job->bytes;
        return REPLI_OK;
    }
    c->counters.refused += job->count;
    return repli__error(err, REPLI_EFULL, ALLDATA__COORDINATOR,
                        "%zu bytes more cannot wait beside the %llu that do, since %llu may: try "
                        "again a little later",
                        job->bytes, (unsigned long long)c->counters.waiting_bytes,
                        (unsigned long long)limit);
}

static void pull_cork(alldata_coordinator *c) {
    if (--c->corks == 0)
        alldata__send_held(c);
}

/* Takes over the job. */
static int32_t begin(alldata_coordinator *c, alldata__job *job, alldata_put_fn done,
                     void *user_data, repli_error *err) {
    if (job == NULL)
        return repli__error_nomem(err, ALLDATA__COORDINATOR, "taking events");
    job->done = done;
    job->user_data = user_data;
    alldata__coordinator_enter(c);
    const int32_t code = find_room(c, job, err);
    if (code != REPLI_OK) {
        pthread_mutex_unlock(&c->mutex);
        alldata__job_free(&c->mem, job);
        return code;
    }
    c->corks++;
    if (!job->is_handed)
        alldata__hold_expected(c);
    for (size_t i = 0; i < job->count; i++)
        alldata__put_begin(c, &job->items[i]);
    pull_cork(c);
    alldata__coordinator_leave(c);
    return REPLI_OK;
}

void alldata_coordinator_cork(alldata_coordinator *c) {
    if (!alldata__owner_is_self(&c->owner))
        return;
    alldata__coordinator_enter(c);
    c->corks++;
    pthread_mutex_unlock(&c->mutex);
}

void alldata_coordinator_uncork(alldata_coordinator *c) {
    if (!alldata__owner_is_self(&c->owner))
        return;
    alldata__coordinator_enter(c);
    pull_cork(c);
    alldata__coordinator_leave(c);
}

void alldata_coordinator_uncork_and_write(alldata_coordinator *c) {
    if (!alldata__owner_is_self(&c->owner))
        return;
    alldata__coordinator_enter(c);
    pull_cork(c);
    const int writes = c->corks == 0 && alldata__may_write(c);
    if (writes) {
        c->is_writing = 1;
        c->brings = c->late.first != NULL;
    }
    alldata__coordinator_leave(c);
    if (writes)
        alldata__write_here(c);
}

int32_t alldata_coordinator_put(alldata_coordinator *c, const alldata_put *puts, size_t count,
                                alldata_put_fn done, void *user_data, repli_error *err) {
    const int32_t code = check_call(c, puts, count, done, err);
    if (code != REPLI_OK)
        return code;
    alldata__job *job =
        alldata__job_of_puts(&c->mem, puts, count, (size_t)c->options.replication_factor - 1);
    for (size_t i = 0; job != NULL && i < count; i++) {
        alldata_put put;
        repli__sized_copy(&put, sizeof(put), repli__sized_at(puts, i));
        alldata__put_prepare(c, &job->items[i], &put);
    }
    return begin(c, job, done, user_data, err);
}

/* What is no key is refused by the storage. */
static void note_late(const alldata_coordinator *c, alldata__item *item) {
    int is_late = 0;
    alldata__roll_accepts(c->options.storage, item->key, strlen(item->key), item->flags, &is_late,
                          NULL);
    item->is_late = (uint8_t)is_late;
}

int32_t alldata_coordinator_store(alldata_coordinator *c, const alldata_record *records,
                                  size_t count, uint32_t flags, alldata_put_fn done,
                                  void *user_data, repli_error *err) {
    const int32_t code = check_call(c, records, count, done, err);
    if (code != REPLI_OK)
        return code;
    if ((flags & ~(ALLDATA_PUT_SYNC | ALLDATA_PUT_LATE)) != 0)
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "flags is %#x, with more than ALLDATA_PUT_SYNC and ALLDATA_PUT_LATE",
                            (unsigned)flags);
    if (repli__sized(records) < sizeof(*records))
        return repli__error(err, REPLI_EINVALID, ALLDATA__COORDINATOR,
                            "struct_size of a record is %u, not %zu: initialise it with "
                            "ALLDATA_RECORD_INIT",
                            (unsigned)repli__sized(records), sizeof(*records));
    alldata__job *job = alldata__job_of_records(&c->mem, records, count, flags);
    for (size_t i = 0; job != NULL && i < count && (flags & ALLDATA_PUT_LATE) != 0; i++)
        note_late(c, &job->items[i]);
    return begin(c, job, done, user_data, err);
}

int32_t alldata_coordinator_count(alldata_coordinator *c, alldata_coordinator_counters *counters,
                                  repli_error *err) {
    const int32_t code = check_owner(c, err);
    if (code != REPLI_OK)
        return code;
    pthread_mutex_lock(&c->mutex);
    const alldata_coordinator_counters now = c->counters;
    pthread_mutex_unlock(&c->mutex);
    repli__sized_fill(counters, &now, sizeof(now));
    return REPLI_OK;
}

/* Dispatch. */

int32_t alldata_coordinator_fd(const alldata_coordinator *c) {
    return alldata__owner_is_self(&c->owner) ? c->rouser.fd : -1;
}

uint64_t alldata_coordinator_deadline(alldata_coordinator *c) {
    if (!alldata__owner_is_self(&c->owner) || c->rouser.fd < 0)
        return UINT64_MAX;
    const uint64_t writer_ns = repli__worker_due_ns(&c->writer);
    const uint64_t clock_ns = repli__worker_due_ns(&c->clock);
    return writer_ns < clock_ns ? writer_ns : clock_ns;
}

int32_t alldata_coordinator_dispatch(alldata_coordinator *c, repli_error *err) {
    const int32_t code = check_owner(c, err);
    if (code != REPLI_OK)
        return code;
    if (c->rouser.fd < 0)
        return repli__error(err, REPLI_ESTATE, ALLDATA__COORDINATOR,
                            "this coordinator has threads of its own: there is nothing to "
                            "dispatch");
    alldata__rouser_reset(&c->rouser);
    repli__worker_run(&c->writer);
    repli__worker_run(&c->clock);
    alldata__rouser_arm(&c->rouser, alldata_coordinator_deadline(c));
    return REPLI_OK;
}
