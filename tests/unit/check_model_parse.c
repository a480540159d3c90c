#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "base/json_check.h"
#include "base/json_span.h"

/* The checker and the walker against jansson: the same texts are valid, and mean the same. */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void same_value(repli__json_span span, const json_t *tree);

static char *decoded(repli__json_span string) {
    ck_assert_int_eq(repli__json_type(string), REPLI__JSON_STRING);
    char *text = malloc(string.size);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(repli__json_decode(string, text, string.size), strlen(text));
    return text;
}

static void same_number(repli__json_span span, const json_t *tree) {
    int64_t number = 0;
    if (!json_is_integer(tree)) {
        const double expected = json_real_value(tree);
        const double actual = repli__json_to_real(span);
        ck_assert_mem_eq(&actual, &expected, sizeof(expected));
        return;
    }
    ck_assert_int_eq(repli__json_type(span), REPLI__JSON_INTEGER);
    ck_assert_int_eq(repli__json_to_integer(span, &number), 1);
    ck_assert_int_eq(number, json_integer_value(tree));
}

static void same_object(repli__json_span span, const json_t *tree) {
    repli__json_span name;
    repli__json_span value;
    size_t at = 0;
    ck_assert_uint_eq(repli__json_count(span), json_object_size(tree));
    while (repli__json_next_member(span, &at, &name, &value)) {
        char *text = decoded(name);
        ck_assert_uint_eq(repli__json_length(name), strlen(text));
        ck_assert_int_ne(repli__json_string_is(name, text, strlen(text)), 0);
        ck_assert_int_eq(repli__json_string_is(name, text, strlen(text) + 1), 0);
        if (text[0] != '\0')
            ck_assert_int_eq(repli__json_string_is(name, text, strlen(text) - 1), 0);
        ck_assert_int_eq(repli__json_string_is(name, "no such name", 12), 0);
        same_value(value, json_object_get(tree, text));
        free(text);
    }
}

static void same_array(repli__json_span span, const json_t *tree) {
    repli__json_span item;
    size_t at = 0;
    size_t count = 0;
    while (repli__json_next_item(span, &at, &item))
        same_value(item, json_array_get(tree, count++));
    ck_assert_uint_eq(count, json_array_size(tree));
    ck_assert_uint_eq(repli__json_count(span), count);
}

static void same_value(repli__json_span span, const json_t *tree) {
    ck_assert_ptr_nonnull(tree);
    switch (repli__json_type(span)) {
    case REPLI__JSON_NULL: ck_assert(json_is_null(tree)); break;
    case REPLI__JSON_BOOLEAN:
        ck_assert(json_is_boolean(tree));
        ck_assert_int_eq(span.text[0] == 't', json_is_true(tree));
        break;
    case REPLI__JSON_STRING: {
        char *text = decoded(span);
        ck_assert_str_eq(text, json_string_value(tree));
        free(text);
        break;
    }
    case REPLI__JSON_ARRAY: same_array(span, tree); break;
    case REPLI__JSON_OBJECT: same_object(span, tree); break;
    default: same_number(span, tree); break;
    }
}

/* Not 0 if the text is valid. */
static int same(const char *json, size_t size) {
    /* Of exactly that size, so that reading past it is seen. */
    char *text = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, json, size);
    repli_error err = REPLI_ERROR_INIT;
    const int valid = repli__json_check(text, size, REPLI__VALUE_DEPTH, "it", &err) == REPLI_OK;
    json_error_t error;
    json_t *tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
    ck_assert_msg(valid == (tree != NULL), "%.*s\nwe say: %s\njansson says: %s", (int)size, text,
                  valid ? "good" : err.message, tree != NULL ? "good" : error.text);
    json_decref(tree);
    tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (tree != NULL) {
        const repli__json_span root = repli__json_root(text, size);
        same_value(root, tree);
        char *compact = malloc(size);
        ck_assert_ptr_nonnull(compact);
        const size_t compact_size = repli__json_compact(compact, root);
        json_t *again = json_loadb(compact, compact_size, JSON_DECODE_ANY, &error);
        ck_assert_ptr_nonnull(again);
        ck_assert_int_eq(json_equal(tree, again), 1);
        json_decref(again);
        free(compact);
    }
    json_decref(tree);
    free(text);
    return valid;
}

static const char *const valid[] = {
    "0",
    "-0",
    "-1",
    "10",
    "1.0",
    "-0.0e-0",
    "1E+5",
    "1e-999",
    "9223372036854775807",
    "-9223372036854775808",
    "0.1000000000000000055511151231257827021181583404541015625",
    "1.7976931348623157e308",
    "4.9e-324",
    "true",
    "false",
    "null",
    "\"\"",
    "[]",
    "{}",
    " \t\r\n[ \t\r\n] \t\r\n",
    "[1,[2,[3,[]]],{}]",
    "{ \"a\" : { \"b\" : [ { } ] } , \"c\" : \"d\" }",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0001\\u001f\\u007f\\u0080\\u07FF\\u0800\\uFFFF\"",
    "\"\\ud800\\udc00 \\uDBFF\\uDFFF\"",
    "\"\x7F \xC2\x80 \xE2\x82\xAC \xF0\x9F\x90\x98\"",
    "{\"\": 1, \" \": 2, \"}\": \"{\", \"\\\"\": \"\\\\\"}",
    "[\"]\", \"\\\"]\", \"\\\\\"]",
};

static const char *const invalid[] = {
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "NaN",
    "Infinity",
    "-Infinity",
    "'a'",
    "a",
    "-",
    "+1",
    "01",
    "-01",
    "00",
    "1.",
    ".1",
    "1.e1",
    "1e",
    "1e+",
    "0x10",
    "1_000",
    "1 2",
    "1,",
    "1e999",
    "-1e999",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{",
    "}",
    "{1:2}",
    "{a:1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\" 1}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1]",
    "{\"a\"::1}",
    "\"",
    "\"\\",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u\"",
    "\"\\u12\"",
    "\"\\u123g\"",
    "\"\\U1234\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\ud800\"",
    "\"\\udc00\"",
    "\"\\udc00\\udc00\"",
    "\"\n\"",
    "\"\t\"",
    "\"\x1F\"",
    "\"\x80\"",
    "\"\xC0\xAF\"",
    "\"\xED\xA0\x80\"",
    "\"\xF5\x80\x80\x80\"",
    "\"\xE2\x82\"",
    "/* */ 1",
    "1 // one",
    "\xEF\xBB\xBF{}",
    "[1]\x0B",
    "\x0C[1]",
};

START_TEST(valid_texts) {
    ck_assert_msg(same(valid[_i], strlen(valid[_i])), "%s", valid[_i]);
}
END_TEST

START_TEST(invalid_texts) {
    ck_assert_msg(!same(invalid[_i], strlen(invalid[_i])), "%s", invalid[_i]);
    ck_assert_int_eq(repli__json_check(NULL, 1, 1, "it", NULL), REPLI_EINVALID);
}
END_TEST

/* jansson takes one for the end. */
START_TEST(bytes_of_zero) {
    static const struct {
        const char *json;
        size_t size;
    } cases[] = {{"1\0", 2},      {"\0", 1},          {"[\0]", 3}, {"\"a\0b\"", 5},
                 {"\"\\\0\"", 4}, {"{\"a\"\0:1}", 8}, {"tru\0", 4}};
    for (int i = 0; i < COUNT(cases); i++)
        ck_assert_int_eq(repli__json_check(cases[i].json, cases[i].size, 9, "it", NULL),
                         REPLI_EINVALID);
}
END_TEST

/* Strings are looked at several bytes at a time; jansson takes a NUL for the end. */
START_TEST(every_byte_at_every_place_of_a_string) {
    static const size_t lengths[] = {7, 8, 9, 17};
    const size_t length = lengths[_i];
    for (size_t at = 0; at < length; at++)
        for (int byte = 1; byte < 256; byte++) {
            char text[24];
            memset(text, 'x', sizeof(text));
            text[0] = text[length + 1] = '"';
            text[1 + at] = (char)byte;
            const int plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            ck_assert_int_eq(same(text, length + 2), plain);
        }
}
END_TEST

static const char *const files[] = {"node-unknown.json", "store.json", "shards.json",
                                    "action-done.json", "request-full.json"};

/* The numbers are the same in every run. */
START_TEST(damaged_texts) {
    char *text = golden_read(files[_i]);
    const size_t size = strlen(text);
    char *damaged = malloc(size);
    ck_assert_ptr_nonnull(damaged);
    uint64_t state = 88172645463325252u + (uint64_t)_i;
    int accepted = 0;
    enum { ROUNDS = 4000 };
    for (int round = 0; round < ROUNDS; round++) {
        static const char likely[] = "\"\"\\\\{}[]:,0-9eEtfnu. \n\x01\xC3\xBE\xFF";
        memcpy(damaged, text, size);
        for (int i = 0; i < 1 + round % 2; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            damaged[state % size] = likely[(state >> 32) % (sizeof(likely) - 1)];
        }
        accepted += same(damaged, size);
    }
    ck_assert_int_gt(accepted, ROUNDS / 20);
    ck_assert_int_lt(accepted, ROUNDS);
    free(damaged);
    free(text);
}
END_TEST

/* Places */

static const struct {
    const char *json;
    const char *message;
} places[] = {
    {"", "it is empty: expected JSON"},
    {"  ", "it is not valid JSON: line 1, column 3: it ends too early"},
    {"{\n \"a\": tru\n}", "it is not valid JSON: line 2, column 10: expected a value"},
    {"[1 2]", "it is not valid JSON: line 1, column 4: expected ',' or ']'"},
    {"{\"a\":1 2}", "it is not valid JSON: line 1, column 8: expected ',' or '}'"},
    {"{a:1}", "it is not valid JSON: line 1, column 2: expected a name in quotes"},
    {"{\"a\" 1}", "it is not valid JSON: line 1, column 6: expected ':' after a name"},
    {"[]\n]", "it is not valid JSON: line 2, column 1: something follows its end"},
    {"\"\\q\"", "it is not valid JSON: line 1, column 3: this escape is not known"},
    {"\"\\u00g0\"",
     "it is not valid JSON: line 1, column 6: expected four hexadecimal digits after \\u"},
    {"\"\xFF\"", "it is not valid JSON: line 1, column 2: a string is not UTF-8"},
    {"[-a]", "it is not valid JSON: line 1, column 3: expected a digit"},
    {"1e400", "it is not valid JSON: line 1, column 6: a number is too large"},
};

START_TEST(messages_name_the_place) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__json_check(places[_i].json, strlen(places[_i].json), 9, "it", &err),
                     REPLI_EINVALID);
    ck_assert_str_eq(err.message, places[_i].message);
}
END_TEST

START_TEST(depth) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__json_check("[[{}]]", 6, 3, "it", &err), REPLI_OK);
    ck_assert_int_eq(repli__json_check("[[{}]]", 6, 2, "it", &err), REPLI_EINVALID);
    ck_assert_str_eq(err.message, "it is nested deeper than 2 levels");
    ck_assert_int_eq(repli__json_check("1", 1, 0, "it", &err), REPLI_OK);
    ck_assert_int_eq(repli__json_check("[]", 2, 0, "it", &err), REPLI_EINVALID);
}
END_TEST

START_TEST(long_numbers) {
    char number[500];
    repli_error err = REPLI_ERROR_INIT;
    memset(number, '1', sizeof(number));
    ck_assert_int_eq(repli__json_check(number, 308, 0, "it", &err), REPLI_OK);
    ck_assert_int_eq(repli__json_check(number, 310, 0, "it", &err), REPLI_EINVALID);
    number[1] = '.';
    ck_assert_int_eq(repli__json_check(number, 400, 0, "it", &err), REPLI_OK);
    ck_assert_int_eq(repli__json_check(number, 401, 0, "it", &err), REPLI_EINVALID);
    int64_t result = 7;
    ck_assert_int_eq(
        repli__json_to_integer((repli__json_span){"-9223372036854775809", 20}, &result), 0);
    ck_assert_int_eq(repli__json_to_integer((repli__json_span){"9223372036854775808", 19}, &result),
                     0);
    ck_assert_int_eq(
        repli__json_to_integer((repli__json_span){"18446744073709551616", 20}, &result), 0);
    ck_assert_int_eq(result, 7);
}
END_TEST

START_TEST(cut_strings) {
    char text[8];
    const repli__json_span string = {"\"abc\\u017e\xC5\xBE\"", 13};
    ck_assert_uint_eq(repli__json_decode(string, text, 8), 7);
    ck_assert_str_eq(text, "abc\xC5\xBE\xC5\xBE");
    ck_assert_uint_eq(repli__json_decode(string, text, 7), 5);
    ck_assert_str_eq(text, "abc\xC5\xBE");
    ck_assert_uint_eq(repli__json_decode(string, text, 5), 3);
    ck_assert_str_eq(text, "abc");
    ck_assert_uint_eq(repli__json_decode(string, text, 1), 0);
    ck_assert_str_eq(text, "");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("JSON text");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, valid_texts, 0, COUNT(valid));
    tcase_add_loop_test(tcase, invalid_texts, 0, COUNT(invalid));
    tcase_add_test(tcase, bytes_of_zero);
    tcase_add_loop_test(tcase, every_byte_at_every_place_of_a_string, 0, 4);
    tcase_add_loop_test(tcase, damaged_texts, 0, COUNT(files));
    tcase_add_loop_test(tcase, messages_name_the_place, 0, COUNT(places));
    tcase_add_test(tcase, depth);
    tcase_add_test(tcase, long_numbers);
    tcase_add_test(tcase, cut_strings);
    Suite *suite = suite_create("model: JSON text");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
