/* What a node tells others of its events: digests, keys, records, intervals. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alldata/repair/query.h"
#include "alldata/repair/serve.h"
#include "alldata/wire/frame.h"
#include "box.h"

static box b;
static alldata__digests *digests;
static alldata__source source;
static repli_error err;

static void setup(void) {
    box_begin(&b);
    box_open(&b);
    err = (repli_error)REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata__digests_new(b.storage, &repli__mem_default, &digests, &err),
                     REPLI_OK);
    source = (alldata__source){.storage = b.storage, .digests = digests, .id = "ad1"};
}

static void teardown(void) {
    alldata__digests_free(digests);
    box_end(&b);
}

/* An event as a node stores it: whoever adds up is told. */
static void store(const char *key, const char *event) {
    alldata_record record = ALLDATA_RECORD_INIT;
    alldata_record *const records[] = {&record};
    record.key = key;
    record.key_size = strlen(key);
    record.event = event;
    record.event_size = strlen(event);
    ck_assert_msg(alldata_storage_put(b.storage, &record, 1, ALLDATA_PUT_LATE, &err) == REPLI_OK,
                  "%s", err.message);
    alldata__digests_touch(digests, records, 1);
}

static void store_at(const char *second, int number) {
    char key[ALLDATA_KEY_SIZE];
    snprintf(key, sizeof(key), "%s%012d", second, number);
    store(key, "{}");
}

/* The answer, or why there is none. The caller frees it. */
static char *ask(const char *target) {
    repli_buf buf = REPLI_BUF_INIT;
    err = (repli_error)REPLI_ERROR_INIT;
    const int32_t code = alldata__serve(&source, target, &buf, &err);
    if (code == REPLI_OK)
        return buf.data;
    ck_assert_uint_eq(buf.size, 0);
    ck_assert_int_eq(err.code, code);
    ck_assert_str_ne(err.message, "");
    repli_buf_dispose(&buf);
    return strdup(repli_error_name(code));
}

static void expect(const char *target, const char *expected) {
    char *answer = ask(target);
    ck_assert_str_eq(answer, expected);
    free(answer);
}

/* All pages of digests of a length, with at most so many bytes read for each. */
typedef struct sums {
    alldata__digest list[64];
    size_t count;
    size_t pages;
} sums;

static sums add_up(const char *from, const char *until, size_t length, size_t bytes) {
    sums all = {.count = 0};
    char target[256];
    char at[ALLDATA_KEY_SIZE];
    snprintf(at, sizeof(at), "%s", from);
    for (int more = 1; more;) {
        const char *next = NULL;
        size_t size = 0;
        alldata__digest digest;
        snprintf(target, sizeof(target), "/_alldata/digests?from=%s&until=%s&length=%zu&bytes=%zu",
                 at, until, length, bytes);
        char *answer = ask(target);
        alldata__list in = {.text = answer, .size = strlen(answer)};
        ck_assert_msg(alldata__list_read_node(&in, "ad1", &err) == REPLI_OK, "%s", answer);
        while (alldata__list_read_digest(&in, &digest, &err) == REPLI_OK) {
            alldata__digest *last = all.count > 0 ? &all.list[all.count - 1] : NULL;
            if (last != NULL && strcmp(last->bucket, digest.bucket) == 0) {
                last->count += digest.count;
                last->hash += digest.hash;
                continue;
            }
            ck_assert(last == NULL || strcmp(last->bucket, digest.bucket) < 0);
            ck_assert_uint_lt(all.count, 64);
            all.list[all.count++] = digest;
        }
        ck_assert_int_eq(alldata__list_tail(&in, &next, &size, &err), REPLI_OK);
        more = next != NULL;
        if (more) {
            ck_assert_uint_eq(size, ALLDATA_KEY_LENGTH);
            ck_assert_int_gt(memcmp(next, at, strlen(at)), -1);
            memcpy(at, next, size);
            at[size] = '\0';
        }
        free(answer);
        ck_assert_uint_lt(++all.pages, 1000);
    }
    return all;
}

/* What they must be, by reading everything anew. */
static void expect_true(const char *from, const char *until, size_t length, size_t bytes) {
    const sums all = add_up(from, until, length, bytes);
    alldata_scan *scan = NULL;
    alldata_scan_options options = ALLDATA_SCAN_OPTIONS_INIT;
    alldata_record record = ALLDATA_RECORD_INIT;
    size_t at = 0;
    alldata__digest sum = {.count = 0};
    options.from = from;
    options.until = until[0] != '\0' ? until : NULL;
    ck_assert_int_eq(alldata_scan_new(b.storage, &options, &scan, &err), REPLI_OK);
    for (;;) {
        const int32_t code = alldata_scan_next(scan, &record, NULL);
        if (sum.count > 0 && (code != REPLI_OK || memcmp(sum.bucket, record.key, length) != 0)) {
            ck_assert_uint_lt(at, all.count);
            ck_assert_str_eq(all.list[at].bucket, sum.bucket);
            ck_assert_uint_eq(all.list[at].count, sum.count);
            ck_assert_uint_eq(all.list[at++].hash, sum.hash);
            sum = (alldata__digest){.count = 0};
        }
        if (code != REPLI_OK)
            break;
        memcpy(sum.bucket, record.key, length);
        sum.count++;
        sum.hash += alldata__record_hash(&record);
    }
    ck_assert_uint_eq(at, all.count);
    alldata_scan_free(scan);
}

/* Over two days: three minutes, one of them with many events, and one after a pause. */
static void fill(void) {
    for (int i = 0; i < 300; i++)
        store_at("20261120T235859", i);
    store_at("20261120T235900", 1);
    store_at("20261121T000000", 1);
    store_at("20261121T000059", 2);
    store_at("20261121T000100", 2);
    store_at("20261121T015659", 3);
}

START_TEST(digests_are_those_of_what_is_there) {
    static const size_t lengths[] = {8, 11, 13, 15};
    static const size_t sizes[] = {1, 100, 5000, 1000000};
    fill();
    for (size_t again = 0; again < 3; again++)
        for (size_t i = 0; i < 4; i++)
            for (size_t j = 0; j < 4; j++) {
                expect_true("", "", lengths[i], sizes[j]);
                expect_true("20261120T235859000000000100", "20261121T0000", lengths[i], sizes[j]);
                expect_true("20261121", "20261121T000059000000000002", lengths[i], sizes[j]);
                expect_true("20261120T23", "20261121T000059000000000003", lengths[i], sizes[j]);
            }
}
END_TEST

START_TEST(what_is_stored_later_is_added) {
    static const size_t sizes[] = {1, 5000, 1000000};
    fill();
    for (size_t i = 0; i < 3; i++) {
        expect_true("", "", 13, sizes[i]);
        store_at("20261120T235859", 1000 + (int)i);
        expect_true("", "", 13, sizes[i]);
        expect_true("", "20261121T000059", 13, sizes[i]);
        store_at("20261121T000030", (int)i);
        store_at("20261120T235830", (int)i);
        expect_true("", "", 8, sizes[i]);
        expect_true("", "", 13, sizes[i]);
        store_at("20261119T000000", (int)i);
        expect_true("", "", 13, sizes[i]);
        store_at("20261121T000400", (int)i);
        expect_true("", "", 13, sizes[i]);
    }
}
END_TEST

/* Between two pages that end in the middle of a minute. */
START_TEST(what_is_stored_meanwhile_is_not_lost) {
    char next[ALLDATA_KEY_SIZE];
    fill();
    char *answer = ask("/_alldata/digests?from=&length=13&bytes=6000");
    alldata__list in = {.text = answer, .size = strlen(answer)};
    ck_assert_int_eq(sscanf(strstr(answer, "more "), "more %27s", next), 1);
    ck_assert_int_lt(strcmp(next, "20261120T2359"), 0);
    ck_assert_int_eq(alldata__list_read_node(&in, "ad1", &err), REPLI_OK);
    free(answer);
    store_at("20261120T235859", 0 + 100000); /* in the part to come */
    store_at("20261120T235858", 7);          /* in the part that was read */
    add_up(next, "", 13, 6000);
    expect_true("", "", 13, 1000000);
    expect_true("", "", 13, 1000000);
}
END_TEST

/* A page ends when enough was read, and nothing is. */
START_TEST(what_is_known_is_not_read_again) {
    fill();
    sums all = add_up("", "20261121T0156", 13, 10000);
    ck_assert_uint_gt(all.pages, 1);
    all = add_up("", "20261121T0156", 13, 10000);
    const sums known = add_up("20261120T2358", "20261121T0002", 13, 10000);
    ck_assert_uint_eq(known.pages, 1);
    ck_assert_uint_eq(known.list[0].count, 300);
    alldata__digests_forget(digests);
    ck_assert_uint_gt(add_up("20261120T2358", "20261121T0002", 13, 10000).pages, 1);
}
END_TEST

START_TEST(many_days_do_not_take_more_and_more_memory) {
    char second[16];
    for (int day = 1; day <= 28; day++)
        for (int month = 1; month <= 3; month++) {
            snprintf(second, sizeof(second), "2026%02d%02dT120000", month, day);
            store_at(second, day);
        }
    for (int i = 0; i < 2; i++) {
        const sums one = add_up("20260101", "20260201", 8, 1000000);
        const sums three = add_up("20260301", "20260401", 8, 1000000);
        ck_assert_uint_eq(one.count, 28);
        ck_assert_uint_eq(three.count, 28);
        ck_assert_uint_eq(add_up("20260201", "20260301", 8, 1000000).count, 28);
    }
    expect_true("20260315", "20260401", 8, 1000000);
}
END_TEST

#define K(second, number) "20261121T" second "00000000000" number

START_TEST(keys_and_records_are_told_in_pages) {
    store(K("015500", "1"), "{}");
    store(K("015501", "2"), "[\n]");
    store(K("020000", "3"), "3");
    expect("/_alldata/keys?from=20261121T0155&until=20261121T0156",
           K("015500", "1") " f5244a9d\n" K("015501", "2") " 182ed630\nend\n");
    expect("/_alldata/records?bytes=1", "27 2 " K("015500", "1") " {}\nmore\n");
    expect("/_alldata/records?bytes=31&after=" K("015500", "1"),
           "27 3 " K("015501", "2") " [\n]\n27 1 " K("020000", "3") " 3\nend\n");
    expect("/_alldata/records?after=" K("020000", "3"), "end\n");
    expect("/_alldata/records?after=" K("015500", "0") "&until=20261121T02&verify=1",
           "27 2 " K("015500", "1") " {}\n27 3 " K("015501", "2") " [\n]\nend\n");
    expect("/_alldata/records?interval=20261121T020000&prefix=2026",
           "27 1 " K("020000", "3") " 3\nend\n");
    expect("/_alldata/records?prefix=2026%311%321T02&from=2", "27 1 " K("020000", "3") " 3\nend\n");
    expect("/_alldata/intervals",
           "20261121T015000 open\n20261121T015500 open\n20261121T020000 open\nend\n");
}
END_TEST

START_TEST(an_empty_storage_has_nothing_to_tell) {
    expect("/_alldata/digests?length=8", "node ad1\nend\n");
    expect("/_alldata/keys", "end\n");
    expect("/_alldata/records?from=&until=", "end\n");
}
END_TEST

START_TEST(odd_questions_are_refused) {
    static const char *const bad[] = {
        "/_alldata/digests",
        "/_alldata/digests?length=",
        "/_alldata/digests?length=9",
        "/_alldata/digests?length=13x",
        "/_alldata/digests?length=13&from=20261121T0000000000000000000",
        "/_alldata/keys?bytes=0",
        "/_alldata/keys?bytes=-1",
        "/_alldata/keys?bytes=99999999999",
        "/_alldata/keys?bytes=99999999999999999999999999",
        "/_alldata/keys?from",
        "/_alldata/keys?=1",
        "/_alldata/keys?from=%",
        "/_alldata/keys?from=%0",
        "/_alldata/keys?from=%00",
        "/_alldata/keys?from=%zz",
        "/_alldata/keys?from=1234567890123456789012345678901234567890123456789012345678901234",
        "/_alldata/keys?surprise=1",
        "/_alldata/keys?verify=2",
        "/_alldata/records?interval=yesterday",
    };
    static const char *const none[] = {
        "",
        "/",
        "/_alldata",
        "/_alldata/keys/",
        "/_alldata/keyssssssssssssssssssssssssssssssssss",
        "/_alldata/records?interval=20200101T000000",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect(bad[i], "invalid");
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        expect(none[i], "not_found");
}
END_TEST

START_TEST(parameters_come_back_as_they_were_given) {
    static const char odd[] = "a b&c=d%e#f+g\xC3\xA9\n/";
    repli_buf target = REPLI_BUF_INIT;
    alldata__query query;
    alldata__parameter it;
    ck_assert_int_eq(alldata__query_add(&target, '?', "from", odd, strlen(odd)), REPLI_OK);
    ck_assert_int_eq(alldata__query_add(&target, '&', "until", "", 0), REPLI_OK);
    ck_assert_str_eq(target.data, "?from=a%20b%26c%3Dd%25e%23f%2Bg%C3%A9%0A%2F&until=");
    ck_assert_int_eq(alldata__query_begin(&query, target.data, &err), REPLI_OK);
    ck_assert_str_eq(query.path, "");
    ck_assert_int_eq(alldata__query_next(&query, &it, &err), REPLI_OK);
    ck_assert_str_eq(it.name, "from");
    ck_assert_str_eq(it.value, odd);
    ck_assert_int_eq(alldata__query_next(&query, &it, &err), REPLI_OK);
    ck_assert_str_eq(it.name, "until");
    ck_assert_str_eq(it.value, "");
    ck_assert_int_eq(alldata__query_next(&query, &it, &err), REPLI_EDONE);
    repli_buf_dispose(&target);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("digests");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, digests_are_those_of_what_is_there);
    tcase_add_test(tcase, what_is_stored_later_is_added);
    tcase_add_test(tcase, what_is_stored_meanwhile_is_not_lost);
    tcase_add_test(tcase, what_is_known_is_not_read_again);
    tcase_add_test(tcase, many_days_do_not_take_more_and_more_memory);
    tcase_add_test(tcase, keys_and_records_are_told_in_pages);
    tcase_add_test(tcase, an_empty_storage_has_nothing_to_tell);
    tcase_add_test(tcase, odd_questions_are_refused);
    tcase_add_test(tcase, parameters_come_back_as_they_were_given);
    Suite *suite = suite_create("alldata: digests");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
