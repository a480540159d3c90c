/* Nodes with sockets, on loopback. run.sh timeout: 900 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gossip_nodes.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static nodes cluster;

static void setup(void) {
    memset(&cluster, 0, sizeof(cluster));
}

static void teardown(void) {
    nodes_free(&cluster);
}

static const int sizes[] = {3, 50};

static void notice_a_death(int size, void (*dispatch)(nodes *)) {
    const int victim = size - 1;
    nodes_await_known(&cluster, size - 1, dispatch);
    const long long killed_ns = nodes_now_ns();
    nodes_kill(&cluster, victim);
    nodes_await_dead(&cluster, victim, dispatch);
    long long last_ns = 0;
    for (int i = 0; i < size; i++)
        if (i != victim && atomic_load(&cluster.each[i].died_ns) > last_ns)
            last_ns = atomic_load(&cluster.each[i].died_ns);
    printf("%d nodes: all noticed a death after %.2f s\n", size,
           (double)(last_ns - killed_ns) / 1e9);
}

START_TEST(nodes_with_threads_notice_a_death) {
    nodes_make(&cluster, sizes[_i]);
    nodes_start(&cluster);
    notice_a_death(sizes[_i], NULL);
    ck_assert_int_ge(atomic_load(&cluster.each[0].keys), 2 * (sizes[_i] - 1));
    ck_assert_int_eq(alldata_gossip_dispatch(cluster.each[0].gossip, NULL), REPLI_ESTATE);
    ck_assert_int_eq(alldata_gossip_start(cluster.each[0].gossip, NULL), REPLI_ESTATE);
}
END_TEST

START_TEST(nodes_of_a_host_notice_a_death) {
    nodes_make(&cluster, sizes[_i]);
    notice_a_death(sizes[_i], nodes_dispatch);
    ck_assert_int_eq(alldata_gossip_start(cluster.each[0].gossip, NULL), REPLI_ESTATE);
}
END_TEST

START_TEST(a_restart_elsewhere_is_told) {
    cluster.round_ms = 200;
    nodes_make(&cluster, 3);
    nodes_start(&cluster);
    nodes_await_known(&cluster, 2, NULL);
    nodes_kill(&cluster, 2);
    nodes_make_one(&cluster, 2, "127.0.0.1:0");
    ck_assert_int_eq(alldata_gossip_start(cluster.each[2].gossip, NULL), REPLI_OK);
    const long long until_ns = nodes_now_ns() + 120000000000LL;
    while (atomic_load(&cluster.each[0].restarts) == 0) {
        ck_assert_int_lt(nodes_now_ns(), until_ns);
        usleep(10000);
    }
}
END_TEST

/* Published while it runs. */
START_TEST(a_key_reaches_all) {
    cluster.round_ms = 200;
    nodes_make(&cluster, 3);
    nodes_start(&cluster);
    nodes_await_known(&cluster, 2, NULL);
    ck_assert_int_eq(alldata_gossip_set(cluster.each[0].gossip, "weight", "{ }", 3, NULL),
                     REPLI_OK);
    ck_assert_int_eq(alldata_gossip_set(cluster.each[0].gossip, "weight",
                                        "{ \"of\" : [1, \"\xC3\xA9\"] }", 20, NULL),
                     REPLI_OK);
    repli_buf json = REPLI_BUF_INIT;
    const long long until_ns = nodes_now_ns() + 60000000000LL;
    do {
        ck_assert_int_lt(nodes_now_ns(), until_ns);
        usleep(10000);
        json.size = 0;
        alldata_gossip_get(cluster.each[2].gossip, "ad1", "weight", &json, NULL);
    } while (json.size < 3);
    ck_assert_str_eq(json.data, "{\"of\":[1,\"\\u00e9\"]}");
    ck_assert_int_eq(alldata_gossip_get(cluster.each[2].gossip, "ad1", "none", &json, NULL),
                     REPLI_ENOTFOUND);
    ck_assert_int_eq(alldata_gossip_get(cluster.each[2].gossip, "nobody", "weight", &json, NULL),
                     REPLI_ENOTFOUND);
    repli_buf_dispose(&json);
}
END_TEST

/* Names are looked up beside; "localhost" is one. */
START_TEST(names_lead_to_nodes) {
    cluster.round_ms = 200;
    nodes_make_one(&cluster, 0, "localhost:0");
    snprintf(cluster.seed_text[0], sizeof(cluster.seed_text[0]), "localhost:%d",
             (int)alldata_gossip_port(cluster.each[0].gossip));
    cluster.seeds[0] = cluster.seed_text[0];
    cluster.seed_count = 1;
    nodes_make_one(&cluster, 1, "localhost:0");
    cluster.count = 2;
    if (_i == 0)
        nodes_start(&cluster);
    nodes_await_known(&cluster, 1, _i == 0 ? NULL : nodes_dispatch);
}
END_TEST

/* Strangers. */

static int dial(int index) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)alldata_gossip_port(cluster.each[index].gossip)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void await_count(size_t offset, uint64_t least) {
    const long long until_ns = nodes_now_ns() + 60000000000LL;
    uint64_t count;
    do {
        ck_assert_int_lt(nodes_now_ns(), until_ns);
        usleep(10000);
        const alldata_gossip_counters counters = nodes_count(&cluster, 0);
        memcpy(&count, (const char *)&counters + offset, sizeof(count));
    } while (count < least);
}

/* A frame counts once its sender has closed, and not before. */
START_TEST(a_frame_ends_with_its_connection) {
    static const char frame[] =
        "{\"digest\":[],\"sender\":{\"id\":\"s\",\"transport\":{\"host\":\"127.0.0.1\","
        "\"port\":9}}}\r\n";
    cluster.round_ms = 200;
    nodes_make(&cluster, 1);
    nodes_start(&cluster);
    const int fd = dial(0);
    for (size_t i = 0; i < sizeof(frame) - 1; i++)
        ck_assert_int_eq(send(fd, frame + i, 1, 0), 1);
    usleep(50000);
    ck_assert_uint_eq(nodes_count(&cluster, 0).frames_in, 0);
    shutdown(fd, SHUT_WR);
    await_count(offsetof(alldata_gossip_counters, frames_in), 1);
    ck_assert_uint_eq(nodes_count(&cluster, 0).hearsay, 1);
    /* It writes nothing, and closes. */
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
}
END_TEST

START_TEST(a_frame_without_end_is_cut) {
    static char block[65536];
    memset(block, ' ', sizeof(block));
    nodes_make(&cluster, 1);
    nodes_start(&cluster);
    const int fd = dial(0);
    while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
        continue;
    close(fd);
    await_count(offsetof(alldata_gossip_counters, dropped_in), 1);
}
END_TEST

/* Connections that say nothing neither keep others out nor stay. */
START_TEST(idle_connections_make_room) {
    static const char junk[] = "null";
    int fds[300];
    nodes_make(&cluster, 1);
    nodes_start(&cluster);
    for (int i = 0; i < COUNT(fds); i++)
        fds[i] = dial(0);
    await_count(offsetof(alldata_gossip_counters, dropped_in), (uint64_t)COUNT(fds) - 256);
    const int fd = dial(0);
    ck_assert_int_eq(send(fd, junk, strlen(junk), 0), (ssize_t)strlen(junk));
    shutdown(fd, SHUT_WR);
    await_count(offsetof(alldata_gossip_counters, bad_frames), 1);
    close(fd);
    await_count(offsetof(alldata_gossip_counters, dropped_in), (uint64_t)COUNT(fds));
    for (int i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gossip nodes");
    TCase *tcase = tcase_create("nodes");
    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, nodes_with_threads_notice_a_death, 0, COUNT(sizes));
    tcase_add_loop_test(tcase, nodes_of_a_host_notice_a_death, 0, COUNT(sizes));
    tcase_add_test(tcase, a_restart_elsewhere_is_told);
    tcase_add_test(tcase, a_key_reaches_all);
    tcase_add_loop_test(tcase, names_lead_to_nodes, 0, 2);
    tcase_add_test(tcase, a_frame_ends_with_its_connection);
    tcase_add_test(tcase, a_frame_without_end_is_cut);
    tcase_add_test(tcase, idle_connections_make_room);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
