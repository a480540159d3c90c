/* Whole nodes in one process, which reach each other over HTTP. run.sh timeout: 600 */
#include <arpa/inet.h>
#include <check.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <alldata/alldata.h>
#include <alldata/http.h>

enum { NODES = 3, TURNS = 6000, LOOK_MS = 10 };

typedef struct member {
    char location[128];
    char id[8];
    alldata_transport *transport;
    alldata_node *node;
    alldata_http_server *server;
    pthread_mutex_t mutex; /* guards the log */
    char log[65536];
} member;

static char directory[96];
static member members[NODES];
static int32_t run_mode;

static void take_log(int32_t level, const char *origin, const char *message, void *user_data) {
    member *m = user_data;
    pthread_mutex_lock(&m->mutex);
    const size_t used = strlen(m->log);
    snprintf(m->log + used, sizeof(m->log) - used, "%d %s: %s\n", (int)level, origin, message);
    pthread_mutex_unlock(&m->mutex);
}

static int has_logged(member *m, const char *text) {
    pthread_mutex_lock(&m->mutex);
    const int has = strstr(m->log, text) != NULL;
    pthread_mutex_unlock(&m->mutex);
    return has;
}

/* Begin and end. */

static void setup(void) {
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof(directory), "%s/alldata-XXXXXX",
             root != NULL && strlen(root) < 64 ? root : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    run_mode = ALLDATA_RUN_THREADS;
    for (int i = 0; i < NODES; i++) {
        members[i] = (member){.node = NULL};
        pthread_mutex_init(&members[i].mutex, NULL);
        snprintf(members[i].location, sizeof(members[i].location), "%s/n%d", directory, i + 1);
        snprintf(members[i].id, sizeof(members[i].id), "n%d", i + 1);
    }
}

static void end(member *m) {
    alldata_http_server_free(m->server, 1000);
    alldata_node_free(m->node);
    alldata_http_transport_free(m->transport);
    m->server = NULL;
    m->node = NULL;
    m->transport = NULL;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static void teardown(void) {
    for (int i = 0; i < NODES; i++)
        end(&members[i]);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_parts(member *m, const alldata_node_options *options) {
    alldata_http_transport_options carrying = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    alldata_http_server_options serving = ALLDATA_HTTP_SERVER_OPTIONS_INIT;
    alldata_node_options own = *options;
    repli_error err = REPLI_ERROR_INIT;
    carrying.run_mode = serving.run_mode = own.run_mode;
    serving.peers = "127.0.0.1:0";
    ck_assert_int_eq(alldata_http_transport_new(&carrying, NULL, &m->transport, NULL), REPLI_OK);
    own.transport = m->transport;
    ck_assert_msg(alldata_node_new(&own, NULL, &m->node, &err) == REPLI_OK, "%s", err.message);
    ck_assert_msg(alldata_http_server_new(m->node, &serving, NULL, &m->server, &err) == REPLI_OK,
                  "%s", err.message);
    ck_assert_int_eq(
        alldata_node_set_http_port(m->node, alldata_http_server_peer_port(m->server), NULL),
        REPLI_OK);
    ck_assert_msg(alldata_node_start(m->node, &err) == REPLI_OK, "%s", err.message);
}

static void begin(member *m, const char *cluster) {
    alldata_node_options options = ALLDATA_NODE_OPTIONS_INIT;
    options.run_mode = run_mode;
    options.id = m->id;
    options.cluster = cluster;
    options.location = m->location;
    options.replication_factor = NODES;
    options.gossip_listen = "127.0.0.1:0";
    options.round_ms = 100;
    options.repair_interval_ms = UINT64_MAX;
    options.log = take_log;
    options.log_data = m;
    options.log_level = REPLI_LOG_INFO;
    make_parts(m, &options);
}

static alldata_node_status status(const member *m) {
    alldata_node_status of = ALLDATA_NODE_STATUS_INIT;
    ck_assert_int_eq(alldata_node_status_get(m->node, &of, NULL), REPLI_OK);
    return of;
}

/* Time passes: for nodes without threads it is made to. */
static void turn(void) {
    struct pollfd fds[2 * NODES];
    nfds_t count = 0;
    for (int i = 0; i < NODES && run_mode == ALLDATA_RUN_DISPATCH; i++) {
        if (members[i].node == NULL)
            continue;
        fds[count++] = (struct pollfd){.fd = alldata_node_fd(members[i].node), .events = POLLIN};
        fds[count++] =
            (struct pollfd){.fd = alldata_http_server_fd(members[i].server), .events = POLLIN};
    }
    poll(fds, count, LOOK_MS);
    for (int i = 0; i < NODES && run_mode == ALLDATA_RUN_DISPATCH; i++) {
        if (members[i].node == NULL)
            continue;
        ck_assert_int_eq(alldata_node_dispatch(members[i].node, NULL), REPLI_OK);
        ck_assert_int_eq(alldata_http_server_dispatch(members[i].server, NULL), REPLI_OK);
    }
}

#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        int turns = 0;                                                                             \
        while (!(condition) && turns++ < TURNS)                                                    \
            turn();                                                                                \
        ck_assert_msg(turns < TURNS, "never: %s", #condition);                                     \
    } while (0)

/* They meet as one is told of another, not by seeds. */
static void meet(void) {
    for (int i = 1; i < NODES; i++) {
        char address[64];
        snprintf(address, sizeof(address), "%s", status(&members[0]).gossip);
        ck_assert_int_eq(alldata_node_join(members[i].node, address, NULL), REPLI_OK);
    }
    for (int i = 0; i < NODES; i++)
        AWAIT(status(&members[i]).peers_live == NODES - 1);
}

static void begin_all(void) {
    for (int i = 0; i < NODES; i++)
        begin(&members[i], NULL);
    meet();
}

/* Events. */

typedef struct outcome {
    atomic_int done;
    int32_t code;
    int32_t replicas;
    char key[ALLDATA_KEY_SIZE];
} outcome;

static void take_result(void *user_data, const alldata_put_result *results, size_t count) {
    outcome *of = user_data;
    ck_assert_uint_eq(count, 1);
    of->code = results->code;
    of->replicas = results->replicas;
    memcpy(of->key, results->key, sizeof(of->key));
    atomic_store(&of->done, 1);
}

/* key NULL: that of now. */
static outcome put_once(member *m, int32_t commit, const char *key, const char *event) {
    outcome of = {.code = 1};
    alldata_put it = ALLDATA_PUT_INIT;
    it.key = key;
    it.flags = ALLDATA_PUT_LATE;
    it.event = event;
    it.event_size = strlen(event);
    it.commit = commit;
    it.timeout_ms = 20000;
    ck_assert_int_eq(alldata_node_put(m->node, &it, 1, take_result, &of, NULL), REPLI_OK);
    AWAIT(atomic_load(&of.done));
    return of;
}

static int32_t put_under(member *m, int32_t commit, const char *key, const char *event) {
    return put_once(m, commit, key, event).code;
}

/* Nodes that got no time from a busy machine are taken for dead until they are heard of again. */
static void put_in_all(member *m, const char *event) {
    outcome of = put_once(m, ALLDATA_COMMIT_ALL, NULL, event);
    AWAIT(of.code != REPLI_ENOQUORUM ||
          (of = put_once(m, ALLDATA_COMMIT_ALL, of.key, event)).code == REPLI_OK);
    ck_assert_int_eq(of.code, REPLI_OK);
}

static int32_t put(member *m, int32_t commit, const char *event) {
    return put_under(m, commit, NULL, event);
}

typedef struct reading {
    alldata_node *node;
    atomic_int done;
    int32_t code;
    int count;
} reading;

/* Where nobody else dispatches, a scan of all nodes is read by a thread. */
static void *read_cluster(void *argument) {
    reading *of = argument;
    alldata_cluster_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    of->code = alldata_cluster_scan_new(of->node, NULL, &scan, NULL);
    while (of->code == REPLI_OK &&
           (of->code = alldata_cluster_scan_next(scan, &record, NULL)) == REPLI_OK)
        of->count++;
    alldata_cluster_scan_free(scan);
    atomic_store(&of->done, 1);
    return NULL;
}

static int count_cluster(const member *m) {
    reading of = {.node = m->node};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_cluster, &of), 0);
    AWAIT(atomic_load(&of.done));
    pthread_join(thread, NULL);
    ck_assert_int_eq(of.code, REPLI_EDONE);
    return of.count;
}

static const int32_t run_modes[] = {ALLDATA_RUN_THREADS, ALLDATA_RUN_DISPATCH};

START_TEST(events_are_in_all_nodes) {
    run_mode = run_modes[_i];
    begin_all();
    for (int i = 0; i < NODES; i++)
        put_in_all(&members[i], "{\"a\": 1}");
    for (int i = 0; i < NODES; i++)
        ck_assert_uint_eq(status(&members[i]).events, NODES);
    for (int i = 0; i < NODES; i++)
        ck_assert_int_eq(count_cluster(&members[i]), NODES);
}
END_TEST

/* The third, which gets what it missed, and has so many then. */
static void come_back_to(uint64_t events) {
    begin(&members[2], NULL);
    ck_assert_int_eq(alldata_node_join(members[2].node, status(&members[0]).gossip, NULL),
                     REPLI_OK);
    AWAIT(status(&members[2]).events == events);
    AWAIT(status(&members[0]).hints_pending == 0);
}

START_TEST(what_one_missed_it_gets) {
    run_mode = run_modes[_i];
    begin_all();
    end(&members[2]);
    ck_assert_int_eq(put(&members[0], ALLDATA_COMMIT_QUORUM, "1"), REPLI_OK);
    AWAIT(status(&members[0]).peers_dead == 1);
    ck_assert_int_eq(put(&members[0], ALLDATA_COMMIT_QUORUM, "2"), REPLI_OK);
    AWAIT(status(&members[0]).hints_pending == 2);
    come_back_to(2);
}
END_TEST

START_TEST(what_is_late_is_in_all_nodes_too) {
    run_mode = run_modes[_i];
    begin_all();
    ck_assert_int_eq(put_under(&members[0], ALLDATA_COMMIT_ALL, "20200101T000000000000000001", "1"),
                     REPLI_OK);
    for (int i = 0; i < NODES; i++)
        ck_assert_uint_eq(status(&members[i]).events, 1);
    end(&members[2]);
    AWAIT(status(&members[0]).peers_dead == 1);
    ck_assert_int_eq(
        put_under(&members[0], ALLDATA_COMMIT_QUORUM, "20190101T000000000000000001", "2"),
        REPLI_OK);
    AWAIT(status(&members[0]).hints_pending == 1);
    come_back_to(2);
}
END_TEST

static void take_repair(void *user_data, int32_t code, uint64_t looked_at, uint64_t repaired,
                        uint64_t missing) {
    outcome *of = user_data;
    (void)looked_at;
    of->code = code;
    of->replicas = (int32_t)repaired;
    ck_assert_uint_eq(missing, 0);
    atomic_store(&of->done, 1);
}

/* What nobody owes to anybody, since it was stored past all of it. */
START_TEST(a_repair_finds_what_others_lack) {
    alldata_record record = ALLDATA_RECORD_INIT;
    outcome of = {.code = 1};
    run_mode = run_modes[_i];
    begin_all();
    record.key = "20200101T000000000000000001";
    record.key_size = ALLDATA_KEY_LENGTH;
    record.event = "{}";
    record.event_size = 2;
    ck_assert_int_eq(alldata_storage_put(alldata_node_storage(members[0].node), &record, 1,
                                         ALLDATA_PUT_LATE, NULL),
                     REPLI_OK);
    ck_assert_int_eq(alldata_node_repair(members[0].node, NULL, take_repair, &of, NULL), REPLI_OK);
    AWAIT(atomic_load(&of.done));
    ck_assert_int_eq(of.code, REPLI_OK);
    for (int i = 0; i < NODES; i++)
        AWAIT(status(&members[i]).events == 1);
    ck_assert_uint_eq(status(&members[0]).repairs_asked, 1);
    ck_assert_uint_eq(status(&members[0]).repairs_done, 1);
    ck_assert_int_ne(status(&members[0]).repaired_ns, 0);
}
END_TEST

/* Who is who. */

static void write_identity(const member *m, int number) {
    char path[160];
    ck_assert_int_eq(mkdir(m->location, 0777), 0);
    snprintf(path, sizeof(path), "%.127s/node", m->location);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "{\"id\":\"%s\",\"cluster\":\"alldata\",\"number\":%d}", m->id, number);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(no_two_nodes_keep_one_number) {
    int numbers[NODES];
    for (int i = 0; i < NODES; i++)
        write_identity(&members[i], 4711);
    begin_all();
    AWAIT(status(&members[1]).number != 4711 && status(&members[2]).number != 4711 &&
          status(&members[1]).number != status(&members[2]).number);
    ck_assert_int_eq(status(&members[0]).number, 4711);
    for (int i = 0; i < NODES; i++) {
        numbers[i] = status(&members[i]).number;
        end(&members[i]);
        begin(&members[i], NULL);
        ck_assert_int_eq(status(&members[i]).number, numbers[i]);
    }
}
END_TEST

START_TEST(another_cluster_gets_nothing) {
    begin(&members[0], "one");
    begin(&members[1], "two");
    ck_assert_int_eq(alldata_node_join(members[1].node, status(&members[0]).gossip, NULL),
                     REPLI_OK);
    AWAIT(has_logged(&members[0], "peer n2") &&
          has_logged(&members[0], "is of another cluster, and gets no events"));
    AWAIT(has_logged(&members[1], "is of another cluster, and gets no events"));
    ck_assert_int_ne(put(&members[0], ALLDATA_COMMIT_QUORUM, "1"), REPLI_OK);
    ck_assert_int_eq(put(&members[0], ALLDATA_COMMIT_ONE, "2"), REPLI_OK);
    ck_assert_uint_eq(status(&members[1]).events, 0);
}
END_TEST

START_TEST(the_dead_can_be_forgotten) {
    begin_all();
    ck_assert_int_eq(alldata_node_forget(members[0].node, "n3", NULL, NULL), REPLI_ECONFLICT);
    end(&members[2]);
    AWAIT(status(&members[0]).peers_dead == 1 && status(&members[1]).peers_dead == 1);
    ck_assert_int_eq(put(&members[0], ALLDATA_COMMIT_QUORUM, "1"), REPLI_OK);
    AWAIT(status(&members[0]).hints_pending == 1);
    uint64_t hints = 0;
    ck_assert_int_eq(alldata_node_forget(members[0].node, "n3", &hints, NULL), REPLI_OK);
    ck_assert_uint_eq(hints, 1);
    AWAIT(status(&members[0]).peers_dead == 0 && status(&members[0]).hints_pending == 0);
}
END_TEST

/* Clocks. */

/* A frame of a node called n9, whose clock is an hour late. */
static void say(const char *gossip, int own_port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char frame[512];
    const long long now_ms = (long long)time(NULL) * 1000 - 3600000;
    to.sin_port = htons((uint16_t)atoi(strrchr(gossip, ':') + 1));
    const int size = snprintf(frame, sizeof(frame),
                              "{\"sender\":{\"id\":\"n9\",\"transport\":{\"host\":\"127.0.0.1\","
                              "\"port\":%d}},\"alldata\":{\"started\":1,\"now\":%lld}}\r\n",
                              own_port, now_ms);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    ck_assert_int_eq(write(fd, frame, (size_t)size), size);
    close(fd);
}

START_TEST(a_clock_that_differs_is_told_of) {
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(own);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, size), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    begin(&members[0], NULL);
    const char *gossip = status(&members[0]).gossip;
    for (int i = 0; i < TURNS && status(&members[0]).clock_ahead_ms == 0; i++) {
        say(gossip, ntohs(own.sin_port));
        turn();
    }
    ck_assert_int_gt(status(&members[0]).clock_ahead_ms, 3590000);
    ck_assert_int_lt(status(&members[0]).clock_ahead_ms, 3610000);
    for (int i = 0; i < TURNS && !has_logged(&members[0], "s before those of its peers"); i++) {
        say(gossip, ntohs(own.sin_port));
        turn();
    }
    ck_assert(has_logged(&members[0], "s before those of its peers"));
    close(fd);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("alldata: nodes");
    TCase *tc = tcase_create("together");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 240);
    tcase_add_loop_test(tc, events_are_in_all_nodes, 0, 2);
    tcase_add_loop_test(tc, what_one_missed_it_gets, 0, 2);
    tcase_add_loop_test(tc, what_is_late_is_in_all_nodes_too, 0, 2);
    tcase_add_loop_test(tc, a_repair_finds_what_others_lack, 0, 2);
    tcase_add_test(tc, no_two_nodes_keep_one_number);
    tcase_add_test(tc, another_cluster_gets_nothing);
    tcase_add_test(tc, the_dead_can_be_forgotten);
    tcase_add_test(tc, a_clock_that_differs_is_told_of);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
