#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "model/doc.h"
#include "model/words.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* UTF-8 */

static const struct {
    const char *text;
    size_t length; /* of the first character; 0: not valid */
    uint32_t c;
} characters[] = {
    {"a", 1, 'a'},
    {"\x7F", 1, 0x7F},
    {"\xC2\x80", 2, 0x80},
    {"\xDF\xBF", 2, 0x7FF},
    {"\xE0\xA0\x80", 3, 0x800},
    {"\xED\x9F\xBF", 3, 0xD7FF},
    {"\xEE\x80\x80", 3, 0xE000},
    {"\xEF\xBF\xBF", 3, 0xFFFF},
    {"\xF0\x90\x80\x80", 4, 0x10000},
    {"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
    {"\x80", 0, 0},
    {"\xBF", 0, 0},
    {"\xC0\x80", 0, 0},
    {"\xC1\xBF", 0, 0},
    {"\xC2", 0, 0},
    {"\xC2 ", 0, 0},
    {"\xE0\x9F\xBF", 0, 0},
    {"\xE1\x80", 0, 0},
    {"\xED\xA0\x80", 0, 0},
    {"\xED\xBF\xBF", 0, 0},
    {"\xF0\x8F\xBF\xBF", 0, 0},
    {"\xF4\x90\x80\x80", 0, 0},
    {"\xF5\x80\x80\x80", 0, 0},
    {"\xF0\x90\x80", 0, 0},
    {"\xFE", 0, 0},
    {"\xFF", 0, 0},
};

START_TEST(utf8_characters) {
    uint32_t c = 0;
    const char *text = characters[_i].text;
    ck_assert_uint_eq(repli__utf8_next(text, strlen(text), &c), characters[_i].length);
    ck_assert_uint_eq(c, characters[_i].c);
    ck_assert_uint_eq(repli__utf8_check(text, strlen(text)),
                      characters[_i].length > 0 ? strlen(text) : 0);
}
END_TEST

START_TEST(utf8_of_nothing) {
    ck_assert_uint_eq(repli__utf8_next("a", 0, NULL), 0);
    ck_assert_uint_eq(repli__utf8_check("", 0), 0);
    ck_assert_uint_eq(repli__utf8_check("abc\xFFz", 5), 3);
}
END_TEST

START_TEST(utf8_quotes_are_safe_to_print) {
    char quote[REPLI__QUOTE_SIZE];
    ck_assert_str_eq(repli__utf8_quote(quote, NULL), "nothing");
    ck_assert_str_eq(repli__utf8_quote(quote, ""), "\"\"");
    ck_assert_str_eq(repli__utf8_quote(quote, "ža"), "\"ža\"");
    ck_assert_str_eq(repli__utf8_quote(quote, "a\x1B[2J\n\xFF\xC2\x9Bz"), "\"a?[2J???z\"");
    char text[2000];
    for (size_t start = 0; start < 4; start++) {
        memset(text, 'x', start);
        for (size_t i = start; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xF0\x9F\x90\x98", 5);
        repli__utf8_quote(quote, text);
        ck_assert_uint_lt(strlen(quote), REPLI__QUOTE_SIZE);
        ck_assert_uint_eq(repli__utf8_check(quote, strlen(quote)), strlen(quote));
        ck_assert_str_eq(quote + strlen(quote) - 4, "...\"");
    }
}
END_TEST

START_TEST(utf8_cuts_between_characters) {
    static const char text[] = "a\xC5\xBE\xE2\x82\xAC\xF0\x9F\x90\x98";
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
    for (size_t size = 0; size < sizeof(text); size++)
        ck_assert_uint_eq(repli__utf8_cut(text, size), cuts[size]);
}
END_TEST

START_TEST(utf8_clean_keeps_the_length) {
    char text[] = "a\nž\xFF\xC2\x85z";
    repli__utf8_clean(text);
    ck_assert_str_eq(text, "a?ž???z");
}
END_TEST

/* Semantic versions */

static const char *const versions[] = {
    "0.0.0",
    "1.2.3",
    "10.20.30",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-0.3.7",
    "1.0.0-x.7.z.92",
    "1.0.0-x-y-z.--",
    "1.0.0+20130313144700",
    "1.0.0-beta+exp.sha.5114f85",
    "1.0.0+21AF26D3---117B",
    "1.0.0--",
    "1.0.0+001",
    "1.0.0-0a",
    "99999999999999999999999.999999999999999999.99999999999999",
    "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
    "1.0.0-alpha0.valid",
};

static const char *const not_versions[] = {
    "",          "1",        "1.2",     "1.2.3.4",  "01.2.3",     "1.02.3",   "1.2.03",
    "v1.2.3",    "1.2.3-",   "1.2.3+",  "1.2.3-01", "1.2.3-a..b", "1.2.3-a.", "1.2.3+a..b",
    "1.2.3+a+b", "1.2.3 ",   " 1.2.3",  "1.2.3-é",  "1.2.3-a_b",  "a.b.c",    "-1.2.3",
    "1..3",      "1.2.3-+b", "1.2.3\n", "1,2,3",    "+1.2.3",
};

START_TEST(semver_good) {
    ck_assert_msg(repli_semver_validate(versions[_i], NULL) == REPLI_OK, "%s", versions[_i]);
}
END_TEST

START_TEST(semver_bad) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_semver_validate(not_versions[_i], &err) == REPLI_EINVALID, "%s",
                  not_versions[_i]);
    ck_assert_ptr_nonnull(strstr(err.message, "not a semantic version"));
}
END_TEST

START_TEST(semver_missing_or_long) {
    ck_assert_int_eq(repli_semver_validate(NULL, NULL), REPLI_EINVALID);
    char text[300];
    memset(text, '1', sizeof(text));
    memcpy(text, "1.2.3-", 6);
    text[255] = '\0';
    ck_assert_int_eq(repli_semver_validate(text, NULL), REPLI_OK);
    text[255] = '1';
    text[256] = '\0';
    ck_assert_int_eq(repli_semver_validate(text, NULL), REPLI_EINVALID);
}
END_TEST

static const struct {
    const char *text;
    const char *version; /* NULL: none */
} found[] = {
    {"postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)", "15.20.0"},
    {"PostgreSQL 15.20 on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit",
     "15.20.0"},
    {"postgres (PostgreSQL) 16beta1", "16.0.0-beta1"},
    {"postgres (PostgreSQL) 18devel", "18.0.0-devel"},
    {"PostgreSQL 18devel on x86_64, compiled by gcc 12.2.0, 64-bit", "18.0.0-devel"},
    {"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", "7.0.15"},
    {"redis_version:7.2.4\r\nredis_git_sha1:00000000\r\n", "7.2.4"},
    {"db version v6.0.5\nBuild Info: {", "6.0.5"},
    {"mysqld  Ver 8.0.36-28 for Linux on x86_64 (Percona Server)", "8.0.36"},
    {"mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu", "10.11.6"},
    {"etcd Version: 3.5.9\nGit SHA: bdbbde998\nGo Version: go1.19.9", "3.5.9"},
    {"nginx version: nginx/1.22.1", "1.22.1"},
    {"systemd 252 (252.22-1~deb12u1)", "252.0.0"},
    {"k3s version v1.28.3+k3s1 (bbafb86e)", "1.28.3+k3s1"},
    {"OpenSSL 1.1.1w  11 Sep 2023", "1.1.1"},
    {"Oracle 19.3.0.0.0", "19.3.0"},
    {"3.8.0-1+deb12u2", "3.8.0"},
    {"1:15.20-1.pgdg120+1", "15.20.0"},
    {"15", "15.0.0"},
    {"15.20", "15.20.0"},
    {"15.20\n", "15.20.0"},
    {"v15", "15.0.0"},
    {"7.0.15-rc1", "7.0.15-rc1"},
    {"7.0.15-rc1+build.5", "7.0.15-rc1+build.5"},
    {"7.0.15~rc.2-1", "7.0.15-rc.2"},
    {"7.0.15-RC2", "7.0.15-RC2"},
    {"7.0-SNAPSHOT", "7.0.0-SNAPSHOT"},
    {"22.04.1 LTS", "22.4.1"},
    {"007.010", "7.10.0"},
    {"built 2024-01-15 at 10:22:33: 4.1", "4.1.0"},
    {"64-bit server 3.4.5", "3.4.5"},
    {"pid 12345 20240115 3.4", "3.4.0"},
    {"postgresql-16", "16.0.0"},
    {"1.2.3-rc.01", NULL},
    {"", NULL},
    {"no version", NULL},
    {"x86_64", NULL},
    {"sha 1234567890123", NULL},
    {"12345678901.2", NULL},
    {"2024-01-15", NULL},
    {"10:22:33", NULL},
    {"abc15", NULL},
    {"5GB", NULL},
};

START_TEST(semver_is_found) {
    char version[64] = "kept";
    repli_error err = REPLI_ERROR_INIT;
    const int32_t code = repli__semver_find(found[_i].text, version, sizeof(version), &err);
    if (found[_i].version == NULL) {
        ck_assert_msg(code == REPLI_ENOTFOUND, "%s gave %s", found[_i].text, version);
        ck_assert_str_eq(version, "kept");
        return;
    }
    ck_assert_msg(code == REPLI_OK, "%s: %s", found[_i].text, err.message);
    ck_assert_str_eq(version, found[_i].version);
    ck_assert_int_eq(repli_semver_validate(version, NULL), REPLI_OK);
}
END_TEST

START_TEST(semver_needs_room) {
    char version[7] = "kept";
    ck_assert_int_eq(repli__semver_find("15.20", version, 7, NULL), REPLI_EINVALID);
    ck_assert_str_eq(version, "kept");
    ck_assert_int_eq(repli__semver_find("15.2", version, 7, NULL), REPLI_OK);
    ck_assert_str_eq(version, "15.2.0");
}
END_TEST

/* Scoped names */

static const char *const names[] = {
    "postgresql.org/timeline", "a.b/c", "agent.replicante.io/cluster.init",
    "a-b.c1/X_y-z.9",          "1.2/3", "xn--e1afmkfd.example/-",
};

static const char *const not_names[] = {
    "",        "/",       "name",   "/name",  "domain/name", "a.b/",   "a.b",     "A.b/c",
    "a.B/c",   "a..b/c",  ".a.b/c", "a.b./c", "-a.b/c",      "a-.b/c", "a.b-/c",  "a_b.c/d",
    "a.b/c/d", "a.b/c d", "a.b/é",  "é.b/c",  "a.b/c\n",     " a.b/c", "a.b/c:d",
};

START_TEST(name_good) {
    ck_assert_msg(repli_scoped_name_validate(names[_i], NULL) == REPLI_OK, "%s", names[_i]);
}
END_TEST

START_TEST(name_bad) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(repli_scoped_name_validate(not_names[_i], &err) == REPLI_EINVALID, "%s",
                  not_names[_i]);
    ck_assert_ptr_nonnull(strstr(err.message, "not a scoped name"));
}
END_TEST

START_TEST(name_lengths) {
    char text[300];
    memset(text, 'x', sizeof(text));
    memcpy(text, "a.b/", 4);
    text[255] = '\0';
    ck_assert_int_eq(repli_scoped_name_validate(text, NULL), REPLI_OK);
    text[255] = 'x';
    text[256] = '\0';
    ck_assert_int_eq(repli_scoped_name_validate(text, NULL), REPLI_EINVALID);
    memset(text, 'x', sizeof(text));
    strcpy(text + 63, ".b/c");
    ck_assert_int_eq(repli_scoped_name_validate(text, NULL), REPLI_OK);
    strcpy(text + 63, "x.b/c");
    ck_assert_int_eq(repli_scoped_name_validate(text, NULL), REPLI_EINVALID);
    ck_assert_int_eq(repli_scoped_name_validate(NULL, NULL), REPLI_EINVALID);
}
END_TEST

START_TEST(name_reserved) {
    ck_assert_int_ne(repli_scoped_name_reserved("replicante.io/a"), 0);
    ck_assert_int_ne(repli_scoped_name_reserved("agent.replicante.io/a"), 0);
    ck_assert_int_ne(repli_scoped_name_reserved("external.agent.replicante.io/a"), 0);
    ck_assert_int_eq(repli_scoped_name_reserved("notreplicante.io/a"), 0);
    ck_assert_int_eq(repli_scoped_name_reserved("replicante.io.example.com/a"), 0);
    ck_assert_int_eq(repli_scoped_name_reserved("example.com/replicante.io"), 0);
    ck_assert_int_eq(repli_scoped_name_reserved("io/a"), 0);
    ck_assert_int_eq(repli_scoped_name_reserved(""), 0);
    ck_assert_int_eq(repli_scoped_name_reserved(NULL), 0);
}
END_TEST

/* Words */

START_TEST(words_go_both_ways) {
    for (int32_t i = -3; i < 20; i++) {
        const char *status = repli_status_name(i);
        ck_assert_int_eq(status != NULL,
                         i >= REPLI_STATUS_UNAVAILABLE && i <= REPLI_STATUS_UNKNOWN);
        if (status != NULL)
            ck_assert_int_eq(repli__status_find(status), i);
        const char *role = repli_role_name(i);
        ck_assert_int_eq(role != NULL, i >= REPLI_ROLE_PRIMARY && i <= REPLI_ROLE_OTHER);
        if (role != NULL)
            ck_assert_int_eq(repli__role_find(role), i);
        const char *phase = repli_phase_name(i);
        ck_assert_int_eq(phase != NULL, i >= REPLI_PHASE_NEW && i <= REPLI_PHASE_FAILED);
        if (phase != NULL)
            ck_assert_int_eq(repli__phase_find(phase), i);
        const char *end = repli_ended_name(i);
        ck_assert_int_eq(end != NULL, i >= REPLI_ENDED_DONE && i <= REPLI_ENDED_INTERRUPTED);
        if (end != NULL)
            ck_assert_int_eq(repli__ended_find(end), i);
    }
    ck_assert_str_eq(repli_status_name(REPLI_STATUS_NOT_IN_CLUSTER), "NOT_IN_CLUSTER");
    ck_assert_str_eq(repli_status_name(REPLI_STATUS_JOINING_CLUSTER), "JOINING_CLUSTER");
    ck_assert_str_eq(repli_role_name(REPLI_ROLE_RECOVERING), "Recovering");
    ck_assert_str_eq(repli_phase_name(REPLI_PHASE_RUNNING), "RUNNING");
    ck_assert_int_eq(repli__status_find("healthy"), 0);
    ck_assert_int_eq(repli__role_find(""), 0);
    ck_assert_int_eq(repli__phase_find("DONE "), 0);
    ck_assert_str_eq(repli_ended_name(REPLI_ENDED_TIMED_OUT), "timed_out");
    ck_assert_int_eq(repli__ended_find("DONE"), 0);
}
END_TEST

/* UUIDs */

static const char *const not_uuids[] = {
    "",
    "5f0c3a52",
    "5f0c3a526d0e4b0b9a360d9f3f7f2c11",
    "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c1",
    "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c111",
    "5f0c3a52-6d0e-4b0b-9a36_0d9f3f7f2c11",
    "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c1g",
    "5f0c3a5-26d0e-4b0b-9a36-0d9f3f7f2c11",
    "{5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c1}",
    "urn:uuid:5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11",
    "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c1 ",
};

START_TEST(uuid_bad) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli_uuid_validate(not_uuids[_i], &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "is not a UUID"));
}
END_TEST

START_TEST(uuid_good) {
    char canonical[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli_uuid_validate("00000000-0000-0000-0000-000000000000", NULL), REPLI_OK);
    ck_assert_int_eq(repli_uuid_validate("FFFFFFFF-ffff-FFFF-ffff-fFfFfFfFfFfF", NULL), REPLI_OK);
    ck_assert_int_eq(repli__uuid_canonical("5F0C3A52-6d0e-4B0B-9a36-0D9F3F7F2C11", canonical, NULL),
                     REPLI_OK);
    ck_assert_str_eq(canonical, "5f0c3a52-6d0e-4b0b-9a36-0d9f3f7f2c11");
    ck_assert_int_eq(repli_uuid_validate(NULL, NULL), REPLI_EINVALID);
}
END_TEST

/* 2026-01-02T03:04:05.678Z is 0x019b7ca98f2e milliseconds. */
START_TEST(uuid_has_version_variant_and_time) {
    const int64_t ns = INT64_C(1767323045678000000);
    char text[REPLI_UUID_SIZE];
    _Atomic uint64_t last = 0;
    repli__uuid_format(repli__uuid_stamp(&last, ns), 0, text);
    ck_assert_str_eq(text, "019b7ca9-8f2e-7000-8000-000000000000");
    repli__uuid_format(repli__uuid_stamp(&last, ns + 999999), UINT64_MAX, text);
    ck_assert_str_eq(text, "019b7ca9-8f2e-7fff-bfff-ffffffffffff");
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(repli_uuid_generate(text, NULL), REPLI_OK);
        ck_assert_int_eq(repli_uuid_validate(text, NULL), REPLI_OK);
        ck_assert_int_eq(text[14], '7');
        ck_assert_ptr_nonnull(strchr("89ab", text[19]));
    }
}
END_TEST

START_TEST(uuid_grows_while_the_clock_does_not) {
    static const int64_t clock[] = {5000000,
                                    5000000,
                                    5000001,
                                    4000000,
                                    0,
                                    -1,
                                    INT64_MIN,
                                    5000000,
                                    6000000,
                                    5999999,
                                    INT64_C(1767323045678000000),
                                    1};
    _Atomic uint64_t last = 0;
    char before[REPLI_UUID_SIZE] = "";
    for (size_t i = 0; i < sizeof(clock) / sizeof(clock[0]); i++) {
        char text[REPLI_UUID_SIZE];
        /* The random part falls, so that it cannot be what makes them grow. */
        repli__uuid_format(repli__uuid_stamp(&last, clock[i]), 1000 - i, text);
        ck_assert_str_gt(text, before);
        memcpy(before, text, sizeof(before));
    }
    /* More in one instant than the fraction has room for. */
    for (size_t i = 0; i < 200000; i++) {
        char text[REPLI_UUID_SIZE];
        repli__uuid_format(repli__uuid_stamp(&last, 1), 0, text);
        if (strcmp(text, before) <= 0)
            ck_abort_msg("%s after %s", text, before);
        memcpy(before, text, sizeof(before));
    }
}
END_TEST

enum { THREADS = 8, EACH = 5000 };

static _Atomic uint64_t last_of_all;

static void *generate(void *argument) {
    char(*ids)[REPLI_UUID_SIZE] = argument;
    for (size_t i = 0; i < EACH; i++)
        if (repli__uuid_generate(&last_of_all, ids[i], NULL) != REPLI_OK)
            ids[i][0] = '\0';
    return NULL;
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

START_TEST(uuid_is_ordered_and_unique_under_threads) {
    char(*ids)[REPLI_UUID_SIZE] = calloc((size_t)THREADS * EACH, sizeof(*ids));
    ck_assert_ptr_nonnull(ids);
    char first[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli__uuid_generate(&last_of_all, first, NULL), REPLI_OK);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(repli__thread_start(&threads[i], "uuid", generate, ids + i * EACH, NULL),
                         REPLI_OK);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char after[REPLI_UUID_SIZE];
    ck_assert_int_eq(repli__uuid_generate(&last_of_all, after, NULL), REPLI_OK);
    for (size_t i = 0; i < (size_t)THREADS * EACH; i++) {
        if (strcmp(ids[i], first) <= 0 || strcmp(ids[i], after) >= 0)
            ck_abort_msg("%s is not between %s and %s", ids[i], first, after);
        if (i % EACH > 0 && strcmp(ids[i - 1], ids[i]) >= 0)
            ck_abort_msg("%s after %s", ids[i], ids[i - 1]);
    }
    qsort(ids, (size_t)THREADS * EACH, sizeof(*ids), by_text);
    for (size_t i = 1; i < (size_t)THREADS * EACH; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            ck_abort_msg("%s is there twice", ids[i]);
    free(ids);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model: text");
    TCase *utf8 = tcase_create("utf8");
    tcase_add_loop_test(utf8, utf8_characters, 0, COUNT(characters));
    tcase_add_test(utf8, utf8_of_nothing);
    tcase_add_test(utf8, utf8_quotes_are_safe_to_print);
    tcase_add_test(utf8, utf8_cuts_between_characters);
    tcase_add_test(utf8, utf8_clean_keeps_the_length);
    suite_add_tcase(suite, utf8);
    TCase *semver = tcase_create("semver");
    tcase_add_loop_test(semver, semver_good, 0, COUNT(versions));
    tcase_add_loop_test(semver, semver_bad, 0, COUNT(not_versions));
    tcase_add_test(semver, semver_missing_or_long);
    tcase_add_loop_test(semver, semver_is_found, 0, COUNT(found));
    tcase_add_test(semver, semver_needs_room);
    suite_add_tcase(suite, semver);
    TCase *name = tcase_create("names and words");
    tcase_add_loop_test(name, name_good, 0, COUNT(names));
    tcase_add_loop_test(name, name_bad, 0, COUNT(not_names));
    tcase_add_test(name, name_lengths);
    tcase_add_test(name, name_reserved);
    tcase_add_test(name, words_go_both_ways);
    suite_add_tcase(suite, name);
    TCase *uuid = tcase_create("uuid");
    tcase_set_timeout(uuid, 60);
    tcase_add_loop_test(uuid, uuid_bad, 0, COUNT(not_uuids));
    tcase_add_test(uuid, uuid_good);
    tcase_add_test(uuid, uuid_has_version_variant_and_time);
    tcase_add_test(uuid, uuid_grows_while_the_clock_does_not);
    tcase_add_test(uuid, uuid_is_ordered_and_unique_under_threads);
    suite_add_tcase(suite, uuid);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
