/* run.sh alone: how long answers take is compared with limits that are close */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "http_fixture.h"

static http_fixture fixture;

static void setup(void) {
    http_fixture_agent(&fixture, 0);
}

static void teardown(void) {
    http_fixture_teardown(&fixture);
}

static void serve(const char *bind) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = bind;
    http_fixture_serve(&fixture, &options);
}

static void serve_unix(uint32_t mode) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.unix_path = fixture.socket_path;
    options.unix_mode = mode;
    http_fixture_serve(&fixture, &options);
}

/* A server that must not start. */
static void expect_no_server(const repli_http_options *options, int32_t code, const char *about) {
    repli_http_server *none = NULL;
    repli_error error = REPLI_ERROR_INIT;
    const int32_t got = repli_http_server_new(fixture.agent, options, &none, &error);
    ck_assert_msg(got == code, "%d instead of %d: %s", got, code, error.message);
    ck_assert_ptr_null(none);
    ck_assert_msg(strstr(error.message, about) != NULL, "%s", error.message);
}

/* Addresses. */

START_TEST(names_and_both_families_can_be_bound) {
    static const char *const binds[] = {"127.0.0.1:0", "localhost:0", "0.0.0.0:0", "[::1]:0",
                                        "[::]:0"};
    const int v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int has_v6 = v6 >= 0 && bind(v6, (const struct sockaddr *)&own, sizeof(own)) == 0;
    if (v6 >= 0)
        close(v6);
    for (size_t i = 0; i < (has_v6 ? 5 : 3); i++) {
        serve(binds[i]);
        ck_assert_int_gt(fixture.port, 0);
        char url[128];
        snprintf(url, sizeof(url), "http://%s:%d/health/live",
                 i >= 3 ? "[::1]" : (i == 1 ? "localhost" : "127.0.0.1"), fixture.port);
        http_expect(http_get(&fixture, url), 200);
        http_fixture_stop_server(&fixture);
    }
    if (!has_v6)
        puts("skip: this machine has no IPv6");
}
END_TEST

static const char *const bad_binds[] = {
    "",          "localhost",     ":8000",       "localhost:", "::1:8000",
    "[::1:8000", "[]:8000",       "localhost:x", "a:65536",    "a:-1",
    "a:1:2",     "a:99999999999", "a: 1",        "[::1]8000",  "[::1]:8000x"};

START_TEST(bad_addresses_are_refused) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = bad_binds[_i];
    expect_no_server(&options, REPLI_EINVALID, "host:port");
    options.bind = NULL;
    options.health_bind = bad_binds[_i];
    expect_no_server(&options, REPLI_EINVALID, "host:port");
}
END_TEST

START_TEST(an_address_of_another_machine_is_refused) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "192.0.2.1:0";
    expect_no_server(&options, REPLI_EINVALID, "192.0.2.1:0");
}
END_TEST

START_TEST(a_port_in_use_is_said) {
    serve("127.0.0.1:0");
    char bind[32];
    snprintf(bind, sizeof(bind), "127.0.0.1:%d", fixture.port);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = bind;
    expect_no_server(&options, REPLI_EBUSY, bind);
    /* What was bound before the failure is free again. */
    options.bind = NULL;
    options.unix_path = fixture.socket_path;
    options.health_bind = bind;
    expect_no_server(&options, REPLI_EBUSY, bind);
    ck_assert_int_eq(access(fixture.socket_path, F_OK), -1);
    /* And once the server is gone, so is the port, whatever connections it had. */
    http_expect(http_get(&fixture, "/health/live"), 200);
    http_fixture_stop_server(&fixture);
    serve(bind);
    http_expect(http_get(&fixture, "/health/live"), 200);
}
END_TEST

START_TEST(options_are_checked) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    expect_no_server(&options, REPLI_EINVALID, "no address");
    options.bind = "127.0.0.1:0";
    options.writes = 7;
    expect_no_server(&options, REPLI_EINVALID, "writes");
    options.writes = 0;
    options.struct_size = 8;
    expect_no_server(&options, REPLI_EINVALID, "REPLI_HTTP_OPTIONS_INIT");
    expect_no_server(NULL, REPLI_EINVALID, "REPLI_HTTP_OPTIONS_INIT");
    repli_http_server_free(NULL, 1000);
}
END_TEST

START_TEST(options_can_be_checked_without_a_server) {
    const struct {
        const char *bind, *health_bind, *unix_path;
        int32_t code;
    } all[] = {
        {NULL, NULL, NULL, REPLI_OK},
        {"127.0.0.1:0", "[::1]:65535", "agent.sock", REPLI_OK},
        {"127.0.0.1:65536", NULL, NULL, REPLI_EINVALID},
        {NULL, "80", NULL, REPLI_EINVALID},
        {NULL, NULL, "", REPLI_EINVALID},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
        options.bind = all[i].bind;
        options.health_bind = all[i].health_bind;
        options.unix_path = all[i].unix_path;
        repli_error error = REPLI_ERROR_INIT;
        ck_assert_int_eq(repli_http_options_check(&options, &error), all[i].code);
        ck_assert_int_eq(error.message[0] != '\0', all[i].code != REPLI_OK);
    }
    ck_assert_int_eq(repli_http_options_check(NULL, NULL), REPLI_EINVALID);
}
END_TEST

/* The UNIX socket. */

static http_reply get_unix(const char *url) {
    const http_ask ask = {.url = url, .unix_socket = 1};
    return http_do(&fixture, &ask);
}

START_TEST(the_unix_socket_has_its_mode_and_goes) {
    static const uint32_t modes[] = {0, 0660, 0606};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        serve_unix(modes[i]);
        ck_assert_int_eq(fixture.port, 0);
        struct stat file;
        ck_assert_int_eq(stat(fixture.socket_path, &file), 0);
        ck_assert_uint_eq(file.st_mode & 07777, modes[i] != 0 ? modes[i] : 0600);
        http_expect(get_unix("/health/live"), 200);
        http_fixture_stop_server(&fixture);
        ck_assert_int_eq(access(fixture.socket_path, F_OK), -1);
    }
}
END_TEST

START_TEST(a_dead_servers_socket_is_replaced) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture.socket_path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    close(fd);
    ck_assert_int_eq(access(fixture.socket_path, F_OK), 0);
    serve_unix(0);
    http_expect(get_unix("/health/live"), 200);
}
END_TEST

START_TEST(a_living_servers_socket_is_left_alone) {
    serve_unix(0);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.unix_path = fixture.socket_path;
    expect_no_server(&options, REPLI_EBUSY, "another program listens there");
    http_expect(get_unix("/health/live"), 200);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone) {
    FILE *file = fopen(fixture.socket_path, "we");
    fputs("mine", file);
    fclose(file);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.unix_path = fixture.socket_path;
    expect_no_server(&options, REPLI_EINVALID, "no socket");
    struct stat now;
    ck_assert_int_eq(stat(fixture.socket_path, &now), 0);
    ck_assert_int_eq(now.st_size, 4);
    /* Put in place of a socket, it stays, too. */
    ck_assert_int_eq(unlink(fixture.socket_path), 0);
    serve_unix(0);
    ck_assert_int_eq(unlink(fixture.socket_path), 0);
    file = fopen(fixture.socket_path, "we");
    fclose(file);
    http_fixture_stop_server(&fixture);
    ck_assert_int_eq(access(fixture.socket_path, F_OK), 0);
}
END_TEST

START_TEST(a_path_too_long_for_a_socket_is_said) {
    char path[200] = "/tmp/";
    memset(path + 5, 'x', 150);
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.unix_path = path;
    expect_no_server(&options, REPLI_EINVALID, "1 to 107 bytes");
    options.unix_path = "";
    expect_no_server(&options, REPLI_EINVALID, "1 to 107 bytes");
    options.unix_path = "/nowhere/at/all";
    expect_no_server(&options, REPLI_EIO, "/nowhere/at/all");
}
END_TEST

/* A store that hangs. */

enum { REQUESTS = 1000, CLIENTS = 4, SLACK_MS = 50 };

typedef struct asker {
    pthread_t thread;
    int64_t slowest_us;
    int failures;
} asker;

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void *ask_often(void *argument) {
    asker *own = argument;
    static const char request[] = "GET /api/unstable/info/node HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = raw_connect(fixture.port);
    for (int i = 0; i < REQUESTS / CLIENTS; i++) {
        if (i % 10 == 9) { /* a new connection now and then */
            close(fd);
            fd = raw_connect(fixture.port);
        }
        char text[4096];
        const int64_t start_us = now_us();
        raw_text(fd, request);
        raw_read(fd, text, sizeof(text), "\"store_version\"", 20000, NULL);
        const int64_t took_us = now_us() - start_us;
        own->failures += strstr(text, "HTTP/1.1 200 ") == NULL;
        if (took_us > own->slowest_us)
            own->slowest_us = took_us;
    }
    close(fd);
    return NULL;
}

static int64_t slowest_ms_of_a_thousand(void) {
    asker all[CLIENTS] = {0};
    int64_t slowest_us = 0;
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(pthread_create(&all[i].thread, NULL, ask_often, &all[i]), 0);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(all[i].thread, NULL);
        ck_assert_int_eq(all[i].failures, 0);
        if (all[i].slowest_us > slowest_us)
            slowest_us = all[i].slowest_us;
    }
    return slowest_us / 1000;
}

/* Other programs may hold up one of a thousand requests, but not each time; a request that waits
 * for the store is held up each time. */
static void expect_no_slower_than(int64_t healthy_ms) {
    int64_t slowest_ms = INT64_MAX;
    for (int i = 0; i < 5 && slowest_ms > healthy_ms + SLACK_MS; i++)
        slowest_ms = slowest_ms_of_a_thousand();
    ck_assert_int_le(slowest_ms, healthy_ms + SLACK_MS);
}

START_TEST(a_store_that_hangs_slows_nobody) {
    serve("127.0.0.1:0");
    const int64_t healthy_ms = slowest_ms_of_a_thousand();
    http_fixture_script(&fixture, "{\"hang\": true}");
    expect_no_slower_than(healthy_ms);
    http_fixture_wait_status(&fixture, REPLI_STATUS_UNAVAILABLE);
    expect_no_slower_than(healthy_ms);
    /* Nor do those who insist on news. */
    int insistent[8];
    for (int i = 0; i < 8; i++) {
        insistent[i] = raw_connect(fixture.port);
        raw_text(insistent[i], "GET /api/unstable/info/node?max_age=0 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    expect_no_slower_than(healthy_ms);
    for (int i = 0; i < 8; i++)
        close(insistent[i]);
}
END_TEST

/* The end. */

typedef struct late {
    pthread_t thread;
    http_reply reply;
} late;

static void *ask_late(void *argument) {
    late *own = argument;
    own->reply = http_get(&fixture, "/api/unstable/info/node?max_age=0&timeout=60000");
    return NULL;
}

START_TEST(free_answers_what_has_begun) {
    serve("127.0.0.1:0");
    http_fixture_script(&fixture, "{\"delay_ms\": 400}");
    late asked;
    ck_assert_int_eq(pthread_create(&asked.thread, NULL, ask_late, &asked), 0);
    const int idle = raw_connect(fixture.port);
    test_sleep_ms(150);
    const int32_t port = fixture.port;
    repli_http_server_free(fixture.server, 10000);
    fixture.server = NULL;
    pthread_join(asked.thread, NULL);
    char text[32];
    ck_assert_str_eq(http_header(&asked.reply, "Connection", text, sizeof(text)), "close");
    http_expect(asked.reply, 200);
    ck_assert_int_ge(raw_wait_end(idle, 1000), 0);
    close(idle);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/health/live", port);
    http_reply refused = http_get(&fixture, url);
    ck_assert_int_eq(refused.failed, CURLE_COULDNT_CONNECT);
    http_reply_free(&refused);
}
END_TEST

/* The answer comes when the server is gone, and finds nobody. */
START_TEST(free_without_patience_cuts_what_waits) {
    serve("127.0.0.1:0");
    http_fixture_script(&fixture, "{\"delay_ms\": 2000}");
    late asked;
    ck_assert_int_eq(pthread_create(&asked.thread, NULL, ask_late, &asked), 0);
    test_sleep_ms(100);
    const int64_t start_ms = test_now_ms();
    repli_http_server_free(fixture.server, 50);
    fixture.server = NULL;
    ck_assert_int_lt(test_now_ms() - start_ms, 1800);
    pthread_join(asked.thread, NULL);
    ck_assert_int_ne(asked.reply.failed, CURLE_OK);
    http_reply_free(&asked.reply);
    test_sleep_ms(2200);
}
END_TEST

static void *ask_until_refused(void *argument) {
    const int fd = *(const int *)argument;
    static const char requests[] =
        "GET /api/unstable/info/node HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /api/unstable/action HTTP/1.1\r\nHost: x\r\nContent-Length: 43\r\n\r\n"
        "{\"kind\":\"agent.replicante.io/test.success\"}"
        "GET /api/unstable/actions/queue HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /api/unstable/info/shards?max_age=0 HTTP/1.1\r\nHost: x\r\n\r\n";
    int end = 0;
    while (!end) {
        raw_text(fd, requests);
        char text[8192];
        raw_read(fd, text, sizeof(text), "{\"shards\"", 1000, &end);
    }
    close(fd);
    return NULL;
}

START_TEST(free_under_load) {
    for (int i = 0; i < 10; i++) {
        serve("127.0.0.1:0");
        pthread_t threads[4];
        int fds[4]; /* connected before anything can refuse them */
        for (int k = 0; k < 4; k++)
            fds[k] = raw_connect(fixture.port);
        for (int k = 0; k < 4; k++)
            ck_assert_int_eq(pthread_create(&threads[k], NULL, ask_until_refused, &fds[k]), 0);
        test_sleep_ms(30);
        repli_http_server_free(fixture.server, i % 2 == 0 ? 2000 : 0);
        fixture.server = NULL;
        for (int k = 0; k < 4; k++)
            pthread_join(threads[k], NULL);
    }
}
END_TEST

/* The process. */

START_TEST(a_forked_child_does_no_harm) {
    serve("127.0.0.1:0");
    CURL *curl = curl_easy_init();
    const http_ask ask = {.url = "/health/live", .curl = curl};
    http_expect(http_do(&fixture, &ask), 200);
    const pid_t child = fork();
    if (child == 0) {
        repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
        const int32_t code = repli_http_server_reload(fixture.server, &options, NULL);
        repli_http_server_free(fixture.server, 1000);
        test_end_child(code == REPLI_EFORK);
    }
    int status = 1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    http_reply reply = http_do(&fixture, &ask);
    ck_assert_int_eq(reply.connects, 0);
    http_expect(reply, 200);
    curl_easy_cleanup(curl);
}
END_TEST

START_TEST(a_child_that_lives_on_does_not_listen) {
    int ready[2];
    char byte = 'x';
    ck_assert_int_eq(pipe(ready), 0);
    serve("127.0.0.1:0");
    const pid_t child = fork();
    ck_assert_int_ne(child, -1);
    if (child == 0) {
        repli_http_server_free(fixture.server, 0);
        if (write(ready[1], &byte, 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    repli_http_server_free(fixture.server, 1000);
    fixture.server = NULL;
    char bind[32];
    snprintf(bind, sizeof(bind), "127.0.0.1:%d", fixture.port);
    serve(bind);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

START_TEST(descriptors_close_on_exec) {
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.unix_path = fixture.socket_path;
    http_fixture_serve(&fixture, &options);
    const int client = raw_connect(fixture.port);
    raw_text(client, "GET /");
    test_sleep_ms(50);
    DIR *directory = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(directory);
    int seen = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        const int fd = atoi(entry->d_name);
        char path[64];
        char target[256];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        const ssize_t size = readlink(path, target, sizeof(target) - 1);
        if (fd <= 2 || size < 0)
            continue;
        target[size] = '\0';
        if (strncmp(target, "socket:", 7) != 0 && strncmp(target, "anon_inode:", 11) != 0)
            continue;
        ck_assert_msg((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "%d: %s", fd, target);
        seen++;
    }
    closedir(directory);
    ck_assert_int_ge(seen, 6);
    close(client);
}
END_TEST

/* Signals are for the host's threads. */
START_TEST(threads_take_no_signals) {
    serve("127.0.0.1:0");
    DIR *directory = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(directory);
    int seen = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[300];
        char line[256];
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file == NULL)
            continue;
        int ours = 0;
        while (fgets(line, sizeof(line), file) != NULL) {
            ours |= strncmp(line, "Name:\trepli-http", 16) == 0;
            unsigned long long blocked;
            if (!ours || sscanf(line, "SigBlk: %llx", &blocked) != 1)
                continue;
            seen++;
            const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE};
            for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                ck_assert_msg((blocked >> (signals[i] - 1) & 1) != 0, "signal %d", signals[i]);
        }
        fclose(file);
    }
    closedir(directory);
    ck_assert_int_eq(seen, fixture.lends ? 0 : 2);
}
END_TEST

START_TEST(two_servers_share_an_agent) {
    serve("127.0.0.1:0");
    http_fixture second = fixture;
    repli_http_options options = REPLI_HTTP_OPTIONS_INIT;
    options.bind = "127.0.0.1:0";
    options.writes = REPLI_HTTP_WRITES_NEVER;
    http_fixture_serve(&second, &options);
    ck_assert_int_ne(second.port, fixture.port);
    http_expect(http_post(&fixture, "{\"kind\":\"agent.replicante.io/test.success\"}"), 200);
    http_expect_error(http_post(&second, "{\"kind\":\"agent.replicante.io/test.success\"}"), 403,
                      "http.writes");
    http_fixture_stop_server(&second);
    http_expect(http_get(&fixture, "/health/live"), 200);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("server");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, names_and_both_families_can_be_bound);
    tcase_add_loop_test(tcase, bad_addresses_are_refused, 0,
                        sizeof(bad_binds) / sizeof(bad_binds[0]));
    tcase_add_test(tcase, an_address_of_another_machine_is_refused);
    tcase_add_test(tcase, a_port_in_use_is_said);
    tcase_add_test(tcase, options_are_checked);
    tcase_add_test(tcase, options_can_be_checked_without_a_server);
    tcase_add_test(tcase, the_unix_socket_has_its_mode_and_goes);
    tcase_add_test(tcase, a_dead_servers_socket_is_replaced);
    tcase_add_test(tcase, a_living_servers_socket_is_left_alone);
    tcase_add_test(tcase, a_file_that_is_no_socket_is_left_alone);
    tcase_add_test(tcase, a_path_too_long_for_a_socket_is_said);
    tcase_add_test(tcase, a_store_that_hangs_slows_nobody);
    tcase_add_test(tcase, free_answers_what_has_begun);
    tcase_add_test(tcase, free_without_patience_cuts_what_waits);
    tcase_add_test(tcase, free_under_load);
    tcase_add_test(tcase, a_forked_child_does_no_harm);
    tcase_add_test(tcase, a_child_that_lives_on_does_not_listen);
    tcase_add_test(tcase, descriptors_close_on_exec);
    tcase_add_test(tcase, threads_take_no_signals);
    tcase_add_test(tcase, two_servers_share_an_agent);
    Suite *suite = suite_create("http_server");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
