/* run.sh timeout: 400 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <replicante/model.h>

#include "program.h"

/* A node with a million shards, seen by a client. */

enum { SHARDS = 1000000 };

static struct program_agent agent;
static struct program_output output;

static int ask(const char *command, const char *option) {
    program_output_free(&output);
    program_run(&output, (const char *[]){command, "-a", agent.address, "--json", option, NULL});
    return output.status;
}

static void start(const char *timeout) {
    char more[256];
    strcpy(more, "fake: {shard_count: 1000000}\nobserve: {interval_ms: 3600000, timeout_ms: ");
    strcat(more, timeout);
    strcat(more, "}\n");
    program_agent_init(&agent, more);
    program_agent_start(&agent);
}

static void stop(void) {
    program_output_free(&output);
    output = (struct program_output){0};
    ck_assert_int_eq(program_agent_stop(&agent, SIGTERM, 60000), 0);
    program_agent_dispose(&agent);
}

START_TEST(all_of_them_are_served) {
    start("600000");
    for (long end = program_now_ms() + 200000; ask("shards", NULL) != 0; program_pause_ms(100))
        ck_assert_msg(program_now_ms() < end, "%s", output.err);
    repli_doc *doc = NULL;
    const repli_shards *shards = NULL;
    repli_error error = REPLI_ERROR_INIT;
    ck_assert_msg(repli_shards_from_json(output.out, strlen(output.out), &doc, &shards, &error) ==
                      REPLI_OK,
                  "%s", error.message);
    ck_assert_uint_eq(shards->shard_count, SHARDS);
    ck_assert_str_eq(shards->shards[0].id, "shard-0");
    ck_assert_str_eq(shards->shards[SHARDS - 1].id, "shard-999999");
    repli_doc_free(doc);
    stop();
}
END_TEST

/* A driver that is still busy with them at its deadline holds up nobody. */
START_TEST(the_deadline_is_kept) {
    start("1");
    program_agent_expect(&agent, "past its deadline of 1 ms", 1);
    ck_assert_int_eq(ask("node", NULL), 0);
    ck_assert_ptr_nonnull(strstr(output.out, "\"UNAVAILABLE\""));
    stop();
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("many shards");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, all_of_them_are_served);
    tcase_add_test(tcase, the_deadline_is_kept);
    Suite *suite = suite_create("many shards");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
