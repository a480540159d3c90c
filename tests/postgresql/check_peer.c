/* What the driver makes of a peer that is no PostgreSQL server, or one that breaks. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster.h"

/* Answers every connection with the same bytes and closes it, or keeps it open and says no more. */
typedef struct peer {
    int listener;
    int port;
    const void *answer;
    size_t size;
    int keeps_open;
    pthread_t thread;
} peer;

static void *serve(void *argument) {
    const peer *p = argument;
    int kept[256], count = 0, fd;
    while ((fd = accept(p->listener, NULL, NULL)) >= 0) {
        char request[1024];
        if (p->answer && recv(fd, request, sizeof(request), 0) > 0)
            send(fd, p->answer, p->size, MSG_NOSIGNAL);
        if (p->keeps_open && count < 256)
            kept[count++] = fd;
        else
            close(fd);
    }
    while (count > 0)
        close(kept[--count]);
    return NULL;
}

static void peer_start(peer *p) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(p->listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(p->listener, 16), 0);
    ck_assert_int_eq(getsockname(p->listener, (struct sockaddr *)&address, &size), 0);
    p->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&p->thread, NULL, serve, p), 0);
}

static void peer_stop(peer *p) {
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
}

static void assert_peer(peer *p, int32_t status, const char *reason) {
    peer_start(p);
    const options given = {.port = p->port,
                           .timeout_ms = 500,
                           .no_directory = 1,
                           .silent = 1,
                           .more = ",\"sslmode\":\"disable\""};
    repli_agent *agent = agent_start(1, &given);
    const int64_t start = now_ms();
    assert_status(agent, status, reason);
    ck_assert_int_lt(now_ms() - start, 2000);
    agent_stop(agent);
    peer_stop(p);
}

START_TEST(peer_that_talks_nonsense_is_unknown) {
    peer http = {.answer = "HTTP/1.1 400 Bad Request\r\n\r\n", .size = 28};
    assert_peer(&http, REPLI_STATUS_UNKNOWN, "no PostgreSQL server answers as it should");
    peer zeros = {.answer = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", .size = 16};
    assert_peer(&zeros, REPLI_STATUS_UNKNOWN, "no PostgreSQL server answers as it should");
}
END_TEST

START_TEST(peer_that_closes_is_unavailable) {
    peer p = {.answer = NULL};
    assert_peer(&p, REPLI_STATUS_UNAVAILABLE, "the connection was closed during log-in");
}
END_TEST

START_TEST(peer_that_says_nothing_is_unavailable_at_the_deadline) {
    peer p = {.answer = NULL, .keeps_open = 1};
    assert_peer(&p, REPLI_STATUS_UNAVAILABLE, "no answer by the deadline");
}
END_TEST

START_TEST(peer_that_stops_in_the_middle_is_unavailable_at_the_deadline) {
    /* Half of a request for a password. */
    peer p = {.answer = "R\0\0\0\x0c\0", .size = 6, .keeps_open = 1};
    assert_peer(&p, REPLI_STATUS_UNAVAILABLE, "no answer by the deadline");
}
END_TEST

/* A server that refuses the log-in: an error response of version 3 of the protocol. */
static void assert_refusal(const char *severity, const char *sqlstate, const char *message,
                           int32_t status, const char *reason) {
    const char *const fields[][2] = {{"S", severity}, {"C", sqlstate}, {"M", message},
                                     {"F", "file.c"}, {"L", "1"},      {"R", "routine"}};
    char text[256] = "E";
    size_t size = 5;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        text[size++] = *fields[i][0];
        memcpy(text + size, fields[i][1], strlen(fields[i][1]) + 1);
        size += strlen(fields[i][1]) + 1;
    }
    text[size++] = '\0';
    const uint32_t length = htonl((uint32_t)(size - 1));
    memcpy(text + 1, &length, sizeof(length));
    peer p = {.answer = text, .size = size};
    assert_peer(&p, status, reason);
}

START_TEST(refusals_are_told_apart_in_any_language) {
    assert_refusal("FATAL", "57P03", "das System startet gerade", REPLI_STATUS_UNHEALTHY,
                   "das System startet gerade");
    assert_refusal("SCHWERWIEGEND", "3D000", "Datenbank existiert nicht", REPLI_STATUS_UNKNOWN,
                   "Datenbank existiert nicht");
    assert_refusal("FATAL", "53300", "too many clients", REPLI_STATUS_UNHEALTHY, "too many");
    assert_refusal("FATAL", "28000", "no entry:  28P01: ", REPLI_STATUS_UNKNOWN,
                   "authentication failed");
    /* Latin-1: the client's encoding is not known that early. */
    assert_refusal("FATAL", "57P03", "w\xe4hrend", REPLI_STATUS_UNHEALTHY, "w?hrend");
}
END_TEST

static Suite *peer_suite(void) {
    Suite *suite = suite_create("postgresql-peer");
    TCase *tcase = tcase_create("peer");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, cluster_pretend, NULL);
    tcase_add_test(tcase, peer_that_talks_nonsense_is_unknown);
    tcase_add_test(tcase, peer_that_closes_is_unavailable);
    tcase_add_test(tcase, peer_that_says_nothing_is_unavailable_at_the_deadline);
    tcase_add_test(tcase, peer_that_stops_in_the_middle_is_unavailable_at_the_deadline);
    tcase_add_test(tcase, refusals_are_told_apart_in_any_language);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return run_postgresql_suite(peer_suite());
}
