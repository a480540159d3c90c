#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "exits.h"
#include "program.h"

/* Where a client looks for the agent. */

static char path[64];
static struct options options;
static struct address address;

static void setup(void) {
    strcpy(path, "/tmp/replicante-test-XXXXXX");
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unsetenv("REPLIAGENT_URL");
    memset(&options, 0, sizeof(options));
    memset(&address, 0, sizeof(address));
}

static void teardown(void) {
    address_dispose(&address);
    unlink(path);
}

static void expect(const char *base, const char *unix_socket, const char *shown) {
    address_dispose(&address);
    ck_assert_int_eq(address_find(&options, &address), EXITS_OK);
    ck_assert_str_eq(address.base, base);
    ck_assert_str_eq(address.shown, shown);
    ck_assert_int_eq(address.unix_socket == NULL, unix_socket == NULL);
    if (unix_socket != NULL)
        ck_assert_str_eq(address.unix_socket, unix_socket);
}

START_TEST(from_the_command_line) {
    static const char *const cases[][4] = {
        {"unix:/run/a.sock", "http://localhost", "/run/a.sock", "unix:/run/a.sock"},
        {"unix:///run/a.sock", "http://localhost", "/run/a.sock", "unix:/run/a.sock"},
        {"unix:a.sock", "http://localhost", "a.sock", "unix:a.sock"},
        {"http://host:1", "http://host:1", NULL, "http://host:1"},
        {"https://host:1//", "https://host:1", NULL, "https://host:1"},
        {"host:1", "http://host:1", NULL, "http://host:1"},
        {"[::1]:1", "http://[::1]:1", NULL, "http://[::1]:1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        options.agent = cases[i][0];
        expect(cases[i][1], cases[i][2], cases[i][3]);
    }
}
END_TEST

START_TEST(from_the_environment) {
    expect("http://localhost:8000", NULL, "http://localhost:8000");
    setenv("REPLIAGENT_URL", "", 1);
    expect("http://localhost:8000", NULL, "http://localhost:8000");
    setenv("REPLIAGENT_URL", "unix:/s", 1);
    expect("http://localhost", "/s", "unix:/s");
    options.agent = "other:1";
    expect("http://other:1", NULL, "http://other:1");
}
END_TEST

START_TEST(from_a_configuration) {
    static const char *const cases[][2] = {
        {"", "http://localhost:8000"},
        {"http: {bind: \"127.0.0.1:99\"}", "http://127.0.0.1:99"},
        {"http: {bind: \"0.0.0.0:99\"}", "http://localhost:99"},
        {"http: {bind: \"[::]:99\"}", "http://localhost:99"},
        {"http: {bind: \"[::1]:99\"}", "http://[::1]:99"},
        {"http: {unix_socket: /s}", "unix:/s"},
        {"http: {tls: {server_private_cert: c, server_private_key: k}}", "https://localhost:8000"},
        {"http: {tls: {server_private_cert: c, server_private_key: k, enabled: false}}",
         "http://localhost:8000"},
        {"driver: no matter\nunknown: too", "http://localhost:8000"},
    };
    options.config = path;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        program_write_file(path, cases[i][0]);
        address_dispose(&address);
        ck_assert_int_eq(address_find(&options, &address), EXITS_OK);
        ck_assert_str_eq(address.shown, cases[i][1]);
    }
}
END_TEST

START_TEST(not_at_all) {
    options.config = path;
    program_write_file(path, "http: {bind: \"localhost:0\"}");
    ck_assert_int_eq(address_find(&options, &address), EXITS_CONFIG);
    program_write_file(path, "http: {bindd: 1}");
    ck_assert_int_eq(address_find(&options, &address), EXITS_CONFIG);
    options.config = "/none";
    ck_assert_int_eq(address_find(&options, &address), EXITS_CONFIG);
    options.config = NULL;
    options.agent = "gopher://x";
    ck_assert_int_eq(address_find(&options, &address), EXITS_USAGE);
    options.agent = "unix:";
    ck_assert_int_eq(address_find(&options, &address), EXITS_USAGE);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("address");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, from_the_command_line);
    tcase_add_test(tcase, from_the_environment);
    tcase_add_test(tcase, from_a_configuration);
    tcase_add_test(tcase, not_at_all);
    Suite *suite = suite_create("address");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
