#include "agent/sources.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/error.h"

/* More wait for the next turn, as the set goes round. */
enum { EVENTS = 64 };

void repli__sources_init(repli__sources *sources, int epoll_fd, const repli__mem *mem) {
    *sources = (repli__sources){.mem = *mem, .epoll_fd = epoll_fd};
    pthread_mutex_init(&sources->mutex, NULL);
    pthread_cond_init(&sources->called, NULL);
}

void repli__sources_dispose(repli__sources *sources) {
    while (sources->first != NULL) {
        repli_source *source = sources->first;
        sources->first = source->next;
        repli__free(&sources->mem, source);
    }
    pthread_cond_destroy(&sources->called);
    pthread_mutex_destroy(&sources->mutex);
}

static int32_t watch(repli__sources *sources, repli_source *source, repli_error *err) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    if (source->fd < 0 || epoll_ctl(sources->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0)
        return REPLI_OK;
    int32_t code = REPLI_EINVALID;
    if (errno == EEXIST)
        code = REPLI_ECONFLICT;
    else if (errno == ENOMEM || errno == ENOSPC)
        code = REPLI_EFULL;
    return repli__error(err, code, "agent", "cannot watch descriptor %d: %s", source->fd,
                        strerror(errno));
}

int32_t repli__sources_add(repli__sources *sources, int fd, repli_source_fn ready, void *user_data,
                           repli_source **ret_source, repli_error *err) {
    repli_source *source = repli__calloc(&sources->mem, 1, sizeof(*source));
    if (source == NULL)
        return repli__error_nomem(err, "agent", "adding a source");
    source->fd = fd;
    source->ready = ready;
    source->user_data = user_data;
    pthread_mutex_lock(&sources->mutex);
    const int32_t code = watch(sources, source, err);
    if (code == REPLI_OK) {
        source->next = sources->first;
        sources->first = source;
    }
    pthread_mutex_unlock(&sources->mutex);
    if (code != REPLI_OK)
        repli__free(&sources->mem, source);
    else
        *ret_source = source;
    return code;
}

void repli__sources_remove(repli__sources *sources, repli_source *source) {
    pthread_mutex_lock(&sources->mutex);
    repli_source **link = &sources->first;
    while (*link != NULL && *link != source)
        link = &(*link)->next;
    if (*link != NULL)
        *link = source->next;
    if (source->fd >= 0)
        epoll_ctl(sources->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    const int within = sources->calling == source && pthread_equal(sources->caller, pthread_self());
    source->removed = within;
    while (!within && sources->calling == source)
        pthread_cond_wait(&sources->called, &sources->mutex);
    pthread_mutex_unlock(&sources->mutex);
    if (!within)
        repli__free(&sources->mem, source);
}

/* The mutex is held, so that what the set tells is still there. */
static void note_readable(repli__sources *sources) {
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(sources->epoll_fd, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr != NULL)
            ((repli_source *)events[i].data.ptr)->readable = 1;
}

static repli_source *next_source(const repli__sources *sources) {
    repli_source *source = sources->first;
    while (source != NULL && (source->turn == sources->turn ||
                              (!source->readable && repli__mono_ns() < source->due_ns)))
        source = source->next;
    return source;
}

static void call(repli__sources *sources, repli_source *source) {
    source->turn = sources->turn;
    source->readable = 0;
    sources->calling = source;
    sources->caller = pthread_self();
    pthread_mutex_unlock(&sources->mutex);
    const uint64_t due_ns = source->ready(source->user_data);
    pthread_mutex_lock(&sources->mutex);
    source->due_ns = due_ns;
    sources->calling = NULL;
    if (source->removed)
        repli__free(&sources->mem, source);
    pthread_cond_broadcast(&sources->called);
}

void repli__sources_run(repli__sources *sources) {
    pthread_mutex_lock(&sources->mutex);
    note_readable(sources);
    sources->turn++;
    for (repli_source *source; (source = next_source(sources)) != NULL;)
        call(sources, source);
    pthread_mutex_unlock(&sources->mutex);
}

uint64_t repli__sources_due_ns(repli__sources *sources) {
    uint64_t due_ns = UINT64_MAX;
    pthread_mutex_lock(&sources->mutex);
    for (const repli_source *source = sources->first; source != NULL; source = source->next)
        if (source->due_ns < due_ns)
            due_ns = source->due_ns;
    pthread_mutex_unlock(&sources->mutex);
    return due_ns;
}
