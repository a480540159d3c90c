#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "alldata-http/response.h"
#include "base/buf.h"

/* Answers as they may come: whole, in pieces, too large, and what is none. */

typedef struct example {
    const char *text;
    int what;       /* when all of it has come */
    int ended;      /* nothing more comes */
    int32_t status; /* of what is whole, as the next */
    const char *body;
    int keep;
} example;

#define OK "HTTP/1.1 200 OK\r\n"
#define WHOLE ALLDATA__RESPONSE_WHOLE
#define PART ALLDATA__RESPONSE_PART
#define NONE ALLDATA__RESPONSE_NONE
#define LARGE ALLDATA__RESPONSE_TOO_LARGE

enum { MOST = 10 };

static const example examples[] = {
    {"HTTP/1.1 201 Created\r\nDate: Sat, 21 Nov 2026 00:58:24 GMT\r\nConnection: keep-alive\r\n"
     "Keep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n",
     WHOLE, 0, 201, "", 1},
    {OK "content-length:5\r\n\r\nhello", WHOLE, 0, 200, "hello", 1},
    {OK "Content-Length: 5\r\nConnection: close\r\n\r\nhello", WHOLE, 0, 200, "hello", 0},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", WHOLE, 0, 200, "hello", 0},
    {OK "Content-Length: 5\r\n\r\nhell", PART, 0, 0, NULL, 0},
    {OK "Content-Length: 5\r\n\r\nhell", PART, 1, 0, NULL, 0},
    {OK "Content-Length: 10\r\n\r\n0123456789", WHOLE, 0, 200, "0123456789", 1},
    {OK "Content-Length: 11\r\n\r\n", LARGE, 0, 0, NULL, 0},
    {OK "Content-Length: 99999999999999999999999\r\n\r\n", NONE, 0, 0, NULL, 0},
    {OK "Content-Length: x\r\n\r\n", NONE, 0, 0, NULL, 0},
    {OK "Content-Length: -1\r\n\r\n", NONE, 0, 0, NULL, 0},
    {"HTTP/1.1 204 No Content\r\n\r\n", WHOLE, 0, 204, "", 1},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx", WHOLE, 0, 200, "x", 1},
    {OK "\r\nto the end", WHOLE, 1, 200, "to the end", 0},
    {OK "\r\nto the end", PART, 0, 0, NULL, 0},
    {OK "\r\nfar beyond the end", LARGE, 0, 0, NULL, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", WHOLE, 0, 200, "", 1},
    {OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\n\r\n", WHOLE, 0, 200,
     "abcde", 1},
    {OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: x\r\n\r\n", WHOLE, 0, 200, "a",
     1},
    {OK "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", NONE, 0, 0, NULL, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\nb\r\n", LARGE, 0, 0, NULL, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n", LARGE, 0, 0, NULL, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", NONE, 0, 0, NULL, 0},
    {OK "Transfer-Encoding: chunked\r\n\r\n\r\n", NONE, 0, 0, NULL, 0},
    {OK "Transfer-Encoding: gzip\r\n\r\n", NONE, 0, 0, NULL, 0},
    {"SSH-2.0-OpenSSH\r\n", NONE, 0, 0, NULL, 0},
    {"HTTP/2 200\r\n\r\n", NONE, 0, 0, NULL, 0},
    {"HTTP/1.1 2x0 OK\r\n\r\n", NONE, 0, 0, NULL, 0},
    {"HTTP/1.1\r\n\r\n", NONE, 0, 0, NULL, 0},
    {"", PART, 1, 0, NULL, 0},
};

enum { EXAMPLES = sizeof(examples) / sizeof(examples[0]) };

/* In pieces of so many bytes. Memory of exactly that size shows what reads beyond. */
static void try_in_pieces(const example *e, size_t piece) {
    alldata__response response = {.status = 0};
    repli_buf text = REPLI_BUF_INIT;
    const size_t size = strlen(e->text);
    int what = PART;
    for (size_t at = 0; what == PART; at += piece) {
        const size_t left = size - at;
        ck_assert_int_eq(repli__buf_append(&text, e->text + at, left < piece ? left : piece), 0);
        const int last = left <= piece;
        what = alldata__response_read(&response, &text, MOST, last && e->ended);
        if (last)
            break;
    }
    ck_assert_msg(what == e->what, "%s\nin pieces of %zu: %d, not %d", e->text, piece, what,
                  e->what);
    if (what == WHOLE) {
        ck_assert_int_eq(response.status, e->status);
        ck_assert_int_eq(response.keep, e->keep);
        ck_assert_uint_eq(response.body_size, strlen(e->body));
        ck_assert_mem_eq(text.data + response.head_size, e->body, response.body_size);
    }
    repli_buf_dispose(&text);
}

START_TEST(answers_are_told_from_others) {
    const example *e = &examples[_i];
    for (size_t piece = 1; piece <= strlen(e->text) + 1; piece++)
        try_in_pieces(e, piece);
}
END_TEST

START_TEST(heads_without_end_are_none) {
    alldata__response response = {.status = 0};
    repli_buf text = REPLI_BUF_INIT;
    int what = PART;
    repli__buf_text(&text, OK);
    for (int i = 0; i < 100000 && what == PART; i++) {
        repli__buf_text(&text, "X: y\r\n");
        what = alldata__response_read(&response, &text, MOST, 0);
    }
    ck_assert_int_eq(what, NONE);
    repli_buf_dispose(&text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("answers in HTTP");
    TCase *tcase = tcase_create("response");
    tcase_add_loop_test(tcase, answers_are_told_from_others, 0, EXAMPLES);
    tcase_add_test(tcase, heads_without_end_are_none);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
