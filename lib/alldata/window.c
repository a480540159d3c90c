#include "alldata/window.h"

#include <string.h>

#include "alldata/moment.h"

int64_t alldata__period(const char *text) {
    static const struct {
        const char *text;
        int64_t seconds;
    } periods[] = {{"P1D", 86400}, {"PT3H", 10800}, {"PT1H", 3600}, {"PT15M", 900}, {"PT5M", 300}};
    for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
        if (strcmp(text, periods[i].text) == 0)
            return periods[i].seconds;
    return 0;
}

int64_t alldata__period_start(int64_t period, int64_t second) {
    const int64_t rest = second % period;
    return second - (rest < 0 ? rest + period : rest);
}

void alldata__interval_name(int64_t start, char to[ALLDATA_INTERVAL_SIZE]) {
    alldata__moment_write(start, to);
    to[ALLDATA__SECOND_LENGTH] = '\0';
}

int alldata__interval_start(const char *text, size_t size, int64_t *ret_start) {
    return size == ALLDATA__SECOND_LENGTH && alldata__moment_read(text, ret_start);
}

int64_t alldata__window_start(int64_t period, int64_t before, int64_t now) {
    const int64_t start = alldata__period_start(period, now) - period;
    return start > before || now < before ? start : before;
}
