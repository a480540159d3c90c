#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include <replicante/driver.h>
#include <replicante/types.h>

#include "logsink.h"
#include "show.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

/* What is printed: tables, times, colours and log lines. */

/* A terminal of our own; returns its inner side. */
static int open_terminal(int *ret_outer) {
    const int outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(outer, 0);
    ck_assert_int_eq(grantpt(outer), 0);
    ck_assert_int_eq(unlockpt(outer), 0);
    const int inner = open(ptsname(outer), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(inner, 0);
    *ret_outer = outer;
    return inner;
}

static void setup(void) {
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    unsetenv("JOURNAL_STREAM");
}

START_TEST(colour_is_for_terminals) {
    int outer, pipes[2];
    const int inner = open_terminal(&outer);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_ne(terminal_colour(inner), 0);
    ck_assert_int_eq(terminal_colour(pipes[1]), 0);
    setenv("NO_COLOR", "", 1);
    ck_assert_int_ne(terminal_colour(inner), 0);
    setenv("NO_COLOR", "1", 1);
    ck_assert_int_eq(terminal_colour(inner), 0);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    ck_assert_int_eq(terminal_colour(inner), 0);
    close(inner);
    close(outer);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

START_TEST(characters) {
    ck_assert_uint_eq(terminal_character("a"), 1);
    ck_assert_uint_eq(terminal_character("\xC3\xA9"), 2);
    ck_assert_uint_eq(terminal_character("\xE2\x82\xAC"), 3);
    ck_assert_uint_eq(terminal_character("\xF0\x9F\x98\x80"), 4);
    static const char *const wrong[] = {"\x80",
                                        "\xC0\x80",
                                        "\xC3",
                                        "\xE2\x82",
                                        "\xED\xA0\x80",
                                        "\xF4\x90\x80\x80",
                                        "\xF8\x88\x80\x80\x80",
                                        "\xFF"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_uint_eq(terminal_character(wrong[i]), 0);
    ck_assert_uint_eq(terminal_width("a\xC3\xA9\xE2\x82\xAC"), 3);
}
END_TEST

static char *printed(struct table *table, int colour) {
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    table_print(table, to, colour);
    fclose(to);
    return text;
}

static struct table *example(void) {
    struct table *table = table_new("lrl");
    table_head(table, (const char *const[]){"NAME", "SIZE", "WHAT", NULL});
    table_add(table, TABLE_PLAIN, "\xC3\xA9");
    table_add(table, TABLE_PLAIN, "%d", 12345);
    table_add(table, TABLE_GOOD, "fine");
    table_add(table, TABLE_PLAIN, "longer");
    table_add(table, TABLE_PLAIN, "%d", 1);
    table_add(table, TABLE_BAD, "evil\033[2J\n");
    return table;
}

START_TEST(tables) {
    char *text = printed(example(), 0);
    ck_assert_str_eq(text, "NAME     SIZE  WHAT\n"
                           "\xC3\xA9       12345  fine\n"
                           "longer      1  evil?[2J?\n");
    free(text);
    text = printed(example(), 1);
    ck_assert_ptr_nonnull(strstr(text, TERMINAL_GREEN "fine" TERMINAL_PLAIN "\n"));
    ck_assert_ptr_nonnull(strstr(text, TERMINAL_BOLD "NAME" TERMINAL_PLAIN "  "));
    free(text);
}
END_TEST

static void expect(char *text, const char *expected) {
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(spans_and_times) {
    expect(text_duration(0), "0 ms");
    expect(text_duration(999), "999 ms");
    expect(text_duration(1250), "1.2 s");
    expect(text_duration(59999), "59.9 s");
    expect(text_duration(185000), "3 min 5 s");
    expect(text_duration(7800000), "2 h 10 min");
    expect(text_duration(INT64_C(442800000)), "5 d 3 h");
    expect(text_time(REPLI_TIME_NONE), "-");
    expect(text_time(0), "1970-01-01T00:00:00Z");
    expect(text_time(INT64_C(1767323045678901234)), "2026-01-02T03:04:05.678Z");
    expect(text_time(-1), "1969-12-31T23:59:59.999Z");
}
END_TEST

START_TEST(amounts_roles_and_errors) {
    expect(show_amount(5, NULL), "-");
    expect(show_amount(-5, "seconds"), "-5 s");
    expect(show_amount(5, "milliseconds"), "5 ms");
    expect(show_amount(INT64_MAX, "bytes"), "9223372036854775807 bytes");
    repli_shard shard = REPLI_SHARD_INIT;
    shard.role = REPLI_ROLE_SECONDARY;
    expect(show_role(&shard), "Secondary");
    shard.role = REPLI_ROLE_OTHER;
    shard.role_reason = "told to";
    expect(show_role(&shard), "Other: told to");
    shard.role = 99;
    expect(show_role(&shard), "?");
    expect(show_error("{\"error_msg\":\"a\",\"error_cause\":\"b\"}"), "a: b");
    expect(show_error("{\"odd\":1}"), "{\"odd\":1}");
}
END_TEST

/* Logs. */

static int log_fd;

static void open_log(struct logsink *sink, const char *mode) {
    char path[] = "/tmp/replicante-test-XXXXXX";
    log_fd = mkostemp(path, O_CLOEXEC);
    ck_assert_int_ge(log_fd, 0);
    unlink(path);
    logsink_init(sink, log_fd);
    logsink_set(sink, REPLI_LOG_INFO, mode);
}

static char *take_log(struct logsink *sink) {
    static char text[1 << 20];
    const ssize_t size = pread(log_fd, text, sizeof(text) - 1, 0);
    ck_assert_int_ge(size, 0);
    text[size] = '\0';
    logsink_dispose(sink);
    close(log_fd);
    return text;
}

START_TEST(a_line_for_people) {
    struct logsink sink;
    open_log(&sink, "terminal");
    logsink_write(REPLI_LOG_WARNING, "store", "disk\nfull\033[2J", &sink);
    const char *text = take_log(&sink);
    ck_assert_str_eq(strchr(text, ' '), " WARNING store: disk?full?[2J\n");
    ck_assert_int_eq(text[10], 'T');
}
END_TEST

START_TEST(a_line_for_the_journal) {
    struct logsink sink;
    open_log(&sink, "auto");
    struct stat info;
    ck_assert_int_eq(fstat(log_fd, &info), 0);
    char stream[64];
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    logsink_set(&sink, REPLI_LOG_INFO, "auto");
    logsink_write(REPLI_LOG_ERROR, "store", "disk full", &sink);
    logsink_set(&sink, REPLI_LOG_INFO, "json");
    logsink_write(REPLI_LOG_INFO, "store", "disk empty", &sink);
    const char *text = take_log(&sink);
    ck_assert_int_eq(strncmp(text, "<3>store: disk full\n{\"time\":", 28), 0);
}
END_TEST

START_TEST(a_line_for_programs) {
    static const char message[] = "\"\\\x01\x7F \xE2\x82\xAC \xFF \xC3";
    struct logsink sink;
    open_log(&sink, "auto");
    logsink_write(REPLI_LOG_INFO, "driver.fake", message, &sink);
    logsink_printf(&sink, REPLI_LOG_DEBUG, "not shown");
    logsink_printf(&sink, REPLI_LOG_INFO, "%s", "shown");
    char *text = take_log(&sink);
    char *second = strchr(text, '\n') + 1;
    json_t *line = json_loadb(text, (size_t)(second - text), JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(json_string_value(json_object_get(line, "message")),
                     "\"\\\x01\x7F \xE2\x82\xAC \xEF\xBF\xBD \xEF\xBF\xBD");
    ck_assert_str_eq(json_string_value(json_object_get(line, "level")), "info");
    ck_assert_str_eq(json_string_value(json_object_get(line, "origin")), "driver.fake");
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(line, "time"))), 24);
    json_decref(line);
    line = json_loads(second, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(line, "message")), "shown");
    ck_assert_str_eq(json_string_value(json_object_get(line, "origin")), "repliagent");
    json_decref(line);
}
END_TEST

START_TEST(the_longest_line) {
    char message[3000];
    memset(message, 1, sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    struct logsink sink;
    open_log(&sink, "json");
    logsink_printf(&sink, REPLI_LOG_INFO, "%s", message);
    json_t *line = json_loads(take_log(&sink), 0, NULL);
    ck_assert_ptr_nonnull(line);
    json_decref(line);
}
END_TEST

static void *write_lines(void *argument) {
    for (int i = 0; i < 500; i++)
        logsink_write(REPLI_LOG_INFO, "thread", "a message of some length, to be torn apart",
                      argument);
    return NULL;
}

START_TEST(lines_are_whole) {
    struct logsink sink;
    open_log(&sink, "json");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_lines, &sink);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    char *text = take_log(&sink), *save;
    int count = 0;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save), count++) {
        json_t *object = json_loads(line, 0, NULL);
        ck_assert_ptr_nonnull(object);
        json_decref(object);
    }
    ck_assert_int_eq(count, 2000);
}
END_TEST

START_TEST(colour_on_a_terminal) {
    int outer;
    const int inner = open_terminal(&outer);
    struct logsink sink;
    logsink_init(&sink, inner);
    logsink_write(REPLI_LOG_ERROR, "a", "b", &sink);
    char text[512];
    const ssize_t size = read(outer, text, sizeof(text) - 1);
    ck_assert_int_gt(size, 0);
    text[size] = '\0';
    ck_assert_ptr_nonnull(strstr(text, TERMINAL_RED "ERROR  " TERMINAL_PLAIN " a: b"));
    logsink_dispose(&sink);
    close(inner);
    close(outer);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("output");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, colour_is_for_terminals);
    tcase_add_test(tcase, characters);
    tcase_add_test(tcase, tables);
    tcase_add_test(tcase, spans_and_times);
    tcase_add_test(tcase, amounts_roles_and_errors);
    tcase_add_test(tcase, a_line_for_people);
    tcase_add_test(tcase, a_line_for_the_journal);
    tcase_add_test(tcase, a_line_for_programs);
    tcase_add_test(tcase, the_longest_line);
    tcase_add_test(tcase, lines_are_whole);
    tcase_add_test(tcase, colour_on_a_terminal);
    Suite *suite = suite_create("output");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
