#include <check.h>
#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "certs.h"
#include "world.h"

/* Certificates and secrets of a transport and of the servers that it calls, changed while they are
 * in use. Each test of the transport is done with a thread and driven. */

static world w;
static certs ca;
static certs node_cert;
static certs renewed;
static certs stranger;

static void setup(void) {
    world_begin(&w);
}

static void teardown(void) {
    world_end(&w);
}

static void setup_certs(void) {
    setup();
    certs_make(&ca, w.directory, "ca", CERTS_CA, 1, NULL);
    certs_make(&node_cert, w.directory, "node", CERTS_NODE, 1, &ca);
    certs_make(&renewed, w.directory, "renewed", CERTS_NODE, 1, &ca);
    certs_make(&stranger, w.directory, "stranger", CERTS_NODE, 1, NULL);
}

static void teardown_certs(void) {
    certs *const all[] = {&ca, &node_cert, &renewed, &stranger};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        certs_free(all[i]);
    teardown();
}

static alldata_http_security with_secret(const char *secret) {
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.secret = secret;
    return security;
}

static alldata_http_security with_cert(const certs *own) {
    alldata_http_security security = ALLDATA_HTTP_SECURITY_INIT;
    security.cert_pem = own->cert_pem;
    security.key_pem = own->key_pem;
    security.ca_pem = ca.cert_pem;
    return security;
}

static void reload(alldata_transport *t, const alldata_http_security *security) {
    MUST(alldata_http_transport_reload(t, security, err));
}

static void refuse(alldata_transport *t, const alldata_http_security *security, const char *said) {
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata_http_transport_reload(t, security, &error), REPLI_EINVALID);
    ck_assert_msg(strstr(error.message, said) != NULL, "%s", error.message);
}

/* The transport, with a secret. */

/* Answers with what it was shown; at /wait once it may. */
static int show(void *user_data, const peer_request *request, char *answer, size_t size) {
    char secret[64];
    if (strcmp(request->path, "/wait") == 0)
        while (sem_wait(user_data) != 0)
            continue;
    peer_header(request, "Authorization", secret, sizeof(secret));
    snprintf(answer, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(secret),
             secret);
    return PEER_KEEP;
}

START_TEST(the_next_calls_show_the_new_secret) {
    static const char *const secrets[] = {"rosebud", NULL, "sesame"};
    peer *p = peer_start(NULL, show, NULL);
    alldata_http_security security = with_secret("sesame");
    alldata_transport *t = calls_make(_i, 0, &security);
    calls_outcome got;
    const alldata_call call = calls_call(peer_port(p), "/", &got);
    calls_ask(t, &call);
    ck_assert_str_eq(got.body, "Bearer sesame");
    for (int i = 0; i < 3; i++) {
        char expected[64] = "";
        security.secret = secrets[i];
        if (secrets[i] != NULL)
            snprintf(expected, sizeof(expected), "Bearer %s", secrets[i]);
        reload(t, secrets[i] != NULL ? &security : NULL);
        for (int j = 0; j < 2; j++) {
            calls_ask(t, &call);
            ck_assert_str_eq(got.body, expected);
        }
        ck_assert_int_eq(peer_connections(p), 2 + i);
    }
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

START_TEST(before_the_first_call_nothing_is_lost) {
    peer *p = peer_start(NULL, show, NULL);
    alldata_http_security security = with_secret("sesame");
    alldata_transport *t = calls_make(_i, 0, &security);
    calls_outcome got;
    const alldata_call call = calls_call(peer_port(p), "/", &got);
    security.secret = "rosebud";
    reload(t, &security);
    security.secret = "open";
    reload(t, &security);
    calls_ask(t, &call);
    ck_assert_str_eq(got.body, "Bearer open");
    ck_assert_int_eq(peer_connections(p), 1);
    alldata_http_transport_free(t);
    t = calls_make(_i, 0, &security);
    reload(t, &security);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

START_TEST(calls_under_way_end_as_they_began) {
    sem_t may;
    sem_init(&may, 0, 0);
    peer *slow = peer_start(NULL, show, &may);
    peer *p = peer_start(NULL, show, NULL);
    alldata_http_security security = with_secret("sesame");
    alldata_transport *t = calls_make(_i, 1, &security);
    static calls_outcome first;
    static calls_outcome waiting;
    static calls_outcome got;
    alldata_call call = calls_call(peer_port(slow), "/wait", &first);
    const alldata_call other = calls_call(peer_port(p), "/", &got);
    calls_begin(t, &call);
    /* That has been sent; what follows has to wait for its connection. */
    calls_ask(t, &other);
    call.user_data = &waiting;
    call.path = "/";
    calls_begin(t, &call);
    for (int i = 0; i < 3; i++) {
        security.secret = i == 1 ? "open" : "rosebud";
        reload(t, &security);
        calls_ask(t, &other);
        ck_assert_str_eq(got.body, i == 1 ? "Bearer open" : "Bearer rosebud");
    }
    ck_assert_int_eq(atomic_load(&first.times), 0);
    sem_post(&may);
    calls_await(t, &first);
    ck_assert_str_eq(first.body, "Bearer sesame");
    calls_await(t, &waiting);
    ck_assert_str_eq(waiting.body, "Bearer rosebud");
    ck_assert_int_eq(peer_connections(slow), 2);
    alldata_http_transport_free(t);
    peer_stop(p);
    peer_stop(slow);
    sem_destroy(&may);
}
END_TEST

START_TEST(calls_of_an_old_secret_are_cancelled) {
    sem_t may;
    sem_init(&may, 0, 0);
    peer *slow = peer_start(NULL, show, &may);
    alldata_http_security security = with_secret("sesame");
    alldata_transport *t = calls_make(_i, 2, &security);
    static calls_outcome old;
    static calls_outcome fresh;
    alldata_call call = calls_call(peer_port(slow), "/wait", &old);
    calls_begin(t, &call);
    if (t->dispatch != NULL)
        ck_assert_int_eq(t->dispatch(t->self, NULL), REPLI_OK);
    security.secret = "rosebud";
    reload(t, &security);
    call.user_data = &fresh;
    calls_begin(t, &call);
    t->cancel(t->self, &old);
    ck_assert_int_eq(old.error.code, REPLI_ECANCELLED);
    ck_assert_int_eq(atomic_load(&fresh.times), 0);
    sem_post(&may);
    sem_post(&may);
    calls_await(t, &fresh);
    ck_assert_str_eq(fresh.body, "Bearer rosebud");
    alldata_http_transport_free(t);
    peer_stop(slow);
    sem_destroy(&may);
}
END_TEST

/* From within a reply, which holds up all others of the transport. */
typedef struct changer {
    alldata_transport *transport;
    calls_outcome got;
} changer;

static void change(void *user_data, const alldata_reply *reply) {
    changer *c = user_data;
    const alldata_http_security security = with_secret("rosebud");
    reload(c->transport, &security);
    calls_take(&c->got, reply);
}

START_TEST(a_reply_may_change_it) {
    peer *p = peer_start(NULL, show, NULL);
    const alldata_http_security security = with_secret("sesame");
    static changer c;
    c.transport = calls_make(_i, 0, &security);
    calls_reset(&c.got);
    alldata_call call = calls_call(peer_port(p), "/", NULL);
    call.reply = change;
    call.user_data = &c;
    ck_assert_int_eq(c.transport->begin(c.transport->self, &call, NULL), REPLI_OK);
    calls_await(c.transport, &c.got);
    ck_assert_str_eq(c.got.body, "Bearer sesame");
    call = calls_call(peer_port(p), "/", &c.got);
    calls_ask(c.transport, &call);
    ck_assert_str_eq(c.got.body, "Bearer rosebud");
    alldata_http_transport_free(c.transport);
    peer_stop(p);
}
END_TEST

typedef struct traffic {
    const alldata_transport *transport;
    int port;
    atomic_int stop;
    atomic_int count;
} traffic;

static void *go_on_calling(void *user_data) {
    traffic *of = user_data;
    static const char *const shown[] = {"Bearer sesame", "Bearer rosebud"};
    calls_outcome got;
    const alldata_call call = calls_call(of->port, "/", &got);
    while (!atomic_load(&of->stop)) {
        calls_begin(of->transport, &call);
        while (sem_wait(&got.came) != 0)
            continue;
        ck_assert_msg(strcmp(got.body, shown[0]) == 0 || strcmp(got.body, shown[1]) == 0,
                      "\"%s\" %s", got.body, got.error.message);
        atomic_fetch_add(&of->count, 1);
    }
    return NULL;
}

static void *drive(void *user_data) {
    traffic *of = user_data;
    const alldata_transport *t = of->transport;
    while (!atomic_load(&of->stop)) {
        struct pollfd fd = {.fd = t->fd(t->self), .events = POLLIN};
        poll(&fd, 1, 10);
        ck_assert_int_eq(t->dispatch(t->self, NULL), REPLI_OK);
    }
    return NULL;
}

/* Each reload is followed by calls, so that it is in use when the next one comes. */
START_TEST(it_changes_under_traffic) {
    enum { CALLERS = 3, CHANGES = 100 };
    peer *p = peer_start(NULL, show, NULL);
    const alldata_http_security all[] = {with_secret("sesame"), with_secret("rosebud")};
    alldata_transport *t = calls_make(_i, 2, &all[0]);
    traffic of = {.transport = t, .port = peer_port(p)};
    traffic driving = {.transport = t};
    pthread_t callers[CALLERS];
    pthread_t driver;
    if (t->dispatch != NULL)
        ck_assert_int_eq(pthread_create(&driver, NULL, drive, &driving), 0);
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_create(&callers[i], NULL, go_on_calling, &of), 0);
    for (int i = 1; i <= CHANGES; i++) {
        const int seen = atomic_load(&of.count);
        reload(t, &all[i % 2]);
        const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
        while (i % 10 != 0 && atomic_load(&of.count) <= seen) {
            ck_assert_int_lt(test_now_ms(), until_ms);
            poll(NULL, 0, 1);
        }
    }
    atomic_store(&of.stop, 1);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    atomic_store(&driving.stop, 1);
    if (t->dispatch != NULL)
        pthread_join(driver, NULL);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

/* What stays behind. */

typedef struct memory {
    const char *secret;
    atomic_int found; /* in memory that was given back */
} memory;

static void search(memory *of, const char *data) {
    const size_t size = malloc_usable_size((void *)(uintptr_t)data);
    if (memmem(data, size, of->secret, strlen(of->secret)) != NULL)
        atomic_fetch_add(&of->found, 1);
}

static void *get_memory(size_t size, void *user_data) {
    (void)user_data;
    return calloc(1, size);
}

static void give_memory(void *data, void *user_data) {
    if (data != NULL)
        search(user_data, data);
    free(data);
}

static void *move_memory(void *data, size_t size, void *user_data) {
    void *moved = calloc(1, size);
    if (moved == NULL || data == NULL)
        return moved;
    const size_t old = malloc_usable_size(data);
    memcpy(moved, data, old < size ? old : size);
    give_memory(data, user_data);
    return moved;
}

static int descriptors(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

START_TEST(nothing_of_the_old_one_stays) {
    memory of = {.secret = "sesame-open-yourself"};
    const repli_allocator allocator = {.struct_size = sizeof(allocator),
                                       .malloc_fn = get_memory,
                                       .realloc_fn = move_memory,
                                       .free_fn = give_memory,
                                       .user_data = &of};
    alldata_http_transport_options options = ALLDATA_HTTP_TRANSPORT_OPTIONS_INIT;
    alldata_http_security security = with_cert(&node_cert);
    alldata_transport *t = NULL;
    calls_outcome got;
    const alldata_http_security theirs = with_cert(&node_cert);
    w.server_options.peer_security = &theirs;
    world_open(&w);
    security.secret = of.secret;
    options.run_mode = _i == 0 ? ALLDATA_RUN_THREADS : ALLDATA_RUN_DISPATCH;
    options.security = &security;
    MUST(alldata_http_transport_new(&options, &allocator, &t, err));
    const alldata_call call = calls_call(w.peer_port, "/health/live", &got);
    int before = 0;
    for (int i = 0; i < 10; i++) {
        calls_ask(t, &call);
        ck_assert_msg(got.status == 200, "%s", got.error.message);
        if (i == 1)
            before = descriptors();
        reload(t, &security);
    }
    calls_ask(t, &call);
    /* The server lets go of its ends in its own time. */
    const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
    while (descriptors() > before && test_now_ms() < until_ms)
        poll(NULL, 0, 10);
    ck_assert_int_le(descriptors(), before);
    alldata_http_transport_free(t);
    ck_assert_int_eq(atomic_load(&of.found), 0);
    world_close(&w);
    w.server_options.peer_security = NULL;
}
END_TEST

/* The transport, with certificates. */

static int is_refused(const calls_outcome *got) {
    return got->error.code == REPLI_EAUTH || got->error.code == REPLI_ELOST;
}

/* The same path in /proc may be that of another certificate later, so there are some. */
START_TEST(the_next_calls_show_the_new_certificate) {
    const alldata_http_security theirs = with_cert(&node_cert);
    const alldata_http_security known[] = {with_cert(&node_cert), with_cert(&renewed)};
    const alldata_http_security unknown = with_cert(&stranger);
    w.server_options.peer_security = &theirs;
    world_open(&w);
    alldata_transport *t = calls_make(_i, 0, &known[0]);
    calls_outcome got;
    const alldata_call call = calls_call(w.peer_port, "/health/live", &got);
    calls_ask(t, &call);
    ck_assert_msg(got.status == 200, "%s", got.error.message);
    for (int i = 0; i < 6; i++) {
        reload(t, &unknown);
        calls_ask(t, &call);
        ck_assert_msg(is_refused(&got), "%d %s", got.status, got.error.message);
        reload(t, &known[i % 2]);
        calls_ask(t, &call);
        ck_assert_msg(got.status == 200, "%s", got.error.message);
    }
    alldata_http_transport_free(t);
    world_close(&w);
    w.server_options.peer_security = NULL;
}
END_TEST

START_TEST(another_authority_is_trusted) {
    alldata_http_security theirs = with_cert(&node_cert);
    theirs.ca_pem = NULL;
    alldata_http_security ours = with_cert(&node_cert);
    w.server_options.peer_security = &theirs;
    world_open(&w);
    alldata_transport *t = calls_make(_i, 0, &ours);
    calls_outcome got;
    const alldata_call call = calls_call(w.peer_port, "/health/live", &got);
    calls_ask(t, &call);
    ck_assert_int_eq(got.status, 200);
    ours = (alldata_http_security)ALLDATA_HTTP_SECURITY_INIT;
    ours.ca_pem = stranger.cert_pem;
    reload(t, &ours);
    calls_ask(t, &call);
    ck_assert_msg(is_refused(&got), "%d %s", got.status, got.error.message);
    char *both = NULL;
    ck_assert_int_gt(asprintf(&both, "%s%s", stranger.cert_pem, ca.cert_pem), 0);
    ours.ca_pem = both;
    reload(t, &ours);
    free(both);
    calls_ask(t, &call);
    ck_assert_msg(got.status == 200, "%s", got.error.message);
    alldata_http_transport_free(t);
    world_close(&w);
    w.server_options.peer_security = NULL;
}
END_TEST

START_TEST(what_is_no_good_changes_nothing) {
    peer *p = peer_start(NULL, show, NULL);
    const alldata_http_security good = with_secret("sesame");
    alldata_transport *t = calls_make(_i, 0, &good);
    calls_outcome got;
    const alldata_call call = calls_call(peer_port(p), "/", &got);
    calls_ask(t, &call);
    alldata_http_security bad = with_cert(&node_cert);
    bad.cert_pem = "rubbish";
    refuse(t, &bad, "certificate cannot be read");
    bad.cert_pem = renewed.cert_pem;
    refuse(t, &bad, "does not belong");
    bad.key_pem = "rubbish";
    refuse(t, &bad, "key cannot be read");
    bad.key_pem = NULL;
    refuse(t, &bad, "the key is missing");
    bad.cert_pem = NULL;
    bad.ca_pem = "rubbish";
    refuse(t, &bad, "CAs");
    bad = with_secret("two words");
    refuse(t, &bad, "character");
    alldata_transport another = *t;
    another.begin = NULL;
    refuse(&another, &good, "no transport");
    refuse(NULL, &good, "no transport");
    calls_ask(t, &call);
    ck_assert_str_eq(got.body, "Bearer sesame");
    ck_assert_int_eq(peer_connections(p), 1);
    alldata_http_transport_free(t);
    peer_stop(p);
}
END_TEST

/* The servers. */

static long ask_with(const char *base, const char *header) {
    http_reply reply =
        http_ask_at(base, NULL, &(http_ask){.url = "/metrics", .headers = {header}});
    const long status = reply.status;
    http_reply_free(&reply);
    return status;
}

START_TEST(another_secret_is_taken_as_well) {
    alldata_http_security clients = with_secret("sesame");
    alldata_http_security peers = with_secret("rosebud");
    static const char *const shown[] = {"Authorization: Bearer sesame",
                                        "Authorization: Bearer open",
                                        "Authorization: Bearer rosebud", "Authorization: Bearer ",
                                        "Authorization: Bearer openopen"};
    w.server_options.client_security = &clients;
    w.server_options.peer_security = &peers;
    world_open(&w);
    ck_assert_int_eq(ask_with(w.base, shown[0]), 200);
    ck_assert_int_eq(ask_with(w.base, shown[1]), 401);
    clients.other_secret = "open";
    MUST(alldata_http_server_reload(w.server, &w.server_options, err));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(ask_with(w.base, shown[i]), i < 2 ? 200 : 401);
    ck_assert_int_eq(ask_with(w.peer_base, shown[1]), 401);
    ck_assert_int_eq(ask_with(w.peer_base, shown[2]), 200);
    clients.secret = "open";
    clients.other_secret = "sesame";
    MUST(alldata_http_server_reload(w.server, &w.server_options, err));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(ask_with(w.base, shown[i]), i < 2 ? 200 : 401);
    /* Whoever made it does not know of another. */
    clients.struct_size = (uint32_t)offsetof(alldata_http_security, other_secret);
    MUST(alldata_http_server_reload(w.server, &w.server_options, err));
    ck_assert_int_eq(ask_with(w.base, shown[0]), 401);
    ck_assert_int_eq(ask_with(w.base, shown[1]), 200);
    w.server_options.client_security = NULL;
    w.server_options.peer_security = NULL;
}
END_TEST

START_TEST(another_secret_needs_a_first) {
    alldata_http_security clients = ALLDATA_HTTP_SECURITY_INIT;
    repli_error error = REPLI_ERROR_INIT;
    world_open(&w);
    w.server_options.client_security = &clients;
    clients.other_secret = "open";
    ck_assert_int_eq(alldata_http_server_reload(w.server, &w.server_options, &error),
                     REPLI_EINVALID);
    clients.secret = "sesame";
    clients.other_secret = "";
    ck_assert_int_eq(alldata_http_server_reload(w.server, &w.server_options, &error),
                     REPLI_EINVALID);
    w.server_options.client_security = NULL;
    ck_assert_int_eq(ask_with(w.base, NULL), 200);
}
END_TEST

/* Who asks for TLS must not be left with plain text, and be told that it was done. */
START_TEST(a_server_may_begin_with_tls_later) {
    const alldata_http_security security = with_cert(&node_cert);
    calls_outcome got;
    alldata_transport *t = calls_make(0, 0, NULL);
    world_open(&w);
    const alldata_call call = calls_call(w.peer_port, "/health/live", &got);
    for (int i = 0; i < 2; i++) {
        w.server_options.peer_security = NULL;
        MUST(alldata_http_server_reload(w.server, &w.server_options, err));
        reload(t, NULL);
        calls_ask(t, &call);
        ck_assert_msg(got.status == 200, "%s", got.error.message);
        w.server_options.peer_security = &security;
        MUST(alldata_http_server_reload(w.server, &w.server_options, err));
        reload(t, NULL);
        calls_ask(t, &call);
        ck_assert_int_ne(got.status, 200);
        reload(t, &security);
        calls_ask(t, &call);
        ck_assert_msg(got.status == 200, "%s", got.error.message);
    }
    alldata_http_transport_free(t);
    w.server_options.peer_security = NULL;
}
END_TEST

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("alldata-http: rotation");
    TCase *plain = tcase_create("secrets");
    TCase *proven = tcase_create("certificates");
    tcase_set_timeout(plain, 120);
    tcase_set_timeout(proven, 120);
    tcase_add_checked_fixture(plain, setup, teardown);
    tcase_add_checked_fixture(proven, setup_certs, teardown_certs);
    tcase_add_loop_test(plain, the_next_calls_show_the_new_secret, 0, CALLS_MODES);
    tcase_add_loop_test(plain, before_the_first_call_nothing_is_lost, 0, CALLS_MODES);
    tcase_add_loop_test(plain, calls_under_way_end_as_they_began, 0, CALLS_MODES);
    tcase_add_loop_test(plain, calls_of_an_old_secret_are_cancelled, 0, CALLS_MODES);
    tcase_add_loop_test(plain, a_reply_may_change_it, 0, CALLS_MODES);
    tcase_add_loop_test(plain, it_changes_under_traffic, 0, CALLS_MODES);
    tcase_add_test(plain, another_secret_is_taken_as_well);
    tcase_add_test(plain, another_secret_needs_a_first);
    tcase_add_loop_test(proven, nothing_of_the_old_one_stays, 0, CALLS_MODES);
    tcase_add_loop_test(proven, the_next_calls_show_the_new_certificate, 0, CALLS_MODES);
    tcase_add_loop_test(proven, another_authority_is_trusted, 0, CALLS_MODES);
    tcase_add_loop_test(proven, what_is_no_good_changes_nothing, 0, CALLS_MODES);
    tcase_add_test(proven, a_server_may_begin_with_tls_later);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, proven);
    return world_run(suite);
}
