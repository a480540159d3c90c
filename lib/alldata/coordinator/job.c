#include "alldata/coordinator/job.h"

#include <string.h>

#include "base/sized.h"

/* All in one piece: the job, its items, their results and attempts, and their events. */
static alldata__job *make(const repli__mem *mem, size_t count, size_t attempts, size_t event_bytes,
                          char **ret_events) {
    const size_t each =
        sizeof(alldata__item) + sizeof(alldata_put_result) + attempts * sizeof(alldata__attempt);
    if (count > (SIZE_MAX - sizeof(alldata__job)) / each)
        return NULL;
    const size_t head = sizeof(alldata__job) + count * each;
    if (event_bytes > SIZE_MAX - head)
        return NULL;
    alldata__job *job = repli__alloc(mem, head + event_bytes);
    if (job == NULL)
        return NULL;
    memset(job, 0, head);
    job->count = job->undecided = job->open = count;
    job->bytes = head + event_bytes;
    job->results = (alldata_put_result *)(void *)(job->items + count);
    job->spare = (alldata__attempt *)(void *)(job->results + count);
    job->spares = count * attempts;
    *ret_events = (char *)(job->spare + job->spares);
    for (size_t i = 0; i < count; i++) {
        job->items[i].job = job;
        job->results[i].struct_size = sizeof(job->results[i]);
    }
    return job;
}

static char *take_event(alldata__item *item, const char *event, size_t size, char *to) {
    item->event = to;
    item->event_size = event != NULL ? size : 0;
    if (item->event_size > 0)
        memcpy(to, event, size);
    return to + item->event_size;
}

alldata__job *alldata__job_of_puts(const repli__mem *mem, const alldata_put *puts, size_t count,
                                   size_t attempts) {
    alldata_put put;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        repli__sized_copy(&put, sizeof(put), repli__sized_at(puts, i));
        if (put.event == NULL)
            continue;
        if (put.event_size > SIZE_MAX - bytes)
            return NULL;
        bytes += put.event_size;
    }
    char *to = NULL;
    alldata__job *job = make(mem, count, attempts, bytes, &to);
    for (size_t i = 0; job != NULL && i < count; i++) {
        repli__sized_copy(&put, sizeof(put), repli__sized_at(puts, i));
        to = take_event(&job->items[i], put.event, put.event_size, to);
    }
    return job;
}

alldata__job *alldata__job_of_records(const repli__mem *mem, const alldata_record *records,
                                      size_t count, uint32_t flags) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (records[i].event_size > SIZE_MAX - bytes)
            return NULL;
        bytes += records[i].event_size;
    }
    char *to = NULL;
    alldata__job *job = make(mem, count, 0, bytes, &to);
    for (size_t i = 0; job != NULL && i < count; i++) {
        to = take_event(&job->items[i], records[i].event, records[i].event_size, to);
        if (records[i].key != NULL && records[i].key_size == ALLDATA_KEY_LENGTH)
            memcpy(job->items[i].key, records[i].key, ALLDATA_KEY_LENGTH);
        job->items[i].flags = (uint8_t)flags;
        job->items[i].needed = 1;
        job->is_handed = 1;
    }
    return job;
}

static void free_item(const repli__mem *mem, alldata__item *item) {
    alldata__attempt *next;
    for (alldata__attempt *it = item->attempts; it != NULL; it = next) {
        next = it->next;
        if (!it->is_borrowed)
            repli__free(mem, it);
    }
    repli__free(mem, item->why);
}

void alldata__job_free(const repli__mem *mem, alldata__job *job) {
    for (size_t i = 0; job != NULL && i < job->count; i++)
        free_item(mem, &job->items[i]);
    repli__free(mem, job);
}

alldata__attempt *alldata__job_attempt(const repli__mem *mem, alldata__item *item) {
    alldata__job *job = item->job;
    const int borrows = job->spares > 0;
    alldata__attempt *attempt = NULL;
    if (borrows) {
        attempt = job->spare++;
        job->spares--;
    } else {
        attempt = repli__calloc(mem, 1, sizeof(*attempt));
    }
    if (attempt == NULL)
        return NULL;
    attempt->is_borrowed = borrows;
    attempt->item = item;
    attempt->next = item->attempts;
    item->attempts = attempt;
    return attempt;
}
