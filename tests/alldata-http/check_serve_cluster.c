/* Nodes that serve each other: read as one, told of, repaired, and frozen. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

enum { MEMBERS = 3 };

typedef struct member {
    world w;
    char id[8];
    char gossip[64]; /* "host:port" */
} member;

static member all[MEMBERS];

static void open_member(member *it, int number, int replicas, const char *seed) {
    const char *const seeds[] = {seed};
    world_begin(&it->w);
    snprintf(it->id, sizeof(it->id), "ad%d", number);
    world_join(&it->w, replicas);
    it->w.node_options.id = it->id;
    it->w.node_options.seeds = seeds;
    it->w.node_options.seed_count = seed != NULL;
    world_open(&it->w);
    alldata_node_status status = ALLDATA_NODE_STATUS_INIT;
    MUST(alldata_node_status_get(it->w.node, &status, err));
    snprintf(it->gossip, sizeof(it->gossip), "%s", status.gossip);
}

static char *get(const member *it, const char *url, long expected) {
    http_reply reply = http_ask_at(it->w.base, NULL, &(http_ask){.url = url});
    ck_assert_msg(reply.status == expected, "%s: %ld %s", url, reply.status, reply.body);
    free(reply.headers);
    return reply.body;
}

static void expect_get(const member *it, const char *url, const char *body) {
    char *got = get(it, url, 200);
    ck_assert_str_eq(got, body);
    free(got);
}

/* Until what is at url contains part. */
static void wait_for(const member *it, const char *url, const char *part) {
    const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
    for (;;) {
        char *got = get(it, url, 200);
        const int found = strstr(got, part) != NULL;
        ck_assert_msg(found || test_now_ms() < until_ms, "no %s in %s", part, got);
        free(got);
        if (found)
            return;
        test_sleep_ms(20);
    }
}

static void begin(int replicas) {
    char live[32];
    for (int i = 0; i < MEMBERS; i++)
        open_member(&all[i], i + 1, replicas, i > 0 ? all[0].gossip : NULL);
    snprintf(live, sizeof(live), "\"peers_live\":%d", MEMBERS - 1);
    for (int i = 0; i < MEMBERS; i++)
        wait_for(&all[i], "/_alldata/status", live);
}

static void end(void) {
    for (int i = 0; i < MEMBERS; i++)
        world_end(&all[i].w);
}

static long put(const member *it, const char *key, const char *commit, const char *body) {
    char key_header[64], commit_header[64];
    snprintf(key_header, sizeof(key_header), "AllData-Key: %s", key);
    snprintf(commit_header, sizeof(commit_header), "AllData-Commit: %s", commit);
    http_reply reply =
        http_ask_at(it->w.base, NULL,
                    &(http_ask){.url = "/", .body = body, .headers = {key_header, commit_header}});
    const long status = reply.status;
    http_reply_free(&reply);
    return status;
}

START_TEST(nodes_are_read_as_one) {
    enum { EVENTS = 30 };
    char key[EVENTS][ALLDATA_KEY_SIZE], body[16], expected[8192] = "", records[8192] = "";
    size_t lines = 0, frames = 0, rest = 0;
    begin(1);
    for (int i = 0; i < EVENTS; i++) {
        world_key(0, key[i]);
        snprintf(key[i] + 18, 10, "%09d", i);
        snprintf(body, sizeof(body), "[%d]", i);
        ck_assert_int_eq(put(&all[i % MEMBERS], key[i], "one", body), 201);
        lines += (size_t)snprintf(expected + lines, sizeof(expected) - lines,
                                  "{\"key\":\"%s\",\"event\":%s}\n", key[i], body);
        frames += (size_t)snprintf(records + frames, sizeof(records) - frames, "27 %zu %s %s\n",
                                   strlen(body), key[i], body);
        if (i == EVENTS / 2)
            rest = lines;
    }
    snprintf(expected + lines, sizeof(expected) - lines, "{\"end\":true,\"count\":%d}\n", EVENTS);
    snprintf(records + frames, sizeof(records) - frames, "end\n");
    for (int i = 0; i < MEMBERS; i++) {
        expect_get(&all[i], "/_alldata/events", expected);
        expect_get(&all[i], "/_alldata/events?form=records", records);
        char *local = get(&all[i], "/_alldata/events?local=1", 200);
        ck_assert_ptr_nonnull(strstr(local, "{\"end\":true,\"count\":10}"));
        free(local);
    }
    /* Gone on with after the connection broke. */
    char url[128], tail[64];
    snprintf(url, sizeof(url), "/_alldata/events?after=%s", key[EVENTS / 2]);
    snprintf(tail, sizeof(tail), "{\"end\":true,\"count\":%d}\n", EVENTS - EVENTS / 2 - 1);
    snprintf(expected + lines, sizeof(expected) - lines, "%s", tail);
    expect_get(&all[1], url, expected + rest);
    end();
}
END_TEST

START_TEST(a_node_tells_of_its_peers) {
    char url[128];
    begin(3);
    char *peers = get(&all[0], "/_alldata/peers", 200);
    for (int i = 1; i < MEMBERS; i++) {
        char id[32];
        snprintf(id, sizeof(id), "{\"id\":\"%s\",", all[i].id);
        ck_assert_msg(strstr(peers, id) != NULL, "%s", peers);
        ck_assert_ptr_nonnull(strstr(peers, all[i].gossip));
    }
    ck_assert_ptr_nonnull(strstr(peers, "\"state\":\"live\""));
    ck_assert_ptr_nonnull(strstr(peers, "\"native\":true"));
    free(peers);
    snprintf(url, sizeof(url), "/_alldata/join?address=%s", all[0].gossip);
    http_reply reply = http_ask_at(all[2].w.base, NULL, &(http_ask){.url = url, .method = "POST"});
    ck_assert_str_eq(reply.body, "{\"added\":false}");
    http_reply_free(&reply);
    http_expect(http_ask_at(all[0].w.base, NULL,
                            &(http_ask){.url = "/_alldata/forget?id=ad2", .method = "POST"}),
                409);
    http_expect(http_ask_at(all[0].w.base, NULL,
                            &(http_ask){.url = "/_alldata/forget?id=nobody", .method = "POST"}),
                404);
    http_expect(
        http_ask_at(all[0].w.base, NULL, &(http_ask){.url = "/_alldata/forget", .method = "POST"}),
        400);
    end();
}
END_TEST

START_TEST(an_event_is_in_as_many_nodes_as_it_is_to_be_in) {
    char key[ALLDATA_KEY_SIZE], line[64];
    begin(3);
    world_key(0, key);
    ck_assert_int_eq(put(&all[1], key, "all", "[1.0]"), 201);
    snprintf(line, sizeof(line), "%s [1.0]\n", key);
    for (int i = 0; i < MEMBERS; i++) {
        char *events = world_events(&all[i].w);
        ck_assert_str_eq(events, line);
        free(events);
    }
    http_reply reply =
        http_ask_at(all[0].w.base, NULL, &(http_ask){.url = "/_alldata/repair", .method = "POST"});
    ck_assert_int_eq(reply.status, 202);
    ck_assert_str_eq(reply.body, "{\"request\":1}");
    http_reply_free(&reply);
    wait_for(&all[0], "/_alldata/status", "\"repairs_done\":1");
    reply = http_ask_at(all[0].w.peer_base, NULL, &(http_ask){.url = "/_alldata/records?prefix=2"});
    ck_assert_msg(reply.status == 200, "%ld %s", reply.status, reply.body);
    ck_assert_msg(strstr(reply.body, key) != NULL, "%s", reply.body);
    http_reply_free(&reply);
    http_expect(http_ask_at(all[0].w.peer_base, NULL,
                            &(http_ask){.url = "/_alldata/digests?until=x&length=99"}),
                400);
    char *metrics = get(&all[0], "/metrics", 200);
    ck_assert_ptr_nonnull(strstr(metrics, "\nalldata_peers_live 2\n"));
    free(metrics);
    end();
}
END_TEST

/* Weakness 10: a peer that is frozen takes neither the puts with it nor memory without end. */

static pid_t start_frozen(char gossip[64]) {
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        open_member(&all[1], 2, 2, NULL);
        const ssize_t written = write(pipes[1], all[1].gossip, sizeof(all[1].gossip));
        while (written > 0)
            pause();
    }
    ck_assert_int_eq(read(pipes[0], gossip, 64), 64);
    close(pipes[0]);
    close(pipes[1]);
    return pid;
}

START_TEST(a_frozen_peer_takes_no_memory_without_end) {
    enum { PUTS = 3000, EVENT = 2000 };
    char gossip[64], text[4096];
    const pid_t pid = start_frozen(gossip);
    open_member(&all[0], 1, 2, gossip);
    wait_for(&all[0], "/_alldata/status", "\"peers_live\":1");
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(pid, NULL, WUNTRACED), pid);
    char *request = malloc(EVENT + 200);
    ck_assert_ptr_nonnull(request);
    const int head = snprintf(request, 200,
                              "POST / HTTP/1.1\r\nHost: x\r\nAllData-Commit: one\r\n"
                              "Content-Length: %d\r\n\r\n",
                              EVENT);
    memset(request + head, ' ', EVENT);
    request[head] = '1';
    const long before = world_resident();
    const int fd = raw_connect(all[0].w.port);
    for (int i = 0; i < PUTS; i++) {
        raw_send(fd, request, (size_t)(head + EVENT));
        raw_read(fd, text, sizeof(text), "\r\n\r\n", WORLD_PATIENCE_MS, NULL);
        ck_assert_msg(world_status(text) == 201, "put %d: %s", i, text);
    }
    ck_assert_msg(world_resident() - before < 64 * 1024, "%ld KiB more", world_resident() - before);
    close(fd);
    free(request);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    world_end(&all[0].w);
}
END_TEST

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("alldata-http: cluster");
    TCase *tcase = tcase_create("cluster");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, nodes_are_read_as_one);
    tcase_add_test(tcase, a_node_tells_of_its_peers);
    tcase_add_test(tcase, an_event_is_in_as_many_nodes_as_it_is_to_be_in);
    tcase_add_test(tcase, a_frozen_peer_takes_no_memory_without_end);
    suite_add_tcase(suite, tcase);
    return world_run(suite);
}
