#include "alldata/rouser.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "alldata/system.h"
#include "base/clock.h"
#include "base/error.h"

int32_t alldata__rouser_init(alldata__rouser *rouser, const char *origin, repli_error *err) {
    rouser->rung = 0;
    rouser->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (rouser->fd < 0) {
        const int number = errno;
        return repli__error(err, alldata__system_code(number), origin, "cannot make a timer: %s",
                            strerror(number));
    }
    pthread_mutex_init(&rouser->mutex, NULL);
    return REPLI_OK;
}

void alldata__rouser_dispose(alldata__rouser *rouser) {
    if (rouser->fd < 0)
        return;
    close(rouser->fd);
    pthread_mutex_destroy(&rouser->mutex);
}

/* 0 would disarm it; all of what is past is the same. */
static void set(const alldata__rouser *rouser, uint64_t at_ns) {
    struct itimerspec at = {.it_value = {.tv_nsec = at_ns == 0}};
    if (at_ns != 0 && at_ns != UINT64_MAX)
        at.it_value = (struct timespec){.tv_sec = (time_t)(at_ns / (uint64_t)REPLI__NS_PER_S),
                                        .tv_nsec = (long)(at_ns % (uint64_t)REPLI__NS_PER_S)};
    timerfd_settime(rouser->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void alldata__rouser_ring(void *argument) {
    alldata__rouser *rouser = argument;
    pthread_mutex_lock(&rouser->mutex);
    if (!rouser->rung)
        set(rouser, 0);
    rouser->rung = 1;
    pthread_mutex_unlock(&rouser->mutex);
}

void alldata__rouser_reset(alldata__rouser *rouser) {
    pthread_mutex_lock(&rouser->mutex);
    rouser->rung = 0;
    pthread_mutex_unlock(&rouser->mutex);
}

void alldata__rouser_arm(alldata__rouser *rouser, uint64_t at_ns) {
    pthread_mutex_lock(&rouser->mutex);
    if (!rouser->rung)
        set(rouser, at_ns);
    pthread_mutex_unlock(&rouser->mutex);
}
