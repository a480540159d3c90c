/* run.sh timeout: 300 */
/* run.sh takes: 20 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <alldata/alldata.h>

#include "certs.h"
#include "judge.h"
#include "load.h"

/*
 * What nodes prove themselves with to each other is changed by SIGHUP, one node after the other,
 * while clients put. Every put wants all three nodes, so that none may refuse another for a moment.
 */

enum { NODES = 3, PATIENCE_MS = 60000, PUTS = 50 };

typedef struct papers {
    char cert[160], key[160], ca[160]; /* paths */
    char secret[160], other[160];      /* likewise; other: empty: there is none */
} papers;

static cluster c;
static load l;
static papers of[NODES];
static int reloads[NODES];
static certs old_ca, new_ca;

static void write_file(const char *path, const char *first, const char *second) {
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(chmod(path, 0600), 0);
    fprintf(file, "%s%s", first, second);
    ck_assert_int_eq(fclose(file), 0);
}

static void renew_certificate(int i, const certs *authority) {
    certs made;
    certs_make(&made, c.directory, c.nodes[i].id, CERTS_NODE, 1, authority);
    write_file(of[i].cert, made.cert_pem, "");
    write_file(of[i].key, made.key_pem, "");
    certs_free(&made);
}

static void configure(int i) {
    const papers *all = &of[i];
    char other[192] = "";
    if (all->other[0] != '\0')
        snprintf(other, sizeof(other), ", other_secret_file: %s", all->other);
    ck_assert_int_lt(snprintf(c.nodes[i].peers_more, sizeof(c.nodes[i].peers_more),
                              ", secret_file: %s%s, tls: {cert: %s, key: %s, ca: %s}", all->secret,
                              other, all->cert, all->key, all->ca),
                     (int)sizeof(c.nodes[i].peers_more));
    cluster_configure(&c, (size_t)i);
}

/* Steps. */

static void renew(int i) {
    renew_certificate(i, &old_ca);
}

static void trust_both(int i) {
    write_file(of[i].ca, old_ca.cert_pem, new_ca.cert_pem);
}

static void change_authority(int i) {
    renew_certificate(i, &new_ca);
}

static void trust_the_new(int i) {
    write_file(of[i].ca, new_ca.cert_pem, "");
}

static void take_both_secrets(int i) {
    snprintf(of[i].other, sizeof(of[i].other), "%s/next", c.directory);
}

static void send_the_new(int i) {
    const papers before = of[i];
    memcpy(of[i].secret, before.other, sizeof(before.other));
    memcpy(of[i].other, before.secret, sizeof(before.secret));
}

static void take_the_new(int i) {
    of[i].other[0] = '\0';
}

/* How it goes. */

static void await_puts(void) {
    const long until = cluster_now_ms() + PATIENCE_MS;
    size_t first = 0;
    size_t now = 0;
    do {
        pthread_mutex_lock(&l.mutex);
        now = l.acknowledged;
        ck_assert_uint_eq(l.failed, 0);
        pthread_mutex_unlock(&l.mutex);
        first = first > 0 ? first : now + 1;
        ck_assert_int_lt(cluster_now_ms(), until);
        cluster_pause_ms(5);
    } while (now < first + PUTS);
}

static void take_step(void (*step)(int)) {
    for (int i = 0; i < NODES; i++) {
        step(i);
        configure(i);
        ck_assert_int_eq(kill(c.nodes[i].pid, SIGHUP), 0);
        cluster_wait_log(&c, (size_t)i, "\"message\":\"reloaded\"", ++reloads[i]);
        await_puts();
    }
}

/* A counter of a node. */
static long counted(size_t i, const char *name) {
    char *text = NULL;
    char line[96];
    snprintf(line, sizeof(line), "\n%s", name);
    ck_assert_int_eq(cluster_ask(&c, i, "GET", "/metrics", NULL, &text), 200);
    const char *at = strstr(text, line);
    while (at != NULL && strchr(" {", at[strlen(line)]) == NULL)
        at = strstr(at + 1, line);
    ck_assert_msg(at != NULL, "no %s", name);
    const long value = strtol(strchr(at + 1, ' '), NULL, 10);
    free(text);
    return value;
}

/* 0: it does not let us in. */
static int32_t ask_peers_port(size_t i, const certs *authority, const char *secret) {
    char url[CLUSTER_ADDRESS];
    const char *urls[1] = {url};
    certs own;
    certs_make(&own, c.directory, "asking", CERTS_CLIENT, 1, authority);
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    alldata_client_options options = ALLDATA_CLIENT_OPTIONS_INIT;
    alldata_client *client = NULL;
    repli_buf body = REPLI_BUF_INIT;
    int32_t status = 0;
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", c.nodes[i].peers);
    security.cert_pem = own.cert_pem;
    security.key_pem = own.key_pem;
    security.ca_pem = new_ca.cert_pem;
    security.secret = secret;
    options.urls = urls;
    options.url_count = 1;
    options.security = &security;
    ck_assert_int_eq(alldata_client_new(&options, NULL, &client, NULL), REPLI_OK);
    alldata_client_get(client, "/metrics", 0, &status, &body, NULL);
    alldata_client_free(client);
    alldata_buf_dispose(&body);
    certs_free(&own);
    return status;
}

static void begin(void) {
    char path[160];
    cluster_init(&c, NODES, 0);
    c.more = "replication: {factor: 3, peer_timeout_ms: 20000, timeout_ms: 20000}\n";
    load_init(&l, &c, 4);
    l.commit = "all";
    l.once = 1;
    l.timeout_ms = PATIENCE_MS;
    certs_make(&old_ca, c.directory, "old-ca", CERTS_CA, 1, NULL);
    certs_make(&new_ca, c.directory, "new-ca", CERTS_CA, 1, NULL);
    snprintf(path, sizeof(path), "%s/secret", c.directory);
    write_file(path, "sesame", "");
    snprintf(path, sizeof(path), "%s/next", c.directory);
    write_file(path, "rosebud", "");
    for (int i = 0; i < NODES; i++) {
        reloads[i] = 0;
        of[i] = (papers){.other = ""};
        snprintf(of[i].cert, sizeof(of[i].cert), "%s/n%d.cert", c.directory, i);
        snprintf(of[i].key, sizeof(of[i].key), "%s/n%d.private", c.directory, i);
        snprintf(of[i].ca, sizeof(of[i].ca), "%s/n%d.trusted", c.directory, i);
        snprintf(of[i].secret, sizeof(of[i].secret), "%s/secret", c.directory);
        write_file(of[i].ca, old_ca.cert_pem, "");
        renew_certificate(i, &old_ca);
        configure(i);
    }
    cluster_start_all(&c);
    load_start(&l);
    await_puts();
}

static void end(void) {
    load_stop(&l);
    ck_assert_uint_eq(l.failed, 0);
    for (size_t i = 0; i < NODES; i++) {
        ck_assert_int_eq(counted(i, "alldata_peer_failures"), 0);
        ck_assert_int_eq(counted(i, "alldata_hints_written"), 0);
    }
    judge_wait(&c, &l, NODES, 1, PATIENCE_MS);
    load_dispose(&l);
    cluster_dispose(&c);
    certs_free(&old_ca);
    certs_free(&new_ca);
}

START_TEST(certificates_change_under_puts) {
    begin();
    take_step(renew);
    take_step(trust_both);
    take_step(change_authority);
    take_step(trust_the_new);
    for (size_t i = 0; i < NODES; i++) {
        ck_assert_int_eq(ask_peers_port(i, &old_ca, "sesame"), 0);
        ck_assert_int_eq(ask_peers_port(i, &new_ca, "sesame"), 200);
    }
    end();
}
END_TEST

START_TEST(the_secret_changes_under_puts) {
    begin();
    take_step(take_both_secrets);
    take_step(send_the_new);
    take_step(take_the_new);
    take_step(trust_both);
    take_step(change_authority);
    for (size_t i = 0; i < NODES; i++) {
        ck_assert_int_eq(ask_peers_port(i, &new_ca, "sesame"), 401);
        ck_assert_int_eq(ask_peers_port(i, &new_ca, "rosebud"), 200);
    }
    end();
}
END_TEST

/* All stays as it was: the other secret, which is as good as any, is not taken either. */
START_TEST(a_bad_certificate_changes_nothing) {
    certs stranger;
    begin();
    certs_make(&stranger, c.directory, "stranger", CERTS_NODE, 1, NULL);
    for (int i = 0; i < NODES; i++) {
        char *const bad[] = {"rubbish", stranger.cert_pem};
        for (int j = 0; j < 2; j++) {
            write_file(of[i].cert, bad[j], "");
            take_both_secrets(i);
            configure(i);
            ck_assert_int_eq(kill(c.nodes[i].pid, SIGHUP), 0);
            cluster_wait_log(&c, (size_t)i, "not reloaded: the old configuration stays in use",
                             j + 1);
            await_puts();
        }
    }
    certs_free(&stranger);
    end();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rotation");
    TCase *tcase = tcase_create("rotation");
    tcase_set_timeout(tcase, 200);
    tcase_add_test(tcase, certificates_change_under_puts);
    tcase_add_test(tcase, the_secret_changes_under_puts);
    tcase_add_test(tcase, a_bad_certificate_changes_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
