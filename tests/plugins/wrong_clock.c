/* To be preloaded: the clock on the wall is wrong by WRONG_CLOCK_S seconds for this process, and
 * for nothing else of it: what counts time that passes goes on as it is. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long error_s;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("WRONG_CLOCK_S");
    error_s = text != NULL ? strtol(text, NULL, 10) : 0;
}

#pragma GCC visibility push(default)

int clock_gettime(clockid_t clock, struct timespec *ret_time) {
    const long result = syscall(SYS_clock_gettime, clock, ret_time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret_time->tv_sec += error_s;
    return (int)result;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    const int result = clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return result;
}

time_t time(time_t *ret_time) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time != NULL)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}
