#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "failing.h"

/* mem */

START_TEST(mem_default_is_malloc) {
    repli__mem mem;
    repli__mem_init(&mem, NULL);
    char *text = repli__strdup(&mem, "text");
    ck_assert_str_eq(text, "text");
    free(text);
    ck_assert_ptr_null(repli__strdup(&mem, NULL));
    repli__free(&mem, NULL);
}
END_TEST

START_TEST(mem_of_no_bytes_is_memory) {
    void *ptr = repli__alloc(&repli__mem_default, 0);
    ck_assert_ptr_nonnull(ptr);
    ptr = repli__realloc(&repli__mem_default, ptr, 0);
    ck_assert_ptr_nonnull(ptr);
    repli__free(&repli__mem_default, ptr);
}
END_TEST

START_TEST(mem_calloc_zeroes_and_sees_overflow) {
    unsigned char *bytes = repli__calloc(&repli__mem_default, 16, 4);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < 64; i++)
        ck_assert_uint_eq(bytes[i], 0);
    repli__free(&repli__mem_default, bytes);
    ck_assert_ptr_null(repli__calloc(&repli__mem_default, SIZE_MAX / 2, 3));
}
END_TEST

START_TEST(mem_grow_doubles_and_survives_failure) {
    failing memory;
    failing_init(&memory);
    void *array = NULL;
    size_t capacity = 0;
    size_t grown = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        const size_t before = capacity;
        ck_assert_int_eq(repli__grow(&memory.allocator, &array, &capacity, i, sizeof(i)), REPLI_OK);
        grown += capacity != before;
        ((uint32_t *)array)[i] = i;
    }
    ck_assert_uint_le(grown, 9);
    failing_arm(&memory, 1, 0);
    void *const before = array;
    const size_t full = capacity;
    ck_assert_int_eq(repli__grow(&memory.allocator, &array, &capacity, full, sizeof(uint32_t)),
                     REPLI_ENOMEM);
    ck_assert_ptr_eq(array, before);
    ck_assert_uint_eq(capacity, full);
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(((uint32_t *)array)[i], i);
    capacity = SIZE_MAX / 8;
    ck_assert_int_eq(repli__grow(&memory.allocator, &array, &capacity, capacity, 16), REPLI_ENOMEM);
    ck_assert_ptr_eq(array, before);
    repli__free(&memory.allocator, array);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

/* arena */

START_TEST(arena_pieces_are_aligned_apart_and_stay) {
    failing memory;
    failing_init(&memory);
    repli__arena arena;
    repli__arena_init(&arena, &memory.allocator);
    unsigned char *pieces[500];
    for (size_t i = 0; i < 500; i++) {
        const size_t size = i * 37 % 3000;
        pieces[i] = repli__arena_alloc(&arena, size);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), size);
        /* Text takes no more than it needs, and what comes next is aligned all the same. */
        const char *text = repli__arena_text(&arena, "text", i % 5);
        ck_assert_uint_eq(strlen(text), i % 5);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t at = 0; at < i * 37 % 3000; at++)
            if (pieces[i][at] != (i & 0xFF))
                ck_abort_msg("piece %zu was overwritten", i);
    ck_assert_uint_lt(memory.requests, 30);
    ck_assert_uint_ge(arena.total, 500 * 700);
    repli__arena_dispose(&arena);
    ck_assert_uint_eq(memory.live, 0);
    ck_assert_uint_eq(arena.total, 0);
    repli__arena_dispose(&arena);
}
END_TEST

START_TEST(arena_takes_large_and_copies) {
    repli__arena arena;
    repli__arena_init(&arena, &repli__mem_default);
    char *large = repli__arena_calloc(&arena, 1024, 1024);
    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(large[1024 * 1024 - 1], 0);
    ck_assert_str_eq(repli__arena_text(&arena, "abcdef", 3), "abc");
    ck_assert_str_eq(repli__arena_text(&arena, NULL, 0), "");
    ck_assert_str_eq(repli__arena_strdup(&arena, "ž"), "ž");
    ck_assert_ptr_null(repli__arena_strdup(&arena, NULL));
    const int numbers[] = {1, 2, 3};
    const int *copy = repli__arena_copy(&arena, numbers, sizeof(numbers));
    ck_assert_mem_eq(copy, numbers, sizeof(numbers));
    repli__arena_dispose(&arena);
}
END_TEST

START_TEST(arena_refuses_what_cannot_be) {
    failing memory;
    failing_init(&memory);
    repli__arena arena;
    repli__arena_init(&arena, &memory.allocator);
    ck_assert_ptr_null(repli__arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(repli__arena_alloc(&arena, SIZE_MAX - 64));
    ck_assert_ptr_null(repli__arena_calloc(&arena, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(repli__arena_text(&arena, "", SIZE_MAX));
    failing_arm(&memory, 1, 0);
    ck_assert_ptr_null(repli__arena_alloc(&arena, 8));
    ck_assert_ptr_nonnull(repli__arena_alloc(&arena, 8));
    repli__arena_dispose(&arena);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

/* buf */

START_TEST(buf_appends_and_ends_in_nul) {
    repli_buf buf = REPLI_BUF_INIT;
    ck_assert_int_eq(repli__buf_append(&buf, NULL, 0), REPLI_OK);
    ck_assert_str_eq(buf.data, "");
    repli__buf_trim(&buf);
    ck_assert_uint_eq(buf.capacity, 1);
    ck_assert_int_eq(repli__buf_text(&buf, "one "), REPLI_OK);
    ck_assert_int_eq(repli__buf_append(&buf, "two\0x", 4), REPLI_OK);
    ck_assert_int_eq(repli__buf_printf(&buf, "%s %d", "three", 4), REPLI_OK);
    ck_assert_uint_eq(buf.size, 15);
    ck_assert_mem_eq(buf.data, "one two\0three 4", 16);
    for (int i = 0; i < 10000; i++)
        if (repli__buf_printf(&buf, "%04d", i) != REPLI_OK)
            ck_abort_msg("no room for %d", i);
    ck_assert_uint_eq(buf.size, 15 + 40000);
    ck_assert_str_eq(buf.data + buf.size - 8, "99989999");
    repli_buf_dispose(&buf);
    ck_assert_ptr_null(buf.data);
    repli_buf_dispose(&buf);
    repli_buf_dispose(NULL);
}
END_TEST

START_TEST(buf_is_as_before_after_a_failure) {
    failing memory;
    failing_init(&memory);
    repli_buf buf = REPLI_BUF_INIT;
    buf.allocator = &memory.allocator;
    char filler[200];
    memset(filler, 'x', sizeof(filler));
    failing_arm(&memory, 1, 0);
    ck_assert_int_eq(repli__buf_text(&buf, "x"), REPLI_ENOMEM);
    ck_assert_ptr_null(buf.data);
    ck_assert_int_eq(repli__buf_text(&buf, "text"), REPLI_OK);
    failing_arm(&memory, 1, 0);
    ck_assert_int_eq(repli__buf_append(&buf, filler, sizeof(filler)), REPLI_ENOMEM);
    ck_assert_str_eq(buf.data, "text");
    failing_arm(&memory, 1, 0);
    ck_assert_int_eq(repli__buf_printf(&buf, "%200d", 1), REPLI_ENOMEM);
    ck_assert_str_eq(buf.data, "text");
    ck_assert_int_eq(repli__buf_append(&buf, filler, SIZE_MAX - 2), REPLI_ENOMEM);
    ck_assert_uint_eq(buf.size, 4);
    repli_buf_dispose(&buf);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

/* error */

START_TEST(error_is_filled_and_cleared) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__error(&err, REPLI_EIO, "store", "cannot write %d", 7), REPLI_EIO);
    repli__error_native(&err, "SQLITE_FULL");
    repli__error_cause(&err, "no space");
    ck_assert_int_eq(err.code, REPLI_EIO);
    ck_assert_str_eq(err.origin, "store");
    ck_assert_str_eq(err.native, "SQLITE_FULL");
    ck_assert_str_eq(err.message, "cannot write 7");
    ck_assert_str_eq(err.cause, "no space");

    ck_assert_int_eq(repli__error_within(&err, REPLI_EIO, "item %d", 3), REPLI_EIO);
    ck_assert_str_eq(err.message, "item 3: cannot write 7");
    ck_assert_str_eq(err.cause, "no space");

    repli_error copy = REPLI_ERROR_INIT;
    ck_assert_int_eq(repli__error_copy(&copy, &err), REPLI_EIO);
    ck_assert_mem_eq(&copy, &err, sizeof(err));

    ck_assert_int_eq(repli__error(&err, REPLI_EBUSY, "a", "next"), REPLI_EBUSY);
    ck_assert_str_eq(err.native, "");
    ck_assert_str_eq(err.cause, "");
    ck_assert_int_eq(repli__error_nomem(&err, "model", "reading"), REPLI_ENOMEM);
    ck_assert_str_eq(err.message, "out of memory while reading");
    repli_error_clear(&err);
    ck_assert_int_eq(err.code, REPLI_OK);
    ck_assert_str_eq(err.message, "");
    ck_assert_uint_eq(err.struct_size, sizeof(err));
}
END_TEST

START_TEST(error_may_be_absent_or_too_small) {
    repli_error whole;
    memset(&whole, 'x', sizeof(whole));
    whole.struct_size = 16;
    const repli_error before = whole;
    repli_error *const absent[] = {NULL, &whole};
    for (size_t i = 0; i < 2; i++) {
        repli_error *err = absent[i];
        ck_assert_int_eq(repli__error(err, REPLI_EIO, "a", "b"), REPLI_EIO);
        ck_assert_int_eq(repli__error_within(err, REPLI_EIO, "c"), REPLI_EIO);
        ck_assert_int_eq(repli__error_nomem(err, "a", "b"), REPLI_ENOMEM);
        repli__error_native(err, "n");
        repli__error_cause(err, "c");
        repli_error_clear(err);
        repli_error from = REPLI_ERROR_INIT;
        from.code = REPLI_ELOST;
        ck_assert_int_eq(repli__error_copy(err, &from), REPLI_ELOST);
    }
    ck_assert_mem_eq(&whole, &before, sizeof(whole));
}
END_TEST

START_TEST(error_is_cut_between_characters) {
    /* "ž" is two bytes, so the last one would be cut in half. */
    char text[1200];
    for (size_t i = 0; i < sizeof(text) - 2; i += 2)
        memcpy(text + i, "ž", 2);
    text[sizeof(text) - 2] = '\0';
    repli_error err = REPLI_ERROR_INIT;
    repli__error(&err, REPLI_EIO, text, "%s", text);
    repli__error_cause(&err, text);
    ck_assert_uint_eq(strlen(err.message), REPLI_ERROR_MESSAGE_SIZE - 2);
    ck_assert_uint_eq(strlen(err.cause), REPLI_ERROR_CAUSE_SIZE - 2);
    ck_assert_uint_eq(strlen(err.origin), sizeof(err.origin) - 2);
    repli__error_within(&err, REPLI_EIO, "%s", "a");
    ck_assert_int_eq(strncmp(err.message, "a: ž", 5), 0);
    ck_assert_uint_eq(strlen(err.message), REPLI_ERROR_MESSAGE_SIZE - 1);
    repli__error_within(&err, REPLI_EIO, "%s", text);
    ck_assert_int_eq(strncmp(err.message, "a: ž", 5), 0);
}
END_TEST

/* Errors quote what came from anywhere. */
START_TEST(error_is_one_line_of_text) {
    repli_error err = REPLI_ERROR_INIT;
    repli__error(&err, REPLI_EIO, "a\tb", "%s", "one\ntwo\x1b[31m\xff");
    repli__error_native(&err, "\r1");
    repli__error_cause(&err, "\xc2\x85"
                             "a\xe2\x82");
    ck_assert_str_eq(err.origin, "a b");
    ck_assert_str_eq(err.native, " 1");
    ck_assert_str_eq(err.message, "one two [31m?");
    ck_assert_str_eq(err.cause, " a??");
}
END_TEST

START_TEST(error_names_are_all_different) {
    for (int32_t a = REPLI_EFORK; a <= REPLI_OK; a++) {
        ck_assert_ptr_nonnull(repli_error_name(a));
        for (int32_t b = a + 1; b <= REPLI_OK; b++)
            if (strcmp(repli_error_name(a), "unknown") != 0)
                ck_assert_str_ne(repli_error_name(a), repli_error_name(b));
    }
    ck_assert_str_eq(repli_error_name(REPLI_ETIMEOUT), "timeout");
    ck_assert_str_eq(repli_error_name(-1000), "unknown");
    ck_assert_str_eq(repli_error_name(1), "unknown");
}
END_TEST

/* clock */

START_TEST(clock_deadlines) {
    const uint64_t before = repli__mono_ns();
    const uint64_t now = repli__deadline_ns(0);
    ck_assert_uint_ge(now, before);
    ck_assert_uint_ge(repli__deadline_ns(-5), now);
    const uint64_t later = repli__deadline_ns(1000);
    ck_assert_uint_ge(later, now + 1000 * (uint64_t)REPLI__NS_PER_MS);
    ck_assert_uint_eq(repli__deadline_ns(INT64_MAX), UINT64_MAX);
    ck_assert_int_gt(repli__wall_ns(), INT64_C(1600000000) * REPLI__NS_PER_S);
}
END_TEST

/* log */

typedef struct heard {
    int count;
    int32_t level;
    char origin[32];
    char message[2048];
} heard;

static void hear(int32_t level, const char *origin, const char *message, void *user_data) {
    heard *to = user_data;
    to->count++;
    to->level = level;
    snprintf(to->origin, sizeof(to->origin), "%s", origin);
    snprintf(to->message, sizeof(to->message), "%s", message);
}

START_TEST(log_writes_what_is_asked_for) {
    repli__log log;
    heard to = {0};
    repli__log_init(&log);
    ck_assert_int_eq(repli__log_on(&log, REPLI_LOG_ERROR), 0);
    repli__log_printf(&log, REPLI_LOG_ERROR, "store", "nobody listens");
    repli__log_printf(NULL, REPLI_LOG_ERROR, "store", "no log");

    repli__log_set(&log, REPLI_LOG_INFO, hear, &to);
    ck_assert_int_ne(repli__log_on(&log, REPLI_LOG_INFO), 0);
    repli__log_printf(&log, REPLI_LOG_DEBUG, "store", "too much");
    ck_assert_int_eq(to.count, 0);
    repli__log_printf(&log, REPLI_LOG_WARNING, "store", "line %d\nline\r2", 1);
    ck_assert_int_eq(to.count, 1);
    ck_assert_int_eq(to.level, REPLI_LOG_WARNING);
    ck_assert_str_eq(to.origin, "store");
    ck_assert_str_eq(to.message, "line 1 line 2");
    repli__log_printf(&log, REPLI_LOG_INFO, "store", "%2000d", 1);
    ck_assert_uint_eq(strlen(to.message), 1023);
    char text[1100] = "";
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "ž", 3);
    repli__log_printf(&log, REPLI_LOG_INFO, "store", "%s", text);
    ck_assert_uint_eq(strlen(to.message), 1022);

    repli__log_set(&log, REPLI_LOG_DEBUG, NULL, NULL);
    repli__log_printf(&log, REPLI_LOG_ERROR, "store", "silent again");
    ck_assert_int_eq(to.count, 3);
    repli__log_dispose(&log);
}
END_TEST

static void *log_much(void *argument) {
    for (int i = 0; i < 2000; i++)
        repli__log_printf(argument, REPLI_LOG_ERROR, "thread", "message %d", i);
    return NULL;
}

START_TEST(log_is_safe_from_threads) {
    repli__log log;
    heard to = {0};
    repli__log_init(&log);
    repli__log_set(&log, REPLI_LOG_ERROR, hear, &to);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(repli__thread_start(&threads[i], "log", log_much, &log, NULL), REPLI_OK);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_ne(repli__thread_join_until(threads[i], UINT64_MAX), 0);
    ck_assert_int_eq(to.count, 8000);
    repli__log_dispose(&log);
}
END_TEST

/* thread */

typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int open;
    sigset_t mask;
    char name[16];
} gate;

static void gate_init(gate *g) {
    memset(g, 0, sizeof(*g));
    pthread_mutex_init(&g->mutex, NULL);
    ck_assert_int_eq(repli__cond_init(&g->cond, NULL), REPLI_OK);
}

static void gate_dispose(gate *g) {
    pthread_cond_destroy(&g->cond);
    pthread_mutex_destroy(&g->mutex);
}

static void *pass_gate(void *argument) {
    gate *g = argument;
    pthread_sigmask(SIG_BLOCK, NULL, &g->mask);
    pthread_mutex_lock(&g->mutex);
    while (!g->open)
        repli__cond_wait_until(&g->cond, &g->mutex, UINT64_MAX);
    pthread_mutex_unlock(&g->mutex);
    return argument;
}

START_TEST(thread_takes_no_signals_and_is_joined_in_time) {
    gate g;
    gate_init(&g);
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    pthread_t thread;
    ck_assert_int_eq(repli__thread_start(&thread, "gate", pass_gate, &g, NULL), REPLI_OK);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int i = 1; i < 32; i++)
        ck_assert_int_eq(sigismember(&before, i), sigismember(&after, i));

    ck_assert_int_eq(repli__thread_join_until(thread, repli__deadline_ns(20)), 0);
    pthread_mutex_lock(&g.mutex);
    g.open = 1;
    pthread_cond_signal(&g.cond);
    pthread_mutex_unlock(&g.mutex);
    ck_assert_int_ne(repli__thread_join_until(thread, repli__deadline_ns(60000)), 0);

    ck_assert_int_eq(sigismember(&g.mask, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&g.mask, SIGCHLD), 1);
    ck_assert_int_eq(sigismember(&g.mask, SIGPIPE), 1);
    ck_assert_int_eq(sigismember(&g.mask, SIGSEGV), 0);
    ck_assert_int_eq(sigismember(&g.mask, SIGABRT), 0);
    gate_dispose(&g);
}
END_TEST

START_TEST(condition_waits_until_its_deadline) {
    gate g;
    gate_init(&g);
    pthread_mutex_lock(&g.mutex);
    const uint64_t deadline = repli__deadline_ns(30);
    while (repli__cond_wait_until(&g.cond, &g.mutex, deadline))
        ck_assert_uint_lt(repli__mono_ns(), deadline + 60000 * (uint64_t)REPLI__NS_PER_MS);
    ck_assert_uint_ge(repli__mono_ns(), deadline);
    /* One that has passed does not block. */
    while (repli__cond_wait_until(&g.cond, &g.mutex, 1))
        ;
    pthread_mutex_unlock(&g.mutex);
    gate_dispose(&g);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("base");
    TCase *mem = tcase_create("mem");
    tcase_add_test(mem, mem_default_is_malloc);
    tcase_add_test(mem, mem_of_no_bytes_is_memory);
    tcase_add_test(mem, mem_calloc_zeroes_and_sees_overflow);
    tcase_add_test(mem, mem_grow_doubles_and_survives_failure);
    suite_add_tcase(suite, mem);
    TCase *arena = tcase_create("arena");
    tcase_add_test(arena, arena_pieces_are_aligned_apart_and_stay);
    tcase_add_test(arena, arena_takes_large_and_copies);
    tcase_add_test(arena, arena_refuses_what_cannot_be);
    suite_add_tcase(suite, arena);
    TCase *buf = tcase_create("buf");
    tcase_add_test(buf, buf_appends_and_ends_in_nul);
    tcase_add_test(buf, buf_is_as_before_after_a_failure);
    suite_add_tcase(suite, buf);
    TCase *error = tcase_create("error");
    tcase_add_test(error, error_is_filled_and_cleared);
    tcase_add_test(error, error_may_be_absent_or_too_small);
    tcase_add_test(error, error_is_cut_between_characters);
    tcase_add_test(error, error_is_one_line_of_text);
    tcase_add_test(error, error_names_are_all_different);
    suite_add_tcase(suite, error);
    TCase *log = tcase_create("clock, log, thread");
    tcase_set_timeout(log, 60);
    tcase_add_test(log, clock_deadlines);
    tcase_add_test(log, log_writes_what_is_asked_for);
    tcase_add_test(log, log_is_safe_from_threads);
    tcase_add_test(log, thread_takes_no_signals_and_is_joined_in_time);
    tcase_add_test(log, condition_waits_until_its_deadline);
    suite_add_tcase(suite, log);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
