/* alldata serve, as a user runs it. run.sh timeout: 600 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "certs.h"
#include "served.h"

static served node;

static void setup(void) {
    served_init(&node, NULL);
}

static void teardown(void) {
    served_dispose(&node);
}

static void expect_in(const char *text, const char *part) {
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in \"%s\"", part, text);
}

/* Configuration. */

START_TEST(a_good_configuration_is_said_to_be) {
    char expected[160];
    const struct program_output *output = RUN("serve", "-c", node.config, "--check-config");
    snprintf(expected, sizeof(expected), "%s: the configuration is good\n", node.config);
    ck_assert_int_eq(output->status, 0);
    ck_assert_str_eq(output->out, expected);
    ck_assert_str_eq(output->err, "");
}
END_TEST

/* It names every setting there is, commented or not. */
START_TEST(the_example_is_good) {
    char path[512];
    const char *top = getenv("TOP");
    snprintf(path, sizeof(path), "%s/examples/alldata.yaml", top != NULL ? top : ".");
    const struct program_output *output = RUN("serve", "-c", path, "--print-config");
    ck_assert_msg(output->status == 0, "%s", output->err);
    ck_assert_str_eq(output->err, "");
    char *text = program_read_file(path);
    char *save;
    for (char *line = strtok_r(output->out, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char key[64];
        line += strspn(line, " ");
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(line, " "), line);
        if (line[0] != '#' && strstr(key, "secret:") == NULL)
            ck_assert_msg(strstr(text, key) != NULL, "%s is not in the example", key);
    }
    free(text);
}
END_TEST

static const struct mistake {
    const char *more;
    const char *message; /* behind the name of the file */
} mistakes[] = {
    {"nodeid: a\n", ":4:1: unknown key \"nodeid\"; did you mean \"node_id\"?"},
    {"whatever: {a: 1}\n",
     ":4:1: unknown key \"whatever\"; alldata.yaml(5) names all that there are"},
    {"replication: {factor: 0}\n", ":4:23: replication.factor: found \"0\", expected a whole "
                                   "number from 1 to 15 (nodes that each "
                                   "event is to be on)"},
    {"replication: {factor: 3}\n",
     ":4:23: replication.factor is 3, but this node has no peers: gossip.seeds says where others "
     "are, gossip.bind and peers.bind where this one is"},
    {"replication: {factor: 2, other_zones: 1, other_regions: 1}\ngossip: {bind: "
     "\"127.0.0.1:0\"}\n",
     ":4:23: replication.factor is 2: with 2 in other zones and regions none would be on this "
     "node"},
    {"storage: {interval: P1W}\n", ":4:21: storage.interval: found \"P1W\", expected one of P1D, "
                                   "PT3H, PT1H, PT15M, PT5M (length of "
                                   "an interval)"},
    {"peers: {tls: {cert: /a.pem}}\n", ":4:21: peers.tls.cert needs peers.tls.key"},
    {"peers: {tls: {ca: /a.pem}}\n",
     ":4:19: peers.tls.ca needs peers.tls.cert and peers.tls.key: without them there is no TLS"},
    {"peers: {secret_file: /nowhere}\n",
     ":4:22: peers.secret_file: cannot use \"/nowhere\": No such file or directory"},
    {"peers: {other_secret: abc}\n",
     ":4:23: peers.other_secret needs peers.secret, instead of which it may be used"},
    {"storage: {module: nats}\n",
     ":4:19: storage.location is missing: nats wants the URL of its servers"},
    {"peers: {bind: nonsense}\n",
     ":4:15: peers.bind: \"nonsense\" is no address to listen on: write host:port, such as "
     "localhost:8000, 0.0.0.0:8000 or [::]:8000"},
    {"peers: {bind: \"\"}\n", ":4:15: peers.bind is empty: other nodes could not reach this one"},
    {"data_dir: b\n", ":4:1: the key \"data_dir\" is there twice, first in line 1: remove one"},
};

START_TEST(a_mistake_is_explained) {
    const struct mistake *mistake = &mistakes[_i];
    char expected[512];
    served_configure(&node, mistake->more);
    const struct program_output *output = RUN("serve", "-c", node.config);
    snprintf(expected, sizeof(expected), "%s%s\n", node.config, mistake->message);
    ck_assert_int_eq(output->status, 78);
    expect_in(output->err, expected);
}
END_TEST

START_TEST(a_missing_directory_is_a_mistake) {
    char expected[256];
    program_write_file(node.config, "node_id: a\n");
    const struct program_output *output = RUN("serve", "-c", node.config);
    snprintf(expected, sizeof(expected),
             "%s: data_dir is missing: directory of this node, made if there is none\n",
             node.config);
    ck_assert_int_eq(output->status, 78);
    ck_assert_str_eq(output->err, expected);
    ck_assert_int_eq(RUN("serve")->status, 2);
    ck_assert_int_eq(RUN("serve", "-c", "/nowhere")->status, 78);
}
END_TEST

START_TEST(open_listeners_are_warned_of) {
    program_write_file(node.config, "data_dir: a\nclients: {bind: \"0.0.0.0:8080\"}\n");
    const struct program_output *output = RUN("serve", "-c", node.config, "--check-config");
    ck_assert_int_eq(output->status, 0);
    expect_in(output->err, "warning: ");
    expect_in(output->err, "whoever can connect to 0.0.0.0:8080 may put events and read them");
    program_write_file(node.config,
                       "data_dir: a\nclients: {bind: \"0.0.0.0:8080\", secret: abc}\n");
    ck_assert_int_eq(chmod(node.config, 0600), 0);
    ck_assert_str_eq(RUN("serve", "-c", node.config, "--check-config")->err, "");
    const struct program_output *printed = RUN("serve", "-c", node.config, "--print-config");
    ck_assert_ptr_null(strstr(printed->out, "abc"));
}
END_TEST

/* Serving. */

START_TEST(what_was_acknowledged_is_there_after_a_kill) {
    char key[64];
    served_start(&node);
    for (int i = 0; i < 3; i++) {
        const struct program_output *output = ASK(&node, "put", "{\"n\": 1.0}");
        ck_assert_msg(output->status == 0, "%s", output->err);
        snprintf(key, sizeof(key), "%.27s", output->out);
        ck_assert_int_eq(served_stop(&node, SIGKILL), 128 + SIGKILL);
        served_start(&node);
        served_await_events(&node, i + 1);
        expect_in(ASK(&node, "scan", "--local")->out, key);
    }
    ck_assert_int_eq(served_stop(&node, SIGTERM), 0);
    char *log = served_log(&node);
    expect_in(log, "stopping because of SIGTERM");
    expect_in(log, "alldata: stopped");
    free(log);
}
END_TEST

START_TEST(an_event_that_is_too_large_is_refused) {
    enum { LARGE = 3 << 20 };
    char *event = malloc(LARGE + 3);
    char path[128];
    ck_assert_ptr_nonnull(event);
    memset(event, '1', LARGE);
    event[0] = event[LARGE - 1] = '"';
    event[LARGE] = '\0';
    served_start(&node);
    snprintf(path, sizeof(path), "%s/event", node.directory);
    program_write_file(path, event);
    const struct program_output *output = ASK(&node, "put", "--file", path);
    ck_assert_msg(output->status == 4, "%d: %s", output->status, output->err);
    expect_in(output->err, "larger than 1048576 bytes");
    /* Among many, the others are put. */
    ck_assert_int_eq(served_stop(&node, SIGTERM), 0);
    served_configure(&node, "limits: {bulk_body: 2097152}\n");
    served_start(&node);
    memcpy(event + LARGE, "\n2", 3);
    output = served_run(event, (const char *[]){"put", "-a", node.address, NULL});
    ck_assert_msg(output->status == 4, "%d: %s", output->status, output->err);
    expect_in(output->err, "line 1: ");
    expect_in(output->err, "1 of 2 events were not acknowledged");
    served_await_events(&node, 1);
    free(event);
}
END_TEST

START_TEST(what_cannot_be_had_is_explained) {
    char more[128];
    served_start(&node);
    served other;
    served_init(&other, NULL);
    memcpy(other.data, node.data, sizeof(node.data));
    served_configure(&other, NULL);
    served_spawn(&other);
    ck_assert_int_eq(served_stop(&other, 0), 1);
    served_expect(&other, "the node cannot start: ", 1);
    served_expect(&other, node.data, 1);
    served_dispose(&other);

    served_init(&other, NULL);
    snprintf(more, sizeof(more), "%s", node.socket);
    memcpy(other.socket, node.socket, sizeof(node.socket));
    served_configure(&other, NULL);
    served_spawn(&other);
    ck_assert_int_eq(served_stop(&other, 0), 1);
    served_expect(&other, "the node cannot listen: ", 1);
    served_expect(&other, more, 1);
    served_dispose(&other);

    ck_assert_int_eq(served_stop(&node, SIGTERM), 0);
    served_configure(&node, "cluster: other\n");
    served_spawn(&node);
    ck_assert_int_eq(served_stop(&node, 0), 1);
    served_expect(&node, "is that of a node of cluster \"alldata\", not of \"other\"", 1);
}
END_TEST

START_TEST(files_are_private) {
    static const char *const names[] = {"", "/node", "/counts", "/events"};
    struct stat info;
    served_start(&node);
    ck_assert_int_eq(served_stop(&node, SIGTERM), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", node.data, names[i]);
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert_int_eq(info.st_mode & 077, 0);
    }
}
END_TEST

START_TEST(a_reload_changes_what_it_can) {
    served_start(&node);
    served_configure(&node, "log: {level: debug, mode: terminal}\n");
    program_write_file(node.config, "clients: [\n");
    kill(node.pid, SIGHUP);
    served_expect(&node, "not reloaded: the old configuration stays in use", 1);
    served_configure(&node, "node_id: another\n");
    kill(node.pid, SIGHUP);
    served_expect(&node, "node_id was changed, which needs a restart", 1);
    served_expect(&node, "not reloaded: the old configuration stays in use", 2);
    served_configure(&node, "limits: {body: 2048}\n");
    kill(node.pid, SIGHUP);
    served_expect(&node, "alldata: reloaded", 1);
    char event[3000];
    snprintf(event, sizeof(event), "\"%02500d\"", 1);
    const struct program_output *output = ASK(&node, "put", event);
    ck_assert_int_ne(output->status, 0);
    expect_in(output->err, "2048");
    served_configure(&node, NULL);
    kill(node.pid, SIGHUP);
    served_expect(&node, "alldata: reloaded", 2);
    ck_assert_int_eq(ASK(&node, "put", event)->status, 0);
}
END_TEST

/* The service manager. */

static int manager = -1;

static void open_manager(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", node.directory);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
}

static void expect_message(const char *line) {
    char message[2048];
    const long deadline = program_now_ms() + 30000;
    do {
        struct pollfd wait = {.fd = manager, .events = POLLIN};
        ck_assert_msg(poll(&wait, 1, (int)(deadline - program_now_ms())) == 1, "no %s", line);
        const ssize_t size = recv(manager, message, sizeof(message) - 1, 0);
        ck_assert_int_ge(size, 0);
        message[size] = '\0';
    } while (strncmp(message, line, strlen(line)) != 0);
}

START_TEST(the_service_manager_is_told) {
    served_configure(&node, "node_id: n1\n");
    open_manager();
    served_spawn(&node);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    expect_message("READY=1");
    expect_message("STATUS=n1 of alldata serves");
    expect_message("WATCHDOG=1");
    expect_message("WATCHDOG=1");
    kill(node.pid, SIGHUP);
    expect_message("RELOADING=1\nMONOTONIC_USEC=");
    expect_message("READY=1");
    kill(node.pid, SIGTERM);
    expect_message("STOPPING=1\n");
    ck_assert_int_eq(served_stop(&node, 0), 0);
    close(manager);
}
END_TEST

/* Several. */

enum { NODES = 3 };

static served nodes[NODES];

/* The address that a node gossips at, of its log. */
static void find_gossip(const served *of, char *to, size_t size) {
    served_expect(of, "gossiping as ", 1);
    char *log = served_log(of);
    const char *at = strstr(log, "gossiping as ") + strlen("gossiping as ");
    snprintf(to, size, "%.*s", (int)strcspn(at, "\n"), at);
    free(log);
}

static void configure_member(int i, const char *seed) {
    char more[512];
    snprintf(more, sizeof(more),
             "node_id: n%d\npeers: {bind: \"127.0.0.1:0\", secret: abc}\n"
             "gossip: {bind: \"127.0.0.1:0\", round_ms: 100, seeds: [%s%s%s]}\n"
             "replication: {factor: 3}\n",
             i + 1, seed[0] != '\0' ? "\"" : "", seed, seed[0] != '\0' ? "\"" : "");
    served_configure(&nodes[i], more);
}

static void begin_cluster(void) {
    char seed[64] = "";
    for (int i = 0; i < NODES; i++) {
        served_init(&nodes[i], NULL);
        configure_member(i, seed);
        served_start(&nodes[i]);
        if (i == 0)
            find_gossip(&nodes[0], seed, sizeof(seed));
    }
    for (int i = 0; i < NODES; i++)
        served_expect(&nodes[i], ", lives", NODES - 1);
}

static void end_cluster(void) {
    for (int i = 0; i < NODES; i++)
        served_dispose(&nodes[i]);
}

static void put_through(int i) {
    const struct program_output *output = ASK(&nodes[i], "put", "{\"a\": 1}");
    ck_assert_msg(output->status == 0, "%s", output->err);
}

START_TEST(what_one_missed_it_gets) {
    char seed[64];
    begin_cluster();
    for (int i = 0; i < NODES; i++)
        put_through(i);
    for (int i = 0; i < NODES; i++)
        served_await_events(&nodes[i], 3);
    served_stop(&nodes[2], SIGKILL);
    put_through(0);
    put_through(1);
    served_expect(&nodes[0], "peer n3", 2);
    put_through(0);
    find_gossip(&nodes[0], seed, sizeof(seed));
    configure_member(2, seed);
    served_start(&nodes[2]);
    for (int i = 0; i < NODES; i++)
        served_await_events(&nodes[i], 6);
    for (int i = 0; i < NODES; i++)
        ck_assert_int_eq(served_stop(&nodes[i], SIGTERM), 0);
    end_cluster();
}
END_TEST

/* With a certificate for clients, which the server needs a descriptor for, and a secret for nodes,
 * which takes none. ca: of clients; may be empty. */
static void configure_pair(int i, const char *secret, const char *seed, const certs *own,
                           const char *ca) {
    char text[2048];
    snprintf(text, sizeof(text),
             "data_dir: %s\nnode_id: n%d\nlog: {mode: terminal}\n"
             "clients: {bind: \"\", unix_socket: %s, tls: {cert: %s, key: %s%s%s}}\n"
             "peers: {bind: \"127.0.0.1:0\", secret: %s}\n"
             "gossip: {bind: \"127.0.0.1:0\", round_ms: 100, seeds: [%s%s%s]}\n"
             "replication: {factor: 2, commit: all}\n",
             nodes[i].data, i + 1, nodes[i].socket, own->cert_path, own->key_path,
             ca[0] != '\0' ? ", ca: " : "", ca, secret, seed[0] != '\0' ? "\"" : "", seed,
             seed[0] != '\0' ? "\"" : "");
    program_write_file(nodes[i].config, text);
    ck_assert_int_eq(chmod(nodes[i].config, 0600), 0);
}

/* Wait until a process has opened a file, and return its descriptor. */
static int await_open(pid_t pid, const char *file) {
    char path[64], target[256];
    const long deadline = program_now_ms() + 30000;
    for (int fd = 0; program_now_ms() < deadline; fd = (fd + 1) % 1024) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
        const ssize_t size = readlink(path, target, sizeof(target) - 1);
        target[size > 0 ? size : 0] = '\0';
        if (strcmp(target, file) == 0)
            return fd;
    }
    ck_abort_msg("%s was not opened", file);
}

/* 0: as many descriptors as it likes. */
static void limit_descriptors(pid_t pid, int below) {
    struct rlimit limit;
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = below > 0 ? (rlim_t)below : limit.rlim_max;
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* The last file of the configuration is a pipe, so that there are no more descriptors from then on:
 * other nodes could be called, but clients not be served. */
static void reload_without_descriptors(const served *of, const char *pipe_path, const char *pem) {
    const int pipe = open(pipe_path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(pipe, 0);
    kill(of->pid, SIGHUP);
    limit_descriptors(of->pid, await_open(of->pid, pipe_path));
    ck_assert_int_eq(write(pipe, pem, strlen(pem)), (ssize_t)strlen(pem));
    close(pipe);
    served_expect(of, "the listeners cannot use it: ", 1);
    served_expect(of, "not reloaded: the old configuration stays in use", 1);
    limit_descriptors(of->pid, 0);
}

START_TEST(a_reload_is_whole_or_nothing) {
    certs own;
    char seed[64], pipe_path[96];
    served_init(&nodes[0], NULL);
    served_init(&nodes[1], NULL);
    certs_make(&own, node.directory, "node", CERTS_NODE, 1, NULL);
    ck_assert_int_eq(chmod(own.key_path, 0600), 0);
    snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", node.directory);
    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
    configure_pair(0, "sesame", "", &own, "");
    served_start(&nodes[0]);
    find_gossip(&nodes[0], seed, sizeof(seed));
    configure_pair(0, "rosebud", "", &own, pipe_path);
    reload_without_descriptors(&nodes[0], pipe_path, own.cert_pem);
    /* It asks with the old secret, and is asked with it. */
    configure_pair(1, "sesame", seed, &own, "");
    served_start(&nodes[1]);
    for (int i = 0; i < 2; i++)
        served_expect(&nodes[i], ", lives", 1);
    put_through(0);
    put_through(1);
    for (int i = 0; i < 2; i++)
        served_dispose(&nodes[i]);
    certs_free(&own);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata serve");
    TCase *tc = tcase_create("serve");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, a_good_configuration_is_said_to_be);
    tcase_add_test(tc, the_example_is_good);
    tcase_add_loop_test(tc, a_mistake_is_explained, 0, sizeof(mistakes) / sizeof(mistakes[0]));
    tcase_add_test(tc, a_missing_directory_is_a_mistake);
    tcase_add_test(tc, open_listeners_are_warned_of);
    tcase_add_test(tc, what_was_acknowledged_is_there_after_a_kill);
    tcase_add_test(tc, an_event_that_is_too_large_is_refused);
    tcase_add_test(tc, what_cannot_be_had_is_explained);
    tcase_add_test(tc, files_are_private);
    tcase_add_test(tc, a_reload_changes_what_it_can);
    tcase_add_test(tc, the_service_manager_is_told);
    tcase_add_test(tc, what_one_missed_it_gets);
    tcase_add_test(tc, a_reload_is_whole_or_nothing);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
