/* What nodes say to each other: frames, bodies and lists, written and read. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "alldata/wire/event.h"
#include "alldata/wire/frame.h"
#include "alldata/wire/list.h"

#define KEY "20261121T005824640353920860"
#define EVENT "{\"timestamp\":1795222614995,\"stuff\":\"foo\"}"

static repli_buf buf;
static repli_error err;

static void setup(void) {
    buf = (repli_buf)REPLI_BUF_INIT;
    err = (repli_error)REPLI_ERROR_INIT;
}

static void teardown(void) {
    repli_buf_dispose(&buf);
}

static alldata_record record_of(const char *key, const char *event) {
    alldata_record record = ALLDATA_RECORD_INIT;
    record.key = key;
    record.key_size = strlen(key);
    record.event = event;
    record.event_size = strlen(event);
    return record;
}

static void expect_record(const alldata_record *record, const char *key, const char *event) {
    ck_assert_uint_eq(record->struct_size, sizeof(*record));
    ck_assert_int_eq(record->code, REPLI_OK);
    ck_assert_uint_eq(record->key_size, strlen(key));
    ck_assert_mem_eq(record->key, key, record->key_size);
    ck_assert_uint_eq(record->event_size, strlen(event));
    ck_assert_mem_eq(record->event, event, record->event_size);
}

/* Memory of exactly its size, so that whoever reads past it is seen. */
static char *exact(const char *text, size_t size) {
    char *copy = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, size);
    return copy;
}

/* Frames. */

START_TEST(frames_are_those_of_an_export) {
    const alldata_record first = record_of(KEY, EVENT);
    const alldata_record second = record_of("", "[\n]");
    alldata_record record;
    ck_assert_int_eq(alldata__frame_write(&buf, &first), REPLI_OK);
    ck_assert_str_eq(buf.data, "27 41 " KEY " " EVENT "\n");
    ck_assert_int_eq(alldata__frame_write(&buf, &second), REPLI_OK);
    ck_assert_str_eq(buf.data, "27 41 " KEY " " EVENT "\n0 3  [\n]\n");
    alldata__frames in = {.text = buf.data, .size = buf.size};
    ck_assert_int_eq(alldata__frame_next(&in, &record, &err), REPLI_OK);
    expect_record(&record, KEY, EVENT);
    ck_assert_int_eq(alldata__frame_next(&in, &record, &err), REPLI_OK);
    expect_record(&record, "", "[\n]");
    ck_assert_int_eq(alldata__frame_next(&in, &record, &err), REPLI_EDONE);
    ck_assert_uint_eq(in.at, in.size);
}
END_TEST

START_TEST(what_stands_behind_frames_is_left_to_others) {
    alldata_record record;
    alldata__frames in = {.text = "1 1 k 5\nmore\n", .size = 13};
    ck_assert_int_eq(alldata__frame_next(&in, &record, &err), REPLI_OK);
    ck_assert_int_eq(alldata__frame_next(&in, &record, &err), REPLI_EDONE);
    alldata__list rest = {.text = in.text, .size = in.size, .at = in.at};
    const char *next = NULL;
    size_t size = 1;
    ck_assert_int_eq(alldata__list_tail(&rest, &next, &size, &err), REPLI_OK);
    ck_assert_ptr_nonnull(next);
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(frames_that_lie_are_refused) {
    static const char *const bad[] = {
        "1",
        "1 ",
        "1 1",
        "1 1 ",
        "1 1 k",
        "1 1 k ",
        "1 1 k 5",
        "1 1 k 55",
        "1 1 kk5\n",
        "1 2 k 5\n",
        "2 1 k 5\n",
        "01 1 k 5\n",
        "1 01 k 5\n",
        "1  k 5\n",
        "1 -1 k 5\n",
        "1\t1 k 5\n",
        "1x1 k 5\n",
        "18446744073709551615 1 k 5\n",
        "18446744073709551616 1 k 5\n",
        "1 18446744073709551615 k 5\n",
        "9223372036854775807 9223372036854775807 k 5\n",
        "99999999999999999999999999999999999999 1 k 5\n",
        "1 99999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        alldata_record record = {.struct_size = 77};
        char *text = exact(bad[i], strlen(bad[i]));
        alldata__frames in = {.text = text, .size = strlen(bad[i])};
        err = (repli_error)REPLI_ERROR_INIT;
        ck_assert_msg(alldata__frame_next(&in, &record, &err) == REPLI_EPROTOCOL, "%s", bad[i]);
        ck_assert_str_ne(err.message, "");
        ck_assert_uint_eq(in.at, 0);
        ck_assert_uint_eq(record.struct_size, 77);
        free(text);
    }
}
END_TEST

/* Events. */

static int is_event(const char *text, size_t size) {
    char *copy = exact(text, size);
    const int32_t code = alldata__event_check(copy, size, NULL);
    free(copy);
    ck_assert(code == REPLI_OK || code == REPLI_EINVALID);
    return code == REPLI_OK;
}

#define IS_EVENT(text) is_event(text, sizeof(text) - 1)

/* What the reference's nodes change when they store it. */
START_TEST(weakness_14_numbers_and_members_are_no_reason_to_refuse) {
    ck_assert(IS_EVENT(EVENT));
    ck_assert(IS_EVENT("12345678901234567890"));
    ck_assert(IS_EVENT("1e400"));
    ck_assert(IS_EVENT("-0"));
    ck_assert(IS_EVENT("1.0"));
    ck_assert(IS_EVENT("{\"a\":1,\"a\":2,\"1\":3}"));
    ck_assert(IS_EVENT(" [ 1 ,\r\n\t2 ] \n"));
    ck_assert(IS_EVENT("true"));
    ck_assert(IS_EVENT("\"\""));
    ck_assert(IS_EVENT("\"\\u0000\\ud800\\udc00\\ud800 \\udc00\""));
}
END_TEST

START_TEST(weakness_13_text_that_is_not_utf8_is_refused) {
    ck_assert(IS_EVENT("\"\xC3\xA9\""));
    ck_assert(IS_EVENT("\"\xF0\x9F\x98\x80\""));
    ck_assert(!IS_EVENT("\"\xC3\""));
    ck_assert(!IS_EVENT("\"\xC3"));
    ck_assert(!IS_EVENT("\"\xA9\""));
    ck_assert(!IS_EVENT("\"\xC0\x80\""));
    ck_assert(!IS_EVENT("\"\xED\xA0\x80\""));
    ck_assert(!IS_EVENT("\"\xF4\x90\x80\x80\""));
    ck_assert(!IS_EVENT("{\"\xFF\":1}"));
    ck_assert(!IS_EVENT("\xEF\xBB\xBF{}"));
}
END_TEST

START_TEST(what_is_no_json_is_no_event) {
    static const char *const bad[] = {
        "",   " ",  "null", " null\n", "{",         "nul", "{}{}",     "[1,]",   "{\"a\"}",
        "01", "1.", "'a'",  "\"\\x\"", "\"\\u12\"", "NaN", "[1] // 1", "\"\n\"", "\"\\ud8\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!is_event(bad[i], strlen(bad[i])), "%s", bad[i]);
    ck_assert_int_eq(alldata__event_check("null", 4, &err), REPLI_EINVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "null"));
    ck_assert_int_eq(alldata__event_check(NULL, 0, NULL), REPLI_EINVALID);
    ck_assert(!IS_EVENT("1\0"));
}
END_TEST

START_TEST(nesting_is_bounded) {
    char text[2 * (ALLDATA__EVENT_DEPTH + 1)];
    memset(text, '[', sizeof(text) / 2);
    memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
    ck_assert(!is_event(text, sizeof(text)));
    ck_assert(is_event(text + 1, sizeof(text) - 2));
}
END_TEST

START_TEST(an_event_becomes_a_line) {
    static const char event[] = "{\n  \"a\\n\" :\r\n 1 }\n";
    ck_assert_int_eq(alldata__event_line(&buf, event, strlen(event)), REPLI_OK);
    ck_assert_str_eq(buf.data, "{   \"a\\n\" :   1 } ");
}
END_TEST

/* Bodies between nodes. */

static int32_t read_body(const char *body, const char *key, const char *event) {
    alldata_record record = ALLDATA_RECORD_INIT;
    char *copy = exact(body, strlen(body));
    const int32_t code = alldata__body_read(copy, strlen(body), &record, &err);
    if (code == REPLI_OK)
        expect_record(&record, key, event);
    free(copy);
    return code;
}

START_TEST(a_body_is_that_of_the_reference) {
    static const char golden[] = "{\"key\":\"" KEY "\",\"event\":" EVENT "}";
    const alldata_record record = record_of(KEY, EVENT);
    ck_assert_int_eq(alldata__body_write(&buf, &record), REPLI_OK);
    ck_assert_str_eq(buf.data, golden);
    ck_assert_uint_eq(buf.size, 0x57);
    ck_assert_int_eq(read_body(golden, KEY, EVENT), REPLI_OK);
}
END_TEST

START_TEST(weakness_14_the_event_of_a_body_stays_as_it_came) {
    ck_assert_int_eq(
        read_body("{\"event\": [ 1e400,-0 ,{\"b\":1,\"b\":2}] ,\"x\":[{}],\"key\":\"" KEY "\"}",
                  KEY, "[ 1e400,-0 ,{\"b\":1,\"b\":2}]"),
        REPLI_OK);
    ck_assert_int_eq(read_body(" {\"key\":\"" KEY "\",\n\"event\":\n12345678901234567890\n}\n", KEY,
                               "12345678901234567890"),
                     REPLI_OK);
    ck_assert_int_eq(read_body("{\"\\ud800\":\"\\ud800\",\"key\":\"" KEY
                               "\",\"event\":\"\\ud800\"}",
                               KEY, "\"\\ud800\""),
                     REPLI_OK);
    ck_assert_int_eq(read_body("{\"key\":1,\"event\":1,\"event\":2,\"key\":\"" KEY "\"}", KEY, "2"),
                     REPLI_OK);
}
END_TEST

START_TEST(weakness_17_odd_bodies_are_refused) {
    static const char *const bad[] = {
        "",
        "null",
        "5",
        "[]",
        "{}",
        "{\"key\":\"" KEY "\"}",
        "{\"key\":\"" KEY "\",\"event\":null}",
        "{\"event\":1}",
        "{\"key\":5,\"event\":1}",
        "{\"key\":{},\"event\":1}",
        "{\"key\":\"\",\"event\":1}",
        "{\"key\":[\"" KEY "\"],\"event\":1}",
        "{\"key\":\"20261121T\",\"event\":1}",
        "{\"key\":\"20261121Txyz /\",\"event\":1}",
        "{\"key\":\"20261121T00582464035392086\\u0030\",\"event\":1}",
        "{\"key\":\"20261321T005824640353920860\",\"event\":1}",
        "{\"key\":\"" KEY "\",\"event\":1",
        "{\"key\":\"" KEY "\",\"event\":\"\xC3\"}",
        "{\"k\\u0065y\":\"" KEY "\",\"event\":1}",
        "\xEF\xBB\xBF{\"key\":\"" KEY "\",\"event\":1}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err = (repli_error)REPLI_ERROR_INIT;
        ck_assert_msg(read_body(bad[i], "", "") == REPLI_EINVALID, "%s", bad[i]);
        ck_assert_str_ne(err.message, "");
    }
}
END_TEST

/* Lists. */

START_TEST(lists_are_read_as_they_were_written) {
    const alldata__digest digest = {"20261121T0058", 12345678901, UINT64_C(0x0123456789abcdef)};
    alldata__digest read;
    const char *next = "";
    size_t size = 0;
    alldata__list_node(&buf, "ad \xC3\xA9");
    alldata__list_digest(&buf, &digest);
    alldata__list_end(&buf, KEY);
    ck_assert_str_eq(buf.data, "node ad \xC3\xA9\n20261121T0058 12345678901 0123456789abcdef\n"
                               "more " KEY "\n");
    alldata__list in = {.text = buf.data, .size = buf.size};
    ck_assert_int_eq(alldata__list_read_node(&in, "ad2", &err), REPLI_EPROTOCOL);
    ck_assert_int_eq(alldata__list_read_node(&in, "ad \xC3\xA9", NULL), REPLI_OK);
    ck_assert_int_eq(alldata__list_read_digest(&in, &read, NULL), REPLI_OK);
    ck_assert_str_eq(read.bucket, digest.bucket);
    ck_assert_uint_eq(read.count, digest.count);
    ck_assert_uint_eq(read.hash, digest.hash);
    ck_assert_int_eq(alldata__list_read_digest(&in, &read, NULL), REPLI_EDONE);
    ck_assert_int_eq(alldata__list_tail(&in, &next, &size, NULL), REPLI_OK);
    ck_assert_uint_eq(size, ALLDATA_KEY_LENGTH);
    ck_assert_mem_eq(next, KEY, size);
}
END_TEST

START_TEST(keys_and_intervals_are_read_as_they_were_written) {
    const char *key = NULL;
    const char *next = "";
    uint32_t hash = 0;
    size_t size = 0;
    char name[ALLDATA_INTERVAL_SIZE];
    int32_t state = 0;
    alldata__list_key(&buf, KEY, 0xfe03);
    alldata__list_interval(&buf, "20261121T000000", ALLDATA_INTERVAL_CLOSED);
    alldata__list_interval(&buf, "20261122T000000", ALLDATA_INTERVAL_OPEN);
    alldata__list_end(&buf, NULL);
    ck_assert_str_eq(buf.data,
                     KEY " 0000fe03\n20261121T000000 closed\n20261122T000000 open\nend\n");
    alldata__list in = {.text = buf.data, .size = buf.size};
    ck_assert_int_eq(alldata__list_read_key(&in, &key, &hash, NULL), REPLI_OK);
    ck_assert_mem_eq(key, KEY, ALLDATA_KEY_LENGTH);
    ck_assert_uint_eq(hash, 0xfe03);
    ck_assert_int_eq(alldata__list_read_interval(&in, name, &state, NULL), REPLI_OK);
    ck_assert_str_eq(name, "20261121T000000");
    ck_assert_int_eq(state, ALLDATA_INTERVAL_CLOSED);
    ck_assert_int_eq(alldata__list_read_interval(&in, name, &state, NULL), REPLI_OK);
    ck_assert_int_eq(state, ALLDATA_INTERVAL_OPEN);
    ck_assert_int_eq(alldata__list_read_interval(&in, name, &state, NULL), REPLI_EDONE);
    ck_assert_int_eq(alldata__list_tail(&in, &next, &size, NULL), REPLI_OK);
    ck_assert_ptr_null(next);
}
END_TEST

START_TEST(failures_are_told_by_index) {
    size_t index = 0;
    int32_t code = 0;
    ck_assert_int_eq(alldata__list_failure(&buf, 1, REPLI_EINVALID), REPLI_OK);
    ck_assert_int_eq(alldata__list_failure(&buf, 2, REPLI_ECONFLICT), REPLI_OK);
    ck_assert_str_eq(buf.data, "1 invalid\n2 conflict\n");
    alldata__list in = {.text = buf.data, .size = buf.size};
    ck_assert_int_eq(alldata__list_read_failure(&in, 3, &index, &code, NULL), REPLI_OK);
    ck_assert_uint_eq(index, 1);
    ck_assert_int_eq(code, REPLI_EINVALID);
    ck_assert_int_eq(alldata__list_read_failure(&in, 2, &index, &code, NULL), REPLI_EPROTOCOL);
    ck_assert_int_eq(alldata__list_read_failure(&in, 3, &index, &code, NULL), REPLI_OK);
    ck_assert_int_eq(code, REPLI_ECONFLICT);
    ck_assert_int_eq(alldata__list_read_failure(&in, 3, &index, &code, NULL), REPLI_EDONE);
    alldata__list later = {.text = "0 of-later\n", .size = 11};
    ck_assert_int_eq(alldata__list_read_failure(&later, 1, &index, &code, NULL), REPLI_OK);
    ck_assert_int_eq(code, REPLI_EINTERNAL);
}
END_TEST

/* Every reader, of a text that none of them takes. */
static void expect_odd(const char *text) {
    alldata__digest digest;
    const char *at;
    uint32_t hash;
    size_t size;
    int32_t number;
    char name[ALLDATA_INTERVAL_SIZE];
    char *copy = exact(text, strlen(text));
    alldata__list in = {.text = copy, .size = strlen(text)};
    err = (repli_error)REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata__list_read_node(&in, "n", &err), REPLI_EPROTOCOL);
    ck_assert_str_ne(err.message, "");
    ck_assert_int_eq(alldata__list_read_digest(&in, &digest, &err), REPLI_EPROTOCOL);
    ck_assert_int_eq(alldata__list_read_key(&in, &at, &hash, &err), REPLI_EPROTOCOL);
    ck_assert_int_eq(alldata__list_read_interval(&in, name, &number, &err), REPLI_EPROTOCOL);
    if (text[0] != '\0')
        ck_assert_int_eq(alldata__list_read_failure(&in, 9, &size, &number, &err), REPLI_EPROTOCOL);
    ck_assert_int_eq(alldata__list_tail(&in, &at, &size, &err), REPLI_EPROTOCOL);
    ck_assert_uint_eq(in.at, 0);
    free(copy);
}

START_TEST(garbage_is_no_list) {
    static const char *const bad[] = {
        "",
        "\n",
        "end",
        "more",
        "ends\n",
        "end 1",
        "node m\n",
        "node \n",
        "node n",
        "<html>502 Bad Gateway</html>",
        "20261121T0058 1\n",
        "20261121T0058 1 0123456789abcde\n",
        "20261121T0058 1 0123456789abcdeF\n",
        "20261121T0058 -1 0123456789abcdef\n",
        "20261121T0058 12345678901234567890 0123456789abcdef\n",
        "20261121T005800 1 0123456789abcdef x\n",
        "20261121T0058000 1 0123456789abcdef\n",
        " 1 0123456789abcdef\n",
        KEY,
        KEY "\n",
        KEY " 123\n",
        KEY " 0123456789\n",
        "20261121T 01234567\n",
        "20261121T000000 ajar\n",
        "20261121T00000 open\n",
        "20261121 000000 open\n",
        "2026112100000000 closed\n",
        "2026112 1 0123456789abcdef\n",
        "20261121X 1 0123456789abcdef\n",
        "99 io\n",
        "x io\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_odd(bad[i]);
}
END_TEST

START_TEST(nothing_stands_behind_the_tail) {
    static const char *const bad[] = {"end\nend\n", "end \n", "end x\n", "more\n1 1 k 5\n"};
    const char *next;
    size_t size;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        alldata__list in = {.text = bad[i], .size = strlen(bad[i])};
        ck_assert_msg(alldata__list_tail(&in, &next, &size, &err) == REPLI_EPROTOCOL, "%s", bad[i]);
    }
}
END_TEST

START_TEST(a_hash_is_of_key_and_event) {
    const alldata_record record = record_of(KEY, EVENT);
    const alldata_record other_key = record_of("20261121T005824640353920861", EVENT);
    const alldata_record other_event =
        record_of(KEY, "{\"timestamp\":1795222614995,\"stuff\":\"fop\"}");
    const alldata_record longer = record_of(KEY, EVENT " ");
    /* Nodes of different versions must agree on it. */
    ck_assert_uint_eq(alldata__record_hash(&record), UINT64_C(0x989a4c8ba2f1a909));
    ck_assert_uint_ne(alldata__record_hash(&other_key), alldata__record_hash(&record));
    ck_assert_uint_ne(alldata__record_hash(&other_event), alldata__record_hash(&record));
    ck_assert_uint_ne(alldata__record_hash(&longer), alldata__record_hash(&record));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata: wire");
    TCase *cases = tcase_create("wire");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, frames_are_those_of_an_export);
    tcase_add_test(cases, what_stands_behind_frames_is_left_to_others);
    tcase_add_test(cases, frames_that_lie_are_refused);
    tcase_add_test(cases, weakness_14_numbers_and_members_are_no_reason_to_refuse);
    tcase_add_test(cases, weakness_13_text_that_is_not_utf8_is_refused);
    tcase_add_test(cases, what_is_no_json_is_no_event);
    tcase_add_test(cases, nesting_is_bounded);
    tcase_add_test(cases, an_event_becomes_a_line);
    tcase_add_test(cases, a_body_is_that_of_the_reference);
    tcase_add_test(cases, weakness_14_the_event_of_a_body_stays_as_it_came);
    tcase_add_test(cases, weakness_17_odd_bodies_are_refused);
    tcase_add_test(cases, lists_are_read_as_they_were_written);
    tcase_add_test(cases, keys_and_intervals_are_read_as_they_were_written);
    tcase_add_test(cases, failures_are_told_by_index);
    tcase_add_test(cases, garbage_is_no_list);
    tcase_add_test(cases, nothing_stands_behind_the_tail);
    tcase_add_test(cases, a_hash_is_of_key_and_event);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
