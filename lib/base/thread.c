#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

int32_t repli__cond_init(pthread_cond_t *cond, repli_error *err) {
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    if (failed == 0) {
        failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (failed == 0)
            failed = pthread_cond_init(cond, &attributes);
        pthread_condattr_destroy(&attributes);
    }
    if (failed != 0)
        return repli__error(err, REPLI_EINTERNAL, "thread", "cannot make a condition: %s",
                            strerror(failed));
    return REPLI_OK;
}

static struct timespec to_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / (uint64_t)REPLI__NS_PER_S),
                             .tv_nsec = (long)(ns % (uint64_t)REPLI__NS_PER_S)};
}

int repli__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns) {
    if (deadline_ns == UINT64_MAX) {
        pthread_cond_wait(cond, mutex);
        return 1;
    }
    const struct timespec until = to_timespec(deadline_ns);
    return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}

int32_t repli__thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *),
                            void *argument, repli_error *err) {
    /* A new thread inherits the mask. Faults of its own making must still reach it. */
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t thread;
    const int failed = pthread_create(&thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return repli__error(err, failed == EAGAIN ? REPLI_EFULL : REPLI_EINTERNAL, "thread",
                            "cannot start the %s thread: %s", name, strerror(failed));
    pthread_setname_np(thread, name);
    *ret_thread = thread;
    return REPLI_OK;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
static int join_by(pthread_t thread, uint64_t deadline_ns) {
    const struct timespec until = to_timespec(deadline_ns);
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
}
#else
/* musl has no pthread_clockjoin_np, and the thread sanitizer does not know it. Short turns keep a
 * clock that is set from mattering. */
static int join_by(pthread_t thread, uint64_t deadline_ns) {
    int failed = ETIMEDOUT;
    uint64_t now = repli__mono_ns();
    do {
        const uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
        const uint64_t turn = left < (uint64_t)REPLI__NS_PER_S ? left : (uint64_t)REPLI__NS_PER_S;
        const struct timespec until = to_timespec((uint64_t)repli__wall_ns() + turn);
        failed = pthread_timedjoin_np(thread, NULL, &until);
        now = repli__mono_ns();
    } while (failed == ETIMEDOUT && now < deadline_ns);
    return failed;
}
#endif

int repli__thread_join_until(pthread_t thread, uint64_t deadline_ns) {
    if (deadline_ns == UINT64_MAX)
        return pthread_join(thread, NULL) == 0;
    return join_by(thread, deadline_ns) == 0;
}
