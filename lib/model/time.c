#include <replicante/model.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"

/* Whole years that 64 bits of nanoseconds can express. */
enum { FIRST_YEAR = 1678, LAST_YEAR = 2261 };

enum { SECONDS_A_DAY = 24 * 60 * 60 };

static int is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of a year within our range. */
static int64_t days_to_year(int year) {
    const int before = year - 1;
    const int leap_days = before / 4 - before / 100 + before / 400;
    return (int64_t)(year - 1970) * 365 + leap_days - (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static int32_t out_of_range(repli_error *err, const char *what) {
    return repli__error(err, REPLI_EINVALID, "model",
                        "the time %s is out of range: only the years %d to %d can be written", what,
                        FIRST_YEAR, LAST_YEAR);
}

int32_t repli_time_format(int64_t time_ns, char *ret_text, size_t size, repli_error *err) {
    int64_t second = time_ns / REPLI__NS_PER_S;
    int64_t fraction = time_ns % REPLI__NS_PER_S;
    if (fraction < 0) {
        fraction += REPLI__NS_PER_S;
        second--;
    }
    int64_t day = second / SECONDS_A_DAY;
    int64_t of_day = second % SECONDS_A_DAY;
    if (of_day < 0) {
        of_day += SECONDS_A_DAY;
        day--;
    }
    if (day < days_to_year(FIRST_YEAR) || day >= days_to_year(LAST_YEAR + 1)) {
        char number[24];
        snprintf(number, sizeof(number), "%lld", (long long)time_ns);
        return out_of_range(err, number);
    }

    int year = 1970 + (int)(day / 366);
    while (day >= days_to_year(year + 1))
        year++;
    while (day < days_to_year(year))
        year--;
    int rest = (int)(day - days_to_year(year));
    int month = 1;
    for (; rest >= days_in(year, month); month++)
        rest -= days_in(year, month);

    char digits[16] = "";
    if (fraction % 1000000 == 0 && fraction != 0)
        snprintf(digits, sizeof(digits), ".%03d", (int)(fraction / 1000000));
    else if (fraction % 1000 == 0 && fraction != 0)
        snprintf(digits, sizeof(digits), ".%06d", (int)(fraction / 1000));
    else if (fraction != 0)
        snprintf(digits, sizeof(digits), ".%09d", (int)fraction);
    char text[64];
    const int length =
        snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d%sZ", year, month, rest + 1,
                 (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), digits);
    if ((size_t)length >= size)
        return repli__error(err, REPLI_EINVALID, "model",
                            "the buffer for a time has %zu bytes: give it %d", size,
                            REPLI_TIME_SIZE);
    memcpy(ret_text, text, (size_t)length + 1);
    return REPLI_OK;
}

/* Exactly count digits at **at as a number, and past them; -1 if there are fewer. */
static int take_number(const char **at, int count) {
    int number = 0;
    for (int i = 0; i < count; i++) {
        const char c = **at;
        if (c < '0' || c > '9')
            return -1;
        number = number * 10 + (c - '0');
        (*at)++;
    }
    return number;
}

static int take_char(const char **at, char wanted) {
    if (**at != wanted)
        return 0;
    (*at)++;
    return 1;
}

/* Digits of a second as nanoseconds; those after the ninth are dropped. -1 if there are none. */
static int64_t take_fraction(const char **at) {
    int64_t ns = 0;
    int count = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, count++)
        if (count < 9)
            ns = ns * 10 + (**at - '0');
    if (count == 0)
        return -1;
    for (; count < 9; count++)
        ns *= 10;
    return ns;
}

/* A time as written. */
typedef struct moment {
    int year, month, day;
    int hour, minute, second;
    int64_t fraction_ns;
    int offset_hour, offset_minute;
} moment;

static int take_date(const char **at, moment *ret) {
    ret->year = take_number(at, 4);
    if (ret->year < 0 || !take_char(at, '-'))
        return 0;
    ret->month = take_number(at, 2);
    if (ret->month < 0 || !take_char(at, '-'))
        return 0;
    ret->day = take_number(at, 2);
    return ret->day >= 0;
}

static int take_clock(const char **at, moment *ret) {
    ret->hour = take_number(at, 2);
    if (ret->hour < 0 || !take_char(at, ':'))
        return 0;
    ret->minute = take_number(at, 2);
    if (ret->minute < 0 || !take_char(at, ':'))
        return 0;
    ret->second = take_number(at, 2);
    if (ret->second < 0)
        return 0;
    ret->fraction_ns = take_char(at, '.') ? take_fraction(at) : 0;
    return ret->fraction_ns >= 0;
}

/* RFC 3339 says of -00:00 that the time is in UTC, and nothing of where it was taken. */
static int take_offset(const char **at, moment *ret) {
    ret->offset_hour = 0;
    ret->offset_minute = 0;
    if (take_char(at, 'Z') || take_char(at, 'z'))
        return 1;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return 0;
    ret->offset_hour = take_number(at, 2);
    if (ret->offset_hour < 0 || !take_char(at, ':'))
        return 0;
    ret->offset_minute = take_number(at, 2);
    return ret->offset_minute >= 0;
}

static int take_moment(const char *at, moment *ret) {
    return take_date(&at, ret) && (take_char(&at, 'T') || take_char(&at, 't')) &&
           take_clock(&at, ret) && take_offset(&at, ret) && *at == '\0';
}

static int is_date(const moment *m) {
    return m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= days_in(m->year, m->month);
}

/* Leap seconds end a month. A count from 1970 has no room for them: they become the first second of
 * the next. */
static int is_clock(const moment *m) {
    const int leap =
        m->second == 60 && m->minute == 59 && m->hour == 23 && m->day == days_in(m->year, m->month);
    return m->hour <= 23 && m->minute <= 59 && (m->second <= 59 || leap);
}

static int32_t refuse(repli_error *err, const char *text, const char *why) {
    char quote[REPLI__QUOTE_SIZE];
    return repli__error(err, REPLI_EINVALID, "model", "%s is not a time in UTC: %s",
                        repli__utf8_quote(quote, text), why);
}

int32_t repli_time_parse(const char *text, int64_t *ret_time_ns, repli_error *err) {
    if (text == NULL)
        return repli__error(err, REPLI_EINVALID, "model", "the time is missing");
    moment m;
    if (!take_moment(text, &m))
        return refuse(err, text, "expected RFC 3339, such as 2026-01-02T03:04:05.678Z");
    if (m.offset_hour != 0 || m.offset_minute != 0)
        return refuse(err, text, "it has another offset; convert it, and let it end in Z");
    char quote[REPLI__QUOTE_SIZE];
    if (m.year < FIRST_YEAR || m.year > LAST_YEAR)
        return out_of_range(err, repli__utf8_quote(quote, text));
    if (!is_date(&m))
        return refuse(err, text, "there is no such day");
    if (!is_clock(&m))
        return refuse(err, text, "there is no such time of day");

    int64_t days = days_to_year(m.year) + m.day - 1;
    for (int month = 1; month < m.month; month++)
        days += days_in(m.year, month);
    const int64_t seconds = days * SECONDS_A_DAY + m.hour * 3600 + m.minute * 60 + m.second;
    if (seconds >= days_to_year(LAST_YEAR + 1) * SECONDS_A_DAY)
        return out_of_range(err, repli__utf8_quote(quote, text));
    *ret_time_ns = seconds * REPLI__NS_PER_S + m.fraction_ns;
    return REPLI_OK;
}
