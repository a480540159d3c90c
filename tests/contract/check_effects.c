/* What an agent and its server change of the process that they live in: nothing that outlasts them,
 * and nothing that the host could notice while they live. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "footprint.h"
#include "party.h"

static const char *version_of(const party *self, char text[64]) {
    repli_snapshot *snapshot;
    text[0] = '\0';
    if (repli_agent_snapshot(self->agent, &snapshot, NULL) != REPLI_OK)
        return text;
    const char *number = repli_snapshot_node(snapshot)->store_version.number;
    snprintf(text, 64, "%s", number != NULL ? number : "");
    repli_snapshot_unref(snapshot);
    return text;
}

/* An agent with a server whose store's version is asked of a command. */
static int32_t begin(party *self, repli_error *err) {
    static const char *const command[] = {"echo", "9.8.7"};
    const party_options options = {.driver = "{\"version\": \"\"}"};
    repli_config *config = NULL;
    if (!party_directory(self))
        return REPLI_EIO;
    int32_t code = party_config(self, &options, &config, err);
    if (code == REPLI_OK)
        code = repli_config_set_strs(config, "version.command", command, 2, err);
    if (code == REPLI_OK)
        code = repli_config_set_str(config, "version.fixed", "7.7.7", err);
    if (code == REPLI_OK)
        code = repli_agent_new(config, &self->agent, err);
    if (code == REPLI_OK)
        code = repli_agent_start(self->agent, err);
    if (code == REPLI_OK)
        code = repli_agent_reload(self->agent, config, err);
    repli_config_free(config);
    char unix_path[96];
    snprintf(unix_path, sizeof(unix_path), "%s/socket", self->directory);
    repli_http_options http = REPLI_HTTP_OPTIONS_INIT;
    http.bind = "127.0.0.1:0";
    http.unix_path = unix_path;
    if (code == REPLI_OK)
        code = repli_http_server_new(self->agent, &http, &self->server, err);
    if (code == REPLI_OK)
        code = repli_http_server_reload(self->server, &http, err);
    if (code == REPLI_OK)
        self->port = repli_http_server_port(self->server);
    return code;
}

/* The kernel shows a thread a little longer than it can be joined. */
static int stays_different(const char *before, char *text, size_t size) {
    int differs = 1;
    for (int i = 0; differs && i < PARTY_TURNS / 10; i++) {
        char *after = footprint();
        differs = footprint_differs(before, after, text, size);
        free(after);
        if (differs)
            pause_ms(5);
    }
    return differs;
}

static void *nothing(void *argument) {
    return argument;
}

/* The whole life of one. Returns 0, or 1 with what is wrong in text. */
static int live(char *text, size_t size) {
    char *before = footprint();
    party agent;
    repli_error err = REPLI_ERROR_INIT;
    char version[64];
    int wrong = begin(&agent, &err) != REPLI_OK;
    if (wrong)
        snprintf(text, size, "%.400s", err.message);
    for (int i = 0; !wrong && strcmp(version_of(&agent, version), "9.8.7") != 0; i++) {
        wrong = i == PARTY_TURNS || strcmp(version, "7.7.7") == 0;
        if (wrong)
            snprintf(text, size, "the version is %s", version);
        pause_ms(5);
    }
    if (!wrong && (!party_act(agent.agent) || party_get(agent.port, "/metrics") != 200)) {
        snprintf(text, size, "it does not work");
        wrong = 1;
    }
    wrong = wrong || footprint_strays(before, text, size);
    party_end(&agent);
    wrong = wrong || stays_different(before, text, size);
    free(before);
    return wrong;
}

START_TEST(nothing_is_left_of_an_agent) {
    char text[512] = "";
    /* The thread sanitizer's own thread comes with the first. */
    pthread_t first;
    ck_assert_int_eq(pthread_create(&first, NULL, nothing, NULL), 0);
    ck_assert_int_eq(pthread_join(first, NULL), 0);
    umask(027);
    ck_assert_int_eq(setenv("REPLI_SOMETHING", "else", 1), 0);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    ck_assert_int_eq(sigaction(SIGUSR1, &ignore, NULL), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(live(text, sizeof(text)) == 0, "%s", text);
}
END_TEST

/* In a child, so that the test's own descriptors 0 to 2 stay. */

enum { CLOSED = 1 };

static _Noreturn void live_in_child(const char *locale, int streams, int input, int output,
                                    int told) {
    char text[512] = "";
    char number[16];
    int wrong = setlocale(LC_ALL, locale) == NULL;
    if (wrong)
        snprintf(text, sizeof(text), "there is no locale %s", locale);
    for (int i = 0; i < 3; i++) {
        if (streams == CLOSED)
            close(i);
        else if (!wrong)
            dup2(i == 0 ? input : output, i);
    }
    if (streams == CLOSED) {
        /* SQLite fills these up with /dev/null and leaves them so, and it may be the first. */
        for (int i = 0; i < 3; i++)
            open("/dev/null", O_RDWR);
    }
    wrong = wrong || live(text, sizeof(text));
    snprintf(number, sizeof(number), "%.1f", 1.5);
    if (!wrong && strcmp(number, strcmp(locale, "C") == 0 ? "1.5" : "1,5") != 0) {
        snprintf(text, sizeof(text), "1.5 is printed as %s", number);
        wrong = 1;
    }
    const ssize_t sent = write(told, text, strlen(text));
    _exit(wrong || sent < 0);
}

/* Nothing may be read from its standard input, nor written to its output. */
static void try_in_child(const char *locale, int streams) {
    int input[2];
    int output[2];
    int told[2];
    ck_assert_int_eq(pipe2(input, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
    ck_assert_int_eq(write(input[1], "unread", 6), 6);
    fflush(NULL);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        live_in_child(locale, streams, input[0], output[1], told[1]);
    int status = 0;
    char text[512] = "";
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(told[1]);
    close(output[1]);
    const ssize_t size = read(told[0], text, sizeof(text) - 1);
    ck_assert_int_ge(size, 0);
    ck_assert_msg(status == 0, "%s: status %x: %s", locale, (unsigned)status, text);
    ck_assert_int_eq(read(output[0], text, sizeof(text)), 0);
    ck_assert_int_eq(read(input[0], text, sizeof(text)), 6);
    close(input[0]);
    close(input[1]);
    close(output[0]);
    close(told[0]);
}

START_TEST(standard_streams_are_not_touched) {
    try_in_child("C", 0);
}
END_TEST

START_TEST(standard_streams_may_lead_nowhere) {
    try_in_child("C", CLOSED);
}
END_TEST

START_TEST(a_locale_with_decimal_commas_stays_so) {
    char directory[] = "/tmp/repli-locale-XXXXXX";
    char command[256];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
             directory);
    const int made = system(command);
    if (made == 0) {
        ck_assert_int_eq(setenv("LOCPATH", directory, 1), 0);
        try_in_child("de_DE.UTF-8", 0);
    } else {
        puts("skipped: localedef makes no de_DE.UTF-8 here");
    }
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* Children. */

START_TEST(children_of_the_host_are_left_to_it) {
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(7);
    party agent;
    char version[64];
    ck_assert_int_eq(begin(&agent, NULL), REPLI_OK);
    for (int i = 0; i < PARTY_TURNS && strcmp(version_of(&agent, version), "9.8.7") != 0; i++)
        pause_ms(5);
    ck_assert_str_eq(version, "9.8.7");
    party_end(&agent);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    ck_assert_int_eq(waitpid(-1, &status, WNOHANG), -1);
}
END_TEST

static atomic_int reaped;

static void reap(int number) {
    (void)number;
    const int before = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        atomic_fetch_add(&reaped, 1);
    errno = before;
}

/* It takes the exit code of the agent's commands from it, which then have to do without. */
START_TEST(a_host_may_reap_every_child) {
    struct sigaction action = {.sa_handler = reap, .sa_flags = SA_RESTART};
    ck_assert_int_eq(sigaction(SIGCHLD, &action, NULL), 0);
    party agent;
    char version[64] = "";
    ck_assert_int_eq(begin(&agent, NULL), REPLI_OK);
    for (int i = 0; i < PARTY_TURNS && version_of(&agent, version)[0] == '\0'; i++)
        pause_ms(5);
    ck_assert_msg(strcmp(version, "9.8.7") == 0 || strcmp(version, "7.7.7") == 0, "%s", version);
    ck_assert(party_act(agent.agent));
    struct sigaction now;
    ck_assert_int_eq(sigaction(SIGCHLD, NULL, &now), 0);
    ck_assert(now.sa_handler == reap);
    party_end(&agent);
    int status;
    ck_assert_int_eq(waitpid(-1, &status, WNOHANG), -1);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("effects");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, nothing_is_left_of_an_agent);
    tcase_add_test(tcase, standard_streams_are_not_touched);
    tcase_add_test(tcase, standard_streams_may_lead_nowhere);
    tcase_add_test(tcase, a_locale_with_decimal_commas_stays_so);
    tcase_add_test(tcase, children_of_the_host_are_left_to_it);
    tcase_add_test(tcase, a_host_may_reap_every_child);
    Suite *suite = suite_create("effects");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
