/* Nodes without threads, in the one loop of their host: all of them are read. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

/* Each node has more than a page of what it gives to others. */
enum { MEMBERS = 3, EVENTS = 1200, EVENT_SIZE = 3000, LOOK_MS = 10, MOST = 8 * 1024 * 1024 };

/* What carries calls, with another idea of how long an answer may take. */
typedef struct impatient {
    alldata_transport face;
    alldata_transport *inner;
    uint64_t timeout_ms; /* 0: as the call says */
} impatient;

typedef struct member {
    world w;
    char id[8];
    impatient carrier;
    int deaf; /* its servers are not driven: whoever connects waits */
} member;

static member all[MEMBERS];

/* Begin and end. */

static int32_t begin_call(void *self, const alldata_call *call, repli_error *err) {
    const impatient *it = self;
    alldata_call own = *call;
    if (it->timeout_ms > 0)
        own.timeout_ms = it->timeout_ms;
    return it->inner->begin(it->inner->self, &own, err);
}

static void cancel_calls(void *self, void *user_data) {
    const impatient *it = self;
    it->inner->cancel(it->inner->self, user_data);
}

static int32_t fd_of(void *self) {
    const impatient *it = self;
    return it->inner->fd(it->inner->self);
}

static uint64_t deadline_of(void *self) {
    const impatient *it = self;
    return it->inner->deadline(it->inner->self);
}

static int32_t dispatch_it(void *self, repli_error *err) {
    const impatient *it = self;
    return it->inner->dispatch(it->inner->self, err);
}

static void open_member(int number, int replicas, int32_t run_mode) {
    member *it = &all[number];
    *it = (member){.deaf = 0};
    world_begin(&it->w);
    snprintf(it->id, sizeof(it->id), "ad%d", number + 1);
    it->w.node_options.id = it->id;
    it->w.node_options.run_mode = it->w.server_options.run_mode = run_mode;
    it->w.node_options.repair_interval_ms = UINT64_MAX;
    world_join(&it->w, replicas);
    it->carrier = (impatient){.face = *it->w.transport, .inner = it->w.transport};
    it->carrier.face.self = &it->carrier;
    it->carrier.face.begin = begin_call;
    it->carrier.face.cancel = cancel_calls;
    if (run_mode == ALLDATA_RUN_DISPATCH) {
        it->carrier.face.fd = fd_of;
        it->carrier.face.deadline = deadline_of;
        it->carrier.face.dispatch = dispatch_it;
    }
    it->w.node_options.transport = &it->carrier.face;
    world_open(&it->w);
}

static alldata_node_status status(int number) {
    alldata_node_status of = ALLDATA_NODE_STATUS_INIT;
    MUST(alldata_node_status_get(all[number].w.node, &of, err));
    return of;
}

static int is_driven(int number) {
    return all[number].w.node != NULL &&
           all[number].w.node_options.run_mode == ALLDATA_RUN_DISPATCH;
}

static int answers(int number) {
    return all[number].w.server != NULL && !all[number].deaf;
}

/* Do what there is to do, or wait a bit for something; fd: -1 or one that somebody reads from. */
static void turn(int fd) {
    struct pollfd fds[2 * MEMBERS + 1] = {{.fd = fd, .events = POLLIN}};
    nfds_t count = 1;
    for (int i = 0; i < MEMBERS; i++) {
        if (!is_driven(i))
            continue;
        fds[count++] = (struct pollfd){.fd = alldata_node_fd(all[i].w.node), .events = POLLIN};
        if (answers(i))
            fds[count++] =
                (struct pollfd){.fd = alldata_http_server_fd(all[i].w.server), .events = POLLIN};
    }
    poll(fds, count, LOOK_MS);
    for (int i = 0; i < MEMBERS; i++) {
        if (!is_driven(i))
            continue;
        MUST(alldata_node_dispatch(all[i].w.node, err));
        if (answers(i))
            MUST(alldata_http_server_dispatch(all[i].w.server, err));
    }
}

/* The condition is looked at no more once it is met. */
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        const int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;                                \
        int met;                                                                                   \
        while (!(met = (condition)) && test_now_ms() < until_ms)                                   \
            turn(-1);                                                                              \
        ck_assert_msg(met, "never: %s", #condition);                                               \
    } while (0)

/* Who got no time from a busy machine is taken for dead, and not read from, until it is heard of.
 */
static void await_peers(void) {
    for (int i = 0; i < MEMBERS; i++)
        AWAIT(status(i).peers_live == MEMBERS - 1);
}

static void begin_as(const int32_t run_modes[MEMBERS], int replicas) {
    for (int i = 0; i < MEMBERS; i++)
        open_member(i, replicas, run_modes[i]);
    for (int i = 1; i < MEMBERS; i++)
        MUST(alldata_node_join(all[i].w.node, status(0).gossip, err));
    await_peers();
}

static void begin(int replicas) {
    static const int32_t run_modes[MEMBERS] = {ALLDATA_RUN_DISPATCH, ALLDATA_RUN_DISPATCH,
                                               ALLDATA_RUN_DISPATCH};
    begin_as(run_modes, replicas);
}

static void close_member(int number) {
    alldata_http_server_free(all[number].w.server, 0);
    all[number].w.server = NULL;
    world_end(&all[number].w);
}

static void end(void) {
    for (int i = 0; i < MEMBERS; i++)
        close_member(i);
}

/* Events, each at one node. */

static void key_of(int number, char to[ALLDATA_KEY_SIZE]) {
    char key[64];
    snprintf(key, sizeof(key), "20200101T0000%02d%012d", number / 100, number);
    memcpy(to, key, ALLDATA_KEY_LENGTH);
    to[ALLDATA_KEY_LENGTH] = '\0';
}

static void store_all(void) {
    static char event[EVENT_SIZE];
    memset(event, '7', sizeof(event));
    for (int i = 0; i < EVENTS; i++) {
        char key[ALLDATA_KEY_SIZE];
        alldata_record record = ALLDATA_RECORD_INIT;
        key_of(i, key);
        record.key = key;
        record.key_size = ALLDATA_KEY_LENGTH;
        record.event = event;
        record.event_size = sizeof(event);
        alldata_storage *storage = alldata_node_storage(all[i % MEMBERS].w.node);
        MUST(alldata_storage_put(storage, &record, 1, ALLDATA_PUT_LATE, err));
    }
}

/* Reading over HTTP. */

typedef struct reading {
    int fd;
    int ended;
    size_t size;
    char *text;
} reading;

/* Of HTTP/1.0, so that the body is what comes before the end. */
static void ask(reading *r, int number, const char *method, const char *target) {
    char request[256];
    await_peers();
    *r = (reading){.fd = raw_connect(all[number].w.port), .text = calloc(1, MOST)};
    ck_assert_ptr_nonnull(r->text);
    snprintf(request, sizeof(request), "%s %s HTTP/1.0\r\n\r\n", method, target);
    raw_text(r->fd, request);
}

static void leave(reading *r) {
    close(r->fd);
    free(r->text);
}

static void take_some(reading *r) {
    const ssize_t got = recv(r->fd, r->text + r->size, MOST - 1 - r->size, MSG_DONTWAIT);
    r->ended |= got == 0;
    r->size += got > 0 ? (size_t)got : 0;
    ck_assert_uint_lt(r->size, MOST - 1);
}

static void take_all(reading *r) {
    int64_t until_ms = test_now_ms() + WORLD_PATIENCE_MS;
    size_t before = r->size;
    for (take_some(r); !r->ended; take_some(r)) {
        if (r->size > before)
            until_ms = test_now_ms() + WORLD_PATIENCE_MS;
        ck_assert_msg(test_now_ms() < until_ms, "no end: %.200s", r->text);
        before = r->size;
        turn(r->fd);
    }
}

/* All events, in their order, from the first node's on; the last line. */
static const char *expect_events(const reading *r, int from, int step) {
    ck_assert_msg(world_status(r->text) == 200, "%.200s", r->text);
    const char *at = world_body(r->text);
    for (int i = from; i < EVENTS; i += step) {
        char line[64], key[ALLDATA_KEY_SIZE];
        key_of(i, key);
        const size_t size =
            (size_t)snprintf(line, sizeof(line), "{\"key\":\"%s\",\"event\":777", key);
        ck_assert_msg(strncmp(at, line, size) == 0, "%d: %.100s", i, at);
        at = strchr(at, '\n');
        ck_assert_ptr_nonnull(at);
        at++;
    }
    return at;
}

static const char *end_line(void) {
    static char line[64];
    snprintf(line, sizeof(line), "{\"end\":true,\"count\":%d}\n", EVENTS);
    return line;
}

/* The stream has, if not its events. */
static int has_begun(reading *r) {
    take_some(r);
    return strstr(r->text, "\r\n\r\n") != NULL;
}

static uint64_t count_open(int number) {
    alldata_http_counters counters = ALLDATA_HTTP_COUNTERS_INIT;
    MUST(alldata_http_server_count(all[number].w.server, &counters, err));
    return counters.open_clients;
}

/* Two nodes that read from each other must not wait for each other. */
START_TEST(all_are_read_at_once_in_one_thread) {
    reading readings[MEMBERS];
    begin(3);
    store_all();
    for (int i = 0; i < MEMBERS; i++)
        ask(&readings[i], i, "GET", "/_alldata/events");
    for (int i = 0; i < MEMBERS; i++) {
        take_all(&readings[i]);
        ck_assert_str_eq(expect_events(&readings[i], 0, 1), end_line());
        leave(&readings[i]);
    }
    ask(&readings[0], 0, "GET", "/_alldata/events?limit=1");
    take_all(&readings[0]);
    ck_assert_ptr_nonnull(strstr(readings[0].text, "{\"end\":false,\"count\":1,\"next\":\""));
    leave(&readings[0]);
    ask(&readings[0], 0, "GET", "/_alldata/events?local=1");
    take_all(&readings[0]);
    expect_events(&readings[0], 0, MEMBERS);
    leave(&readings[0]);
    ask(&readings[0], 0, "HEAD", "/_alldata/events");
    take_all(&readings[0]);
    ck_assert_int_eq(world_status(readings[0].text), 200);
    ck_assert_str_eq(world_body(readings[0].text), "");
    leave(&readings[0]);
    end();
}
END_TEST

static void count_answer(void *user_data) {
    (*(int *)user_data)++;
}

/* Whoever is not told need not ask again. */
START_TEST(all_is_read_by_the_host_in_one_thread) {
    alldata_cluster_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int told = 0, waits = 0, count = 0;
    int32_t code = REPLI_OK;
    begin(3);
    store_all();
    await_peers();
    MUST(alldata_cluster_scan_new(all[0].w.node, NULL, &scan, err));
    MUST(alldata_cluster_scan_set_ready(scan, count_answer, &told, err));
    while (code == REPLI_OK || code == REPLI_ENOTREADY) {
        const int before = told;
        code = alldata_cluster_scan_try(scan, &record, &error);
        if (code == REPLI_ENOTREADY) {
            waits++;
            AWAIT(told > before);
        } else if (code == REPLI_OK) {
            char key[ALLDATA_KEY_SIZE];
            key_of(count++, key);
            ck_assert_mem_eq(record.key, key, ALLDATA_KEY_LENGTH);
            ck_assert_uint_eq(record.event_size, EVENT_SIZE);
        }
    }
    ck_assert_msg(code == REPLI_EDONE, "%d %s", (int)code, error.message);
    ck_assert_int_eq(count, EVENTS);
    ck_assert_int_gt(waits, 1);
    alldata_cluster_scan_free(scan);
    end();
}
END_TEST

START_TEST(who_does_not_answer_holds_up_nobody_else) {
    reading waiting, other;
    begin(3);
    store_all();
    all[2].deaf = 1;
    ask(&waiting, 0, "GET", "/_alldata/events");
    AWAIT(has_begun(&waiting));
    for (int i = 0; i < MEMBERS - 1; i++) {
        ask(&other, i, "GET", "/_alldata/events?local=1&form=records");
        take_all(&other);
        ck_assert_ptr_nonnull(strstr(world_body(other.text), "\nend\n"));
        leave(&other);
    }
    take_some(&waiting);
    ck_assert_str_eq(world_body(waiting.text), "");
    all[2].deaf = 0;
    take_all(&waiting);
    ck_assert_str_eq(expect_events(&waiting, 0, 1), end_line());
    leave(&waiting);
    end();
}
END_TEST

/* The third of them has what nobody else has, and its time is over. */
START_TEST(who_never_answers_is_told_of_at_the_end) {
    reading r;
    alldata_cluster_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    repli_error error = REPLI_ERROR_INIT;
    int told = 0;
    int32_t code = REPLI_ENOTREADY;
    begin(1);
    all[0].carrier.timeout_ms = 300;
    all[2].deaf = 1;
    ask(&r, 0, "GET", "/_alldata/events");
    take_all(&r);
    ck_assert_msg(strstr(r.text,
                         "{\"end\":false,\"count\":0,\"error\":\"events may be missing: 1 of "
                         "2 other nodes do not answer") != NULL,
                  "%s", r.text);
    leave(&r);
    await_peers();
    MUST(alldata_cluster_scan_new(all[0].w.node, NULL, &scan, err));
    MUST(alldata_cluster_scan_set_ready(scan, count_answer, &told, err));
    AWAIT((code = alldata_cluster_scan_try(scan, &record, &error)) != REPLI_ENOTREADY);
    ck_assert_msg(code == REPLI_ENOQUORUM, "%d %s", (int)code, error.message);
    ck_assert_ptr_nonnull(strstr(error.message, "ad3"));
    ck_assert_int_eq(told, 3);
    alldata_cluster_scan_free(scan);
    end();
}
END_TEST

START_TEST(a_client_that_leaves_first_leaves_nothing_behind) {
    reading r;
    alldata_cluster_scan *scan = NULL;
    alldata_record record = ALLDATA_RECORD_INIT;
    int told = 0;
    begin(3);
    store_all();
    all[2].deaf = 1;
    ask(&r, 0, "GET", "/_alldata/events");
    AWAIT(has_begun(&r));
    leave(&r);
    all[2].deaf = 0;
    AWAIT(count_open(0) == 0);
    /* Or everything ends before the answer comes. */
    all[2].deaf = 1;
    ask(&r, 0, "GET", "/_alldata/events");
    AWAIT(has_begun(&r));
    leave(&r);
    await_peers();
    MUST(alldata_cluster_scan_new(all[0].w.node, NULL, &scan, err));
    MUST(alldata_cluster_scan_set_ready(scan, count_answer, &told, err));
    AWAIT(told > 0);
    ck_assert_int_eq(alldata_cluster_scan_try(scan, &record, NULL), REPLI_ENOTREADY);
    alldata_cluster_scan_free(scan);
    ck_assert_int_eq(told, 1);
    end();
}
END_TEST

/* Exports. */

#define INTERVAL "20200101T000000"

/* Ask for the interval once: the status, and what was said. */
static int export_once(int number, char said[512]) {
    reading r;
    ask(&r, number, "POST", "/_alldata/export?interval=" INTERVAL);
    take_all(&r);
    snprintf(said, 512, "%s", world_body(r.text));
    const int got = world_status(r.text);
    leave(&r);
    return got;
}

static void path_of(int number, const char *suffix, char to[160]) {
    snprintf(to, 160, "%s/exports/" INTERVAL ".export%s", all[number].w.location, suffix);
}

static int is_there(int number, const char *suffix) {
    char path[160];
    path_of(number, suffix, path);
    return access(path, F_OK) == 0;
}

static void expect_export(int number) {
    char path[160], line[64], key[ALLDATA_KEY_SIZE];
    static char event[EVENT_SIZE + 1];
    path_of(number, "", path);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line, "alldata-export 1 " INTERVAL "\n");
    for (int i = 0; i < EVENTS; i++) {
        size_t size = 0;
        char got[ALLDATA_KEY_SIZE] = "";
        key_of(i, key);
        ck_assert_int_eq(fscanf(file, "27 %zu %27s ", &size, got), 2);
        ck_assert_str_eq(got, key);
        ck_assert_uint_eq(size, EVENT_SIZE);
        ck_assert_uint_eq(fread(event, 1, size + 1, file), size + 1);
        ck_assert_int_eq(event[EVENT_SIZE], '\n');
    }
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    snprintf(key, sizeof(key), "end %d\n", EVENTS);
    ck_assert_str_eq(line, key);
    fclose(file);
}

START_TEST(an_interval_of_all_is_exported_in_one_thread) {
    char said[512];
    int got;
    begin(3);
    store_all();
    all[2].deaf = 1;
    ck_assert_int_eq(export_once(0, said), 202);
    AWAIT(is_there(0, ".part"));
    ck_assert_int_eq(export_once(0, said), 202);
    all[2].deaf = 0;
    AWAIT((got = export_once(0, said)) != 202);
    ck_assert_msg(got == 200, "%d %s", got, said);
    ck_assert_ptr_nonnull(strstr(said, "/exports/" INTERVAL ".export\",\"events\":"));
    expect_export(0);
    ck_assert(!is_there(0, ".part"));
    end();
}
END_TEST

START_TEST(an_export_that_would_miss_something_is_none) {
    char said[512];
    int got;
    begin(1);
    store_all();
    all[0].carrier.timeout_ms = 300;
    all[2].deaf = 1;
    AWAIT((got = export_once(0, said)) != 202);
    ck_assert_msg(got == 500 && strstr(said, "events may be missing") != NULL, "%d %s", got, said);
    ck_assert(!is_there(0, "") && !is_there(0, ".part"));
    all[0].carrier.timeout_ms = 0;
    all[2].deaf = 0;
    AWAIT((got = export_once(0, said)) != 202);
    ck_assert_msg(got == 200, "%d %s", got, said);
    expect_export(0);
    end();
}
END_TEST

/* By the server, which ends first, and by the host itself. */
START_TEST(an_export_that_is_given_up_leaves_nothing_behind) {
    char said[512], path[160];
    int told = 0;
    alldata_exporter *exporter = NULL;
    begin(3);
    store_all();
    all[2].deaf = 1;
    ck_assert_int_eq(export_once(0, said), 202);
    AWAIT(is_there(0, ".part"));
    alldata_http_server_free(all[0].w.server, 0);
    all[0].w.server = NULL;
    ck_assert(!is_there(0, "") && !is_there(0, ".part"));
    path_of(0, "", path);
    await_peers();
    MUST(alldata_exporter_new(all[0].w.node, INTERVAL, path, count_answer, &told, &exporter, err));
    ck_assert_int_eq(alldata_exporter_step(exporter, NULL), REPLI_ENOTREADY);
    ck_assert(is_there(0, ".part"));
    ck_assert_int_eq(alldata_exporter_step(exporter, NULL), REPLI_ENOTREADY);
    alldata_exporter_free(exporter);
    ck_assert(!is_there(0, "") && !is_there(0, ".part"));
    ck_assert_int_eq(told, 0);
    end();
}
END_TEST

/* Nor are threads held up: neither the one that reads, nor who ends the server. */
START_TEST(a_server_with_threads_does_not_wait_for_who_never_answers) {
    static const int32_t run_modes[MEMBERS] = {ALLDATA_RUN_THREADS, ALLDATA_RUN_DISPATCH,
                                               ALLDATA_RUN_DISPATCH};
    reading stuck, again;
    char said[512];
    begin_as(run_modes, 3);
    store_all();
    all[0].carrier.timeout_ms = 3600 * 1000;
    all[2].deaf = 1;
    ask(&stuck, 0, "GET", "/_alldata/events");
    AWAIT(has_begun(&stuck));
    ask(&again, 0, "GET", "/_alldata/events?until=2");
    AWAIT(has_begun(&again));
    all[2].deaf = 0;
    take_all(&stuck);
    ck_assert_str_eq(expect_events(&stuck, 0, 1), end_line());
    leave(&stuck);
    take_all(&again);
    leave(&again);
    all[2].deaf = 1;
    ask(&stuck, 0, "GET", "/_alldata/events");
    AWAIT(has_begun(&stuck));
    ck_assert_int_eq(export_once(0, said), 202);
    AWAIT(is_there(0, ".part"));
    close_member(0);
    leave(&stuck);
    close_member(1);
    close_member(2);
}
END_TEST

int main(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("alldata-http: driven");
    TCase *tcase = tcase_create("driven");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, all_are_read_at_once_in_one_thread);
    tcase_add_test(tcase, all_is_read_by_the_host_in_one_thread);
    tcase_add_test(tcase, who_does_not_answer_holds_up_nobody_else);
    tcase_add_test(tcase, who_never_answers_is_told_of_at_the_end);
    tcase_add_test(tcase, a_client_that_leaves_first_leaves_nothing_behind);
    tcase_add_test(tcase, an_interval_of_all_is_exported_in_one_thread);
    tcase_add_test(tcase, an_export_that_would_miss_something_is_none);
    tcase_add_test(tcase, an_export_that_is_given_up_leaves_nothing_behind);
    tcase_add_test(tcase, a_server_with_threads_does_not_wait_for_who_never_answers);
    suite_add_tcase(suite, tcase);
    return world_run(suite);
}
