/* Frames as a node takes and sends them: those of the reference, odd ones, and floods.
 * run.sh timeout: 900 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alldata/gossip/membership.h"
#include "alldata/gossip/phi.h"
#include "golden.h"
#include "gossip_reference.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define SECOND UINT64_C(1000000000)

/* Memory that is counted by bytes. */
static size_t held;
static size_t most_held;

static void *take(size_t size, void *user_data) {
    (void)user_data;
    void *ptr = malloc(size);
    held += malloc_usable_size(ptr);
    if (held > most_held)
        most_held = held;
    return ptr;
}

static void give(void *ptr, void *user_data) {
    (void)user_data;
    held -= malloc_usable_size(ptr);
    free(ptr);
}

static void *change(void *ptr, size_t size, void *user_data) {
    held -= ptr != NULL ? malloc_usable_size(ptr) : 0;
    void *now = realloc(ptr, size);
    (void)user_data;
    held += malloc_usable_size(now);
    if (held > most_held)
        most_held = held;
    return now;
}

/* A node, and what it has sent. */
static alldata__membership *node;
static alldata__now now;
static repli_buf last;    /* frame */
static int32_t last_port; /* it went to */
static char *last_deltas; /* the last frame that had some */
static int sent;
static reference *listener; /* is given all of it, as a reference node would be */

static void keep(void *user_data, const alldata__address *to, const char *frame, size_t size) {
    (void)user_data;
    last_port = to->port;
    free(last.data);
    last.data = strndup(frame, size);
    last.size = size;
    sent++;
    if (strstr(last.data, "\"deltas\"") != NULL) {
        free(last_deltas);
        last_deltas = strdup(last.data);
    }
    if (listener != NULL)
        reference_receive(listener, 1000, frame, size);
}

static uint64_t draw(void *user_data) {
    static uint64_t state = 88172645463325252U;
    (void)user_data;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void ignore(void *user_data, const char *host, int32_t port, const char *frame,
                   size_t size) {
    (void)user_data;
    (void)host;
    (void)port;
    (void)frame;
    (void)size;
}

static void make(size_t max_peers) {
    const repli__mem mem = {.struct_size = sizeof(repli_allocator),
                            .malloc_fn = take,
                            .realloc_fn = change,
                            .free_fn = give};
    const alldata__address address = {.host = "127.0.0.1", .port = 9003};
    const alldata__membership_config config = {.id = "ad3",
                                               .address = &address,
                                               .round_ns = SECOND,
                                               .forget_ns = 3600 * SECOND,
                                               .max_peers = max_peers,
                                               .send = keep,
                                               .random = draw};
    /* A clock that has just begun, so that versions are 1 and 2, as in the golden files. */
    now = (alldata__now){.ns = 1000 * SECOND, .wall_ms = 1};
    ck_assert_int_eq(alldata__membership_new(&mem, &config, now, &node, NULL), REPLI_OK);
    const reference_options options = {
        .id = "listener", .port = 9009, .send = ignore, .random = draw};
    listener = reference_new(&options, 1000);
    sent = 0;
}

static void setup(void) {
    held = most_held = 0;
    make(1024);
}

static void teardown(void) {
    alldata__membership_free(node);
    reference_free(listener);
    free(last.data);
    free(last_deltas);
    last_deltas = NULL;
    last = (repli_buf){NULL, 0, 0, NULL};
    ck_assert_uint_eq(held, 0);
}

static void set(const char *key, const char *json) {
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_msg(alldata__membership_set(node, now, key, json, strlen(json), &err) == REPLI_OK,
                  "%s", err.message);
}

static void publish(void) {
    set("transport", "{\"hostname\":\"127.0.0.1\",\"port\":8883}");
    set("location", "{\"zone\":\"C\",\"region\":\"West\"}");
}

static void receive(const char *frame) {
    now.ns += SECOND / 1000;
    alldata__membership_receive(node, now, frame, strlen(frame));
}

static const alldata__peer *peer(const char *id) {
    return alldata__peers_find(alldata__membership_peers(node), id);
}

static const char *value(const char *id, const char *key) {
    return peer(id) != NULL ? alldata__peer_value(peer(id), key) : NULL;
}

#define SENDER "\"sender\":{\"id\":\"ad1\",\"transport\":{\"host\":\"127.0.0.1\",\"port\":9001}}"

/* ad1 is known, and lives. */
static void meet(void) {
    receive("{\"digest\":[]," SENDER "}\r\n");
    receive("{\"digest\":[]," SENDER "}\r\n");
    ck_assert_int_eq(peer("ad1")->state, ALLDATA__LIVE);
}

/* The reference's frames. */

/* All but the member of our own, which is the last. */
static char *without_ours(const char *frame) {
    ck_assert_ptr_nonnull(frame);
    char *text = strdup(frame);
    char *ours = strstr(text, ",\"alldata\":");
    ck_assert_ptr_nonnull(ours);
    snprintf(ours, strlen(ours), "}\r\n");
    return text;
}

START_TEST(a_digest_is_answered_with_the_deltas_of_the_reference) {
    char *digest = golden_read("alldata/digest.json");
    char *deltas = golden_read("alldata/deltas.json");
    publish();
    alldata__membership_receive(node, now, digest, strlen(digest));
    ck_assert_int_eq(last_port, 9001);
    char *text = without_ours(last_deltas);
    ck_assert_str_eq(text, deltas);
    free(text);
    free(deltas);
    free(digest);
}
END_TEST

START_TEST(digests_are_those_of_the_reference) {
    char *digest = golden_read("alldata/digest_of_two.json");
    publish();
    meet();
    alldata__membership_tick(node, now);
    char *text = without_ours(last.data);
    ck_assert_str_eq(text, digest);
    free(text);
    free(digest);
}
END_TEST

START_TEST(deltas_of_the_reference_are_taken) {
    char *deltas = golden_read("alldata/deltas_of_ad1.json");
    meet();
    alldata__membership_receive(node, now, deltas, strlen(deltas));
    ck_assert_str_eq(value("ad1", "transport"), "{\"hostname\":\"127.0.0.1\",\"port\":8881}");
    ck_assert_str_eq(value("ad1", "location"), "{\"zone\":\"A\",\"region\":\"West\"}");
    ck_assert_int_eq(peer("ad1")->max_version, 2);
    free(deltas);
}
END_TEST

/* What only makes a reference node shrug, and what kills it: nothing is taken of it. */

#define FROM(id, port) "\"sender\":{\"id\":" id ",\"transport\":{\"host\":\"h\",\"port\":" port "}}"

static const char *const odd[] = {
    "",
    "\r\n",
    "null",
    "5",
    "true",
    "[]",
    "\"digest\"",
    "{}",
    "{\"digest\":[]}",
    "{\"digest\":[],\"sender\":null}",
    "{\"digest\":[],\"sender\":5}",
    "{\"digest\":[],\"sender\":{\"id\":\"x\"}}",
    "{\"digest\":[],\"sender\":{\"id\":\"x\",\"transport\":null}}",
    "{\"digest\":[],\"sender\":{\"id\":\"x\",\"transport\":{\"port\":1}}}",
    "{\"digest\":[],\"sender\":{\"id\":\"x\",\"transport\":{\"host\":\"h\"}}}",
    "{\"digest\":[]," FROM("5", "1") "}",
    "{\"digest\":[]," FROM("\"\"", "1") "}",
    "{\"digest\":[]," FROM("\"a\\u0000b\"", "1") "}",
    "{\"digest\":[]," FROM("\"a\\nb\"", "1") "}",
    "{\"digest\":[]," FROM("\"__proto__\"", "1") "}",
    "{\"digest\":[]," FROM("\"__pro\\u0074o__\"", "1") "}",
    "{\"digest\":[]," FROM("\"constructor\"", "1") "}",
    "{\"digest\":[]," FROM("\"x\"", "0") "}",
    "{\"digest\":[]," FROM("\"x\"", "65536") "}",
    "{\"digest\":[]," FROM("\"x\"", "-1") "}",
    "{\"digest\":[]," FROM("\"x\"", "1.5") "}",
    "{\"digest\":[]," FROM("\"x\"", "1e3") "}",
    "{\"digest\":[]," FROM("\"x\"", "\"1\"") "}",
    "{\"digest\":[]," FROM("\"x\"", "99999999999999999999") "}",
    "{\"digest\":[],\"sender\":{\"id\":\"x\",\"transport\":{\"host\":\"a b\",\"port\":1}}}",
    "{\"digest\":[],\"sender\":{\"id\":\"x\",\"transport\":{\"host\":\"a\\nb\",\"port\":1}}}",
    "{\"digest\":{}," FROM("\"x\"", "1") "}",
    "{\"digest\":\"[]\"," FROM("\"x\"", "1") "}",
    "{\"digest\":5," FROM("\"x\"", "1") "}",
    "{\"digest\":null," FROM("\"x\"", "1") "}",
    "{\"deltas\":{}," FROM("\"x\"", "1") "}",
    "{\"deltas\":true,\"digest\":[]," FROM("\"x\"", "1") "}",
    "{\"digest\":[]," FROM("\"x\"", "1") "} ,",
    "{\"digest\":[]," FROM("\"x\"", "1"),
    "{\"digest\":[\"\xFF\"]," FROM("\"x\"", "1") "}",
    "{\"digest\":[\"\\ud800\"]," FROM("\"x\"", "1") "}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
};

START_TEST(odd_frames_are_ignored) {
    publish();
    sent = 0;
    receive(odd[_i]);
    ck_assert_uint_eq(alldata__membership_counts(node)->bad_frames, 1);
    ck_assert_uint_eq(alldata__membership_peers(node)->count, 0);
    ck_assert_int_eq(sent, 0);
}
END_TEST

#define LISTED(id, version, port)                                                                  \
    "{\"id\":" id ",\"maxVersionSeen\":" version                                                   \
    ",\"transport\":{\"host\":\"127.0.0.1\",\"port\":" port "}}"

static const char *const bad_parts[] = {
    "{\"digest\":[null]," SENDER "}",
    "{\"digest\":[[]]," SENDER "}",
    "{\"digest\":[5]," SENDER "}",
    "{\"digest\":[" LISTED("\"x\"", "-1", "1") "]," SENDER "}",
    "{\"digest\":[" LISTED("\"x\"", "\"1\"", "1") "]," SENDER "}",
    "{\"digest\":[" LISTED("\"x\"", "9007199254740992", "1") "]," SENDER "}",
    "{\"digest\":[" LISTED("\"x\"", "1", "65536") "]," SENDER "}",
    "{\"digest\":[" LISTED("\"__proto__\"", "1", "1") "]," SENDER "}",
    "{\"digest\":[" LISTED("\"valueOf\"", "1", "1") "]," SENDER "}",
    "{\"digest\":[{\"id\":\"x\",\"maxVersionSeen\":1}]," SENDER "}",
    "{\"deltas\":[null]," SENDER "}",
    "{\"deltas\":[{}]," SENDER "}",
    "{\"deltas\":[[]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"k\",1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"k\",1,1,1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",5,1,1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"__proto__\",1,1]]," SENDER "}",
    "{\"deltas\":[[\"__proto__\",\"k\",1,1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"k\",null,1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"k\",1,\"1\"]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"k\",1,9007199254740991]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"transport\",5,1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"transport\",{\"hostname\":\"h\",\"port\":70000},1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"transport\",{\"hostname\":\"a b\",\"port\":7},1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"transport\",{\"port\":7},1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"location\",[],1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"location\",{\"zone\":5},1]]," SENDER "}",
    "{\"deltas\":[[\"ad1\",\"location\",{\"zone\":\"constructor\"},1]]," SENDER "}",
};

START_TEST(bad_parts_are_left_out) {
    meet();
    const alldata__counts *counts = alldata__membership_counts(node);
    receive(bad_parts[_i]);
    ck_assert_uint_eq(counts->bad_frames, 0);
    ck_assert_uint_eq(counts->bad_parts + counts->bad_values, 1);
    ck_assert_uint_eq(alldata__membership_peers(node)->count, 1);
    ck_assert_uint_eq(peer("ad1")->entry_count, 0);
}
END_TEST

/* No member of a peer's that others name becomes part of its state. */
START_TEST(nothing_else_is_taken_from_the_wire) {
    meet();
    receive("{\"digest\":[{\"id\":\"y\",\"maxVersionSeen\":7,\"live\":true,\"sum\":-1,"
            "\"intervals\":[],\"lastTime\":1,\"data\":{\"transport\":[1,1]},"
            "\"transport\":{\"host\":\"127.0.0.1\",\"port\":9005}}]," SENDER "}");
    ck_assert_int_eq(peer("y")->state, ALLDATA__HEARSAY);
    ck_assert_uint_eq(peer("y")->entry_count, 0);
    ck_assert_int_eq(peer("y")->max_version, 0);
}
END_TEST

/* Keys. */

START_TEST(keys_in_the_wrong_order_are_not_lost) {
    meet();
    receive("{\"deltas\":[[\"ad1\",\"location\",{\"zone\":\"A\",\"region\":\"W\"},2]]," SENDER "}");
    receive("{\"deltas\":[[\"ad1\",\"transport\",{\"hostname\":\"h\",\"port\":1},1]]," SENDER "}");
    ck_assert_ptr_nonnull(value("ad1", "transport"));
    ck_assert_ptr_nonnull(value("ad1", "location"));
}
END_TEST

START_TEST(older_values_are_not_taken) {
    meet();
    receive("{\"deltas\":[[\"ad1\",\"k\",\"new\",5]]," SENDER "}");
    receive("{\"deltas\":[[\"ad1\",\"k\",\"old\",4]]," SENDER "}");
    ck_assert_str_eq(value("ad1", "k"), "\"new\"");
}
END_TEST

/* The owner's word counts at the same version, nobody else's. */
START_TEST(a_peer_knows_itself_best) {
    meet();
    receive("{\"deltas\":[[\"ad1\",\"k\",1,5]]," SENDER "}");
    receive("{\"deltas\":[[\"ad1\",\"k\",2,5]],\"sender\":{\"id\":\"ad2\",\"transport\":"
            "{\"host\":\"127.0.0.1\",\"port\":9002}}}");
    ck_assert_str_eq(value("ad1", "k"), "1");
    receive("{\"deltas\":[[\"ad1\",\"k\",3,5]]," SENDER "}");
    ck_assert_str_eq(value("ad1", "k"), "3");
}
END_TEST

START_TEST(any_difference_is_published) {
    static const char *const values[] = {"{}", "{\"a\":1}", "{\"a\":1,\"b\":2}",
                                         "1",  "\"1\"",     "[1]"};
    int64_t version = 0;
    for (int i = 0; i < COUNT(values); i++) {
        set("k", values[i]);
        ck_assert_int_gt(alldata__membership_self(node)->max_version, version);
        version = alldata__membership_self(node)->max_version;
        ck_assert_str_eq(alldata__peer_value(alldata__membership_self(node), "k"), values[i]);
    }
    set("k", " [ 1 ] ");
    ck_assert_int_eq(alldata__membership_self(node)->max_version, version);
}
END_TEST

/* A reference node that has stored at a peer leaves its HTTP client's words in that one's address.
 */
START_TEST(addresses_are_no_more_than_addresses) {
    meet();
    receive("{\"deltas\":[[\"ad1\",\"transport\",{\"hostname\":\"h\",\"port\":1},1]]," SENDER "}");
    alldata__news news;
    while (alldata__membership_news(node, &news))
        continue;
    receive("{\"deltas\":[[\"ad1\",\"transport\",{\"method\":\"POST\",\"hostname\":\"h\","
            "\"path\":\"/\",\"port\":1,\"socketPath\":\"/x\"},2]]," SENDER "}");
    ck_assert_str_eq(value("ad1", "transport"), "{\"hostname\":\"h\",\"port\":1}");
    ck_assert(!alldata__membership_news(node, &news));
}
END_TEST

START_TEST(values_are_sent_in_ascii) {
    publish();
    set("k", "\"\xC3\xA9\xF0\x9F\x98\x80\"");
    receive("{\"digest\":[" LISTED("\"ad3\"", "0", "9003") "]," SENDER "}");
    ck_assert_ptr_nonnull(strstr(last_deltas, "\"\\u00e9\\ud83d\\ude00\""));
}
END_TEST

START_TEST(a_node_publishes_five_keys) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < COUNT(names); i++)
        set(names[i], "1");
    repli_error err = REPLI_ERROR_INIT;
    ck_assert_int_eq(alldata__membership_set(node, now, "f", "1", 1, &err), REPLI_EFULL);
    set("a", "2");
    receive("{\"digest\":[" LISTED("\"ad3\"", "0", "9003") "]," SENDER "}");
    const char *delta = last_deltas;
    int count = 0;
    while ((delta = strstr(delta, "[\"ad3\",")) != NULL) {
        delta++;
        count++;
    }
    ck_assert_int_eq(count, COUNT(names));
}
END_TEST

/* Others have more of this node than it has itself: it was here before, by another clock. */
START_TEST(versions_of_a_former_life_are_passed) {
    publish();
    receive("{\"digest\":[" LISTED("\"ad3\"", "700", "9003") "]," SENDER "}");
    ck_assert_int_eq(alldata__membership_self(node)->max_version, 701);
    receive("{\"digest\":[" LISTED("\"ad3\"", "700", "9003") "]," SENDER "}");
    ck_assert_ptr_nonnull(strstr(last_deltas, "[\"ad3\",\"location\""));
    /* What nobody can have had is not believed. */
    now.ns += 5 * SECOND;
    receive("{\"digest\":[" LISTED("\"ad3\"", "9007199254740990", "9003") "]," SENDER "}");
    ck_assert_int_eq(alldata__membership_self(node)->max_version, 701);
}
END_TEST

START_TEST(whoever_knows_more_is_asked_at_once) {
    meet();
    sent = 0;
    receive("{\"digest\":[" LISTED("\"ad1\"", "2", "9001") "]," SENDER "}");
    ck_assert_int_eq(sent, 1);
    ck_assert_int_eq(last_port, 9001);
    ck_assert_int_eq(strncmp(last.data, "{\"digest\":[", 11), 0);
}
END_TEST

START_TEST(a_sign_of_life_is_given_when_asked) {
    meet();
    sent = 0;
    receive("{\"alldata\":{\"started\":5,\"ask\":true}," SENDER "}");
    ck_assert_int_eq(sent, 1);
    ck_assert_ptr_null(strstr(last.data, "digest"));
    ck_assert_ptr_null(strstr(last.data, "\"ask\""));
    receive("{\"alldata\":{\"started\":5}," SENDER "}");
    ck_assert_int_eq(sent, 1);
}
END_TEST

START_TEST(phi_is_that_of_the_reference) {
    alldata__phi phi;
    alldata__phi_init(&phi, 100 * SECOND);
    for (int i = 1; i <= 20; i++)
        alldata__phi_contact(&phi, (100 + 2 * (uint64_t)i) * SECOND);
    const double mean = (0.75 + 20 * 2.0) / 21;
    for (int s = 0; s < 60; s++) {
        const double expected = 0.4342944819 * s / mean;
        const double found = alldata__phi_value(&phi, (140 + (uint64_t)s) * SECOND);
        ck_assert(found > expected - 1e-6 && found < expected + 1e-6);
    }
    for (int i = 1; i <= 300; i++)
        alldata__phi_contact(&phi, (140 + 3 * (uint64_t)i) * SECOND);
    const double found = alldata__phi_value(&phi, (1040 + 3) * SECOND);
    ck_assert(found > 0.43429 && found < 0.43430);
}
END_TEST

/* Floods. */

/* In digests of many, as senders of their own, and as values. */
static void flood(int rounds) {
    static char frame[ALLDATA__FRAME_MAX];
    unsigned next = 0;
    for (int i = 0; i < rounds; i++) {
        size_t size = (size_t)sprintf(frame, "{\"digest\":[");
        for (int k = 0; k < 2500; k++, next++)
            size += (size_t)sprintf(frame + size, "%s" LISTED("\"flood%u\"", "7", "9"),
                                    k > 0 ? "," : "", next);
        sprintf(frame + size, "]," SENDER "}");
        receive(frame);
        sprintf(frame,
                "{\"digest\":[],\"sender\":{\"id\":\"sender%u\",\"transport\":{\"host\":"
                "\"127.0.0.1\",\"port\":9}}}",
                next);
        receive(frame);
        receive(frame);
        size = (size_t)sprintf(frame, "{\"deltas\":[");
        for (int k = 0; k < 40; k++)
            size += (size_t)sprintf(frame + size, "%s[\"sender%u\",\"k%d\",\"%0*d\",%d]",
                                    k > 0 ? "," : "", next, k, 2000, 0, k + 1);
        sprintf(frame + size, "]," SENDER "}");
        receive(frame);
        now.ns += SECOND;
        alldata__membership_tick(node, now);
    }
}

START_TEST(floods_stay_within_bounds) {
    reference_free(listener);
    listener = NULL;
    publish();
    meet();
    /* Millions of names. */
    flood(800);
    const alldata__peers *peers = alldata__membership_peers(node);
    ck_assert_uint_le(peers->count, 1024);
    ck_assert_msg(most_held < 16 * 1024 * 1024, "%zu bytes", most_held);
    printf("2,000,000 names: %zu bytes at most\n", most_held);
    for (size_t i = 0; i < peers->count; i++)
        ck_assert_uint_le(peers->items[i]->bytes, ALLDATA__PEER_BYTES);
    ck_assert_ptr_nonnull(peer("ad1"));
}
END_TEST

/* With a full table somebody who speaks still gets in, and hearsay goes. */
START_TEST(hearsay_makes_room_for_who_speaks) {
    flood(2);
    receive("{\"digest\":[],\"sender\":{\"id\":\"late\",\"transport\":{\"host\":\"127.0.0.1\","
            "\"port\":9}}}");
    receive("{\"digest\":[],\"sender\":{\"id\":\"late\",\"transport\":{\"host\":\"127.0.0.1\","
            "\"port\":9}}}");
    ck_assert_ptr_nonnull(peer("late"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gossip frames");
    TCase *tcase = tcase_create("frames");
    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_digest_is_answered_with_the_deltas_of_the_reference);
    tcase_add_test(tcase, digests_are_those_of_the_reference);
    tcase_add_test(tcase, deltas_of_the_reference_are_taken);
    tcase_add_loop_test(tcase, odd_frames_are_ignored, 0, COUNT(odd));
    tcase_add_loop_test(tcase, bad_parts_are_left_out, 0, COUNT(bad_parts));
    tcase_add_test(tcase, nothing_else_is_taken_from_the_wire);
    tcase_add_test(tcase, keys_in_the_wrong_order_are_not_lost);
    tcase_add_test(tcase, older_values_are_not_taken);
    tcase_add_test(tcase, a_peer_knows_itself_best);
    tcase_add_test(tcase, any_difference_is_published);
    tcase_add_test(tcase, addresses_are_no_more_than_addresses);
    tcase_add_test(tcase, values_are_sent_in_ascii);
    tcase_add_test(tcase, a_node_publishes_five_keys);
    tcase_add_test(tcase, versions_of_a_former_life_are_passed);
    tcase_add_test(tcase, whoever_knows_more_is_asked_at_once);
    tcase_add_test(tcase, a_sign_of_life_is_given_when_asked);
    tcase_add_test(tcase, phi_is_that_of_the_reference);
    tcase_add_test(tcase, floods_stay_within_bounds);
    tcase_add_test(tcase, hearsay_makes_room_for_who_speaks);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
