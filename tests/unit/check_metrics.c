#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "agent/histogram.h"
#include "agent_fixture.h"
#include "base/clock.h"
#include "store_fixture.h"

static repli_buf text;
static repli__prometheus out;

static void setup(void) {
    text = (repli_buf)REPLI_BUF_INIT;
    out = (repli__prometheus){.text = &text};
}

static void teardown(void) {
    repli_buf_dispose(&text);
}

START_TEST(numbers_are_the_same_everywhere) {
    /* Where there is such a locale, it must not matter. */
    setlocale(LC_ALL, "de_DE.UTF-8");
    repli__prometheus_seconds(&out, "a", NULL, 0);
    repli__prometheus_seconds(&out, "b", NULL, 1);
    repli__prometheus_seconds(&out, "c", NULL, UINT64_C(1500000000));
    repli__prometheus_seconds(&out, "d", NULL, UINT64_MAX);
    repli__prometheus_count(&out, "e", NULL, UINT64_MAX);
    repli__prometheus_integer(&out, "f", NULL, INT64_MIN);
    repli__prometheus_real(&out, "g", NULL, -1.5);
    ck_assert_str_eq(text.data, "a 0\n"
                                "b 0.000000001\n"
                                "c 1.5\n"
                                "d 18446744073.709551615\n"
                                "e 18446744073709551615\n"
                                "f -9223372036854775808\n"
                                "g -1.5\n");
}
END_TEST

START_TEST(labels_are_escaped) {
    const repli__label labels[] = {{"a", "x\\y\"z\n"}, {"b", ""}, {NULL, NULL}};
    const repli__label none[] = {{NULL, NULL}};
    repli__prometheus_count(&out, "m", labels, 1);
    repli__prometheus_count(&out, "m", none, 2);
    ck_assert_str_eq(text.data, "m{a=\"x\\\\y\\\"z\\n\",b=\"\"} 1\nm 2\n");
}
END_TEST

START_TEST(a_histogram_is_cumulative) {
    static repli__calls calls;
    memset(&calls, 0, sizeof(calls));
    repli__calls_record(&calls, REPLI_OK, 0);
    repli__calls_record(&calls, REPLI_ETIMEOUT, 1000000);
    repli__calls_record(&calls, -1000, UINT64_C(2000000000));
    repli__calls_record(&calls, REPLI_OK, UINT64_C(20000000000));
    repli__prometheus_histogram(&out, "h", (repli__label){"op", "x"}, &calls);
    ck_assert_str_eq(text.data, "h_bucket{op=\"x\",le=\"0.001\"} 2\n"
                                "h_bucket{op=\"x\",le=\"0.005\"} 2\n"
                                "h_bucket{op=\"x\",le=\"0.025\"} 2\n"
                                "h_bucket{op=\"x\",le=\"0.05\"} 2\n"
                                "h_bucket{op=\"x\",le=\"0.1\"} 2\n"
                                "h_bucket{op=\"x\",le=\"0.25\"} 2\n"
                                "h_bucket{op=\"x\",le=\"1\"} 2\n"
                                "h_bucket{op=\"x\",le=\"2.5\"} 3\n"
                                "h_bucket{op=\"x\",le=\"10\"} 3\n"
                                "h_bucket{op=\"x\",le=\"+Inf\"} 4\n"
                                "h_sum{op=\"x\"} 22.001\n"
                                "h_count{op=\"x\"} 4\n");
    ck_assert_uint_eq(atomic_load(&calls.codes[-REPLI_EINTERNAL]), 1);
}
END_TEST

START_TEST(running_out_of_memory_is_remembered) {
    failing memory;
    failing_init(&memory);
    failing_arm(&memory, 1, 1);
    text.allocator = &memory.allocator;
    repli__prometheus_metric(&out, "a", "gauge", "Help.");
    failing_arm(&memory, 0, 0);
    repli__prometheus_count(&out, "a", NULL, 1);
    ck_assert_int_eq(out.code, REPLI_ENOMEM);
    ck_assert_uint_eq(text.size, 0);
}
END_TEST

/* Of an agent. */

static void assert_has(const char *line) {
    ck_assert_msg(strstr(text.data, line) != NULL, "\"%s\" is not in:\n%s", line, text.data);
}

/* Every sample is preceded by the HELP and TYPE of its metric, each of which is there once. */
static void assert_well_formed(void) {
    char metric[128] = "";
    char *rest = strdup(text.data);
    char *all = rest;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            const size_t size = strcspn(line + 7, " ");
            snprintf(metric, sizeof(metric), "%.*s", (int)size, line + 7);
            char again[160];
            snprintf(again, sizeof(again), "# HELP %s ", metric);
            ck_assert_ptr_null(strstr(strstr(text.data, again) + 1, again));
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            ck_assert_int_eq(strncmp(line + 7, metric, strlen(metric)), 0);
        } else {
            ck_assert_msg(metric[0] != '\0' && strncmp(line, metric, strlen(metric)) == 0,
                          "%s after %s", line, metric);
            ck_assert_ptr_nonnull(strrchr(line, ' '));
        }
    }
    free(all);
}

START_TEST(an_agent_counts) {
    agent_fixture fixture;
    agent_fixture_setup(&fixture);
    agent_fixture_set(&fixture, "observe.interval_ms", 20);
    agent_fixture_script(&fixture, "\"shard_count\": 2, \"role\": \"secondary\", \"lag\": 7");
    agent_fixture_start(&fixture);
    repli_snapshot_unref(agent_fixture_await(&fixture, REPLI_STATUS_HEALTHY));
    char id[REPLI_UUID_SIZE];
    agent_fixture_schedule(&fixture, "fake.test/echo", "1", id);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, id), REPLI_PHASE_DONE);
    agent_fixture_schedule(&fixture, "fake.test/fail", "{}", id);
    ck_assert_int_eq(agent_fixture_await_end(&fixture, id), REPLI_PHASE_FAILED);

    ck_assert_int_eq(repli_agent_metrics(fixture.agent, &text, NULL), REPLI_OK);
    assert_well_formed();
    assert_has("\nrepliagent_action_scheduled 2\n");
    assert_has("\nrepliagent_store_ops_duration_count{op=\"insert\"} 2\n");
    assert_has("\nrepliagent_store_ops_error{op=\"insert\"} 0\n");
    assert_has("\nrepliagent_action_loops_duration_count ");
    assert_has("\nrepliagent_driver_calls{op=\"node_info\",result=\"ok\"} ");
    assert_has("\nrepliagent_driver_calls{op=\"action_step\",result=\"ok\"} 2\n");
    assert_has("\nrepliagent_driver_overruns 0\n");
    assert_has("\nrepliagent_node_status{status=\"HEALTHY\"} 1\n");
    assert_has("\nrepliagent_node_status{status=\"UNAVAILABLE\"} 0\n");
    assert_has("\nrepliagent_snapshot_age ");
    assert_has("\nrepliagent_shards{role=\"Secondary\"} 2\n");
    assert_has("\nrepliagent_shards{role=\"Primary\"} 0\n");
    assert_has("\nrepliagent_shard_role{shard=\"shard-1\",role=\"Secondary\"} 1\n");
    assert_has("\nrepliagent_shard_commit_offset{shard=\"shard-0\",unit=\"bytes\"} 100\n");
    assert_has("\nrepliagent_shard_lag{shard=\"shard-0\",unit=\"milliseconds\"} 7\n");
    assert_has("\nrepliagent_attribute{map=\"store\",name=\"fake.test/shards\"} 2\n");
    ck_assert_ptr_null(strstr(text.data, "fake.test/kind"));

    /* Too many shards are counted only. */
    agent_fixture_script(&fixture, "\"shard_count\": 1001");
    for (int64_t end = now_ms() + 10000; now_ms() < end; pause_ms(5)) {
        repli_buf_dispose(&text);
        ck_assert_int_eq(repli_agent_metrics(fixture.agent, &text, NULL), REPLI_OK);
        if (strstr(text.data, "repliagent_shards{role=\"Primary\"} 1001") != NULL)
            break;
    }
    assert_has("\nrepliagent_shards{role=\"Primary\"} 1001\n");
    ck_assert_ptr_null(strstr(text.data, "repliagent_shard_role"));
    assert_well_formed();
    agent_fixture_teardown(&fixture);
}
END_TEST

static const char *host_metrics(void *user_data) {
    return user_data;
}

START_TEST(a_host_adds_its_own) {
    static const char own[] =
        "# HELP own_total Of the host.\n# TYPE own_total counter\nown_total 7\n";
    agent_fixture fixture;
    agent_fixture_setup(&fixture);
    agent_fixture_start(&fixture);
    ck_assert_int_eq(repli_agent_set_metrics(fixture.agent, host_metrics, (void *)own, NULL),
                     REPLI_OK);
    ck_assert_int_eq(repli_agent_metrics(fixture.agent, &text, NULL), REPLI_OK);
    assert_well_formed();
    assert_has("\nown_total 7\n");
    repli_buf_dispose(&text);
    ck_assert_int_eq(repli_agent_set_metrics(fixture.agent, host_metrics, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_metrics(fixture.agent, &text, NULL), REPLI_OK);
    ck_assert_ptr_null(strstr(text.data, "own_total"));
    repli_buf_dispose(&text);
    ck_assert_int_eq(repli_agent_set_metrics(fixture.agent, NULL, NULL, NULL), REPLI_OK);
    ck_assert_int_eq(repli_agent_metrics(fixture.agent, &text, NULL), REPLI_OK);
    ck_assert_ptr_null(strstr(text.data, "own_total"));
    agent_fixture_teardown(&fixture);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("metrics");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, numbers_are_the_same_everywhere);
    tcase_add_test(tcase, labels_are_escaped);
    tcase_add_test(tcase, a_histogram_is_cumulative);
    tcase_add_test(tcase, running_out_of_memory_is_remembered);
    tcase_add_test(tcase, an_agent_counts);
    tcase_add_test(tcase, a_host_adds_its_own);
    Suite *suite = suite_create("metrics");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
