#include "alldata/pace.h"

#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"

/* Events between two looks; how long it rests for each part that it worked, and at most. */
enum { STEPS = 1024, REST = 1, LONG_REST = 8, MOST_REST_MS = 20 };

#ifdef RUSAGE_THREAD

static uint64_t worked_ns(void) {
    struct timespec now = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * (uint64_t)REPLI__NS_PER_S + (uint64_t)now.tv_nsec;
}

static long displaced(void) {
    struct rusage usage = {0};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

static void rest(uint64_t ns) {
    const uint64_t most = (uint64_t)(MOST_REST_MS * REPLI__NS_PER_MS);
    const struct timespec time = {.tv_nsec = (long)(ns < most ? ns : most)};
    nanosleep(&time, NULL);
}

void alldata__pace_step(alldata__pace *pace, uint64_t writes) {
    if (++pace->steps % STEPS != 0)
        return;
    const uint64_t now_ns = worked_ns();
    /* A scan may have come to another thread, which worked less. */
    if (pace->since_ns != 0 && writes != pace->writes && now_ns > pace->since_ns)
        rest((displaced() != pace->displaced ? LONG_REST : REST) * (now_ns - pace->since_ns));
    pace->writes = writes;
    pace->displaced = displaced();
    pace->since_ns = worked_ns();
}

#else

void alldata__pace_step(alldata__pace *pace, uint64_t writes) {
    pace->writes = writes;
}

#endif
