/* Clusters in simulated time: who finds whom, and how soon a death is noticed. run.sh timeout: 900,
 * run.sh takes: 35
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip_sim.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void start_all(sim_cluster *cluster, int count) {
    for (int i = 0; i < count; i++)
        sim_start(cluster, i);
    ck_assert(sim_until(cluster, 30 * SIM_S, sim_all_live, NULL));
}

static const alldata__counts *counts(const sim_cluster *cluster, int index) {
    return alldata__membership_counts(cluster->nodes[index].membership);
}

static uint64_t deaths(const sim_cluster *cluster) {
    uint64_t sum = 0;
    for (int i = 0; i < cluster->count; i++)
        if (cluster->nodes[i].membership != NULL)
            sum += counts(cluster, i)->deaths;
    return sum;
}

/* Starts: GOSSIP_STARTS says how many of each kind. */

static int starts(void) {
    const char *text = getenv("GOSSIP_STARTS");
    return text != NULL ? (int)strtol(text, NULL, 10) : 250;
}

static const int start_sizes[] = {6, 10};

START_TEST(no_start_ends_in_islands) {
    const int size = start_sizes[_i % COUNT(start_sizes)];
    const uint64_t stagger_ms = _i < COUNT(start_sizes) ? 50 : 250;
    for (int i = 0; i < starts(); i++) {
        sim_cluster cluster;
        sim_init(&cluster, (uint64_t)(i * 16 + _i));
        for (int node = 0; node < size; node++) {
            sim_start(&cluster, node);
            sim_run(&cluster, sim_random(&cluster, stagger_ms) * SIM_MS);
        }
        ck_assert_msg(sim_until(&cluster, 60 * SIM_S, sim_all_live, NULL), "start %d of %d", i,
                      size);
        sim_dispose(&cluster);
    }
}
END_TEST

/* Two islands that know nothing of each other, as if each had met its own first. */
START_TEST(islands_meet_by_their_seeds) {
    sim_cluster cluster;
    sim_init(&cluster, 1);
    cluster.partitioned = 1;
    for (int i = 0; i < 6; i++)
        cluster.nodes[i].side = i % 2;
    for (int i = 0; i < 6; i++)
        sim_start(&cluster, i);
    sim_run(&cluster, 120 * SIM_S);
    ck_assert(!sim_is_live(&cluster, 0, 1));
    ck_assert(sim_is_live(&cluster, 0, 2));
    cluster.partitioned = 0;
    ck_assert(sim_until(&cluster, 120 * SIM_S, sim_all_live, NULL));
    sim_dispose(&cluster);
}
END_TEST

/* As when all processes of a machine are started at once, and those of the reference take seconds:
 * whoever met somebody by then asks no seed of its own accord. */
START_TEST(slow_starters_are_met_soon) {
    for (int i = 0; i < 100; i++) {
        sim_cluster cluster;
        sim_init(&cluster, (uint64_t)i);
        cluster.seeds = 4;
        sim_start(&cluster, 0);
        sim_start(&cluster, 1);
        sim_run(&cluster, 4 * SIM_S);
        sim_start_reference(&cluster, 2);
        sim_start_reference(&cluster, 3);
        ck_assert_msg(sim_until(&cluster, 20 * SIM_S, sim_all_live, NULL), "start %d", i);
        sim_dispose(&cluster);
    }
}
END_TEST

/* Deaths. */

static const int death_sizes[] = {2, 3, 6, 10, 50};

START_TEST(a_death_is_noticed_within_five_seconds) {
    const int size = death_sizes[_i];
    for (int run = 0; run < (size > 10 ? 5 : 50); run++) {
        sim_cluster cluster;
        sim_init(&cluster, (uint64_t)(run * 64 + size));
        start_all(&cluster, size);
        sim_run(&cluster, 10 * SIM_S + sim_random(&cluster, 1000) * SIM_MS);
        ck_assert_uint_eq(deaths(&cluster), 0);
        int victim = (int)sim_random(&cluster, (uint64_t)size);
        sim_kill(&cluster, victim);
        ck_assert_msg(sim_until(&cluster, 5 * SIM_S, sim_all_dead, &victim), "run %d of %d", run,
                      size);
        /* Nobody else was taken for dead. */
        ck_assert(sim_all_live(&cluster, NULL));
        ck_assert_uint_eq(deaths(&cluster), (uint64_t)size - 1);
        sim_dispose(&cluster);
    }
}
END_TEST

START_TEST(an_outage_does_not_delay_the_next_detection) {
    sim_cluster cluster;
    sim_init(&cluster, 3);
    start_all(&cluster, 3);
    int victim = 2;
    for (int i = 0; i < 2; i++) {
        sim_kill(&cluster, victim);
        ck_assert(sim_until(&cluster, 5 * SIM_S, sim_all_dead, &victim));
        sim_run(&cluster, 97 * SIM_S);
        sim_start(&cluster, victim);
        ck_assert(sim_until(&cluster, 20 * SIM_S, sim_all_live, NULL));
        sim_run(&cluster, 20 * SIM_S);
    }
    sim_dispose(&cluster);
}
END_TEST

START_TEST(half_of_fifty_die_at_once) {
    sim_cluster cluster;
    sim_init(&cluster, 4);
    start_all(&cluster, 50);
    sim_run(&cluster, 5 * SIM_S);
    for (int i = 0; i < 25; i++)
        sim_kill(&cluster, i);
    ck_assert(sim_until(&cluster, 12 * SIM_S, sim_all_live, NULL));
    sim_dispose(&cluster);
}
END_TEST

/* Its kernel takes connections, but it does not answer. */
START_TEST(a_frozen_node_is_dead_until_it_wakes) {
    sim_cluster cluster;
    sim_init(&cluster, 5);
    start_all(&cluster, 6);
    int victim = 4;
    cluster.nodes[victim].deaf = 1;
    ck_assert(sim_until(&cluster, 5 * SIM_S, sim_all_dead, &victim) ||
              !sim_is_live(&cluster, 0, victim));
    sim_run(&cluster, 30 * SIM_S);
    ck_assert(!sim_is_live(&cluster, 0, victim));
    const uint64_t before = counts(&cluster, victim)->deaths;
    cluster.nodes[victim].deaf = 0;
    ck_assert(sim_until(&cluster, 20 * SIM_S, sim_all_live, NULL));
    /* It slept itself, and blames nobody. */
    ck_assert_uint_eq(counts(&cluster, victim)->deaths, before);
    sim_dispose(&cluster);
}
END_TEST

/* Restarts. */

START_TEST(a_restart_elsewhere_is_noticed) {
    for (int run = 0; run < 20; run++) {
        sim_cluster cluster;
        sim_init(&cluster, (uint64_t)run + 100);
        start_all(&cluster, 6);
        sim_run(&cluster, 5 * SIM_S);
        sim_kill(&cluster, 5);
        sim_run(&cluster, 500 * SIM_MS);
        cluster.nodes[5].port = 9100;
        if (run % 2)
            cluster.nodes[5].wall_ms -= 3600 * 1000;
        sim_start(&cluster, 5);
        /* With the new address and port of its keys: sim_all_live() asks for them. */
        ck_assert_msg(sim_until(&cluster, 20 * SIM_S, sim_all_live, NULL), "run %d", run);
        ck_assert_int_eq(sim_peer(&cluster, 0, 5)->address.port, 9100);
        ck_assert_uint_ge(counts(&cluster, 0)->restarts, 1);
        sim_run(&cluster, 30 * SIM_S);
        ck_assert(sim_all_live(&cluster, NULL));
        sim_dispose(&cluster);
    }
}
END_TEST

/* News of the peer about which there is some. */
static int has_news(sim_cluster *cluster, int index, int kind, int of) {
    alldata__news news;
    int found = 0;
    while (alldata__membership_news(cluster->nodes[index].membership, &news))
        if (news.kind == kind && strcmp(news.peer->id, sim_id(of)) == 0)
            found = 1;
    return found;
}

START_TEST(a_restart_in_place_is_news) {
    sim_cluster cluster;
    sim_init(&cluster, 7);
    start_all(&cluster, 3);
    ck_assert(has_news(&cluster, 0, ALLDATA__TOLD_LIVE, 2));
    sim_kill(&cluster, 2);
    sim_run(&cluster, 100 * SIM_MS);
    sim_start(&cluster, 2);
    sim_run(&cluster, 5 * SIM_S);
    ck_assert(has_news(&cluster, 0, ALLDATA__TOLD_RESTARTED, 2));
    ck_assert(!has_news(&cluster, 0, ALLDATA__TOLD_RESTARTED, 2));
    sim_dispose(&cluster);
}
END_TEST

/* Trouble. */

START_TEST(a_partition_heals) {
    sim_cluster cluster;
    sim_init(&cluster, 8);
    start_all(&cluster, 10);
    sim_run(&cluster, 5 * SIM_S);
    cluster.partitioned = 1;
    for (int i = 0; i < 10; i++)
        cluster.nodes[i].side = i < 4;
    sim_run(&cluster, 15 * SIM_S);
    for (int i = 0; i < 10; i++)
        for (int of = 0; of < 10; of++)
            if (of != i)
                ck_assert_int_eq(sim_is_live(&cluster, i, of), (i < 4) == (of < 4));
    cluster.partitioned = 0;
    ck_assert(sim_until(&cluster, 60 * SIM_S, sim_all_live, NULL));
    sim_dispose(&cluster);
}
END_TEST

START_TEST(loss_disorder_and_doubles_are_borne) {
    sim_cluster cluster;
    sim_init(&cluster, 9);
    cluster.loss = 50;
    cluster.duplicates = 100;
    cluster.delay_ns = 400 * SIM_MS;
    for (int i = 0; i < 10; i++)
        sim_start(&cluster, i);
    ck_assert(sim_until(&cluster, 60 * SIM_S, sim_all_live, NULL));
    sim_run(&cluster, 120 * SIM_S);
    cluster.loss = 0;
    cluster.delay_ns = 20 * SIM_MS;
    ck_assert(sim_until(&cluster, 20 * SIM_S, sim_all_live, NULL));
    sim_dispose(&cluster);
}
END_TEST

START_TEST(clocks_that_jump_kill_nobody) {
    sim_cluster cluster;
    sim_init(&cluster, 10);
    start_all(&cluster, 6);
    sim_run(&cluster, 5 * SIM_S);
    cluster.nodes[1].jump_ns += 3600 * SIM_S;
    cluster.nodes[2].wall_ms += 86400 * 1000;
    cluster.nodes[3].wall_ms -= 86400 * 1000;
    sim_run(&cluster, 30 * SIM_S);
    ck_assert(sim_all_live(&cluster, NULL));
    ck_assert_uint_eq(deaths(&cluster), 0);
    sim_dispose(&cluster);
}
END_TEST

/* Forgetting. */

START_TEST(the_dead_are_forgotten) {
    sim_cluster cluster;
    sim_init(&cluster, 11);
    cluster.forget_ns = 60 * SIM_S;
    start_all(&cluster, 3);
    int victim = 2;
    has_news(&cluster, 0, 0, 0);
    sim_kill(&cluster, victim);
    ck_assert(sim_until(&cluster, 5 * SIM_S, sim_all_dead, &victim));
    ck_assert(has_news(&cluster, 0, ALLDATA__TOLD_DEAD, victim));
    sim_run(&cluster, 62 * SIM_S);
    ck_assert(has_news(&cluster, 0, ALLDATA__TOLD_FORGOTTEN, victim));
    ck_assert_ptr_null(sim_peer(&cluster, 0, victim));
    ck_assert_uint_eq(alldata__membership_peers(cluster.nodes[0].membership)->count, 1);
    sim_start(&cluster, victim);
    ck_assert(sim_until(&cluster, 20 * SIM_S, sim_all_live, NULL));
    sim_dispose(&cluster);
}
END_TEST

/* Traffic, which the number of nodes may raise by their share of a digest only. */
START_TEST(traffic_is_bounded) {
    static const int sizes[] = {3, 10, 50};
    for (int s = 0; s < COUNT(sizes); s++) {
        sim_cluster cluster;
        sim_init(&cluster, 12);
        start_all(&cluster, sizes[s]);
        sim_run(&cluster, 5 * SIM_S);
        cluster.sent = cluster.sent_bytes = 0;
        sim_run(&cluster, 20 * SIM_S);
        const uint64_t node_seconds = 20 * (uint64_t)sizes[s];
        ck_assert_uint_le(cluster.sent / node_seconds, 12);
        ck_assert_uint_le(cluster.sent_bytes / node_seconds, 2500 + 120 * (uint64_t)sizes[s]);
        printf("%d nodes: %llu frames and %llu bytes per node and second\n", sizes[s],
               (unsigned long long)(cluster.sent / node_seconds),
               (unsigned long long)(cluster.sent_bytes / node_seconds));
        sim_dispose(&cluster);
    }
}
END_TEST

/* Beside reference nodes. */

static int references_know_all(sim_cluster *cluster, void *user_data) {
    (void)user_data;
    for (int i = 0; i < cluster->count; i++) {
        for (int of = 0; of < cluster->count && cluster->nodes[i].reference != NULL; of++) {
            if (of == i)
                continue;
            char *transport = reference_value(cluster->nodes[i].reference, sim_id(of), "transport");
            char *location = reference_value(cluster->nodes[i].reference, sim_id(of), "location");
            const int known = transport != NULL && location != NULL &&
                              reference_knows(cluster->nodes[i].reference, sim_id(of)) == 1;
            free(transport);
            free(location);
            if (!known)
                return 0;
        }
    }
    return 1;
}

static void start_mixed(sim_cluster *cluster, int ours, int references) {
    for (int i = 0; i < ours + references; i++) {
        if (i % 2 == 0 && i / 2 < references)
            sim_start_reference(cluster, i);
        else
            sim_start(cluster, i);
    }
    ck_assert(sim_until(cluster, 60 * SIM_S, sim_all_live, NULL));
    ck_assert(sim_until(cluster, 60 * SIM_S, references_know_all, NULL));
}

START_TEST(reference_nodes_and_ours_know_each_other) {
    for (int run = 0; run < 5; run++) {
        sim_cluster cluster;
        sim_init(&cluster, (uint64_t)run + 13);
        cluster.seeds = 1;
        start_mixed(&cluster, 4, 3);
        sim_run(&cluster, 60 * SIM_S);
        ck_assert_uint_eq(deaths(&cluster), 0);
        ck_assert(sim_all_live(&cluster, NULL));
        ck_assert(references_know_all(&cluster, NULL));
        sim_dispose(&cluster);
    }
}
END_TEST

START_TEST(the_death_of_a_reference_node_is_noticed) {
    sim_cluster cluster;
    sim_init(&cluster, 33);
    cluster.seeds = 2;
    start_mixed(&cluster, 3, 3);
    sim_run(&cluster, 60 * SIM_S);
    int victim = 2;
    ck_assert_ptr_nonnull(cluster.nodes[victim].reference);
    sim_kill(&cluster, victim);
    ck_assert(sim_until(&cluster, 60 * SIM_S, sim_all_dead, &victim));
    sim_dispose(&cluster);
}
END_TEST

/* The reference's own quirk: it starts its versions anew, and peers that have them ignore it. */
START_TEST(a_reference_node_that_moved_is_found) {
    sim_cluster cluster;
    sim_init(&cluster, 34);
    cluster.seeds = 2;
    start_mixed(&cluster, 3, 2);
    sim_kill(&cluster, 2);
    sim_run(&cluster, 2 * SIM_S);
    cluster.nodes[2].port = 9200;
    sim_start_reference(&cluster, 2);
    ck_assert(sim_until(&cluster, 30 * SIM_S, sim_all_live, NULL));
    sim_dispose(&cluster);
}
END_TEST

/* A reference node lists for ever whom it has once heard of. */
START_TEST(ghosts_are_not_taken_for_live) {
    static const char ghost[] =
        "{\"digest\":[{\"id\":\"ghost\",\"maxVersionSeen\":2,\"transport\":{\"host\":\"127.0.0.1\","
        "\"port\":9999}}],\"sender\":{\"id\":\"ad1\",\"transport\":{\"host\":\"127.0.0.1\","
        "\"port\":9001}}}\r\n";
    sim_cluster cluster;
    sim_init(&cluster, 35);
    cluster.seeds = 1;
    start_mixed(&cluster, 2, 1);
    sim_inject(&cluster, 0, ghost, strlen(ghost));
    sim_run(&cluster, 46 * SIM_S);
    ck_assert_int_eq(reference_knows(cluster.nodes[0].reference, "ghost"), 1);
    const alldata__peers *peers = alldata__membership_peers(cluster.nodes[1].membership);
    const alldata__peer *peer = alldata__peers_find(peers, "ghost");
    ck_assert(peer == NULL || peer->state == ALLDATA__HEARSAY);
    sim_kill(&cluster, 0);
    sim_run(&cluster, 150 * SIM_S);
    ck_assert_ptr_null(alldata__peers_find(peers, "ghost"));
    sim_dispose(&cluster);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gossip cluster");
    TCase *starting = tcase_create("start");
    tcase_set_timeout(starting, 600);
    tcase_add_loop_test(starting, no_start_ends_in_islands, 0, 2 * COUNT(start_sizes));
    tcase_add_test(starting, islands_meet_by_their_seeds);
    tcase_add_test(starting, slow_starters_are_met_soon);
    suite_add_tcase(suite, starting);
    TCase *dying = tcase_create("death");
    tcase_set_timeout(dying, 600);
    tcase_add_loop_test(dying, a_death_is_noticed_within_five_seconds, 0, COUNT(death_sizes));
    tcase_add_test(dying, an_outage_does_not_delay_the_next_detection);
    tcase_add_test(dying, half_of_fifty_die_at_once);
    tcase_add_test(dying, a_frozen_node_is_dead_until_it_wakes);
    tcase_add_test(dying, the_dead_are_forgotten);
    suite_add_tcase(suite, dying);
    TCase *trouble = tcase_create("trouble");
    tcase_set_timeout(trouble, 600);
    tcase_add_test(trouble, a_restart_elsewhere_is_noticed);
    tcase_add_test(trouble, a_restart_in_place_is_news);
    tcase_add_test(trouble, a_partition_heals);
    tcase_add_test(trouble, loss_disorder_and_doubles_are_borne);
    tcase_add_test(trouble, clocks_that_jump_kill_nobody);
    tcase_add_test(trouble, traffic_is_bounded);
    suite_add_tcase(suite, trouble);
    TCase *mixed = tcase_create("mixed");
    tcase_set_timeout(mixed, 600);
    tcase_add_test(mixed, reference_nodes_and_ours_know_each_other);
    tcase_add_test(mixed, the_death_of_a_reference_node_is_noticed);
    tcase_add_test(mixed, a_reference_node_that_moved_is_found);
    tcase_add_test(mixed, ghosts_are_not_taken_for_live);
    suite_add_tcase(suite, mixed);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
