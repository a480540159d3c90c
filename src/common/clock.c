#include "clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_pause_ms(int64_t ms) {
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

int64_t clock_wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void clock_text(int64_t wall_ns, char ret_text[CLOCK_TEXT_SIZE]) {
    const int64_t in_s = (wall_ns % 1000000000 + 1000000000) % 1000000000;
    const time_t second = (time_t)((wall_ns - in_s) / 1000000000);
    int digits = 9;
    int64_t fraction = in_s;
    struct tm tm;
    ret_text[0] = '\0';
    if (gmtime_r(&second, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
        return;
    for (; digits > 0 && fraction % 1000 == 0; digits -= 3)
        fraction /= 1000;
    const size_t size = strftime(ret_text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (digits > 0)
        snprintf(ret_text + size, CLOCK_TEXT_SIZE - size, ".%0*lldZ", digits, (long long)fraction);
    else
        snprintf(ret_text + size, CLOCK_TEXT_SIZE - size, "Z");
}
