#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "certificates.h"
#include "program.h"

/* A running agent: signals, reload, TLS, logs and what it tells the service manager. */

static struct program_agent agent;
static struct program_output output;

#define RUN(...) run((const char *[]){__VA_ARGS__, NULL})
#define ASK(...) run((const char *[]){__VA_ARGS__, "-a", agent.address, NULL})

static int run(const char *const *arguments) {
    program_output_free(&output);
    program_run(&output, arguments);
    return output.status;
}

static void setup(void) {
    memset(&output, 0, sizeof(output));
    program_agent_init(&agent, NULL);
}

static void teardown(void) {
    program_output_free(&output);
    program_agent_dispose(&agent);
}

static void expect_in(const char *text, const char *what) {
    ck_assert_msg(strstr(text, what) != NULL, "\"%s\" is not in:\n%s", what, text);
}

static void expect_log(const char *what) {
    program_agent_expect(&agent, what, 1);
}

/* A text that may name the agent's directory with %s, up to three times. */
static char *text_with_directory(const char *format) {
    static char text[2048];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), format, agent.directory, agent.directory, agent.directory,
             agent.directory);
#pragma GCC diagnostic pop
    return text;
}

/* Checks. */

START_TEST(check_config) {
    ck_assert_int_eq(RUN("run", "-c", agent.config, "--check-config"), 0);
    expect_in(output.out, "agent.yaml: the configuration is good\n");
    ck_assert_str_eq(output.err, "");
    ck_assert_int_ne(access(agent.socket, F_OK), 0);
    char database[128];
    snprintf(database, sizeof(database), "%s/agent.db", agent.directory);
    ck_assert_int_ne(access(database, F_OK), 0);

    program_agent_configure(&agent, "colour: red\n");
    ck_assert_int_eq(RUN("run", "-c", agent.config, "--check-config"), 78);
    ck_assert_str_eq(output.out, "");
    expect_in(output.err, "agent.yaml:5:1: unknown key \"colour\"");
    ck_assert_int_eq(RUN("run", "-c", agent.config), 78);
    expect_in(output.err, "agent.yaml:5:1: unknown key \"colour\"");
}
END_TEST

START_TEST(print_config) {
    program_agent_configure(&agent, "fake: {password: s3cret}\n");
    chmod(agent.config, 0600);
    ck_assert_int_eq(RUN("run", "-c", agent.config, "--print-config"), 0);
    expect_in(output.out, "\nnode_id: \"test-1\" ");
    expect_in(output.out, "password: ~");
    ck_assert_ptr_null(strstr(output.out, "s3cret"));
    ck_assert_str_eq(output.err, "");
}
END_TEST

START_TEST(the_example_is_good) {
    const char *top = getenv("TOP");
    char path[512], *text, *driver;
    snprintf(path, sizeof(path), "%s/examples/repliagent.yaml", top != NULL ? top : ".");
    text = program_read_file(path);
    char postgresql[512];
    snprintf(postgresql, sizeof(postgresql), "%s",
             program_build_path("drivers/driver_postgresql.so"));
    if (access(postgresql, R_OK) != 0) {
        puts("skip: the example's driver was not built");
        free(text);
        return;
    }
    driver = strstr(text, "# driver_dir: ");
    ck_assert_ptr_nonnull(driver);
    program_write_file(agent.config, text);
    FILE *file = fopen(agent.config, "ae");
    fprintf(file, "driver_dir: \"%s\"\n", program_build_path("drivers"));
    fclose(file);
    ck_assert_int_eq(RUN("run", "-c", agent.config, "--check-config"), 0);
    ck_assert_str_eq(output.err, "");
    /* It names every setting there is, commented or not. */
    ck_assert_int_eq(RUN("run", "-c", agent.config, "--print-config"), 0);
    char *save, *line = strtok_r(output.out, "\n", &save);
    for (; line != NULL && strcmp(line, "postgresql:") != 0; line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " ");
        char key[64];
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(line, " "), line);
        if (line[0] != '#' && line[0] != '\0')
            ck_assert_msg(strstr(text, key) != NULL, "%s is not in the example", key);
    }
    free(text);
}
END_TEST

/* Signals. */

START_TEST(stops_at_once_when_idle) {
    program_agent_start(&agent);
    const long begin = program_now_ms();
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    ck_assert_int_lt(program_now_ms() - begin, 5000);
    expect_log("stopping because of SIGTERM");
    expect_log("\"message\":\"stopped\"");
    ck_assert_int_ne(access(agent.socket, F_OK), 0);
    program_agent_start(&agent);
    ck_assert_int_eq(program_agent_stop(&agent, SIGINT, 10000), 0);
}
END_TEST

START_TEST(stops_while_an_action_runs) {
    program_agent_configure(&agent, "stop_timeout: 5\n");
    program_agent_start(&agent);
    ck_assert_int_eq(ASK("schedule", "fake.test/slow", "{\"ms\": 60000}"), 0);
    char *id = strndup(output.out, 36);
    expect_log("(fake.test/slow) begins");
    const long begin = program_now_ms();
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 5000), 0);
    ck_assert_int_lt(program_now_ms() - begin, 5000);
    /* It is there again after the start. */
    program_agent_start(&agent);
    ck_assert_int_eq(ASK("action", id), 0);
    expect_in(output.out, "phase      RUNNING\n");
    free(id);
}
END_TEST

/* Start an agent whose driver does not return from its first call, once it is in there. */
static void start_hanging(int stop_timeout) {
    char calls[128], text[256];
    snprintf(calls, sizeof(calls), "%s/calls", agent.directory);
    snprintf(text, sizeof(text), "stop_timeout: %d\nfake: {hang: true, calls_file: \"%s\"}\n",
             stop_timeout, calls);
    program_agent_configure(&agent, text);
    program_agent_start(&agent);
    const long begin = program_now_ms();
    while (access(calls, R_OK) != 0) {
        ck_assert_int_lt(program_now_ms() - begin, 10000);
        program_pause_ms(5);
    }
}

START_TEST(stops_although_the_driver_hangs) {
    start_hanging(1);
    const long begin = program_now_ms();
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 6000), 1);
    ck_assert_int_lt(program_now_ms() - begin, 6000);
    expect_log("stopped, but not cleanly");
}
END_TEST

START_TEST(a_second_signal_ends_it) {
    start_hanging(60);
    kill(agent.pid, SIGTERM);
    expect_log("stopping because of SIGTERM");
    program_pause_ms(200);
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 2000), 128 + SIGTERM);
}
END_TEST

START_TEST(starts_once_for_a_database) {
    program_agent_start(&agent);
    char config[128];
    snprintf(config, sizeof(config), "%s/other.yaml", agent.directory);
    char *text = program_read_file(agent.config), *at = strstr(text, "agent.sock");
    memcpy(at, "other.sock", 10);
    program_write_file(config, text);
    free(text);
    ck_assert_int_eq(RUN("run", "-c", config), 1);
    expect_in(output.err, "the agent cannot start: ");
    char pid[32];
    snprintf(pid, sizeof(pid), "%d", (int)agent.pid);
    expect_in(output.err, pid);
    ck_assert_int_eq(ASK("node"), 0);
}
END_TEST

START_TEST(an_address_in_use) {
    program_agent_start(&agent);
    struct program_agent other;
    program_agent_init(&other, NULL);
    program_agent_configure(&other, text_with_directory("http: {bind: \"\", unix_socket: "
                                                        "\"%s/agent.sock\"}\n"));
    ck_assert_int_eq(RUN("run", "-c", other.config), 1);
    expect_in(output.err, "the agent cannot listen: ");
    program_agent_dispose(&other);
    ck_assert_int_eq(ASK("node"), 0);
}
END_TEST

/* Reload. */

static void reload_with(const char *more) {
    program_agent_configure(&agent, more);
    kill(agent.pid, SIGHUP);
}

START_TEST(reloads_the_driver) {
    program_agent_start(&agent);
    ck_assert_int_eq(ASK("shards", "--fresh"), 0);
    expect_in(output.out, "100 bytes");
    reload_with("fake: {offset: 777}\n");
    expect_log("\"message\":\"reloaded\"");
    ck_assert_int_eq(ASK("shards", "--fresh"), 0);
    expect_in(output.out, "777 bytes");
}
END_TEST

START_TEST(a_bad_reload_changes_nothing) {
    program_agent_configure(&agent, "fake: {offset: 5}\n");
    program_agent_start(&agent);
    reload_with("fake: {offset: many}\n");
    expect_log("agent.yaml:5:16: fake.offset: found \\\"many\\\"");
    expect_log("not reloaded: the old configuration stays in use");
    ck_assert_int_eq(ASK("shards", "--fresh"), 0);
    expect_in(output.out, "5 bytes");
    /* And it can be put right. */
    reload_with("fake: {offset: 6}\n");
    expect_log("\"message\":\"reloaded\"");
    ck_assert_int_eq(ASK("shards", "--fresh"), 0);
    expect_in(output.out, "6 bytes");
}
END_TEST

START_TEST(a_reload_that_needs_a_restart) {
    program_agent_start(&agent);
    char *text = program_read_file(agent.config);
    reload_with(text_with_directory("http: {bind: \"\", unix_socket: \"%s/else.sock\"}\n"));
    expect_log("http.unix_socket was changed, which needs a restart");
    memcpy(strstr(text, "test-1"), "test-2", 6);
    program_write_file(agent.config, text);
    kill(agent.pid, SIGHUP);
    expect_log("agent.yaml:1:10: the agent cannot use it: ");
    program_agent_expect(&agent, "not reloaded: the old configuration stays in use", 2);
    ck_assert_int_eq(ASK("node"), 0);
    expect_in(output.out, "test-1");
    free(text);
}
END_TEST

START_TEST(reloads_the_log) {
    program_agent_start(&agent);
    reload_with("telemetry: {logs: {level: warning, mode: terminal}}\n");
    program_pause_ms(300);
    reload_with("telemetry: {logs: {level: info, mode: terminal}}\n");
    expect_log(" INFO    repliagent: reloaded\n");
    char *log = program_agent_log(&agent);
    ck_assert_ptr_null(strchr(log, '\033'));
    free(log);
}
END_TEST

/* Logs. */

START_TEST(log_lines_are_json) {
    program_agent_configure(&agent, "telemetry: {logs: {level: debug}}\n");
    program_agent_start(&agent);
    ck_assert_int_eq(
        ASK("schedule", "fake.test/fail", "{\"error\": \"\\\"\\n\\u0001 \\u20ac\"}", "--wait"), 1);
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    char *log = program_agent_log(&agent), *save, *line = strtok_r(log, "\n", &save);
    size_t count = 0;
    for (; line != NULL; line = strtok_r(NULL, "\n", &save), count++) {
        json_error_t error;
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        ck_assert_msg(object != NULL, "%s in: %s", error.text, line);
        static const char *const names[] = {"time", "level", "origin", "message"};
        for (size_t i = 0; i < 4; i++)
            ck_assert_ptr_nonnull(json_string_value(json_object_get(object, names[i])));
        json_decref(object);
    }
    ck_assert_uint_gt(count, 4);
    free(log);
}
END_TEST

START_TEST(tells_the_ports) {
    program_agent_configure(&agent, text_with_directory("http:\n"
                                                        "  bind: 127.0.0.1:0\n"
                                                        "  health_bind: 127.0.0.1:0\n"
                                                        "  unix_socket: \"%s/agent.sock\"\n"));
    program_agent_start(&agent);
    expect_log("listening on unix:");
    expect_log(" for health\"");
    char *log = program_agent_log(&agent), *at = strstr(log, "listening on http://127.0.0.1:");
    ck_assert_ptr_nonnull(at);
    char url[64];
    snprintf(url, sizeof(url), "127.0.0.1:%d", atoi(at + strlen("listening on http://127.0.0.1:")));
    free(log);
    ck_assert_int_eq(RUN("node", "-a", url), 0);
    ck_assert_int_eq(RUN("schedule", "fake.test/echo", "--wait", "-a", url), 0);
}
END_TEST

/* TLS. */

/* Known before the start, so that it stays the same over restarts and reloads. */
static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void configure_tls(int port, const char *server, const char *clients) {
    char text[1024], bundle[256] = "";
    if (clients != NULL)
        snprintf(bundle, sizeof(bundle), "    client_ca_bundle: \"%s/%s.ca.pem\"\n",
                 agent.directory, clients);
    snprintf(text, sizeof(text),
             "http:\n  bind: \"localhost:%d\"\n  unix_socket: \"%s\"\n  tls:\n"
             "    server_private_cert: \"%s/%s.cert.pem\"\n"
             "    server_private_key: \"%s/%s.key.pem\"\n%s",
             port, agent.socket, agent.directory, server, agent.directory, server, bundle);
    program_agent_configure(&agent, text);
}

static const char *file(const char *name) {
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s.pem", agent.directory, name);
    return path;
}

START_TEST(serves_tls) {
    const int port = free_port();
    char url[64];
    snprintf(url, sizeof(url), "https://localhost:%d", port);
    certificates_make(agent.directory, "one");
    certificates_make(agent.directory, "two");
    configure_tls(port, "one", NULL);
    program_agent_start(&agent);
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("one.ca")), 0);
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("two.ca")), 3);
    expect_in(output.err, "cannot reach the agent");
    ck_assert_int_eq(RUN("node", "-a", url), 3);

    /* A new certificate, without a restart; a bad one changes nothing. */
    configure_tls(port, "two", NULL);
    kill(agent.pid, SIGHUP);
    expect_log("\"message\":\"reloaded\"");
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("two.ca")), 0);
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("one.ca")), 3);
    program_write_file(file("two.cert"), "no certificate\n");
    kill(agent.pid, SIGHUP);
    expect_log("TLS certificate cannot be read as PEM");
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("two.ca")), 0);
    ck_assert_int_eq(chmod(file("two.key"), 0644), 0);
    kill(agent.pid, SIGHUP);
    expect_log("(mode 644): run chmod o-rwx on it");
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("two.ca")), 0);
}
END_TEST

START_TEST(serves_mutual_tls) {
    const int port = free_port();
    char url[64];
    snprintf(url, sizeof(url), "https://localhost:%d", port);
    certificates_make(agent.directory, "server");
    certificates_make(agent.directory, "client");
    certificates_make(agent.directory, "stranger");
    configure_tls(port, "server", "client");
    program_agent_start(&agent);
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("server.ca")), 3);
    ck_assert_int_eq(RUN("node", "-a", url, "--ca", file("server.ca"), "--cert",
                         file("stranger.cert"), "--key", file("stranger.key")),
                     3);
    ck_assert_int_eq(RUN("schedule", "fake.test/echo", "--wait", "-a", url, "--ca",
                         file("server.ca"), "--cert", file("client.cert"), "--key",
                         file("client.key")),
                     0);
}
END_TEST

START_TEST(may_forbid_writes) {
    program_agent_configure(&agent, text_with_directory("http:\n"
                                                        "  bind: 127.0.0.1:0\n"
                                                        "  writes: never\n"
                                                        "  unix_socket: \"%s/agent.sock\"\n"));
    program_agent_start(&agent);
    expect_log("listening on http://127.0.0.1:");
    char *log = program_agent_log(&agent), url[64];
    snprintf(url, sizeof(url), "127.0.0.1:%d",
             atoi(strstr(log, "listening on http://127.0.0.1:") + 30));
    free(log);
    ck_assert_int_eq(RUN("schedule", "fake.test/echo", "-a", url), 4);
    expect_in(output.err, "the agent refused (403): ");
    ck_assert_int_eq(ASK("schedule", "fake.test/echo"), 0);
}
END_TEST

START_TEST(warns_of_open_writes) {
    program_agent_configure(&agent, text_with_directory("http:\n"
                                                        "  bind: 127.0.0.1:0\n"
                                                        "  writes: always\n"
                                                        "  unix_socket: \"%s/agent.sock\"\n"));
    program_agent_start(&agent);
    expect_log("http.writes is always: whoever can connect to 127.0.0.1:0 may schedule actions");
}
END_TEST

/* The service manager. */

static int manager;

static void open_manager(void) {
    char path[96];
    snprintf(path, sizeof(path), "%s/notify", agent.directory);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path, 1);
}

static void close_manager(void) {
    close(manager);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

/* Take messages until one has the line. */
static char *expect_message(const char *line) {
    static char message[2048];
    const long deadline = program_now_ms() + 10000;
    for (;;) {
        struct pollfd wait = {.fd = manager, .events = POLLIN};
        ck_assert_msg(poll(&wait, 1, (int)(deadline - program_now_ms())) == 1, "no %s", line);
        const ssize_t size = recv(manager, message, sizeof(message) - 1, 0);
        ck_assert_int_ge(size, 0);
        message[size] = '\0';
        if (strncmp(message, line, strlen(line)) == 0)
            return message;
    }
}

START_TEST(notifies) {
    open_manager();
    program_agent_spawn(&agent);
    expect_message("READY=1");
    ck_assert_int_eq(ASK("node"), 0);
    expect_message("STATUS=test-1 is ");
    kill(agent.pid, SIGHUP);
    expect_in(expect_message("RELOADING=1\n"), "\nMONOTONIC_USEC=");
    expect_message("READY=1");
    kill(agent.pid, SIGTERM);
    expect_message("STOPPING=1\n");
    ck_assert_int_eq(program_agent_stop(&agent, 0, 10000), 0);
    close_manager();
}
END_TEST

START_TEST(notifies_without_any_descriptor) {
    open_manager();
    const pid_t pid = fork();
    if (pid == 0) {
        for (int fd = 0; fd <= 2; fd++)
            close(fd);
        execl(program_build_path("bin/repliagent"), "repliagent", "run", "-c", agent.config, NULL);
        _exit(127);
    }
    agent.pid = pid;
    expect_message("READY=1");
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 10000), 0);
    close_manager();
}
END_TEST

START_TEST(shows_signs_of_life) {
    open_manager();
    setenv("WATCHDOG_USEC", "2000000", 1);
    program_agent_spawn(&agent);
    expect_message("READY=1");
    const long begin = program_now_ms();
    for (int i = 0; i < 4; i++)
        expect_message("WATCHDOG=1");
    ck_assert_int_lt(program_now_ms() - begin, 4 * 2000);
    /* A store that hangs is no reason to restart the agent. */
    reload_with("fake: {hang: true}\n");
    expect_message("READY=1");
    for (int i = 0; i < 4; i++)
        expect_message("WATCHDOG=1");
    close_manager();
}
END_TEST

START_TEST(keeps_the_socket_to_itself) {
    char out[128], more[512];
    snprintf(out, sizeof(out), "%s/environment", agent.directory);
    snprintf(
        more, sizeof(more),
        "version:\n  command: [\"/bin/sh\", \"-c\", \"env >%s.new; mv %s.new %s; echo 1.2.3\"]\n"
        "fake: {version: \"\", fail: -1}\n",
        out, out, out);
    open_manager();
    setenv("WATCHDOG_USEC", "5000000", 1);
    program_agent_configure(&agent, more);
    program_agent_spawn(&agent);
    expect_message("READY=1");
    const long begin = program_now_ms();
    while (access(out, R_OK) != 0) {
        ck_assert_int_lt(program_now_ms() - begin, 10000);
        program_pause_ms(10);
    }
    char *environment = program_read_file(out);
    expect_in(environment, "PATH=");
    ck_assert_ptr_null(strstr(environment, "NOTIFY_SOCKET"));
    ck_assert_ptr_null(strstr(environment, "WATCHDOG"));
    free(environment);
    close_manager();
}
END_TEST

START_TEST(files_are_private) {
    program_agent_start(&agent);
    ck_assert_int_eq(ASK("schedule", "fake.test/echo", "--wait"), 0);
    DIR *directory = opendir(agent.directory);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strncmp(entry->d_name, "agent.", 6) != 0 || strcmp(entry->d_name, "agent.yaml") == 0)
            continue;
        char path[400];
        struct stat info;
        snprintf(path, sizeof(path), "%s/%s", agent.directory, entry->d_name);
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert_msg((info.st_mode & 077) == 0, "%s has mode %o", path, info.st_mode & 0777);
        count++;
    }
    closedir(directory);
    ck_assert_uint_ge(count, 2);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("run");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, check_config);
    tcase_add_test(tcase, print_config);
    tcase_add_test(tcase, the_example_is_good);
    tcase_add_test(tcase, stops_at_once_when_idle);
    tcase_add_test(tcase, stops_while_an_action_runs);
    tcase_add_test(tcase, stops_although_the_driver_hangs);
    tcase_add_test(tcase, a_second_signal_ends_it);
    tcase_add_test(tcase, starts_once_for_a_database);
    tcase_add_test(tcase, an_address_in_use);
    tcase_add_test(tcase, reloads_the_driver);
    tcase_add_test(tcase, a_bad_reload_changes_nothing);
    tcase_add_test(tcase, a_reload_that_needs_a_restart);
    tcase_add_test(tcase, reloads_the_log);
    tcase_add_test(tcase, log_lines_are_json);
    tcase_add_test(tcase, tells_the_ports);
    tcase_add_test(tcase, serves_tls);
    tcase_add_test(tcase, serves_mutual_tls);
    tcase_add_test(tcase, may_forbid_writes);
    tcase_add_test(tcase, warns_of_open_writes);
    tcase_add_test(tcase, notifies);
    tcase_add_test(tcase, notifies_without_any_descriptor);
    tcase_add_test(tcase, shows_signs_of_life);
    tcase_add_test(tcase, keeps_the_socket_to_itself);
    tcase_add_test(tcase, files_are_private);
    Suite *suite = suite_create("run");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
