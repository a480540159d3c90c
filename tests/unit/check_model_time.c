#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <replicante/model.h>

#define S INT64_C(1000000000)

/* Both ways: the canonical form of a time. */
static const struct {
    const char *text;
    int64_t time_ns;
} canonical[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-01-02T03:04:05Z", 1767323045 * S},
    {"2026-01-02T03:04:05.678Z", 1767323045 * S + 678000000},
    {"2026-01-02T03:04:05.000001Z", 1767323045 * S + 1000},
    {"2026-01-02T03:04:05.678900Z", 1767323045 * S + 678900000},
    {"2026-01-02T03:04:05.000000001Z", 1767323045 * S + 1},
    {"2026-01-02T03:04:05.999999999Z", 1767323045 * S + 999999999},
    {"1969-12-31T23:59:59.999999999Z", -1},
    {"1969-12-31T23:59:59Z", -S},
    {"1969-12-31T23:59:58.500Z", -2 * S + 500000000},
    {"2000-02-29T12:00:00Z", 951825600 * S},
    {"2024-02-29T23:59:59Z", 1709251199 * S},
    {"2024-03-01T00:00:00Z", 1709251200 * S},
    {"1900-03-01T00:00:00Z", -2203891200 * S},
    {"2100-02-28T23:59:59Z", 4107542399 * S},
    {"2100-03-01T00:00:00Z", 4107542400 * S},
    {"2038-01-19T03:14:08Z", 2147483648 * S},
    {"1678-01-01T00:00:00Z", -9214560000 * S},
    {"2261-12-31T23:59:59.999999999Z", 9214646399 * S + 999999999},
};

START_TEST(canonical_times_round_trip) {
    int64_t time_ns = 0;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_time_parse(canonical[_i].text, &time_ns, &err) == REPLI_OK, "%s: %s",
                  canonical[_i].text, err.message);
    ck_assert_msg(time_ns == canonical[_i].time_ns, "%s is %lld", canonical[_i].text,
                  (long long)time_ns);
    char text[REPLI_TIME_SIZE];
    ck_assert_int_eq(repli_time_format(canonical[_i].time_ns, text, sizeof(text), &err), REPLI_OK);
    ck_assert_str_eq(text, canonical[_i].text);
}
END_TEST

static const struct {
    const char *text;
    const char *same_as;
} accepted[] = {
    {"2026-01-02t03:04:05z", "2026-01-02T03:04:05Z"},
    {"2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05Z"},
    {"2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05Z"},
    {"2026-01-02T03:04:05.5+00:00", "2026-01-02T03:04:05.500Z"},
    {"2026-01-02T03:04:05.0Z", "2026-01-02T03:04:05Z"},
    {"2026-01-02T03:04:05.12345Z", "2026-01-02T03:04:05.123450Z"},
    {"2026-01-02T03:04:05.1234567899999Z", "2026-01-02T03:04:05.123456789Z"},
    {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
    {"2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250Z"},
    {"2015-06-30T23:59:60Z", "2015-07-01T00:00:00Z"},
};

START_TEST(other_forms_are_read) {
    int64_t time_ns = 0;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_time_parse(accepted[_i].text, &time_ns, &err) == REPLI_OK, "%s: %s",
                  accepted[_i].text, err.message);
    char text[REPLI_TIME_SIZE];
    ck_assert_int_eq(repli_time_format(time_ns, text, sizeof(text), &err), REPLI_OK);
    ck_assert_str_eq(text, accepted[_i].same_as);
}
END_TEST

static const struct {
    const char *text;
    const char *why;
} refused[] = {
    {"", "expected RFC 3339"},
    {"now", "expected RFC 3339"},
    {"2026-01-02", "expected RFC 3339"},
    {"2026-01-02T03:04:05", "expected RFC 3339"},
    {"2026-01-02 03:04:05Z", "expected RFC 3339"},
    {"2026-01-02T03:04Z", "expected RFC 3339"},
    {"2026-01-02T03:04:05.Z", "expected RFC 3339"},
    {"2026-01-02T03:04:05,5Z", "expected RFC 3339"},
    {"2026-1-02T03:04:05Z", "expected RFC 3339"},
    {"26-01-02T03:04:05Z", "expected RFC 3339"},
    {"12026-01-02T03:04:05Z", "expected RFC 3339"},
    {"-2026-01-02T03:04:05Z", "expected RFC 3339"},
    {"2026-01-02T03:04:05Zz", "expected RFC 3339"},
    {" 2026-01-02T03:04:05Z", "expected RFC 3339"},
    {"2026-01-02T03:04:05Z ", "expected RFC 3339"},
    {"2026-01-02T03:04:05+0000", "expected RFC 3339"},
    {"2026-01-02T03:04:05+00", "expected RFC 3339"},
    {"2026-01-02T03:04:05+00:0", "expected RFC 3339"},
    {"2026-01-02T03:04:05+00:00:00", "expected RFC 3339"},
    {"2026-01-02T03:04:0xZ", "expected RFC 3339"},
    {"２026-01-02T03:04:05Z", "expected RFC 3339"},
    {"2026-01-02T03:04:05+01:00", "another offset"},
    {"2026-01-02T03:04:05-00:30", "another offset"},
    {"2026-01-02T03:04:05+23:59", "another offset"},
    {"2026-00-02T03:04:05Z", "no such day"},
    {"2026-13-02T03:04:05Z", "no such day"},
    {"2026-01-00T03:04:05Z", "no such day"},
    {"2026-01-32T03:04:05Z", "no such day"},
    {"2026-04-31T03:04:05Z", "no such day"},
    {"2023-02-29T00:00:00Z", "no such day"},
    {"1900-02-29T00:00:00Z", "no such day"},
    {"2100-02-29T00:00:00Z", "no such day"},
    {"2026-01-02T24:00:00Z", "no such time of day"},
    {"2026-01-02T03:60:05Z", "no such time of day"},
    {"2026-01-02T03:04:60Z", "no such time of day"},
    {"2026-01-02T23:59:60Z", "no such time of day"},
    {"2016-12-31T22:59:60Z", "no such time of day"},
    {"2016-12-31T23:58:60Z", "no such time of day"},
    {"2016-12-31T23:59:61Z", "no such time of day"},
    {"1677-12-31T23:59:59Z", "out of range"},
    {"0000-01-01T00:00:00Z", "out of range"},
    {"2262-01-01T00:00:00Z", "out of range"},
    {"9999-12-31T23:59:59Z", "out of range"},
    {"2261-12-31T23:59:60Z", "out of range"},
};

START_TEST(bad_times_are_refused) {
    int64_t time_ns = 77;
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_time_parse(refused[_i].text, &time_ns, &err) == REPLI_EINVALID,
                  "%s was accepted", refused[_i].text);
    ck_assert_msg(strstr(err.message, refused[_i].why) != NULL, "%s: %s", refused[_i].text,
                  err.message);
    ck_assert_int_eq(time_ns, 77);
    ck_assert_int_eq(repli_time_parse(refused[_i].text, &time_ns, NULL), REPLI_EINVALID);
}
END_TEST

START_TEST(missing_time_is_refused) {
    int64_t time_ns;
    ck_assert_int_eq(repli_time_parse(NULL, &time_ns, NULL), REPLI_EINVALID);
}
END_TEST

START_TEST(times_out_of_range_are_not_written) {
    static const int64_t times[] = {REPLI_TIME_NONE, INT64_MAX, -9214560000 * S - 1,
                                    9214646400 * S};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[REPLI_TIME_SIZE] = "kept";
        repli_error err = REPLI_ERROR_INIT;
        ck_assert_int_eq(repli_time_format(times[i], text, sizeof(text), &err), REPLI_EINVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "out of range"));
        ck_assert_str_eq(text, "kept");
    }
}
END_TEST

START_TEST(small_buffers_are_refused) {
    char text[REPLI_TIME_SIZE] = "kept";
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_time_format(0, text, 20, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "20 bytes"));
    ck_assert_str_eq(text, "kept");
    ck_assert_int_eq(repli_time_format(0, text, 21, &err), REPLI_OK);
    ck_assert_int_eq(repli_time_format(0, text, 0, &err), REPLI_EINVALID);
}
END_TEST

/* The C library counts days in its own way. */
START_TEST(every_day_agrees_with_the_c_library) {
    for (int64_t day = -106650; day <= 106650; day++) {
        const time_t seconds = (time_t)(day * 86400 + (day * 7919 % 86400 + 86400) % 86400);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        char expected[REPLI_TIME_SIZE];
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &parts);
        char text[REPLI_TIME_SIZE];
        if (repli_time_format(seconds * S, text, sizeof(text), NULL) != REPLI_OK) {
            ck_assert_msg(parts.tm_year + 1900 < 1678 || parts.tm_year + 1900 > 2261, "%s",
                          expected);
            continue;
        }
        if (strcmp(text, expected) != 0)
            ck_abort_msg("%s, but the C library says %s", text, expected);
        int64_t time_ns = 0;
        if (repli_time_parse(text, &time_ns, NULL) != REPLI_OK || time_ns != seconds * S)
            ck_abort_msg("%s is not read back", text);
    }
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void) {
    TCase *tcase = tcase_create("time");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, canonical_times_round_trip, 0, COUNT(canonical));
    tcase_add_loop_test(tcase, other_forms_are_read, 0, COUNT(accepted));
    tcase_add_loop_test(tcase, bad_times_are_refused, 0, COUNT(refused));
    tcase_add_test(tcase, missing_time_is_refused);
    tcase_add_test(tcase, times_out_of_range_are_not_written);
    tcase_add_test(tcase, small_buffers_are_refused);
    tcase_add_test(tcase, every_day_agrees_with_the_c_library);
    Suite *suite = suite_create("model: time");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
