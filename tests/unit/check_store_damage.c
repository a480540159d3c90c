/* run.sh timeout: 600 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/internal.h"
#include "store_fixture.h"

/*
 * A database with a history is damaged in every way that a disk or a person can. Each time the
 * agent either has every action that was acknowledged, or refuses it and leaves it as it is.
 */

enum { FINISHED = 40, RUNNING = 41, LAST = 60, LONG_ARGS = 9000 };
enum { PAGE = 4096, LOG_HEADER = 32, FRAME = 24 + PAGE };

static store_fixture fixture;

static void setup(void) {
    store_fixture_setup(&fixture);
}

static void teardown(void) {
    store_fixture_teardown(&fixture);
}

/* Files. */

typedef struct content {
    char *data; /* NULL: there is none */
    size_t size;
} content;

enum { DATABASE, LOG, INDEX, FILES };
static const char *const suffixes[FILES] = {"", "-wal", "-shm"};

static const char *name_of(int file) {
    static char name[128];
    snprintf(name, sizeof(name), "%s%s", fixture.path, suffixes[file]);
    return name;
}

static content read_content(int file) {
    content read = {NULL, 0};
    if (access(name_of(file), F_OK) == 0)
        read.data = test_read_file(name_of(file), &read.size);
    return read;
}

static void write_content(int file, const content *written) {
    unlink(name_of(file));
    if (written->data == NULL)
        return;
    FILE *stream = fopen(name_of(file), "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(written->data, 1, written->size, stream), written->size);
    ck_assert_int_eq(fclose(stream), 0);
}

static int is_still(int file, const content *before) {
    const content now = read_content(file);
    const int same = (now.data == NULL) == (before->data == NULL) && now.size == before->size &&
                     (now.data == NULL || memcmp(now.data, before->data, now.size) == 0);
    free(now.data);
    return same;
}

/* The store before it is damaged: its files, and every action as JSON. */
static content original[FILES];
static char *expected[LAST + 1];

static char *action_json(uint64_t number, repli_error *err) {
    char id[REPLI_UUID_SIZE];
    test_id(number, id);
    repli_doc *doc;
    const repli_action *action;
    repli_buf json = {0};
    if (repli__store_action(fixture.store, id, &doc, &action, err) != REPLI_OK)
        return NULL;
    ck_assert_int_eq(repli_action_to_json(action, &json, err), REPLI_OK);
    repli_doc_free(doc);
    return json.data;
}

static void insert_long(uint64_t number) {
    char id[REPLI_UUID_SIZE];
    char args[LONG_ARGS + 3];
    memset(args, 'x', sizeof(args));
    args[0] = args[LONG_ARGS + 1] = '"';
    args[LONG_ARGS + 2] = '\0';
    repli_request request = test_request(number, id);
    request.args_json = args;
    ck_assert_int_eq(repli__store_insert(fixture.store, &request, NULL), REPLI_OK);
}

static void ignore_claim(void *user_data) {
    (void)user_data;
}

static void make_history(void) {
    ck_assert_int_eq(repli__store_claims_on(fixture.store, ignore_claim, NULL, NULL), REPLI_OK);
    for (uint64_t number = 1; number <= LAST; number++) {
        if (number % 10 == 5)
            insert_long(number);
        else
            test_insert(fixture.store, number);
        if (number > RUNNING)
            continue;
        repli__claim claim = test_take(fixture.store);
        repli_doc_free(claim.doc);
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, "{\"step\":1}", NULL);
        if (number == RUNNING)
            continue;
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_RUNNING, "{\"step\":2}", NULL);
        test_advance(fixture.store, claim.sequence, REPLI_PHASE_DONE, NULL, NULL);
    }
}

/* As a crash leaves it: all but the first records are in the log only. */
static void make_crashed(void) {
    store_fixture_close(&fixture);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        store_fixture_open(&fixture);
        make_history();
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static void keep_original(void) {
    for (int file = 0; file < FILES; file++)
        original[file] = read_content(file);
}

static void keep_expected(void) {
    store_fixture_open(&fixture);
    for (uint64_t number = 1; number <= LAST; number++) {
        expected[number] = action_json(number, NULL);
        ck_assert_ptr_nonnull(expected[number]);
    }
    store_fixture_close(&fixture);
}

static void prepare_closed(void) {
    make_history();
    store_fixture_close(&fixture);
    keep_original();
    ck_assert_ptr_null(original[LOG].data);
    keep_expected();
}

static void prepare_crashed(void) {
    make_crashed();
    keep_original();
    ck_assert_uint_gt(original[LOG].size, 0);
    ck_assert_uint_gt(original[INDEX].size, 0);
    keep_expected();
}

static void forget(void) {
    for (int file = 0; file < FILES; file++)
        free(original[file].data);
    for (uint64_t number = 1; number <= LAST; number++)
        free(expected[number]);
}

/* What became of a damaged store. */

typedef struct tally {
    int refused, whole, told, altered;
} tally;

static void expect_list(int32_t code, size_t count, size_t wanted, const char *what) {
    ck_assert_msg(code == REPLI_ECORRUPT || (code == REPLI_OK && count == wanted),
                  "%s: a list has %zu actions instead of %zu (%d)", what, count, wanted, code);
}

static void look_at_lists(const char *what) {
    repli_doc *doc;
    const repli_action_summary *summaries;
    size_t count = 0;
    int32_t code = repli__store_queue(fixture.store, &doc, &summaries, &count, NULL);
    expect_list(code, count, LAST - FINISHED, what);
    if (code == REPLI_OK)
        repli_doc_free(doc);
    code = repli__store_finished(fixture.store, LAST, NULL, &doc, &summaries, &count, NULL);
    expect_list(code, count, FINISHED, what);
    if (code == REPLI_OK)
        repli_doc_free(doc);
}

/* It was opened: every action must be there, or its reading fail and say that it is damaged. */
static void look_at_actions(tally *seen, const char *what) {
    int told = 0;
    int altered = 0;
    for (uint64_t number = 1; number <= LAST; number++) {
        repli_error error = REPLI_ERROR_INIT;
        char *json = action_json(number, &error);
        ck_assert_msg(json != NULL || error.code == REPLI_ECORRUPT, "%s: action %d: %s", what,
                      (int)number, error.message);
        told += json == NULL;
        altered += json != NULL && strcmp(json, expected[number]) != 0;
        free(json);
    }
    look_at_lists(what);
    seen->told += told > 0;
    seen->altered += altered > 0;
    seen->whole += told + altered == 0;
}

static void try_damaged(const content damaged[FILES], tally *seen, const char *what) {
    for (int file = 0; file < FILES; file++)
        write_content(file, &damaged[file]);
    repli_error error = REPLI_ERROR_INIT;
    const int32_t code = store_fixture_try(&fixture, &error);
    if (code == REPLI_OK) {
        look_at_actions(seen, what);
        store_fixture_close(&fixture);
        return;
    }
    seen->refused++;
    ck_assert_msg(code == REPLI_ECORRUPT || code == REPLI_EINVALID, "%s: %d: %s", what, code,
                  error.message);
    ck_assert_msg(strstr(error.message, fixture.path) != NULL, "%s: %s", what, error.message);
    ck_assert_msg(is_still(DATABASE, &damaged[DATABASE]), "%s: the database was changed: %s", what,
                  error.message);
    ck_assert_msg(is_still(LOG, &damaged[LOG]), "%s: the log was changed: %s", what, error.message);
}

/* Damages. */

static content copy_of(const content *from) {
    content copy = {malloc(from->size + 1), from->size};
    ck_assert_ptr_nonnull(copy.data);
    memcpy(copy.data, from->data, from->size);
    return copy;
}

static void try_truncated(int file, size_t size, tally *seen) {
    if (size > original[file].size)
        return;
    content damaged[FILES];
    memcpy(damaged, original, sizeof(damaged));
    damaged[file].size = size;
    char what[64];
    snprintf(what, sizeof(what), "%s cut at %zu", suffixes[file], size);
    try_damaged(damaged, seen, what);
}

static void truncate_all(int file, size_t step, tally *seen) {
    for (size_t at = 0; at < original[file].size; at += step) {
        try_truncated(file, at, seen);
        try_truncated(file, at + 1, seen);
        try_truncated(file, at + step / 2 + 7, seen);
        if (at > 0)
            try_truncated(file, at - 1, seen);
    }
}

static void try_overwritten(int file, size_t at, size_t size, int value, tally *seen) {
    content damaged[FILES];
    memcpy(damaged, original, sizeof(damaged));
    damaged[file] = copy_of(&original[file]);
    if (value < 0)
        damaged[file].data[at] = (char)(damaged[file].data[at] ^ -value);
    else
        memset(damaged[file].data + at, value, size);
    char what[64];
    snprintf(what, sizeof(what), "%s overwritten at %zu (%d)", suffixes[file], at, value);
    try_damaged(damaged, seen, what);
    free(damaged[file].data);
}

static void print(const char *what, const tally *seen) {
    printf("%s: %d refused, %d whole, %d told on reading, %d altered\n", what, seen->refused,
           seen->whole, seen->told, seen->altered);
}

static void flip(int file, size_t begin, size_t end, int count, tally *seen) {
    unsigned chance = 20261121;
    for (int i = 0; i < count; i++) {
        const size_t at = begin + (size_t)rand_r(&chance) % (end - begin);
        try_overwritten(file, at, 1, -(1 << (rand_r(&chance) % 8)), seen);
    }
}

START_TEST(a_truncated_database) {
    prepare_closed();
    tally seen = {0};
    truncate_all(DATABASE, PAGE, &seen);
    print("truncated", &seen);
    forget();
}
END_TEST

START_TEST(flipped_bits) {
    prepare_closed();
    tally seen = {0};
    flip(DATABASE, 0, 100, 100, &seen);
    print("header", &seen);
    seen = (tally){0};
    flip(DATABASE, 100, original[DATABASE].size, 400, &seen);
    print("interior", &seen);
    forget();
}
END_TEST

START_TEST(overwritten_pages) {
    prepare_closed();
    tally seen = {0};
    for (size_t at = 0; at < original[DATABASE].size; at += PAGE) {
        try_overwritten(DATABASE, at, PAGE, 0, &seen);
        try_overwritten(DATABASE, at, PAGE, 0xA5, &seen);
        try_overwritten(DATABASE, at, 512, 0, &seen);
    }
    print("pages", &seen);
    forget();
}
END_TEST

START_TEST(a_truncated_log) {
    prepare_crashed();
    tally seen = {0};
    truncate_all(LOG, 9 * FRAME, &seen);
    for (size_t at = LOG_HEADER; at < original[LOG].size; at += 5 * FRAME)
        try_truncated(LOG, at, &seen);
    try_truncated(LOG, original[LOG].size - FRAME, &seen);
    print("log truncated", &seen);
    forget();
}
END_TEST

START_TEST(a_damaged_log) {
    prepare_crashed();
    tally seen = {0};
    flip(LOG, 0, LOG_HEADER, 40, &seen);
    print("log header", &seen);
    seen = (tally){0};
    flip(LOG, LOG_HEADER, original[LOG].size, 100, &seen);
    print("log", &seen);
    seen = (tally){0};
    for (size_t at = 0; at + PAGE < original[LOG].size; at += 7 * PAGE)
        try_overwritten(LOG, at, PAGE, 0, &seen);
    print("log pages", &seen);
    forget();
}
END_TEST

START_TEST(a_damaged_index) {
    prepare_crashed();
    tally seen = {0};
    flip(INDEX, 0, 200, 100, &seen);
    flip(INDEX, 200, original[INDEX].size, 100, &seen);
    print("index", &seen);
    forget();
}
END_TEST

START_TEST(a_truncated_database_with_a_log) {
    prepare_crashed();
    tally seen = {0};
    truncate_all(DATABASE, PAGE, &seen);
    flip(DATABASE, 0, original[DATABASE].size, 50, &seen);
    print("database with a log", &seen);
    forget();
}
END_TEST

START_TEST(a_missing_file) {
    prepare_crashed();
    for (int file = 0; file < FILES; file++) {
        tally seen = {0};
        content damaged[FILES];
        memcpy(damaged, original, sizeof(damaged));
        damaged[file].data = NULL;
        damaged[file].size = 0;
        try_damaged(damaged, &seen, suffixes[file]);
        print(suffixes[file], &seen);
    }
    forget();
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("store damage");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_truncated_database);
    tcase_add_test(tcase, flipped_bits);
    tcase_add_test(tcase, overwritten_pages);
    tcase_add_test(tcase, a_truncated_log);
    tcase_add_test(tcase, a_damaged_log);
    tcase_add_test(tcase, a_damaged_index);
    tcase_add_test(tcase, a_truncated_database_with_a_log);
    tcase_add_test(tcase, a_missing_file);
    Suite *suite = suite_create("store damage");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
