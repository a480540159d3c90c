#include "alldata/moment.h"

enum { SECONDS_A_DAY = 24 * 60 * 60, DAYS_IN_400_YEARS = 146097 };

/* Years begin in March here, so that a leap day is the last of its year, and days are counted from
 * March of the year 0. */
enum { DAYS_TO_1970 = 719468 };

typedef struct date {
    int64_t year;
    int month, day;
} date;

/* Days before a month, counted from March. */
static int days_before(int month) {
    return (153 * month + 2) / 5;
}

static int64_t day_of(const date *d) {
    const int64_t year = d->year - (d->month <= 2);
    const int month = d->month + (d->month > 2 ? -3 : 9);
    /* From year -1, of which January is, everything is positive 400 years later. */
    const int64_t later = year + 400;
    return later * 365 + later / 4 - later / 100 + later / 400 + days_before(month) + d->day - 1 -
           DAYS_IN_400_YEARS - DAYS_TO_1970;
}

static date date_of(int64_t day) {
    const int64_t days = day + DAYS_TO_1970 + DAYS_IN_400_YEARS;
    const int64_t era = days / DAYS_IN_400_YEARS;
    const int64_t of_era = days % DAYS_IN_400_YEARS;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int of_year = (int)(of_era - (365 * year + year / 4 - year / 100));
    const int month = (5 * of_year + 2) / 153;
    return (date){.year = era * 400 + year - 400 + (month >= 10),
                  .month = month + (month < 10 ? 3 : -9),
                  .day = of_year - days_before(month) + 1};
}

void alldata__digits_write(uint64_t number, int count, char *to) {
    for (int i = count - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
}

int64_t alldata__digits_read(const char *text, int count) {
    int64_t number = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

void alldata__moment_write(int64_t second, char to[ALLDATA__SECOND_LENGTH]) {
    int64_t day = second / SECONDS_A_DAY;
    int64_t of_day = second % SECONDS_A_DAY;
    if (of_day < 0) {
        of_day += SECONDS_A_DAY;
        day--;
    }
    const date d = date_of(day);
    alldata__digits_write((uint64_t)d.year, 4, to);
    alldata__digits_write((uint64_t)d.month, 2, to + 4);
    alldata__digits_write((uint64_t)d.day, 2, to + 6);
    to[8] = 'T';
    alldata__digits_write((uint64_t)of_day / 3600, 2, to + 9);
    alldata__digits_write((uint64_t)of_day / 60 % 60, 2, to + 11);
    alldata__digits_write((uint64_t)of_day % 60, 2, to + 13);
}

static int is_day(const date *d) {
    if (d->month < 1 || d->month > 12 || d->day < 1 || d->day > 31)
        return 0;
    const date back = date_of(day_of(d));
    return back.month == d->month && back.day == d->day;
}

int alldata__moment_read(const char text[ALLDATA__SECOND_LENGTH], int64_t *ret_second) {
    const int64_t year = alldata__digits_read(text, 4);
    const int64_t month = alldata__digits_read(text + 4, 2);
    const int64_t day = alldata__digits_read(text + 6, 2);
    const int64_t hour = alldata__digits_read(text + 9, 2);
    const int64_t minute = alldata__digits_read(text + 11, 2);
    const int64_t second = alldata__digits_read(text + 13, 2);
    const date d = {.year = year, .month = (int)month, .day = (int)day};
    if (year < 0 || text[8] != 'T' || !is_day(&d) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59)
        return 0;
    *ret_second = day_of(&d) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
    return 1;
}
