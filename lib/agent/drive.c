#include "agent/drive.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

/* Life. */

static int watch(const repli__drive *drive, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(drive->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int open_descriptors(repli__drive *drive) {
    drive->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (drive->epoll_fd >= 0)
        drive->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (drive->event_fd >= 0)
        drive->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return drive->timer_fd >= 0 && watch(drive, drive->event_fd) && watch(drive, drive->timer_fd);
}

static void close_descriptors(repli__drive *drive) {
    const int fds[] = {drive->timer_fd, drive->event_fd, drive->epoll_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int32_t init(repli__drive *drive, repli_error *err) {
    if (!open_descriptors(drive))
        return repli__error(err, REPLI_EFULL, "agent",
                            "cannot make the descriptors of the agent's loop: %s", strerror(errno));
    const int32_t code = repli__cond_init(&drive->rung, err);
    if (code != REPLI_OK)
        return code;
    const int32_t second = repli__cond_init(&drive->left, err);
    if (second != REPLI_OK)
        pthread_cond_destroy(&drive->rung);
    return second;
}

int32_t repli__drive_new(const repli__mem *mem, repli__drive **ret_drive, repli_error *err) {
    repli__drive *drive = repli__calloc(mem, 1, sizeof(*drive));
    if (drive == NULL)
        return repli__error_nomem(err, "agent", "making the agent's loop");
    drive->mem = *mem;
    drive->epoll_fd = drive->event_fd = drive->timer_fd = -1;
    atomic_init(&drive->woken, 0);
    const int32_t code = init(drive, err);
    if (code != REPLI_OK) {
        close_descriptors(drive);
        repli__free(mem, drive);
        return code;
    }
    pthread_mutex_init(&drive->mutex, NULL);
    repli__sources_init(&drive->sources, drive->epoll_fd, mem);
    *ret_drive = drive;
    return REPLI_OK;
}

void repli__drive_free(repli__drive *drive) {
    if (drive == NULL)
        return;
    const repli__mem mem = drive->mem;
    repli__sources_dispose(&drive->sources);
    pthread_cond_destroy(&drive->left);
    pthread_cond_destroy(&drive->rung);
    pthread_mutex_destroy(&drive->mutex);
    close_descriptors(drive);
    repli__free(&mem, drive);
}

/* Crews. */

void repli__drive_ring(repli__drive *drive) {
    const int before = errno;
    const uint64_t one = 1;
    /* It fails if it was rung very often already. */
    const ssize_t written = write(drive->event_fd, &one, sizeof(one));
    (void)written;
    errno = before;
}

static void ring_dispatched(void *user_data) {
    repli__drive_ring(user_data);
}

static void ring_lent(void *user_data) {
    repli__drive *drive = user_data;
    pthread_mutex_lock(&drive->mutex);
    drive->rings++;
    pthread_cond_broadcast(&drive->rung);
    pthread_mutex_unlock(&drive->mutex);
}

void repli__drive_add(repli__drive *drive, repli__worker *worker, int lent) {
    repli__crew *crew = lent ? &drive->lent : &drive->dispatched;
    crew->workers[crew->count++] = worker;
    repli__worker_drive(worker, lent ? ring_lent : ring_dispatched, drive);
}

static int is_closed(repli__drive *drive) {
    pthread_mutex_lock(&drive->mutex);
    const int closed = drive->closed;
    pthread_mutex_unlock(&drive->mutex);
    return closed;
}

/* Each worker that is due, once. Returns how many were run. */
static int run_crew(repli__drive *drive, const repli__crew *crew) {
    int count = 0;
    /* A worker that was lost and returns finds the others gone. */
    for (size_t i = 0; i < crew->count && !is_closed(drive); i++)
        count += repli__worker_run(crew->workers[i]);
    return count;
}

static uint64_t crew_due_ns(const repli__crew *crew) {
    uint64_t due_ns = UINT64_MAX;
    for (size_t i = 0; i < crew->count; i++) {
        const uint64_t worker_ns = repli__worker_due_ns(crew->workers[i]);
        if (worker_ns < due_ns)
            due_ns = worker_ns;
    }
    return due_ns;
}

/* Visitors. */

static void enter(repli__drive *drive) {
    pthread_mutex_lock(&drive->mutex);
    drive->visitors++;
    pthread_mutex_unlock(&drive->mutex);
}

static void leave(repli__drive *drive) {
    pthread_mutex_lock(&drive->mutex);
    drive->visitors--;
    pthread_cond_broadcast(&drive->left);
    pthread_mutex_unlock(&drive->mutex);
}

int repli__drive_is_within(repli__drive *drive) {
    pthread_mutex_lock(&drive->mutex);
    const int within = drive->dispatching && pthread_equal(drive->dispatcher, pthread_self());
    pthread_mutex_unlock(&drive->mutex);
    return within;
}

void repli__drive_close(repli__drive *drive) {
    pthread_mutex_lock(&drive->mutex);
    drive->closed = 1;
    pthread_cond_broadcast(&drive->rung);
    pthread_mutex_unlock(&drive->mutex);
    repli__drive_ring(drive);
}

int repli__drive_wait(repli__drive *drive, int lost, uint64_t deadline_ns) {
    pthread_mutex_lock(&drive->mutex);
    while (drive->visitors > lost &&
           repli__cond_wait_until(&drive->left, &drive->mutex, deadline_ns))
        continue;
    const int done = drive->visitors <= lost;
    pthread_mutex_unlock(&drive->mutex);
    return done;
}

/* Dispatch. */

uint64_t repli__drive_due_ns(repli__drive *drive) {
    const uint64_t crew_ns = is_closed(drive) ? UINT64_MAX : crew_due_ns(&drive->dispatched);
    const uint64_t source_ns = repli__sources_due_ns(&drive->sources);
    return crew_ns < source_ns ? crew_ns : source_ns;
}

uint64_t repli__drive_stuck_ns(repli__drive *drive) {
    uint64_t longest_ns = 0;
    for (size_t i = 0; i < drive->dispatched.count; i++) {
        const uint64_t stuck_ns = repli__worker_stuck_ns(drive->dispatched.workers[i]);
        if (stuck_ns > longest_ns)
            longest_ns = stuck_ns;
    }
    return longest_ns;
}

/* Before the work: who rings from now on rings for the next dispatch. */
static void drain(repli__drive *drive) {
    uint64_t rings;
    const ssize_t got = read(drive->event_fd, &rings, sizeof(rings));
    (void)got;
}

/* A timer whose time has come may take a moment to say so, hence the ring. */
static void arm(repli__drive *drive) {
    const uint64_t due_ns = repli__drive_due_ns(drive);
    struct itimerspec at = {0};
    if (due_ns <= repli__mono_ns()) {
        repli__drive_ring(drive);
    } else if (due_ns != UINT64_MAX) {
        at.it_value.tv_sec = (time_t)(due_ns / (uint64_t)REPLI__NS_PER_S);
        at.it_value.tv_nsec = (long)(due_ns % (uint64_t)REPLI__NS_PER_S);
    }
    timerfd_settime(drive->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static int32_t dispatch(repli__drive *drive, repli_error *err) {
    pthread_mutex_lock(&drive->mutex);
    const int busy = drive->dispatching;
    if (!busy) {
        drive->dispatching = 1;
        drive->dispatcher = pthread_self();
    }
    pthread_mutex_unlock(&drive->mutex);
    if (busy)
        return repli__error(err, REPLI_EBUSY, "agent",
                            "the agent is being dispatched already: by another thread, or by the "
                            "caller of the callback that asks for it");
    drain(drive);
    run_crew(drive, &drive->dispatched);
    repli__sources_run(&drive->sources);
    arm(drive);
    pthread_mutex_lock(&drive->mutex);
    drive->dispatching = 0;
    pthread_mutex_unlock(&drive->mutex);
    return REPLI_OK;
}

int32_t repli__drive_dispatch(repli__drive *drive, repli_error *err) {
    enter(drive);
    atomic_store(&drive->woken, 0);
    const int32_t code = dispatch(drive, err);
    leave(drive);
    return code;
}

/* Run. */

static int32_t timed_out(repli_error *err) {
    return repli__error(err, REPLI_ETIMEOUT, "agent", "the time is up");
}

static void sleep_until(const repli__drive *drive, uint64_t deadline_ns) {
    struct pollfd fd = {.fd = drive->epoll_fd, .events = POLLIN};
    const uint64_t now_ns = repli__mono_ns();
    const uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    const uint64_t left_ms = left_ns / (uint64_t)REPLI__NS_PER_MS;
    poll(&fd, 1, left_ms < INT32_MAX ? (int)left_ms + (left_ns > 0) : INT32_MAX);
}

static int32_t run(repli__drive *drive, uint64_t deadline_ns, repli_error *err) {
    for (int first = 1;; first = 0) {
        if (atomic_exchange(&drive->woken, 0))
            return REPLI_OK;
        if (is_closed(drive))
            return repli__error(err, REPLI_ESTATE, "agent", "the agent is stopped");
        if (!first && repli__mono_ns() >= deadline_ns)
            return timed_out(err);
        const int32_t code = dispatch(drive, err);
        if (code != REPLI_OK)
            return code;
        sleep_until(drive, deadline_ns);
    }
}

int32_t repli__drive_run(repli__drive *drive, uint64_t deadline_ns, repli_error *err) {
    enter(drive);
    const int32_t code = run(drive, deadline_ns, err);
    leave(drive);
    return code;
}

/* Lent threads. */

/* Until something is due that nobody does yet, or deadline_ns. */
static void wait_for_work(repli__drive *drive, uint64_t rings, uint64_t deadline_ns) {
    const uint64_t due_ns = crew_due_ns(&drive->lent);
    const uint64_t until_ns = due_ns < deadline_ns ? due_ns : deadline_ns;
    pthread_mutex_lock(&drive->mutex);
    while (drive->rings == rings && !drive->closed &&
           repli__cond_wait_until(&drive->rung, &drive->mutex, until_ns))
        continue;
    pthread_mutex_unlock(&drive->mutex);
}

static int32_t work(repli__drive *drive, uint64_t deadline_ns, repli_error *err) {
    while (!is_closed(drive)) {
        pthread_mutex_lock(&drive->mutex);
        const uint64_t rings = drive->rings;
        pthread_mutex_unlock(&drive->mutex);
        const int ran = run_crew(drive, &drive->lent);
        if (repli__mono_ns() >= deadline_ns)
            return timed_out(err);
        if (!ran)
            wait_for_work(drive, rings, deadline_ns);
    }
    return REPLI_OK;
}

int32_t repli__drive_work(repli__drive *drive, uint64_t deadline_ns, repli_error *err) {
    enter(drive);
    const int32_t code = work(drive, deadline_ns, err);
    /* Others slept on, as this thread saw to what it ran. */
    ring_lent(drive);
    leave(drive);
    return code;
}
